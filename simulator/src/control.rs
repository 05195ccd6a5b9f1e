//! The control port: the log, the state, faults, switches, the clock, and the hand of a person in the user interface.
//! Not part of any Adobe system, and nothing here is logged as a call.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Simulator;
use crate::calls::Call;
use crate::changes::Change;
use crate::faults::Fault;
use crate::flags::Flags;
use crate::person::Copying;

/// A state of 100,000 traits has some 60 MiB.
const STATE_BYTES_MAX: usize = 512 * 1024 * 1024;

impl Simulator {
    /// The control port; the crate's documentation lists its paths.
    pub fn control(&self) -> Router {
        router(self.clone())
    }
}

fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/calls", get(calls).delete(clear_calls))
        .route("/changes", get(changes))
        .route("/copies", put(put_copies))
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

/// Why a request is refused; the text names what to mend.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad_request(message: impl ToString) -> Self {
        Self(StatusCode::BAD_REQUEST, message.to_string())
    }

    fn not_found(message: String) -> Self {
        Self(StatusCode::NOT_FOUND, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

/// A body that is what it should be, or a 400 that says what is wrong with it.
fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(Refusal::bad_request)
}

async fn calls(State(simulator): State<Simulator>) -> Json<Vec<Call>> {
    Json(simulator.calls())
}

async fn clear_calls(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear_calls();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    #[serde(default)]
    since: u64,
}

async fn changes(
    State(simulator): State<Simulator>,
    Query(Since { since }): Query<Since>,
) -> Json<Vec<Change>> {
    Json(simulator.changes(since))
}

async fn put_copies(
    State(simulator): State<Simulator>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let copies: Vec<Copying> = parse(&body)?;
    simulator.copy_created(copies);
    Ok(StatusCode::NO_CONTENT)
}

async fn state(State(simulator): State<Simulator>) -> Json<Value> {
    Json(simulator.state())
}

async fn put_state(State(simulator): State<Simulator>, body: Bytes) -> Result<StatusCode, Refusal> {
    simulator
        .set_state(parse(&body)?)
        .map_err(Refusal::bad_request)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn create(
    State(simulator): State<Simulator>,
    Path(collection): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let object = simulator
        .create_object(&collection, parse(&body)?)
        .map_err(Refusal::bad_request)?;
    Ok((StatusCode::CREATED, Json(object)))
}

async fn edit(
    State(simulator): State<Simulator>,
    Path((collection, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let change: Value = parse(&body)?;
    simulator
        .patch_object(&collection, &id, &change)
        .map(Json)
        .map_err(Refusal::not_found)
}

async fn delete(
    State(simulator): State<Simulator>,
    Path((collection, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    simulator
        .delete_object(&collection, &id)
        .map_err(Refusal::not_found)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_faults(
    State(simulator): State<Simulator>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let faults: Vec<Fault> = parse(&body)?;
    for fault in faults {
        simulator.add_fault(fault);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear_faults();
    StatusCode::NO_CONTENT
}

async fn flags(State(simulator): State<Simulator>) -> Json<Flags> {
    Json(simulator.flags())
}

async fn put_flags(State(simulator): State<Simulator>, body: Bytes) -> Result<StatusCode, Refusal> {
    simulator
        .lay_flags(&parse(&body)?)
        .map_err(Refusal::bad_request)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

async fn advance(State(simulator): State<Simulator>, body: Bytes) -> Result<StatusCode, Refusal> {
    let Advance { advance_ms } = parse(&body)?;
    simulator.advance(Duration::from_millis(advance_ms));
    Ok(StatusCode::NO_CONTENT)
}

async fn reset(State(simulator): State<Simulator>) -> StatusCode {
    simulator.reset();
    StatusCode::NO_CONTENT
}
