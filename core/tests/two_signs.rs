//! Law L1 as a property over random tenants (design.md §4): whatever is planned to be changed or deleted shows two of three
//! signs, which are counted here from the tenant and not by the judgment.

use std::collections::BTreeSet;

use audience_sharing_core::call::{Call, Kind, Operation, Step};
use audience_sharing_core::compose::{AdoptionPolicy, ShareName, compose};
use audience_sharing_core::domain::audience_manager::{Segment, Trait};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::mark::UidPrefix;
use audience_sharing_core::inventory::{Coverage, Moment, Sequence, Users};
use audience_sharing_core::plan::PlanInput;
use audience_sharing_core::plan::cleanup::{self, Made};
use audience_sharing_core::plan::to_audience_manager::deletion::RecordedObjects;
use audience_sharing_core::plan::to_audience_manager::{self, RecordedIds};
use audience_sharing_core::plan::{Cleanup, DeletionInput, Successor};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, proptest};
use proptest::sample::select;

use crate::model::{Tenant, World, claimant, mark_of, name, of_audience, share, source, target};
use crate::records::{onboarded, segment};

const OURS: &str = "[audience-sharing:us/marketing/loyal#a1b2c3d4]";
/// Of a resource with our name that is gone, and of another one that is gone.
const LEFT_BEHIND: [&str; 2] = [
    "[audience-sharing:us/marketing/loyal#99999999]",
    "[audience-sharing:us/marketing/gone#11111111]",
];
/// Of others, or without a mark.
const OTHERS: [&str; 5] = [
    "[audience-sharing:us/marketing/living#22222222]",
    "[audience-sharing:them/marketing/loyal#a1b2c3d4]",
    "[audience-sharing:us-east/marketing/loyal#a1b2c3d4]",
    "[audience-sharing:us/marketing/loyal#a1b2c3d4] copied",
    "By hand",
];
const OUR_DATA_SOURCE: DataSourceId = DataSourceId(1_001);
const ELSEWHERE: DataSourceId = DataSourceId(7);

/// What shows whose an object is.
#[derive(Clone, Debug)]
struct Look {
    description: &'static str,
    code: Option<&'static str>,
    data_source: DataSourceId,
    recorded: bool,
    stale: bool,
}

fn look() -> impl Strategy<Value = Look> {
    let descriptions: Vec<_> = [OURS; 4]
        .into_iter()
        .chain(LEFT_BEHIND)
        .chain(OTHERS)
        .collect();
    let codes = vec![
        Some("I"),
        Some("I"),
        Some("I.third"),
        Some("II"),
        Some("J"),
        None,
    ];
    let places = vec![OUR_DATA_SOURCE, OUR_DATA_SOURCE, ELSEWHERE];
    let rarely = || any::<u8>().prop_map(|chance| chance < 24);
    (
        select(descriptions),
        select(codes),
        select(places),
        any::<bool>(),
        rarely(),
    )
        .prop_map(|(description, code, data_source, recorded, stale)| Look {
            description,
            code,
            data_source,
            recorded,
            stale,
        })
}

impl Look {
    fn signs(&self) -> usize {
        let key = self.data_source == OUR_DATA_SOURCE
            && self
                .code
                .is_some_and(|code| code == "I" || code.starts_with("I."));
        [self.description == OURS, key, self.recorded]
            .into_iter()
            .filter(|sign| *sign)
            .count()
    }

    fn is_others(&self) -> bool {
        OTHERS[..3].contains(&self.description)
    }

    /// Whether it may go with the resource.
    fn may_be_deleted(&self) -> bool {
        self.signs() >= 2 && !self.is_others() && !LEFT_BEHIND.contains(&self.description)
    }

    fn may_be_changed(&self, adoption: AdoptionPolicy) -> bool {
        let has_key = self.data_source == OUR_DATA_SOURCE && self.code.is_some();
        let unmarked = OTHERS[3..].contains(&self.description);
        self.may_be_deleted()
            || has_key && !self.recorded && LEFT_BEHIND.contains(&self.description)
            || has_key && unmarked && adoption != AdoptionPolicy::Never
    }
}

/// Fails for a call about one of `looks` that shows too little.
fn judge<K: Kind>(
    call: &Operation<K>,
    of: impl Fn(&K::Id) -> Option<Look>,
    policy: AdoptionPolicy,
) {
    let allowed = |id: &K::Id, may: &dyn Fn(&Look) -> bool| of(id).is_none_or(|look| may(&look));
    match call {
        Operation::Delete(expected) => {
            let id = expected.id();
            assert!(
                allowed(&id, &Look::may_be_deleted),
                "{:?}: {call:?}",
                of(&id)
            );
        }
        Operation::Update(expected, _) => {
            let id = expected.id();
            let may = |look: &Look| look.may_be_changed(policy);
            assert!(allowed(&id, &may), "{:?}: {call:?}", of(&id));
        }
        Operation::Read(_) | Operation::List(_) | Operation::LookUp(_) | Operation::Create(_) => {}
    }
}

fn judge_all(steps: &[Step], traits: &[Look], segments: &[Look], policy: AdoptionPolicy) {
    let of = |looks: &[Look], first: u64, sid: u64| {
        let at = usize::try_from(sid.checked_sub(first)?).ok()?;
        looks.get(at).cloned()
    };
    for step in steps {
        match &step.call {
            Call::Trait(call) => judge(call, |sid| of(traits, 5_000, sid.0), policy),
            Call::Segment(call) => judge(call, |sid| of(segments, 6_000, sid.0), policy),
            _ => {}
        }
    }
}

/// A tenant with these objects, which the status names as far as they are recorded.
fn world(traits: &[Look], segments: &[Look]) -> (World, RecordedIds) {
    let mut world = World::over(Tenant::default());
    world.shared_objects();
    let mut recorded = RecordedIds::default();
    let (at, now) = (Sequence(30), Moment(3_000_000));
    for (number, look) in (5_000..).zip(traits) {
        let found = Trait {
            description: look.description.into(),
            data_source: look.data_source,
            integration_code: look.code.map(IntegrationCode::new),
            ..onboarded(number, None)
        };
        if look.recorded {
            recorded.trait_sid = Some(found.sid);
        }
        let users = Users {
            seen: Sequence(40),
            segments: Vec::new(),
        };
        world.inventory.trait_users.insert(found.sid, users);
        world.inventory.traits.apply_written(at, now, found);
        if look.stale {
            world
                .inventory
                .traits
                .apply_unknown_outcome(at, &TraitSid(number));
        }
    }
    for (number, look) in (6_000..).zip(segments) {
        let found = Segment {
            description: look.description.into(),
            data_source: look.data_source,
            integration_code: look.code.map(IntegrationCode::new),
            ..segment(number, None)
        };
        if look.recorded {
            match look.code {
                Some("I.third") => recorded
                    .additional_segments
                    .push(("third".into(), found.sid)),
                _ if recorded.segment_sid.is_none() => recorded.segment_sid = Some(found.sid),
                _ => recorded
                    .additional_segments
                    .push((format!("old{number}").into(), found.sid)),
            }
        }
        world.inventory.segments.apply_written(at, now, found);
        if look.stale {
            world
                .inventory
                .segments
                .apply_unknown_outcome(at, &SegmentSid(number));
        }
    }
    let listed = Coverage::DataSource(OUR_DATA_SOURCE);
    assert!(world.inventory.traits.is_listed(listed));
    (world, recorded)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_is_changed_or_deleted_shows_two_of_three_signs(
        traits in proptest::collection::vec(look(), 0..4),
        segments in proptest::collection::vec(look(), 0..6),
        adoption in select(vec![AdoptionPolicy::Never, AdoptionPolicy::IfEqual, AdoptionPolicy::Always]),
        additional in select(vec![&[][..], &["third"][..]]),
        _unused in Just(()),
    ) {
        // The status names one trait: the last that is recorded.
        let last = traits.iter().rposition(|look| look.recorded);
        let traits: Vec<Look> = traits.iter().enumerate().map(|(at, look)| Look {
            recorded: Some(at) == last,
            ..look.clone()
        }).collect();
        let (mut world, recorded) = world(&traits, &segments);
        let living = BTreeSet::from([name("living"), name("loyal")]);
        let (mut share, source) = (share("loyal", "I", additional), source("I", "Loyal gamers"));
        share.adoption = adoption;
        let shared_objects = world.shared_objects();
        let desired = compose(&world.settings, mark_of(&share.name), target(&share), &source);
        let input = PlanInput {
            share: &share,
            claimant: claimant(&desired.mark, &living),
            claims: &world.claims,
            desired: &desired,
            recorded: &recorded,
            inventory: &world.inventory,
            since: Sequence(31),
            among_many: false,
        };
        let place = shared_objects.place(&world.settings, Default::default());
        let kept = to_audience_manager::plan_objects(input, &shared_objects, place);
        judge_all(&kept.steps, &traits, &segments, adoption);

        let audience = of_audience("I");
        let mark = mark_of(&share.name);
        let departure = DeletionInput {
            claimant: claimant(&mark, &living),
            source: Some(&audience),
            recorded: Made::InAudienceManager(RecordedObjects {
                declares_models: false,
                ids: &recorded,
                data_sources: &[OUR_DATA_SOURCE],
                declared: &[],
            }),
            inventory: &world.inventory,
            since: Sequence(31),
        };
        let successor = Successor {
            models: BTreeSet::new(), trait_codes: BTreeSet::new(),
            mark: audience_sharing_core::compose::mark(
                &world.settings.owner,
                &ShareName { name: name("successor").name, ..share.name.clone() },
                UidPrefix::of("b2"),
            ),
            codes: BTreeSet::new(),
            destinations: Vec::new(),
        };
        for steps in [
            cleanup::plan_cleanup(departure, Cleanup::Delete).steps,
            cleanup::plan_cleanup(departure, Cleanup::Pause).steps,
            cleanup::plan_cleanup(departure, Cleanup::HandOver(&successor)).steps,
        ] {
            judge_all(&steps, &traits, &segments, AdoptionPolicy::Never);
        }
    }
}
