//! Delays by hand, and their bounds over every seed.

use proptest::prelude::*;

use super::{Backoff, Disposition, Duration, Instant};

const KEY: &str = "0b5a9a3e-uid";

/// The delays of a run of failures, each coming exactly when the one before has passed.
fn delays(seed: u64, disposition: Disposition, count: usize) -> Vec<f64> {
    let (mut backoff, mut now) = (Backoff::new(seed), Instant::now());
    (0..count)
        .map(|_| {
            let delay = backoff
                .next(KEY, disposition, now)
                .expect("this disposition has a delay");
            now += delay;
            delay.as_secs_f64()
        })
        .collect()
}

fn within(delays: &[f64], middles: &[f64]) -> bool {
    delays
        .iter()
        .zip(middles)
        .all(|(delay, middle)| (delay / middle - 1.0).abs() <= 0.2 + 1e-6)
}

#[test]
fn a_success_starts_over() {
    let (mut backoff, start) = (Backoff::new(1), Instant::now());
    let first = backoff
        .next(KEY, Disposition::Retry, start)
        .expect("a delay");
    let second = backoff
        .next(KEY, Disposition::Retry, start + first)
        .expect("a delay");
    assert!(second >= Duration::from_millis(1_600), "2 s less 20 %");
    backoff.succeeded(KEY);
    assert_eq!(backoff.failing(), 0);
    let third = backoff
        .next(KEY, Disposition::Retry, start + first + second)
        .expect("a delay");
    assert!(third <= Duration::from_millis(1_200), "1 s and 20 %");
}

#[test]
fn a_needless_trigger_counts_nothing() {
    let (mut backoff, start) = (Backoff::new(1), Instant::now());
    let first = backoff
        .next(KEY, Disposition::Stalled, start)
        .expect("a delay");
    for seconds in [1, 60, 400] {
        let later = Duration::from_secs(seconds);
        assert_eq!(
            backoff.next(KEY, Disposition::Stalled, start + later),
            Some(first - later)
        );
    }
    let second = backoff
        .next(KEY, Disposition::Stalled, start + first)
        .expect("a delay");
    assert!(
        (960.0..=1_440.0).contains(&second.as_secs_f64()),
        "20 min, give or take 20 %: {second:?}"
    );
}

#[test]
fn objects_do_not_share_their_failures() {
    let (mut backoff, start) = (Backoff::new(1), Instant::now());
    let first = backoff
        .next(KEY, Disposition::Retry, start)
        .expect("a delay");
    backoff.next(KEY, Disposition::Retry, start + first);
    let other = backoff
        .next("another", Disposition::Retry, start + first)
        .expect("a delay");
    assert!(other <= Duration::from_millis(1_200));
}

#[test]
fn a_failure_of_another_kind_begins_its_own_row() {
    let (mut backoff, start) = (Backoff::new(1), Instant::now());
    backoff.next(KEY, Disposition::Stalled, start);
    let retry = backoff
        .next(KEY, Disposition::Retry, start)
        .expect("a delay");
    assert!(retry <= Duration::from_millis(1_200));
}

#[test]
fn waiting_has_no_delay_and_forgets() {
    let mut backoff = Backoff::new(1);
    backoff.next(KEY, Disposition::Retry, Instant::now());
    assert_eq!(backoff.next(KEY, Disposition::Wait, Instant::now()), None);
    assert_eq!(backoff.failing(), 0);
}

proptest! {
    #[test]
    fn delays_double_to_their_bound_for_every_seed(seed: u64) {
        let retry = delays(seed, Disposition::Retry, 12);
        prop_assert!(
            within(&retry, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0, 300.0]),
            "{:?}", retry
        );
        let stalled = delays(seed, Disposition::Stalled, 5);
        prop_assert!(within(&stalled, &[600.0, 1_200.0, 2_400.0, 3_600.0, 3_600.0]), "{:?}", stalled);
    }

    #[test]
    fn a_named_time_is_never_undercut(seed: u64, seconds in 0..100_000u64) {
        let asked = Duration::from_secs(seconds);
        let delay = Backoff::new(seed).next(KEY, Disposition::RetryAfter(asked), Instant::now());
        let delay = delay.expect("a delay");
        prop_assert!(delay >= asked && delay <= asked.mul_f64(1.1));
    }

    #[test]
    fn a_seed_gives_the_same_delays_again(seed: u64) {
        prop_assert_eq!(delays(seed, Disposition::Retry, 8), delays(seed, Disposition::Retry, 8));
    }
}
