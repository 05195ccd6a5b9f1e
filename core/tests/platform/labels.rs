//! The usage labels of an audience that comes from Audience Manager: whatever its sources forbid, and what is declared.

use audience_sharing_core::compose::{DesiredAudience, Strategy, compose_audience};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::{Restrictions, SourceControls, UsageLabels};
use audience_sharing_core::domain::reason::Reason;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::{select, subsequence};
use rstest::rstest;

use super::{World, delivered, source, target};
use crate::model::{mark_of, name};

const CORE: [&str; 6] = [
    "core/C1", "core/C3", "core/C5", "core/C6", "core/C7", "custom/a",
];

/// `None`: a data source that is not shown.
type Sources<'a> = &'a [Option<&'a [&'a str]>];

fn controls(sources: Sources<'_>) -> SourceControls {
    let restrictions: Vec<_> = sources
        .iter()
        .map(|names| names.map(|names| Restrictions::new(names.iter().copied())))
        .collect();
    let numbered = (1..).map(DataSourceId);
    SourceControls::of(numbered.zip(restrictions.iter().map(Option::as_ref)))
}

fn desired(strategy: Strategy, controls: SourceControls, declared: &[&str]) -> DesiredAudience {
    let mut target = target(strategy);
    target.labels = UsageLabels::read(declared.iter().copied());
    let mut source = source("Console buyers");
    source.controls = controls;
    compose_audience(mark_of(&name("gamers")), &target, &source)
}

fn external(controls: SourceControls, declared: &[&str]) -> DesiredAudience {
    desired(Strategy::ExternalAudience, controls, declared)
}

fn only(world: &World) -> &Audience {
    let mut all = world.audiences.values();
    all.next().filter(|_| all.next().is_none()).unwrap()
}

fn labels(audience: &Audience) -> String {
    audience.labels.as_ref().unwrap().listed()
}

#[rstest]
#[case::external(Strategy::ExternalAudience, &["look up audience", "create audience"])]
#[case::metadata(Strategy::MetadataOnly, &["look up audience", "create audience", "update audience"])]
fn an_audience_stands_with_its_labels(#[case] strategy: Strategy, #[case] calls: &[&str]) {
    let mut world = World::over([]);
    let sources = controls(&[Some(&["PII"]), Some(&[])]);
    let plan = world.settle("gamers", &desired(strategy, sources, &["core/C9"]));
    assert!(plan.is_settled());
    assert_eq!(labels(only(&world)), "core/C3, core/C9");
    let begins = |(call, verb): (&String, &&str)| call.starts_with(*verb);
    assert!(
        world.calls.iter().zip(calls).all(begins) && world.calls.len() == calls.len(),
        "{:?}",
        world.calls
    );
    let last = world.calls.last().unwrap();
    assert!(last.ends_with(" labels + core/C3, core/C9"), "{last}");
}

#[test]
fn labels_that_come_are_added_by_themselves_and_none_is_taken_away() {
    let mut world = World::over([]);
    world.settle("gamers", &external(controls(&[Some(&[])]), &["custom/a"]));
    let id = only(&world).id.clone();
    let by_a_person = UsageLabels::read(["core/S1", "custom/a"]);
    world.audiences.get_mut(&id).unwrap().labels = Some(by_a_person);
    world.refresh();
    world.calls.clear();
    let mut wanted = external(controls(&[Some(&["PII"])]), &[]);
    wanted.new.name = "Buyers".into();
    assert!(world.settle("gamers", &wanted).is_settled());
    assert_eq!(labels(only(&world)), "core/C3, core/S1, custom/a");
    let renamed = r#" name "Console buyers" → "Buyers""#;
    assert!(world.calls[0].ends_with(renamed), "{:?}", world.calls);
    assert!(
        world.calls[1].ends_with(r#""Buyers" labels + core/C3"#),
        "a service that refuses labels refuses nothing else: {:?}",
        world.calls
    );
    assert_eq!(world.calls.len(), 2);
}

#[rstest]
#[case::unknown_name(&[Some(&["PII", "OFF_SITE"][..])], &["core/C1"], "\"OFF_SITE\"")]
#[case::one_label_for_two(&[Some(&["A"][..]), Some(&["B"][..])], &["core/C5"], "Data source 2 has the export control \"B\"")]
#[case::not_shown(&[Some(&["PII"][..]), None], &[], "data source 2")]
fn what_nobody_can_tell_is_refused_with_what_to_do(
    #[case] sources: Sources<'_>,
    #[case] declared: &[&str],
    #[case] told: &str,
) {
    let mut world = World::over([]);
    let plan = world.settle("gamers", &external(controls(sources), declared));
    assert_eq!(World::reasons(&plan), [Reason::UsageLabelsUnknown]);
    let message = plan.blockers[0].message();
    let mended = "into target.experiencePlatform.dataUsageLabels";
    assert!(
        message.starts_with("No audience was created: ")
            && message.contains(told)
            && message.contains(mended),
        "{message}"
    );
    assert!(world.audiences.is_empty() && world.calls.is_empty());
}

#[rstest]
#[case::unknown_name(&[Some(&["PII", "OFF_SITE"][..])], &["core/C5"], "core/C3, core/C5")]
#[case::the_same_in_both(&[Some(&["A"][..]), Some(&["a"][..])], &["core/C5"], "core/C5")]
#[case::two_for_two(&[Some(&["A"][..]), Some(&["B"][..])], &["core/C5", "core/C6"], "core/C5, core/C6")]
#[case::not_shown(&[Some(&["PII"][..]), None], &["core/C1"], "core/C1, core/C3")]
fn what_a_person_declares_is_believed(
    #[case] sources: Sources<'_>,
    #[case] declared: &[&str],
    #[case] set: &str,
) {
    let mut world = World::over([]);
    let plan = world.settle("gamers", &external(controls(sources), declared));
    assert!(plan.is_settled());
    assert_eq!(labels(only(&world)), set);
}

#[test]
fn a_segment_whose_traits_nobody_places_is_refused() {
    let mut world = World::over([]);
    let plan = world.settle("gamers", &external(controls(&[]).unsaid(), &[]));
    assert_eq!(World::reasons(&plan), [Reason::UsageLabelsUnknown]);
    let plan = world.settle("gamers", &external(controls(&[]).unsaid(), &["core/C1"]));
    assert!(plan.is_settled());
}

#[test]
fn what_stands_gets_the_labels_that_are_known_and_says_which_are_not() {
    let mut world = World::over([]);
    world.settle("gamers", &external(controls(&[Some(&[])]), &[]));
    world.calls.clear();
    let wanted = external(controls(&[Some(&["PII", "OFF_SITE"])]), &[]);
    let plan = world.settle("gamers", &wanted);
    assert_eq!(World::reasons(&plan), [Reason::UsageLabelsUnknown]);
    assert!(plan.state.audience.is_some());
    assert_eq!(labels(only(&world)), "core/C3");
}

#[test]
fn what_the_connector_delivers_is_not_labelled_by_us() {
    let mut world = World::over([Audience {
        labels: Some(UsageLabels::read(["core/C5"])),
        ..delivered()
    }]);
    let held = |plan: &audience_sharing_core::plan::Plan<_>| World::reasons(plan);
    let plan = world.settle(
        "gamers",
        &external(controls(&[Some(&["PII"])]), &["core/C5"]),
    );
    assert_eq!(held(&plan), [], "Adobe's own link carries the rest over");
    let plan = world.settle("gamers", &external(controls(&[]), &["core/C5", "core/C9"]));
    assert_eq!(held(&plan), [Reason::UsageLabelsRefused]);
    let message = plan.blockers[0].message();
    assert!(message.contains("it lacks core/C9. "), "{message}");
    assert!(plan.state.observed);
    assert_eq!(world.calls, [""; 0]);
}

#[rstest]
#[case::labelled(&["core/C3"], true)]
#[case::without(&[], false)]
fn only_what_has_the_labels_is_equal(#[case] found: &[&str], #[case] taken: bool) {
    let wanted = external(controls(&[Some(&["PII"])]), &[]);
    let mut world = World::over([Audience {
        description: "Bought a console".into(),
        labels: Some(UsageLabels::read(found.iter().copied())),
        ..super::audience("theirs", "Console buyers", wanted.new.form.key())
    }]);
    let plan = world.settle("gamers", &wanted);
    let expected: &[Reason] = if taken {
        &[]
    } else {
        &[Reason::AdoptionRefused]
    };
    assert_eq!(World::reasons(&plan), expected);
}

proptest! {
    /// Whatever the sources forbid and the user declares stands there, beside all that stood there before; and the next
    /// look writes nothing.
    #[test]
    fn nothing_stands_with_fewer_labels_than_its_sources_ask_for(
        first in subsequence(vec!["PII", "A"], 0..=2), second in subsequence(vec!["PII", "B"], 0..=2), hidden in any::<bool>(),
        declared in subsequence(CORE.to_vec(), 0..=4), person in subsequence(CORE.to_vec(), 0..=3),
        strategy in select(vec![Strategy::ExternalAudience, Strategy::MetadataOnly])
    ) {
        let mut sources = vec![Some(&first[..]), Some(&second[..])];
        sources.extend(hidden.then_some(None));
        let pii = first.contains(&"PII") || second.contains(&"PII");
        let nameless = usize::from(first.contains(&"A")) + usize::from(second.contains(&"B"));
        let named = declared.iter().filter(|label| ["core/C5", "core/C6"].contains(label)).count();
        let told = named >= nameless && !(hidden && declared.is_empty());
        let mut world = World::over([]);
        let wanted = desired(strategy, controls(&sources), &declared);
        let plan = world.settle("gamers", &wanted);
        prop_assert_eq!(plan.blockers.is_empty(), told);
        prop_assert_eq!(world.audiences.len(), usize::from(told));
        if !told {
            return Ok(());
        }
        let id = only(&world).id.clone();
        let there = only(&world).labels.clone().unwrap();
        let more = there.with(&UsageLabels::read(person.iter().copied()));
        world.audiences.get_mut(&id).unwrap().labels = Some(more.clone());
        world.refresh();
        world.calls.clear();
        prop_assert!(world.settle("gamers", &wanted).is_settled());
        prop_assert!(world.calls.is_empty());
        let listed = only(&world).labels.clone().unwrap();
        prop_assert_eq!(&listed, &more);
        let has = |label: &str| listed.iter().any(|one| one.as_str() == label);
        prop_assert!(!pii || has("core/C3"));
        prop_assert!(declared.iter().all(|label| has(label)));
    }
}
