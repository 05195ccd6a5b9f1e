//! What is planned for one audience, given what stands, what is recorded and who else there is.

use std::collections::BTreeSet;

use audience_sharing_core::compose::{AdoptionPolicy, Mode, Share, ShareName, compose};
use audience_sharing_core::domain::audience_manager::{Segment, Trait, TraitKind};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::{Moment, Sequence, Users};
use audience_sharing_core::plan::audience::{self, Recorded, Situation, Standing};
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_core::plan::{Plan, foundation};
use rstest::rstest;

use crate::model::{Tenant, World, name, share, source};

const OURS: &str = "[audience-sharing:us/marketing/loyal]";
const SIBLINGS: &str = "[audience-sharing:us/marketing/sibling]";
const OTHERS: &str = "[audience-sharing:others/marketing/loyal]";

const TRAIT: TraitSid = TraitSid(1_004);
const SEGMENT: SegmentSid = SegmentSid(1_005);
const ADDITIONAL: SegmentSid = SegmentSid(1_006);

/// The calls that set a case up come before this one.
const NOW: u64 = 20;
const LATER: Moment = Moment(3_600_000);

/// Audience "I", shared as marketing/loyal.
struct Case {
    world: World,
    share: Share,
    source: Audience,
    recorded: Recorded,
    foundation: foundation::Standing,
    living: BTreeSet<ShareName>,
}

impl Case {
    /// The shared objects stand, and nothing of the audience.
    fn new(additional: &[&str]) -> Self {
        let mut world = World::over(Tenant::default());
        let foundation = world.foundation();
        let mut case = Self {
            world,
            share: share("loyal", "I", additional),
            source: source("I", "Loyal gamers"),
            recorded: Recorded::default(),
            foundation,
            living: BTreeSet::new(),
        };
        case.claim(&name("loyal"), 5);
        case
    }

    fn claim(&mut self, share: &ShareName, created: i64) {
        let claims = &mut self.world.claims;
        claims.claim(share, &AudienceId::new("I"), CreatedAt(created));
    }

    /// All of it stands.
    fn settled(additional: &[&str]) -> Self {
        let mut case = Self::new(additional);
        let plan = case.world.settle(&case.share, &case.source);
        assert_eq!(plan.standing.trait_sid, Some(TRAIT));
        assert_eq!(plan.standing.segment_sid, Some(SEGMENT));
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
        traits.fold_written(Sequence(NOW), Moment(0), found);
    }

    fn change_segment(&mut self, sid: SegmentSid, change: impl FnOnce(&mut Segment)) {
        let segments = &mut self.world.inventory.segments;
        let mut found = segments.get(&sid).unwrap().record.clone();
        change(&mut found);
        segments.fold_written(Sequence(NOW), Moment(0), found);
    }

    fn plan(&self) -> Plan<Standing> {
        audience::plan(Situation {
            share: &self.share.name,
            desired: &compose(&self.world.settings, &self.share, &self.source),
            mode: self.share.mode,
            adoption: self.share.adoption,
            retain: self.share.retain,
            recorded: &self.recorded,
            foundation: &self.foundation,
            claims: &self.world.claims,
            living: &self.living,
            inventory: &self.world.inventory,
            since: Sequence(NOW),
        })
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
        self.plan().holds.iter().map(|hold| hold.reason).collect()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn what_hangs_on_a_trait_that_is_still_to_be_made_is_a_forecast() {
    let mut case = Case::new(&["third"]);
    assert_eq!(
        case.steps(),
        [
            "create trait \"Loyal gamers\" rule segid == \"I\"",
            "then create segment \"Loyal gamers\" rule {trait}",
            "then create segment \"With third\" rule {trait} AND 9912T",
        ]
    );
    case.world.settle(&case.share, &case.source);
    let settled = case.plan();
    assert!(settled.is_settled());
    assert_eq!(
        settled.standing,
        Standing {
            trait_sid: Some(TRAIT),
            segment_sid: Some(SEGMENT),
            observed: false,
            additional_segments: vec![("third".into(), ADDITIONAL)],
        }
    );
}

#[test]
fn without_shared_objects_there_is_nothing_to_do_but_wait() {
    let mut case = Case::settled(&[]);
    case.foundation = foundation::Standing::default();
    let plan = case.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.standing, Standing::default());
    assert_eq!(plan.holds[0].reason, Reason::AwaitingAdobeSharing);
    assert_eq!(plan.holds[0].disposition, Disposition::Wait);
}

#[test]
fn without_its_folder_nothing_is_made_and_what_stands_stays_where_it_is() {
    let mut case = Case::new(&["third"]);
    case.foundation.trait_folder = None;
    assert_eq!(case.steps(), NOTHING, "a segment needs its trait");

    let mut case = Case::settled(&["third"]);
    (case.foundation.trait_folder, case.foundation.segment_folder) = (None, None);
    assert_eq!(case.steps(), NOTHING);
    case.world.inventory.segments.fold_gone(&SEGMENT);
    assert_eq!(case.steps(), NOTHING, "nobody says where to make it");
}

#[test]
fn before_a_create_a_server_that_enforces_no_key_is_asked_for_it() {
    let mut case = Case::new(&[]);
    case.foundation.enforces_trait_codes = false;
    assert_eq!(case.steps(), ["look up trait with integration code I"]);
    let key = (
        case.foundation.data_source.unwrap(),
        IntegrationCode::new("I"),
    );
    let traits = &mut case.world.inventory.traits;
    traits.fold_look_up(Sequence(NOW - 1), key.clone(), Vec::new());
    assert_eq!(
        case.steps(),
        ["look up trait with integration code I"],
        "a look-up before this round proves nothing"
    );
    let traits = &mut case.world.inventory.traits;
    traits.fold_look_up(Sequence(NOW), key, Vec::new());
    assert_eq!(case.steps().len(), 2, "{:?}", case.steps());

    case.foundation.enforces_segment_codes = false;
    assert_eq!(
        case.steps(),
        [
            "create trait \"Loyal gamers\" rule segid == \"I\"",
            "look up segment with integration code I"
        ]
    );
}

#[test]
fn a_key_whose_create_has_an_unknown_outcome_is_looked_up_even_where_the_server_enforces_it() {
    let mut case = Case::settled(&[]);
    let key = (
        case.foundation.data_source.unwrap(),
        IntegrationCode::new("I"),
    );
    case.world.inventory.segments.fold_unresolved(key.clone());
    assert_eq!(case.steps(), ["look up segment with integration code I"]);
    case.world.inventory.traits.fold_unresolved(key);
    assert_eq!(case.steps(), ["look up trait with integration code I"]);
}

#[test]
fn a_data_source_that_was_never_listed_is_listed_first() {
    let mut case = Case::new(&[]);
    case.foundation.data_source = Some(DataSourceId(7));
    assert_eq!(case.steps(), ["list traits of data source 7"]);
}

#[test]
fn recorded_objects_are_found_by_their_ids_whatever_their_keys_say() {
    let mut case = Case::recorded(&["third"]);
    case.change_trait(|found| found.integration_code = None);
    for sid in [SEGMENT, ADDITIONAL] {
        case.change_segment(sid, |found| found.integration_code = None);
    }
    let plan = case.plan();
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(plan.standing.trait_sid, Some(TRAIT));
    assert_eq!(plan.standing.segment_sid, Some(SEGMENT));
    assert_eq!(
        plan.standing.additional_segments,
        [("third".into(), ADDITIONAL)]
    );
}

#[test]
fn recorded_objects_that_are_not_known_or_in_doubt_are_read() {
    let mut case = Case::recorded(&["third"]);
    case.recorded.additional_segments[0].1 = SegmentSid(9);
    case.world.inventory.segments.fold_doubt(&SEGMENT);
    assert_eq!(case.steps(), ["read segment 1005", "read segment 9"]);
    case.world.inventory.traits.fold_doubt(&TRAIT);
    assert_eq!(case.steps(), ["read trait 1004"]);
    case.recorded.trait_sid = Some(TraitSid(8));
    assert_eq!(case.steps(), ["read trait 8"]);
    case.world.inventory.traits.fold_gone(&TraitSid(8));
    assert_eq!(
        case.steps(),
        ["read trait 1004"],
        "found by its key, and in doubt"
    );
}

#[test]
fn recorded_objects_that_are_gone_are_made_anew() {
    let mut case = Case::recorded(&[]);
    case.world.inventory.traits.fold_gone(&TRAIT);
    case.world.inventory.segments.fold_gone(&SEGMENT);
    assert_eq!(
        case.steps(),
        [
            "create trait \"Loyal gamers\" rule segid == \"I\"",
            "then create segment \"Loyal gamers\" rule {trait}"
        ]
    );
}

#[test]
fn a_segment_of_another_trait_is_put_right_once_its_trait_stands() {
    let mut case = Case::recorded(&[]);
    case.world.inventory.traits.fold_gone(&TRAIT);
    assert_eq!(
        case.steps(),
        ["create trait \"Loyal gamers\" rule segid == \"I\""],
        "its rule is not known yet"
    );
}

#[test]
fn only_the_holder_of_a_source_acts_and_the_others_say_who_it_is() {
    let mut case = Case::new(&["third"]);
    case.claim(&name("older"), 1);
    let plan = case.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.holds[0].reason, Reason::SourceClaimed);
    assert!(
        plan.holds[0].message.starts_with(
            "Audience I belongs to SharedAudience marketing/older, which shares the same source"
        ),
        "{}",
        plan.holds[0].message
    );
}

#[rstest]
#[case::ours(OURS, &[])]
#[case::the_other_claimants("[audience-sharing:us/marketing/older]", &[Reason::SourceClaimed])]
#[case::of_another_owner("[audience-sharing:others/marketing/loyal]", &[Reason::SourceClaimed])]
#[case::of_a_data_source("[audience-sharing:us]", &[Reason::SourceClaimed])]
fn a_claimant_whose_mark_stands_holds_the_source_before_an_older_one(
    #[case] description: &str,
    #[case] reasons: &[Reason],
) {
    let mut case = Case::settled(&[]);
    case.change_trait(|found| found.description = description.into());
    case.claim(&name("older"), 1);
    assert_eq!(case.reasons(), reasons);
    assert_eq!(case.steps(), NOTHING);
}

#[test]
fn a_trait_of_another_kind_with_our_key_is_left_and_nothing_hangs_on_it() {
    let mut case = Case::recorded(&["third"]);
    case.change_trait(|found| found.kind = TraitKind::RuleBased);
    case.change_segment(SEGMENT, |found| found.name = "Renamed".into());
    case.share.adoption = AdoptionPolicy::Adopt;
    let plan = case.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.holds[0].reason, Reason::AdoptionRefused);
    assert!(
        plan.holds[0]
            .message
            .starts_with("Trait 1004 \"Loyal gamers\" has the integration code"),
        "{}",
        plan.holds[0].message
    );
    assert_eq!(plan.standing, Standing::default());
}

/// Who made the trait and the segment of an audience that is found to stand, and what is done with them.
#[rstest]
#[case::of_a_living_sibling(
    SIBLINGS,
    true,
    false,
    AdoptionPolicy::Adopt,
    Err(Reason::SourceClaimed)
)]
#[case::of_a_sibling_that_went(SIBLINGS, false, false, AdoptionPolicy::Never, Ok(true))]
#[case::of_another_owner(
    OTHERS,
    false,
    true,
    AdoptionPolicy::Adopt,
    Err(Reason::ManagementConflict)
)]
#[case::another_owners_data_source_mark(
    "[audience-sharing:others]",
    false,
    true,
    AdoptionPolicy::Adopt,
    Err(Reason::ManagementConflict)
)]
#[case::our_data_source_mark(
    "[audience-sharing:us]",
    false,
    false,
    AdoptionPolicy::Never,
    Err(Reason::AdoptionRefused)
)]
#[case::our_data_source_mark_on_a_recorded_one(
    "[audience-sharing:us]",
    false,
    true,
    AdoptionPolicy::Never,
    Ok(true)
)]
#[case::a_recorded_one_that_lost_its_mark("", false, true, AdoptionPolicy::Never, Ok(true))]
#[case::a_strangers("", false, false, AdoptionPolicy::Never, Err(Reason::AdoptionRefused))]
#[case::a_strangers_that_is_equal("", false, false, AdoptionPolicy::Match, Ok(true))]
#[case::a_strangers_with_another_text(
    "By hand",
    false,
    false,
    AdoptionPolicy::Match,
    Err(Reason::AdoptionRefused)
)]
#[case::a_strangers_that_may_be_taken("By hand", false, false, AdoptionPolicy::Adopt, Ok(true))]
#[case::ours(OURS, false, false, AdoptionPolicy::Never, Ok(false))]
fn what_stands_already_is_kept_or_marked_or_left(
    #[case] description: &str,
    #[case] sibling_lives: bool,
    #[case] is_recorded: bool,
    #[case] policy: AdoptionPolicy,
    #[case] outcome: Result<bool, Reason>,
) {
    let marked = |object: &str| {
        format!("update {object} \"Loyal gamers\" description {description:?} → {OURS:?}")
    };
    let mut case = match is_recorded {
        true => Case::recorded(&[]),
        false => Case::settled(&[]),
    };
    case.share.adoption = policy;
    if sibling_lives {
        case.living.insert(name("sibling"));
    }
    case.change_segment(SEGMENT, |found| found.description = description.into());
    let of_segment = (
        case.steps(),
        case.reasons(),
        case.plan().standing.segment_sid,
    );
    case.change_segment(SEGMENT, |found| found.description = OURS.into());
    case.change_trait(|found| found.description = description.into());
    let of_trait = (case.steps(), case.reasons(), case.plan().standing.trait_sid);
    match outcome {
        Ok(written) => {
            let due = |object| {
                if written {
                    vec![marked(object)]
                } else {
                    Vec::new()
                }
            };
            assert_eq!(of_segment, (due("segment 1005"), vec![], Some(SEGMENT)));
            assert_eq!(of_trait, (due("trait 1004"), vec![], Some(TRAIT)));
        }
        Err(reason) => {
            assert_eq!(of_segment, (vec![], vec![reason], None));
            assert_eq!(of_trait, (vec![], vec![reason], None));
        }
    }
}

#[test]
fn what_was_only_observed_is_not_recorded_as_ours() {
    let mut case = Case::recorded(&[]);
    case.recorded.observed = true;
    case.share.adoption = AdoptionPolicy::Never;
    case.change_segment(SEGMENT, |found| found.description = "".into());
    assert_eq!(case.reasons(), [Reason::AdoptionRefused]);
    case.change_trait(|found| found.description = "".into());
    assert_eq!(case.reasons(), [Reason::AdoptionRefused]);
}

#[rstest]
#[case::recorded_under_its_key("third", ADDITIONAL, &[])]
#[case::another_one_is_recorded("third", SEGMENT, &[Reason::AdoptionRefused])]
#[case::recorded_under_another_key("other", ADDITIONAL, &[Reason::AdoptionRefused])]
fn an_additional_segment_without_its_mark_is_ours_only_as_it_was_recorded(
    #[case] key: &str,
    #[case] sid: SegmentSid,
    #[case] reasons: &[Reason],
) {
    let mut case = Case::settled(&["third"]);
    case.share.adoption = AdoptionPolicy::Never;
    case.change_segment(ADDITIONAL, |found| found.description = "".into());
    case.recorded.additional_segments = vec![(key.into(), sid)];
    if sid == SEGMENT {
        // The recorded object went; what stands under the key now is another.
        case.world.inventory.segments.fold_gone(&SEGMENT);
    }
    assert_eq!(case.reasons(), reasons);
}

#[test]
fn a_segment_has_the_merge_rule_that_the_connection_names() {
    let mut case = Case::settled(&[]);
    case.foundation.merge_rule = foundation::MergeRule::NotListed(DataSourceId(9));
    assert_eq!(
        case.steps(),
        ["update segment 1005 \"Loyal gamers\" merge rule → 9"]
    );
    case.change_segment(SEGMENT, |found| found.merge_rule = Some(DataSourceId(9)));
    assert_eq!(case.steps(), NOTHING);
    case.foundation.merge_rule = foundation::MergeRule::AccountDefault;
    assert_eq!(case.steps(), NOTHING, "whatever the account's default is");
}

#[test]
fn a_trait_whose_answer_names_no_lifetime_is_not_written_for_it() {
    let mut case = Case::settled(&[]);
    case.change_trait(|found| found.ttl_days = None);
    assert_eq!(case.steps(), NOTHING);
}

#[test]
fn a_share_that_observes_reports_what_stands_and_writes_nothing() {
    let mut case = Case::settled(&["third"]);
    case.share.mode = Mode::Observe;
    case.change_trait(|found| found.description = OTHERS.into());
    case.change_segment(SEGMENT, |found| found.name = "Renamed".into());
    let plan = case.plan();
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(
        plan.standing,
        Standing {
            trait_sid: Some(TRAIT),
            segment_sid: Some(SEGMENT),
            observed: true,
            additional_segments: Vec::new(),
        }
    );
}

#[test]
fn a_share_that_observes_waits_for_each_object_that_is_not_there() {
    let mut case = Case::settled(&["third"]);
    case.share.mode = Mode::Observe;
    // Nothing will be made, so the list is proof enough.
    (
        case.foundation.enforces_trait_codes,
        case.foundation.enforces_segment_codes,
    ) = (false, false);
    case.world.inventory.segments.fold_gone(&SEGMENT);
    assert_eq!(case.reasons(), [Reason::AwaitingAdobeSharing]);
    assert_eq!(case.steps(), NOTHING);
    case.world.inventory.traits.fold_gone(&TRAIT);
    assert_eq!(
        case.reasons(),
        [Reason::AwaitingAdobeSharing],
        "a segment needs its trait"
    );
    assert_eq!(case.steps(), NOTHING);
}

/// The data source is Adobe's; its trait and its segment carry no mark and differ from ours.
fn adobes(additional: &[&str]) -> Case {
    let mut case = Case::settled(additional);
    case.foundation.adobes = true;
    (
        case.foundation.enforces_trait_codes,
        case.foundation.enforces_segment_codes,
    ) = (false, false);
    (case.foundation.trait_folder, case.foundation.segment_folder) = (None, None);
    case.change_trait(|found| {
        (found.description, found.name) = ("".into(), "Adobe's".into());
    });
    case.change_segment(SEGMENT, |found| {
        (found.description, found.name) = ("".into(), "Adobe's".into());
        found.folder = SegmentFolderId(77);
    });
    case
}

#[test]
fn adobes_objects_are_observed_whatever_the_policy() {
    for policy in [
        AdoptionPolicy::Match,
        AdoptionPolicy::Adopt,
        AdoptionPolicy::Never,
    ] {
        let mut case = adobes(&[]);
        case.share.adoption = policy;
        let plan = case.plan();
        assert!(plan.is_settled(), "{policy:?}: {plan:?}");
        assert_eq!(
            plan.standing,
            Standing {
                trait_sid: Some(TRAIT),
                segment_sid: Some(SEGMENT),
                observed: true,
                additional_segments: Vec::new(),
            }
        );
    }
}

#[test]
fn either_of_adobes_objects_makes_the_sharing_an_observed_one() {
    let mut case = adobes(&[]);
    case.change_segment(SEGMENT, |found| {
        (found.description, found.name) = (OURS.into(), "Loyal gamers".into());
    });
    assert!(case.plan().standing.observed);
    let mut case = adobes(&[]);
    case.change_trait(|found| {
        (found.description, found.name) = (OURS.into(), "Loyal gamers".into());
    });
    assert!(case.plan().standing.observed);
}

#[test]
fn beside_adobes_objects_additional_segments_are_ours_and_stand_in_the_folder_of_its_segment() {
    let mut case = adobes(&["third"]);
    assert_eq!(
        case.steps(),
        ["update segment 1006 \"With third\" folder 1003 → 77"]
    );
    case.world.inventory.segments.fold_gone(&ADDITIONAL);
    assert_eq!(
        case.steps(),
        ["look up segment with integration code I.third"],
        "the server enforces no key"
    );
    case.foundation.enforces_segment_codes = true;
    let plan = case.plan();
    assert_eq!(
        plan.steps[0].call.to_string(),
        "create segment \"With third\" rule 1004T AND 9912T"
    );
    assert!(format!("{:?}", plan.steps[0].call).contains("SegmentFolderId(77)"));
}

#[test]
fn a_strangers_additional_segment_beside_adobes_objects_is_judged_by_the_policy() {
    let mut case = adobes(&["third"]);
    case.share.adoption = AdoptionPolicy::Never;
    case.change_segment(ADDITIONAL, |found| found.description = "".into());
    let plan = case.plan();
    assert_eq!(plan.holds[0].reason, Reason::AdoptionRefused);
    assert_eq!(plan.standing.additional_segments, []);
}

#[test]
fn a_segment_that_is_no_longer_declared_goes_unless_it_is_to_be_retained() {
    let mut case = Case::settled(&["third"]);
    case.share.additional_segments.clear();
    assert_eq!(case.steps(), ["delete segment 1006"]);
    case.world.inventory.segments.fold_doubt(&ADDITIONAL);
    assert_eq!(case.steps(), ["read segment 1006"]);
    case.share.retain = true;
    assert_eq!(case.steps(), NOTHING);
    case.share.mode = Mode::Observe;
    case.share.retain = false;
    assert_eq!(case.steps(), NOTHING);
}

#[rstest]
#[case::ours(OURS, false, true)]
#[case::ours_and_recorded(OURS, true, true)]
#[case::a_strangers("", false, false)]
#[case::recorded_its_mark_taken_away("", true, true)]
#[case::a_siblings(SIBLINGS, true, false)]
#[case::another_owners(OTHERS, true, false)]
fn only_what_is_ours_goes_when_it_is_no_longer_declared(
    #[case] description: &str,
    #[case] is_recorded: bool,
    #[case] goes: bool,
) {
    let mut case = Case::settled(&["third"]);
    case.share.additional_segments.clear();
    case.change_segment(ADDITIONAL, |found| found.description = description.into());
    if is_recorded {
        case.recorded.additional_segments = vec![("third".into(), ADDITIONAL)];
    }
    assert_eq!(
        case.steps() == ["delete segment 1006"],
        goes,
        "{:?}",
        case.steps()
    );
    assert_eq!(case.steps().is_empty(), !goes);
}

#[test]
fn a_record_of_a_segment_that_is_no_longer_declared_leads_to_it_without_its_key() {
    let mut case = Case::recorded(&["third"]);
    case.share.additional_segments.clear();
    case.change_segment(ADDITIONAL, |found| found.integration_code = None);
    assert_eq!(case.steps(), ["delete segment 1006"]);
    case.recorded.additional_segments[0].1 = SegmentSid(9);
    assert_eq!(case.steps(), ["read segment 9"]);
    case.world.inventory.segments.fold_gone(&SegmentSid(9));
    assert_eq!(case.steps(), NOTHING);
}

#[test]
fn of_several_additional_segments_only_the_undeclared_one_goes() {
    let mut case = Case::recorded(&["other", "third"]);
    assert_eq!(case.steps(), NOTHING);
    case.share.additional_segments.remove(0);
    assert_eq!(case.steps(), ["delete segment 1006"]);
}

/// A key of another audience or of another data source is none of ours.
#[rstest]
#[case::an_audience_whose_id_begins_like_ours(None, "II.third")]
#[case::an_audience_behind_ours(None, "J.third")]
#[case::the_same_key_elsewhere(Some(DataSourceId(1_002)), "I.third")]
fn what_is_outside_our_keys_is_not_undeclared(
    #[case] elsewhere: Option<DataSourceId>,
    #[case] code: &str,
) {
    let mut case = Case::settled(&["third"]);
    case.change_segment(ADDITIONAL, |found| {
        found.sid = SegmentSid(4_000);
        found.data_source = elsewhere.unwrap_or(found.data_source);
        found.integration_code = Some(IntegrationCode::new(code));
    });
    assert_eq!(case.steps(), NOTHING);
}

/// A second trait of our key, and who uses it.
fn with_twin(seen: u64, users: &[SegmentSid]) -> Case {
    let mut case = Case::settled(&["third"]);
    case.change_trait(|found| found.sid = TraitSid(4_000));
    let segments = users.iter().map(|sid| (*sid, "A user".into())).collect();
    let users = Users {
        seen: Sequence(seen),
        segments,
    };
    case.world
        .inventory
        .trait_users
        .insert(TraitSid(4_000), users);
    case
}

#[test]
fn a_twin_of_the_trait_goes_once_nobody_is_known_to_use_it() {
    assert_eq!(with_twin(NOW, &[]).steps(), ["delete trait 4000"]);
    assert_eq!(
        with_twin(NOW - 1, &[]).steps(),
        ["read the users of trait 4000"],
        "a look-up before this round proves nothing"
    );
    assert_eq!(
        with_twin(NOW, &[SEGMENT]).steps(),
        NOTHING,
        "its user stays"
    );
    let mut doubted = with_twin(NOW, &[]);
    doubted.world.inventory.traits.fold_doubt(&TraitSid(4_000));
    assert_eq!(doubted.steps(), ["read trait 4000"]);
    let mut freed = with_twin(NOW, &[SegmentSid(4_001)]);
    assert_eq!(freed.steps(), NOTHING);
    freed.world.inventory.segments.fold_gone(&SegmentSid(4_001));
    assert_eq!(
        freed.steps(),
        ["delete trait 4000"],
        "its user is gone since"
    );
}

#[test]
fn a_twin_that_the_twin_segments_use_goes_after_them() {
    let mut case = with_twin(NOW, &[SegmentSid(4_001)]);
    case.change_segment(SEGMENT, |found| found.sid = SegmentSid(4_001));
    case.change_segment(ADDITIONAL, |found| found.sid = SegmentSid(4_002));
    assert_eq!(
        case.steps(),
        [
            "delete segment 4001",
            "delete segment 4002",
            "then delete trait 4000"
        ]
    );
    case.world.inventory.segments.fold_doubt(&SegmentSid(4_001));
    assert_eq!(case.steps()[0], "read segment 4001");
    case.share.mode = Mode::Observe;
    assert_eq!(case.steps(), NOTHING);
}

#[test]
fn a_copy_without_our_mark_is_no_twin() {
    let mut case = with_twin(NOW, &[]);
    case.change_segment(SEGMENT, |found| {
        (found.sid, found.description) = (SegmentSid(4_001), SIBLINGS.into());
    });
    let traits = &mut case.world.inventory.traits;
    let mut copy = traits.get(&TraitSid(4_000)).unwrap().record.clone();
    copy.description = "copied by hand".into();
    traits.fold_written(Sequence(NOW), LATER, copy);
    assert_eq!(case.steps(), NOTHING);
}
