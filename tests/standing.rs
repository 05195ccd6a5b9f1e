//! What stands in a tenant as ours, and what must stand there for a `SharedAudience`: read from design.md §2 and from no
//! code of the operator's. Used by both worlds, the modelled and the real.

use std::collections::BTreeSet;

use serde_json::{Value, json};

#[path = "standing_platform.rs"]
mod platform;

fn find<'a>(state: &'a Value, collection: &str, fits: impl Fn(&Value) -> bool) -> Vec<&'a Value> {
    let objects = state[collection].as_array();
    objects
        .into_iter()
        .flatten()
        .filter(|object| fits(object))
        .collect()
}

/// The source, by id or by its name or the id that the name was pinned to.
pub(crate) fn source<'a>(audience: &Value, state: &'a Value) -> Option<&'a Value> {
    if platform::is_declared(audience) {
        return platform::source(audience, state);
    }
    let named = &audience["spec"]["source"]["experiencePlatform"];
    let pinned = &audience["status"]["source"]["id"];
    let found = match (named["id"].as_str(), pinned.as_str()) {
        (Some(id), _) | (None, Some(id)) => find(state, "audiences", |found| found["id"] == id),
        (None, None) => find(state, "audiences", |found| found["name"] == named["name"]),
    };
    (found.len() == 1).then(|| found[0])
}

pub(crate) fn mark(owner: &str, audience: &Value) -> String {
    let of = |field: &str| audience["metadata"][field].as_str().unwrap_or_default();
    let resource = format!(
        "[audience-sharing:{owner}/{}/{}#",
        of("namespace"),
        of("name")
    );
    match of("uid").get(..8) {
        Some(uid) => format!("{resource}{uid}]"),
        None => resource, // of any uid
    }
}

/// The text with the mark behind it: cut, so that the mark stands whole within the 255 characters.
fn described(text: &Value, mark: &str) -> String {
    let text = text.as_str().unwrap_or_default().trim();
    let room = 255 - mark.len() - 1;
    let kept: String = text.chars().take(room).collect();
    format!("{} {mark}", kept.trim_end()).trim().to_owned()
}

/// Why the other system is not as the audience declares it; `None` if it is.
pub(crate) fn difference(
    owner: &str,
    audience: &Value,
    connection: &Value,
    state: &Value,
) -> Option<String> {
    difference_from(owner, audience, connection, state, (state, state))
}

/// The same, for a source as it stood in another state, and for what the connector delivered in a third one: what a
/// marketer changed in either system is noticed within a resync.
pub(crate) fn difference_from(
    owner: &str,
    audience: &Value,
    connection: &Value,
    state: &Value,
    (sources, delivered): (&Value, &Value),
) -> Option<String> {
    let Some(source) = source(audience, sources) else {
        return Some("there is no source".into());
    };
    match platform::is_declared(audience) {
        true => platform::compare(owner, audience, state, (source, delivered)).err(),
        false => compare(owner, audience, connection, state, source).err(),
    }
}

/// Adobe's source connector delivers its source.
#[allow(dead_code, reason = "not every test program judges what stood before")]
pub(crate) fn is_delivered(audience: &Value, state: &Value) -> bool {
    source(audience, state).is_some_and(|source| platform::is_delivered(state, source))
}

/// The reason for which what is declared cannot stand, as things are; `None` if it can.
#[allow(
    dead_code,
    reason = "not every test program declares what cannot stand"
)]
pub(crate) fn refusal(owner: &str, audience: &Value, state: &Value) -> Option<&'static str> {
    if !platform::is_declared(audience) {
        return None;
    }
    let is_lost = platform::is_lost(owner, audience, state);
    platform::refusal(owner, audience, state).or(is_lost.then_some("OwnershipLost"))
}

/// The destinations that a declared one means.
pub(crate) fn destinations<'a>(wanted: &Value, state: &'a Value) -> Vec<&'a Value> {
    find(state, "destinations", |found| {
        found["destinationId"] == wanted["id"] || found["name"] == wanted["name"]
    })
}

fn compare(
    owner: &str,
    audience: &Value,
    connection: &Value,
    state: &Value,
    source: &Value,
) -> Result<(), String> {
    let id = source["id"].as_str().unwrap_or_default();
    let of_connection = &connection["spec"]["audienceManager"];
    let (name, restrictions) = labelled(&of_connection["dataSource"], source);
    let data_sources = find(state, "dataSources", |found| found["name"] == name);
    let data_source = data_sources.first().ok_or("there is no data source")?;
    let has = |restriction: &&str| {
        let found = data_source["dataExportRestrictions"].as_array();
        found.is_some_and(|found| found.contains(&json!(restriction)))
    };
    if let Some(open) = restrictions.iter().find(|restriction| !has(restriction)) {
        return Err(format!("{name} is without the export control {open}"));
    }
    let data_source = data_source["dataSourceId"].clone();
    let target = &audience["spec"]["target"]["audienceManager"];
    let of = |field: &str| match &target[field] {
        Value::Null => source[field].clone(),
        own => own.clone(),
    };
    let mark = mark(owner, audience);
    let describe = |text: &Value| json!(described(text, &mark));
    let name = of("name");
    let description = describe(&of("description"));

    let found = one(state, "traits", &data_source, id)?;
    let rule = format!(
        "{} == \"{id}\"",
        of_connection["traitRuleKey"].as_str().unwrap_or_default()
    );
    let ttl = target["ttlDays"].as_u64().unwrap_or(120);
    let folder = folder(state, "traitFolders", &of_connection["traitFolder"])?;
    expect(
        found,
        &[
            ("name", name.clone()),
            ("description", description.clone()),
            ("traitRule", json!(rule)),
            ("ttl", json!(ttl)),
            ("folderId", folder),
        ],
    )?;
    let sid = &found["sid"];

    let folder = self::folder(state, "segmentFolders", &of_connection["segmentFolder"])?;
    let shared = one(state, "segments", &data_source, id)?;
    expect(
        shared,
        &[
            ("name", name),
            ("description", description),
            ("segmentRule", json!(format!("{sid}T"))),
            ("folderId", folder.clone()),
        ],
    )?;
    is_mapped(state, shared, &target["destinations"])?;
    let declared = target["additionalSegments"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for segment in &declared {
        let code = format!("{id}.{}", segment["key"].as_str().unwrap_or_default());
        let mut rule = segment["rule"]
            .as_str()
            .unwrap_or_default()
            .replace("{trait}", &format!("{sid}T"));
        for named in segment["traits"].as_array().into_iter().flatten() {
            let (key, found) = (text(named, "key"), named_trait(state, named)?);
            rule = rule.replace(&format!("{{{key}}}"), &format!("{found}T"));
        }
        let found = one(state, "segments", &data_source, &code)?;
        is_mapped(state, found, &segment["destinations"])?;
        expect(
            found,
            &[
                ("name", segment["name"].clone()),
                ("description", describe(&segment["description"])),
                ("segmentRule", json!(rule)),
                ("folderId", folder.clone()),
            ],
        )?;
    }
    are_modelled(state, &mark, target, (sid, &shared["sid"]))?;
    let ours = find(state, "segments", |found| {
        text(found, "description").contains(&mark)
    })
    .len();
    match ours == declared.len() + 1 {
        true => Ok(()),
        false => Err(format!(
            "{ours} segments of ours stand; {} are declared",
            declared.len() + 1
        )),
    }
}

/// Each declared model once, of the shared trait or segment, and no other under the mark.
fn are_modelled(
    state: &Value,
    mark: &str,
    target: &Value,
    (of_trait, of_segment): (&Value, &Value),
) -> Result<(), String> {
    let mark = mark.trim_end_matches(']');
    let ours = find(state, "models", |found| {
        text(found, "description").contains(&format!("{mark}:"))
    });
    let declared = target["models"].as_array().into_iter().flatten();
    for model in declared.clone() {
        let own = format!("{mark}:{}]", text(model, "key"));
        let of_entry = |found: &&&Value| text(found, "description").ends_with(&own);
        let found: Vec<_> = ours.iter().filter(of_entry).collect();
        let [found] = found[..] else {
            return Err(format!("{} models under {own}", found.len()));
        };
        let baseline = match model["baseline"] == "Segment" {
            true => of_segment,
            false => of_trait,
        };
        expect(
            found,
            &[
                ("name", model["name"].clone()),
                ("sid", baseline.clone()),
                ("dataSources", model["dataSourceIds"].clone()),
                ("lookBackPeriod", model["lookBackDays"].clone()),
            ],
        )?;
    }
    match ours.len() == declared.count() {
        true => Ok(()),
        false => Err(format!("{} models of ours exist", ours.len())),
    }
}

/// The name of the data source for the labels of a source, and what it must forbid, as far as there is a name for it.
fn labelled(own: &Value, source: &Value) -> (String, Vec<&'static str>) {
    let own = own.as_str().unwrap_or_default();
    let labels = source["labels"].as_array().cloned().unwrap_or_default();
    let has = |code: &&&str| labels.contains(&json!(format!("core/{code}")));
    let codes: Vec<&str> = ["C3", "C5", "C6", "C7"]
        .iter()
        .filter(has)
        .copied()
        .collect();
    let name = match codes.is_empty() {
        true => own.to_owned(),
        false => format!("{own} ({})", codes.join("+")),
    };
    let names = [("C3", "PII"), ("C7", "ONSITE_PERSONALIZATION")].into_iter();
    let asked = names.filter(|(code, _)| codes.contains(code));
    (name, asked.map(|(_, name)| name).collect())
}

/// The sid of a trait that a rule names by a key.
fn named_trait(state: &Value, named: &Value) -> Result<Value, String> {
    if named["sid"].is_number() {
        return Ok(named["sid"].clone());
    }
    let wanted = ["integrationCode", "name", "dataSourceId"];
    let fits = |found: &Value| {
        wanted
            .iter()
            .all(|field| named[*field].is_null() || found[*field] == named[*field])
    };
    match find(state, "traits", fits)[..] {
        [one] => Ok(one["sid"].clone()),
        ref several => Err(format!("{} traits fit {named}", several.len())),
    }
}

/// The mappings of a segment, those that were deleted apart.
pub(crate) fn mappings_of<'a>(state: &'a Value, sid: &Value) -> Vec<&'a Value> {
    find(state, "mappings", |mapping| {
        mapping["sid"] == *sid && mapping["elementStatus"] != "deleted"
    })
}

/// Each declared destination has one mapping of the segment, as it declares it, and no other has any.
fn is_mapped(state: &Value, segment: &Value, declared: &Value) -> Result<(), String> {
    let declared = declared.as_array().cloned().unwrap_or_default();
    let mappings = mappings_of(state, &segment["sid"]);
    for wanted in &declared {
        let destinations = destinations(wanted, state);
        let [destination] = destinations[..] else {
            return Err(format!("{} destinations are {wanted}", destinations.len()));
        };
        let to_it = mappings
            .iter()
            .filter(|mapping| mapping["destinationId"] == destination["destinationId"]);
        let to_it: Vec<_> = to_it.collect();
        let [mapping] = to_it[..] else {
            return Err(format!(
                "{} mappings to {}",
                to_it.len(),
                destination["name"]
            ));
        };
        let fields = [
            ("url", "url"),
            ("alias", "traitAlias"),
            ("valueAlias", "valueAlias"),
        ];
        let fields = fields
            .into_iter()
            .filter(|(field, _)| !wanted[*field].is_null());
        let fields: Vec<_> = fields
            .map(|(field, shown)| (shown, wanted[field].clone()))
            .collect();
        expect(mapping, &fields)?;
    }
    match mappings.len() == declared.len() {
        true => Ok(()),
        false => Err(format!(
            "{} mappings of {} stand; {} are declared",
            mappings.len(),
            segment["name"],
            declared.len()
        )),
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

fn one<'a>(
    state: &'a Value,
    collection: &str,
    data_source: &Value,
    code: &str,
) -> Result<&'a Value, String> {
    let found = find(state, collection, |found| {
        found["dataSourceId"] == *data_source && found["integrationCode"] == code
    });
    match found[..] {
        [one] => Ok(one),
        _ => Err(format!(
            "{} of {collection} have the integration code {code}",
            found.len()
        )),
    }
}

fn folder(state: &Value, collection: &str, name: &Value) -> Result<Value, String> {
    let found = find(state, collection, |found| {
        found["name"] == *name && found["parentFolderId"] == 0
    });
    match found[..] {
        [one] => Ok(one["folderId"].clone()),
        _ => Err(format!("{} of {collection} are named {name}", found.len())),
    }
}

fn expect(found: &Value, fields: &[(&str, Value)]) -> Result<(), String> {
    expect_of(found, "sid", fields)
}

fn expect_of(found: &Value, id: &str, fields: &[(&str, Value)]) -> Result<(), String> {
    match fields
        .iter()
        .find(|(field, wanted)| found[*field] != *wanted)
    {
        None => Ok(()),
        Some((field, wanted)) => Err(format!(
            "{field} of {} is {}, not {wanted}",
            found[id], found[*field]
        )),
    }
}

/// Objects of ours that share a key; `enforced`: only where the server refuses the second, which it does within one data
/// source.
pub(crate) fn duplicates(owner: &str, state: &Value, enforced: bool) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    let mut see = |key: String| {
        if !seen.insert(key.clone()) {
            twice.push(key);
        }
    };
    for collection in ["traits", "segments"] {
        for object in of_ours(owner, state, collection) {
            let within = match enforced {
                true => object["dataSourceId"].clone(),
                false => json!("any data source of ours"),
            };
            see(format!(
                "{collection} {} in {within}",
                object["integrationCode"]
            ));
        }
    }
    let made = of_ours(owner, state, "audiences");
    // What enforces the name of a definition is not documented (experience-platform.md §2.1).
    for object in made.filter(|object| !enforced || object["type"] != "SegmentDefinition") {
        see(format!("audiences {}", object["description"]));
    }
    for object in of_ours(owner, state, "models").filter(|_| !enforced) {
        see(format!("models {}", object["description"]));
    }
    for collection in ["traitFolders", "segmentFolders"] {
        for object in state[collection].as_array().into_iter().flatten() {
            see(format!(
                "{collection} {} {}",
                object["parentFolderId"], object["name"]
            ));
        }
    }
    for object in of_ours(owner, state, "dataSources").filter(|_| !enforced) {
        see(format!("dataSources {}", object["name"]));
    }
    for segment in of_ours(owner, state, "segments").filter(|_| !enforced) {
        for mapping in mappings_of(state, &segment["sid"]) {
            see(format!(
                "mappings {} {}",
                mapping["sid"], mapping["destinationId"]
            ));
        }
    }
    twice
}

/// The objects that carry a mark of ours.
pub(crate) fn of_ours<'a>(
    owner: &str,
    state: &'a Value,
    collection: &str,
) -> impl Iterator<Item = &'a Value> {
    let ours = format!("[audience-sharing:{owner}");
    let objects = state[collection].as_array().into_iter().flatten();
    objects.filter(move |object| {
        object["description"]
            .as_str()
            .is_some_and(|text| text.contains(&ours))
    })
}

/// The ids of objects that the status names.
pub(crate) fn recorded_ids(audience: &Value) -> Vec<String> {
    let recorded = &audience["status"]["audienceManager"];
    let additional = recorded["additionalSegments"].as_array();
    let additional = additional
        .into_iter()
        .flatten()
        .map(|segment| segment["sid"].to_string());
    let models = recorded["models"].as_array().into_iter().flatten();
    let models = models.flat_map(|model| {
        let traits = model["traits"].as_array().into_iter().flatten();
        let traits = traits.map(|one| one["sid"].to_string());
        traits.chain([model["id"].to_string()])
    });
    let audience = &audience["status"]["experiencePlatform"]["id"];
    [&recorded["traitSid"], &recorded["segmentSid"], audience]
        .map(ToString::to_string)
        .into_iter()
        .chain(additional)
        .chain(models)
        .collect()
}

/// The ids of the mappings that the status names.
pub(crate) fn recorded_mappings(audience: &Value) -> Vec<String> {
    let recorded = &audience["status"]["audienceManager"];
    let additional = recorded["additionalSegments"].as_array();
    let segments = additional.into_iter().flatten().chain([recorded]);
    segments
        .flat_map(|segment| segment["destinations"].as_array().into_iter().flatten())
        .map(|found| found["mappingId"].to_string())
        .collect()
}

/// Mappings of our segments that no status names, those of retained ones apart.
pub(crate) fn leaked_mappings(
    owner: &str,
    state: &Value,
    recorded: &BTreeSet<String>,
    is_retained: impl Fn(&Value) -> bool,
) -> Vec<String> {
    of_ours(owner, state, "segments")
        .filter(|segment| !is_retained(segment))
        .flat_map(|segment| mappings_of(state, &segment["sid"]))
        .filter(|mapping| !recorded.contains(&mapping["destinationMappingId"].to_string()))
        .map(|mapping| {
            format!(
                "mapping {} is in no status",
                mapping["destinationMappingId"]
            )
        })
        .collect()
}
