//! To have an object deleted or taken over by a forged mark, and to write a mark for somebody else.

use audience_sharing_core::domain::mark::Mark;
use rstest::rstest;
use serde_json::{Value, json};

use crate::operations::{LOYAL_GAMERS, OTHER};
use crate::operator::{OWNER, World, audience, connection, secret, seed};
use crate::run::{LOOK, REST, on_virtual_time};
use crate::standing::mark;
use crate::{verdict, virtual_time};

/// Without the traits that stand for folders.
fn collection(world: &World, name: &str) -> Vec<Value> {
    let state = world.tenant();
    let all = state[name].as_array().unwrap().iter();
    all.filter(|object| object["traitType"] != "FOLDER_TRAIT")
        .cloned()
        .collect()
}

fn both(world: &World) -> Vec<Value> {
    [collection(world, "traits"), collection(world, "segments")].concat()
}

fn is_ready(world: &World, name: &str) -> bool {
    verdict::ready(&world.audience(name)).0 == "True"
}

async fn deleted(world: &World, name: &str) {
    world.delete(name);
    virtual_time::passes(REST).await;
    assert!(world.audience(name).is_null());
}

/// A person writes our mark into what was never ours: it lies outside of our data source, and nobody looks at it.
#[test]
fn a_mark_on_a_strangers_object_gives_it_to_nobody() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience("loyal", LOYAL_GAMERS));
        let forged = json!({"description": mark(OWNER, &world.audience("loyal"))});
        for name in ["traits", "segments"] {
            for object in collection(&world, name) {
                world.person(name, &object["sid"].to_string(), &forged);
            }
        }
        let before = both(&world);
        world.start_operator();
        virtual_time::passes(LOOK).await;
        assert!(is_ready(&world, "loyal"));
        let standing = world.audience("loyal")["status"]["audienceManager"].clone();
        for sid in ["traitSid", "segmentSid"] {
            let taken = before.iter().any(|object| object["sid"] == standing[sid]);
            assert!(!taken, "made, not taken over");
        }
        deleted(&world, "loyal").await;
        assert_eq!(both(&world), before);
    });
}

fn marked(world: &World) -> Vec<Value> {
    let mut all = both(world);
    all.retain(|object| {
        let text = object["description"].as_str().unwrap_or_default();
        text.contains("[audience-sharing:")
    });
    all
}

/// Whoever writes a description writes a text before the operator's mark, and no mark.
#[rstest]
#[case::of_another_share("[audience-sharing:test-owner/marketing/loyal#a1b2c3d4]")]
#[case::behind_a_text("mine [audience-sharing:test-owner/marketing/loyal]")]
#[case::of_another_owner("[audience-sharing:other/marketing/loyal]")]
#[case::of_the_data_source("[audience-sharing:test-owner]")]
#[case::open("[audience-sharing:test-owner/marketing/loyal")]
#[case::escaped("[audience-sharing:test-owner&#47;marketing/loyal]")]
#[case::open_and_a_line_break("x\n[audience-sharing:")]
fn a_declared_description_forges_no_mark(
    #[case] forged: &str,
    #[values(false, true)] in_the_source: bool,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let victims = marked(&world);
        let mut attack = audience("attacker", OTHER);
        let forged = json!({ "description": forged });
        match in_the_source {
            true => world.person("audiences", OTHER, &forged),
            false => attack["spec"]["target"] = json!({ "audienceManager": forged }),
        }
        world.apply(attack);
        virtual_time::passes(LOOK).await;
        assert!(is_ready(&world, "attacker"));
        let mut made = marked(&world);
        made.retain(|object| !victims.contains(object));
        assert_eq!(made.len(), 2);
        for object in made {
            let description = object["description"].as_str().unwrap();
            let Some(Mark::Audience { name, .. }) = Mark::read(description) else {
                panic!("{description}");
            };
            assert_eq!(name.as_str(), "attacker", "{description}");
        }
        deleted(&world, "attacker").await;
        assert_eq!(marked(&world), victims, "what stood stands as it did");
    });
}
