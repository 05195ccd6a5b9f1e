//! The gateway on virtual time.

#![expect(clippy::disallowed_methods, reason = "time is virtual here")]

mod circuit;
mod queue;
mod request;
mod token;
