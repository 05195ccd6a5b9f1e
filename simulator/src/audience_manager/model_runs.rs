//! When models run and how that ends (audience-manager.md §6.5): the first run, further ones after a run that brought
//! nothing, the weekly ones, and the end after three without data. What a run finds is not simulated.

use serde_json::json;

use super::mapped;
use crate::flags::ModelRerun;
use crate::schedule::DUE;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of};
use crate::world::World;

const KIND: Kind = Kind::Models;

/// The member of a model that counts its runs without data in a row; no answer shows it.
const EMPTY: &str = "emptyRuns";
pub(super) const HIDDEN: [&str; 2] = [DUE, EMPTY];

/// So many runs without data end a model.
const EMPTY_MAX: u64 = 3;

const FAILED: u64 = 0;
const WITH_DATA: u64 = 1;
const WITHOUT_DATA: u64 = 2;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// The daily slot: 22:00 UTC.
const SLOT_MS: u64 = 22 * HOUR_MS;

/// The next slot after this moment.
fn slot_after(now_ms: u64) -> u64 {
    let today = now_ms / DAY_MS * DAY_MS + SLOT_MS;
    if now_ms < today {
        today
    } else {
        today + DAY_MS
    }
}

/// The same, but on a weekday: 1970-01-01 was a Thursday.
fn weekday_slot_after(now_ms: u64) -> u64 {
    let slot = slot_after(now_ms);
    match (slot / DAY_MS) % 7 {
        2 => slot + 2 * DAY_MS,
        3 => slot + DAY_MS,
        _ => slot,
    }
}

fn a_week_after(now_ms: u64) -> u64 {
    weekday_slot_after(now_ms.saturating_add(6 * DAY_MS))
}

/// Puts the first run of a model that is active on the schedule.
pub(super) fn begin(world: &mut World, id: u64, model: &mut Object) {
    if model.contains_key(DUE) || text_of(model, "status") != Some("ACTIVE") {
        return;
    }
    let flags = &world.flags.audience_manager;
    let due_ms = match flags.model_runs_in_slot {
        true => slot_after(world.now_ms()),
        false => world.now_ms().saturating_add(flags.model_run_ms),
    };
    plan(world, id, model, due_ms);
}

fn plan(world: &mut World, id: u64, model: &mut Object, due_ms: u64) {
    model.insert(DUE.to_owned(), json!(due_ms));
    world.schedule.add(due_ms, KIND, Key::Number(id));
}

/// Adobe ended the model for good.
pub(super) fn is_ended(model: &Object) -> bool {
    number_of(model, EMPTY).is_some_and(|runs| runs >= EMPTY_MAX)
}

/// The moment of a run has come. How it ends a switch says, unless the baseline is none.
pub(super) fn run(world: &mut World, id: u64) {
    let Some(mut model) = world.store.number(KIND, id).cloned() else {
        return;
    };
    // A moment that was replaced by another one.
    if number_of(&model, DUE).is_none_or(|due_ms| due_ms > world.now_ms()) {
        return;
    }
    model.remove(DUE);
    let now_ms = world.now_ms();
    let is_weekly = number_of(&model, "lastRunStatus") == Some(WITH_DATA);
    if text_of(&model, "status") != Some("ACTIVE") {
        // It runs again where it is switched on.
    } else if is_weekly && !is_rerun(world, id) {
        plan(world, id, &mut model, a_week_after(now_ms));
    } else {
        end_run(world, id, &mut model);
    }
    world.store.set(KIND, Key::Number(id), Some(model));
}

fn end_run(world: &mut World, id: u64, model: &mut Object) {
    let now_ms = world.now_ms();
    let status = match model.get("baselineTraitType") {
        Some(kind) if !kind.is_null() => world.flags.audience_manager.model_run_status,
        _ => WITHOUT_DATA,
    };
    let now = json!(now_ms);
    model.extend(object_of([
        ("lastRunStatus", json!(status)),
        ("lastRunTimestamp", now.clone()),
        ("latestRunTS", now.clone()),
    ]));
    if status != FAILED {
        model.insert("lastSuccessfulRunTimestamp".to_owned(), now);
    }
    if status != WITHOUT_DATA {
        model.remove(EMPTY);
        let due_ms = match status {
            FAILED => weekday_slot_after(now_ms),
            _ => a_week_after(now_ms),
        };
        return plan(world, id, model, due_ms);
    }
    let empty = number_of(model, EMPTY).unwrap_or(0) + 1;
    model.insert(EMPTY.to_owned(), json!(empty));
    if is_ended(model) {
        model.insert("status".to_owned(), json!("INACTIVE"));
    } else {
        plan(world, id, model, slot_after(now_ms));
    }
}

/// Whether a model that ran well runs again after a week: with a trait that is active, or with one that a destination
/// gets.
fn is_rerun(world: &World, id: u64) -> bool {
    let traits = world.store.all(Kind::Traits);
    let mut traits = traits.filter(|object| {
        number_of(object, "algoModelId") == Some(id) && text_of(object, "status") == Some("ACTIVE")
    });
    match world.flags.audience_manager.model_rerun {
        ModelRerun::ActiveTrait => traits.next().is_some(),
        ModelRerun::MappedSegment => traits.any(|object| {
            let sid = number_of(object, "sid").unwrap_or(0);
            let mut segments = world.store.segments_using(sid).into_iter();
            segments.any(|segment| {
                let sid = number_of(segment, "sid").unwrap_or(0);
                text_of(segment, "status") == Some("ACTIVE")
                    && mapped::live_of(world, sid).next().is_some()
            })
        }),
    }
}
