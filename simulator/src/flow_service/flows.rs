//! Flows, their target connections and their runs: lists, reads, and the change of what a flow selects
//! (experience-platform.md §5.7). The source connector's flow is no object: it is there while the connector is.

use serde_json::{Value, json};

use super::catalog::{
    AUDIENCE_MANAGER, EXPERIENCE_CLOUD_AUDIENCES, FROM_AUDIENCE_MANAGER, PROFILE_SERVICE,
    TO_PROFILE_DESTINATION,
};
use super::selection::{
    SELECTORS, audience_of, id_of, is_to_experience_cloud, sandbox_named, selected, takes,
};
use super::{errors, lists};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::experience_platform::json_patch;
use crate::flags::{FlowChanges, SecondSelection, UntakenAudience};
use crate::service::Ask;
use crate::state::Access;
use crate::store::{Key, Kind, Object, object_of, text_of, value_of};
use crate::world::World;

type Result<T> = std::result::Result<T, Answer>;

/// Who changes a flow, whatever the client: a service of Adobe's.
const SERVICE_ACCOUNT: &str = "acp_foundation_connectors";

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let mut flows = in_sandbox(world, &ask.caller, Kind::Flows);
    flows.extend(of_connector(world, &ask.caller));
    let whole = world.flags.flow_service.list_whole;
    lists::page(ask, "flows", flows, (!whole).then_some("transformations"))
}

pub(crate) fn list_target_connections(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let connections = in_sandbox(world, &ask.caller, Kind::TargetConnections);
    lists::page(ask, "targetConnections", connections, None)
}

pub(crate) fn list_runs(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let runs = in_sandbox(world, &ask.caller, Kind::FlowRuns);
    lists::page(ask, "runs", runs, None)
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let id = ask.parameter(0);
    let stored = find(world, &ask.caller, id);
    let of_connector =
        || of_connector(world, &ask.caller).filter(|flow| text_of(flow, "id") == Some(id));
    let flow = stored.or_else(of_connector);
    flow.map(|flow| Answer::json(200, json!({"items": [flow]})))
        .ok_or_else(|| errors::no_flow(id))
}

/// A JSON Patch whose operations follow each other: after a removal the indexes have moved.
pub(crate) fn patch(world: &mut World, ask: &Ask<'_>) -> Result<Answer> {
    let id = ask.parameter(0);
    let before = find(world, &ask.caller, id).ok_or_else(|| errors::no_flow(id))?;
    let changes = world.flags.flow_service.changes;
    if changes == FlowChanges::Refused {
        return Err(errors::forbidden());
    }
    let Some(supplied) = ask.incoming.header("if-match") else {
        return Err(errors::refusal(400, "The header If-Match is required"));
    };
    let current = text_of(&before, "etag").unwrap_or_default();
    if supplied != current {
        return Err(errors::stale(supplied, current));
    }
    let Some(operations) = ask.body.as_array() else {
        return Err(errors::refusal(
            400,
            "The request body must be a JSON array",
        ));
    };
    let mut flow = Value::Object(before.clone());
    for operation in operations {
        play(world, &mut flow, operation).map_err(|what| errors::refusal(400, &what))?;
    }
    let Value::Object(mut flow) = flow else {
        return Err(errors::refusal(400, "A flow must be an object"));
    };
    match changes {
        FlowChanges::Ignored => flow = before,
        _ => {
            touch(world, &mut flow);
            let key = Key::Text(id.to_owned());
            world.store.set(Kind::Flows, key, Some(flow.clone()));
        }
    }
    Ok(match world.flags.flow_service.change_status {
        202 => Answer::empty(202),
        status => Answer::json(status, json!({"id": id, "etag": flow.get("etag")})),
    })
}

/// One operation: on the selected audiences, or on the name and the description.
fn play(world: &World, flow: &mut Value, operation: &Value) -> std::result::Result<(), String> {
    let mut operation = operation.clone();
    let name = operation["op"].as_str().unwrap_or_default().to_lowercase();
    let path = operation["path"].as_str().unwrap_or_default().to_owned();
    operation["op"] = json!(name);
    let selector = path
        .strip_prefix(SELECTORS)
        .and_then(|rest| rest.strip_prefix('/'));
    let known = match name.as_str() {
        "add" | "replace" if selector.is_some() => {
            if !select(world, flow, selector, &mut operation["value"])? {
                return Ok(());
            }
            true
        }
        "remove" => selector.is_some(),
        "add" | "replace" => ["/name", "/description"].contains(&path.as_str()),
        _ => false,
    };
    if !known {
        return Err(format!("The operation {name} on {path} is not supported."));
    }
    json_patch::apply(&operation, flow, true)
}

/// Whether a selector goes into the flow; the error refuses it.
fn select(
    world: &World,
    flow: &Value,
    place: Option<&str>,
    selector: &mut Value,
) -> std::result::Result<bool, String> {
    let flags = &world.flags.flow_service;
    let (Some(flow), Some(id), Some("PLATFORM_SEGMENT")) =
        (flow.as_object(), id_of(selector), selector["type"].as_str())
    else {
        return Err("A selector must be of type PLATFORM_SEGMENT and name an id.".to_owned());
    };
    let audience = audience_of(world, flow, id);
    let taken = audience.is_some_and(takes) || !is_to_experience_cloud(flow);
    if !taken && flags.untaken_audience == UntakenAudience::Refused {
        return Err(format!(
            "The audience {id} cannot be activated to this destination."
        ));
    }
    let mut others = selected(flow).enumerate();
    let again =
        others.any(|(index, other)| other == id && Some(index.to_string().as_str()) != place);
    if again {
        match flags.second_selection {
            SecondSelection::Kept => {}
            SecondSelection::Ignored => return Ok(false),
            SecondSelection::Refused => {
                return Err(format!("The audience {id} is selected already."));
            }
        }
    }
    let name = audience.map(|audience| value_of(audience, "name"));
    if flags.selections_dated {
        let seconds = (world.now_ms() / 1000).to_string();
        let value = &mut selector["value"];
        value["createTime"] = json!(seconds);
        value["updateTime"] = json!(seconds);
        if let Some(name) = name.filter(|_| value.get("name").is_none()) {
            value["name"] = name;
        }
    }
    Ok(true)
}

/// What the service writes into an object that changes. A flow names its version twice, with the quotes of a tag.
pub(crate) fn touch(world: &mut World, object: &mut Object) {
    let tag = format!("\"{}\"", world.uuid());
    object.extend(object_of([
        ("version", json!(tag)),
        ("etag", json!(tag)),
        ("updatedAt", json!(world.now_ms())),
        ("updatedBy", json!(format!("{SERVICE_ACCOUNT}@AdobeID"))),
        ("updatedClient", json!(SERVICE_ACCOUNT)),
    ]));
}

/// What every object of the service has; a target connection is Experience Cloud Audiences' unless it says otherwise.
pub(crate) fn head(world: &mut World, caller: &Caller, kind: Kind, written: &Object) -> Object {
    let sandbox = text_of(written, "sandboxName").unwrap_or("prod");
    let sandbox_id = sandbox_named(world, sandbox)
        .and_then(|one| one.get("id"))
        .cloned();
    let mut made = object_of([
        (kind.id_field(), json!(world.uuid())),
        ("createdAt", json!(world.now_ms())),
        ("createdBy", json!("person@example.com")),
        ("createdClient", json!("exc_app")),
        ("sandboxName", json!(sandbox)),
        ("sandboxId", json!(sandbox_id)),
        ("imsOrgId", json!(caller.organization)),
    ]);
    if kind == Kind::TargetConnections {
        made.extend(object_of([
            ("name", json!("Experience Cloud Audiences")),
            ("baseConnectionId", json!(world.uuid())),
            ("state", json!("enabled")),
            ("connectionSpec", spec(EXPERIENCE_CLOUD_AUDIENCES)),
        ]));
    }
    touch(world, &mut made);
    made
}

/// A flow as a person makes it in the user interface: to the target connection that it names, else to a new one.
pub(crate) fn blank(world: &mut World, caller: &Caller, written: &Object) -> Object {
    let named = written
        .get("targetConnectionIds")
        .and_then(|ids| ids[0].as_str());
    let known = named
        .and_then(|id| world.store.text(Kind::TargetConnections, id))
        .cloned();
    let target = known.unwrap_or_else(|| {
        let made = head(world, caller, Kind::TargetConnections, written);
        if let Some(key) = Key::of(Kind::TargetConnections, &made) {
            let kind = Kind::TargetConnections;
            world.store.set(kind, key, Some(made.clone()));
        }
        made
    });
    let source = json!(world.uuid());
    let mut made = head(world, caller, Kind::Flows, &target);
    made.extend(object_of([
        ("name", value_of(&target, "name")),
        ("description", json!("")),
        ("state", json!("enabled")),
        ("flowSpec", spec(TO_PROFILE_DESTINATION)),
        ("sourceConnectionIds", json!([source])),
        ("targetConnectionIds", json!([target.get("id")])),
        (
            "inheritedAttributes",
            json!({
                "properties": {"isDestinationFlow": true},
                "sourceConnections": [{
                    "id": source, "connectionSpec": spec(PROFILE_SERVICE),
                    "typeInfo": {"type": "ProfileFragments", "id": "ups"},
                }],
                "targetConnections": [{
                    "id": target.get("id"), "connectionSpec": target.get("connectionSpec"),
                    "baseConnection": {"id": target.get("baseConnectionId"), "connectionSpec": target.get("connectionSpec")},
                }],
            }),
        ),
        (
            "transformations",
            json!([{"name": "GeneralTransform", "params": {
                "profileSelectors": {"selectors": []}, "segmentSelectors": {"selectors": []},
            }}]),
        ),
        ("runs", json!(format!("/runs?property=flowId=={}", text_of(&made, "id").unwrap_or_default()))),
    ]));
    made
}

fn spec(id: &str) -> Value {
    json!({"id": id, "version": "1.0"})
}

/// The source connector's, which a person set up and may pause (§5.8).
fn of_connector(world: &World, caller: &Caller) -> Option<Object> {
    let connector = world.flags.connector.set_up.as_ref()?;
    let sandbox = text_of(&caller.sandbox, "name")?;
    if connector.sandbox != sandbox || caller.flow_access == Access::None {
        return None;
    }
    let state = match world.flags.connector.paused {
        true => "disabled",
        false => "enabled",
    };
    let (source, target) = (
        "91b7c0de-34f2-4a86-bd15-7e60a9c8f213",
        "5ac2e8f0-1d97-4b3e-8c64-f0b12d7a9e58",
    );
    let tag = format!("\"{source}\"");
    Some(object_of([
        ("id", json!("c84d1f6b-7a05-4e92-9b3d-20f5e6a871c4")),
        ("name", json!("Audience Manager")),
        ("createdAt", json!(1_614_849_130_000_u64)),
        ("createdClient", json!("exc_app")),
        ("imsOrgId", json!(caller.organization)),
        ("sandboxName", json!(sandbox)),
        ("sandboxId", value_of(&caller.sandbox, "id")),
        ("state", json!(state)),
        ("version", json!(tag)),
        ("etag", json!(tag)),
        ("flowSpec", spec(FROM_AUDIENCE_MANAGER)),
        ("sourceConnectionIds", json!([source])),
        ("targetConnectionIds", json!([target])),
        (
            "inheritedAttributes",
            json!({
                "properties": {"isSourceFlow": true},
                "sourceConnections": [{"id": source, "connectionSpec": spec(AUDIENCE_MANAGER)}],
                "targetConnections": [{"id": target, "connectionSpec": spec(PROFILE_SERVICE)}],
            }),
        ),
    ]))
}

fn find(world: &World, caller: &Caller, id: &str) -> Option<Object> {
    let flow = world.store.text(Kind::Flows, id);
    flow.filter(|flow| is_seen(caller, flow)).cloned()
}

fn in_sandbox(world: &World, caller: &Caller, kind: Kind) -> Vec<Object> {
    let objects = world.store.all(kind);
    objects
        .filter(|one| is_seen(caller, one))
        .cloned()
        .collect()
}

fn is_seen(caller: &Caller, object: &Object) -> bool {
    caller.flow_access != Access::None
        && text_of(object, "sandboxName") == text_of(&caller.sandbox, "name")
        && text_of(object, "imsOrgId").is_none_or(|owner| owner == caller.organization)
}
