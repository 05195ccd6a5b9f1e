//! The custom resources without an API server: rules, bounds, defaults, generated files and examples.

mod examples;
mod generated;
mod rules;
mod schema;
mod values;

use kube::core::cel::ValidationErrors;
use serde_json::{Value, json};

use super::{SharedAudience, SharingConnection};

/// A connection with the required fields alone.
fn connection() -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1",
        "kind": "SharingConnection",
        "metadata": {"name": "acme", "namespace": "marketing"},
        "spec": {
            "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg",
            "credentialsSecretRef": {"name": "adobe-oauth"},
            "experiencePlatform": {"sandbox": "prod"},
        },
    })
}

/// An audience with the required fields alone.
fn audience() -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1",
        "kind": "SharedAudience",
        "metadata": {"name": "loyal-gamers", "namespace": "marketing"},
        "spec": {
            "connectionRef": {"name": "acme"},
            "source": {"experiencePlatform": {"id": "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11"}},
        },
    })
}

/// `base` with a JSON merge patch: null takes a field out.
fn patched(mut base: Value, patch: &Value) -> Value {
    match (&mut base, patch) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                match (fields.remove(name), change) {
                    (_, Value::Null) => {}
                    (old, change) => {
                        let changed = patched(old.unwrap_or(Value::Null), change);
                        fields.insert(name.clone(), changed);
                    }
                }
            }
            base
        }
        (_, Value::Object(_)) => patched(json!({}), patch),
        _ => patch.clone(),
    }
}

/// Runs the rules of the kind that the manifest names; on creation without `old`.
fn validate(manifest: &Value, old: Option<&Value>) -> Result<(), ValidationErrors> {
    match manifest["kind"].as_str() {
        Some("SharingConnection") => {
            let new: SharingConnection = decode(manifest);
            old.map_or_else(
                || new.validate_cel(),
                |old| new.validate_cel_update(&decode(old)),
            )
        }
        Some("SharedAudience") => {
            let new: SharedAudience = decode(manifest);
            old.map_or_else(
                || new.validate_cel(),
                |old| new.validate_cel_update(&decode(old)),
            )
        }
        kind => panic!("no custom resource: {kind:?}"),
    }
}

/// With the counters of its `Arc` it fills one size of the allocator; a byte more takes the next, 256 bytes for each of
/// thousands.
#[test]
fn a_cached_audience_fits_its_room() {
    let counters = 2 * size_of::<usize>();
    assert!(size_of::<SharedAudience>() + counters <= 1_024);
}

fn decode<T: serde::de::DeserializeOwned>(manifest: &Value) -> T {
    serde_json::from_value(manifest.clone()).expect("the manifest decodes")
}
