//! What no public source proves, on the real API server in each of its readings: the operator comes to the same end in all
//! of them, or says what a person does.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{
    LOYAL_GAMERS, World, audience, ready_condition, ready_message, segment_sid, trait_sid,
};

/// Of the demo's company.
const SHOP: u64 = 29_771;

async fn with_flags(audience_manager: &Value) -> World {
    let world = World::start().await;
    let flags = json!({ "audienceManager": audience_manager });
    world.control.flags(&flags).await.unwrap();
    world
}

fn targeting(target: &Value) -> Value {
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["target"] = json!({ "audienceManager": target });
    declared
}

async fn person_sets(world: &World, collection: &str, id: &Value, fields: &Value) {
    let id = id.to_string();
    world.control.patch(collection, &id, fields).await.unwrap();
}

/// Whatever is done next, nothing is left to write.
async fn is_at_rest(world: &World) {
    world.control.clear_calls().await.unwrap();
    for _ in 0..2 {
        world.look_now("loyal").await;
    }
    assert_eq!(world.writes().await, Vec::<String>::new());
}

/// Adobe removes a Marketplace provider (audience-manager.md §4.5), or a person pauses a segment.
#[rstest]
#[case::adobe_suspends_it("SUSPENDED")]
#[case::a_person_pauses_it("INACTIVE")]
#[tokio::test]
async fn a_suspended_segment_is_reported_and_a_paused_one_is_activated(#[case] status: &str) {
    let world = World::start().await;
    world.connect().await;
    let rule = "{trait} AND 9912T";
    let third = json!([{"key": "third", "name": "With third", "rule": rule}]);
    world
        .apply(&targeting(&json!({"additionalSegments": third})))
        .await;
    let shared = world.ready("loyal").await;
    let sid = shared["status"]["audienceManager"]["additionalSegments"][0]["sid"].clone();
    let suspended = status == "SUSPENDED";
    match suspended {
        true => world.control.delete("dataSources", "6601").await.unwrap(),
        false => person_sets(&world, "segments", &sid, &json!({ "status": status })).await,
    }
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let remote_status = async || world.remote("segments", "sid", &sid).await["status"].clone();
    if !suspended {
        world.ready("loyal").await;
        assert_eq!(world.writes().await, [format!("PUT /v1/segments/{sid}")]);
        assert_eq!(remote_status().await, "ACTIVE");
        return is_at_rest(&world).await;
    }
    let reported = world
        .until("sharedaudience", "loyal", "False", "ObjectSuspended")
        .await;
    let message = ready_message(&reported);
    let told = format!("Segment {sid} \"With third\" has the status \"SUSPENDED\"");
    assert!(message.starts_with(&told), "{message}");
    assert!(message.contains("does not show: 9912."), "{message}");
    assert_eq!(world.writes().await, Vec::<String>::new());
    is_at_rest(&world).await;

    // The rest of the audience goes on, this segment's name too; its status stays as Adobe set it.
    let renamed = json!([{"key": "third", "name": "With nobody", "rule": "{trait} AND 16440001T"}]);
    world
        .apply(&targeting(&json!({"additionalSegments": renamed})))
        .await;
    world
        .until("sharedaudience", "loyal", "False", "ObjectSuspended")
        .await;
    let now = world.remote("segments", "sid", &sid).await;
    assert_eq!(
        (&now["name"], &now["status"]),
        (&json!("With nobody"), &json!("SUSPENDED"))
    );
    // A person activates it.
    person_sets(&world, "segments", &sid, &json!({"status": "ACTIVE"})).await;
    world.look_now("loyal").await;
    world.ready("loyal").await;
    world.delete("loyal").await;
}

/// Adobe advises against some characters in the name of a trait (audience-manager.md §4.5).
#[rstest]
#[case::plain("Loyal gamers", None)]
#[case::with_a_hyphen_and_a_bar("Loyal - gamers|2026", Some("a hyphen and a vertical bar"))]
#[tokio::test]
async fn a_name_that_adobe_advises_against_is_kept_and_reported_once(
    #[case] name: &str,
    #[case] told: Option<&str>,
) {
    let world = World::start().await;
    world.connect().await;
    world.apply(&targeting(&json!({ "name": name }))).await;
    let shared = world.ready("loyal").await;
    let of_trait = world.remote("traits", "sid", &trait_sid(&shared)).await;
    assert_eq!(of_trait["name"], name);
    let message = ready_message(&shared);
    match told {
        None => assert!(!message.contains("advises"), "{message}"),
        Some(told) => {
            let told = format!("contains {told}, which Adobe advises against");
            assert!(message.contains(&told), "{message}");
        }
    }
    is_at_rest(&world).await;
    let later = world.ready("loyal").await;
    assert_eq!(ready_condition(&later), ready_condition(&shared));
}

/// An integration code may have 255 characters (audience-manager.md §4.5), all of which a URL must carry.
#[tokio::test]
async fn an_integration_code_of_255_characters_finds_its_object() {
    let world = World::start().await;
    let code: String = "gold/tier & ü?=#+".chars().cycle().take(254).collect();
    let code = code + "x";
    let made = json!({"sid": 16_440_077, "pid": 1794, "name": "Long code", "integrationCode": code, "dataSourceId": SHOP,
        "folderId": 0, "traitType": "RULE_BASED_TRAIT", "traitRule": "page == \"cart\"", "status": "ACTIVE"});
    world.control.create("traits", &made).await.unwrap();
    let made = json!({"sid": 16_450_077, "pid": 1794, "name": "Long code", "integrationCode": code, "dataSourceId": SHOP,
        "folderId": 0, "segmentRule": "16440001T", "traitDataSourceIds": [SHOP], "status": "ACTIVE"});
    world.control.create("segments", &made).await.unwrap();
    world.connect().await;
    let traits = json!([{"key": "long", "integrationCode": code}]);
    let third = json!([{"key": "third", "name": "With long", "rule": "{trait} AND {long}", "traits": traits}]);
    world
        .apply(&targeting(&json!({"additionalSegments": third})))
        .await;
    let shared = world.ready("loyal").await;
    let found = &shared["status"]["audienceManager"]["additionalSegments"][0]["traits"][0];
    assert_eq!(found["sid"], 16_440_077, "{found}");

    let mut buyers = audience("buyers", "");
    buyers["spec"]["source"] = json!({"audienceManager": {"segment": {"integrationCode": code}}});
    buyers["spec"]["target"] = json!({"experiencePlatform": {}});
    world.apply(&buyers).await;
    let shared = world.ready("buyers").await;
    assert_eq!(shared["status"]["source"]["id"], "16450077", "{shared}");
}

/// Data sources are not among the objects that have permissions, and who is an administrator may be shown nowhere
/// (audience-manager.md §1.7): what is not shown is tried, and a denial in the middle says how far it came.
#[rstest]
#[case::shown(true, "boolean")]
#[case::shown_as_a_text(true, "text")]
#[case::shown_nowhere(false, "nowhere")]
#[tokio::test]
async fn a_denial_in_the_middle_names_what_exists_and_what_is_not_done(
    #[case] shows_permissions: bool,
    #[case] administrator: &str,
) {
    let world = with_flags(&json!({
        "dataSourcesTellPermissions": shows_permissions, "administratorTold": administrator,
    }))
    .await;
    let denies = async |path: &str| {
        let body = json!({"code": "ACCESS_DENIED", "message": "The user is not authorized"});
        let faults = json!([{
            "match": {"system": "audienceManager", "method": "POST", "pathContains": path}, "times": 0,
            "kind": {"error": {"status": 403, "body": body}},
        }]);
        world.control.faults(&faults).await.unwrap();
    };
    denies("/v1/folders/segments").await;
    world.connect().await;
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let denied = world
        .until("sharingconnection", "acme", "False", "AccessDenied")
        .await;
    let message = ready_message(&denied);
    let shared = &denied["status"]["audienceManager"];
    let exist = format!(
        "Already there and kept: data source {}, trait folder {}.",
        shared["dataSourceId"], shared["traitFolderId"]
    );
    for told in [
        &exist,
        "create segment folder \"Experience Platform Segments\"",
        "Not done: create segment folder",
    ] {
        assert!(message.contains(told), "{told}: {message}");
    }

    world.control.clear_faults().await.unwrap();
    denies("/v1/segments").await;
    world.look_now("loyal").await;
    let denied = world
        .until("sharedaudience", "loyal", "False", "AccessDenied")
        .await;
    let message = ready_message(&denied);
    let exists = format!(
        "Already there and kept: trait {} \"Loyal gamers\".",
        trait_sid(&denied)
    );
    for told in [&exists, "Not done: create segment \"Loyal gamers\"."] {
        assert!(message.contains(told), "{told}: {message}");
    }
    assert_eq!(segment_sid(&denied), Value::Null);
    // The same text while it lasts.
    world.look_now("loyal").await;
    let later = world.get("sharedaudience", "loyal").await;
    assert_eq!(ready_message(&later), message);

    world.control.clear_faults().await.unwrap();
    world.look_now("loyal").await;
    world.ready("loyal").await;
    world.delete("loyal").await;
}

/// audience-manager.md §3.3
#[rstest]
#[case::optional(false, 1)]
#[case::required(true, 2)]
#[tokio::test]
async fn folders_are_made_whether_or_not_their_creation_must_name_the_company(
    #[case] needed: bool,
    #[case] attempts: usize,
) {
    let world = with_flags(&json!({ "folderPostNeedsPid": needed })).await;
    world.connect().await;
    world.share("loyal", LOYAL_GAMERS).await;
    let posted = world.writes().await;
    for (collection, path, name) in [
        (
            "traitFolders",
            "/v1/folders/traits/",
            "Experience Platform Traits",
        ),
        (
            "segmentFolders",
            "/v1/folders/segments/",
            "Experience Platform Segments",
        ),
    ] {
        let made = world.remote(collection, "name", &json!(name)).await;
        assert_eq!(made["pid"], 1794, "{made}");
        let post = format!("POST {path}");
        let posts = posted.iter().filter(|call| **call == post).count();
        assert_eq!(posts, attempts, "{posted:?}");
    }
    is_at_rest(&world).await;
}

/// audience-manager.md §6.2
#[rstest]
#[case::a_bare_array(json!({"mappingList": "bare"}))]
#[case::an_envelope(json!({"mappingList": "envelope"}))]
#[case::pages(json!({"mappingList": "pages"}))]
#[case::an_id_that_may_be_sent(json!({"mappingDestinationId": "optional"}))]
#[case::an_id_that_must_be_sent(json!({"mappingDestinationId": "required"}))]
#[case::an_id_that_must_not_be_sent(json!({"mappingDestinationId": "refused"}))]
#[tokio::test]
async fn a_mapping_is_found_changed_and_deleted_in_every_form(#[case] flags: Value) {
    let world = with_flags(&flags).await;
    let shop =
        json!({"destinationId": 4711, "pid": 1794, "name": "Shop", "destinationType": "PUSH"});
    world.control.create("destinations", &shop).await.unwrap();
    // More than a page of a person's come before ours.
    for number in 0..12 {
        let by_hand = json!({"pid": 1794, "destinationId": 4711, "sid": 16_450_001, "traitType": "SEGMENT",
            "elementStatus": "active", "url": format!("https://by-hand.example/{number}")});
        world.control.create("mappings", &by_hand).await.unwrap();
    }
    let to = |url: &str, policy: &str| {
        let mut declared =
            targeting(&json!({"destinations": [{"key": "shop", "id": 4711, "url": url}]}));
        declared["spec"]["deletionPolicy"] = json!(policy);
        declared
    };
    world.connect().await;
    world.apply(&to("https://shop.example/a", "Retain")).await;
    let shared = world.ready("loyal").await;
    let sid = segment_sid(&shared);
    let urls = async || {
        let state = world.tenant().await;
        let found = crate::standing::mappings_of(&state, &sid);
        let urls = found.into_iter().map(|mapping| mapping["url"].to_string());
        urls.collect::<Vec<_>>()
    };
    world.apply(&to("https://shop.example/b", "Retain")).await;
    world.ready("loyal").await;
    assert_eq!(urls().await, ["\"https://shop.example/b\""]);

    // Nothing but the list shows the mapping to a resource that is created again.
    world.delete("loyal").await;
    world.apply(&to("https://shop.example/b", "Delete")).await;
    let again = world.ready("loyal").await;
    assert_eq!(segment_sid(&again), sid);
    assert_eq!(urls().await.len(), 1);
    is_at_rest(&world).await;
    world.delete("loyal").await;
    assert_eq!(urls().await, Vec::<String>::new());
}

/// A list with several `dataSourceId` (audience-manager.md §2.8): ours, the one under the control, and that of Adobe's own objects
/// among the strangers.
#[rstest]
#[case::all_count("all", 1)]
#[case::the_last_counts("last", 3)]
#[case::it_is_refused("notFound", 3)]
#[tokio::test]
async fn audiences_in_two_data_sources_are_seen(#[case] reading: &str, #[case] lists: usize) {
    let world = with_flags(&json!({ "repeatedDataSourceId": reading })).await;
    let cart = "d3f602b4-9e5c-402b-8c88-4b6fbe309c03";
    let labels = json!({"labels": ["core/C3"]});
    let labelled = world.control.patch("audiences", LOYAL_GAMERS, &labels);
    labelled.await.unwrap();
    world.connect().await;
    let shared = [
        world.share("loyal", LOYAL_GAMERS).await,
        world.share("cart", cart).await,
    ];
    let data_source = |shared: &Value| shared["status"]["audienceManager"]["dataSourceId"].clone();
    assert_ne!(data_source(&shared[0]), data_source(&shared[1]));
    world.look_now("loyal").await;
    // A person changes what nobody reads by itself: only the lists show it.
    for shared in &shared {
        let by_hand = json!({"description": "by hand"});
        person_sets(&world, "traits", &trait_sid(shared), &by_hand).await;
        person_sets(&world, "segments", &segment_sid(shared), &by_hand).await;
    }
    world.look_now("loyal").await;
    world.look_now("cart").await;
    for (shared, name) in shared.iter().zip(["loyal", "cart"]) {
        world.ready(name).await;
        for (collection, sid) in [
            ("traits", trait_sid(shared)),
            ("segments", segment_sid(shared)),
        ] {
            let found = world.remote(collection, "sid", &sid).await;
            let description = found["description"].as_str().unwrap();
            assert!(description.ends_with(']'), "{collection}: {description}");
        }
    }
    is_at_rest(&world).await;
    world.control.clear_calls().await.unwrap();
    world.look_now("loyal").await;
    let calls = world.calls().await;
    for list in ["GET /v1/traits/", "GET /v1/segments/"] {
        let count = calls.iter().filter(|call| *call == list).count();
        assert_eq!(count, lists, "{list}: {calls:?}");
    }
}

/// Of the names of export controls two are proven (audience-manager.md §3.4); another one is used where the tenant shows it.
#[rstest]
#[case::a_proven_one("core/C7", &["PII", "ONSITE_PERSONALIZATION"], None, Some("ONSITE_PERSONALIZATION"))]
#[case::a_third_that_the_tenant_shows(
    "core/C5",
    &["PII", "ONSITE_PERSONALIZATION", "OFFSITE_TARGETING"],
    Some("OFFSITE_TARGETING"),
    Some("OFFSITE_TARGETING")
)]
#[case::a_third_that_nothing_shows("core/C5", &["PII", "ONSITE_PERSONALIZATION"], None, None)]
#[tokio::test]
async fn an_export_control_is_set_by_a_name_that_is_known(
    #[case] label: &str,
    #[case] names: &[&str],
    #[case] shown: Option<&str>,
    #[case] set: Option<&str>,
) {
    let world = with_flags(&json!({ "exportControlNames": names })).await;
    if let Some(shown) = shown {
        let restricted = json!({"dataExportRestrictions": [shown]});
        person_sets(&world, "dataSources", &json!(SHOP), &restricted).await;
    }
    let labels = json!({"labels": [label]});
    let labelled = world.control.patch("audiences", LOYAL_GAMERS, &labels);
    labelled.await.unwrap();
    world.connect().await;
    world.apply(&audience("loyal", LOYAL_GAMERS)).await;
    let name = format!(
        "Adobe Experience Platform Audience Sharing ({})",
        &label["core/".len()..]
    );
    let made = async || world.remote("dataSources", "name", &json!(name)).await;
    let Some(set) = set else {
        let held = world
            .until(
                "sharedaudience",
                "loyal",
                "False",
                "ExportControlUnsupported",
            )
            .await;
        let message = ready_message(&held);
        assert!(
            message.contains(&format!("its name is {name:?}")),
            "{message}"
        );
        assert_eq!(made().await, Value::Null);
        return;
    };
    let shared = world.ready("loyal").await;
    let made = made().await;
    assert_eq!(made["dataExportRestrictions"], json!([set]));
    assert_eq!(
        shared["status"]["audienceManager"]["dataSourceId"],
        made["dataSourceId"]
    );
    is_at_rest(&world).await;
}
