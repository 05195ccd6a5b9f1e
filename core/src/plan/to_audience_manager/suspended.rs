//! Traits, segments and destinations that Audience Manager shows with a status that no person sets, `SUSPENDED` for one: reported, with the
//! traits of the rule that no longer resolve (audience-manager.md §4.5). The status itself is never written.

use super::planner::Planner;
use crate::blocker::{Blocker, SuspendedObject};
use crate::call::Call;
use crate::domain::audience_manager::{Segment, Trait};
use crate::domain::destination::Destination;
use crate::domain::identifier::TraitSid;
use crate::domain::segment_rule::SegmentRule;
use crate::ownership::object_name;

/// Of one rule: one call each, once, so that a rule of a thousand traits costs no thousand.
const READ_MAX: usize = 8;

impl<'a> Planner<'a> {
    pub(super) fn note_suspended_trait(&mut self, found: &Trait) {
        if let Some(status) = found.activity.suspended() {
            self.suspended.push(SuspendedObject {
                object: object_name(found),
                status: status.into(),
                unresolved: Vec::new(),
            });
        }
    }

    /// Once, however many segments are mapped to it. It is mapped: what Adobe does with one of this status is not known.
    pub(super) fn note_suspended_destination(&mut self, found: &Destination) {
        let object = object_name(found);
        let Some(status) = found.activity.suspended() else {
            return;
        };
        if self.suspended.iter().all(|noted| noted.object != object) {
            self.suspended.push(SuspendedObject {
                object,
                status: status.into(),
                unresolved: Vec::new(),
            });
        }
    }

    pub(super) fn note_suspended_segment(&mut self, found: &'a Segment) {
        let Some(status) = found.activity.suspended() else {
            return;
        };
        let traits = &self.input.inventory.traits;
        let shared = self.plan.state.trait_sid;
        let rule = SegmentRule::parse(&found.rule).map(|rule| rule.traits());
        let named = rule
            .into_iter()
            .flatten()
            .filter(|sid| Some(*sid) != shared);
        let named: Vec<TraitSid> = named.take(READ_MAX).collect();
        let is_gone = |sid: &&TraitSid| traits.get(sid).is_none() && traits.is_gone(sid);
        let unresolved = named.iter().filter(is_gone).map(|sid| self.in_words(*sid));
        let unresolved = unresolved.collect();
        let unread = named
            .iter()
            .filter(|sid| traits.get(sid).is_none() && !traits.is_gone(sid));
        let unread = unread.map(|sid| Call::read::<Trait>(*sid)).collect();
        self.ask(unread);
        self.plan.state.inspected.extend(named);
        self.suspended.push(SuspendedObject {
            object: object_name(found),
            status: status.into(),
            unresolved,
        });
    }

    /// With what it was found by, where that is not its sid.
    fn in_words(&self, sid: TraitSid) -> String {
        let mut known = self.plan.state.traits.iter();
        match known.find(|known| known.sid == sid) {
            Some(known) => format!("{sid} ({})", known.found_by),
            None => sid.to_string(),
        }
    }

    /// After all else: what is due for other objects is done, and what is in the way of them is reported first.
    pub(super) fn report_suspended(&mut self) {
        if !self.suspended.is_empty() {
            let suspended = std::mem::take(&mut self.suspended);
            self.plan.blockers.push(Blocker::Suspended(suspended));
        }
    }
}
