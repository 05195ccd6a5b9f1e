//! A status that no person sets is reported and never written over; a name that Adobe advises against is said once.

use std::collections::BTreeSet;

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::domain::audience_manager::{Activity, TraitKind};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{SegmentSid, TraitSid};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::RecordedIds;
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{Cleanup, DeletionInput};
use rstest::rstest;

use crate::model::{Tenant, World, claimant, mark_of, name, share, source};

const OF_A_PROVIDER: TraitSid = TraitSid(9_912);

fn gamers() -> Audience {
    source("I", "Loyal gamers")
}

/// With an additional segment over a provider's trait.
fn settled() -> (World, RecordedIds) {
    let tenant = Tenant::default();
    let kind = TraitKind::RuleBased;
    let tenant = tenant.with_foreign_trait(OF_A_PROVIDER.0, "Auto intenders", kind);
    let mut world = World::over(tenant);
    let plan = world.settle(&share("loyal", "I", &["third"]), &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    let recorded = RecordedIds {
        trait_sid: plan.state.trait_sid,
        segment_sid: plan.state.segment_sid,
        additional_segments: plan.state.additional_segments,
        ..RecordedIds::default()
    };
    (world, recorded)
}

fn set_status(world: &mut World, sid: SegmentSid, status: &Activity) {
    world.tenant.segments.get_mut(&sid).unwrap().activity = status.clone();
    world.refresh();
}

/// What is reported, and the calls up to it.
fn reported(world: &mut World, source: &Audience) -> (Option<Blocker>, Vec<String>) {
    world.calls.clear();
    let plan = world.settle(&share("loyal", "I", &["third"]), source);
    let calls = world.calls.iter().map(ToString::to_string).collect();
    (plan.blockers.into_iter().next(), calls)
}

#[rstest]
#[case::suspended(Activity::Other("SUSPENDED".into()), true)]
#[case::another_word(Activity::Other("ARCHIVED".into()), true)]
#[case::an_answer_without_it(Activity::Other("".into()), false)]
#[case::active(Activity::Active, false)]
fn a_status_that_no_person_sets_is_reported_and_stays(
    #[case] status: Activity,
    #[case] is_reported: bool,
) {
    let (mut world, recorded) = settled();
    let sid = recorded.segment_sid.unwrap();
    set_status(&mut world, sid, &status);
    let (blocker, calls) = reported(&mut world, &gamers());
    assert_eq!(calls, Vec::<String>::new());
    assert_eq!(blocker.is_some(), is_reported, "{blocker:?}");
    if let Some(blocker) = blocker {
        assert_eq!(blocker.reason(), Reason::ObjectSuspended);
        let message = blocker.message();
        let told = format!("Segment {sid} \"Loyal gamers\" has the status \"{status}\"");
        assert!(message.starts_with(&told), "{message}");
    }

    // What else differs is written, and the status stays.
    let (_, calls) = reported(&mut world, &source("I", "Gamers"));
    assert!(calls.len() >= 2, "{calls:?}");
    assert!(
        !calls.iter().any(|call| call.contains("status")),
        "{calls:?}"
    );
    assert_eq!(world.tenant.segments[&sid].activity, status);
}

#[test]
fn what_a_person_paused_is_active_again() {
    let (mut world, recorded) = settled();
    let sid = recorded.segment_sid.unwrap();
    set_status(&mut world, sid, &Activity::Inactive);
    let (blocker, calls) = reported(&mut world, &gamers());
    assert_eq!((blocker, calls.len()), (None, 1));
    assert_eq!(world.tenant.segments[&sid].activity, Activity::Active);
}

#[rstest]
#[case::its_trait_is_there(false)]
#[case::its_provider_was_removed(true)]
fn the_traits_of_its_rule_that_no_longer_resolve_are_named(#[case] removed: bool) {
    let (mut world, recorded) = settled();
    let [(_, sid)] = &recorded.additional_segments[..] else {
        panic!("{recorded:?}")
    };
    if removed {
        world.tenant.foreign_traits.remove(&OF_A_PROVIDER);
    }
    set_status(&mut world, *sid, &Activity::Other("SUSPENDED".into()));
    let (blocker, calls) = reported(&mut world, &gamers());
    assert_eq!(calls, ["read trait 9912"]);
    let message = blocker.expect("reported").message();
    assert!(message.contains(&format!("Segment {sid} ")), "{message}");
    let named = message.contains("traits that Audience Manager does not show: 9912.");
    assert_eq!(named, removed, "{message}");
    let (_, calls) = reported(&mut world, &gamers());
    assert_eq!(calls, Vec::<String>::new(), "each trait is read once");
}

#[test]
fn a_suspended_trait_is_reported_too_and_all_in_one_message() {
    let (mut world, recorded) = settled();
    let (of_trait, sid) = (recorded.trait_sid.unwrap(), recorded.segment_sid.unwrap());
    let suspended = Activity::Other("SUSPENDED".into());
    world.tenant.traits.get_mut(&of_trait).unwrap().activity = suspended.clone();
    set_status(&mut world, sid, &suspended);
    let (blocker, calls) = reported(&mut world, &gamers());
    assert_eq!(calls, Vec::<String>::new());
    let message = blocker.expect("reported").message();
    for told in [format!("Trait {of_trait} "), format!("Segment {sid} ")] {
        assert!(message.contains(&told), "{message}");
    }
}

/// Made active again when the source is back, it would lose its status by the way.
#[test]
fn what_is_suspended_is_not_paused() {
    let (mut world, recorded) = settled();
    for sid in world.tenant.segments.keys().copied().collect::<Vec<_>>() {
        set_status(&mut world, sid, &Activity::Other("SUSPENDED".into()));
    }
    let data_sources: Vec<_> = world.tenant.data_sources.keys().copied().collect();
    let plan = cleanup::plan_cleanup(
        DeletionInput {
            claimant: claimant(&mark_of(&name("loyal")), &BTreeSet::new()),
            source: None,
            recorded: Made::InAudienceManager(RecordedObjects {
                declares_models: false,
                ids: &recorded,
                data_sources: &data_sources,
                declared: &[],
            }),
            inventory: &world.inventory,
            since: Sequence(1),
        },
        Cleanup::Pause,
    );
    assert!(plan.is_settled(), "{:?}", plan.steps);
}

#[test]
fn a_tab_or_a_line_break_in_a_name_becomes_a_space() {
    let mut world = World::over(Tenant::default());
    let source = source("I", "Loyal\tgamers\r\n2026");
    let plan = world.settle(&share("loyal", "I", &[]), &source);
    assert!(plan.is_settled(), "{plan:?}");
    let sid = plan.state.trait_sid.unwrap();
    assert_eq!(&*world.tenant.traits[&sid].name, "Loyal gamers  2026");
    world.calls.clear();
    world.settle(&share("loyal", "I", &[]), &source);
    assert!(world.calls.is_empty(), "{:?}", world.calls);
}

#[rstest]
#[case::plain("Loyal gamers (2026)", None)]
#[case::as_adobes_own("Luma - Diamond Customers [S]", Some("a hyphen"))]
#[case::several("a,b-c|e", Some("a comma, a hyphen and a vertical bar"))]
fn a_name_that_adobe_advises_against_is_kept_and_said(
    #[case] name: &str,
    #[case] told: Option<&str>,
) {
    let mut world = World::over(Tenant::default());
    let plan = world.settle(&share("loyal", "I", &[]), &source("I", name));
    assert!(plan.is_settled(), "{plan:?}");
    let sid = plan.state.trait_sid.unwrap();
    assert_eq!(&*world.tenant.traits[&sid].name, name);
    let sentence = plan.state.advised_against;
    assert_eq!(sentence.is_some(), told.is_some(), "{sentence:?}");
    if let (Some(sentence), Some(told)) = (sentence, told) {
        let told = format!("contains {told}, which Adobe advises against");
        assert!(sentence.contains(&told), "{sentence}");
    }
}
