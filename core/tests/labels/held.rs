//! What a person must do first, and what stands open until then.

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::compose::AdoptionPolicy;
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;

use super::{OURS, calls, data_source, settle, tenant, unlabelled};
use crate::model::World;

const OTHERS: &str = "[audience-sharing:others]";

fn only_hold(world: &mut World, labels: &[&str]) -> Blocker {
    let mut plan = settle(world, labels);
    assert_eq!((plan.steps.len(), plan.blockers.len()), (0, 1), "{plan:?}");
    plan.blockers.remove(0)
}

#[test]
fn a_control_without_a_known_name_is_told_with_what_to_make_by_hand() {
    let mut world = World::over(tenant(&[]));
    let blocker = only_hold(&mut world, &["core/C6", "core/C3"]);
    assert_eq!(blocker.reason(), Reason::ExportControlUnsupported);
    assert_eq!(blocker.reason().disposition(), Disposition::Stalled);
    insta::assert_snapshot!(blocker.message(), @r#"The source is labelled core/C3 and core/C6, and no API is known by which the operator could make a data source with the export controls "no combination with PII" and "no on-site ad targeting"; nothing was changed. An administrator makes it in Audience Manager under Audience Data, Data Sources: its name is "Sharing (C3+C6)", with these Data Export Controls and with unique integration codes for traits and for segments; then it is found and used. Or take the labels from the audience in Experience Platform."#);
    assert_eq!(world.tenant.traits.len(), 0, "nothing without its controls");
}

/// The two names that public sources prove need no person; of the others the tenant itself must show the spelling.
#[rstest::rstest]
#[case::proven(&["core/C7"], None, Some(&["ONSITE_PERSONALIZATION"][..]))]
#[case::both(&["core/C3", "core/C7"], None, Some(&["ONSITE_PERSONALIZATION", "PII"][..]))]
#[case::not_known(&["core/C5"], None, None)]
#[case::shown_by_the_tenant(&["core/C5"], Some("OFFSITE_TARGETING"), Some(&["OFFSITE_TARGETING"][..]))]
#[case::another_word(&["core/C5"], Some("SOMETHING"), None)]
fn a_data_source_is_made_for_controls_whose_names_are_proven_or_shown(
    #[case] labels: &[&str],
    #[case] shown: Option<&str>,
    #[case] made: Option<&[&str]>,
) {
    let by_hand = shown.map(|name| data_source(5_000, "Another", "", &[name]));
    let by_hand: Vec<_> = by_hand.into_iter().collect();
    let mut world = World::over(tenant(&by_hand));
    let plan = settle(&mut world, labels);
    assert_eq!(plan.blockers.is_empty(), made.is_some(), "{plan:?}");
    let mut placed = world.tenant.traits.values();
    let found = placed
        .next()
        .map(|one| &world.tenant.data_sources[&one.data_source]);
    assert_eq!(
        found.map(|source| source.restrictions.clone()),
        made.map(|names| Restrictions::new(names.iter().copied()))
    );
}

#[test]
fn what_stands_already_is_told_to_be_open() {
    let mut world = unlabelled(&[]);
    let before = world.tenant.clone();
    let blocker = only_hold(&mut world, &["core/C5"]);
    assert!(blocker.message().ends_with("Trait 1004 \"Loyal gamers\" and its segments stay in data source 1001 without it: until \
        then Audience Manager lets their data be used against core/C5 (no off-site ad targeting)."), "{}", blocker.message());
    assert_eq!(world.tenant, before);
}

/// From one set to a greater one that nobody made yet: only what is new is open.
#[test]
fn only_what_is_not_forbidden_where_it_stands_is_open() {
    let mut world = unlabelled(&[]);
    settle(&mut world, &["core/C3"]);
    world.refresh();
    let blocker = only_hold(&mut world, &["core/C3", "core/C5"]);
    assert!(
        blocker
            .message()
            .contains("stay in data source 1006 without it"),
        "{}",
        blocker.message()
    );
    assert!(
        blocker.message().ends_with("(no off-site ad targeting)."),
        "{}",
        blocker.message()
    );

    // Back to C3 alone nothing is due.
    assert!(settle(&mut world, &["core/C3"]).is_settled());
}

/// Which control a name stands for that nobody knows is only known of a data source that was made for controls.
#[test]
fn a_name_that_nobody_knows_forbids_what_its_data_source_was_made_for_and_nothing_else() {
    let mut world = unlabelled(&[]);
    let made = data_source(5_000, "Sharing (C3+C5)", "", &["OFF_SITE", "PII"]);
    world.tenant.data_sources.insert(made.id, made);
    world.refresh();
    assert!(settle(&mut world, &["core/C3", "core/C5"]).is_settled());
    let blocker = only_hold(&mut world, &["core/C5"]);
    assert!(
        blocker
            .message()
            .ends_with("stay in data source 5000, whose export controls forbid as much."),
        "{}",
        blocker.message()
    );
    let blocker = only_hold(&mut world, &["core/C6"]);
    assert!(
        blocker
            .message()
            .ends_with("against core/C6 (no on-site ad targeting)."),
        "{}",
        blocker.message()
    );
}

#[test]
fn one_made_by_hand_is_found_marked_listed_and_used() {
    let mut world = unlabelled(&[]);
    let made = data_source(5_000, "Sharing (C5)", "For the operator", &["OFF_SITE"]);
    world.tenant.data_sources.insert(made.id, made);
    world.refresh();
    assert!(settle(&mut world, &["core/C5"]).is_settled());
    insta::assert_snapshot!(calls(&world), @r#"
    update data source 5000 "Sharing (C5)" description "For the operator" → "For the operator [audience-sharing:us]"
    update trait 1004 "Loyal gamers" data source 1001 → 5000
    update segment 1005 "Loyal gamers" data source 1001 → 5000
    "#);
}

#[test]
fn one_made_by_hand_without_the_control_is_no_place_for_it() {
    let mut world = unlabelled(&[]);
    let made = data_source(5_000, "Sharing (C5+C6)", "", &["OFF_SITE", "PII"]);
    world.tenant.data_sources.insert(made.id, made);
    world.refresh();
    let blocker = only_hold(&mut world, &["core/C5", "core/C6"]);
    assert_eq!(blocker.reason(), Reason::ExportControlMissing);
    insta::assert_snapshot!(blocker.message(), @r#"Data source 5000 "Sharing (C5+C6)" has not the export control "no on-site ad targeting" that its name stands for (core/C6); nothing was put into it. Set it in Audience Manager under Audience Data, Data Sources, Data Export Controls. Trait 1004 "Loyal gamers" and its segments stay in data source 1001 without it: until then Audience Manager lets their data be used against core/C5 (no off-site ad targeting)."#);
}

/// The server answered a create as if there were no such field.
#[test]
fn one_that_we_made_and_that_stands_without_its_control_is_no_place_either() {
    let mut world = unlabelled(&[]);
    let made = data_source(5_000, "Sharing (C3)", OURS, &[]);
    world.tenant.data_sources.insert(made.id, made);
    world.refresh();
    let blocker = only_hold(&mut world, &["core/C3"]);
    assert_eq!(blocker.reason(), Reason::ExportControlMissing);
    assert_eq!(calls(&world), "", "and no second one is made");
}

#[test]
fn a_control_that_was_taken_away_opens_what_stands_there_and_is_told() {
    let mut world = unlabelled(&[]);
    settle(&mut world, &["core/C3"]);
    let found = world
        .tenant
        .data_sources
        .get_mut(&DataSourceId(1_006))
        .unwrap();
    found.restrictions = Restrictions::default();
    world.refresh();
    let blocker = only_hold(&mut world, &["core/C3"]);
    assert_eq!(blocker.reason(), Reason::ExportControlMissing);
    assert!(
        blocker
            .message()
            .contains("stay in data source 1006 without it"),
        "{}",
        blocker.message()
    );
}

#[test]
fn others_data_sources_are_left_alone() {
    let unmarked = data_source(5_000, "Sharing (C3)", "", &["PII"]);
    let theirs = data_source(5_000, "Sharing (C3)", OTHERS, &["PII"]);
    for (made, policy, reason) in [
        (&unmarked, AdoptionPolicy::Never, Reason::AdoptionRefused),
        (&theirs, AdoptionPolicy::Always, Reason::ManagementConflict),
    ] {
        let mut world = unlabelled(&[]);
        world.settings.adoption = policy;
        world.tenant.data_sources.insert(made.id, made.clone());
        world.refresh();
        let before = world.tenant.clone();
        assert_eq!(only_hold(&mut world, &["core/C3"]).reason(), reason);
        assert_eq!(world.tenant, before);
    }
}

/// Nobody asks for them: what a person made under such a name is none of our business.
#[test]
fn data_sources_that_nobody_needs_are_not_touched() {
    let mut world = unlabelled(&[]);
    for (id, name) in [
        (5_000, "Sharing (C3)"),
        (5_001, "Sharing (C6)"),
        (5_002, "Sharing (C4)"),
    ] {
        let made = data_source(id, name, "", &["PII"]);
        world.tenant.data_sources.insert(made.id, made);
    }
    world.refresh();
    assert!(settle(&mut world, &[]).is_settled());
    assert_eq!(calls(&world), "");
}
