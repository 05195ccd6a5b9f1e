//! Calls at rest, and after a restart, do not grow with the number of audiences: pages of Experience Platform apart.

use audience_sharing_core::compose::{
    DeclaredDestination, DestinationSelector, Direction, SegmentDestination, SourceSelector,
    Strategy,
};
use audience_sharing_core::domain::destination::MappingKeys;
use audience_sharing_core::domain::identifier::{DataSourceId, DestinationId};
use audience_sharing_core::domain::source::SourceKind;
use audience_sharing_operator::engine::{Declaration, SettleRequest, Settled};
use rstest::rstest;
use serde_json::json;

use crate::to_experience_platform::{after, segment};
use crate::world::{Setting, World, recorded, request, tenant_with};

/// Where the sources of Audience Manager stand, in turn.
const DATA_SOURCES: [u64; 2] = [29_769, 29_771];
const STRATEGIES: [Strategy; 2] = [Strategy::ExternalAudience, Strategy::MetadataOnly];
const PARTNER: DestinationId = DestinationId(4_712);

/// An audience of Experience Platform with its index; of some the segment is mapped.
fn to_audience_manager(index: usize, is_mapped: bool) -> SettleRequest {
    let mut request = request(&format!("share-{index}"), &format!("audience-{index}"));
    if let Direction::ToAudienceManager(target) = &mut request.share.direction
        && is_mapped
    {
        target.destinations.push(DeclaredDestination {
            key: "partner".into(),
            destination: DestinationSelector::Id(PARTNER),
            keys: MappingKeys {
                alias: Some(format!("alias-{index}").into()),
                ..MappingKeys::default()
            },
            start: None,
            end: None,
        });
    }
    request
}

/// Every seventh source is labelled, so that it has a data source of its own.
fn label_some(world: &World, count: usize) {
    for index in (0..count).step_by(7) {
        let labels = json!({"labels": ["core/C3"]});
        world
            .simulator
            .patch_object("audiences", &format!("audience-{index}"), &labels)
            .unwrap();
    }
}

/// A new segment of Audience Manager, to be shared; its data source comes with it.
fn to_experience_platform(world: &World, index: usize) -> (SettleRequest, DataSourceId) {
    let data_source = DATA_SOURCES[index % DATA_SOURCES.len()];
    let made = world.simulator.create_object(
        "segments",
        json!({"pid": 1794, "name": format!("Segment {index}"), "segmentRule": "16440001T",
               "dataSourceId": data_source, "folderId": 0, "status": "ACTIVE"}),
    );
    let sid = made.unwrap()["sid"].as_u64().unwrap();
    let strategy = STRATEGIES[index % STRATEGIES.len()];
    let request = segment(&format!("segment-{index}"), sid, strategy);
    (request, DataSourceId(data_source))
}

/// What the controller declares of a share that its status tells of, before the first pass of a new process.
fn declaration(request: &SettleRequest, home: Option<DataSourceId>) -> Declaration {
    let (source, strategy, declared) = match &request.share.direction {
        Direction::ToAudienceManager(target) => (
            SourceSelector::Audience(target.source.clone()),
            Strategy::default(),
            target.destinations.as_slice(),
        ),
        Direction::ToExperiencePlatform(target) => (
            SourceSelector::AudienceManager(target.source.clone()),
            target.strategy,
            [].as_slice(),
        ),
    };
    let destinations = declared.iter().map(|declared| SegmentDestination {
        segment: None,
        key: declared.key.clone(),
        destination: declared.destination.clone(),
        keys: declared.keys.clone(),
    });
    Declaration {
        share: request.share.name.clone(),
        uid: request.share.uid,
        created: request.created,
        pinned: source.id(),
        source,
        home: home.map(|data_source| (SourceKind::Segment, data_source)),
        additional_keys: Vec::new(),
        destinations: destinations.collect(),
        strategy,
    }
}

fn known(request: SettleRequest, settled: &Settled) -> SettleRequest {
    match request.share.direction {
        Direction::ToExperiencePlatform(_) => after(request, settled),
        Direction::ToAudienceManager(_) => SettleRequest {
            recorded: recorded(settled),
            recorded_tenant: settled.tenant.clone(),
            ..request
        },
    }
}

fn count(calls: &[String], part: &str) -> usize {
    calls.iter().filter(|call| call.contains(part)).count()
}

/// `lists`: of Audience Manager, that of the traits only where some are ours or shared; `pages`: of a hundred audiences.
#[rstest]
#[case::to_audience_manager(500, 0, false, 5, 6)]
#[case::to_experience_platform(0, 500, false, 4, 6)]
#[case::both(500, 500, false, 5, 11)]
#[case::both_with_destinations_and_labels(500, 500, true, 6, 11)]
#[tokio::test(start_paused = true)]
async fn five_hundred_of_a_direction_cost_a_few_lists_and_their_pages_a_pass_and_no_write(
    #[case] forth: usize,
    #[case] back: usize,
    #[case] in_use: bool,
    #[case] lists: usize,
    #[case] pages: usize,
) {
    let mut world = World::with(Setting {
        seed: tenant_with(forth),
        ..Setting::default()
    });
    if in_use {
        let partner = json!({"pid": 1794, "destinationId": PARTNER.0, "name": "Partner", "destinationType": "S2S"});
        world
            .simulator
            .create_object("destinations", partner)
            .unwrap();
        label_some(&world, forth);
    }
    let mut requests: Vec<_> = (0..forth)
        .map(|index| (to_audience_manager(index, in_use && index % 5 == 0), None))
        .collect();
    requests.extend((0..back).map(|index| {
        let (request, home) = to_experience_platform(&world, index);
        (request, Some(home))
    }));
    let mut standing = Vec::new();
    for (request, home) in requests {
        let settled = world.settle(request.clone()).await;
        assert_eq!(settled.obstacle, None, "{}", request.share.name);
        standing.push((known(request, &settled), home));
    }
    let state = world.simulator.state();
    let data_sources = state["dataSources"].to_string();
    assert_eq!(data_sources.contains("Audience Sharing (C3)"), in_use);
    world.engine.refresh().await.unwrap();
    while world.woken.try_recv().is_ok() {}
    world.simulator.clear_calls();
    for _ in 0..10 {
        world.engine.refresh().await.unwrap();
    }
    let calls = world.calls();
    assert_eq!(count(&calls, "/v1/"), 10 * lists);
    assert_eq!(count(&calls, "/data/"), 10 * pages);
    assert_eq!(world.writes(), Vec::<String>::new());
    assert!(world.woken.try_recv().is_err(), "nothing to look at again");

    let world = world.restarted();
    world.simulator.clear_calls();
    let declared = standing.iter();
    let declared = declared.map(|(request, home)| declaration(request, *home));
    world.engine.declare(declared.collect()).await.unwrap();
    for (request, _) in standing {
        let again = world.settle(request).await;
        assert_eq!(again.obstacle, None);
    }
    let calls = world.calls();
    assert_eq!(
        count(&calls, "/v1/"),
        lists + 1,
        "one pass, and whose the credential is: {calls:?}"
    );
    assert_eq!(count(&calls, "/data/core/"), pages);
    assert_eq!(world.writes(), Vec::<String>::new());
}
