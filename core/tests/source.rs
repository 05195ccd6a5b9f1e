//! Which audience a `SharedAudience` means, and which may not be shared.

mod audience_manager;

use audience_sharing_core::blocker::Blocker;
use audience_sharing_core::call::Call;
use audience_sharing_core::compose::{AudienceSelector, SourceGonePolicy};
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::experience_platform::{Audience, Lifecycle};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::{Coverage, Inventory, Moment, Sequence};
use audience_sharing_core::plan::source::{Resolution, resolve_audience};
use rstest::rstest;

use crate::model::source;

fn id(id: &str) -> AudienceId {
    AudienceId::new(id)
}

fn by_id(text: &str) -> AudienceSelector {
    AudienceSelector::Id(id(text))
}

fn by_name(name: &str) -> AudienceSelector {
    AudienceSelector::Name(name.into())
}

fn listed(audiences: &[Audience]) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.apply_audiences(Sequence(1), Moment(0), audiences.to_vec(), &[]);
    inventory
}

/// An inventory whose second list lacks what its first one had.
fn doubted(audiences: &[Audience]) -> Inventory {
    let mut inventory = listed(audiences);
    inventory.apply_audiences(Sequence(2), Moment(0), Vec::new(), &[]);
    inventory
}

fn held(resolution: Resolution<&Audience>) -> Blocker {
    match resolution {
        Resolution::Blocked(blocker) => blocker,
        Resolution::Gone(source) => Blocker::SourceGone(source, SourceGonePolicy::Retain),
        other => panic!("nothing is held: {other:?}"),
    }
}

#[test]
fn a_source_is_found_by_its_id_or_its_exact_name() {
    let audience = source("I", "Loyal gamers");
    let inventory = listed(std::slice::from_ref(&audience));
    for selector in [by_id("I"), by_name("Loyal gamers")] {
        assert_eq!(
            resolve_audience(&selector, None, &inventory),
            Resolution::Found(&audience)
        );
    }
    assert_eq!(
        held(resolve_audience(&by_name("loyal gamers"), None, &inventory)).reason(),
        Reason::SourceNotFound
    );
}

#[test]
fn the_recorded_audience_stays_the_source_however_it_is_named() {
    let inventory = listed(&[source("I", "Loyal gamers"), source("J", "Loyal gamers")]);
    for selector in [by_name("Loyal gamers"), by_id("I"), by_name("Before")] {
        assert_eq!(
            resolve_audience(&selector, Some(&id("I")), &inventory),
            Resolution::Found(&source("I", "Loyal gamers")),
            "{selector:?}"
        );
    }
}

#[test]
fn what_names_another_audience_than_the_recorded_one_is_refused() {
    let inventory = listed(&[source("I", "Renamed"), source("J", "Loyal gamers")]);
    for selector in [by_name("Loyal gamers"), by_id("J"), by_id("unknown")] {
        let blocker = held(resolve_audience(&selector, Some(&id("I")), &inventory));
        assert_eq!(blocker.reason(), Reason::SourceChanged, "{selector:?}");
        let message = blocker.message();
        assert!(message.contains("recorded audience I"), "{message}");
    }
}

#[test]
fn what_is_not_known_or_in_doubt_is_read_by_its_id() {
    let ask = Resolution::Ask(Call::read::<Audience>(id("I")));
    assert_eq!(
        resolve_audience(&by_id("I"), None, &listed(&[])),
        ask,
        "a list proves no absence"
    );
    let inventory = doubted(&[source("I", "Loyal gamers")]);
    assert_eq!(resolve_audience(&by_id("I"), None, &inventory), ask);
    assert_eq!(
        resolve_audience(&by_name("Loyal gamers"), None, &inventory),
        ask
    );
}

#[test]
fn only_its_own_404_says_that_a_source_is_not_there() {
    let mut inventory = listed(&[source("I", "Loyal gamers")]);
    inventory.audiences.apply_gone(Sequence(3), &id("I"));
    let blocker = held(resolve_audience(&by_id("I"), None, &inventory));
    assert_eq!(blocker.reason(), Reason::SourceNotFound);
    assert_eq!(blocker.reason().disposition(), Disposition::Stalled);
}

#[test]
fn a_name_waits_for_the_first_list_and_needs_a_person_after_it() {
    let blocker = held(resolve_audience(&by_name("x"), None, &Inventory::default()));
    assert_eq!(
        (blocker.reason(), blocker.reason().disposition()),
        (Reason::Progressing, Disposition::Wait)
    );
    let blocker = held(resolve_audience(&by_name("x"), None, &listed(&[])));
    assert_eq!(
        (blocker.reason(), blocker.reason().disposition()),
        (Reason::SourceNotFound, Disposition::Stalled)
    );
}

/// An element that cannot be read hides no other, but it may be the one that is looked for.
#[test]
fn a_name_that_no_list_shows_may_be_the_element_that_cannot_be_read() {
    let mut inventory = listed(&[]);
    let shown = vec![source("I", "Loyal gamers")];
    let (at, whole) = (Sequence(9), Coverage::Whole);
    let table = &mut inventory.audiences;
    table.apply_list(at, Moment(900_000), whole, shown, &[None]);
    let blocker = held(resolve_audience(&by_name("x"), None, &inventory));
    assert_eq!(blocker.reason(), Reason::UnexpectedAnswer);
    assert!(
        blocker.message().contains("audience \"x\""),
        "{}",
        blocker.message()
    );
    assert!(matches!(
        resolve_audience(&by_name("Loyal gamers"), None, &inventory),
        Resolution::Found(_)
    ));
}

#[rstest]
#[case::two(2, "I1, I2.")]
#[case::as_many_as_are_shown(8, "I1, I2, I3, I4, I5, I6, I7, I8.")]
#[case::one_more(9, "I1, I2, I3, I4, I5, I6, I7, I8 and 1 more.")]
fn a_name_of_several_names_their_ids(#[case] count: usize, #[case] ids: &str) {
    let namesakes: Vec<_> = (1..=count)
        .map(|number| source(&format!("I{number}"), "x"))
        .collect();
    let blocker = held(resolve_audience(&by_name("x"), None, &listed(&namesakes)));
    assert_eq!(blocker.reason(), Reason::SourceAmbiguous);
    assert!(blocker.message().contains(ids), "{}", blocker.message());
}

#[rstest]
#[case::published(Lifecycle::Published, None)]
#[case::draft(Lifecycle::Draft, None)]
#[case::inactive(Lifecycle::Inactive, Some(Reason::SourceInactive))]
#[case::deleted(Lifecycle::Deleted, Some(Reason::SourceNotFound))]
#[case::of_a_later_version(Lifecycle::Other("frozen".into()), None)]
fn only_a_deleted_or_inactive_source_is_not_shared(
    #[case] lifecycle: Lifecycle,
    #[case] refused: Option<Reason>,
) {
    let mut audience = source("I", "Loyal gamers");
    audience.lifecycle = lifecycle;
    let inventory = listed(&[audience]);
    let reason = match resolve_audience(&by_id("I"), None, &inventory) {
        Resolution::Found(_) => None,
        other => Some(held(other).reason()),
    };
    assert_eq!(reason, refused);
}

#[rstest]
#[case::of_the_platform("AEPSegments", "REAL_TIME_CUSTOMER_PROFILE", "", false)]
#[case::origin("AEPSegments", "audience_manager", "", true)]
#[case::namespace("AAM", "", "", true)]
#[case::segments("aamsegments", "", "", true)]
#[case::traits("AAMTraits", "", "", true)]
#[case::another_namespace("AAMOther", "", "", false)]
#[case::a_mark(
    "AudienceManagerSharing",
    "CUSTOM_UPLOAD",
    "[audience-sharing:somebody/team/theirs]",
    true
)]
fn what_came_from_audience_manager_is_not_shared_back(
    #[case] namespace: &str,
    #[case] origin: &str,
    #[case] description: &str,
    #[case] loops: bool,
) {
    let mut audience = source("I", "Loyal gamers");
    (audience.namespace, audience.origin) = (namespace.into(), origin.into());
    audience.description = description.into();
    let inventory = listed(&[audience]);
    match resolve_audience(&by_id("I"), None, &inventory) {
        Resolution::Found(_) => assert!(!loops),
        other => {
            assert_eq!(held(other).reason(), Reason::SharingLoop);
            assert!(loops);
        }
    }
}

#[rstest]
#[case::keep(SourceGonePolicy::Retain, "Audience Manager was left as it is")]
#[case::pause(
    SourceGonePolicy::Pause,
    "segments that were made of it in Audience Manager are paused until"
)]
#[case::delete(SourceGonePolicy::Delete, "made of it in Audience Manager was deleted")]
fn a_source_that_is_gone_says_what_became_of_what_was_made_of_it(
    #[case] policy: SourceGonePolicy,
    #[case] told: &str,
) {
    let mut audience = source("I", "Loyal gamers");
    audience.lifecycle = Lifecycle::Deleted;
    match resolve_audience(&by_id("I"), None, &listed(&[audience])) {
        Resolution::Gone(source) => {
            let message = Blocker::SourceGone(source, policy).message();
            assert!(message.contains(told), "{message}");
        }
        other => panic!("it is gone: {other:?}"),
    }
}
