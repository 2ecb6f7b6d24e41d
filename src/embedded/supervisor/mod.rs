//! The background process: keeps one server process alive, and its log.
//!
//! Three processes play here. `start` spawns the *supervisor*, detached, and waits. The
//! supervisor spawns the *server*, which holds the engine, reads its output, and starts it again
//! when it dies. Who runs is told by [`Claim`]s, what happens by the supervisor's [`State`] file,
//! and stopping is a signal: the first drains, the second kills. When the supervisor itself is
//! killed, the server notices the end of its standard input and drains.

mod announcement;
mod backoff;
mod claim;
mod control;
mod launch;
mod lines;
pub mod log;
mod notify;
mod poll;
mod run;
mod server_process;
mod state;
mod stop_requests;

pub use announcement::{Announcement, ServerFailure};
pub use backoff::Backoff;
pub use claim::Claim;
pub use control::{Observed, StopError, Stopped, observe, stop, wait_until_absent};
pub use launch::{LaunchError, Launched, forget_last, launch, wait_until_running};
pub use run::{Ended, Supervisor, SupervisorError};
pub use server_process::{ServerCommand, this_program};
pub use state::{Exit, LastExit, Phase, ServerState, State};
pub use stop_requests::StopRequests;
