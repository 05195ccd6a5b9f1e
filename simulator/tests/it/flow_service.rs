//! Flow Service: experience-platform.md §5.7, §5.8.

use adobe_simulator::{
    Connector, Fault, Flags, FlowChanges, Picked, Preset, SecondSelection, UnseenFlows,
    UntakenAudience,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{ORGANIZATION, Reply, Tenant, send, small};

const SELECTORS: &str = "/transformations/0/params/segmentSelectors/selectors";
const TO_EXPERIENCE_CLOUD: &str = "Experience Cloud Audiences";

async fn call_with(
    tenant: &Tenant,
    method: &str,
    target: &str,
    body: Value,
    more: &[(&str, &str)],
) -> Reply {
    let bearer = format!("Bearer {}", tenant.token);
    let mut headers = vec![
        ("authorization", bearer.as_str()),
        ("x-api-key", tenant.client_id.as_str()),
        ("x-gw-ims-org-id", ORGANIZATION),
        ("content-type", "application/json"),
    ];
    headers.extend_from_slice(more);
    let target = format!("/data/foundation/flowservice{target}");
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let router = tenant
        .simulator
        .router(adobe_simulator::System::EXPERIENCE_PLATFORM);
    send(router, method, &target, &headers, body).await
}

async fn get(tenant: &Tenant, target: &str) -> Value {
    let reply = call_with(tenant, "GET", target, Value::Null, &[]).await;
    reply.expect(200)
}

fn ids(body: &Value) -> Vec<&str> {
    let items = body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

fn person(tenant: &Tenant, collection: &str, object: Value) -> Value {
    tenant.simulator.create_object(collection, object).unwrap()
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

fn add(audience: &str) -> Value {
    let value = json!({"type": "PLATFORM_SEGMENT", "value": {"id": audience}});
    json!({"op": "add", "path": format!("{SELECTORS}/-"), "value": value})
}

fn remove(index: usize) -> Value {
    json!({"op": "remove", "path": format!("{SELECTORS}/{index}")})
}

async fn flow(tenant: &Tenant, id: &str) -> Value {
    get(tenant, &format!("/flows/{id}")).await["items"][0].clone()
}

async fn selected(tenant: &Tenant, id: &str) -> Vec<String> {
    let flow = flow(tenant, id).await;
    let selectors = flow.pointer(SELECTORS).unwrap().as_array().unwrap();
    let ids = selectors
        .iter()
        .map(|one| one["value"]["id"].as_str().unwrap().to_owned());
    ids.collect()
}

/// With the tag that the flow has now.
async fn change(tenant: &Tenant, id: &str, operations: &[Value]) -> Reply {
    let tag = flow(tenant, id).await["etag"].as_str().unwrap().to_owned();
    change_at(tenant, id, &tag, operations).await
}

async fn change_at(tenant: &Tenant, id: &str, tag: &str, operations: &[Value]) -> Reply {
    let target = format!("/flows/{id}");
    call_with(
        tenant,
        "PATCH",
        &target,
        json!(operations),
        &[("if-match", tag)],
    )
    .await
}

fn audiences(tenant: &Tenant, number: usize) -> Vec<String> {
    let made =
        (0..number).map(|index| person(tenant, "audiences", json!({"name": format!("a{index}")})));
    made.map(|audience| id(&audience)).collect()
}

#[rstest]
#[case(Preset::Likeliest)]
#[case(Preset::Hostile)]
#[tokio::test(start_paused = true)]
async fn a_client_finds_the_flow_by_the_specification_or_by_its_pinned_id(#[case] preset: Preset) {
    let tenant = small().await;
    tenant.simulator.set_flags(preset.flags());
    let made = person(&tenant, "flows", json!({}));
    let name = preset.flags().flow_service.destination_name;
    let target = format!(
        "/connectionSpecs?property=name=={}",
        name.replace(' ', "%20")
    );
    let found = get(&tenant, &target).await;
    let [spec] = &ids(&found)[..] else {
        panic!("{found}");
    };
    let target = format!("/targetConnections?property=connectionSpec.id=={spec}");
    let connections = get(&tenant, &target).await;
    assert_eq!(json!(ids(&connections)), made["targetConnectionIds"]);
    for filter in [
        format!("inheritedAttributes.targetConnections[].connectionSpec.id=={spec}"),
        "inheritedAttributes.properties.isDestinationFlow==true".to_owned(),
    ] {
        let flows = get(&tenant, &format!("/flows?property={filter}")).await;
        assert_eq!(ids(&flows), [made["id"].as_str().unwrap()]);
        let whole = preset.flags().flow_service.list_whole;
        assert_eq!(flows["items"][0].get("transformations").is_some(), whole);
    }
    let one = flow(&tenant, &id(&made)).await;
    assert_eq!(
        (&one["state"], &one["createdClient"]),
        (&json!("enabled"), &json!("exc_app"))
    );
    assert_eq!(one["etag"], one["version"]);
    assert!(one["etag"].as_str().unwrap().starts_with('"'));
    assert_eq!(one.pointer(SELECTORS), Some(&json!([])));
    assert_eq!(name == TO_EXPERIENCE_CLOUD, preset == Preset::Likeliest);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_has_no_flow_until_a_person_makes_it() {
    let tenant = small().await;
    for target in ["/flows", "/targetConnections", "/runs"] {
        assert_eq!(get(&tenant, target).await["items"], json!([]));
    }
    let missing = call_with(&tenant, "GET", "/flows/none", Value::Null, &[]).await;
    let message = missing.expect(404)["errorMessage"].clone();
    assert_eq!(message, "flows not found with id = [none]");
    let run = json!({"flowId": "f", "metrics": {"recordSummary": {"sourceSummaries": [{"id": "a"}, {"id": "b"}]}}});
    let run = person(&tenant, "flowRuns", run);
    for (filter, found) in [
        ("flowId==f", 1),
        ("flowId==g", 0),
        ("metrics.recordSummary.sourceSummaries[].id==b", 1),
    ] {
        let runs = get(&tenant, &format!("/runs?property={filter}")).await;
        assert_eq!(ids(&runs).len(), found, "{filter}");
    }
    assert_eq!(run["sandboxName"], "prod");
}

/// Several flows, one of another sandbox, one of another destination, one switched off and one deleted.
#[tokio::test(start_paused = true)]
async fn a_person_makes_switches_and_deletes_flows() {
    let tenant = small().await;
    let specs = get(&tenant, "/connectionSpecs?property=name==%22Amazon%20S3%22").await;
    let spec = json!({"id": specs["items"][0]["id"], "version": "1.0"});
    let connection = person(
        &tenant,
        "targetConnections",
        json!({"name": "S3", "connectionSpec": spec}),
    );
    let stranger = person(
        &tenant,
        "flows",
        json!({"targetConnectionIds": [connection["id"]]}),
    );
    let [first, second] = [(); 2].map(|()| person(&tenant, "flows", json!({})));
    let staged = person(&tenant, "flows", json!({"sandboxName": "stage"}));
    let cloud = json!(first["inheritedAttributes"]["targetConnections"][0]["connectionSpec"]["id"]);
    let cloud = format!(
        "/flows?property=inheritedAttributes.targetConnections[].connectionSpec.id=={}",
        cloud.as_str().unwrap()
    );
    let found = get(&tenant, &cloud).await;
    let mut found = ids(&found);
    found.sort_unstable();
    let mut wanted = [id(&first), id(&second)];
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    let s3 = format!(
        "/flows?property=inheritedAttributes.targetConnections[].connectionSpec.id=={}",
        spec["id"].as_str().unwrap()
    );
    assert_eq!(ids(&get(&tenant, &s3).await), [id(&stranger)]);
    let reply = call_with(
        &tenant,
        "GET",
        &cloud,
        Value::Null,
        &[("x-sandbox-name", "stage")],
    )
    .await;
    let reply = reply.expect(200);
    assert_eq!(ids(&reply), [id(&staged)]);
    assert_eq!(
        reply["items"][0]["sandboxId"],
        "28e74200-e3de-11e9-8f5d-7f27416c5f0d"
    );
    let elsewhere = format!("/flows/{}", id(&staged));
    let elsewhere = call_with(&tenant, "GET", &elsewhere, Value::Null, &[]).await;
    elsewhere.expect(404);

    let off = json!({"state": "disabled"});
    let switched = tenant
        .simulator
        .patch_object("flows", &id(&first), &off)
        .unwrap();
    assert_ne!(switched["etag"], first["etag"]);
    assert_eq!(flow(&tenant, &id(&first)).await["state"], "disabled");
    tenant
        .simulator
        .delete_object("flows", &id(&second))
        .unwrap();
    assert_eq!(ids(&get(&tenant, &cloud).await), [id(&first)]);
    let state = tenant.simulator.state();
    tenant.simulator.set_state(state).unwrap();
    assert_eq!(ids(&get(&tenant, &cloud).await), [id(&first)]);
}

#[rstest]
#[case(200)]
#[case(202)]
#[tokio::test(start_paused = true)]
async fn a_change_is_one_step_with_a_tag_that_moves(#[case] status: u16) {
    let tenant = small().await;
    tenant.flags(|flags| flags.flow_service.change_status = status);
    let made = id(&person(&tenant, "flows", json!({})));
    let all = audiences(&tenant, 3);
    let old = flow(&tenant, &made).await["etag"].clone();
    let adds: Vec<Value> = all.iter().map(|audience| add(audience)).collect();
    let reply = change(&tenant, &made, &adds).await;
    let new = flow(&tenant, &made).await["etag"].clone();
    assert_ne!(old, new);
    match status {
        200 => assert_eq!(reply.expect(200), json!({"id": made, "etag": new})),
        _ => assert_eq!(reply.expect(202), Value::Null),
    }
    assert_eq!(selected(&tenant, &made).await, all);

    // The removal of the first moves the others: 0 and then 1 are the first and the third.
    let removed = change(&tenant, &made, &[remove(0), remove(1)]).await;
    assert_eq!(removed.status, status);
    assert_eq!(selected(&tenant, &made).await, [all[1].clone()]);

    let replace =
        json!({"op": "REPLACE", "path": format!("{SELECTORS}/0"), "value": add(&all[2])["value"]});
    let renamed = json!({"op": "replace", "path": "/name", "value": "ours"});
    let described = json!({"op": "add", "path": "/description", "value": "words"});
    change(&tenant, &made, &[replace, renamed, described]).await;
    let after = flow(&tenant, &made).await;
    assert_eq!(
        (&after["name"], &after["description"]),
        (&json!("ours"), &json!("words"))
    );
    assert_eq!(selected(&tenant, &made).await, [all[2].clone()]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_tag_changes_nothing() {
    let tenant = small().await;
    let made = id(&person(&tenant, "flows", json!({})));
    let all = audiences(&tenant, 2);
    let old = flow(&tenant, &made).await["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    change(&tenant, &made, &[add(&all[0])]).await.expect(200);
    let new = flow(&tenant, &made).await["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    let stale = change_at(&tenant, &made, &old, &[add(&all[1])])
        .await
        .expect(412);
    let message =
        format!("Supplied version=[{old}] does not match the current version on entity=[{new}]");
    assert_eq!(
        stale,
        json!({"errorMessage": message, "errorDetails": message})
    );
    // The quotes are part of the tag.
    let bare = change_at(&tenant, &made, new.trim_matches('"'), &[add(&all[1])]).await;
    bare.expect(412);
    let target = format!("/flows/{made}");
    let without = call_with(&tenant, "PATCH", &target, json!([add(&all[1])]), &[]).await;
    without.expect(400);
    // A person's edit moves it as well.
    tenant
        .simulator
        .patch_object("flows", &made, &json!({"description": "x"}))
        .unwrap();
    change_at(&tenant, &made, &new, &[add(&all[1])])
        .await
        .expect(412);
    assert_eq!(selected(&tenant, &made).await, [all[0].clone()]);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_wrong_refuses_them_all() {
    let tenant = small().await;
    let made = id(&person(&tenant, "flows", json!({})));
    let all = audiences(&tenant, 1);
    let path = |path: &str| json!({"op": "add", "path": path, "value": "x"});
    for wrong in [
        remove(1),
        path("/state"),
        path("/transformations"),
        path(&format!("{SELECTORS}/-")),
        json!({"op": "test", "path": "/name", "value": "x"}),
        json!({"op": "remove", "path": "/name"}),
    ] {
        let reply = change(&tenant, &made, &[add(&all[0]), wrong.clone()]).await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
    assert!(selected(&tenant, &made).await.is_empty());
}

#[rstest]
#[case(SecondSelection::Kept, 200, 2)]
#[case(SecondSelection::Ignored, 200, 1)]
#[case(SecondSelection::Refused, 400, 1)]
#[tokio::test(start_paused = true)]
async fn an_audience_is_selected_a_second_time(
    #[case] reading: SecondSelection,
    #[case] status: u16,
    #[case] times: usize,
) {
    let tenant = small().await;
    tenant.flags(|flags| flags.flow_service.second_selection = reading);
    let made = id(&person(&tenant, "flows", json!({})));
    let all = audiences(&tenant, 1);
    change(&tenant, &made, &[add(&all[0])]).await.expect(200);
    let again = change(&tenant, &made, &[add(&all[0])]).await;
    assert_eq!(again.status, status);
    assert_eq!(selected(&tenant, &made).await.len(), times);
}

#[rstest]
#[case(UntakenAudience::Refused, 400, 0)]
#[case(UntakenAudience::Ignored, 200, 1)]
#[tokio::test(start_paused = true)]
async fn an_audience_that_the_destination_does_not_take(
    #[case] reading: UntakenAudience,
    #[case] status: u16,
    #[case] kept: usize,
    #[values("upload", "connector", "draft", "other sandbox", "none")] case: &str,
) {
    let tenant = small().await;
    tenant.flags(|flags| flags.flow_service.untaken_audience = reading);
    let made = id(&person(&tenant, "flows", json!({})));
    let audience = match case {
        "upload" => json!({"type": "ExternalSegment", "originName": "CUSTOM_UPLOAD"}),
        "connector" => json!({"type": "ExternalSegment", "originName": "AUDIENCE_MANAGER"}),
        "draft" => json!({"lifecycleState": "draft"}),
        _ => json!({"sandbox": {"sandboxId": "28e74200-e3de-11e9-8f5d-7f27416c5f0d"}}),
    };
    let audience = match case {
        "none" => "nothing".to_owned(),
        _ => id(&person(&tenant, "audiences", audience)),
    };
    let reply = change(&tenant, &made, &[add(&audience)]).await;
    assert_eq!(reply.status, status);
    assert_eq!(selected(&tenant, &made).await.len(), kept);
}

#[rstest]
#[case(true)]
#[case(false)]
#[tokio::test(start_paused = true)]
async fn what_a_selection_shows(#[case] dated: bool) {
    let tenant = small().await;
    tenant.flags(|flags| flags.flow_service.selections_dated = dated);
    let made = id(&person(&tenant, "flows", json!({})));
    let all = audiences(&tenant, 1);
    change(&tenant, &made, &[add(&all[0])]).await.expect(200);
    let flow = flow(&tenant, &made).await;
    let value = &flow.pointer(SELECTORS).unwrap()[0]["value"];
    let wanted = match dated {
        true => {
            json!({"id": all[0], "name": "a0", "createTime": "1767571200", "updateTime": "1767571200"})
        }
        false => json!({"id": all[0]}),
    };
    assert_eq!(*value, wanted);
}

#[rstest]
#[case(FlowChanges::Refused, 403)]
#[case(FlowChanges::Ignored, 200)]
#[tokio::test(start_paused = true)]
async fn a_change_by_api_may_not_work_at_all(#[case] reading: FlowChanges, #[case] status: u16) {
    let tenant = small().await;
    tenant.flags(|flags| flags.flow_service.changes = reading);
    let made = id(&person(&tenant, "flows", json!({})));
    let all = audiences(&tenant, 1);
    let reply = change(&tenant, &made, &[add(&all[0])]).await;
    assert_eq!(reply.status, status);
    assert!(selected(&tenant, &made).await.is_empty());
}

#[rstest]
#[case("flowAccess", "read", UnseenFlows::Refused, 200, 403, 1)]
#[case("aepAccess", "read", UnseenFlows::Refused, 200, 403, 1)]
#[case("flowAccess", "none", UnseenFlows::Refused, 403, 403, 0)]
#[case("flowAccess", "none", UnseenFlows::LeftOut, 200, 403, 0)]
#[tokio::test(start_paused = true)]
async fn a_credential_without_the_right(
    #[case] right: &str,
    #[case] access: &str,
    #[case] unseen: UnseenFlows,
    #[case] read: u16,
    #[case] write: u16,
    #[case] seen: usize,
) {
    let tenant = small().await;
    let made = person(&tenant, "flows", json!({}));
    let mut state = tenant.simulator.state();
    state["credentials"][0][right] = json!(access);
    state["flags"]["flowService"]["unseenFlows"] = json!(unseen);
    tenant.simulator.set_state(state).unwrap();
    let list = call_with(&tenant, "GET", "/flows", Value::Null, &[]).await;
    assert_eq!(list.status, read);
    if read == 200 {
        assert_eq!(ids(&list.json()).len(), seen);
    }
    let tag = made["etag"].as_str().unwrap();
    let reply = change_at(&tenant, &id(&made), tag, &[remove(0)]).await;
    assert_eq!(reply.status, write);
    assert!(reply.json()["errorMessage"].is_string());
}

#[tokio::test(start_paused = true)]
async fn the_gateway_speaks_in_numbers_and_takes_prod_for_granted() {
    let mut tenant = small().await;
    person(&tenant, "flows", json!({}));
    let unknown = [("x-sandbox-name", "none")];
    let reply = call_with(&tenant, "GET", "/flows", Value::Null, &unknown).await;
    reply.expect(403);
    assert_eq!(ids(&get(&tenant, "/flows").await).len(), 1);
    let calls = tenant.simulator.calls();
    let last = calls.last().unwrap();
    assert_eq!(last.system, adobe_simulator::System::FLOW_SERVICE);
    assert_eq!(last.path, "/data/foundation/flowservice/flows");
    let wanted = json!({"error_code": 401013, "message": "Oauth token is not valid"});
    let fault = json!({"match": {"system": "flowService"}, "kind": "unauthorized"});
    let next: Fault = serde_json::from_value(fault).unwrap();
    tenant.simulator.add_fault(next);
    for token in [tenant.token.clone(), "wrong".to_owned()] {
        tenant.token = token;
        let reply = call_with(&tenant, "GET", "/flows", Value::Null, &[]).await;
        assert_eq!(reply.expect(401), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_follow_their_token() {
    let tenant = small().await;
    for _ in 0..5 {
        person(&tenant, "flows", json!({}));
    }
    let stranger = person(&tenant, "flows", json!({"state": "disabled"}));
    let mut target = "/flows?property=state==enabled&limit=2&count=true".to_owned();
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = get(&tenant, &target).await;
        assert_eq!(page["count"], 5);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page["_links"]["next"]["href"].as_str() {
            Some(href) => target = href.to_owned(),
            None => break,
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    assert!(!seen.contains(&id(&stranger)));
    for wrong in [
        "limit=101",
        "limit=0",
        "continuationToken=x",
        "property=state%3E1",
    ] {
        let reply = call_with(&tenant, "GET", &format!("/flows?{wrong}"), Value::Null, &[]).await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
}

#[rstest]
#[case(false, "enabled")]
#[case(true, "disabled")]
#[tokio::test(start_paused = true)]
async fn the_connector_is_a_source_flow(#[case] paused: bool, #[case] state: &str) {
    let tenant = small().await;
    let source = "/flows?property=inheritedAttributes.properties.isSourceFlow==true";
    assert_eq!(get(&tenant, source).await["items"], json!([]));
    let mut flags = Flags::likeliest();
    flags.connector.paused = paused;
    flags.connector.set_up = Some(Connector {
        pid: None,
        sandbox: "prod".to_owned(),
        segments: Picked::All,
        traits: Picked::None,
        delay_ms: 0,
    });
    tenant.simulator.set_flags(flags);
    let spec = get(
        &tenant,
        "/flowSpecs?property=name==%22AudienceManagerToPlatform%22",
    )
    .await;
    let flows = get(&tenant, source).await;
    let [made] = &flows["items"].as_array().unwrap()[..] else {
        panic!("{flows}");
    };
    assert_eq!(made["flowSpec"]["id"], spec["items"][0]["id"]);
    assert_eq!(made["state"], state);
    assert_eq!(flow(&tenant, &id(made)).await, *made);
    let reply = change(&tenant, &id(made), &[remove(0)]).await;
    reply.expect(404);
    let stage = [("x-sandbox-name", "stage")];
    let elsewhere = call_with(&tenant, "GET", source, Value::Null, &stage).await;
    assert_eq!(elsewhere.expect(200)["items"], json!([]));
    let body = json!({"name": "s", "folderId": 0, "segmentRule": "", "dataSourceId": tenant.source("d").await});
    person(&tenant, "segments", body);
    assert_eq!(delivered(&tenant).await, usize::from(!paused));
    tenant.flags(|flags| flags.connector.paused = false);
    assert_eq!(delivered(&tenant).await, 1);
}

async fn delivered(tenant: &Tenant) -> usize {
    let target = "/audiences?property=originName==AUDIENCE_MANAGER";
    let found = tenant.aep("GET", target, Value::Null).await.expect(200);
    found["children"].as_array().unwrap().len()
}
