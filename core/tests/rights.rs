//! What Audience Manager does not grant stops a whole plan before its first write; what is paused and what is not.

use std::collections::BTreeSet;

use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, NewDataSource, NewSegment, NewTrait, Segment, SegmentChange, Trait,
};
use audience_sharing_core::domain::destination::{Mapping, MappingKeys, NewMapping};
use audience_sharing_core::domain::identifier::{
    DataSourceId, DestinationId, IntegrationCode, SegmentFolderId, TraitFolderId,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::rights::Rights;
use audience_sharing_core::inventory::{Inventory, Moment, Sequence, Table};
use audience_sharing_core::plan::Plan;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::rights::checked;
use audience_sharing_core::plan::to_audience_manager::RecordedIds;
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{Cleanup, DeletionInput};
use rstest::rstest;

use crate::model::{Tenant, World, claimant, mark_of, name, share, source};
use crate::records::{data_source, owned};

const DATA_SOURCE: DataSourceId = DataSourceId(1_001);

/// A tenant in which audience "I" is shared as marketing/loyal.
fn settled() -> (World, RecordedIds) {
    let mut world = World::over(Tenant::default());
    let plan = world.settle(&share("loyal", "I", &[]), &source("I", "Loyal gamers"));
    let recorded = RecordedIds {
        trait_sid: plan.state.trait_sid,
        segment_sid: plan.state.segment_sid,
        ..RecordedIds::default()
    };
    (world, recorded)
}

fn new_trait() -> Call {
    Call::create::<Trait>(NewTrait {
        look_alikes: None,
        name: "Loyal gamers".into(),
        description: "".into(),
        integration_code: IntegrationCode::new("J"),
        data_source: DATA_SOURCE,
        folder: TraitFolderId(1),
        rule: "segid == \"J\"".into(),
        ttl_days: 120,
    })
}

fn new_segment() -> Call {
    Call::create::<Segment>(NewSegment {
        name: "Loyal gamers".into(),
        description: "".into(),
        integration_code: IntegrationCode::new("J"),
        data_source: DATA_SOURCE,
        folder: SegmentFolderId(1),
        rule: "1T".into(),
        merge_rule: None,
    })
}

/// What is held of a plan whose last call is this one, and how many steps are left.
fn held(inventory: &Inventory, last: Call) -> (Option<String>, usize) {
    let plan = Plan {
        steps: vec![
            Step {
                call: Call::list::<DataSource>(()),
                ready: true,
            },
            Step {
                call: last,
                ready: false,
            },
        ],
        blockers: Vec::new(),
        state: (),
    };
    let plan = checked(plan, inventory);
    let blocker = plan.blockers.into_iter().next().map(|blocker| {
        assert_eq!(blocker.reason(), Reason::AccessDenied);
        blocker.message()
    });
    (blocker, plan.steps.len())
}

#[rstest]
#[case::nothing_is_told(None, None)]
#[case::read_alone(Some(&["READ"][..]), Some("CREATE on data source 1001"))]
#[case::no_word_of_creating(Some(&["READ", "WRITE"][..]), None)]
#[case::creating(Some(&["READ", "CREATE"][..]), None)]
fn nothing_is_begun_in_a_data_source_that_may_only_be_read(
    #[case] told: Option<&[&str]>,
    #[case] lacks: Option<&str>,
) {
    let mut inventory = Inventory::default();
    let lacking = told.map(|words| (DATA_SOURCE, Rights::of(words.iter().copied())));
    let table = &mut inventory.data_sources;
    table.apply_read(Sequence(1), data_source(DATA_SOURCE.0, "Sharing"));
    table.apply_rights(Sequence(2), [DATA_SOURCE], lacking.into_iter().collect());
    for call in [new_trait(), new_segment()] {
        let (message, left) = held(&inventory, call);
        match (message, lacks) {
            (None, None) => assert_eq!(left, 2),
            (Some(message), Some(lacks)) => {
                assert!(message.contains(lacks), "{message}");
                assert_eq!(left, 0, "not even a read is left of it");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn each_write_needs_a_right_of_its_own_object() {
    let (mut world, recorded) = settled();
    let (trait_sid, sid) = (recorded.trait_sid.unwrap(), recorded.segment_sid.unwrap());
    let inventory = &mut world.inventory;
    let read = Rights::of(["READ"]);
    let now = Sequence(u64::MAX);
    let (traits, segments) = (&mut inventory.traits, &mut inventory.segments);
    traits.apply_rights(now, [trait_sid], vec![(trait_sid, read)]);
    segments.apply_rights(now, [sid], vec![(sid, read)]);
    let found_trait = inventory.traits.get(&trait_sid).unwrap().record.clone();
    let found = inventory.segments.get(&sid).unwrap().record.clone();
    let mapping = NewMapping {
        destination: DestinationId(1),
        destination_name: "Shop".into(),
        segment: sid,
        keys: MappingKeys::default(),
        start: None,
        end: None,
    };
    let cases = [
        (
            Call::update(owned(&found_trait), Default::default()),
            "WRITE on trait",
        ),
        (Call::delete(owned(&found_trait)), "DELETE on trait"),
        (
            Call::update(owned(&found), SegmentChange::default()),
            "WRITE on segment",
        ),
        (Call::delete(owned(&found)), "DELETE on segment"),
        (
            Call::create::<Mapping>(mapping),
            "MAP_TO_DESTINATION on segment",
        ),
    ];
    for (call, lacks) in cases {
        let (message, left) = held(inventory, call.clone());
        assert!(
            message.is_some_and(|message| message.contains(lacks)),
            "{lacks}"
        );
        assert_eq!(left, 0);
        let (message, _) = held(&Inventory::default(), call);
        assert_eq!(message, None, "nothing was told: {lacks}");
    }
}

#[rstest]
#[case::told(Some(true), false)]
#[case::not_told(None, false)]
#[case::no(Some(false), true)]
fn only_an_administrator_makes_a_data_source(#[case] told: Option<bool>, #[case] is_held: bool) {
    let inventory = Inventory {
        administrator: told,
        ..Inventory::default()
    };
    let new = NewDataSource {
        name: "Sharing".into(),
        description: "".into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: Restrictions::default(),
    };
    let (message, _) = held(&inventory, Call::create::<DataSource>(new));
    assert_eq!(message.is_some(), is_held, "{message:?}");
}

#[test]
fn rights_come_and_go_with_the_lists() {
    let mut table = Table::<DataSource>::default();
    let [one, two] = [DataSourceId(1), DataSourceId(2)];
    for id in [one, two] {
        table.apply_read(Sequence(1), data_source(id.0, "Sharing"));
    }
    let read = Rights::of(["READ"]);
    let lacks = |table: &Table<DataSource>, id| table.get(&id).unwrap().lacking;
    let mut list = |at, listed: &[DataSourceId], lacking: &[DataSourceId]| {
        let lacking = lacking.iter().map(|id| (*id, read)).collect();
        let touched = table.apply_rights(Sequence(at), listed.iter().copied(), lacking);
        ([one, two].map(|id| lacks(&table, id)), touched.is_empty())
    };
    assert_eq!(list(2, &[one, two], &[two]), ([None, Some(read)], false));
    assert_eq!(list(3, &[one, two], &[two]), ([None, Some(read)], true));
    let of_another_list = list(4, &[one], &[]);
    assert_eq!(of_another_list, ([None, Some(read)], true));
    assert_eq!(list(5, &[one, two], &[]), ([None, None], false));
}

#[test]
fn rights_of_an_older_list_change_nothing() {
    let mut table = Table::<DataSource>::default();
    let id = DataSourceId(1);
    let read = Rights::of(["READ"]);
    let whole = vec![data_source(1, "Sharing")];
    table.apply_whole_list(Sequence(20), Moment(0), whole, Vec::new());
    assert_eq!(table.apply_rights(Sequence(20), [id], Vec::new()), []);
    assert_eq!(table.apply_rights(Sequence(10), [id], vec![(id, read)]), []);
    assert_eq!(table.get(&id).unwrap().lacking, None);
}

#[test]
fn our_segments_are_paused_once_and_nobody_elses() {
    let (mut world, recorded) = settled();
    let pause = |world: &World| {
        let plan = cleanup::plan_cleanup(
            DeletionInput {
                claimant: claimant(&mark_of(&name("loyal")), &BTreeSet::new()),
                source: None,
                recorded: Made::InAudienceManager(RecordedObjects {
                    declares_models: false,
                    ids: &recorded,
                    data_sources: &[DATA_SOURCE],
                    declared: &[],
                }),
                inventory: &world.inventory,
                since: Sequence(20),
            },
            Cleanup::Pause,
        );
        assert!(plan.blockers.is_empty());
        let calls = plan.steps.into_iter().map(|step| step.call.to_string());
        calls.collect::<Vec<_>>()
    };
    let sid = recorded.segment_sid.unwrap();
    assert_eq!(
        pause(&world),
        [format!(
            "update segment {sid} \"Loyal gamers\" status → INACTIVE"
        )]
    );
    let mut change = |description: Option<&str>, activity: Activity| {
        let mut found = world.inventory.segments.get(&sid).unwrap().record.clone();
        found.activity = activity;
        if let Some(description) = description {
            found.description = description.into();
        }
        let at = (Sequence(20), audience_sharing_core::inventory::Moment(0));
        world.inventory.segments.apply_written(at.0, at.1, found);
        pause(&world)
    };
    assert_eq!(change(None, Activity::Inactive), Vec::<String>::new());
    let others = "[audience-sharing:others/marketing/loyal]";
    assert_eq!(change(Some(others), Activity::Active), Vec::<String>::new());
}
