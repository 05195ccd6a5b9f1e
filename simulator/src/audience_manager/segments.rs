//! Segments (audience-manager.md §5).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::common::{
    USER_ID, body_object, by_id, check_code, check_etag, existing_folder, named, narrowed,
    object_answer, optional_code, optional_text, owns, required_name, sees, source_of, status_of,
    usable_source,
};
use super::mapped::live_of;
use super::rules::{SegmentRule, referenced_sids};
use super::{common, errors, export_controls, lists, models};
use crate::caller::Caller;
use crate::exchange::{Answer, Payload, Query};
use crate::flags::TraitDataSources;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of};
use crate::world::World;

const KIND: Kind = Kind::Segments;

/// Of the traits that the rule names.
pub(crate) const TRAIT_SOURCES: &str = "traitDataSourceIds";

/// Traits that may stand in FREQUENCY (§5.3).
const COUNTABLE: [&str; 2] = ["RULE_BASED_TRAIT", "FOLDER_TRAIT"];

/// `totalUniques30Day` and the like: kept in the state, shown on request.
fn is_metric(field: &str) -> bool {
    field.starts_with("instantUniques") || field.starts_with("totalUniques")
}

fn metrics() -> impl Iterator<Item = String> {
    let windows = [
        "1Day", "7Day", "14Day", "30Day", "60Day", "90Day", "Lifetime",
    ];
    ["instantUniques", "totalUniques"]
        .into_iter()
        .flat_map(move |kind| windows.map(|window| format!("{kind}{window}")))
}

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let query = &ask.query;
    let since: Option<u64> = query.get("updatedSince").and_then(|text| text.parse().ok());
    let found: Vec<&Object> = narrowed(world, ask, KIND)
        .into_iter()
        .filter(|segment| sees(world, &ask.caller, KIND, segment))
        .filter(|segment| {
            ["folderId", "dataSourceId", "mergeRuleDataSourceId", "pid"]
                .iter()
                .all(|field| lists::matches_number(query, segment, field))
        })
        .filter(|segment| {
            lists::matches_text(query, segment, "integrationCode", "integrationCode")
                && lists::matches_text(query, segment, "status", "status")
                && lists::matches_search(query, segment, &["sid", "name", "description"])
        })
        .filter(|segment| contains_traits(query, segment))
        .filter(|segment| since.is_none_or(|since| number_of(segment, "updateTime") >= Some(since)))
        .filter(|segment| lists::matches_permissions(ask, owns(&ask.caller, segment)))
        .collect();
    lists::answer(&world.flags, ask, found, |segment| {
        Value::Object(render(world, ask, segment))
    })
}

/// Whether the rule names every trait that the query asks for.
fn contains_traits(query: &Query, segment: &Object) -> bool {
    let mut wanted = query.all("containsTrait").peekable();
    if wanted.peek().is_none() {
        return true;
    }
    let sids = referenced_sids(text_of(segment, "segmentRule").unwrap_or_default());
    wanted.all(|sid| sid.trim().parse().is_ok_and(|sid| sids.contains(&sid)))
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let rendered = render(world, ask, named(world, ask, KIND)?);
    Ok(object_answer(world, 200, rendered))
}

fn render(world: &World, ask: &Ask<'_>, segment: &Object) -> Object {
    let query = &ask.query;
    let mut rendered = segment.clone();
    let tells_sources = match world.flags.audience_manager.trait_data_sources {
        TraitDataSources::Always => true,
        TraitDataSources::OnRequest => query.is_true("includeTraitDataSourceIds"),
        TraitDataSources::Never => false,
    };
    rendered.retain(|field, _| match field.as_str() {
        "mappedEntities" => false,
        TRAIT_SOURCES => tells_sources,
        field => !is_metric(field),
    });
    if query.is_true("includeMetrics") {
        for metric in metrics() {
            let value = segment.get(&metric).cloned().unwrap_or(json!(0));
            rendered.insert(metric, value);
        }
    }
    if query.is_true("includeInUseStatus") {
        let destinations = destinations_of(world, segment);
        rendered.insert("inUse".to_owned(), json!(!destinations.is_empty()));
        rendered.insert(
            "mappedEntities".to_owned(),
            json!({"destinations": destinations}),
        );
    }
    if query.is_true("includeExprTree")
        && let Some(rule) = text_of(segment, "segmentRule")
        && let Ok(rule) = SegmentRule::parse(rule)
    {
        rendered.extend(expression_view(world, &rule));
        rendered.insert("mappableTraits".to_owned(), json!([]));
        rendered.insert("hiddenTraits".to_owned(), json!([]));
    }
    lists::add_permissions(ask, owns(&ask.caller, segment), &mut rendered);
    rendered
}

fn expression_view(world: &World, rule: &SegmentRule) -> Object {
    let traits: Vec<Value> = rule
        .sids()
        .into_iter()
        .filter_map(|sid| world.store.number(Kind::Traits, sid))
        .map(|object| {
            json!({
                "sid": object.get("sid"),
                "name": object.get("name"),
                "traitType": object.get("traitType"),
                "dataSourceId": object.get("dataSourceId"),
            })
        })
        .collect();
    object_of([
        ("codeViewOnly", json!(rule.sids().len() > 50)),
        ("expressionTree", rule.tree()),
        ("traits", json!(traits)),
    ])
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    if world.store.count(KIND, ask.caller.pid) >= world.flags.audience_manager.item_limits.segments
    {
        return Err(errors::limit_reached(
            world,
            "The limit of segments is reached",
        ));
    }
    let sid = world.store.new_id(KIND);
    let mut segment = blank(world, &ask.caller, sid);
    require(world, &ask.caller, body)?;
    merge(world, &ask.caller, &mut segment, body, None)?;
    check(world, &ask.caller, &mut segment, None)?;
    world
        .store
        .set(KIND, Key::Number(sid), Some(segment.clone()));
    Ok(object_answer(world, 201, segment))
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let before = &named(world, ask, KIND)?.clone();
    let body = body_object(ask)?;
    let sid = number_of(before, "sid").unwrap_or(0);
    if !owns(&ask.caller, before) {
        return Err(errors::not_yours());
    }
    check_etag(world, ask, before)?;
    if number_of(body, "sid").is_some_and(|named| named != sid) {
        return Err(errors::invalid("sid cannot be changed"));
    }
    let mut segment = before.clone();
    // The UI pauses and resumes with the status alone (§2.4).
    let status_only = body.len() == 1 && body.contains_key("status");
    if !world.flags.audience_manager.put_lenient && !status_only {
        require(world, &ask.caller, body)?;
        segment.insert("description".to_owned(), Value::Null);
        segment.insert("integrationCode".to_owned(), Value::Null);
        segment.insert("status".to_owned(), json!("ACTIVE"));
        let default = world
            .account(ask.caller.pid)
            .default_merge_rule_data_source_id;
        segment.insert("mergeRuleDataSourceId".to_owned(), json!(default));
    }
    merge(world, &ask.caller, &mut segment, body, Some(before))?;
    check(world, &ask.caller, &mut segment, Some(sid))?;
    touch(world, &mut segment);
    world
        .store
        .set(KIND, Key::Number(sid), Some(segment.clone()));
    Ok(object_answer(world, 200, segment))
}

/// What the service itself writes when a segment changes.
pub(crate) fn touch(world: &World, segment: &mut Object) {
    segment.insert("updateTime".to_owned(), json!(world.now_ms()));
    segment.insert("upUID".to_owned(), json!(USER_ID));
}

/// A single deletion of a mapped segment names no code, the bulk one does (§5.4).
pub(crate) fn delete(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    common::delete(world, ask, KIND, remove).map_err(|refusal| match refusal.payload {
        Payload::Json(ref body) if body["message"] == MAPPED => {
            errors::plain(refusal.status, MAPPED)
        }
        _ => refusal,
    })
}

const MAPPED: &str = "The segment is mapped to a destination";

pub(crate) fn replace_merge_rule(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let wanted = |field: &str| {
        number_of(body, field).ok_or_else(|| errors::invalid(&format!("{field} is required")))
    };
    let existing = wanted("existingMergeRuleDataSourceId")?;
    let replacement = wanted("replaceWithMergeRuleDataSourceId")?;
    check_merge_rule(world, &ask.caller, Some(replacement))?;
    let affected: Vec<Object> = world
        .store
        .all(KIND)
        .filter(|segment| owns(&ask.caller, segment))
        .filter(|segment| number_of(segment, "mergeRuleDataSourceId") == Some(existing))
        .cloned()
        .collect();
    let mut replaced = affected;
    for segment in &mut replaced {
        segment.insert("mergeRuleDataSourceId".to_owned(), json!(replacement));
        export_controls::check_segment(world, segment)?;
    }
    for mut segment in replaced {
        touch(world, &mut segment);
        let sid = number_of(&segment, "sid").unwrap_or(0);
        world.store.set(KIND, Key::Number(sid), Some(segment));
    }
    Ok(Answer::empty(204))
}

/// `{"rule": rule}`; answers the tree and the traits.
pub(crate) fn validate(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let rule = text_of(body_object(ask)?, "rule")
        .ok_or_else(|| errors::invalid("rule is required"))?
        .to_owned();
    let parsed = check_rule(world, &ask.caller, &rule)?;
    Ok(Answer::json(
        200,
        Value::Object(expression_view(world, &parsed)),
    ))
}

pub(crate) fn limits(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let used = world.store.count(KIND, ask.caller.pid);
    let limit = world.flags.audience_manager.item_limits.segments;
    Ok(Answer::json(
        200,
        json!({"total": {"used": used, "limit": limit}}),
    ))
}

/// What the state says, and the destinations of the mappings.
fn destinations_of(world: &World, segment: &Object) -> Vec<Value> {
    let mut found: Vec<Value> = segment
        .get("mappedEntities")
        .and_then(|mapped| mapped.get("destinations"))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut ids: Vec<u64> = live_of(world, number_of(segment, "sid").unwrap_or(0))
        .filter_map(|mapping| number_of(mapping, "destinationId"))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let name = world
            .store
            .number(Kind::Destinations, id)
            .and_then(|destination| text_of(destination, "name"));
        found.push(json!({"destinationId": id, "name": name}));
    }
    found
}

pub(crate) fn remove(world: &mut World, caller: &Caller, sid: u64) -> Result<(), Answer> {
    let segment = by_id(world, caller, KIND, Some(sid))?;
    if !owns(caller, segment) {
        return Err(errors::not_yours());
    }
    if !destinations_of(world, segment).is_empty() {
        return Err(errors::refusal(400, "CANNOT_DELETE_ENTITY_MAPPED", MAPPED));
    }
    models::check_no_baseline(world, sid)?;
    world.store.set(KIND, Key::Number(sid), None);
    Ok(())
}

/// A segment with nothing but defaults.
pub(crate) fn blank(world: &World, caller: &Caller, sid: u64) -> Object {
    let now = world.now_ms();
    let merge_rule = world.account(caller.pid).default_merge_rule_data_source_id;
    object_of([
        ("sid", json!(sid)),
        ("pid", json!(caller.pid)),
        ("name", Value::Null),
        ("description", Value::Null),
        ("segmentRule", Value::Null),
        ("folderId", json!(0)),
        ("integrationCode", Value::Null),
        ("status", json!("ACTIVE")),
        ("dataSourceId", Value::Null),
        ("mergeRuleDataSourceId", json!(merge_rule)),
        (TRAIT_SOURCES, json!([])),
        ("isDestinationMappable", json!(true)),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
        ("crUID", json!(USER_ID)),
        ("upUID", json!(USER_ID)),
    ])
}

fn require(world: &World, caller: &Caller, body: &Object) -> Result<(), Answer> {
    required_name(body)?;
    usable_source(world, caller, body)?;
    existing_folder(world, caller, Kind::SegmentFolders, body, "folderId")?;
    let rule = text_of(body, "segmentRule").unwrap_or_default();
    if rule.trim().is_empty() {
        return Err(errors::invalid("segmentRule is required"));
    }
    Ok(())
}

/// Takes over what the body names; what it does not name stays. Unknown members are ignored.
fn merge(
    world: &World,
    caller: &Caller,
    segment: &mut Object,
    body: &Object,
    before: Option<&Object>,
) -> Result<(), Answer> {
    if body.contains_key("name") {
        segment.insert("name".to_owned(), required_name(body)?.into());
    }
    if body.contains_key("dataSourceId") {
        let source = source_of(world, caller, body, before)?;
        segment.insert("dataSourceId".to_owned(), json!(source));
    }
    if body.contains_key("folderId") {
        let folder = existing_folder(world, caller, Kind::SegmentFolders, body, "folderId")?;
        segment.insert("folderId".to_owned(), json!(folder));
    }
    for field in ["description", "segmentRule"] {
        if let Some(text) = optional_text(body, field)? {
            segment.insert(field.to_owned(), text);
        }
    }
    if let Some(code) = optional_code(body)? {
        segment.insert("integrationCode".to_owned(), code);
    }
    if let Some(status) = status_of(body, before)? {
        segment.insert("status".to_owned(), status);
    }
    match body.get("mergeRuleDataSourceId") {
        None | Some(Value::Null) => {}
        Some(_) => {
            let rule = number_of(body, "mergeRuleDataSourceId")
                .ok_or_else(|| errors::invalid("mergeRuleDataSourceId must be a number"))?;
            check_merge_rule(world, caller, Some(rule))?;
            segment.insert("mergeRuleDataSourceId".to_owned(), json!(rule));
        }
    }
    Ok(())
}

fn trait_sources(world: &World, sids: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    sids.into_iter()
        .filter_map(|sid| world.store.number(Kind::Traits, sid))
        .filter_map(|object| number_of(object, "dataSourceId"))
        .collect()
}

/// A trait went to another data source: its segments name that one.
pub(crate) fn follow_trait(world: &mut World, sid: u64) {
    let using = world.store.segments_using(sid);
    let using: Vec<Object> = using.into_iter().cloned().collect();
    for mut segment in using {
        let rule = text_of(&segment, "segmentRule").unwrap_or_default();
        let sources = json!(trait_sources(world, referenced_sids(rule)));
        segment.insert(TRAIT_SOURCES.to_owned(), sources);
        let sid = number_of(&segment, "sid").unwrap_or(0);
        world
            .store
            .set_by_service(KIND, Key::Number(sid), Some(segment));
    }
}

fn check(
    world: &World,
    caller: &Caller,
    segment: &mut Object,
    except: Option<u64>,
) -> Result<(), Answer> {
    let rule = check_rule(
        world,
        caller,
        text_of(segment, "segmentRule").unwrap_or_default(),
    )?;
    segment.insert(
        TRAIT_SOURCES.to_owned(),
        json!(trait_sources(world, rule.sids())),
    );
    export_controls::check_segment(world, segment)?;
    let source = number_of(segment, "dataSourceId").unwrap_or(0);
    check_code(
        world,
        KIND,
        source,
        text_of(segment, "integrationCode"),
        except,
    )
}

fn check_merge_rule(world: &World, caller: &Caller, id: Option<u64>) -> Result<(), Answer> {
    let Some(id) = id.filter(|_| world.flags.audience_manager.validate_merge_rule) else {
        return Ok(());
    };
    let account = world.account(caller.pid);
    let known = account.merge_rule_data_source_ids.contains(&id)
        || account.default_merge_rule_data_source_id == Some(id)
        || world
            .store
            .number(Kind::DataSources, id)
            .is_some_and(|source| owns(caller, source));
    known.then_some(()).ok_or_else(|| {
        errors::invalid(&format!(
            "mergeRuleDataSourceId {id} is not a profile merge rule"
        ))
    })
}

/// Grammar, known traits, and no frequency on what is counted once (§5.3).
fn check_rule(world: &World, caller: &Caller, rule: &str) -> Result<SegmentRule, Answer> {
    let status = world.flags.audience_manager.rule_refusal_status;
    let invalid = |what: String| errors::refusal(status, "INVALID_EXPRESSION", &what);
    let parsed =
        SegmentRule::parse(rule).map_err(|what| invalid(format!("Invalid rule: {what}")))?;
    let sids = parsed.sids();
    let most = world.flags.audience_manager.item_limits.traits_per_segment;
    if sids.len() > most {
        return Err(invalid(format!("A segment holds at most {most} traits")));
    }
    let known = |sid: &u64| {
        world
            .store
            .number(Kind::Traits, *sid)
            .filter(|object| sees(world, caller, Kind::Traits, object))
    };
    if let Some(sid) = sids.iter().find(|sid| known(sid).is_none()) {
        return Err(invalid(format!("Trait {sid} does not exist")));
    }
    let uncountable = parsed.sids_with_frequency().into_iter().find(|sid| {
        let object = known(sid);
        let kind = object.and_then(|object| text_of(object, "traitType"));
        let own = object.is_some_and(|object| owns(caller, object));
        !own || !kind.is_some_and(|kind| COUNTABLE.contains(&kind))
    });
    if let Some(sid) = uncountable {
        return Err(invalid(format!(
            "Recency and frequency cannot be used with trait {sid}"
        )));
    }
    Ok(parsed)
}
