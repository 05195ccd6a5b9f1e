//! The two presets of the switches, and how a document is laid over one.

use std::collections::BTreeMap;

use adobe_simulator::{Flags, Options, Preset, Seed, Simulator, System};
use serde_json::{Value, json};

use crate::helper::{Tenant, send, small};

/// The switches that have one value in both presets, and why.
const SAME_IN_BOTH: &[(&str, &[&str])] = &[
    (
        "a setting of the tenant or a product that it bought",
        &[
            "shared.rateLimit",
            "sharing.setUp",
            "audienceManager.itemLimits",
            "audienceManager.exportControlNames",
            "connector.setUp",
            "experiencePlatform.externalSegmentsEnabled",
            "experiencePlatform.hiddenLabels",
            "experiencePlatform.permissionErrorsAs500",
            "experiencePlatform.catalogDatasets",
            "externalAudiences.entitled",
            "externalAudiences.enabledNamespaces",
        ],
    ),
    (
        "which address the client was given, and what stands there",
        &["audienceManager.gateway"],
    ),
    (
        "a documented figure",
        &[
            "ims.tokenTtlSeconds",
            "audienceManager.modelRunMs",
            "audienceManager.modelRunsInSlot",
            "sharing.metadataDelayMs",
        ],
    ),
    (
        "under the other reading a use of the product is impossible, which an operator can only report",
        &[
            "audienceManager.exportControlsSettable",
            "audienceManager.serverToServerMappings",
            "experiencePlatform.externalAudienceCreate",
            "flowService.changes",
        ],
    ),
    (
        "every published sample of the answer has all that a client needs; a client is tested without it",
        &["experiencePlatform.audienceListLeavesOut"],
    ),
    (
        "what happens in a tenant, not how the service behaves",
        &[
            "audienceManager.modelRunStatus",
            "connector.linkBroken",
            "connector.paused",
            "sharing.arrivingPercent",
            "sharing.linkBroken",
            "externalAudiences.operationFails",
        ],
    ),
    (
        "the likeliest reading refuses what the other one allows",
        &[
            "audienceManager.emptyMappingsNotFound",
            "audienceManager.uiOnlyMappings",
            "audienceManager.algorithmicTraitNeedsRun",
            "experiencePlatform.externalSegmentsRefusal",
            "experiencePlatform.jsonPatchAllOperations",
            "externalAudiences.customAudienceIdChecked",
            "externalAudiences.metadataOnlyChangeable",
        ],
    ),
    (
        "the likeliest reading changes or clears what the other one keeps",
        &[
            "audienceManager.escapeHtml",
            "audienceManager.putLenient",
            "audienceManager.mappingStartDateShifted",
            "experiencePlatform.audiencePutKeepsMissing",
        ],
    ),
    (
        "the likeliest reading shows less, makes more objects, or answers in the odder form",
        &[
            "audienceManager.folderTraits",
            "audienceManager.destinationListCompact",
            "audienceManager.modelInUseBody",
            "experiencePlatform.sandboxIdsListed",
            "experiencePlatform.audienceDefaultLimit",
            "experiencePlatform.inactiveListed",
            "experiencePlatform.bulkGetWhole",
            "flowService.secondSelection",
        ],
    ),
];

fn switches(flags: &Flags) -> BTreeMap<String, Value> {
    let document = serde_json::to_value(flags).unwrap();
    let groups = document.as_object().unwrap().iter();
    groups
        .flat_map(|(group, switches)| {
            let switches = switches.as_object().unwrap().iter();
            switches.map(move |(name, value)| (format!("{group}.{name}"), value.clone()))
        })
        .collect()
}

#[test]
fn hostile_differs_in_every_switch_that_has_no_reason_not_to() {
    let likeliest = switches(&Flags::likeliest());
    let hostile = switches(&Flags::hostile());
    let mut same: Vec<&str> = likeliest
        .iter()
        .filter(|(name, value)| hostile[*name] == **value)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut listed: Vec<&str> = SAME_IN_BOTH
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    same.sort_unstable();
    listed.sort_unstable();
    assert_eq!(same, listed);
    assert_eq!(Flags::default(), Flags::likeliest());
}

async fn control(simulator: &Simulator, method: &str, target: &str, body: Value) -> (u16, String) {
    let reply = send(simulator.control(), method, target, &[], body.to_string()).await;
    (reply.status, reply.text)
}

fn started_with(preset: Preset) -> Simulator {
    Simulator::new(Options {
        preset,
        ..Options::default()
    })
}

#[tokio::test]
async fn a_document_of_flags_is_laid_over_a_preset() {
    let simulator = started_with(Preset::Likeliest);
    let body = json!({"preset": "hostile", "audienceManager": {"exportControlStatus": 403, "etags": false}});
    assert_eq!(control(&simulator, "PUT", "/flags", body).await.0, 204);
    let mut expected = Flags::hostile();
    expected.audience_manager.export_control_status = Some(403);
    expected.audience_manager.etags = false;
    assert_eq!(simulator.flags(), expected);
    // What it is laid over is the preset, not the flags of before.
    let body = json!({"shared": {"unknownFields": true}});
    assert_eq!(control(&simulator, "PUT", "/flags", body).await.0, 204);
    let mut expected = Flags::likeliest();
    expected.shared.unknown_fields = true;
    assert_eq!(simulator.flags(), expected);
    for (wrong, named) in [
        (json!({"preset": "friendly"}), "friendly"),
        (json!({"escapeHtml": false}), "escapeHtml"),
        (
            json!({"audienceManager": {"escapeHTML": false}}),
            "escapeHTML",
        ),
        (json!({"audienceManager": {"etags": "yes"}}), "yes"),
        (json!({"audienceManager": true}), "audienceManager"),
        (json!([]), "JSON object"),
    ] {
        let (status, text) = control(&simulator, "PUT", "/flags", wrong).await;
        assert!(status == 400 && text.contains(named), "{status} {text}");
    }
    assert_eq!(simulator.flags(), expected);
}

#[tokio::test]
async fn the_preset_of_the_start_is_below_everything() {
    let simulator = started_with(Preset::Hostile);
    assert_eq!(simulator.flags(), Flags::hostile());
    let body = json!({"ims": {"invalidClientStatus": 401}});
    assert_eq!(control(&simulator, "PUT", "/flags", body).await.0, 204);
    let mut expected = Flags::hostile();
    expected.ims.invalid_client_status = 401;
    assert_eq!(simulator.flags(), expected);
    simulator.reset();
    assert_eq!(simulator.flags(), Flags::hostile());
    // A whole state holds all flags, and brings them back.
    let state = simulator.state();
    simulator.set_flags(Flags::likeliest());
    simulator.set_state(state).unwrap();
    assert_eq!(simulator.flags(), Flags::hostile());
    simulator
        .set_state(json!({"flags": {"preset": "likeliest", "ims": {"invalidClientStatus": 400}}}))
        .unwrap();
    let mut expected = Flags::likeliest();
    expected.ims.invalid_client_status = 400;
    assert_eq!(simulator.flags(), expected);
    let wrong = json!({"flags": {"ims": {"none": 1}}});
    assert!(simulator.set_state(wrong.clone()).is_err());
    assert!(Seed::try_from(wrong).is_err());
}

/// A client can do in a hostile world what this project is for.
#[tokio::test(start_paused = true)]
async fn an_audience_can_be_shared_under_all_hostile_readings_together() {
    let tenant: Tenant = small().await;
    tenant.simulator.set_flags(Flags::hostile());
    let organization = [
        ("x-gw-ims-org-id", crate::helper::ORGANIZATION),
        ("AAM-Disable-Escaping-HTML", "true"),
    ];
    let aam = async |method: &str, target: &str, body: Value| {
        tenant.aam_with(method, target, &body, &organization).await
    };
    let body =
        json!({"name": "ours", "integrationCode": "ours", "uniqueTraitIntegrationCodes": true});
    let source = aam("POST", "/datasources", body).await.expect(201)["dataSourceId"].clone();
    let body = json!({"name": "folder", "parentFolderId": 0, "pid": 1794});
    aam("POST", "/folders/traits", body).await.expect(201);
    let body = json!({"traitType": "ON_BOARDED_TRAIT", "name": "t", "dataSourceId": source, "folderId": 0,
        "traitRule": "segid == \"x\"", "integrationCode": "x"});
    let made = aam("POST", "/traits", body).await.expect(201);
    let body = json!({"name": "s", "segmentRule": format!("{}T", made["sid"]), "folderId": 0, "dataSourceId": source});
    let segment = aam("POST", "/segments", body).await.expect(201);
    let body = json!({"type": "ExternalSegment", "namespace": "AAMSegments", "name": "s",
        "audienceId": segment["sid"].to_string()});
    let made = tenant.aep("POST", "/audiences", body).await.expect(201);
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    let target = format!("/audiences/{}", made["id"].as_str().unwrap());
    tenant.aep("GET", &target, Value::Null).await.expect(200);
    let expression = format!(
        "segmentMembership.get(\"AAMSegments\").get(\"{}\").status = \"realized\"",
        segment["sid"]
    );
    let body = json!({"type": "SegmentDefinition", "name": "d", "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": expression}});
    let defined = tenant.aep("POST", "/audiences", body).await.expect(201);
    // Delivery: the flow that a person made takes the definition, and Adobe makes its pair.
    let simulator = &tenant.simulator;
    let flow = simulator.create_object("flows", json!({})).unwrap();
    let bearer = format!("Bearer {}", tenant.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-api-key", tenant.client_id.as_str()),
        ("x-gw-ims-org-id", crate::helper::ORGANIZATION),
        ("x-sandbox-name", "prod"),
        ("content-type", "application/json"),
        ("if-match", flow["etag"].as_str().unwrap()),
    ];
    let target = format!(
        "/data/foundation/flowservice/flows/{}",
        flow["id"].as_str().unwrap()
    );
    let selector = json!({"type": "PLATFORM_SEGMENT", "value": {"id": defined["id"]}});
    let add = json!([{"op": "add", "path": "/transformations/0/params/segmentSelectors/selectors/-", "value": selector}]);
    let router = simulator.router(System::EXPERIENCE_PLATFORM);
    let changed = send(router, "PATCH", &target, &headers, add.to_string()).await;
    assert_eq!((changed.status, changed.text.as_str()), (202, ""));
    simulator.advance(std::time::Duration::from_secs(900));
    let code = defined["id"].as_str().unwrap();
    let target = format!("/segments?integrationCode={code}");
    let pair = aam("GET", &target, Value::Null).await.expect(200);
    assert_eq!(pair.as_array().map(Vec::len), Some(1));
}
