//! An answer, folded into the inventory: success and failure alike, so that the next plan knows it.

use std::collections::BTreeMap;

use audience_sharing_core::domain::audience_manager::{Segment, Trait};
use audience_sharing_core::domain::destination::Mapping;
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, MappingId, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::rights::Rights;
use audience_sharing_core::inventory::{
    Coverage, Findings, FoundTraits, Inventory, Key, ListedMappings, Moment, Record, RuleVerdict,
    Sequence, Table, Users, fold_rights, may_be_behind,
};
use audience_sharing_core::plan::{AudienceLookUp, Call};

use super::execute::Answer;
use crate::adobe::listing::Listing;
use crate::adobe::{Effect, Error};

/// Folds the answer of `call`, sent as number `sent` and answered as number `answered`; returns the touched keys.
pub(super) fn answer(
    inventory: &mut Inventory,
    call: &Call,
    sent: Sequence,
    answered: Sequence,
    now: Moment,
    answer: Answer,
) -> Vec<Key> {
    match answer {
        Answer::Audience(Some(audience)) => inventory.audiences.fold_read(sent, audience),
        Answer::AudienceWritten(written) => {
            written_to(&mut inventory.audiences, call, answered, now, written)
        }
        Answer::AudiencesFound(found) => match call {
            Call::LookUpAudience(look_up) => {
                inventory
                    .audiences
                    .fold_look_up(sent, look_up.natural_key(), found)
            }
            _ => Vec::new(),
        },
        Answer::TraitsSearched(found) => {
            let sids = found.iter().map(|found| found.sid.0).collect();
            fold_search(inventory, call, sent, sids);
            let traits = &mut inventory.traits;
            found
                .into_iter()
                .flat_map(|found| traits.fold_read(sent, found))
                .collect()
        }
        Answer::SegmentsSearched(found) => {
            let sids = found.iter().map(|found| found.sid.0).collect();
            fold_search(inventory, call, sent, sids);
            let segments = &mut inventory.segments;
            found
                .into_iter()
                .flat_map(|found| segments.fold_read(sent, found))
                .collect()
        }
        Answer::Audience(None) | Answer::Deleted => gone(inventory, call),
        Answer::DataSources(listing) => {
            let listed: Vec<_> = listing.items.iter().map(|item| item.id).collect();
            let known = &mut inventory.rights.data_sources;
            let changed = fold_rights(known, listed, listing.lacking);
            let table = &mut inventory.data_sources;
            let mut touched = table.fold_whole_list(sent, now, listing.items, listing.undecodable);
            touched.extend(changed.first().map(|_| Key::Foundation));
            touched
        }
        Answer::DataSource(written) => {
            let created = matches!(call, Call::CreateDataSource(_))
                .then_some(Coverage::DataSource(written.id));
            let mut touched = written_to(&mut inventory.data_sources, call, answered, now, written);
            if let Some(coverage) = created {
                // Nothing can be in a data source that was not there a moment ago.
                touched.extend(inventory.traits.fold_list(
                    answered,
                    now,
                    coverage,
                    Vec::new(),
                    &[],
                ));
                touched.extend(inventory.segments.fold_list(
                    answered,
                    now,
                    coverage,
                    Vec::new(),
                    &[],
                ));
            }
            touched
        }
        Answer::DataSourceChanged(read) | Answer::DataSourceRead(read) => {
            inventory.data_sources.fold_read(sent, read)
        }
        Answer::TraitFolders(tree) => inventory.fold_trait_folders(sent, now, tree),
        Answer::SegmentFolders(tree) => inventory.fold_segment_folders(sent, now, tree),
        Answer::TraitFolderRead(read) => inventory.trait_folders.fold_read(sent, read),
        Answer::SegmentFolderRead(read) => inventory.segment_folders.fold_read(sent, read),
        Answer::TraitFolder(folder) => {
            let id = folder.as_ref().map(|folder| folder.id);
            let touched =
                inventory.fold_trait_folder_created(answered, now, folder_name(call), folder);
            if let Some(id) = id {
                inventory.trait_folders.note_sent(&id, &call.texts());
            }
            touched
        }
        Answer::SegmentFolder(folder) => {
            let id = folder.as_ref().map(|folder| folder.id);
            let touched =
                inventory.fold_segment_folder_created(answered, now, folder_name(call), folder);
            if let Some(id) = id {
                inventory.segment_folders.note_sent(&id, &call.texts());
            }
            touched
        }
        Answer::Traits(listing) => {
            let Call::ListTraits(data_source) = call else {
                return Vec::new();
            };
            traits(inventory, &[*data_source], (sent, now), listing)
        }
        Answer::Segments(listing) => {
            let Call::ListSegments(data_source) = call else {
                return Vec::new();
            };
            segments(inventory, &[*data_source], (sent, now), listing)
        }
        Answer::TraitRead(read) => inventory.traits.fold_read(sent, read),
        Answer::TraitWritten(written) => {
            written_to(&mut inventory.traits, call, answered, now, written)
        }
        Answer::SegmentRead(read) => inventory.segments.fold_read(sent, read),
        Answer::SegmentWritten(written) => {
            written_to(&mut inventory.segments, call, answered, now, written)
        }
        Answer::TraitsFound(found) => match call {
            Call::LookUpTrait { data_source, code } => {
                inventory
                    .traits
                    .fold_look_up(sent, (*data_source, code.clone()), found)
            }
            Call::FindTrait(reference) => {
                let sids = found.into_iter().map(|found| found.sid).collect();
                let found = FoundTraits { seen: sent, sids };
                inventory.named_traits.insert(reference.clone(), found);
                Vec::new()
            }
            _ => Vec::new(),
        },
        Answer::SegmentsFound(found) => match call {
            Call::LookUpSegment { data_source, code } => {
                inventory
                    .segments
                    .fold_look_up(sent, (*data_source, code.clone()), found)
            }
            _ => Vec::new(),
        },
        Answer::TraitUsers(listing) => match call {
            Call::ReadTraitUsers(sid) => fold_users(inventory, *sid, sent, listing),
            _ => Vec::new(),
        },
        Answer::Destinations(listing) => {
            let listed = listing.items.into_iter();
            let listed = listed.map(|item| (item.destination, item.mappings.map(mappings)));
            let unreadable: Vec<_> = listing.undecodable.into_iter().flatten().collect();
            inventory.fold_destinations(sent, now, listed.collect(), &unreadable)
        }
        Answer::DestinationRead(read) => {
            let id = read.destination.id;
            let mut touched = inventory.destinations.fold_read(sent, read.destination);
            if let Some(told) = read.mappings {
                touched.extend(inventory.fold_mappings(sent, now, id, mappings(told)));
            }
            touched
        }
        Answer::Mappings(listing) => match call {
            Call::ListMappings(id) => inventory.fold_mappings(sent, now, *id, mappings(listing)),
            _ => Vec::new(),
        },
        Answer::MappingsFound(found) => match call {
            Call::LookUpMapping {
                destination,
                segment,
            } => inventory.fold_mappings_looked_up(sent, now, (*segment, *destination), found),
            _ => Vec::new(),
        },
        Answer::MappingRead(read) => inventory.mappings.fold_read(sent, read),
        Answer::MappingWritten(written) => {
            written_to(&mut inventory.mappings, call, answered, now, written)
        }
        Answer::RuleAccepted => {
            fold_verdict(inventory, call, sent, true);
            Vec::new()
        }
    }
}

/// The answer to a write, and what the service made of the texts that were sent.
fn written_to<R: Record>(
    table: &mut Table<R>,
    call: &Call,
    answered: Sequence,
    now: Moment,
    written: R,
) -> Vec<Key> {
    let id = written.id();
    let touched = table.fold_written(answered, now, written);
    table.note_sent(&id, &call.texts());
    touched
}

fn mappings(listing: Listing<Mapping, MappingId>) -> ListedMappings {
    let unreadable = listing.undecodable.into_iter().flatten();
    (listing.items, unreadable.collect())
}

fn fold_verdict(inventory: &mut Inventory, call: &Call, seen: Sequence, accepted: bool) {
    if let Call::ValidateRule { content, .. } = call {
        inventory.fold_rule_verdict(content.clone(), RuleVerdict { seen, accepted });
    }
}

/// Where an object was told to go, if the answer to its update shows that it did not.
pub(super) fn unmoved(call: &Call, answer: &Answer) -> Option<DataSourceId> {
    let stands_in = match answer {
        Answer::TraitWritten(written) => written.data_source,
        Answer::SegmentWritten(written) => written.data_source,
        _ => return None,
    };
    call.moves_to().filter(|to| *to != stands_in)
}

/// Labels that were to be put on an audience, if the answer shows that they were not.
pub(super) fn unlabelled(call: &Call, answer: &Answer) -> Option<UsageLabels> {
    let Answer::AudienceWritten(Audience {
        labels: Some(found),
        ..
    }) = answer
    else {
        return None;
    };
    let lacking = call.labels()?.missing_from(found);
    (!lacking.is_empty()).then_some(lacking)
}

/// Traits of some data sources, and what may be done with each.
pub(super) fn traits(
    inventory: &mut Inventory,
    data_sources: &[DataSourceId],
    at: (Sequence, Moment),
    listing: Listing<Trait, TraitSid>,
) -> Vec<Key> {
    let known = (&mut inventory.traits, &mut inventory.rights.traits);
    contents_with_rights(known, Key::Trait, data_sources, at, listing)
}

/// The same of segments.
pub(super) fn segments(
    inventory: &mut Inventory,
    data_sources: &[DataSourceId],
    at: (Sequence, Moment),
    listing: Listing<Segment, SegmentSid>,
) -> Vec<Key> {
    let known = (&mut inventory.segments, &mut inventory.rights.segments);
    contents_with_rights(known, Key::Segment, data_sources, at, listing)
}

fn contents_with_rights<R: Record<Id: Copy>>(
    (table, rights): (&mut Table<R>, &mut BTreeMap<R::Id, Rights>),
    key: fn(R::Id) -> Key,
    data_sources: &[DataSourceId],
    at: (Sequence, Moment),
    mut listing: Listing<R, R::Id>,
) -> Vec<Key> {
    let listed: Vec<_> = listing.items.iter().map(Record::id).collect();
    let lacking = std::mem::take(&mut listing.lacking);
    let changed = fold_rights(rights, listed, lacking);
    let mut touched = contents(table, data_sources, at, listing);
    touched.extend(changed.into_iter().map(key));
    touched
}

/// What a list of several data sources holds, each judged by itself.
fn contents<R: Record>(
    table: &mut Table<R>,
    data_sources: &[DataSourceId],
    (sent, now): (Sequence, Moment),
    listing: Listing<R, R::Id>,
) -> Vec<Key> {
    let without_id = listing.undecodable.iter().any(Option::is_none);
    let unreadable: Vec<_> = listing.undecodable.into_iter().flatten().collect();
    let mut rest = listing.items;
    let mut touched = Vec::new();
    for id in data_sources {
        let coverage = Coverage::DataSource(*id);
        let (items, others) = rest
            .into_iter()
            .partition(|item| item.coverage() == coverage);
        rest = others;
        touched.extend(table.fold_list(sent, now, coverage, items, &unreadable));
        if without_id {
            table.note_unreadable(coverage);
        }
    }
    touched
}

fn fold_search(inventory: &mut Inventory, call: &Call, sent: Sequence, sids: Vec<u64>) {
    if let Call::Search(selector) = call {
        let findings = Findings { seen: sent, sids };
        inventory.searches.insert(selector.clone(), findings);
    }
}

/// A user that cannot be read stands in the way like any other.
fn fold_users(
    inventory: &mut Inventory,
    sid: TraitSid,
    sent: Sequence,
    listing: Listing<Segment, SegmentSid>,
) -> Vec<Key> {
    let mut segments: Vec<_> = listing
        .items
        .into_iter()
        .map(|segment| (segment.sid, segment.name))
        .collect();
    segments.extend(
        listing
            .undecodable
            .into_iter()
            .map(|sid| (sid.unwrap_or(UNKNOWN_SEGMENT), "(unreadable)".into())),
    );
    inventory.trait_users.insert(
        sid,
        Users {
            seen: sent,
            segments,
        },
    );
    Vec::new()
}

const UNKNOWN_SEGMENT: audience_sharing_core::domain::identifier::SegmentSid =
    audience_sharing_core::domain::identifier::SegmentSid(0);

fn folder_name(call: &Call) -> &str {
    match call {
        Call::CreateTraitFolder { name } | Call::CreateSegmentFolder { name } => name,
        _ => "",
    }
}

/// What a call does not find may exist all the same: in Experience Platform reads may be behind a write of ours, or of the
/// process before us, of which the status alone tells: `recorded`.
pub(super) fn is_behind(
    inventory: &Inventory,
    call: &Call,
    recorded: Option<&AudienceId>,
    now: Moment,
) -> bool {
    let id = match call {
        Call::ReadAudience(id) | Call::DeleteAudience { id, .. } => id,
        Call::UpdateAudience { expected, .. } => &expected.id,
        _ => return false,
    };
    match inventory.audiences.get(id) {
        Some(entry) => entry.was_written_lately(now),
        None => recorded == Some(id) && may_be_behind(Moment::default(), now),
    }
}

fn gone(inventory: &mut Inventory, call: &Call) -> Vec<Key> {
    match call {
        Call::ReadAudience(id) | Call::DeleteAudience { id, .. } => {
            inventory.audiences.fold_gone(id)
        }
        Call::UpdateAudience { expected, .. } => inventory.audiences.fold_gone(&expected.id),
        Call::ReadDataSource(id) | Call::DeleteDataSource(id) => {
            inventory.data_sources.fold_gone(id)
        }
        Call::UpdateDataSource { expected, .. } => inventory.data_sources.fold_gone(&expected.id),
        Call::ReadTraitFolder(id) | Call::DeleteTraitFolder(id) => {
            inventory.created_folders.traits.remove(id);
            inventory.trait_folders.fold_gone(id)
        }
        Call::ReadSegmentFolder(id) | Call::DeleteSegmentFolder(id) => {
            inventory.created_folders.segments.remove(id);
            inventory.segment_folders.fold_gone(id)
        }
        Call::ReadTrait(sid) | Call::DeleteTrait(sid) => inventory.traits.fold_gone(sid),
        Call::UpdateTrait { expected, .. } => inventory.traits.fold_gone(&expected.sid),
        Call::ReadSegment(sid) | Call::DeleteSegment(sid) => inventory.segments.fold_gone(sid),
        Call::UpdateSegment { expected, .. } => inventory.segments.fold_gone(&expected.sid),
        Call::ReadDestination(id) => inventory.destinations.fold_gone(id),
        Call::DeleteMapping { id, .. } => inventory.mappings.fold_gone(id),
        Call::UpdateMapping { expected, .. } => inventory.mappings.fold_gone(&expected.id),
        Call::LookUpAudience(_)
        | Call::CreateAudience(_)
        | Call::Search(_)
        | Call::ListDataSources
        | Call::ListTraitFolders
        | Call::ListSegmentFolders
        | Call::CreateDataSource(_)
        | Call::CreateTraitFolder { .. }
        | Call::CreateSegmentFolder { .. }
        | Call::ListTraits(_)
        | Call::LookUpTrait { .. }
        | Call::ReadTraitUsers(_)
        | Call::CreateTrait(_)
        | Call::ListSegments(_)
        | Call::LookUpSegment { .. }
        | Call::CreateSegment(_)
        | Call::ListDestinations
        | Call::ListMappings(_)
        | Call::LookUpMapping { .. }
        | Call::CreateMapping(_)
        | Call::FindTrait(_)
        | Call::ValidateRule { .. } => Vec::new(),
    }
}

/// Whether a 404 without the service's own error may be believed: only while another object of the collection is there
/// (law L2). Of a deletion it is believed: what it is about is not wanted any more, and the deletion has to end.
fn is_readable(inventory: &Inventory, call: &Call) -> bool {
    match call {
        Call::ReadTrait(sid) => inventory.traits.holds_another(sid),
        Call::UpdateTrait { expected, .. } => inventory.traits.holds_another(&expected.sid),
        Call::ReadSegment(sid) => inventory.segments.holds_another(sid),
        Call::UpdateSegment { expected, .. } => inventory.segments.holds_another(&expected.sid),
        Call::ReadAudience(id) => inventory.audiences.holds_another(id),
        Call::UpdateAudience { expected, .. } => inventory.audiences.holds_another(&expected.id),
        Call::ReadDestination(id) => inventory.destinations.holds_another(id),
        Call::ReadDataSource(id) => inventory.data_sources.holds_another(id),
        Call::ReadTraitFolder(id) => inventory.trait_folders.holds_another(id),
        Call::ReadSegmentFolder(id) => inventory.segment_folders.holds_another(id),
        Call::UpdateDataSource { expected, .. } => {
            inventory.data_sources.holds_another(&expected.id)
        }
        Call::UpdateMapping { expected, .. } => inventory.mappings.holds_another(&expected.id),
        _ => true,
    }
}

/// What a failed call, sent as number `sent`, left behind. `true`: the failure is itself an answer, and planning goes on
/// with it.
pub(super) fn failure(
    inventory: &mut Inventory,
    call: &Call,
    sent: Sequence,
    error: &Error,
) -> bool {
    if matches!(call, Call::ValidateRule { .. }) {
        let refused = error.reason() == Reason::RuleInvalid;
        if refused {
            fold_verdict(inventory, call, sent, false);
        }
        return refused;
    }
    if error.is_not_found() {
        if !error.is_proven() && !is_readable(inventory, call) {
            return false;
        }
        gone(inventory, call);
        return true;
    }
    let taken = error.is_conflict();
    let unknown = error.effect() == Effect::Unknown;
    if !taken && !unknown {
        return false;
    }
    match call {
        Call::CreateDataSource(new) => inventory.data_sources.fold_unresolved(new.name.clone()),
        Call::CreateTraitFolder { name } => inventory.fold_trait_folder_unresolved(name, unknown),
        Call::CreateSegmentFolder { name } => {
            inventory.fold_segment_folder_unresolved(name, unknown)
        }
        Call::CreateTrait(new) => {
            inventory
                .traits
                .fold_unresolved((new.data_source, new.integration_code.clone()));
        }
        Call::CreateSegment(new) => {
            inventory
                .segments
                .fold_unresolved((new.data_source, new.integration_code.clone()));
        }
        Call::CreateMapping(new) => inventory
            .mappings
            .fold_unresolved((new.segment, new.destination)),
        Call::UpdateMapping { expected, .. } => inventory.mappings.fold_doubt(&expected.id),
        Call::DeleteMapping { id, .. } => inventory.mappings.fold_doubt(id),
        Call::CreateAudience(new) => {
            let key = AudienceLookUp::of(new).natural_key();
            inventory.audiences.fold_unresolved(key);
        }
        Call::UpdateDataSource { expected, .. } => inventory.data_sources.fold_doubt(&expected.id),
        Call::DeleteDataSource(id) => inventory.data_sources.fold_doubt(id),
        Call::DeleteTraitFolder(id) => inventory.trait_folders.fold_doubt(id),
        Call::DeleteSegmentFolder(id) => inventory.segment_folders.fold_doubt(id),
        Call::UpdateAudience { expected, .. } => inventory.audiences.fold_doubt(&expected.id),
        Call::DeleteAudience { id, .. } => inventory.audiences.fold_doubt(id),
        Call::UpdateTrait { expected, .. } => inventory.traits.fold_doubt(&expected.sid),
        Call::DeleteTrait(sid) => inventory.traits.fold_doubt(sid),
        Call::UpdateSegment { expected, .. } => inventory.segments.fold_doubt(&expected.sid),
        Call::DeleteSegment(sid) => inventory.segments.fold_doubt(sid),
        _ => return false,
    }
    // A conflict on a delete says who is in the way; on anything else the look-up tells more.
    unknown || !call.is_deletion()
}
