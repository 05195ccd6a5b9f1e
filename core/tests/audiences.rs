//! What is planned for one audience, given what stands, what is recorded and who else there is.

mod duplicates;
mod finding;
mod observing;
mod ownership;
mod undeclared;

use std::collections::BTreeSet;

use audience_sharing_core::compose::{Share, ShareName, compose};
use audience_sharing_core::domain::audience_manager::{Segment, Trait};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{AudienceId, DataSourceId, SegmentSid, TraitSid};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::{Moment, Sequence};
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_core::plan::to_audience_manager::{self, ObservedState, RecordedIds};
use audience_sharing_core::plan::{Plan, shared_objects};

use crate::model::{Tenant, World, claimant, mark_of, name, share, source, target};
use audience_sharing_core::plan::PlanInput;

const OURS: &str = "[audience-sharing:us/marketing/loyal#a1b2c3d4]";
const SIBLINGS: &str = "[audience-sharing:us/marketing/sibling#a1b2c3d4]";
const OTHERS: &str = "[audience-sharing:others/marketing/loyal]";

const TRAIT: TraitSid = TraitSid(1_004);
const SEGMENT: SegmentSid = SegmentSid(1_005);
const ADDITIONAL: SegmentSid = SegmentSid(1_006);
const DATA_SOURCE: DataSourceId = DataSourceId(1_001);

/// The calls that set a case up come before this one.
const NOW: u64 = 20;

/// Audience "I", shared as marketing/loyal.
struct Case {
    world: World,
    share: Share,
    source: Audience,
    recorded: RecordedIds,
    shared_objects: shared_objects::ObservedSharedObjects,
    living: BTreeSet<ShareName>,
}

impl Case {
    /// The shared objects stand, and nothing of the audience.
    fn new(additional: &[&str]) -> Self {
        let mut world = World::over(Tenant::default());
        let shared_objects = world.shared_objects();
        // Adobe's own sharing has made nothing.
        world.inventory.adobe_sharing.looked_through = Some(Sequence(u64::MAX));
        let mut case = Self {
            world,
            share: share("loyal", "I", additional),
            source: source("I", "Loyal gamers"),
            recorded: RecordedIds::default(),
            shared_objects,
            living: BTreeSet::new(),
        };
        case.claim(&name("loyal"), 5);
        case
    }

    fn claim(&mut self, share: &ShareName, created: i64) {
        let claims = &mut self.world.claims;
        let source = SourceId::Audience(AudienceId::new("I"));
        claims.claim(share, &source, CreatedAt(created));
    }

    /// All of it stands.
    fn settled(additional: &[&str]) -> Self {
        let mut case = Self::new(additional);
        let plan = case.world.settle(&case.share, &case.source);
        assert_eq!(plan.state.trait_sid, Some(TRAIT));
        assert_eq!(plan.state.segment_sid, Some(SEGMENT));
        case.claim(&name("loyal"), 5);
        case
    }

    /// The same, and the status says so.
    fn recorded(additional: &[&str]) -> Self {
        let mut case = Self::settled(additional);
        case.recorded.trait_sid = Some(TRAIT);
        case.recorded.segment_sid = Some(SEGMENT);
        let sids = (ADDITIONAL.0..).map(SegmentSid);
        case.recorded.additional_segments = additional
            .iter()
            .map(|key| (*key).into())
            .zip(sids)
            .collect();
        case
    }

    /// What a person or another system made of the trait.
    fn change_trait(&mut self, change: impl FnOnce(&mut Trait)) {
        let traits = &mut self.world.inventory.traits;
        let mut found = traits.get(&TRAIT).unwrap().record.clone();
        change(&mut found);
        traits.apply_written(Sequence(NOW), Moment(0), found);
    }

    fn change_segment(&mut self, sid: SegmentSid, change: impl FnOnce(&mut Segment)) {
        let segments = &mut self.world.inventory.segments;
        let mut found = segments.get(&sid).unwrap().record.clone();
        change(&mut found);
        segments.apply_written(Sequence(NOW), Moment(0), found);
    }

    fn plan(&self) -> Plan<ObservedState> {
        let controls = self.source.controls().unwrap_or_default();
        let place = self.shared_objects.place(&self.world.settings, controls);
        let desired = compose(
            &self.world.settings,
            mark_of(&self.share.name),
            target(&self.share),
            &self.source,
        );
        let input = PlanInput {
            share: &self.share,
            claimant: claimant(&desired.mark, &self.living),
            claims: &self.world.claims,
            desired: &desired,
            recorded: &self.recorded,
            inventory: &self.world.inventory,
            since: Sequence(NOW),
            among_many: false,
        };
        let plan = to_audience_manager::plan_objects(input, &self.shared_objects, place);
        self.world.judge(&plan);
        plan
    }

    /// Every step on a line; those that wait for an earlier one say so.
    fn steps(&self) -> Vec<String> {
        let steps = self.plan().steps;
        let lines = steps.iter().map(|step| match step.ready {
            true => step.call.to_string(),
            false => format!("then {}", step.call),
        });
        lines.collect()
    }

    fn reasons(&self) -> Vec<Reason> {
        self.plan()
            .blockers
            .iter()
            .map(|blocker| blocker.reason())
            .collect()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn what_hangs_on_a_trait_that_is_still_to_be_made_is_a_forecast() {
    let mut case = Case::new(&["third"]);
    assert_eq!(
        case.steps(),
        [
            "validate rule of additional segment \"third\" 9912T AND 9912T",
            "then create trait \"Loyal gamers\" rule segid == \"I\"",
            "then create segment \"Loyal gamers\" rule {trait}",
            "then create segment \"With third\" rule {trait} AND 9912T",
        ]
    );
    case.world.settle(&case.share, &case.source);
    let settled = case.plan();
    assert!(settled.is_settled());
    assert_eq!(
        settled.state,
        ObservedState {
            trait_sid: Some(TRAIT),
            segment_sid: Some(SEGMENT),
            observed: false,
            data_source: Some(DATA_SOURCE),
            additional_segments: vec![("third".into(), ADDITIONAL)],
            ..ObservedState::default()
        }
    );
}

#[test]
fn without_shared_objects_there_is_nothing_to_do_but_wait() {
    let mut case = Case::settled(&[]);
    case.shared_objects = shared_objects::ObservedSharedObjects::default();
    let plan = case.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.state, ObservedState::default());
    assert_eq!(plan.blockers[0].reason(), Reason::AwaitingAdobeSharing);
    assert_eq!(plan.blockers[0].reason().disposition(), Disposition::Wait);
}

#[test]
fn without_its_folder_nothing_is_made_and_what_stands_stays_where_it_is() {
    let mut case = Case::new(&["third"]);
    case.shared_objects.trait_folder = None;
    assert_eq!(case.steps(), NOTHING, "a segment needs its trait");

    let mut case = Case::settled(&["third"]);
    (
        case.shared_objects.trait_folder,
        case.shared_objects.segment_folder,
    ) = (None, None);
    assert_eq!(case.steps(), NOTHING);
    case.world
        .inventory
        .segments
        .apply_gone(Sequence(NOW), &SEGMENT);
    assert_eq!(case.steps(), NOTHING, "nobody says where to make it");
}

#[test]
fn a_segment_of_another_trait_is_put_right_once_its_trait_stands() {
    let mut case = Case::recorded(&[]);
    case.world
        .inventory
        .traits
        .apply_gone(Sequence(NOW), &TRAIT);
    assert_eq!(
        case.steps(),
        ["create trait \"Loyal gamers\" rule segid == \"I\""],
        "its rule is not known yet"
    );
}

#[test]
fn a_segment_has_the_merge_rule_that_the_connection_names() {
    let mut case = Case::settled(&[]);
    case.shared_objects.merge_rule = shared_objects::MergeRule::NotListed(DataSourceId(9));
    assert_eq!(
        case.steps(),
        ["update segment 1005 \"Loyal gamers\" merge rule → 9"]
    );
    case.change_segment(SEGMENT, |found| found.merge_rule = Some(DataSourceId(9)));
    assert_eq!(case.steps(), NOTHING);
    case.shared_objects.merge_rule = shared_objects::MergeRule::AccountDefault;
    assert_eq!(case.steps(), NOTHING, "whatever the account's default is");
}

#[test]
fn a_trait_whose_answer_names_no_lifetime_is_not_written_for_it() {
    let mut case = Case::settled(&[]);
    case.change_trait(|found| found.ttl_days = None);
    assert_eq!(case.steps(), NOTHING);
}
