//! The control port: the log, the state, faults, switches, the clock, and the hand of a person in the user interface.
//! Not part of any Adobe system, and nothing here is logged as a call.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Simulator;
use crate::calls::Call;
use crate::faults::Fault;
use crate::flags::Flags;

/// A state of 100,000 traits has some 60 MiB.
const STATE_BYTES_MAX: usize = 512 * 1024 * 1024;

pub(crate) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/calls", get(calls).delete(clear_calls))
        .route("/state", get(state).put(put_state))
        .route("/state/{collection}", post(create))
        .route("/state/{collection}/{id}", patch(edit).delete(delete))
        .route("/faults", post(add_faults).delete(clear_faults))
        .route("/flags", get(flags).put(put_flags))
        .route("/clock", post(advance))
        .route("/reset", post(reset))
        .layer(DefaultBodyLimit::max(STATE_BYTES_MAX))
        .with_state(simulator)
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

/// A body that is what it should be, or a 400 that says what is wrong with it.
fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Response> {
    serde_json::from_slice(body)
        .map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))
}

async fn calls(State(simulator): State<Simulator>) -> Json<Vec<Call>> {
    Json(simulator.calls())
}

async fn clear_calls(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear_calls();
    StatusCode::NO_CONTENT
}

async fn state(State(simulator): State<Simulator>) -> Json<Value> {
    Json(simulator.state())
}

async fn put_state(State(simulator): State<Simulator>, body: axum::body::Bytes) -> Response {
    let replaced = parse(&body).and_then(|document| {
        simulator
            .set_state(document)
            .map_err(|error| refused(StatusCode::BAD_REQUEST, &error))
    });
    done(replaced)
}

fn done(outcome: Result<(), Response>) -> Response {
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal,
    }
}

async fn create(
    State(simulator): State<Simulator>,
    Path(collection): Path<String>,
    body: axum::body::Bytes,
) -> Response {
    let created = parse(&body).and_then(|object| {
        simulator
            .create_object(&collection, object)
            .map_err(|error| refused(StatusCode::BAD_REQUEST, &error))
    });
    match created {
        Ok(object) => (StatusCode::CREATED, Json(object)).into_response(),
        Err(refusal) => refusal,
    }
}

async fn edit(
    State(simulator): State<Simulator>,
    Path((collection, id)): Path<(String, String)>,
    body: axum::body::Bytes,
) -> Response {
    let edited = parse(&body).and_then(|change: Value| {
        simulator
            .patch_object(&collection, &id, &change)
            .map_err(|error| refused(StatusCode::NOT_FOUND, &error))
    });
    match edited {
        Ok(object) => Json(object).into_response(),
        Err(refusal) => refusal,
    }
}

async fn delete(
    State(simulator): State<Simulator>,
    Path((collection, id)): Path<(String, String)>,
) -> Response {
    done(
        simulator
            .delete_object(&collection, &id)
            .map_err(|error| refused(StatusCode::NOT_FOUND, &error)),
    )
}

async fn add_faults(State(simulator): State<Simulator>, body: axum::body::Bytes) -> Response {
    let added = parse(&body).map(|faults: Vec<Fault>| {
        for fault in faults {
            simulator.add_fault(fault);
        }
    });
    done(added)
}

async fn clear_faults(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear_faults();
    StatusCode::NO_CONTENT
}

async fn flags(State(simulator): State<Simulator>) -> Json<Flags> {
    Json(simulator.flags())
}

async fn put_flags(State(simulator): State<Simulator>, body: axum::body::Bytes) -> Response {
    done(parse(&body).map(|flags| simulator.set_flags(flags)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

async fn advance(State(simulator): State<Simulator>, body: axum::body::Bytes) -> Response {
    done(parse(&body).map(|Advance { advance_ms }| {
        simulator.advance(Duration::from_millis(advance_ms));
    }))
}

async fn reset(State(simulator): State<Simulator>) -> StatusCode {
    simulator.reset();
    StatusCode::NO_CONTENT
}
