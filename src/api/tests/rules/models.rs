//! The rules of algorithmic models.

use serde_json::{Value, json};

use super::super::patched;
use super::Attempt::{Create, Update};
use super::{Case, texts};

fn models(models: &Value) -> Value {
    json!({"spec": {"target": {"audienceManager": {"models": models}}}})
}

fn smallest() -> Value {
    json!({"key": "look", "name": "Look-alikes", "dataSourceIds": [6601], "lookBackDays": 30})
}

fn model(changes: &Value) -> Value {
    models(&json!([patched(smallest(), changes)]))
}

fn with_trait(changes: &Value) -> Value {
    let near = json!({"key": "near", "name": "Near", "accuracyPercent": 80});
    model(&json!({"traits": [patched(near, changes)]}))
}

const UNPRINTABLE: &[&str] = &["a\tb", "a\nb", " a", "a "];
const KEYS: (&[&str], &[&str]) = (&["a", "look-2"], &["Look", "-a", "a-", "a.b"]);

pub(super) fn cases() -> Vec<Case> {
    let update = |to: &Value| Update {
        from: model(&json!({"excludedTraits": [4, 5]})),
        to: model(&patched(json!({"excludedTraits": [4, 5]}), to)),
    };
    vec![
        Case {
            message: "target.audienceManager.models: mode Observe reports only and creates nothing; take the models out or set mode: Manage",
            accepted: vec![Create(model(&json!({})))],
            refused: vec![Create(patched(
                model(&json!({})),
                &json!({"spec": {"mode": "Observe"}}),
            ))],
        },
        texts(
            "models[].key: use lower-case letters, digits and hyphens, a letter or digit first and last",
            |text| model(&json!({"key": text})),
            KEYS.0,
            KEYS.1,
        ),
        texts(
            "models[].name: leave out tabs, line breaks, and spaces at either end",
            |text| model(&json!({"name": text})),
            &["a b"],
            UNPRINTABLE,
        ),
        Case {
            message: "models[].lookBackDays: write 30, 60 or 90",
            accepted: vec![
                Create(model(&json!({"lookBackDays": 60}))),
                Create(model(&json!({"lookBackDays": 90}))),
            ],
            refused: vec![Create(model(&json!({"lookBackDays": 45})))],
        },
        Case {
            message: "models[]: what a model is made of cannot change; declare another model under another key, and take this one out",
            accepted: vec![
                update(&json!({"baseline": "Trait", "name": "Another", "description": "Why"})),
                update(&json!({"traits": [{"key": "near", "name": "Near", "reach": 5}]})),
            ],
            refused: vec![
                update(&json!({"baseline": "Segment"})),
                update(&json!({"dataSourceIds": [6601, 6602]})),
                update(&json!({"lookBackDays": 60})),
                update(&json!({"excludedTraits": [4]})),
                update(&json!({"excludedTraits": null})),
            ],
        },
        texts(
            "models[].traits[].key: use lower-case letters, digits and hyphens, a letter or digit first and last",
            |text| with_trait(&json!({"key": text})),
            KEYS.0,
            KEYS.1,
        ),
        texts(
            "models[].traits[].key: {trait} is the shared trait; choose another key",
            |text| with_trait(&json!({"key": text})),
            &["traits"],
            &["trait"],
        ),
        texts(
            "models[].traits[].name: leave out tabs, line breaks, and spaces at either end",
            |text| with_trait(&json!({"name": text})),
            &["a b"],
            UNPRINTABLE,
        ),
        Case {
            message: "models[].traits[]: write exactly one of accuracyPercent and reach",
            accepted: vec![
                Create(with_trait(&json!({}))),
                Create(with_trait(&json!({"accuracyPercent": null, "reach": 1000}))),
            ],
            refused: vec![
                Create(with_trait(&json!({"accuracyPercent": null}))),
                Create(with_trait(&json!({"reach": 1000}))),
            ],
        },
    ]
}
