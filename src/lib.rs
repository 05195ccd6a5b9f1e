//! Placeholder.

pub mod adobe;
