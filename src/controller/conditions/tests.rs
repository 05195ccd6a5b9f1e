//! The laws of conditions over every way to set them, and each rule by hand.

use proptest::prelude::*;

use super::{
    Condition, ConditionStatus, ConditionType, Conditions, MESSAGE_BYTES_MAX, Reason, Time,
    Timestamp, laws,
};

fn at(second: i64, nanosecond: i32) -> Timestamp {
    Timestamp::new(1_700_000_000 + second, nanosecond).expect("a time of this century")
}

fn ready(previous: &[Condition], status: ConditionStatus, now: Timestamp) -> Vec<Condition> {
    Conditions::after(previous, 3, now)
        .set(
            ConditionType::Ready,
            status,
            Reason::Succeeded,
            "As declared.",
        )
        .finish()
}

#[test]
fn a_time_stays_while_the_status_stays() {
    let first = ready(&[], ConditionStatus::True, at(0, 999_999_999));
    let second = ready(&first, ConditionStatus::True, at(60, 5));
    assert_eq!(second, first);
    assert_eq!(
        second[0].last_transition_time,
        Time(at(0, 0)),
        "a time of whole seconds equals itself read back"
    );
}

#[test]
fn a_time_moves_with_the_status() {
    let first = ready(&[], ConditionStatus::True, at(0, 0));
    let second = ready(&first, ConditionStatus::False, at(60, 5));
    assert_eq!(second[0].last_transition_time, Time(at(60, 0)));
}

#[test]
fn a_new_reason_or_generation_moves_no_time() {
    let first = ready(&[], ConditionStatus::False, at(0, 0));
    let second = Conditions::after(&first, 4, at(60, 0))
        .set(
            ConditionType::Ready,
            ConditionStatus::False,
            Reason::Throttled,
            "Audience Manager asked to wait.",
        )
        .finish();
    assert_eq!(second[0].last_transition_time, Time(at(0, 0)));
    assert_eq!(
        (second[0].reason.as_str(), second[0].observed_generation),
        ("Throttled", Some(4))
    );
}

#[test]
fn what_is_not_set_is_gone() {
    let first = Conditions::after(&[], 1, at(0, 0))
        .set(
            ConditionType::Drifted,
            ConditionStatus::True,
            Reason::Progressing,
            "The name differs.",
        )
        .set(
            ConditionType::Ready,
            ConditionStatus::True,
            Reason::Succeeded,
            "As declared.",
        )
        .finish();
    let types: Vec<&str> = first
        .iter()
        .map(|condition| condition.type_.as_str())
        .collect();
    assert_eq!(
        types,
        ["Ready", "Drifted"],
        "the order is fixed, not that of the calls"
    );
    assert_eq!(ready(&first, ConditionStatus::True, at(60, 0)).len(), 1);
}

#[test]
fn an_abnormal_condition_that_is_not_true_is_left_out() {
    let conditions = Conditions::after(&[], 1, at(0, 0))
        .set(
            ConditionType::Ready,
            ConditionStatus::True,
            Reason::Succeeded,
            "As declared.",
        )
        .set(
            ConditionType::Stalled,
            ConditionStatus::True,
            Reason::RuleInvalid,
            "The rule does not parse.",
        )
        .set(
            ConditionType::Stalled,
            ConditionStatus::False,
            Reason::Succeeded,
            "",
        )
        .finish();
    assert_eq!(conditions.len(), 1);
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let conditions = Conditions::after(&[], 1, at(0, 0))
        .set(
            ConditionType::Ready,
            ConditionStatus::False,
            Reason::RuleInvalid,
            "€".repeat(2_000),
        )
        .finish();
    assert_eq!(
        conditions[0].message.len(),
        MESSAGE_BYTES_MAX - 1,
        "1,365 characters of three bytes"
    );
}

#[test]
#[cfg_attr(
    debug_assertions,
    should_panic(expected = "Reconciling and Stalled in one verdict")
)]
fn stalled_holds_where_both_were_set() {
    let conditions = Conditions::after(&[], 1, at(0, 0))
        .set(
            ConditionType::Ready,
            ConditionStatus::False,
            Reason::RuleInvalid,
            "",
        )
        .set(
            ConditionType::Reconciling,
            ConditionStatus::True,
            Reason::Progressing,
            "",
        )
        .set(
            ConditionType::Stalled,
            ConditionStatus::True,
            Reason::RuleInvalid,
            "",
        )
        .finish();
    assert_eq!(laws::check_laws(&conditions, 1), Ok(()));
}

#[test]
fn the_laws_catch_what_breaks_them() {
    let good = ready(&[], ConditionStatus::True, at(0, 0));
    let broken = |number: u8, change: &dyn Fn(&mut Vec<Condition>)| {
        let mut conditions = good.clone();
        change(&mut conditions);
        let error = laws::check_laws(&conditions, 3).expect_err("a broken list passed");
        assert!(
            error.starts_with(&format!("law {number}:")),
            "expected law {number}, got {error}"
        );
    };
    let with = |conditions: &mut Vec<Condition>, name: &str, status: &str| {
        let entry = Condition {
            type_: name.into(),
            status: status.into(),
            ..conditions[0].clone()
        };
        conditions.push(entry);
    };
    broken(1, &|conditions| conditions.clear());
    broken(2, &|conditions| with(conditions, "Ready", "False"));
    broken(3, &|conditions| conditions[0].observed_generation = Some(2));
    broken(4, &|conditions| conditions[0].status = "true".into());
    broken(5, &|conditions| with(conditions, "Happy", "True"));
    broken(6, &|conditions| with(conditions, "Stalled", "False"));
    broken(7, &|conditions| conditions[0].reason = "".into());
    broken(8, &|conditions| {
        conditions[0].last_transition_time = Time(at(0, 1))
    });
    broken(9, &|conditions| {
        conditions[0].status = "False".into();
        with(conditions, "Reconciling", "True");
        with(conditions, "Stalled", "True");
    });
    broken(10, &|conditions| with(conditions, "Stalled", "True"));
    broken(11, &|conditions| with(conditions, "Reconciling", "True"));
    broken(12, &|conditions| {
        with(conditions, "ReferencesResolved", "True");
        with(conditions, "Drifted", "True");
    });
}

fn any_status() -> impl Strategy<Value = ConditionStatus> {
    prop_oneof![
        Just(ConditionStatus::True),
        Just(ConditionStatus::False),
        Just(ConditionStatus::Unknown)
    ]
}

/// A pass as a caller may make it: `Ready` always, true only with neither of the two that exclude it.
fn any_pass() -> impl Strategy<Value = Vec<(ConditionType, ConditionStatus, Reason)>> {
    let reason = || prop::sample::select(Reason::ALL);
    let rest = prop::collection::vec(
        (
            prop::sample::select(&ConditionType::ALL[3..]),
            any_status(),
            reason(),
        ),
        0..12,
    );
    let verdict = prop_oneof![
        any_status().prop_map(|status| (status, None)),
        Just((ConditionStatus::False, Some(ConditionType::Reconciling))),
        Just((ConditionStatus::Unknown, Some(ConditionType::Reconciling))),
        Just((ConditionStatus::False, Some(ConditionType::Stalled))),
    ];
    (rest, verdict, reason()).prop_map(|(mut resync, (ready, abnormal), why)| {
        resync.extend(abnormal.map(|condition| (condition, ConditionStatus::True, why)));
        resync.push((ConditionType::Ready, ready, why));
        resync
    })
}

fn apply(
    previous: &[Condition],
    resync: &[(ConditionType, ConditionStatus, Reason)],
    now: Timestamp,
) -> Vec<Condition> {
    resync
        .iter()
        .fold(
            Conditions::after(previous, 7, now),
            |conditions, (condition, status, reason)| {
                conditions.set(*condition, *status, *reason, "")
            },
        )
        .finish()
}

proptest! {
    #[test]
    fn every_pass_keeps_the_laws(resyncs in prop::collection::vec((any_pass(), 0..100i64, 0..1_000_000_000i32), 1..6)) {
        let mut conditions = Vec::new();
        for (resync, second, nanosecond) in &resyncs {
            conditions = apply(&conditions, resync, at(*second, *nanosecond));
            prop_assert_eq!(laws::check_laws(&conditions, 7), Ok(()));
        }
    }

    #[test]
    fn the_same_pass_again_changes_nothing_read_back(resync in any_pass(), nanosecond in 0..1_000_000_000i32) {
        let first = apply(&[], &resync, at(0, nanosecond));
        let text = serde_json::to_string(&first).expect("conditions serialise");
        let read_back: Vec<Condition> = serde_json::from_str(&text).expect("conditions deserialise");
        prop_assert_eq!(apply(&read_back, &resync, at(90, 1)), first);
    }
}
