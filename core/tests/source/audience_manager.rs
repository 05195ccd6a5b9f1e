//! Which trait or segment a `SharedAudience` means, and which may not pass.

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::compose::{AudienceManagerSource, SourceGonePolicy};
use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, Trait, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    CompanyId, DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::{Restrictions, SourceControls};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::{
    AudienceManagerSelector, Naming, SourceId, SourceKind,
};
use audience_sharing_core::inventory::{Findings, Inventory, Moment, Sequence};
use audience_sharing_core::plan::source::Resolution;
use audience_sharing_core::plan::source::audience_manager::{
    SourceInput, resolve_object, suspended,
};
use rstest::rstest;

use crate::model::{settings, source};

const OWN: DataSourceId = DataSourceId(1);
const OF_SHARING: DataSourceId = DataSourceId(2);
const OF_A_PROVIDER: DataSourceId = DataSourceId(3);
const COMPANY: CompanyId = CompanyId(1_794);

fn data_source(id: DataSourceId, name: &str, company: CompanyId) -> DataSource {
    DataSource {
        id,
        company: Some(company),
        name: name.into(),
        description: "".into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: Restrictions::default(),
    }
}

/// Three data sources, each listed, and the audience `I` of Experience Platform.
fn tenant() -> Inventory {
    let mut inventory = Inventory::default();
    inventory.tenant.company = Some(COMPANY);
    let sources = vec![
        data_source(OWN, "Shop", COMPANY),
        data_source(OF_SHARING, &settings().data_source, COMPANY),
        data_source(OF_A_PROVIDER, "Provider", CompanyId(220)),
    ];
    let table = &mut inventory.data_sources;
    table.apply_whole_list(Sequence(1), Moment(0), sources, Vec::new());
    inventory.apply_audiences(Sequence(1), Moment(0), vec![source("I", "Loyal")], &[]);
    inventory
}

fn shopper() -> Trait {
    Trait {
        look_alikes: None,
        sid: TraitSid(7),
        kind: TraitKind::RuleBased,
        name: "Shoppers".into(),
        description: "".into(),
        integration_code: None,
        data_source: OWN,
        folder: TraitFolderId(0),
        rule: "page == \"cart\"".into(),
        ttl_days: None,
        activity: Activity::Active,
    }
}

fn buyers() -> Segment {
    Segment {
        sid: SegmentSid(8),
        name: "Buyers".into(),
        description: "".into(),
        integration_code: None,
        data_source: OWN,
        folder: SegmentFolderId(0),
        rule: "7T".into(),
        merge_rule: None,
        trait_data_sources: Some([OWN].into()),
        activity: Activity::Active,
    }
}

fn resolved(
    inventory: &Inventory,
    kind: SourceKind,
    naming: Naming,
) -> Result<AudienceManagerSource, Blocker> {
    let settings = settings();
    let input = SourceInput {
        settings: &settings,
        inventory,
        pinned: None,
        since: Sequence(1),
    };
    match resolve_object(&AudienceManagerSelector { kind, naming }, input) {
        Resolution::Found(found) => Ok(found),
        Resolution::Blocked(blocker) => Err(blocker),
        Resolution::Gone(source) => Err(Blocker::SourceGone(source, SourceGonePolicy::Retain)),
        Resolution::Ask(call) => panic!("nothing is asked: {call}"),
    }
}

fn is_told(resolved: Result<AudienceManagerSource, Blocker>, reason: Reason, told: &str) {
    let blocker = resolved.unwrap_err();
    assert_eq!(blocker.reason(), reason, "{}", blocker.message());
    assert!(blocker.message().contains(told), "{}", blocker.message());
}

#[rstest]
#[case::keep(SourceGonePolicy::Retain, "Experience Platform was left as it is")]
#[case::pause(
    SourceGonePolicy::Pause,
    "audience that was made of it in Experience Platform is inactive until"
)]
#[case::delete(
    SourceGonePolicy::Delete,
    "made of it in Experience Platform was deleted"
)]
fn a_trait_that_is_gone_says_what_became_of_what_was_made_of_it(
    #[case] policy: SourceGonePolicy,
    #[case] told: &str,
) {
    let mut inventory = tenant();
    inventory.traits.apply_gone(Sequence(2), &TraitSid(7));
    let settings = settings();
    let input = SourceInput {
        settings: &settings,
        inventory: &inventory,
        pinned: None,
        since: Sequence(1),
    };
    let selector = AudienceManagerSelector {
        kind: SourceKind::Trait,
        naming: Naming::Sid(7),
    };
    match resolve_object(&selector, input) {
        Resolution::Gone(source) => {
            let message = Blocker::SourceGone(source, policy).message();
            assert!(message.contains(told), "{message}");
        }
        other => panic!("it is gone: {other:?}"),
    }
}

fn code(code: &str) -> Option<IntegrationCode> {
    Some(IntegrationCode::new(code))
}

#[rstest]
#[case::its_rule_names_an_audience(Trait { rule: r#"segid == "I""#.into(), ..shopper() },
    Reason::SharingLoop, "is filled by audience I of Experience Platform, as its rule says")]
#[case::a_code_of_an_audience(Trait { integration_code: code("I"), ..shopper() },
    Reason::SharingLoop, "as its integration code, I")]
#[case::a_folder(Trait { kind: TraitKind::Other("FOLDER_TRAIT".into()), ..shopper() },
    Reason::SourceNotShareable, "is a folder")]
#[case::third_party(Trait { data_source: OF_A_PROVIDER, ..shopper() },
    Reason::SourceNotShareable, "third-party data")]
#[case::a_data_source_that_no_list_shows(Trait { data_source: DataSourceId(4), ..shopper() },
    Reason::SourceNotShareable, "third-party data")]
fn a_trait_that_may_not_pass_says_why(
    #[case] found: Trait,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let mut inventory = tenant();
    inventory.traits.apply_read(Sequence(2), found);
    let resolved = resolved(&inventory, SourceKind::Trait, Naming::Sid(7));
    is_told(resolved, reason, told);
}

/// A mark is a sign whoever's it is: another connection to the same tenant, with another data source, is no way back.
#[rstest]
#[case::our_mark(Segment { description: "x [audience-sharing:us/marketing/loyal#a1b2c3d4]".into(), ..buyers() },
    Reason::SharingLoop, "carries the mark [audience-sharing:us/marketing/loyal")]
#[case::a_mark_of_another_owner(Segment { description: "[audience-sharing:somebody/team/theirs]".into(), ..buyers() },
    Reason::SharingLoop, "carries the mark [audience-sharing:somebody/team/theirs]")]
#[case::in_the_data_source_of_sharing(Segment { data_source: OF_SHARING, ..buyers() },
    Reason::SharingLoop, "is in data source \"Sharing\"")]
#[case::a_code_of_an_audience(Segment { integration_code: code("I"), ..buyers() },
    Reason::SharingLoop, "as its integration code, I")]
#[case::third_party(Segment { data_source: OF_A_PROVIDER, ..buyers() },
    Reason::SourceNotShareable, "third-party data")]
#[case::inactive(Segment { activity: Activity::Inactive, ..buyers() },
    Reason::SourceInactive, "is inactive")]
fn a_segment_that_may_not_pass_says_why(
    #[case] found: Segment,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let mut inventory = tenant();
    inventory.segments.apply_read(Sequence(2), found);
    let resolved = resolved(&inventory, SourceKind::Segment, Naming::Sid(8));
    is_told(resolved, reason, told);
}

#[rstest]
#[case::none(&[], Reason::SourceNotFound, "Audience Manager has no trait with integration code cart")]
#[case::several(&[7, 9], Reason::SourceAmbiguous, "7, 9. Name the source by its sid")]
fn a_code_must_fit_one_object(#[case] sids: &[u64], #[case] reason: Reason, #[case] told: &str) {
    let mut inventory = tenant();
    let naming = Naming::IntegrationCode(IntegrationCode::new("cart"));
    let selector = AudienceManagerSelector {
        kind: SourceKind::Trait,
        naming: naming.clone(),
    };
    let findings = Findings {
        seen: Sequence(1),
        sids: sids.to_vec(),
    };
    inventory.searches.insert(selector, findings);
    let resolved = resolved(&inventory, SourceKind::Trait, naming);
    is_told(resolved, reason, told);
}

/// What a search found by the name is told by `found`; `None`: it was not searched for.
fn recorded(naming: Naming, found: Option<&[u64]>) -> Resolution<AudienceManagerSource> {
    let mut inventory = tenant();
    inventory.traits.apply_read(Sequence(2), shopper());
    let selector = AudienceManagerSelector {
        kind: SourceKind::Trait,
        naming,
    };
    if let Some(sids) = found {
        let findings = Findings {
            seen: Sequence(1),
            sids: sids.to_vec(),
        };
        inventory.searches.insert(selector.clone(), findings);
    }
    let (settings, pinned) = (settings(), SourceId::Trait(TraitSid(7)));
    resolve_object(
        &selector,
        SourceInput {
            settings: &settings,
            inventory: &inventory,
            pinned: Some(&pinned),
            since: Sequence(1),
        },
    )
}

#[rstest]
#[case::its_sid(Naming::Sid(7), None)]
#[case::its_name(Naming::Name("Shoppers".into()), None)]
#[case::a_name_that_nothing_has_since_it_was_renamed(Naming::Name("Before".into()), Some(&[][..]))]
fn the_recorded_object_stays_the_source(#[case] naming: Naming, #[case] found: Option<&[u64]>) {
    match recorded(naming, found) {
        Resolution::Found(source) => assert_eq!(source.sid, 7),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::another_sid(Naming::Sid(9), None)]
#[case::the_name_of_another(Naming::Name("Gold".into()), Some(&[9][..]))]
#[case::the_code_of_others(Naming::IntegrationCode(IntegrationCode::new("gold")), Some(&[9, 10][..]))]
fn what_names_another_object_than_the_recorded_one_is_refused(
    #[case] naming: Naming,
    #[case] found: Option<&[u64]>,
) {
    match recorded(naming, found) {
        Resolution::Blocked(blocker) => assert_eq!(blocker.reason(), Reason::SourceChanged),
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_name_than_the_recorded_objects_is_searched_for() {
    let asked = recorded(Naming::Name("Gold".into()), None);
    assert!(matches!(asked, Resolution::Ask(_)), "{asked:?}");
}

#[test]
fn what_is_the_companys_own_passes_and_only_its_own_404_says_that_it_is_gone() {
    let mut inventory = tenant();
    inventory.traits.apply_read(Sequence(2), shopper());
    inventory.segments.apply_gone(Sequence(2), &SegmentSid(8));
    let own = resolved(&inventory, SourceKind::Trait, Naming::Sid(7));
    assert_eq!(own.unwrap().sid, 7);
    let gone = resolved(&inventory, SourceKind::Segment, Naming::Sid(8));
    is_told(gone, Reason::SourceNotFound, "no segment 8");
}

/// Where the answer does not say of which data sources its traits are, nobody knows what an audience of it may be used for.
#[test]
fn a_segment_is_under_the_controls_of_its_traits_data_sources() {
    let pii = Restrictions::new(["PII"]);
    let mut inventory = tenant();
    let mut own = data_source(OWN, "Shop", COMPANY);
    own.restrictions = pii.clone();
    inventory.data_sources.apply_read(Sequence(2), own);
    let known = SourceControls::of([(OWN, Some(&pii))]);
    for (traits, expected) in [
        (Some([OWN].into()), known),
        (None, SourceControls::of([]).unsaid()),
    ] {
        let mut segment = buyers();
        (segment.data_source, segment.trait_data_sources) = (DataSourceId(5), traits);
        let elsewhere = data_source(DataSourceId(5), "Elsewhere", COMPANY);
        inventory.data_sources.apply_read(Sequence(2), elsewhere);
        inventory.segments.apply_read(Sequence(2), segment);
        let found = resolved(&inventory, SourceKind::Segment, Naming::Sid(8)).unwrap();
        assert_eq!(found.controls, expected);
    }
}

/// Its audience stays: the policy for a source that is gone does not hold for a status of Adobe's own.
#[test]
fn a_suspended_source_is_found_and_reported() {
    let mut inventory = tenant();
    let mut found = buyers();
    found.activity = Activity::Other("SUSPENDED".into());
    inventory.segments.apply_read(Sequence(1), found);
    let source = resolved(&inventory, SourceKind::Segment, Naming::Sid(8)).unwrap();
    let blocker = suspended(&source).expect("reported");
    assert_eq!(blocker.reason(), Reason::ObjectSuspended);
    let told = "Segment 8 \"Buyers\" has the status \"SUSPENDED\"";
    assert!(blocker.message().starts_with(told), "{}", blocker.message());

    inventory.segments.apply_read(Sequence(2), buyers());
    let source = resolved(&inventory, SourceKind::Segment, Naming::Sid(8)).unwrap();
    assert_eq!(suspended(&source), None);
}
