//! Data sources (audience-manager.md §3.1, §3.2).

use serde_json::{Value, json};

use super::common::{
    USER_ID, body_object, by_id, check_etag, named, object_answer, optional_code, optional_text,
    owns, required_name, sees,
};
use super::{errors, lists};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of, value_of};
use crate::world::World;

const KIND: Kind = Kind::DataSources;

/// Writable booleans, false where a create leaves them out (the UI's defaults).
const SWITCHES: [&str; 9] = [
    "linkNamespace",
    "inboundS2S",
    "outboundS2S",
    "useAudienceManagerVisitorID",
    "allowDataSharing",
    "masterDataSourceIdProvider",
    "allowDeviceGraphSharing",
    "supportsAuthenticatedProfile",
    "deviceGraph",
];

/// Set at creation, never again.
const UNIQUE: [&str; 2] = [
    "uniqueTraitIntegrationCodes",
    "uniqueSegmentIntegrationCodes",
];

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let query = &ask.query;
    let foreign = query.is_true("includeThirdParty") && !query.is_true("firstPartyOnly");
    let on = |object: &Object, field: &str| object.get(field) == Some(&Value::Bool(true));
    let found: Vec<&Object> = world
        .store
        .all(KIND)
        .filter(|source| {
            owns(&ask.caller, source) || (foreign && sees(world, &ask.caller, KIND, source))
        })
        .filter(|source| lists::matches_text(query, source, "integrationCode", "integrationCode"))
        .filter(|source| lists::matches_number(query, source, "dataSourceId"))
        .filter(|source| !query.is_true("inboundOnly") || on(source, "inboundS2S"))
        .filter(|source| !query.is_true("outboundOnly") || on(source, "outboundS2S"))
        .filter(|source| {
            !query.is_true("excludeReportSuites") || text_of(source, "type") != Some("REPORT_SUITE")
        })
        .filter(|source| {
            let fields: Vec<&str> = source.keys().map(String::as_str).collect();
            lists::matches_search(query, source, &fields)
        })
        .filter(|source| lists::matches_permissions(ask, owns(&ask.caller, source)))
        .collect();
    lists::answer(&world.flags, ask, found, |source| {
        let mut rendered = source.clone();
        if world.flags.audience_manager.data_sources_tell_permissions {
            lists::add_permissions(ask, owns(&ask.caller, source), &mut rendered);
        }
        Value::Object(rendered)
    })
}

pub(crate) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let source = named(world, ask, KIND)?.clone();
    Ok(object_answer(world, 200, source))
}

pub(crate) fn id_types(_: &mut World, _: &Ask<'_>) -> Result<Answer, Answer> {
    Ok(Answer::json(
        200,
        json!(["COOKIE", "CROSS_DEVICE", "DEVICE_ADVERTISING_ID"]),
    ))
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let id = world.store.new_id(KIND);
    let mut source = blank(world, &ask.caller, id);
    merge(world, &mut source, body, None)?;
    for field in UNIQUE {
        source.insert(
            field.to_owned(),
            Value::Bool(switch(body, field)?.unwrap_or(false)),
        );
    }
    check(world, &source, None)?;
    world.store.set(KIND, Key::Number(id), Some(source.clone()));
    Ok(object_answer(world, 201, source))
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let body = body_object(ask)?;
    let before = named(world, ask, KIND)?.clone();
    if !owns(&ask.caller, &before) {
        return Err(errors::not_yours());
    }
    check_etag(world, ask, &before)?;
    let id = number_of(&before, "dataSourceId").unwrap_or(0);
    if number_of(body, "dataSourceId").is_some_and(|named| named != id) {
        return Err(errors::invalid("dataSourceId cannot be changed"));
    }
    for field in UNIQUE {
        let changed = switch(body, field)?
            .is_some_and(|wanted| before.get(field) != Some(&Value::Bool(wanted)));
        if changed && world.flags.audience_manager.unique_flags_change_refused {
            return Err(errors::invalid(&format!("{field} cannot be changed")));
        }
    }
    let mut source = before.clone();
    if !world.flags.audience_manager.put_lenient {
        required_name(body)?;
        let blank = blank(world, &ask.caller, id);
        for field in writable() {
            let default = value_of(&blank, field);
            source.insert(field.to_owned(), default);
        }
    }
    merge(world, &mut source, body, Some(&before))?;
    check(world, &source, Some(id))?;
    source.insert("updateTime".to_owned(), world.now_ms().into());
    source.insert("upUID".to_owned(), USER_ID.into());
    world.store.set(KIND, Key::Number(id), Some(source.clone()));
    Ok(object_answer(world, 200, source))
}

pub(crate) fn remove(world: &mut World, caller: &Caller, id: u64) -> Result<(), Answer> {
    let source = by_id(world, caller, KIND, Some(id))?;
    if !owns(caller, source) {
        return Err(errors::not_yours());
    }
    let used = [Kind::Traits, Kind::Segments]
        .iter()
        .any(|kind| !world.store.in_source(*kind, id).is_empty());
    let refused = world
        .flags
        .audience_manager
        .data_source_in_use_delete
        .status();
    if let Some(status) = refused.filter(|_| used) {
        return Err(errors::refusal(
            status,
            "CANNOT_DELETE_ENTITY_WITH_MAPPINGS",
            "The data source is used by traits or segments",
        ));
    }
    world.store.set(KIND, Key::Number(id), None);
    Ok(())
}

fn writable() -> impl Iterator<Item = &'static str> {
    let others = [
        "name",
        "description",
        "integrationCode",
        "status",
        "type",
        "idType",
        "subIdType",
        "dataExportRestrictions",
        "marketingCloudVisitorIdVersion",
        "authenticatedProfileName",
        "deviceGraphName",
        "customerProfileDataRetention",
    ];
    others.into_iter().chain(SWITCHES)
}

/// A data source with nothing but defaults, in the shape of the documented sample.
pub(crate) fn blank(world: &World, caller: &Caller, id: u64) -> Object {
    let now = world.now_ms();
    let mut source = object_of([
        ("dataSourceId", json!(id)),
        ("pid", json!(caller.pid)),
        ("name", Value::Null),
        ("description", Value::Null),
        ("status", json!("ACTIVE")),
        ("integrationCode", Value::Null),
        ("dataExportRestrictions", json!([])),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
        ("crUID", json!(USER_ID)),
        ("upUID", json!(USER_ID)),
        ("type", json!("GENERAL")),
        ("idType", json!("")),
        ("subIdType", Value::Null),
        ("uniqueTraitIntegrationCodes", json!(false)),
        ("uniqueSegmentIntegrationCodes", json!(false)),
        ("marketingCloudVisitorIdVersion", json!(0)),
        ("authenticatedProfileName", json!("")),
        ("deviceGraphName", json!("")),
        ("customNamespaceId", Value::Null),
        ("customNamespaceCode", Value::Null),
        ("customerProfileDataRetention", Value::Null),
        ("samplingStartTime", Value::Null),
        ("samplingEndTime", Value::Null),
        ("samplingEnabled", json!(false)),
        ("containerIds", json!([])),
    ]);
    for field in SWITCHES {
        source.insert(field.to_owned(), Value::Bool(false));
    }
    source
}

fn switch(body: &Object, field: &str) -> Result<Option<bool>, Answer> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(errors::invalid(&format!("{field} must be a boolean"))),
    }
}

/// Takes over what the body names; what it does not name stays.
fn merge(
    world: &World,
    source: &mut Object,
    body: &Object,
    before: Option<&Object>,
) -> Result<(), Answer> {
    if body.contains_key("name") {
        source.insert("name".to_owned(), required_name(body)?.into());
    }
    for field in [
        "description",
        "type",
        "idType",
        "subIdType",
        "authenticatedProfileName",
        "deviceGraphName",
    ] {
        if let Some(text) = optional_text(body, field)? {
            source.insert(field.to_owned(), text);
        }
    }
    if let Some(code) = optional_code(body)? {
        source.insert("integrationCode".to_owned(), code);
    }
    if let Some(status) = super::common::status_of(body, before)? {
        source.insert("status".to_owned(), status);
    }
    merge_controls(world, source, body, before)?;
    for field in [
        "marketingCloudVisitorIdVersion",
        "customerProfileDataRetention",
    ] {
        if let Some(value) = body.get(field) {
            if !value.is_null() && number_of(body, field).is_none() {
                return Err(errors::invalid(&format!("{field} must be a number")));
            }
            source.insert(field.to_owned(), value.clone());
        }
    }
    for field in SWITCHES {
        if let Some(value) = switch(body, field)? {
            source.insert(field.to_owned(), Value::Bool(value));
        }
    }
    Ok(())
}

/// One of four names is known, and whether a client may set them is not (§3.2, switches); what a source has already is
/// taken back.
fn merge_controls(
    world: &World,
    source: &mut Object,
    body: &Object,
    before: Option<&Object>,
) -> Result<(), Answer> {
    const FIELD: &str = "dataExportRestrictions";
    let had = before.and_then(|before| before.get(FIELD));
    if !world.flags.audience_manager.export_controls_settable {
        source.insert(FIELD.to_owned(), had.cloned().unwrap_or(json!([])));
        return Ok(());
    }
    let Some(restrictions) = body.get(FIELD) else {
        return Ok(());
    };
    let texts: Option<Vec<&str>> = match restrictions.as_array() {
        Some(items) => items.iter().map(Value::as_str).collect(),
        None => restrictions.is_null().then(Vec::new),
    };
    let Some(texts) = texts else {
        return Err(errors::invalid(
            "dataExportRestrictions must be an array of strings",
        ));
    };
    let known = &world.flags.audience_manager.export_control_names;
    let is_known = |text: &str| {
        known.is_empty()
            || known.iter().any(|name| name == text)
            || had
                .and_then(Value::as_array)
                .is_some_and(|had| had.iter().any(|one| one == text))
    };
    if let Some(unknown) = texts.into_iter().find(|text| !is_known(text)) {
        return Err(errors::invalid(&format!(
            "{unknown} is not a data export restriction"
        )));
    }
    source.insert(FIELD.to_owned(), restrictions.clone());
    Ok(())
}

fn check(world: &World, source: &Object, except: Option<u64>) -> Result<(), Answer> {
    required_name(source)?;
    let code = text_of(source, "integrationCode");
    let cross_device = text_of(source, "idType") == Some("CROSS_DEVICE");
    if cross_device && code.is_none() {
        return Err(errors::invalid(
            "integrationCode is required for a cross-device data source",
        ));
    }
    let retention = number_of(source, "customerProfileDataRetention");
    // One month to five years, in seconds (§3.2).
    if retention.is_some_and(|seconds| !(2_592_000..=157_680_000).contains(&seconds)) {
        return Err(errors::invalid(
            "customerProfileDataRetention must be between one month and five years",
        ));
    }
    let Some(code) = code.filter(|_| {
        world
            .flags
            .audience_manager
            .data_source_integration_code_unique
    }) else {
        return Ok(());
    };
    let taken = world.store.with_code(KIND, code).into_iter().any(|other| {
        number_of(other, "pid") == number_of(source, "pid")
            && number_of(other, "dataSourceId") != except
    });
    if taken {
        return Err(errors::refusal(
            world
                .flags
                .audience_manager
                .duplicate_integration_code_status,
            "DUPLICATE_INTEGRATION_CODE",
            "integrationCode is used by another data source",
        ));
    }
    Ok(())
}

/// Adobe removes a provider of the Marketplace, a company without a credential here: its traits go, and the segments that use
/// them are suspended (audience-manager.md §4.5).
pub(crate) fn removed(world: &mut World, source: &Object) {
    let company = number_of(source, "pid");
    let mut customers = world.credentials.iter();
    let (false, Some(id)) = (
        customers.any(|customer| customer.pid == company),
        number_of(source, "dataSourceId"),
    ) else {
        return;
    };
    let traits = world.store.in_source(Kind::Traits, id).into_iter();
    let sids: Vec<u64> = traits.filter_map(|found| number_of(found, "sid")).collect();
    for sid in sids {
        let users = world.store.segments_using(sid).into_iter();
        for mut user in users.cloned().collect::<Vec<_>>() {
            user.insert("status".to_owned(), json!("SUSPENDED"));
            if let Some(key) = Key::of(Kind::Segments, &user) {
                world.store.set(Kind::Segments, key, Some(user));
            }
        }
        world.store.set(Kind::Traits, Key::Number(sid), None);
    }
}
