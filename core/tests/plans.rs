//! Properties of plans over random tenants.

use audience_sharing_core::compose::compose;
use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, Trait, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::ownership::Mark;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

use crate::model::{Tenant, World, mark_of, share, source, target};

/// What stands in the tenant already under the key of one audience.
#[derive(Clone, Debug)]
struct Foreign {
    code: String,
    name: String,
    data_source: u64,
    description: String,
}

fn foreign() -> impl Strategy<Value = Foreign> {
    let description = prop_oneof![
        Just(String::new()),
        Just("[audience-sharing:others/marketing/loyal]".to_owned()),
        Just("made by hand".to_owned()),
    ];
    ("[A-C](\\.third)?", "[a-z]{1,8}", 1_u64..4, description).prop_map(
        |(code, name, data_source, description)| Foreign {
            code,
            name,
            data_source,
            description,
        },
    )
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

fn place(tenant: &mut Tenant, foreign: &[Foreign]) {
    for found in foreign {
        let (first, second) = (tenant.id(), tenant.id());
        tenant.traits.insert(
            TraitSid(first),
            Trait {
                sid: TraitSid(first),
                kind: TraitKind::Onboarded,
                name: found.name.as_str().into(),
                description: found.description.as_str().into(),
                integration_code: Some(IntegrationCode::new(found.code.as_str())),
                data_source: DataSourceId(found.data_source),
                folder: TraitFolderId(0),
                rule: "".into(),
                ttl_days: Some(1),
                activity: Activity::Active,
            },
        );
        tenant.segments.insert(
            SegmentSid(second),
            Segment {
                sid: SegmentSid(second),
                name: found.name.as_str().into(),
                description: found.description.as_str().into(),
                integration_code: Some(IntegrationCode::new(found.code.as_str())),
                data_source: DataSourceId(found.data_source),
                folder: SegmentFolderId(0),
                rule: "1T".into(),
                merge_rule: None,
                trait_data_sources: None,
                activity: Activity::Active,
            },
        );
    }
}

fn is_ours(description: &str) -> bool {
    Mark::read(description).is_some_and(|mark| mark.owner().as_str() == "us")
}

proptest! {
    /// Executing reaches what is desired, planning again is empty, and nothing foreign moves.
    #[test]
    fn executing_reaches_the_desired_state_and_touches_nothing_foreign(
        foreign in prop::collection::vec(foreign(), 0..6),
        keys in prop::collection::btree_set(prop_oneof![Just("third"), Just("other")], 0..2),
        chances in prop::collection::vec(any::<u8>(), 8),
    ) {
        let mut tenant = Tenant::default();
        place(&mut tenant, &foreign);
        let untouched = tenant.clone();
        let keys: Vec<&str> = keys.into_iter().collect();
        let sources = [source("A", "First"), source("B", "Second"), source("C", "Third")];
        let mut world = World::over(tenant);
        for round in 0..2 {
            for audience in &sources {
                let share = share(&format!("share-{}", audience.id.as_str().to_lowercase()), audience.id.as_str(), &keys);
                let plan = world.settle(&share, audience);
                prop_assert_eq!(&plan.steps, &[]);
                prop_assert_eq!(&plan.holds, &[]);
                let again = world.plan(&share, audience);
                prop_assert_eq!(again.steps, []);
                prop_assert_eq!(again.standing.additional_segments.len(), keys.len());
            }
            if round == 0 {
                let mut ours = world.tenant.clone();
                ours.traits.retain(|_, found| is_ours(&found.description));
                ours.segments.retain(|_, found| is_ours(&found.description));
                drift(&mut ours, &chances);
                world.tenant.traits.extend(ours.traits);
                world.tenant.segments.extend(ours.segments);
                world.refresh();
            }
        }
        for (sid, found) in &untouched.traits {
            prop_assert_eq!(world.tenant.traits.get(sid), Some(found));
        }
        for (sid, found) in &untouched.segments {
            prop_assert_eq!(world.tenant.segments.get(sid), Some(found));
        }
    }

    /// In our own data source too: what is not ours stands in the way and stays as it is.
    #[test]
    fn nothing_foreign_moves_in_our_own_data_source(
        foreign in prop::collection::vec(foreign(), 1..6),
        keys in prop::collection::btree_set(prop_oneof![Just("third"), Just("other")], 0..2),
        enforced in any::<bool>(),
    ) {
        let mut tenant = Tenant::default();
        let ours = DataSourceId(2);
        tenant.data_sources.insert(ours, DataSource {
            id: ours,
            name: "Sharing".into(),
            description: "[audience-sharing:us]".into(),
            company: None,
            unique_trait_codes: enforced,
            unique_segment_codes: enforced,
            restrictions: Restrictions::default(),
        });
        place(&mut tenant, &foreign);
        let untouched = tenant.clone();
        let keys: Vec<&str> = keys.into_iter().collect();
        let mut world = World::over(tenant);
        for audience in [source("A", "First"), source("B", "Second"), source("C", "Third")] {
            let share = share(&format!("share-{}", audience.id.as_str().to_lowercase()), audience.id.as_str(), &keys);
            let plan = world.settle(&share, &audience);
            let collides = |found: &Foreign| {
                let key = found.code.strip_prefix(audience.id.as_str()).map(|key| key.trim_start_matches('.'));
                found.data_source == ours.0 && key.is_some_and(|key| key.is_empty() || keys.contains(&key))
            };
            prop_assert_eq!(plan.holds.is_empty(), !foreign.iter().any(collides));
        }
        for (sid, found) in &untouched.traits {
            prop_assert_eq!(world.tenant.traits.get(sid), Some(found));
        }
        for (sid, found) in &untouched.segments {
            prop_assert_eq!(world.tenant.segments.get(sid), Some(found));
        }
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
            let foundation = world.foundation();
            let desired = compose(&world.settings, mark_of(&share.name), target(share), audience);
            let scoped = world.plan_over(share, &desired, &foundation, &alone.listed(1));
            prop_assert_eq!(whole.steps, scoped.steps);
        }
    }
}
