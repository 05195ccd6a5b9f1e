//! Algorithmic models (audience-manager.md §6.3, §6.5): users of traits and segments. When they run is in
//! `model_runs.rs`.

use serde_json::{Value, json};

use super::common::{
    USER_ID, body_object, by_id, named, object_answer, optional_text, owns, required_name, sees,
    status_of,
};
use super::{errors, lists, model_runs};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::flags::ModelInUseBody;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number, number_of, object_of, text_of, value_of};
use crate::world::World;

const KIND: Kind = Kind::Models;

/// Seconds between two runs: a day and a week are the values seen.
const INTERVALS: [u64; 2] = [86_400, 604_800];

/// What only the list shows, by the samples (§6.5).
const RUN_STATE: [&str; 3] = [
    "lastRunStatus",
    "lastRunTimestamp",
    "lastSuccessfulRunTimestamp",
];

/// What a change of a model does not change (§6.5).
const CONFIGURATION: [&str; 7] = [
    "algoTypeId",
    "intervalSeconds",
    "lookBackPeriod",
    "dataSources",
    "sid",
    "baselineTraitType",
    "excludedTraits",
];

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let query = &ask.query;
    let names_source = |model: &&Object| {
        query.get("usesDataSource").is_none_or(|wanted| {
            ids(model, "dataSources").any(|id| wanted.trim().parse() == Ok(id))
        })
    };
    let found: Vec<&Object> = world
        .store
        .all(KIND)
        .filter(|model| owns(&ask.caller, model))
        .filter(|model| {
            lists::matches_search(query, model, &["algoModelId", "name", "description"])
        })
        .filter(names_source)
        .filter(|_| lists::matches_permissions(ask, true))
        .collect();
    lists::answer(&world.flags, ask, found, |model| {
        let mut rendered = render(model);
        lists::add_permissions(ask, true, &mut rendered);
        Value::Object(rendered)
    })
}

fn ids(model: &Object, field: &str) -> impl Iterator<Item = u64> {
    let items = model.get(field).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(number)
}

fn render(model: &Object) -> Object {
    let mut rendered = model.clone();
    rendered.retain(|field, _| !model_runs::HIDDEN.contains(&field.as_str()));
    rendered
}

/// A model by itself; the older samples write it in numbers (§6.3).
fn alone(world: &World, status: u16, model: &Object) -> Answer {
    let mut rendered = render(model);
    if !world.flags.audience_manager.model_tells_run {
        rendered.retain(|field, _| !RUN_STATE.contains(&field.as_str()));
    }
    if world.flags.audience_manager.models_in_numbers {
        let active = text_of(model, "status") == Some("ACTIVE");
        rendered.insert("status".to_owned(), json!(u8::from(active)));
        if text_of(model, "baselineTraitType") == Some("SEGMENT") {
            rendered.insert("baselineTraitType".to_owned(), json!(3));
        }
    }
    object_answer(world, status, rendered)
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let model = named(world, ask, KIND)?;
    Ok(alone(world, 200, model))
}

pub(crate) fn algorithms(_: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let known = json!([{"algoTypeId": 1, "name": "Trait Weight",
        "description": "Finds traits that weigh like those of the baseline"}]);
    Ok(Answer::json(
        200,
        if ask.empty_list { json!([]) } else { known },
    ))
}

/// The keys are a guess, as for traits.
pub(crate) fn limits(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let limit = world.flags.audience_manager.item_limits.active_models;
    let used = active(world, &ask.caller, None);
    Ok(Answer::json(
        200,
        json!({"total": {"used": used, "limit": limit}}),
    ))
}

fn active(world: &World, caller: &Caller, except: Option<u64>) -> usize {
    world
        .store
        .all(KIND)
        .filter(|model| owns(caller, model) && text_of(model, "status") == Some("ACTIVE"))
        .filter(|model| number_of(model, "algoModelId") != except)
        .count()
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let id = world.store.new_id(KIND);
    let mut model = blank(world, &ask.caller, id);
    require(body)?;
    merge(world, &ask.caller, &mut model, body, None)?;
    check(world, &ask.caller, &model, None)?;
    model_runs::begin(world, id, &mut model);
    world.store.set(KIND, Key::Number(id), Some(model.clone()));
    Ok(alone(world, 201, &model))
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let before = named(world, ask, KIND)?.clone();
    let id = number_of(&before, "algoModelId").unwrap_or(0);
    let mut model = before.clone();
    if !world.flags.audience_manager.put_lenient {
        require(body)?;
        model.extend(object_of([
            ("description", Value::Null),
            ("status", json!("ACTIVE")),
        ]));
    }
    merge(world, &ask.caller, &mut model, body, Some(&before))?;
    for field in CONFIGURATION {
        model.insert(field.to_owned(), value_of(&before, field));
    }
    if model_runs::is_ended(&before) && text_of(&model, "status") == Some("ACTIVE") {
        if world.flags.audience_manager.ended_model_refused {
            return Err(errors::invalid("The model was deactivated for good"));
        }
        model.insert("status".to_owned(), json!("INACTIVE"));
    }
    check(world, &ask.caller, &model, Some(id))?;
    touch(world, &mut model);
    model_runs::begin(world, id, &mut model);
    world.store.set(KIND, Key::Number(id), Some(model.clone()));
    Ok(alone(world, 200, &model))
}

/// What the service itself writes when a model changes.
pub(crate) fn touch(world: &World, model: &mut Object) {
    model.insert("updateTime".to_owned(), json!(world.now_ms()));
    model.insert("upUID".to_owned(), json!(USER_ID));
    let version = number_of(model, "algoModelVersion").unwrap_or(0) + 1;
    model.insert("algoModelVersion".to_owned(), json!(version));
}

pub(crate) fn remove(world: &mut World, caller: &Caller, id: u64) -> Result<(), Answer> {
    by_id(world, caller, KIND, Some(id))?;
    let users: Vec<u64> = world
        .store
        .all(Kind::Traits)
        .filter(|object| number_of(object, "algoModelId") == Some(id))
        .filter(|object| text_of(object, "status") == Some("ACTIVE"))
        .filter_map(|object| number_of(object, "sid"))
        .collect();
    if users.is_empty() {
        world.store.set(KIND, Key::Number(id), None);
        return Ok(());
    }
    Err(match world.flags.audience_manager.model_in_use_body {
        ModelInUseBody::Ids => Answer::json(400, json!(users)),
        ModelInUseBody::Error => errors::refusal(
            400,
            "CANNOT_DELETE_ENTITY_WITH_MAPPINGS",
            "The model is used by algorithmic traits",
        ),
    })
}

/// Refuses to delete a trait or segment that is the baseline of a model; no source says what the service does.
pub(crate) fn check_no_baseline(world: &World, sid: u64) -> Result<(), Answer> {
    let used = world
        .store
        .all(KIND)
        .any(|model| number_of(model, "sid") == Some(sid));
    let refused = world.flags.audience_manager.baseline_delete.status();
    if let Some(status) = refused.filter(|_| used) {
        return Err(errors::refusal(
            status,
            "CANNOT_DELETE_ENTITY_MAPPED",
            "It is the baseline of a model",
        ));
    }
    Ok(())
}

/// The model that an algorithmic trait names: it is there and ran with data (§6.3).
pub(crate) fn check_ran(world: &World, caller: &Caller, id: u64) -> Result<(), Answer> {
    if !world.flags.audience_manager.algorithmic_trait_needs_run {
        return Ok(());
    }
    let model = by_id(world, caller, KIND, Some(id))
        .map_err(|_| errors::invalid(&format!("Model {id} does not exist")))?;
    if number_of(model, "lastRunStatus") == Some(1) {
        return Ok(());
    }
    Err(errors::invalid("The model has no successful run yet"))
}

/// A model with nothing but defaults.
pub(crate) fn blank(world: &World, caller: &Caller, id: u64) -> Object {
    let now = world.now_ms();
    object_of([
        ("algoModelId", json!(id)),
        ("pid", json!(caller.pid)),
        ("name", Value::Null),
        ("description", Value::Null),
        ("algoTypeId", json!(1)),
        ("intervalSeconds", json!(INTERVALS[1])),
        ("lookBackPeriod", json!(30)),
        ("status", json!("ACTIVE")),
        ("processingStatus", json!(0)),
        ("algoModelVersion", json!(1)),
        ("dataSources", json!([])),
        ("sid", Value::Null),
        ("baselineTraitType", Value::Null),
        ("excludedTraits", json!([])),
        ("latestRunTS", Value::Null),
        ("lastRunStatus", Value::Null),
        ("lastRunTimestamp", Value::Null),
        ("lastSuccessfulRunTimestamp", Value::Null),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
        ("crUID", json!(USER_ID)),
        ("upUID", json!(USER_ID)),
    ])
}

fn require(body: &Object) -> Result<(), Answer> {
    required_name(body)?;
    for field in ["sid", "algoTypeId", "lookBackPeriod"] {
        if number_of(body, field).is_none() {
            return Err(errors::invalid(&format!("{field} is required")));
        }
    }
    match body.get("dataSources").and_then(Value::as_array) {
        Some(sources) if !sources.is_empty() => Ok(()),
        _ => Err(errors::invalid("dataSources is required")),
    }
}

/// Takes over what the body names; what it does not name stays. Unknown members are ignored.
fn merge(
    world: &World,
    caller: &Caller,
    model: &mut Object,
    body: &Object,
    before: Option<&Object>,
) -> Result<(), Answer> {
    if body.contains_key("name") {
        model.insert("name".to_owned(), required_name(body)?.into());
    }
    if let Some(text) = optional_text(body, "description")? {
        model.insert("description".to_owned(), text);
    }
    for field in ["algoTypeId", "lookBackPeriod", "intervalSeconds"] {
        if let Some(value) = number_of(body, field) {
            model.insert(field.to_owned(), json!(value));
        }
    }
    for field in ["dataSources", "excludedTraits"] {
        if let Some(items) = body.get(field).and_then(Value::as_array) {
            let all: Option<Vec<u64>> = items.iter().map(number).collect();
            let all = all.ok_or_else(|| errors::invalid(&format!("{field} must hold ids")))?;
            model.insert(field.to_owned(), json!(all));
        }
    }
    if let Some(sid) = number_of(body, "sid") {
        let kind = baseline_kind(world, caller, sid)?;
        model.insert("sid".to_owned(), json!(sid));
        model.insert("baselineTraitType".to_owned(), json!(kind));
    }
    if let Some(status) = status_of(body, before)? {
        model.insert("status".to_owned(), status);
    }
    Ok(())
}

/// The baseline is an onboarded or rule-based trait, or a segment; another one is refused, or the model finds nothing.
fn baseline_kind(world: &World, caller: &Caller, sid: u64) -> Result<Option<String>, Answer> {
    if world
        .store
        .number(Kind::Segments, sid)
        .is_some_and(|segment| owns(caller, segment))
    {
        return Ok(Some("SEGMENT".to_owned()));
    }
    let kind = world
        .store
        .number(Kind::Traits, sid)
        .filter(|object| sees(world, caller, Kind::Traits, object))
        .and_then(|object| text_of(object, "traitType"))
        .filter(|kind| ["ON_BOARDED_TRAIT", "RULE_BASED_TRAIT"].contains(kind))
        .map(str::to_owned);
    if kind.is_none() && !world.flags.audience_manager.bad_baseline_accepted {
        let message = format!("{sid} cannot be the baseline of a model");
        return Err(errors::invalid(&message));
    }
    Ok(kind)
}

fn check(
    world: &World,
    caller: &Caller,
    model: &Object,
    except: Option<u64>,
) -> Result<(), Answer> {
    let number = |field: &str| number_of(model, field).unwrap_or(0);
    if ![30, 60, 90].contains(&number("lookBackPeriod")) {
        return Err(errors::invalid("lookBackPeriod must be 30, 60 or 90"));
    }
    if number("algoTypeId") != 1 {
        return Err(errors::invalid("algoTypeId must be 1"));
    }
    if !INTERVALS.contains(&number("intervalSeconds")) {
        return Err(errors::invalid("intervalSeconds must be 86400 or 604800"));
    }
    let missing = ids(model, "dataSources").find(|id| {
        world
            .store
            .number(Kind::DataSources, *id)
            .is_none_or(|source| !sees(world, caller, Kind::DataSources, source))
    });
    if let Some(id) = missing {
        return Err(errors::invalid(&format!(
            "dataSourceId {id} does not exist"
        )));
    }
    let limits = world.flags.audience_manager.item_limits;
    if ids(model, "excludedTraits").count() > limits.excluded_traits {
        return Err(errors::invalid("Too many excluded traits"));
    }
    let is_active = text_of(model, "status") == Some("ACTIVE");
    if is_active && active(world, caller, except) >= limits.active_models {
        return Err(errors::limit_reached(
            world,
            "The limit of active models is reached",
        ));
    }
    Ok(())
}
