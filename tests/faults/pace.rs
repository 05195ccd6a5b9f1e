//! The leaves that change nothing but time: how often both systems are read, and how fast the operator calls; and the way
//! out of one that cannot change. The others are swept on a real API server (`tests/leaves.rs`).

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::back_pressure::{Budget, HOUR, MINUTE, edit, standing_within, to_adobe_since, unready};
use crate::choke_point::{Call, System};
use crate::operator::{World, audience, connection};
use crate::run::{LOOK, on_virtual_time};
use crate::{verdict, virtual_time};

const AUDIENCES: usize = 40;

/// All of them stand, under a budget that holds nothing up.
async fn world() -> World {
    standing_within(AUDIENCES, AUDIENCES, Budget::new(6_000, 100)).await
}

fn all_ready(world: &World) -> bool {
    unready(world).is_empty()
}

fn set(world: &World, fields: &Value) {
    world.edit_connection("acme", &json!({"spec": fields}));
}

fn set_rate_limit(world: &World, a_minute: u32, burst: u32) {
    set(
        world,
        &json!({"rateLimit": {"requestsPerMinute": a_minute, "burst": burst}}),
    );
}

async fn calls_within(world: &World, time: Duration) -> Vec<Call> {
    let before = world.choke_point.count();
    virtual_time::passes(time).await;
    let mut calls = to_adobe_since(world, before);
    calls.retain(|call| call.system != System::IdentityService);
    calls
}

/// Passes over both systems within six hours.
async fn passes(world: &World) -> usize {
    let calls = calls_within(world, 6 * HOUR).await;
    let lists = calls.iter();
    lists
        .filter(|call| call.path.starts_with("/v1/datasources"))
        .count()
}

/// Each way from one interval to another is one edit of this leaf alone.
#[test]
fn the_resync_interval_is_how_often_both_systems_are_read_and_a_change_holds_at_once() {
    on_virtual_time(async {
        let world = world().await;
        let mut seen = Vec::new();
        for interval in ["10m", "1m", "24h", "1h30m", "10m"] {
            set(&world, &json!({"resyncInterval": interval}));
            virtual_time::passes(LOOK).await;
            seen.push((interval, passes(&world).await));
        }
        let about = |interval: &str, count: usize| match interval {
            "1m" => (300..=400).contains(&count),
            "10m" => (30..=42).contains(&count),
            "1h30m" => (3..=6).contains(&count),
            _ => count <= 1,
        };
        let fits = seen.iter().all(|(interval, count)| about(interval, *count));
        assert!(fits, "passes in six hours: {seen:?}");
    });
}

/// After an edit of every audience.
async fn rewrite(world: &World, days: u32, time: Duration) -> Vec<Call> {
    (0..AUDIENCES).for_each(|index| edit(world, index, days));
    calls_within(world, time).await
}

/// Two calls for each audience: its trait is read and written.
const CALLS: usize = 2 * AUDIENCES;
/// The two go together: of the least budget a pair comes every other minute.
const FOUR_MINUTES: Duration = Duration::from_secs(240);

#[rstest]
#[case::the_least(1, 2..=6)]
#[case::some(10, 38..=42)]
#[case::the_most(6_000, CALLS..=CALLS + 10)]
fn the_budget_is_how_many_calls_four_minutes_see(
    #[case] a_minute: u32,
    #[case] expected: std::ops::RangeInclusive<usize>,
) {
    on_virtual_time(async {
        let world = world().await;
        set_rate_limit(&world, a_minute, 1);
        virtual_time::passes(LOOK).await;
        rewrite(&world, 31, 2 * MINUTE).await;
        let seen = match a_minute {
            6_000 => rewrite(&world, 32, MINUTE).await,
            _ => calls_within(&world, FOUR_MINUTES).await,
        };
        assert!(expected.contains(&seen.len()), "{} calls", seen.len());
        // The way back: what waited is made up for at once.
        set_rate_limit(&world, 6_000, 100);
        virtual_time::passes(MINUTE).await;
        assert!(all_ready(&world));
        let seen = rewrite(&world, 33, MINUTE).await;
        assert!(seen.len() >= CALLS, "{} calls", seen.len());
        assert!(all_ready(&world));
    });
}

#[rstest]
#[case::the_least(1, 1..=3)]
#[case::some(10, 9..=12)]
#[case::the_most(100, CALLS..=CALLS + 10)]
fn the_burst_is_how_many_calls_follow_each_other_at_once(
    #[case] burst: u32,
    #[case] expected: std::ops::RangeInclusive<usize>,
) {
    on_virtual_time(async {
        let world = world().await;
        set_rate_limit(&world, 60, burst);
        virtual_time::passes(5 * MINUTE).await;
        let seen = rewrite(&world, 31, Duration::from_secs(1)).await;
        assert!(expected.contains(&seen.len()), "{} calls", seen.len());
        set_rate_limit(&world, 6_000, 100);
        virtual_time::passes(MINUTE).await;
        assert!(all_ready(&world));
    });
}

/// The sandbox of a connection cannot change: whoever misspells it has to delete what refers to it.
#[test]
fn what_names_a_sandbox_that_is_not_there_can_be_deleted() {
    on_virtual_time(async {
        let world = world().await;
        let mut misspelt = connection("misspelt");
        misspelt["spec"]["experiencePlatform"]["sandbox"] = json!("nowhere");
        misspelt["spec"]["deletionPolicy"] = json!("Delete");
        world.apply(misspelt);
        let mut waiting = audience("waiting", "audience-0");
        waiting["spec"]["connectionRef"]["name"] = json!("misspelt");
        world.apply(waiting);
        virtual_time::passes(2 * MINUTE).await;
        let ready = verdict::ready(&world.audience("waiting"));
        assert_eq!(ready.1, "DependencyNotReady");
        world.delete("waiting");
        world.delete_connection("misspelt");
        virtual_time::passes(HOUR).await;
        assert!(
            world.audience("waiting").is_null(),
            "{}",
            world.audience("waiting")
        );
        assert_eq!(world.connections().len(), 1, "{:?}", world.connections());
    });
}
