//! The one place that knows how to call a router. The cases know paths, bodies and answers only.

use adobe_openapi::Trial;
use adobe_simulator::{ConnectionLost, Flags, Options, Seed, Simulator, System};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::judged;

pub(crate) const ORGANIZATION: &str = "0F1E2D3C4B5A69780A49420E@AdobeOrg";

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) lost: bool,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the body is JSON")
    }

    /// The answer has this status; returns its body (null where empty).
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "the answer was {}", self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }
}

pub(crate) async fn send(
    router: Router,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Reply {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let lost = response.extensions().get::<ConnectionLost>().is_some();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
        lost,
    }
}

/// A client with a token.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) simulator: Simulator,
    pub(crate) token: String,
    pub(crate) client_id: String,
    _judged: Trial,
}

pub(crate) const GRANT: &str = "grant_type=client_credentials&client_id=demo-client&client_secret=demo-secret&scope=openid,AdobeID";

pub(crate) async fn token(simulator: &Simulator, form: &str) -> Reply {
    send(
        simulator.router(System::IMS),
        "POST",
        "/ims/token/v3",
        &[("content-type", "application/x-www-form-urlencoded")],
        form.to_owned(),
    )
    .await
}

pub(crate) async fn small() -> Tenant {
    seeded(Seed::small()).await
}

pub(crate) async fn seeded(seed: Seed) -> Tenant {
    let simulator = Simulator::new(Options {
        seed: Some(seed),
        ..Options::default()
    });
    let judged = judged::watch(&simulator);
    let answer = token(&simulator, GRANT).await.expect(200);
    Tenant {
        simulator,
        token: answer["access_token"].as_str().unwrap().to_owned(),
        client_id: "demo-client".to_owned(),
        _judged: judged,
    }
}

impl Tenant {
    pub(crate) fn flags(&self, change: impl FnOnce(&mut Flags)) {
        let mut flags = self.simulator.flags();
        change(&mut flags);
        self.simulator.set_flags(flags);
    }

    pub(crate) async fn aam_with(
        &self,
        method: &str,
        target: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("x-api-key", self.client_id.as_str()),
            ("content-type", "application/json"),
        ];
        headers.extend_from_slice(more);
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let target = format!("/v1{target}");
        send(
            self.simulator.router(System::AUDIENCE_MANAGER),
            method,
            &target,
            &headers,
            body,
        )
        .await
    }

    /// With escapes switched off, as most clients send.
    pub(crate) async fn aam(&self, method: &str, target: &str, body: Value) -> Reply {
        self.aam_with(
            method,
            target,
            &body,
            &[("AAM-Disable-Escaping-HTML", "true")],
        )
        .await
    }

    pub(crate) async fn aep_in(
        &self,
        sandbox: &str,
        method: &str,
        target: &str,
        body: Value,
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-api-key", self.client_id.as_str()),
            ("x-gw-ims-org-id", ORGANIZATION),
            ("x-sandbox-name", sandbox),
            ("content-type", "application/json"),
        ];
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        send(
            self.simulator.router(System::EXPERIENCE_PLATFORM),
            method,
            target,
            &headers,
            body,
        )
        .await
    }

    pub(crate) async fn aep(&self, method: &str, target: &str, body: Value) -> Reply {
        let target = format!("/data/core/ups{target}");
        self.aep_in("prod", method, &target, body).await
    }

    /// A data source with both unique flags, and its id.
    pub(crate) async fn source(&self, name: &str) -> u64 {
        let body = json!({"name": name, "integrationCode": name,
            "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": true});
        let made = self.aam("POST", "/datasources/", body).await.expect(201);
        made["dataSourceId"].as_u64().unwrap()
    }

    pub(crate) async fn onboarded(&self, source: u64, name: &str, code: Option<&str>) -> Value {
        let body = json!({"traitType": "ON_BOARDED_TRAIT", "name": name, "dataSourceId": source,
            "folderId": 0, "traitRule": "segid == \"x\"", "integrationCode": code});
        self.aam("POST", "/traits/", body).await.expect(201)
    }
}
