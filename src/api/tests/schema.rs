//! What holds for every field of the definitions.

use serde_json::{Value, json};

use super::super::crd::definitions;

/// Calls `visit` with the path, the schema and whether it stands inside a list's items, for each schema of both kinds.
fn walk(visit: &mut impl FnMut(&str, &Value, bool)) {
    for definition in definitions().expect("the definitions encode") {
        let value = definition.as_value();
        let schema = &value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        descend(definition.name(), schema, false, visit);
    }
}

fn descend(path: &str, schema: &Value, in_list: bool, visit: &mut impl FnMut(&str, &Value, bool)) {
    visit(path, schema, in_list);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        descend(&format!("{path}.{name}"), field, in_list, visit);
    }
    if schema["items"].is_object() {
        descend(&format!("{path}[]"), &schema["items"], true, visit);
    }
}

#[test]
fn every_text_list_and_number_is_bounded() {
    let mut seen = 0;
    walk(&mut |path, schema, _| {
        seen += 1;
        let has = |key: &str| schema[key].is_u64();
        let bounded = match schema["type"].as_str() {
            Some("string") => {
                has("maxLength") || schema["enum"].is_array() || schema["format"] == "date-time"
            }
            Some("array") => has("maxItems") && schema["items"].is_object(),
            Some("integer") => has("minimum") && has("maximum"),
            Some("object") => schema["properties"].is_object(),
            Some("boolean") => true,
            _ => false,
        };
        // The server itself bounds these three.
        let is_outer = ["apiVersion", "kind", "metadata"]
            .iter()
            .any(|name| path.ends_with(name));
        assert!(bounded || is_outer, "{path}: {schema}");
    });
    assert!(seen > 60, "only {seen} fields were walked");
}

#[test]
fn every_field_is_described() {
    walk(&mut |path, schema, _| {
        let description = schema["description"].as_str().unwrap_or_default();
        // What a list of texts or numbers holds, the list says.
        let is_of_list = path.ends_with("[]") && schema["type"] != "object";
        assert!(
            description.ends_with('.') || is_of_list,
            "{path}: {description:?}"
        );
        assert!(!description.contains("Auto-generated"), "{path}");
    });
}

#[test]
fn no_field_is_nullable_and_no_list_item_has_a_default() {
    walk(&mut |path, schema, in_list| {
        assert!(schema.get("nullable").is_none(), "{path}");
        assert!(!in_list || schema.get("default").is_none(), "{path}");
    });
}

#[test]
fn lists_of_objects_are_keyed() {
    walk(&mut |path, schema, _| {
        if schema["items"]["type"] == "object" {
            assert_eq!(schema["x-kubernetes-list-type"], "map", "{path}");
        }
    });
}

#[test]
fn an_object_that_nobody_looked_at_reads_as_pending() {
    let mut seen = 0;
    walk(&mut |path, schema, _| {
        if path.ends_with(".dev.status") {
            seen += 1;
            let expected = json!({"conditions": [{
                "type": "Ready", "status": "Unknown", "reason": "Pending",
                "message": "Waiting for controller", "lastTransitionTime": "1970-01-01T00:00:00Z",
            }]});
            assert_eq!(schema["default"], expected, "{path}");
        }
    });
    assert_eq!(seen, 2);
}

#[test]
fn columns_and_short_names_are_those_of_the_contract() {
    let definitions = definitions().expect("the definitions encode");
    let described = definitions.iter().map(|definition| {
        let spec = &definition.as_value()["spec"];
        let columns = spec["versions"][0]["additionalPrinterColumns"].as_array();
        let columns = columns.into_iter().flatten().map(|column| {
            let name = column["name"].as_str().unwrap_or_default();
            match column["priority"].as_u64() {
                Some(_) => format!("({name})"),
                None => name.to_owned(),
            }
        });
        let columns = columns.collect::<Vec<_>>().join(" ");
        format!(
            "{} {} {} {}: {columns}",
            spec["names"]["shortNames"],
            spec["names"]["categories"],
            spec["scope"],
            spec["versions"][0]["selectableFields"][0]["jsonPath"],
        )
    });
    insta::assert_snapshot!(described.collect::<Vec<_>>().join("\n"), @r#"
    ["shc"] ["audience-sharing"] "Namespaced" ".spec.credentialsSecretRef.name": Organization Sandbox Ready Reason Age (Message)
    ["sha"] ["audience-sharing"] "Namespaced" ".spec.connectionRef.name": Direction Source Trait Segment Audience Ready Reason Age (Message)
    "#);
}
