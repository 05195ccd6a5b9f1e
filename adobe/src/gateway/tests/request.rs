//! What is sent, what is not, and how bodies are read.

use std::time::Duration;

use audience_sharing_core::domain::audience_manager::{DataSource, NewDataSource, Trait};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{DataSourceId, IntegrationCode, TraitSid};
use audience_sharing_core::domain::labels::Restrictions;
use futures::future::join_all;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::gateway::RateLimitOptions;
use crate::lease_guard::{self, LeaseGuard};
use crate::observer::Outcome;
use crate::scripted::{Reply, Setting, World, change, lease_of, leased};
use crate::service::System;
use crate::transport::TransportError;
use crate::{Effect, Kind};

type Answering = fn() -> Reply;

fn new() -> NewDataSource {
    NewDataSource {
        name: "Sharing".into(),
        description: "".into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: Restrictions::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn calls_carry_the_headers_of_their_system() {
    let world = World::authorized(|_, _| Reply::json(200, &json!({"pid": 7, "results": {}})));
    let aam = world.gateway.audience_manager();
    aam.me(&change()).await.expect("a company");
    let platform = world.gateway.experience_platform(super::queue::sandbox());
    let found = platform.get::<Audience>(&change(), &audience("a")).await;
    found.expect_err("no audience");
    let valid = aam.validate_segment_rule(&change(), "7T").await;
    valid.expect("a verdict");
    let calls = world.calls();
    let common = [
        ("authorization", "Bearer canary-token"),
        ("x-api-key", "client"),
        ("x-gw-ims-org-id", "0F1E2D3C4B5A69780A49420E@AdobeOrg"),
        ("accept", "application/json"),
    ];
    for (name, value) in common {
        assert_eq!(
            (calls[0].header(name), calls[1].header(name)),
            (Some(value), Some(value)),
            "{name}"
        );
    }
    let header = |name| (calls[0].header(name), calls[1].header(name));
    assert_eq!(header("aam-disable-escaping-html"), (Some("true"), None));
    assert_eq!(header("x-sandbox-name"), (None, Some("prod")));
    let content_types = calls.iter().map(|call| call.header("content-type"));
    assert_eq!(
        content_types.collect::<Vec<_>>(),
        [None, None, Some("application/json")]
    );
    let (first, second) = header("x-request-id");
    assert!(first.is_some() && first != second, "{first:?} {second:?}");
    assert_eq!(calls[0].target, "aam.adobe.io/v1/users/self");
    assert_eq!(
        calls[1].target,
        "platform.adobe.io/data/core/ups/audiences/a"
    );
}

fn audience(id: &str) -> audience_sharing_core::domain::identifier::AudienceId {
    audience_sharing_core::domain::identifier::AudienceId::new(id)
}

#[tokio::test(start_paused = true)]
async fn read_only_lets_reads_through_and_no_write() {
    let setting = Setting {
        read_only: true,
        ..Setting::default()
    };
    let world = World::authorized_with(setting, |_, _| Reply::json(200, &json!({"pid": 7})));
    let aam = world.gateway.audience_manager();
    let error = aam
        .create::<DataSource>(&change(), leased(), &new())
        .await
        .expect_err("read-only");
    assert_eq!(
        (error.kind(), error.effect()),
        (Kind::ReadOnly, Effect::None)
    );
    let error = aam
        .delete_unread(&change(), leased(), TraitSid(1))
        .await
        .expect_err("read-only");
    assert_eq!(
        error.to_string(),
        "the operator is read-only: traits.delete was not sent to Audience Manager"
    );
    assert!(world.asked().is_empty(), "not even a token was asked for");
    aam.me(&change()).await.expect("a read");
    aam.validate_segment_rule(&change(), "1T")
        .await
        .expect("a check writes nothing");
}

#[tokio::test(start_paused = true)]
async fn no_write_starts_that_could_outlive_the_lease() {
    let world = World::authorized(|_, _| Reply::text(204, ""));
    let aam = world.gateway.audience_manager();
    let until = lease_of;
    aam.delete_unread(&change(), until(70), TraitSid(1))
        .await
        .expect("exactly the request's timeout");
    let error = aam
        .delete_unread(&change(), until(69), TraitSid(1))
        .await
        .expect_err("a second too late");
    assert_eq!(
        (error.kind(), error.effect()),
        (Kind::LeaseExpiring, Effect::None)
    );
    assert_eq!(world.calls().len(), 1);
    let lease_guard = until(75);
    sleep(Duration::from_secs(6)).await;
    aam.delete_unread(&change(), lease_guard, TraitSid(1))
        .await
        .expect_err("proofs age");
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_asked_after_the_wait_for_the_rate_limit() {
    let setting = Setting {
        rate_limit: RateLimitOptions {
            requests_per_minute: 6,
            burst: 1,
        },
        ..Setting::default()
    };
    let world = World::authorized_with(setting, |_, _| Reply::text(204, ""));
    let aam = world.gateway.audience_manager();
    let (renew, lease) = watch::channel(Some(Instant::now() + Duration::from_secs(75)));
    let lease_guard = LeaseGuard::of(lease, lease_guard::always(true));
    aam.delete_unread(&change(), lease_guard.clone(), TraitSid(1))
        .await
        .expect("at once");
    let error = aam
        .delete_unread(&change(), lease_guard.clone(), TraitSid(2))
        .await
        .expect_err("ten seconds later");
    assert_eq!(error.kind(), Kind::LeaseExpiring);
    renew.send_replace(Some(Instant::now() + Duration::from_secs(90)));
    aam.delete_unread(&change(), lease_guard, TraitSid(2))
        .await
        .expect("renewed meanwhile");
    sleep(Duration::from_secs(10)).await;
    let started = Instant::now();
    aam.delete_unread(&change(), leased(), TraitSid(3))
        .await
        .expect("what was not sent was not spent");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_effect_of_a_write_without_an_answer_is_unknown() {
    let cases: [(Answering, Kind, Effect); 7] = [
        (
            || Reply::failure(TransportError::NOT_CONNECTED),
            Kind::Unavailable,
            Effect::None,
        ),
        (
            || Reply::failure(TransportError::CONNECTION_LOST),
            Kind::Unavailable,
            Effect::Unknown,
        ),
        (
            || Reply::text(201, "{}").after(Duration::from_secs(71)),
            Kind::Unavailable,
            Effect::Unknown,
        ),
        (
            || Reply::text(503, "<html>"),
            Kind::Unavailable,
            Effect::Unknown,
        ),
        (
            || Reply::text(201, "{\"dataSourceId\":").broken(),
            Kind::Unavailable,
            Effect::Unknown,
        ),
        (
            || Reply::text(201, "<html>hello</html>"),
            Kind::UnexpectedAnswer,
            Effect::Unknown,
        ),
        (
            || Reply::text(400, "{\"message\":").broken(),
            Kind::RequestRefused,
            Effect::None,
        ),
    ];
    for (reply, kind, effect) in cases {
        let world = World::authorized(move |_, _| reply());
        let aam = world.gateway.audience_manager();
        let error = aam
            .create::<DataSource>(&change(), leased(), &new())
            .await
            .expect_err("no data source");
        assert_eq!((error.kind(), error.effect()), (kind, effect), "{error}");
        assert_eq!(world.calls().len(), 1, "a write is never repeated here");
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_have_bounds_and_ends() {
    let megabyte = || {
        Reply::text(
            200,
            format!("{{\"pid\":7,\"x\":\"{}\"}}", "x".repeat(1 << 20)),
        )
    };
    let cases: [(Answering, &str); 2] = [
        (
            || Reply::text(200, r#"[{"sid":1},{"si"#),
            "the body is cut off",
        ),
        (
            || Reply::text(200, "<html>hello</html>"),
            "the body is not the list that was asked for",
        ),
    ];
    for (reply, because) in cases {
        let world = World::authorized(move |_, _| reply());
        let error = world
            .gateway
            .audience_manager()
            .list::<Trait>(&change(), &vec![DataSourceId(1)])
            .await
            .expect_err(because);
        assert_eq!(error.kind(), Kind::UnexpectedAnswer);
        assert!(error.to_string().contains(because), "{error}");
    }
    let world = World::authorized(move |_, _| megabyte());
    let error = world
        .gateway
        .audience_manager()
        .me(&change())
        .await
        .expect_err("too large");
    assert!(
        error.to_string().contains("the body is too large"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_or_does_not_end_is_given_up() {
    for (every, list_seconds, object_seconds) in [(31, 30, 30), (20, 300, 70)] {
        let every = Duration::from_secs(every);
        let world = World::authorized(move |_, _| Reply::text(200, "").trickling(every));
        let aam = world.gateway.audience_manager();
        let (started, context) = (Instant::now(), change());
        let error = aam.list::<Trait>(&context, &vec![DataSourceId(1)]).await;
        assert_eq!(error.expect_err("no end").kind(), Kind::Unavailable);
        assert_eq!(started.elapsed().as_secs(), list_seconds);
        let started = Instant::now();
        let error = aam.me(&context).await.expect_err("no end");
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(started.elapsed().as_secs(), object_seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn an_element_that_is_too_large_is_skipped_with_its_id() {
    let world = World::authorized(|_, _| {
        let text = "x".repeat(300 << 10);
        let large = json!({"description": text, "sid": 7, "traitRule": text});
        Reply::json(200, &json!([large, text]))
    });
    let aam = world.gateway.audience_manager();
    let listed = aam.list::<Trait>(&change(), &vec![DataSourceId(1)]).await;
    let listed = listed.expect("the rest of the list");
    assert_eq!(listed.undecodable, [Some(TraitSid(7)), None]);
    // Whether the key is taken, such a list leaves open.
    let code = IntegrationCode::new("code");
    let looked_up = aam
        .find::<Trait>(&change(), &(DataSourceId(1), code.clone()))
        .await;
    assert_eq!(
        looked_up.expect_err("it may be among them").kind(),
        Kind::UnexpectedAnswer
    );
}

#[tokio::test(start_paused = true)]
async fn once_a_stop_begins_no_call_starts() {
    let stop = CancellationToken::new();
    let setting = Setting {
        rate_limit: RateLimitOptions {
            requests_per_minute: 60,
            burst: 1,
        },
        ..Setting::default()
    };
    let world = World::authorized_with(setting, |_, _| {
        Reply::json(200, &json!({"pid": 7})).after(Duration::from_secs(30))
    });
    let gateway = world.gateway.until(stop.clone());
    let (aam, context) = (gateway.audience_manager(), change());
    let calls = join_all((0..5).map(|_| aam.me(&context)));
    let stopped = async {
        sleep(Duration::from_secs(3)).await;
        let under_way = world.calls().len();
        stop.cancel();
        under_way
    };
    let started = Instant::now();
    let (answers, under_way) = tokio::join!(calls, stopped);
    // What is under way is waited for; what waits for its turn is not sent.
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((1..5).contains(&answered), "{answered}");
    assert_eq!((answered, world.calls().len()), (under_way, under_way));
    let unsent = answers.into_iter().filter_map(Result::err);
    assert!(
        unsent
            .into_iter()
            .all(|error| error.kind() == Kind::Stopped)
    );
    assert!(started.elapsed() < Duration::from_secs(40));
    assert_eq!(
        aam.me(&context).await.expect_err("never again").kind(),
        Kind::Stopped
    );
    // Another connection with the same Secret goes on.
    world
        .gateway
        .audience_manager()
        .me(&context)
        .await
        .expect("a company");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_token_is_not_sent_after_a_stop() {
    let stop = CancellationToken::new();
    let world = World::of(|asked, _| match asked.is_for_a_token() {
        true => Reply::token(86_399).after(Duration::from_secs(59)),
        false => Reply::json(200, &json!({"pid": 7})),
    });
    let gateway = world.gateway.until(stop.clone());
    let (aam, context) = (gateway.audience_manager(), change());
    let started = Instant::now();
    let stopped = async {
        sleep(Duration::from_secs(3)).await;
        stop.cancel();
    };
    let (answer, ()) = tokio::join!(aam.me(&context), stopped);
    assert_eq!(answer.expect_err("unsent").kind(), Kind::Stopped);
    assert_eq!(started.elapsed(), Duration::from_secs(3));
    assert_eq!(world.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_observer_hears_of_every_request_and_of_no_path() {
    let world = World::authorized(|_, number| match number {
        0 => Reply::text(404, "").after(Duration::from_millis(30)),
        _ => Reply::json(200, &json!({"pid": 7})),
    });
    let aam = world.gateway.audience_manager();
    aam.delete_unread(&change(), leased(), TraitSid(4711))
        .await
        .expect_err("gone");
    aam.me(&change()).await.expect("a company");
    let heard = world.heard.0.lock().expect("the records");
    let words: Vec<_> = heard
        .iter()
        .map(|call| {
            (
                call.system,
                call.operation,
                call.method.as_str(),
                call.status,
                call.outcome,
            )
        })
        .collect();
    assert_eq!(
        words,
        [
            (
                System::IdentityService,
                "token.request",
                "POST",
                Some(200),
                Outcome::Succeeded
            ),
            (
                System::AudienceManager,
                "traits.delete",
                "DELETE",
                Some(404),
                Outcome::Failed(Kind::NotFound)
            ),
            (
                System::AudienceManager,
                "users.self",
                "GET",
                Some(200),
                Outcome::Succeeded
            ),
        ],
    );
    assert_eq!(heard[1].duration, Duration::from_millis(30));
    assert!(!format!("{heard:?}").contains("4711"));
}

#[tokio::test(start_paused = true)]
async fn neither_secret_nor_token_is_printed() {
    let world = World::of(|asked, _| match asked.is_for_a_token() {
        true => Reply::token(86_399),
        false => Reply::json(
            400,
            &json!({"message": "canary-token canary-secret", "code": "X"}),
        ),
    });
    let aam = world.gateway.audience_manager();
    let error = aam
        .create::<DataSource>(&change(), leased(), &new())
        .await
        .expect_err("refused");
    let gateway = &world.gateway;
    let heard = world.heard.0.lock().expect("the records");
    let printed = format!("{error} {error:?} {gateway:?} {aam:?} {heard:?}");
    assert!(!printed.contains("canary"), "{printed}");
    assert!(world.calls()[0].headers["authorization"].is_sensitive());
}
