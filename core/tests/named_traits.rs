//! Rules of additional segments: traits that they name by a key, and Audience Manager's validation before the first write.

use audience_sharing_core::compose::{NamedTrait, Share, TraitSelector};
use audience_sharing_core::domain::audience_manager::{TraitKind, TraitReference};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{DataSourceId, IntegrationCode, TraitSid};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::segment_rule::template::RuleTemplate;
use audience_sharing_core::plan::to_audience_manager::RecordedIds;
use rstest::rstest;

use crate::model::{Tenant, World, share, source, target_mut};

fn tenant() -> Tenant {
    Tenant::default()
        .with_foreign_trait(9_912, "Auto intenders", TraitKind::RuleBased)
        .with_foreign_trait(9_913, "Pet owners", TraitKind::RuleBased)
        .with_foreign_trait(9_914, "Pet owners", TraitKind::Onboarded)
}

fn gamers() -> Audience {
    source("I", "Loyal gamers")
}

fn named(key: &str, name: &str) -> NamedTrait {
    NamedTrait {
        key: key.into(),
        selector: TraitSelector::Reference(TraitReference::Name {
            name: name.into(),
            data_source: DataSourceId(6_601),
        }),
    }
}

fn ruled(rule: &str, traits: Vec<NamedTrait>) -> Share {
    let mut share = share("loyal", "I", &["third"]);
    let segment = &mut target_mut(&mut share).additional_segments[0];
    segment.rule = RuleTemplate::parse(rule).unwrap();
    segment.traits = traits;
    share
}

fn calls(world: &World) -> String {
    let calls = world.calls.iter().map(|call| format!("{call}\n"));
    calls.collect()
}

#[test]
fn a_rule_is_validated_before_anything_is_made_and_once_for_its_content() {
    let mut world = World::over(tenant());
    let share = ruled(
        "{trait} AND ({auto} OR 9913T)",
        vec![named("auto", "Auto intenders")],
    );
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    insta::assert_snapshot!(calls(&world), @r#"
    create data source "Sharing"
    create trait folder "Traits"
    create segment folder "Segments"
    find trait with the name "Auto intenders" in data source 6601
    validate rule of additional segment "third" 9913T AND (9912T OR 9913T)
    search trait with integration code I
    create trait "Loyal gamers" rule segid == "I"
    create segment "Loyal gamers" rule 1004T
    create segment "With third" rule 1004T AND (9912T OR 9913T)
    "#);
    let found = &plan.state.traits[0];
    assert_eq!((&*found.key, found.sid), ("auto", TraitSid(9_912)));
}

#[test]
fn a_found_trait_is_pinned_for_as_long_as_it_is_declared_so() {
    let share = ruled("{trait} AND {auto}", vec![named("auto", "Auto intenders")]);
    let mut world = World::over(tenant());
    let plan = world.settle(&share, &gamers());
    let mut world = World::over(world.tenant);
    world.recorded = RecordedIds {
        traits: plan.state.traits,
        ..RecordedIds::default()
    };
    world.tenant.foreign_traits.clear();
    assert!(world.settle(&share, &gamers()).is_settled());
    assert_eq!(calls(&world), "", "nothing is asked at rest");
    let other = ruled("{trait} AND {auto}", vec![named("auto", "Auto buyers")]);
    let plan = world.settle(&other, &gamers());
    assert_eq!(plan.blockers[0].reason(), Reason::TraitNotFound);
    assert!(
        plan.blockers[0].message().contains("\"Auto buyers\""),
        "{}",
        plan.blockers[0].message()
    );
}

/// Another key in the rule, the same words behind it: the sid stays, although the words fit another trait by now.
#[test]
fn a_found_trait_is_pinned_under_another_key_too() {
    let share = ruled("{trait} AND {auto}", vec![named("auto", "Auto intenders")]);
    let mut world = World::over(tenant());
    let plan = world.settle(&share, &gamers());
    let mut world = World::over(world.tenant);
    world.recorded = RecordedIds {
        traits: plan.state.traits,
        ..RecordedIds::default()
    };
    let twin = world
        .tenant
        .with_foreign_trait(9_915, "Auto intenders", TraitKind::RuleBased);
    world.tenant = twin;
    let rekeyed = ruled("{trait} AND {cars}", vec![named("cars", "Auto intenders")]);
    let plan = world.settle(&rekeyed, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(calls(&world), "", "the rule is the same");
    let found = &plan.state.traits[0];
    assert_eq!((&*found.key, found.sid), ("cars", TraitSid(9_912)));
}

#[test]
fn a_changed_rule_is_validated_before_it_is_written_and_one_that_is_refused_changes_nothing() {
    let mut world = World::over(tenant());
    world.settle(&ruled("{trait} AND 9912T", Vec::new()), &gamers());
    world.refresh();
    world.settle(&ruled("{trait} AND NOT 9913T", Vec::new()), &gamers());
    insta::assert_snapshot!(calls(&world), @r#"
    validate rule of additional segment "third" 1004T AND NOT 9913T
    update segment 1006 "With third" rule "1004T AND 9912T" → "1004T AND NOT 9913T"
    "#);
    world.refresh();
    let before = world.tenant.segments.clone();
    world.tenant.refused = Some("666T");
    let mut refused = ruled("{trait} AND 666T", Vec::new());
    let plan = world.settle(&refused, &gamers());
    assert_eq!(plan.blockers[0].reason(), Reason::RuleInvalid);
    assert_eq!(world.tenant.segments, before);
    // The rest of the segment does not wait for its rule.
    target_mut(&mut refused).additional_segments[0].name = "Renamed".into();
    world.settle(&refused, &gamers());
    let names = world.tenant.segments.values().map(|found| &*found.name);
    assert!(names.into_iter().any(|name| name == "Renamed"));
}

#[rstest]
#[case::unknown("{trait} AND 666T", "trait 666 does not exist")]
#[case::unknown_by_key("{trait} AND {auto}", "trait 666 (\"auto\") does not exist")]
#[case::under_frequency(
    "{trait} AND FREQUENCY([9914T]) >= 2",
    "trait 9914 \"Pet owners\" of kind onboarded"
)]
fn a_refused_rule_names_the_trait_and_nothing_is_made(#[case] rule: &str, #[case] names: &str) {
    let mut tenant = tenant();
    tenant.refused = Some("T");
    let traits = match rule.contains("auto") {
        true => vec![NamedTrait {
            key: "auto".into(),
            selector: TraitSelector::Sid(TraitSid(666)),
        }],
        false => Vec::new(),
    };
    // The model reads its own traits; those of the provider stand among them.
    tenant.traits = tenant.foreign_traits.clone();
    let mut world = World::over(tenant);
    let plan = world.settle(&ruled(rule, traits), &gamers());
    assert_eq!(plan.blockers[0].reason(), Reason::RuleInvalid);
    assert!(
        plan.blockers[0].message().contains(names),
        "{}",
        plan.blockers[0].message()
    );
    assert!(world.tenant.segments.is_empty());
    assert!(plan.steps.is_empty());
}

#[test]
fn a_refused_rule_of_a_thousand_traits_costs_a_handful_of_calls() {
    let traits: Vec<_> = (0..1_000).map(|sid| format!("{}T", 5_000 + sid)).collect();
    let mut tenant = tenant();
    tenant.refused = Some("T");
    let mut world = World::over(tenant);
    let plan = world.settle(
        &ruled(
            &format!("{{trait}} AND ({})", traits.join(" OR ")),
            Vec::new(),
        ),
        &gamers(),
    );
    assert_eq!(plan.blockers[0].reason(), Reason::RuleInvalid);
    let asked = world.calls.iter().filter(|call| !call.is_write()).count();
    assert!(asked <= 10, "{}", calls(&world));
    assert!(
        plan.blockers[0].message().len() < 1_000,
        "{}",
        plan.blockers[0].message()
    );
}

#[rstest]
#[case::none("Dog owners", Reason::TraitNotFound, "Dog owners")]
#[case::several("Pet owners", Reason::TraitAmbiguous, "9913, 9914")]
fn what_fits_no_trait_or_several_is_told_and_nothing_is_made(
    #[case] name: &str,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let mut world = World::over(tenant());
    let plan = world.settle(&ruled("{trait} AND {x}", vec![named("x", name)]), &gamers());
    assert_eq!(plan.blockers[0].reason(), reason);
    assert!(
        plan.blockers[0].message().contains(told),
        "{}",
        plan.blockers[0].message()
    );
    assert!(world.tenant.traits.is_empty() && world.tenant.segments.is_empty());
}

#[test]
fn a_code_is_looked_for_wherever_it_stands_or_in_one_data_source() {
    let mut tenant = tenant();
    for (sid, data_source) in [(9_912, 6_601), (9_913, 6_602)] {
        let found = tenant.foreign_traits.get_mut(&TraitSid(sid)).unwrap();
        found.integration_code = Some(IntegrationCode::new("vip"));
        found.data_source = DataSourceId(data_source);
    }
    let by_code = |data_source: Option<u64>| NamedTrait {
        key: "vip".into(),
        selector: TraitSelector::Reference(TraitReference::Code {
            code: IntegrationCode::new("vip"),
            data_source: data_source.map(DataSourceId),
        }),
    };
    let mut world = World::over(tenant.clone());
    let plan = world.settle(&ruled("{trait} AND {vip}", vec![by_code(None)]), &gamers());
    assert_eq!(plan.blockers[0].reason(), Reason::TraitAmbiguous);
    let mut world = World::over(tenant);
    let plan = world.settle(
        &ruled("{trait} AND {vip}", vec![by_code(Some(6_602))]),
        &gamers(),
    );
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(plan.state.traits[0].sid, TraitSid(9_913));
}
