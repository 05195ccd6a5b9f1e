//! Stories: what is planned for one audience, call by call.

use audience_sharing_core::compose::{AdoptionPolicy, Mode};
use audience_sharing_core::domain::audience_manager::{Activity, DataSource};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;

use crate::model::{Tenant, World, share, source};

fn calls(world: &World) -> String {
    world.calls.iter().map(|call| format!("{call}\n")).collect()
}

#[test]
fn the_first_audience_makes_the_shared_objects_its_trait_and_its_segment() {
    let mut world = World::over(Tenant::default());
    world.settle(&share("loyal", "I", &[]), &source("I", "Loyal gamers"));
    insta::assert_snapshot!(calls(&world), @r#"
    create data source "Sharing"
    create trait folder "Traits"
    create segment folder "Segments"
    search trait with integration code I
    create trait "Loyal gamers" rule segid == "I"
    create segment "Loyal gamers" rule 1004T
    "#);
}

#[test]
fn a_renamed_source_renames_in_place() {
    let mut world = World::over(Tenant::default());
    world.settle(
        &share("loyal", "I", &["third"]),
        &source("I", "Loyal gamers"),
    );
    world.refresh();
    world.settle(
        &share("loyal", "I", &["third"]),
        &source("I", "Loyal players"),
    );
    insta::assert_snapshot!(calls(&world), @r#"
    update trait 1004 "Loyal gamers" name "Loyal gamers" → "Loyal players"
    update segment 1005 "Loyal gamers" name "Loyal gamers" → "Loyal players"
    "#);
}

/// What somebody changes by hand.
type Drift = fn(&mut Tenant);

#[test]
fn each_changed_field_is_one_update() {
    let drifts: [(&str, Drift); 12] = [
        ("name", |tenant| {
            tenant
                .traits
                .values_mut()
                .for_each(|found| found.name = "x".into())
        }),
        ("description", |tenant| {
            tenant
                .traits
                .values_mut()
                .for_each(|found| found.description = format!("x {}", found.description).into())
        }),
        ("rule", |tenant| {
            tenant
                .traits
                .values_mut()
                .for_each(|found| found.rule = "a == \"b\"".into())
        }),
        ("integration code", |tenant| {
            let code = IntegrationCode::new("by hand");
            let traits = tenant.traits.values_mut();
            traits.for_each(|found| found.integration_code = Some(code.clone()));
        }),
        ("no integration code", |tenant| {
            let traits = tenant.traits.values_mut();
            traits.for_each(|found| found.integration_code = None);
        }),
        ("inactive", |tenant| {
            let traits = tenant.traits.values_mut();
            traits.for_each(|found| found.activity = Activity::Inactive);
        }),
        ("segment integration code", |tenant| {
            let code = IntegrationCode::new("by hand");
            let segments = tenant.segments.values_mut();
            segments.for_each(|found| found.integration_code = Some(code.clone()));
        }),
        ("ttl", |tenant| {
            tenant
                .traits
                .values_mut()
                .for_each(|found| found.ttl_days = Some(1))
        }),
        ("folder", |tenant| {
            tenant
                .traits
                .values_mut()
                .for_each(|found| found.folder.0 = 0)
        }),
        ("segment rule", |tenant| {
            tenant
                .segments
                .values_mut()
                .for_each(|found| found.rule = "1T".into())
        }),
        ("segment folder", |tenant| {
            tenant
                .segments
                .values_mut()
                .for_each(|found| found.folder.0 = 0)
        }),
        ("segment paused", |tenant| {
            tenant
                .segments
                .values_mut()
                .for_each(|found| found.activity = Activity::Inactive)
        }),
    ];
    for (field, drift) in drifts {
        let mut world = World::over(Tenant::default());
        let (share, source) = (share("loyal", "I", &[]), source("I", "Loyal gamers"));
        world.settle(&share, &source);
        world.recorded.trait_sid = world.tenant.traits.keys().next().copied();
        world.recorded.segment_sid = world.tenant.segments.keys().next().copied();
        let before = world.tenant.clone();
        drift(&mut world.tenant);
        world.refresh();
        world.settle(&share, &source);
        assert_eq!(world.calls.len(), 1, "{field}: {:?}", world.calls);
        assert_eq!(world.tenant, before, "{field} is put back");
    }
}

#[test]
fn white_space_and_the_case_of_a_key_are_no_drift_in_a_rule() {
    let mut world = World::over(Tenant::default());
    let (share, source) = (share("loyal", "I", &[]), source("I", "Cats & dogs"));
    world.settle(&share, &source);
    for found in world.tenant.traits.values_mut() {
        found.rule = "( segID  ==  \"I\" )".into();
    }
    world.refresh();
    world.settle(&share, &source);
    assert_eq!(world.calls, [], "the server may write them as it likes");
    for found in world.tenant.traits.values_mut() {
        found.name = "Cats &amp; dogs".into();
    }
    world.refresh();
    world.settle(&share, &source);
    assert_eq!(world.calls.len(), 1, "an entity is a text like any other");
}

#[test]
fn an_object_without_a_mark_is_adopted_only_as_the_policy_says() {
    for (policy, equal, adopted) in [
        (AdoptionPolicy::IfEqual, true, true),
        (AdoptionPolicy::IfEqual, false, false),
        (AdoptionPolicy::Always, false, true),
        (AdoptionPolicy::Never, true, false),
    ] {
        let mut world = World::over(Tenant::default());
        let mut share = share("loyal", "I", &[]);
        let source = source("I", "Loyal gamers");
        world.settle(&share, &source);
        for found in world.tenant.traits.values_mut() {
            found.description = "".into();
            if !equal {
                found.ttl_days = Some(7);
            }
        }
        let mut world = World::over(world.tenant);
        share.adoption = policy;
        let before = world.tenant.traits.clone();
        let plan = world.settle(&share, &source);
        assert_eq!(
            plan.blockers.is_empty(),
            adopted,
            "{policy:?}, equal: {equal}"
        );
        assert_eq!(
            world.tenant.traits != before,
            adopted,
            "{policy:?}, equal: {equal}: the mark is written or nothing"
        );
        if !adopted {
            assert_eq!(plan.blockers[0].reason(), Reason::AdoptionRefused);
        }
    }
}

#[test]
fn adobes_own_data_source_is_observed_and_only_additional_segments_are_made() {
    let mut tenant = Tenant::default();
    let id = DataSourceId(77);
    tenant.data_sources.insert(
        id,
        DataSource {
            id,
            company: None,
            name: "Sharing".into(),
            description: "".into(),
            unique_trait_codes: false,
            unique_segment_codes: false,
            restrictions: Restrictions::default(),
        },
    );
    let mut world = World::over(tenant);
    let plan = world.settle(
        &share("loyal", "I", &["third"]),
        &source("I", "Loyal gamers"),
    );
    assert_eq!(plan.blockers[0].reason(), Reason::AwaitingAdobeSharing);
    assert_eq!(calls(&world), "search trait with integration code I\n");
    let mut observing = share("loyal", "I", &[]);
    observing.mode = Mode::Observe;
    assert_eq!(
        world
            .settle(&observing, &source("I", "Loyal gamers"))
            .blockers[0]
            .reason(),
        Reason::AwaitingAdobeSharing
    );
}

#[test]
fn another_owners_mark_is_a_conflict_whatever_the_policy() {
    for policy in [
        AdoptionPolicy::IfEqual,
        AdoptionPolicy::Always,
        AdoptionPolicy::Never,
    ] {
        let mut world = World::over(Tenant::default());
        let mut share = share("loyal", "I", &[]);
        let source = source("I", "Loyal gamers");
        world.settle(&share, &source);
        for found in world.tenant.traits.values_mut() {
            found.description = "[audience-sharing:others/marketing/loyal]".into();
            found.name = "Theirs".into();
        }
        let mut world = World::over(world.tenant);
        share.adoption = policy;
        let before = world.tenant.clone();
        let plan = world.settle(&share, &source);
        assert_eq!(
            plan.blockers[0].reason(),
            Reason::ManagementConflict,
            "{policy:?}"
        );
        assert!(
            plan.blockers[0]
                .message()
                .contains("others/marketing/loyal"),
            "it says whose it is"
        );
        assert_eq!(world.tenant, before, "{policy:?}: nothing was changed");
    }
}

#[test]
fn of_twins_that_carry_our_mark_one_survives_and_a_copy_without_the_mark_stays() {
    let mut world = World::over(Tenant::default());
    let share = share("loyal", "I", &["extra"]);
    let source = source("I", "Loyal gamers");
    world.settle(&share, &source);
    let settled = world.tenant.clone();
    for found in settled.traits.values() {
        for description in [&*found.description, "copied by hand"] {
            let twin = TraitSid(world.tenant.id());
            let mut copy = found.clone();
            (copy.sid, copy.description) = (twin, description.into());
            world.tenant.traits.insert(twin, copy);
        }
    }
    for found in settled.segments.values() {
        let twin = SegmentSid(world.tenant.id());
        let mut copy = found.clone();
        copy.sid = twin;
        world.tenant.segments.insert(twin, copy);
    }
    world.refresh();
    let plan = world.settle(&share, &source);
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(world.tenant.segments, settled.segments);
    let descriptions: Vec<_> = world
        .tenant
        .traits
        .values()
        .map(|found| &*found.description)
        .collect();
    assert_eq!(descriptions.len(), 2);
    assert!(descriptions.contains(&"copied by hand"), "{descriptions:?}");
}
