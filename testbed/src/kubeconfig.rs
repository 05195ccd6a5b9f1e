//! A kubeconfig for one user of one control plane, with everything inside: no other file is named in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::certificates::Pair;

/// JSON, which every reader of YAML reads too.
pub(crate) fn render(server: &str, authority: &str, user: &str, pair: &Pair) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {
            "server": server,
            "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": STANDARD.encode(&pair.certificate),
            "client-key-data": STANDARD.encode(&pair.key),
        }}],
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
