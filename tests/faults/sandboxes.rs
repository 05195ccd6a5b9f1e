//! The sandbox of a connection: found on whichever page of the list it stands, and missed whichever way a service says so.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::failures::answers::set_flags;
use crate::operations::LOYAL_GAMERS;
use crate::operator::{World, audience, connection, secret, seed};
use crate::run::{LOOK, on_virtual_time};
use crate::verdict::{ends_well, ready};
use crate::virtual_time;

fn set_state(world: &World, sandbox_state: &str) {
    let mut state = world.simulator.state();
    for sandbox in state["sandboxes"].as_array_mut().unwrap() {
        sandbox["state"] = json!(sandbox_state);
    }
    world.simulator.set_state(state).unwrap();
}

#[rstest]
#[case::of_one_page(49)]
#[case::of_two_pages(50)]
#[case::of_three_pages(149)]
fn the_sandbox_of_a_later_page_is_found(#[case] others: usize) {
    on_virtual_time(async {
        let mut state = seed();
        let sandboxes = state["sandboxes"].as_array_mut().unwrap();
        let is_prod = |sandbox: &Value| sandbox["name"] == "prod";
        let prod = sandboxes.iter().find(|found| is_prod(found));
        let prod = prod.unwrap().clone();
        sandboxes.clear();
        let other = |index: usize| {
            let mut other = prod.clone();
            other["name"] = json!(format!("a-{index:03}"));
            other["id"] = json!(format!("00000000-0000-4000-8000-{index:012}"));
            other["isDefault"] = json!(false);
            other
        };
        sandboxes.extend((0..others).map(other));
        sandboxes.push(prod.clone());
        let world = World::new(state);
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience("loyal", LOYAL_GAMERS));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let connection = &world.connections()[0];
        assert_eq!(ready(connection).0, "True", "{}", connection["status"]);
        ends_well(&world).await;
    });
}

/// Between two passes, when nothing but a look at one audience meets the refusal: the source is not gone, and nothing that
/// was made of it is deleted.
#[rstest]
fn a_sandbox_that_is_refused_is_missing_and_takes_no_source_with_it(
    #[values(403, 404)] status: u16,
) {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        let mut loyal = audience("loyal", LOYAL_GAMERS);
        loyal["spec"]["sourceGonePolicy"] = json!("Delete");
        world.apply(loyal);
        world.start_operator();
        ends_well(&world).await;
        let made: Value = world.tenant()["traits"].clone();

        set_flags(
            &world,
            &json!({"experiencePlatform": {"unknownSandboxStatus": status}}),
        );
        set_state(&world, "inactive");
        world.look_now("loyal");
        virtual_time::passes(Duration::from_secs(1_800)).await;
        assert_eq!(ready(&world.connections()[0]).1, "SandboxNotFound");
        assert_eq!(world.tenant()["traits"], made);
        set_state(&world, "active");
        virtual_time::passes(LOOK).await;
        ends_well(&world).await;
    });
}
