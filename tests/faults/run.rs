//! One run: an operation, the faults that befall it, the way back to calm, and the judges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::choke_point::Call;
use crate::fault::Fault;
use crate::operations::Operation;
use crate::operator::{OWNER, World, seed};
use crate::oracles;
use crate::standing;
use crate::{verdict, virtual_time};

/// How a run ended.
pub(crate) struct End {
    /// The calls from the operation on until calm, numbered from 1.
    pub(crate) calls: Vec<Call>,
    pub(crate) played: Vec<(Call, Fault)>,
    pub(crate) failures: Vec<String>,
    masked: Value,
    disturbances: BTreeMap<String, usize>,
    /// Calls to Adobe until calm.
    pub(crate) remote_calls: usize,
    /// Virtual time from the operation until all was as it shall be.
    pub(crate) settled_after: Duration,
}

/// Between two looks at whether all is calm.
pub(crate) const LOOK: Duration = Duration::from_secs(20);
/// No run may take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5_400);
/// More than a full pass and its jitter.
pub(crate) const REST: Duration = Duration::from_secs(660);

/// Runs on a clock of its own. Without a reference the run is the reference: nothing may go wrong in it.
pub(crate) fn run(operation: Operation, faults: &[(usize, Fault)], reference: Option<&End>) -> End {
    on_virtual_time(play(operation, faults, reference))
}

/// Runs to the end on a clock of its own.
pub(crate) fn on_virtual_time<T>(scenario: impl Future<Output = T>) -> T {
    oracles::listen();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(scenario)
}

async fn play(operation: Operation, faults: &[(usize, Fault)], reference: Option<&End>) -> End {
    let world = World::new(seed());
    let point = &world.choke_point;
    operation.prepare(&world);
    if operation != Operation::Create {
        virtual_time::passes(LOOK).await;
    }
    // Numbers begin at a moment that is the same in every run.
    let began = point.count();
    for (number, fault) in faults {
        point.plan(*number, *fault);
    }
    point.snapshot();
    operation.act(&world);
    let acted = tokio::time::Instant::now();
    let masked = until_calm(&world, reference, faults).await;
    let settled_after = acted.elapsed();
    let calls = point.calls().split_off(began);
    let until_rest = point.count();
    virtual_time::passes(REST).await;

    let mut failures = point.violations();
    match (&masked, reference) {
        (Ok(_), _) => {}
        (Err(difference), _) => failures.push(format!("O1: {difference}")),
    }
    // What must stand is read from the manifests: that an undisturbed run of the operator ends elsewhere is no excuse.
    failures.extend(verdict::differences(&world));
    let end = oracles::masked_end(&world);
    if let Ok(masked) = &masked
        && let Some(difference) = oracles::first_difference("end", &end, masked)
    {
        failures.push(format!("O1: it did not stay so: {difference}"));
    }
    if oracles::is_shown() {
        calls.iter().for_each(|call| println!("{call}"));
    }
    let snapshots = point.snapshots();
    let states: Vec<Value> = snapshots
        .iter()
        .map(|(_, state)| Value::clone(state))
        .collect();
    let comes_late = faults.iter().any(|(_, fault)| *fault == Fault::LateEffect);
    // What was created shows late: where its answer was lost too, it is created again, and one of the two is gone within a
    // pass (design.md §4, L4).
    let shows_late = world.simulator.flags().experience_platform;
    let shows_late = shows_late.read_after_write_delay_ms > 0;
    let in_experience_platform = |what: &str| what.starts_with("audiences ");
    for (at, state) in states.iter().enumerate() {
        // Where no server enforces the key, one that came late is gone within a pass (peers.md §4.6, F15).
        let is_last = at + 1 == states.len();
        let twice = standing::duplicates(OWNER, state, comes_late && !is_last);
        let twice = twice
            .into_iter()
            .filter(|twice| is_last || !shows_late || !in_experience_platform(twice));
        failures.extend(twice.map(|twice| format!("O2: twice: {twice}")));
    }
    failures.extend(oracles::leaks(&world, &BTreeSet::new()));
    let disturbances = oracles::disturbances(&states);
    if let Some(reference) = reference {
        // What a dead process sent takes effect once more, after its successor has done it.
        let late = faults
            .iter()
            .filter(|(_, fault)| *fault == Fault::LateEffect)
            .count();
        // Who deletes a resource marks its objects for the next one, and that one changes what else differs: where the two
        // meet undisturbed, one write does both.
        let handed_over = matches!(operation, Operation::HandOver | Operation::HandOverBack);
        for (what, count) in &disturbances {
            let shared = usize::from(handed_over && what.ends_with("changed"));
            let again = match shows_late && in_experience_platform(what) {
                true => faults.len(),
                false => 0,
            };
            let allowed = reference
                .disturbances
                .get(what)
                .copied()
                .unwrap_or_default()
                + late
                + shared
                + again;
            if *count > allowed {
                failures.push(format!("O4: {what} {count} times, not {allowed}"));
            }
        }
        let hours = settled_after.as_secs() as usize / 3_600 + 1;
        let allowed = (reference.remote_calls + 60 * faults.len()) * hours;
        if oracles::remote_calls(&calls) > allowed {
            failures.push(format!(
                "O5: {} calls to Adobe; {allowed} are enough",
                oracles::remote_calls(&calls)
            ));
        }
    }
    // What must be there in the end is read from the manifests: the run without faults may be wrong too.
    failures.extend(verdict::differences(&world));
    failures.extend(world.changes.violations());
    failures.extend(oracles::untrue_verdicts(&world, &snapshots));
    failures.extend(oracles::heard());
    failures.extend(oracles::writes_at_rest(&point.calls()[until_rest..]));
    End {
        remote_calls: oracles::remote_calls(&calls),
        calls,
        played: point.played(),
        failures,
        masked: masked.unwrap_or(end),
        disturbances,
        settled_after,
    }
}

/// Waits until the end of the reference is reached, or, in the reference itself, until nothing is written any more.
async fn until_calm(
    world: &World,
    reference: Option<&End>,
    faults: &[(usize, Fault)],
) -> Result<Value, String> {
    let point = &world.choke_point;
    // Some faults last: what they do late is part of the run.
    let lasts = faults
        .iter()
        .map(|(_, fault)| fault.lasts())
        .sum::<Duration>();
    virtual_time::passes(lasts.max(LOOK)).await;
    let started = tokio::time::Instant::now();
    let mut difference = String::new();
    while started.elapsed() < PATIENCE {
        let seen = point.count();
        virtual_time::passes(LOOK).await;
        let calm = oracles::writes_at_rest(&point.calls()[seen..]).is_empty();
        let end = oracles::masked_end(world);
        match reference {
            None if calm => return Ok(end),
            None => difference = "the reference does not come to rest".into(),
            Some(reference) => match differs(&end, &reference.masked, faults) {
                None if calm => return Ok(end),
                None => difference = "it does not come to rest".into(),
                Some(found) => difference = found,
            },
        }
    }
    Err(difference)
}

fn differs(end: &Value, wanted: &Value, faults: &[(usize, Fault)]) -> Option<String> {
    let (mut end, mut wanted) = (end.clone(), wanted.clone());
    if faults.iter().any(|(_, fault)| fault.forgets()) {
        oracles::forget_authors(&mut end);
        oracles::forget_authors(&mut wanted);
    }
    oracles::first_difference("end", &end, &wanted)
}
