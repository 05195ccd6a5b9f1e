//! What the engine does to the two systems, call by call, on virtual time.

mod forbidden;
mod labels;

use std::sync::atomic::Ordering;
use std::time::Duration;

use audience_sharing_core::domain::identifier::CompanyId;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::Left;
use audience_sharing_operator::engine::{Retired, Unsettled};
use rstest::rstest;
use serde_json::{Value, json};

use crate::virtual_time;
use crate::world::{LOYAL_GAMERS, Setting, World, recorded, request, tenant_with};

fn reason(settled: &audience_sharing_operator::engine::Settled) -> Option<Reason> {
    settled.obstacle.as_ref().map(|obstacle| obstacle.reason)
}

#[rstest]
#[case::later(120, &["GET", "PUT"])]
#[case::within_a_minute_of_our_own_write(10, &["GET", "GET", "PUT"])]
#[tokio::test(start_paused = true)]
async fn a_hand_edit_is_read_and_undone(#[case] seconds: u64, #[case] expected: &[&str]) {
    let world = World::start();
    let shared = world.share("loyal", LOYAL_GAMERS).await;
    virtual_time::passes(Duration::from_secs(seconds)).await;
    let segment = recorded(&shared).segment_sid.unwrap();
    world
        .simulator
        .patch_object(
            "segments",
            &segment.to_string(),
            &json!({"name": "Edited by hand"}),
        )
        .unwrap();
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    world.share("loyal", LOYAL_GAMERS).await;
    let wanted: Vec<String> = expected
        .iter()
        .map(|method| format!("{method} /v1/segments/{segment}"))
        .collect();
    assert_eq!(world.calls(), wanted);
    assert_eq!(world.object("segments", segment.0)["name"], "Loyal gamers");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_plan_for_one_audience_concerns_that_one_alone() {
    const OTHER: &str = "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01";
    let world = World::start();
    world.share("readers", OTHER).await;
    world.counts.panics.store(true, Ordering::Relaxed);
    let settled = world.engine.settle(request("loyal", LOYAL_GAMERS)).await;
    assert_eq!(settled.err(), Some(Unsettled::Panicked));
    assert!(!world.engine.is_ended());
    world.simulator.clear_calls();
    world.share("readers", OTHER).await;
    world.share("loyal", LOYAL_GAMERS).await;
    let calls = world.calls();
    assert!(
        !calls.iter().any(|call| call.contains("/datasources/")),
        "another full pass: {calls:?}"
    );
}

/// Writes wait for the budget far longer than one renewal of the lease holds.
#[tokio::test(start_paused = true)]
async fn a_lease_that_is_renewed_lets_through_what_waited_for_the_budget() {
    const AUDIENCES: usize = 300;
    let world = World::with(Setting {
        seed: tenant_with(AUDIENCES),
        requests_per_minute: 60,
        ..Setting::default()
    });
    let lease = world.lease.clone();
    tokio::spawn(async move {
        loop {
            let until = tokio::time::Instant::now() + Duration::from_secs(90);
            lease.send_replace(Some(until));
            virtual_time::passes(Duration::from_secs(5)).await;
        }
    });
    let shares = (0..AUDIENCES).map(|index| {
        let request = request(&format!("share-{index}"), &format!("audience-{index}"));
        world.settle(request)
    });
    let settled = futures::future::join_all(shares).await;
    let obstacles = settled.iter().filter_map(reason).count();
    assert_eq!(obstacles, 0);
    assert_eq!(world.writes().len(), 2 * AUDIENCES + 3);
}

/// Where no server enforces the key, an effect that comes after the look-up leaves a twin until the next pass.
#[tokio::test(start_paused = true)]
async fn a_late_effect_leaves_one_object_where_nothing_enforces_the_key() {
    let world = World::start();
    world
        .simulator
        .create_object(
            "dataSources",
            json!({
                "name": "Adobe Experience Platform Audience Sharing", "description": "[audience-sharing:test-owner]",
                "pid": 1794, "status": "ACTIVE", "uniqueTraitIntegrationCodes": false,
                "uniqueSegmentIntegrationCodes": false,
            }),
        )
        .unwrap();
    world.fault(json!({
        "match": {"system": "audienceManager", "method": "POST", "pathContains": "/v1/traits/"},
        "kind": {"lateEffect": {"delayMs": 90_000}},
    }));
    let lost = world.settle(request("loyal", LOYAL_GAMERS)).await;
    assert_eq!(reason(&lost), Some(Reason::AudienceManagerUnavailable));
    world.share("loyal", LOYAL_GAMERS).await;
    virtual_time::passes(Duration::from_secs(700)).await;
    world.engine.refresh().await.unwrap();
    assert_eq!(world.marked().len(), 3, "the late effect came: a twin");
    world.share("loyal", LOYAL_GAMERS).await;
    assert_eq!(world.marked().len(), 2, "a trait and a segment");
    world.simulator.clear_calls();
    world.engine.refresh().await.unwrap();
    world.share("loyal", LOYAL_GAMERS).await;
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn plans_are_computed_at_most_once_a_call_and_twice_an_audience() {
    const AUDIENCES: usize = 4_000;
    let world = World::with(Setting {
        seed: tenant_with(AUDIENCES),
        ..Setting::default()
    });
    let shares = (0..AUDIENCES).map(|index| {
        let request = request(&format!("share-{index}"), &format!("audience-{index}"));
        world.settle(request)
    });
    let settled = futures::future::join_all(shares).await;
    assert!(settled.iter().all(|settled| settled.obstacle.is_none()));
    let calls = world.writes().len();
    assert_eq!(
        calls,
        2 * AUDIENCES + 3,
        "two creates each, and the shared objects once"
    );
    let bound = calls + 2 * AUDIENCES;
    assert!(
        world.plans() <= bound as u64,
        "{} plans, at most {bound}",
        world.plans()
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_process_over_a_settled_tenant_writes_nothing() {
    let world = World::start();
    let first = world.share("loyal", LOYAL_GAMERS).await;
    let world = world.restarted();
    world.simulator.clear_calls();
    let again = world.share("loyal", LOYAL_GAMERS).await;
    assert_eq!(again.standing, first.standing, "found by its natural key");
    assert_eq!(world.writes(), Vec::<String>::new());
}

/// A create whose outcome is unknown is looked up by its key: one object, whatever really happened.
#[rstest]
#[case::effect_then_reset(json!("effectThenReset"))]
#[case::effect_then_error(json!({"effectThenError": {"status": 503}}))]
#[case::no_effect(json!("crashBeforeSend"))]
#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_of_a_create_leaves_one_object(
    #[case] kind: Value,
    #[values(
        "/traits",
        "/segments",
        "/datasources",
        "/folders/traits",
        "/folders/segments"
    )]
    path: &str,
) {
    let world = World::start();
    world.fault(json!({"match": {"method": "POST", "pathContains": path}, "kind": kind}));
    let mut settled = world.settle(request("loyal", LOYAL_GAMERS)).await;
    for _ in 0..5 {
        if settled.obstacle.is_none() {
            break;
        }
        virtual_time::passes(Duration::from_secs(120)).await;
        settled = world.settle(request("loyal", LOYAL_GAMERS)).await;
    }
    assert_eq!(settled.obstacle, None, "it heals by itself");
    assert_eq!(
        world.marked().len(),
        2,
        "one trait and one segment: {:?}",
        world.marked()
    );
    let state = world.tenant();
    let named = |collection: &str, name: &str| {
        state[collection]
            .as_array()
            .unwrap()
            .iter()
            .filter(|found| found["name"] == name)
            .count()
    };
    assert_eq!(
        named("dataSources", "Adobe Experience Platform Audience Sharing"),
        1
    );
    assert_eq!(named("traitFolders", "Experience Platform Traits"), 1);
    assert_eq!(named("segmentFolders", "Experience Platform Segments"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_no_deletion() {
    let world = World::start();
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    for path in ["/traits", "/segments", "/audiences"] {
        world.fault(json!({"match": {"method": "GET", "pathContains": path}, "kind": "emptyList"}));
    }
    world.simulator.clear_calls();
    world.engine.refresh().await.unwrap();
    let mut again = request("loyal", LOYAL_GAMERS);
    again.recorded = recorded(&settled);
    let after = world.settle(again).await;
    assert_eq!((after.obstacle, after.standing), (None, settled.standing));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_object_deleted_by_hand_is_made_anew_after_its_own_404() {
    let world = World::start();
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    let sid = recorded(&settled).segment_sid.unwrap();
    world
        .simulator
        .delete_object("segments", &sid.to_string())
        .unwrap();
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let mut again = request("loyal", LOYAL_GAMERS);
    again.recorded = recorded(&settled);
    let after = world.settle(again).await;
    assert_eq!(after.obstacle, None);
    assert_eq!(
        world.calls(),
        [
            format!("GET /v1/segments/{sid}"),
            "POST /v1/segments/".into()
        ]
    );
    assert_ne!(recorded(&after).segment_sid, Some(sid));
}

#[tokio::test(start_paused = true)]
async fn a_credential_of_another_tenant_changes_nothing() {
    let recorded_tenant = Tenant {
        company: Some(CompanyId(4_711)),
        sandbox: None,
    };
    let world = World::with(Setting {
        recorded_tenant,
        ..Setting::default()
    });
    let settled = world.settle(request("loyal", LOYAL_GAMERS)).await;
    assert_eq!(reason(&settled), Some(Reason::TenantMismatch));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_costs_the_same_few_calls_however_many_audiences_hang_on_it() {
    let world = World::with(Setting {
        client_secret: "wrong",
        seed: tenant_with(1_000),
        ..Setting::default()
    });
    let hour = tokio::time::Instant::now() + Duration::from_secs(3_600);
    while tokio::time::Instant::now() < hour {
        let shares = (0..1_000).map(|index| {
            world.settle(request(
                &format!("share-{index}"),
                &format!("audience-{index}"),
            ))
        });
        for settled in futures::future::join_all(shares).await {
            assert_eq!(reason(&settled), Some(Reason::CredentialsRefused));
            assert!(
                settled.obstacle.unwrap().of_connection,
                "told on the connection"
            );
        }
        virtual_time::passes(Duration::from_secs(60)).await;
    }
    assert_eq!(
        world.calls(),
        Vec::<String>::new(),
        "nothing but IMS is asked"
    );
    // Periods of 10, 20, 40, 80, 160 and then 300 s: an hour holds at most 5 + 12 of them.
    assert!(
        world.simulator.calls().len() <= 18,
        "{} calls to IMS in an hour",
        world.simulator.calls().len()
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_lease_nothing_is_written_and_with_it_the_work_goes_on() {
    let world = World::start();
    world.lease.send_replace(None);
    let held = world.settle(request("loyal", LOYAL_GAMERS)).await;
    assert_eq!(reason(&held), Some(Reason::LeaseNotHeld));
    assert_eq!(world.writes(), Vec::<String>::new());
    world.lease.send_replace(Some(
        tokio::time::Instant::now() + Duration::from_secs(86_400),
    ));
    world.engine.refresh().await.unwrap();
    world.share("loyal", LOYAL_GAMERS).await;
}

#[tokio::test(start_paused = true)]
async fn read_only_lets_no_write_through_and_says_so() {
    let world = World::with(Setting {
        read_only: true,
        ..Setting::default()
    });
    let settled = world.settle(request("loyal", LOYAL_GAMERS)).await;
    assert_eq!(reason(&settled), Some(Reason::ReadOnly));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_foreign_user_of_the_trait_blocks_the_deletion_of_everything() {
    let world = World::start();
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    let sid = recorded(&settled).trait_sid.unwrap();
    let foreign = json!({"name": "Mixed by a colleague", "segmentRule": format!("{sid}T"), "dataSourceId": 6601, "folderId": 0});
    world.simulator.create_object("segments", foreign).unwrap();
    let Retired::Blocked(obstacle) = world.retire("loyal", LOYAL_GAMERS, &settled).await else {
        panic!("a use that is not ours must block")
    };
    assert_eq!(obstacle.reason, Reason::DeletionBlocked);
    assert!(
        obstacle.message.contains("Mixed by a colleague"),
        "{}",
        obstacle.message
    );
    assert_eq!(world.marked().len(), 2, "nothing was deleted");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_answer_is_lost_ends_all_the_same() {
    let world = World::start();
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    world.fault(json!({"match": {"method": "DELETE"}, "kind": "effectThenReset"}));
    let mut outcome = world.retire("loyal", LOYAL_GAMERS, &settled).await;
    for _ in 0..5 {
        if outcome == Retired::Gone(Left::default()) {
            break;
        }
        virtual_time::passes(Duration::from_secs(60)).await;
        outcome = world.retire("loyal", LOYAL_GAMERS, &settled).await;
    }
    assert_eq!(outcome, Retired::Gone(Left::default()));
    assert_eq!(world.marked(), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn a_trait_without_our_mark_where_ours_should_stand_is_left_alone() {
    let world = World::start();
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    let sid = recorded(&settled).trait_sid.unwrap().0;
    let foreign = json!({"description": "[audience-sharing:other-cluster/marketing/loyal]"});
    world
        .simulator
        .patch_object("traits", &sid.to_string(), &foreign)
        .unwrap();
    world.engine.refresh().await.unwrap();
    let before = world.object("traits", sid);
    let mut again = request("loyal", LOYAL_GAMERS);
    again.recorded = recorded(&settled);
    let after = world.settle(again).await;
    assert_eq!(reason(&after), Some(Reason::ManagementConflict));
    assert_eq!(world.object("traits", sid), before);
}
