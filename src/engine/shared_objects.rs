//! The shared objects of a connection: made when the first managed audience needs them, removed when the connection
//! leaves and its policy says so. One call at a time; every audience that needs them waits.

use audience_sharing_core::compose::Mode;
use audience_sharing_core::inventory::Sequence;
use audience_sharing_core::plan::{Call, foundation};
use tokio::sync::oneshot;

use super::execute::Answer;
use super::request::Obstacle;
use super::worker::{Errand, Retiring, Worker};
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
            return self.retire_foundation_next(obstacle);
        }
        if let Some(obstacle) = obstacle {
            let looked_up_next = call.is_write() && self.world.foundation_failure.is_none();
            self.world.foundation_failure = Some(obstacle);
            self.refresh.retry(None);
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
        }
        self.advance_foundation(self.foundation_mode);
    }

    pub(super) fn retire_foundation(&mut self, reply: oneshot::Sender<Vec<String>>) {
        let standing = self.world.foundation_plan(Mode::Observe).standing;
        let steps = foundation::retire(&self.world.settings, &standing, &self.world.inventory);
        let mut calls: Vec<Call> = steps.into_iter().map(|step| step.call).collect();
        calls.reverse();
        self.retiring = Some(Retiring {
            reply,
            calls,
            left: Vec::new(),
        });
        self.retire_foundation_next(None);
    }

    pub(super) fn retire_foundation_next(&mut self, obstacle: Option<Obstacle>) {
        let Some(Retiring {
            reply,
            mut calls,
            mut left,
        }) = self.retiring.take()
        else {
            return;
        };
        left.extend(obstacle.map(|obstacle| obstacle.message));
        let Some(call) = calls.pop() else {
            let _ = reply.send(left);
            return;
        };
        self.retiring = Some(Retiring { reply, calls, left });
        let turn = Turn {
            priority: Priority::Deletion,
            key: "foundation".into(),
        };
        match self.send(Errand::Foundation(call.clone()), call, turn) {
            Ok(()) => self.foundation_in_flight = true,
            Err(obstacle) => self.retire_foundation_next(Some(obstacle)),
        }
    }
}
