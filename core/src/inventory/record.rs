//! How a kind of record is found: its id, its natural key (design.md §4, L1) and the list that covers it.

use std::fmt::{Debug, Display};

use super::key::{Coverage, Key};
use crate::domain::field::Field;
use crate::domain::mark::Mark;

/// A record of one kind of object.
pub trait Record: PartialEq + Debug {
    type Id: Ord + Clone + Debug + Display;
    type NaturalKey: Ord + Clone + Debug;
    /// Most tenants have none of the kind: an empty list is as good as any other.
    const MAY_BE_EMPTY: bool = false;

    fn id(&self) -> Self::Id;
    /// All that the record can be found by, its id apart.
    fn natural_keys(&self) -> impl Iterator<Item = Self::NaturalKey>;
    fn coverage(&self) -> Coverage;
    /// A text of ours as the service shows it; `None` where it has no such field, or the answer did not include it.
    fn stored(&self, field: Field) -> Option<&str>;
    /// Appends what depends on this record.
    fn keys(&self, keys: &mut Vec<Key>);
    /// What depends on the object with this id, where anything depends on it by its id.
    fn key_of(_: &Self::Id) -> Option<Key> {
        None
    }

    /// What an answer about many objects left out of this one is taken from what is `known` of it. `true`: that is not
    /// certain, and the object's own answer is needed before anything is decided on it.
    fn fill_in(&mut self, _known: Option<&Self>) -> bool {
        false
    }

    /// What its description says of its maker, of whichever uid.
    fn mark(&self) -> Option<Mark> {
        let description = self.stored(Field::Description)?;
        Mark::read(description).map(|mark| mark.of_any_uid())
    }
}
