//! Audience Manager's own error body `{code, message, childMessages}` (audience-manager.md §2.3).

use serde_json::{Value, json};

use crate::exchange::{Answer, Payload};
use crate::store::Kind;
use crate::world::World;

pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(
        status,
        json!({"code": code, "message": message, "childMessages": []}),
    )
}

/// Without a code: nobody saw one for it.
pub(crate) fn plain(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({"message": message}))
}

pub(crate) fn invalid(message: &str) -> Answer {
    refusal(400, "BAD_REQUEST", message)
}

pub(crate) fn not_found(kind: Kind) -> Answer {
    let what = match kind {
        Kind::DataSources => "Data source",
        Kind::Traits => "Trait",
        Kind::Segments => "Segment",
        Kind::Destinations => "Destination",
        Kind::Mappings => "Mapping",
        Kind::Models => "Model",
        Kind::DerivedSignals => "Derived signal",
        _ => "Folder",
    };
    refusal(404, "NOT_FOUND", &format!("{what} not found"))
}

pub(crate) fn limit_reached(world: &World, message: &str) -> Answer {
    let status = world.flags.audience_manager.item_limit_status;
    refusal(status, "RESOURCE_LIMIT_EXCEEDED", message)
}

/// A company that does not own the object.
pub(crate) fn not_yours() -> Answer {
    refusal(
        403,
        "ACCESS_DENIED",
        "The user is not authorized to perform this operation",
    )
}

/// The first refusal of a bulk call, with one child message for each.
pub(crate) fn several(first: &Answer, all: &[(u64, Answer)]) -> Answer {
    let children: Vec<String> = all
        .iter()
        .map(|(id, refusal)| format!("{id}: {}", member(refusal, "message")))
        .collect();
    Answer::json(
        first.status,
        json!({
            "code": member(first, "code"),
            "message": member(first, "message"),
            "childMessages": children,
        }),
    )
}

fn member<'a>(answer: &'a Answer, name: &str) -> &'a str {
    match &answer.payload {
        Payload::Json(body) => body.get(name).and_then(Value::as_str).unwrap_or_default(),
        Payload::Empty | Payload::Text { .. } => "",
    }
}
