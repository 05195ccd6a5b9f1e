//! What a call says of itself: in previews, in logs, and to whoever asks whether it writes.

use audience_sharing_core::domain::audience_manager::{
    DataSourceChange, NewDataSource, NewSegment, NewTrait, SegmentChange, TraitChange,
};
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::plan::{Call, Hold, Plan, Step};
use rstest::rstest;

use crate::records::{SHARING, data_source, onboarded, segment};

fn code() -> IntegrationCode {
    IntegrationCode::new("I")
}

fn new_data_source() -> Call {
    Call::CreateDataSource(NewDataSource {
        name: "Sharing".into(),
        description: "".into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: Restrictions::default(),
    })
}

fn new_trait() -> Call {
    Call::CreateTrait(NewTrait {
        name: "Loyal".into(),
        description: "".into(),
        integration_code: code(),
        data_source: SHARING,
        folder: TraitFolderId(6),
        rule: "a == 1".into(),
        ttl_days: 120,
    })
}

fn new_segment() -> Call {
    Call::CreateSegment(NewSegment {
        name: "Loyal".into(),
        description: "".into(),
        integration_code: code(),
        data_source: SHARING,
        folder: SegmentFolderId(7),
        rule: "10T".into(),
        merge_rule: None,
    })
}

fn update_data_source(change: DataSourceChange) -> Call {
    let expected = data_source(5, "Old");
    Call::UpdateDataSource { expected, change }
}

fn update_trait(change: TraitChange) -> Call {
    let expected = onboarded(10, Some("I"));
    Call::UpdateTrait { expected, change }
}

fn update_segment(change: SegmentChange) -> Call {
    let expected = segment(20, Some("I"));
    Call::UpdateSegment { expected, change }
}

#[rstest]
#[case(Call::ReadAudience(AudienceId::new("I")), "read audience I")]
#[case(Call::ListDataSources, "list data sources")]
#[case(Call::ListTraitFolders, "list trait folders")]
#[case(Call::ListSegmentFolders, "list segment folders")]
#[case(Call::ReadDataSource(DataSourceId(5)), "read data source 5")]
#[case(Call::ReadTraitFolder(TraitFolderId(6)), "read trait folder 6")]
#[case(Call::ReadSegmentFolder(SegmentFolderId(7)), "read segment folder 7")]
#[case(Call::ListTraits(SHARING), "list traits of data source 5")]
#[case(Call::ReadTrait(TraitSid(10)), "read trait 10")]
#[case(Call::LookUpTrait { data_source: SHARING, code: code() }, "look up trait with integration code I")]
#[case(Call::ReadTraitUsers(TraitSid(10)), "read the users of trait 10")]
#[case(Call::ListSegments(SHARING), "list segments of data source 5")]
#[case(Call::ReadSegment(SegmentSid(20)), "read segment 20")]
#[case(Call::LookUpSegment { data_source: SHARING, code: code() }, "look up segment with integration code I")]
fn what_only_asks_is_no_write(#[case] call: Call, #[case] label: &str) {
    assert_eq!(call.label(), label);
    assert!(!call.is_write() && !call.is_deletion());
}

#[rstest]
#[case(new_data_source(), "create data source \"Sharing\"")]
#[case(
    update_data_source(DataSourceChange::default()),
    "update data source 5 \"Sharing\""
)]
#[case(Call::CreateTraitFolder { name: "Traits".into() }, "create trait folder \"Traits\"")]
#[case(Call::CreateSegmentFolder { name: "Segments".into() }, "create segment folder \"Segments\"")]
#[case(new_trait(), "create trait \"Loyal\"")]
#[case(update_trait(TraitChange::default()), "update trait 10 \"Loyal\"")]
#[case(new_segment(), "create segment \"Loyal\"")]
#[case(
    update_segment(SegmentChange::default()),
    "update segment 20 \"Loyal\""
)]
fn what_makes_or_changes_is_a_write(#[case] call: Call, #[case] label: &str) {
    assert_eq!(call.label(), label);
    assert!(call.is_write() && !call.is_deletion());
}

#[rstest]
#[case(Call::DeleteDataSource(SHARING), "delete data source 5")]
#[case(Call::DeleteTraitFolder(TraitFolderId(6)), "delete trait folder 6")]
#[case(
    Call::DeleteSegmentFolder(SegmentFolderId(7)),
    "delete segment folder 7"
)]
#[case(Call::DeleteTrait(TraitSid(10)), "delete trait 10")]
#[case(Call::DeleteSegment(SegmentSid(20)), "delete segment 20")]
fn a_deletion_is_a_write_too(#[case] call: Call, #[case] label: &str) {
    assert_eq!(call.label(), label);
    assert!(call.is_write() && call.is_deletion());
}

#[test]
fn a_preview_names_every_field_that_changes_from_what_to_what() {
    let calls = [
        new_trait(),
        new_segment(),
        update_data_source(DataSourceChange {
            description: Some("New".into()),
        }),
        update_trait(TraitChange {
            name: Some("Loyal gamers".into()),
            description: Some("New".into()),
            integration_code: Some(IntegrationCode::new("4b1c")),
            data_source: Some(DataSourceId(4)),
            folder: Some(TraitFolderId(8)),
            rule: Some("a == 2".into()),
            ttl_days: Some(120),
            activate: true,
        }),
        update_trait(TraitChange::default()),
        update_segment(SegmentChange {
            name: Some("Loyal gamers".into()),
            description: Some("New".into()),
            integration_code: Some(IntegrationCode::new("4b1c")),
            data_source: Some(DataSourceId(4)),
            folder: Some(SegmentFolderId(9)),
            rule: Some("2T".into()),
            merge_rule: Some(DataSourceId(3)),
            activate: true,
            pause: false,
        }),
        update_segment(SegmentChange {
            pause: true,
            ..SegmentChange::default()
        }),
        update_segment(SegmentChange::default()),
    ];
    let lines: Vec<_> = calls.iter().map(Call::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    create trait "Loyal" rule a == 1
    create segment "Loyal" rule 10T
    update data source 5 "Sharing" description "Old" → "New"
    update trait 10 "Loyal" name "Loyal" → "Loyal gamers" description "Old" → "New" rule "a == 1" → "a == 2" data source 5 → 4 folder 6 → 8 ttl 7 → 120 integration code I → 4b1c status → ACTIVE
    update trait 10 "Loyal"
    update segment 20 "Loyal" name "Loyal" → "Loyal gamers" description "Old" → "New" rule "1T" → "2T" data source 5 → 4 folder 7 → 9 merge rule → 3 integration code I → 4b1c status → ACTIVE
    update segment 20 "Loyal" status → INACTIVE
    update segment 20 "Loyal"
    "#);
}

#[test]
fn a_plan_is_settled_when_nothing_is_due_and_nothing_is_held_back() {
    let of = |steps: &[Step], holds: &[Hold]| Plan {
        steps: steps.to_vec(),
        holds: holds.to_vec(),
        standing: (),
    };
    let step = Step {
        call: Call::ListDataSources,
        ready: true,
    };
    let hold = Hold {
        reason: Reason::AdoptionRefused,
        message: "Held.".into(),
    };
    assert!(of(&[], &[]).is_settled());
    assert!(!of(std::slice::from_ref(&step), &[]).is_settled());
    assert!(!of(&[], std::slice::from_ref(&hold)).is_settled());
    assert!(!of(&[step], &[hold]).is_settled());
}
