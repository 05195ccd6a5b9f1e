//! The one judgment: whose is an object, and may this resource write or delete it? (design.md §4, L1)
//!
//! Two of three signs make an object ours: it carries our mark, our status recorded its id, it has the natural key of our
//! source. One sign alone never does. What carries no mark by its kind, a folder or a mapping, has a judgment of its own.

pub mod owned;

use std::collections::BTreeSet;

use self::owned::Ours;
use crate::blocker::{Blocker, NoAdoption, ObjectName};
use crate::compose::{AdoptionPolicy, ShareName};
use crate::domain::destination::Mapping;
use crate::domain::field::Field;
use crate::domain::mark::{Mark, OwnerId};
use crate::existence::{Existence, Existing};
use crate::inventory::{Entry, Record};

/// What judging an object takes.
pub trait Judged: Record + Clone {
    /// As in "trait 77".
    const NOUN: &'static str;

    /// Id and name, for messages: `77 "Loyal gamers"`.
    fn title(&self) -> String {
        let name = self.stored(Field::Name).unwrap_or_default();
        format!("{} {name:?}", self.id())
    }

    /// Where the mark is, if the kind carries one.
    fn description(&self) -> Option<&str> {
        self.stored(Field::Description)
    }

    /// Adobe's own sharing made it, whatever its description says.
    fn is_adobes(&self) -> bool {
        false
    }
}

/// As messages name it.
pub fn object_name<R: Judged>(found: &R) -> ObjectName {
    ObjectName::new(R::NOUN, found.title())
}

/// The resource that asks, or the connection.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    pub mark: &'a Mark,
    /// Owner ids that this operator had before.
    pub previous_owners: &'a [OwnerId],
    pub existing: &'a dyn Existing,
}

/// What shows whose an object is, its mark apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// Our own status names its id as an object that we manage.
    pub recorded: bool,
    /// It has the natural key of our source.
    pub natural_key: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Ownership<'a, K> {
    /// What differs is written, and it goes with the resource.
    Owned(Ours<'a, K>),
    /// A resource that is gone left it behind: it becomes ours by the write that marks it.
    TakenOver(Ours<'a, K>),
    /// It has the natural key and no mark: the adoption policy decides.
    Unmarked(Unmarked<'a, K>),
    /// It has nothing to do with this resource, whatever else it carries.
    Unrelated,
    /// It belongs to somebody else, or nothing shows whose it is: nothing is written.
    Blocked(Blocker),
}

/// An object with our natural key and no mark.
#[derive(Debug, PartialEq, Eq)]
pub struct Unmarked<'a, K>(&'a K);

impl<'a, K: Judged> Unmarked<'a, K> {
    /// What the adoption policy says of it. `equal`: it equals what is declared, the mark apart.
    pub fn adopt(&self, equal: bool, policy: AdoptionPolicy) -> Result<Ours<'a, K>, Blocker> {
        let ours = Ours::judged(self.0);
        match policy {
            AdoptionPolicy::Always => Ok(ours),
            AdoptionPolicy::IfEqual if equal => Ok(ours),
            AdoptionPolicy::IfEqual => Err(self.refused(NoAdoption::Differs)),
            AdoptionPolicy::Never => Err(self.refused(NoAdoption::Never)),
        }
    }

    fn refused(&self, policy: NoAdoption) -> Blocker {
        Blocker::NotAdopted(object_name(self.0), policy)
    }
}

/// Objects that the status of a deleted resource records and that are left, since they are not ours any more: each with
/// its id and name, for a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left(Vec<String>);

impl Left {
    /// The status records at most this many objects by far.
    const MAX: usize = 256;

    pub(crate) fn push(&mut self, object: &impl Judged) {
        let object = object_name(object).capitalized();
        if self.0.len() < Self::MAX && !self.0.contains(&object) {
            self.0.push(object);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join(", "))
    }
}

impl Claimant<'_> {
    /// Judges what carries marks.
    pub fn judge<'a, K: Judged>(&self, found: &'a K, signs: Signs) -> Ownership<'a, K> {
        let Signs {
            recorded,
            natural_key,
        } = signs;
        if !recorded && !natural_key || found.is_adobes() {
            return Ownership::Unrelated;
        }
        let ours = Ours::judged(found);
        let object = || object_name(found);
        let description = found.description().unwrap_or_default();
        match self.meaning(description) {
            Meaning::Ours => Ownership::Owned(ours),
            Meaning::OtherEntry => Ownership::Unrelated,
            Meaning::NoMark => match (recorded, natural_key) {
                (true, true) => Ownership::Owned(ours),
                (true, false) => Ownership::Blocked(Blocker::OwnershipLost(object())),
                (false, _) => Ownership::Unmarked(Unmarked(found)),
            },
            Meaning::Predecessor { dated: false, .. } if recorded && natural_key => {
                Ownership::Owned(ours)
            }
            Meaning::Predecessor { mark, .. } | Meaning::Another { mark, .. } if recorded => {
                Ownership::Blocked(Blocker::TakenOver(object(), mark))
            }
            Meaning::Predecessor { .. } => Ownership::TakenOver(ours),
            Meaning::Another { share: holder, .. } => match self.existing.existence(&holder) {
                Existence::Exists => Ownership::Blocked(Blocker::ClaimedBy(object(), holder)),
                Existence::Gone => Ownership::TakenOver(ours),
                Existence::Unknown => {
                    Ownership::Blocked(Blocker::UnwatchedHolder(object(), holder))
                }
            },
            Meaning::Foreign(mark) => Ownership::Blocked(Blocker::ForeignMark(object(), mark)),
        }
    }

    /// The other resource of our owner, or of one before, whose mark the description carries.
    pub(crate) fn marked_share(&self, description: &str) -> Option<ShareName> {
        match Mark::read(description)? {
            Mark::Audience {
                owner,
                namespace,
                name,
                ..
            } if self.is_owner(&owner) => Some(ShareName { namespace, name }),
            Mark::Audience { .. } | Mark::DataSource { .. } => None,
        }
    }

    /// It carries a mark of our owner, or of one before.
    pub(crate) fn is_of_owner(&self, description: &str) -> bool {
        Mark::read(description).is_some_and(|mark| self.is_owner(mark.owner()))
    }

    /// The mark is this resource's own, of this uid.
    pub(crate) fn is_marked(&self, description: &str) -> bool {
        Mark::read(description).as_ref() == Some(self.mark)
    }

    fn is_owner(&self, owner: &OwnerId) -> bool {
        owner == self.mark.owner() || self.previous_owners.contains(owner)
    }

    fn meaning(&self, description: &str) -> Meaning {
        let Some(found) = Mark::read(description) else {
            return Meaning::NoMark;
        };
        if !self.is_owner(found.owner()) {
            return Meaning::Foreign(found);
        }
        match (self.mark, &found) {
            (Mark::DataSource { .. }, Mark::DataSource { .. }) => Meaning::Ours,
            (Mark::DataSource { .. }, Mark::Audience { .. }) => Meaning::Foreign(found),
            // A data source's, on something else: it names no resource.
            (Mark::Audience { .. }, Mark::DataSource { .. }) => Meaning::NoMark,
            (
                Mark::Audience {
                    namespace: own_namespace,
                    name: own_name,
                    uid: own_uid,
                    entry: own_entry,
                    owner: _,
                },
                Mark::Audience {
                    namespace,
                    name,
                    uid,
                    entry,
                    owner: _,
                },
            ) => match (namespace, name) == (own_namespace, own_name) {
                true if entry != own_entry => Meaning::OtherEntry,
                true if uid == own_uid => Meaning::Ours,
                true => Meaning::Predecessor {
                    dated: uid.is_some(),
                    mark: found.clone(),
                },
                false => Meaning::Another {
                    share: ShareName {
                        namespace: namespace.clone(),
                        name: name.clone(),
                    },
                    mark: found.clone(),
                },
            },
        }
    }
}

/// What shows whose a mapping is, which carries no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MappingSigns {
    /// Our own status names its id.
    pub(crate) recorded: bool,
    /// Its segment is ours.
    pub(crate) on_our_segment: bool,
    /// It has the keys of a declared destination.
    pub(crate) declared_keys: bool,
}

/// Judges a mapping: it is ours if the status names it, if this process wrote it, or if it is as declared on a segment of ours. Else it is a
/// person's: the adoption policy decides.
pub(crate) fn judge_mapping(found: &Entry<Mapping>, signs: MappingSigns) -> Ownership<'_, Mapping> {
    let MappingSigns {
        recorded,
        on_our_segment,
        declared_keys,
    } = signs;
    match recorded || found.written.is_some() || on_our_segment && declared_keys {
        true => Ownership::Owned(Ours::judged(&found.record)),
        false => Ownership::Unmarked(Unmarked(&found.record)),
    }
}

/// A mapping that the status names: this resource made it.
pub(crate) fn judge_recorded(found: &Mapping) -> Ours<'_, Mapping> {
    Ours::judged(found)
}

/// A folder carries no mark: it is ours if we recorded that we created it.
pub(crate) fn judge_folder<'a, K: Judged<Id: Copy>>(
    found: &'a K,
    created: &BTreeSet<K::Id>,
) -> Option<Ours<'a, K>> {
    created.contains(&found.id()).then(|| Ours::judged(found))
}

/// What a description says of its maker.
enum Meaning {
    NoMark,
    Ours,
    /// A resource of this name with another uid; `dated`: the mark says which.
    Predecessor {
        dated: bool,
        mark: Mark,
    },
    /// This resource's, on what another entry of its spec declares.
    OtherEntry,
    /// Another resource of this owner.
    Another {
        share: ShareName,
        mark: Mark,
    },
    Foreign(Mark),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::{Claimant, Ownership, Signs};
    use crate::compose::ShareName;
    use crate::domain::audience_manager::DataSource;
    use crate::domain::identifier::DataSourceId;
    use crate::domain::labels::Restrictions;
    use crate::domain::mark::{Mark, OwnerId};
    use crate::domain::reason::Reason;
    use crate::existence::{Existence, Existing};

    /// Namespaces "marketing" and "sales" are watched; in them marketing/loyal and sales/living exist.
    #[derive(Debug)]
    struct Cluster;

    impl Existing for Cluster {
        fn existence(&self, share: &ShareName) -> Existence {
            let living: BTreeSet<&str> = ["marketing/loyal", "sales/living"].into();
            match share.namespace.as_str() {
                "marketing" | "sales" if living.contains(share.to_string().as_str()) => {
                    Existence::Exists
                }
                "marketing" | "sales" => Existence::Gone,
                _ => Existence::Unknown,
            }
        }
    }

    const NONE: u8 = 0;
    const KEY: u8 = 1;
    const RECORDED: u8 = 2;
    const BOTH: u8 = 3;

    #[derive(Debug, PartialEq)]
    enum Expected {
        Owned,
        TakenOver,
        Unmarked,
        Unrelated,
        Blocked(Reason),
    }
    use Expected::{Blocked, Owned, TakenOver, Unmarked, Unrelated};

    /// Law L1 as a table: what a description says, by the other two signs.
    #[rstest]
    #[case::ours("[audience-sharing:us/marketing/loyal#11111111]", [Unrelated, Owned, Owned, Owned])]
    #[case::of_another_entry("[audience-sharing:us/marketing/loyal#11111111:look]", [Unrelated, Unrelated, Unrelated, Unrelated])]
    #[case::no_mark("By hand", [Unrelated, Unmarked, Blocked(Reason::OwnershipLost), Owned])]
    #[case::another_incarnation(
        "[audience-sharing:us/marketing/loyal#22222222]",
        [Unrelated, TakenOver, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::of_the_command_line(
        "[audience-sharing:us/marketing/loyal#00000000]",
        [Unrelated, TakenOver, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::ours_before_marks_carried_uids(
        "[audience-sharing:us/marketing/loyal]",
        [Unrelated, TakenOver, Blocked(Reason::ManagementConflict), Owned]
    )]
    #[case::of_a_resource_that_exists(
        "[audience-sharing:us/sales/living#33333333]",
        [Unrelated, Blocked(Reason::SourceClaimed), Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::of_a_resource_that_is_gone(
        "[audience-sharing:us/sales/gone#33333333]",
        [Unrelated, TakenOver, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::of_a_namespace_that_is_not_watched(
        "[audience-sharing:us/elsewhere/loyal#33333333]",
        [Unrelated, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::of_another_owner(
        "[audience-sharing:them/marketing/loyal#11111111]",
        [Unrelated, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::of_an_owner_whose_id_begins_with_ours(
        "[audience-sharing:us-east/marketing/loyal#11111111]",
        [Unrelated, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::ours_under_an_earlier_owner_id(
        "[audience-sharing:before/marketing/loyal#11111111]",
        [Unrelated, Owned, Owned, Owned]
    )]
    #[case::another_incarnation_under_an_earlier_owner_id(
        "[audience-sharing:before/marketing/loyal#22222222]",
        [Unrelated, TakenOver, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    #[case::a_data_sources("[audience-sharing:us]", [Unrelated, Unmarked, Blocked(Reason::OwnershipLost), Owned])]
    #[case::the_mark_inside_other_text(
        "[audience-sharing:us/marketing/loyal#11111111] copied",
        [Unrelated, Unmarked, Blocked(Reason::OwnershipLost), Owned]
    )]
    #[case::the_mark_in_other_letters(
        "[AUDIENCE-SHARING:US/marketing/loyal#11111111]",
        [Unrelated, Unmarked, Blocked(Reason::OwnershipLost), Owned]
    )]
    #[case::two_marks_of_which_the_last_counts(
        "[audience-sharing:us/marketing/loyal#11111111] [audience-sharing:them/a/b#44444444]",
        [Unrelated, Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict), Blocked(Reason::ManagementConflict)]
    )]
    fn two_of_three_signs_make_an_object_ours(
        #[case] description: &str,
        #[case] by_signs: [Expected; 4],
    ) {
        let mark = Mark::read("[audience-sharing:us/marketing/loyal#11111111]").expect("a mark");
        let before = [OwnerId::parse("before").expect("an owner id")];
        let claimant = Claimant {
            mark: &mark,
            previous_owners: &before,
            existing: &Cluster,
        };
        for (signs, expected) in [NONE, KEY, RECORDED, BOTH].into_iter().zip(by_signs) {
            let found = DataSource {
                id: DataSourceId(7),
                company: None,
                name: "Loyal".into(),
                description: description.into(),
                unique_trait_codes: true,
                unique_segment_codes: true,
                restrictions: Restrictions::default(),
            };
            let judged = claimant.judge(
                &found,
                Signs {
                    recorded: signs & RECORDED != 0,
                    natural_key: signs & KEY != 0,
                },
            );
            let judged = match judged {
                Ownership::Owned(_) => Owned,
                Ownership::TakenOver(_) => TakenOver,
                Ownership::Unmarked(_) => Unmarked,
                Ownership::Unrelated => Unrelated,
                Ownership::Blocked(blocker) => Blocked(blocker.reason()),
            };
            assert_eq!(judged, expected, "signs {signs}");
        }
    }
}
