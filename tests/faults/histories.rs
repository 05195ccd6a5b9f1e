//! Random histories: what users, marketers, other people, machines and clocks do to two connections and five audiences, in
//! any order. Each ends in calm, and is judged then (peers.md §4.6, T38 in small).
//!
//! `make histories N=10000` runs many. A failing one is shrunk to the steps that it needs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::operations::{LOYAL_GAMERS, OTHER};
use crate::operator::{NAMESPACE, OWNER, World, connection, secret, seed, set_skew};
use crate::run::on_virtual_time;
use crate::virtual_time;
use crate::{oracles, standing, verdict};

/// Each with its connection and its source; the first two ask for the same.
const AUDIENCES: [(&str, &str, &str); 5] = [
    ("loyal", "acme", LOYAL_GAMERS),
    ("loyal-again", "acme", LOYAL_GAMERS),
    ("readers", "acme", OTHER),
    ("carts", "beta", "d3f602b4-9e5c-402b-8c88-4b6fbe309c03"),
    ("prospects", "beta", "a0009aab-1111-4222-8333-00000007fd7d"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletion {
    Delete,
    Retain,
}

/// A field of an object of ours that a person changes by hand.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Name,
    Mark,
    Rule,
    Folder,
    Ttl,
}

#[derive(Clone, Debug)]
enum Step {
    /// A user declares an audience, or edits it.
    Apply {
        audience: usize,
        variant: usize,
    },
    Delete {
        audience: usize,
        policy: Deletion,
    },
    LookNow {
        audience: usize,
    },
    /// A marketer renames a source.
    Rename {
        audience: usize,
    },
    /// A marketer labels a source, or takes its labels away.
    Label {
        audience: usize,
        labels: &'static [&'static str],
    },
    /// A person edits or deletes what we made.
    EditTrait {
        which: usize,
        edit: Edit,
    },
    EditSegment {
        which: usize,
        edit: Edit,
    },
    DeleteTrait {
        which: usize,
    },
    DeleteSegment {
        which: usize,
    },
    /// Another tool makes something that looks like ours elsewhere.
    Foreign {
        audience: usize,
    },
    /// The credential is wrong for a while.
    WrongSecret {
        seconds: u64,
    },
    Fault {
        ahead: usize,
        fault: Fault,
    },
    Restart,
    Kill,
    /// The operator's clock is wrong from now on, by minutes.
    Skew {
        minutes: i64,
    },
    /// The API server forgets the past: watches start anew.
    Compact,
    Wait {
        seconds: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let audience = || 0..AUDIENCES.len();
    let edit = || {
        select(vec![
            Edit::Name,
            Edit::Mark,
            Edit::Rule,
            Edit::Folder,
            Edit::Ttl,
        ])
    };
    let step = prop_oneof![
        8 => (audience(), 0..VARIANTS).prop_map(|(audience, variant)| Step::Apply { audience, variant }),
        3 => (audience(), select(vec![Deletion::Delete, Deletion::Delete, Deletion::Retain]))
            .prop_map(|(audience, policy)| Step::Delete { audience, policy }),
        2 => audience().prop_map(|audience| Step::LookNow { audience }),
        2 => audience().prop_map(|audience| Step::Rename { audience }),
        2 => (audience(), select(LABELS.to_vec())).prop_map(|(audience, labels)| Step::Label { audience, labels }),
        2 => (any::<usize>(), edit()).prop_map(|(which, edit)| Step::EditTrait { which, edit }),
        2 => (any::<usize>(), edit()).prop_map(|(which, edit)| Step::EditSegment { which, edit }),
        1 => any::<usize>().prop_map(|which| Step::DeleteTrait { which }),
        1 => any::<usize>().prop_map(|which| Step::DeleteSegment { which }),
        1 => audience().prop_map(|audience| Step::Foreign { audience }),
        1 => (1..400u64).prop_map(|seconds| Step::WrongSecret { seconds }),
        10 => (1..25usize, select(Fault::ALL.to_vec())).prop_map(|(ahead, fault)| Step::Fault { ahead, fault }),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
        1 => select(vec![-61, 0, 61]).prop_map(|minutes| Step::Skew { minutes }),
        1 => Just(Step::Compact),
        8 => prop_oneof![0..3u64, 3..90u64, 90..1_000u64].prop_map(|seconds| Step::Wait { seconds }),
    ];
    proptest::collection::vec(step, 4..24)
}

const VARIANTS: usize = 6;

/// All of them such that the operator can follow by itself.
const LABELS: [&[&str]; 3] = [&[], &["core/C3"], &["core/C3", "core/C8", "custom/finance"]];

fn declared(audience: usize, variant: usize) -> Value {
    let (name, connection, source) = AUDIENCES[audience];
    let segment = |key: &str| json!({"key": key, "name": format!("{name} and {key}"), "rule": "{trait} AND 16440001T"});
    let target = match variant {
        0 => json!({}),
        1 => json!({"name": format!("{name}, named"), "ttlDays": 30}),
        2 => json!({"description": "Described by hand"}),
        3 => json!({"additionalSegments": [segment("one")]}),
        4 => json!({"additionalSegments": [segment("one"), segment("two")]}),
        _ => json!({"additionalSegments": [segment("two")], "name": "ümläut & <tag>"}),
    };
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharedAudience", "metadata": {"name": name},
        "spec": {
            "connectionRef": {"name": connection}, "source": {"experiencePlatform": {"id": source}},
            "target": {"audienceManager": target}, "adoptionPolicy": "Adopt",
        },
    })
}

fn mark_of(name: &str) -> String {
    standing::mark(
        OWNER,
        &json!({"metadata": {"namespace": NAMESPACE, "name": name}}),
    )
}

/// What happened in all histories, so that one that never does a thing is seen.
#[derive(Default)]
struct Seen {
    steps: BTreeMap<String, usize>,
    faults: BTreeMap<String, usize>,
    calls: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
}

impl Seen {
    fn count(counts: &mut BTreeMap<String, usize>, what: String) {
        *counts.entry(what).or_default() += 1;
    }

    fn note(&mut self, world: &World, steps: &[Step]) {
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
                let path = call.path.split('?').next().unwrap_or_default();
                let what = path.trim_matches(|letter: char| letter == '/' || letter.is_numeric());
                Self::count(&mut self.calls, format!("{} {what}", call.method));
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

struct History {
    world: World,
    /// The tenant without what a person changed since.
    before: Value,
    retained: BTreeSet<String>,
    lease_was_lost: bool,
}

impl History {
    fn start() -> Self {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(connection("beta"));
        world.start_operator();
        world.choke_point.snapshot();
        let before = world.simulator.state();
        Self {
            world,
            before,
            retained: BTreeSet::new(),
            lease_was_lost: false,
        }
    }

    async fn take(&mut self, step: &Step) {
        let world = &self.world;
        match *step {
            Step::Apply { audience, variant } => {
                let name = AUDIENCES[audience].0;
                // A name that still leaves cannot be declared anew.
                if !world.audience(name)["metadata"]["deletionTimestamp"].is_string() {
                    world.apply(declared(audience, variant));
                    self.retained.remove(&mark_of(name));
                }
            }
            Step::Delete { audience, policy } => {
                let name = AUDIENCES[audience].0;
                let known = world.audience(name);
                if known.is_null() || known["metadata"]["deletionTimestamp"].is_string() {
                    return;
                }
                if policy == Deletion::Retain {
                    world.edit(name, &json!({"spec": {"deletionPolicy": "Retain"}}));
                    self.retained.insert(mark_of(name));
                }
                world.delete(name);
            }
            Step::LookNow { audience } => world.look_now(AUDIENCES[audience].0),
            Step::Rename { audience } => {
                let id = AUDIENCES[audience].2;
                let name = format!("Renamed at {}", world.cluster.version());
                world.person("audiences", id, &json!({"name": name}));
            }
            Step::Label { audience, labels } => {
                let labels = json!({"labels": labels});
                world.person("audiences", AUDIENCES[audience].2, &labels);
            }
            Step::EditTrait { which, edit } => self.edit("traits", which, edit),
            Step::EditSegment { which, edit } => self.edit("segments", which, edit),
            Step::DeleteTrait { which } => self.delete("traits", which),
            Step::DeleteSegment { which } => self.delete("segments", which),
            Step::Foreign { audience } => self.make_foreign(AUDIENCES[audience].2),
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

    fn ours(&self, collection: &str, which: usize) -> Option<Value> {
        let state = self.world.simulator.state();
        let ours: Vec<Value> = standing::of_ours(OWNER, &state, collection)
            .cloned()
            .collect();
        (!ours.is_empty()).then(|| ours[which % ours.len()].clone())
    }

    fn edit(&self, collection: &str, which: usize, edit: Edit) {
        let Some(object) = self.ours(collection, which) else {
            return;
        };
        let rule = match collection {
            "traits" => "traitRule",
            _ => "segmentRule",
        };
        let patch = match edit {
            Edit::Name => json!({"name": "Renamed by hand"}),
            Edit::Mark => json!({"description": "Described by a person"}),
            Edit::Rule if collection == "traits" => json!({rule: "segid == \"another\""}),
            Edit::Rule => json!({rule: "16440001T"}),
            Edit::Folder => json!({"folderId": 0}),
            Edit::Ttl if collection == "traits" => json!({"ttl": 7}),
            Edit::Ttl => json!({"status": "INACTIVE"}),
        };
        self.world
            .person(collection, &object["sid"].to_string(), &patch);
    }

    fn delete(&self, collection: &str, which: usize) {
        if let Some(object) = self.ours(collection, which) {
            self.world
                .person_deletes(collection, &object["sid"].to_string());
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
        for (name, _, _) in AUDIENCES {
            self.world.look_now(name);
        }
        let mut failures = verdict::at_rest(&self.world, &self.before, &self.retained).await;
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

async fn play(steps: &[Step], seen: &RefCell<Seen>) -> Vec<String> {
    let mut history = History::start();
    for step in steps {
        history.take(step).await;
    }
    let failures = history.calm().await;
    seen.borrow_mut().note(&history.world, steps);
    failures
}

/// How many histories; few in `make test`.
#[expect(clippy::disallowed_methods, reason = "how a person asks for many")]
fn count() -> u32 {
    let asked = std::env::var("HISTORIES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(400)
}

#[expect(clippy::disallowed_methods, reason = "how a person asks for others")]
fn first_seed() -> u8 {
    let asked = std::env::var("HISTORIES_SEED").ok();
    asked.and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

#[test]
fn every_history_ends_as_declared() {
    let config = Config {
        cases: count(),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[first_seed(); 32]);
    let seen = RefCell::new(Seen::default());
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps(), |steps| {
        let failures = on_virtual_time(play(&steps, &seen));
        match failures.is_empty() {
            true => Ok(()),
            false => Err(TestCaseError::fail(format!("{failures:#?}"))),
        }
    });
    let seen = seen.into_inner();
    println!("steps {:?}", seen.steps);
    println!("faults {:?}", seen.faults);
    println!("writes {:?}", seen.calls);
    println!("reasons {:?}", seen.reasons);
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // Every kind of step and nearly every kind of fault happened: a history that never does a thing shows nothing.
    assert_eq!(seen.steps.len(), 17, "{:?}", seen.steps.keys());
    assert!(seen.faults.len() >= 15, "{:?}", seen.faults.keys());
}
