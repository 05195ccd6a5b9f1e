//! Algorithmic models: made of what is shared, run by Adobe, and deleted in order.

use std::collections::BTreeSet;

use audience_sharing_core::compose::{
    Baseline, DeclaredLookAlikes, DeclaredModel, Share, ShareName,
};
use audience_sharing_core::domain::audience_manager::{Activity, Threshold};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{DataSourceId, ModelId, TraitSid};
use audience_sharing_core::domain::mark::{EntryKey, UidPrefix};
use audience_sharing_core::domain::model::{LastRun, Model};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::segment_rule::template::RuleTemplate;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::to_audience_manager::{ObservedState, RecordedIds};
use audience_sharing_core::plan::{Cleanup, DeletionInput, Plan, Successor};
use rstest::rstest;

use crate::model::{
    Tenant, World, claimant, mark_of, name, of_audience, share, source, target_mut,
};

const PROVIDER: DataSourceId = DataSourceId(6_601);

fn gamers() -> Audience {
    source("I", "Loyal gamers")
}

fn model() -> DeclaredModel {
    DeclaredModel {
        key: EntryKey::parse("look").unwrap(),
        name: "Look-alikes".into(),
        description: "".into(),
        baseline: Baseline::SharedTrait,
        data_sources: [PROVIDER].into(),
        look_back_days: 30,
        excluded: BTreeSet::new(),
        traits: vec![DeclaredLookAlikes {
            key: "near".into(),
            name: "Near".into(),
            description: "".into(),
            threshold: Threshold::AccuracyPercent(80),
            ttl_days: 120,
        }],
    }
}

fn with(models: &[DeclaredModel]) -> Share {
    let mut share = share("loyal", "I", &[]);
    target_mut(&mut share).models = models.to_vec();
    share
}

/// One of whose additional segments the rule names the algorithmic trait.
fn with_segment(models: &[DeclaredModel]) -> Share {
    let mut share = share("loyal", "I", &["in-market"]);
    let target = target_mut(&mut share);
    target.models = models.to_vec();
    target.additional_segments[0].rule = RuleTemplate::parse("{trait} OR {near}").unwrap();
    share
}

fn record(world: &mut World, plan: &Plan<ObservedState>) {
    let state = plan.state.clone();
    world.recorded = RecordedIds {
        trait_sid: state.trait_sid,
        segment_sid: state.segment_sid,
        additional_segments: state.additional_segments,
        models: state.models,
        ..RecordedIds::default()
    };
}

/// A full pass over the tenant, models included.
fn pass(world: &mut World) {
    world.refresh();
    world.at += 1;
    world.tenant.apply_models(&mut world.inventory, world.at);
}

fn settle(world: &mut World, share: &Share) -> (Plan<ObservedState>, Vec<String>) {
    world.calls.clear();
    let plan = world.settle(share, &gamers());
    record(world, &plan);
    let calls = world.calls.iter().map(ToString::to_string).collect();
    (plan, calls)
}

fn reasons(plan: &Plan<ObservedState>) -> Vec<Reason> {
    plan.blockers
        .iter()
        .map(|blocker| blocker.reason())
        .collect()
}

/// The one model of ours; it exists.
fn ours(world: &World) -> Model {
    let mut all = world.tenant.models.values();
    let found = all.next().unwrap().clone();
    assert_eq!(all.next(), None);
    found
}

/// Made, and run as `ended`.
fn settled(share: &Share, ended: LastRun) -> World {
    let mut world = World::over(Tenant::default());
    settle(&mut world, share);
    let id = ours(&world).id;
    world.tenant.run(id, ended);
    pass(&mut world);
    world
}

#[test]
fn a_model_is_made_of_the_trait_and_its_traits_once_it_ran_with_data() {
    let share = with_segment(&[model()]);
    let mut world = World::over(Tenant::default());
    let (plan, calls) = settle(&mut world, &share);
    let made = ours(&world);
    assert_eq!(made.baseline, plan.state.trait_sid.map(|sid| sid.0));
    assert_eq!(
        &*made.description,
        "[audience-sharing:us/marketing/loyal#a1b2c3d4:look]"
    );
    assert_eq!(
        calls.iter().filter(|call| *call == "list models").count(),
        2
    );
    assert_eq!(reasons(&plan), [Reason::ModelRunning]);
    assert!(plan.steps.is_empty(), "nothing is polled: {:?}", plan.steps);
    assert!(plan.state.additional_segments.is_empty());

    pass(&mut world);
    let (plan, calls) = settle(&mut world, &share);
    assert_eq!(
        (reasons(&plan), calls),
        (vec![Reason::ModelRunning], vec![])
    );

    world.tenant.run(made.id, LastRun::WithData);
    pass(&mut world);
    let (plan, calls) = settle(&mut world, &share);
    assert!(plan.is_settled(), "{plan:?}");
    let [(key, near)] = &plan.state.models[0].traits[..] else {
        panic!("{plan:?}")
    };
    assert_eq!(&**key, "near");
    let created = format!("create trait \"Near\" of model {} accuracy 80 %", made.id);
    assert!(calls.contains(&created), "{calls:?}");
    let segment = world
        .tenant
        .segments
        .values()
        .find(|one| one.name.contains("in-market"));
    let rule = &segment.unwrap().rule;
    assert!(rule.contains(&format!("{near}T")), "{rule}");
    pass(&mut world);
    assert_eq!(settle(&mut world, &share).1, Vec::<String>::new());
}

#[rstest]
#[case::not_yet(LastRun::None, Activity::Active, Reason::ModelRunning)]
#[case::failed(LastRun::Failed, Activity::Active, Reason::ModelRunning)]
#[case::without_data(LastRun::WithoutData, Activity::Active, Reason::ModelWithoutData)]
#[case::ended(LastRun::WithoutData, Activity::Inactive, Reason::ModelDeactivated)]
fn what_a_model_waits_for_is_said_and_nothing_is_written(
    #[case] ended: LastRun,
    #[case] activity: Activity,
    #[case] reason: Reason,
) {
    let share = with(&[model()]);
    let mut world = settled(&share, ended);
    let id = ours(&world).id;
    world.tenant.models.get_mut(&id).unwrap().activity = activity;
    pass(&mut world);
    let (plan, calls) = settle(&mut world, &share);
    assert_eq!((reasons(&plan), calls), (vec![reason], vec![]));
}

#[test]
fn a_model_that_a_person_paused_runs_again_and_its_texts_follow() {
    let share = with(&[model()]);
    let mut world = settled(&share, LastRun::WithData);
    settle(&mut world, &share);
    let id = ours(&world).id;
    let found = world.tenant.models.get_mut(&id).unwrap();
    (found.activity, found.name) = (Activity::Inactive, "Mine".into());
    pass(&mut world);
    let (plan, calls) = settle(&mut world, &share);
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(ours(&world).activity, Activity::Active);
    assert_eq!(&*ours(&world).name, "Look-alikes");
}

type Drift = fn(&mut Model);

#[rstest]
#[case::another_baseline(|found: &mut Model| found.baseline = Some(5))]
#[case::other_data_sources(|found: &mut Model| found.data_sources = Some([DataSourceId(9)].into()))]
#[case::another_look_back(|found: &mut Model| found.look_back_days = Some(90))]
#[case::an_exclusion(|found: &mut Model| found.excluded = [TraitSid(4)].into())]
fn what_it_is_made_of_never_changes_and_is_reported(#[case] drift: Drift) {
    let share = with(&[model()]);
    let mut world = settled(&share, LastRun::WithData);
    settle(&mut world, &share);
    let id = ours(&world).id;
    drift(world.tenant.models.get_mut(&id).unwrap());
    pass(&mut world);
    let (plan, calls) = settle(&mut world, &share);
    assert_eq!(
        (reasons(&plan), calls),
        (vec![Reason::ModelOutdated], vec![])
    );
}

/// The keys in their marks distinguish two of one basis.
#[test]
fn two_models_of_one_basis_are_two() {
    let other = DeclaredModel {
        key: EntryKey::parse("other").unwrap(),
        traits: Vec::new(),
        ..model()
    };
    let share = with(&[model(), other]);
    let mut world = World::over(Tenant::default());
    settle(&mut world, &share);
    assert_eq!(world.tenant.models.len(), 2);
    // What the status lost is found again.
    world.recorded.models.clear();
    pass(&mut world);
    let (plan, calls) = settle(&mut world, &share);
    assert_eq!(calls, Vec::<String>::new());
    assert_eq!(plan.state.models.len(), 2);
}

/// A create whose effect came after the look-up leaves a second one, which no server keeps out.
#[test]
fn of_two_that_we_made_one_survives_and_a_persons_copy_stays() {
    let share = with(&[model()]);
    let mut world = settled(&share, LastRun::WithData);
    settle(&mut world, &share);
    let made = ours(&world);
    let twin = Model {
        id: ModelId(made.id.0 + 900),
        ..made.clone()
    };
    let copy = Model {
        id: ModelId(made.id.0 + 901),
        name: "Mine".into(),
        ..made.clone()
    };
    world.tenant.models.insert(twin.id, twin);
    world.tenant.models.insert(copy.id, copy.clone());
    pass(&mut world);
    let (plan, calls) = settle(&mut world, &share);
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].starts_with("delete model"), "{calls:?}");
    let left: Vec<_> = world.tenant.models.keys().copied().collect();
    assert_eq!(left, [made.id, copy.id]);
}

/// A person's, another owner's, or under a copy of our mark with another baseline or without a key: see the world.
#[test]
fn models_that_look_like_ours_are_never_touched() {
    let share = with(&[model()]);
    let mut world = settled(&share, LastRun::WithData);
    let baseline = ours(&world).baseline.unwrap();
    world.tenant.surround_with_models(baseline, &[PROVIDER.0]);
    pass(&mut world);
    let (plan, _) = settle(&mut world, &share);
    assert!(plan.is_settled(), "{plan:?}");
    let (plan, _) = settle(&mut world, &with(&[]));
    assert!(plan.is_settled(), "{plan:?}");
    assert!(world.tenant.models.is_empty());
    assert_eq!(world.tenant.all_models().count(), 4);
}

#[test]
fn the_twenty_first_active_model_is_not_begun() {
    let mut world = World::over(Tenant::default());
    for number in 0..20 {
        world.tenant.surround_with_models(number, &[]);
        let made = world.tenant.all_models().next().unwrap().clone();
        let id = ModelId(500 + number);
        world.tenant.models.insert(id, Model { id, ..made });
    }
    pass(&mut world);
    let (plan, _) = settle(&mut world, &with(&[model()]));
    assert_eq!(reasons(&plan), [Reason::LimitExceeded]);
    assert_eq!(world.tenant.models.len(), 20);
    assert!(plan.state.segment_sid.is_some(), "the rest goes on");
}

#[test]
fn what_is_declared_no_more_goes_in_order() {
    let mut world = settled(&with_segment(&[model()]), LastRun::WithData);
    settle(&mut world, &with_segment(&[model()]));
    let (plan, calls) = settle(&mut world, &with(&[]));
    assert!(plan.is_settled(), "{plan:?}");
    let deleted = calls.iter().filter(|call| call.starts_with("delete"));
    let kinds: Vec<_> = deleted
        .map(|call| call.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(kinds, ["segment", "trait", "model"]);
}

#[test]
fn an_algorithmic_trait_that_somebody_uses_stays_with_its_model() {
    let mut world = settled(&with(&[model()]), LastRun::WithData);
    let (plan, _) = settle(&mut world, &with(&[model()]));
    let (_, near) = plan.state.models[0].traits[0];
    let mut foreign = world.tenant.segments.values().next().unwrap().clone();
    foreign.sid.0 = 900;
    foreign.integration_code = None;
    foreign.description = "".into();
    foreign.rule = format!("{near}T").into();
    world.tenant.segments.insert(foreign.sid, foreign);
    pass(&mut world);
    let (plan, calls) = settle(&mut world, &with(&[]));
    assert_eq!(reasons(&plan), [Reason::DeletionBlocked]);
    let deleted = calls.iter().filter(|call| call.starts_with("delete"));
    assert_eq!(deleted.count(), 0, "{calls:?}");
    assert!(plan.blockers[0].message().contains("900"));
}

fn deletion<'a>(world: &'a World, data_sources: &'a [DataSourceId]) -> RecordedObjects<'a> {
    RecordedObjects {
        ids: &world.recorded,
        data_sources,
        declared: &[],
        declares_models: true,
    }
}

fn clean_up(world: &mut World, cleanup: &Cleanup<'_>) -> Vec<String> {
    world.calls.clear();
    let (mark, no_one): (_, BTreeSet<ShareName>) = (mark_of(&name("loyal")), BTreeSet::new());
    let source = of_audience("I");
    for _ in 0..32 {
        let data_sources: Vec<_> = world.tenant.data_sources.keys().copied().collect();
        let plan = cleanup::plan_cleanup(
            DeletionInput {
                claimant: claimant(&mark, &no_one),
                source: Some(&source),
                recorded: Made::InAudienceManager(deletion(world, &data_sources)),
                inventory: &world.inventory,
                since: Sequence(1),
            },
            *cleanup,
        );
        world.judge(&plan);
        let Some(step) = plan.steps.into_iter().find(|step| step.ready) else {
            assert!(plan.blockers.is_empty(), "{:?}", plan.blockers);
            return world.calls.iter().map(ToString::to_string).collect();
        };
        world.carry_out(&step.call);
    }
    panic!("it never ends: {:?}", world.calls)
}

#[rstest]
#[case::recorded(true)]
#[case::never_recorded(false)]
fn a_deletion_takes_models_before_their_baseline(#[case] recorded: bool) {
    let declared = DeclaredModel {
        baseline: Baseline::SharedSegment,
        ..model()
    };
    let mut world = settled(&with(std::slice::from_ref(&declared)), LastRun::WithData);
    settle(&mut world, &with(&[declared]));
    if !recorded {
        world.recorded = RecordedIds::default();
    }
    let baseline = ours(&world).baseline.unwrap();
    world.tenant.surround_with_models(baseline, &[PROVIDER.0]);
    let calls = clean_up(&mut world, &Cleanup::Delete);
    let deleted = calls.iter().filter(|call| call.starts_with("delete"));
    let kinds: Vec<_> = deleted
        .map(|call| call.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(kinds, ["trait", "model", "segment", "trait"], "{calls:?}");
    assert!(world.tenant.models.is_empty() && world.tenant.traits.is_empty());
}

#[rstest]
#[case::declares_it("look", true)]
#[case::declares_another("another", false)]
fn a_successor_keeps_the_model_that_it_declares(#[case] key: &str, #[case] kept: bool) {
    let mut world = settled(&with(&[model()]), LastRun::WithData);
    let (plan, _) = settle(&mut world, &with(&[model()]));
    let (_, near) = plan.state.models[0].traits[0];
    let code = world.tenant.traits[&near].integration_code.clone().unwrap();
    let successor = Successor {
        mark: audience_sharing_core::compose::mark(
            &crate::model::settings().owner,
            &name("next"),
            UidPrefix::of("99999999"),
        ),
        codes: BTreeSet::new(),
        trait_codes: kept.then_some(code).into_iter().collect(),
        models: [EntryKey::parse(key).unwrap()].into(),
        destinations: Vec::new(),
    };
    clean_up(&mut world, &Cleanup::HandOver(&successor));
    assert_eq!(world.tenant.models.len(), usize::from(kept));
    assert_eq!(world.tenant.traits.contains_key(&near), kept);
    if kept {
        assert_eq!(
            &*ours(&world).description,
            "[audience-sharing:us/marketing/next#99999999:look]"
        );
    }
    assert_eq!(
        world.tenant.traits.len(),
        1 + usize::from(kept),
        "the shared one stays"
    );
}
