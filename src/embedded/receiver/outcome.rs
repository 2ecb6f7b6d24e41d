//! What becomes of a request, before any protocol words it.

use std::sync::Arc;

/// What the sender of a request is told.
pub type Outcome = Result<Acceptance, Refusal>;

/// The request is committed: every row that it is not told was rejected can be queried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// Items that were left out.
    pub rejected: u64,
    /// Why they were left out; empty when none was.
    pub reason: Option<Arc<str>>,
}

/// The request is not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not what it says it is; sending it again will not help.
    #[error("{0}")]
    Malformed(Arc<str>),
    /// The database refused these rows; sending them again will not help.
    #[error("the database refused the data: {0}")]
    Rejected(Arc<str>),
    /// More bytes than a request may have.
    #[error("the request is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes that a request may have, once decompressed.
        limit: usize,
    },
    /// Within the size limit, yet it would need more memory than the receiver has in all.
    #[error("the request would need {needed} bytes of memory, and the receiver may use {limit}")]
    TooComplex {
        /// Estimated memory, in bytes.
        needed: usize,
        /// The receiver's whole budget, in bytes.
        limit: usize,
    },
    /// More arrives than can be stored at the moment; to be sent again later.
    #[error("the receiver cannot keep up at the moment")]
    Overloaded,
    /// The engine cannot store it now; to be sent again later.
    #[error("the data cannot be stored at the moment: {0}")]
    Unavailable(Arc<str>),
}

impl Refusal {
    /// Whether the same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Overloaded | Self::Unavailable(_))
    }

    /// The receiver is being stopped.
    pub fn stopping() -> Self {
        Self::Unavailable("the receiver is stopping".into())
    }
}
