//! What does not work is not called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::{Instant, advance, sleep};

use crate::gateway::{Priority, RateLimitOptions};
use crate::scripted::{Reply, Setting, World, change, context, credential};
use crate::service::System;
use crate::transport::TransportError;
use crate::{Effect, Kind};

fn refusing() -> World {
    World::of(|_, _| {
        Reply::json(401, &json!({"error": "invalid_client"})).after(Duration::from_millis(200))
    })
}

#[tokio::test(start_paused = true)]
async fn a_thousand_audiences_on_a_refused_credential_make_one_call_per_period() {
    let world = refusing();
    let aam = world.gateway.audience_manager();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3600) {
        let turns: Vec<_> = (0..1000)
            .map(|number| context(Priority::Change, &number.to_string()))
            .collect();
        for result in join_all(turns.iter().map(|context| aam.me(context))).await {
            let error = result.expect_err("refused");
            assert_eq!(
                (error.kind(), error.operation()),
                (Kind::CredentialsRefused, "users.self")
            );
        }
        sleep(Duration::from_secs(5)).await;
    }
    // Periods of 10, 20, 40, 80, 160 and then 300 s, each up to a tenth longer and up to a round of 5 s late:
    // the sixth call comes after 310 to 371 s, and up to 3,600 s follow 9 to 10 more.
    let calls = world.token_calls();
    assert!((14..=17).contains(&calls), "{calls} calls");
    let times: Vec<_> = world
        .asked()
        .iter()
        .map(|asked| asked.at.duration_since(started).as_secs())
        .collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, least) in gaps.iter().zip([10, 20, 40, 80, 160, 300, 300]) {
        assert!((least..=least + least / 10 + 6).contains(gap), "{gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_credential_closes_the_circuit() {
    let world = World::of(|asked, _| match asked.is_for_a_token() {
        true if String::from_utf8_lossy(&asked.body).contains("canary-secret") => {
            Reply::json(401, &json!({"error": "invalid_client"}))
        }
        true => Reply::token(86_399),
        false => Reply::json(200, &json!({"pid": 7})),
    });
    let aam = world.gateway.audience_manager();
    aam.me(&change()).await.expect_err("refused");
    aam.me(&change()).await.expect_err("not tried");
    assert_eq!(world.token_calls(), 1);
    world.gateway.replace_credential(credential("another"));
    aam.me(&change()).await.expect("at once");
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_open_one_system_and_not_the_other() {
    let up = Arc::new(AtomicBool::new(false));
    let switch = up.clone();
    let world = World::authorized(
        move |asked, _| match asked.target.starts_with("aam.adobe.io") {
            true if switch.load(Ordering::Relaxed) => Reply::json(200, &json!({"pid": 7})),
            true => Reply::failure(TransportError::NOT_CONNECTED),
            false => Reply::json(200, &json!({"sandboxes": []})),
        },
    );
    let aam = world.gateway.audience_manager();
    for _ in 0..20 {
        let error = aam.me(&change()).await.expect_err("down");
        assert_eq!(
            (error.kind(), error.system()),
            (Kind::Unavailable, System::AudienceManager)
        );
    }
    assert_eq!(world.calls().len(), 5);
    assert!(world.gateway.blocked(System::AudienceManager).is_some());
    assert!(world.gateway.blocked(System::ExperiencePlatform).is_none());
    let platform = world.gateway.experience_platform(super::queue::sandbox());
    platform
        .sandboxes(&change())
        .await
        .expect("the other system works");

    advance(Duration::from_secs(12)).await;
    aam.me(&change()).await.expect_err("the probe");
    aam.me(&change()).await.expect_err("not tried");
    assert_eq!(world.calls().len(), 7);

    up.store(true, Ordering::Relaxed);
    advance(Duration::from_secs(23)).await;
    for _ in 0..3 {
        aam.me(&change()).await.expect("closed again");
    }
    assert!(world.gateway.blocked(System::AudienceManager).is_none());
}

#[tokio::test(start_paused = true)]
async fn failures_between_successes_open_nothing() {
    let world = World::authorized(|_, number| match number % 5 {
        4 => Reply::json(200, &json!({"pid": 7})),
        _ => Reply::text(500, ""),
    });
    let aam = world.gateway.audience_manager();
    for _ in 0..50 {
        let _ = aam.me(&change()).await;
    }
    assert_eq!(world.calls().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_lets_one_probe_through_and_a_cancelled_one_counts_for_nothing() {
    let world = World::authorized(|_, number| match number < 5 {
        true => Reply::failure(TransportError::CONNECTION_LOST),
        false => Reply::json(200, &json!({"pid": 7})).after(Duration::from_secs(60)),
    });
    let aam = world.gateway.audience_manager();
    for _ in 0..5 {
        aam.me(&change()).await.expect_err("down");
    }
    advance(Duration::from_secs(12)).await;
    let first = change();
    tokio::select! {
        biased;
        _ = aam.me(&first) => unreachable!("it takes a minute"),
        () = sleep(Duration::from_secs(1)) => {}
    }
    assert_eq!(world.calls().len(), 6);
    let (again, other) = (change(), change());
    let (probe, refused) = tokio::join!(aam.me(&again), async {
        sleep(Duration::from_secs(1)).await;
        let started = Instant::now();
        (aam.me(&other).await, started.elapsed())
    });
    probe.expect("the system is back");
    let (refused, took) = refused;
    assert_eq!(refused.expect_err("one probe").effect(), Effect::None);
    assert_eq!(took, Duration::ZERO);
    assert_eq!(world.calls().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_the_gateway_refuses_is_probed_with_one_call_per_period() {
    let setting = Setting {
        rate_limit: RateLimitOptions {
            requests_per_minute: 6000,
            burst: 100,
        },
        ..Setting::default()
    };
    let world = World::authorized_with(setting, |_, _| {
        Reply::json(401, &json!({"error_code": "401013"}))
    });
    let aam = world.gateway.audience_manager();
    let platform = world.gateway.experience_platform(super::queue::sandbox());
    aam.me(&change()).await.expect_err("refused");
    assert_eq!(
        (world.token_calls(), world.calls().len()),
        (2, 2),
        "the call, and once more with a new token"
    );
    platform.sandboxes(&change()).await.expect_err("refused");
    assert_eq!(world.calls().len(), 4, "the other service says so itself");
    for _ in 0..9 {
        aam.me(&change()).await.expect_err("refused");
        platform.sandboxes(&change()).await.expect_err("refused");
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.calls().len(), 4);
    advance(Duration::from_secs(3)).await;
    for _ in 0..10 {
        aam.me(&change()).await.expect_err("refused");
        platform.sandboxes(&change()).await.expect_err("refused");
    }
    assert_eq!(world.calls().len(), 6, "one probe each");
}

/// The credential lacks the scope or the product profile of one service.
#[rstest::rstest]
#[case::for_its_token(401, "401013", "Audience Manager")]
#[case::for_its_profile(403, "403027", "Audience Manager")]
#[case::of_the_other_service(401, "401013", "Experience Platform")]
#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_the_credential_stops_no_other(
    #[case] status: u16,
    #[case] code: &'static str,
    #[case] refusing: &'static str,
) {
    let host = match refusing {
        "Audience Manager" => "aam.adobe.io",
        _ => "platform.adobe.io",
    };
    let world = World::authorized(move |asked, _| match asked.target.starts_with(host) {
        true => Reply::json(status, &json!({"error_code": code})),
        false => Reply::json(200, &json!({"pid": 7, "sandboxes": []})),
    });
    let aam = world.gateway.audience_manager();
    let platform = world.gateway.experience_platform(super::queue::sandbox());
    let (mut refused, mut served) = (Vec::new(), 0);
    for _ in 0..3 {
        let asked = [
            aam.me(&change()).await.err(),
            platform.sandboxes(&change()).await.err(),
        ];
        served += asked.iter().filter(|error| error.is_none()).count();
        refused.extend(asked.into_iter().flatten());
    }
    assert_eq!((refused.len(), served), (3, 3));
    assert!(world.gateway.blocked(System::IdentityService).is_none());
    for error in refused {
        assert_eq!(error.kind(), Kind::CredentialsRefused);
        let hint = error.hint();
        for text in [
            refusing,
            "product profile",
            "scopes",
            "Adobe Developer Console",
        ] {
            assert!(hint.contains(text), "{hint}");
        }
    }
    assert!(world.token_calls() <= 3, "{}", world.token_calls());
}
