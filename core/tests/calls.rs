//! What a call says of itself: in previews, in logs, and to whoever asks whether it writes.

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::domain::audience_manager::{
    DataSource, DataSourceChange, NewDataSource, NewSegment, NewTrait, Segment, SegmentChange,
    SegmentFolder, Trait, TraitChange, TraitFolder,
};
use audience_sharing_core::domain::destination::{Destination, Mapping};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, DestinationId, IntegrationCode, ModelId, SegmentFolderId, SegmentSid,
    TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::model::Model;
use audience_sharing_core::plan::Plan;
use rstest::rstest;

use crate::records::{
    SHARING, data_source, folder, onboarded, owned, segment, segment_folder, trait_folder,
};

fn code() -> IntegrationCode {
    IntegrationCode::new("I")
}

fn new_data_source() -> Call {
    Call::create::<DataSource>(NewDataSource {
        name: "Sharing".into(),
        description: "".into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: Restrictions::default(),
    })
}

fn new_trait() -> Call {
    Call::create::<Trait>(NewTrait {
        look_alikes: None,
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
    Call::create::<Segment>(NewSegment {
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
    Call::update(owned(&data_source(5, "Old")), change)
}

fn update_trait(change: TraitChange) -> Call {
    Call::update(owned(&onboarded(10, Some("I"))), change)
}

fn update_segment(change: SegmentChange) -> Call {
    Call::update(owned(&segment(20, Some("I"))), change)
}

#[rstest]
#[case(Call::read::<Audience>(AudienceId::new("I")), "read audience I")]
#[case(Call::list::<DataSource>(()), "list data sources")]
#[case(Call::list::<TraitFolder>(()), "list trait folders")]
#[case(Call::list::<SegmentFolder>(()), "list segment folders")]
#[case(Call::read::<DataSource>(DataSourceId(5)), "read data source 5")]
#[case(Call::read::<TraitFolder>(TraitFolderId(6)), "read trait folder 6")]
#[case(Call::read::<SegmentFolder>(SegmentFolderId(7)), "read segment folder 7")]
#[case(Call::list::<Trait>(vec![SHARING]), "list traits of data source 5")]
#[case(Call::read::<Trait>(TraitSid(10)), "read trait 10")]
#[case(Call::look_up::<Trait>((SHARING, code())), "look up trait with integration code I")]
#[case(Call::ReadTraitUsers(TraitSid(10)), "read the users of trait 10")]
#[case(Call::list::<Segment>(vec![SHARING]), "list segments of data source 5")]
#[case(Call::read::<Segment>(SegmentSid(20)), "read segment 20")]
#[case(Call::look_up::<Segment>((SHARING, code())), "look up segment with integration code I")]
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
#[case(Call::create::<TraitFolder>(folder("Traits")), "create trait folder \"Traits\"")]
#[case(Call::create::<SegmentFolder>(folder("Segments")), "create segment folder \"Segments\"")]
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
#[case(Call::delete(owned(&data_source(5, "Old"))), "delete data source 5 \"Sharing\"")]
#[case(Call::delete(owned(&trait_folder(6, "Traits"))), "delete trait folder 6 \"Traits\"")]
#[case(
    Call::delete(owned(&segment_folder(7, "Segments"))),
    "delete segment folder 7 \"Segments\""
)]
#[case(Call::delete(owned(&onboarded(10, Some("I")))), "delete trait 10 \"Loyal\"")]
#[case(Call::delete(owned(&segment(20, Some("I")))), "delete segment 20 \"Loyal\"")]
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
            threshold: None,
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
    update trait 10 "Loyal" name "Loyal" → "Loyal gamers" description "Old" → "New" rule "a == 1" → "a == 2" integration code "I" → "4b1c" data source 5 → 4 folder 6 → 8 ttl 7 → 120 status → ACTIVE
    update trait 10 "Loyal"
    update segment 20 "Loyal" name "Loyal" → "Loyal gamers" description "Old" → "New" rule "1T" → "2T" integration code "I" → "4b1c" data source 5 → 4 folder 7 → 9 merge rule → 3 status → ACTIVE
    update segment 20 "Loyal" status → INACTIVE
    update segment 20 "Loyal"
    "#);
}

#[test]
fn a_plan_is_settled_when_nothing_is_due_and_nothing_is_blocked() {
    let of = |steps: &[Step], blockers: &[Blocker]| Plan {
        steps: steps.to_vec(),
        blockers: blockers.to_vec(),
        state: (),
    };
    let step = Step {
        call: Call::list::<DataSource>(()),
        ready: true,
    };
    let blocker = Blocker::MarkTooLong;
    assert!(of(&[], &[]).is_settled());
    assert!(!of(std::slice::from_ref(&step), &[]).is_settled());
    assert!(!of(&[], std::slice::from_ref(&blocker)).is_settled());
    assert!(!of(&[step], &[blocker]).is_settled());
}

#[test]
fn a_call_says_which_system_it_goes_to() {
    let of_traits = Call::read::<Trait>(TraitSid(1));
    assert_eq!(of_traits.system(), "Audience Manager");
    assert_eq!(
        Call::ReadTraitUsers(TraitSid(1)).system(),
        "Audience Manager"
    );
    let of_audiences = Call::read::<Audience>(AudienceId::new("I"));
    assert_eq!(of_audiences.system(), "Experience Platform");
}

/// One answer serves all who wait for it: of lists that are no look-up of one's own.
#[rstest]
#[case::traits(Call::list::<Trait>(vec![SHARING]), true)]
#[case::segments(Call::list::<Segment>(vec![SHARING]), true)]
#[case::destinations(Call::list::<Destination>(()), true)]
#[case::a_destination(Call::read::<Destination>(DestinationId(4)), true)]
#[case::mappings(Call::list::<Mapping>(DestinationId(4)), true)]
#[case::models(Call::list::<Model>(()), true)]
#[case::adobes_sharing(Call::FindAdobeSharing, true)]
#[case::a_trait(Call::read::<Trait>(TraitSid(1)), false)]
#[case::a_segment(Call::read::<Segment>(SegmentSid(1)), false)]
#[case::a_model(Call::read::<Model>(ModelId(1)), false)]
#[case::a_look_up(Call::look_up::<Mapping>((SegmentSid(1), DestinationId(4))), false)]
#[case::users(Call::ReadTraitUsers(TraitSid(1)), false)]
fn a_list_is_sent_once_for_all(#[case] call: Call, #[case] shared: bool) {
    assert_eq!(call.is_shared(), shared);
}

#[test]
fn a_move_names_where_to() {
    let there = DataSourceId(77);
    let of_trait = Call::update(
        owned(&onboarded(10, None)),
        TraitChange {
            data_source: Some(there),
            ..TraitChange::default()
        },
    );
    let of_segment = Call::update(
        owned(&segment(20, None)),
        SegmentChange {
            data_source: Some(there),
            ..SegmentChange::default()
        },
    );
    assert_eq!(
        (of_trait.moves_to(), of_segment.moves_to()),
        (Some(there), Some(there))
    );
    assert_eq!(new_trait().moves_to(), None);
}

#[test]
fn the_texts_of_a_call_are_those_that_it_sends() {
    let texts = |call: &Call| -> Vec<(String, Option<String>)> {
        let texts = call.texts().into_iter();
        texts
            .map(|sent| (sent.text.to_owned(), sent.before.map(ToOwned::to_owned)))
            .collect()
    };
    assert!(texts(&new_segment()).contains(&("10T".into(), None)));
    let renamed = Call::update(
        owned(&segment(20, None)),
        SegmentChange {
            name: Some("New".into()),
            ..SegmentChange::default()
        },
    );
    assert_eq!(
        texts(&renamed),
        [("New".to_owned(), Some("Loyal".to_owned()))]
    );
    assert_eq!(texts(&Call::FindAdobeSharing), []);
}
