//! Traits (audience-manager.md §4).

use serde_json::{Value, json};

use super::common::{
    USER_ID, body_object, by_id, check_code, check_etag, existing_folder, named, narrowed,
    object_answer, optional_code, optional_text, owns, required_name, sees, source_of,
    usable_source,
};
use super::{errors, lists, models, rules, segments};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number_of, text_of};
use crate::world::World;

const KIND: Kind = Kind::Traits;

pub(crate) const FOLDER_TRAIT: &str = "FOLDER_TRAIT";

const RULE_BASED: &str = "RULE_BASED_TRAIT";
const ON_BOARDED: &str = "ON_BOARDED_TRAIT";
const ALGO: &str = "ALGO_TRAIT";

/// What a list leaves out without `includeDetails=true`.
const DETAILS: [&str; 6] = [
    "ttl",
    "integrationCode",
    "comments",
    "traitRule",
    "traitRuleVersion",
    "type",
];

/// Fields with their defaults that a PUT resets when it leaves them out.
fn optional_fields() -> [(&'static str, Value); 11] {
    [
        ("ttl", json!(120)),
        ("description", Value::Null),
        ("comments", Value::Null),
        ("integrationCode", Value::Null),
        ("traitRule", Value::Null),
        ("type", json!(0)),
        ("categoryId", json!(0)),
        ("status", json!("ACTIVE")),
        ("algoModelId", Value::Null),
        ("thresholdType", Value::Null),
        ("thresholdValue", Value::Null),
    ]
}

/// `uniques30Day`, `countLifetime` and the like: kept in the state, shown on request.
fn is_metric(field: &str) -> bool {
    (field.starts_with("uniques") || field.starts_with("count"))
        && (field.ends_with("Day") || field.ends_with("Lifetime"))
}

fn metrics() -> impl Iterator<Item = String> {
    let windows = [
        "1Day", "7Day", "14Day", "30Day", "60Day", "90Day", "Lifetime",
    ];
    ["uniques", "count"]
        .into_iter()
        .flat_map(move |kind| windows.map(|window| format!("{kind}{window}")))
}

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let query = &ask.query;
    let details = query.is_true("includeDetails");
    let found: Vec<&Object> = narrowed(world, ask, KIND)
        .into_iter()
        .filter(|object| sees(world, &ask.caller, KIND, object))
        .filter(|object| lists::matches_number(query, object, "folderId"))
        .filter(|object| lists::matches_number(query, object, "dataSourceId"))
        .filter(|object| lists::matches_number(query, object, "algoModelId"))
        .filter(|object| {
            lists::matches_text(query, object, "integrationCode", "integrationCode")
                && lists::matches_text(query, object, "restrictType", "traitType")
                && lists::matches_search(query, object, &["sid", "name", "description"])
        })
        .filter(|object| {
            query.get("usesModel").is_none_or(|model| {
                number_of(object, "algoModelId")
                    .map(|id| id.to_string())
                    .as_deref()
                    == Some(model)
            })
        })
        .filter(|object| lists::matches_permissions(ask, owns(&ask.caller, object)))
        .collect();
    lists::answer(&world.flags, ask, found, |object| {
        let mut rendered = render(ask, object);
        if !details {
            rendered.retain(|field, _| !DETAILS.contains(&field.as_str()));
        }
        Value::Object(rendered)
    })
}

fn render(ask: &Ask<'_>, object: &Object) -> Object {
    let mut rendered = object.clone();
    rendered.retain(|field, _| !is_metric(field));
    if ask.query.is_true("includeMetrics") {
        for metric in metrics() {
            let value = object.get(&metric).cloned().unwrap_or(json!(0));
            rendered.insert(metric, value);
        }
    }
    lists::add_permissions(ask, owns(&ask.caller, object), &mut rendered);
    rendered
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let rendered = render(ask, named(world, ask, KIND)?);
    Ok(object_answer(world, 200, rendered))
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let sid = world.store.new_id(KIND);
    let mut object = blank(world, &ask.caller, sid);
    let trait_type = text_of(body, "traitType").unwrap_or_default();
    if ![RULE_BASED, ON_BOARDED, ALGO].contains(&trait_type) {
        return Err(errors::invalid(
            "traitType must be RULE_BASED_TRAIT, ON_BOARDED_TRAIT or ALGO_TRAIT",
        ));
    }
    object.insert("traitType".to_owned(), json!(trait_type));
    check_limits(world, ask.caller.pid, trait_type)?;
    require(world, &ask.caller, body)?;
    merge(world, &ask.caller, &mut object, body, None)?;
    check(world, &object, None)?;
    if let Some(model) = number_of(&object, "algoModelId").filter(|_| trait_type == ALGO) {
        models::check_ran(world, &ask.caller, model)?;
    }
    world
        .store
        .set(KIND, Key::Number(sid), Some(object.clone()));
    Ok(object_answer(world, 201, object))
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let before = named(world, ask, KIND)?.clone();
    let body = body_object(ask)?;
    let sid = number_of(&before, "sid").unwrap_or(0);
    check_writable(&ask.caller, &before)?;
    check_etag(world, ask, &before)?;
    if number_of(body, "sid").is_some_and(|named| named != sid) {
        return Err(errors::invalid("sid cannot be changed"));
    }
    let named = body.get("traitType");
    if named.is_some_and(|named| Some(named) != before.get("traitType")) {
        return Err(errors::invalid("traitType cannot be changed"));
    }
    let mut object = before.clone();
    if !world.flags.audience_manager.put_lenient {
        if named.is_none() {
            return Err(errors::invalid("traitType is required"));
        }
        require(world, &ask.caller, body)?;
        for (field, default) in optional_fields() {
            object.insert(field.to_owned(), default);
        }
    }
    merge(world, &ask.caller, &mut object, body, Some(&before))?;
    check(world, &object, Some(sid))?;
    touch(world, &before, &mut object);
    world
        .store
        .set(KIND, Key::Number(sid), Some(object.clone()));
    if before.get("dataSourceId") != object.get("dataSourceId") {
        segments::follow_trait(world, sid);
    }
    Ok(object_answer(world, 200, object))
}

/// What the service itself writes when a trait changes: the time, the user, the rule's version.
pub(crate) fn touch(world: &World, before: &Object, object: &mut Object) {
    object.insert("updateTime".to_owned(), json!(world.now_ms()));
    object.insert("upUID".to_owned(), json!(USER_ID));
    if before.get("traitRule") != object.get("traitRule") {
        let version = number_of(before, "traitRuleVersion").unwrap_or(0) + 1;
        object.insert("traitRuleVersion".to_owned(), json!(version));
    }
}

/// `{"code": rule}`. What success answers is not documented: the rule again.
pub(crate) fn validate(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let rule = text_of(body_object(ask)?, "code")
        .ok_or_else(|| errors::invalid("code is required"))?
        .to_owned();
    check_rule(world, &rule)?;
    Ok(Answer::json(200, json!({"code": rule})))
}

pub(crate) fn limits(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let limits = world.flags.audience_manager.item_limits;
    let pid = ask.caller.pid;
    let usage = |used: usize, limit: usize| json!({"used": used, "limit": limit});
    let of_type = |name: &str| world.store.count_of_type(pid, name);
    Ok(Answer::json(
        200,
        json!({
            "total": usage(world.store.count(KIND, pid), limits.traits),
            RULE_BASED: usage(of_type(RULE_BASED), limits.rule_based_traits),
            ON_BOARDED: usage(of_type(ON_BOARDED), limits.onboarded_traits),
            ALGO: usage(of_type(ALGO), limits.algorithmic_traits),
        }),
    ))
}

fn check_writable(caller: &Caller, object: &Object) -> Result<(), Answer> {
    if !owns(caller, object) {
        return Err(errors::not_yours());
    }
    if text_of(object, "traitType") == Some(FOLDER_TRAIT) {
        return Err(errors::invalid(
            "A folder trait is changed through its folder",
        ));
    }
    Ok(())
}

pub(crate) fn remove(world: &mut World, caller: &Caller, sid: u64) -> Result<(), Answer> {
    check_writable(caller, by_id(world, caller, KIND, Some(sid))?)?;
    let used = !world.store.segments_using(sid).is_empty();
    let refused = world.flags.audience_manager.trait_in_use_delete.status();
    if let Some(status) = refused.filter(|_| used) {
        return Err(errors::refusal(
            status,
            "CANNOT_DELETE_ENTITY_MAPPED",
            "The trait is used in a segment",
        ));
    }
    models::check_no_baseline(world, sid)?;
    world.store.set(KIND, Key::Number(sid), None);
    Ok(())
}

/// A trait with nothing but defaults.
pub(crate) fn blank(world: &World, caller: &Caller, sid: u64) -> Object {
    let now = world.now_ms();
    let fixed = [
        ("sid", json!(sid)),
        ("pid", json!(caller.pid)),
        ("name", Value::Null),
        ("traitType", Value::Null),
        ("dataSourceId", Value::Null),
        ("folderId", json!(0)),
        ("traitRuleVersion", json!(0)),
        ("url", Value::Null),
        ("backfillStatus", json!("NONE")),
        ("crUID", json!(USER_ID)),
        ("upUID", json!(USER_ID)),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
    ];
    fixed
        .into_iter()
        .chain(optional_fields())
        .map(|(field, value)| (field.to_owned(), value))
        .collect()
}

/// The members that every trait has.
fn require(world: &World, caller: &Caller, body: &Object) -> Result<(), Answer> {
    required_name(body)?;
    usable_source(world, caller, body)?;
    existing_folder(world, caller, Kind::TraitFolders, body, "folderId")?;
    Ok(())
}

/// Takes over what the body names; what it does not name stays. Unknown members are ignored.
fn merge(
    world: &World,
    caller: &Caller,
    object: &mut Object,
    body: &Object,
    before: Option<&Object>,
) -> Result<(), Answer> {
    if body.contains_key("name") {
        object.insert("name".to_owned(), required_name(body)?.into());
    }
    if body.contains_key("dataSourceId") {
        let source = source_of(world, caller, body, before)?;
        object.insert("dataSourceId".to_owned(), json!(source));
    }
    if body.contains_key("folderId") {
        let folder = existing_folder(world, caller, Kind::TraitFolders, body, "folderId")?;
        object.insert("folderId".to_owned(), json!(folder));
    }
    for field in ["description", "comments", "traitRule", "thresholdType"] {
        if let Some(text) = optional_text(body, field)? {
            object.insert(field.to_owned(), text);
        }
    }
    if let Some(code) = optional_code(body)? {
        object.insert("integrationCode".to_owned(), code);
    }
    if let Some(status) = super::common::status_of(body, before)? {
        object.insert("status".to_owned(), status);
    }
    for field in ["ttl", "type", "categoryId", "algoModelId"] {
        match body.get(field) {
            None | Some(Value::Null) => {}
            Some(_) => {
                let value = number_of(body, field)
                    .ok_or_else(|| errors::invalid(&format!("{field} must be a whole number")))?;
                object.insert(field.to_owned(), json!(value));
            }
        }
    }
    for (field, stored) in [
        ("thresholdValue", "thresholdValue"),
        ("accuracy", "thresholdValue"),
    ] {
        if let Some(value @ Value::Number(_)) = body.get(field) {
            object.insert(stored.to_owned(), value.clone());
        }
    }
    Ok(())
}

fn check(world: &World, object: &Object, except: Option<u64>) -> Result<(), Answer> {
    let rule = text_of(object, "traitRule").filter(|rule| !rule.trim().is_empty());
    let trait_type = text_of(object, "traitType").unwrap_or_default();
    match (trait_type, rule) {
        (RULE_BASED, None) => return Err(errors::invalid("traitRule is required")),
        (ALGO, Some(_)) => return Err(errors::invalid("an algorithmic trait has no traitRule")),
        (_, Some(rule)) => check_rule(world, rule)?,
        (_, None) => {}
    }
    if trait_type == ALGO {
        let threshold = text_of(object, "thresholdType").unwrap_or_default();
        if number_of(object, "algoModelId").is_none() || !["REACH", "ACCURACY"].contains(&threshold)
        {
            return Err(errors::invalid(
                "an algorithmic trait needs algoModelId, and thresholdType REACH or ACCURACY",
            ));
        }
    }
    let source = number_of(object, "dataSourceId").unwrap_or(0);
    check_code(
        world,
        KIND,
        source,
        text_of(object, "integrationCode"),
        except,
    )
}

fn check_rule(world: &World, rule: &str) -> Result<(), Answer> {
    let status = world.flags.audience_manager.rule_refusal_status;
    rules::check_trait_rule(rule).map_err(|what| {
        errors::refusal(
            status,
            "INVALID_EXPRESSION",
            &format!("Invalid rule: {what}"),
        )
    })
}

fn check_limits(world: &World, pid: u64, trait_type: &str) -> Result<(), Answer> {
    let limits = world.flags.audience_manager.item_limits;
    let limit = match trait_type {
        RULE_BASED => limits.rule_based_traits,
        ON_BOARDED => limits.onboarded_traits,
        _ => limits.algorithmic_traits,
    };
    let total = world.store.count(KIND, pid);
    if total >= limits.traits || world.store.count_of_type(pid, trait_type) >= limit {
        return Err(errors::limit_reached(
            world,
            "The limit of traits is reached",
        ));
    }
    Ok(())
}
