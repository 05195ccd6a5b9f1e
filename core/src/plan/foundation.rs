//! The shared objects of a connection: data sources and folders (design.md §2). The profile merge rule has no API
//! (audience-manager.md §7) and is only named.
//!
//! Its own data source holds what is under no export controls; [`controlled`] are those beside it.

pub mod controlled;

use std::collections::BTreeSet;

use super::Plan;
use super::call::{Call, Step};
use super::difference::Comparison;
use super::hold::Hold;
use crate::compose::{AdoptionPolicy, ConnectionSettings, DESCRIPTION_CHARS_MAX, Mode};
use crate::domain::audience_manager::{DataSource, DataSourceChange, NewDataSource};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, SegmentFolderId, TraitFolderId};
use crate::domain::labels::{ExportControls, Restrictions};
use crate::domain::ownership::{Mark, OwnerId, describe};
use crate::domain::reason::Reason;
use crate::inventory::{Coverage, Inventory, Record, Table};
use controlled::Controlled;

const ROOT_TRAIT_FOLDER: TraitFolderId = TraitFolderId(0);
const ROOT_SEGMENT_FOLDER: SegmentFolderId = SegmentFolderId(0);

/// The user's text before the mark of a data source that we create.
const DATA_SOURCE_DESCRIPTION: &str = "Audiences shared from Adobe Experience Platform";

/// What the connection's status says of its shared objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    pub data_source: Option<DataSourceId>,
    /// Those for audiences under export controls.
    pub controlled: Vec<(ExportControls, DataSourceId)>,
    pub trait_folder: Option<TraitFolderId>,
    pub segment_folder: Option<SegmentFolderId>,
}

/// The shared objects that stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub data_source: Option<DataSourceId>,
    /// Adobe's own sharing made the data source: what is in it is only observed.
    pub adobes: bool,
    pub enforces_trait_codes: bool,
    pub enforces_segment_codes: bool,
    /// Those beside it that exist, at most one for each set of export controls.
    pub controlled: Vec<Controlled>,
    pub trait_folder: Option<TraitFolderId>,
    pub segment_folder: Option<SegmentFolderId>,
    pub merge_rule: MergeRule,
    /// A sentence for each name that Audience Manager stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergeRule {
    #[default]
    AccountDefault,
    /// Its data source is among those that the credential may see.
    Listed(DataSourceId),
    /// Merge rules' data sources need not be listed (audience-manager.md §7): nobody can tell.
    NotListed(DataSourceId),
}

impl MergeRule {
    pub fn id(self) -> Option<DataSourceId> {
        match self {
            Self::AccountDefault => None,
            Self::Listed(id) | Self::NotListed(id) => Some(id),
        }
    }
}

/// Plans the shared objects, with a data source for each set of export controls that is `needed`. With
/// [`Mode::Observe`] nothing is created or changed.
pub fn plan(
    settings: &ConnectionSettings,
    recorded: &Recorded,
    needed: &BTreeSet<ExportControls>,
    inventory: &Inventory,
    mode: Mode,
) -> Plan<Standing> {
    let mut plan = Plan {
        steps: Vec::new(),
        holds: Vec::new(),
        standing: Standing::default(),
    };
    plan.standing.merge_rule = merge_rule(settings, inventory);
    plan_data_source(settings, recorded, inventory, mode, &mut plan);
    plan_folders(settings, recorded, inventory, mode, &mut plan);
    controlled::plan(settings, recorded, needed, inventory, mode, &mut plan);
    plan
}

fn merge_rule(settings: &ConnectionSettings, inventory: &Inventory) -> MergeRule {
    match settings.merge_rule {
        None => MergeRule::AccountDefault,
        Some(id) if inventory.data_sources.get(&id).is_some() => MergeRule::Listed(id),
        Some(id) => MergeRule::NotListed(id),
    }
}

/// The merge rule's data source that a refused call named and that the account does not list: the likely cause.
pub fn unlisted_merge_rule(call: &Call, inventory: &Inventory) -> Option<DataSourceId> {
    let named = match call {
        Call::CreateSegment(new) => new.merge_rule,
        Call::UpdateSegment { change, .. } => change.merge_rule,
        _ => None,
    };
    named.filter(|id| inventory.data_sources.get(id).is_none())
}

fn plan_data_source(
    settings: &ConnectionSettings,
    recorded: &Recorded,
    inventory: &Inventory,
    mode: Mode,
    plan: &mut Plan<Standing>,
) {
    let table = &inventory.data_sources;
    if !table.is_listed(Coverage::Whole) || table.is_unresolved(&settings.data_source) {
        plan.steps.push(Step::ready(Call::ListDataSources));
        return;
    }
    let name = &settings.data_source;
    match choose(&settings.owner, recorded.data_source, name, inventory) {
        Some(chosen) => {
            take(settings, recorded, chosen, (mode, inventory), plan);
            tell_respelled(table, chosen, name, "Data source", chosen.id, plan);
        }
        None if mode == Mode::Manage => {
            let mark = Mark::DataSource {
                owner: settings.owner.clone(),
            };
            plan.steps
                .push(Step::ready(Call::CreateDataSource(NewDataSource {
                    name: name.clone(),
                    description: describe(DATA_SOURCE_DESCRIPTION, &mark, DESCRIPTION_CHARS_MAX)
                        .into(),
                    unique_trait_codes: true,
                    unique_segment_codes: true,
                    restrictions: Restrictions::default(),
                })));
        }
        None => {}
    }
}

/// The recorded one, else one of ours, else whichever has the name; the lowest id among equals.
fn choose<'a>(
    owner: &OwnerId,
    recorded: Option<DataSourceId>,
    name: &'a str,
    inventory: &'a Inventory,
) -> Option<&'a DataSource> {
    let table = &inventory.data_sources;
    if let Some(entry) = recorded.and_then(|id| table.get(&id)) {
        return Some(&entry.record);
    }
    named(table, &Box::from(name), name).min_by_key(|found| (!is_owned(owner, found), found.id))
}

/// The records that have the natural key with this name, and those that we made under the name and that the service
/// stores under another spelling of it.
fn named<'a, R: Record>(
    table: &'a Table<R>,
    key: &R::NaturalKey,
    name: &'a str,
) -> impl Iterator<Item = &'a R> {
    let respelled = table
        .iter()
        .filter(move |entry| table.is_stored_as(&entry.record, Field::Name, name));
    let found = table.find(key).chain(respelled);
    found.map(|entry| &entry.record)
}

fn tell_respelled<R: Record>(
    table: &Table<R>,
    found: &R,
    name: &str,
    kind: &str,
    id: impl std::fmt::Display,
    plan: &mut Plan<Standing>,
) {
    let mut comparison = Comparison::new(table, found);
    comparison.text(Field::Name, name);
    let told = comparison.told(&format!("{kind} {id}"), "Audience Manager");
    plan.standing.stored_differently.extend(told);
}

fn is_owned(owner: &OwnerId, found: &DataSource) -> bool {
    matches!(Mark::read(&found.description), Some(Mark::DataSource { owner: marked }) if marked == *owner)
}

fn take(
    settings: &ConnectionSettings,
    recorded: &Recorded,
    found: &DataSource,
    (mode, inventory): (Mode, &Inventory),
    plan: &mut Plan<Standing>,
) {
    let mark = Mark::DataSource {
        owner: settings.owner.clone(),
    };
    match Mark::read(&found.description) {
        Some(other) if other != mark => {
            plan.holds.push(of_another_owner(found, &other));
            return;
        }
        Some(_) => {}
        None if settings.adoption == AdoptionPolicy::Adopt && mode == Mode::Manage => {
            plan.steps.extend(marking(inventory, found, &mark));
        }
        // A mark that was taken away by hand: recorded as ours, so it is drift. Adobe's own is recorded too, but as
        // Adobe's: the connection never records an id as its own unless it carried the mark.
        None if recorded.data_source == Some(found.id) && mode == Mode::Manage => {
            plan.steps.extend(marking(inventory, found, &mark));
        }
        // This process made it with our mark, which the service did not keep: no status may name it yet.
        None if was_marked(inventory, found, &mark) => {}
        None => plan.standing.adobes = true,
    }
    plan.standing.data_source = Some(found.id);
    plan.standing.enforces_trait_codes = found.unique_trait_codes;
    plan.standing.enforces_segment_codes = found.unique_segment_codes;
}

fn of_another_owner(found: &DataSource, mark: &Mark) -> Hold {
    Hold::new(
        Reason::ManagementConflict,
        format!(
            "Data source {} {:?} carries the mark of another owner, {mark}; nothing was changed. Give this connection \
             another spec.audienceManager.dataSource, or stop the other owner.",
            found.id, found.name
        ),
    )
}

fn was_marked(inventory: &Inventory, found: &DataSource, mark: &Mark) -> bool {
    let description = describe(DATA_SOURCE_DESCRIPTION, mark, DESCRIPTION_CHARS_MAX);
    let table = &inventory.data_sources;
    table.is_stored_as(found, Field::Description, &description)
}

/// `None` where the service did not keep the mark: it is not written again.
fn marking(inventory: &Inventory, found: &DataSource, mark: &Mark) -> Option<Step> {
    let marked = describe(&found.description, mark, DESCRIPTION_CHARS_MAX);
    let description =
        Comparison::new(&inventory.data_sources, found).text(Field::Description, &marked)?;
    Some(Step::ready(Call::UpdateDataSource {
        expected: found.clone(),
        change: DataSourceChange {
            description: Some(description),
        },
    }))
}

fn plan_folders(
    settings: &ConnectionSettings,
    recorded: &Recorded,
    inventory: &Inventory,
    mode: Mode,
    plan: &mut Plan<Standing>,
) {
    // Adobe makes its own folders; beside a conflict nothing is made.
    let create = mode == Mode::Manage && !plan.standing.adobes && plan.holds.is_empty();

    let table = &inventory.trait_folders;
    let key = (ROOT_TRAIT_FOLDER, settings.trait_folder.clone());
    if !table.is_listed(Coverage::Whole) || table.is_unresolved(&key) {
        plan.steps.push(Step::ready(Call::ListTraitFolders));
    } else {
        let known = recorded
            .trait_folder
            .and_then(|id| table.get(&id))
            .map(|entry| &entry.record)
            .or_else(|| named(table, &key, &settings.trait_folder).next());
        plan.standing.trait_folder = known.map(|found| found.id);
        if let Some(found) = known {
            let name = &settings.trait_folder;
            tell_respelled(table, found, name, "Trait folder", found.id, plan);
        } else if create {
            plan.steps.push(Step::ready(Call::CreateTraitFolder {
                name: settings.trait_folder.clone(),
            }));
        }
    }

    let table = &inventory.segment_folders;
    let key = (ROOT_SEGMENT_FOLDER, settings.segment_folder.clone());
    if !table.is_listed(Coverage::Whole) || table.is_unresolved(&key) {
        plan.steps.push(Step::ready(Call::ListSegmentFolders));
    } else {
        let known = recorded
            .segment_folder
            .and_then(|id| table.get(&id))
            .map(|entry| &entry.record)
            .or_else(|| named(table, &key, &settings.segment_folder).next());
        plan.standing.segment_folder = known.map(|found| found.id);
        if let Some(found) = known {
            let name = &settings.segment_folder;
            tell_respelled(table, found, name, "Segment folder", found.id, plan);
        } else if create {
            plan.steps.push(Step::ready(Call::CreateSegmentFolder {
                name: settings.segment_folder.clone(),
            }));
        }
    }
}

/// The calls that leave our data sources alone with their names: a create whose effect came after the look-up leaves a
/// second one, and no server refuses it (design.md §4.4). Only an empty one that carries our mark goes.
pub fn sweep(
    settings: &ConnectionSettings,
    standing: &Standing,
    inventory: &Inventory,
) -> Vec<Step> {
    let own = standing
        .data_source
        .map(|kept| (settings.data_source.clone(), kept));
    let controlled = standing.controlled.iter().map(|found| {
        let name = controlled::name(settings, found.controls);
        (name, found.place.data_source)
    });
    own.into_iter()
        .chain(controlled)
        .flat_map(|(name, kept)| {
            let twins = inventory.data_sources.find(&name);
            let twins = twins.filter(move |twin| twin.record.id != kept);
            twins.collect::<Vec<_>>()
        })
        .filter(|twin| is_owned(&settings.owner, &twin.record))
        .flat_map(|twin| {
            let id = twin.record.id;
            let coverage = Coverage::DataSource(id);
            let unknown = [
                (inventory.traits.is_listed(coverage), Call::ListTraits(id)),
                (
                    inventory.segments.is_listed(coverage),
                    Call::ListSegments(id),
                ),
            ];
            let mut steps: Vec<Step> = unknown
                .into_iter()
                .filter(|(listed, _)| !listed)
                .map(|(_, list)| Step::ready(list))
                .collect();
            if steps.is_empty() && !is_in_use(id, inventory) {
                steps.push(Step::ready(Call::DeleteDataSource(id)));
            }
            steps
        })
        .collect()
}

fn is_in_use(data_source: DataSourceId, inventory: &Inventory) -> bool {
    let mut traits = inventory.traits.iter();
    let mut segments = inventory.segments.iter();
    traits.any(|entry| entry.record.data_source == data_source)
        || segments.any(|entry| entry.record.data_source == data_source)
}

/// The calls that remove the shared objects of a connection that leaves: only what is ours, and what its fresh lists
/// show to be empty.
pub fn retire(
    settings: &ConnectionSettings,
    standing: &Standing,
    inventory: &Inventory,
) -> Vec<Step> {
    let is_owned = |id: &DataSourceId| {
        let found = inventory.data_sources.get(id);
        found.is_some_and(|entry| is_owned(&settings.owner, &entry.record))
    };
    let owned: Vec<DataSourceId> = standing.data_sources().filter(is_owned).collect();
    let doubtful = owned
        .iter()
        .flat_map(|id| doubtful_contents(*id, inventory));
    let mut steps: Vec<Step> = doubtful.collect();
    if !steps.is_empty() || owned.iter().any(|id| is_in_use(*id, inventory)) {
        return steps;
    }
    let created = &inventory.created_folders;
    let ours = |id: &TraitFolderId| created.traits.contains(id);
    if let Some(id) = standing.trait_folder.filter(ours) {
        steps.push(Step::ready(Call::DeleteTraitFolder(id)));
    }
    let ours = |id: &SegmentFolderId| created.segments.contains(id);
    if let Some(id) = standing.segment_folder.filter(ours) {
        steps.push(Step::ready(Call::DeleteSegmentFolder(id)));
    }
    let deletions = owned.into_iter().map(Call::DeleteDataSource);
    steps.extend(deletions.map(Step::ready));
    steps
}

/// A late list shows what is gone already: what it leaves in doubt is asked for.
fn doubtful_contents(data_source: DataSourceId, inventory: &Inventory) -> Vec<Step> {
    let traits = inventory.traits.iter();
    let traits = traits
        .filter(|entry| entry.doubtful && entry.record.data_source == data_source)
        .map(|entry| Call::ReadTrait(entry.record.sid));
    let segments = inventory.segments.iter();
    let segments = segments
        .filter(|entry| entry.doubtful && entry.record.data_source == data_source)
        .map(|entry| Call::ReadSegment(entry.record.sid));
    traits.chain(segments).map(Step::ready).collect()
}
