//! SIGKILL at every call of an operation: before its effect, and after it but before its answer. The container starts
//! again in its Pod, under the same identity, and ends where an undisturbed run ends.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use testbed::{Gate, Ledger, Moment, Passage, Target};

use crate::harness::{LOYAL_GAMERS, SECRET, World, audience};
use crate::judges;

/// Every call to Adobe, and every write to the API server but the renewals of the Lease, which come by the clock.
fn counts(passage: &Passage) -> bool {
    match passage.target {
        Target::Kubernetes => {
            passage.is_write() && !(judges::is_of_lease(passage) && passage.method == "PUT")
        }
        Target::Ims | Target::AudienceManager | Target::ExperiencePlatform => true,
    }
}

/// Where the operator dies: at a call named by its kind, since the order of independent calls is chance.
#[derive(Clone, Debug)]
struct Point {
    kind: String,
    /// From 1: the how-manyeth of its kind.
    number: usize,
    moment: Moment,
}

impl Point {
    /// A kind that an operation has is met in every run of it; how often a status is written on the way varies, and an
    /// Event trails behind the end.
    fn is_certain(&self) -> bool {
        self.number == 1 && !self.kind.ends_with("/events")
    }
}

/// Both moments of each call; `operation` is for the count that is printed.
fn points(operation: &str, trace: &[Passage]) -> Vec<Point> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut points = Vec::new();
    for passage in trace {
        let kind = kind(passage);
        let number = numbers.entry(kind.clone()).or_default();
        *number += 1;
        for moment in [Moment::BeforeEffect, Moment::BeforeAnswer] {
            points.push(Point {
                kind: kind.clone(),
                number: *number,
                moment,
            });
        }
    }
    println!(
        "{operation}: {} calls, {} points",
        trace.len(),
        points.len()
    );
    points
}

fn kind(passage: &Passage) -> String {
    judges::template(&passage.method, &passage.path)
}

/// An operator behind a gate.
struct Life {
    world: World,
    gate: Gate,
    ledger: Ledger,
}

impl Life {
    async fn begin() -> Self {
        let ledger = Ledger::default();
        let (world, gate) = World::behind_a_gate("operator-0", &ledger).await;
        Self {
            world,
            gate,
            ledger,
        }
    }

    /// Acts and waits for the end, undisturbed; the calls that count, in order.
    async fn undisturbed(
        &self,
        act: impl AsyncFn(&World),
        over: impl AsyncFn(&World),
    ) -> Vec<Passage> {
        let before = self.ledger.passages().len();
        act(&self.world).await;
        over(&self.world).await;
        let mut passages = self.ledger.passages().split_off(before);
        passages.retain(counts);
        passages
    }

    /// Acts, kills the operator at the point, starts it again and waits for the end.
    async fn interrupted(
        &mut self,
        point: &Point,
        act: impl AsyncFn(&World),
        over: impl AsyncFn(&World),
    ) {
        let wanted = point.kind.clone();
        let matching = move |passage: &Passage| counts(passage) && kind(passage) == wanted;
        let mut held = self.gate.hold(point.number, point.moment, matching);
        act(&self.world).await;
        let came_first = tokio::select! {
            reached = held.reached() => Some(reached.is_some()),
            () = over(&self.world) => None,
        };
        let is_reached = match came_first {
            Some(reached) => reached,
            // What the last call did is seen before its answer comes to the gate.
            None if point.is_certain() => {
                let reached = tokio::time::timeout(ANSWER_WITHIN, held.reached()).await;
                reached.is_ok_and(|reached| reached.is_some())
            }
            None => false,
        };
        assert!(is_reached || !point.is_certain(), "never came to {point:?}");
        if is_reached {
            self.kill().await;
            over(&self.world).await;
        }
    }

    /// The container dies and starts again in its Pod: another process of the same name and uid.
    async fn kill(&mut self) {
        let log = std::fs::read_to_string(self.world.operator.log_file()).unwrap();
        assert!(!log.contains("panicked"), "{log}");
        assert!(!log.contains(SECRET), "the secret is in the log");
        self.world.operator.kill().unwrap();
        self.world.operator = self.world.start_behind(&self.gate).await;
    }

    /// Everything that the kill may not have spoiled; `changes`: how often the tenant was changed since the log was
    /// cleared.
    async fn judge(&self, declared: &[&str], changes: &BTreeMap<String, usize>, when: &str) {
        let faults = judges::faults(&self.world, declared).await;
        assert_eq!(faults, Vec::<String>::new(), "{when}");
        assert_eq!(judges::changes(&self.world).await, *changes, "{when}");
        assert_eq!(
            self.world.changes.violations(),
            Vec::<String>::new(),
            "{when}"
        );
    }
}

/// From the effect of a call at the API server to its answer at the gate.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn counted<const N: usize>(changes: [(&str, usize); N]) -> BTreeMap<String, usize> {
    changes.map(|(kind, times)| (kind.to_owned(), times)).into()
}

/// Lives side by side: each waits for processes most of its time.
const LIVES_AT_ONCE: usize = 3;

#[tokio::test]
async fn killed_at_any_call_of_a_creation_it_makes_everything_once() {
    let declare = async |world: &World| {
        world.connect().await;
        world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    };
    let stands = async |world: &World| {
        world.ready("loyal").await;
        world
            .until("sharingconnection", "acme", "True", "Succeeded")
            .await;
    };
    let made = counted([
        ("POST /v1/datasources/", 1),
        ("POST /v1/folders/traits/", 1),
        ("POST /v1/folders/segments/", 1),
        ("POST /v1/traits/", 1),
        ("POST /v1/segments/", 1),
    ]);
    let life = Life::begin().await;
    let trace = life.undisturbed(declare, stands).await;
    life.judge(&["loyal"], &made, "undisturbed").await;
    let lives = futures::stream::iter(points("creation", &trace)).for_each_concurrent(
        LIVES_AT_ONCE,
        async |point| {
            let mut life = Life::begin().await;
            life.interrupted(&point, declare, stands).await;
            life.judge(&["loyal"], &made, &format!("{point:?}")).await;
            judges::assert_calm(&life.world, &life.ledger, "loyal").await;
        },
    );
    lives.await;
}

/// The audience in its `number`th version: every text differs from the last one, and its additional segment is another.
pub(crate) fn version(name: &str, source: &str, number: usize) -> Value {
    let mut audience = audience(name, source);
    let segment = json!({
        "key": format!("extra-{number}"), "name": format!("{name} extra {number}"), "rule": "{trait} AND 16440001T",
    });
    audience["spec"]["target"] = json!({"audienceManager": {
        "name": format!("{name} version {number}"), "ttlDays": 30 + number, "additionalSegments": [segment],
    }});
    audience
}

#[tokio::test]
async fn killed_at_any_call_of_a_change_it_changes_everything_once() {
    let declare = |number| {
        async move |world: &World| {
            world.control.clear_calls().await.unwrap();
            world.apply(&version("loyal", LOYAL_GAMERS, number)).await;
        }
    };
    let stands = async |world: &World| {
        world.ready("loyal").await;
    };
    let changed = counted([
        ("PUT /v1/traits/{id}", 1),
        ("PUT /v1/segments/{id}", 1),
        ("POST /v1/segments/", 1),
        ("DELETE /v1/segments/{id}", 1),
    ]);
    let mut life = Life::begin().await;
    life.world.connect().await;
    life.world.apply(&version("loyal", LOYAL_GAMERS, 0)).await;
    stands(&life.world).await;
    life.world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    let trace = life.undisturbed(declare(1), stands).await;
    life.judge(&["loyal"], &changed, "undisturbed").await;
    for (number, point) in (2..).zip(points("change", &trace)) {
        life.interrupted(&point, declare(number), stands).await;
        let when = format!("{point:?}");
        life.judge(&["loyal"], &changed, &when).await;
    }
    judges::assert_calm(&life.world, &life.ledger, "loyal").await;
}

#[tokio::test]
async fn killed_at_any_call_of_a_deletion_it_takes_all_that_is_ours_and_nothing_else() {
    let delete = async |world: &World| {
        world.control.clear_calls().await.unwrap();
        world
            .kubectl(&["delete", "sharedaudience", "loyal", "--wait=false"])
            .await;
    };
    let is_gone = async |world: &World| world.gone("sharedaudience", "loyal").await;
    let deleted = counted([
        ("DELETE /v1/segments/{id}", 1),
        ("DELETE /v1/traits/{id}", 1),
    ]);
    let mut life = Life::begin().await;
    life.world.connect().await;
    life.world.share("loyal", LOYAL_GAMERS).await;
    life.world
        .until("sharingconnection", "acme", "True", "Succeeded")
        .await;
    let trace = life.undisturbed(delete, is_gone).await;
    life.judge(&[], &deleted, "undisturbed").await;
    for point in points("deletion", &trace) {
        life.world.share("loyal", LOYAL_GAMERS).await;
        life.interrupted(&point, delete, is_gone).await;
        life.judge(&[], &deleted, &format!("{point:?}")).await;
    }
    life.world.share("loyal", LOYAL_GAMERS).await;
    judges::assert_calm(&life.world, &life.ledger, "loyal").await;
}

const ROUNDS: usize = 20;
/// A round's kill comes at one of this many calls, or at rest where there are fewer.
const CALLS_OF_A_ROUND: usize = 12;
/// A failing history is played again.
const SEED: u64 = 7;

const SOURCES: [(&str, &str); 3] = [
    ("loyal", LOYAL_GAMERS),
    ("readers", "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01"),
    ("abandoners", "d3f602b4-9e5c-402b-8c88-4b6fbe309c03"),
];

/// Which of the sources are declared, in which version.
#[derive(Default)]
struct Declared(BTreeMap<usize, usize>);

impl Declared {
    fn names(&self) -> Vec<&'static str> {
        self.0.keys().map(|source| SOURCES[*source].0).collect()
    }

    async fn stands(&self, world: &World) {
        for (source, (name, _)) in SOURCES.iter().enumerate() {
            match self.0.contains_key(&source) {
                true => drop(world.ready(name).await),
                false => world.gone("sharedaudience", name).await,
            }
        }
    }
}

#[tokio::test]
async fn killed_at_random_calls_while_manifests_change_it_ends_as_declared() {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut life = Life::begin().await;
    life.world.connect().await;
    life.world.control.clear_calls().await.unwrap();
    let mut declared = Declared::default();
    let mut created = 0;
    for round in 0..ROUNDS {
        let number = rng.usize(1..=CALLS_OF_A_ROUND);
        let moments = [Moment::BeforeEffect, Moment::BeforeAnswer];
        let moment = rng.choice(moments).expect("there are two");
        let source = rng.usize(..SOURCES.len());
        let (name, id) = SOURCES[source];
        let is_declared = declared.0.contains_key(&source);
        if !is_declared {
            // Applied while the last one of its name still goes, it would go with it.
            life.world.gone("sharedaudience", name).await;
            created += 1;
        }
        let deletes = is_declared && rng.u8(..3) == 0;
        match deletes {
            true => drop(declared.0.remove(&source)),
            false => drop(declared.0.insert(source, round)),
        }
        let mut held = life.gate.hold(number, moment, counts);
        match deletes {
            true => drop(
                life.world
                    .kubectl(&["delete", "sharedaudience", name, "--wait=false"])
                    .await,
            ),
            false => life.world.apply(&version(name, id, round)).await,
        }
        tokio::select! {
            _ = held.reached() => {}
            () = declared.stands(&life.world) => {}
        }
        // The next round does not wait for what this one began.
        life.kill().await;
    }
    declared.stands(&life.world).await;
    let names = declared.names();
    let faults = judges::faults(&life.world, &names).await;
    assert_eq!(faults, Vec::<String>::new());
    let changes = judges::changes(&life.world).await;
    let traits = changes.get("POST /v1/traits/").copied().unwrap_or_default();
    assert!(
        traits <= created,
        "{traits} traits for {created} audiences: {changes:?}"
    );
    assert!(
        created > 4 && declared.0.len() < created,
        "creations and deletions were among the rounds"
    );
    let name = names.first().expect("one is declared at the end");
    judges::assert_calm(&life.world, &life.ledger, name).await;
}
