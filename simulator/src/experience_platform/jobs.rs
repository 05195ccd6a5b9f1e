//! Segment jobs (experience-platform.md §3.13, §6.3): the daily one, as the last count left it. Starts none.

use serde_json::{Value, json};

use super::common::{audiences_of, query_number};
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Object, text_of, value_of};
use crate::world::World;

/// How long a job takes, as it says itself.
const TOOK_MS: u64 = 780_000;

pub(crate) fn list(world: &mut World, ask: &Ask<'_>) -> Result<Answer, Answer> {
    query_number(world, ask, "limit")?;
    let wanted = ask.query.get("status");
    let mut jobs: Vec<Value> = last(world, ask)
        .filter(|_| wanted.is_none_or(|status| status == "SUCCEEDED"))
        .into_iter()
        .collect();
    if ask.empty_list {
        jobs.clear();
    }
    let page = json!({"totalCount": jobs.len(), "pageSize": jobs.len()});
    Ok(Answer::json(
        200,
        json!({"children": jobs, "_page": page, "_links": {}}),
    ))
}

/// The job that counted the definitions of the sandbox last; audiences from elsewhere have no counter in it.
fn last(world: &World, ask: &Ask<'_>) -> Option<Value> {
    let counted = |audience: &&Object| {
        let metrics = audience.get("metrics");
        metrics.is_some_and(|metrics| {
            metrics["type"] == "batch_segmentation" && metrics["jobId"].is_string()
        })
    };
    let counted: Vec<&Object> = audiences_of(world, ask).filter(counted).collect();
    let epoch = |audience: &&Object| {
        audience
            .get("metrics")
            .and_then(|metrics| metrics["updateEpoch"].as_u64())
    };
    let newest = counted.iter().max_by_key(|audience| epoch(audience))?;
    let (job, end) = (newest.get("metrics")?["jobId"].clone(), epoch(newest)?);
    let of_job = counted.iter().filter(|audience| {
        audience
            .get("metrics")
            .is_some_and(|metrics| metrics["jobId"] == job)
    });
    let (mut segments, mut counter, mut by_status) = (Vec::new(), Object::new(), Object::new());
    for audience in of_job {
        let id = text_of(audience, "id").unwrap_or_default();
        segments.push(json!({"segmentId": id, "segment": {
            "id": id, "expression": audience.get("expression"),
            "mergePolicy": {"id": text_of(audience, "mergePolicyId").unwrap_or_default(), "version": 1},
        }}));
        let data = &audience.get("metrics")?["data"];
        counter.insert(id.to_owned(), data["totalProfiles"].clone());
        by_status.insert(id.to_owned(), data["totalProfilesByStatus"].clone());
    }
    let end_ms = end.saturating_mul(1000);
    let start_ms = end_ms.saturating_sub(TOOK_MS);
    let took = json!({"startTimeInMs": start_ms, "endTimeInMs": end_ms, "totalTimeInMs": TOOK_MS});
    Some(json!({
        "id": job,
        "imsOrgId": ask.caller.organization,
        "sandbox": value_of(newest, "sandbox"),
        "profileInstanceId": "ups",
        "source": "scheduler",
        "status": "SUCCEEDED",
        "segments": segments,
        "metrics": {
            "totalTime": took,
            "profileSegmentationTime": took,
            "segmentedProfileCounter": counter,
            "segmentedProfileByStatusCounter": by_status,
        },
        "creationTime": start_ms,
        "updateTime": end_ms,
        "updateEpoch": end,
    }))
}
