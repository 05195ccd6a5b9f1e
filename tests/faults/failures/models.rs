//! What keeps an algorithmic model from yielding.

use audience_sharing_core::domain::reason::Reason;
use serde_json::{Value, json};

use super::answers::set_flags;
use super::objects::{plain, recorded, targets};
use super::sources::connected;
use super::{Scenario, of_audience};
use crate::operations::LOYAL_GAMERS;
use crate::operator::{World, audience};

fn declare(world: &World) {
    let near = json!({"key": "near", "name": "Near", "accuracyPercent": 80});
    let model = json!({"key": "look", "name": "Like gamers", "dataSourceIds": [6601], "lookBackDays": 30,
        "traits": [near]});
    targets(world, json!({ "models": [model] }));
}

fn person_sets(world: &World, fields: &Value) {
    let id = recorded(world)["models"][0]["id"].to_string();
    world.person("models", &id, fields);
    world.look_now("loyal");
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let modelled = |reason, when| {
        of_audience(reason, when)
            .before(|world| {
                connected(world);
                world.apply(audience("loyal", LOYAL_GAMERS));
            })
            .happens(declare)
            // Where there was no model, only a second empty list a while later proves that there is none.
            .happens(|_| {})
            .happens(|_| {})
            .mended_by(plain)
    };
    vec![
        modelled(Reason::ModelRunning, "a model was just created"),
        modelled(
            Reason::ModelWithoutData,
            "a model ran, and its baseline or its data sources had no members",
        )
        .before(|world| {
            let soon = json!({"modelRunMs": 1_000, "modelRunStatus": 2});
            set_flags(world, &json!({ "audienceManager": soon }));
            connected(world);
            world.apply(audience("loyal", LOYAL_GAMERS));
        })
        .happens(|_| {})
        .happens(|world| world.look_now("loyal")),
        modelled(
            Reason::ModelDeactivated,
            "a model ran three times without data",
        )
        .happens(|world| {
            person_sets(world, &json!({"status": "INACTIVE", "lastRunStatus": 2}));
        }),
        modelled(
            Reason::ModelOutdated,
            "a model has another look-back period than is declared",
        )
        .happens(|world| person_sets(world, &json!({"lookBackPeriod": 90}))),
    ]
}
