//! Finding, fetching and checking the chDB library.
