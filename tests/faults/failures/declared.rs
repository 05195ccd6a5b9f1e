//! What the API server takes and nobody can carry out: it is told with its name before anything is written, also for an
//! audience that exists.

use audience_sharing_core::domain::reason::Reason;
use serde_json::{Value, json};

use super::objects::{plain, targets, with_destinations, with_traits};
use crate::operator::World;
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;

#[test]
fn what_a_manifest_says_wrong_is_told_and_writes_nothing() {
    let ruled = |rule: &str, traits: Value| {
        let segment = json!({"key": "third", "name": "Third", "rule": rule, "traits": traits});
        json!({"additionalSegments": [segment]})
    };
    let to = |fields: Value| {
        let mut destination = json!({"key": "x"});
        let fields = fields.as_object().unwrap().clone();
        destination.as_object_mut().unwrap().extend(fields);
        json!({"destinations": [destination]})
    };
    let cases = [
        (
            ruled("{trait} AND {auto}", json!([])),
            Reason::RuleInvalid,
            "uses {auto}, and neither its traits nor those of the models have such a key",
        ),
        (
            ruled("{trait} AND 9912T", json!([{"key": "auto", "sid": 9913}])),
            Reason::RuleInvalid,
            "does not use {auto}",
        ),
        (
            ruled(
                "{trait} AND {secret}",
                json!([{"key": "secret", "sid": 9920}]),
            ),
            Reason::RuleInvalid,
            "9920 (\"secret\") does not exist, or is of a provider whose data feed is not subscribed",
        ),
        (
            ruled("NOT {trait} AND NOT 9912T", json!([])),
            Reason::RuleInvalid,
            "would match everyone",
        ),
        (to(json!({"id": 1})), Reason::DestinationNotFound, "id 1"),
        (
            to(json!({"name": "Shop", "url": "https://a.example", "startDate": "2026-02-30"})),
            Reason::MappingInvalid,
            "startDate 2026-02-30 of destination \"x\"",
        ),
    ];
    on_virtual_time(async {
        let world = World::new(super::seed());
        with_destinations(&world);
        with_traits(&world);
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let since = world.choke_point.count();
        for (declared, reason, told) in cases {
            // An edit is merged into what the one before it left.
            plain(&world);
            targets(&world, declared);
            virtual_time::passes(LOOK).await;
            let ready = super::ready(&world.audience("loyal"));
            assert_eq!(ready["reason"], reason.as_str(), "{ready}");
            assert!(ready["message"].as_str().unwrap().contains(told), "{ready}");
        }
        let calls = world.choke_point.calls().split_off(since);
        let written: Vec<_> = calls.iter().filter(|call| call.is_remote_write()).collect();
        assert!(written.is_empty(), "{written:?}");
        plain(&world);
        virtual_time::passes(LOOK).await;
        assert_eq!(super::ready(&world.audience("loyal"))["status"], "True");
    });
}
