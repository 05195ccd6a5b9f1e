//! An hour of refusals, of every kind, of each system, whatever is in line.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Budget, HOUR, MINUTE, Refusal, SOON, calm, done_after, edit, name, numbered, standing, storm,
    tenant, to_adobe_since, within,
};
use crate::choke_point::{Call, System};
use crate::operator::{World, wall_clock};
use crate::oracles::AUDIENCES;
use crate::run::on_virtual_time;
use crate::virtual_time;

/// What the header asks for.
#[derive(Clone, Copy, Debug)]
enum Wait {
    /// It is missing, cannot be understood, or asks for nothing.
    None,
    Seconds(u64),
    Until(&'static str),
}

const SECOND: Duration = Duration::from_secs(1);
/// A longer wait is not believed.
const WAIT_MAX: u64 = 3_600;

/// How many of the kinds differ in what they ask for.
const TELLING: usize = 6;

const KINDS: [(u16, Option<&str>, Wait); 12] = [
    (429, None, Wait::None),
    (429, Some("30"), Wait::Seconds(30)),
    (429, Some("86400000"), Wait::Seconds(WAIT_MAX)),
    (503, None, Wait::None),
    (503, Some("120"), Wait::Seconds(120)),
    (503, Some("86400000"), Wait::Seconds(WAIT_MAX)),
    (
        429,
        Some("Mon, 05 Jan 2026 00:40:00 GMT"),
        Wait::Until("2026-01-05T00:40:00Z"),
    ),
    (429, Some("-5"), Wait::None),
    (429, Some("soon"), Wait::None),
    (429, Some("0"), Wait::None),
    (429, Some("Mon, 01 Dec 2025 00:00:00 GMT"), Wait::None),
    (503, Some("0"), Wait::None),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Nothing,
    /// Edits, deletions and creations.
    Work,
    /// Nothing was there before.
    FirstStart,
}

const COUNT: usize = 40;
/// Of each kind of work.
const WORKING: usize = 10;

/// A failed pass is followed by another after 10 s, doubling up to five minutes, each up to a tenth later.
fn passes_in_an_hour() -> usize {
    let (mut pause, mut passed, mut passes) = (10, 0, 1);
    while passed <= 3_600 {
        passes += 1;
        passed += pause;
        pause = (pause * 2).min(300);
    }
    passes
}

/// Until a system that works again is noticed: the probes of an open circuit are five minutes apart, or as long as was
/// asked for, and up to a tenth more; a pass comes with the next of them, and up to a tenth later.
fn noticed_after(wait: Wait) -> Duration {
    let apart = match wait {
        Wait::Seconds(seconds) => seconds.max(300),
        Wait::None | Wait::Until(_) => 300,
    };
    Duration::from_secs(apart).mul_f64(1.1 * 1.1)
}

/// The calls that an hour of storm sees at most on the refusing systems.
fn most_calls(systems: &[System], line: Line, wait: Wait) -> usize {
    // A pass asks who the credential is, then each system for its part.
    let of_a_pass = match systems {
        [System::IdentityService | System::ExperiencePlatform] => 1,
        [System::AudienceManager] => 3,
        _ => 4,
    };
    // Who is in line is not called back one by one: each asks once, and is then told of the connection. Where a wait is
    // named, only those that left together with the first.
    let of_the_line = match (line, wait) {
        (Line::Nothing | Line::FirstStart, _) => 0,
        (Line::Work, Wait::None) => 3 * WORKING,
        (Line::Work, Wait::Seconds(_) | Wait::Until(_)) => Budget::DEFAULT.burst as usize,
    };
    // Before a pause is long enough to be reported, it is waited out in line, with a call after each: after 1, 2, 4, 8, 16
    // and 32 s, or after what was asked for.
    let waited_out = 6;
    of_the_line + waited_out + passes_in_an_hour() * of_a_pass
}

fn may_call_again(call: &Call, began: (Instant, Timestamp), wait: Wait) -> Instant {
    match wait {
        Wait::None => call.at,
        Wait::Seconds(seconds) => call.at + Duration::from_secs(seconds),
        Wait::Until(date) => {
            let date: Timestamp = date.parse().unwrap();
            let left = Duration::try_from(date.duration_since(began.1)).unwrap();
            (began.0 + left).max(call.at)
        }
    }
}

/// How often each status was written.
fn status_writes(world: &World, since: u64) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::new();
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for change in world.cluster.changes() {
        if !change.key.resource.starts_with("audience-sharing.dev") {
            continue;
        }
        let key = format!("{} {}", change.key.resource, change.key.name);
        let status = change.object["status"].clone();
        let before = known.insert(key.clone(), status.clone());
        if change.version > since && before.is_some_and(|before| before != status) {
            *writes.entry(key).or_default() += 1;
        }
    }
    writes
}

#[rstest]
fn t20_an_hour_of_refusals_costs_a_pass_now_and_then_and_ends_without_a_herd(
    #[values(
        &[System::AudienceManager],
        &[System::ExperiencePlatform],
        &[System::AudienceManager, System::ExperiencePlatform],
        &[System::IdentityService],
    )]
    systems: &'static [System],
    #[values(Line::Nothing, Line::Work, Line::FirstStart)] line: Line,
) {
    let mut failures = Vec::new();
    // What a header means is the same whatever is in line.
    let kinds = match line {
        Line::Work => &KINDS[..],
        Line::Nothing | Line::FirstStart => &KINDS[..TELLING],
    };
    for (status, retry_after, wait) in kinds.iter().copied() {
        let refusal = Refusal {
            status,
            retry_after,
        };
        let found = on_virtual_time(hour_of(systems, refusal, line, wait));
        failures.extend(
            found
                .into_iter()
                .map(|found| format!("{refusal:?}: {found}")),
        );
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

async fn hour_of(
    systems: &'static [System],
    refusal: Refusal,
    line: Line,
    wait: Wait,
) -> Vec<String> {
    let budget = Budget::DEFAULT;
    let world = match line {
        Line::FirstStart => tenant(COUNT, budget),
        Line::Nothing | Line::Work => standing(COUNT, COUNT - WORKING).await,
    };
    let (began, version) = (world.choke_point.count(), world.cluster.version());
    let began_at = (Instant::now(), wall_clock());
    storm(&world, systems, refusal);
    match line {
        Line::Nothing => {}
        Line::Work => {
            for index in 0..WORKING {
                edit(&world, index, 30);
                world.delete(&name(WORKING + index));
                world.apply(numbered(COUNT - WORKING + index));
            }
        }
        Line::FirstStart => {
            (0..COUNT).for_each(|index| world.apply(numbered(index)));
            world.start_operator();
        }
    }
    virtual_time::passes(HOUR).await;
    let mut wrong = Vec::new();
    let calls = to_adobe_since(&world, began);
    let refused = |call: &&Call| systems.contains(&call.system);
    let (made, most) = (
        calls.iter().filter(refused).count(),
        most_calls(systems, line, wait),
    );
    if made > most {
        wrong.push(format!("{made} calls into a closed door, not {most}"));
    }
    for answer in calls.iter().filter(refused) {
        let again = may_call_again(answer, began_at, wait);
        let early = calls
            .iter()
            .find(|call| call.at > answer.at && call.at < again);
        wrong.extend(early.map(|call| format!("{call} came before the time that was asked for")));
    }
    for (key, writes) in status_writes(&world, version) {
        let most = if key.starts_with(AUDIENCES) { 2 } else { 4 };
        if writes > most {
            wrong.push(format!("the status of {key} was written {writes} times"));
        }
    }
    calm(&world);
    let quiet = world.choke_point.count();
    let patience = noticed_after(wait) + SOON;
    wrong.extend(done_after(&world, patience).await.err());
    let after = to_adobe_since(&world, quiet);
    let (second, minute) = (within(&after, SECOND), within(&after, MINUTE));
    if second > budget.most_within(SECOND) || minute > budget.most_within(MINUTE) {
        wrong.push(format!(
            "{second} calls in the first second, {minute} in the first minute"
        ));
    }
    budget.assert_kept(&to_adobe_since(&world, 0));
    wrong
}
