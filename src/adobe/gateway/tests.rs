//! The gateway on virtual time.

mod circuit;
mod line;
mod request;
mod token;
