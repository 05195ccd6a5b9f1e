//! Labels that come and go while nobody looks, servers that set or move nothing, and sources that are shared otherwise.

use adobe_simulator::DataSourceChange;
use rstest::rstest;
use serde_json::{Value, json};

use crate::failures::answers::set_flags;
use crate::operations::{LOYAL_GAMERS, OTHER, console_buyers, label, moves_objects, sid_of_buyers};
use crate::operator::{World, audience, connection, secret, seed, shared_segment};
use crate::run::{LOOK, REST, on_virtual_time};
use crate::texts::shared_there;
use crate::verdict::{ends_well, ready};
use crate::virtual_time;

const NAME: &str = "Adobe Experience Platform Audience Sharing";

/// An audience with these labels on its source; nothing runs yet.
fn labelled(labels: &[&str]) -> World {
    let world = World::new(seed());
    label(&world, labels);
    world.apply(secret());
    world.apply(connection("acme"));
    world.apply(audience("loyal", LOYAL_GAMERS));
    world
}

async fn standing(labels: &[&str]) -> World {
    let world = labelled(labels);
    world.start_operator();
    virtual_time::passes(LOOK).await;
    assert_eq!(reason(&world, "loyal"), "Succeeded");
    world
}

async fn look(world: &World, name: &str) {
    world.look_now(name);
    virtual_time::passes(LOOK).await;
}

fn reason(world: &World, name: &str) -> String {
    ready(&world.audience(name)).1
}

fn recorded(world: &World) -> Value {
    world.audience("loyal")["status"]["audienceManager"].clone()
}

fn remote_writes(world: &World, since: usize) -> Vec<String> {
    let calls = world.choke_point.calls();
    let writes = calls[since..].iter().filter(|call| call.is_remote_write());
    writes.map(ToString::to_string).collect()
}

/// Labels that change while nobody looks, and a status that is lost: what stands in the other data source is found.
#[rstest]
#[case::gained(&[], &["core/C3"])]
#[case::lost(&["core/C3"], &[])]
fn a_new_process_finds_what_stands_in_the_other_data_source(
    #[case] before: &'static [&str],
    #[case] after: &'static [&str],
) {
    on_virtual_time(async {
        let world = standing(before).await;
        moves_objects(&world);
        let stood = recorded(&world);
        world.kill_operator();
        label(&world, after);
        world.edit("loyal", &json!({"status": null}));
        world.start_operator();
        ends_well(&world).await;
        let moved = recorded(&world);
        assert_ne!(moved["dataSourceId"], stood["dataSourceId"]);
        for sid in ["traitSid", "segmentSid"] {
            assert_eq!(moved[sid], stood[sid], "{sid}");
        }
        world.delete("loyal");
        ends_well(&world).await;
    });
}

#[rstest]
fn a_server_that_moves_nothing_is_told_until_it_moves(
    #[values(DataSourceChange::Refused, DataSourceChange::Ignored)] change: DataSourceChange,
) {
    on_virtual_time(async {
        let world = standing(&[]).await;
        let stood = recorded(&world);
        set_flags(
            &world,
            &json!({"audienceManager": {"dataSourceChange": change}}),
        );
        label(&world, &["core/C3"]);
        look(&world, "loyal").await;
        assert_eq!(reason(&world, "loyal"), "MoveRefused");
        let told = world.audience("loyal")["status"]["conditions"].to_string();
        for text in [
            "stays where it is and is used under",
            "a new sid, no members",
            "take back the change of the labels",
        ] {
            assert!(told.contains(text), "{text}: {told}");
        }
        let held = recorded(&world);
        assert_eq!(held["dataSourceId"], stood["dataSourceId"]);
        assert_eq!(held["exportControls"], Value::Null, "it is not there");
        // And when it moves objects after all, they go.
        moves_objects(&world);
        look(&world, "loyal").await;
        ends_well(&world).await;
        let moved = recorded(&world);
        assert_eq!(moved["exportControls"], json!(["NoPersonalData"]));
        assert_eq!(moved["traitSid"], stood["traitSid"]);
    });
}

#[rstest]
#[case::fields_that_are_ignored(json!({"audienceManager": {"exportControlsSettable": false}}), "ExportControlMissing", "Succeeded", 1)]
#[case::a_name_that_is_refused(json!({"audienceManager": {"exportControlNames": ["OTHER"]}}), "DependencyNotReady", "RequestRefused", 0)]
fn where_controls_cannot_be_set_nothing_is_put(
    #[case] flags: Value,
    #[case] told: &str,
    #[case] of_connection: &str,
    #[case] made: usize,
) {
    on_virtual_time(async {
        let world = labelled(&["core/C3"]);
        set_flags(&world, &flags);
        world.start_operator();
        virtual_time::passes(REST).await;
        look(&world, "loyal").await;
        assert_eq!(reason(&world, "loyal"), told);
        assert_eq!(ready(&world.connections()[0]).1, of_connection);
        let state = world.tenant();
        let texts = |collection: &str, field: &str| -> Vec<String> {
            let objects = state[collection].as_array().unwrap().iter();
            objects.map(|object| object[field].to_string()).collect()
        };
        for collection in ["traits", "segments"] {
            let mut texts = texts(collection, "description").into_iter();
            assert!(
                !texts.any(|text| text.contains("[audience-sharing:")),
                "nothing stands without its control"
            );
        }
        let controlled = json!(format!("{NAME} (C3)")).to_string();
        let names = texts("dataSources", "name").into_iter();
        let names = names.filter(|name| *name == controlled);
        assert_eq!(names.count(), made, "and no second data source");
        // Others are not held up.
        world.apply(audience("other", OTHER));
        virtual_time::passes(LOOK).await;
        assert_eq!(reason(&world, "other"), "Succeeded");
    });
}

/// A person makes the data source for these labels.
pub(crate) fn data_source_by_hand(world: &World, labels: &str, restrictions: &[&str]) -> Value {
    let made = json!({
        "pid": 1794, "name": format!("{NAME} ({labels})"), "description": "for the operator", "status": "ACTIVE",
        "dataExportRestrictions": restrictions,
        "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": true,
    });
    let made = world.create("dataSources", made);
    // Found by its name, it gets the mark of the owner.
    world.changes.adopt("dataSources", &made["dataSourceId"]);
    made["dataSourceId"].clone()
}

/// Whoever waits for it is looked at by itself, and so is whoever is in it when its control goes.
#[test]
fn a_data_source_that_a_person_makes_is_found_in_the_next_pass() {
    on_virtual_time(async {
        let world = labelled(&["core/C5"]);
        world.start_operator();
        virtual_time::passes(LOOK).await;
        assert_eq!(reason(&world, "loyal"), "ExportControlUnsupported");
        let made = data_source_by_hand(&world, "C5", &["OFF_SITE"]);
        virtual_time::passes(REST).await;
        assert_eq!(reason(&world, "loyal"), "Succeeded");
        let found = recorded(&world);
        assert_eq!(found["dataSourceId"], made);
        assert_eq!(found["exportControls"], json!(["NoOffSiteAds"]));
        let opened = json!({"dataExportRestrictions": []});
        world.person("dataSources", &made.to_string(), &opened);
        virtual_time::passes(REST).await;
        assert_eq!(reason(&world, "loyal"), "ExportControlMissing");
    });
}

/// No answer that says nothing of labels takes a control away, not even from a process that knows of nothing else.
#[test]
fn an_answer_without_labels_moves_nothing() {
    on_virtual_time(async {
        let world = standing(&["core/C3"]).await;
        let stood = recorded(&world);
        let since = world.choke_point.count();
        world.person("audiences", LOYAL_GAMERS, &json!({"labels": null}));
        look(&world, "loyal").await;
        world.kill_operator();
        world.edit("loyal", &json!({"status": null}));
        world.start_operator();
        virtual_time::passes(REST).await;
        assert_eq!(reason(&world, "loyal"), "Succeeded");
        assert_eq!(recorded(&world), stood);
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
    });
}

fn audience_of(world: &World, name: &str) -> Value {
    let id = world.audience(name)["status"]["experiencePlatform"]["id"].clone();
    let state = world.tenant();
    let mut audiences = state["audiences"].as_array().unwrap().iter();
    audiences
        .find(|found| found["id"] == id)
        .cloned()
        .unwrap_or_default()
}

/// The engine looks again without being asked; what a person added stays, and a control that goes takes no label away.
#[test]
fn a_data_source_concerns_the_audiences_whose_traits_it_holds() {
    on_virtual_time(async {
        let world = shared_there("ExternalAudience").await;
        let kept = json!({"externalAudienceLabels": "stored"});
        set_flags(&world, &json!({ "experiencePlatform": kept }));
        let made = audience_of(&world, "buyers");
        assert_eq!(made["labels"], json!([]), "{made}");
        let id = made["id"].as_str().unwrap().to_owned();
        world.person("audiences", &id, &json!({"labels": ["core/S1"]}));
        let restrict = |names: &[&str]| {
            let controls = json!({ "dataExportRestrictions": names });
            world.person("dataSources", "29771", &controls);
        };
        restrict(&["PII"]);
        virtual_time::passes(REST).await;
        let labels = json!(["core/C3", "core/S1"]);
        assert_eq!(audience_of(&world, "buyers")["labels"], labels);
        let since = world.choke_point.count();
        restrict(&[]);
        virtual_time::passes(REST).await;
        assert_eq!(audience_of(&world, "buyers")["labels"], labels);
        assert_eq!(remote_writes(&world, since), Vec::<String>::new());
    });
}

/// Of one with another strategy nothing is handed over: another audience is made.
#[test]
fn a_successor_with_another_strategy_gets_an_audience_of_its_own() {
    on_virtual_time(async {
        let world = shared_there("ExternalAudience").await;
        let first = audience_of(&world, "buyers")["id"].clone();
        world.apply(shared_segment(
            "renamed",
            &sid_of_buyers(&world),
            "MetadataOnly",
        ));
        virtual_time::passes(LOOK).await;
        assert_eq!(reason(&world, "renamed"), "SourceClaimed");
        world.delete("buyers");
        ends_well(&world).await;
        assert_ne!(audience_of(&world, "renamed")["id"], first);
    });
}

/// Found by its name, it is pinned: a segment that gets the name later is another one.
#[test]
fn a_source_of_audience_manager_is_looked_for_once() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        let sid = console_buyers(&world);
        let mut shared = shared_segment("buyers", &sid, "ExternalAudience");
        shared["spec"]["source"] =
            json!({"audienceManager": {"segment": {"name": "Console buyers"}}});
        world.apply(shared);
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let made = audience_of(&world, "buyers")["id"].clone();
        assert!(made.is_string(), "{}", world.audience("buyers"));
        let renamed = json!({"name": "Buyers of consoles"});
        world.person("segments", &sid.to_string(), &renamed);
        look(&world, "buyers").await;
        assert_eq!(reason(&world, "buyers"), "Succeeded", "it was renamed");
        // Another one has the name by now.
        console_buyers(&world);
        look(&world, "buyers").await;
        assert_eq!(reason(&world, "buyers"), "SourceChanged");
        let by_sid = json!({"sid": sid, "name": null});
        world.edit(
            "buyers",
            &json!({"spec": {"source": {"audienceManager": {"segment": by_sid}}}}),
        );
        look(&world, "buyers").await;
        assert_eq!(reason(&world, "buyers"), "Succeeded");
        let followed = audience_of(&world, "buyers");
        assert_eq!(followed["id"], made);
        assert_eq!(followed["name"], renamed["name"]);
    });
}
