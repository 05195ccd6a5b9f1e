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
use crate::inventory::{Coverage, Entry, Inventory, Record, Table};
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
    let name = &settings.data_source;
    match choose(&settings.owner, recorded.data_source, name, inventory) {
        Lookup::Ask(call) => plan.steps.push(Step::ready(call)),
        Lookup::Stale(id, read) => {
            plan.standing.data_source = Some(id);
            plan.steps.push(Step::ready(read));
        }
        Lookup::Found(chosen) => {
            take(settings, recorded, chosen, (mode, inventory), plan);
            let table = &inventory.data_sources;
            tell_respelled(table, chosen, name, "Data source", chosen.id, plan);
        }
        Lookup::Missing if mode == Mode::Observe => {}
        Lookup::Missing => match absence(&inventory.data_sources, name) {
            Absence::Unproven => plan.steps.push(Step::ready(Call::ListDataSources)),
            Absence::Unprovable(hold) => plan.holds.push(hold),
            Absence::Proven => {
                let mark = Mark::DataSource {
                    owner: settings.owner.clone(),
                };
                plan.steps
                    .push(Step::ready(Call::CreateDataSource(NewDataSource {
                        name: name.clone(),
                        description: describe(
                            DATA_SOURCE_DESCRIPTION,
                            &mark,
                            DESCRIPTION_CHARS_MAX,
                        )
                        .into(),
                        unique_trait_codes: true,
                        unique_segment_codes: true,
                        restrictions: Restrictions::default(),
                    })));
            }
        },
    }
}

/// A shared object, as far as it is known.
enum Lookup<'a, R: Record> {
    Found(&'a R),
    /// A list lacks it, or no list was read since it was recorded: this call reads it by its id.
    Stale(R::Id, Call),
    /// This call must be answered first.
    Ask(Call),
    /// Nothing that is known is it. Only [`absence`] says whether it may be created.
    Missing,
}

/// The recorded one, else one of ours, else whichever has the name; the lowest id among equals.
fn choose<'a>(
    owner: &OwnerId,
    recorded: Option<DataSourceId>,
    name: &'a str,
    inventory: &'a Inventory,
) -> Lookup<'a, DataSource> {
    let table = &inventory.data_sources;
    let by_preference = |found: &&Entry<DataSource>| {
        let found = &found.record;
        (!is_owned(owner, found), found.id)
    };
    let key = Box::from(name);
    let named = named(table, &key, name).min_by_key(by_preference);
    look_up(
        (table, &key),
        recorded,
        named,
        Call::ListDataSources,
        Call::ReadDataSource,
    )
}

/// The records that have the natural key with this name, and those that we made under the name and that the service
/// stores under another spelling of it.
fn named<'a, R: Record>(
    table: &'a Table<R>,
    key: &R::NaturalKey,
    name: &'a str,
) -> impl Iterator<Item = &'a Entry<R>> {
    let respelled = table
        .iter()
        .filter(move |entry| table.is_stored_as(&entry.record, Field::Name, name));
    table.find(key).chain(respelled)
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

/// By the recorded id, else by name: absence from a list proves nothing.
fn look_up<'a, R: Record<Id: Copy>>(
    (table, key): (&'a Table<R>, &R::NaturalKey),
    recorded: Option<R::Id>,
    named: Option<&'a Entry<R>>,
    list: Call,
    read: fn(R::Id) -> Call,
) -> Lookup<'a, R> {
    if !table.is_listed(Coverage::Whole) || table.is_unresolved(key) {
        return Lookup::Ask(list);
    }
    let recorded = recorded.filter(|id| !table.is_gone(id));
    match (recorded, recorded.and_then(|id| table.get(&id)), named) {
        (Some(id), None, _) => Lookup::Stale(id, read(id)),
        (_, Some(entry), _) | (None, None, Some(entry)) if entry.doubtful => {
            let id = entry.record.id();
            Lookup::Stale(id, read(id))
        }
        (_, Some(entry), _) | (None, None, Some(entry)) => Lookup::Found(&entry.record),
        (None, None, None) => Lookup::Missing,
    }
}

enum Absence {
    Proven,
    /// Another list must lack it too.
    Unproven,
    /// The lists hold something that cannot be read, which may be what is looked for.
    Unprovable(Hold),
}

/// Whether the data source may be created.
fn absence(table: &Table<DataSource>, name: &str) -> Absence {
    match table.unreadable() {
        Some(id) => Absence::Unprovable(unreadable(name, id.copied())),
        None if table.is_free(&name.into()) => Absence::Proven,
        None => Absence::Unproven,
    }
}

fn unreadable(name: &str, id: Option<DataSourceId>) -> Hold {
    let object = match id {
        Some(id) => format!("data source {id}"),
        None => "a data source without a readable id".into(),
    };
    Hold::new(
        Reason::UnexpectedAnswer,
        format!(
            "Audience Manager lists {object} in a form that this version of the operator cannot read. It may be data \
             source {name:?}, so data source {name:?} was not created. Report the form of {object} to the operator's \
             maintainers, or create data source {name:?} by hand with unique integration codes for traits and for \
             segments."
        ),
    )
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
        // This process made it with our mark, which the service did not keep: it is not written again.
        None if was_marked(inventory, found, &mark) => {}
        None if settings.adoption == AdoptionPolicy::Adopt && mode == Mode::Manage => {
            plan.steps.extend(marking(inventory, found, &mark));
        }
        // A mark that was taken away by hand: recorded as ours, so it is drift. Adobe's own is recorded too, but as
        // Adobe's: the connection never records an id as its own unless it carried the mark.
        None if recorded.data_source == Some(found.id) && mode == Mode::Manage => {
            plan.steps.extend(marking(inventory, found, &mark));
        }
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

    let key = (ROOT_TRAIT_FOLDER, settings.trait_folder.clone());
    let name = &settings.trait_folder;
    let table = &inventory.trait_folders;
    let (folder, step) = plan_folder(
        (table, &key, name),
        recorded.trait_folder,
        create,
        [
            Call::ListTraitFolders,
            Call::CreateTraitFolder {
                name: settings.trait_folder.clone(),
            },
        ],
        Call::ReadTraitFolder,
    );
    plan.standing.trait_folder = folder;
    plan.steps.extend(step);
    if let Some(found) = folder.and_then(|id| table.get(&id)) {
        let found = &found.record;
        tell_respelled(table, found, name, "Trait folder", found.id, plan);
    }

    let key = (ROOT_SEGMENT_FOLDER, settings.segment_folder.clone());
    let name = &settings.segment_folder;
    let table = &inventory.segment_folders;
    let (folder, step) = plan_folder(
        (table, &key, name),
        recorded.segment_folder,
        create,
        [
            Call::ListSegmentFolders,
            Call::CreateSegmentFolder {
                name: settings.segment_folder.clone(),
            },
        ],
        Call::ReadSegmentFolder,
    );
    plan.standing.segment_folder = folder;
    plan.steps.extend(step);
    if let Some(found) = folder.and_then(|id| table.get(&id)) {
        let found = &found.record;
        tell_respelled(table, found, name, "Segment folder", found.id, plan);
    }
}

/// The folder to use, and the call that is due for it.
fn plan_folder<R: Record<Id: Copy>>(
    (table, key, name): (&Table<R>, &R::NaturalKey, &str),
    recorded: Option<R::Id>,
    create: bool,
    [list, creation]: [Call; 2],
    read: fn(R::Id) -> Call,
) -> (Option<R::Id>, Option<Step>) {
    let named = named(table, key, name).next();
    let (id, call) = match look_up((table, key), recorded, named, list.clone(), read) {
        Lookup::Found(found) => (Some(found.id()), None),
        Lookup::Stale(id, read) => (Some(id), Some(read)),
        Lookup::Ask(list) => (recorded, Some(list)),
        Lookup::Missing if !create => (None, None),
        Lookup::Missing if table.is_free(key) => (None, Some(creation)),
        Lookup::Missing => (None, Some(list)),
    };
    (id, call.map(Step::ready))
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
    let is_known = |id: &DataSourceId| {
        let kept = inventory.data_sources.get(id);
        kept.is_some_and(|entry| !entry.doubtful)
    };
    own.into_iter()
        .chain(controlled)
        .filter(|(_, kept)| is_known(kept))
        .flat_map(|(name, kept)| {
            let twins = inventory.data_sources.find(&name);
            let twins = twins.filter(move |twin| twin.record.id != kept);
            twins.collect::<Vec<_>>()
        })
        .filter(|twin| is_owned(&settings.owner, &twin.record))
        .flat_map(|twin| {
            let id = twin.record.id;
            let coverage = Coverage::DataSource(id);
            if twin.doubtful {
                return vec![Step::ready(Call::ReadDataSource(id))];
            }
            let known =
                inventory.traits.is_listed(coverage) && inventory.segments.is_listed(coverage);
            let mut steps = match known && is_in_use(id, inventory) {
                true => return Vec::new(),
                false => unproven_contents(id, inventory),
            };
            if steps.is_empty() {
                steps.push(Step::ready(Call::DeleteDataSource(id)));
            }
            steps
        })
        .collect()
}

/// The lists that are still needed to prove that a data source holds nothing.
fn unproven_contents(data_source: DataSourceId, inventory: &Inventory) -> Vec<Step> {
    let coverage = Coverage::DataSource(data_source);
    let traits = !inventory.traits.is_listed_empty_twice(coverage);
    let segments = !inventory.segments.is_listed_empty_twice(coverage);
    let traits = traits.then_some(Call::ListTraits(data_source));
    let segments = segments.then_some(Call::ListSegments(data_source));
    traits
        .into_iter()
        .chain(segments)
        .map(Step::ready)
        .collect()
}

fn is_in_use(data_source: DataSourceId, inventory: &Inventory) -> bool {
    let coverage = Coverage::DataSource(data_source);
    let mut traits = inventory.traits.iter();
    let mut segments = inventory.segments.iter();
    inventory.traits.holds_unreadable(coverage)
        || inventory.segments.holds_unreadable(coverage)
        || traits.any(|entry| entry.record.data_source == data_source)
        || segments.any(|entry| entry.record.data_source == data_source)
}

/// The calls that remove the shared objects of a connection that leaves: only what is ours, and what its fresh lists
/// show to be empty.
pub fn retire(
    settings: &ConnectionSettings,
    standing: &Standing,
    inventory: &Inventory,
) -> Vec<Step> {
    let stale = stale(standing, inventory);
    if !stale.is_empty() {
        return stale;
    }
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
    let unproven = owned
        .iter()
        .flat_map(|id| unproven_contents(*id, inventory));
    steps.extend(unproven);
    if !steps.is_empty() {
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

/// Reads of the shared objects that the lists lack.
fn stale(standing: &Standing, inventory: &Inventory) -> Vec<Step> {
    fn is_stale<R: Record>(table: &Table<R>, id: &R::Id) -> bool {
        match table.get(id) {
            Some(entry) => entry.doubtful,
            None => !table.is_gone(id),
        }
    }
    let data_sources = standing
        .data_sources()
        .filter(|id| is_stale(&inventory.data_sources, id))
        .map(Call::ReadDataSource);
    let trait_folder = standing
        .trait_folder
        .filter(|id| is_stale(&inventory.trait_folders, id))
        .map(Call::ReadTraitFolder);
    let segment_folder = standing
        .segment_folder
        .filter(|id| is_stale(&inventory.segment_folders, id))
        .map(Call::ReadSegmentFolder);
    let reads = data_sources.chain(trait_folder).chain(segment_folder);
    reads.map(Step::ready).collect()
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
