//! The two rule languages: trait rules (audience-manager.md §4.2) and segment rules (§5.3). Parses for real; knows no
//! trait and no state. Errors name the place and what was expected there.

mod reader;
mod segment_rule;
mod trait_rule;

pub(crate) use segment_rule::{SegmentRule, referenced_sids};
pub(crate) use trait_rule::check_trait_rule;
