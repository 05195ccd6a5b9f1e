//! The hash by its laws, the roll by what lists say over time.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use proptest::prelude::{Just, Strategy, proptest};
use proptest::{prop_assert, prop_assert_eq};
use rstest::rstest;
use tokio::time::Instant;

use super::rendezvous::choose;
use super::roll::{REPLICA_GROUP, Roll};
use crate::controller::lease;

fn identities(count: std::ops::Range<usize>) -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("operator-[0-9a-f]{8}_[0-9a-f]{8}", count)
}

proptest! {
    #[test]
    fn who_comes_takes_its_share_and_moves_nothing_else(
        (alive, newcomer) in identities(2..6).prop_flat_map(|alive| {
            let all: Vec<String> = alive.iter().cloned().collect();
            (Just(alive), proptest::sample::select(all))
        }),
        organization in "[0-9A-F]{24}@AdobeOrg",
    ) {
        let before: BTreeSet<String> = alive.iter().filter(|one| **one != newcomer).cloned().collect();
        let (then, now) = (choose(&before, &organization), choose(&alive, &organization));
        prop_assert!(now == then || now == Some(&newcomer));
        prop_assert!(now.is_some());
    }

    #[test]
    fn replicas_that_see_the_same_choose_the_same(alive in identities(1..6), organization in "[0-9A-F]{24}") {
        let mut again: Vec<String> = alive.iter().cloned().collect();
        again.reverse();
        let again: BTreeSet<String> = again.into_iter().collect();
        prop_assert_eq!(choose(&alive, &organization), choose(&again, &organization));
    }
}

/// An old and a new version share the organisations while one takes the other's place.
#[test]
fn the_choice_is_the_same_in_every_version() {
    let alive = ["operator-0", "operator-1", "operator-2"]
        .map(str::to_owned)
        .into();
    let chosen = |number: usize| choose(&alive, &format!("{number:024X}@AdobeOrg")).unwrap();
    let chosen: Vec<&str> = (0..6).map(|number| chosen(number).as_str()).collect();
    assert_eq!(
        chosen,
        [
            "operator-2",
            "operator-1",
            "operator-1",
            "operator-2",
            "operator-1",
            "operator-0"
        ]
    );
}

#[test]
fn nobody_alive_nobody_chosen() {
    assert_eq!(
        choose(&BTreeSet::new(), "0F1E2D3C4B5A69780A49420E@AdobeOrg"),
        None
    );
}

#[rstest]
fn many_organisations_are_spread_evenly(#[values(2, 3, 5)] replicas: usize) {
    const ORGANIZATIONS: usize = 3_000;
    let alive: BTreeSet<String> = (0..replicas)
        .map(|number| format!("operator-{number}"))
        .collect();
    let mut shares: BTreeMap<&String, usize> = BTreeMap::new();
    for number in 0..ORGANIZATIONS {
        let organization = format!("{number:024X}@AdobeOrg");
        *shares
            .entry(choose(&alive, &organization).unwrap())
            .or_default() += 1;
    }
    let fair = ORGANIZATIONS / replicas;
    for (replica, share) in shares {
        assert!(
            share.abs_diff(fair) < fair / 5,
            "{replica} has {share}, fair were {fair}"
        );
    }
}

/// The Lease of a replica, renewed so often.
fn replica(identity: &str, group: &str, renewals: i64) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some(format!("lease-of-{identity}")),
            uid: Some(format!("uid-of-{identity}")),
            resource_version: Some(renewals.to_string()),
            labels: Some(BTreeMap::from([
                (lease::LABEL.into(), lease::OF_REPLICA.into()),
                (REPLICA_GROUP.into(), group.into()),
            ])),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(identity.into()),
            lease_duration_seconds: Some(30),
            renew_time: Some(MicroTime(jiff::Timestamp::from_second(renewals).unwrap())),
            ..LeaseSpec::default()
        }),
    }
}

fn given_back(mut lease: Lease) -> Lease {
    lease.spec.as_mut().unwrap().holder_identity = None;
    lease
}

fn of_organization(holder: &str) -> Lease {
    let mut lease = replica(holder, "ours", 0);
    let labels = lease.metadata.labels.as_mut().unwrap();
    labels.insert(lease::LABEL.into(), "organization".into());
    lease
}

/// What a look at these leases says, `seconds` after the beginning.
struct Looks {
    roll: Roll,
    begin: Instant,
}

impl Looks {
    fn new() -> Self {
        Self {
            roll: Roll::new("ours".into()),
            begin: Instant::now(),
        }
    }

    fn at(&mut self, seconds: u64, leases: &[Lease]) -> (Vec<String>, Vec<String>) {
        let now = self.begin + Duration::from_secs(seconds);
        let (alive, departed) = self.roll.note(leases.to_vec(), now);
        let departed = departed.into_iter().map(|departed| departed.name);
        (alive.into_iter().collect(), departed.collect())
    }
}

#[tokio::test]
async fn alive_is_who_renews_and_for_thirty_seconds_who_did() {
    let mut looks = Looks::new();
    let (a, b) = (replica("a", "ours", 1), replica("b", "ours", 1));
    assert_eq!(looks.at(0, &[a.clone(), b.clone()]).0, ["a", "b"]);
    assert_eq!(
        looks.at(29, &[replica("a", "ours", 2), b.clone()]).0,
        ["a", "b"]
    );
    assert_eq!(looks.at(30, &[replica("a", "ours", 2), b.clone()]).0, ["a"]);
    let back = replica("b", "ours", 2);
    assert_eq!(looks.at(35, &[replica("a", "ours", 3), back]).0, ["a", "b"]);
}

#[tokio::test]
async fn who_gave_its_lease_back_is_gone_at_once_and_who_fell_silent_after_an_hour() {
    let mut looks = Looks::new();
    let (a, b) = (replica("a", "ours", 1), replica("b", "ours", 1));
    looks.at(0, &[a.clone(), b.clone()]);
    let (alive, gone) = looks.at(1, &[given_back(a), b.clone()]);
    assert_eq!(
        (alive, gone),
        (vec!["b".to_owned()], vec!["lease-of-a".to_owned()])
    );
    assert_eq!(looks.at(3_599, std::slice::from_ref(&b)), (vec![], vec![]));
    assert_eq!(looks.at(3_600, &[b]).1, ["lease-of-b"]);
}

#[tokio::test]
async fn only_those_told_the_same_stand_in_for_each_other_and_a_lease_of_an_organisation_is_no_replica()
 {
    let mut looks = Looks::new();
    let leases = [
        replica("a", "ours", 1),
        replica("b", "theirs", 1),
        of_organization("c"),
        given_back(of_organization("d")),
    ];
    assert_eq!(looks.at(0, &leases), (vec!["a".to_owned()], vec![]));
}

/// So a successor does not wait anew for a Lease that others have long seen stand still.
#[tokio::test]
async fn a_lease_counts_as_seen_from_the_first_look_that_showed_it_as_it_is() {
    let mut looks = Looks::new();
    let lease = of_organization("c");
    looks.at(0, std::slice::from_ref(&lease));
    looks.at(50, std::slice::from_ref(&lease));
    let (record, since) = looks.roll.observed("lease-of-c").unwrap();
    assert_eq!((Some(record), since), (lease.spec, looks.begin));
    looks.at(60, &[]);
    assert!(looks.roll.observed("lease-of-c").is_none(), "deleted");
}
