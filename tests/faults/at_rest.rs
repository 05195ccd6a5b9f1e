//! Calls at rest, and after a restart, do not grow with the number of audiences: pages of Experience Platform apart.

use std::collections::BTreeSet;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::back_pressure::{Budget, standing_within, to_adobe_since, unready};
use crate::operator::{SECRET, World, audience, plans, secret, shared_segment};
use crate::run::on_virtual_time;
use crate::{tenants, virtual_time};

/// Where the sources of Audience Manager stand, in turn.
const DATA_SOURCES: [u64; 2] = [29_769, 29_771];
const STRATEGIES: [&str; 2] = ["ExternalAudience", "MetadataOnly"];
const FAST: Budget = Budget::new(6_000, 100);

/// An audience of Experience Platform with its index; of some the segment is mapped, and some are labelled, so that they
/// have a data source of their own.
fn to_audience_manager(world: &World, index: usize, in_use: bool) {
    let id = format!("audience-{index}");
    if in_use && index.is_multiple_of(7) {
        world.person("audiences", &id, &json!({"labels": ["core/C3"]}));
    }
    let mut declared = audience(&id, &id);
    if in_use && index.is_multiple_of(5) {
        let partner = json!({"key": "partner", "id": 4712, "alias": format!("alias-{index}")});
        declared["spec"]["target"] = json!({"audienceManager": {"destinations": [partner]}});
    }
    world.apply(declared);
}

/// A new segment of Audience Manager, to be shared.
fn to_experience_platform(world: &World, index: usize) {
    let data_source = DATA_SOURCES[index % DATA_SOURCES.len()];
    let made = world.create(
        "segments",
        json!({"pid": 1794, "name": format!("Segment {index}"), "segmentRule": "16440001T",
               "dataSourceId": data_source, "folderId": 0, "status": "ACTIVE"}),
    );
    let strategy = STRATEGIES[index % STRATEGIES.len()];
    let name = format!("segment-{index}");
    world.apply(shared_segment(&name, &made["sid"], strategy));
}

/// Of Audience Manager and of Experience Platform; nothing was written.
fn lists_and_pages(world: &World, since: usize) -> (usize, usize) {
    let calls = to_adobe_since(world, since);
    let writes: Vec<_> = calls.iter().filter(|call| call.is_remote_write()).collect();
    assert!(writes.is_empty(), "{writes:?}");
    let count = |part: &str| calls.iter().filter(|call| call.path.contains(part)).count();
    (count("/v1/"), count("/data/core/"))
}

/// `lists`: of Audience Manager, that of the traits only where some are ours or shared; `pages`: of a hundred audiences.
#[rstest]
#[case::to_audience_manager(500, 0, false, 5, 6)]
#[case::to_experience_platform(0, 500, false, 4, 6)]
#[case::both(500, 500, false, 5, 11)]
#[case::both_with_destinations_and_labels(500, 500, true, 6, 11)]
fn five_hundred_of_a_direction_cost_a_few_lists_and_their_pages_a_pass_and_no_write(
    #[case] forth: usize,
    #[case] back: usize,
    #[case] in_use: bool,
    #[case] lists: usize,
    #[case] pages: usize,
) {
    on_virtual_time(async {
        let world = World::new(tenants::with_audiences(forth, SECRET));
        world.choke_point.keep_no_snapshots();
        let partner = json!({"pid": 1794, "destinationId": 4712, "name": "Partner", "destinationType": "S2S"});
        world.create("destinations", partner);
        world.apply(secret());
        world.apply(FAST.connection("acme"));
        (0..forth).for_each(|index| to_audience_manager(&world, index, in_use));
        (0..back).for_each(|index| to_experience_platform(&world, index));
        world.start_operator();
        virtual_time::passes(Duration::from_secs(300)).await;
        assert_eq!(unready(&world), BTreeSet::new(), "it stands");
        let data_sources = world.tenant()["dataSources"].to_string();
        assert_eq!(data_sources.contains("Audience Sharing (C3)"), in_use);
        let one = if forth > 0 { "audience-0" } else { "segment-0" };
        world.look_now(one);
        virtual_time::passes(Duration::from_secs(60)).await;
        let since = world.choke_point.count();
        for _ in 0..10 {
            world.look_now(one);
            virtual_time::passes(Duration::from_secs(5)).await;
        }
        assert_eq!(lists_and_pages(&world, since), (10 * lists, 10 * pages));

        let since = world.choke_point.count();
        world.restart_operator().await;
        virtual_time::passes(Duration::from_secs(60)).await;
        assert_eq!(unready(&world), BTreeSet::new(), "it stands");
        // One pass, and whose the credential is.
        assert_eq!(lists_and_pages(&world, since), (lists + 1, pages));
    });
}

#[test]
fn plans_are_computed_at_most_once_a_call_and_twice_an_audience() {
    on_virtual_time(async {
        const AUDIENCES: usize = 4_000;
        let world = standing_within(AUDIENCES, AUDIENCES, FAST).await;
        let calls = to_adobe_since(&world, 0);
        let writes = calls.iter().filter(|call| call.is_remote_write()).count();
        assert_eq!(
            writes,
            2 * AUDIENCES + 3,
            "two creates each, and the shared objects once"
        );
        let bound = writes + 2 * AUDIENCES;
        let plans = plans();
        assert!(plans <= bound, "{plans} plans, at most {bound}");
        assert!(plans >= AUDIENCES, "{plans} plans are counted");
    });
}
