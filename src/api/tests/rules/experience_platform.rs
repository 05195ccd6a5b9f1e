//! A source in Audience Manager, and what it becomes in Experience Platform.

use serde_json::{Value, json};

use super::*;

/// A manifest whose source is a trait or a segment of Audience Manager.
pub(super) fn shared(kind: &str, by: Value) -> Value {
    from_audience_manager(&json!({kind: by}))
}

/// A manifest whose source is in Audience Manager.
fn from_audience_manager(source: &Value) -> Value {
    json!({"spec": {"source": {"experiencePlatform": null, "audienceManager": source}}})
}

fn to_experience_platform(target: &Value) -> Value {
    let mut manifest = from_audience_manager(&json!({"segment": {"sid": 7}}));
    manifest["spec"]["target"] = json!({"experiencePlatform": target});
    manifest
}

pub(super) fn cases() -> Vec<Case> {
    let by_sid = json!({"segment": {"sid": 7}});
    let labels = json!({"dataUsageLabels": ["core/C5"]});
    let observe = json!({"spec": {"mode": "Observe"}});
    vec![
        Case {
            message: "source.audienceManager: write exactly one of trait and segment",
            accepted: vec![
                Create(from_audience_manager(&by_sid)),
                Create(from_audience_manager(
                    &json!({"trait": {"name": "Put into cart"}}),
                )),
            ],
            refused: vec![
                Create(from_audience_manager(&json!({}))),
                Create(from_audience_manager(
                    &json!({"trait": {"sid": 7}, "segment": {"sid": 8}}),
                )),
            ],
        },
        Case {
            message: "source.audienceManager: write exactly one of sid, integrationCode and name",
            accepted: vec![
                Create(from_audience_manager(
                    &json!({"trait": {"integrationCode": "gold"}}),
                )),
                Create(from_audience_manager(&by_sid)),
            ],
            refused: vec![
                Create(from_audience_manager(&json!({"trait": {}}))),
                Create(from_audience_manager(
                    &json!({"trait": {"sid": 7, "name": "Gold"}}),
                )),
            ],
        },
        texts(
            "source.audienceManager: leave tabs and line breaks out of the name",
            |text| from_audience_manager(&json!({"trait": {"name": text}})),
            PLAIN,
            UNPRINTABLE,
        ),
        Case {
            message: "target.audienceManager: the source is in Audience Manager already; write target.experiencePlatform",
            accepted: vec![Create(to_experience_platform(&json!({"name": "Gold"})))],
            refused: vec![Create({
                let mut manifest = from_audience_manager(&by_sid);
                manifest["spec"]["target"] = json!({"audienceManager": {"name": "Gold"}});
                manifest
            })],
        },
        Case {
            message: "target.experiencePlatform: the source is in Experience Platform already; write target.audienceManager",
            accepted: vec![Create(
                json!({"spec": {"target": {"audienceManager": {"name": "Gold"}}}}),
            )],
            refused: vec![Create(
                json!({"spec": {"target": {"experiencePlatform": {"name": "Gold"}}}}),
            )],
        },
        immutable(
            "target.experiencePlatform.strategy cannot change, for another strategy makes another audience; delete this SharedAudience and create one with the other strategy",
            from_audience_manager(&by_sid),
            vec![to_experience_platform(&json!({"strategy": "MetadataOnly"}))],
        ),
        texts(
            "target.experiencePlatform.name: leave out tabs, line breaks, and spaces at either end",
            |text| to_experience_platform(&json!({"name": text})),
            PLAIN,
            LOOSE,
        ),
        texts(
            "target.experiencePlatform.dataUsageLabels: write core/ and one of C1 to C12, I1, I2, S1 and S2, or custom/ and the name of a label of your organization",
            |text| to_experience_platform(&json!({"dataUsageLabels": [text]})),
            &[
                "core/C1",
                "core/C12",
                "core/I2",
                "core/S1",
                "custom/partners-only",
            ],
            &[
                "core/C13",
                "core/c5",
                "C5",
                "custom/",
                "custom/a b",
                "other/C5",
                "core/X1",
            ],
        ),
        Case {
            message: "target.experiencePlatform.dataUsageLabels: mode Observe reports only and labels nothing; take the labels out or set mode: Manage",
            accepted: vec![Create(to_experience_platform(&labels))],
            refused: vec![Create(patched(to_experience_platform(&labels), &observe))],
        },
    ]
}
