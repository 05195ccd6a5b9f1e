//! Placeholder.

pub mod adobe;
pub mod controller;
