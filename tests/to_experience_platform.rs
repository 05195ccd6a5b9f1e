//! Traits and segments of Audience Manager in Experience Platform: what the engine does, call by call, on virtual time.

mod labels;
mod refused;

use std::time::Duration;

use adobe_simulator::{Connector, Picked, Seed};
use audience_sharing_core::compose::{
    Direction, Mode, SourceSelector, Strategy, ToExperiencePlatform,
};
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::{AudienceManagerSelector, Naming, SourceKind};
use audience_sharing_core::plan::Left;
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_core::plan::platform;
use audience_sharing_operator::engine::{
    Confirmation, Declaration, Departure, Retired, SettleRequest, Settled,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::virtual_time;
use crate::world::{Setting, World, request, share_name, uid};

/// Segments and traits of the seed for both directions.
const GOLD_MEMBERS: u64 = 16_450_002;
const CONSOLE_PAGE: u64 = 16_440_001;

fn world() -> World {
    World::with(Setting {
        seed: Seed::both_directions(),
        ..Setting::default()
    })
}

fn share(name: &str, kind: SourceKind, naming: Naming, strategy: Strategy) -> SettleRequest {
    let mut request = request(name, "");
    request.share.direction = Direction::ToExperiencePlatform(ToExperiencePlatform {
        source: AudienceManagerSelector { kind, naming },
        strategy,
        name: None,
        description: None,
        labels: UsageLabels::default(),
    });
    request
}

pub(crate) fn segment(name: &str, sid: u64, strategy: Strategy) -> SettleRequest {
    share(name, SourceKind::Segment, Naming::Sid(sid), strategy)
}

fn buyers(strategy: Strategy) -> SettleRequest {
    segment("buyers", GOLD_MEMBERS, strategy)
}

fn reason(settled: &Settled) -> Option<Reason> {
    settled.obstacle.as_ref().map(|obstacle| obstacle.reason)
}

fn message(settled: &Settled) -> &str {
    settled
        .obstacle
        .as_ref()
        .map_or("", |obstacle| &obstacle.message)
}

/// What status would have written down.
pub(crate) fn after(mut request: SettleRequest, settled: &Settled) -> SettleRequest {
    let audience = settled.audience.clone().unwrap_or_default();
    request.recorded_audience = platform::Recorded {
        audience: audience.id,
        observed: audience.observed,
    };
    request.pinned = settled.source.as_ref().map(|origin| origin.id.clone());
    request.recorded_tenant = settled.tenant.clone();
    request
}

/// The audience of Experience Platform that stands, as the service holds it.
fn stands(world: &World, settled: &Settled) -> Value {
    let id = settled.audience.clone().unwrap().id.unwrap();
    let audiences = world.tenant()["audiences"].clone();
    let audiences = audiences.as_array().unwrap();
    let found = audiences
        .iter()
        .find(|audience| audience["id"] == id.as_str());
    found.cloned().unwrap_or_default()
}

fn connect(world: &World, sids: &[u64]) {
    let mut flags = world.simulator.flags();
    flags.connector = Some(Connector {
        pid: None,
        sandbox: "prod".into(),
        segments: Picked::Some(sids.iter().copied().collect()),
        traits: Picked::None,
        delay_ms: 0,
    });
    world.simulator.set_flags(flags);
}

/// The shared objects of the other direction are not touched: of two systems one is read and the other one written.
#[rstest]
#[case::external(
    Strategy::ExternalAudience,
    "POST /data/core/ups/audiences",
    "AAMSegments",
    "16450002"
)]
#[case::metadata(
    Strategy::MetadataOnly,
    "POST /data/core/ais/audiences",
    "AudienceManagerSharing",
    "aam_seg_16450002"
)]
#[tokio::test(start_paused = true)]
async fn a_segment_is_read_looked_up_made_kept_and_deleted(
    #[case] strategy: Strategy,
    #[case] create: &str,
    #[case] namespace: &str,
    #[case] audience_id: &str,
) {
    let world = world();
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let settled = world.settle(buyers(strategy)).await;
    assert_eq!(settled.obstacle, None);
    let id = settled.audience.clone().unwrap().id.unwrap();
    let mut calls = vec![
        format!("GET /v1/segments/{GOLD_MEMBERS}"),
        "GET /data/core/ups/audiences".into(),
        create.into(),
    ];
    if strategy == Strategy::MetadataOnly {
        // Metadata alone is created without labels.
        calls.push("POST /data/core/ups/audiences/bulk-get".into());
        calls.push(format!("PATCH /data/core/ups/audiences/{id}"));
    }
    assert_eq!(world.calls(), calls);
    let made = stands(&world, &settled);
    assert_eq!(made["name"], "Gold members");
    assert_eq!(
        (&made["namespace"], &made["audienceId"]),
        (&json!(namespace), &json!(audience_id))
    );
    assert_eq!(
        made["description"],
        "[audience-sharing:test-owner/marketing/buyers#a1b2c3d4]"
    );

    // Nothing is due, and a pass lists the one data source more.
    let recorded = after(buyers(strategy), &settled);
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    world.engine.refresh().await.unwrap();
    let again = world.settle(recorded.clone()).await;
    assert_eq!(again.audience, settled.audience);
    assert_eq!(again.applied_hash, settled.applied_hash);
    let lists = world.calls();
    let audience_manager = lists.iter().filter(|call| call.contains("/v1/")).count();
    assert_eq!(
        audience_manager, 5,
        "the source's data source is in the same list as ours: {lists:?}"
    );
    assert_eq!(world.writes(), Vec::<String>::new());

    // The source is renamed: one read and one patch.
    virtual_time::passes(Duration::from_secs(120)).await;
    world
        .simulator
        .patch_object(
            "segments",
            &GOLD_MEMBERS.to_string(),
            &json!({"name": "Buyers"}),
        )
        .unwrap();
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let renamed = world.settle(recorded.clone()).await;
    assert_eq!(renamed.obstacle, None);
    let id = settled.audience.clone().unwrap().id.unwrap();
    assert_eq!(
        world.calls(),
        [
            "POST /data/core/ups/audiences/bulk-get".to_owned(),
            format!("PATCH /data/core/ups/audiences/{id}")
        ]
    );
    assert_eq!(stands(&world, &renamed)["name"], "Buyers");

    // The manifest changes: the same two.
    virtual_time::passes(Duration::from_secs(120)).await;
    world.engine.refresh().await.unwrap();
    let mut named = recorded;
    if let Direction::ToExperiencePlatform(target) = &mut named.share.direction {
        target.name = Some("Gold, by name".into());
    }
    world.simulator.clear_calls();
    let changed = world.settle(named).await;
    assert_eq!(
        world.calls(),
        [
            "POST /data/core/ups/audiences/bulk-get".to_owned(),
            format!("PATCH /data/core/ups/audiences/{id}")
        ]
    );
    assert_eq!(stands(&world, &changed)["name"], "Gold, by name");

    world.simulator.clear_calls();
    assert_eq!(
        retire(&world, &changed).await,
        Retired::Gone(Left::default())
    );
    assert_eq!(
        world.calls(),
        [
            "POST /data/core/ups/audiences/bulk-get".to_owned(),
            format!("DELETE /data/core/ups/audiences/{id}")
        ]
    );
}

async fn retire(world: &World, settled: &Settled) -> Retired {
    retire_beside(world, settled, Vec::new()).await
}

async fn retire_beside(world: &World, settled: &Settled, rivals: Vec<Declaration>) -> Retired {
    let recorded = after(buyers(Strategy::ExternalAudience), settled);
    let departure = Departure {
        share: share_name("buyers"),
        uid: uid(),
        selector: None,
        source: recorded.pinned,
        data_source: None,
        recorded: recorded.recorded,
        recorded_audience: Some(recorded.recorded_audience),
        strategy: Strategy::ExternalAudience,
        declared: Vec::new(),
        recorded_tenant: settled.tenant.clone(),
        rivals,
        confirmation: Confirmation::given(),
    };
    world.engine.retire(departure).await.unwrap()
}

#[rstest]
#[case::by_sid(SourceKind::Trait, Naming::Sid(CONSOLE_PAGE), 0)]
#[case::by_name(SourceKind::Trait, Naming::Name("Console product page".into()), 1)]
#[case::segment_by_name(SourceKind::Segment, Naming::Name("Gold members".into()), 1)]
#[tokio::test(start_paused = true)]
async fn a_source_is_found_as_it_is_named_and_then_pinned(
    #[case] kind: SourceKind,
    #[case] naming: Naming,
    #[case] searches: usize,
) {
    let world = world();
    let wanted = share("buyers", kind, naming, Strategy::ExternalAudience);
    let settled = world.settle(wanted.clone()).await;
    assert_eq!(settled.obstacle, None);
    let searched = |calls: Vec<String>| {
        let lists = ["GET /v1/traits/", "GET /v1/segments/"];
        calls
            .iter()
            .filter(|call| lists.contains(&call.as_str()))
            .count()
    };
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    world.settle(wanted.clone()).await;
    assert_eq!(searched(world.calls()), searches);
    world.simulator.clear_calls();
    world.settle(after(wanted, &settled)).await;
    assert_eq!(searched(world.calls()), 0, "its sid is recorded");
}

#[tokio::test(start_paused = true)]
async fn the_connectors_audience_is_observed_and_ours_goes_unless_it_is_used() {
    let world = world();
    let settled = world.settle(buyers(Strategy::MetadataOnly)).await;
    let ours = settled.audience.clone().unwrap().id.unwrap();
    // A definition of somebody else uses ours.
    let dependents = json!({"dependents": ["4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11"]});
    world
        .simulator
        .patch_object("audiences", ours.as_str(), &dependents)
        .unwrap();
    connect(&world, &[GOLD_MEMBERS]);
    virtual_time::passes(Duration::from_secs(120)).await;
    world.engine.refresh().await.unwrap();
    let recorded = after(buyers(Strategy::MetadataOnly), &settled);
    let blocked = world.settle(recorded.clone()).await;
    assert_eq!(
        reason(&blocked),
        Some(Reason::DeliveredByConnector),
        "{}",
        message(&blocked)
    );
    assert!(
        message(&blocked).contains("still used"),
        "{}",
        message(&blocked)
    );
    world
        .simulator
        .patch_object("audiences", ours.as_str(), &json!({"dependents": []}))
        .unwrap();
    let observed = world.settle(recorded).await;
    assert_eq!(observed.obstacle, None);
    let standing = observed.audience.clone().unwrap();
    assert!(standing.observed && standing.id != Some(ours.clone()));
    assert_eq!(stands(&world, &observed)["originName"], "AUDIENCE_MANAGER");
    let left = world.tenant()["audiences"].clone();
    let left = left.as_array().unwrap();
    assert!(!left.iter().any(|audience| audience["id"] == ours.as_str()));
    world.simulator.clear_calls();
    assert_eq!(
        retire(&world, &observed).await,
        Retired::Gone(Left::default())
    );
    assert_eq!(
        world.writes(),
        Vec::<String>::new(),
        "the connector's is not ours"
    );
}

#[tokio::test(start_paused = true)]
async fn a_definition_mirrors_what_the_connector_delivers_and_waits_for_it() {
    let world = world();
    let waits = world.settle(buyers(Strategy::SegmentDefinition)).await;
    assert_eq!(reason(&waits), Some(Reason::NoMemberSource));
    assert_eq!(world.writes(), Vec::<String>::new());
    connect(&world, &[GOLD_MEMBERS]);
    virtual_time::passes(Duration::from_secs(120)).await;
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let settled = world.settle(buyers(Strategy::SegmentDefinition)).await;
    assert_eq!(settled.obstacle, None, "{}", message(&settled));
    assert_eq!(
        world.calls(),
        [
            "GET /data/core/ups/audiences",
            "POST /data/core/ups/audiences"
        ],
        "the source is known, and no server enforces the name"
    );
    let made = stands(&world, &settled);
    assert_eq!(
        made["expression"]["value"],
        r#"segmentMembership.get("AAMSegments").get("16450002").status = "realized""#
    );
    // The person who edits it by hand is corrected.
    virtual_time::passes(Duration::from_secs(120)).await;
    let id = settled.audience.clone().unwrap().id.unwrap();
    let edited = json!({"expression": {"type": "PQL", "format": "pql/text", "value": "workAddress.country = \"US\""}});
    world
        .simulator
        .patch_object("audiences", id.as_str(), &edited)
        .unwrap();
    world.engine.refresh().await.unwrap();
    world.simulator.clear_calls();
    let corrected = world
        .settle(after(buyers(Strategy::SegmentDefinition), &settled))
        .await;
    assert_eq!(
        world.calls(),
        [
            "POST /data/core/ups/audiences/bulk-get".to_owned(),
            format!("PATCH /data/core/ups/audiences/{id}")
        ]
    );
    assert_eq!(corrected.obstacle, None);
    assert_eq!(stands(&world, &corrected)["expression"], made["expression"]);
    world.simulator.clear_calls();
    assert_eq!(
        retire(&world, &corrected).await,
        Retired::Gone(Left::default())
    );
    assert_eq!(
        world.calls(),
        [
            "POST /data/core/ups/audiences/bulk-get".to_owned(),
            format!("DELETE /data/core/ups/audiences/{id}")
        ]
    );
}

#[rstest]
#[case::external(Strategy::ExternalAudience, 403, "UPAPI-113740-403", "MetadataOnly")]
#[case::metadata(Strategy::MetadataOnly, 401, "AIS-100922-401", "ExternalAudience")]
#[tokio::test(start_paused = true)]
async fn an_organisation_without_the_product_is_told_which_and_what_to_try(
    #[case] strategy: Strategy,
    #[case] status: u16,
    #[case] code: &str,
    #[case] instead: &str,
) {
    let world = world();
    // The lists work; it is the create that is refused.
    world.engine.refresh().await.unwrap();
    world.fault(json!({
        "match": {"system": "experiencePlatform", "method": "POST", "pathContains": "/audiences"},
        "kind": {"error": {"status": status, "body": {
            "type": format!("https://ns.adobe.com/aep/errors/{code}"), "status": status, "title": "not enabled"
        }}},
    }));
    let settled = world.settle(buyers(strategy)).await;
    assert_eq!(
        reason(&settled),
        Some(Reason::NotEntitled),
        "{}",
        message(&settled)
    );
    assert!(message(&settled).contains(instead), "{}", message(&settled));
    assert!(
        message(&settled).contains("Adobe representative"),
        "{}",
        message(&settled)
    );
}

/// A create of unknown outcome is looked up by its key, not made twice.
#[rstest]
#[case::external(Strategy::ExternalAudience, "/data/core/ups/audiences")]
#[case::metadata(Strategy::MetadataOnly, "/data/core/ais/audiences")]
#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_one_audience(#[case] strategy: Strategy, #[case] path: &str) {
    let world = world();
    world.fault(json!({
        "match": {"system": "experiencePlatform", "method": "POST", "pathContains": path},
        "kind": "effectThenReset",
    }));
    let settled = world.settle(buyers(strategy)).await;
    assert_eq!(settled.obstacle, None, "{}", message(&settled));
    let audiences = world.tenant()["audiences"].clone();
    let marked = audiences.as_array().unwrap().iter().filter(|audience| {
        audience["description"]
            .to_string()
            .contains("[audience-sharing:")
    });
    assert_eq!(marked.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_manifest_hands_the_audience_over_and_another_strategy_makes_another() {
    for (strategy, kept) in [
        (Strategy::ExternalAudience, true),
        (Strategy::MetadataOnly, false),
    ] {
        let world = world();
        let settled = world.settle(buyers(Strategy::ExternalAudience)).await;
        let ours = settled.audience.clone().unwrap().id.unwrap();
        world.exists("renamed");
        let rival = Declaration {
            share: share_name("renamed"),
            uid: uid(),
            created: CreatedAt(1),
            source: SourceSelector::AudienceManager(AudienceManagerSelector {
                kind: SourceKind::Segment,
                naming: Naming::Sid(GOLD_MEMBERS),
            }),
            pinned: None,
            home: None,
            additional_keys: Vec::new(),
            destinations: Vec::new(),
            strategy,
        };
        let retired = retire_beside(&world, &settled, vec![rival]).await;
        let audiences = world.tenant()["audiences"].clone();
        let stands = audiences
            .as_array()
            .unwrap()
            .iter()
            .any(|audience| audience["id"] == ours.as_str());
        assert_eq!(stands, kept);
        assert_eq!(matches!(retired, Retired::HandedOver(_)), kept);
    }
}

#[tokio::test(start_paused = true)]
async fn observing_waits_and_reports() {
    let world = world();
    let mut waiting = buyers(Strategy::ExternalAudience);
    waiting.share.mode = Mode::Observe;
    let settled = world.settle(waiting.clone()).await;
    assert_eq!(reason(&settled), Some(Reason::AwaitingAdobeSharing));
    connect(&world, &[GOLD_MEMBERS]);
    virtual_time::passes(Duration::from_secs(120)).await;
    world.engine.refresh().await.unwrap();
    let settled = world.settle(waiting).await;
    assert_eq!(settled.obstacle, None);
    assert!(settled.audience.unwrap().observed);
    assert_eq!(world.writes(), Vec::<String>::new());
}
