//! What the external audiences service works on after it has answered (experience-platform.md §3.8): operations, at
//! whose end an audience is there, and runs, which take files in and change no definition.

use serde_json::{Value, json};

use super::common::in_sandbox;
use super::external_audiences::{begin, find, missing, set};
use super::{audience, audiences, errors};
use crate::exchange::Answer;
use crate::schedule::DUE;
use crate::service::Ask;
use crate::store::{Kind, Object, object_of, text_of, value_of};
use crate::world::World;

/// Members that are kept with an operation or a run and never shown.
const HIDDEN: [&str; 4] = [DUE, "audience", "imsOrgId", "sandbox"];

type Result<T> = std::result::Result<T, Answer>;

/// Takes the moment away and answers the object, unless it is gone or ended by a person.
fn ending(world: &World, kind: Kind, id: &str) -> Option<Object> {
    let mut object = world.store.text(kind, id)?.clone();
    object.remove(DUE)?;
    object.insert("updatedAt".to_owned(), json!(world.now_ms() / 1000));
    Some(object)
}

pub(crate) fn end_operation(world: &mut World, id: &str) {
    let kind = Kind::ExternalAudienceOperations;
    let Some(mut operation) = ending(world, kind, id) else {
        return;
    };
    let Some(Value::Object(audience)) = operation.remove("audience") else {
        return;
    };
    let taken = world
        .store
        .with_code(
            Kind::Audiences,
            text_of(&audience, "audienceId").unwrap_or_default(),
        )
        .into_iter()
        .any(|other| {
            ["namespace", "sandbox"]
                .iter()
                .all(|field| other.get(*field) == audience.get(*field))
        });
    let failed = taken || world.flags.external_audiences.operation_fails;
    if failed {
        operation.insert("status".to_owned(), json!("FAILED"));
    } else {
        operation.insert("status".to_owned(), json!("SUCCESS"));
        let id = value_of(&audience, "id");
        operation.insert("audienceId".to_owned(), id);
        let mut audience = audience;
        audience::touch(world, &mut audience);
        audiences::insert(world, audience);
    }
    set(world, kind, operation);
}

pub(crate) fn end_run(world: &mut World, id: &str) {
    let kind = Kind::ExternalAudienceRuns;
    let Some(mut run) = ending(world, kind, id) else {
        return;
    };
    let status = match world.flags.external_audiences.operation_fails {
        true => "FAILED",
        false => "SUCCESS",
    };
    run.insert("status".to_owned(), json!(status));
    let stages = ["DATASET_INGEST", "PROFILE_STORE_INGEST"];
    let details =
        stages.map(|stage| json!({"stage": stage, "status": status, "flowRunId": world.uuid()}));
    run.insert("details".to_owned(), json!(details));
    set(world, kind, run);
}

fn view(object: &Object) -> Value {
    let mut shown = object.clone();
    shown.retain(|field, _| !HIDDEN.contains(&field.as_str()));
    Value::Object(shown)
}

pub(crate) fn get_operation(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let id = ask.parameter(0);
    world
        .store
        .text(Kind::ExternalAudienceOperations, id)
        .filter(|operation| in_sandbox(operation, &ask.caller))
        .map(|operation| Answer::json(200, view(operation)))
        .ok_or_else(|| missing(world, &format!("The operation {id}")))
}

/// Takes files in. Only one run of an audience at a time.
pub(crate) fn create_run(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let audience = find(world, ask)?;
    let window = |field: &str| ask.body.get(field).and_then(Value::as_u64);
    let Some(start) = window("dataFilterStartTime") else {
        return Err(errors::external(
            world,
            "100910",
            400,
            "dataFilterStartTime is required.",
        ));
    };
    let busy = runs_of(world, &audience).any(|run| text_of(run, "status") == Some("PROCESSING"));
    if busy {
        return Err(errors::external(
            world,
            "100960",
            422,
            "A run of the audience is in progress.",
        ));
    }
    let due_ms = world
        .now_ms()
        .saturating_add(world.flags.external_audiences.operation_ms);
    let run = object_of([
        ("audienceName", value_of(&audience, "name")),
        ("audienceId", value_of(&audience, "id")),
        ("runId", json!(world.uuid())),
        ("differentialIngestion", json!(true)),
        ("dataFilterStartTime", json!(start)),
        ("dataFilterEndTime", json!(window("dataFilterEndTime"))),
        ("createdAt", json!(world.now_ms() / 1000)),
        (
            "createdBy",
            json!(format!("{}@techacct.adobe.com", ask.caller.client_id)),
        ),
        ("status", json!("PROCESSING")),
        ("details", json!([])),
        (DUE, json!(due_ms)),
    ]);
    let mut shown = view(&run);
    if let Some(members) = shown.as_object_mut() {
        // The answer to the start says nothing yet (§3.8).
        members.retain(|field, _| field != "status" && field != "details");
    }
    begin(world, Kind::ExternalAudienceRuns, run);
    Ok(Answer::json(200, shown))
}

pub(crate) fn list_runs(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let audience = find(world, ask)?;
    let mut runs: Vec<Value> = runs_of(world, &audience).map(view).collect();
    if ask.empty_list {
        runs.clear();
    }
    Ok(Answer::json(200, json!({"runs": runs})))
}

pub(crate) fn get_run(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let audience = find(world, ask)?;
    let id = ask.parameter(1);
    runs_of(world, &audience)
        .find(|run| text_of(run, "runId") == Some(id))
        .map(|run| Answer::json(200, view(run)))
        .ok_or_else(|| missing(world, &format!("The run {id}")))
}

fn runs_of<'a>(world: &'a World, audience: &'a Object) -> impl Iterator<Item = &'a Object> {
    let runs = world.store.all(Kind::ExternalAudienceRuns);
    runs.filter(|run| run.get("audienceId") == audience.get("id"))
}
