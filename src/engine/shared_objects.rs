//! The shared objects of a connection: made when the first managed audience needs them, removed when the connection
//! leaves and its policy says so. One call at a time; every audience that needs them waits.

use audience_sharing_core::compose::Mode;
use audience_sharing_core::domain::disposition::Disposition;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::{Call, foundation};
use tokio::sync::oneshot;

use super::execute::Answer;
use super::flights::Errand;
use super::request::Obstacle;
use super::worker::{Retiring, Worker};
use crate::adobe::Error;
use crate::adobe::gateway::{Priority, Turn};

impl Worker {
    pub(super) fn advance_foundation(&mut self, mode: Mode) {
        if mode == Mode::Manage {
            self.foundation_mode = mode;
        }
        if self.foundation_in_flight {
            return;
        }
        let plan = self.world.foundation_plan(self.foundation_mode);
        let Some(step) = plan.steps.into_iter().find(|step| step.ready) else {
            self.publish_report();
            return self.release_parked();
        };
        let priority = if step.call.is_write() {
            Priority::Change
        } else {
            Priority::Resync
        };
        let turn = Turn {
            priority,
            key: "foundation".into(),
        };
        match self.send(Errand::Foundation(step.call.clone()), step.call, turn) {
            Ok(()) => self.foundation_in_flight = true,
            Err(obstacle) => {
                self.world.foundation_failure = Some(obstacle);
                self.publish_report();
                self.release_parked();
            }
        }
    }

    pub(super) fn land_foundation(
        &mut self,
        call: Call,
        sent: Sequence,
        result: Result<Answer, Error>,
    ) {
        self.foundation_in_flight = false;
        let obstacle = self.fold(&call, "foundation", sent, result, None);
        if self.retiring.is_some() {
            return match obstacle {
                Some(obstacle) => self.retire_failed(call, obstacle),
                None => self.retire_foundation_next(),
            };
        }
        if let Some(obstacle) = obstacle {
            let looked_up_next = call.is_write() && self.world.foundation_failure.is_none();
            // What needs a person is tried again by the passes; they come anyway.
            if obstacle.disposition() != Disposition::Stalled {
                self.foundation_failures_in_row = self.foundation_failures_in_row.saturating_add(1);
                let failures = self.foundation_failures_in_row;
                self.refresh
                    .retry_after_failures(failures, obstacle.look_again);
            }
            self.world.foundation_failure = Some(obstacle);
            if looked_up_next {
                // An unknown outcome or a taken name: the look-up that is planned now may settle it at once.
                let plan = self.world.foundation_plan(self.foundation_mode);
                if plan.steps.first().is_some_and(|step| !step.call.is_write()) {
                    return self.advance_foundation(self.foundation_mode);
                }
            }
            self.publish_report();
            return self.release_parked();
        }
        if call.is_write() {
            self.world.foundation_failure = None;
            self.foundation_failures_in_row = 0;
        }
        self.advance_foundation(self.foundation_mode);
    }

    /// Another connection of the organisation wrote shared objects meanwhile: what is there is listed again.
    pub(super) fn land_outdated(&mut self, errand: Errand) {
        let settings = &self.world.settings;
        let inventory = &mut self.world.inventory;
        let data_source = settings.data_source.clone();
        inventory.data_sources.fold_unresolved(data_source);
        inventory.fold_trait_folder_unresolved(&settings.trait_folder, false);
        inventory.fold_segment_folder_unresolved(&settings.segment_folder, false);
        match errand {
            Errand::Foundation(call) if self.retiring.is_some() => {
                self.foundation_in_flight = false;
                // What was judged empty may be in use by now; the next look judges again.
                let message = format!(
                    "Could not {}: another connection changed it meanwhile.",
                    call.label()
                );
                self.retire_failed(call, Obstacle::new(Reason::ChangedMeanwhile, message));
            }
            Errand::Foundation(_) => {
                self.foundation_in_flight = false;
                self.advance_foundation(self.foundation_mode);
            }
            Errand::Sweep(_) | Errand::Share(..) => {}
        }
    }

    /// One call at a time; what is left waits for the next pass.
    pub(super) fn sweep(&mut self) {
        let standing = self.world.foundation_plan(self.foundation_mode).standing;
        let steps = foundation::sweep(&self.world.settings, &standing, &self.world.inventory);
        let Some(step) = steps.into_iter().next() else {
            return;
        };
        let turn = Turn {
            priority: Priority::Resync,
            key: "foundation".into(),
        };
        // Without the lease nothing is tidied up: its next holder does.
        let _ = self.send(Errand::Sweep(step.call.clone()), step.call, turn);
    }

    pub(super) fn land_sweep(
        &mut self,
        call: &Call,
        sent: Sequence,
        result: Result<Answer, Error>,
    ) {
        let failed = result.is_err();
        self.fold(call, "foundation", sent, result, None);
        if !failed {
            self.sweep();
        }
    }

    pub(super) fn retire_foundation(&mut self, reply: oneshot::Sender<Vec<Obstacle>>) {
        // Whoever removes them needs them no more: the next pass must not make them again.
        self.world.foundation_needed = false;
        self.foundation_mode = Mode::Observe;
        let failed = Vec::new();
        self.retiring = Some(Retiring { reply, failed });
        self.retire_foundation_next();
    }

    /// Planned again after every answer; what failed is not tried again before the next look.
    fn retire_foundation_next(&mut self) {
        let Some(retiring) = self.retiring.take() else {
            return;
        };
        let standing = self.world.foundation_plan(Mode::Observe).standing;
        let steps = foundation::retire(&self.world.settings, &standing, &self.world.inventory);
        let has_failed = |call: &Call| retiring.failed.iter().any(|(failed, _)| failed == call);
        let next = steps.into_iter().find(|step| !has_failed(&step.call));
        let Some(step) = next else {
            let left = retiring.failed.into_iter().map(|(_, obstacle)| obstacle);
            // Whoever asked may be gone; what is left is found again.
            let _ = retiring.reply.send(left.collect());
            return;
        };
        self.retiring = Some(retiring);
        let turn = Turn {
            priority: Priority::Deletion,
            key: "foundation".into(),
        };
        let call = step.call;
        match self.send(Errand::Foundation(call.clone()), call.clone(), turn) {
            Ok(()) => self.foundation_in_flight = true,
            Err(obstacle) => self.retire_failed(call, obstacle),
        }
    }

    fn retire_failed(&mut self, call: Call, obstacle: Obstacle) {
        if let Some(retiring) = &mut self.retiring {
            retiring.failed.push((call, obstacle));
        }
        self.retire_foundation_next();
    }
}
