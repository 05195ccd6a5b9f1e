//! The leaves of algorithmic models. What they do shows once Adobe has run a model: `tests/models.rs`.

use serde_json::{Value, json};

use super::table::{Probe, Text, Values, leaf};
use super::table_of_audience::to_audience_manager;

const PROVIDER: u64 = 6_601;

fn algorithmic_trait(number: usize) -> Value {
    json!({"key": format!("t{number}"), "name": "Near", "accuracyPercent": 80})
}

fn model(number: usize) -> Value {
    json!({"key": format!("k{number}"), "name": "Look-alikes", "dataSourceIds": [PROVIDER], "lookBackDays": 30})
}

/// An audience with one model, of which this is said.
fn declared(fields: Value) -> impl Fn(usize) -> Value + Send + Sync + 'static {
    move |patient| {
        let mut model = model(0);
        for (field, value) in fields.as_object().unwrap() {
            model[field] = value.clone();
        }
        to_audience_manager(patient, &json!({"models": [model]}))
    }
}

/// An audience with one model of one trait, of which this is said.
fn with_trait(fields: Value) -> impl Fn(usize) -> Value + Send + Sync + 'static {
    let mut one = json!({"key": "near", "name": "Near"});
    for (field, value) in fields.as_object().unwrap() {
        one[field] = value.clone();
    }
    declared(json!({ "traits": [one] }))
}

pub(crate) fn table() -> Vec<Values> {
    let accurate = || with_trait(json!({"accuracyPercent": 80}));
    let described = json!({"description": "First", "accuracyPercent": 80});
    let all = vec![
        leaf(
            "SharedAudience spec.target.audienceManager.models",
            declared(json!({})),
        )
        .of(model),
        leaf(
            "SharedAudience spec.target.audienceManager.models[]",
            declared(json!({})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].key",
            declared(json!({})),
        )
        .bad(&[("upper case", "Extra"), ("hyphen first", "-extra")])
        .text(Text::Word),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].name",
            declared(json!({})),
        )
        .trimmed(),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].description",
            declared(json!({"description": "First"})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].baseline",
            declared(json!({"baseline": "Segment"})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].dataSourceIds",
            declared(json!({})),
        )
        .of(|number| json!(PROVIDER as usize + number)),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].dataSourceIds[]",
            declared(json!({})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].lookBackDays",
            declared(json!({})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].excludedTraits",
            declared(json!({"excludedTraits": [4]})),
        )
        .of(|number| json!(4 + number)),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].excludedTraits[]",
            declared(json!({"excludedTraits": [4]})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits",
            declared(json!({"traits": [algorithmic_trait(0)]})),
        )
        .of(algorithmic_trait),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits[]",
            accurate(),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits[].key",
            accurate(),
        )
        .bad(&[("the shared trait's", "trait"), ("upper case", "Near")])
        .text(Text::Word),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits[].name",
            accurate(),
        )
        .trimmed(),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits[].description",
            with_trait(described),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits[].accuracyPercent",
            accurate(),
        )
        .needed(),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits[].reach",
            with_trait(json!({"reach": 1_000})),
        )
        .needed(),
        leaf(
            "SharedAudience spec.target.audienceManager.models[].traits[].ttlDays",
            with_trait(json!({"accuracyPercent": 80, "ttlDays": 30})),
        ),
    ];
    let seen = all.into_iter().map(|values| values.seen(Probe::Time));
    seen.collect()
}
