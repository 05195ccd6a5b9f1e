//! The generated files in the repository are those that the types give now.

use super::super::crd::{Definition, definitions};
use super::super::reference;
use super::super::{GROUP, VERSION};

const STALE: &str = "is not what the types give; run `make generate` and commit the result";

fn all() -> Vec<Definition> {
    definitions().expect("the definitions encode")
}

#[test]
fn the_definitions_are_up_to_date() {
    let committed = [
        include_str!("../../../crds/sharingconnections.audience-sharing.dev.yaml"),
        include_str!("../../../crds/sharedaudiences.audience-sharing.dev.yaml"),
    ];
    for (definition, committed) in all().iter().zip(committed) {
        let generated = definition.to_yaml().expect("a definition encodes");
        assert!(
            generated == committed,
            "crds/{}.yaml {STALE}",
            definition.name()
        );
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let generated = reference::markdown(&all()).expect("the reference formats");
    let committed = include_str!("../../../docs/reference.md");
    assert!(generated == committed, "docs/reference.md {STALE}");
}

#[test]
fn the_yaml_reads_back_as_the_same_definition() {
    for definition in all() {
        let yaml = definition.to_yaml().expect("a definition encodes");
        let read: serde_json::Value = serde_saphyr::from_str(&yaml).expect("the YAML decodes");
        assert_eq!(&read, definition.as_value());
        let resource = definition.to_resource().expect("the definition decodes");
        assert_eq!(resource.spec.group, GROUP);
        assert_eq!(resource.spec.versions[0].name, VERSION);
    }
}
