//! Adobe no longer makes external audiences the way that a strategy asks for (experience-platform.md §3.12): whichever form
//! the refusal has, it says so, names the strategy to try, and is not repeated in a hurry.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::failures::answers::set_flags;
use crate::operations::console_buyers;
use crate::operator::{World, connection, secret, seed, shared_segment};
use crate::run::on_virtual_time;
use crate::verdict::{ends_well, ready};
use crate::virtual_time;

async fn refused(strategy: &str, flags: &Value) -> (World, String) {
    let world = World::new(seed());
    set_flags(&world, flags);
    world.apply(secret());
    world.apply(connection("acme"));
    let sid = console_buyers(&world);
    world.apply(shared_segment("gold", &sid, strategy));
    world.start_operator();
    virtual_time::passes(Duration::from_secs(600)).await;
    let gold = world.audience("gold");
    assert_eq!(ready(&gold).1, "NotEntitled", "{}", gold["status"]);
    let message = gold["status"]["conditions"].to_string();
    let calls = world.choke_point.calls();
    let creates = calls.iter().filter(|call| {
        call.method == Method::POST
            && (call.path.starts_with("/data/core/ups/audiences")
                || call.path.starts_with("/data/core/ais/audiences"))
    });
    let creates = creates.count();
    assert!((1..=2).contains(&creates), "{creates} creates");
    (world, message)
}

#[rstest]
fn an_external_audience_that_is_not_made_any_more_names_the_strategy_to_try(
    #[values("plainBadRequest", "forbidden", "notFound")] reading: &'static str,
) {
    on_virtual_time(async {
        let flags =
            |reading: &str| json!({"experiencePlatform": {"externalAudienceCreate": reading}});
        let (world, message) = refused("ExternalAudience", &flags(reading)).await;
        assert!(message.contains("strategy MetadataOnly"), "{message}");
        set_flags(&world, &flags("served"));
        world.look_now("gold");
        ends_well(&world).await;
    });
}

#[test]
fn metadata_in_a_namespace_that_is_not_enabled_names_the_namespace() {
    on_virtual_time(async {
        let flags = |enabled: &[&str]| json!({"externalAudiences": {"enabledNamespaces": enabled}});
        let (world, message) = refused("MetadataOnly", &flags(&["CustomerAudienceUpload"])).await;
        for text in [
            "namespace AudienceManagerSharing",
            "strategy SegmentDefinition",
        ] {
            assert!(message.contains(text), "{message}");
        }
        set_flags(&world, &flags(&["AudienceManagerSharing"]));
        world.look_now("gold");
        ends_well(&world).await;
    });
}
