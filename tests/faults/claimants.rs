//! Two `SharedAudience` objects that claim one source, in every order of appearing and going, at once and after a while.

use serde_json::{Value, json};

use crate::operations::{LOYAL_GAMERS, console_buyers};
use crate::operator::{OWNER, World, audience, connection, secret, seed, shared_segment};
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;
use crate::{standing, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Appears(&'static str),
    Goes(&'static str),
}

/// Every order in which one or both appear and go, each of them once, nobody before it has appeared.
fn orders() -> Vec<Vec<Event>> {
    fn go_on(so_far: &[Event], all: &mut Vec<Vec<Event>>) {
        for name in ["first", "second"] {
            let next = match (
                so_far.contains(&Event::Appears(name)),
                so_far.contains(&Event::Goes(name)),
            ) {
                (false, _) => Event::Appears(name),
                (true, false) => Event::Goes(name),
                (true, true) => continue,
            };
            let mut order = so_far.to_vec();
            order.push(next);
            all.push(order.clone());
            go_on(&order, all);
        }
    }
    let mut all = Vec::new();
    go_on(&[], &mut all);
    all
}

/// Each with an additional segment that the other does not declare.
fn with_segment(name: &str) -> Value {
    let mut declared = audience(name, LOYAL_GAMERS);
    let segment = json!({"key": name, "name": name, "rule": "{trait} AND 16440001T"});
    declared["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [segment]}});
    declared
}

async fn play(order: &[Event], pauses: usize) -> Vec<String> {
    let world = World::new(seed());
    world.apply(secret());
    world.apply(connection("acme"));
    world.start_operator();
    virtual_time::passes(LOOK).await;
    for (at, event) in order.iter().enumerate() {
        match event {
            Event::Appears(name) => world.apply(with_segment(name)),
            Event::Goes(name) => world.delete(name),
        }
        if pauses & (1 << at) != 0 {
            virtual_time::passes(LOOK).await;
        }
    }
    let mut failures = verdict::at_rest(&world, &Default::default()).await;
    // A source that is claimed by somebody all the time keeps its trait: nobody in it is lost.
    let mut claimed = 0;
    let gaps = order[..order.len() - 1].iter().filter(|event| {
        match event {
            Event::Appears(_) => claimed += 1,
            Event::Goes(_) => claimed -= 1,
        }
        claimed == 0
    });
    let gaps = gaps.count();
    let ends_free = order.len()
        == 2 * order
            .iter()
            .filter(|event| matches!(event, Event::Goes(_)))
            .count();
    let allowed = gaps + usize::from(ends_free);
    let calls = world.choke_point.calls();
    let deleted = calls
        .iter()
        .filter(|call| call.method == http::Method::DELETE && call.path.starts_with("/v1/traits/"));
    let deleted = deleted.count();
    if deleted > allowed {
        failures.push(format!(
            "O4: the trait was deleted {deleted} times, not {allowed}"
        ));
    }
    failures
}

#[test]
fn two_claimants_of_one_source_in_every_order() {
    let mut wrong = Vec::new();
    let mut runs = 0;
    for order in orders() {
        for pauses in 0..1 << order.len() {
            runs += 1;
            let failures = on_virtual_time(play(&order, pauses));
            if !failures.is_empty() {
                wrong.push(format!(
                    "{order:?} pauses {pauses:b}: {}",
                    failures.join("; ")
                ));
            }
        }
    }
    println!("{runs} runs of {} orders", orders().len());
    assert!(
        wrong.is_empty(),
        "{} of {runs}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Nobody could take it over: what it made goes with it.
#[test]
fn a_holder_whose_source_is_gone_leaves_nothing_to_the_other_claimant() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        world.start_operator();
        let sid = console_buyers(&world);
        for name in ["buyers", "buyers-again"] {
            world.apply(shared_segment(name, &sid, "ExternalAudience"));
            virtual_time::passes(LOOK).await;
        }
        world.person_deletes("segments", &sid.to_string());
        world.look_now("buyers");
        virtual_time::passes(LOOK).await;
        world.delete("buyers");
        let failures = verdict::at_rest(&world, &Default::default()).await;
        assert!(failures.is_empty(), "{failures:#?}");
        let state = world.tenant();
        assert_eq!(standing::of_ours(OWNER, &state, "audiences").count(), 0);
    });
}
