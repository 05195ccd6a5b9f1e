//! Judged by Adobe's own files: a tour through every endpoint of Experience Platform, in one process, and proof that a
//! violation of either side is caught. What all other tests exchange is judged by `judged.rs`.

use std::sync::{Arc, Mutex};

use adobe_openapi::{Answer, Exchange, Judge, Request, Side, Violation, adobe_files};
use adobe_simulator::{Flags, Options, Seed, Simulator, System};
use axum::body::Body;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::judged;
use crate::operations::LOYAL_GAMERS;
use crate::operator::{World, audience, connection, secret, seed};
use crate::run::{LOOK, REST, on_virtual_time};
use crate::virtual_time;

const ORGANIZATION: &str = "0F1E2D3C4B5A69780A49420E@AdobeOrg";
const UPS: &str = "/data/core/ups";
const AIS: &str = "/data/core/ais";
const SANDBOXES: &str = "/data/foundation/sandbox-management";

/// A judge of its own, and what it found wrong.
struct Bench {
    judge: Arc<Judge>,
    violations: Arc<Mutex<Vec<Violation>>>,
}

impl Bench {
    fn new() -> Self {
        let judge = Judge::new(adobe_files().as_deref()).unwrap_or_else(|error| panic!("{error}"));
        Self {
            judge: Arc::new(judge),
            violations: Arc::default(),
        }
    }

    fn watch(&self, simulator: &Simulator) {
        let (judge, violations) = (self.judge.clone(), self.violations.clone());
        simulator.observe(move |told| {
            let found = judge.judge(&judged::as_told(told));
            violations.lock().unwrap().extend(found);
        });
    }
}

/// A client of Experience Platform that sends what the references show.
struct Tour {
    simulator: Simulator,
    token: String,
}

impl Tour {
    async fn over(simulator: Simulator) -> Self {
        let form = "grant_type=client_credentials&client_id=demo-client&client_secret=demo-secret&scope=openid";
        let request = http::Request::post("/ims/token/v3")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form));
        let Ok(answer) = simulator
            .router(System::IMS)
            .oneshot(request.unwrap())
            .await;
        let token = body_of(answer).await["access_token"]
            .as_str()
            .unwrap()
            .into();
        Self { simulator, token }
    }

    fn switch(&self, change: impl FnOnce(&mut Flags)) {
        let mut flags = self.simulator.flags();
        change(&mut flags);
        self.simulator.set_flags(flags);
    }

    async fn send(&self, method: &str, target: &str, body: Value) -> Value {
        self.send_as("demo-client", &self.token, method, target, body)
            .await
    }

    async fn get(&self, target: &str) -> Value {
        self.send("GET", target, Value::Null).await
    }

    /// What the gateway refuses, before any service sees it: a bad token, then a bad key.
    async fn refused(&self, target: &str) {
        self.send_as("demo-client", "bad", "GET", target, Value::Null)
            .await;
        self.send_as("other-client", &self.token, "GET", target, Value::Null)
            .await;
    }

    async fn send_as(
        &self,
        client: &str,
        token: &str,
        method: &str,
        target: &str,
        body: Value,
    ) -> Value {
        let accept = match target.contains("createAudienceMetaOnly") {
            true => "application/vnd.adobe.external.audiences+json; version=2",
            false => "application/json",
        };
        let request = http::Request::builder()
            .method(method)
            .uri(target)
            .header("authorization", format!("Bearer {token}"))
            .header("x-api-key", client)
            .header("x-gw-ims-org-id", ORGANIZATION)
            .header("x-sandbox-name", "prod")
            .header("content-type", "application/json")
            .header("accept", accept);
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        let router = self.simulator.router(System::EXPERIENCE_PLATFORM);
        let Ok(answer) = router.oneshot(request.body(body).unwrap()).await;
        body_of(answer).await
    }

    async fn sandboxes(&self) {
        self.get(&format!("{SANDBOXES}/")).await;
        self.get(&format!("{SANDBOXES}/?limit=50&offset=0")).await;
        self.get(&format!("{SANDBOXES}/sandboxes")).await;
        self.get(&format!("{SANDBOXES}/sandboxes/prod")).await;
        self.get(&format!("{SANDBOXES}/sandboxes/nowhere")).await;
        self.refused(&format!("{SANDBOXES}/")).await;
    }

    async fn search(&self) {
        let class = "_xdm.context.segmentdefinition";
        self.get(&format!("{UPS}/search/namespaces?schema.name={class}"))
            .await;
    }

    async fn merge_policies(&self) {
        let policies = format!("{UPS}/config/mergePolicies");
        let known = self.get(&format!("{policies}?limit=10")).await;
        let id = known["children"][0]["id"].clone();
        self.get(&format!("{policies}/{}", id.as_str().unwrap()))
            .await;
        self.get(&format!("{policies}/none")).await;
        self.send(
            "POST",
            &format!("{policies}/bulk-get"),
            json!({"ids": [{"id": id}]}),
        )
        .await;
        self.refused(&policies).await;
    }

    async fn definitions(&self) {
        let definitions = format!("{UPS}/segment/definitions");
        let body = json!({
            "name": "From California", "description": "", "schema": {"name": "_xdm.context.profile"},
            "expression": {"type": "PQL", "format": "pql/text", "value": "homeAddress.state = \"CA\""},
        });
        let made = self.send("POST", &definitions, body.clone()).await;
        let one = format!("{definitions}/{}", made["id"].as_str().unwrap());
        self.get(&one).await;
        self.get(&format!("{definitions}?limit=10&page=0")).await;
        self.send("PATCH", &one, body.clone()).await;
        let ids = json!({"ids": [{"id": made["id"]}, {"id": "none"}]});
        self.send("POST", &format!("{definitions}/bulk-get"), ids)
            .await;
        self.send("DELETE", &one, Value::Null).await;
        self.get(&one).await;
        self.switch(|flags| {
            flags.experience_platform.definition_create_status = 201;
            flags.experience_platform.definition_delete_body = false;
        });
        let made = self.send("POST", &definitions, body).await;
        let one = format!("{definitions}/{}", made["id"].as_str().unwrap());
        self.send("DELETE", &one, Value::Null).await;
        self.refused(&definitions).await;
    }

    async fn audiences(&self) {
        let audiences = format!("{UPS}/audiences");
        self.get(&format!("{audiences}?limit=100")).await;
        self.get(&format!("{audiences}?limit=2&sort=updateTime:desc"))
            .await;
        let external = json!({
            "audienceId": "aam_seg_9900123", "name": "Big spenders", "namespace": "k8sAamShare", "description": "",
            "type": "ExternalSegment", "originName": "CUSTOM_UPLOAD", "lifecycleState": "published",
            "labels": ["core/C5"], "audienceMeta": {"segmentStatus": "ACTIVE"},
        });
        let made = self.send("POST", &audiences, external.clone()).await;
        let one = format!("{audiences}/{}", made["id"].as_str().unwrap());
        self.get(&one).await;
        self.get(&format!(
            "{audiences}?property=audienceId%3D%3Daam_seg_9900123&limit=20"
        ))
        .await;
        let patch = json!([{"op": "add", "path": "/description", "value": "Shared"},
                           {"op": "add", "path": "/labels", "value": ["core/C5", "core/C6"]}]);
        self.send("PATCH", &one, patch).await;
        let mut whole = external;
        let members = whole.as_object_mut().unwrap();
        members.retain(|name, _| !["originName", "audienceMeta"].contains(&name.as_str()));
        self.send("PUT", &one, whole).await;
        let ids = json!({"ids": [{"id": made["id"]}, {"id": "none"}]});
        self.send("POST", &format!("{audiences}/bulk-get"), ids)
            .await;
        let missing = json!({"ids": [{"id": "none"}]});
        self.send("POST", &format!("{audiences}/bulk-get"), missing)
            .await;
        self.send("DELETE", &one, Value::Null).await;
        self.get(&one).await;
        let platform = json!({
            "name": "Readers", "type": "SegmentDefinition", "schema": {"name": "_xdm.context.profile"},
            "expression": {"type": "PQL", "format": "pql/text", "value": "optInOut.newsletter = true"},
            "profileInstanceId": "ups", "labels": [],
        });
        self.send("POST", &audiences, platform).await;
        self.refused(&audiences).await;
    }

    async fn external_audiences(&self) {
        let metadata = json!({
            "name": "Mirror", "audienceId": "aam_seg_1", "namespace": "k8sAamShare", "originName": "CUSTOM_UPLOAD",
        });
        let target = format!("{AIS}/audiences?createAudienceMetaOnly=true");
        self.send("POST", &target, metadata).await;
        let external = format!("{AIS}/external-audience");
        let import = json!({
            "name": "Imported", "originName": "CUSTOM_UPLOAD", "namespace": "CustomerAudienceUpload",
            "fields": [{"name": "email", "type": "string", "identityNs": "Email"}], "ttlInDays": 30,
            "sourceSpec": {"params": {"path": "inbox/a.csv", "type": "file", "cloudType": "DLZ"}},
            "audienceType": "people",
        });
        let begun = self.send("POST", &format!("{external}/"), import).await;
        let operation = begun["operationId"].as_str().unwrap();
        let operation = format!("{external}/operations/{operation}");
        self.get(&operation).await;
        self.simulator
            .advance(std::time::Duration::from_secs(3_600));
        let ended = self.get(&operation).await;
        let one = format!("{external}/{}", ended["audienceId"].as_str().unwrap());
        self.send("PATCH", &one, json!({"description": "Imported by us"}))
            .await;
        let run = self
            .send(
                "POST",
                &format!("{one}/runs"),
                json!({"dataFilterStartTime": 1_767_571_200}),
            )
            .await;
        self.get(&format!("{one}/runs")).await;
        self.get(&format!("{one}/runs/{}", run["runId"].as_str().unwrap()))
            .await;
        let id = ended["audienceId"].as_str().unwrap();
        self.send("POST", &format!("{external}/extend-ttl/{id}"), Value::Null)
            .await;
        self.send("DELETE", &one, Value::Null).await;
        self.send("DELETE", &one, Value::Null).await;
    }
}

async fn body_of(answer: http::Response<Body>) -> Value {
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    serde_json::from_slice(&bytes.unwrap()).unwrap_or_default()
}

/// The operator's own calls first, then what the references show of every other endpoint.
#[test]
fn a_tour_through_every_endpoint_is_as_openapi_says_and_needs_every_exception() {
    on_virtual_time(tour());
}

async fn tour() {
    let bench = Bench::new();
    let world = World::new(seed());
    bench.watch(&world.simulator);
    world.apply(secret());
    world.apply(connection("acme"));
    world.apply(audience("loyal", LOYAL_GAMERS));
    world.start_operator();
    virtual_time::passes(LOOK).await;
    world.look_now("loyal");
    virtual_time::passes(LOOK).await;
    world.delete("loyal");
    virtual_time::passes(REST).await;
    assert!(world.audience("loyal").is_null());
    let operators = bench.judge.tally();
    let tour = Tour::over(Simulator::new(Options {
        seed: Some(Seed::realistic()),
        ..Options::default()
    }))
    .await;
    bench.watch(&tour.simulator);
    tour.sandboxes().await;
    tour.merge_policies().await;
    tour.search().await;
    tour.definitions().await;
    tour.audiences().await;
    tour.external_audiences().await;

    let found = bench.violations.lock().unwrap();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let tally = bench.judge.tally();
    println!("openapi: of the operator: {operators}");
    println!("openapi: in all: {tally}");
    for exception in bench.judge.exceptions() {
        println!(
            "openapi: exception {}: {} ({})",
            exception.name, exception.fault, exception.source
        );
    }
    match adobe_files() {
        Some(_) => assert!(tally.by_adobe > 0),
        None => println!(
            "openapi: Adobe's files are not at hand: judged by the project's table of facts alone"
        ),
    }
    assert!(
        tally.unused.is_empty(),
        "no exchange needs {:?}",
        tally.unused
    );
}

fn headers() -> Vec<(String, String)> {
    [
        ("authorization", "Bearer"),
        ("x-api-key", "demo-client"),
        ("x-gw-ims-org-id", ORGANIZATION),
        ("x-sandbox-name", "prod"),
        ("content-type", "application/json"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// With Adobe's files where they are at hand, and by the facts alone.
fn judges() -> Vec<Judge> {
    let with = adobe_files().map(|folder| Judge::new(Some(&folder)).unwrap());
    with.into_iter()
        .chain([Judge::new(None).unwrap()])
        .collect()
}

#[test]
fn a_wrong_request_is_caught_by_openapi() {
    let (list, audiences) = (
        format!("{UPS}/audiences?limit=100"),
        format!("{UPS}/audiences"),
    );
    let without = |name: &str| {
        let mut headers = headers();
        headers.retain(|(known, _)| known != name);
        headers
    };
    let cases = [
        (
            "GET",
            list.clone(),
            without("x-sandbox-name"),
            None,
            "header x-sandbox-name: it is required",
        ),
        (
            "GET",
            list.clone(),
            without("x-api-key"),
            None,
            "header x-api-key: it is required",
        ),
        (
            "GET",
            list.clone(),
            without("x-gw-ims-org-id"),
            None,
            "header x-gw-ims-org-id: it is required",
        ),
        (
            "GET",
            format!("{audiences}?pageSize=5"),
            headers(),
            None,
            "query pageSize: there is no such parameter",
        ),
        (
            "GET",
            format!("{audiences}?limit=many"),
            headers(),
            None,
            "query limit: \"many\" is no integer",
        ),
        (
            "POST",
            audiences.clone(),
            headers(),
            Some(json!({"name": 5})),
            "body /name: 5 is not of type \"string\"",
        ),
        (
            "POST",
            audiences.clone(),
            headers(),
            Some(json!({"name": "a", "nmae": "b"})),
            "body /nmae: there is no such member",
        ),
        (
            "POST",
            audiences.clone(),
            without("content-type"),
            Some(json!({"name": "a"})),
            "header content-type: ",
        ),
        (
            "POST",
            format!("{UPS}/segment/definitions"),
            headers(),
            Some(json!({"name": "a"})),
            "\"expression\" is a required property",
        ),
        (
            "POST",
            format!("{audiences}/bulk-get"),
            headers(),
            Some(json!({"ids": [{"id": 5}]})),
            "body /ids/0/id: 5 is not of type \"string\"",
        ),
        (
            "PATCH",
            format!("{audiences}/a"),
            headers(),
            Some(json!({"op": "add"})),
            "is not of type \"array\"",
        ),
        (
            "GET",
            format!("{UPS}/no-such-thing"),
            headers(),
            None,
            "path: no document names it",
        ),
    ];
    for judge in judges() {
        for (method, target, headers, body, wanted) in &cases {
            let request = Some(Request {
                headers,
                body: body.as_ref(),
            });
            let found = judge.judge(&Exchange {
                method,
                target,
                request,
                answer: None,
            });
            let told: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert!(
                told.iter().any(|told| told.contains(wanted)),
                "{method} {target} wants {wanted}: {told:#?}"
            );
            assert!(
                found
                    .iter()
                    .all(|violation| violation.side == Side::Request)
            );
        }
    }
}

#[test]
fn a_wrong_answer_is_caught_by_openapi() {
    let (list, one) = (
        format!("{UPS}/audiences"),
        format!("{UPS}/segment/definitions/a"),
    );
    let audience = json!({"id": 5, "name": "a", "type": "SegmentDefinition"});
    let definition = json!({"id": "a", "name": "a", "schema": {"name": "_xdm.context.profile"}});
    let page = json!({"totalCount": 1, "pageSize": 1});
    let cases = [
        (
            &list,
            200,
            Some(json!({"children": [audience], "_page": page})),
            "body /children/0/id: 5 is not of type \"string\"",
        ),
        (
            &list,
            200,
            Some(json!({"children": {}, "_page": page})),
            "body /children: {} is not of type \"array\"",
        ),
        (&list, 200, None, "body: one is described, none came"),
        (
            &list,
            202,
            Some(json!({"children": [], "_page": page})),
            "status: it is none of",
        ),
        (
            &one,
            200,
            Some(definition),
            "\"expression\" is a required property",
        ),
    ];
    for judge in judges() {
        for (target, status, body, wanted) in &cases {
            let answer = Some(Answer {
                status: *status,
                body: body.as_ref(),
            });
            let found = judge.judge(&Exchange {
                method: "GET",
                target,
                request: None,
                answer,
            });
            let told: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert!(
                told.iter().any(|told| told.contains(wanted)),
                "{target} wants {wanted}: {told:#?}"
            );
            assert!(
                told.iter()
                    .all(|told| told.contains(&format!("→ {status}: the answer, ")))
            );
        }
    }
}

/// What every world does with what it exchanged.
#[tokio::test]
#[should_panic(
    expected = "GET /data/core/ups/audiences?size=5: the request, query size: there is no such parameter"
)]
async fn a_world_that_ends_with_a_violation_of_openapi_fails_its_test() {
    let tour = Tour::over(Simulator::new(Options::default())).await;
    let _judged = judged::watch(&tour.simulator);
    tour.get(&format!("{UPS}/audiences?size=5")).await;
}
