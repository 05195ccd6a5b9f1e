//! What the kinds of Audience Manager have in common on the wire. Unknown fields are passed over, unknown words are kept, a
//! record without its id or its location is none.

use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::identifier::IntegrationCode;
use audience_sharing_core::domain::text::resolve_entities;
use serde::Deserialize;

use crate::client::merge::is_escaped;
use crate::serde_helpers::optional_number;

/// Asks for what the credential may do with each (audience-manager.md §2.2).
pub(super) const PERMISSIONS: (&str, &str) = ("includePermissions", "true");

/// What the server owns on every kind of object (§2.4).
pub(super) fn is_server_owned(field: &str) -> bool {
    matches!(
        field,
        "pid" | "crUID" | "upUID" | "createTime" | "updateTime" | "permissions"
    )
}

pub(super) fn resolved(text: Box<str>) -> Box<str> {
    if text.contains('&') {
        resolve_entities(&text).into()
    } else {
        text
    }
}

/// How the texts of one object are read.
pub(super) fn reader(rule: &str) -> impl Fn(Box<str>) -> Box<str> + use<> {
    let escaped = is_escaped(rule);
    move |text| match escaped {
        true => resolved(text),
        false => text,
    }
}

pub(super) fn code(
    code: Option<Box<str>>,
    read: impl Fn(Box<str>) -> Box<str>,
) -> Option<IntegrationCode> {
    code.filter(|code| !code.is_empty())
        .map(|code| IntegrationCode::new(read(code)))
}

pub(super) fn activity(word: Option<Box<str>>) -> Activity {
    let word = word.unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "active" | "1" | "true" => Activity::Active,
        "inactive" | "0" | "false" => Activity::Inactive,
        _ => Activity::Other(word),
    }
}

/// One of two answers does not tell the status.
pub(super) fn is_unsaid(activity: &Activity) -> bool {
    *activity == Activity::Other("".into())
}

/// The id of a trait or a segment that else cannot be read.
pub(super) fn sid(element: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct WireSid {
        #[serde(default, deserialize_with = "optional_number")]
        sid: Option<u64>,
    }
    let WireSid { sid } = serde_json::from_slice(element).ok()?;
    sid
}
