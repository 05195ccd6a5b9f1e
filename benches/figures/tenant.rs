//! Tenants of any size, as seeds of the simulator: segments in Experience Platform, and what their shares left in
//! Audience Manager.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(crate) const COMPANY: u64 = 1_794;
const DATA_SOURCE: u64 = 29_901;
const FOREIGN_DATA_SOURCE: u64 = 29_902;
const TRAIT_FOLDER: u64 = 325_201;
const SEGMENT_FOLDER: u64 = 325_202;
/// Apart from what a simulator assigns itself.
const FIRST_SID: u64 = 20_000_000;

pub(crate) fn segment_id(index: usize) -> String {
    format!("segment-{index}")
}

pub(crate) fn share_name(index: usize) -> String {
    format!("share-{index}")
}

/// `audiences` segments, the first of them `shared` already by `owner`, in namespace `owner`; `foreign` traits of others.
pub(crate) fn seed(
    root: &std::path::Path,
    owner: &str,
    audiences: usize,
    shared: usize,
    foreign: usize,
) -> Value {
    let text = std::fs::read_to_string(root.join("simulator/seeds/realistic.json"))
        .expect("the seed is there");
    let mut state: Value = serde_json::from_str(&text).expect("the seed is JSON");
    let template = state["audiences"][0].clone();
    let platform = (0..audiences).map(|index| {
        let mut audience = template.clone();
        audience["id"] = json!(segment_id(index));
        audience["audienceId"] = json!(segment_id(index));
        audience["name"] = json!(format!("Segment {index}"));
        audience
    });
    extend(&mut state, "audiences", platform);
    if shared > 0 {
        extend(
            &mut state,
            "dataSources",
            [data_source(
                DATA_SOURCE,
                "Adobe Experience Platform Audience Sharing",
                &format!("[audience-sharing:{owner}]"),
                true,
            )],
        );
        extend(
            &mut state,
            "traitFolders",
            [folder(TRAIT_FOLDER, "Experience Platform Traits")],
        );
        extend(
            &mut state,
            "segmentFolders",
            [folder(SEGMENT_FOLDER, "Experience Platform Segments")],
        );
        let marked =
            |index: usize| format!("[audience-sharing:{owner}/{owner}/{}]", share_name(index));
        let traits = (0..shared).map(|index| {
            shared_trait(
                FIRST_SID + 2 * index as u64,
                DATA_SOURCE,
                TRAIT_FOLDER,
                &segment_id(index),
                &format!("Segment {index}"),
                &marked(index),
            )
        });
        extend(&mut state, "traits", traits.collect::<Vec<_>>());
        let segments = (0..shared).map(|index| {
            let sid = FIRST_SID + 2 * index as u64;
            json!({
                "sid": sid + 1, "pid": COMPANY, "name": format!("Segment {index}"), "description": marked(index),
                "integrationCode": segment_id(index), "segmentRule": format!("{sid}T"), "folderId": SEGMENT_FOLDER,
                "status": "ACTIVE", "dataSourceId": DATA_SOURCE, "mergeRuleDataSourceId": null,
                "traitDataSourceIds": [DATA_SOURCE], "isDestinationMappable": true,
            })
        });
        extend(&mut state, "segments", segments.collect::<Vec<_>>());
    }
    if foreign > 0 {
        extend(
            &mut state,
            "dataSources",
            [data_source(
                FOREIGN_DATA_SOURCE,
                "Somebody else's",
                "",
                false,
            )],
        );
        let traits = (0..foreign).map(|index| {
            let sid = FIRST_SID + 1_000_000 + index as u64;
            shared_trait(
                sid,
                FOREIGN_DATA_SOURCE,
                0,
                &format!("code-{index}"),
                &format!("Foreign {index}"),
                "made by hand",
            )
        });
        extend(&mut state, "traits", traits.collect::<Vec<_>>());
    }
    state
}

/// A mark ends in the first 8 digits of its resource's uid, which is known once the resource is created.
pub(crate) fn mark_with_uids(state: &mut Value, uids: &BTreeMap<&str, &str>) {
    for collection in ["traits", "segments"] {
        for object in state[collection].as_array_mut().into_iter().flatten() {
            let marked = object["description"].as_str().and_then(|description| {
                let open = description.strip_suffix(']')?;
                let (_, name) = open.rsplit_once('/')?;
                let uid = uids.get(name)?.get(..8)?;
                Some(format!("{open}#{uid}]"))
            });
            if let Some(marked) = marked {
                object["description"] = json!(marked);
            }
        }
    }
}

fn extend(state: &mut Value, collection: &str, objects: impl IntoIterator<Item = Value>) {
    state[collection]
        .as_array_mut()
        .expect("a collection")
        .extend(objects);
}

fn data_source(id: u64, name: &str, description: &str, unique: bool) -> Value {
    json!({
        "dataSourceId": id, "pid": COMPANY, "name": name, "description": description, "status": "ACTIVE",
        "integrationCode": null, "uniqueTraitIntegrationCodes": unique, "uniqueSegmentIntegrationCodes": unique,
        "type": "GENERAL", "idType": "COOKIE", "dataExportRestrictions": [], "containerIds": [],
    })
}

fn folder(id: u64, name: &str) -> Value {
    json!({"folderId": id, "pid": COMPANY, "name": name, "parentFolderId": 0})
}

fn shared_trait(
    sid: u64,
    data_source: u64,
    folder: u64,
    code: &str,
    name: &str,
    description: &str,
) -> Value {
    json!({
        "sid": sid, "pid": COMPANY, "name": name, "description": description, "integrationCode": code,
        "comments": null, "dataSourceId": data_source, "folderId": folder, "status": "ACTIVE",
        "traitType": "ON_BOARDED_TRAIT", "traitRule": format!("segid == \"{code}\""), "traitRuleVersion": 0,
        "ttl": 120, "type": 0, "categoryId": 0, "backfillStatus": "NONE",
    })
}
