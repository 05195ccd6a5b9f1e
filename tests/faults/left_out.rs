//! Lists of Experience Platform that leave labels and descriptions out (experience-platform.md §3.11): what they do not
//! name is read from each audience that matters, and nothing is concluded from its absence.

use rstest::rstest;
use serde_json::{Value, json};

use crate::failures::answers::set_flags;
use crate::operations::{LOYAL_GAMERS, console_buyers, label};
use crate::operator::{World, audience, connection, secret, seed, shared_segment};
use crate::run::{LOOK, on_virtual_time};
use crate::verdict::{ends_well, ready};
use crate::virtual_time;

fn world(left_out: &[&str]) -> World {
    let world = World::new(seed());
    let flags = json!({"experiencePlatform": {"audienceListLeavesOut": left_out}});
    set_flags(&world, &flags);
    world.apply(secret());
    world.apply(connection("acme"));
    world
}

fn gold(world: &World) -> (Value, Value) {
    let id = world.audience("gold")["status"]["experiencePlatform"]["id"].clone();
    let state = world.tenant();
    let audiences = state["audiences"].as_array().unwrap();
    let found = audiences.iter().find(|found| found["id"] == id);
    (id, found.unwrap().clone())
}

#[rstest]
#[case::nothing(&[])]
#[case::labels_and_description(&["labels", "description"])]
#[case::all_that_may_miss(&["labels", "description", "createdBy", "originName"])]
fn both_directions_work_whatever_a_list_leaves_out(#[case] left_out: &'static [&'static str]) {
    on_virtual_time(async {
        let world = world(left_out);
        label(&world, &["core/C3"]);
        world.apply(audience("loyal", LOYAL_GAMERS));
        let sid = console_buyers(&world);
        world.apply(shared_segment("gold", &sid, "ExternalAudience"));
        world.start_operator();
        ends_well(&world).await;
        let data_source = world.audience("loyal")["status"]["audienceManager"].to_string();
        assert!(data_source.contains("NoPersonalData"), "{data_source}");

        let (id, made) = gold(&world);
        let id = id.as_str().unwrap();
        world.person("audiences", id, &json!({"description": "edited by hand"}));
        world.look_now("gold");
        ends_well(&world).await;
        assert_eq!(gold(&world).1["description"], made["description"]);
    });
}

/// Without the mark it looks like a person's audience with our key, which would be adopted.
#[rstest]
#[case::nothing(&[])]
#[case::description(&["description"])]
fn the_mark_of_another_owner_counts_although_no_list_shows_it(
    #[case] left_out: &'static [&'static str],
) {
    on_virtual_time(async {
        let world = world(left_out);
        let sid = console_buyers(&world);
        let made = world.create(
            "audiences",
            json!({
                "type": "ExternalSegment", "name": "Gold members", "namespace": "AAMSegments",
                "audienceId": sid.to_string(), "originName": "CUSTOM_UPLOAD",
                "description": "[audience-sharing:another-owner/marketing/gold]", "labels": [],
            }),
        );
        let mut shared = shared_segment("gold", &sid, "ExternalAudience");
        shared["spec"]["adoptionPolicy"] = json!("Always");
        world.apply(shared);
        world.start_operator();
        virtual_time::passes(LOOK).await;
        assert_eq!(ready(&world.audience("gold")).1, "ManagementConflict");
        let state = world.tenant();
        assert!(state["audiences"].as_array().unwrap().contains(&made));
    });
}
