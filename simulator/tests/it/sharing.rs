//! Adobe's own sharing: audience-manager.md §8.1, §8.7.

use std::collections::BTreeSet;
use std::time::Duration;

use adobe_simulator::{Activated, Sharing, SharingDataSource};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{Tenant, small};

const HOUR: Duration = Duration::from_secs(3600);

fn sharing(audiences: Activated) -> Sharing {
    Sharing {
        pid: None,
        sandbox: "prod".to_owned(),
        audiences,
        delay_ms: 3_600_000,
    }
}

async fn definition(tenant: &Tenant, name: &str) -> String {
    let body = json!({
        "name": name, "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": "person.name.firstName = \"a\""},
    });
    let made = tenant.aep("POST", "/segment/definitions", body).await;
    made.expect(200)["id"].as_str().unwrap().to_owned()
}

async fn with_code(tenant: &Tenant, collection: &str, code: &str) -> Vec<Value> {
    let target = format!("/{collection}/?integrationCode={code}&includeDetails=true");
    let found = tenant.aam("GET", &target, Value::Null).await.expect(200);
    found.as_array().unwrap().clone()
}

#[rstest]
#[case(
    SharingDataSource::AudienceSharing,
    "Adobe Experience Platform Audience Sharing"
)]
#[case(
    SharingDataSource::ExperiencePlatformSegments,
    "Experience Platform Segments"
)]
#[tokio::test(start_paused = true)]
async fn an_activated_audience_gets_its_pair_after_the_delay(
    #[case] named: SharingDataSource,
    #[case] name: &str,
) {
    let tenant = small().await;
    let (shared, other) = (
        definition(&tenant, "Loyal").await,
        definition(&tenant, "Other").await,
    );
    tenant.flags(|flags| {
        flags.sharing.data_source = named;
        let activated = Activated::Some(BTreeSet::from([shared.clone()]));
        flags.sharing.set_up = Some(sharing(activated));
    });
    tenant.simulator.advance(HOUR - Duration::from_millis(1));
    assert!(with_code(&tenant, "traits", &shared).await.is_empty());
    tenant.simulator.advance(Duration::from_millis(1));
    let [made] = &with_code(&tenant, "traits", &shared).await[..] else {
        panic!("one trait");
    };
    assert_eq!(made["name"], "Loyal");
    assert_eq!(made["traitType"], "ON_BOARDED_TRAIT");
    assert_eq!(made["traitRule"], format!("segid == \"{shared}\""));
    let [segment] = &with_code(&tenant, "segments", &shared).await[..] else {
        panic!("one segment");
    };
    assert_eq!(segment["segmentRule"], format!("{}T", made["sid"]));
    assert_eq!(segment["dataSourceId"], made["dataSourceId"]);
    let target = format!("/datasources/{}", made["dataSourceId"]);
    let source = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(source["name"], name);
    assert!(with_code(&tenant, "traits", &other).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_older_link_shares_every_audience_and_each_once() {
    let tenant = small().await;
    let first = definition(&tenant, "First").await;
    tenant.flags(|flags| flags.sharing.set_up = Some(sharing(Activated::All)));
    tenant.simulator.advance(HOUR);
    let second = definition(&tenant, "Second").await;
    tenant.simulator.advance(HOUR);
    for id in [&first, &second] {
        assert_eq!(with_code(&tenant, "traits", id).await.len(), 1);
        assert_eq!(with_code(&tenant, "segments", id).await.len(), 1);
    }
}

/// Where it takes the data source that a client made, the client's code there is in its way.
#[rstest]
#[case::beside(false, 2)]
#[case::in_it(true, 1)]
#[tokio::test(start_paused = true)]
async fn a_data_source_of_the_name_is_left_or_taken(#[case] takes: bool, #[case] traits: usize) {
    let tenant = small().await;
    let source = tenant
        .source("Adobe Experience Platform Audience Sharing")
        .await;
    let id = definition(&tenant, "Loyal").await;
    tenant.onboarded(source, "ours", Some(&id)).await;
    tenant.flags(|flags| {
        flags.sharing.takes_named_data_source = takes;
        flags.sharing.set_up = Some(sharing(Activated::All));
    });
    tenant.simulator.advance(HOUR);
    assert_eq!(with_code(&tenant, "traits", &id).await.len(), traits);
    assert_eq!(with_code(&tenant, "segments", &id).await.len(), traits - 1);
}

/// What a person selects on a flow, as its patch.
fn selecting(audiences: &[&str]) -> Value {
    let selectors = audiences
        .iter()
        .map(|id| json!({"type": "PLATFORM_SEGMENT", "value": {"id": id}}));
    let selectors: Vec<Value> = selectors.collect();
    json!({"transformations": [{"name": "GeneralTransform", "params": {"segmentSelectors": {"selectors": selectors}}}]})
}

fn flow(tenant: &Tenant, written: Value) -> String {
    let made = tenant.simulator.create_object("flows", written).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

fn select(tenant: &Tenant, flow: &str, audiences: &[&str]) {
    let patch = selecting(audiences);
    tenant
        .simulator
        .patch_object("flows", flow, &patch)
        .unwrap();
}

const QUARTER: Duration = Duration::from_secs(900);

#[rstest]
#[case(
    SharingDataSource::AudienceSharing,
    "Adobe Experience Platform Audience Sharing"
)]
#[case(
    SharingDataSource::ExperiencePlatformSegments,
    "Experience Platform Segments"
)]
#[tokio::test(start_paused = true)]
async fn an_audience_on_the_flow_gets_its_pair_after_a_quarter_of_an_hour(
    #[case] named: SharingDataSource,
    #[case] name: &str,
) {
    let tenant = small().await;
    tenant.flags(|flags| flags.sharing.data_source = named);
    let (shared, other) = (
        definition(&tenant, "Loyal").await,
        definition(&tenant, "Other").await,
    );
    let flow = flow(&tenant, json!({}));
    select(&tenant, &flow, &[&shared]);
    tenant.simulator.advance(QUARTER - Duration::from_millis(1));
    assert!(with_code(&tenant, "traits", &shared).await.is_empty());
    tenant.simulator.advance(Duration::from_millis(1));
    let [made] = &with_code(&tenant, "traits", &shared).await[..] else {
        panic!("one trait");
    };
    assert_eq!(with_code(&tenant, "segments", &shared).await.len(), 1);
    let target = format!("/datasources/{}", made["dataSourceId"]);
    let source = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(source["name"], name);
    let target = format!("/folders/traits/{}", made["folderId"]);
    let folder = tenant.aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(folder["name"], "Experience Platform Traits");
    assert!(with_code(&tenant, "traits", &other).await.is_empty());

    // The pair stays where the audience goes, and is not made twice where it comes back.
    select(&tenant, &flow, &[&other]);
    select(&tenant, &flow, &[&other, &shared]);
    tenant.simulator.advance(QUARTER);
    for id in [&shared, &other] {
        assert_eq!(with_code(&tenant, "traits", id).await.len(), 1);
        assert_eq!(with_code(&tenant, "segments", id).await.len(), 1);
    }
}

/// What never arrives, until it is as it should be.
#[rstest]
#[case::taken_off_in_time(json!({}), json!({}))]
#[case::switched_off(json!({"state": "disabled"}), json!({"state": "enabled"}))]
#[case::in_another_sandbox(json!({"sandboxName": "stage"}), json!({"sandboxName": "prod"}))]
#[tokio::test(start_paused = true)]
async fn an_audience_that_is_not_on_the_flow_gets_nothing(
    #[case] written: Value,
    #[case] cure: Value,
) {
    let tenant = small().await;
    let shared = definition(&tenant, "Loyal").await;
    let flow = flow(&tenant, written.clone());
    select(&tenant, &flow, &[&shared]);
    if written == json!({}) {
        select(&tenant, &flow, &[]);
    }
    tenant.simulator.advance(HOUR);
    assert!(with_code(&tenant, "traits", &shared).await.is_empty());
    tenant
        .simulator
        .patch_object("flows", &flow, &cure)
        .unwrap();
    select(&tenant, &flow, &[]);
    select(&tenant, &flow, &[&shared]);
    tenant.simulator.advance(HOUR);
    assert_eq!(with_code(&tenant, "traits", &shared).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_published_definitions_are_exported() {
    let tenant = small().await;
    let person = |object: Value| {
        let made = tenant.simulator.create_object("audiences", object).unwrap();
        made["id"].as_str().unwrap().to_owned()
    };
    let upload = person(json!({"type": "ExternalSegment", "originName": "CUSTOM_UPLOAD"}));
    let draft = person(json!({"lifecycleState": "draft"}));
    let flow = flow(&tenant, json!({}));
    select(&tenant, &flow, &[&upload, &draft]);
    tenant.simulator.advance(HOUR);
    for id in [&upload, &draft] {
        assert!(with_code(&tenant, "traits", id).await.is_empty());
    }
    let published = json!({"lifecycleState": "published"});
    tenant
        .simulator
        .patch_object("audiences", &draft, &published)
        .unwrap();
    tenant.simulator.advance(HOUR);
    assert_eq!(with_code(&tenant, "traits", &draft).await.len(), 1);
}

/// A state that comes in with an audience on its flow goes on where it was.
#[tokio::test(start_paused = true)]
async fn a_new_state_delivers_what_its_flow_selects() {
    let tenant = small().await;
    let shared = definition(&tenant, "Loyal").await;
    let flow = flow(&tenant, json!({}));
    select(&tenant, &flow, &[&shared]);
    let state = tenant.simulator.state();
    tenant.simulator.set_state(state).unwrap();
    tenant.simulator.advance(QUARTER);
    assert_eq!(with_code(&tenant, "segments", &shared).await.len(), 1);
}
