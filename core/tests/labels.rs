//! Usage labels and export controls: in which data source an audience stands, and how it gets from one to the next.

mod forbidden;
mod held;
mod histories;
mod leaving;

use audience_sharing_core::domain::audience_manager::DataSource;
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::{Restrictions, UsageLabels};
use audience_sharing_core::plan::Plan;
use audience_sharing_core::plan::to_audience_manager::ObservedState;

use crate::model::{Tenant, World, share, source};

const OURS: &str = "[audience-sharing:us]";

/// Audience "I", with these labels.
fn labelled(labels: &[&str]) -> Audience {
    Audience {
        labels: Some(UsageLabels::read(labels.iter().copied())),
        ..source("I", "Loyal gamers")
    }
}

/// A data source that somebody made.
fn data_source(id: u64, name: &str, description: &str, restrictions: &[&str]) -> DataSource {
    DataSource {
        id: DataSourceId(id),
        company: None,
        name: name.into(),
        description: description.into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: Restrictions::new(restrictions.iter().copied()),
    }
}

/// A tenant with these data sources and nothing else.
fn tenant(data_sources: &[DataSource]) -> Tenant {
    let mut tenant = Tenant::default();
    for found in data_sources {
        tenant.data_sources.insert(found.id, found.clone());
    }
    tenant
}

fn calls(world: &World) -> String {
    world.calls.iter().map(|call| format!("{call}\n")).collect()
}

/// One audience, that stands without labels; what was called so far is forgotten.
fn unlabelled(additional: &[&str]) -> World {
    let mut world = World::over(Tenant::default());
    world.settle(&share("loyal", "I", additional), &labelled(&[]));
    world.refresh();
    world
}

fn settle(world: &mut World, labels: &[&str]) -> Plan<ObservedState> {
    world.settle(&share("loyal", "I", &[]), &labelled(labels))
}

#[test]
fn a_labelled_audience_stands_in_a_data_source_under_its_controls() {
    let mut world = World::over(Tenant::default());
    let plan = settle(&mut world, &["core/C3", "core/C9", "custom/x"]);
    assert!(plan.is_settled(), "{plan:?}");
    insta::assert_snapshot!(calls(&world), @r#"
    create data source "Sharing"
    create trait folder "Traits"
    create segment folder "Segments"
    create data source "Sharing (C3)" export controls PII
    search trait with integration code I
    create trait "Loyal gamers" rule segid == "I"
    create segment "Loyal gamers" rule 1005T
    "#);
    let id = plan.state.data_source.unwrap();
    let made = &world.tenant.data_sources[&id];
    assert!(made.unique_trait_codes && made.unique_segment_codes);
    assert!(made.description.ends_with(OURS), "{}", made.description);
    let segment = world.tenant.segments.values().next().unwrap();
    assert_eq!(segment.data_source, id);
}

#[test]
fn labels_that_no_control_stands_for_change_nothing() {
    let mut world = unlabelled(&[]);
    settle(&mut world, &["core/C1", "core/S2", "custom/C3", "C3"]);
    assert_eq!(calls(&world), "");
}

#[test]
fn a_label_that_appears_moves_trait_and_segments_under_their_sids() {
    let mut world = unlabelled(&["third"]);
    let share = share("loyal", "I", &["third"]);
    world.settle(&share, &labelled(&["core/c3"]));
    insta::assert_snapshot!(calls(&world), @r#"
    create data source "Sharing (C3)" export controls PII
    update trait 1004 "Loyal gamers" data source 1001 → 1007
    update segment 1005 "Loyal gamers" data source 1001 → 1007
    update segment 1006 "With third" data source 1001 → 1007
    "#);
}

#[test]
fn a_label_that_goes_moves_them_back() {
    let mut world = unlabelled(&[]);
    settle(&mut world, &["core/C3"]);
    world.refresh();
    let plan = settle(&mut world, &[]);
    insta::assert_snapshot!(calls(&world), @r#"
    update trait 1004 "Loyal gamers" data source 1006 → 1001
    update segment 1005 "Loyal gamers" data source 1006 → 1001
    "#);
    assert_eq!(plan.state.data_source, Some(DataSourceId(1_001)));
}

/// A process died between the two, or a segment was moved by hand.
#[test]
fn what_was_moved_half_is_moved_to_its_end() {
    let mut world = unlabelled(&[]);
    settle(&mut world, &["core/C3"]);
    for segment in world.tenant.segments.values_mut() {
        segment.data_source = DataSourceId(1_001);
    }
    world.refresh();
    settle(&mut world, &["core/C3"]);
    insta::assert_snapshot!(calls(&world), @r#"update segment 1005 "Loyal gamers" data source 1001 → 1006"#);
}

#[test]
fn a_second_set_of_objects_in_another_data_source_of_ours_is_a_twin_and_goes() {
    let mut world = unlabelled(&[]);
    let mut twins = world.tenant.clone();
    settle(&mut world, &["core/C3"]);
    // Two creates that came late, into the data source where the audience belonged before.
    let mut found = twins.traits.pop_first().unwrap().1;
    found.sid.0 = 2_000;
    world.tenant.traits.insert(found.sid, found);
    let mut found = twins.segments.pop_first().unwrap().1;
    found.sid.0 = 2_001;
    found.rule = "2000T".into();
    world.tenant.segments.insert(found.sid, found);
    world.refresh();
    settle(&mut world, &["core/C3"]);
    insta::assert_snapshot!(calls(&world), @r#"
    delete segment 2001 "Loyal gamers"
    read the users of trait 2000
    delete trait 2000 "Loyal gamers"
    "#);
}

#[test]
fn an_additional_segment_that_is_no_longer_declared_goes_from_wherever_it_stands() {
    let mut world = unlabelled(&["third"]);
    settle(&mut world, &["core/C3"]);
    assert!(
        calls(&world).contains("delete segment 1006"),
        "{}",
        calls(&world)
    );
    assert_eq!(world.tenant.segments.len(), 1);
}

#[test]
fn observed_objects_stay_where_adobe_put_them() {
    let adobes = data_source(77, "Sharing", "", &[]);
    let mut world = World::over(tenant(&[adobes]));
    let plan = settle(&mut world, &["core/C3"]);
    assert_eq!(calls(&world), "search trait with integration code I\n");
    let reasons: Vec<_> = plan
        .blockers
        .iter()
        .map(|blocker| blocker.reason().as_str())
        .collect();
    assert_eq!(
        reasons,
        ["AwaitingAdobeSharing", "AwaitingAdobeSharing"][..reasons.len()]
    );
}
