//! Destinations, mappings, other providers' traits and the validation of rules, in the model.

use std::collections::BTreeMap;

use audience_sharing_core::call::{Call, Operation};
use audience_sharing_core::domain::adobe_sharing::is_pair_trait;
use audience_sharing_core::domain::audience_manager::{Activity, Trait, TraitKind};
use audience_sharing_core::domain::destination::{
    Destination, DestinationKind, EndChange, Mapping,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, DestinationId, MappingId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::facts::{self, At, Response};
use audience_sharing_core::inventory::{FoundTraits, Inventory, Moment, RuleVerdict, Sequence};

use audience_sharing_core::compose::Share;
use audience_sharing_core::plan::to_audience_manager;

use super::{Tenant, World, target};

/// As the compact list shows it (audience-manager.md §2.9).
fn compact(found: &Destination) -> Destination {
    Destination {
        kind: match &found.kind {
            DestinationKind::Url { .. } => DestinationKind::Url { serial: None },
            DestinationKind::Cookie { .. } => DestinationKind::Cookie {
                key_per_segment: None,
            },
            other => other.clone(),
        },
        fills_alias: None,
        labels: None,
        ..found.clone()
    }
}

impl Tenant {
    pub(crate) fn with_destination(mut self, id: u64, name: &str, kind: DestinationKind) -> Self {
        let id = DestinationId(id);
        let made = Destination {
            id,
            name: name.into(),
            kind,
            activity: Activity::Active,
            fills_alias: Some(false),
            labels: Some(Restrictions::default()),
            updated: Some(1),
            was_read: false,
            tells_mappings: true,
        };
        self.destinations.insert(id, made);
        self
    }

    pub(crate) fn with_foreign_trait(mut self, sid: u64, name: &str, kind: TraitKind) -> Self {
        let sid = TraitSid(sid);
        let made = Trait {
            look_alikes: None,
            sid,
            kind,
            name: name.into(),
            description: "".into(),
            integration_code: None,
            data_source: DataSourceId(6_601),
            folder: TraitFolderId(0),
            rule: "".into(),
            ttl_days: None,
            activity: Activity::Active,
        };
        self.foreign_traits.insert(sid, made);
        self
    }

    /// A list with the mappings where a destination tells them.
    pub(crate) fn apply_destinations(&self, inventory: &mut Inventory, at: u64) {
        let listed = self.destinations.values().map(|found| {
            let mappings = || {
                (
                    self.mappings_of(|mapping| mapping.id.destination == found.id),
                    Vec::new(),
                )
            };
            let listed = match self.compact_destinations {
                true => compact(found),
                false => found.clone(),
            };
            (listed, found.tells_mappings.then(mappings))
        });
        let listed = listed.collect();
        inventory.apply_destinations(Sequence(at), Moment(at * 100_000), listed, &[]);
    }

    fn mappings_of(&self, fits: impl Fn(&Mapping) -> bool) -> Vec<Mapping> {
        let mappings = self.all_mappings();
        mappings.filter(|mapping| fits(mapping)).cloned().collect()
    }

    pub(super) fn carry_out_use(&mut self, call: &Call, at: u64, inventory: &mut Inventory) {
        let (sequence, now) = (Sequence(at), Moment(at * 100_000));
        match call {
            Call::Model(operation) => self.carry_out_model(operation, at, inventory),
            Call::Destination(Operation::List(())) => self.apply_destinations(inventory, at),
            Call::Destination(Operation::Read(id)) => match self.destinations.get(id) {
                Some(found) => {
                    let mappings = self.mappings_of(|mapping| mapping.id.destination == *id);
                    let mappings = Some((mappings, Vec::new()));
                    drop(inventory.apply_destination(sequence, now, found.clone(), mappings));
                }
                None => drop(inventory.destinations.apply_gone(sequence, id)),
            },
            Call::Mapping(Operation::List(id)) => {
                let found = self.mappings_of(|mapping| mapping.id.destination == *id);
                inventory.apply_mappings(sequence, now, *id, (found, Vec::new()));
            }
            Call::Mapping(Operation::LookUp((segment, destination))) => {
                let found = self.mappings_of(|mapping| {
                    (mapping.id.destination, mapping.segment) == (*destination, *segment)
                });
                let key = (*segment, *destination);
                inventory.mappings.apply_look_up(sequence, key, found);
            }
            Call::Mapping(Operation::Read(id)) => {
                let found = self.all_mappings().find(|mapping| mapping.id == *id);
                match found.cloned() {
                    Some(found) => drop(inventory.mappings.apply_read(sequence, found)),
                    None => drop(inventory.mappings.apply_gone(sequence, id)),
                }
            }
            Call::Mapping(Operation::Create(new)) => {
                assert!(self.segments.contains_key(&new.segment), "{call}");
                let made = Mapping {
                    id: MappingId {
                        destination: new.destination,
                        number: self.id(),
                    },
                    segment: new.segment,
                    keys: new.keys.clone(),
                    start: new.start.clone(),
                    end: new.end.clone(),
                    activity: Activity::Active,
                };
                self.mappings.insert(made.id, made.clone());
                self.mapped_too(&made);
                inventory.mappings.apply_written(sequence, now, made);
            }
            Call::Mapping(Operation::Update(expected, change)) => {
                let found = self.mappings.get_mut(&expected.id).unwrap();
                assert_eq!(*found, **expected, "planned on what stands");
                let keys = change.keys.clone();
                found.keys.url = keys.url.or(found.keys.url.take());
                found.keys.alias = keys.alias.or(found.keys.alias.take());
                found.keys.value_alias = keys.value_alias.or(found.keys.value_alias.take());
                found.start = change.start.clone().or(found.start.take());
                match &change.end {
                    Some(EndChange::Set(date)) => found.end = Some(date.clone()),
                    Some(EndChange::Clear) => found.end = None,
                    None => {}
                }
                if change.activate {
                    found.activity = Activity::Active;
                }
                inventory
                    .mappings
                    .apply_written(sequence, now, found.clone());
            }
            Call::Mapping(Operation::Delete(expected)) => {
                let found = self.mappings.get(&expected.id);
                if let Some(found) = found.filter(|found| **found != **expected) {
                    inventory.mappings.apply_read(sequence, found.clone());
                    return;
                }
                self.mappings.remove(&expected.id);
                inventory.mappings.apply_gone(sequence, &expected.id);
            }
            Call::FindTrait(reference) => {
                let found = self.foreign_traits.values().chain(self.traits.values());
                let found = found.filter(|one| reference.fits(one));
                let sids = found.map(|one| one.sid).collect();
                let found = FoundTraits {
                    seen: sequence,
                    sids,
                };
                inventory.named_traits.insert(reference.clone(), found);
            }
            Call::FindAdobeSharing => {
                let found = self.all_traits().filter(|one| is_pair_trait(one));
                let found = found.map(|one| one.data_source).collect();
                answer(inventory, call, Response::AdobeSharing(found), at);
            }
            Call::ReadMembers(sid) => {
                let members = self.members.get(sid).copied();
                answer(inventory, call, Response::Members(members), at);
            }
            Call::Search(selector) => {
                let found = self.all_traits().filter(|one| {
                    let code = one.integration_code.as_ref();
                    selector.naming.fits(&one.name, code)
                });
                let found: Vec<_> = found.cloned().collect();
                let response = Response::TraitsFound(found);
                answer(inventory, call, response, at);
            }
            Call::ValidateRule { content, rule, .. } => {
                assert!(!rule.contains('{'), "nobody else knows a key: {rule}");
                let accepted = !self.refused.is_some_and(|refused| rule.contains(refused));
                let verdict = RuleVerdict {
                    seen: sequence,
                    accepted,
                };
                inventory.apply_rule_verdict(content.clone(), verdict);
            }
            other => panic!("the model does not know {other}"),
        }
    }

    /// By segment and destination, for comparisons.
    pub(crate) fn mapped(&self) -> BTreeMap<(SegmentSid, DestinationId), Vec<&Mapping>> {
        let mut mapped: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for mapping in self.mappings.values() {
            let key = (mapping.segment, mapping.id.destination);
            mapped.entry(key).or_default().push(mapping);
        }
        mapped
    }
}

pub(crate) fn answer(inventory: &mut Inventory, call: &Call, response: Response, at: u64) {
    let sequence = Sequence(at);
    let at = At {
        sent: sequence,
        answered: sequence,
        now: Moment(at * 100_000),
        recorded: false,
    };
    facts::apply(inventory, call, response, at).expect("it is about no object");
}

impl World {
    /// Where nothing is due and nothing is told, every declared destination has its mapping: the status will say ready.
    pub(super) fn is_mapped(&self, share: &Share, state: &to_audience_manager::ObservedState) {
        for declared in target(share).segment_destinations() {
            let mut known = state.mappings.iter();
            let mapping = known
                .find(|known| (&known.segment, &known.key) == (&declared.segment, &declared.key));
            let id = mapping.and_then(|known| known.mapping);
            let found = id.and_then(|id| self.tenant.mappings.get(&id));
            assert!(found.is_some(), "settled without a mapping: {declared:?}");
        }
    }
}
