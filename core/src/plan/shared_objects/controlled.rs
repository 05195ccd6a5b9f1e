//! The data sources beside a connection's own: one for each set of export controls that the labels of its audiences ask
//! for (design.md §2, "Labels"). A trait is under the controls of its data source, so that an audience is in the one
//! for its labels.
//!
//! Each is named after the connection's own and the labels, `… (C3+C5)`. It is made where every control has a name that
//! the API is known to take; any other a person makes, under this very name.

use std::collections::BTreeSet;

use super::contents;
use super::data_source::{MarkedDataSource, create, find_listed, named, owner_mark};
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
use crate::ownership::{Ownership, object_name};
use crate::plan::Plan;
use crate::plan::keep::keep;
use crate::plan::lookup::{Candidate, Lookup};

const DESCRIPTION_UNDER_CONTROLS: &str =
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
    let created_as = describe(DESCRIPTION_UNDER_CONTROLS, &mark, DESCRIPTION_CHARS_MAX);
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
                let marked = MarkedDataSource::of(found.record, &mark, &created_as);
                let kept = keep(inventory, &found, &marked, settings.adoption);
                let controlled = take(controls, &found, kept.as_ref().err());
                if needed && controlled.blocker.is_none() {
                    plan.steps.extend(kept.ok().and_then(|kept| kept.step()));
                    plan.steps
                        .extend(contents::unlisted(found.record.id, inventory));
                }
                plan.state.controlled.push(controlled);
            }
            Lookup::Absent => {
                // Others only a person makes.
                if !needed {
                    continue;
                }
                if let Some(restrictions) = controls.restrictions(&inventory.shown_restrictions()) {
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

/// The data source as it may be used. A person made it for this purpose if it has this name and these controls: that is
/// what `IfEqual` asks. `refused`: why it is not ours.
fn take(
    controls: ExportControls,
    found: &Candidate<'_, DataSource>,
    refused: Option<&Blocker>,
) -> Controlled {
    let record = found.record;
    let lacks = record.restrictions.missing(controls);
    let lacking = lacks.map(|control| Blocker::ExportControlMissing(object_name(record), control));
    let (ours, blocker) = match (&found.ownership, refused) {
        (Ownership::Owned(_) | Ownership::TakenOver(_), _) => (true, lacking),
        (Ownership::Unmarked(_), Some(_)) => {
            let blocker = Blocker::DataSourceNotAdopted(object_name(record));
            (false, Some(blocker))
        }
        (Ownership::Unmarked(_), None) | (Ownership::Unrelated, _) => (false, lacking),
        // Objects of ours may be in what was recorded.
        (Ownership::Blocked(blocker), _) => (found.recorded, Some(blocker.clone())),
    };
    Controlled {
        controls,
        place: Place {
            data_source: record.id,
            enforces_trait_codes: record.unique_trait_codes,
            enforces_segment_codes: record.unique_segment_codes,
        },
        ours,
        blocker,
    }
}
