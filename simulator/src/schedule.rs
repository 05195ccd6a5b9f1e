//! What happens by itself on the simulator's clock: operations and runs that end, models that have run, deliveries of
//! the connector. Keeps moments in order; what an event does is its owner's. Late effects of faults are `world`'s own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::store::Kind;

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

    pub(crate) fn add_delivery(&mut self, delivery: Delivery) {
        let kind = match delivery.of {
            Delivered::Traits => Kind::Traits,
            Delivered::Segments => Kind::Segments,
        };
        self.add(delivery.due_ms, Event::Delivery(kind, delivery.sid));
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
