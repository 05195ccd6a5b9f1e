//! Whatever labels come and go: no audience ever stands where less is forbidden than its labels ask, unless it is told.

use std::collections::BTreeMap;

use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{SegmentSid, TraitSid};
use audience_sharing_core::domain::labels::UsageLabels;
use proptest::collection::vec;
use proptest::prelude::{Strategy, proptest};
use proptest::sample::{select, subsequence};

use super::{data_source, tenant};
use crate::model::{World, share, source};

const LABELS: [&str; 6] = [
    "core/C3", "core/C5", "core/C6", "core/C7", "core/C1", "custom/x",
];

/// The name in the data source that stands for each label, where one is known; the others are made up, as they are by
/// whoever reads the tenant.
const NAMES: [(&str, &str); 4] = [
    ("core/C3", "PII"),
    ("core/C5", "A"),
    ("core/C6", "B"),
    ("core/C7", "ONSITE_PERSONALIZATION"),
];

fn events() -> impl Strategy<Value = Vec<(usize, Vec<&'static str>)>> {
    let labels = subsequence(LABELS.to_vec(), 0..=4);
    vec((0_usize..3, labels), 1..8)
}

/// What a person made by hand: names after the labels, with the controls that they say.
fn by_hand() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    vec(
        subsequence(NAMES.map(|(label, _)| label).to_vec(), 1..=3),
        0..4,
    )
}

fn labelled(id: &str, labels: &[&str]) -> Audience {
    Audience {
        labels: Some(UsageLabels::read(labels.iter().copied())),
        ..source(id, &format!("Audience {id}"))
    }
}

proptest! {
    #[test]
    fn nothing_stands_where_less_is_forbidden_than_its_labels_ask(
        events in events(), by_hand in by_hand(), foreign in select(vec!["", "Sharing (C3)", "Other (C3)"])
    ) {
        let mut made = vec![data_source(500, foreign, "[audience-sharing:others]", &["PII"])];
        for (at, labels) in by_hand.iter().enumerate() {
            let codes: Vec<&str> = labels.iter().map(|label| &label[5..]).collect();
            let name = format!("Sharing ({})", codes.join("+"));
            let names = NAMES.iter().filter(|(label, _)| labels.contains(label));
            let names: Vec<&str> = names.map(|(_, name)| *name).collect();
            made.push(data_source(600 + at as u64, &name, "", &names));
        }
        let mut world = World::over(tenant(&made));
        let foreign = world.tenant.data_sources[&made[0].id].clone();
        let mut sids: BTreeMap<usize, (TraitSid, SegmentSid)> = BTreeMap::new();
        for (which, labels) in events {
            let id = ["A", "B", "C"][which];
            let (share, audience) = (share(&format!("share-{which}"), id, &[]), labelled(id, &labels));
            let plan = world.settle(&share, &audience);
            let ours = |code: &Option<audience_sharing_core::domain::identifier::IntegrationCode>| {
                code.as_ref().is_some_and(|code| code.as_str() == id)
            };
            let traits: Vec<_> = world.tenant.traits.values().filter(|found| ours(&found.integration_code)).collect();
            let segments: Vec<_> = world.tenant.segments.values().filter(|found| ours(&found.integration_code)).collect();
            assert!(traits.len() <= 1 && segments.len() <= 1, "one of each");
            for found in &traits {
                let of_source = &world.tenant.data_sources[&found.data_source];
                // Read off the labels and the names, not off the code under test.
                let is_there = |label: &&str| {
                    let (_, name) = NAMES.iter().find(|(known, _)| known == label).unwrap();
                    of_source.restrictions.names().any(|found| found == *name)
                };
                let asked = labels.iter().filter(|label| NAMES.iter().any(|(known, _)| known == *label));
                let open: Vec<&&str> = asked.filter(|label| !is_there(label)).collect();
                assert!(open.is_empty() || plan.blockers[0].message().contains("without it"), "{open:?} {plan:?}");
                assert!(plan.blockers.is_empty() || plan.blockers.len() == 1 && !labels.is_empty());
            }
            // Under a hold nothing new is made; else all stands, under the sids that it always had.
            if plan.blockers.is_empty() {
                assert_eq!((traits.len(), segments.len()), (1, 1));
                assert_eq!(plan.state.data_source, Some(traits[0].data_source));
                assert_eq!(segments[0].data_source, traits[0].data_source);
                let now = (traits[0].sid, segments[0].sid);
                assert_eq!(*sids.entry(which).or_insert(now), now);
            }
            let again = world.plan(&share, &audience);
            assert_eq!(again.steps, [], "nothing more is due");
        }
        assert_eq!(world.tenant.data_sources[&foreign.id], foreign);
    }
}
