//! IMS and the two gateways: audience-manager.md §1, experience-platform.md §1.

use std::time::Duration;

use adobe_simulator::{
    AdministratorTold, AudienceManagerGateway, Options, RateLimit, Simulator, System,
};
use serde_json::{Value, json};

use crate::helper::{GRANT, ORGANIZATION, send, small, token};

#[tokio::test]
async fn a_token_comes_from_form_and_query_and_both_versions() {
    let simulator = Simulator::new(Options::default());
    let answer = token(&simulator, GRANT).await.expect(200);
    assert_eq!(answer["token_type"], "bearer");
    assert_eq!(answer["expires_in"], 86_399);
    for version in ["v2", "v3"] {
        let target = format!("/ims/token/{version}?{GRANT}");
        let reply = send(
            simulator.router(System::IMS),
            "POST",
            &target,
            &[],
            String::new(),
        )
        .await;
        let again = reply.expect(200);
        assert_ne!(
            again["access_token"], answer["access_token"],
            "each token is a new one"
        );
    }
}

#[tokio::test]
async fn ims_refuses_in_the_shape_of_oauth() {
    let tenant = small().await;
    let cases = [
        (GRANT.replace("demo-secret", "wrong"), 401, "invalid_client"),
        (
            GRANT.replace("demo-client", "stranger"),
            401,
            "invalid_client",
        ),
        (
            GRANT.replace("client_credentials", "password"),
            400,
            "unsupported_grant_type",
        ),
        (
            GRANT.replace("&scope=openid,AdobeID", ""),
            400,
            "invalid_scope",
        ),
        (
            GRANT.replace("client_id=demo-client&", ""),
            400,
            "invalid_request",
        ),
    ];
    for (form, status, error) in cases {
        let answer = token(&tenant.simulator, &form).await.expect(status);
        assert_eq!(answer["error"], error, "for {form}");
        assert!(answer["error_description"].is_string());
    }
    tenant.flags(|flags| flags.ims.invalid_client_status = 400);
    let wrong = GRANT.replace("demo-secret", "wrong");
    token(&tenant.simulator, &wrong).await.expect(400);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_life_on_the_virtual_clock() {
    let tenant = small().await;
    tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(200);
    tokio::time::advance(Duration::from_secs(86_398)).await;
    tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(200);
    tenant.simulator.advance(Duration::from_secs(1));
    let refused = tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(401);
    assert_eq!(
        refused,
        json!({"error_code": "401013", "message": "Oauth token is not valid"})
    );
}

#[tokio::test]
async fn a_removed_secret_leaves_tokens_alive_unless_the_switch_says_otherwise() {
    let tenant = small().await;
    let mut state = tenant.simulator.state();
    state["credentials"][0]["clientSecrets"] = json!(["rotated"]);
    tenant.simulator.set_state(state).unwrap();
    tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(200);
    token(&tenant.simulator, GRANT).await.expect(401);
    token(&tenant.simulator, &GRANT.replace("demo-secret", "rotated"))
        .await
        .expect(200);
    tenant.flags(|flags| flags.ims.removed_secrets_kill_tokens = true);
    tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(401);
}

#[tokio::test]
async fn the_gateway_of_audience_manager_checks_token_then_key() {
    let tenant = small().await;
    let router = || tenant.simulator.router(System::AUDIENCE_MANAGER);
    let bearer = format!("Bearer {}", tenant.token);
    let authorized = ("authorization", bearer.as_str());
    let cases = [
        (vec![], 403, "403010"),
        (vec![("authorization", "Bearer nonsense")], 401, "401013"),
        (vec![authorized], 403, "403000"),
        (vec![authorized, ("x-api-key", "other")], 403, "403003"),
    ];
    for (headers, status, code) in cases {
        let reply = send(router(), "GET", "/v1/traits/", &headers, String::new()).await;
        assert_eq!(reply.expect(status)["error_code"], code);
    }
    tenant.flags(|flags| flags.audience_manager.gateway = AudienceManagerGateway::Demdex);
    let headers = [("authorization", bearer.as_str())];
    send(router(), "GET", "/v1/traits", &headers, String::new())
        .await
        .expect(200);
    let reply = send(
        router(),
        "GET",
        "/v1/traits",
        &[("authorization", "Bearer x")],
        String::new(),
    )
    .await;
    reply.expect(401);
    assert!(
        reply.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("invalid_token")
    );
}

#[tokio::test]
async fn the_gateway_of_experience_platform_answers_before_the_service() {
    let tenant = small().await;
    let bearer = format!("Bearer {}", tenant.token);
    let all = [
        ("authorization", bearer.as_str()),
        ("x-api-key", "demo-client"),
        ("x-gw-ims-org-id", ORGANIZATION),
        ("x-sandbox-name", "prod"),
    ];
    let with = |position: usize, value: Option<&'static str>| {
        let mut headers = all.to_vec();
        match value {
            Some(value) => headers[position].1 = value,
            None => drop(headers.remove(position)),
        }
        headers
    };
    let cases = [
        (with(0, None), 403, "error_code", json!("403010")),
        (
            with(0, Some("Bearer stale")),
            401,
            "error_code",
            json!("401013"),
        ),
        (with(1, None), 403, "error_code", json!("403000")),
        (with(1, Some("other")), 403, "error_code", json!("403003")),
        (with(2, None), 400, "error_code", json!("400003")),
        (
            with(2, Some("AB12@AdobeOrg")),
            403,
            "error_code",
            json!("403025"),
        ),
        (
            with(2, Some("nonsense")),
            403,
            "error_code",
            json!("403027"),
        ),
        (with(3, None), 400, "error_code", json!("400003")),
        (with(3, Some("nowhere")), 403, "status", json!(403)),
    ];
    for (headers, status, member, value) in cases {
        let reply = send(
            tenant.simulator.router(System::EXPERIENCE_PLATFORM),
            "GET",
            "/data/core/ups/no-such-thing",
            &headers,
            String::new(),
        )
        .await;
        assert_eq!(reply.expect(status)[member], value, "for {headers:?}");
    }
    let reply = send(
        tenant.simulator.router(System::EXPERIENCE_PLATFORM),
        "POST",
        "/data/core/ups/audiences",
        &all,
        "{}".to_owned(),
    )
    .await;
    assert_eq!(
        reply.expect(400),
        json!({"type": "/placeholder/type/uri", "status": 400, "title": "BadRequestError",
            "detail": "A valid content-type must be specified"})
    );
}

#[tokio::test(start_paused = true)]
async fn the_bucket_empties_and_fills_again() {
    let tenant = small().await;
    tenant.flags(|flags| {
        flags.shared.rate_limit = Some(RateLimit {
            requests_per_minute: 60,
            burst: 2,
            retry_after: true,
        });
    });
    for status in [200, 200, 429] {
        let reply = tenant.aam("GET", "/users/self", Value::Null).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.headers.contains_key("retry-after"), status == 429);
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(200);
    tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(429);
}

#[tokio::test]
async fn without_rbac_rights_only_the_own_user_answers() {
    let tenant = small().await;
    let mut state = tenant.simulator.state();
    state["credentials"][0]["aamAccess"] = json!("none");
    tenant.simulator.set_state(state).unwrap();
    let me = tenant
        .aam("GET", "/users/self", Value::Null)
        .await
        .expect(200);
    assert_eq!((&me["pid"], &me["isAdmin"]), (&json!(1794), &json!(false)));
    tenant.aam("GET", "/traits/", Value::Null).await.expect(403);
    let mut state = tenant.simulator.state();
    state["credentials"][0]["aamAccess"] = json!("read");
    tenant.simulator.set_state(state).unwrap();
    tenant.aam("GET", "/traits/", Value::Null).await.expect(200);
    tenant
        .aam("POST", "/datasources/", json!({"name": "x"}))
        .await
        .expect(403);
}

#[tokio::test]
async fn audience_manager_asks_for_the_organization_where_the_switch_says_so() {
    let tenant = small().await;
    let organization = [("x-gw-ims-org-id", ORGANIZATION)];
    tenant.aam("GET", "/traits", Value::Null).await.expect(200);
    tenant.flags(|flags| flags.audience_manager.needs_organization = true);
    let refused = tenant.aam("GET", "/traits", Value::Null).await.expect(400);
    assert_eq!(
        refused,
        json!({"error_code": "400003", "message": "Missing header"})
    );
    tenant
        .aam_with("GET", "/traits", &Value::Null, &organization)
        .await
        .expect(200);
}

#[tokio::test]
async fn data_sources_show_permissions_or_never_do() {
    let tenant = small().await;
    tenant.source("a").await;
    for shown in [true, false] {
        tenant.flags(|flags| flags.audience_manager.data_sources_tell_permissions = shown);
        let listed = tenant
            .aam("GET", "/datasources?includePermissions=true", Value::Null)
            .await
            .expect(200);
        let all = listed.as_array().unwrap();
        assert!(!all.is_empty());
        for found in all {
            assert_eq!(found["permissions"].is_array(), shown, "{found}");
        }
    }
}

#[tokio::test]
async fn who_is_an_administrator_comes_in_three_forms() {
    let tenant = small().await;
    for (told, expected) in [
        (AdministratorTold::Boolean, json!(true)),
        (AdministratorTold::Text, json!("true")),
        (AdministratorTold::Nowhere, Value::Null),
    ] {
        tenant.flags(|flags| flags.audience_manager.administrator_told = told);
        let me = tenant
            .aam("GET", "/users/self", Value::Null)
            .await
            .expect(200);
        assert_eq!(me["isAdmin"], expected);
    }
}
