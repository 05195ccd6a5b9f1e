//! O4: what is deleted that is still declared, judged when the call leaves the operator.

use serde_json::Value;

use crate::choke_point::{Call, System};
use crate::operator::OWNER;
use crate::standing::{self, mark};

/// Why a deletion is needless; `None` if it is not. `audiences`: the resources as they stand.
pub(crate) fn deletion(call: &Call, state: &Value, audiences: &[Value]) -> Option<String> {
    let mut path = call.path.trim_matches('/').rsplit('/');
    let (id, collection) = (path.next()?, path.next()?);
    let object = object(state, collection, id)?;
    // A mapping is whose segment it is of.
    let marked = match collection {
        "mappings" => {
            let mut segments = state["segments"].as_array()?.iter();
            segments.find(|found| found["sid"] == object["sid"])?
        }
        _ => object,
    };
    let text = marked["description"].as_str().unwrap_or_default();
    let holder = audiences
        .iter()
        .find(|audience| text.contains(&mark(OWNER, audience)))?;
    let leaves = holder["metadata"]["deletionTimestamp"].is_string();
    let declared = match (call.system, collection) {
        (System::ExperiencePlatform, _) => {
            !is_twin(state, collection, object, &["description"])
                && standing::refusal(OWNER, holder, state).is_none()
                && !standing::is_delivered(holder, state)
        }
        (_, "mappings") => {
            !is_twin(state, collection, object, &["sid", "destinationId"])
                && is_settled(holder)
                && declared_destinations(holder, marked)
                    .iter()
                    .flat_map(|wanted| standing::destinations(wanted, state))
                    .any(|destination| destination["destinationId"] == object["destinationId"])
        }
        _ => {
            let source = &holder["spec"]["source"]["experiencePlatform"]["id"];
            let place = ["dataSourceId", "integrationCode"];
            // One of an earlier place, by a call that came late.
            let marked = ["description", "integrationCode"];
            !is_twin(state, collection, object, &place)
                && !is_twin(state, collection, object, &marked)
                && *source == object["integrationCode"]
        }
    };
    let let_go = leaves || lost_its_source(holder, state);
    (declared && !let_go).then(|| format!("O4: {call}: {holder} declares it"))
}

/// The source was deleted or deactivated, and the resource says that what stands goes with it.
fn lost_its_source(holder: &Value, state: &Value) -> bool {
    let source = &holder["spec"]["source"]["experiencePlatform"]["id"];
    let mut audiences = state["audiences"].as_array().into_iter().flatten();
    let lives = |found: &Value| found["id"] == *source && found["lifecycleState"] != "inactive";
    holder["spec"]["sourceGonePolicy"] == "Delete" && !audiences.any(lives)
}

fn object<'a>(state: &'a Value, collection: &str, id: &str) -> Option<&'a Value> {
    let field = match collection {
        "mappings" => "destinationMappingId",
        "audiences" => "id",
        _ => "sid",
    };
    let is_it = |found: &&Value| {
        let lives = found["elementStatus"] != "deleted";
        let is_number = id.parse().is_ok_and(|id: u64| found[field] == id);
        lives && (is_number || found[field] == id)
    };
    state[collection].as_array()?.iter().find(is_it)
}

/// Another one stands under the same key: one of the two may go.
fn is_twin(state: &Value, collection: &str, object: &Value, key: &[&str]) -> bool {
    let objects = state[collection].as_array().into_iter().flatten();
    let same = objects.filter(|found| {
        found["elementStatus"] != "deleted"
            && key.iter().all(|field| found[*field] == object[*field])
    });
    same.count() > 1
}

/// The destinations that the resource declares for a segment of its own.
fn declared_destinations(holder: &Value, segment: &Value) -> Vec<Value> {
    let target = &holder["spec"]["target"]["audienceManager"];
    let code = segment["integrationCode"].as_str().unwrap_or_default();
    let of_segment = match code.rsplit_once('.') {
        None => Some(target),
        Some((_, key)) => {
            let mut additional = target["additionalSegments"]
                .as_array()
                .into_iter()
                .flatten();
            additional.find(|declared| declared["key"] == key)
        }
    };
    let declared = of_segment.and_then(|segment| segment["destinations"].as_array());
    declared.cloned().unwrap_or_default()
}

/// What the user declared last was carried out once: no call of an older declaration is on its way.
fn is_settled(holder: &Value) -> bool {
    holder["status"]["observedGeneration"] == holder["metadata"]["generation"]
}
