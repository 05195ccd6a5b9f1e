//! The vocabulary: what the two systems hold, in Adobe's own words, one type per identifier.

pub mod adobe_sharing;
pub mod audience_manager;
pub mod destination;
pub mod disposition;
pub mod experience_platform;
pub mod field;
pub mod identifier;
pub mod labels;
pub mod mark;
pub mod model;
pub mod pql;
pub mod reason;
pub mod rights;
pub mod segment_rule;
pub mod source;
pub mod text;
pub mod trait_rule;
