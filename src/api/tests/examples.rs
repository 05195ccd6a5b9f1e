//! The manifests that a user copies: each decodes, keeps every field, and breaks no rule.

use rstest::rstest;
use serde_json::Value;

use super::super::{SharedAudience, SharingConnection};
use super::{decode, validate};

#[rstest]
#[case::connection(include_str!("../../../examples/connection.yaml"))]
#[case::audience(include_str!("../../../examples/audience.yaml"))]
#[case::by_name(include_str!("../../../examples/audience-by-name.yaml"))]
#[case::additional_segments(include_str!("../../../examples/audience-additional-segments.yaml"))]
#[case::labelled(include_str!("../../../examples/audience-labelled.yaml"))]
#[case::destinations(include_str!("../../../examples/audience-destinations.yaml"))]
#[case::third_party_data(include_str!("../../../examples/audience-third-party-data.yaml"))]
#[case::segment_to_experience_platform(
    include_str!("../../../examples/segment-to-experience-platform.yaml")
)]
#[case::trait_to_experience_platform(
    include_str!("../../../examples/trait-to-experience-platform.yaml")
)]
#[case::definition_over_connector(
    include_str!("../../../examples/segment-definition-over-connector.yaml")
)]
#[case::observe(include_str!("../../../examples/audience-observe.yaml"))]
fn an_example_decodes_whole_and_breaks_no_rule(#[case] yaml: &str) {
    let manifest: Value = serde_saphyr::from_str(yaml).expect("the example is one document");
    assert_eq!(validate(&manifest, None), Ok(()));
    let read = match manifest["kind"].as_str() {
        Some("SharingConnection") => serde_json::to_value(decode::<SharingConnection>(&manifest)),
        _ => serde_json::to_value(decode::<SharedAudience>(&manifest)),
    };
    assert_kept("", &manifest, &read.expect("the resource encodes"));
}

/// A field that the type does not know would be lost in silence.
fn assert_kept(path: &str, written: &Value, read: &Value) {
    match written {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, inner)| assert_kept(&format!("{path}.{name}"), inner, &read[name])),
        Value::Array(items) => {
            for (place, inner) in items.iter().enumerate() {
                assert_kept(&format!("{path}[{place}]"), inner, &read[place]);
            }
        }
        _ => assert_eq!(written, read, "{path}"),
    }
}

#[test]
fn the_namespace_and_the_secret_are_what_the_connection_names() {
    let read = |yaml: &str| -> Value { serde_saphyr::from_str(yaml).expect("one document") };
    let namespace = read(include_str!("../../../examples/namespace.yaml"));
    let secret = read(include_str!("../../../examples/secret.yaml"));
    let connection = read(include_str!("../../../examples/connection.yaml"));
    assert_eq!(
        namespace["metadata"]["name"],
        connection["metadata"]["namespace"]
    );
    assert_eq!(
        secret["metadata"]["namespace"],
        connection["metadata"]["namespace"]
    );
    assert_eq!(
        secret["metadata"]["name"],
        connection["spec"]["credentialsSecretRef"]["name"]
    );
    assert!(secret["stringData"]["clientId"].is_string());
    assert!(secret["stringData"]["clientSecret"].is_string());
}
