//! What must stand in Audience Manager for a `SharedAudience`, read from design.md §2 and from no code of the operator's.

use serde_json::{Value, json};

use crate::operator::{NAMESPACE, OWNER};

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
    let named = &audience["spec"]["source"]["experiencePlatform"];
    let pinned = &audience["status"]["source"]["id"];
    let found = match (named["id"].as_str(), pinned.as_str()) {
        (Some(id), _) | (None, Some(id)) => find(state, "audiences", |found| found["id"] == id),
        (None, None) => find(state, "audiences", |found| found["name"] == named["name"]),
    };
    (found.len() == 1).then(|| found[0])
}

pub(crate) fn mark(audience: &Value) -> String {
    mark_of(audience["metadata"]["name"].as_str().unwrap_or_default())
}

pub(crate) fn mark_of(name: &str) -> String {
    format!("[audience-sharing:{OWNER}/{NAMESPACE}/{name}]")
}

/// Why Audience Manager is not as the audience declares it; `None` if it is.
pub(crate) fn difference(audience: &Value, connection: &Value, state: &Value) -> Option<String> {
    difference_from(audience, connection, state, state)
}

/// The same, for a source as it stood in another state: what a marketer changed is noticed within a pass.
pub(crate) fn difference_from(
    audience: &Value,
    connection: &Value,
    state: &Value,
    sources: &Value,
) -> Option<String> {
    let Some(source) = source(audience, sources) else {
        return Some("there is no source".into());
    };
    compare(audience, connection, state, source).err()
}

fn compare(
    audience: &Value,
    connection: &Value,
    state: &Value,
    source: &Value,
) -> Result<(), String> {
    let id = source["id"].as_str().unwrap_or_default();
    let of_connection = &connection["spec"]["audienceManager"];
    let data_sources = find(state, "dataSources", |found| {
        found["name"] == of_connection["dataSource"]
    });
    let data_source =
        data_sources.first().ok_or("there is no data source")?["dataSourceId"].clone();
    let target = &audience["spec"]["target"]["audienceManager"];
    let of = |field: &str| match &target[field] {
        Value::Null => source[field].clone(),
        own => own.clone(),
    };
    let mark = mark(audience);
    let describe = |text: &Value| {
        let text = text.as_str().unwrap_or_default().trim();
        json!(format!("{text} {mark}").trim())
    };
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
    expect(
        one(state, "segments", &data_source, id)?,
        &[
            ("name", name),
            ("description", description),
            ("segmentRule", json!(format!("{sid}T"))),
            ("folderId", folder.clone()),
        ],
    )?;
    let declared = target["additionalSegments"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for segment in &declared {
        let code = format!("{id}.{}", segment["key"].as_str().unwrap_or_default());
        let rule = segment["rule"]
            .as_str()
            .unwrap_or_default()
            .replace("{trait}", &format!("{sid}T"));
        expect(
            one(state, "segments", &data_source, &code)?,
            &[
                ("name", segment["name"].clone()),
                ("description", describe(&segment["description"])),
                ("segmentRule", json!(rule)),
                ("folderId", folder.clone()),
            ],
        )?;
    }
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
    match fields
        .iter()
        .find(|(field, wanted)| found[*field] != *wanted)
    {
        None => Ok(()),
        Some((field, wanted)) => Err(format!(
            "{field} of {} is {}, not {wanted}",
            found["sid"], found[*field]
        )),
    }
}
