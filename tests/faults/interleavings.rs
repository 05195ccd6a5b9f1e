//! Lists that began before a write: one refresh and one change of the same audience, in every order that their calls can
//! take effect and be answered in. The orders are generated, not picked.

use std::sync::Arc;

use http::Method;
use rstest::rstest;
use serde_json::json;

use crate::choke_point::{Call, System};
use crate::gate::{Gate, Moment};
use crate::operations::{LOYAL_GAMERS, target};
use crate::operator::{World, audience, connection, secret, seed};
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;
use crate::{oracles, verdict};

const TRAITS_LIST: usize = 0;
const SEGMENTS_LIST: usize = 1;
const CHANGE: usize = 2;

/// The two lists of a refresh, and what an audience's change sends.
fn row_of(call: &Call) -> Option<usize> {
    if call.system != System::AudienceManager {
        return None;
    }
    let is_list = call.method == Method::GET && call.path.contains("dataSourceId=");
    match is_list {
        true if call.path.contains("integrationCode=") => Some(CHANGE),
        true if call.path.starts_with("/v1/traits") => Some(TRAITS_LIST),
        true if call.path.starts_with("/v1/segments") => Some(SEGMENTS_LIST),
        true => None,
        false if call.path.starts_with("/v1/traits") || call.path.starts_with("/v1/segments") => {
            Some(CHANGE)
        }
        false => None,
    }
}

/// Every order of the events of rows that each keep their own order; `left` counts what each row still has.
fn orders(left: &mut Vec<usize>) -> Vec<Vec<usize>> {
    if left.iter().all(|count| *count == 0) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for row in 0..left.len() {
        if left[row] == 0 {
            continue;
        }
        left[row] -= 1;
        for mut rest in orders(left) {
            rest.insert(0, row);
            all.push(rest);
        }
        left[row] += 1;
    }
    all
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// Read and write of the trait: two calls.
    Ttl,
    /// One create.
    AddSegment,
    /// One delete.
    RemoveSegment,
    /// Both segments and the trait stay; the main segment is made anew after a person deleted it.
    MakeAgain,
}

impl Change {
    /// How many calls it takes.
    fn calls(self) -> usize {
        match self {
            Self::Ttl => 2,
            Self::AddSegment | Self::RemoveSegment => 1,
            Self::MakeAgain => 2,
        }
    }

    fn prepare(self, world: &World) {
        let mut declared = audience("loyal", LOYAL_GAMERS);
        if matches!(self, Self::RemoveSegment) {
            declared["spec"]["target"] = one_segment()["spec"]["target"].clone();
        }
        world.apply(declared);
    }

    fn make(self, world: &World) {
        match self {
            Self::Ttl => world.edit("loyal", &target(json!({"ttlDays": 30}))),
            Self::AddSegment => world.edit("loyal", &one_segment()),
            Self::RemoveSegment => world.edit("loyal", &json!({"spec": {"target": null}})),
            Self::MakeAgain => {
                let sid =
                    world.audience("loyal")["status"]["audienceManager"]["segmentSid"].clone();
                world.person_deletes("segments", &sid.to_string());
                world.edit("loyal", &target(json!({"ttlDays": 60})));
            }
        }
    }
}

fn one_segment() -> serde_json::Value {
    target(
        json!({"additionalSegments": [{"key": "one", "name": "One", "rule": "{trait} AND 16440001T"}]}),
    )
}

async fn play(change: Change, order: &[usize]) -> Vec<String> {
    let world = World::new(seed());
    world.apply(secret());
    world.apply(connection("acme"));
    change.prepare(&world);
    world.start_operator();
    virtual_time::passes(LOOK).await;
    let gate = Arc::new(Gate::new(3, row_of));
    world.choke_point.set_gate(Some(gate.clone()));
    // A refresh that somebody else asked for: the audience itself does not wait for it.
    let asked = json!({"metadata": {"annotations": {"audience-sharing.dev/reconcile-requested-at": "now"}}});
    world.edit_connection("acme", &asked);
    let listed = gate.arrives((TRAITS_LIST, 0)).await && gate.arrives((SEGMENTS_LIST, 0)).await;
    assert!(listed, "the refresh has begun");
    let began = world.choke_point.count();
    change.make(&world);
    let mut next = [0usize; 3];
    for row in order {
        let (call, moment) = match next[*row] % 2 {
            0 => (next[*row] / 2, Moment::Effect),
            _ => (next[*row] / 2, Moment::Answer),
        };
        next[*row] += 1;
        gate.let_go((*row, call), moment).await;
    }
    gate.open_wide();
    world.choke_point.set_gate(None);
    let mut failures = verdict::at_rest(&world, &Default::default()).await;
    let writes: Vec<String> = world.choke_point.calls()[began..]
        .iter()
        .filter(|call| call.is_remote_write())
        .map(ToString::to_string)
        .collect();
    let most = match change {
        Change::MakeAgain => 2,
        _ => 1,
    };
    if writes.len() > most {
        failures.push(format!(
            "O4: more writes than the change asks for: {writes:?}"
        ));
    }
    failures.extend(oracles::heard());
    failures
}

#[rstest]
fn every_order_of_a_refresh_and_a_change_ends_the_same(
    #[values(
        Change::Ttl,
        Change::AddSegment,
        Change::RemoveSegment,
        Change::MakeAgain
    )]
    change: Change,
) {
    let orders = orders(&mut vec![2, 2, 2 * change.calls()]);
    let mut wrong = Vec::new();
    for order in &orders {
        let failures = on_virtual_time(play(change, order));
        if !failures.is_empty() {
            wrong.push(format!("{change:?} {order:?}: {}", failures.join("; ")));
        }
    }
    println!("{change:?}: {} orders", orders.len());
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        orders.len(),
        wrong.join("\n")
    );
}
