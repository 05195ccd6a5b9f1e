//! Custom resources as the API server hands them over, decoded without the schema's help.

use std::time::Duration;

use audience_sharing_operator::api::{SharedAudience, SharingConnection};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) fn resources(data: &[u8]) {
    decoded::<SharedAudience>(data);
    if let Some(connection) = decoded::<SharingConnection>(data) {
        let interval = connection.spec.resync_interval();
        // The schema's bounds are the API server's to hold; the default stands in for what is no duration at all.
        assert!(interval >= Duration::ZERO);
    }
}

/// What decodes is written as the same.
fn decoded<K: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(
    data: &[u8],
) -> Option<K> {
    let read: K = serde_json::from_slice(data).ok()?;
    let written = serde_json::to_vec(&read).expect("a resource is written");
    let again: K = serde_json::from_slice(&written).expect("what was written is read");
    assert_eq!(again, read);
    Some(read)
}
