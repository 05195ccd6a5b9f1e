//! To have an object deleted or taken over by a forged mark, and to write a mark for somebody else.

use audience_sharing_core::compose::Direction;
use audience_sharing_core::domain::ownership::Mark;
use audience_sharing_core::plan::Left;
use audience_sharing_operator::engine::{Retired, SettleRequest};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{LOYAL_GAMERS, World, request, share_name};

const NEWSLETTER: &str = "b1f4e0d2-7c3a-4e0f-8a66-2f4d9c1e7a01";
const LOYALS_MARK: &str = "[audience-sharing:test-owner/marketing/loyal#a1b2c3d4]";

fn collection(world: &World, name: &str) -> Vec<Value> {
    world.tenant()[name].as_array().unwrap().clone()
}

/// A person writes our mark into what was never ours: it lies outside of our data source, and nobody looks at it.
#[tokio::test(start_paused = true)]
async fn a_mark_on_a_strangers_object_gives_it_to_nobody() {
    let world = World::start();
    let (traits, segments) = (collection(&world, "traits"), collection(&world, "segments"));
    for (name, objects) in [("traits", &traits), ("segments", &segments)] {
        for object in objects
            .iter()
            .filter(|object| object["traitType"] != "FOLDER_TRAIT")
        {
            let (sid, forged) = (
                object["sid"].to_string(),
                json!({"description": LOYALS_MARK}),
            );
            world.simulator.patch_object(name, &sid, &forged).unwrap();
        }
    }
    let before = (collection(&world, "traits"), collection(&world, "segments"));
    let settled = world.share("loyal", LOYAL_GAMERS).await;
    let standing = settled.standing.clone().unwrap();
    let theirs = |sid: u64| {
        traits
            .iter()
            .chain(&segments)
            .any(|object| object["sid"] == sid)
    };
    assert!(
        !theirs(standing.trait_sid.unwrap().0),
        "made, not taken over"
    );
    assert!(
        !theirs(standing.segment_sid.unwrap().0),
        "made, not taken over"
    );
    assert_eq!(
        world.retire("loyal", LOYAL_GAMERS, &settled).await,
        Retired::Gone(Left::default())
    );
    let after = (collection(&world, "traits"), collection(&world, "segments"));
    let unmade = |all: &[Value]| -> Vec<Value> {
        let folders = |object: &&Value| object["traitType"] != "FOLDER_TRAIT";
        all.iter().filter(folders).cloned().collect()
    };
    assert_eq!(unmade(&after.0), unmade(&before.0));
    assert_eq!(after.1, before.1);
}

fn described(name: &str, source: &str, description: &str) -> SettleRequest {
    let mut request = request(name, source);
    if let Direction::ToAudienceManager(target) = &mut request.share.direction {
        target.description = Some(description.into());
    }
    request
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
#[tokio::test(start_paused = true)]
async fn a_declared_description_forges_no_mark(
    #[case] forged: &str,
    #[values(false, true)] in_the_source: bool,
) {
    let world = World::start();
    let victim = world.share("loyal", LOYAL_GAMERS).await;
    let victims = world.marked();
    let attack = if in_the_source {
        let forged = json!({"description": forged});
        world
            .simulator
            .patch_object("audiences", NEWSLETTER, &forged)
            .unwrap();
        request("attacker", NEWSLETTER)
    } else {
        described("attacker", NEWSLETTER, forged)
    };
    let settled = world.settle(attack).await;
    assert_eq!(settled.obstacle, None);
    let own = share_name("attacker");
    let made: Vec<_> = world
        .marked()
        .into_iter()
        .filter(|object| !victims.contains(object))
        .collect();
    assert_eq!(made.len(), 2);
    for object in made {
        let description = object["description"].as_str().unwrap();
        let Some(Mark::Audience { name, .. }) = Mark::read(description) else {
            panic!("{description}");
        };
        assert_eq!(name, own.name, "{description}");
    }
    world.engine.refresh().await.unwrap();
    let gone = world.retire("attacker", NEWSLETTER, &settled).await;
    assert_eq!(gone, Retired::Gone(Left::default()));
    assert_eq!(
        world.marked(),
        victims,
        "{:?} stands as it did",
        victim.standing
    );
}
