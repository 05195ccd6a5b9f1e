//! Properties of plans over random tenants.

use std::collections::BTreeSet;

use audience_sharing_core::compose::{ShareName, compose};
use audience_sharing_core::domain::audience_manager::{Activity, DataSource};
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, IntegrationCode, SegmentFolderId, TraitFolderId,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::RecordedIds;
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::{Cleanup, DeletionInput};
use proptest::prelude::{
    BoxedStrategy, Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::sample::select;

use crate::model::strangers::{ELSEWHERE, NEVER_OURS, Strangers, looks};
use crate::model::{Tenant, World, claimant, mark_of, name, share, source, target};
use audience_sharing_core::domain::source::SourceId;

/// An object in the tenant that is not ours, whatever it looks like.
#[derive(Clone, Debug)]
struct Stranger {
    code: Option<String>,
    name: String,
    in_ours: bool,
    description: String,
}

/// With the key of an audience, a mark would be the second sign: a stranger in our data source has one or the other.
fn strangers() -> impl Strategy<Value = Vec<Stranger>> {
    let marks = ["a", "b", "c"].map(|share| mark_of(&name(&format!("share-{share}"))));
    let all: Vec<String> = marks.iter().flat_map(looks).collect();
    let never_ours = marks
        .iter()
        .flat_map(|mark| looks(mark).into_iter().take(NEVER_OURS));
    let never_ours: Vec<String> = never_ours.collect();
    let keys = "[A-C](\\.third|\\.other)?".prop_map(Some);
    let no_keys = prop::option::of("[A-C]B(\\.third)?|\\.third|retained");
    let place = |in_ours, codes: BoxedStrategy<Option<String>>, descriptions| {
        let names = prop_oneof![Just("First".to_owned()), "[a-z]{1,8}"];
        let one = (codes, names, select(descriptions));
        one.prop_map(move |(code, name, description)| Stranger {
            code,
            name,
            in_ours,
            description,
        })
    };
    let one = prop_oneof![
        place(false, keys.clone().boxed(), all.clone()),
        place(true, no_keys.boxed(), all),
        place(true, keys.boxed(), never_ours),
    ];
    prop::collection::vec(one, 1..6)
}

/// Changes that somebody makes by hand to one of our objects.
fn drift(tenant: &mut Tenant, chances: &[u8]) {
    for (found, chance) in tenant.traits.values_mut().zip(chances) {
        match chance % 5 {
            0 => found.name = "drifted".into(),
            1 => found.rule = "x == 1".into(),
            2 => found.ttl_days = Some(3),
            3 => found.folder = TraitFolderId(0),
            _ => {}
        }
    }
    for (found, chance) in tenant.segments.values_mut().zip(chances) {
        match chance % 4 {
            0 => found.name = "drifted".into(),
            1 => found.activity = Activity::Inactive,
            2 => found.folder = SegmentFolderId(0),
            _ => {}
        }
    }
}

const OURS: DataSourceId = DataSourceId(2);

fn tenant(strangers: &[Stranger], enforced: bool) -> Tenant {
    let mut tenant = Tenant::default();
    tenant.strangers = Strangers::of_every_world();
    let ours = DataSource {
        id: OURS,
        name: "Sharing".into(),
        description: "[audience-sharing:us]".into(),
        company: None,
        unique_trait_codes: enforced,
        unique_segment_codes: enforced,
        restrictions: Restrictions::default(),
    };
    tenant.data_sources.insert(OURS, ours);
    for found in strangers {
        let place = if found.in_ours { OURS } else { ELSEWHERE };
        let code = found.code.as_deref();
        tenant
            .strangers
            .make(place, code, &found.name, &found.description);
    }
    tenant
}

fn retire(world: &mut World, share: &ShareName, source: &AudienceId, recorded: &RecordedIds) {
    let (mark, existing) = (mark_of(share), BTreeSet::new());
    for _ in 0..32 {
        let plan = cleanup::plan_cleanup(
            DeletionInput {
                claimant: claimant(&mark, &existing),
                source: Some(&SourceId::Audience(source.clone())),
                recorded: Made::InAudienceManager(RecordedObjects {
                    declares_models: false,
                    ids: recorded,
                    data_sources: &[OURS],
                    declared: &[],
                }),
                inventory: &world.inventory,
                since: Sequence(1),
            },
            Cleanup::Delete,
        );
        assert_eq!(plan.blockers, []);
        world.judge(&plan);
        let Some(step) = plan.steps.iter().find(|step| step.ready) else {
            return;
        };
        world.carry_out(&step.call);
    }
    panic!("the deletion does not come to an end: {:?}", world.calls);
}

proptest! {
    /// Executing reaches what is desired unless a stranger has its key in our data source, planning again is empty, and
    /// all of it can be deleted. The model fails at a step that changes what a stranger made.
    #[test]
    fn executing_reaches_the_desired_state_and_changes_nothing_of_a_stranger(
        strangers in strangers(),
        keys in prop::collection::btree_set(prop_oneof![Just("third"), Just("other")], 0..2),
        enforced in any::<bool>(),
        chances in prop::collection::vec(any::<u8>(), 8),
    ) {
        let keys: Vec<&str> = keys.into_iter().collect();
        let sources = [source("A", "First"), source("B", "Second"), source("C", "Third")];
        let mut world = World::over(tenant(&strangers, enforced));
        let mut recorded = Vec::new();
        for round in 0..2 {
            for audience in &sources {
                let share = share(&format!("share-{}", audience.id.as_str().to_lowercase()), audience.id.as_str(), &keys);
                let plan = world.settle(&share, audience);
                let collides = |found: &Stranger| {
                    let code = found.code.as_deref().filter(|_| found.in_ours);
                    let key = code.and_then(|code| code.strip_prefix(audience.id.as_str()));
                    key.is_some_and(|key| key.is_empty() || key.strip_prefix('.').is_some_and(|key| keys.contains(&key)))
                };
                prop_assert_eq!(plan.blockers.is_empty(), !strangers.iter().any(collides));
                let again = world.plan(&share, audience);
                prop_assert!(!again.steps.iter().any(|step| step.ready));
                if plan.blockers.is_empty() {
                    prop_assert_eq!(again.steps, []);
                    prop_assert_eq!(again.state.additional_segments.len(), keys.len());
                }
                if round == 1 {
                    let state = plan.state;
                    recorded.push((share.name, audience.id.clone(), RecordedIds {
                        trait_sid: state.trait_sid,
                        segment_sid: state.segment_sid,
                        additional_segments: state.additional_segments,
                        ..RecordedIds::default()
                    }));
                }
            }
            if round == 0 {
                drift(&mut world.tenant, &chances);
                world.refresh();
            }
        }
        for (share, source, recorded) in &recorded {
            retire(&mut world, share, source, recorded);
        }
        prop_assert!(world.tenant.traits.is_empty() && world.tenant.segments.is_empty());
    }

    /// The plan of one audience depends on its own keys alone: the union of the scoped plans is the plan of the whole.
    #[test]
    fn a_plan_depends_on_its_own_keys_alone(chances in prop::collection::vec(any::<u8>(), 8)) {
        let sources = [source("A", "First"), source("B", "Second")];
        let shares = [share("first", "A", &["third"]), share("second", "B", &["third"])];
        let mut world = World::over(Tenant::default());
        for (share, audience) in shares.iter().zip(&sources) {
            world.settle(share, audience);
        }
        drift(&mut world.tenant, &chances);
        world.refresh();
        for (share, audience) in shares.iter().zip(&sources) {
            let whole = world.plan(share, audience);
            let prefix = audience.id.as_str().to_owned();
            let mut alone = world.tenant.clone();
            let own = |code: &Option<IntegrationCode>| code.as_ref().is_some_and(|code| code.as_str().starts_with(&prefix));
            alone.traits.retain(|_, found| own(&found.integration_code));
            alone.segments.retain(|_, found| own(&found.integration_code));
            let shared_objects = world.shared_objects();
            let desired = compose(&world.settings, mark_of(&share.name), target(share), audience);
            let scoped = world.plan_over(share, &desired, &shared_objects, &alone.listed(1));
            prop_assert_eq!(whole.steps, scoped.steps);
        }
    }
}
