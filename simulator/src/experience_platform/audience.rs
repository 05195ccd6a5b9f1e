//! One audience, whatever path it is reached by: how it is made, which members the server writes, what may change
//! (experience-platform.md §2.1, §3.3 to §3.5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::common::{AUDIENCE_MANAGER_ORIGIN, find_by_key, sandbox_view};
use super::{errors, expression, merge_policies};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::flags::{
    DuplicateAudience, ExternalAudienceCreate, ExternalAudienceIds, ExternalAudienceLabels,
    ReadOnlyAudience,
};
use crate::service::Ask;
use crate::store::{Kind, Object, object_of, text_of};
use crate::world::World;

type Result<T> = std::result::Result<T, Answer>;

/// The member of an audience that holds what only this service shows of it.
pub(crate) const IMPORT: &str = "import";

/// The member of an audience that holds how many profiles it has; counted into its `metrics` once a day, never shown.
pub(crate) const SIZE: &str = "size";

/// What no write changes (§3.5).
pub(crate) const IMMUTABLE: [&str; 10] = [
    "id",
    "audienceId",
    "namespace",
    "type",
    "createdBy",
    "creationTime",
    "createEpoch",
    "imsOrgId",
    "sandbox",
    "originName",
];

/// What the server works out by itself: a write that names it changes nothing.
const COMPUTED: [&str; 7] = [
    "isSystem",
    "dependents",
    "dependencies",
    "metrics",
    "recordMetrics",
    IMPORT,
    SIZE,
];

/// A new external audience with the server's defaults (§3.4).
pub(crate) fn external_audience(
    world: &mut World,
    ask: &Ask<'_>,
    mut body: Object,
) -> Result<Object> {
    if !world.flags.experience_platform.external_segments_enabled {
        return Err(not_enabled(world));
    }
    if let Some(withdrawn) = withdrawn(world) {
        return Err(withdrawn);
    }
    if let Some(dataset) = text_of(&body, "datasetId").map(str::to_owned)
        && !world
            .flags
            .experience_platform
            .catalog_datasets
            .contains(&dataset)
    {
        let message = format!(
            "Dataset {dataset} cannot be retrieved from Catalog: {{\"type\":\"http://ns.adobe.com/aep/errors/CTLG-404\",\"status\":404}}"
        );
        return Err(errors::bad_request(world, "UPLIB-101554-503", &message));
    }
    body.remove(IMPORT);
    body.remove(SIZE);
    check_types(world, ask, &body)?;
    check_labels(world, &mut body)?;
    let claimed = text_of(&body, "originName") == Some(AUDIENCE_MANAGER_ORIGIN);
    if claimed
        && !world
            .flags
            .experience_platform
            .audience_manager_origin_accepted
    {
        return Err(errors::validation(
            world,
            "originName cannot be set to AUDIENCE_MANAGER.",
        ));
    }
    for (field, default) in [
        ("namespace", "CustomerAudienceUpload"),
        ("originName", "CUSTOM_UPLOAD"),
        ("lifecycleState", "published"),
    ] {
        if !body.get(field).is_some_and(Value::is_string) {
            body.insert(field.to_owned(), json!(default));
        }
    }
    check_new_lifecycle(world, &body)?;
    if !body.get("audienceId").is_some_and(Value::is_string) {
        body.insert("audienceId".to_owned(), json!(world.uuid()));
    }
    check_duplicate(world, ask, &body)?;
    let id = external_id(world, ask, &body);
    body.insert("type".to_owned(), json!("ExternalSegment"));
    Ok(complete(world, ask, body, &id))
}

fn withdrawn(world: &World) -> Option<Answer> {
    match world.flags.experience_platform.external_audience_create {
        ExternalAudienceCreate::Served => None,
        ExternalAudienceCreate::PlainBadRequest => Some(errors::problem(
            400,
            "BadRequestError",
            "The request cannot be served",
        )),
        ExternalAudienceCreate::Forbidden => Some(errors::envelope(
            "",
            403,
            "UPAPI-113000-403",
            "The operation is not allowed.",
        )),
        ExternalAudienceCreate::NotFound => Some(errors::problem(
            404,
            "NotFoundError",
            "The path is not known",
        )),
    }
}

/// Labels are texts; whether an external audience takes them at all, two pages disagree about (§4.4).
pub(crate) fn check_labels(world: &mut World, body: &mut Object) -> Result<()> {
    let Some(labels) = body.get("labels") else {
        return Ok(());
    };
    let given = labels.as_array().map(Vec::as_slice);
    let texts = given.is_some_and(|labels| labels.iter().all(Value::is_string));
    if !texts {
        return Err(errors::validation(
            world,
            "labels must be an array of strings.",
        ));
    }
    let external = text_of(body, "type") != Some("SegmentDefinition");
    let some = external && given.is_some_and(|labels| !labels.is_empty());
    match world.flags.experience_platform.external_audience_labels {
        ExternalAudienceLabels::Refused if some => Err(errors::validation(
            world,
            "labels cannot be applied to an external audience.",
        )),
        ExternalAudienceLabels::Ignored if some => {
            body.insert("labels".to_owned(), json!([]));
            Ok(())
        }
        ExternalAudienceLabels::Refused
        | ExternalAudienceLabels::Ignored
        | ExternalAudienceLabels::Stored => Ok(()),
    }
}

/// What the connector made is read only (§5.2: the user interface offers no edit; what the API answers, nobody says).
pub(crate) fn check_origin(world: &mut World, caller: &Caller, audience: &Object) -> Result<()> {
    if text_of(audience, "originName") != Some(AUDIENCE_MANAGER_ORIGIN) {
        return Ok(());
    }
    match world.flags.experience_platform.read_only_audience {
        ReadOnlyAudience::Allow => Ok(()),
        ReadOnlyAudience::BadRequest => Err(errors::validation(
            world,
            "Audiences of origin AUDIENCE_MANAGER are read only.",
        )),
        ReadOnlyAudience::Forbidden => {
            let id = text_of(audience, "id");
            Err(errors::access_denied(world, caller, id, "WRITE"))
        }
    }
}

fn check_duplicate(world: &mut World, ask: &Ask<'_>, body: &Object) -> Result<()> {
    let status = match world.flags.experience_platform.duplicate_external_audience {
        DuplicateAudience::Allow => return Ok(()),
        DuplicateAudience::Conflict => 409,
        DuplicateAudience::BadRequest => 400,
    };
    let text = |field: &str| text_of(body, field).unwrap_or_default();
    if find_by_key(world, ask, text("namespace"), text("audienceId")).is_some() {
        return Err(errors::refusal(
            world,
            status,
            &format!("UPAPI-113434-{status}"),
            "An audience with this namespace and audienceId already exists.",
        ));
    }
    Ok(())
}

pub(crate) fn external_id(world: &mut World, ask: &Ask<'_>, body: &Object) -> String {
    match world.flags.experience_platform.external_audience_ids {
        ExternalAudienceIds::Uuid => world.uuid(),
        ExternalAudienceIds::Composite => {
            let namespace = text_of(body, "namespace").unwrap_or_default();
            let audience_id = text_of(body, "audienceId").unwrap_or_default();
            let sandbox = text_of(&ask.caller.sandbox, "id").unwrap_or_default();
            composite_id(namespace, audience_id, sandbox)
        }
    }
}

/// As Adobe's own samples read when they are decoded (§3.3).
pub(crate) fn composite_id(namespace: &str, audience_id: &str, sandbox: &str) -> String {
    let encoded = URL_SAFE_NO_PAD.encode(format!("{namespace}_{audience_id}"));
    format!("{encoded}_{sandbox}")
}

/// A new definition: expression and schema are there, the server's defaults filled in (§2.1, §2.2, §3.4).
pub(crate) fn segment_definition(
    world: &mut World,
    ask: &Ask<'_>,
    mut body: Object,
) -> Result<Object> {
    expression::check(world, &body)?;
    check_types(world, ask, &body)?;
    body.insert("type".to_owned(), json!("SegmentDefinition"));
    body.remove(SIZE);
    check_labels(world, &mut body)?;
    if !body.get("lifecycleState").is_some_and(Value::is_string) {
        body.insert("lifecycleState".to_owned(), json!("published"));
    }
    check_new_lifecycle(world, &body)?;
    let id = world.uuid();
    body.extend(object_of([
        ("audienceId", json!(id)),
        ("namespace", json!("AEPSegments")),
        ("originName", json!("REAL_TIME_CUSTOMER_PROFILE")),
        ("profileInstanceId", json!("ups")),
        ("dataGovernancePolicy", json!({"excludeOptOut": true})),
        ("dependents", json!([])),
        ("dependencies", json!([])),
    ]));
    if !body.get("mergePolicyId").is_some_and(Value::is_string) {
        body.insert(
            "mergePolicyId".to_owned(),
            merge_policies::default_id(world, ask),
        );
    }
    let mut audience = complete(world, ask, body, &id);
    expression::settle(world, ask, &mut audience)?;
    Ok(audience)
}

fn check_new_lifecycle(world: &mut World, body: &Object) -> Result<()> {
    let allowed = ["draft", "published", "inactive", "active"];
    let state = text_of(body, "lifecycleState").unwrap_or_default();
    if allowed.contains(&state) {
        return Ok(());
    }
    Err(errors::validation(
        world,
        &format!("lifecycleState cannot be set to {state}."),
    ))
}

/// What the server writes into every new audience.
pub(crate) fn complete(world: &mut World, ask: &Ask<'_>, mut body: Object, id: &str) -> Object {
    let now_ms = world.now_ms();
    body.extend(object_of([
        ("id", json!(id)),
        ("imsOrgId", json!(ask.caller.organization)),
        ("sandbox", sandbox_view(&ask.caller.sandbox)),
        ("isSystem", json!(false)),
        (
            "createdBy",
            json!(format!("{}@techacct.adobe.com", ask.caller.client_id)),
        ),
        ("creationTime", json!(now_ms)),
        ("createEpoch", json!(now_ms / 1000)),
    ]));
    for (field, default) in [("description", json!("")), ("labels", json!([]))] {
        body.entry(field.to_owned()).or_insert(default);
    }
    touch(world, &mut body);
    body
}

/// Puts back what the server works out by itself.
pub(crate) fn keep_computed(before: &Object, audience: &mut Object) {
    for field in COMPUTED {
        match before.get(field) {
            Some(value) => audience.insert(field.to_owned(), value.clone()),
            None => audience.remove(field),
        };
    }
}

/// What the server writes when an audience changes.
pub(crate) fn touch(world: &mut World, audience: &mut Object) {
    let now_ms = world.now_ms();
    audience.insert("updateTime".to_owned(), json!(now_ms));
    audience.insert("updateEpoch".to_owned(), json!(now_ms / 1000));
    let etag = world.uuid();
    audience.insert("_etag".to_owned(), json!(format!("\"{etag}\"")));
}

/// Members that a write may name have the types of the specification.
pub(crate) fn check_types(world: &mut World, ask: &Ask<'_>, audience: &Object) -> Result<()> {
    let texts = [
        "name",
        "description",
        "lifecycleState",
        "namespace",
        "originName",
    ];
    let mut texts = texts.iter();
    let wrong = texts.find(|field| {
        audience
            .get(**field)
            .is_some_and(|value| !value.is_string() && !value.is_null())
    });
    if let Some(field) = wrong {
        let message = format!("No usable value for {field}");
        return Err(errors::unreadable(world, &[&message]));
    }
    let expression = audience.get("expression");
    if expression.is_some() && !expression::is_well_formed(expression) {
        return Err(errors::unreadable(
            world,
            &["No usable value for expression"],
        ));
    }
    match text_of(audience, "mergePolicyId") {
        Some(id) if !merge_policies::exists(world, ask, id) => {
            let what = format!("The merge policy {id} does not exist.");
            Err(errors::validation(world, &what))
        }
        _ => Ok(()),
    }
}

/// Immutable members and the lifecycle's allowed steps (§3.5).
pub(crate) fn check_change(world: &mut World, before: &Object, after: &Object) -> Result<()> {
    for field in IMMUTABLE {
        if before.get(field) != after.get(field) {
            let name = match field {
                "namespace" => "Namespace",
                other => other,
            };
            return Err(errors::validation(
                world,
                &format!("{name} is immutable field."),
            ));
        }
    }
    let state = |audience: &Object| match text_of(audience, "lifecycleState") {
        Some("active") | None => "published".to_owned(),
        Some(other) => other.to_owned(),
    };
    let (from, to) = (state(before), state(after));
    let allowed = from == to
        || match (from.as_str(), to.as_str()) {
            ("draft" | "inactive", "published") => true,
            ("published", "inactive") => !has_dependents(before),
            _ => false,
        };
    if !allowed {
        return Err(errors::validation(
            world,
            &format!("lifecycleState cannot be set to {to} from {from}."),
        ));
    }
    Ok(())
}

pub(crate) fn has_dependents(audience: &Object) -> bool {
    audience
        .get("dependents")
        .and_then(Value::as_array)
        .is_some_and(|dependents| !dependents.is_empty())
}

/// The organisation lacks the feature (§3.6).
pub(crate) fn not_enabled(world: &mut World) -> Answer {
    errors::refusal(
        world,
        403,
        "UPAPI-113740-403",
        "IMS Org is not enabled for External Segment.",
    )
}

/// A segment definition as a person makes it in the Segment Builder, in the default sandbox.
pub(crate) fn by_hand(world: &mut World, caller: &Caller) -> Object {
    let sandbox = world
        .store
        .all(Kind::Sandboxes)
        .find(|sandbox| sandbox.get("isDefault") == Some(&Value::Bool(true)))
        .map_or(Value::Null, sandbox_view);
    let now_ms = world.now_ms();
    let id = world.uuid();
    let mut audience = object_of([
        ("id", json!(id)),
        ("audienceId", json!(id)),
        ("name", json!("")),
        ("description", json!("")),
        ("type", json!("SegmentDefinition")),
        ("namespace", json!("AEPSegments")),
        ("originName", json!("REAL_TIME_CUSTOMER_PROFILE")),
        ("lifecycleState", json!("published")),
        ("imsOrgId", json!(caller.organization)),
        ("sandbox", sandbox),
        ("isSystem", json!(false)),
        ("labels", json!([])),
        ("schema", json!({"name": "_xdm.context.profile"})),
        (
            "expression",
            json!({"type": "PQL", "format": "pql/text", "value": "homeAddress.countryCode = \"US\""}),
        ),
        ("profileInstanceId", json!("ups")),
        ("dependents", json!([])),
        ("dependencies", json!([])),
        ("createdBy", json!("person@example.com")),
        ("creationTime", json!(now_ms)),
        ("createEpoch", json!(now_ms / 1000)),
    ]);
    expression::settle_evaluation(&mut audience, false);
    touch(world, &mut audience);
    audience
}
