//! Facts about destinations and mappings, applied. Mappings come in the list of destinations, or in one of their own for
//! each destination.

use super::clock::{Moment, Sequence};
use super::key::{Coverage, Key};
use super::known::Inventory;
use crate::domain::destination::{Destination, Mapping};
use crate::domain::identifier::{DestinationId, MappingId};

/// The mappings that one list showed, and one entry for each that could not be read, with its id where that could.
pub type ListedMappings = (Vec<Mapping>, Vec<Option<MappingId>>);

impl Inventory {
    /// A list of all destinations, with their mappings where the list includes them. What it leaves out of one that did not
    /// change stays known.
    pub fn apply_destinations(
        &mut self,
        started: Sequence,
        now: Moment,
        listed: Vec<(Destination, Option<ListedMappings>)>,
        undecodable: &[Option<DestinationId>],
    ) -> Vec<Key> {
        let mut touched = Vec::new();
        let mut destinations = Vec::with_capacity(listed.len());
        for (destination, mappings) in listed {
            if let Some(mappings) = mappings {
                touched.extend(self.apply_mappings(started, now, destination.id, mappings));
            }
            destinations.push(match self.destinations.get(&destination.id) {
                Some(entry) => destination.completed(&entry.record),
                None => destination,
            });
        }
        let coverage = Coverage::Whole;
        touched.extend(self.destinations.apply_list(
            started,
            now,
            coverage,
            destinations,
            undecodable,
        ));
        touched
    }

    /// A destination as its own read shows it. Whether its mappings come with the list, only the list says.
    pub fn apply_destination(
        &mut self,
        sent: Sequence,
        now: Moment,
        read: Destination,
        mappings: Option<ListedMappings>,
    ) -> Vec<Key> {
        let id = read.id;
        let known = self.destinations.get(&id);
        let read = Destination {
            was_read: true,
            tells_mappings: known.is_some_and(|entry| entry.record.tells_mappings),
            ..read
        };
        let mut touched = self.destinations.apply_read(sent, read);
        if let Some(mappings) = mappings {
            touched.extend(self.apply_mappings(sent, now, id, mappings));
        }
        touched
    }

    /// All mappings of one destination; those of segments that are not known are passed over.
    pub fn apply_mappings(
        &mut self,
        started: Sequence,
        now: Moment,
        destination: DestinationId,
        (mut mappings, undecodable): ListedMappings,
    ) -> Vec<Key> {
        mappings.retain(|mapping| self.segments.get(&mapping.segment).is_some());
        let coverage = Coverage::Destination(destination);
        self.mappings
            .apply_list(started, now, coverage, mappings, &undecodable)
    }
}
