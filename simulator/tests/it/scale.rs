//! A tenant of 100,000 traits is served like a small one: narrowed lists and creates go by index. No time is asserted;
//! a scan of the tenant at each create would make this test the slowest by far.

use adobe_simulator::Seed;
use serde_json::{Value, json};

use crate::helper::seeded;

#[tokio::test]
async fn two_thousand_traits_are_made_in_a_tenant_of_a_hundred_thousand() {
    let traits: Vec<Value> = (0..98_000)
        .map(|n| {
            json!({"sid": 20_000_000 + n, "pid": 1794, "name": format!("trait {n}"), "dataSourceId": 500,
                "folderId": 0, "traitType": "RULE_BASED_TRAIT", "integrationCode": format!("code-{n}")})
        })
        .collect();
    let seed = json!({
        "credentials": [{"clientId": "demo-client", "clientSecret": "demo-secret",
            "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg", "pid": 1794}],
        "dataSources": [{"dataSourceId": 500, "pid": 1794, "name": "big", "uniqueTraitIntegrationCodes": true}],
        "traits": traits,
    });
    let tenant = seeded(Seed::try_from(seed).unwrap()).await;
    let source = tenant.source("ours").await;
    for n in 0..2_000 {
        let name = format!("ours {n}");
        tenant.onboarded(source, &name, Some(&name)).await;
        if n % 100 == 0 {
            let target = format!("/traits/?dataSourceId={source}&includeDetails=true");
            let list = tenant.aam("GET", &target, Value::Null).await.expect(200);
            assert_eq!(list.as_array().unwrap().len(), n + 1);
        }
    }
    let body = json!({"traitType": "ON_BOARDED_TRAIT", "name": "one more", "dataSourceId": source, "folderId": 0});
    let refused = tenant.aam("POST", "/traits", body).await.expect(400);
    assert_eq!(refused["code"], "RESOURCE_LIMIT_EXCEEDED");
    let page = tenant
        .aam("GET", "/traits/?page=9999&pageSize=10", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&page["total"], page["list"].as_array().unwrap().len()),
        (&json!(100_000), 10)
    );
}

#[tokio::test(start_paused = true)]
async fn a_connector_for_twenty_thousand_traits_delivers_and_goes_on() {
    let traits: Vec<Value> = (0..20_000)
        .map(|n| {
            json!({"sid": 20_000_000 + n, "pid": 1794, "name": format!("trait {n}"), "dataSourceId": 500,
                "folderId": 0, "traitType": "RULE_BASED_TRAIT"})
        })
        .collect();
    let mut seed = serde_json::from_str::<Value>(include_str!("../../seeds/small.json")).unwrap();
    seed["dataSources"] = json!([{"dataSourceId": 500, "pid": 1794, "name": "big"}]);
    seed["traits"] = json!(traits);
    seed["flags"] = json!({"connector": {"setUp": {"sandbox": "prod", "traits": "all", "delayMs": 1_000}, "audienceIds": "uuid"}});
    let tenant = seeded(Seed::try_from(seed).unwrap()).await;
    let second = std::time::Duration::from_secs(1);
    tenant.simulator.advance(second);
    for n in 0..1_000 {
        tenant.onboarded(500, &format!("ours {n}"), None).await;
    }
    tenant.simulator.advance(second);
    let list = tenant.aep("GET", "/audiences?limit=1", Value::Null).await;
    assert_eq!(list.expect(200)["_page"]["totalCount"], 21_000);
}
