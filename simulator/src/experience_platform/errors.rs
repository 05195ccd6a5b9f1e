//! The UPS error envelope (experience-platform.md §3.6), and the error of the external audiences service (§3.8).

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::exchange::Answer;
use crate::flags::ExternalAudienceErrors;
use crate::store::text_of;
use crate::world::World;

pub(crate) fn envelope(request_id: &str, status: u16, suffix: &str, message: &str) -> Answer {
    with_entries(request_id, status, suffix, &[message], json!(status))
}

fn with_entries(
    request_id: &str,
    status: u16,
    suffix: &str,
    messages: &[&str],
    code: Value,
) -> Answer {
    let entries: Vec<Value> = messages
        .iter()
        .map(|message| json!({"code": code, "message": message}))
        .collect();
    let title = messages.first().copied().unwrap_or_default();
    Answer::json(
        status,
        json!({
            "requestId": request_id,
            "errors": {status.to_string(): entries},
            "type": format!("https://ns.adobe.com/aep/errors/{suffix}"),
            "title": title.trim_end_matches('.'),
            "status": status,
        }),
    )
}

pub(crate) fn bad_request(world: &mut World, suffix: &str, message: &str) -> Answer {
    refusal(world, 400, suffix, message)
}

pub(crate) fn not_found(world: &mut World, suffix: &str, message: &str) -> Answer {
    refusal(world, 404, suffix, message)
}

pub(crate) fn refusal(world: &mut World, status: u16, suffix: &str, message: &str) -> Answer {
    envelope(&world.uuid(), status, suffix, message)
}

pub(crate) fn no_audience(world: &mut World, id: &str) -> Answer {
    not_found(
        world,
        "UPAPI-113430-404",
        &format!("Audience entity {id} not found."),
    )
}

/// A rule of the audience itself is broken.
pub(crate) fn validation(world: &mut World, what: &str) -> Answer {
    bad_request(
        world,
        "UPAPI-113434-400",
        &format!("There is a problem in audience validation. {what}"),
    )
}

/// The body cannot be read as what the call wants; one entry for each reason.
pub(crate) fn unreadable(world: &mut World, messages: &[&str]) -> Answer {
    with_entries(&world.uuid(), 400, "UPLIB-101206-500", messages, json!(400))
}

/// Attribute-based access control; its code is a text.
pub(crate) fn access_denied(
    world: &mut World,
    caller: &Caller,
    audience: Option<&str>,
    action: &str,
) -> Answer {
    let sandbox = text_of(&caller.sandbox, "name").unwrap_or_default();
    let mut uri = format!("/orgs/{}/sandboxes/{sandbox}/segments", caller.organization);
    if let Some(id) = audience {
        uri = format!("{uri}/{id}");
    }
    let resource = json!([{"resource": {"uri": uri, "labels": []}, "action": action}]);
    let message = format!("Access denied: {resource}");
    with_entries(
        &world.uuid(),
        403,
        "UPAPI-113752-403",
        &[&message],
        json!("UPAPI-113752-403"),
    )
}

/// An error of the external audiences service: only its codes and their names are documented, the body is a guess with
/// a switch.
pub(crate) fn external(world: &World, code: &str, status: u16, detail: &str) -> Answer {
    let code = format!("{code}-{status}");
    let title = match status {
        400 => "BAD_REQUEST",
        401 => "UNAUTHORIZED",
        404 => "NOT_FOUND",
        409 => "DUPLICATE_RESOURCE",
        422 => "UNPROCESSABLE_ENTITY",
        502 => "BAD_GATEWAY",
        _ => "INTERNAL_SERVER_ERROR",
    };
    let body = match world.flags.external_audiences.errors {
        ExternalAudienceErrors::Code => json!({"error_code": code, "message": detail}),
        ExternalAudienceErrors::Problem => json!({
            "type": format!("https://ns.adobe.com/aep/errors/AIS-{code}"),
            "title": title,
            "status": status,
            "detail": detail,
        }),
    };
    Answer::json(status, body)
}

/// The gateway's other shape (experience-platform.md §1.4, the content type).
pub(crate) fn problem(status: u16, title: &str, detail: &str) -> Answer {
    Answer::json(
        status,
        json!({"type": "/placeholder/type/uri", "status": status, "title": title, "detail": detail}),
    )
}
