//! A kubeconfig for one user of one control plane, with everything inside: no other file is named in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::certificates::Pair;

/// JSON, which every reader of YAML reads too.
pub(crate) fn render(server: &str, authority: &str, user: &str, pair: &Pair) -> String {
    let identity = json!({
        "client-certificate-data": STANDARD.encode(&pair.certificate),
        "client-key-data": STANDARD.encode(&pair.key),
    });
    render_encrypted(server, authority, user, &identity)
}

/// For the holder of a bearer token.
pub(crate) fn render_token(server: &str, authority: &str, token: &str) -> String {
    render_encrypted(server, authority, "token", &json!({"token": token}))
}

fn render_encrypted(server: &str, authority: &str, user: &str, identity: &Value) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {
            "server": server,
            "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{"name": user, "user": identity}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
    })
    .to_string()
}

/// For an address that takes everybody, in the clear.
pub(crate) fn render_open(server: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {"server": server}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "nobody"}}],
    })
    .to_string()
}
