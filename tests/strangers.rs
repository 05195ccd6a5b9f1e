//! Strangers: objects that look like ours and are not. Every tenant of every test contains them.
//!
//! They are there from the start ([`add`]), and a person copies what a call creates ([`copies`]). No call may change
//! one: [`crate::change_judge`] sees to it. What a test expects of the tenant is said of the tenant [`without`] them.

use serde_json::{Map, Value, json};

use crate::change_judge::count_strangers;

/// Of all strangers in Audience Manager: who made them.
const USER: u64 = 77_001;
/// Of all strangers in Experience Platform.
const MAKER: &str = "stranger@marketing.example";
/// The data source of the person who made most of them: without unique codes. Ids of strangers are lower than those of
/// the seeds, so that they are the oldest of their kind and no id that a test expects moves.
const DATA_SOURCE: u64 = 29_701;
/// The data source that Adobe's own sharing of Experience Platform audiences fills (audience-manager.md §8.1).
const ADOBES_DATA_SOURCE: u64 = 29_702;
const FOLDERS: std::ops::Range<u64> = 324_800..324_900;
const DESTINATIONS: std::ops::Range<u64> = 4_600..4_650;

/// Whose look they have.
#[derive(Clone, Copy)]
pub(crate) struct Ours<'a> {
    pub(crate) owner: &'a str,
    pub(crate) namespace: &'a str,
    /// The audience that this world shares from Experience Platform.
    pub(crate) source: &'a str,
    /// The resources that this world declares.
    pub(crate) names: &'a [&'a str],
}

impl Ours<'_> {
    fn mark(&self, name: &str) -> String {
        format!(
            "[audience-sharing:{}/{}/{name}]",
            self.owner, self.namespace
        )
    }

    /// Marks that are nobody's here, or no marks, by the kind of stranger.
    fn foreign_marks(&self) -> Vec<(&'static str, String)> {
        let Self {
            owner, namespace, ..
        } = self;
        let name = self.names.first().unwrap_or(&"loyal");
        vec![
            (
                "of another owner",
                format!("[audience-sharing:acme-corp/{namespace}/{name}]"),
            ),
            (
                "of an owner whose id begins with ours",
                format!("[audience-sharing:{owner}-2/{namespace}/{name}]"),
            ),
            (
                "of a namespace that is not watched",
                format!("[audience-sharing:{owner}/{namespace}-2/{name}]"),
            ),
            ("of a deleted resource", self.mark("deleted-long-ago")),
            (
                "of an earlier resource of the name",
                format!("[audience-sharing:{owner}/{namespace}/{name}#0badcafe]"),
            ),
            (
                "with a mark in other spelling",
                self.mark(name).to_uppercase(),
            ),
            (
                "with a mark inside other text",
                format!("{} is what the operator writes", self.mark(name)),
            ),
        ]
    }
}

/// One stranger of a kind.
struct Stranger(&'static str, &'static str, Value);

/// Adds strangers to a tenant, a state document of the simulator.
pub(crate) fn add(state: &mut Value, ours: Ours<'_>) {
    let mut strangers = Vec::from(data_sources(state));
    strangers.extend(traits_and_segments(ours));
    strangers.extend(folders(state));
    strangers.extend(destinations());
    strangers.extend(audiences(state, ours));
    count_strangers(strangers.iter().map(|Stranger(kind, ..)| *kind));
    for Stranger(_, collection, object) in strangers {
        let objects = &mut state[collection];
        if objects.is_null() {
            *objects = json!([]);
        }
        objects.as_array_mut().unwrap().push(object);
    }
}

fn data_sources(state: &Value) -> [Stranger; 2] {
    let template = match &state["dataSources"][0] {
        Value::Null => json!({
            "pid": 1794, "status": "ACTIVE", "type": "GENERAL", "dataExportRestrictions": [], "upUID": 15_910,
            "createTime": 1_609_840_800_000_u64, "updateTime": 1_609_840_800_000_u64,
        }),
        known => known.clone(),
    };
    let make = |kind, id: u64, name: &str, description: &str| {
        let mut object = template.clone();
        for (field, value) in [
            ("dataSourceId", json!(id)),
            ("customNamespaceId", json!(id)),
            ("name", json!(name)),
            ("description", json!(description)),
            ("integrationCode", Value::Null),
            ("uniqueTraitIntegrationCodes", json!(false)),
            ("uniqueSegmentIntegrationCodes", json!(false)),
            ("pid", json!(1794)),
            ("crUID", json!(USER)),
        ] {
            object[field] = value;
        }
        Stranger(kind, "dataSources", object)
    };
    [
        make(
            "data source of nearly our name",
            DATA_SOURCE,
            "adobe experience platform audience sharing",
            "By hand [audience-sharing:acme-corp]",
        ),
        make(
            "data source of Adobe's own sharing",
            ADOBES_DATA_SOURCE,
            "Experience Platform Segments",
            "",
        ),
    ]
}

fn traits_and_segments(ours: Ours<'_>) -> Vec<Stranger> {
    let mut made = Vec::new();
    let mut sids = 16_430_001..;
    let mut add = |kind, description: &str, code: Value| {
        let (of_trait, of_segment) = (sids.next(), sids.next());
        made.push(Stranger(kind, "traits", json!({
            "sid": of_trait, "pid": 1794, "name": "Loyal gamers, by hand", "description": description,
            "integrationCode": code, "comments": null, "dataSourceId": DATA_SOURCE, "folderId": 0,
            "status": "ACTIVE", "traitType": "ON_BOARDED_TRAIT",
            "traitRule": format!("segid == \"{}\"", ours.source), "traitRuleVersion": 0, "ttl": 120, "type": 0,
            "categoryId": 0, "algoModelId": null, "thresholdType": null, "thresholdValue": null, "url": null,
            "backfillStatus": "NONE", "crUID": USER, "upUID": USER,
            "createTime": 1_609_840_800_000_u64, "updateTime": 1_609_840_800_000_u64,
        })));
        made.push(Stranger(kind, "segments", json!({
            "sid": of_segment, "pid": 1794, "name": "Loyal gamers", "description": description,
            "segmentRule": format!("{}T", of_trait.unwrap_or_default()), "folderId": 0, "integrationCode": code,
            "status": "ACTIVE", "dataSourceId": DATA_SOURCE, "mergeRuleDataSourceId": null,
            "traitDataSourceIds": [DATA_SOURCE], "isDestinationMappable": true, "crUID": USER, "upUID": USER,
            "createTime": 1_609_840_800_000_u64, "updateTime": 1_609_840_800_000_u64,
        })));
    };
    let code = || json!(ours.source);
    add(
        "of the same name and code elsewhere",
        "Made by hand",
        code(),
    );
    for (kind, mark) in ours.foreign_marks() {
        add(kind, &format!("Made by hand {mark}"), code());
    }
    for name in ours.names {
        add(
            "with our mark and key in another data source",
            &ours.mark(name),
            code(),
        );
        add(
            "with our mark on another key",
            &ours.mark(name),
            json!("retained-long-ago"),
        );
    }
    let adobes = "of Adobe's own sharing for another source";
    let others = "7d1e9a52-0c4b-4d7e-8a55-5a0c3f1b2d90";
    add(
        adobes,
        "This is an automatically created trait",
        json!(others),
    );
    let nearly = "with our code and Adobe's words, and nothing else of Adobe's";
    add(nearly, "This is an automatically created trait", code());
    for Stranger(.., object) in made
        .iter_mut()
        .filter(|made| made.0 == nearly && made.1 == "traits")
    {
        object["traitType"] = json!("RULE_BASED_TRAIT");
        object["traitRule"] = json!("page == \"shop\"");
    }
    for Stranger(_, collection, object) in made.iter_mut().filter(|made| made.0 == adobes) {
        object["dataSourceId"] = json!(ADOBES_DATA_SOURCE);
        object["name"] = json!("Loyal gamers");
        if *collection == "traits" {
            object["traitRule"] = json!(format!("segid == \"{others}\""));
        } else {
            object["description"] = json!("This segment was created in Adobe Experience Platform");
            object["traitDataSourceIds"] = json!([ADOBES_DATA_SOURCE]);
        }
    }
    made
}

/// Our folders' names below another folder.
fn folders(state: &Value) -> Vec<Stranger> {
    let kind = "folder of our name elsewhere";
    let mut ids = FOLDERS;
    let mut made = Vec::new();
    for (collection, name) in [
        ("traitFolders", "Experience Platform Traits"),
        ("segmentFolders", "Experience Platform Segments"),
    ] {
        let parent = match state[collection][0]["folderId"].as_u64() {
            Some(id) => id,
            None => {
                let id = ids.next();
                made.push(Stranger(
                    kind,
                    collection,
                    json!({
                        "folderId": id, "pid": 1794, "name": "Agency", "parentFolderId": 0,
                    }),
                ));
                id.unwrap_or_default()
            }
        };
        made.push(Stranger(
            kind,
            collection,
            json!({
                "folderId": ids.next(), "pid": 1794, "name": name, "parentFolderId": parent,
            }),
        ));
    }
    made
}

fn destinations() -> Vec<Stranger> {
    let names = ["shop", "Shop (old)", "partner"];
    let mut ids = DESTINATIONS;
    let made = names.map(|name| {
        Stranger("destination of nearly the same name", "destinations", json!({
            "pid": 1794, "destinationId": ids.next(), "name": name, "destinationType": "S2S", "status": "ACTIVE",
            "crUID": USER,
        }))
    });
    made.into()
}

/// Definitions and external audiences of Experience Platform.
fn audiences(state: &Value, ours: Ours<'_>) -> Vec<Stranger> {
    let Some(sandbox) = state["sandboxes"]
        .as_array()
        .and_then(|all| all.iter().find(|sandbox| sandbox["name"] == "prod"))
    else {
        return Vec::new();
    };
    let mut made = Vec::new();
    let mut add = |kind, id: usize, description: String, more: Value| {
        let id = format!("57a6e500-3333-4222-8333-{id:012}");
        let mut object = json!({
            "id": id, "audienceId": id, "name": "Strange buyers", "description": description,
            "type": "SegmentDefinition", "namespace": "AEPSegments", "originName": "REAL_TIME_CUSTOMER_PROFILE",
            "imsOrgId": sandbox["imsOrgId"],
            "sandbox": {"sandboxId": sandbox["id"], "sandboxName": "prod", "type": "production", "default": true},
            "isSystem": false, "lifecycleState": "published", "labels": [], "createdBy": MAKER,
            "creationTime": 1_609_840_800_000_u64, "createEpoch": 1_609_840_800,
            "updateTime": 1_609_840_800_000_u64, "updateEpoch": 1_609_840_800, "_etag": "\"57a6e500\"",
            "schema": {"name": "_xdm.context.profile"},
            "expression": {"type": "PQL", "format": "pql/text", "value": "person.age > 18"},
            "mergePolicyId": "b83185bb-0bc6-489c-9363-0075eb30b4c8", "profileInstanceId": "ups",
            "dependents": [], "dependencies": [],
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            object[field] = value.clone();
        }
        made.push(Stranger(kind, "audiences", object));
    };
    let mut next = 1..;
    let mut id = || next.next().unwrap_or_default();
    for (kind, mark) in ours.foreign_marks() {
        add(kind, id(), format!("Made by hand {mark}"), json!({}));
        add(
            kind,
            id(),
            format!("Made by hand {mark}"),
            json!({
                "type": "ExternalSegment", "namespace": "CustomerData", "originName": "CUSTOM_UPLOAD", "expression": null,
            }),
        );
    }
    for name in ours.names {
        add(
            "audience with our mark on another key",
            id(),
            ours.mark(name),
            json!({}),
        );
    }
    for (name, expression) in near_mirrors(state) {
        for description in [
            String::new(),
            ours.mark(ours.names.last().unwrap_or(&"buyers")),
        ] {
            add(
                "definition of our name and nearly our expression",
                id(),
                description,
                json!({
                    "name": name, "expression": {"type": "PQL", "format": "pql/text", "value": expression},
                }),
            );
        }
    }
    // The connector copies the description, and a mark with it.
    for (name, sid) in ours.names.iter().zip(16_430_002..) {
        add(
            "delivered by the connector with our mark",
            id(),
            ours.mark(name),
            json!({
                "audienceId": sid.to_string(), "name": "Loyal gamers", "type": "ExternalSegment", "namespace": "AAMSegments",
                "originName": "AUDIENCE_MANAGER", "expression": null,
            }),
        );
    }
    add(
        "of the same name",
        id(),
        String::new(),
        json!({
            "name": "Console buyers", "type": "ExternalSegment", "namespace": "CustomerData",
            "originName": "CUSTOM_UPLOAD", "expression": null,
        }),
    );
    made
}

/// Names of segments, with expressions that are not quite those of their mirrors.
fn near_mirrors(state: &Value) -> Vec<(Value, String)> {
    let segments = state["segments"].as_array().into_iter().flatten();
    let segments = segments.filter(|segment| segment["crUID"] != USER).take(4);
    let near = segments.flat_map(|segment| {
        let mirror = |namespace: &str, status: &str| {
            let sid = &segment["sid"];
            format!(r#"segmentMembership.get("{namespace}").get("{sid}").status = "{status}""#)
        };
        [
            format!("{} and person.age > 18", mirror("AAMSegments", "realized")),
            mirror("AAMSegments", "exited"),
            mirror("AAMTraits", "realized"),
        ]
        .map(|expression| (segment["name"].clone(), expression))
    });
    near.collect()
}

/// A person who copies what calls create, mark included, and changes the copies. `beside`: also into the data source that
/// it is in, which can then not be deleted.
pub(crate) fn copies(beside: bool) -> Value {
    // Ids that no test expects of an object of ours.
    let mut sids = 16_439_001..;
    let mut copies = Vec::new();
    let mut copy = |collection: &str, mut changes: Value| {
        for (field, value) in [
            ("crUID", json!(USER)),
            ("upUID", json!(USER)),
            ("folderId", json!(0)),
        ] {
            changes[field] = value;
        }
        if collection == "segments" {
            // A rule that names our trait would keep us from deleting it.
            changes["segmentRule"] = json!("16430001T");
            changes["traitDataSourceIds"] = json!([DATA_SOURCE]);
        }
        copies.push(json!({"collection": collection, "changes": changes, "times": 1}));
    };
    for collection in ["traits", "segments"] {
        let mut sid = || json!(sids.next());
        copy(
            collection,
            json!({"sid": sid(), "dataSourceId": DATA_SOURCE}),
        );
        if beside {
            copy(collection, json!({"sid": sid(), "integrationCode": null}));
            // Where codes are unique, the service refuses this one. It is younger than the original.
            copy(collection, json!({"name": "Loyal gamers, copied"}));
        }
    }
    let id = "57a6e500-4444-4222-8333-000000000001";
    copies.push(json!({"collection": "audiences", "times": 1, "changes": {
        "id": id, "audienceId": id, "namespace": "CustomerData", "createdBy": MAKER,
        "expression": {"type": "PQL", "format": "pql/text", "value": "person.age > 18"},
    }}));
    json!(copies)
}

/// A seed file with strangers in it, gone with the value.
#[allow(dead_code, reason = "not every test program starts processes")]
pub(crate) fn seed(of: &std::path::Path, ours: Ours<'_>) -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(of).unwrap();
    let mut state = serde_json::from_str(&text).unwrap();
    add(&mut state, ours);
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), state.to_string()).unwrap();
    file
}

/// The tenant without strangers: what a test says of it.
#[allow(dead_code, reason = "not every test program looks at the whole tenant")]
pub(crate) fn without(mut state: Value) -> Value {
    let Some(collections) = state.as_object_mut() else {
        return state;
    };
    for (collection, objects) in collections {
        if let Some(objects) = objects.as_array_mut() {
            objects.retain(|object| match object {
                Value::Object(object) => !is_stranger(collection, object),
                _ => true,
            });
        }
    }
    state
}

pub(crate) fn is_stranger(collection: &str, object: &Map<String, Value>) -> bool {
    let is_in = |range: std::ops::Range<u64>, field: &str| {
        let id = object.get(field).and_then(Value::as_u64);
        id.is_some_and(|id| range.contains(&id))
    };
    let is = |field: &str, value: Value| object.get(field) == Some(&value);
    match collection {
        "traitFolders" | "segmentFolders" => is_in(FOLDERS, "folderId"),
        "destinations" => is_in(DESTINATIONS, "destinationId"),
        _ => is("crUID", json!(USER)) || is("createdBy", json!(MAKER)),
    }
}
