//! What is known of one connection's two tenants: compact records, found by id and by natural key.
//!
//! Lists and answers are applied to it; that says which keys it touched, so that only what changed is planned again. Each
//! comes with the sequence number of its call: what is older than what is known changes nothing (design.md §5.2). A list
//! that began before a write knows nothing of it, and absence from a list proves nothing (design.md §4, L2).

mod absence;
mod adobe_sharing;
mod clock;
mod destinations;
mod entry;
mod index;
mod key;
mod known;
mod record;
mod sent;
mod table;

pub use adobe_sharing::AdobeSharing;
pub use clock::{Moment, Sequence};
pub use destinations::ListedMappings;
pub use entry::{Entry, NotShownYet};
pub use key::{AudienceNaturalKey, Coverage, Key};
pub use known::{
    CreatedFolders, Findings, FoundTraits, Inventory, Members, RuleContent, RuleVerdict, Tenant,
    Users, apply_tree,
};
pub use record::Record;
pub use sent::SentText;
pub use table::Table;
