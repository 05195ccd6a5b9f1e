//! The control port, the state document, the seeds, and the hand of a person.

use adobe_simulator::{Options, Seed, Simulator, System};
use serde_json::{Value, json};

use crate::helper::{GRANT, Tenant, seeded, send, small};

async fn control(tenant: &Tenant, method: &str, target: &str, body: Value) -> crate::helper::Reply {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    send(tenant.simulator.control(), method, target, &[], text).await
}

#[tokio::test]
async fn the_log_numbers_calls_and_hides_secrets() {
    let tenant = small().await;
    let target = format!("/ims/token/v2?{GRANT}");
    send(
        tenant.simulator.router(System::IMS),
        "POST",
        &target,
        &[],
        String::new(),
    )
    .await
    .expect(200);
    tenant
        .aam("GET", "/traits?search=x%20y", Value::Null)
        .await
        .expect(200);
    tenant
        .aep("GET", "/audiences/none", Value::Null)
        .await
        .expect(404);
    let calls = control(&tenant, "GET", "/calls", Value::Null)
        .await
        .expect(200);
    let rows: Vec<(u64, &str, &str, u64)> = calls
        .as_array()
        .unwrap()
        .iter()
        .map(|call| {
            (
                call["sequence"].as_u64().unwrap(),
                call["system"].as_str().unwrap(),
                call["path"].as_str().unwrap(),
                call["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (1, "ims", "/ims/token/v3", 200),
            (2, "ims", "/ims/token/v2", 200),
            (3, "audienceManager", "/v1/traits", 200),
            (
                4,
                "experiencePlatform",
                "/data/core/ups/audiences/none",
                404
            ),
        ]
    );
    assert_eq!(calls[2]["query"], "search=x%20y");
    assert_eq!(calls[2]["time"], 1_767_571_200_000_u64);
    let text = calls.to_string();
    assert!(!text.contains("demo-secret") && !text.contains(&tenant.token));
    assert!(text.contains("client_secret=REDACTED"));
    control(&tenant, "DELETE", "/calls", Value::Null)
        .await
        .expect(204);
    assert!(tenant.simulator.calls().is_empty());
    tenant.aam("GET", "/traits", Value::Null).await.expect(200);
    assert_eq!(tenant.simulator.calls()[0].sequence, 5, "numbers go on");
}

#[tokio::test]
async fn the_state_goes_round_and_keeps_secrets_to_itself() {
    for seed in [
        Seed::small(),
        Seed::realistic(),
        Seed::adobe_sharing(),
        Seed::both_directions(),
    ] {
        let tenant = seeded(seed).await;
        let state = control(&tenant, "GET", "/state", Value::Null)
            .await
            .expect(200);
        assert!(!state.to_string().contains("demo-secret"));
        control(&tenant, "PUT", "/state", state.clone())
            .await
            .expect(204);
        assert_eq!(
            control(&tenant, "GET", "/state", Value::Null)
                .await
                .expect(200)["traits"],
            state["traits"]
        );
        crate::helper::token(&tenant.simulator, GRANT)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_state_that_is_wrong_changes_nothing_and_names_the_object() {
    let tenant = small().await;
    let before = tenant.simulator.state()["dataSources"].clone();
    for (document, part) in [
        (json!({"traits": [{"name": "x"}]}), "traits[0] has no sid"),
        (
            json!({"traits": [{"sid": 1}], "segments": [{"sid": 1}]}),
            "segments[0]: the sid 1 is taken",
        ),
        (json!({"trait": []}), "unknown field `trait`"),
    ] {
        let refused = control(&tenant, "PUT", "/state", document)
            .await
            .expect(400);
        assert!(
            refused["error"].as_str().unwrap().contains(part),
            "{refused}"
        );
    }
    assert_eq!(tenant.simulator.state()["dataSources"], before);
}

#[tokio::test]
async fn unknown_members_of_objects_survive_a_put() {
    let tenant = seeded(Seed::realistic()).await;
    tenant
        .simulator
        .patch_object("traits", "16440003", &json!({"somethingNew": {"a": 1}}))
        .unwrap();
    let read = tenant
        .aam("GET", "/traits/16440003", Value::Null)
        .await
        .expect(200);
    let after = tenant
        .aam("PUT", "/traits/16440003", read)
        .await
        .expect(200);
    assert_eq!(after["somethingNew"], json!({"a": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_person_edits_and_the_system_notes_it() {
    let tenant = seeded(Seed::realistic()).await;
    let calls = tenant.simulator.calls().len();
    let body = json!({"traitRule": "a == 1", "folderId": 0});
    let edited = control(&tenant, "PATCH", "/state/traits/16440001", body)
        .await
        .expect(200);
    assert_eq!(edited["traitRuleVersion"], 1);
    assert_eq!(edited["updateTime"], 1_767_571_200_000_u64);
    let id = "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11";
    let before = tenant
        .aep("GET", &format!("/audiences/{id}"), Value::Null)
        .await
        .expect(200);
    control(
        &tenant,
        "PATCH",
        &format!("/state/audiences/{id}"),
        json!({"name": "Renamed"}),
    )
    .await
    .expect(200);
    let after = tenant
        .aep("GET", &format!("/audiences/{id}"), Value::Null)
        .await
        .expect(200);
    assert_eq!(after["name"], "Renamed");
    assert_ne!(after["_etag"], before["_etag"]);
    assert_eq!(after["updateEpoch"], 1_767_571_200);
    control(&tenant, "DELETE", "/state/traits/16440010", Value::Null)
        .await
        .expect(204);
    control(&tenant, "DELETE", "/state/traits/16440010", Value::Null)
        .await
        .expect(404);
    let made = control(&tenant, "POST", "/state/audiences", json!({"name": "New"}))
        .await
        .expect(201);
    let target = format!("/audiences/{}", made["id"].as_str().unwrap());
    assert_eq!(
        tenant.aep("GET", &target, Value::Null).await.expect(200)["name"],
        "New"
    );
    control(&tenant, "POST", "/state/nothing", json!({}))
        .await
        .expect(400);
    assert_eq!(
        tenant.simulator.calls().len(),
        calls + 3,
        "only the three reads"
    );
}

#[tokio::test]
async fn flags_faults_clock_and_reset_have_their_paths() {
    let tenant = small().await;
    control(
        &tenant,
        "PUT",
        "/flags",
        json!({"audienceManager": {"escapeHtml": false}}),
    )
    .await
    .expect(204);
    assert_eq!(
        control(&tenant, "GET", "/flags", Value::Null)
            .await
            .expect(200)["audienceManager"]["escapeHtml"],
        false
    );
    control(
        &tenant,
        "PUT",
        "/flags",
        json!({"audienceManager": {"escapeHTML": false}}),
    )
    .await
    .expect(400);
    let faults = json!([{"match": {"system": "audienceManager"}, "kind": {"throttle": {"retryAfter": "3"}}},
                        {"kind": "crashBeforeSend"}]);
    control(&tenant, "POST", "/faults", faults)
        .await
        .expect(204);
    assert_eq!(tenant.aam("GET", "/traits", Value::Null).await.status, 429);
    assert!(tenant.aam("GET", "/traits", Value::Null).await.lost);
    let faults = json!([
        {"match": {"pathContains": "/traits"}, "skip": 1, "kind": "throttle"},
        {"match": {"pathContains": "/traits"}, "skip": 2, "kind": {"throttle": {"retryAfter": 7}}},
        {"match": {"pathContains": "/datasources"}, "kind": "staleList"},
    ]);
    control(&tenant, "POST", "/faults", faults)
        .await
        .expect(204);
    tenant.aam("GET", "/traits", Value::Null).await.expect(200);
    let throttled = tenant.aam("GET", "/traits", Value::Null).await;
    assert!(throttled.status == 429 && !throttled.headers.contains_key("retry-after"));
    let throttled = tenant.aam("GET", "/traits", Value::Null).await;
    assert_eq!(throttled.headers["retry-after"], "7");
    tenant.source("new").await;
    let list = tenant.aam("GET", "/datasources", Value::Null).await;
    assert_eq!(list.expect(200), json!([]), "one write behind");
    control(&tenant, "POST", "/faults", json!([{"kind": "noSuchThing"}]))
        .await
        .expect(400);
    control(&tenant, "POST", "/clock", json!({"advanceMs": 86_399_000}))
        .await
        .expect(204);
    tenant.aam("GET", "/traits", Value::Null).await.expect(401);
    control(&tenant, "POST", "/reset", Value::Null)
        .await
        .expect(204);
    assert!(tenant.simulator.calls().is_empty());
    assert_eq!(
        control(&tenant, "GET", "/flags", Value::Null)
            .await
            .expect(200)["audienceManager"]["escapeHtml"],
        true
    );
}

#[tokio::test]
async fn a_swapped_credential_sees_another_company() {
    let tenant = seeded(Seed::realistic()).await;
    let mut state = tenant.simulator.state();
    state["credentials"][0]["pid"] = json!(4711);
    tenant.simulator.set_state(state).unwrap();
    assert_eq!(
        tenant
            .aam("GET", "/users/self", Value::Null)
            .await
            .expect(200)["pid"],
        4711
    );
    for path in ["/traits", "/segments", "/datasources"] {
        assert_eq!(
            tenant.aam("GET", path, Value::Null).await.expect(200),
            json!([]),
            "{path}"
        );
    }
    tenant
        .aam("GET", "/traits/16440001", Value::Null)
        .await
        .expect(404);
}

#[test]
fn the_same_requests_give_the_same_world() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let tenant = small().await;
            tenant.source("a").await;
            tenant
                .aep(
                    "POST",
                    "/audiences",
                    json!({"name": "x", "type": "ExternalSegment"}),
                )
                .await
                .expect(200);
            (tenant.simulator.state(), tenant.token.clone())
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn a_simulator_needs_no_runtime_to_be_made() {
    let simulator = Simulator::new(Options::default());
    assert_eq!(
        simulator.state()["credentials"][0]["clientId"],
        "demo-client"
    );
}

#[tokio::test]
async fn a_reset_goes_back_to_the_seed_and_its_secrets() {
    let tenant = seeded(Seed::realistic()).await;
    let state = tenant.simulator.state();
    tenant
        .simulator
        .delete_object("traits", "16440001")
        .unwrap();
    let emptied = json!({"credentials": [{"clientId": "demo-client", "clientSecrets": [], "organizationId": "AB@AdobeOrg"}]});
    tenant.simulator.set_state(emptied).unwrap();
    crate::helper::token(&tenant.simulator, GRANT)
        .await
        .expect(401);
    tenant.simulator.reset();
    crate::helper::token(&tenant.simulator, GRANT)
        .await
        .expect(200);
    let again = tenant.simulator.state();
    for collection in ["traits", "segments", "audiences", "accounts", "credentials"] {
        assert_eq!(again[collection], state[collection], "{collection}");
    }
    assert_eq!(tenant.simulator.calls()[0].sequence, 1);
}

/// Author, collection, and whether the object was there before and is there after.
fn rows(changes: &Value) -> Vec<(String, String, bool, bool)> {
    let changes = changes.as_array().unwrap().iter();
    changes
        .map(|change| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&change["author"]["kind"]),
                text(&change["collection"]),
                change["before"].is_object(),
                change["after"].is_object(),
            )
        })
        .collect()
}

fn row(author: &str, collection: &str, before: bool, after: bool) -> (String, String, bool, bool) {
    (author.to_owned(), collection.to_owned(), before, after)
}

#[tokio::test]
async fn the_log_of_changes_says_who_changed_what_and_late_effects_are_the_calls() {
    let tenant = small().await;
    let folder = tenant
        .aam("POST", "/folders/traits", json!({"name": "Made"}))
        .await
        .expect(201);
    let target = format!("/state/traitFolders/{}", folder["folderId"]);
    control(&tenant, "PATCH", &target, json!({"name": "By hand"}))
        .await
        .expect(200);
    tenant.simulator.add_fault(
        serde_json::from_value(
            json!({"match": {"method": "DELETE"}, "kind": {"lateEffect": {"delayMs": 1000}}}),
        )
        .unwrap(),
    );
    let target = format!("/folders/traits/{}", folder["folderId"]);
    tenant.aam("DELETE", &target, Value::Null).await;
    let changes = control(&tenant, "GET", "/changes", Value::Null)
        .await
        .expect(200);
    let before: Vec<_> = rows(&changes);
    assert!(before.contains(&row("call", "traitFolders", false, true)));
    assert!(
        before.contains(&row("service", "traits", false, true)),
        "the folder trait"
    );
    assert_eq!(
        before.last(),
        Some(&row("person", "traitFolders", true, true))
    );

    tenant.simulator.advance(std::time::Duration::from_secs(1));
    let target = format!("/changes?since={}", before.len());
    let late = control(&tenant, "GET", &target, Value::Null)
        .await
        .expect(200);
    assert!(rows(&late).contains(&row("call", "traitFolders", true, false)));
    let deleted = late.as_array().unwrap().last().unwrap();
    assert_eq!(deleted["author"]["clientId"], "demo-client");
    assert_eq!(deleted["author"]["method"], "DELETE");
    assert_eq!(deleted["before"]["name"], "By hand");
    assert_eq!(deleted["id"], folder["folderId"]);
}

#[tokio::test]
async fn a_person_copies_what_a_call_creates_as_often_as_told() {
    let tenant = small().await;
    let copies = json!([{"collection": "dataSources", "changes": {"name": "A copy"}, "times": 1}]);
    control(&tenant, "PUT", "/copies", copies).await.expect(204);
    for name in ["one", "two"] {
        let made =
            json!({"name": name, "description": "kept", "type": "GENERAL", "idType": "COOKIE"});
        tenant.aam("POST", "/datasources", made).await.expect(201);
    }
    let state = tenant.simulator.state();
    let sources = state["dataSources"].as_array().unwrap().iter();
    let copied: Vec<&Value> = sources.filter(|found| found["name"] == "A copy").collect();
    assert_eq!(copied.len(), 1);
    assert_eq!(copied[0]["description"], "kept");
    let by_person = tenant.simulator.changes(0).into_iter();
    let by_person = by_person.filter(|change| change.author == adobe_simulator::Author::Person);
    assert_eq!(by_person.count(), 1);
}

#[tokio::test]
async fn a_new_state_is_in_the_log_of_changes_as_a_persons() {
    let tenant = seeded(Seed::realistic()).await;
    let mut state = tenant.simulator.state();
    let gone = state["traits"].as_array_mut().unwrap().remove(0);
    tenant.simulator.set_state(state).unwrap();
    let changes = json!(tenant.simulator.changes(0));
    assert_eq!(rows(&changes), [row("person", "traits", true, false)]);
    assert_eq!(changes[0]["id"], gone["sid"]);
    tenant.simulator.reset();
    let changes = json!(tenant.simulator.changes(1));
    assert_eq!(rows(&changes), [row("person", "traits", false, true)]);
}
