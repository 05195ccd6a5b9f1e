//! How many members there are (experience-platform.md §3.13; audience-manager.md §6.6, §8.3), counted once a day at
//! midnight UTC: of each audience that a person gave a `size`, of the traits and segments that a shared audience fills, and of the
//! connector's audience of a trait or segment that has numbers. Where no size is given nothing is counted. No member is
//! simulated: numbers follow from the size and from how long ago the pair was made.

use serde_json::json;

use crate::clock::midnight;
use crate::connector;
use crate::experience_platform::audience::SIZE;
use crate::sharing::Link;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of};
use crate::world::World;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Members of a shared audience start to arrive this long after its activation, and are whole after the second.
const FIRST_MS: u64 = 6 * HOUR_MS;
const WHOLE_MS: u64 = 72 * HOUR_MS;

/// The windows of Audience Manager's numbers, in days.
const WINDOWS: [u64; 6] = [1, 7, 14, 30, 60, 90];

/// Counts as of the last midnight, unless that was done.
pub(crate) fn count_if_due(world: &mut World) {
    let at_ms = midnight(world.now_ms());
    if world.counted_ms >= at_ms {
        return;
    }
    world.counted_ms = at_ms;
    let audiences = world.store.all(Kind::Audiences);
    let sized = audiences.filter(|audience| audience.contains_key(SIZE) && is_evaluated(audience));
    let sized: Vec<Object> = sized.cloned().collect();
    if !sized.is_empty() {
        let job = world.uuid();
        for audience in &sized {
            let members = number_of(audience, SIZE).unwrap_or(0);
            note_members(world, audience, members, at_ms, &job);
        }
        let links = Link::all(world);
        let shared = sized
            .iter()
            .filter(|audience| links.iter().any(|link| link.shares(audience)));
        if !world.flags.sharing.link_broken {
            for audience in shared {
                count_pair(world, audience, at_ms);
            }
        }
    }
    for (audience, members) in connector::populations(world, at_ms.saturating_sub(DAY_MS)) {
        let batch = world.uuid();
        note_members(world, &audience, members, at_ms, &batch);
    }
}

/// An audience that is paused, new or not done keeps the number that it has.
fn is_evaluated(audience: &Object) -> bool {
    ["published", "active"].contains(&text_of(audience, "lifecycleState").unwrap_or("published"))
}

fn note_members(world: &mut World, audience: &Object, members: u64, at_ms: u64, job: &str) {
    let kind = match text_of(audience, "type") {
        Some("SegmentDefinition") => "batch_segmentation",
        _ => "export",
    };
    let metrics = json!({
        "type": kind,
        "jobId": job,
        "id": audience.get("id"),
        "data": {"totalProfiles": members, "totalProfilesByStatus": {"realized": members}},
        "createEpoch": at_ms / 1000,
        "updateEpoch": at_ms / 1000,
    });
    let mut counted = audience.clone();
    counted.insert("metrics".to_owned(), metrics);
    store(world, Kind::Audiences, counted);
}

/// The trait and the segment that Adobe made, and those that a client made with the same rule. Only some of the
/// profiles have an identity that both systems know.
fn count_pair(world: &mut World, audience: &Object, at_ms: u64) {
    let id = text_of(audience, "id").unwrap_or_default();
    let size = number_of(audience, SIZE).unwrap_or(0);
    let flags = &world.flags.sharing;
    let whole = size.saturating_mul(flags.arriving_percent) / 100;
    let made_at = |object: &Object| number_of(object, "createTime").unwrap_or(0);
    let traits = world.store.with_code(Kind::Traits, id);
    let is_adobes = |object: &&&Object| number_of(object, "crUID") == Some(0);
    // Nothing is exported before Adobe's own is there.
    let Some(first_ms) = traits
        .iter()
        .filter(is_adobes)
        .map(|one| made_at(one))
        .min()
    else {
        return;
    };
    let mut counted = Vec::new();
    for one in &traits {
        let is_filled = is_adobes(&one) || flags.fills_others_traits && has_rule_of(one, id);
        if !is_filled {
            continue;
        }
        let sid = number_of(one, "sid").unwrap_or(0);
        let age_ms = at_ms.saturating_sub(made_at(one).max(first_ms));
        counted.push((Kind::Traits, (*one).clone(), age_ms));
        let alone = format!("{sid}T");
        let segments = world.store.segments_using(sid).into_iter();
        let segments = segments.filter(|one| text_of(one, "segmentRule") == Some(&alone));
        counted.extend(segments.map(|one| (Kind::Segments, one.clone(), age_ms)));
    }
    for (kind, mut object, age_ms) in counted {
        object.extend(numbers(kind, whole, age_ms));
        store(world, kind, object);
    }
}

/// The signal that the link sends is the key `segID`, in whatever case, with the audience's id.
fn has_rule_of(object: &Object, id: &str) -> bool {
    let rule = text_of(object, "traitRule").unwrap_or_default();
    rule.split_once("==").is_some_and(|(key, value)| {
        key.trim().eq_ignore_ascii_case("segid") && value.trim().trim_matches('"') == id
    })
}

/// How many of the members have arrived.
fn arrived(whole: u64, age_ms: u64) -> u64 {
    match age_ms {
        ..FIRST_MS => 0,
        WHOLE_MS.. => whole,
        _ => whole.saturating_mul(age_ms) / WHOLE_MS,
    }
}

/// The total is the same in all windows; who was new in a window is counted apart, a profile at most once.
fn numbers(kind: Kind, whole: u64, age_ms: u64) -> Object {
    let total = arrived(whole, age_ms);
    let (news, others, others_are_total) = match kind {
        Kind::Traits => ("uniques", "count", false),
        _ => ("instantUniques", "totalUniques", true),
    };
    let mut numbers = object_of([
        (&format!("{news}Lifetime"), json!(total)),
        (&format!("{others}Lifetime"), json!(total)),
    ]);
    for days in WINDOWS {
        let before = arrived(whole, age_ms.saturating_sub(days * DAY_MS));
        let new = json!(total - before);
        let other = if others_are_total {
            json!(total)
        } else {
            new.clone()
        };
        numbers.insert(format!("{news}{days}Day"), new);
        numbers.insert(format!("{others}{days}Day"), other);
    }
    numbers
}

fn store(world: &mut World, kind: Kind, object: Object) {
    if let Some(key) = Key::of(kind, &object)
        && world.store.get(kind, &key) != Some(&object)
    {
        world.store.set(kind, key, Some(object));
    }
}
