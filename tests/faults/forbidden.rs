//! Destinations that the export controls of an audience forbid: found before the first write, and nothing is torn down.

use rstest::rstest;
use serde_json::{Value, json};

use crate::operations::{LOYAL_GAMERS, OTHER, label, mapped, moves_objects};
use crate::operator::{World, audience, connection, secret, seed};
use crate::run::{LOOK, REST, on_virtual_time};
use crate::{verdict, virtual_time};

const MAILING: u64 = 4_718;

/// A tenant with one destination, for what may be combined with PII and, so labelled, not with anything else.
async fn tenant(labels: &[&str], source_labels: &[&str], declared: Value) -> World {
    let world = World::new(seed());
    moves_objects(&world);
    let mailing = json!({"destinationId": MAILING, "pid": 1794, "name": "Mailing", "destinationType": "S2S",
        "dataExportLabels": labels});
    world.create("destinations", mailing);
    label(&world, source_labels);
    world.apply(secret());
    world.apply(connection("acme"));
    world.apply(declared);
    world.start_operator();
    virtual_time::passes(LOOK).await;
    world
}

fn to_mailing() -> Value {
    mapped(&[json!({"key": "mailing", "id": MAILING, "alias": "gamers"})])
}

fn mappings(world: &World) -> Vec<Value> {
    let state = world.tenant();
    let all = state["mappings"].as_array().unwrap().iter();
    all.filter(|mapping| mapping["elementStatus"] != "deleted")
        .cloned()
        .collect()
}

fn recorded(world: &World) -> Value {
    world.audience("loyal")["status"]["audienceManager"].clone()
}

fn reason(world: &World, name: &str) -> String {
    verdict::ready(&world.audience(name)).1
}

fn remote_writes(world: &World, since: usize) -> Vec<String> {
    let calls = world.choke_point.calls();
    let writes = calls[since..].iter().filter(|call| call.is_remote_write());
    writes.map(ToString::to_string).collect()
}

/// It says so, and neither a look nor a pass writes anything.
async fn is_held(world: &World, since: usize) {
    world.look_now("loyal");
    virtual_time::passes(REST).await;
    assert_eq!(reason(world, "loyal"), "ExportControlViolated");
    let told = world.audience("loyal")["status"]["conditions"].to_string();
    assert!(told.contains(r#"4718 \"Mailing\" (PII)"#), "{told}");
    assert_eq!(remote_writes(world, since), Vec::<String>::new());
}

/// `beside`: another audience has made the data source for the label already.
#[rstest]
#[case::a_data_source_to_be_made(false)]
#[case::a_data_source_that_stands(true)]
fn a_label_that_a_destination_forbids_moves_nothing_until_the_destination_is_taken_out(
    #[case] beside: bool,
) {
    on_virtual_time(async {
        let world = tenant(&["PII"], &[], to_mailing()).await;
        if beside {
            world.person("audiences", OTHER, &json!({"labels": ["core/C3"]}));
            world.apply(audience("other", OTHER));
            virtual_time::passes(LOOK).await;
            world.look_now("other");
            virtual_time::passes(LOOK).await;
            let other = &world.audience("other")["status"]["audienceManager"];
            assert_eq!(other["exportControls"], json!(["NoPersonalData"]));
        }
        let (before, sids) = (mappings(&world), recorded(&world));
        let since = world.choke_point.count();
        label(&world, &["core/C3"]);
        is_held(&world, since).await;
        assert_eq!(mappings(&world), before);

        // The way out that the message names.
        world.apply(audience("loyal", LOYAL_GAMERS));
        virtual_time::passes(LOOK).await;
        assert_eq!(reason(&world, "loyal"), "Succeeded");
        assert_eq!(
            recorded(&world)["exportControls"],
            json!(["NoPersonalData"])
        );
        assert_eq!(recorded(&world)["traitSid"], sids["traitSid"]);
        assert_eq!(mappings(&world), Vec::<Value>::new());
    });
}

#[test]
fn a_labelled_audience_for_such_a_destination_costs_no_object() {
    on_virtual_time(async {
        let world = tenant(&["PII"], &["core/C3"], to_mailing()).await;
        is_held(&world, 0).await;
    });
}

/// Known where destinations are listed, for the sake of any audience.
#[test]
fn a_mapping_that_a_person_made_counts_too() {
    on_virtual_time(async {
        let world = tenant(&["PII"], &[], audience("loyal", LOYAL_GAMERS)).await;
        let segment = recorded(&world)["segmentSid"].clone();
        let by_hand = json!({"pid": 1794, "destinationId": MAILING, "sid": segment, "traitType": "SEGMENT",
            "elementStatus": "active", "traitAlias": "x"});
        world.create("mappings", by_hand);
        let mut other = to_mailing();
        other["metadata"]["name"] = json!("other");
        other["spec"]["source"] = audience("other", OTHER)["spec"]["source"].clone();
        world.apply(other);
        virtual_time::passes(LOOK).await;
        let since = world.choke_point.count();
        label(&world, &["core/C3"]);
        is_held(&world, since).await;
    });
}

#[test]
fn a_destination_that_is_labelled_later_is_told_and_stays_mapped() {
    on_virtual_time(async {
        let world = tenant(&[], &["core/C3"], to_mailing()).await;
        assert_eq!(reason(&world, "loyal"), "Succeeded");
        let (before, told) = (mappings(&world), recorded(&world)["destinations"].clone());
        let since = world.choke_point.count();
        let labels = json!({"dataExportLabels": ["PII"]});
        world.person("destinations", &MAILING.to_string(), &labels);
        is_held(&world, since).await;
        assert_eq!(mappings(&world), before);
        assert!(told[0]["mappingId"].is_number(), "{told}");
        assert_eq!(recorded(&world)["destinations"], told);
    });
}
