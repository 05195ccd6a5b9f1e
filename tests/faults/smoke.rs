//! x
use crate::operator::*;
use adobe_simulator::Seed;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn smoke() {
    let started = std::time::Instant::now();
    let world = World::new(seed());
    world.apply(secret());
    world.apply(connection("acme"));
    world.apply(audience("loyal", "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11"));
    world.start_operator();
    tokio::time::sleep(Duration::from_secs(60)).await;
    for call in world.choke_point.calls() {
        println!("{call} {:?}", call.at.elapsed());
    }
    println!("{:#}", world.audience("loyal"));
    tokio::time::sleep(Duration::from_secs(1200)).await;
    println!("{} {:?}", world.choke_point.count(), started.elapsed());
    println!("{:?}", world.choke_point.violations());
}

fn seed() -> Seed {
    let simulator = adobe_simulator::Simulator::new(adobe_simulator::Options {
        latency: Duration::ZERO,
        seed: Some(Seed::realistic()),
    });
    let mut state = simulator.state();
    for credential in state["credentials"].as_array_mut().unwrap() {
        credential["clientSecret"] = serde_json::json!(SECRET);
    }
    Seed::try_from(state).unwrap()
}
