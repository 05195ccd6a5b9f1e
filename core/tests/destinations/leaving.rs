//! Mappings of an audience that leaves.

use std::collections::BTreeSet;

use audience_sharing_core::compose::{DestinationSelector, SegmentDestination, ShareName};
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::ownership::Left;
use audience_sharing_core::plan::Plan;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{Cleanup, DeletionInput, Successor};

use super::{FOREIGN, calls, mapped, partner, pass, shop, state, tenant, to_shop};
use crate::model::{World, claimant, mark_of, name, of_audience};
use audience_sharing_core::domain::source::SourceId;

fn departure(world: &World, declared: &[SegmentDestination]) -> Plan<Left> {
    let (mark, source) = (mark_of(&name("loyal")), of_audience("I"));
    let plan = cleanup::plan_cleanup(leaving(world, declared, &mark, &source), Cleanup::Delete);
    world.judge(&plan);
    plan
}

fn leaving<'a>(
    world: &'a World,
    declared: &'a [SegmentDestination],
    mark: &'a Mark,
    source: &'a SourceId,
) -> DeletionInput<'a, Made<'a>> {
    static NOBODY: BTreeSet<ShareName> = BTreeSet::new();
    DeletionInput {
        claimant: claimant(mark, &NOBODY),
        source: Some(source),
        recorded: Made::InAudienceManager(RecordedObjects {
            declares_models: false,
            ids: &world.recorded,
            data_sources: &[DataSourceId(1_001)],
            declared,
        }),
        inventory: &world.inventory,
        since: Sequence(1),
    }
}

fn retired(world: &mut World, declared: &[SegmentDestination]) -> Vec<String> {
    world.calls.clear();
    for _ in 0..16 {
        let plan = departure(world, declared);
        assert!(plan.blockers.is_empty(), "{:?}", plan.blockers);
        let Some(step) = plan.steps.into_iter().find(|step| step.ready) else {
            return calls(world);
        };
        world.at += 1;
        world.calls.push(step.call.clone());
        world
            .tenant
            .carry_out(&step.call, world.at, &mut world.inventory);
    }
    panic!("it never ends: {:?}", world.calls);
}

#[test]
fn an_audience_that_leaves_takes_its_mappings_first() {
    let mut world = state(tenant(), &mapped(&[shop(), partner()]));
    assert_eq!(
        retired(&mut world, &[]),
        [
            "read the users of trait 1004",
            "delete mapping 1006 of segment 1005 to destination 4711",
            "delete mapping 1007 of segment 1005 to destination 4712",
            "delete segment 1005 \"Loyal gamers\"",
            "delete trait 1004 \"Loyal gamers\"",
        ]
    );
    assert!(world.tenant.mappings.is_empty());
}

#[test]
fn a_mapping_that_was_never_written_down_is_found_by_its_declaration() {
    let mut world = state(tenant(), &mapped(&[shop()]));
    world.recorded.mappings.clear();
    let declared = [SegmentDestination {
        segment: None,
        key: "shop".into(),
        destination: DestinationSelector::Name("Shop".into()),
        keys: shop().keys,
    }];
    let calls = retired(&mut world, &declared);
    assert!(
        calls.contains(&"delete mapping 1006 of segment 1005 to destination 4711".to_owned()),
        "{calls:?}"
    );
    assert!(world.tenant.mappings.is_empty() && world.tenant.segments.is_empty());
}

#[test]
fn a_persons_mapping_stands_in_the_way_and_nothing_is_deleted() {
    let mut world = state(tenant(), &mapped(&[shop()]));
    let mut foreign = world.tenant.mappings[&to_shop(1_006)].clone();
    foreign.id = FOREIGN;
    world.tenant.mappings.insert(foreign.id, foreign);
    pass(&mut world);
    let plan = departure(&world, &[]);
    assert_eq!(plan.blockers[0].reason(), Reason::DeletionBlocked);
    assert!(
        plan.blockers[0].message().contains("4712 \"Partner\""),
        "{}",
        plan.blockers[0].message()
    );
    assert!(!plan.steps.iter().any(|step| step.call.is_deletion()));
}

#[test]
fn a_hand_over_takes_away_the_mappings_that_the_successor_does_not_declare() {
    let mut world = state(tenant(), &mapped(&[shop(), partner()]));
    let kept = Successor {
        models: BTreeSet::new(),
        trait_codes: BTreeSet::new(),
        mark: mark_of(&name("other")),
        codes: Default::default(),
        destinations: vec![SegmentDestination {
            segment: None,
            key: "another-key".into(),
            destination: DestinationSelector::Name("Shop".into()),
            keys: shop().keys,
        }],
    };
    let (mark, source) = (mark_of(&name("loyal")), of_audience("I"));
    world.calls.clear();
    loop {
        let plan = cleanup::plan_cleanup(
            leaving(&world, &[], &mark, &source),
            Cleanup::HandOver(&kept),
        );
        let Some(step) = plan.steps.into_iter().next() else {
            break;
        };
        world.at += 1;
        world.calls.push(step.call.clone());
        world
            .tenant
            .carry_out(&step.call, world.at, &mut world.inventory);
    }
    let deleted = calls(&world);
    let deleted: Vec<_> = deleted
        .iter()
        .filter(|call| call.starts_with("delete"))
        .collect();
    assert_eq!(
        deleted,
        ["delete mapping 1007 of segment 1005 to destination 4712"]
    );
}
