//! The data sources beside a connection's own: one for each set of export controls that the labels of its audiences ask
//! for (design.md §2, "Labels"). A trait is under the controls of its data source, so that an audience stands in the one
//! for its labels.
//!
//! Each is named after the connection's own and the labels, `… (C3+C5)`. It is made where every control has a name that
//! the API is known to take; any other a person makes, under this very name.

use std::collections::BTreeSet;

use super::{Absence, Lookup, Recorded, Standing, absence, choose, marking, of_another_owner};
use crate::compose::{AdoptionPolicy, ConnectionSettings, DESCRIPTION_CHARS_MAX, Mode};
use crate::domain::audience_manager::{DataSource, NewDataSource};
use crate::domain::identifier::DataSourceId;
use crate::domain::labels::{ExportControl, ExportControls};
use crate::domain::ownership::{Mark, describe};
use crate::domain::reason::Reason;
use crate::inventory::{Coverage, Inventory};
use crate::plan::call::{Call, Step};
use crate::plan::{Hold, Plan};

const DESCRIPTION: &str =
    "Audiences shared from Adobe Experience Platform, under export controls for their labels";

/// Where the trait and the segments of an audience stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub data_source: DataSourceId,
    pub enforces_trait_codes: bool,
    pub enforces_segment_codes: bool,
}

/// A data source for audiences under export controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controlled {
    pub controls: ExportControls,
    pub place: Place,
    /// It carries our mark, or is recorded: objects of ours may stand in it.
    pub ours: bool,
    /// Why nothing is put into it.
    pub hold: Option<Hold>,
}

/// The name of the data source for these controls.
pub fn name(settings: &ConnectionSettings, controls: ExportControls) -> Box<str> {
    format!("{} ({controls})", settings.data_source).into()
}

impl Standing {
    /// Where an audience under these controls belongs, or why it cannot stand there.
    ///
    /// # Errors
    /// What a person must do first; what stands elsewhere is not under the controls until then.
    pub fn place(
        &self,
        settings: &ConnectionSettings,
        controls: ExportControls,
    ) -> Option<Result<Place, Hold>> {
        // Adobe's own sharing carries labels over by itself.
        if controls.is_empty() || self.adobes {
            return self.data_source.map(|data_source| {
                Ok(Place {
                    data_source,
                    enforces_trait_codes: self.enforces_trait_codes,
                    enforces_segment_codes: self.enforces_segment_codes,
                })
            });
        }
        let mut known = self.controlled.iter();
        let found = known.find(|found| found.controls == controls);
        Some(match found {
            None => Err(unsupported(settings, controls)),
            Some(Controlled {
                hold: None, place, ..
            }) => Ok(*place),
            Some(Controlled {
                hold: Some(hold), ..
            }) => Err(hold.clone()),
        })
    }

    /// All that objects of ours may stand in.
    pub fn data_sources(&self) -> impl Iterator<Item = DataSourceId> {
        let controlled = self.controlled.iter().filter(|found| found.ours);
        let controlled = controlled.map(|found| found.place.data_source);
        self.data_source.into_iter().chain(controlled)
    }

    /// The controls that hold for the traits of a data source, as far as anybody can tell: those whose names are known,
    /// and those that it was made for, unless it lacks one.
    pub fn controls_of(&self, data_source: DataSourceId, inventory: &Inventory) -> ExportControls {
        let Some(entry) = inventory.data_sources.get(&data_source) else {
            return ExportControls::NONE;
        };
        let restrictions = &entry.record.restrictions;
        let mut controlled = self.controlled.iter();
        let found = controlled.find(|found| found.place.data_source == data_source);
        let made_for = found.map_or(ExportControls::NONE, |found| found.controls);
        match restrictions.missing(made_for) {
            None => restrictions.controls().union(made_for),
            Some(_) => restrictions.controls(),
        }
    }
}

pub(super) fn plan(
    settings: &ConnectionSettings,
    recorded: &Recorded,
    needed: &BTreeSet<ExportControls>,
    inventory: &Inventory,
    mode: Mode,
    plan: &mut Plan<Standing>,
) {
    let table = &inventory.data_sources;
    let beside_another = plan.standing.adobes || !plan.holds.is_empty();
    if beside_another || !table.is_listed(Coverage::Whole) {
        return;
    }
    for controls in ExportControls::combinations() {
        let needed = mode == Mode::Manage && needed.contains(&controls);
        let name = name(settings, controls);
        let known = recorded.controlled.iter().find(|(set, _)| *set == controls);
        let known = known.map(|(_, id)| *id);
        match choose(&settings.owner, known, &name, inventory) {
            Lookup::Ask(list) if needed => {
                plan.steps.push(Step::ready(list));
                return;
            }
            Lookup::Ask(_) => {}
            Lookup::Stale(id, read) => {
                let found = table.get(&id).map(|entry| &entry.record);
                plan.standing.controlled.push(match found {
                    Some(found) => take(settings, controls, (known, inventory), found).0,
                    None => recorded_only(controls, id),
                });
                plan.steps.extend(needed.then(|| Step::ready(read)));
            }
            Lookup::Found(found) => {
                let (controlled, marking) = take(settings, controls, (known, inventory), found);
                if needed && controlled.hold.is_none() {
                    plan.steps.extend(marking);
                    plan.steps.extend(contents(found.id, inventory));
                }
                plan.standing.controlled.push(controlled);
            }
            // Nobody but a person makes a data source with these controls.
            Lookup::Missing if !needed || controls.restrictions().is_none() => {}
            Lookup::Missing => match absence(table, &name) {
                Absence::Unproven => plan.steps.push(Step::ready(Call::ListDataSources)),
                Absence::Unprovable(hold) => plan.holds.push(hold),
                Absence::Proven => plan.steps.extend(creation(settings, controls, name)),
            },
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
        hold: None,
    }
}

fn creation(
    settings: &ConnectionSettings,
    controls: ExportControls,
    name: Box<str>,
) -> Option<Step> {
    let restrictions = controls.restrictions()?;
    let mark = Mark::DataSource {
        owner: settings.owner.clone(),
    };
    Some(Step::ready(Call::CreateDataSource(NewDataSource {
        name,
        description: describe(DESCRIPTION, &mark, DESCRIPTION_CHARS_MAX).into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions,
    })))
}

/// What is in a data source that was never listed is asked once, and not by each audience.
fn contents(id: DataSourceId, inventory: &Inventory) -> impl Iterator<Item = Step> {
    let coverage = Coverage::DataSource(id);
    let traits = (!inventory.traits.is_listed(coverage)).then_some(Call::ListTraits(id));
    let segments = (!inventory.segments.is_listed(coverage)).then_some(Call::ListSegments(id));
    traits.into_iter().chain(segments).map(Step::ready)
}

/// The data source as it may be used, and the call that marks it as ours.
fn take(
    settings: &ConnectionSettings,
    controls: ExportControls,
    (recorded, inventory): (Option<DataSourceId>, &Inventory),
    found: &DataSource,
) -> (Controlled, Option<Step>) {
    let mark = Mark::DataSource {
        owner: settings.owner.clone(),
    };
    let lacks = found.restrictions.missing(controls);
    let lacking = lacks.map(|control| lacking(found, control));
    let (ours, hold, marking) = match Mark::read(&found.description) {
        Some(other) if other != mark => (false, Some(of_another_owner(found, &other)), None),
        Some(_) => (true, lacking, None),
        None if recorded == Some(found.id) => (true, lacking, marking(inventory, found, &mark)),
        None if settings.adoption == AdoptionPolicy::Never => {
            (false, Some(not_adopted(found)), None)
        }
        // A person made it for this purpose if it has this name and these controls: that is what Match asks.
        None => (false, lacking, marking(inventory, found, &mark)),
    };
    let controlled = Controlled {
        controls,
        place: Place {
            data_source: found.id,
            enforces_trait_codes: found.unique_trait_codes,
            enforces_segment_codes: found.unique_segment_codes,
        },
        ours,
        hold,
    };
    (controlled, marking)
}

const WHERE: &str = "in Audience Manager under Audience Data, Data Sources";

fn lacking(found: &DataSource, control: ExportControl) -> Hold {
    Hold::new(
        Reason::ExportControlMissing,
        format!(
            "Data source {} {:?} has not the export control {:?} that its name stands for ({}); nothing was put into it. \
             Set it {WHERE}, Data Export Controls.",
            found.id,
            found.name,
            control.in_words(),
            control.label(),
        ),
    )
}

fn not_adopted(found: &DataSource) -> Hold {
    Hold::new(
        Reason::AdoptionRefused,
        format!(
            "Data source {} {:?} exists already and was not made by this operator; nothing was put into it. Set \
             adoptionPolicy of the SharingConnection to Match or Adopt, or rename the data source.",
            found.id, found.name
        ),
    )
}

fn unsupported(settings: &ConnectionSettings, controls: ExportControls) -> Hold {
    let labels: Vec<&str> = controls.iter().map(ExportControl::label).collect();
    let words: Vec<String> = controls
        .iter()
        .map(|control| format!("{:?}", control.in_words()))
        .collect();
    Hold::new(
        Reason::ExportControlUnsupported,
        format!(
            "The source is labelled {}, and no API is known by which the operator could make a data source with the \
             export controls {}; nothing was changed. An administrator makes it {WHERE}: its name is {:?}, with these \
             Data Export Controls and with unique integration codes for traits and for segments; then it is found and \
             used. Or take the labels from the audience in Experience Platform.",
            labels.join(" and "),
            words.join(" and "),
            name(settings, controls),
        ),
    )
}
