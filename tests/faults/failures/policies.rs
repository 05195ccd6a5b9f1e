//! A source that goes: what each `sourceGonePolicy` makes of what stands, and that all is well when the source is back.

use audience_sharing_core::domain::reason::Reason;
use serde_json::{Value, json};

use super::sources::{connected, from_audience_manager};
use super::{QUIET_HOUR, Scenario, of_audience};
use crate::operations::{LOYAL_GAMERS, console_buyers, sid_of_buyers};
use crate::operator::{World, audience};

/// Each pass asks for the source that a list does not show.
const ASKED_FOR: usize = QUIET_HOUR + 2 * 7;

fn shared(world: &World, policy: &str) {
    connected(world);
    let mut declared = audience("loyal", LOYAL_GAMERS);
    declared["spec"]["sourceGonePolicy"] = json!(policy);
    declared["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [
        {"key": "one", "name": "Loyal and one", "rule": "{trait} AND 16440001T"},
    ]}});
    world.apply(declared);
}

fn shared_there(world: &World, policy: &str) {
    connected(world);
    let sid = console_buyers(world);
    let source = json!({"segment": {"sid": sid}});
    let mut declared = from_audience_manager(&source, json!({}));
    declared["spec"]["sourceGonePolicy"] = json!(policy);
    world.apply(declared);
}

fn set_lifecycle(world: &World, state: &str) {
    let lifecycle = json!({ "lifecycleState": state });
    world.person("audiences", LOYAL_GAMERS, &lifecycle);
    world.look_now("loyal");
}

fn deactivate(world: &World) {
    set_lifecycle(world, "inactive");
}

fn publish(world: &World) {
    set_lifecycle(world, "published");
}

fn set_segment(world: &World, status: &str) {
    let sid = sid_of_buyers(world).to_string();
    world.person("segments", &sid, &json!({ "status": status }));
    world.look_now("loyal");
}

/// The audience as it was seeded, as if its deletion had been undone.
fn restore(world: &World) {
    let seeded = json!({
        "id": LOYAL_GAMERS, "audienceId": LOYAL_GAMERS, "name": "Loyal gamers", "namespace": "AEPSegments",
        "originName": "REAL_TIME_CUSTOMER_PROFILE", "type": "SegmentDefinition", "lifecycleState": "published",
        "labels": [], "sandbox": {"sandboxId": "6ed34f6f-fe21-4a30-934f-6ffe21fa3075", "sandboxName": "prod",
            "type": "production", "default": true},
        "expression": {"type": "PQL", "format": "pql/text", "value": "workAddress.country = \"US\""},
    });
    world.create("audiences", seeded);
    world.look_now("loyal");
}

fn delete_source(world: &World) {
    world.person_deletes("audiences", LOYAL_GAMERS);
    world.look_now("loyal");
}

/// `(name, status)` of our objects of one kind, by name.
fn ours(world: &World, collection: &str, field: &str) -> Vec<(String, Value)> {
    let state = world.tenant();
    let found = state[collection].as_array().unwrap().iter();
    let mut found: Vec<(String, Value)> = found
        .filter(|object| {
            let text = object["description"].as_str().unwrap_or_default();
            text.contains("/marketing/loyal#")
        })
        .map(|object| {
            (
                object["name"].as_str().unwrap().to_owned(),
                object[field].clone(),
            )
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn segments_are(world: &World, status: &str) {
    let expected = ["Loyal and one", "Loyal gamers"];
    let expected = expected.map(|name| (name.to_owned(), json!(status)));
    assert_eq!(ours(world, "segments", "status"), expected);
    assert_eq!(ours(world, "traits", "status").len(), 1);
}

fn nothing_stands(world: &World) {
    for collection in ["segments", "traits", "audiences"] {
        assert_eq!(ours(world, collection, "name"), [], "{collection}");
    }
    let status = &world.audience("loyal")["status"];
    assert_eq!(
        status["audienceManager"]["traitSid"],
        Value::Null,
        "{status}"
    );
    assert_eq!(status["experiencePlatform"]["id"], Value::Null, "{status}");
}

fn audience_is(world: &World, lifecycle: &str) {
    assert_eq!(
        ours(world, "audiences", "lifecycleState"),
        [("Console buyers".to_owned(), json!(lifecycle))]
    );
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = to_audience_manager();
    scenarios.extend(to_experience_platform());
    scenarios
}

fn to_audience_manager() -> Vec<Scenario> {
    vec![
        of_audience(Reason::SourceInactive, "the source was deactivated (sourceGonePolicy Retain)")
            .before(|world| shared(world, "Retain"))
            .happens(deactivate)
            .mended_by(|world| {
                segments_are(world, "ACTIVE");
                publish(world);
            })
            .calls(ASKED_FOR),
        of_audience(Reason::SourceInactive, "the source was deactivated (sourceGonePolicy Pause)")
            .before(|world| shared(world, "Pause"))
            .happens(deactivate)
            .mended_by(|world| {
                segments_are(world, "INACTIVE");
                publish(world);
            })
            .calls(ASKED_FOR),
        of_audience(Reason::SourceInactive, "the source was deactivated (sourceGonePolicy Delete)")
            .before(|world| shared(world, "Delete"))
            .happens(deactivate)
            .mended_by(|world| {
                nothing_stands(world);
                publish(world);
            })
            .calls(ASKED_FOR),
        of_audience(Reason::SourceNotFound, "the source was deleted (sourceGonePolicy Retain)")
            .before(|world| shared(world, "Retain"))
            .happens(delete_source)
            .mended_by(|world| {
                segments_are(world, "ACTIVE");
                restore(world);
            }),
        of_audience(Reason::SourceNotFound, "the source was deleted (sourceGonePolicy Pause)")
            .before(|world| shared(world, "Pause"))
            .happens(delete_source)
            .mended_by(|world| {
                segments_are(world, "INACTIVE");
                restore(world);
            }),
        of_audience(Reason::SourceNotFound, "the source was deleted (sourceGonePolicy Delete)")
            .before(|world| shared(world, "Delete"))
            .happens(delete_source)
            .mended_by(|world| {
                nothing_stands(world);
                restore(world);
            }),
        of_audience(
            Reason::DeletionBlocked,
            "the source was deleted, and somebody uses what was made of it (sourceGonePolicy Delete)",
        )
        .before(|world| shared(world, "Delete"))
        .happens(|world| {
            super::objects::use_the_trait(world);
            delete_source(world);
        })
        .mended_by(|world| {
            segments_are(world, "ACTIVE");
            restore(world);
        })
        .calls(ASKED_FOR),
    ]
}

fn to_experience_platform() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::SourceInactive,
            "a segment was deactivated (sourceGonePolicy Retain)",
        )
        .before(|world| shared_there(world, "Retain"))
        .happens(|world| set_segment(world, "INACTIVE"))
        .mended_by(|world| {
            audience_is(world, "published");
            set_segment(world, "ACTIVE");
        }),
        of_audience(
            Reason::SourceInactive,
            "a segment was deactivated (sourceGonePolicy Pause)",
        )
        .before(|world| shared_there(world, "Pause"))
        .happens(|world| set_segment(world, "INACTIVE"))
        .mended_by(|world| {
            audience_is(world, "inactive");
            set_segment(world, "ACTIVE");
        })
        .calls(ASKED_FOR),
        of_audience(
            Reason::SourceInactive,
            "a segment was deactivated (sourceGonePolicy Delete)",
        )
        .before(|world| shared_there(world, "Delete"))
        .happens(|world| set_segment(world, "INACTIVE"))
        .mended_by(|world| {
            nothing_stands(world);
            set_segment(world, "ACTIVE");
        }),
        of_audience(
            Reason::SourceNotFound,
            "a segment was deleted (sourceGonePolicy Delete)",
        )
        .before(|world| shared_there(world, "Delete"))
        .happens(|world| {
            let sid = sid_of_buyers(world).to_string();
            world.person_deletes("segments", &sid);
            world.look_now("loyal");
        })
        .ended_by(|world| {
            nothing_stands(world);
            world.delete("loyal");
        }),
    ]
}
