//! Whose is it, and may we take it? (design.md §4.6)

use super::claims::Living;
use super::hold::Hold;
use crate::compose::{AdoptionPolicy, ShareName};
use crate::domain::ownership::{Mark, OwnerId};
use crate::domain::reason::Reason;

pub(super) enum Verdict {
    /// It is ours, or becomes ours by adoption: what differs is written.
    Ours,
    /// Adobe's own sharing made it: it is looked at, never written.
    Adobes,
    Held(Hold),
}

/// Ours is what carries our mark, or is recorded as ours and carries no other mark.
pub(super) fn is_ours(description: &str, mark: &Mark, recorded: bool) -> bool {
    match Mark::read(description) {
        Some(found) => found == *mark,
        None => recorded,
    }
}

/// The share that a mark of our owner names.
pub(super) fn marked_share(owner: &OwnerId, description: &str) -> Option<ShareName> {
    match Mark::read(description)? {
        Mark::Audience {
            owner: marked,
            namespace,
            name,
        } if marked == *owner => Some(ShareName { namespace, name }),
        Mark::Audience { .. } | Mark::DataSource { .. } => None,
    }
}

/// An object that was found where ours should stand.
pub(super) struct Subject<'a> {
    /// "Segment 9001 "Loyal gamers"".
    pub(super) object: String,
    pub(super) description: &'a str,
    /// Its id is in our status as one that we manage.
    pub(super) recorded: bool,
    /// It equals what is declared, the mark apart.
    pub(super) equal: bool,
    /// The data source is Adobe's, not ours.
    pub(super) in_adobes_data_source: bool,
}

pub(super) fn judge(
    subject: &Subject<'_>,
    mark: &Mark,
    policy: AdoptionPolicy,
    living: &dyn Living,
) -> Verdict {
    match Mark::read(subject.description) {
        Some(found) if found == *mark => Verdict::Ours,
        Some(Mark::Audience {
            owner,
            namespace,
            name,
        }) if owner == *mark.owner() => {
            let other = ShareName { namespace, name };
            match living.is_living(&other) {
                true => Verdict::Held(held_by(&subject.object, &other)),
                false => Verdict::Ours,
            }
        }
        Some(found @ (Mark::Audience { .. } | Mark::DataSource { .. }))
            if found.owner() != mark.owner() =>
        {
            Verdict::Held(foreign(&subject.object, &found))
        }
        Some(Mark::Audience { .. } | Mark::DataSource { .. }) | None if subject.recorded => {
            Verdict::Ours
        }
        Some(Mark::Audience { .. } | Mark::DataSource { .. }) | None
            if subject.in_adobes_data_source =>
        {
            Verdict::Adobes
        }
        Some(Mark::Audience { .. } | Mark::DataSource { .. }) | None => adopt(subject, policy),
    }
}

fn adopt(subject: &Subject<'_>, policy: AdoptionPolicy) -> Verdict {
    let object = &subject.object;
    match policy {
        AdoptionPolicy::Adopt => Verdict::Ours,
        AdoptionPolicy::Match if subject.equal => Verdict::Ours,
        AdoptionPolicy::Match => Verdict::Held(Hold::new(
            Reason::AdoptionRefused,
            format!(
                "{object} exists already, was not made by this operator and differs from what is declared; nothing was \
                 changed. Make it equal, delete it, or set adoptionPolicy to Adopt to take it over."
            ),
        )),
        AdoptionPolicy::Never => Verdict::Held(Hold::new(
            Reason::AdoptionRefused,
            format!(
                "{object} exists already and was not made by this operator; nothing was changed. Delete it, or set \
                 adoptionPolicy to Match or Adopt."
            ),
        )),
    }
}

fn foreign(object: &str, mark: &Mark) -> Hold {
    Hold::new(
        Reason::ManagementConflict,
        format!(
            "{object} carries the mark of another owner, {mark}; nothing was changed. Stop sharing it there, or share \
             another source from here."
        ),
    )
}

pub(super) fn held_by(object: &str, other: &ShareName) -> Hold {
    Hold::new(
        Reason::SourceClaimed,
        format!(
            "{object} belongs to SharedAudience {other}, which shares the same source; nothing was changed. Delete one \
             of the two, or share another source from here."
        ),
    )
}
