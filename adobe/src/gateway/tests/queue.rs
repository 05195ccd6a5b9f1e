//! The rate limit: how many, who first, and when nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use audience_sharing_core::domain::audience_manager::Trait;
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::identifier::{SandboxName, TraitSid};
use futures::future::join_all;
use serde_json::json;
use tokio::time::{Instant, advance, sleep, timeout};

use crate::Kind;
use crate::gateway::{CallContext, Priority, RateLimitOptions};
use crate::scripted::{Reply, Setting, World, change, context};

pub(super) fn sandbox() -> SandboxName {
    SandboxName::new("prod")
}

fn world(requests_per_minute: u32, burst: u32) -> World {
    let setting = Setting {
        rate_limit: RateLimitOptions {
            requests_per_minute,
            burst,
        },
        ..Setting::default()
    };
    World::authorized_with(setting, |_, _| Reply::json(200, &json!({"pid": 7})))
}

/// Reads the trait with the number of the caller, so that a call shows who made it.
async fn read(world: &World, context: &CallContext, caller: u64) {
    let _ = world
        .gateway
        .audience_manager()
        .get::<Trait>(context, &TraitSid(caller))
        .await;
}

/// Calls without end.
async fn keep_reading(world: &World, context: CallContext, caller: u64) {
    loop {
        read(world, &context, caller).await;
    }
}

fn caller(asked: &crate::scripted::Asked) -> u64 {
    asked
        .target
        .rsplit('/')
        .next()
        .expect("a path")
        .parse()
        .expect("a number")
}

fn calls_per_caller(world: &World) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for asked in world.calls() {
        *counts.entry(caller(&asked)).or_default() += 1;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn an_hour_holds_the_budget_within_one_call() {
    for (requests_per_minute, burst) in [(300, 10), (60, 5)] {
        let world = world(requests_per_minute, burst);
        let callers = (0..20).map(|number| {
            let priority = if number % 2 == 0 {
                Priority::Change
            } else {
                Priority::Resync
            };
            keep_reading(&world, context(priority, &number.to_string()), number)
        });
        let _ = timeout(Duration::from_secs(3600), join_all(callers)).await;
        let allowed = (60 * requests_per_minute + burst) as usize;
        let made = world.asked().len();
        assert!(
            (allowed - 1..=allowed).contains(&made),
            "{made} of {allowed}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fifth_is_kept_back_from_resync_reads() {
    let world = world(300, 10);
    let callers = (0..20).map(|number| {
        keep_reading(
            &world,
            context(Priority::Resync, &number.to_string()),
            number,
        )
    });
    let _ = timeout(Duration::from_secs(3600), join_all(callers)).await;
    let made = world.calls().len();
    assert!(
        (14_400 + 7..=14_400 + 8).contains(&made),
        "four fifths of 18,000 and of the burst: {made}"
    );
    // The rest is there for a change, at once.
    let started = Instant::now();
    for _ in 0..2 {
        read(&world, &change(), 99).await;
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn changes_and_deletions_go_before_resync_reads_that_came_earlier() {
    let world = world(60, 1);
    let reads = (0..5).map(|number| (number, context(Priority::Resync, "connection")));
    let urgent = [
        (10, context(Priority::Deletion, "a")),
        (11, context(Priority::Change, "b")),
    ];
    let callers: Vec<_> = reads.chain(urgent).collect();
    join_all(
        callers
            .iter()
            .map(|(number, context)| read(&world, context, *number)),
    )
    .await;
    let order: Vec<_> = world.calls().iter().map(caller).collect();
    assert_eq!(
        order,
        [10, 11, 0, 1, 2, 3, 4],
        "all seven stood in line when the first was served"
    );
}

#[tokio::test(start_paused = true)]
async fn creations_come_after_edits_and_deletions_and_before_resync_reads() {
    let world = world(60, 1);
    let early = [
        (0, context(Priority::Resync, "connection")),
        (1, context(Priority::Creation, "new")),
        (2, context(Priority::Creation, "newer")),
    ];
    let urgent = [
        (10, context(Priority::Deletion, "a")),
        (11, context(Priority::Change, "b")),
    ];
    let callers: Vec<_> = early.into_iter().chain(urgent).collect();
    let calls = callers
        .iter()
        .map(|(number, context)| read(&world, context, *number));
    join_all(calls).await;
    let order: Vec<_> = world.calls().iter().map(caller).collect();
    assert_eq!(order, [10, 11, 1, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn creations_go_on_beside_edits_without_end() {
    let world = world(60, 1);
    let edits = (0..20).map(|number| {
        keep_reading(
            &world,
            context(Priority::Change, &number.to_string()),
            number,
        )
    });
    let creation = keep_reading(&world, context(Priority::Creation, "new"), 99);
    let all = futures::future::join(join_all(edits), creation);
    let _ = timeout(Duration::from_secs(3600), all).await;
    let created = world
        .calls()
        .iter()
        .filter(|call| caller(call) == 99)
        .count();
    assert!(
        (355..=365).contains(&created),
        "a tenth of 3,600: {created}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_audience_with_a_thousand_calls_delays_nobody() {
    let world = world(300, 1);
    let turns: Vec<_> = (0..1000)
        .map(|_| (0, change()))
        .chain([
            (1, context(Priority::Change, "b")),
            (2, context(Priority::Change, "c")),
        ])
        .collect();
    let all = join_all(
        turns
            .iter()
            .map(|(number, context)| read(&world, context, *number)),
    );
    let _ = timeout(Duration::from_secs(20), all).await;
    let order: Vec<_> = world.calls().iter().take(5).map(caller).collect();
    assert_eq!(order, [0, 1, 2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn audiences_get_equal_shares() {
    let world = world(300, 10);
    let callers = (0..7).map(|number| {
        keep_reading(
            &world,
            context(Priority::Change, &number.to_string()),
            number,
        )
    });
    let _ = timeout(Duration::from_secs(600), join_all(callers)).await;
    let counts = calls_per_caller(&world);
    let (least, most) = (counts.values().min(), counts.values().max());
    assert!(
        counts.len() == 7 && most.expect("calls") - least.expect("calls") <= 3,
        "{counts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn callers_that_gave_up_cost_nothing() {
    let world = world(60, 1);
    let context = change();
    let impatient = join_all((0..50).map(|number| read(&world, &context, number)));
    let _ = timeout(Duration::from_millis(500), impatient).await;
    let before = world.calls().len();
    let started = Instant::now();
    read(&world, &context, 99).await;
    // The token and the first call were two requests.
    assert!(
        started.elapsed() <= Duration::from_millis(1_600),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(world.calls().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_holds_for_every_caller_of_the_credential() {
    for (header, seconds) in [
        ("120", 120),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120),
        ("86400", 3600),
    ] {
        let world = World::authorized(move |_, number| match number {
            0 => Reply::text(429, "").header("retry-after", header),
            _ => Reply::json(200, &json!({"pid": 7, "sandboxes": []})),
        });
        let aam = world.gateway.audience_manager();
        let platform = world.gateway.experience_platform(sandbox());
        let error = aam.me(&change()).await.expect_err("throttled");
        let wait = Duration::from_secs(seconds);
        assert_eq!(
            (error.kind(), error.disposition()),
            (Kind::Throttled, Disposition::RetryAfter(wait))
        );

        advance(Duration::from_secs(30)).await;
        let error = platform
            .sandboxes(&change())
            .await
            .expect_err("the whole credential waits");
        let left = wait - Duration::from_secs(30);
        assert_eq!(
            (error.kind(), error.disposition()),
            (Kind::Throttled, Disposition::RetryAfter(left))
        );
        assert_eq!(world.calls().len(), 1, "nothing was sent");

        advance(left - Duration::from_secs(5)).await;
        let started = Instant::now();
        aam.me(&change()).await.expect("a short rest is waited out");
        assert!(
            started.elapsed() >= Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
        assert!(
            started.elapsed() < Duration::from_secs(6),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn callers_in_line_are_told_of_a_long_pause() {
    let setting = Setting {
        rate_limit: RateLimitOptions {
            requests_per_minute: 60,
            burst: 1,
        },
        ..Setting::default()
    };
    let world = World::authorized_with(setting, |_, _| {
        Reply::text(503, "").header("retry-after", "300")
    });
    let (aam, context) = (world.gateway.audience_manager(), change());
    let started = Instant::now();
    let errors = join_all((0..10).map(|_| aam.me(&context))).await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let kinds: Vec<_> = errors
        .into_iter()
        .map(|error| error.expect_err("down").kind())
        .collect();
    assert_eq!(kinds[0], Kind::Throttled);
    assert!(
        kinds[1..].iter().all(|kind| *kind == Kind::Throttled),
        "{kinds:?}"
    );
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_overload_lowers_the_rate_and_success_raises_it_to_the_rate_limit() {
    // A call that was one too many is sent again: its success counts as well.
    for (status, rates) in [
        (429, [153.0, 165.0, 168.0]),
        (503, [150.0, 162.0, 162.0]),
        (504, [150.0, 162.0, 162.0]),
    ] {
        let world = World::authorized(move |_, number| match number {
            0 | 5 => Reply::text(status, ""),
            _ => Reply::json(200, &json!({"pid": 7})),
        });
        let aam = world.gateway.audience_manager();
        let rate = || world.gateway.requests_per_minute().round();
        let _ = aam.me(&change()).await;
        assert_eq!(rate(), rates[0], "{status}: half");
        for _ in 0..4 {
            let _ = aam.me(&change()).await;
        }
        assert_eq!(rate(), rates[1], "{status}: three a success");
        let _ = aam.me(&change()).await;
        assert_eq!(rate(), rates[2], "{status}: one overload counts once");
        for _ in 0..60 {
            let _ = aam.me(&change()).await;
        }
        assert_eq!(rate(), 300.0, "{status}: the budget is the bound");
    }
}

#[tokio::test(start_paused = true)]
async fn an_overload_that_stays_leaves_a_twentieth() {
    let world = World::authorized(|_, _| Reply::text(429, ""));
    for _ in 0..20 {
        let _ = world.gateway.audience_manager().me(&change()).await;
        sleep(Duration::from_secs(6)).await;
    }
    assert_eq!(world.gateway.requests_per_minute(), 15.0);
}

#[tokio::test(start_paused = true)]
async fn a_resync_goes_on_beside_changes_without_end() {
    let world = world(60, 1);
    let changes = (0..20).map(|number| {
        keep_reading(
            &world,
            context(Priority::Change, &number.to_string()),
            number,
        )
    });
    let resync = keep_reading(&world, context(Priority::Resync, "resync"), 99);
    let all = futures::future::join(join_all(changes), resync);
    let _ = timeout(Duration::from_secs(3600), all).await;
    let order: Vec<_> = world.calls().iter().map(caller).collect();
    let reads: Vec<_> = (0..order.len()).filter(|at| order[*at] == 99).collect();
    assert!(
        reads.windows(2).all(|pair| pair[1] - pair[0] == 10),
        "{reads:?}"
    );
    assert!(reads.len() >= 359, "a tenth of 3,600: {}", reads.len());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_token_gathers_no_more_calls_than_the_burst() {
    let world = World::of(|asked, number| match (asked.is_for_a_token(), number) {
        (true, _) => Reply::token(86_399).after(Duration::from_secs(59)),
        (false, _) => Reply::json(200, &json!({"pid": 7})),
    });
    let turns: Vec<_> = (0..200)
        .map(|number| context(Priority::Change, &number.to_string()))
        .collect();
    join_all(turns.iter().map(|context| read(&world, context, 0))).await;
    let calls = world.calls();
    let first = calls[0].at;
    let at_once = calls.iter().filter(|asked| asked.at == first).count();
    assert_eq!(at_once, 10);
    let within_ten_seconds = calls
        .iter()
        .filter(|asked| asked.at < first + Duration::from_secs(10));
    assert!(within_ten_seconds.count() <= 10 + 50);
}

#[tokio::test(start_paused = true)]
async fn a_request_for_a_token_counts() {
    // Tokens of a minute: one in 60 calls is for another.
    let world = World::of(|asked, _| match asked.is_for_a_token() {
        true => Reply::token(60),
        false => Reply::json(200, &json!({"pid": 7})),
    });
    let _ = timeout(Duration::from_secs(3600), keep_reading(&world, change(), 1)).await;
    let made = world.asked().len();
    assert!(made <= 18_000 + 10 + 1, "{made}");
    assert!(world.token_calls() >= 60);
}
