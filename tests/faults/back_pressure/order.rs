//! Who goes first, and that nobody is starved.

use std::sync::Arc;
use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use rstest::rstest;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Budget, HOUR, MINUTE, SOON, done_after, edit, name, numbered, standing_within, tenant,
    to_adobe_since, unready,
};
use crate::choke_point::{Call, System, failure};
use crate::operator::{World, set_client_rate_limit};
use crate::run::on_virtual_time;
use crate::virtual_time;

/// One call in a second.
const SLOW: Budget = Budget::new(60, 1);

/// Of so many calls while others are in line, one is a resync read.
const RESYNC_ONE_OF: usize = 10;

/// The sids that an audience's status names.
fn sids(world: &World, index: usize) -> [String; 2] {
    let audience = world.audience(&name(index));
    let standing = &audience["status"]["audienceManager"];
    ["traitSid", "segmentSid"].map(|field| standing[field].to_string())
}

fn is_about(call: &Call, sids: &[String]) -> bool {
    let mut parts = call.path.split(['/', '?', '=', '&']);
    call.system == System::AudienceManager && parts.any(|part| sids.iter().any(|sid| sid == part))
}

/// The next lists of traits and segments come back empty, and so do those that are asked for again: every object has to be
/// read by itself.
fn empty_lists(world: &World) {
    for path in ["/v1/traits/?", "/v1/segments/?"] {
        world.simulator.add_fault(SimulatorFault {
            matching: Match {
                method: Some("GET".into()),
                path_contains: Some(path.into()),
                ..Match::default()
            },
            skip: 0,
            // Twice: of both data sources at once, then of each by itself.
            times: 6,
            kind: FaultKind::EmptyList,
        });
    }
}

#[rstest]
#[case::pages(false)]
#[case::look_ups(true)]
fn an_edit_and_a_deletion_go_before_the_rest_of_a_long_resync(#[case] looked_up: bool) {
    on_virtual_time(async {
        const SHARED: usize = 60;
        // Thirty pages.
        let world = standing_within(3_000, SHARED, SLOW).await;
        let [edited, deleted] = [3, 7].map(|index| sids(&world, index));
        if looked_up {
            empty_lists(&world);
        }
        world.look_now(&name(0));
        let began = world.choke_point.count();
        // In the midst of the pages, or of the look-ups that come after them.
        let midst = if looked_up { 60 } else { 15 };
        while to_adobe_since(&world, began).len() < midst {
            virtual_time::passes(Duration::from_secs(1)).await;
        }
        let acted = world.choke_point.count();
        edit(&world, 3, 30);
        world.delete(&name(7));
        virtual_time::passes(SOON).await;
        let calls = to_adobe_since(&world, acted);
        let own = |call: &Call| is_about(call, &edited) || is_about(call, &deleted);
        let last = calls.iter().rposition(own).unwrap();
        let others = calls[..=last].iter().filter(|call| !own(call)).count();
        assert!(!world.audience(&name(3)).is_null() && world.audience(&name(7)).is_null());
        // One that was about to be sent, and the share of the others.
        let most = 1 + (last + 1) / RESYNC_ONE_OF;
        assert!(
            others <= most,
            "{others} calls of the resync among {}",
            last + 1
        );
        assert!(
            calls.len() > last + 20,
            "the resync had more to do, and went on"
        );
    });
}

#[test]
fn a_stream_of_edits_without_end_starves_neither_the_resync_nor_another_edit_nor_a_deletion() {
    on_virtual_time(async {
        const NOISY: usize = 20;
        const EVERY: Duration = Duration::from_secs(10);
        const TICKS: usize = 180;
        let world = standing_within(40, 40, SLOW).await;
        let began = world.choke_point.count();
        let (mut edited, mut deleted) = (None, None);
        let acted = Instant::now();
        for tick in 0..TICKS {
            // Two calls each: four times the budget.
            (0..NOISY).for_each(|index| edit(&world, index, 30 + tick as u32 % 2));
            if tick == 0 {
                edit(&world, 30, 30);
                world.delete(&name(31));
            }
            virtual_time::passes(EVERY).await;
            if edited.is_none() && !unready(&world).contains(&name(30)) {
                edited = Some(acted.elapsed());
            }
            if deleted.is_none() && world.audience(&name(31)).is_null() {
                deleted = Some(acted.elapsed());
            }
        }
        // A call comes after one of each other that waits, and after the resync's share; an edit takes two, a deletion four.
        let round = SLOW
            .time_for(NOISY + 2)
            .mul_f64(1.0 + 1.0 / (RESYNC_ONE_OF - 1) as f64);
        assert!(
            edited.is_some_and(|took| took <= 2 * round + EVERY),
            "{edited:?}"
        );
        assert!(
            deleted.is_some_and(|took| took <= 4 * round + EVERY),
            "{deleted:?}"
        );
        let calls = to_adobe_since(&world, began);
        let full = SLOW.most_within(EVERY * TICKS as u32) - 20;
        assert!(
            calls.len() >= full,
            "the budget was short: {} of {full} calls",
            calls.len()
        );
        // Both lists of contents end a pass, which begins every ten minutes and takes a minute at a tenth of the budget.
        let ends = calls
            .iter()
            .filter(|call| call.path.starts_with("/v1/segments/?"));
        let passes = ends.count();
        assert!(passes >= 2, "{passes} passes in half an hour");
    });
}

#[rstest]
#[case::as_it_is(400, 10)]
// Whoever answers so is overloaded: until it answers otherwise the rate halves with every try, down to a twentieth.
#[case::for_now(503, 10 * 20)]
fn one_that_is_always_refused_is_tried_later_and_later_and_holds_up_nobody(
    #[case] status: u16,
    #[case] seconds_for_each: u64,
) {
    on_virtual_time(async {
        const OTHERS: usize = 20;
        let world = standing_within(40, 40, SLOW).await;
        let refused = sids(&world, 0);
        let about = refused.clone();
        let began = world.choke_point.count();
        world.choke_point.set_proxy(Some(Arc::new(move |call| {
            let refused = call.is_write() && is_about(call, &about);
            refused.then(|| failure(call.system, status, "", Some("0")))
        })));
        edit(&world, 0, 30);
        virtual_time::passes(SOON).await;
        (1..=OTHERS).for_each(|index| edit(&world, index, 30));
        let patience = Duration::from_secs(seconds_for_each) * OTHERS as u32;
        virtual_time::passes(patience).await;
        let waiting = unready(&world);
        assert!(waiting.iter().eq([&name(0)]), "{waiting:?}");
        virtual_time::passes(HOUR).await;
        let calls = to_adobe_since(&world, began);
        let made = calls.iter().filter(|call| is_about(call, &refused)).count();
        // After 1 s, 2 s, up to 256 s, and then every five minutes, give or take a fifth; each a read, a write, and a read
        // of what became of it.
        let hour_and_patience = (HOUR + SOON + patience).as_secs() as usize;
        let tries = 1 + 9 + hour_and_patience / 240;
        assert!(made <= 3 * tries, "{made} calls of {tries} tries");
    });
}

#[test]
fn of_two_connections_of_one_client_the_smaller_is_not_behind_the_larger() {
    on_virtual_time(async {
        const MANY: usize = 60;
        let world = tenant(MANY + 1, SLOW);
        set_client_rate_limit(60);
        world.apply(SLOW.connection("beta"));
        let mut single = numbered(MANY);
        single["spec"]["connectionRef"] = json!({"name": "beta"});
        world.apply(single);
        world.start_operator();
        done_after(&world, SOON).await.unwrap();
        let standing = sids(&world, MANY);
        let began = world.choke_point.count();
        (0..MANY).for_each(|index| world.apply(numbered(index)));
        virtual_time::passes(Duration::from_secs(5)).await;
        let acted = world.choke_point.count();
        edit(&world, MANY, 30);
        done_after(&world, SOON + SLOW.time_for(5 * MANY))
            .await
            .unwrap();
        let calls = to_adobe_since(&world, acted);
        let own: Vec<_> = (0..calls.len())
            .filter(|at| is_about(&calls[*at], &standing))
            .collect();
        // In turns: one call of the other connection comes before each of its own, and now and then one of a resync.
        let last = own.last().copied().unwrap();
        assert!(last <= 3 * own.len(), "{own:?}");
        Budget::new(60, 2).assert_kept(&to_adobe_since(&world, began));
    });
}

/// How many creations wait for the rate limiter.
const BULK: usize = 4_000;
/// What the issue was seen with.
const WIDE: Budget = Budget::new(1_200, 10);

/// Two audiences that exist, and so many others that were just declared: the limiter is busy for minutes.
async fn during_a_bulk(bulk: usize) -> World {
    let world = tenant(bulk + 2, WIDE);
    for index in [bulk, bulk + 1] {
        world.apply(numbered(index));
    }
    world.start_operator();
    done_after(&world, SOON).await.unwrap();
    (0..bulk).for_each(|index| world.apply(numbered(index)));
    virtual_time::passes(Duration::from_secs(20)).await;
    world
}

/// Calls from the `since`th on, until the last one about these objects: those about them, and the others.
fn own_and_others(world: &World, since: usize, sids: &[String]) -> (usize, usize) {
    let calls = to_adobe_since(world, since);
    let last = calls.iter().rposition(|call| is_about(call, sids)).unwrap();
    let own = calls[..=last]
        .iter()
        .filter(|call| is_about(call, sids))
        .count();
    (own, last + 1 - own)
}

/// The edit of one manifest waits for no more than one permit for each of its calls, however many creations wait
/// (design.md §8).
#[test]
fn an_edit_and_a_deletion_wait_for_no_creation() {
    on_virtual_time(async {
        let world = during_a_bulk(BULK).await;
        let of_edited = sids(&world, BULK);
        let of_deleted = sids(&world, BULK + 1);
        let (since, edited) = (world.choke_point.count(), Instant::now());
        edit(&world, BULK, 30);
        while unready(&world).contains(&name(BULK)) {
            virtual_time::passes(Duration::from_millis(10)).await;
        }
        // A permit comes every 50 ms.
        let took = edited.elapsed();
        assert!(took <= Duration::from_millis(300), "the edit took {took:?}");
        let (own, others) = own_and_others(&world, since, &of_edited);
        assert!(others <= own + 1, "{others} other calls beside {own}");

        let (since, deleted) = (world.choke_point.count(), Instant::now());
        world.delete(&name(BULK + 1));
        while !world.audience(&name(BULK + 1)).is_null() {
            virtual_time::passes(Duration::from_millis(10)).await;
        }
        let took = deleted.elapsed();
        assert!(
            took <= Duration::from_millis(800),
            "the deletion took {took:?}"
        );
        let (own, others) = own_and_others(&world, since, &of_deleted);
        assert!(others <= own + 1, "{others} other calls beside {own}");
        assert!(unready(&world).len() > BULK / 2, "the others still wait");
    });
}

/// Who waits to be created and is deleted meanwhile is never created, and is gone at once.
#[test]
fn a_creation_that_waits_is_given_up_when_its_manifest_is_deleted() {
    on_virtual_time(async {
        const SOME: usize = 400;
        let world = during_a_bulk(SOME).await;
        let waiting = (0..SOME).rev().find(|index| {
            let audience = world.audience(&name(*index));
            audience["status"]["audienceManager"]["traitSid"].is_null()
        });
        let waiting = waiting.unwrap();
        let deleted = Instant::now();
        world.delete(&name(waiting));
        while !world.audience(&name(waiting)).is_null() {
            assert!(deleted.elapsed() < Duration::from_secs(5), "it still waits");
            virtual_time::passes(Duration::from_millis(50)).await;
        }
        virtual_time::passes(MINUTE).await;
        let created = world.simulator.state()["traits"].to_string();
        assert!(!created.contains(&format!("\"{}\"", name(waiting))));
    });
}

/// Nine of ten permits of a busy limiter are for edits, if there are so many; the creations go on all the same.
#[test]
fn a_stream_of_edits_does_not_starve_creations() {
    on_virtual_time(async {
        const NOISY: usize = 20;
        let world = standing_within(40, NOISY, SLOW).await;
        (NOISY..40).for_each(|index| world.apply(numbered(index)));
        for tick in 0..120 {
            (0..NOISY).for_each(|index| edit(&world, index, 30 + tick % 2));
            virtual_time::passes(Duration::from_secs(10)).await;
        }
        let created = (NOISY..40).filter(|index| !unready(&world).contains(&name(*index)));
        // 1,200 permits, a tenth of them for creations, three for each.
        assert!(created.count() >= 15, "{:?}", unready(&world));
    });
}
