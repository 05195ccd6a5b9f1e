//! Who uses a shared audience: what nobody is told is left open, and what the lists name follows by itself.

use adobe_simulator::FaultKind;
use serde_json::{Value, json};

use crate::failures::answers::lasting;
use crate::operations::LOYAL_GAMERS;
use crate::operator::World;
use crate::run::{LOOK, on_virtual_time};
use crate::texts::shared_there;
use crate::{verdict, virtual_time};

fn used_by(world: &World, name: &str) -> Value {
    world.audience(name)["status"]["usedBy"].clone()
}

#[test]
fn what_audience_manager_does_not_tell_is_left_open_and_fails_nothing() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let refused = FaultKind::Error {
            status: 403,
            body: None,
        };
        lasting(&world, "/v1/models", "GET", refused);
        let asked = json!({"audience-sharing.dev/users-requested-at": "now"});
        world.edit("loyal", &json!({"metadata": {"annotations": asked}}));
        virtual_time::passes(LOOK).await;
        let told = used_by(&world, "loyal");
        assert_eq!(told["lastHandledRequestAt"], "now");
        assert_eq!(told["models"], Value::Null);
        assert_eq!(told["segments"], json!({"count": 0}));
        assert_eq!(verdict::ready(&world.audience("loyal")).0, "True");
    });
}

/// The list of audiences names those that depend on each other: no call more.
#[test]
fn segment_definitions_that_depend_on_the_audience_follow_by_themselves() {
    on_virtual_time(async {
        let world = shared_there("ExternalAudience").await;
        const ID: &str = "f0000000-0000-4000-8000-000000000001";
        let on = world.audience("buyers")["status"]["experiencePlatform"]["id"].clone();
        let definition = json!({
            "id": ID, "audienceId": ID, "name": "Buyers and new", "type": "SegmentDefinition",
            "namespace": "AEPSegments", "originName": "REAL_TIME_CUSTOMER_PROFILE", "lifecycleState": "published",
            "dependencies": [on],
        });
        world.create("audiences", definition);
        world.look_now("buyers");
        virtual_time::passes(LOOK).await;
        assert_eq!(
            used_by(&world, "buyers")["segmentDefinitions"],
            json!({"count": 1, "items": [{"id": ID, "name": "Buyers and new"}]})
        );
        world.person("audiences", ID, &json!({"dependencies": []}));
        world.look_now("buyers");
        virtual_time::passes(LOOK).await;
        assert_eq!(used_by(&world, "buyers"), Value::Null);
    });
}
