//! Destinations, mappings and data export controls: audience-manager.md §3.2, §6.1, §6.2, §8.5.

mod export_controls;
mod mapping_forms;

use adobe_simulator::{Fault, FaultKind, MappingIdNames, MappingList, Match, Seed};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{Tenant, seeded, small};

async fn tenant() -> Tenant {
    let tenant = seeded(Seed::both_directions()).await;
    tenant.flags(|flags| flags.audience_manager.mapping_list = MappingList::Bare);
    tenant
}

async fn get(tenant: &Tenant, target: &str) -> Value {
    tenant.aam("GET", target, Value::Null).await.expect(200)
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| one["destinationId"].as_u64().unwrap())
        .collect()
}

fn mapping(sid: u64, more: Value) -> Value {
    let mut body = json!({"sid": sid, "traitType": "SEGMENT", "startDate": "2012-07-04"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

// ---- destinations

#[rstest]
#[case("/destinations/?search=cookie", vec![4703, 4704])]
#[case("/destinations/?restrictType=S2S", vec![4705])]
#[case("/destinations/?containsSegment=16450001", vec![4701, 4703, 4705, 4707])]
#[case("/destinations/?containsSegment=16450004", vec![])] // its only mapping is deleted
#[case("/destinations/", vec![4701, 4702, 4703, 4704, 4705, 4706, 4707])]
#[tokio::test]
async fn filters_narrow_the_list(#[case] target: &str, #[case] expected: Vec<u64>) {
    assert_eq!(ids(&get(&tenant().await, target).await), expected);
}

#[tokio::test]
async fn mappings_are_shown_where_they_are_asked_for() {
    let tenant = tenant().await;
    let plain = get(&tenant, "/destinations/4701").await;
    assert_eq!(plain["mappings"], Value::Null);
    let full = get(&tenant, "/destinations/4701?includeMappings=true").await;
    assert_eq!(full["mappings"][0]["sid"], 16_450_001);
    assert_eq!(full["mappings"][0]["elementName"], "Console buyers");
    let by_segment = get(&tenant, "/destinations?containsSegment=16450001").await;
    assert_eq!(by_segment[2]["mappings"][0]["traitAlias"], "16450001");
    let paged = get(&tenant, "/destinations?page=1&pageSize=3&sortBy=name").await;
    assert_eq!((&paged["total"], &paged["page"]), (&json!(7), &json!(1)));
}

/// Fields of the sample of the list (§2.9); all else comes with the destination itself.
#[rstest]
#[case::compact(true)]
#[case::full(false)]
#[tokio::test]
async fn the_list_leaves_out_what_a_mapping_needs(#[case] compact: bool) {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.destination_list_compact = compact);
    let list = get(&tenant, "/destinations/").await;
    let whole = get(&tenant, "/destinations/4705").await;
    assert_eq!(whole["mappingAutoFiller"], "SID");
    for field in [
        "serializationEnabled",
        "formatType",
        "mappingAutoFiller",
        "dataExportLabels",
        "mappings",
    ] {
        let shown = list[0].as_object().unwrap().contains_key(field);
        assert_eq!(shown, !compact, "{field}");
        assert!(whole.as_object().unwrap().contains_key(field), "{field}");
    }
    for field in ["destinationId", "name", "destinationType", "updateTime"] {
        assert!(!list[0][field].is_null(), "{field}");
    }
    let asked = get(&tenant, "/destinations/?includeMappings=true").await;
    assert_eq!(asked[0]["mappings"][0]["sid"], 16_450_001);
}

#[tokio::test]
async fn statuses_of_destinations_are_spelled_in_three_ways() {
    // The state keeps what Adobe's samples show: each its own.
    let tenant = tenant().await;
    let list = get(&tenant, "/destinations").await;
    let statuses: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    for spelling in [json!("ACTIVE"), json!("active"), json!(1)] {
        assert!(statuses.contains(&&spelling), "{spelling} in {statuses:?}");
    }
}

#[rstest]
#[case(json!({"name": "n", "destinationType": "PUSH", "serializationEnabled": false}), 201, "")]
#[case(json!({"name": "n", "destinationType": "PUSH", "serializationEnabled": true, "delimiter": ",",
    "urlFormatString": "http://x/?a=%ALIAS%", "secureUrlFormatString": "https://x/?a=%ALIAS%"}), 201, "")]
#[case(json!({"name": "n", "destinationType": "PUSH", "serializationEnabled": true, "delimiter": ",",
    "urlFormatString": "http://x/"}), 400, "%ALIAS%")]
#[case(json!({"name": "n", "destinationType": "ADS", "adServerTypeID": 1, "cookieName": "c", "maxSize": "2048",
    "ttl": "0", "formatType": "single_key", "singleKey": "k"}), 201, "")]
#[case(json!({"name": "n", "destinationType": "ADS", "formatType": "single_key"}), 400, "cookieName")]
#[case(json!({"name": "n", "destinationType": "ADS", "cookieName": "c", "formatType": "x"}), 400, "formatType")]
#[case(json!({"name": "n", "destinationType": "S2S"}), 400, "user interface")]
#[case(json!({"destinationType": "PUSH"}), 400, "name is required")]
#[tokio::test]
async fn the_api_makes_url_and_cookie_destinations(
    #[case] body: Value,
    #[case] status: u16,
    #[case] message: &str,
) {
    let tenant = small().await;
    let answer = tenant
        .aam("POST", "/destinations/", body.clone())
        .await
        .expect(status);
    if status != 201 {
        assert!(
            answer["message"].as_str().unwrap().contains(message),
            "{answer}"
        );
        return;
    }
    assert_eq!(
        (&answer["mappings"], &answer["status"]),
        (&Value::Null, &json!("ACTIVE"))
    );
    if body.get("maxSize").is_some() {
        assert_eq!(
            (&answer["maxSize"], &answer["ttl"]),
            (&json!(2048), &json!(0)),
            "texts come back as numbers"
        );
    }
    let target = format!("/destinations/{}", answer["destinationId"]);
    let mut changed = get(&tenant, &target).await;
    changed["name"] = json!("renamed");
    let after = tenant.aam("PUT", &target, changed).await.expect(200);
    assert_eq!(after["name"], "renamed");
    let other = json!({"name": "n", "destinationType": "S2S"});
    tenant.aam("PUT", &target, other).await.expect(400);
    tenant.aam("DELETE", &target, Value::Null).await.expect(204);
    tenant.aam("GET", &target, Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_put_resets_what_it_leaves_out_unless_the_switch_is_lenient() {
    let tenant = tenant().await;
    let body =
        json!({"name": "Ad server cookie", "cookieName": "aam_ads", "formatType": "key_value"});
    let strict = tenant
        .aam("PUT", "/destinations/4704", body.clone())
        .await
        .expect(200);
    assert_eq!(strict["keySeparator"], Value::Null);
    tenant.flags(|flags| flags.audience_manager.put_lenient = true);
    let lenient = tenant
        .aam("PUT", "/destinations/4703", json!({"name": "x"}))
        .await
        .expect(200);
    assert_eq!(lenient["cookieName"], "aam_site");
}

#[tokio::test]
async fn destinations_of_the_user_interface_can_only_be_read() {
    let tenant = tenant().await;
    for id in [4705, 4706] {
        let target = format!("/destinations/{id}");
        let read = get(&tenant, &target).await;
        tenant.aam("PUT", &target, read).await.expect(400);
        tenant.aam("DELETE", &target, Value::Null).await.expect(400);
    }
}

#[tokio::test]
async fn a_destination_with_mappings_is_not_deleted() {
    let tenant = tenant().await;
    let refused = tenant
        .aam("DELETE", "/destinations/4701", Value::Null)
        .await
        .expect(400);
    assert_eq!(refused["code"], "CANNOT_DELETE_ENTITY_WITH_MAPPINGS");
    tenant.flags(|flags| flags.audience_manager.mapped_destination_status = 409);
    tenant
        .aam("DELETE", "/destinations/4701", Value::Null)
        .await
        .expect(409);
    tenant
        .aam("DELETE", "/destinations/4701/mappings/810001", Value::Null)
        .await
        .expect(204);
    tenant
        .aam("POST", "/destinations/bulk-delete/", json!([4701]))
        .await
        .expect(204);
    tenant
        .aam("GET", "/destinations/4701", Value::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn the_number_of_destinations_is_limited_by_kind() {
    let tenant = small().await;
    tenant.flags(|flags| flags.audience_manager.item_limits.url_destinations = 1);
    let url = json!({"name": "n", "destinationType": "PUSH"});
    tenant
        .aam("POST", "/destinations", url.clone())
        .await
        .expect(201);
    let refused = tenant.aam("POST", "/destinations", url).await.expect(400);
    assert_eq!(refused["code"], "RESOURCE_LIMIT_EXCEEDED");
    let cookie = json!({"name": "c", "destinationType": "ADS", "cookieName": "c", "formatType": "key_value"});
    tenant
        .aam("POST", "/destinations", cookie)
        .await
        .expect(201);
    let limits = get(&tenant, "/destinations/limits").await;
    assert_eq!(limits["PUSH"], json!({"used": 1, "limit": 1}));
    assert_eq!(limits["total"]["used"], 2);
}

// ---- mappings

#[rstest]
#[case(4701, json!({"url": "https://adobe.com"}), 201)]
#[case(4701, json!({}), 400)]
#[case(4702, json!({"traitAlias": "a"}), 201)]
#[case(4702, json!({"url": "https://adobe.com"}), 400)]
#[case(4703, json!({"valueAlias": "v"}), 201)]
#[case(4703, json!({"traitAlias": "a"}), 400)]
#[case(4704, json!({"traitAlias": "a", "valueAlias": "v"}), 201)]
#[case(4704, json!({"valueAlias": "v"}), 400)]
#[tokio::test]
async fn each_kind_of_destination_asks_for_its_own_keys(
    #[case] destination: u64,
    #[case] keys: Value,
    #[case] status: u16,
) {
    let tenant = tenant().await;
    let target = format!("/destinations/{destination}/mappings/");
    let made = tenant
        .aam("POST", &target, mapping(16_450_001, keys.clone()))
        .await
        .expect(status);
    if status == 201 {
        for (key, value) in keys.as_object().unwrap() {
            assert_eq!(&made[key], value);
        }
        assert_eq!(
            (&made["traitValue"], &made["elementStatus"]),
            (&json!(0), &json!("active"))
        );
    }
}

#[tokio::test]
async fn a_start_date_comes_back_a_day_early_and_moves_with_every_put() {
    let tenant = tenant().await;
    let body = mapping(
        16_450_001,
        json!({"url": "https://adobe.com", "endDate": "2012-08-01"}),
    );
    let made = tenant
        .aam("POST", "/destinations/4701/mappings/", body.clone())
        .await
        .expect(201);
    assert_eq!(
        (&made["startDate"], &made["endDate"]),
        (&json!("2012-07-03"), &json!("2012-08-01"))
    );
    let target = format!("/destinations/4701/mappings/{}", made["mappingId"]);
    let again = tenant.aam("PUT", &target, made).await.expect(200);
    assert_eq!(again["startDate"], "2012-07-02");
    let mut without = again.clone();
    without.as_object_mut().unwrap().remove("startDate");
    let kept = tenant.aam("PUT", &target, without).await.expect(200);
    assert_eq!(
        kept["startDate"], "2012-07-02",
        "one that is not sent does not move"
    );
    tenant.flags(|flags| flags.audience_manager.mapping_start_date_shifted = false);
    let made = tenant
        .aam("POST", "/destinations/4701/mappings/", body)
        .await
        .expect(201);
    assert_eq!(made["startDate"], "2012-07-04");
    let wrong = mapping(
        16_450_001,
        json!({"url": "https://adobe.com", "endDate": "soon"}),
    );
    tenant
        .aam("POST", "/destinations/4701/mappings/", wrong)
        .await
        .expect(400);
}

#[rstest]
#[case(MappingIdNames::Both, [true, true], [true, true])]
#[case(MappingIdNames::MappingId, [true, false], [true, false])]
#[case(MappingIdNames::DestinationMappingId, [false, true], [false, true])]
#[case(MappingIdNames::ByKind, [true, false], [false, true])]
#[tokio::test]
async fn the_id_of_a_mapping_has_two_names(
    #[case] names: MappingIdNames,
    #[case] url: [bool; 2],
    #[case] server_to_server: [bool; 2],
) {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.mapping_id_names = names);
    for (destination, id, expected) in [(4701, 810_001, url), (4705, 810_003, server_to_server)] {
        let list = get(&tenant, &format!("/destinations/{destination}/mappings")).await;
        let shown =
            ["mappingId", "destinationMappingId"].map(|name| list[0].get(name) == Some(&json!(id)));
        assert_eq!(shown, expected, "destination {destination}");
    }
}

#[tokio::test]
async fn a_destination_without_mappings_answers_404_for_the_empty_list() {
    let tenant = tenant().await;
    tenant
        .aam("GET", "/destinations/4702/mappings/", Value::Null)
        .await
        .expect(404);
    tenant
        .aam("GET", "/destinations/4702/mappings?page=0", Value::Null)
        .await
        .expect(404);
    tenant.flags(|flags| flags.audience_manager.empty_mappings_not_found = false);
    assert_eq!(get(&tenant, "/destinations/4702/mappings").await, json!([]));
    tenant
        .aam("GET", "/destinations/99/mappings", Value::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn a_fault_empties_or_ages_the_list_of_mappings() {
    let tenant = tenant().await;
    let target = "/destinations/4701/mappings";
    let fault = |kind| Fault {
        matching: Match::default(),
        skip: 0,
        times: 1,
        kind,
    };
    tenant.simulator.add_fault(fault(FaultKind::EmptyList));
    tenant.aam("GET", target, Value::Null).await.expect(404);
    tenant
        .aam("DELETE", "/destinations/4701/mappings/810001", Value::Null)
        .await
        .expect(204);
    tenant
        .simulator
        .add_fault(fault(FaultKind::StaleList { writes: 1 }));
    assert_eq!(get(&tenant, target).await[0]["elementStatus"], "active");
    tenant.aam("GET", target, Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_deleted_mapping_is_listed_on_request_only() {
    let tenant = tenant().await;
    let live = get(&tenant, "/destinations/4705/mappings").await;
    assert_eq!(live.as_array().unwrap().len(), 1);
    let all = get(
        &tenant,
        "/destinations/4705/mappings?includeDeletedEntities=true",
    )
    .await;
    assert_eq!(all[1]["elementStatus"], "deleted");
    let target = "/destinations/4705/mappings/810004";
    tenant.aam("DELETE", target, Value::Null).await.expect(404);
    tenant
        .aam("PUT", target, json!({"traitAlias": "x"}))
        .await
        .expect(404);
}

#[tokio::test]
async fn the_same_segment_may_be_mapped_twice_and_only_a_segment() {
    let tenant = tenant().await;
    let target = "/destinations/4701/mappings/";
    let more = json!({"url": "https://adobe.com/2"});
    tenant
        .aam("POST", target, mapping(16_450_001, more.clone()))
        .await
        .expect(201);
    assert_eq!(get(&tenant, target).await.as_array().unwrap().len(), 2);
    tenant
        .aam("POST", target, mapping(16_440_001, more.clone()))
        .await
        .expect(400);
    let mut wrong = mapping(16_450_001, more.clone());
    wrong["traitType"] = json!("RULE_BASED_TRAIT");
    tenant.aam("POST", target, wrong).await.expect(400);
    tenant
        .simulator
        .patch_object(
            "segments",
            "16450003",
            &json!({"isDestinationMappable": false}),
        )
        .unwrap();
    tenant
        .aam("POST", target, mapping(16_450_003, more))
        .await
        .expect(400);
}

#[tokio::test]
async fn the_older_paths_still_lead_to_mappings() {
    let tenant = tenant().await;
    let made = tenant
        .aam(
            "POST",
            "/destinations/4702/traits/",
            mapping(16_450_001, json!({"traitAlias": "a"})),
        )
        .await
        .expect(201);
    let target = format!("/destinations/mappings/{}", made["mappingId"]);
    let after = tenant
        .aam("PUT", &target, json!({"traitAlias": "b"}))
        .await
        .expect(200);
    assert_eq!(after["traitAlias"], "b");
    tenant
        .aam(
            "PUT",
            &target,
            json!({"traitAlias": "b", "sid": 16_450_002}),
        )
        .await
        .expect(400);
}

#[tokio::test]
async fn several_mappings_are_made_at_once_and_not_atomically() {
    let tenant = tenant().await;
    let bodies = json!([
        mapping(16_450_001, json!({"traitAlias": "a"})),
        mapping(99, json!({"traitAlias": "b"}))
    ]);
    let refused = tenant
        .aam("POST", "/destinations/4702/bulk-create", bodies)
        .await
        .expect(400);
    assert_eq!(
        refused["childMessages"],
        json!(["99: Segment 99 does not exist"])
    );
    assert_eq!(
        get(&tenant, "/destinations/4702/mappings")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let bodies = json!([mapping(16_450_004, json!({"traitAlias": "c"}))]);
    let made = tenant
        .aam("POST", "/destinations/4702/bulk-create", bodies)
        .await
        .expect(201);
    assert_eq!(made[0]["traitAlias"], "c");
}

#[tokio::test]
async fn mappings_to_other_kinds_are_switches_and_aliases_fill_themselves() {
    let tenant = tenant().await;
    let body = mapping(16_450_001, json!({}));
    let made = tenant
        .aam("POST", "/destinations/4705/mappings", body.clone())
        .await
        .expect(201);
    assert_eq!(made["traitAlias"], "16450001", "mappingAutoFiller is SID");
    tenant
        .aam("POST", "/destinations/4706/mappings", body.clone())
        .await
        .expect(400);
    tenant.flags(|flags| {
        flags.audience_manager.server_to_server_mappings = false;
        flags.audience_manager.ui_only_mappings = true;
    });
    tenant
        .aam("POST", "/destinations/4705/mappings", body.clone())
        .await
        .expect(400);
    tenant
        .aam("POST", "/destinations/4706/mappings", body)
        .await
        .expect(201);
}

#[tokio::test]
async fn a_mapped_segment_is_in_use_until_its_mappings_are_gone() {
    let tenant = tenant().await;
    let target = "/segments/16450001?includeInUseStatus=true";
    let read = get(&tenant, target).await;
    assert_eq!(read["inUse"], true);
    assert_eq!(
        ids(&read["mappedEntities"]["destinations"]),
        [4701, 4703, 4705, 4707]
    );
    let body = json!([16_450_001]);
    let refused = tenant
        .aam("POST", "/segments/bulk-delete", body)
        .await
        .expect(400);
    assert_eq!(refused["code"], "CANNOT_DELETE_ENTITY_MAPPED");
    let single = tenant
        .aam("DELETE", "/segments/16450001", Value::Null)
        .await
        .expect(400);
    assert!(single.get("code").is_none());
    tenant.flags(|flags| flags.audience_manager.ui_only_mappings = true);
    for (destination, mapping) in [
        (4701, 810_001),
        (4703, 810_002),
        (4705, 810_003),
        (4707, 810_005),
    ] {
        let target = format!("/destinations/{destination}/mappings/{mapping}");
        tenant.aam("DELETE", &target, Value::Null).await.expect(204);
    }
    assert_eq!(get(&tenant, target).await["inUse"], false);
    // It is the baseline of a model still.
    tenant
        .aam("DELETE", "/segments/16450001", Value::Null)
        .await
        .expect(409);
}
