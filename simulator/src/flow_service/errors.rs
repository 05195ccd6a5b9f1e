//! The errors of Flow Service: `errorMessage` and `errorDetails`; a gateway's code is a number here
//! (experience-platform.md §5.7). The bodies of 400 and 403 are a guess.

use serde_json::{Value, json};

use crate::exchange::{Answer, Payload};

pub(crate) fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        json!({"errorMessage": message, "errorDetails": message}),
    )
}

pub(crate) fn forbidden() -> Answer {
    refusal(403, "The caller is not authorized for this operation")
}

pub(crate) fn no_flow(id: &str) -> Answer {
    refusal(404, &format!("flows not found with id = [{id}]"))
}

pub(crate) fn stale(supplied: &str, current: &str) -> Answer {
    refusal(
        412,
        &format!(
            "Supplied version=[{supplied}] does not match the current version on entity=[{current}]"
        ),
    )
}

pub(crate) fn numbered(mut refusal: Answer) -> Answer {
    if let Payload::Json(body) = &mut refusal.payload
        && let Some(number) = body["error_code"]
            .as_str()
            .and_then(|code| code.parse::<u64>().ok())
    {
        body["error_code"] = Value::from(number);
    }
    refusal
}
