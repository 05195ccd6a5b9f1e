//! How many audiences each namespace holds (experience-platform.md §5.2): the older search, read only. Of its query language
//! nothing is read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::common::{audiences_of, is_hidden};
use super::errors;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::text_of;
use crate::world::World;

/// The one class that is indexed.
const SCHEMA: &str = "_xdm.context.segmentdefinition";

pub(crate) fn namespaces(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    if ask.query.get("schema.name") != Some(SCHEMA) {
        let what = "schema.name must be _xdm.context.segmentdefinition";
        return Err(errors::bad_request(world, "UPAPI-113000-400", what));
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for audience in audiences_of(world, ask).filter(|audience| !is_hidden(world, audience)) {
        let namespace = text_of(audience, "namespace").unwrap_or_default();
        *counts.entry(namespace).or_default() += 1;
    }
    if ask.empty_list {
        counts.clear();
    }
    let found: Vec<Value> = counts
        .iter()
        .map(|(name, count)| json!({"namespace": name, "displayName": name, "count": count}))
        .collect();
    Ok(Answer::json(
        200,
        json!({"totalCount": found.len().to_string(), "namespaces": found, "status": {"message": "Success"}}),
    ))
}
