//! The forms in which mappings are listed, read and written: audience-manager.md §6.2.

use adobe_simulator::{MappingDestinationId, MappingList};
use rstest::rstest;
use serde_json::{Value, json};

use super::{get, mapping, tenant};

#[rstest]
#[case::bare(MappingList::Bare, None)]
#[case::envelope(MappingList::Envelope, Some((12, 12)))]
#[case::pages(MappingList::Pages, Some((10, 10)))]
#[tokio::test]
async fn the_list_of_mappings_has_three_forms(
    #[case] form: MappingList,
    #[case] envelope: Option<(usize, u64)>,
) {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.mapping_list = form);
    for number in 0..11 {
        let body = mapping(
            16_450_001,
            json!({"url": format!("https://{number}.example")}),
        );
        let made = tenant
            .aam("POST", "/destinations/4701/mappings", body)
            .await;
        made.expect(201);
    }
    let all = get(&tenant, "/destinations/4701/mappings").await;
    match envelope {
        None => assert_eq!(all.as_array().unwrap().len(), 12),
        Some((shown, size)) => {
            assert_eq!(all["list"].as_array().unwrap().len(), shown);
            assert_eq!((&all["total"], &all["page"]), (&json!(12), &json!(0)));
            assert_eq!(all["pageSize"], size);
        }
    }
    let asked = get(&tenant, "/destinations/4701/mappings?page=1&pageSize=5").await;
    assert_eq!(asked["list"].as_array().unwrap().len(), 5);
    for refused in ["pageSize=0", "page=x"] {
        let target = format!("/destinations/4701/mappings?{refused}");
        tenant.aam("GET", &target, Value::Null).await.expect(400);
    }
}

#[rstest]
#[case::optional(MappingDestinationId::Optional, 200, 200)]
#[case::required(MappingDestinationId::Required, 400, 200)]
#[case::refused(MappingDestinationId::Refused, 200, 400)]
#[tokio::test]
async fn whether_a_put_names_the_destination_is_a_switch(
    #[case] reading: MappingDestinationId,
    #[case] without: u16,
    #[case] with: u16,
) {
    let tenant = tenant().await;
    tenant.flags(|flags| flags.audience_manager.mapping_destination_id = reading);
    let target = "/destinations/4701/mappings/810001";
    let mut body = json!({"sid": 16_450_001, "url": "https://other.example"});
    tenant
        .aam("PUT", target, body.clone())
        .await
        .expect(without);
    body["destinationId"] = json!(4701);
    tenant.aam("PUT", target, body).await.expect(with);
}

#[tokio::test]
async fn one_mapping_is_read_under_its_destination_alone() {
    let tenant = tenant().await;
    let list = get(&tenant, "/destinations/4701/mappings").await;
    let read = get(&tenant, "/destinations/4701/mappings/810001").await;
    assert_eq!(read, list[0]);
    for elsewhere in [
        "/destinations/4702/mappings/810001",
        "/destinations/4705/mappings/810004",
    ] {
        tenant.aam("GET", elsewhere, Value::Null).await.expect(404);
    }
}
