//! Is the object there? By its recorded id first, then by its natural key; what is not known is asked for.

use super::call::Call;
use crate::domain::audience_manager::{Segment, Trait};
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::inventory::{Coverage, Inventory, Record, Sequence, Table};

pub(super) enum Found<'a, R> {
    Present(&'a R),
    Absent,
    /// Not known: this call decides.
    Ask(Box<Call>),
}

/// What proves that a key is free before a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The server refuses a second object with the key; its refusal is the look-up (design.md §4.4).
    ServerEnforces,
    /// A look-up of the key at or after this call.
    LookUp { since: Sequence },
    /// A complete list is enough, since nothing will be created.
    Listed,
}

pub(super) fn find_trait<'a>(
    inventory: &'a Inventory,
    recorded: Option<TraitSid>,
    data_source: DataSourceId,
    code: &IntegrationCode,
    proof: Proof,
    rank: impl Fn(&Trait) -> Rank,
) -> Found<'a, Trait> {
    find(
        &inventory.traits,
        recorded,
        &(data_source, code.clone()),
        proof,
        rank,
        Call::ReadTrait,
        Call::ListTraits(data_source),
        Call::LookUpTrait {
            data_source,
            code: code.clone(),
        },
    )
}

pub(super) fn find_segment<'a>(
    inventory: &'a Inventory,
    recorded: Option<SegmentSid>,
    data_source: DataSourceId,
    code: &IntegrationCode,
    proof: Proof,
    rank: impl Fn(&Segment) -> Rank,
) -> Found<'a, Segment> {
    find(
        &inventory.segments,
        recorded,
        &(data_source, code.clone()),
        proof,
        rank,
        Call::ReadSegment,
        Call::ListSegments(data_source),
        Call::LookUpSegment {
            data_source,
            code: code.clone(),
        },
    )
}

/// Which of several objects with one key is meant; the least wins, then the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It carries our mark and equals what is declared.
    MarkedAndEqual,
    Marked,
    /// It carries the mark of another resource of our owner.
    MarkedByOwner,
    Other,
}

#[expect(
    clippy::too_many_arguments,
    reason = "the two kinds of objects share the one way to find them"
)]
fn find<'a, R>(
    table: &'a Table<R>,
    recorded: Option<R::Id>,
    key: &(DataSourceId, IntegrationCode),
    proof: Proof,
    rank: impl Fn(&R) -> Rank,
    read: impl Fn(R::Id) -> Call,
    list: Call,
    look_up: Call,
) -> Found<'a, R>
where
    R: Record<NaturalKey = (DataSourceId, IntegrationCode)>,
{
    if let Some(id) = recorded {
        match table.get(&id) {
            Some(entry) if entry.doubtful => return Found::Ask(Box::new(read(id))),
            Some(entry) => return Found::Present(&entry.record),
            None if !table.is_gone(&id) => return Found::Ask(Box::new(read(id))),
            None => {}
        }
    }
    if table.is_unresolved(key) {
        return Found::Ask(Box::new(look_up));
    }
    if let Some(entry) = table.find(key).find(|entry| entry.doubtful) {
        return Found::Ask(Box::new(read(entry.record.id())));
    }
    if let Some(entry) = table.find(key).min_by_key(|entry| rank(&entry.record)) {
        return Found::Present(&entry.record);
    }
    let listed = table.is_listed(Coverage::DataSource(key.0));
    match proof {
        _ if !listed => Found::Ask(Box::new(list)),
        Proof::LookUp { since } if !table.was_looked_up(key, since) => {
            Found::Ask(Box::new(look_up))
        }
        Proof::LookUp { .. } | Proof::ServerEnforces | Proof::Listed => Found::Absent,
    }
}
