//! What happens by itself on the simulator's clock: operations and runs that end, models that have run, deliveries of
//! the connector. Keeps moments in order; what an event does is its owner's. Late effects of faults are `world`'s own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::audience_manager::models;
use crate::connector;
use crate::experience_platform::operations;
use crate::store::{Kind, Store, number_of, text_of};
use crate::world::World;

/// The member of an operation, a run or a model that says when it ends; no answer shows it.
pub(crate) const DUE: &str = "dueMs";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// By its `operationId`.
    Operation(String),
    /// By its `runId`.
    Run(String),
    /// By its `algoModelId`.
    Model(u64),
    /// A trait or segment by its sid.
    Delivery(Kind, u64),
}

/// A delivery as the state document shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Delivery {
    pub(crate) due_ms: u64,
    pub(crate) of: Delivered,
    pub(crate) sid: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Delivered {
    Traits,
    Segments,
}

/// Moments and events, soonest first; an event may be due at several moments.
#[derive(Debug, Default)]
pub(crate) struct Schedule(BTreeSet<(u64, Event)>);

impl Schedule {
    /// What a new state says is still to come.
    pub(crate) fn of(store: &Store, deliveries: Vec<Delivery>) -> Self {
        let mut schedule = Self::default();
        for kind in [
            Kind::ExternalAudienceOperations,
            Kind::ExternalAudienceRuns,
            Kind::Models,
        ] {
            for object in store.all(kind) {
                let Some(due_ms) = number_of(object, DUE) else {
                    continue;
                };
                let text = text_of(object, kind.id_field()).map(str::to_owned);
                let event = match kind {
                    Kind::ExternalAudienceOperations => text.map(Event::Operation),
                    Kind::ExternalAudienceRuns => text.map(Event::Run),
                    _ => number_of(object, kind.id_field()).map(Event::Model),
                };
                if let Some(event) = event {
                    schedule.add(due_ms, event);
                }
            }
        }
        for delivery in deliveries {
            let kind = match delivery.of {
                Delivered::Traits => Kind::Traits,
                Delivered::Segments => Kind::Segments,
            };
            schedule.add(delivery.due_ms, Event::Delivery(kind, delivery.sid));
        }
        schedule
    }

    pub(crate) fn add(&mut self, due_ms: u64, event: Event) {
        self.0.insert((due_ms, event));
    }

    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Event> {
        let first = self.0.first()?;
        if first.0 > now_ms {
            return None;
        }
        self.0.pop_first().map(|(_, event)| event)
    }

    pub(crate) fn deliveries(&self) -> impl Iterator<Item = Delivery> {
        self.0.iter().filter_map(|(due_ms, event)| match event {
            Event::Delivery(kind, sid) => Some(Delivery {
                due_ms: *due_ms,
                of: match kind {
                    Kind::Traits => Delivered::Traits,
                    _ => Delivered::Segments,
                },
                sid: *sid,
            }),
            Event::Operation(_) | Event::Run(_) | Event::Model(_) => None,
        })
    }
}

pub(crate) fn play(world: &mut World, event: Event) {
    match event {
        Event::Operation(id) => operations::end_operation(world, &id),
        Event::Run(id) => operations::end_run(world, &id),
        Event::Model(id) => models::run(world, id),
        Event::Delivery(kind, sid) => connector::deliver(world, kind, sid),
    }
}
