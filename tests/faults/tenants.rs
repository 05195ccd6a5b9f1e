//! Tenants that worlds begin with.

use std::time::Duration;

use adobe_simulator::{Options, Preset, Seed, Simulator};
use serde_json::{Value, json};

/// The readings of the references that every world starts with. A test that asks for others sets them itself.
pub(crate) const PRESET: Preset = Preset::Hostile;

/// The realistic tenant as the simulator serves it, for a credential with this secret.
pub(crate) fn realistic(client_secret: &str) -> Value {
    of(Seed::realistic(), client_secret)
}

/// A tenant as the simulator serves it, for a credential with this secret.
pub(crate) fn of(seed: Seed, client_secret: &str) -> Value {
    let simulator = Simulator::new(Options {
        latency: Duration::ZERO,
        seed: Some(seed),
        preset: PRESET,
    });
    let mut state = simulator.state();
    for credential in state["credentials"].as_array_mut().unwrap() {
        credential["clientSecret"] = json!(client_secret);
    }
    state
}

/// The same with `count` more audiences, `audience-0` and so on.
pub(crate) fn with_audiences(count: usize, client_secret: &str) -> Value {
    let mut state = realistic(client_secret);
    let audiences = state["audiences"].as_array_mut().unwrap();
    let template = audiences[0].clone();
    audiences.extend((0..count).map(|index| {
        let mut audience = template.clone();
        let id = format!("audience-{index}");
        audience["id"] = json!(id);
        audience["audienceId"] = json!(id);
        audience["name"] = json!(format!("Audience {index}"));
        audience
    }));
    state
}
