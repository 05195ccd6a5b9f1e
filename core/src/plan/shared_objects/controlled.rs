//! The data sources beside a connection's own: one for each set of export controls that the labels of its audiences ask
//! for (design.md §2, "Labels"). A trait is under the controls of its data source, so that an audience is in the one
//! for its labels.
//!
//! Each is named after the connection's own and the labels, `… (C3+C5)`. It is made where every control has a name that
//! the API is known to take; any other a person makes, under this very name.

use std::collections::BTreeSet;

use super::contents;
use super::data_source::{create, find_listed, marking, named, owner_mark};
use super::observed::{
    Controlled, ObservedSharedObjects, Place, RecordedSharedObjects, controlled_name,
};
use crate::blocker::Blocker;
use crate::call::Step;
use crate::compose::{ConnectionSettings, DESCRIPTION_CHARS_MAX, Mode};
use crate::domain::audience_manager::DataSource;
use crate::domain::identifier::DataSourceId;
use crate::domain::labels::ExportControls;
use crate::domain::mark::describe;
use crate::inventory::{Coverage, Inventory};
use crate::ownership::owned::Ours;
use crate::ownership::{Ownership, object_name};
use crate::plan::Plan;
use crate::plan::lookup::{Candidate, Lookup};

const DESCRIPTION: &str =
    "Audiences shared from Adobe Experience Platform, under export controls for their labels";

pub(super) fn plan_controlled(
    settings: &ConnectionSettings,
    recorded: &RecordedSharedObjects,
    needed: &BTreeSet<ExportControls>,
    inventory: &Inventory,
    mode: Mode,
    plan: &mut Plan<ObservedSharedObjects>,
) {
    let (table, mark) = (&inventory.data_sources, owner_mark(settings));
    let created_as = describe(DESCRIPTION, &mark, DESCRIPTION_CHARS_MAX);
    let beside_another = plan.state.adobes || !plan.blockers.is_empty();
    if beside_another || !table.is_listed(Coverage::Whole) {
        return;
    }
    for controls in ExportControls::combinations() {
        let needed = mode == Mode::Manage && needed.contains(&controls);
        let name = controlled_name(settings, controls);
        let known = recorded.controlled.iter().find(|(set, _)| *set == controls);
        let known = known.map(|(_, id)| *id);
        let slot = named(
            (settings, &mark),
            inventory,
            known,
            &name,
            Some(&created_as),
        );
        match find_listed(&slot) {
            Lookup::Ask(call) => {
                let known = slot.known().map(|id| recorded_only(controls, id));
                plan.state.controlled.extend(known);
                plan.steps.extend(needed.then(|| Step::ready(*call)));
            }
            Lookup::Found(found) => {
                let (controlled, ours) = take(settings, controls, &found);
                if needed && controlled.blocker.is_none() {
                    let marking =
                        ours.and_then(|ours| marking(inventory, ours, (&mark, &created_as)));
                    plan.steps.extend(marking);
                    plan.steps
                        .extend(contents::unlisted(found.record.id, inventory));
                }
                plan.state.controlled.push(controlled);
            }
            Lookup::Absent => {
                // Others only a person makes.
                if let Some(restrictions) = controls.restrictions().filter(|_| needed) {
                    create(table, (&name, &created_as), restrictions, plan);
                }
            }
        }
    }
}

/// Recorded, and in no list yet: objects of ours may be in it, and nothing is put into it before it is read.
fn recorded_only(controls: ExportControls, data_source: DataSourceId) -> Controlled {
    Controlled {
        controls,
        place: Place {
            data_source,
            enforces_trait_codes: false,
            enforces_segment_codes: false,
        },
        ours: true,
        blocker: None,
    }
}

/// The data source as it may be used, and the proof that it may be marked as ours.
fn take<'a>(
    settings: &ConnectionSettings,
    controls: ExportControls,
    found: &Candidate<'a, DataSource>,
) -> (Controlled, Option<Ours<'a, DataSource>>) {
    let record = found.record;
    let lacks = record.restrictions.missing(controls);
    let lacking = lacks.map(|control| Blocker::ExportControlMissing(object_name(record), control));
    let (is_ours, blocker, ours) = match &found.ownership {
        Ownership::Owned(ours) | Ownership::TakenOver(ours) => (true, lacking, Some(*ours)),
        // A person made it for this purpose if it has this name and these controls: that is what IfEqual asks.
        Ownership::Unmarked(unmarked) => match unmarked.adopt(true, settings.adoption) {
            Ok(ours) => (false, lacking, Some(ours)),
            Err(_) => {
                let blocker = Blocker::DataSourceNotAdopted(object_name(record));
                (false, Some(blocker), None)
            }
        },
        Ownership::Unrelated => (false, lacking, None),
        // Objects of ours may be in what was recorded.
        Ownership::Blocked(blocker) => (found.recorded, Some(blocker.clone()), None),
    };
    let controlled = Controlled {
        controls,
        place: Place {
            data_source: record.id,
            enforces_trait_codes: record.unique_trait_codes,
            enforces_segment_codes: record.unique_segment_codes,
        },
        ours: is_ours,
        blocker,
    };
    (controlled, ours)
}
