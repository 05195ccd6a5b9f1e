//! A call that is one too many gets in line again (law L8): it fails neither its audience nor its connection, and nobody
//! else notices it but by waiting.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Budget, MINUTE, Refusal, calm, done_after, edit, standing_within, storm, unready};
use crate::choke_point::System;
use crate::fault::Fault;
use crate::operator::{World, audience};
use crate::run::on_virtual_time;
use crate::{verdict, virtual_time};

const COUNT: usize = 40;
const WORKING: usize = 20;

async fn world() -> World {
    standing_within(COUNT, WORKING, Budget::new(600, 10)).await
}

/// Edits, deletions and creations, and a full pass.
fn work(world: &World) {
    (0..WORKING / 2).for_each(|index| edit(world, index, 30));
    (WORKING..COUNT).for_each(|index| {
        let name = format!("audience-{index}");
        world.apply(audience(&name, &name));
    });
    world.look_now("audience-0");
}

/// What was reported since then that is neither good nor under way.
fn reported_failures(world: &World, since: u64) -> Vec<String> {
    let changes = world.cluster.changes().into_iter();
    let ours = changes.filter(|change| {
        change.version > since && change.key.resource.starts_with("audience-sharing.dev")
    });
    let reasons = ours.map(|change| (change.key.name, verdict::ready(&change.object).1));
    reasons
        .filter(|(_, reason)| {
            !matches!(
                reason.as_str(),
                "" | "Succeeded" | "Pending" | "Progressing" | "NotNeededYet"
            )
        })
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect()
}

#[rstest]
fn one_call_too_many_is_sent_again_and_reported_to_nobody(
    #[values(true, false)] retry_after: bool,
    #[values("POST", "GET", "PUT", "DELETE", "token")] call: &str,
) {
    on_virtual_time(async {
        let world = world().await;
        let version = world.cluster.version();
        let fault = Fault::Throttled { retry_after };
        match call {
            "token" => {
                let forgotten = Fault::Unauthorized;
                world.choke_point.plan_next(Method::GET, "/v1/", forgotten);
                world.choke_point.plan_next(Method::POST, "/ims/", fault);
            }
            method => {
                let method: Method = method.parse().unwrap();
                world.choke_point.plan_next(method, "/v1/", fault);
            }
        }
        work(&world);
        if call == "DELETE" {
            world.delete("audience-15");
        }
        done_after(&world, 2 * MINUTE).await.unwrap();
        let played = world.choke_point.played();
        let throttled = played.iter().filter(|(_, played)| *played == fault);
        assert_eq!(throttled.count(), 1);
        assert_eq!(reported_failures(&world, version), Vec::<String>::new());
    });
}

/// The answers of a storm that is over before it is long.
#[rstest]
#[case::too_many(429, None)]
#[case::with_a_time(429, Some("5"))]
#[case::unavailable_for_a_time(503, Some("5"))]
fn a_short_storm_is_waited_out_in_line(
    #[case] status: u16,
    #[case] retry_after: Option<&'static str>,
) {
    on_virtual_time(async {
        const BOTH: &[System] = &[System::AudienceManager, System::ExperiencePlatform];
        let world = world().await;
        let version = world.cluster.version();
        let refusal = Refusal {
            status,
            retry_after,
        };
        storm(&world, BOTH, refusal);
        work(&world);
        virtual_time::passes(Duration::from_secs(20)).await;
        calm(&world);
        done_after(&world, 3 * MINUTE).await.unwrap();
        assert!(unready(&world).is_empty());
        let failures = reported_failures(&world, version);
        assert_eq!(failures, Vec::<String>::new());
    });
}

/// A write that is refused with 503 and a time may have been taken: it is looked up, and made once.
#[test]
fn a_creation_that_a_server_puts_off_is_looked_up_and_made_once() {
    on_virtual_time(async {
        let world = world().await;
        let version = world.cluster.version();
        world.choke_point.set_proxy(Some(std::sync::Arc::new({
            let left = std::sync::atomic::AtomicUsize::new(3);
            move |call| {
                let fits = call.method == Method::POST && call.path.starts_with("/v1/traits");
                let taken = fits
                    && left
                        .fetch_update(
                            std::sync::atomic::Ordering::Relaxed,
                            std::sync::atomic::Ordering::Relaxed,
                            |left| left.checked_sub(1),
                        )
                        .is_ok();
                taken.then(|| crate::choke_point::failure(call.system, 503, "", Some("3")))
            }
        })));
        work(&world);
        done_after(&world, 3 * MINUTE).await.unwrap();
        assert_eq!(reported_failures(&world, version), Vec::<String>::new());
        let state = world.tenant();
        let twice = crate::standing::duplicates(crate::operator::OWNER, &state, false);
        assert_eq!(twice, Vec::<String>::new());
        let traits = state["traits"].as_array().unwrap().iter();
        let ours = traits.filter(|found: &&Value| {
            let text = found["description"].as_str().unwrap_or_default();
            text.contains("[audience-sharing:") && found["name"] != json!(null)
        });
        assert_eq!(ours.count(), COUNT);
    });
}
