//! The same for a trait or segment that is shared to Experience Platform (design.md §2, AAM → AEP).

use serde_json::{Value, json};

use super::{described, expect_of, find, mark, text};

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

/// What the resource names; a name or code means the sid that it was pinned to.
fn named<'a>(audience: &Value, state: &'a Value) -> Vec<&'a Value> {
    let Some((collection, named)) = declared(audience) else {
        return Vec::new();
    };
    let pinned = audience["status"]["source"]["id"].as_str();
    let pinned = pinned.and_then(|sid| sid.parse().ok());
    match named["sid"].as_u64().or(pinned) {
        Some(sid) => find(state, collection, |found| found["sid"] == sid),
        None => find(state, collection, |found| {
            let fields = ["name", "integrationCode"].into_iter();
            let mut given = fields.filter(|field| named[*field].is_string());
            given.all(|field| found[field] == named[field])
        }),
    }
}

/// The source, if it is the only one that is meant.
pub(super) fn source<'a>(audience: &Value, state: &'a Value) -> Option<&'a Value> {
    match named(audience, state)[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// Adobe's source connector delivers it.
pub(super) fn is_delivered(state: &Value, source: &Value) -> bool {
    let sid = source["sid"].to_string();
    let is_it = |found: &Value| {
        found["originName"] == "AUDIENCE_MANAGER" && found["audienceId"] == sid.as_str()
    };
    !find(state, "audiences", is_it).is_empty()
}

pub(super) fn refusal(owner: &str, audience: &Value, state: &Value) -> Option<&'static str> {
    let source = match named(audience, state)[..] {
        [] => return Some("SourceNotFound"),
        [one] => one,
        _ => return Some("SourceAmbiguous"),
    };
    let is_mirror = strategy(audience) == "SegmentDefinition";
    if text(source, "description").contains(&format!("[audience-sharing:{owner}")) {
        return Some("SharingLoop");
    }
    (is_mirror && !is_delivered(state, source)).then_some("NoMemberSource")
}

/// A person made the recorded definition another: it has neither our mark nor our expression any more, and one sign of three
/// makes nothing ours (design.md §4, L1).
pub(super) fn is_lost(owner: &str, audience: &Value, state: &Value) -> bool {
    let recorded = &audience["status"]["experiencePlatform"]["id"];
    let recorded = find(state, "audiences", |found| found["id"] == *recorded);
    let [found] = recorded[..] else {
        return false;
    };
    let Some(source) = source(audience, state) else {
        return false;
    };
    let names_source = text(&found["expression"], "value").contains(&source["sid"].to_string());
    strategy(audience) == "SegmentDefinition"
        && !text(found, "description").contains(&mark(owner, audience))
        && !names_source
}

fn strategy(audience: &Value) -> &str {
    let declared = &audience["spec"]["target"]["experiencePlatform"]["strategy"];
    declared.as_str().unwrap_or("ExternalAudience")
}

/// `source`: with the state in which it is seen so.
pub(super) fn compare(
    owner: &str,
    audience: &Value,
    state: &Value,
    (source, seen_in): (&Value, &Value),
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
    let delivered = is_delivered(seen_in, source);
    let mut wanted = match strategy(audience) {
        "SegmentDefinition" if !delivered => return Err("nothing delivers the members".into()),
        "SegmentDefinition" => vec![(
            "expression",
            json!({"type": "PQL", "format": "pql/text", "value": format!(
                "segmentMembership.get(\"{namespace}\").get(\"{sid}\").status in ([\"realized\", \"existing\"])"
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
    wanted.push(("name", of("name")));
    wanted.push(("description", json!(described(&of("description"), &mark))));
    match ours[..] {
        [one] => expect_of(one, "id", &wanted),
        _ => Err(format!("{} audiences of ours stand", ours.len())),
    }
}
