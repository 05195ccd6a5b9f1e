//! What is made from the charts' schema of values, the definitions and the charts themselves, and is committed:
//! `make generate` writes it anew, and here it is compared.

#![expect(
    clippy::disallowed_methods,
    reason = "`make generate` tells by the environment that files are to be written"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::charts::{documents, schema};
use crate::rendered::{chart, helm};

const OPERATOR: &str = "audience-sharing-operator";
const DEFINITIONS: &str = "audience-sharing-operator-crds";

#[test]
fn what_is_generated_is_fresh() {
    let mut stale = Vec::new();
    // What is rendered reads what was copied.
    let copied = copied as fn() -> Vec<(PathBuf, String)>;
    for (path, text) in [copied, made].into_iter().flat_map(|part| part()) {
        let found = fs::read_to_string(&path).unwrap_or_default();
        if std::env::var_os("GENERATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        } else if found != text {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "run `make generate`: {stale:?}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn copied() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for file in fs::read_dir(root().join("crds")).unwrap() {
        let file = file.unwrap();
        let target = Path::new(&chart(DEFINITIONS))
            .join("files")
            .join(file.file_name());
        files.push((target, fs::read_to_string(file.path()).unwrap()));
    }
    files
}

fn made() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for (name, folder) in [(OPERATOR, "operator"), (DEFINITIONS, "crds")] {
        files.push((Path::new(&chart(name)).join("README.md"), readme(name)));
        let rendered = root().join("kustomize").join(folder).join("objects.yaml");
        files.push((rendered, plain(name)));
    }
    files
}

/// Where the owner id stands in a Deployment that Helm does not render: a ConfigMap that whoever installs it makes. Without
/// it no container starts.
const OWNER_FROM_CONFIG_MAP: &str = r#"extraEnv=[{"name": "OWNER_ID", "valueFrom": {"configMapKeyRef": {"name": "audience-sharing-owner", "key": "ownerId"}}}]"#;

/// The chart's objects by its defaults.
pub(crate) fn rendered(name: &str) -> String {
    let namespace = "--namespace=audience-sharing-system";
    let chart = chart(name);
    let template = ["template", OPERATOR, &chart, namespace];
    match name {
        OPERATOR => {
            let owner = [
                "--set=ownerId=OWNER_ID",
                "--set-json",
                OWNER_FROM_CONFIG_MAP,
            ];
            // The kubelet puts the value in.
            helm(&[&template[..], &owner].concat())
                .replace("--owner-id=OWNER_ID", "--owner-id=$(OWNER_ID)")
        }
        _ => helm(&template),
    }
}

/// The same without what only Helm reads.
fn plain(name: &str) -> String {
    let rendered = rendered(name);
    let mut text = String::from("# Made from the chart by `make generate`.\n");
    for line in rendered.lines() {
        let of_helm = [
            "helm.sh/chart:",
            "app.kubernetes.io/managed-by:",
            "# Source:",
        ];
        if !of_helm
            .iter()
            .any(|start| line.trim_start().starts_with(start))
        {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn readme(name: &str) -> String {
    let manifest = fs::read_to_string(Path::new(&chart(name)).join("Chart.yaml")).unwrap();
    let manifest = documents(&manifest).remove(0);
    let mut text = format!(
        "# {name}\n\n{}\n\n## Values\n\n| Value | Default | |\n|---|---|---|\n",
        manifest["description"].as_str().unwrap()
    );
    rows(&schema(name), "", &mut text);
    text.push_str("\nMade from `values.schema.json` by `make generate`.\n");
    text
}

fn rows(schema: &Value, prefix: &str, text: &mut String) {
    for (name, property) in schema["properties"].as_object().unwrap() {
        let path = format!("{prefix}{name}");
        if property.get("properties").is_some() {
            rows(property, &format!("{path}."), text);
        } else if let Some(description) = property["description"].as_str() {
            writeln!(
                text,
                "| `{path}` | `{}` | {description} |",
                property["default"]
            )
            .unwrap();
        }
    }
}
