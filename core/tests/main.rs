//! Plans, carried out against a small model of Audience Manager: where they lead, what they never touch.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audiences;
mod calls;
mod claims;
mod destinations;
mod facts;
mod inventory;
mod keys;
mod kinds;
mod labels;
mod limits;
mod meaning;
mod model;
mod models;
mod named_traits;
mod plans;
mod platform;
mod records;
mod retirement;
mod rights;
mod shared_objects;
mod source;
mod stories;
mod suspended;
mod tenant;
mod texts;
mod two_signs;
