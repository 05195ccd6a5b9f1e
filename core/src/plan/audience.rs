//! One shared audience: its onboarded trait, its segment and the additional segments (design.md §2).

mod segments;
mod undeclared;
mod uses;

use self::uses::Uses;
use super::Plan;
use super::call::{Call, Step};
use super::claims::{Claims, Existing};
use super::difference::{Comparison, DesiredTrait, trait_label, unmarkable};
use super::elsewhere;
use super::found::{Found, Proof, Rank, find_trait};
use super::foundation;
use super::foundation::controlled::Place;
use super::hold::Hold;
use super::mappings::KnownMapping;
use super::ownership::{Claimant, Ownership, Signs, adopt, held_by};
use super::rules::KnownTrait;
use super::twins;
use crate::compose::{AdoptionPolicy, Desired, Mode, ShareName};
use crate::domain::audience_manager::{NewTrait, Trait, TraitKind};
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::ownership::{Mark, OwnerId};
use crate::domain::reason::Reason;
use crate::domain::source::SourceId;
use crate::inventory::{Inventory, Record, Sequence};

/// In messages.
const AUDIENCE_MANAGER: &str = "Audience Manager";

/// What the status says of the audience's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    pub trait_sid: Option<TraitSid>,
    pub segment_sid: Option<SegmentSid>,
    /// The two above are Adobe's, not ours.
    pub observed: bool,
    pub additional_segments: Vec<(Box<str>, SegmentSid)>,
    pub mappings: Vec<KnownMapping>,
    pub traits: Vec<KnownTrait>,
}

impl Recorded {
    fn additional(&self, key: &str) -> Option<SegmentSid> {
        self.additional_segments
            .iter()
            .find(|(recorded, _)| **recorded == *key)
            .map(|(_, sid)| *sid)
    }
}

/// The objects of the audience that stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub trait_sid: Option<TraitSid>,
    pub segment_sid: Option<SegmentSid>,
    /// Adobe's own sharing made the two: they are observed.
    pub observed: bool,
    /// Where the trait stands; the controls of that data source are the audience's.
    pub data_source: Option<DataSourceId>,
    pub additional_segments: Vec<(Box<str>, SegmentSid)>,
    /// Each destination that was found, mapped or not.
    pub mappings: Vec<KnownMapping>,
    /// Traits of rules that were found by something else than their sids.
    pub traits: Vec<KnownTrait>,
    /// A sentence for each text that Audience Manager stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
}

/// All that a plan of one audience depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub share: &'a ShareName,
    pub desired: &'a Desired,
    pub mode: Mode,
    pub adoption: AdoptionPolicy,
    /// What is no longer declared stays.
    pub retain: bool,
    pub recorded: &'a Recorded,
    pub foundation: &'a foundation::Standing,
    /// Where the objects belong for their labels, or why they cannot stand there; `None` where no data source stands.
    pub place: Option<Result<Place, &'a Hold>>,
    pub claims: &'a Claims,
    pub existing: &'a dyn Existing,
    pub previous_owners: &'a [OwnerId],
    pub inventory: &'a Inventory,
    /// The call with which this round of work began: only younger look-ups prove that a key is free.
    pub since: Sequence,
}

impl<'a> Situation<'a> {
    pub(super) fn claimant(&self) -> Claimant<'a> {
        Claimant {
            mark: &self.desired.mark,
            previous_owners: self.previous_owners,
            existing: self.existing,
        }
    }

    /// `equals`: whether the object equals what is declared, the mark included.
    fn rank(&self, description: &str, equals: impl Fn() -> bool) -> Rank {
        let claimant = self.claimant();
        match claimant.is_marked(description) {
            true if equals() => Rank::MarkedAndEqual,
            true => Rank::Marked,
            false if claimant.marked_share(description).is_some() => Rank::MarkedByOwner,
            false => Rank::Other,
        }
    }

    /// An integration code counts as our natural key in the data sources of this connection alone.
    pub(super) fn has_key(
        &self,
        code: Option<&IntegrationCode>,
        data_source: DataSourceId,
        wanted: &IntegrationCode,
    ) -> bool {
        let mut ours = self.foundation.data_sources();
        code == Some(wanted) && ours.any(|id| id == data_source)
    }
}

/// What became of the trait, for what hangs on it.
enum TraitState {
    Stands(TraitSid),
    /// This plan creates it.
    Planned,
    /// Not known, held or absent: what needs it waits.
    Missing,
}

pub(super) struct Planner<'a> {
    pub(super) situation: Situation<'a>,
    place: Place,
    pub(super) plan: Plan<Standing>,
    /// Something must be known before the first write.
    asks: bool,
    /// It is known that what is declared cannot all stand: nothing is begun.
    in_vain: bool,
    /// A destination's export labels keep it from where it belongs.
    forbidden: bool,
}

/// Plans one audience over shared objects that stand.
pub fn plan(situation: Situation<'_>) -> Plan<Standing> {
    let empty = Plan {
        steps: Vec::new(),
        holds: Vec::new(),
        standing: Standing::default(),
    };
    match situation.place {
        None => Plan {
            holds: vec![awaiting_adobe(&situation.desired.code)],
            ..empty
        },
        Some(Err(hold)) => Plan {
            holds: vec![elsewhere::held(&situation, hold)],
            ..empty
        },
        Some(Ok(place)) => {
            let mut planner = Planner {
                situation,
                place,
                plan: empty,
                asks: false,
                in_vain: false,
                forbidden: false,
            };
            planner.audience();
            planner.plan
        }
    }
}

impl<'a> Planner<'a> {
    fn audience(&mut self) {
        let found = self.find_shared_trait();
        if let Found::Ask(call) = found {
            self.plan.steps.push(Step::ready(*call));
            return;
        }
        let present = match found {
            Found::Present(found) => Some(found),
            Found::Absent | Found::Ask(_) => None,
        };
        if let Some(hold) = self.claimed_by_another(present) {
            self.plan.holds.push(hold);
            return;
        }
        let manages = self.situation.mode == Mode::Manage;
        let uses = match manages {
            true => self.uses(present.is_none() && self.may_create()),
            false => Uses::default(),
        };
        let state = self.shared_trait(present);
        self.shared_segment(&state, &uses);
        if manages {
            self.additional_segments(&state, &uses);
            self.undeclared_mappings(&uses);
            self.unrecorded_mappings(&uses);
            self.undeclared_segments();
        }
        if !self.observes() {
            let twins = twins::steps(self);
            self.plan.steps.extend(twins);
        }
    }

    fn may_create(&self) -> bool {
        !self.observes() && self.situation.foundation.trait_folder.is_some()
    }

    /// Observed objects are Adobe's: nothing of ours is created beside them.
    fn observes(&self) -> bool {
        self.situation.mode == Mode::Observe || self.situation.foundation.adobes
    }

    fn proof(&self, enforced: bool) -> Proof {
        match (self.observes(), enforced) {
            (true, _) => Proof::Listed,
            (false, true) => Proof::ServerEnforces,
            (false, false) => Proof::LookUp {
                since: self.situation.since,
            },
        }
    }

    fn find_shared_trait(&self) -> Found<'a, Trait> {
        let situation = &self.situation;
        let rank = |found: &Trait| {
            let table = &situation.inventory.traits;
            let compared = &mut Comparison::new(table, found);
            let equals = self.desired_trait(found).change(compared).is_none();
            situation.rank(&found.description, || equals)
        };
        let found = find_trait(
            situation.inventory,
            situation.recorded.trait_sid,
            self.place.data_source,
            &situation.desired.code,
            self.proof(self.place.enforces_trait_codes),
            rank,
        );
        match found {
            Found::Absent if !self.observes() => elsewhere::find(
                situation,
                self.place.data_source,
                |found: &Trait| &found.description,
                |data_source| {
                    let code = &situation.desired.code;
                    find_trait(
                        situation.inventory,
                        None,
                        data_source,
                        code,
                        Proof::Listed,
                        rank,
                    )
                },
            ),
            found => found,
        }
    }

    /// One source, one holder: whose mark stands, else the older (design.md §4.6).
    fn claimed_by_another(&self, found: Option<&Trait>) -> Option<Hold> {
        let situation = &self.situation;
        let marked = match found {
            Some(found) if Mark::read(&found.description).is_some() => {
                situation.claimant().marked_share(&found.description)
            }
            // A person deleted the trait alone, or its mark: the segment still says whose both are.
            Some(_) | None => self.marked_segment(),
        };
        let holder = situation.claims.holder(
            situation.share,
            &SourceId::Audience(situation.desired.source.clone()),
            marked.as_ref(),
            situation.existing,
        )?;
        (holder != situation.share)
            .then(|| held_by(&format!("Audience {}", situation.desired.source), holder))
    }

    fn marked_segment(&self) -> Option<ShareName> {
        let situation = &self.situation;
        let code = &situation.desired.code;
        let segments = &situation.inventory.segments;
        let mut found = situation
            .foundation
            .data_sources()
            .flat_map(|data_source| segments.find(&(data_source, code.clone())));
        found.find_map(|entry| situation.claimant().marked_share(&entry.record.description))
    }

    fn shared_trait(&mut self, found: Option<&Trait>) -> TraitState {
        match found {
            None if self.observes() => {
                self.plan
                    .holds
                    .push(awaiting_adobe(&self.situation.desired.code));
                TraitState::Missing
            }
            None => self.create_trait(),
            Some(found) if self.situation.mode == Mode::Observe => {
                self.plan.standing.observed = true;
                self.stands(found)
            }
            Some(found) => self.keep_trait(found),
        }
    }

    fn create_trait(&mut self) -> TraitState {
        if self.in_vain {
            return TraitState::Missing;
        }
        let Some(folder) = self.situation.foundation.trait_folder else {
            return TraitState::Missing;
        };
        let desired = self.situation.desired;
        if let Some(hold) = unmarkable(&desired.mark) {
            self.plan.holds.push(hold);
            return TraitState::Missing;
        }
        let call = Call::CreateTrait(NewTrait {
            name: desired.name.clone(),
            description: desired.description.clone(),
            integration_code: desired.code.clone(),
            data_source: self.place.data_source,
            folder,
            rule: desired.trait_rule.clone(),
            ttl_days: desired.ttl_days,
        });
        self.plan.steps.push(match self.asks {
            true => Step::waiting(call),
            false => Step::ready(call),
        });
        TraitState::Planned
    }

    fn keep_trait(&mut self, found: &Trait) -> TraitState {
        if self.situation.foundation.adobes {
            self.plan.standing.observed = true;
            return self.stands(found);
        }
        let desired = self.desired_trait(found);
        let code = &self.situation.desired.code;
        let signs = Signs {
            description: &found.description,
            recorded: self.is_recorded(self.situation.recorded.trait_sid == Some(found.sid))
                || desired.marked_in_vain(&self.situation.inventory.traits, found),
            natural_key: self.has_key(found.integration_code.as_ref(), found.data_source, code),
        };
        if let Err(hold) = self.may_write(
            &trait_label(found),
            signs,
            desired.equals_but_for_mark(&self.situation.inventory.traits, found),
        ) {
            self.plan.holds.push(hold);
            return TraitState::Missing;
        }
        if found.kind != TraitKind::Onboarded {
            self.plan.holds.push(Hold::new(
                Reason::AdoptionRefused,
                format!(
                    "{} has the integration code of the shared audience and is no onboarded trait; nothing was \
                     changed. Delete it or change its integration code.",
                    trait_label(found)
                ),
            ));
            return TraitState::Missing;
        }
        let mut comparison = Comparison::new(&self.situation.inventory.traits, found);
        if let Some(change) = desired.change(&mut comparison) {
            self.plan.steps.push(Step::ready(Call::UpdateTrait {
                expected: found.clone(),
                change,
            }));
        }
        self.tell_respelled(comparison, &trait_label(found));
        self.stands(found)
    }

    fn stands(&mut self, found: &Trait) -> TraitState {
        self.plan.standing.trait_sid = Some(found.sid);
        self.plan.standing.data_source = Some(found.data_source);
        TraitState::Stands(found.sid)
    }

    pub(super) fn desired_trait(&self, found: &Trait) -> DesiredTrait<'a> {
        let desired = self.situation.desired;
        let folder = self.situation.foundation.trait_folder;
        DesiredTrait {
            name: &desired.name,
            description: &desired.description,
            code: &desired.code,
            data_source: self.data_source_for(found.data_source),
            folder: folder.unwrap_or(found.folder),
            rule: &desired.trait_rule,
            ttl_days: desired.ttl_days,
        }
    }

    /// Nothing moves out of or into what Adobe's own sharing fills.
    fn data_source_for(&self, stands_in: DataSourceId) -> DataSourceId {
        match self.observes() || self.forbidden {
            true => stands_in,
            false => self.place.data_source,
        }
    }

    fn tell_respelled<R: Record>(&mut self, comparison: Comparison<'_, R>, object: &str) {
        let told = comparison.told(object, AUDIENCE_MANAGER);
        self.plan.standing.stored_differently.extend(told);
    }

    fn is_recorded(&self, matches: bool) -> bool {
        matches && !self.situation.recorded.observed
    }

    /// Additional segments beside Adobe's objects are in Adobe's data source, which the connection does not own.
    fn has_key(
        &self,
        code: Option<&IntegrationCode>,
        data_source: DataSourceId,
        wanted: &IntegrationCode,
    ) -> bool {
        let here = data_source == self.place.data_source && code == Some(wanted);
        here || self.situation.has_key(code, data_source, wanted)
    }

    /// `Err` says why nothing of the object may be written. `equal`: it equals what is declared, the mark apart.
    fn may_write(&self, object: &str, signs: Signs<'_>, equal: bool) -> Result<(), Hold> {
        match self.situation.claimant().judge(object, signs) {
            Ownership::Owned | Ownership::TakenOver => Ok(()),
            Ownership::Unmarked => adopt(object, equal, self.situation.adoption),
            Ownership::Unrelated => Err(super::ownership::lost(object)),
            Ownership::Blocked(hold) => Err(hold),
        }
    }
}

fn awaiting_adobe(code: &IntegrationCode) -> Hold {
    Hold::new(
        Reason::AwaitingAdobeSharing,
        format!(
            "Adobe's own sharing has not delivered audience {code} to Audience Manager yet. Activate the audience to \
             the Experience Cloud Audiences destination in Experience Platform."
        ),
    )
}
