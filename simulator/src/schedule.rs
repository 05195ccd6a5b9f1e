//! What happens by itself on the simulator's clock: operations and runs that end, models that have run, deliveries of
//! the connector. Keeps moments in order; an event is the object whose moment comes, and its owner plays it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::store::{Key, Kind, Store, number_of};

/// The member of an operation, a run or a model that says when it ends; no answer shows it.
pub(crate) const DUE: &str = "dueMs";

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

/// Moments and objects, soonest first; several moments of one object may lie ahead.
#[derive(Debug, Default)]
pub(crate) struct Schedule(BTreeSet<(u64, Kind, Key)>);

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
                if let (Some(due_ms), Some(key)) = (number_of(object, DUE), Key::of(kind, object)) {
                    schedule.add(due_ms, kind, key);
                }
            }
        }
        for delivery in deliveries {
            let kind = match delivery.of {
                Delivered::Traits => Kind::Traits,
                Delivered::Segments => Kind::Segments,
            };
            schedule.add(delivery.due_ms, kind, Key::Number(delivery.sid));
        }
        schedule
    }

    pub(crate) fn add(&mut self, due_ms: u64, kind: Kind, key: Key) {
        self.0.insert((due_ms, kind, key));
    }

    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<(Kind, Key)> {
        if self.0.first()?.0 > now_ms {
            return None;
        }
        self.0.pop_first().map(|(_, kind, key)| (kind, key))
    }

    pub(crate) fn deliveries(&self) -> impl Iterator<Item = Delivery> {
        self.0.iter().filter_map(|(due_ms, kind, key)| {
            let of = match kind {
                Kind::Traits => Delivered::Traits,
                Kind::Segments => Delivered::Segments,
                _ => return None,
            };
            match key {
                Key::Number(sid) => Some(Delivery {
                    due_ms: *due_ms,
                    of,
                    sid: *sid,
                }),
                Key::Text(_) => None,
            }
        })
    }
}
