//! Lists that are empty, or lack what is ours, although it exists: nothing is created, moved or deleted because of them
//! (design.md §4, L2).

use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use axum::body::Body;
use http::Response;
use rstest::rstest;
use serde_json::{Value, json};

use crate::back_pressure::{Budget, HOUR, standing_within, to_adobe_since};
use crate::choke_point::{Call, System};
use crate::operations::{LOYAL_GAMERS, OTHER, console_buyers, destinations, mapped, partner, shop};
use crate::operator::{World, audience, connection, secret, seed, shared_segment};
use crate::run::{LOOK, REST, on_virtual_time};
use crate::verdict::{ends_well, ready};
use crate::virtual_time;

/// Every list that the operator reads.
const LISTS: [&str; 9] = [
    "/v1/datasources/?",
    "/v1/folders/traits/",
    "/v1/folders/segments/",
    "/v1/traits/?",
    "/v1/segments/?",
    "/v1/destinations/?",
    "/mappings/",
    "/ups/audiences",
    "/sandboxes",
];

/// The next lists with this path, or all of them from here on (0), hold nothing.
fn empty_lists(world: &World, path: &str, times: u32) {
    world.simulator.add_fault(SimulatorFault {
        matching: Match {
            method: Some("GET".into()),
            path_contains: Some(path.into()),
            ..Match::default()
        },
        skip: 0,
        times,
        kind: FaultKind::EmptyList,
    });
}

fn remote_writes(world: &World, since: usize) -> Vec<String> {
    let calls = world.choke_point.calls();
    let writes = calls[since..].iter().filter(|call| call.is_remote_write());
    writes.map(ToString::to_string).collect()
}

/// Both directions, mapped, with export controls; nothing runs yet.
fn declared() -> World {
    let world = World::new(seed());
    world.apply(secret());
    world.apply(connection("acme"));
    destinations(&world);
    world.apply(mapped(&[shop("first"), partner("gamers")]));
    world.apply(audience("other", OTHER));
    let sid = console_buyers(&world);
    world.apply(shared_segment("buyers", &sid, "ExternalAudience"));
    world
}

async fn standing() -> World {
    let world = declared();
    world.start_operator();
    virtual_time::passes(LOOK).await;
    for shared in world.audiences() {
        assert_eq!(ready(&shared).0, "True", "{shared}");
    }
    world
}

#[rstest]
fn an_empty_list_at_rest_changes_nothing(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] list: usize,
    #[values(1, 3, 0)] times: u32,
    #[values(false, true)] restarted: bool,
) {
    on_virtual_time(async {
        let world = standing().await;
        virtual_time::passes(REST).await;
        let since = world.choke_point.count();
        empty_lists(&world, LISTS[list], times);
        match restarted {
            true => world.restart_operator().await,
            false => world.look_now("loyal"),
        }
        virtual_time::passes(HOUR).await;
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
        world.simulator.clear_faults();
        ends_well(&world).await;
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
    });
}

#[rstest]
fn an_empty_list_during_creation_creates_nothing_twice(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] list: usize,
    #[values(1, 2)] times: u32,
) {
    on_virtual_time(async {
        let world = declared();
        empty_lists(&world, LISTS[list], times);
        world.start_operator();
        ends_well(&world).await;
    });
}

/// The cluster was rebuilt: the manifests are there, and no status names what exists.
#[rstest]
fn an_empty_list_after_the_status_was_lost_creates_nothing_twice(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] list: usize,
) {
    on_virtual_time(async {
        let world = standing().await;
        world.kill_operator();
        for name in ["loyal", "other", "buyers"] {
            world.edit(name, &json!({"status": null}));
        }
        world.edit_connection("acme", &json!({"status": null}));
        let since = world.choke_point.count();
        empty_lists(&world, LISTS[list], 1);
        world.start_operator();
        ends_well(&world).await;
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
    });
}

/// The lists of Audience Manager, without what is ours.
fn shortened(state: &Value, call: &Call) -> Option<Value> {
    if call.system != System::AudienceManager || call.method != http::Method::GET {
        return None;
    }
    let others = |collection: &str| {
        let objects = state[collection].as_array().unwrap().iter();
        let others = objects.filter(|object| {
            let marked = |field: &str| object[field].to_string().contains("audience-sharing");
            !marked("description")
        });
        Some(json!(others.collect::<Vec<_>>()))
    };
    let root = |name: &str| Some(json!([{"folderId": 0, "name": name, "subFolders": []}]));
    let (path, _) = call.path.split_once('?').unwrap_or((&call.path, ""));
    match path {
        "/v1/datasources/" => others("dataSources"),
        "/v1/folders/traits/" => root("All Traits"),
        "/v1/folders/segments/" => root("All Segments"),
        "/v1/traits/" if !call.path.contains("integrationCode") => others("traits"),
        "/v1/segments/" if !call.path.contains("integrationCode") => others("segments"),
        _ => None,
    }
}

#[rstest]
fn lists_that_lack_what_is_ours_change_nothing(#[values(false, true)] restarted: bool) {
    on_virtual_time(async {
        let world = standing().await;
        virtual_time::passes(REST).await;
        let since = world.choke_point.count();
        let simulator = world.simulator.clone();
        world
            .choke_point
            .set_proxy(Some(std::sync::Arc::new(move |call| {
                let list = shortened(&simulator.state(), call)?;
                let answer = Response::builder().header("content-type", "application/json");
                Some(answer.body(Body::from(list.to_string())).unwrap())
            })));
        match restarted {
            true => world.restart_operator().await,
            false => world.look_now("loyal"),
        }
        virtual_time::passes(HOUR).await;
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
        for shared in world.audiences() {
            assert_eq!(ready(&shared).0, "True", "{shared}");
        }
        world.choke_point.set_proxy(None);
        ends_well(&world).await;
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
    });
}

/// What a person deleted is made again: its own read says that it is gone, and two lists lack it.
#[test]
fn a_data_source_and_folders_that_are_gone_are_made_again() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let status = world.connections()[0]["status"]["audienceManager"].clone();
        let shared = world.audience("loyal")["status"]["audienceManager"].clone();
        let deleted = [
            ("segments", &shared["segmentSid"]),
            ("traits", &shared["traitSid"]),
            ("dataSources", &status["dataSourceId"]),
            ("traitFolders", &status["traitFolderId"]),
            ("segmentFolders", &status["segmentFolderId"]),
        ];
        for (collection, id) in deleted {
            world.person_deletes(collection, &id.to_string());
        }
        world.look_now("loyal");
        ends_well(&world).await;
        let made_again = world.connections()[0]["status"]["audienceManager"].clone();
        for field in ["dataSourceId", "traitFolderId", "segmentFolderId"] {
            assert!(made_again[field].is_u64(), "{made_again}");
            assert_ne!(made_again[field], status[field], "{field}");
        }
        let created = &made_again["createdTraitFolderIds"];
        assert_eq!(*created, json!([made_again["traitFolderId"]]));
    });
}

/// A list that lacks more than twenty known objects is asked for again before anything is read by itself.
#[rstest]
#[case::traits("/v1/traits/?")]
#[case::segments("/v1/segments/?")]
#[case::audiences("/ups/audiences")]
fn a_list_that_lacks_many_is_asked_for_again_first(#[case] path: &'static str) {
    on_virtual_time(async {
        const SHARED: usize = 60;
        let world = standing_within(SHARED, SHARED, Budget::new(6_000, 100)).await;
        virtual_time::passes(REST).await;
        let calls_of_a_pass = |since: usize| {
            let calls = to_adobe_since(&world, since);
            calls
                .iter()
                .filter(|call| call.system != System::IdentityService)
                .count()
        };
        let since = world.choke_point.count();
        world.look_now("audience-0");
        virtual_time::passes(Duration::from_secs(30)).await;
        let usual = calls_of_a_pass(since);
        empty_lists(&world, path, 1);
        let since = world.choke_point.count();
        world.look_now("audience-0");
        virtual_time::passes(Duration::from_secs(30)).await;
        let again = calls_of_a_pass(since);
        // The two data sources, ours and Adobe's, are listed one by one in this reading.
        assert!(again <= usual + 2, "{again} calls, {usual} otherwise");
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
    });
}
