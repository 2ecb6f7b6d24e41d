//! ClickHouse's HTTP interface over chDB.
//!
//! A request is read and answered by asynchronous code ([`server`]); its statement runs on a
//! thread of its own ([`run`]), which reads the body from there ([`incoming`]) and hands the
//! result back there ([`outgoing`]).

pub mod compression;
pub mod exception;
mod fence;
pub mod form;
pub mod format;
mod handshake;
mod incoming;
mod limits;
mod outgoing;
pub mod request;
mod run;
mod running;
mod server;
mod sessions;
mod settings;
pub mod sql;
mod users;

pub use limits::Limits;
pub use outgoing::AnswerBody;
pub use server::Interface;
