//! A 404 within a minute of our own write may lag behind it, for every kind of object (design.md §4, L2).

use audience_sharing_core::call::Call;
use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::destination::{Destination, DestinationKind, Mapping};
use audience_sharing_core::domain::experience_platform::{Audience, NewAudience, NewForm};
use audience_sharing_core::domain::identifier::{AudienceId, DestinationId, MappingId, SegmentSid};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::facts::{Answer, At, Failure, Known, Response, apply, apply_failure};
use audience_sharing_core::inventory::{Inventory, Moment, NotShownYet, Sequence};
use audience_sharing_core::kinds::audience::AudienceLookUp;
use rstest::rstest;

use super::{LATER, at};
use crate::model::source;
use crate::records::{data_source, onboarded, owned, segment, segment_folder, trait_folder};

const NOT_FOUND: Failure = Failure::NotFound { proven: true };

pub(super) fn destination() -> Destination {
    Destination {
        id: DestinationId(8),
        name: "Shop".into(),
        kind: DestinationKind::Url {
            serial: Some(false),
        },
        activity: Activity::Active,
        fills_alias: Some(false),
        labels: Some(Restrictions::default()),
        updated: Some(1),
        was_read: false,
        tells_mappings: false,
    }
}

fn mapping() -> Mapping {
    let id = MappingId {
        destination: DestinationId(8),
        number: 9,
    };
    Mapping::known_by_ids(id, SegmentSid(20))
}

fn calls_about<K: Known>(object: &K) -> [Call; 2] {
    [Call::read::<K>(object.id()), Call::delete(owned(object))]
}

fn is_not_believed_within_a_minute_of_our_write<K: Known>(object: K) {
    for call in calls_about(&object) {
        let mut inventory = Inventory::default();
        let table = K::table_mut(&mut inventory);
        table.apply_written(Sequence(1), LATER, object.clone());
        let at = |after_ms: u64| At {
            now: Moment(LATER.0 + after_ms),
            ..at(10, 11)
        };
        let early = apply_failure(&mut inventory, &call, at(59_999), NOT_FOUND);
        assert_eq!(early, Err(NotShownYet), "{call}");
        assert!(K::table(&inventory).get(&object.id()).is_some(), "{call}");
        let late = apply_failure(&mut inventory, &call, at(60_000), NOT_FOUND);
        assert_eq!(late, Ok(true), "{call}");
        assert!(K::table(&inventory).is_gone(&object.id()), "{call}");
    }
}

fn is_not_believed_within_a_minute_of_the_process_before<K: Known>(object: K) {
    for call in calls_about(&object) {
        let answered = |recorded: bool, now: u64| {
            let mut inventory = Inventory::default();
            let at = At {
                now: Moment(now),
                recorded,
                ..at(10, 11)
            };
            let answered = apply_failure(&mut inventory, &call, at, NOT_FOUND);
            let is_gone = K::table(&inventory).is_gone(&object.id());
            assert_eq!(is_gone, answered.is_ok(), "{call}");
            answered
        };
        assert_eq!(answered(true, 59_999), Err(NotShownYet), "{call}");
        assert_eq!(answered(true, 60_000), Ok(true), "{call}");
        assert_eq!(answered(false, 0), Ok(true), "nobody wrote it: {call}");
    }
}

macro_rules! every_kind {
    ($law:ident) => {
        #[rstest]
        #[case::data_source(|| super::$law(data_source(5, "")))]
        #[case::trait_folder(|| super::$law(trait_folder(6, "Traits")))]
        #[case::segment_folder(|| super::$law(segment_folder(7, "Segments")))]
        #[case::onboarded_trait(|| super::$law(onboarded(10, Some("I"))))]
        #[case::segment(|| super::$law(segment(20, Some("I"))))]
        #[case::audience(|| super::$law(source("I", "Loyal gamers")))]
        #[case::destination(|| super::$law(destination()))]
        #[case::mapping(|| super::$law(mapping()))]
        fn a_404(#[case] law: fn()) {
            law();
        }
    };
}

mod own_write {
    use super::*;
    every_kind!(is_not_believed_within_a_minute_of_our_write);
}

mod write_of_the_process_before {
    use super::*;
    every_kind!(is_not_believed_within_a_minute_of_the_process_before);
}

#[test]
fn an_answer_that_lacks_what_we_just_wrote_is_not_believed_either() {
    let mut inventory = Inventory::default();
    let audience = source("I", "Loyal gamers");
    let audiences = &mut inventory.audiences;
    audiences.apply_written(Sequence(1), LATER, audience);
    let id = AudienceId::new("I");
    let call = Call::read::<Audience>(id.clone());
    let lacking = Response::Audience(Answer::NotFound);
    assert_eq!(
        apply(&mut inventory, &call, lacking, at(10, 11)),
        Err(NotShownYet)
    );
    assert!(inventory.audiences.get(&id).is_some());
}

/// Only Experience Platform's reads lag: elsewhere an empty look-up resolves at once.
#[test]
fn a_created_audience_that_a_look_up_lacks_may_not_show_yet() {
    let new = NewAudience {
        name: "Gold".into(),
        description: "".into(),
        labels: Default::default(),
        form: NewForm::External {
            namespace: "AAMSegments".into(),
            audience_id: "7".into(),
        },
    };
    let look_up = AudienceLookUp::of(&new);
    let key = look_up.natural_key();
    let create = Call::create::<Audience>(new);
    let look_up = Call::look_up::<Audience>(look_up);
    let mut inventory = Inventory::default();
    let created = At {
        now: LATER,
        ..at(10, 11)
    };
    let failed = apply_failure(&mut inventory, &create, created, Failure::OutcomeUnknown);
    assert_eq!(failed, Ok(true));
    let mut answered = |after_ms: u64, found: Vec<Audience>| {
        let at = At {
            now: Moment(LATER.0 + after_ms),
            ..at(20 + after_ms, 21 + after_ms)
        };
        let response = Response::Audience(Answer::Found(found));
        let applied = apply(&mut inventory, &look_up, response, at);
        (applied.is_ok(), inventory.audiences.is_unresolved(&key))
    };
    assert_eq!(answered(59_999, Vec::new()), (false, true));
    assert_eq!(answered(60_000, Vec::new()), (true, false));
}
