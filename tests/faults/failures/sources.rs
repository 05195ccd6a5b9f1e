//! The source: unknown, ambiguous, not to be shared, claimed by another, or delivered by Adobe's own means.

use adobe_simulator::Seed;
use audience_sharing_core::domain::reason::Reason;
use serde_json::{Value, json};

use super::{QUIET_HOUR, Scenario, Teller, edit, of_audience};
use crate::operations::{LOYAL_GAMERS, OTHER, console_buyers, deliver_buyers, sid_of_buyers};
use crate::operator::{SECRET, World, audience, connection, secret, shared_segment};
use crate::tenants;

pub(super) fn connected(world: &World) {
    world.apply(secret());
    world.apply(connection("acme"));
}

/// A person sets export controls on the data source of the trait that the buyers are made of.
fn restrict(world: &World, names: &[&str]) {
    world.person(
        "dataSources",
        "29771",
        &json!({ "dataExportRestrictions": names }),
    );
}

/// A share of something of Audience Manager, under the name that the scenarios look at.
pub(super) fn from_audience_manager(source: &Value, target: Value) -> Value {
    let mut shared = audience("loyal", "");
    shared["spec"]["source"] = json!({ "audienceManager": source });
    shared["spec"]["target"] = json!({ "experiencePlatform": target });
    shared
}

fn named(name: &str) -> Value {
    let mut shared = audience("loyal", "");
    shared["spec"]["source"] = json!({"experiencePlatform": {"name": name}});
    shared
}

fn delete_loyal(world: &World) {
    world.delete("loyal");
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = unknown();
    scenarios.extend(not_shareable());
    scenarios.extend(adobes_own());
    scenarios
}

fn names(id: &str) -> Value {
    json!({"source": {"experiencePlatform": {"id": id}}})
}

fn unknown() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::SourceChanged,
            "spec.source names another audience than the one that was shared",
        )
        .happens(|world| edit(world, names(OTHER)))
        .mended_by(|world| edit(world, names(LOYAL_GAMERS))),
        of_audience(
            Reason::SourceNotFound,
            "Experience Platform has no audience with the id",
        )
        .before(|world| {
            connected(world);
            world.apply(audience("loyal", "00000000-0000-4000-8000-000000000000"));
        })
        .ended_by(delete_loyal),
        of_audience(
            Reason::SourceNotFound,
            "Experience Platform has no audience with the name",
        )
        .before(|world| {
            connected(world);
            world.apply(named("Loyal gamer"));
        })
        .mended_by(|world| {
            let renamed = json!({"name": "Loyal gamer"});
            world.person("audiences", LOYAL_GAMERS, &renamed);
        }),
        of_audience(
            Reason::SourceNotFound,
            "Audience Manager has no segment with the sid",
        )
        .before(|world| {
            connected(world);
            let source = json!({"segment": {"sid": 1}});
            world.apply(from_audience_manager(&source, json!({})));
        })
        .ended_by(delete_loyal),
        of_audience(
            Reason::SourceNotFound,
            "Audience Manager has no trait with the name",
        )
        .before(|world| {
            connected(world);
            let source = json!({"trait": {"name": "Nobody"}});
            world.apply(from_audience_manager(&source, json!({})));
        })
        .mended_by(|world| {
            world.person("traits", "16440001", &json!({"name": "Nobody"}));
        }),
        of_audience(Reason::SourceAmbiguous, "the name fits several audiences")
            .before(|world| {
                connected(world);
                world.apply(named("Newsletter readers"));
            })
            .mended_by(|world| {
                let renamed = json!({"name": "Readers of the newsletter"});
                world.person(
                    "audiences",
                    "c2e5f1a3-8d4b-4f1a-9b77-3a5ead2f8b02",
                    &renamed,
                );
            }),
        of_audience(Reason::SourceAmbiguous, "the name fits several traits")
            .before(|world| {
                connected(world);
                let source = json!({"trait": {"name": "Loyal gamers"}});
                world.apply(from_audience_manager(&source, json!({})));
            })
            .mended_by(|world| {
                // Some are mapped from an audience of Experience Platform, by their integration code.
                let state = world.simulator.state();
                for found in state["traits"].as_array().unwrap() {
                    if found["name"] == "Loyal gamers" {
                        let sid = found["sid"].to_string();
                        world.person("traits", &sid, &json!({"name": "Renamed"}));
                    }
                }
                let only = json!({"name": "Loyal gamers"});
                world.person("traits", "16440001", &only);
            }),
    ]
}

fn not_shareable() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::SourceNotShareable,
            "the trait is another provider's",
        )
        .before(|world| {
            connected(world);
            let source = json!({"trait": {"sid": 9912}});
            world.apply(from_audience_manager(&source, json!({})));
        })
        .ended_by(delete_loyal),
        of_audience(
            Reason::SharingLoop,
            "the audience came from Audience Manager",
        )
        .before(|world| {
            connected(world);
            let connectors = json!({"namespace": "AAMSegments", "originName": "AUDIENCE_MANAGER"});
            world.person("audiences", LOYAL_GAMERS, &connectors);
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .ended_by(delete_loyal),
        of_audience(
            Reason::SharingLoop,
            "the trait is filled by an audience of Experience Platform",
        )
        .before(|world| {
            connected(world);
            let source = json!({"trait": {"sid": 16_440_003}});
            world.apply(from_audience_manager(&source, json!({})));
        })
        .ended_by(delete_loyal),
        of_audience(
            Reason::SourceClaimed,
            "another SharedAudience shares the same source",
        )
        .told_by(Teller::Audience("again"))
        .happens(|world| world.apply(audience("again", LOYAL_GAMERS)))
        .mended_by(delete_loyal),
        of_audience(
            Reason::NoMemberSource,
            "a segment definition is asked for over what the connector does not deliver",
        )
        .before(|world| {
            connected(world);
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "SegmentDefinition"));
        })
        .mended_by(deliver_buyers),
        of_audience(
            Reason::UsageLabelsUnknown,
            "the data source of a trait has an export control of which no label is known",
        )
        .before(|world| {
            let kept = json!({"externalAudienceLabels": "stored"});
            super::answers::set_flags(world, &json!({ "experiencePlatform": kept }));
            connected(world);
            restrict(world, &["SOMETHING_NEW"]);
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "ExternalAudience"));
        })
        .mended_by(|world| {
            edit(
                world,
                json!({"target": {"experiencePlatform": {"dataUsageLabels": ["core/C5"]}}}),
            );
        }),
        of_audience(
            Reason::UsageLabelsRefused,
            "Experience Platform takes no labels on an external audience",
        )
        .before(|world| {
            connected(world);
            restrict(world, &["PII"]);
            super::answers::set_flags(world, &json!({"experiencePlatform": {"externalAudienceLabels": "refused"}}));
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "ExternalAudience"));
        })
        .mended_by(|world| {
            super::answers::set_flags(world, &json!({"experiencePlatform": {"externalAudienceLabels": "stored"}}));
            world.look_now("loyal");
        }),
        of_audience(
            Reason::NotEntitled,
            "the organisation lacks external audiences of Real-Time CDP",
        )
        .before(|world| {
            connected(world);
            super::answers::set_flags(
                world,
                &json!({"experiencePlatform": {"externalSegmentsEnabled": false, "externalSegmentsRefusal": "createOnly"}}),
            );
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "ExternalAudience"));
        })
        .mended_by(|world| {
            super::answers::set_flags(world, &json!({"experiencePlatform": {"externalSegmentsEnabled": true}}));
        }),
        of_audience(
            Reason::NotEntitled,
            "the organisation lacks the external audiences service",
        )
        .before(|world| {
            connected(world);
            super::answers::set_flags(world, &json!({"externalAudiences": {"entitled": false}}));
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "MetadataOnly"));
        })
        .mended_by(|world| {
            super::answers::set_flags(world, &json!({"externalAudiences": {"entitled": true}}));
        }),
        of_audience(
            Reason::NotEntitled,
            "Adobe makes no external audiences this way any more",
        )
        .before(|world| {
            connected(world);
            let withdrawn = json!({"experiencePlatform": {"externalAudienceCreate": "notFound"}});
            super::answers::set_flags(world, &withdrawn);
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "ExternalAudience"));
        })
        .mended_by(|world| {
            let served = json!({"experiencePlatform": {"externalAudienceCreate": "served"}});
            super::answers::set_flags(world, &served);
        }),
    ]
}

fn with_adobes_sharing() -> Value {
    tenants::of(Seed::adobe_sharing(), SECRET)
}

/// The audience whose trait Adobe's own sharing made.
fn delivered(world: &World) -> String {
    let state = world.tenant();
    let sources = state["dataSources"].as_array().unwrap();
    let adobes = sources
        .iter()
        .find(|found| found["name"] == "Adobe Experience Platform Audience Sharing");
    let traits = state["traits"].as_array().unwrap();
    let found = traits
        .iter()
        .find(|found| found["dataSourceId"] == adobes.unwrap()["dataSourceId"]);
    found.unwrap()["integrationCode"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn adobes_own() -> Vec<Scenario> {
    vec![
        of_audience(
            Reason::AdobeSharingActive,
            "Adobe's own sharing made the objects",
        )
        .over(with_adobes_sharing)
        .before(|world| {
            connected(world);
            world.apply(audience("loyal", &delivered(world)));
        }),
        of_audience(
            Reason::AwaitingAdobeSharing,
            "mode is Observe and Adobe's own sharing is not set up",
        )
        .before(|world| {
            connected(world);
            let mut observed = audience("loyal", LOYAL_GAMERS);
            observed["spec"]["mode"] = json!("Observe");
            world.apply(observed);
        })
        .mended_by(|world| edit(world, json!({"mode": "Manage"}))),
        of_audience(
            Reason::DeliveredByConnector,
            "the connector delivers the segment",
        )
        .before(|world| {
            connected(world);
            let sid = console_buyers(world);
            deliver_buyers(world);
            world.apply(shared_segment("loyal", &sid, "ExternalAudience"));
        }),
        of_audience(
            Reason::DeliveredByConnector,
            "the connector delivers it now, and the audience of this operator is still used",
        )
        .before(|world| {
            connected(world);
            let sid = console_buyers(world);
            world.apply(shared_segment("loyal", &sid, "MetadataOnly"));
        })
        .happens(|world| {
            let id = world.audience("loyal")["status"]["experiencePlatform"]["id"].clone();
            let refusal =
                json!({"type": "https://ns.adobe.com/aep/errors/UPAPI-113631-403", "status": 403});
            super::answers::lasting(
                world,
                id.as_str().unwrap(),
                "DELETE",
                adobe_simulator::FaultKind::Error {
                    status: 403,
                    body: Some(refusal),
                },
            );
            assert!(sid_of_buyers(world).is_number());
            deliver_buyers(world);
            world.look_now("loyal");
        })
        .mended_by(|world| world.simulator.clear_faults())
        .calls(QUIET_HOUR + 12),
    ]
}
