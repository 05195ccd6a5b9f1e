//! Back-pressure (T20): the budget in every window of time, storms of 429 and 503, slow answers, who goes first, and what
//! happens when it is over.

mod budget;
mod herd;
mod order;
mod slow;
mod storms;
mod throttled;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::choke_point::{Call, System, failure};
use crate::operations::target;
use crate::operator::{SECRET, World, audience, connection, secret};
use crate::{tenants, verdict, virtual_time};

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Where an operator stands still that waits for nothing.
const SOON: Duration = Duration::from_secs(120);

/// What a connection declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    requests_per_minute: u32,
    burst: u32,
}

impl Budget {
    /// What the schema sets where none is declared.
    const DEFAULT: Self = Self::new(300, 10);

    pub(crate) const fn new(requests_per_minute: u32, burst: u32) -> Self {
        Self {
            requests_per_minute,
            burst,
        }
    }

    fn per_second(self) -> f64 {
        f64::from(self.requests_per_minute) / 60.0
    }

    /// The most calls that a stretch of time may see, to within one.
    fn most_within(self, time: Duration) -> usize {
        let most = f64::from(self.burst) + self.per_second() * time.as_secs_f64() + 1.0;
        most as usize
    }

    /// How long so many calls take.
    fn time_for(self, calls: usize) -> Duration {
        Duration::from_secs_f64(calls as f64 / self.per_second())
    }

    pub(crate) fn connection(self, name: &str) -> Value {
        let mut declared = connection(name);
        declared["spec"]["rateLimit"] =
            json!({"requestsPerMinute": self.requests_per_minute, "burst": self.burst});
        declared
    }

    /// By how many calls the budget was exceeded at worst, over the windows of every length between any two calls: the
    /// lowest level of a bucket that every call draws on, below empty.
    fn exceeded_by(self, calls: &[Call]) -> f64 {
        let burst = f64::from(self.burst);
        let mut level = burst;
        let mut lowest = 0.0_f64;
        let mut last = calls.first().map(|call| call.at);
        for call in calls {
            let passed = last.map_or(Duration::ZERO, |last| call.at - last);
            last = Some(call.at);
            level = (level + self.per_second() * passed.as_secs_f64()).min(burst) - 1.0;
            lowest = lowest.min(level);
        }
        -lowest
    }

    /// To within one call, which a renewed token is; and the read and the write of an update go together, also where the
    /// burst is one.
    pub(crate) fn assert_kept(self, calls: &[Call]) {
        let exceeded = self.exceeded_by(calls);
        let allowed = if self.burst < 2 { 2.0 } else { 1.0 };
        // A timer's step is a millisecond.
        assert!(
            exceeded <= allowed + 0.01,
            "{exceeded:.2} calls above {self:?}, of {} calls",
            calls.len()
        );
    }
}

/// A tenant of `count` audiences behind one connection; no state is kept with the writes, and nothing runs yet.
fn tenant(count: usize, budget: Budget) -> World {
    let world = World::new(tenants::with_audiences(count, SECRET));
    world.choke_point.keep_no_snapshots();
    world.apply(secret());
    world.apply(budget.connection("acme"));
    world
}

/// So many audiences are declared, and nothing runs yet.
pub(crate) fn declared(count: usize) -> World {
    declared_within(count, Budget::DEFAULT)
}

/// The same under another budget.
pub(crate) fn declared_within(count: usize, budget: Budget) -> World {
    let world = tenant(count, budget);
    (0..count).for_each(|index| world.apply(numbered(index)));
    world
}

/// The manifest of the audience with this number.
fn numbered(index: usize) -> Value {
    audience(&name(index), &name(index))
}

fn name(index: usize) -> String {
    format!("audience-{index}")
}

/// A tenant of `count` audiences, of which the first `declared` stand, and a running operator.
async fn standing(count: usize, declared: usize) -> World {
    standing_within(count, declared, Budget::DEFAULT).await
}

/// The same in the time that such a budget needs: an audience takes three calls.
pub(crate) async fn standing_within(count: usize, declared: usize, budget: Budget) -> World {
    let world = tenant(count, budget);
    (0..declared).for_each(|index| world.apply(numbered(index)));
    world.start_operator();
    virtual_time::passes(SOON + budget.time_for(3 * declared)).await;
    assert_eq!(unready(&world), BTreeSet::new(), "it stands");
    world
}

pub(crate) fn edit(world: &World, index: usize, days: u32) {
    world.edit(&name(index), &target(json!({"ttlDays": days})));
}

/// What is not ready of its present generation, or still leaves.
pub(crate) fn unready(world: &World) -> BTreeSet<String> {
    let done = |resource: &Value| {
        verdict::ready(resource).0 == "True"
            && resource["metadata"]["deletionTimestamp"].is_null()
            && resource["metadata"]["generation"] == resource["status"]["observedGeneration"]
    };
    let resources = world.audiences().into_iter().chain(world.connections());
    let waiting = resources.filter(|resource| !done(resource));
    waiting
        .map(|resource| resource["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

/// How long it takes until all is done, to within a step.
///
/// # Errors
/// What is not done after `most`.
async fn done_after(world: &World, most: Duration) -> Result<Duration, String> {
    const STEP: Duration = Duration::from_secs(5);
    let began = Instant::now();
    loop {
        let waiting = unready(world);
        if waiting.is_empty() {
            return Ok(began.elapsed());
        }
        if began.elapsed() >= most {
            return Err(format!("not done after {most:?}: {waiting:?}"));
        }
        virtual_time::passes(STEP).await;
    }
}

/// The calls from the `began`th on that went to Adobe.
pub(crate) fn to_adobe_since(world: &World, began: usize) -> Vec<Call> {
    let mut calls = world.choke_point.calls().split_off(began);
    calls.retain(|call| call.system != System::Kubernetes);
    calls
}

/// How many of the calls came within `time` of the first.
fn within(calls: &[Call], time: Duration) -> usize {
    let first = calls.first().map(|call| call.at);
    let within = |call: &&Call| first.is_some_and(|first| call.at < first + time);
    calls.iter().filter(within).count()
}

/// What a system answers in place of its own.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    status: u16,
    retry_after: Option<&'static str>,
}

/// From here on the systems answer nothing else. Where the identity service is one of them, the other two have forgotten
/// every token.
fn storm(world: &World, systems: &'static [System], refusal: Refusal) {
    let Refusal {
        status,
        retry_after,
    } = refusal;
    let no_token = systems.contains(&System::IdentityService);
    world.choke_point.set_proxy(Some(Arc::new(move |call| {
        if call.system == System::Kubernetes {
            None
        } else if systems.contains(&call.system) {
            Some(failure(call.system, status, "", retry_after))
        } else {
            no_token.then(|| failure(call.system, 401, "", None))
        }
    })));
}

fn calm(world: &World) {
    world.choke_point.set_proxy(None);
}
