//! The rule by hand, one keeper and two against a model of the API server on virtual time, and chance from seeds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server;

use std::time::Duration;

use audience_sharing_core::domain::identifier::OrganizationId;
use audience_sharing_core::domain::mark::OwnerId;
use http::{Method, StatusCode};
use k8s_openapi::api::coordination::v1::LeaseSpec;
use rstest::rstest;

use super::{
    Decision, Instant, LeaseHandle, LeaseKeeper, LeaseOptions, OtherHolder, Subject, decide,
};
use server::{Faults, Server};

const SECOND: Duration = Duration::from_secs(1);

fn organization() -> OrganizationId {
    OrganizationId::new("0F1E2D3C4B5A69780A49420E@AdobeOrg")
}

fn owner(text: &str) -> OwnerId {
    OwnerId::parse(text).unwrap()
}

fn subject() -> Subject {
    Subject::organization(&organization(), owner("us"), Vec::new())
}

fn start(server: &Server, identity: &str) -> LeaseHandle {
    start_for(server, identity, subject())
}

fn start_for(server: &Server, identity: &str, subject: Subject) -> LeaseHandle {
    let options = LeaseOptions {
        duration: 15 * SECOND,
        renew_every: 5 * SECOND,
        wall_clock: || jiff::Timestamp::UNIX_EPOCH,
    };
    LeaseKeeper::start(
        server.client(),
        "operator",
        identity.into(),
        subject,
        None,
        options,
    )
}

/// Whether the handle says now that it holds the Lease.
fn blockers(handle: &LeaseHandle) -> bool {
    handle
        .valid_until()
        .borrow()
        .is_some_and(|until| until > Instant::now())
}

/// Lets virtual time pass, in steps small enough for every timer between.
async fn resync(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_another_owner_is_taken_by_its_successor_alone() {
    let server = Server::new(1, Faults::default());
    let first = start(&server, "a");
    resync(5 * SECOND).await;
    first.release().await;
    let subject =
        |previous: Vec<OwnerId>| Subject::organization(&organization(), owner("them"), previous);
    let stranger = start_for(&server, "b", subject(Vec::new()));
    resync(60 * SECOND).await;
    assert!(!blockers(&stranger));
    let why = stranger.other_holder().borrow().clone();
    assert_eq!(why, Some(OtherHolder::Owned("us".into())));
    let successor = start_for(&server, "c", subject(vec![owner("us")]));
    resync(60 * SECOND).await;
    assert!(blockers(&successor));
    assert_eq!(*successor.other_holder().borrow(), None);
}

#[tokio::test(start_paused = true)]
async fn who_holds_it_instead_is_known_and_since_when() {
    let server = Server::new(1, Faults::default());
    let _first = start(&server, "a");
    resync(5 * SECOND).await;
    let second = start(&server, "b");
    resync(5 * SECOND).await;
    let since = Instant::now();
    resync(60 * SECOND).await;
    let why = second.other_holder().borrow().clone();
    let Some(OtherHolder::Held { by, since: known }) = why else {
        panic!("{why:?}");
    };
    assert_eq!(by, "a");
    assert!(known <= since, "it begins anew with every renewal");
}

#[test]
fn the_name_is_that_of_the_organisation() {
    assert_eq!(
        subject().name,
        "organization-0f1e2d3c4b5a69780a49420e.audience-sharing.dev"
    );
}

#[rstest]
#[case::nobody(None, Some(15), 0, Decision::Acquire)]
#[case::given_up(Some(""), Some(15), 0, Decision::Acquire)]
#[case::ours(Some("me"), Some(15), 0, Decision::Renew)]
#[case::ours_though_run_out(Some("me"), Some(15), 100, Decision::Renew)]
#[case::just_seen(Some("you"), Some(15), 0, Decision::Wait(Duration::from_secs(15)))]
#[case::nearly_run_out(Some("you"), Some(15), 14, Decision::Wait(Duration::from_secs(1)))]
#[case::run_out(Some("you"), Some(15), 15, Decision::Acquire)]
#[case::the_holder_names_the_duration(
    Some("you"),
    Some(40),
    20,
    Decision::Wait(Duration::from_secs(20))
)]
#[case::no_duration(Some("you"), None, 3, Decision::Wait(Duration::from_secs(7)))]
#[case::a_duration_beyond_reason(Some("you"), Some(i32::MAX), 3_600, Decision::Acquire)]
#[case::a_negative_duration(Some("you"), Some(-5), 0, Decision::Wait(Duration::from_secs(1)))]
fn a_record_is_judged(
    #[case] holder: Option<&str>,
    #[case] duration: Option<i32>,
    #[case] since: u64,
    #[case] expected: Decision,
) {
    let holder_identity = holder.map(Into::into);
    let record = LeaseSpec {
        holder_identity,
        lease_duration_seconds: duration,
        ..LeaseSpec::default()
    };
    assert_eq!(
        decide(
            &record,
            "me",
            Duration::from_secs(since),
            Duration::from_secs(10)
        ),
        expected
    );
}

#[tokio::test(start_paused = true)]
async fn a_fresh_lease_is_acquired_and_renewed_with_one_request_each() {
    let server = Server::new(1, Faults::default());
    let begin = Instant::now();
    let keeper = start(&server, "a");
    resync(SECOND).await;
    assert_eq!(server.holder().as_deref(), Some("a"));
    assert_eq!(
        *keeper.valid_until().borrow(),
        Some(begin + 15 * SECOND),
        "from the sending, for the duration"
    );
    assert_eq!(
        server.take_requests(),
        [
            (Method::GET, StatusCode::NOT_FOUND),
            (Method::POST, StatusCode::CREATED)
        ]
    );
    resync(10 * SECOND).await;
    assert_eq!(
        server.take_requests(),
        [(Method::PUT, StatusCode::OK), (Method::PUT, StatusCode::OK)]
    );
    assert_eq!(*keeper.valid_until().borrow(), Some(begin + 25 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_counts_from_the_sending_not_from_the_answer() {
    let slow = Faults {
        delay_max: 4 * SECOND,
        ..Faults::default()
    };
    let server = Server::new(1, slow);
    let keeper = start(&server, "a");
    let mut until = keeper.valid_until();
    for _ in 0..20 {
        until.changed().await.unwrap();
        if let Some(until) = *until.borrow_and_update() {
            let written = server.written().unwrap();
            assert!(
                until < written + 15 * SECOND,
                "others count from when it was written"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_takes_over_only_after_the_expiry() {
    let server = Server::new(1, Faults::default());
    let first = start(&server, "a");
    resync(SECOND).await;
    let second = start(&server, "b");
    resync(60 * SECOND).await;
    assert!(
        blockers(&first) && !blockers(&second),
        "a renewed lease stays where it is"
    );
    let until = first.valid_until().borrow().unwrap();
    drop(first);
    tokio::time::sleep_until(until - SECOND).await;
    assert!(
        !blockers(&second),
        "not before the last renewal has run out"
    );
    resync(2 * 5 * SECOND).await;
    assert!(blockers(&second));
    assert_eq!(
        server.lease().unwrap().spec.unwrap().lease_transitions,
        Some(1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_the_next_look() {
    let server = Server::new(1, Faults::default());
    let first = start(&server, "a");
    resync(SECOND).await;
    let second = start(&server, "b");
    resync(SECOND).await;
    let watched = first.valid_until();
    first.release().await;
    assert_eq!((server.holder(), *watched.borrow()), (None, None));
    resync(5 * SECOND).await;
    assert!(blockers(&second), "within one renewal, not one duration");
}

#[tokio::test(start_paused = true)]
async fn an_edit_by_a_stranger_is_read_again_and_the_lease_kept() {
    let server = Server::new(1, Faults::default());
    let keeper = start(&server, "a");
    resync(SECOND).await;
    server.take_requests();
    server.conflict_next();
    resync(5 * SECOND).await;
    let expected = [
        (Method::PUT, StatusCode::CONFLICT),
        (Method::GET, StatusCode::OK),
        (Method::PUT, StatusCode::OK),
    ];
    assert_eq!(server.take_requests(), expected);
    assert!(blockers(&keeper));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_ends_what_was_held_and_an_answering_one_gives_it_back() {
    let server = Server::new(1, Faults::default());
    let keeper = start(&server, "a");
    resync(SECOND).await;
    server.set_down(true);
    resync(13 * SECOND).await;
    assert!(blockers(&keeper), "14 s after the only renewal");
    resync(2 * SECOND).await;
    assert_eq!(*keeper.valid_until().borrow(), None);
    server.set_down(false);
    resync(5 * SECOND).await;
    assert!(blockers(&keeper), "the record still names this process");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_not_taken_from_a_holder_that_was_seen() {
    let server = Server::new(1, Faults::default());
    let first = start(&server, "a");
    resync(SECOND).await;
    let second = start(&server, "b");
    resync(SECOND).await;
    server.delete();
    for _ in 0..30 {
        resync(SECOND).await;
        assert!(
            !blockers(&second),
            "the holder was renewed less than a duration ago"
        );
    }
    assert!(blockers(&first), "and it made the object anew");
}

/// Two processes come and go under faults; says how often each held, after checking that never both did.
async fn contend(seed: u64) -> [u32; 2] {
    let faults = Faults {
        refused_percent: 10,
        answer_lost_percent: 10,
        delay_max: 4 * SECOND,
    };
    let server = Server::new(seed, faults);
    let mut chance = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let mut keepers: [Option<LeaseHandle>; 2] = [None, None];
    // What a process believes outlives its handle: a write under way is not called back.
    let mut beliefs: [Option<Instant>; 2] = [None, None];
    let mut held = [0, 0];
    for step in 0..4_000u32 {
        for (index, keeper) in keepers.iter_mut().enumerate() {
            match keeper {
                None if chance.u8(0..100) < 2 => {
                    *keeper = Some(start(&server, &format!("{index}-{step}")))
                }
                Some(_) if chance.u16(0..1_000) < 2 => {
                    let handle = keeper.take().unwrap();
                    if chance.bool() {
                        handle.release().await;
                        beliefs[index] = None;
                    }
                }
                _ => {}
            }
        }
        resync(Duration::from_millis(100)).await;
        for (index, keeper) in keepers.iter().enumerate() {
            if let Some(keeper) = keeper {
                beliefs[index] = *keeper.valid_until().borrow();
            }
        }
        let now = Instant::now();
        let holders = beliefs.map(|until| until.is_some_and(|until| until > now));
        assert_ne!(
            holders,
            [true, true],
            "two holders in step {step} of seed {seed}"
        );
        held[0] += u32::from(holders[0]);
        held[1] += u32::from(holders[1]);
    }
    held
}

#[test]
fn two_contenders_never_hold_at_once() {
    let mut held = [0, 0];
    for seed in 0..48 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let [first, second] = runtime.block_on(contend(seed));
        held = [held[0] + first, held[1] + second];
    }
    assert!(
        held.iter().all(|steps| *steps > 10_000),
        "of 192,000 steps the lease was held in {held:?}"
    );
}
