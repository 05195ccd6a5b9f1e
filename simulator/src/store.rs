//! The objects of all tenants, with the indexes that keep narrowed lists and creates fast in a tenant of 100,000
//! traits, and a journal of writes from which a stale list is made. One function changes an object; nothing here knows
//! the rules of a service.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use crate::audience_manager::rules::referenced_sids;

/// One object as its service answers it.
pub(crate) type Object = Map<String, Value>;

/// An object of these members.
pub(crate) fn object_of<const N: usize>(members: [(&str, Value); N]) -> Object {
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The kinds of objects, in the order of the state document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    DataSources,
    TraitFolders,
    SegmentFolders,
    Traits,
    Segments,
    Destinations,
    Mappings,
    Models,
    DerivedSignals,
    Sandboxes,
    Audiences,
    MergePolicies,
    ExternalAudienceOperations,
    ExternalAudienceRuns,
    Flows,
    TargetConnections,
    FlowRuns,
}

impl Kind {
    pub(crate) const ALL: [Self; 17] = [
        Self::DataSources,
        Self::TraitFolders,
        Self::SegmentFolders,
        Self::Traits,
        Self::Segments,
        Self::Destinations,
        Self::Mappings,
        Self::Models,
        Self::DerivedSignals,
        Self::Sandboxes,
        Self::Audiences,
        Self::MergePolicies,
        Self::ExternalAudienceOperations,
        Self::ExternalAudienceRuns,
        Self::Flows,
        Self::TargetConnections,
        Self::FlowRuns,
    ];

    /// The member of the state document, which is the path element of the control port, and the member with the id.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::DataSources => ("dataSources", "dataSourceId"),
            Self::TraitFolders => ("traitFolders", "folderId"),
            Self::SegmentFolders => ("segmentFolders", "folderId"),
            Self::Traits => ("traits", "sid"),
            Self::Segments => ("segments", "sid"),
            Self::Destinations => ("destinations", "destinationId"),
            Self::Mappings => ("mappings", "destinationMappingId"),
            Self::Models => ("models", "algoModelId"),
            Self::DerivedSignals => ("derivedSignals", "derivedSignalId"),
            Self::Sandboxes => ("sandboxes", "id"),
            Self::Audiences => ("audiences", "id"),
            Self::MergePolicies => ("mergePolicies", "id"),
            Self::ExternalAudienceOperations => ("externalAudienceOperations", "operationId"),
            Self::ExternalAudienceRuns => ("externalAudienceRuns", "runId"),
            Self::Flows => ("flows", "id"),
            Self::TargetConnections => ("targetConnections", "id"),
            Self::FlowRuns => ("flowRuns", "id"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.names().0
    }

    pub(crate) fn id_field(self) -> &'static str {
        self.names().1
    }

    /// Whether the ids are numbers, as in Audience Manager, and not texts.
    pub(crate) fn has_numbers(self) -> bool {
        !matches!(
            self,
            Self::Sandboxes
                | Self::Audiences
                | Self::MergePolicies
                | Self::ExternalAudienceOperations
                | Self::ExternalAudienceRuns
                | Self::Flows
                | Self::TargetConnections
                | Self::FlowRuns
        )
    }

    /// The sequence of ids that the kind counts in, and its first number: traits and segments share one
    /// (audience-manager.md §4.1), and so do the two kinds of folders.
    fn sequence(self) -> (usize, u64) {
        match self {
            Self::DataSources => (0, 29_000),
            Self::TraitFolders | Self::SegmentFolders => (1, 325_000),
            Self::Destinations => (2, 4_700),
            Self::Mappings => (3, 810_000),
            Self::Models => (4, 770),
            Self::DerivedSignals => (6, 51_000),
            _ => (5, 16_448_000),
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Number(u64),
    Text(String),
}

impl Key {
    pub(crate) fn of(kind: Kind, object: &Object) -> Option<Self> {
        let value = object.get(kind.id_field())?;
        if kind.has_numbers() {
            number(value).map(Self::Number)
        } else {
            value.as_str().map(|text| Self::Text(text.to_owned()))
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Number(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.clone()),
        }
    }
}

/// A number, or a string that holds one: clients send both (audience-manager.md §2.4).
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(crate) fn number_of(object: &Object, field: &str) -> Option<u64> {
    object.get(field).and_then(number)
}

/// A copy of the member; null where there is none.
pub(crate) fn value_of(object: &Object, field: &str) -> Value {
    object.get(field).cloned().unwrap_or_default()
}

pub(crate) fn text_of<'a>(object: &'a Object, field: &str) -> Option<&'a str> {
    object.get(field).and_then(Value::as_str)
}

/// The order of two members: numbers by their size, all else by its text as `folded`.
pub(crate) fn compare(
    left: Option<&Value>,
    right: Option<&Value>,
    folded: fn(&str) -> String,
) -> Ordering {
    if let (Some(Value::Number(left)), Some(Value::Number(right))) = (left, right) {
        let ordering = left.as_f64().partial_cmp(&right.as_f64());
        return ordering.unwrap_or(Ordering::Equal);
    }
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => folded(text),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    text(left).cmp(&text(right))
}

#[derive(Debug, Clone, Default)]
struct Collection {
    objects: BTreeMap<Key, Object>,
    by_source: BTreeMap<u64, BTreeSet<Key>>,
    by_code: BTreeMap<String, BTreeSet<Key>>,
    by_folder: BTreeMap<u64, BTreeSet<Key>>,
    by_trait: BTreeMap<u64, BTreeSet<Key>>,
    /// By `pid`; an object that names none belongs to every company.
    by_company: BTreeMap<Option<u64>, usize>,
    by_type: BTreeMap<(Option<u64>, String), usize>,
}

/// What a change was before it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    kind: Kind,
    key: Key,
    before: Option<Object>,
    /// Nobody asked for it: the service did it by itself.
    by_service: bool,
}

/// What `rewind` took away.
#[derive(Debug)]
pub(crate) struct Rewound(Vec<(Kind, Key, Option<Object>)>);

/// How many writes a stale list can reach back.
const JOURNAL_WRITES: usize = 256;

#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    collections: [Collection; Kind::ALL.len()],
    journal: VecDeque<Vec<Change>>,
    open: Vec<Change>,
    /// By the number of the sequence.
    next_ids: [u64; 7],
}

impl Store {
    pub(crate) fn get(&self, kind: Kind, key: &Key) -> Option<&Object> {
        self.collections[kind.index()].objects.get(key)
    }

    pub(crate) fn number(&self, kind: Kind, id: u64) -> Option<&Object> {
        self.get(kind, &Key::Number(id))
    }

    pub(crate) fn text(&self, kind: Kind, id: &str) -> Option<&Object> {
        self.get(kind, &Key::Text(id.to_owned()))
    }

    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.collections[kind.index()].objects.values()
    }

    /// How many objects of an Audience Manager kind a company has.
    pub(crate) fn count(&self, kind: Kind, pid: u64) -> usize {
        let by_company = &self.collections[kind.index()].by_company;
        by_company.get(&Some(pid)).copied().unwrap_or(0)
            + by_company.get(&None).copied().unwrap_or(0)
    }

    /// How many traits of a company have this `traitType`.
    pub(crate) fn count_of_type(&self, pid: u64, trait_type: &str) -> usize {
        let by_type = &self.collections[Kind::Traits.index()].by_type;
        [Some(pid), None]
            .into_iter()
            .filter_map(|pid| by_type.get(&(pid, trait_type.to_owned())))
            .sum()
    }

    pub(crate) fn in_source(&self, kind: Kind, source: u64) -> Vec<&Object> {
        self.resolve(kind, self.collections[kind.index()].by_source.get(&source))
    }

    /// By integration code; audiences by their `audienceId`.
    pub(crate) fn with_code(&self, kind: Kind, code: &str) -> Vec<&Object> {
        self.resolve(kind, self.collections[kind.index()].by_code.get(code))
    }

    /// Traits or segments in a folder; for the folder kinds, its sub-folders; the mappings of a destination.
    pub(crate) fn in_folder(&self, kind: Kind, folder: u64) -> Vec<&Object> {
        self.resolve(kind, self.collections[kind.index()].by_folder.get(&folder))
    }

    pub(crate) fn segments_using(&self, sid: u64) -> Vec<&Object> {
        let kind = Kind::Segments;
        self.resolve(kind, self.collections[kind.index()].by_trait.get(&sid))
    }

    /// The mappings of a segment to any destination, deleted ones among them.
    pub(crate) fn mappings_of(&self, sid: u64) -> Vec<&Object> {
        let kind = Kind::Mappings;
        self.resolve(kind, self.collections[kind.index()].by_trait.get(&sid))
    }

    fn resolve(&self, kind: Kind, keys: Option<&BTreeSet<Key>>) -> Vec<&Object> {
        let objects = &self.collections[kind.index()].objects;
        keys.into_iter()
            .flatten()
            .filter_map(|key| objects.get(key))
            .collect()
    }

    /// Whoever writes asked for this change of an object. With [`Self::set_by_service`] the one way in which an object
    /// appears, changes or goes.
    pub(crate) fn set(&mut self, kind: Kind, key: Key, object: Option<Object>) {
        self.write(kind, key, object, false);
    }

    /// The service changes an object by itself because another one was written.
    pub(crate) fn set_by_service(&mut self, kind: Kind, key: Key, object: Option<Object>) {
        self.write(kind, key, object, true);
    }

    fn write(&mut self, kind: Kind, key: Key, object: Option<Object>, by_service: bool) {
        let before = self.replace(kind, key.clone(), object);
        self.open.push(Change {
            kind,
            key,
            before,
            by_service,
        });
    }

    fn replace(&mut self, kind: Kind, key: Key, object: Option<Object>) -> Option<Object> {
        if let Key::Number(id) = key {
            let next = &mut self.next_ids[kind.sequence().0];
            *next = (*next).max(id.saturating_add(1));
        }
        let collection = &mut self.collections[kind.index()];
        let before = collection.objects.remove(&key);
        if let Some(before) = &before {
            collection.index(kind, &key, before, false);
        }
        if let Some(object) = object {
            collection.index(kind, &key, &object, true);
            collection.objects.insert(key, object);
        }
        before
    }

    /// The objects that were written since the last write ended, each as it was before and whether the service wrote it
    /// by itself.
    pub(crate) fn open_changes(&self) -> impl Iterator<Item = (Kind, &Key, Option<&Object>, bool)> {
        self.open.iter().map(|change| {
            (
                change.kind,
                &change.key,
                change.before.as_ref(),
                change.by_service,
            )
        })
    }

    /// Ends a write: what changed since the last one is one step of the journal.
    pub(crate) fn commit(&mut self) {
        if self.open.is_empty() {
            return;
        }
        self.journal.push_back(std::mem::take(&mut self.open));
        if self.journal.len() > JOURNAL_WRITES {
            self.journal.pop_front();
        }
    }

    /// Takes the objects back to where they were `writes` writes ago; `restore` brings them forward again. Nothing may
    /// be written in between.
    pub(crate) fn rewind(&mut self, writes: usize) -> Rewound {
        let steps: Vec<Change> = self
            .journal
            .iter()
            .rev()
            .take(writes)
            .flat_map(|step| step.iter().rev())
            .cloned()
            .collect();
        let mut redo = Vec::with_capacity(steps.len());
        for Change {
            kind, key, before, ..
        } in steps
        {
            let after = self.replace(kind, key.clone(), before);
            redo.push((kind, key, after));
        }
        Rewound(redo)
    }

    pub(crate) fn restore(&mut self, rewound: Rewound) {
        for (kind, key, after) in rewound.0.into_iter().rev() {
            self.replace(kind, key, after);
        }
    }

    pub(crate) fn new_id(&self, kind: Kind) -> u64 {
        let (sequence, first) = kind.sequence();
        self.next_ids[sequence].max(first)
    }

    /// Ids that were given once are never given again, also by a new state.
    pub(crate) fn count_on_from(&mut self, before: &Self) {
        for (next, given) in self.next_ids.iter_mut().zip(before.next_ids) {
            *next = (*next).max(given);
        }
    }

    /// Forgets what was written so far, so that a stale list cannot reach behind a new state.
    pub(crate) fn forget_history(&mut self) {
        self.open.clear();
        self.journal.clear();
    }
}

impl Collection {
    fn index(&mut self, kind: Kind, key: &Key, object: &Object, add: bool) {
        match kind {
            Kind::Traits | Kind::Segments => {
                let source = number_of(object, "dataSourceId");
                put(&mut self.by_source, source, key, add);
                put(&mut self.by_folder, number_of(object, "folderId"), key, add);
            }
            Kind::TraitFolders | Kind::SegmentFolders => {
                let parent = number_of(object, "parentFolderId").unwrap_or(0);
                put(&mut self.by_folder, Some(parent), key, add);
            }
            Kind::Mappings => {
                let destination = number_of(object, "destinationId");
                put(&mut self.by_folder, destination, key, add);
                put(&mut self.by_trait, number_of(object, "sid"), key, add);
            }
            Kind::Audiences => {
                let id = text_of(object, "audienceId").map(str::to_owned);
                return put(&mut self.by_code, id, key, add);
            }
            Kind::DataSources | Kind::Destinations | Kind::Models | Kind::DerivedSignals => {}
            Kind::Sandboxes
            | Kind::MergePolicies
            | Kind::ExternalAudienceOperations
            | Kind::ExternalAudienceRuns
            | Kind::Flows
            | Kind::TargetConnections
            | Kind::FlowRuns => return,
        }
        let pid = number_of(object, "pid");
        count(&mut self.by_company, pid, add);
        let code = text_of(object, "integrationCode").map(str::to_owned);
        put(&mut self.by_code, code, key, add);
        if kind == Kind::Segments {
            let rule = text_of(object, "segmentRule").unwrap_or_default();
            for sid in referenced_sids(rule) {
                put(&mut self.by_trait, Some(sid), key, add);
            }
        }
        if kind == Kind::Traits {
            let trait_type = text_of(object, "traitType").unwrap_or_default();
            count(&mut self.by_type, (pid, trait_type.to_owned()), add);
        }
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, of: K, add: bool) {
    let count = counts.entry(of).or_default();
    *count = if add {
        *count + 1
    } else {
        count.saturating_sub(1)
    };
}

fn put<K: Ord>(index: &mut BTreeMap<K, BTreeSet<Key>>, at: Option<K>, key: &Key, add: bool) {
    let Some(at) = at else {
        return;
    };
    if add {
        index.entry(at).or_default().insert(key.clone());
        return;
    }
    if let Some(keys) = index.get_mut(&at) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(&at);
        }
    }
}
