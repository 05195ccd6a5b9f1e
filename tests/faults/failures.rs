//! Every failure that a user can read of: made to happen, read as a user reads it, counted for an hour, and mended.
//!
//! `docs/troubleshooting.md` is what came out, beside what the table of reasons says; `make generate` writes it anew.

pub(crate) mod answers;
mod connections;
mod declared;
mod models;
mod objects;
mod page;
mod policies;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use audience_sharing_core::domain::reason::{Aspect, Outlook, Reason, Severity};
use serde_json::{Value, json};

use crate::choke_point::System;
use crate::cluster::Key;
use crate::operations::LOYAL_GAMERS;
use crate::operator::{
    NAMESPACE, OWNER, SYSTEM_NAMESPACE, World, audience, connection, secret, seed,
};
use crate::oracles;
use crate::run::{LOOK, on_virtual_time};
use crate::{standing, virtual_time};

type Act = fn(&World);

/// One way in which a reason comes about.
struct Scenario {
    reason: Reason,
    /// After "When", as the page says it.
    when: &'static str,
    teller: Teller,
    /// The condition that tells it.
    condition: &'static str,
    seed: fn() -> Value,
    /// Before the operator starts.
    before: Act,
    runs: bool,
    /// One after another, with time between them.
    happens: Vec<Act>,
    mend: Mend,
    /// Calls to Adobe in the hour after it was told; more fail the test.
    calls_max: usize,
}

/// Whose status says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Teller {
    Connection,
    Audience(&'static str),
    /// No object is left: an event on the operator's Pod.
    Pod,
}

enum Mend {
    /// Nothing is amiss, or only the manifest is.
    Nothing,
    /// What told it is ready afterwards.
    Ready(Act),
    /// What told it is gone afterwards.
    Gone(Act),
}

/// An audience that stands, or shall.
fn of_audience(reason: Reason, when: &'static str) -> Scenario {
    Scenario {
        reason,
        when,
        teller: Teller::Audience("loyal"),
        condition: "Ready",
        seed,
        before: |world| {
            world.apply(secret());
            world.apply(connection("acme"));
            world.apply(audience("loyal", LOYAL_GAMERS));
        },
        runs: true,
        happens: Vec::new(),
        mend: Mend::Nothing,
        calls_max: QUIET_HOUR,
    }
}

/// The same where the connection tells it.
fn of_connection(reason: Reason, when: &'static str) -> Scenario {
    Scenario {
        teller: Teller::Connection,
        ..of_audience(reason, when)
    }
}

/// Passes of an hour with jitter: three lists of shared objects, two of what is in each of two data sources, ours and Adobe's, and
/// one page of audiences; and the search for Adobe's own pair of the one audience that may be made in it. What a healthy
/// connection costs.
const QUIET_HOUR: usize = 7 * 8 + 1;

impl Scenario {
    /// In place of what is declared by itself.
    fn before(self, before: Act) -> Self {
        Self { before, ..self }
    }

    fn happens(mut self, act: Act) -> Self {
        self.happens.push(act);
        self
    }

    fn told_by(self, teller: Teller) -> Self {
        Self { teller, ..self }
    }

    fn in_condition(self, condition: &'static str) -> Self {
        Self { condition, ..self }
    }

    fn over(self, seed: fn() -> Value) -> Self {
        Self { seed, ..self }
    }

    fn mended_by(self, act: Act) -> Self {
        Self {
            mend: Mend::Ready(act),
            ..self
        }
    }

    fn ended_by(self, act: Act) -> Self {
        Self {
            mend: Mend::Gone(act),
            ..self
        }
    }

    fn calls(self, calls_max: usize) -> Self {
        Self { calls_max, ..self }
    }

    fn all() -> Vec<Self> {
        [
            connections::scenarios(),
            answers::scenarios(),
            sources::scenarios(),
            policies::scenarios(),
            objects::scenarios(),
            models::scenarios(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What a user reads.
#[derive(Clone, Debug)]
struct Told {
    /// `SharedAudience loyal`.
    object: String,
    /// `Ready=False`: the conditions with the reason.
    conditions: Vec<String>,
    message: String,
    /// Of the event, where `Ready` tells it.
    event: Option<String>,
    calls: usize,
}

/// No failure takes longer until it is told, and none longer until it is mended: a person's look every hour at the
/// latest, and a breaker before it.
const PATIENCE: Duration = Duration::from_secs(3 * 3_600);
const HOUR: Duration = Duration::from_secs(3_600);

async fn play(scenario: &Scenario) -> Result<Told, String> {
    let world = World::new((scenario.seed)());
    let point = &world.choke_point;
    point.keep_no_snapshots();
    (scenario.before)(&world);
    if scenario.runs {
        world.start_operator();
    }
    for act in &scenario.happens {
        virtual_time::passes(LOOK).await;
        act(&world);
    }
    let told = until(|| told(&world, scenario))
        .await
        .ok_or_else(|| format!("it was not told: {}", seen(&world, scenario.teller)))?;
    let since = tokio::time::Instant::now();
    virtual_time::passes(HOUR).await;
    // Each of the two ends by itself.
    let stays = !matches!(
        scenario.reason,
        Reason::Progressing | Reason::RemovalUnknown
    );
    let changed = stays && self::told(&world, scenario).is_none();
    let calls = point.calls();
    let calls: Vec<_> = calls
        .iter()
        .filter(|call| call.at >= since && call.system != System::Kubernetes)
        .collect();
    let mut wrong = point.violations();
    wrong.extend(oracles::heard());
    // Which the scenario played.
    wrong.retain(|heard| scenario.reason != Reason::InternalError || heard != "O5: 1 panics");
    wrong.extend(standing::duplicates(OWNER, &world.tenant(), false));
    if changed {
        let now = seen(&world, scenario.teller);
        wrong.push(format!("it was told otherwise within the hour: {now}"));
    }
    if calls.len() > scenario.calls_max {
        let last: Vec<_> = calls
            .iter()
            .rev()
            .take(24)
            .map(ToString::to_string)
            .collect();
        wrong.push(format!(
            "{} calls in an hour, the last of them: {last:#?}",
            calls.len()
        ));
    }
    wrong.extend(untrue(scenario.reason, &told));
    let objects = [world.audiences(), world.connections()].concat();
    if json!(objects).to_string().contains("canary-of-a-body") {
        wrong.push("a body is told".into());
    }
    match scenario.mend {
        Mend::Nothing => {}
        Mend::Ready(act) => {
            act(&world);
            let ready = |object: &Value| ready(object)["status"] == "True";
            if until(|| object(&world, scenario.teller).filter(ready))
                .await
                .is_none()
            {
                wrong.push(format!("not mended: {}", seen(&world, scenario.teller)));
            }
        }
        Mend::Gone(act) => {
            act(&world);
            let gone = || object(&world, scenario.teller).is_none().then_some(());
            if until(gone).await.is_none() {
                wrong.push(format!("not gone: {}", seen(&world, scenario.teller)));
            }
        }
    }
    wrong.extend(world.changes.violations());
    match wrong.is_empty() {
        true => Ok(Told {
            calls: calls.len(),
            ..told
        }),
        false => Err(wrong.join("\n")),
    }
}

/// Of the others what knows the object says it more precisely.
const ENDS_AS_THE_TABLE_SAYS: [Reason; 10] = [
    Reason::CredentialsRefused,
    Reason::AudienceManagerUnavailable,
    Reason::ExperiencePlatformUnavailable,
    Reason::IdentityServiceUnavailable,
    Reason::Throttled,
    Reason::UnexpectedAnswer,
    Reason::ChangedMeanwhile,
    Reason::LimitExceeded,
    Reason::ReadOnly,
    Reason::LeaseNotHeld,
];

/// What the table says beside the reason is what came about.
fn untrue(reason: Reason, told: &Told) -> Vec<String> {
    let mut wrong = Vec::new();
    let has = |condition: &str| told.conditions.iter().any(|found| found == condition);
    let fails = has("Ready=False");
    let expected = match (fails, reason.outlook()) {
        (false, _) | (true, Outlook::Fine) => None,
        (true, Outlook::Retry | Outlook::Wait) => Some("Reconciling=True"),
        (true, Outlook::Stalled) => Some("Stalled=True"),
    };
    if let Some(expected) = expected.filter(|expected| !has(expected)) {
        wrong.push(format!("{expected} is not among {:?}", told.conditions));
    }
    let of_audience = told.object.starts_with("SharedAudience");
    let aspect = match reason.aspect() {
        Aspect::References if of_audience => Some("ReferencesResolved=False"),
        Aspect::Credentials => Some("CredentialsReady=False"),
        Aspect::AudienceManager if !of_audience => Some("AudienceManagerReachable=False"),
        Aspect::ExperiencePlatform if !of_audience => Some("ExperiencePlatformReachable=False"),
        Aspect::ProfileMergeRule => Some("ProfileMergeRuleReady=Unknown"),
        Aspect::Members => Some("MembersArriving=Unknown"),
        Aspect::SharedObjects => Some("SharedObjectsReady=Unknown"),
        Aspect::References
        | Aspect::AudienceManager
        | Aspect::ExperiencePlatform
        | Aspect::Objects
        | Aspect::Nothing => None,
    };
    let stands = fails || !has("Ready=True");
    if let Some(aspect) = aspect.filter(|aspect| stands && !has(aspect)) {
        wrong.push(format!("{aspect} is not among {:?}", told.conditions));
    }
    let severity = match (has("Ready=True"), reason.severity()) {
        (true, _) | (false, Severity::Normal) => "Normal",
        (false, Severity::Warning) => "Warning",
    };
    if let Some(event) = told.event.as_deref().filter(|event| *event != severity) {
        wrong.push(format!("the event is {event}, not {severity}"));
    }
    if ENDS_AS_THE_TABLE_SAYS.contains(&reason) && !told.message.ends_with(reason.remedy()) {
        wrong.push(format!("the message says another remedy: {}", told.message));
    }
    // What the API server itself writes ends otherwise.
    if reason != Reason::Pending && !told.message.ends_with('.') {
        wrong.push(format!("the message does not end: {}", told.message));
    }
    wrong
}

/// Looks every second of the first minute, then less often.
async fn until<T>(mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let began = tokio::time::Instant::now();
    while began.elapsed() < PATIENCE {
        let soon = began.elapsed() < Duration::from_secs(60);
        virtual_time::passes(if soon { Duration::from_secs(1) } else { LOOK }).await;
        if let Some(found) = found() {
            return Some(found);
        }
    }
    None
}

fn key(teller: Teller) -> Option<Key> {
    let (plural, name) = match teller {
        Teller::Connection => ("sharingconnections", "acme"),
        Teller::Audience(name) => ("sharedaudiences", name),
        Teller::Pod => return None,
    };
    Some(Key {
        resource: format!("audience-sharing.dev/v1alpha1/{plural}"),
        namespace: NAMESPACE.into(),
        name: name.into(),
    })
}

fn object(world: &World, teller: Teller) -> Option<Value> {
    let found = world.cluster.get(&key(teller)?, 0);
    found.ok().map(Arc::unwrap_or_clone)
}

fn ready(object: &Value) -> Value {
    condition(object, "Ready")
}

fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

fn seen(world: &World, teller: Teller) -> String {
    let object = object(world, teller).unwrap_or_default();
    object["status"]["conditions"].to_string()
}

fn told(world: &World, scenario: &Scenario) -> Option<Told> {
    let reason = scenario.reason.as_str();
    if scenario.teller == Teller::Pod {
        let event = event(world, SYSTEM_NAMESPACE, "audience-sharing-0", reason)?;
        return Some(Told {
            object: "Event of the operator's Pod".into(),
            conditions: Vec::new(),
            message: text(&event["note"]),
            event: Some(text(&event["type"])),
            calls: 0,
        });
    }
    let object = object(world, scenario.teller)?;
    let teller = condition(&object, scenario.condition);
    if teller["reason"] != reason {
        return None;
    }
    let conditions = object["status"]["conditions"].as_array()?.iter();
    let name = text(&object["metadata"]["name"]);
    let event = match scenario.condition {
        "Ready" => event(world, NAMESPACE, &name, reason),
        _ => None,
    };
    Some(Told {
        object: format!("{} {name}", text(&object["kind"])),
        conditions: conditions
            .filter(|condition| condition["reason"] == reason)
            .map(|condition| {
                format!(
                    "{}={}",
                    text(&condition["type"]),
                    text(&condition["status"])
                )
            })
            .collect(),
        message: text(&teller["message"]),
        event: event.map(|event| text(&event["type"])),
        calls: 0,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn event(world: &World, namespace: &str, object: &str, reason: &str) -> Option<Value> {
    let (events, _) = world
        .cluster
        .list("events.k8s.io/v1/events", Some(namespace), None, 0);
    let mut events = events.into_iter().rev();
    events.find(|event| event["regarding"]["name"] == object && event["reason"] == reason)
}

/// A person edits the manifest of the audience.
fn edit(world: &World, spec: Value) {
    world.edit("loyal", &json!({ "spec": spec }));
}

#[test]
fn every_failure_is_told_counted_and_mended() {
    let scenarios = Scenario::all();
    let mut failures = BTreeMap::new();
    let mut entries = Vec::new();
    for scenario in &scenarios {
        // A thread of its own: what one leaves behind is no other's, and all that fail are told.
        let played = std::thread::scope(|scope| {
            let playing = scope.spawn(|| on_virtual_time(play(scenario)));
            playing.join().unwrap_or_else(|_| Err("it panicked".into()))
        });
        match played {
            Ok(told) => entries.push((scenario.reason, scenario.when, told)),
            Err(wrong) => {
                let name = format!("{}: {}", scenario.reason, scenario.when);
                failures.insert(name, wrong);
            }
        }
    }
    for (name, wrong) in &failures {
        println!("{name}\n    {}", wrong.replace('\n', "\n    "));
    }
    assert!(failures.is_empty(), "{:#?}", failures.keys());
    page::is_up_to_date(&entries);
}

#[test]
fn every_reason_is_played() {
    let played: BTreeSet<Reason> = Scenario::all()
        .iter()
        .map(|scenario| scenario.reason)
        .collect();
    let all: BTreeSet<Reason> = Reason::ALL.iter().copied().collect();
    let missing: Vec<_> = all.difference(&played).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
