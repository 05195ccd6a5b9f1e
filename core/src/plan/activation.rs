//! What a shared segment is put to use by: destinations, mappings, and the traits of the rules that users write.

pub(crate) mod destinations;
pub mod export_controls;
pub mod mappings;
pub mod rules;
