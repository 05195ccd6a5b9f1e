//! Random histories: what users, marketers, other people, machines and clocks do to two connections and ten audiences of
//! both directions, in any order. Each ends in calm, and is judged then (peers.md §4.6, T38 in small).
//!
//! `make histories N=10000` runs many. A failing one is shrunk to the steps that it needs, and kept in `kept.rs`.

mod declared;
mod kept;
mod many;
mod steps;
mod switches;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use adobe_simulator::Preset;
use jiff::SignedDuration;
use serde_json::{Value, json};

use self::declared::{SHARES, Source, declared, make_sources, mark_of};
use self::steps::{Deletion, Edit, MappingEdit, Step};
use self::switches::{Switch, turn};
use crate::choke_point::Call;
use crate::cluster::finalizers;
use crate::fault::Fault;
use crate::operations::{deliver, destinations};
use crate::operator::{OWNER, World, connection, secret, seed, set_skew};
use crate::virtual_time;
use crate::{oracles, standing, verdict};

/// What happened in all histories, so that one that never does a thing is seen.
#[derive(Default)]
struct Seen {
    switches: BTreeMap<String, usize>,
    steps: BTreeMap<String, usize>,
    faults: BTreeMap<String, usize>,
    calls: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
}

impl Seen {
    fn count(counts: &mut BTreeMap<String, usize>, what: String) {
        *counts.entry(what).or_default() += 1;
    }

    fn note(&mut self, world: &World, switches: &[Switch], steps: &[Step]) {
        for (name, value) in switches {
            Self::count(&mut self.switches, format!("{name}={value}"));
        }
        for step in steps {
            let text = format!("{step:?}");
            let word = text.split([' ', '{']).next().unwrap_or_default();
            Self::count(&mut self.steps, word.to_owned());
        }
        for (_, fault) in world.choke_point.played() {
            Self::count(&mut self.faults, format!("{fault:?}"));
        }
        for call in world.choke_point.calls() {
            if call.is_remote_write() {
                Self::count(&mut self.calls, kind_of(&call));
            }
        }
        for change in world.cluster.changes() {
            let (_, reason) = verdict::ready(&change.object);
            if !reason.is_empty() {
                Self::count(&mut self.reasons, reason);
            }
        }
    }
}

/// Method and path without ids.
fn kind_of(call: &Call) -> String {
    let path = call.path.split('?').next().unwrap_or_default();
    let is_id = |part: &str| part != "v1" && part.contains(|letter: char| letter.is_numeric());
    let parts = path.trim_matches('/').split('/');
    let parts = parts.map(|part| if is_id(part) { "{id}" } else { part });
    format!("{} {}", call.method, parts.collect::<Vec<_>>().join("/"))
}

struct History {
    world: World,
    /// The tenant with what a person changed of what is not ours.
    before: Value,
    retained: BTreeSet<String>,
    /// How what goes to Experience Platform was declared last, by the first share of its source.
    strategies: BTreeMap<usize, &'static str>,
    lease_was_lost: bool,
}

/// Those that ask for the source of this one, itself among them.
fn rivals(share: usize) -> impl Iterator<Item = &'static (&'static str, &'static str, Source)> {
    let source = SHARES[share].2;
    SHARES.iter().filter(move |rival| rival.2 == source)
}

impl History {
    fn start(preset: Preset, switches: &[Switch]) -> Self {
        let world = World::new(seed());
        turn(&world.simulator, preset, switches);
        world.copy_beside_without_codes();
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(connection("beta"));
        destinations(&world);
        make_sources(&world);
        world.start_operator();
        let before = world.tenant();
        Self {
            world,
            before,
            retained: BTreeSet::new(),
            strategies: BTreeMap::new(),
            lease_was_lost: false,
        }
    }

    async fn take(&mut self, step: &Step) {
        let world = &self.world;
        match *step {
            Step::Apply {
                share,
                variant,
                strategy,
            } => self.apply(share, variant, strategy),
            Step::Delete { share, policy } => self.delete(share, policy),
            Step::LookNow { share } => world.look_now(SHARES[share].0),
            Step::Rename { share } => {
                let name = format!("{} as of {}", SHARES[share].0, world.cluster.version());
                self.edit_source(share, &json!({"name": name}));
            }
            Step::Label { share, labels } => self.edit_source(share, &json!({"labels": labels})),
            Step::DeleteSource { share } => self.delete_source(share),
            Step::Deliver { share } => {
                if let Some((collection, sid)) = SHARES[share].2.stands() {
                    deliver(world, collection, sid.parse().unwrap());
                }
            }
            Step::EditTrait { which, edit } => self.edit("traits", which, edit),
            Step::EditSegment { which, edit } => self.edit("segments", which, edit),
            Step::EditAudience { which, edit } => self.edit("audiences", which, edit),
            Step::EditMapping { which, edit } => self.edit_mapping(which, edit),
            Step::DeleteTrait { which } => self.delete_by_hand("traits", which),
            Step::DeleteSegment { which } => self.delete_by_hand("segments", which),
            Step::DeleteAudience { which } => self.delete_by_hand("audiences", which),
            Step::Foreign { share } => {
                if let Source::Audience(id) = SHARES[share].2 {
                    self.make_foreign(id);
                }
            }
            Step::WrongSecret { seconds } => {
                let mut wrong = secret();
                wrong["data"]["clientSecret"] = json!("d3Jvbmc=");
                world.apply(wrong);
                virtual_time::passes(Duration::from_secs(seconds)).await;
                world.apply(secret());
            }
            Step::Fault { ahead, fault } => {
                // The one rival gives the lease back at a time of its own.
                let again = fault == Fault::LeaseLost && self.lease_was_lost;
                self.lease_was_lost |= fault == Fault::LeaseLost;
                if !again {
                    world.choke_point.plan(ahead, fault);
                }
            }
            Step::Restart => world.restart_operator().await,
            Step::Kill => {
                world.kill_operator();
                virtual_time::passes(Duration::from_secs(2)).await;
                world.start_operator();
            }
            Step::Skew { minutes } => set_skew(SignedDuration::from_mins(minutes)),
            Step::Compact => world.cluster.compact(),
            Step::Wait { seconds } => virtual_time::passes(Duration::from_secs(seconds)).await,
        }
    }

    fn apply(&mut self, share: usize, variant: usize, strategy: &'static str) {
        let known = self.world.audience(SHARES[share].0);
        // A name that still leaves cannot be declared anew.
        if known["metadata"]["deletionTimestamp"].is_string() || self.has_unnamed_mapping(&known) {
            return;
        }
        for (name, _, _) in rivals(share) {
            if known.is_null() && self.retained.contains(&mark_of(name)) {
                self.tear_retained(&mark_of(name));
            }
        }
        // Two that ask for one source ask for the same strategy: else both may come to stand.
        let is_shared = rivals(share).any(|(name, _, _)| !self.world.audience(name).is_null());
        let source = SHARES.iter().position(|rival| rival.2 == SHARES[share].2);
        let source = source.unwrap_or(share);
        let last = self.strategies.get(&source).filter(|_| is_shared);
        let strategy = last.copied().unwrap_or(strategy);
        self.strategies.insert(source, strategy);
        self.world.apply(declared(share, variant, strategy));
    }

    /// A mapping is, or may be on its way, that no status names. If its maker died now and a user took its destination
    /// out, nobody could know of it (ARCHITECTURE.md, what is known to be missing).
    fn has_unnamed_mapping(&self, known: &Value) -> bool {
        let declares = known["spec"].to_string().contains("\"destinations\"");
        let stands = verdict::ready(known).0 == "True"
            && known["status"]["observedGeneration"] == known["metadata"]["generation"];
        let state = self.world.tenant();
        let mark = standing::mark(OWNER, known);
        let own = standing::of_ours(OWNER, &state, "segments")
            .filter(|segment| segment["description"].to_string().contains(&mark));
        let named = standing::recorded_mappings(known);
        let mut mappings = own.flat_map(|segment| standing::mappings_of(&state, &segment["sid"]));
        let is_named =
            |mapping: &Value| named.contains(&mapping["destinationMappingId"].to_string());
        declares && (!stands || mappings.any(|mapping| !is_named(mapping)))
    }

    fn delete(&mut self, share: usize, policy: Deletion) {
        let name = SHARES[share].0;
        let known = self.world.audience(name);
        if known.is_null() || known["metadata"]["deletionTimestamp"].is_string() {
            return;
        }
        match policy {
            Deletion::Retain => {
                let retain = json!({"spec": {"deletionPolicy": "Retain"}});
                self.world.edit(name, &retain);
                self.retained.insert(mark_of(name));
                let mut others = rivals(share).filter(|(rival, _, _)| *rival != name);
                if others.any(|(rival, _, _)| !self.world.audience(rival).is_null()) {
                    self.tear_retained(&mark_of(name));
                }
            }
            // Where nobody has looked at it yet, what an earlier one of its name retained stays.
            Deletion::Delete if finalizers(&known).is_empty() => {}
            Deletion::Delete => drop(self.retained.remove(&mark_of(name))),
        }
        self.world.delete(name);
    }

    /// A mapping that was retained is a person's: it would hold the segment for ever, and is in no status of whoever takes
    /// the segment over.
    fn tear_retained(&self, mark: &str) {
        let state = self.world.tenant();
        let is_retained = |segment: &&Value| segment["description"].to_string().contains(mark);
        let segments = standing::of_ours(OWNER, &state, "segments").filter(is_retained);
        for mapping in segments.flat_map(|segment| standing::mappings_of(&state, &segment["sid"])) {
            let id = mapping["destinationMappingId"].to_string();
            let torn = json!({"elementStatus": "deleted"});
            self.world.person("mappings", &id, &torn);
        }
    }

    fn edit_source(&mut self, share: usize, patch: &Value) {
        if let Some((collection, id)) = SHARES[share].2.stands()
            && found(&self.before, collection, &id).is_some()
        {
            self.world.person(collection, &id, patch);
            self.remember(collection, &id);
        }
    }

    fn delete_source(&mut self, share: usize) {
        if let Some((collection, id)) = SHARES[share].2.stands() {
            self.world.person_deletes(collection, &id);
            self.remember(collection, &id);
        }
    }

    /// What a person made of an object that is not ours is as it shall stay.
    fn remember(&mut self, collection: &str, id: &str) {
        let state = self.world.tenant();
        let Some(at) = found(&self.before, collection, id) else {
            return;
        };
        let objects = self.before[collection].as_array_mut().unwrap();
        match found(&state, collection, id) {
            Some(now) => objects[at] = state[collection][now].clone(),
            None => drop(objects.remove(at)),
        }
    }

    fn ours(&self, collection: &str, which: usize) -> Option<Value> {
        let state = self.world.tenant();
        let ours: Vec<Value> = match collection {
            "mappings" => standing::of_ours(OWNER, &state, "segments")
                .flat_map(|segment| standing::mappings_of(&state, &segment["sid"]))
                .cloned()
                .collect(),
            _ => standing::of_ours(OWNER, &state, collection)
                .cloned()
                .collect(),
        };
        (!ours.is_empty()).then(|| ours[which % ours.len()].clone())
    }

    fn edit(&self, collection: &str, which: usize, edit: Edit) {
        let Some(object) = self.ours(collection, which) else {
            return;
        };
        let patch = match (edit, collection) {
            (Edit::Name, _) => json!({"name": "Renamed by hand"}),
            (Edit::Mark, _) => json!({"description": "Described by a person"}),
            (Edit::Rule, "traits") => json!({"traitRule": "segid == \"another\""}),
            (Edit::Rule, "segments") => json!({"segmentRule": "16440001T"}),
            (Edit::Rule, _) if object["type"] != "SegmentDefinition" => return,
            // With the mark alone it would be that person's, and another one is made (ARCHITECTURE.md, what is known to be
            // missing).
            (Edit::Rule, _) if !self.is_recorded(&object) => return,
            (Edit::Rule, _) => json!({"expression": {
                "type": "PQL", "format": "pql/text", "value": "workAddress.country = \"US\"",
            }}),
            (Edit::Folder, _) => json!({"folderId": 0}),
            (Edit::Ttl, "traits") => json!({"ttl": 7}),
            (Edit::Ttl, _) => json!({"status": "INACTIVE"}),
        };
        self.world.person(collection, &id_of(&object), &patch);
    }

    /// By a resource that is not about to hand it over.
    fn is_recorded(&self, audience: &Value) -> bool {
        let mut declared = self.world.audiences().into_iter();
        declared.any(|declared| {
            declared["status"]["experiencePlatform"]["id"] == audience["id"]
                && declared["metadata"]["deletionTimestamp"].is_null()
        })
    }

    fn edit_mapping(&self, which: usize, edit: MappingEdit) {
        let Some(mapping) = self.ours("mappings", which) else {
            return;
        };
        let patch = match edit {
            MappingEdit::Keys if mapping["url"].is_string() => {
                json!({"url": "https://by-hand.example"})
            }
            MappingEdit::Keys => json!({"traitAlias": "by-hand"}),
            MappingEdit::Pause => json!({"elementStatus": "inactive"}),
            MappingEdit::Tear => json!({"elementStatus": "deleted"}),
        };
        let id = mapping["destinationMappingId"].to_string();
        self.world.person("mappings", &id, &patch);
    }

    fn delete_by_hand(&self, collection: &str, which: usize) {
        if let Some(object) = self.ours(collection, which) {
            self.world.person_deletes(collection, &id_of(&object));
        }
    }

    /// The same name and code in another data source: never ours.
    fn make_foreign(&mut self, code: &str) {
        let data_sources = self.before["dataSources"].as_array().unwrap();
        let web = data_sources
            .iter()
            .find(|found| found["integrationCode"] == "web")
            .unwrap();
        let made = self.world.simulator.create_object("traits", json!({
            "pid": 1794, "name": "Loyal gamers", "description": "made by another tool", "integrationCode": code,
            "dataSourceId": web["dataSourceId"], "folderId": 0, "traitType": "ON_BOARDED_TRAIT",
            "traitRule": "segid == \"x\"", "ttl": 120,
        }));
        if let Ok(made) = made {
            self.before["traits"].as_array_mut().unwrap().push(made);
            self.world.choke_point.snapshot();
        }
    }

    /// Nothing goes wrong any more.
    async fn calm(&self) -> Vec<String> {
        self.world.choke_point.unplan();
        set_skew(SignedDuration::ZERO);
        // A process that a fault killed a moment ago is started again.
        virtual_time::passes(Duration::from_secs(300)).await;
        for (name, _, _) in SHARES {
            self.world.look_now(name);
        }
        let mut failures = verdict::at_rest(&self.world, &self.retained).await;
        let calls = self.world.choke_point.calls();
        let hours = calls.last().map_or(0, |last| {
            last.at.duration_since(calls[0].at).as_secs() / 3_600
        }) + 1;
        // Two connections with a pass of seven calls every ten minutes, and as much again for each step and fault.
        let allowed = 2 * 7 * 6 * hours as usize + 1_500;
        let made = oracles::remote_calls(&calls);
        if made > allowed {
            failures.push(format!("O5: {made} calls to Adobe in {hours} hours"));
        }
        failures
    }
}

/// Where an object with this id is in the collection.
fn found(state: &Value, collection: &str, id: &str) -> Option<usize> {
    let mut objects = state[collection].as_array()?.iter();
    objects.position(|object| id_of(object) == id)
}

/// Of a trait, a segment or an audience.
fn id_of(object: &Value) -> String {
    match object["id"].as_str() {
        Some(id) => id.to_owned(),
        None => object["sid"].to_string(),
    }
}

/// `seen`: what all histories come to.
async fn play(
    preset: Preset,
    switches: &[Switch],
    steps: &[Step],
    seen: &Mutex<Seen>,
) -> Vec<String> {
    let mut history = History::start(preset, switches);
    for step in steps {
        history.take(step).await;
    }
    let failures = history.calm().await;
    seen.lock().unwrap().note(&history.world, switches, steps);
    failures
}
