//! The same for a trait or segment that is shared to Experience Platform (design.md §2, AAM → AEP).

use serde_json::{Value, json};

use super::{expect_of, find, mark, text};

/// What the resource shares, and of which kind.
fn declared(audience: &Value) -> Option<(&'static str, &Value)> {
    let source = &audience["spec"]["source"]["audienceManager"];
    [("traits", "trait"), ("segments", "segment")]
        .into_iter()
        .find_map(|(collection, kind)| Some((collection, source.get(kind)?)))
}

pub(super) fn is_declared(audience: &Value) -> bool {
    declared(audience).is_some()
}

/// The source, by sid or by the sid that its name was pinned to.
pub(super) fn source<'a>(audience: &Value, state: &'a Value) -> Option<&'a Value> {
    let (collection, named) = declared(audience)?;
    let pinned = &audience["status"]["source"]["id"];
    let found = match (named["sid"].as_u64(), pinned.as_str()) {
        (Some(sid), _) => find(state, collection, |found| found["sid"] == sid),
        (None, Some(sid)) => {
            let sid = sid.parse::<u64>().unwrap_or_default();
            find(state, collection, |found| found["sid"] == sid)
        }
        (None, None) => find(state, collection, |found| found["name"] == named["name"]),
    };
    (found.len() == 1).then(|| found[0])
}

pub(super) fn compare(
    owner: &str,
    audience: &Value,
    state: &Value,
    source: &Value,
) -> Result<(), String> {
    let (collection, _) = declared(audience).ok_or("no source of Audience Manager is declared")?;
    let target = &audience["spec"]["target"]["experiencePlatform"];
    let sid = source["sid"].to_string();
    let namespace = match collection {
        "traits" => "AAMTraits",
        _ => "AAMSegments",
    };
    let mark = mark(owner, audience);
    let ours = find(state, "audiences", |found| {
        text(found, "description").contains(&mark)
    });
    let delivered = !find(state, "audiences", |found| {
        found["originName"] == "AUDIENCE_MANAGER" && found["audienceId"] == sid
    })
    .is_empty();
    let strategy = target["strategy"].as_str().unwrap_or("ExternalAudience");
    let mut wanted = match strategy {
        "SegmentDefinition" if !delivered => return Err("nothing delivers the members".into()),
        "SegmentDefinition" => vec![(
            "expression",
            json!({"type": "PQL", "format": "pql/text", "value": format!(
                "segmentMembership.get(\"{namespace}\").get(\"{sid}\").status = \"realized\""
            )}),
        )],
        _ if delivered => {
            return match ours.len() {
                0 => Ok(()),
                many => Err(format!("{many} of ours stand beside the connector's")),
            };
        }
        "MetadataOnly" => {
            let kind = if collection == "traits" {
                "trait"
            } else {
                "seg"
            };
            vec![("audienceId", json!(format!("aam_{kind}_{sid}")))]
        }
        _ => vec![("audienceId", json!(sid)), ("namespace", json!(namespace))],
    };
    let of = |field: &str| match &target[field] {
        Value::Null => source[field].clone(),
        own => own.clone(),
    };
    let description = format!(
        "{} {mark}",
        of("description").as_str().unwrap_or_default().trim()
    );
    wanted.push(("name", of("name")));
    wanted.push(("description", json!(description.trim())));
    match ours[..] {
        [one] => expect_of(one, "id", &wanted),
        _ => Err(format!("{} audiences of ours stand", ours.len())),
    }
}
