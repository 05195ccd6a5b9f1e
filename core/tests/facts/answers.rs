//! What an answer is, beside what it changes: whether something was written, what could not be read, how much is missing.

use audience_sharing_core::call::Call;
use audience_sharing_core::domain::audience_manager::{
    Activity, NewSegment, Segment, Trait, TraitReference,
};
use audience_sharing_core::domain::destination::{Destination, Mapping, MappingKeys};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    DestinationId, IntegrationCode, MappingId, SegmentFolderId, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::source::{AudienceManagerSelector, Naming, SourceKind};
use audience_sharing_core::facts::{
    Answer, Failure, ListedDestination, Listing, Response, apply, apply_failure, missing,
    unreadable,
};
use audience_sharing_core::inventory::{Coverage, Inventory, Key, RuleContent, Sequence};
use rstest::rstest;

use super::lag::destination;
use super::{LATER, SID, at, create, known};
use crate::model::source;
use crate::records::{SHARING, onboarded, owned, segment};

#[rstest]
#[case::written(Response::Trait(Answer::Written(onboarded(10, None))), true, false)]
#[case::unseen(Response::Segment(Answer::WrittenUnseen), true, false)]
#[case::deleted(Response::Audience(Answer::Deleted), true, false)]
#[case::changed(Response::Trait(Answer::Changed(onboarded(10, None))), false, true)]
#[case::read(Response::Trait(Answer::Read(onboarded(10, None))), false, false)]
#[case::not_found(Response::Trait(Answer::NotFound), false, false)]
#[case::of_no_kind(Response::RuleAccepted, false, false)]
fn an_answer_says_whether_something_was_written(
    #[case] response: Response,
    #[case] written: bool,
    #[case] changed: bool,
) {
    assert_eq!(
        (response.is_written(), response.is_changed()),
        (written, changed)
    );
}

#[test]
fn what_a_list_could_not_read_is_named() {
    let listing = Listing {
        items: vec![onboarded(10, None)],
        undecodable: vec![Some(TraitSid(11)), None],
        ..Listing::default()
    };
    let (plural, ids) = unreadable(&Response::Trait(Answer::Listed(listing))).unwrap();
    assert_eq!(plural, "traits");
    assert_eq!(ids, [Some("TraitSid(11)".to_owned()), None]);
    let read = Response::Trait(Answer::Read(onboarded(10, None)));
    assert_eq!(unreadable(&read), None);
    assert_eq!(unreadable(&Response::RuleAccepted), None);
}

#[test]
fn what_a_list_lacks_of_what_is_known_is_counted() {
    let inventory = known();
    let list = Call::list::<Trait>(vec![SHARING]);
    let of = |items: Vec<Trait>| {
        Response::Trait(Answer::Listed(Listing {
            items,
            ..Listing::default()
        }))
    };
    let count = |response: &Response, sent| missing(&inventory, &list, response, Sequence(sent));
    assert_eq!(count(&of(vec![]), 5), 2);
    assert_eq!(count(&of(vec![onboarded(11, Some("J"))]), 5), 1);
    assert_eq!(
        count(&of(vec![]), 1),
        0,
        "the list is as old as what is known"
    );
    let read = Response::Trait(Answer::Read(onboarded(10, None)));
    assert_eq!(
        missing(&inventory, &Call::read::<Trait>(SID), &read, Sequence(5)),
        0
    );
    assert_eq!(
        missing(&inventory, &list, &Response::RuleAccepted, Sequence(5)),
        0
    );
}

/// A mapping says of which segment it is; what depends on that is planned again.
#[test]
fn a_destination_brings_its_mappings_and_names_what_depends_on_them() {
    let mut inventory = Inventory::default();
    let traits = &mut inventory.segments;
    let ours = segment(20, Some("I"));
    traits.apply_list(
        Sequence(1),
        LATER,
        Coverage::DataSource(SHARING),
        vec![ours],
        &[],
    );
    let id = MappingId {
        destination: destination().id,
        number: 5,
    };
    let mapping = Mapping {
        id,
        segment: SegmentSid(20),
        keys: MappingKeys::default(),
        start: None,
        end: None,
        activity: Activity::Active,
    };
    let mappings = Some(Listing {
        items: vec![mapping.clone()],
        ..Listing::default()
    });
    let listed = ListedDestination {
        destination: destination(),
        mappings,
    };
    let listing = Listing {
        items: vec![listed.clone()],
        ..Listing::default()
    };
    let call = Call::list::<Destination>(());
    let response = Response::Destination(Answer::Listed(listing));
    let touched = apply(&mut inventory, &call, response, at(2, 3)).unwrap();
    for key in [
        Key::Destination(destination().id),
        Key::DestinationName("Shop".into()),
        Key::Segment(SegmentSid(20)),
    ] {
        assert!(touched.contains(&key), "{key:?}: {touched:?}");
    }
    assert!(inventory.mappings.get(&id).is_some());
    let call = Call::read::<Destination>(DestinationId(8));
    let response = Response::Destination(Answer::Read(listed));
    apply(&mut inventory, &call, response, at(4, 5)).unwrap();
    assert_eq!(
        inventory.destinations.get(&destination().id).unwrap().seen,
        Sequence(4)
    );
    let call = Call::list::<Mapping>(DestinationId(8));
    let listing = Listing {
        items: vec![mapping],
        ..Listing::default()
    };
    let response = Response::Mapping(Answer::Listed(listing));
    apply(&mut inventory, &call, response, at(6, 7)).unwrap();
    assert_eq!(inventory.mappings.get(&id).unwrap().seen, Sequence(6));
    let empty = Response::Mapping(Answer::Listed(Listing::default()));
    assert_eq!(missing(&inventory, &call, &empty, Sequence(9)), 1);
}

#[test]
fn a_list_of_audiences_names_what_depends_on_each() {
    let mut inventory = Inventory::default();
    let listing = Listing {
        items: vec![source("I", "Gamers")],
        ..Listing::default()
    };
    let response = Response::Audience(Answer::Listed(listing));
    let call = Call::list::<Audience>(());
    let touched = apply(&mut inventory, &call, response, at(1, 2)).unwrap();
    let id = source("I", "Gamers").id;
    assert!(touched.contains(&Key::Audience(id.clone())), "{touched:?}");
    assert!(touched.contains(&Key::AudienceName("Gamers".into())));
    assert!(inventory.audiences.get(&id).is_some());
}

/// What a user's words were answered is kept, whichever kind they mean.
#[test]
fn searches_and_verdicts_are_kept() {
    let mut inventory = Inventory::default();
    let selector = AudienceManagerSelector {
        kind: SourceKind::Segment,
        naming: Naming::Name("Buyers".into()),
    };
    let call = Call::Search(selector.clone());
    let found = Response::SegmentsFound(vec![segment(20, Some("I"))]);
    let touched = apply(&mut inventory, &call, found, at(1, 2)).unwrap();
    assert_eq!(inventory.searches[&selector].sids, [20]);
    assert!(touched.contains(&Key::Segment(SegmentSid(20))));

    let reference = TraitReference::Code {
        code: IntegrationCode::new("I"),
        data_source: None,
    };
    let call = Call::FindTrait(reference.clone());
    let found = Response::TraitsFound(vec![onboarded(10, Some("I"))]);
    apply(&mut inventory, &call, found, at(1, 2)).unwrap();
    assert_eq!(inventory.named_traits[&reference].sids, [TraitSid(10)]);

    let content = RuleContent {
        template: "{trait}".into(),
        sids: Vec::new(),
    };
    let call = Call::ValidateRule {
        segment: "one".into(),
        content: content.clone(),
        rule: "1T".into(),
    };
    apply(&mut inventory, &call, Response::RuleAccepted, at(3, 4)).unwrap();
    assert!(inventory.rule_verdicts[&content].accepted);
    let refused = apply_failure(&mut inventory, &call, at(5, 6), Failure::RuleRefused);
    assert_eq!(refused, Ok(true));
    assert!(!inventory.rule_verdicts[&content].accepted);
    let other = apply_failure(&mut inventory, &create(), at(5, 6), Failure::RuleRefused);
    assert_eq!(other, Ok(false), "only the question is answered by it");
}

/// A conflict on a deletion says who is in the way; on anything else the look-up shows more.
#[rstest]
#[case::unknown_create(create(), Failure::OutcomeUnknown, true)]
#[case::taken_key(create(), Failure::Conflict, true)]
#[case::blocked_deletion(Call::delete(owned(&onboarded(10, Some("I")))), Failure::Conflict, false)]
#[case::unknown_deletion(Call::delete(owned(&onboarded(10, Some("I")))), Failure::OutcomeUnknown, true)]
#[case::a_read(Call::read::<Trait>(SID), Failure::OutcomeUnknown, false)]
fn a_failure_is_an_answer_where_planning_can_go_on(
    #[case] call: Call,
    #[case] failure: Failure,
    #[case] goes_on: bool,
) {
    let mut inventory = known();
    assert_eq!(
        apply_failure(&mut inventory, &call, at(5, 6), failure),
        Ok(goes_on)
    );
}

#[test]
fn a_refused_creation_of_a_segment_is_looked_up_once() {
    let mut inventory = Inventory::default();
    let new = NewSegment {
        name: "Loyal".into(),
        description: "".into(),
        integration_code: IntegrationCode::new("I"),
        data_source: SHARING,
        folder: SegmentFolderId(7),
        rule: "1T".into(),
        merge_rule: None,
    };
    let call = Call::create::<Segment>(new);
    let key = (SHARING, IntegrationCode::new("I"));
    let at_first = apply_failure(&mut inventory, &call, at(1, 2), Failure::Refused);
    assert_eq!(at_first, Ok(false));
    assert!(inventory.segments.is_unresolved(&key));
    let found = Response::Segment(Answer::Found(Vec::new()));
    let look_up = Call::look_up::<Segment>(key.clone());
    apply(&mut inventory, &look_up, found, at(3, 4)).unwrap();
    let again = apply_failure(&mut inventory, &call, at(5, 6), Failure::Refused);
    assert_eq!(again, Ok(false));
    assert!(!inventory.segments.is_unresolved(&key), "once is enough");
}
