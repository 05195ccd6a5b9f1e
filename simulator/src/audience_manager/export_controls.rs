//! Data export controls (audience-manager.md §3.2, §8.5): they sit on data sources and profile merge rules, and meet
//! the labels of a destination. No API shows the controls of a merge rule: the state's accounts hold them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::errors;
use super::mapped::live_of;
use super::rules::referenced_sids;
use crate::exchange::Answer;
use crate::store::{Kind, Object, number_of, text_of};
use crate::world::World;

fn texts(object: &Object, field: &str) -> BTreeSet<String> {
    let items = object.get(field).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn of_source(world: &World, id: Option<u64>) -> BTreeSet<String> {
    id.and_then(|id| world.store.number(Kind::DataSources, id))
        .map(|source| texts(source, "dataExportRestrictions"))
        .unwrap_or_default()
}

pub(crate) fn of_trait(world: &World, object: &Object) -> BTreeSet<String> {
    of_source(world, number_of(object, "dataSourceId"))
}

/// Of the sources of its traits, of its merge rule and of that rule's source; its own source counts for nothing (§3.2).
pub(crate) fn of_segment(world: &World, segment: &Object) -> BTreeSet<String> {
    let rule = number_of(segment, "mergeRuleDataSourceId");
    let mut found = of_source(world, rule);
    let account = number_of(segment, "pid").and_then(|pid| world.accounts.get(&pid));
    let of_rule = account.zip(rule).and_then(|(account, rule)| {
        let controls = &account.merge_rule_export_controls;
        controls.get(&rule)
    });
    found.extend(of_rule.into_iter().flatten().cloned());
    for object in traits_of(world, segment) {
        found.extend(of_trait(world, object));
    }
    found
}

fn traits_of<'a>(world: &'a World, segment: &Object) -> impl Iterator<Item = &'a Object> {
    referenced_sids(text_of(segment, "segmentRule").unwrap_or_default())
        .into_iter()
        .filter_map(|sid| world.store.number(Kind::Traits, sid))
}

/// Refuses a mapping that a control forbids.
pub(crate) fn check_mapping(
    world: &World,
    segment: &Object,
    destination: &Object,
) -> Result<(), Answer> {
    let Some(status) = world.flags.audience_manager.export_control_status else {
        return Ok(());
    };
    let labels = texts(destination, "dataExportLabels");
    let controls = of_segment(world, segment);
    let met = controls.iter().find(|control| {
        labels
            .iter()
            .any(|label| label.eq_ignore_ascii_case(control))
    });
    match met {
        None => Ok(()),
        Some(control) => Err(errors::refusal(
            status,
            "DATA_EXPORT_CONTROL_VIOLATION",
            &format!(
                "The segment cannot be mapped: the data export control {control} meets a label of the destination {}",
                text_of(destination, "name").unwrap_or_default()
            ),
        )),
    }
}

/// Refuses a segment that would bring a control to a destination it is mapped to already (§8.5), and by a switch one
/// whose traits stand under different controls (§10).
pub(crate) fn check_segment(world: &World, segment: &Object) -> Result<(), Answer> {
    let sid = number_of(segment, "sid").unwrap_or(0);
    // A control that a source got later does not lock the segments that were there before.
    let before = world.store.number(Kind::Segments, sid);
    let gains = !before
        .is_some_and(|before| of_segment(world, before).is_superset(&of_segment(world, segment)));
    for mapping in live_of(world, sid).filter(|_| gains) {
        let destination = number_of(mapping, "destinationId")
            .and_then(|id| world.store.number(Kind::Destinations, id));
        if let Some(destination) = destination {
            check_mapping(world, segment, destination)?;
        }
    }
    let mixed = world.flags.audience_manager.mixed_export_controls_refused && {
        let sets: BTreeSet<BTreeSet<String>> = traits_of(world, segment)
            .map(|object| of_trait(world, object))
            .collect();
        sets.len() > 1
    };
    if mixed {
        return Err(errors::refusal(
            world
                .flags
                .audience_manager
                .export_control_status
                .unwrap_or(400),
            "DATA_EXPORT_CONTROL_VIOLATION",
            "The traits of the segment stand under different data export controls",
        ));
    }
    Ok(())
}
