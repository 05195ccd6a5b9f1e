//! Audiences that look like ours: none of them is changed, unless two of the three signs or the policy make it ours.

use std::collections::BTreeMap;

use audience_sharing_core::compose::{AdoptionPolicy, CONNECTOR_ORIGIN, Strategy};
use audience_sharing_core::domain::experience_platform::{Audience, AudienceKey, Lifecycle};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::plan::to_experience_platform::RecordedAudience;
use proptest::collection::vec;
use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use proptest::strategy::Strategy as Generator;

use super::{World, audience, connector_key, desired};
use crate::model::strangers::looks;
use crate::model::{mark_of, name};

const MIRROR: &str =
    r#"segmentMembership.get("AAMSegments").get("7").status in (["realized", "existing"])"#;
const SAME_MIRROR: &str =
    r#"(segmentMembership.get('AAMSegments').get('7').status in ['realized','existing'])"#;
/// Not quite what a mirror of the source says.
const NEAR_MIRRORS: [&str; 4] = [
    r#"segmentMembership.get("AAMSegments").get("7").status = "realized" and person.age > 18"#,
    r#"segmentMembership.get("AAMSegments").get("7").status = "exited""#,
    r#"segmentMembership.get("AAMTraits").get("7").status = "realized""#,
    r#"segmentMembership.get("AAMSegments").get("77").status = "realized""#,
];
/// Not quite the keys of the source, by whichever strategy.
const NEAR_KEYS: [(&str, &str); 4] = [
    ("CustomerData", "7"),
    ("AAMTraits", "7"),
    ("AAMSegments", "77"),
    ("AudienceManagerSharing", "aam_trait_7"),
];

fn definition(id: &str, expression: &str) -> Audience {
    Audience {
        expression: Some(expression.into()),
        ..audience(id, "Console buyers", None)
    }
}

fn external(id: &str, (namespace, audience_id): (&str, &str)) -> Audience {
    let key = AudienceKey::new(namespace, audience_id);
    audience(id, "Console buyers", Some(key))
}

/// Our name and something like our key, each with every description that resembles ours; and what the connector made of
/// a segment whose description has our mark.
pub(super) fn of_every_world() -> BTreeMap<AudienceId, Audience> {
    let mut made = Vec::new();
    for (number, look) in looks(&mark_of(&name("gamers"))).into_iter().enumerate() {
        let near = NEAR_MIRRORS.map(|near| definition("", near)).into_iter();
        let near = near.chain(NEAR_KEYS.map(|near| external("", near)));
        let delivered = Audience {
            origin: CONNECTOR_ORIGIN.into(),
            ..external("", ("AAMSegments", "8"))
        };
        for (kind, found) in near.chain([delivered]).enumerate() {
            made.push(Audience {
                id: AudienceId::new(format!("strangers-{kind}-{number}")),
                description: look.as_str().into(),
                ..found
            });
        }
    }
    made.into_iter()
        .map(|found| (found.id.clone(), found))
        .collect()
}

/// What exists already: with our keys and others', every description, and the connector's.
fn tenants() -> impl Generator<Value = Vec<Audience>> {
    let forms = prop_oneof![
        Just(audience("", "", Some(connector_key()))),
        Just(external("", ("AudienceManagerSharing", "aam_seg_7"))),
        select(vec![MIRROR, SAME_MIRROR]).prop_map(|same| definition("", same)),
        select(NEAR_MIRRORS.to_vec()).prop_map(|near| definition("", near)),
        select(NEAR_KEYS.to_vec()).prop_map(|near| external("", near)),
    ];
    let mut descriptions = Vec::from(looks(&mark_of(&name("gamers"))));
    descriptions.push(mark_of(&name("others")).to_string());
    descriptions.push(
        desired("gamers", Strategy::ExternalAudience, "x")
            .new
            .description
            .into(),
    );
    let lifecycles = [
        Lifecycle::Published,
        Lifecycle::Inactive,
        Lifecycle::Deleted,
    ];
    let one = (
        forms,
        select(vec!["Console buyers", "Others"]),
        any::<bool>(),
        select(descriptions),
        select(lifecycles.to_vec()),
    );
    vec(one, 0..5).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        let made = numbered.map(
            |(number, (form, name, connectors, description, lifecycle))| {
                let origin = match connectors && form.key.is_some() {
                    true => CONNECTOR_ORIGIN.into(),
                    false => form.origin.clone(),
                };
                Audience {
                    id: AudienceId::new(format!("there-{number}")),
                    name: name.into(),
                    description: description.into(),
                    lifecycle,
                    origin,
                    ..form
                }
            },
        );
        made.collect()
    })
}

/// Law L1 once more, in words of the test: the connector's is never ours, and without the key of a strategy a mark is
/// the only sign.
fn may_change(found: &Audience, strategies: &[Strategy], adopts: bool) -> bool {
    let has_key = strategies.iter().any(|strategy| match strategy {
        Strategy::ExternalAudience => found.key == Some(connector_key()),
        Strategy::MetadataOnly => {
            found.key == Some(AudienceKey::new("AudienceManagerSharing", "aam_seg_7"))
        }
        Strategy::SegmentDefinition => {
            let expression = found.expression.as_deref();
            expression.is_some_and(|text| [MIRROR, SAME_MIRROR].contains(&text))
        }
    });
    let gamers = mark_of(&name("gamers")).to_string();
    // The last three of resources that are gone.
    let marks = [
        gamers.clone(),
        gamers.replace("#a1b2c3d4", "#0badcafe"),
        gamers.replace("/marketing/", "/marketing-2/"),
        mark_of(&name("others")).to_string(),
    ];
    let ours = marks.iter().any(|mark| found.description.ends_with(mark));
    let unmarked =
        !found.description.ends_with(']') || *found.description == *gamers.to_uppercase();
    found.origin != CONNECTOR_ORIGIN.into() && has_key && (ours || adopts && unmarked)
}

const STRATEGIES: [Strategy; 3] = [
    Strategy::ExternalAudience,
    Strategy::MetadataOnly,
    Strategy::SegmentDefinition,
];

proptest! {
    /// Whatever is there: a plan ends, changes only what is ours, and is then empty. What goes with the resource is its
    /// own too.
    #[test]
    fn a_plan_ends_changes_nothing_foreign_and_is_then_empty(
        there in tenants(), strategy in select(STRATEGIES.to_vec()), adopts in any::<bool>(), records in any::<bool>(),
    ) {
        let wanted = desired("gamers", strategy, "Console buyers");
        let mut world = World::over(there.clone());
        if adopts {
            world.adoption = AdoptionPolicy::Always;
        }
        let plan = world.settle("gamers", &wanted);
        for found in there.iter().filter(|found| !may_change(found, &[strategy], adopts)) {
            prop_assert_eq!(world.audiences.get(&found.id), Some(found));
        }
        if plan.blockers.is_empty() {
            let kept = plan.state.audience.clone().expect("an audience");
            let kept = world.all().find(|found| found.id == kept).expect("it exists");
            prop_assert_eq!(plan.state.observed, kept.origin == CONNECTOR_ORIGIN.into());
            if !plan.state.observed {
                prop_assert_eq!(&kept.description, &wanted.new.description);
                prop_assert_eq!(&kept.name, &wanted.new.name);
            }
        }
        let calls = world.calls.len();
        let again = world.settle("gamers", &wanted);
        prop_assert_eq!(world.calls.len(), calls, "{:?}", world.calls);
        prop_assert_eq!(&again, &plan);
        if records {
            world.recorded = RecordedAudience {
                audience: plan.state.audience,
                observed: plan.state.observed,
            };
        }
        let before = world.audiences.clone();
        world.retire("gamers");
        let mark = mark_of(&name("gamers")).to_string();
        for (id, found) in &before {
            let goes = may_change(found, &STRATEGIES, false)
                && found.description.ends_with(&mark)
                && found.lifecycle != Lifecycle::Deleted;
            prop_assert_eq!(world.audiences.get(id), (!goes).then_some(found));
        }
        prop_assert!(world.audiences.len() <= before.len());
    }
}
