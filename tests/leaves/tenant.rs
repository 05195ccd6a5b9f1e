//! The tenant of the sweep: the seed for both directions, and for each patient a source of either kind with another beside
//! it.

use serde_json::{Value, json};

use super::Subject;
use super::table_of_audience::{OTHER, other_source_id, segment_sid, source_id, trait_sid};
use super::table_of_connection::{MERGE_RULE, OTHER_MERGE_RULE};
use super::table_of_segments::{PIXEL, SERVER};

/// A data source of the seed without export controls.
const WEB_SITE: u64 = 29_769;

/// A copy of the object of the seed with this id, changed so.
fn copy(state: &Value, collection: &str, id: (&str, Value), fields: &Value) -> Value {
    let objects = state[collection].as_array().unwrap();
    let template = objects.iter().find(|object| object[id.0] == id.1);
    let mut copy = template.unwrap().clone();
    for (field, value) in fields.as_object().unwrap() {
        copy[field] = value.clone();
    }
    copy
}

fn add(state: &mut Value, collection: &str, object: Value) {
    let objects = state[collection].as_array_mut().unwrap();
    objects.push(object);
}

/// The seed's state with all that the patients need.
pub(super) fn with_patients(seed: &Value, subjects: &[Subject]) -> Value {
    let mut state = seed.clone();
    for subject in subjects {
        let patient = subject.number;
        for (id, suffix) in [
            (source_id(patient), ""),
            (other_source_id(patient), ", other"),
        ] {
            let fields = json!({"id": id, "audienceId": id, "name": format!("Sweep {patient}{suffix}"),
                "description": "Of the sweep"});
            let loyal = json!("4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11");
            let source = copy(seed, "audiences", ("id", loyal), &fields);
            add(&mut state, "audiences", source);
        }
        for (other, suffix) in [(0, ""), (OTHER, ", other")] {
            let fields = |kind: &str, sid: usize| {
                json!({"sid": sid + other, "name": format!("Sweep {kind} {patient}{suffix}"), "description": "Of the sweep",
                    "integrationCode": format!("code of {kind} {patient}{suffix}"), "dataSourceId": WEB_SITE})
            };
            let of_seed = ("sid", json!(16_440_002));
            let made = copy(
                seed,
                "traits",
                of_seed,
                &fields("trait", trait_sid(patient)),
            );
            add(&mut state, "traits", made);
            let of_seed = ("sid", json!(16_450_002));
            let mut made = fields("segment", segment_sid(patient));
            made["segmentRule"] = json!("16440001T");
            made["traitDataSourceIds"] = json!([WEB_SITE]);
            let made = copy(seed, "segments", of_seed, &made);
            add(&mut state, "segments", made);
        }
    }
    for (code, sid) in [("sweep-code", 16_990_001), ("sweep-code-other", 16_990_002)] {
        let fields = json!({"sid": sid, "name": code, "integrationCode": code});
        let made = copy(seed, "traits", ("sid", json!(16_440_002)), &fields);
        add(&mut state, "traits", made);
    }
    let fields = json!({"sid": 9_913, "name": "Pet owners"});
    let made = copy(seed, "traits", ("sid", json!(9_912)), &fields);
    add(&mut state, "traits", made);
    for number in 0..16 {
        let id = PIXEL + number;
        let fields = json!({"destinationId": id, "name": format!("Sweep pixel {number}")});
        let made = copy(
            seed,
            "destinations",
            ("destinationId", json!(4_701)),
            &fields,
        );
        add(&mut state, "destinations", made);
    }
    let fields =
        json!({"destinationId": SERVER, "name": "Sweep server", "mappingAutoFiller": "NONE"});
    let made = copy(
        seed,
        "destinations",
        ("destinationId", json!(4_705)),
        &fields,
    );
    add(&mut state, "destinations", made);
    let fields = json!({"dataSourceId": OTHER_MERGE_RULE, "name": "Another merge rule"});
    let made = copy(
        seed,
        "dataSources",
        ("dataSourceId", json!(MERGE_RULE)),
        &fields,
    );
    add(&mut state, "dataSources", made);
    for subject in subjects {
        adoptable(&mut state, seed, subject);
    }
    state
}

/// What stands already under the keys of those who ask to take it over, and is not as declared.
fn adoptable(state: &mut Value, seed: &Value, subject: &Subject) {
    let patient = subject.number;
    if subject.leaf.path != "spec.adoptionPolicy" {
        return;
    }
    if subject.leaf.kind == "SharingConnection" {
        let fields = json!({"dataSourceId": 29_800, "name": format!("By hand {patient}"), "description": "by hand",
            "integrationCode": "by-hand"});
        let made = copy(
            seed,
            "dataSources",
            ("dataSourceId", json!(WEB_SITE)),
            &fields,
        );
        return add(state, "dataSources", made);
    }
    let sid = segment_sid(patient).to_string();
    let fields = json!({"id": format!("5d0c7c8e-1a2b-4c3d-8e4f-0000{sid}"), "audienceId": sid, "name": "Somebody's"});
    let intend = ("audienceId", json!("16450004"));
    let made = copy(seed, "audiences", intend, &fields);
    add(state, "audiences", made);
}

/// What those who ask to take it over may change.
pub(super) fn adoptable_ids(state: &Value) -> Vec<(&'static str, Value)> {
    let of = |collection: &'static str, field: &'static str, fits: fn(&Value) -> bool| {
        let objects = state[collection].as_array().into_iter().flatten();
        objects
            .filter(move |object| fits(object))
            .map(move |object| (collection, object[field].clone()))
    };
    let by_hand = |object: &Value| object["integrationCode"] == "by-hand";
    of("dataSources", "dataSourceId", by_hand)
        .chain(of("audiences", "id", |object| {
            object["name"] == "Somebody's"
        }))
        .collect()
}
