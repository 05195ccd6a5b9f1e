//! Tokens: how often IMS is asked.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::{Instant, advance, sleep};

use crate::scripted::{Reply, World, change, credential};
use crate::transport::TransportError;
use crate::{Effect, Kind};

fn me() -> Reply {
    Reply::json(200, &json!({"pid": 1794}))
}

#[tokio::test(start_paused = true)]
async fn callers_at_once_ask_for_one_token() {
    let world = World::of(|asked, _| match asked.is_for_a_token() {
        true => Reply::token(86_399).after(Duration::from_secs(3)),
        false => me(),
    });
    let aam = world.gateway.audience_manager();
    let context = change();
    for result in join_all((0..10).map(|_| aam.me(&context))).await {
        result.expect("a company");
    }
    assert_eq!((world.token_calls(), world.calls().len()), (1, 10));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires() {
    let world = World::of(|asked, _| {
        if asked.is_for_a_token() {
            Reply::token(7200)
        } else {
            me()
        }
    });
    let aam = world.gateway.audience_manager();
    aam.me(&change()).await.expect("a company");
    advance(Duration::from_secs(6590)).await;
    aam.me(&change()).await.expect("a company");
    assert_eq!(world.token_calls(), 1);
    advance(Duration::from_secs(20)).await;
    aam.me(&change()).await.expect("a company");
    assert_eq!(world.token_calls(), 2, "ten minutes before the end");
}

#[tokio::test(start_paused = true)]
async fn while_a_renewal_fails_the_old_token_does() {
    let world = World::of(|asked, number| match asked.is_for_a_token() {
        true if number == 0 => Reply::token(7200),
        true => Reply::failure(TransportError::NOT_CONNECTED),
        false => me(),
    });
    let aam = world.gateway.audience_manager();
    aam.me(&change()).await.expect("a company");
    advance(Duration::from_secs(6700)).await;
    for _ in 0..50 {
        aam.me(&change()).await.expect("a company");
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(world.token_calls(), 3, "one renewal a minute");
    advance(Duration::from_secs(500)).await;
    let error = aam.me(&change()).await.expect_err("it expired");
    assert_eq!(
        (error.kind(), error.operation()),
        (Kind::Unavailable, "users.self")
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_and_the_call_repeated_once() {
    for (status, body) in [
        (401, json!({})),
        (
            401,
            json!({"error_code": "401013", "message": "Oauth token is not valid"}),
        ),
        (
            403,
            json!({"error_code": "403010", "message": "Oauth token is missing."}),
        ),
    ] {
        let first = body.clone();
        let world = World::authorized(move |_, number| {
            if number == 0 {
                Reply::json(status, &first)
            } else {
                me()
            }
        });
        world
            .gateway
            .audience_manager()
            .me(&change())
            .await
            .expect("a company");
        assert_eq!(
            (world.token_calls(), world.calls().len()),
            (2, 2),
            "{status} {body}"
        );

        let world = World::authorized(move |_, _| Reply::json(status, &body));
        let error = world
            .gateway
            .audience_manager()
            .me(&change())
            .await
            .expect_err("refused twice");
        assert_eq!(
            (error.kind(), error.effect()),
            (Kind::CredentialsRefused, Effect::None)
        );
        assert_eq!(
            (world.token_calls(), world.calls().len()),
            (2, 2),
            "once, and no more"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_that_meet_a_dead_token_ask_for_one_new_one() {
    let world = World::authorized(|_, number| match number < 10 {
        true => Reply::text(401, "").after(Duration::from_secs(1)),
        false => me(),
    });
    let (aam, context) = (world.gateway.audience_manager(), change());
    for result in join_all((0..10).map(|_| aam.me(&context))).await {
        result.expect("a company");
    }
    assert_eq!((world.token_calls(), world.calls().len()), (2, 20));
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_identity_service_that_are_no_token_are_told() {
    for (reply, kind) in [
        (
            || Reply::text(200, "<html>canary</html>"),
            Kind::UnexpectedAnswer,
        ),
        (
            || Reply::json(200, &json!({"access_token": ""})),
            Kind::UnexpectedAnswer,
        ),
        (
            || {
                Reply::json(
                    400,
                    &json!({"error": "invalid_scope", "error_description": "canary"}),
                )
            },
            Kind::CredentialsRefused,
        ),
        (|| Reply::text(503, ""), Kind::Unavailable),
        (
            || Reply::text(429, "").header("retry-after", "60"),
            Kind::Throttled,
        ),
    ] as [(fn() -> Reply, Kind); 5]
    {
        let world = World::of(move |_, _| reply());
        let error = world
            .gateway
            .audience_manager()
            .me(&change())
            .await
            .expect_err("no token");
        assert_eq!(error.kind(), kind);
        assert!(
            !format!("{error:?} {error}").contains("canary"),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_credential_is_used_at_once_and_the_same_one_changes_nothing() {
    let world = World::authorized(|_, _| me());
    let aam = world.gateway.audience_manager();
    aam.me(&change()).await.expect("a company");
    assert!(
        !world
            .gateway
            .replace_credential(credential("canary-secret"))
    );
    aam.me(&change()).await.expect("a company");
    assert_eq!(world.token_calls(), 1);
    assert!(world.gateway.replace_credential(credential("another")));
    aam.me(&change()).await.expect("a company");
    let last = world
        .asked()
        .into_iter()
        .rfind(|asked| asked.is_for_a_token())
        .expect("a token call");
    assert_eq!(
        String::from_utf8(last.body).expect("a form"),
        "grant_type=client_credentials&client_id=client&client_secret=another&scope=openid%2Csession",
    );
    assert_eq!(world.token_calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_short_lived_token_is_not_asked_for_with_every_call() {
    let world = World::of(|asked, _| {
        if asked.is_for_a_token() {
            Reply::token(60)
        } else {
            me()
        }
    });
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(600) {
        world
            .gateway
            .audience_manager()
            .me(&change())
            .await
            .expect("a company");
        sleep(Duration::from_secs(5)).await;
    }
    assert!(
        (10..=12).contains(&world.token_calls()),
        "{}",
        world.token_calls()
    );
}
