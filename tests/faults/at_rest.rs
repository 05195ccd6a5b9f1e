//! Calls at rest, and after a restart, do not grow with the number of audiences: pages of Experience Platform apart.

use std::collections::BTreeSet;
use std::time::Duration;

use adobe_simulator::Preset;
use rstest::rstest;
use serde_json::json;

use crate::back_pressure::{Budget, standing_within, to_adobe_since, unready};
use crate::failures::answers::set_flags;
use crate::labels::data_source_by_hand;
use crate::operator::{SECRET, World, audience, plans, secret, shared_segment};
use crate::run::on_virtual_time;
use crate::{tenants, virtual_time};

/// Where the sources of Audience Manager stand, in turn.
const DATA_SOURCES: [u64; 2] = [29_769, 29_771];
const STRATEGIES: [&str; 2] = ["ExternalAudience", "MetadataOnly"];
const FAST: Budget = Budget::new(6_000, 100);

/// An audience of Experience Platform with its index; of some the segment is mapped, and some are labelled, so that they
/// have one of two more data sources.
fn to_audience_manager(world: &World, index: usize, in_use: bool) {
    let id = format!("audience-{index}");
    let labels = match index % 7 {
        0 => json!(["core/C3"]),
        1 => json!(["core/C5"]),
        _ => json!([]),
    };
    if in_use {
        world.person("audiences", &id, &json!({ "labels": labels }));
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

/// What is made of the audiences beside trait and segment.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    None,
    DestinationsAndLabels,
    /// The list of destinations shows no mappings: those of each destination in use are listed after it.
    MappingsListedApart,
}

/// `likeliest` and `hostile`: the lists of Audience Manager, that of the traits only where some are ours or shared, and the
/// pages of audiences. Of the one preset they are the figures of design.md §8, with pages of a thousand and of a hundred;
/// of the other an answer holds no more than sixty audiences, each data source is listed by itself, and so are the mappings,
/// in pages.
#[rstest]
#[case::to_audience_manager(500, 0, Use::None, (5, 6, 6), (7, 10, 8))]
#[case::to_experience_platform(0, 500, Use::None, (4, 6, 5), (5, 10, 6))]
#[case::both_in_use(500, 500, Use::DestinationsAndLabels, (6, 11, 8), (14, 18, 16))]
#[case::mappings_listed_apart(500, 0, Use::MappingsListedApart, (7, 6, 8), (15, 10, 14))]
fn hundreds_of_a_direction_cost_a_few_lists_and_their_pages_a_pass_and_no_write(
    #[case] forth: usize,
    #[case] back: usize,
    #[case] used: Use,
    #[case] likeliest: (usize, usize, usize),
    #[case] hostile: (usize, usize, usize),
    #[values(Preset::Likeliest, Preset::Hostile)] preset: Preset,
) {
    let (lists, pages, restarted) = match preset {
        Preset::Likeliest => likeliest,
        Preset::Hostile => hostile,
    };
    on_virtual_time(async {
        let world = World::new(tenants::with_audiences(forth, SECRET));
        world.simulator.set_flags(preset.flags());
        world.choke_point.keep_no_snapshots();
        let partner = json!({"pid": 1794, "destinationId": 4712, "name": "Partner", "destinationType": "S2S"});
        world.create("destinations", partner);
        let apart = used == Use::MappingsListedApart;
        set_flags(
            &world,
            &json!({"audienceManager": {"destinationListTellsMappings": !apart}}),
        );
        let in_use = used != Use::None;
        world.apply(secret());
        world.apply(FAST.connection("acme"));
        if in_use {
            data_source_by_hand(&world, "C5", &["OFF_SITE"]);
        }
        (0..forth).for_each(|index| to_audience_manager(&world, index, in_use));
        (0..back).for_each(|index| to_experience_platform(&world, index));
        world.start_operator();
        virtual_time::passes(Duration::from_secs(300)).await;
        assert_eq!(unready(&world), BTreeSet::new(), "it stands");
        for controlled in ["NoPersonalData", "NoOffSiteAds"] {
            let told = json!(world.audiences()).to_string();
            assert_eq!(told.contains(controlled), in_use, "{controlled}");
        }
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
        // One pass, whose the credential is, and once the destination that is in use, which brings its mappings along.
        assert_eq!(lists_and_pages(&world, since), (restarted, pages));
    });
}

#[test]
fn plans_are_computed_at_most_once_a_call_and_three_times_an_audience() {
    on_virtual_time(async {
        const AUDIENCES: usize = 500;
        let world = standing_within(AUDIENCES, AUDIENCES, FAST).await;
        let calls = to_adobe_since(&world, 0);
        let writes = calls.iter().filter(|call| call.is_remote_write()).count();
        assert_eq!(
            writes,
            2 * AUDIENCES + 5,
            "two creates each, and the shared objects once: the folders in both forms"
        );
        let searches = calls.iter().filter(|call| {
            call.path.contains("/v1/traits/?integrationCode=")
                || call.path.contains("/v1/traits/?includeDetails")
        });
        let searches = searches.count();
        assert!(searches <= 10, "{searches} searches for Adobe's own pairs");
        // The third is for the one list of all traits, which all that are created wait for.
        let bound = writes + 3 * AUDIENCES;
        let plans = plans();
        assert!(plans <= bound, "{plans} plans, at most {bound}");
        assert!(plans >= AUDIENCES, "{plans} plans are counted");
    });
}
