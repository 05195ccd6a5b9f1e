//! Every fault kind: what the client sees, and what happened.

use std::time::Duration;

use adobe_simulator::{Fault, FaultKind, Match, System};
use serde_json::{Value, json};

use crate::helper::{Tenant, small};

fn creates() -> Match {
    Match {
        system: Some(System::AUDIENCE_MANAGER),
        method: Some("POST".to_owned()),
        path_contains: Some("/datasources".to_owned()),
        ..Match::default()
    }
}

fn on_create(kind: FaultKind) -> Fault {
    Fault {
        matching: creates(),
        skip: 0,
        times: 1,
        kind,
    }
}

async fn create(tenant: &Tenant) -> crate::helper::Reply {
    tenant
        .aam("POST", "/datasources/", json!({"name": "x"}))
        .await
}

async fn standing(tenant: &Tenant) -> usize {
    let list = tenant
        .aam("GET", "/datasources", Value::Null)
        .await
        .expect(200);
    list.as_array().unwrap().len()
}

#[tokio::test]
async fn each_kind_has_its_effect_and_its_answer() {
    let cases = [
        (FaultKind::CrashBeforeSend, None, 0),
        (FaultKind::EffectThenReset, None, 1),
        (FaultKind::EffectThenError { status: 503 }, Some(503), 1),
        (
            FaultKind::Error {
                status: 500,
                body: None,
            },
            Some(500),
            0,
        ),
        (
            FaultKind::Error {
                status: 418,
                body: Some(json!({"own": 1})),
            },
            Some(418),
            0,
        ),
        (FaultKind::LateEffect { delay_ms: 500 }, None, 0),
        (FaultKind::Throttle { retry_after: None }, Some(429), 0),
        (FaultKind::Unauthorized, Some(401), 0),
        (FaultKind::Forbidden, Some(403), 0),
        (FaultKind::TruncatedBody, Some(201), 1),
        (FaultKind::WrongType, Some(200), 0),
    ];
    for (kind, status, effect) in cases {
        let tenant = small().await;
        tenant.simulator.add_fault(on_create(kind.clone()));
        let reply = create(&tenant).await;
        assert_eq!(reply.lost, status.is_none(), "{kind:?}");
        if let Some(status) = status {
            assert_eq!(reply.status, status, "{kind:?}");
        }
        assert_eq!(standing(&tenant).await, effect, "{kind:?}");
        create(&tenant).await.expect(201);
        let call = &tenant.simulator.calls()[1];
        assert_eq!(
            call.status, status,
            "the log says what was answered: {kind:?}"
        );
        assert!(call.fault.is_some());
    }
}

#[tokio::test]
async fn a_truncated_body_and_an_html_page_are_no_json() {
    let tenant = small().await;
    tenant
        .simulator
        .add_fault(on_create(FaultKind::TruncatedBody));
    assert!(serde_json::from_str::<Value>(&create(&tenant).await.text).is_err());
    tenant.simulator.add_fault(on_create(FaultKind::WrongType));
    let reply = create(&tenant).await;
    assert_eq!(reply.headers["content-type"], "text/html");
}

#[tokio::test(start_paused = true)]
async fn a_late_effect_takes_place_on_the_simulators_clock() {
    let tenant = small().await;
    tenant
        .simulator
        .add_fault(on_create(FaultKind::LateEffect { delay_ms: 500 }));
    create(&tenant).await;
    tenant.simulator.advance(Duration::from_millis(499));
    assert_eq!(standing(&tenant).await, 0);
    tenant.simulator.advance(Duration::from_millis(1));
    assert_eq!(standing(&tenant).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_comes_after_its_effect() {
    let tenant = small().await;
    tenant
        .simulator
        .add_fault(on_create(FaultKind::Slow { delay_ms: 30_000 }));
    let begin = tokio::time::Instant::now();
    let early = tokio::time::timeout(Duration::from_secs(5), create(&tenant)).await;
    assert!(early.is_err(), "the client gave up");
    assert_eq!(standing(&tenant).await, 1);
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn a_throttled_answer_says_when_only_if_told() {
    let tenant = small().await;
    let fault = on_create(FaultKind::Throttle {
        retry_after: Some("17".to_owned()),
    });
    tenant.simulator.add_fault(fault);
    assert_eq!(create(&tenant).await.headers["retry-after"], "17");
    tenant
        .simulator
        .add_fault(on_create(FaultKind::Throttle { retry_after: None }));
    assert!(!create(&tenant).await.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_stale_list_is_the_list_of_some_writes_ago() {
    let tenant = small().await;
    let first = tenant.source("first").await;
    tenant.source("second").await;
    tenant
        .aam("DELETE", &format!("/datasources/{first}"), Value::Null)
        .await
        .expect(204);
    for (writes, expected) in [
        (0, vec!["second"]),
        (1, vec!["first", "second"]),
        (2, vec!["first"]),
        (9, vec![]),
    ] {
        let kind = FaultKind::StaleList { writes };
        tenant.simulator.add_fault(Fault {
            matching: Match::default(),
            skip: 0,
            times: 1,
            kind,
        });
        // A point read is no list: the fault waits for one.
        tenant
            .aam("GET", "/users/self", Value::Null)
            .await
            .expect(200);
        let list = tenant
            .aam("GET", "/datasources", Value::Null)
            .await
            .expect(200);
        let names: Vec<&str> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{writes} writes ago");
    }
    assert_eq!(
        standing(&tenant).await,
        1,
        "nothing was changed by looking back"
    );
}

#[tokio::test]
async fn an_empty_list_has_the_shape_of_a_list() {
    let tenant = small().await;
    tenant.source("a").await;
    let fault = || Fault {
        matching: Match::default(),
        skip: 0,
        times: 1,
        kind: FaultKind::EmptyList,
    };
    tenant.simulator.add_fault(fault());
    assert_eq!(
        tenant
            .aam("GET", "/datasources", Value::Null)
            .await
            .expect(200),
        json!([])
    );
    tenant.simulator.add_fault(fault());
    let page = tenant
        .aam("GET", "/datasources?page=0", Value::Null)
        .await
        .expect(200);
    assert_eq!((&page["total"], &page["list"]), (&json!(0), &json!([])));
    tenant.simulator.add_fault(fault());
    let list = tenant
        .aep("GET", "/config/mergePolicies", Value::Null)
        .await
        .expect(200);
    assert_eq!(list, json!({"_page": {"count": 0}, "children": []}));
}

#[tokio::test]
async fn a_fault_hits_the_call_it_names() {
    let tenant = small().await;
    // The token was call 1.
    tenant
        .simulator
        .add_fault(Fault::at(3, FaultKind::Forbidden));
    for status in [200, 403, 200] {
        assert_eq!(
            tenant.aam("GET", "/users/self", Value::Null).await.status,
            status
        );
    }
    let matching = Match {
        path_contains: Some("/traits".to_owned()),
        ..Match::default()
    };
    tenant.simulator.add_fault(Fault {
        matching,
        skip: 1,
        times: 2,
        kind: FaultKind::Forbidden,
    });
    for status in [200, 403, 403, 200] {
        assert_eq!(
            tenant.aam("GET", "/traits", Value::Null).await.status,
            status
        );
    }
    tenant.simulator.add_fault(Fault {
        matching: Match::default(),
        skip: 0,
        times: 0,
        kind: FaultKind::Forbidden,
    });
    for _ in 0..3 {
        assert_eq!(tenant.aam("GET", "/traits", Value::Null).await.status, 403);
    }
    tenant.simulator.clear_faults();
    tenant.aam("GET", "/traits", Value::Null).await.expect(200);
}
