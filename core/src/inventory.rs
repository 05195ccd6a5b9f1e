//! What is known of one connection's two tenants: compact records, found by id and by natural key.
//!
//! Lists and answers are folded in; folding says which keys it touched, so that only what changed is planned again.
//! A list that began before a write knows nothing of it, and absence from a list proves nothing (design.md §4.2, §4.3).

mod clock;
mod destinations;
mod key;
mod known;
mod record;
mod rights;
mod sent;
mod table;

pub use clock::{Moment, Sequence};
pub use destinations::ListedMappings;
pub use key::{AudienceNaturalKey, Coverage, Key};
pub use known::{
    CreatedFolders, Findings, FoundTraits, Inventory, RuleContent, RuleVerdict, Tenant, Users,
};
pub use record::Record;
pub use rights::{KnownRights, apply_rights};
pub use sent::SentText;
pub use table::{Entry, Table, may_be_behind};
