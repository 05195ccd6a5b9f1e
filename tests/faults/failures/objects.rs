//! What stands in the receiving system: owners, limits, rules, traits, destinations, export controls, deletions.

use std::sync::Arc;

use adobe_simulator::FaultKind;
use audience_sharing_core::domain::reason::Reason;
use axum::body::Body;
use http::{Method, Response};
use serde_json::{Value, json};

use super::answers::{clear, lasting, set_flags};
use super::sources::connected;
use super::{QUIET_HOUR, Scenario, Teller, edit, of_audience, of_connection};
use crate::choke_point::System;
use crate::operations::{LOYAL_GAMERS, OTHER, console_buyers, label, moves_objects, sid_of_buyers};
use crate::operator::{World, audience, shared_segment};

const DATA_SOURCE: &str = "Adobe Experience Platform Audience Sharing";

/// What a look of a person's costs, every ten minutes at most, beside the passes.
const LOOKS: usize = QUIET_HOUR + 4 * 6;

pub(super) fn targets(world: &World, audience_manager: Value) {
    edit(
        world,
        json!({"target": {"audienceManager": audience_manager}}),
    );
}

/// The one additional segment of the audience.
fn rule(world: &World, rule: &str, traits: Value) {
    let segment = json!({"key": "third", "name": "Third", "rule": rule, "traits": traits});
    targets(world, json!({"additionalSegments": [segment]}));
}

pub(super) fn plain(world: &World) {
    edit(world, json!({"target": null}));
}

fn mapped(world: &World, destination: Value) {
    targets(world, json!({"destinations": [destination]}));
}

pub(super) fn recorded(world: &World) -> Value {
    world.audience("loyal")["status"]["audienceManager"].clone()
}

/// A segment of somebody's with our trait in its rule.
pub(super) fn use_the_trait(world: &World) {
    let made = json!({
        "pid": 1794, "name": "Players abroad", "dataSourceId": 29_771, "folderId": 0, "status": "ACTIVE",
        "segmentRule": format!("{}T AND 16440001T", recorded(world)["traitSid"]),
    });
    world.create("segments", made);
}

fn edit_the_trait(world: &World, code: &str) {
    let sid = recorded(world)["traitSid"].to_string();
    let by_hand = json!({"description": "by hand", "integrationCode": code});
    world.person("traits", &sid, &by_hand);
    world.look_now("loyal");
}

fn stop_using_the_trait(world: &World) {
    let state = world.tenant();
    let mut segments = state["segments"].as_array().unwrap().iter();
    let made = segments.find(|found| found["name"] == "Players abroad");
    world.person_deletes("segments", &made.unwrap()["sid"].to_string());
    world.look_now("loyal");
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = ownership();
    scenarios.extend(refused());
    scenarios.extend(rules());
    scenarios.extend(destinations());
    scenarios.extend(export_controls());
    scenarios.extend(deletions());
    scenarios.extend(texts());
    scenarios
}

/// So long that a mark with it fits into no description.
const LONG_NAME: &str = concat!(
    "loyal-gamers-who-play-on-weekdays-and-on-weekends-and-buy-something-at-least-once-a-month-in-the-north-",
    "loyal-gamers-who-play-on-weekdays-and-on-weekends-and-buy-something-at-least-once-a-month-in-the-south-",
    "and-elsewhere",
);

fn rename_source(world: &World, name: &str) {
    world.person("audiences", LOYAL_GAMERS, &json!({ "name": name }));
    world.look_now("loyal");
}

fn texts() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::StoredDifferently,
            "Audience Manager collapses the spaces of a name",
        )
        .happens(|world| {
            set_flags(
                world,
                &json!({"shared": {"storedTexts": "spacesCollapsed"}}),
            );
            rename_source(world, "Loyal  gamers");
        })
        .mended_by(|world| rename_source(world, "Loyal gamers")),
        of_audience(
            Reason::NameTooLong,
            "the names of owner, namespace and object are too long together",
        )
        .before(|world| {
            connected(world);
            world.apply(audience(LONG_NAME, LOYAL_GAMERS));
        })
        .told_by(Teller::Audience(LONG_NAME))
        .ended_by(|world| world.delete(LONG_NAME))
        .calls(LOOKS),
    ]
}

/// A trait with the integration code of the source, in our data source, which another audience needed before.
fn trait_of_somebody(world: &World, description: &str) {
    connected(world);
    world.apply(audience("other", OTHER));
    let made = json!({
        "pid": 1794, "name": DATA_SOURCE, "description": "[audience-sharing:test-owner]", "status": "ACTIVE",
        "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": true,
    });
    let made = world.create("dataSources", made);
    let made = json!({
        "pid": 1794, "name": "Loyal gamers by hand", "description": description, "integrationCode": LOYAL_GAMERS,
        "dataSourceId": made["dataSourceId"], "folderId": 0, "traitType": "ON_BOARDED_TRAIT",
        "traitRule": format!("segid == \"{LOYAL_GAMERS}\""), "ttl": 120, "status": "ACTIVE",
    });
    world.create("traits", made);
    world.apply(audience("loyal", LOYAL_GAMERS));
}

fn ownership() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::ManagementConflict,
            "the trait carries the mark of another cluster's operator",
        )
        .before(|world| {
            trait_of_somebody(world, "[audience-sharing:another-cluster/marketing/loyal]");
        })
        .mended_by(|world| world.person_deletes("traits", &made_by_hand(world).to_string())),
        of_audience(
            Reason::OwnershipLost,
            "a person took the mark and the integration code off the trait",
        )
        .happens(|world| edit_the_trait(world, "something-else"))
        .mended_by(|world| edit_the_trait(world, LOYAL_GAMERS)),
        of_audience(
            Reason::AdoptionRefused,
            "a trait with the integration code exists and differs",
        )
        .before(|world| trait_of_somebody(world, "by hand"))
        .mended_by(|world| {
            world.changes.adopt("traits", &made_by_hand(world));
            edit(world, json!({"adoptionPolicy": "Always"}));
        }),
    ]
}

/// The sid of the trait of [`trait_of_somebody`].
fn made_by_hand(world: &World) -> Value {
    let state = world.tenant();
    let mut traits = state["traits"].as_array().unwrap().iter();
    let made = traits.find(|found| found["name"] == "Loyal gamers by hand");
    made.unwrap()["sid"].clone()
}

fn set_item_limits(world: &World, traits: usize) {
    let mut limits =
        serde_json::to_value(world.simulator.flags()).unwrap()["audienceManager"]["itemLimits"]
            .clone();
    limits["traits"] = json!(traits);
    set_flags(world, &json!({"audienceManager": {"itemLimits": limits}}));
}

fn refused() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::LimitExceeded,
            "the account has as many traits as it may",
        )
        .before(|world| {
            set_item_limits(world, 1);
            connected(world);
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .mended_by(|world| set_item_limits(world, 100_000))
        .calls(LOOKS),
        of_connection(
            Reason::RequestRefused,
            "Audience Manager refuses the folder",
        )
        .before(|world| {
            let body = json!({"code": "BAD_REQUEST", "message": "canary-of-a-body"});
            let kind = FaultKind::Error {
                status: 400,
                body: Some(body),
            };
            lasting(world, "/folders/traits", "POST", kind);
            connected(world);
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .mended_by(|world| world.simulator.clear_faults())
        .calls(2 * LOOKS),
        of_connection(
            Reason::LimitExceeded,
            "the account has as many folders as it may",
        )
        .before(|world| {
            let body = json!({"code": "RESOURCE_LIMIT_EXCEEDED", "message": "canary-of-a-body"});
            let kind = FaultKind::Error {
                status: 400,
                body: Some(body),
            };
            lasting(world, "/folders/segments", "POST", kind);
            connected(world);
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .mended_by(|world| world.simulator.clear_faults())
        .calls(2 * LOOKS),
        of_audience(Reason::RequestRefused, "Audience Manager refuses the trait")
            .before(|world| {
                let body = json!({"code": "BAD_REQUEST", "message": "canary-of-a-body"});
                let kind = FaultKind::Error {
                    status: 400,
                    body: Some(body),
                };
                lasting(world, "/v1/traits", "POST", kind);
                connected(world);
                world.apply(audience("loyal", LOYAL_GAMERS));
            })
            .mended_by(|world| world.simulator.clear_faults())
            .calls(LOOKS),
        of_audience(
            Reason::ProfileMergeRuleNotFound,
            "the connection names a profile merge rule that is not there",
        )
        .before(|world| {
            set_flags(
                world,
                &json!({"audienceManager": {"validateMergeRule": true}}),
            );
            connected(world);
            let rule = json!({"profileMergeRule": {"dataSourceId": 4_711}});
            world.edit_connection("acme", &json!({"spec": {"audienceManager": rule}}));
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .mended_by(|world| {
            let rule = json!({"profileMergeRule": null});
            world.edit_connection("acme", &json!({"spec": {"audienceManager": rule}}));
        })
        .calls(LOOKS),
        of_audience(
            Reason::DoesNotConverge,
            "Audience Manager takes a change and keeps the old name",
        )
        .happens(|world| {
            let simulator = world.simulator.clone();
            let sid = recorded(world)["traitSid"].clone();
            world.choke_point.set_proxy(Some(Arc::new(move |call| {
                let update = call.system == System::AudienceManager && call.method == Method::PUT;
                update.then(|| {
                    let state = simulator.state();
                    let mut traits = state["traits"].as_array().unwrap().iter();
                    let old = traits.find(|found| found["sid"] == sid).unwrap();
                    Response::builder()
                        .header("content-type", "application/json")
                        .body(Body::from(old.to_string()))
                        .unwrap()
                })
            })));
            targets(world, json!({"name": "Another name"}));
        })
        .mended_by(clear)
        .calls(QUIET_HOUR + 40 * 12),
    ]
}

/// Traits of another provider: one in a data source that is not subscribed to, two with one name.
pub(super) fn with_traits(world: &World) {
    let state = world.tenant();
    let mut traits = state["traits"].as_array().unwrap().iter();
    let template = traits.find(|found| found["sid"] == 9912).unwrap();
    let more = [
        json!({"sid": 9920, "dataSourceId": 6602, "name": "Secret shoppers"}),
        json!({"sid": 9914, "name": "Pet owners"}),
    ];
    for fields in more {
        let mut made = template.clone();
        let changes = fields.as_object().unwrap().clone();
        made.as_object_mut().unwrap().extend(changes);
        world.create("traits", made);
    }
    connected(world);
    world.apply(audience("loyal", LOYAL_GAMERS));
}

fn rules() -> Vec<Scenario> {
    let ruled = |reason, when| {
        of_audience(reason, when)
            .before(with_traits)
            .mended_by(plain)
    };
    vec![
        ruled(Reason::RuleInvalid, "a rule has a syntax error")
            .happens(|world| rule(world, "{trait} AND (9912T", json!([]))),
        ruled(Reason::RuleInvalid, "Audience Manager refuses a rule")
            .happens(|world| rule(world, "{trait} AND 666T", json!([])))
            .calls(LOOKS),
        ruled(
            Reason::TraitNotFound,
            "the data feed of a named trait is not subscribed to",
        )
        .happens(|world| {
            let named = json!([{"key": "secret", "name": "Secret shoppers", "dataSourceId": 6602}]);
            rule(world, "{trait} AND {secret}", named);
        })
        .calls(LOOKS),
        ruled(
            Reason::TraitAmbiguous,
            "the name fits several traits of the data source",
        )
        .happens(|world| {
            let named = json!([{"key": "pets", "name": "Pet owners", "dataSourceId": 6601}]);
            rule(world, "{trait} AND {pets}", named);
        })
        .calls(LOOKS),
        ruled(
            Reason::ObjectSuspended,
            "Adobe removes a Marketplace provider whose trait a rule names",
        )
        .happens(|world| rule(world, "{trait} AND 9912T", json!([])))
        .happens(|world| {
            world.person_deletes("traits", "9912");
            let sid = recorded(world)["additionalSegments"][0]["sid"].to_string();
            world.person("segments", &sid, &json!({"status": "SUSPENDED"}));
        }),
        of_audience(
            Reason::ObjectSuspended,
            "Audience Manager shows trait and segment with a status that is not known",
        )
        .happens(|world| set_status(world, "ARCHIVED"))
        .mended_by(|world| set_status(world, "ACTIVE")),
        of_audience(
            Reason::ObjectSuspended,
            "a segment that is shared to Experience Platform is suspended",
        )
        .before(|world| {
            connected(world);
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "ExternalAudience"));
        })
        .happens(|world| of_buyers(world, "SUSPENDED"))
        .mended_by(|world| of_buyers(world, "ACTIVE")),
    ]
}

fn set_status(world: &World, status: &str) {
    let status = json!({ "status": status });
    for (collection, sid) in [("traits", "traitSid"), ("segments", "segmentSid")] {
        world.person(collection, &recorded(world)[sid].to_string(), &status);
    }
}

fn of_buyers(world: &World, status: &str) {
    let sid = sid_of_buyers(world);
    world.person("segments", &sid.to_string(), &json!({ "status": status }));
}

pub(super) fn with_destinations(world: &World) {
    let made = [
        json!({"destinationId": 4711, "name": "Shop", "destinationType": "PUSH"}),
        json!({"destinationId": 4712, "name": "Partner", "destinationType": "S2S"}),
        json!({"destinationId": 4713, "name": "Twice", "destinationType": "PUSH"}),
        json!({"destinationId": 4714, "name": "Twice", "destinationType": "PUSH"}),
        json!({"destinationId": 4715, "name": "Asleep", "destinationType": "PUSH", "status": "INACTIVE"}),
        json!({"destinationId": 4716, "name": "People", "destinationType": "PEOPLE_BASED"}),
        json!({"destinationId": 4717, "name": "Banner", "destinationType": "ADS", "formatType": "key_value",
            "cookieName": "c"}),
        json!({"destinationId": 4718, "name": "Mailing", "destinationType": "S2S", "dataExportLabels": ["PII"]}),
    ];
    for mut destination in made {
        destination["pid"] = json!(1794);
        world.create("destinations", destination);
    }
    connected(world);
    world.apply(audience("loyal", LOYAL_GAMERS));
}

fn destinations() -> Vec<Scenario> {
    let mapping = |reason, when| {
        of_audience(reason, when)
            .before(with_destinations)
            .mended_by(plain)
            .calls(LOOKS)
    };
    vec![
        mapping(Reason::DestinationNotFound, "there is no such destination")
            .happens(|world| mapped(world, json!({"key": "x", "name": "Nowhere"}))),
        mapping(
            Reason::DestinationAmbiguous,
            "the name fits several destinations",
        )
        .happens(|world| mapped(world, json!({"key": "x", "name": "Twice"}))),
        mapping(Reason::DestinationInactive, "the destination is inactive").happens(|world| {
            mapped(
                world,
                json!({"key": "x", "name": "Asleep", "url": "https://a.example"}),
            );
        }),
        mapping(
            Reason::DestinationUnsupported,
            "the destination is mapped by hand alone",
        )
        .happens(|world| mapped(world, json!({"key": "x", "name": "People"}))),
        mapping(
            Reason::MappingInvalid,
            "a mapping lacks what its destination needs",
        )
        .happens(|world| {
            mapped(
                world,
                json!({"key": "x", "name": "Banner", "valueAlias": "v"}),
            )
        }),
        mapping(Reason::RequestRefused, "Audience Manager refuses a mapping").happens(|world| {
            let body = json!({"message": "canary-of-a-body"});
            let kind = FaultKind::Error {
                status: 400,
                body: Some(body),
            };
            lasting(world, "/mappings", "POST", kind);
            mapped(world, json!({"key": "x", "id": 4712, "alias": "a"}));
        }),
        mapping(
            Reason::LimitExceeded,
            "the destination takes one segment and has it",
        )
        .happens(|world| {
            let body =
                json!({"code": "BID_MANAGER_DESTINATION_1_SEGMENT", "message": "canary-of-a-body"});
            let kind = FaultKind::Error {
                status: 400,
                body: Some(body),
            };
            lasting(world, "/mappings", "POST", kind);
            mapped(world, json!({"key": "x", "id": 4712, "alias": "a"}));
        }),
    ]
}

fn labelled(world: &World, labels: &[&str]) {
    label(world, labels);
    world.look_now("loyal");
}

fn restrict(world: &World, restrictions: Value) {
    let name = format!("{DATA_SOURCE} (C3)");
    let state = world.tenant();
    let mut sources = state["dataSources"].as_array().unwrap().iter();
    let made = sources.find(|found| found["name"] == name).unwrap();
    let changes = json!({ "dataExportRestrictions": restrictions });
    world.person("dataSources", &made["dataSourceId"].to_string(), &changes);
    world.look_now("loyal");
}

fn export_controls() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::ExportControlUnsupported,
            "the source got a label that no API expresses",
        )
        .happens(|world| labelled(world, &["core/C5"]))
        .mended_by(|world| labelled(world, &[])),
        of_audience(
            Reason::ExportControlMissing,
            "a person took the export control from the data source",
        )
        .happens(|world| {
            moves_objects(world);
            labelled(world, &["core/C3"]);
        })
        .happens(|world| restrict(world, json!([])))
        .mended_by(|world| restrict(world, json!(["PII"])))
        .calls(LOOKS),
        of_audience(
            Reason::MoveRefused,
            "the source got a label and Audience Manager moves nothing",
        )
        .before(|world| {
            set_flags(
                world,
                &json!({"audienceManager": {"dataSourceChange": "refused"}}),
            );
            connected(world);
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .happens(|world| labelled(world, &["core/C3"]))
        .mended_by(|world| labelled(world, &[]))
        .calls(2 * LOOKS),
        of_audience(
            Reason::ExportControlViolated,
            "the source is labelled with what its destination is for",
        )
        .before(|world| {
            moves_objects(world);
            with_destinations(world);
        })
        .happens(|world| labelled(world, &["core/C3"]))
        .happens(|world| mapped(world, json!({"key": "x", "name": "Mailing", "alias": "a"})))
        .mended_by(plain)
        .calls(LOOKS),
        of_audience(
            Reason::ExportControlled,
            "Audience Manager refuses a mapping for an export control",
        )
        .before(with_destinations)
        .happens(|world| {
            let body = json!({"code": "EXPORT_CONTROL_VIOLATION", "message": "canary-of-a-body"});
            let kind = FaultKind::Error {
                status: 400,
                body: Some(body),
            };
            lasting(world, "/mappings", "POST", kind);
            mapped(world, json!({"key": "x", "name": "Mailing", "alias": "a"}));
        })
        .mended_by(plain)
        .calls(LOOKS),
        of_audience(
            Reason::ExportControlled,
            "a rule mixes traits under different export controls",
        )
        .before(|world| {
            set_flags(
                world,
                &json!({"audienceManager": {"mixedExportControlsRefused": true}}),
            );
            let controls = json!({"dataExportRestrictions": ["PII"]});
            world.person("dataSources", "6601", &controls);
            with_traits(world);
        })
        .happens(|world| rule(world, "{trait} AND 9912T", json!([])))
        .mended_by(plain)
        .calls(LOOKS),
    ]
}

fn map_by_hand(world: &World) {
    let made = json!({"pid": 1794, "destinationId": 4716, "sid": recorded(world)["segmentSid"],
        "traitType": "SEGMENT", "elementStatus": "active"});
    world.create("mappings", made);
}

fn unmap_by_hand(world: &World) {
    let state = world.tenant();
    let mut mappings = state["mappings"].as_array().unwrap().iter();
    let made = mappings
        .find(|found| found["destinationId"] == 4716)
        .unwrap();
    let gone = json!({"elementStatus": "deleted"});
    world.person("mappings", &made["destinationMappingId"].to_string(), &gone);
    world.look_now("loyal");
}

fn deletions() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::DeletionBlocked,
            "it is deleted while somebody's segment has its trait",
        )
        .happens(|world| {
            use_the_trait(world);
            world.delete("loyal");
        })
        .ended_by(stop_using_the_trait)
        .calls(LOOKS),
        of_audience(
            Reason::DeletionBlocked,
            "it is deleted while a person's mapping takes its segment to a destination",
        )
        .before(with_destinations)
        .happens(|world| {
            map_by_hand(world);
            world.delete("loyal");
        })
        .ended_by(unmap_by_hand)
        .calls(LOOKS),
    ]
}
