//! The source connector: experience-platform.md §5.1, §5.2; audience-manager.md §8.5, §9.

use std::time::Duration;

use adobe_simulator::{
    Connector, ConnectorCollision, ConnectorDeletion, ConnectorNamespaces, ExternalAudienceIds,
    Picked, ReadOnlyAudience, Seed,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{Tenant, seeded, small};

const HOUR: Duration = Duration::from_secs(3600);

fn connector(segments: Picked, traits: Picked) -> Connector {
    Connector {
        pid: None,
        sandbox: "prod".to_owned(),
        segments,
        traits,
        delay_ms: 3_600_000,
    }
}

/// A tenant of one trait and one segment over it, with a connector for all segments, an hour after both were made.
async fn delivered(change: impl FnOnce(&mut adobe_simulator::Flags)) -> (Tenant, u64) {
    let tenant = small().await;
    tenant.flags(|flags| {
        flags.connector.set_up = Some(connector(Picked::All, Picked::None));
        change(flags);
    });
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "t", None).await;
    let body = json!({"name": "Buyers", "description": "d", "segmentRule": format!("{}T", made["sid"]),
        "folderId": 0, "dataSourceId": source});
    let segment = tenant.aam("POST", "/segments", body).await.expect(201);
    tenant.simulator.advance(HOUR);
    (tenant, segment["sid"].as_u64().unwrap())
}

async fn audiences(tenant: &Tenant, audience_id: u64) -> Vec<Value> {
    let target = format!("/audiences?property=audienceId%3D%3D{audience_id}");
    let list = tenant.aep("GET", &target, Value::Null).await.expect(200);
    list["children"].as_array().unwrap().clone()
}

async fn change_segment(tenant: &Tenant, sid: u64, field: &str, value: Value) {
    let target = format!("/segments/{sid}");
    let mut segment = tenant.aam("GET", &target, Value::Null).await.expect(200);
    segment[field] = value;
    tenant.aam("PUT", &target, segment).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_segment_appears_by_itself_after_the_delay() {
    let tenant = small().await;
    let source = tenant.source("a").await;
    let made = tenant.onboarded(source, "t", None).await;
    let body = json!({"name": "Buyers", "segmentRule": format!("{}T", made["sid"]), "folderId": 0, "dataSourceId": source});
    let segment = tenant.aam("POST", "/segments", body).await.expect(201);
    let sid = segment["sid"].as_u64().unwrap();
    tenant.simulator.advance(HOUR);
    assert_eq!(
        audiences(&tenant, sid).await,
        Vec::<Value>::new(),
        "off by default"
    );
    // Set up afterwards, it takes what is there.
    tenant.flags(|flags| flags.connector.set_up = Some(connector(Picked::All, Picked::All)));
    tenant.simulator.advance(HOUR - Duration::from_millis(1));
    assert_eq!(audiences(&tenant, sid).await, Vec::<Value>::new());
    tenant.simulator.advance(Duration::from_millis(1));
    let [audience] = &audiences(&tenant, sid).await[..] else {
        panic!("one audience");
    };
    assert_eq!(
        audience["id"].as_str().unwrap().split_once('_').unwrap().1,
        "6ed34f6f-fe21-4a30-934f-6ffe21fa3075"
    );
    for (field, value) in [
        ("name", json!("Buyers")),
        ("namespace", json!("AAMSegments")),
        ("originName", json!("AUDIENCE_MANAGER")),
        ("type", json!("ExternalSegment")),
        ("lifecycleState", json!("published")),
        ("labels", json!([])),
        (
            "audienceMeta",
            json!({"segmentStatus": "ACTIVE", "AAMFolderId": "0-All Segments"}),
        ),
    ] {
        assert_eq!(audience[field], value, "{field}");
    }
    let [of_trait] = &audiences(&tenant, made["sid"].as_u64().unwrap()).await[..] else {
        panic!("one audience");
    };
    assert_eq!(of_trait["namespace"], "AAMTraits");
    let stage = "/data/core/ups/audiences";
    let elsewhere = tenant
        .aep_in("stage", "GET", stage, Value::Null)
        .await
        .expect(200);
    assert_eq!(elsewhere["_page"]["totalCount"], 0, "one sandbox");
}

#[tokio::test(start_paused = true)]
async fn only_what_was_picked_and_is_the_companys_own_appears() {
    let tenant = seeded(Seed::realistic()).await;
    let picked = Picked::Some([16_450_002, 16_450_004].into());
    tenant.flags(|flags| flags.connector.set_up = Some(connector(picked, Picked::All)));
    tenant.simulator.advance(HOUR);
    for (sid, expected) in [
        (16_450_002, 1),
        (16_450_004, 1),
        (16_450_003, 0),
        (16_440_001, 1),
        (9_912, 0),
    ] {
        assert_eq!(audiences(&tenant, sid).await.len(), expected, "{sid}");
    }
    assert_eq!(
        audiences(&tenant, 16_450_001).await.len(),
        1,
        "what came before stays"
    );
}

#[tokio::test(start_paused = true)]
async fn deliveries_under_way_survive_the_state_document() {
    let (tenant, sid) = delivered(|_| {}).await;
    change_segment(&tenant, sid, "name", json!("Renamed")).await;
    tenant.simulator.advance(HOUR / 2);
    let state = tenant.simulator.state();
    assert_eq!(state["connectorDeliveries"].as_array().unwrap().len(), 1);
    tenant.simulator.set_state(state).unwrap();
    tenant.simulator.advance(HOUR / 2);
    assert_eq!(audiences(&tenant, sid).await[0]["name"], "Renamed");
    assert_eq!(tenant.simulator.state()["connectorDeliveries"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn renames_follow_or_not() {
    for (follows, expected) in [(true, ["Renamed", "d2"]), (false, ["Buyers", "d"])] {
        let (tenant, sid) = delivered(|flags| flags.connector.renames = follows).await;
        change_segment(&tenant, sid, "name", json!("Renamed")).await;
        change_segment(&tenant, sid, "description", json!("d2")).await;
        change_segment(&tenant, sid, "status", json!("INACTIVE")).await;
        assert_eq!(
            audiences(&tenant, sid).await[0]["name"],
            "Buyers",
            "not before the delay"
        );
        tenant.simulator.advance(HOUR);
        let audience = &audiences(&tenant, sid).await[0];
        assert_eq!([&audience["name"], &audience["description"]], expected);
        assert_eq!(audience["audienceMeta"]["segmentStatus"], "INACTIVE");
        assert_eq!(audience["lifecycleState"], "published");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_segment_may_be_an_inactive_audience() {
    let (tenant, sid) = delivered(|flags| flags.connector.paused_is_inactive = true).await;
    change_segment(&tenant, sid, "status", json!("INACTIVE")).await;
    tenant.simulator.advance(HOUR);
    assert_eq!(
        audiences(&tenant, sid).await[0]["lifecycleState"],
        "inactive"
    );
    let list = tenant
        .aep("GET", "/audiences", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        list["_page"]["totalCount"], 0,
        "and left out of the plain list"
    );
}

#[rstest]
#[case(ConnectorDeletion::MarksDeleted, json!("DELETED"))]
#[case(ConnectorDeletion::Keeps, json!("ACTIVE"))]
#[case(ConnectorDeletion::Removes, Value::Null)]
#[tokio::test(start_paused = true)]
async fn deletion_in_audience_manager_is_a_switch(
    #[case] reading: ConnectorDeletion,
    #[case] status: Value,
) {
    let (tenant, sid) = delivered(|flags| flags.connector.deletion = reading).await;
    tenant
        .aam("DELETE", &format!("/segments/{sid}"), Value::Null)
        .await
        .expect(204);
    assert_eq!(
        audiences(&tenant, sid).await.len(),
        1,
        "not before the delay"
    );
    tenant.simulator.advance(HOUR);
    let left = audiences(&tenant, sid).await;
    let shown = left
        .first()
        .map(|one| one["audienceMeta"]["segmentStatus"].clone());
    assert_eq!(shown.unwrap_or_default(), status);
}

#[rstest]
#[case(ReadOnlyAudience::BadRequest, 400, 400)]
#[case(ReadOnlyAudience::Forbidden, 403, 403)]
#[case(ReadOnlyAudience::Allow, 200, 204)]
#[tokio::test(start_paused = true)]
async fn nobody_else_writes_to_it(
    #[case] reading: ReadOnlyAudience,
    #[case] change: u16,
    #[case] deletion: u16,
) {
    let (tenant, sid) =
        delivered(|flags| flags.experience_platform.read_only_audience = reading).await;
    let audience = audiences(&tenant, sid).await[0].clone();
    let target = format!("/audiences/{}", audience["id"].as_str().unwrap());
    let patch = json!([{"op": "add", "path": "/description", "value": "mine"}]);
    tenant.aep("PATCH", &target, patch).await.expect(change);
    tenant
        .aep("PUT", &target, json!({"name": "mine"}))
        .await
        .expect(change);
    tenant
        .aep("DELETE", &target, Value::Null)
        .await
        .expect(deletion);
}

#[rstest]
#[case(ConnectorCollision::Beside, vec!["AUDIENCE_MANAGER", "CUSTOM_UPLOAD"])]
#[case(ConnectorCollision::TakesOver, vec!["AUDIENCE_MANAGER"])]
#[case(ConnectorCollision::Skips, vec!["CUSTOM_UPLOAD"])]
#[tokio::test(start_paused = true)]
async fn a_key_that_a_client_took_before_is_a_switch(
    #[case] reading: ConnectorCollision,
    #[case] expected: Vec<&str>,
) {
    let tenant = small().await;
    let body = json!({"name": "made by a client", "type": "ExternalSegment", "namespace": "AAMSegments", "audienceId": "16460000"});
    let client_made = tenant.aep("POST", "/audiences", body).await.expect(200);
    tenant.flags(|flags| {
        flags.connector.set_up = Some(connector(Picked::All, Picked::None));
        flags.connector.collision = reading;
    });
    let object = json!({"sid": 16_460_000, "name": "Buyers", "segmentRule": "1T"});
    tenant.simulator.create_object("segments", object).unwrap();
    tenant.simulator.advance(HOUR);
    let found = audiences(&tenant, 16_460_000).await;
    let mut origins: Vec<&str> = found
        .iter()
        .map(|one| one["originName"].as_str().unwrap())
        .collect();
    origins.sort_unstable();
    assert_eq!(origins, expected);
    if reading == ConnectorCollision::TakesOver {
        assert_eq!(
            (&found[0]["id"], &found[0]["name"]),
            (&client_made["id"], &json!("Buyers"))
        );
    }
}

#[rstest]
#[case(ConnectorNamespaces::PerKind, ["AAMSegments", "AAMTraits"])]
#[case(ConnectorNamespaces::LowerCamel, ["aamSegments", "aamTraits"])]
#[case(ConnectorNamespaces::One, ["AAM", "AAM"])]
#[tokio::test(start_paused = true)]
async fn namespaces_and_ids_have_several_spellings(
    #[case] reading: ConnectorNamespaces,
    #[case] expected: [&str; 2],
) {
    let (tenant, sid) = delivered(|flags| {
        flags.connector.set_up = Some(connector(Picked::All, Picked::All));
        flags.connector.namespaces = reading;
        flags.connector.audience_ids = ExternalAudienceIds::Uuid;
    })
    .await;
    for (sid, namespace) in [(sid, expected[0]), (sid - 1, expected[1])] {
        let audience = &audiences(&tenant, sid).await[0];
        assert_eq!(audience["namespace"], namespace);
        assert_eq!(audience["id"].as_str().unwrap().len(), 36);
    }
    // Every delivery after the first finds its audience again.
    change_segment(&tenant, sid, "name", json!("Renamed")).await;
    tenant.simulator.advance(HOUR);
    let found = audiences(&tenant, sid).await;
    assert_eq!((found.len(), &found[0]["name"]), (1, &json!("Renamed")));
}

#[tokio::test(start_paused = true)]
async fn export_controls_become_labels_or_not() {
    for (carried, labels) in [(true, json!(["core/C3"])), (false, json!([]))] {
        let tenant = seeded(Seed::both_directions()).await;
        tenant.flags(|flags| {
            if !carried {
                flags.connector.export_control_labels.clear();
            }
            flags.connector.set_up = Some(connector(Picked::All, Picked::All));
        });
        tenant.simulator.advance(HOUR);
        // By the trait's source, by the merge rule, and as a trait of its own.
        for sid in [16_450_002, 16_450_003, 16_440_003] {
            assert_eq!(audiences(&tenant, sid).await[0]["labels"], labels, "{sid}");
        }
        // A control with a name that nobody knows becomes no label.
        assert_eq!(audiences(&tenant, 16_440_004).await[0]["labels"], json!([]));
        // What came from the other system goes back like anything else: the client must know its own loops.
        assert_eq!(
            audiences(&tenant, 16_448_929).await[0]["name"],
            "Loyal gamers"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_definition_over_a_delivered_audience_is_its_dependent() {
    let (tenant, sid) = delivered(|_| {}).await;
    let body = json!({"name": "mirror", "schema": {"name": "_xdm.context.profile"}, "expression": {"type": "PQL",
        "format": "pql/text", "value": format!("segmentMembership.get(\"AAMSegments\").get(\"{sid}\").status = \"realized\"")}});
    let mirror = tenant
        .aep("POST", "/segment/definitions", body)
        .await
        .expect(200);
    assert_eq!(
        audiences(&tenant, sid).await[0]["dependents"],
        json!([mirror["id"]])
    );
    change_segment(&tenant, sid, "name", json!("Renamed")).await;
    tenant.simulator.advance(HOUR);
    assert_eq!(
        audiences(&tenant, sid).await[0]["dependents"],
        json!([mirror["id"]]),
        "kept by a delivery"
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_effect_of_a_lost_call_is_delivered_like_any_write() {
    let (tenant, sid) = delivered(|_| {}).await;
    let target = format!("/segments/{sid}");
    let mut segment = tenant.aam("GET", &target, Value::Null).await.expect(200);
    segment["name"] = json!("Late");
    tenant.simulator.add_fault(adobe_simulator::Fault {
        matching: adobe_simulator::Match {
            method: Some("PUT".to_owned()),
            ..Default::default()
        },
        skip: 0,
        times: 1,
        kind: adobe_simulator::FaultKind::LateEffect { delay_ms: 1_000 },
    });
    assert!(tenant.aam("PUT", &target, segment).await.lost);
    tenant.simulator.advance(Duration::from_secs(1));
    tenant.simulator.calls();
    tenant.simulator.advance(HOUR);
    assert_eq!(audiences(&tenant, sid).await[0]["name"], "Late");
}
