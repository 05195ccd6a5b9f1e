//! Destinations and mappings against recorded shapes: both names of the id, spellings, the date that moves.

use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::destination::{
    Destination, DestinationKind, EndChange, Mapping, MappingChange, MappingKeys, NewMapping,
};
use audience_sharing_core::domain::identifier::{DestinationId, MappingId, SegmentSid};
use audience_sharing_core::domain::labels::Restrictions;
use rstest::rstest;
use serde_json::{Value, json};

use super::super::{Deleted, Updated};
use crate::gateway::RateLimitOptions;
use crate::scripted::{Reply, Setting, World, change, leased};
use crate::{Effect, Kind};

const SHOP: DestinationId = DestinationId(4711);
const STORED: MappingId = MappingId {
    destination: SHOP,
    number: 810_000,
};

fn stored_mapping(id_name: &str) -> Value {
    let mut mapping = json!({
        "traitType": "SEGMENT", "traitValue": 0, "destinationId": 4711, "elementName": "Loyal gamers",
        "elementDescription": null, "elementStatus": "active", "createTime": 1, "updateTime": 2, "crUID": 1, "upUID": 1,
        "sid": "9001", "startDate": "2026-07-03", "endDate": null, "priority": null,
        "url": "https://shop.example?a&b&amp;c", "secureUrl": null, "traitAlias": "", "valueAlias": null,
    });
    mapping[id_name] = json!(810_000);
    mapping
}

fn known_mapping() -> Mapping {
    Mapping {
        id: STORED,
        segment: SegmentSid(9001),
        keys: MappingKeys {
            url: Some("https://shop.example?a&b&amp;c".into()),
            ..MappingKeys::default()
        },
        start: Some("2026-07-03".into()),
        end: None,
        activity: Activity::Active,
    }
}

#[tokio::test(start_paused = true)]
async fn destinations_are_read_with_their_mappings_and_one_bad_element_hides_no_other() {
    let world = World::authorized(|_, _| {
        let mut deleted = stored_mapping("mappingId");
        deleted["elementStatus"] = json!("deleted");
        let odd = json!({"destinationMappingId": 7, "destinationId": 4711, "sid": {"x": 1}});
        let url = json!({"destinationId": 4711, "name": "Cats &amp; dogs", "destinationType": "PUSH", "status": 1,
            "serializationEnabled": true, "mappingAutoFiller": "NONE", "dataExportLabels": ["PII"], "updateTime": 1,
            "mappings": [stored_mapping("mappingId"), deleted, odd, stored_mapping("destinationMappingId")]});
        let other = json!({"destinationId": "4712", "name": "P", "destinationType": "S2S", "status": "inactive",
            "mappingAutoFiller": "SID", "mappings": null});
        Reply::json(
            200,
            &json!([url, other, {"destinationId": 4713, "name": [1]}, 5]),
        )
    });
    let aam = world.gateway.audience_manager();
    let listing = aam
        .list::<Destination>(&change(), &())
        .await
        .expect("a list");
    assert_eq!(listing.undecodable, [Some(DestinationId(4713)), None]);
    let [shop, partner] = &listing.items[..] else {
        panic!("{:?}", listing.items);
    };
    assert_eq!(
        shop.destination,
        Destination {
            id: SHOP,
            name: "Cats & dogs".into(),
            kind: DestinationKind::Url { serial: Some(true) },
            activity: Activity::Active,
            fills_alias: Some(false),
            labels: Some(Restrictions::new(["PII"])),
            updated: Some(1),
            was_read: false,
            tells_mappings: true,
        }
    );
    let mappings = shop.mappings.as_ref().expect("they were told");
    assert_eq!(
        mappings.items,
        [known_mapping(), known_mapping()],
        "both names of the id"
    );
    let odd = MappingId {
        number: 7,
        ..STORED
    };
    assert_eq!(mappings.undecodable, [Some(odd)]);
    assert_eq!(partner.destination.kind, DestinationKind::ServerToServer);
    assert_eq!(partner.destination.activity, Activity::Inactive);
    assert_eq!(partner.destination.fills_alias, Some(true));
    assert!(partner.mappings.is_none());
    assert_eq!(
        partner.destination.labels, None,
        "what an answer lacks is unknown"
    );
    assert_eq!(
        world.calls()[0].to_string(),
        "GET aam.adobe.io/v1/destinations/?includeMappings=true"
    );
}

#[tokio::test(start_paused = true)]
async fn a_destination_with_thousands_of_mappings_is_one_element_of_its_list() {
    let world = World::authorized(|_, _| {
        let mappings: Vec<_> = (0..2_000).map(|_| stored_mapping("mappingId")).collect();
        let shop = json!({"destinationId": 4711, "name": "S", "destinationType": "PUSH", "mappings": mappings});
        Reply::json(200, &json!([shop]))
    });
    let aam = world.gateway.audience_manager();
    let listing = aam
        .list::<Destination>(&change(), &())
        .await
        .expect("a list");
    let mappings = listing.items[0].mappings.as_ref().expect("they were told");
    assert_eq!(mappings.items.len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_destination_without_mappings_answers_404_and_has_none() {
    let world = World::authorized(|_, _| Reply::json(404, &json!({"message": "not found"})));
    let aam = world.gateway.audience_manager();
    let listing = aam.list::<Mapping>(&change(), &SHOP).await.expect("none");
    assert!(listing.items.is_empty() && listing.undecodable.is_empty());
    assert_eq!(
        world.calls()[0].to_string(),
        "GET aam.adobe.io/v1/destinations/4711/mappings/"
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_for_a_segment_finds_its_mappings_alone_and_fails_where_one_cannot_be_read() {
    let world = World::authorized(|_, number| {
        let mut other = stored_mapping("mappingId");
        other["sid"] = json!(9002);
        let mut all = vec![other, stored_mapping("mappingId")];
        all.extend((number > 0).then(|| json!({"mappingId": 1})));
        Reply::json(200, &json!(all))
    });
    let aam = world.gateway.audience_manager();
    let found = aam
        .find::<Mapping>(&change(), &(SegmentSid(9001), SHOP))
        .await;
    assert_eq!(found, Ok(vec![known_mapping()]));
    let error = aam
        .find::<Mapping>(&change(), &(SegmentSid(9001), SHOP))
        .await;
    assert_eq!(
        error.expect_err("nobody knows").kind(),
        Kind::UnexpectedAnswer
    );
}

#[tokio::test(start_paused = true)]
async fn a_mapping_is_created_with_what_its_destination_needs_and_nothing_else() {
    let world = World::authorized(|_, number| match number {
        0 => Reply::json(201, &stored_mapping("mappingId")),
        _ => Reply::json(201, &json!({"sid": 9001})),
    });
    let aam = world.gateway.audience_manager();
    let new = NewMapping {
        destination: SHOP,
        destination_name: "Shop".into(),
        segment: SegmentSid(9001),
        keys: known_mapping().keys,
        start: Some("2026-07-04".into()),
        end: None,
    };
    let made = aam.create::<Mapping>(&change(), leased(), &new).await;
    assert_eq!(made, Ok(Some(known_mapping())));
    let call = &world.calls()[0];
    assert_eq!(
        call.to_string(),
        "POST aam.adobe.io/v1/destinations/4711/mappings/"
    );
    assert_eq!(
        call.json(),
        json!({"sid": 9001, "traitType": "SEGMENT", "url": "https://shop.example?a&b&amp;c", "startDate": "2026-07-04"})
    );
    let nameless = aam.create::<Mapping>(&change(), leased(), &new).await;
    assert_eq!(nameless.expect_err("no id").effect(), Effect::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_the_mapping_and_sends_the_date_that_was_declared_or_none() {
    let world = World::authorized(|asked, _| match asked.to_string().starts_with("GET") {
        true => Reply::json(200, &stored_mapping("destinationMappingId")),
        false => Reply::text(200, ""),
    });
    let aam = world.gateway.audience_manager();
    let mut wanted = MappingChange {
        keys: MappingKeys {
            alias: Some("a".into()),
            ..MappingKeys::default()
        },
        end: Some(EndChange::Set("2026-12-31".into())),
        activate: true,
        ..MappingChange::default()
    };
    let updated = aam
        .update(&change(), leased(), &known_mapping(), &wanted)
        .await;
    let Ok(Updated::Written(written)) = updated else {
        panic!("{updated:?}");
    };
    assert_eq!(
        (written.keys.alias.as_deref(), written.end.as_deref()),
        (Some("a"), Some("2026-12-31"))
    );
    let sent = world.calls()[1].json();
    assert_eq!(
        sent.get("startDate"),
        None,
        "what was read would move by a day"
    );
    assert_eq!(
        sent["url"], "https://shop.example?a&b&amp;c",
        "as it was read"
    );
    assert_eq!(
        (&sent["sid"], &sent["elementStatus"]),
        (&json!("9001"), &json!("active"))
    );
    assert_eq!(sent.get("elementName"), None, "the server owns it");
    assert_eq!(
        world.calls()[1].to_string(),
        "PUT aam.adobe.io/v1/destinations/4711/mappings/810000"
    );
    wanted.start = Some("2026-07-04".into());
    wanted.end = Some(EndChange::Clear);
    let updated = aam
        .update(&change(), leased(), &known_mapping(), &wanted)
        .await;
    assert!(matches!(updated, Ok(Updated::Written(_))), "{updated:?}");
    let sent = world.calls()[3].json();
    assert_eq!(
        (&sent["startDate"], &sent["endDate"]),
        (&json!("2026-07-04"), &Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_of_what_changed_meanwhile_or_is_gone_writes_nothing() {
    let world = World::authorized(|_, number| match number {
        0 => Reply::json(200, &stored_mapping("mappingId")),
        _ => Reply::json(404, &json!({})),
    });
    let aam = world.gateway.audience_manager();
    let mut expected = known_mapping();
    expected.keys.url = Some("https://other.example".into());
    let nothing = MappingChange::default();
    let updated = aam.update(&change(), leased(), &expected, &nothing).await;
    assert_eq!(updated, Ok(Updated::Changed(known_mapping())));
    let gone = aam.update(&change(), leased(), &expected, &nothing).await;
    assert!(gone.expect_err("gone").is_not_found());
    assert!(
        world
            .calls()
            .iter()
            .all(|call| call.to_string().starts_with("GET"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_mapping_is_deleted_by_its_own_path_and_only_as_it_was_read() {
    let world = World::authorized(|call, _| match call.to_string().as_str() {
        "GET aam.adobe.io/v1/destinations/4711/mappings/810000" => {
            Reply::json(200, &stored_mapping("mappingId"))
        }
        text if text.starts_with("GET") => Reply::json(404, &json!({"code": "NOT_FOUND"})),
        _ => Reply::text(204, ""),
    });
    let aam = world.gateway.audience_manager();
    let stored = known_mapping();
    let other = Mapping {
        segment: SegmentSid(1),
        ..stored.clone()
    };
    let changed = aam.delete(&change(), leased(), &other).await;
    assert_eq!(changed, Ok(Deleted::Changed(stored.clone())));
    let deleted = aam.delete(&change(), leased(), &stored).await;
    assert_eq!(deleted, Ok(Deleted::Done));
    let gone = Mapping {
        id: MappingId {
            number: 810_001,
            ..STORED
        },
        ..stored.clone()
    };
    let deleted = aam.delete(&change(), leased(), &gone).await;
    assert!(deleted.expect_err("gone").is_not_found());
    let calls = world.calls();
    let written = calls.iter().map(ToString::to_string);
    let written: Vec<_> = written.filter(|call| !call.starts_with("GET")).collect();
    assert_eq!(
        written,
        ["DELETE aam.adobe.io/v1/destinations/4711/mappings/810000"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_is_shown_as_deleted_is_gone() {
    let world = World::authorized(|_, _| {
        let mut deleted = stored_mapping("mappingId");
        deleted["elementStatus"] = json!("deleted");
        Reply::json(200, &deleted)
    });
    let aam = world.gateway.audience_manager();
    let error = aam.get::<Mapping>(&change(), &STORED).await;
    let error = error.expect_err("gone");
    assert!(error.is_not_found() && error.is_proven());
}

#[rstest]
#[case::with_its_id(json!({"mappingId": 810_000, "sid": {"x": 1}}))]
#[case::without_an_id(json!({"sid": 9001}))]
#[case::another(json!({"mappingId": 810_001, "destinationId": 4711, "sid": 9001}))]
#[case::too_large(json!({"mappingId": 810_000, "destinationId": 4711, "sid": 9001, "url": "x".repeat(2 << 20)}))]
#[tokio::test(start_paused = true)]
async fn a_mapping_that_cannot_be_read_is_neither_gone_nor_written_nor_deleted(
    #[case] unreadable: Value,
) {
    let world = World::authorized(move |call, _| match call.method.as_str() {
        "GET" => Reply::json(200, &unreadable),
        _ => Reply::text(204, ""),
    });
    let aam = world.gateway.audience_manager();
    let nothing = MappingChange::default();
    let updated = aam
        .update(&change(), leased(), &known_mapping(), &nothing)
        .await;
    let error = updated.expect_err("it is there");
    assert_eq!(error.kind(), Kind::UnexpectedAnswer);
    let deleted = aam.delete(&change(), leased(), &known_mapping()).await;
    let error = deleted.expect_err("it was not judged");
    assert_eq!(error.kind(), Kind::UnexpectedAnswer);
    assert!(world.calls().iter().all(|call| call.method == "GET"));
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_answers_404_is_gone_only_in_the_services_own_words() {
    for (body, proven) in [
        (json!({"message": "not found"}), false),
        (json!({"code": "NOT_FOUND"}), true),
    ] {
        let world = World::authorized(move |_, _| Reply::json(404, &body));
        let aam = world.gateway.audience_manager();
        let nothing = MappingChange::default();
        let updated = aam
            .update(&change(), leased(), &known_mapping(), &nothing)
            .await;
        let error = updated.expect_err("gone");
        assert_eq!((error.is_not_found(), error.is_proven()), (true, proven));
    }
}

#[tokio::test(start_paused = true)]
async fn the_read_and_the_write_of_a_mapping_take_one_grant() {
    let setting = Setting {
        rate_limit: RateLimitOptions {
            requests_per_minute: 60,
            burst: 1,
        },
        ..Setting::default()
    };
    let world = World::authorized_with(setting, |call, _| match call.method.as_str() {
        "GET" => Reply::json(200, &stored_mapping("mappingId")),
        _ => Reply::text(200, ""),
    });
    let aam = world.gateway.audience_manager();
    let nothing = MappingChange::default();
    let updated = aam
        .update(&change(), leased(), &known_mapping(), &nothing)
        .await;
    updated.expect("written");
    let calls = world.calls();
    assert_eq!((calls.len(), calls[0].at), (2, calls[1].at));
}

#[tokio::test(start_paused = true)]
async fn a_list_may_come_in_an_envelope_of_one_page() {
    let world = World::authorized(|_, _| {
        let list = json!([stored_mapping("mappingId")]);
        Reply::json(
            200,
            &json!({"total": 1, "page": 0, "pageSize": 10, "list": list}),
        )
    });
    let aam = world.gateway.audience_manager();
    let listing = aam.list::<Mapping>(&change(), &SHOP).await;
    assert_eq!(listing.expect("one of one").items, [known_mapping()]);
    assert_eq!(world.calls().len(), 1);
}

/// Without being asked, as in Adobe's sample: then in pages as large as the service gives them.
#[rstest]
#[case::knows_pages(true, 2, 7, 5)]
#[case::cuts_larger_pages(true, 1_000, 7, 2)]
#[case::changed_meanwhile(true, 2, 5, 4)]
#[case::knows_no_pages(false, 2, 0, 3)]
#[tokio::test(start_paused = true)]
async fn a_list_that_comes_in_pages_is_read_to_its_end_or_not_at_all(
    #[case] knows: bool,
    #[case] size_max: u64,
    #[case] found: usize,
    #[case] calls: usize,
) {
    const TOTAL: u64 = 6;
    let world = World::authorized(move |asked, _| {
        let asked = asked.to_string();
        let number = |name: &str| -> Option<u64> {
            let (_, value) = asked.split_once(&format!("{name}="))?;
            value.split('&').next()?.parse().ok()
        };
        let page = number("page").filter(|_| knows).unwrap_or(0);
        let size = number("pageSize").unwrap_or(2).min(size_max);
        // One that is added or deleted while the pages are read moves the others.
        let gone = u64::from(found == 5 && page > 0);
        let total = TOTAL + u64::from(found == 7) - gone;
        let end = (total + gone).min((page + 1) * size + gone);
        let list = (page * size + gone..end).map(|place| {
            let mut mapping = stored_mapping("mappingId");
            mapping["mappingId"] = json!(810_000 + place);
            mapping
        });
        let list: Vec<_> = list.collect();
        Reply::json(
            200,
            &json!({"total": total, "page": page, "pageSize": size, "list": list}),
        )
    });
    let aam = world.gateway.audience_manager();
    let listing = aam.list::<Mapping>(&change(), &SHOP).await;
    match found {
        0 => {
            let error = listing.expect_err("the same page again");
            let text = error.to_string();
            assert!(text.contains("the list is not whole"), "{text}");
        }
        _ => {
            let mut ids: Vec<_> = listing
                .expect("whole")
                .items
                .iter()
                .map(|m| m.id.number)
                .collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), found);
        }
    }
    let all: Vec<_> = world.calls().iter().map(ToString::to_string).collect();
    assert_eq!(all.len(), calls, "{all:?}");
    assert!(
        all[0].ends_with("/mappings/"),
        "nothing is asked for at first: {all:?}"
    );
}

/// Whether a PUT names the destination that its path names already, no source says (audience-manager.md §6.2).
#[rstest]
#[case::needed(true, 2)]
#[case::refused(false, 3)]
#[tokio::test(start_paused = true)]
async fn an_update_names_the_destination_in_the_body_where_the_service_takes_it(
    #[case] needed: bool,
    #[case] calls: usize,
) {
    let world = World::authorized(move |asked, _| match asked.to_string().starts_with("GET") {
        true => Reply::json(200, &stored_mapping("mappingId")),
        false if asked.json().get("destinationId").is_some() != needed => {
            Reply::json(400, &json!({"message": "destinationId"}))
        }
        false => Reply::text(200, ""),
    });
    let aam = world.gateway.audience_manager();
    let wanted = MappingChange {
        activate: true,
        ..MappingChange::default()
    };
    let updated = aam
        .update(&change(), leased(), &known_mapping(), &wanted)
        .await;
    assert!(matches!(updated, Ok(Updated::Written(_))), "{updated:?}");
    assert_eq!(world.calls().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_destination_is_never_written() {
    let world = World::authorized(|_, _| Reply::json(200, &json!({})));
    let aam = world.gateway.audience_manager();
    let destination = Destination {
        id: SHOP,
        name: "Shop".into(),
        kind: DestinationKind::ServerToServer,
        activity: Activity::Active,
        fills_alias: Some(false),
        labels: Some(Restrictions::default()),
        updated: Some(1),
        was_read: false,
        tells_mappings: false,
    };
    let refused = [
        aam.update(&change(), leased(), &destination, &())
            .await
            .err(),
        aam.delete(&change(), leased(), &destination).await.err(),
    ];
    for error in refused {
        let error = error.expect("unsupported");
        assert_eq!(
            (error.kind(), error.effect()),
            (Kind::RequestRefused, Effect::None)
        );
    }
    assert!(world.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_too_large_is_skipped_with_its_id() {
    let world = World::authorized(|_, _| {
        let text = "x".repeat(16 << 20);
        Reply::json(
            200,
            &json!([{"destinationId": 1, "name": text}, {"destinationId": 2}]),
        )
    });
    let aam = world.gateway.audience_manager();
    let listing = aam
        .list::<Destination>(&change(), &())
        .await
        .expect("a list");
    assert_eq!(listing.undecodable, [Some(DestinationId(1))]);
    assert_eq!(listing.items.len(), 1);
}
