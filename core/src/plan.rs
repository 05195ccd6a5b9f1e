//! What to do: from what is desired and what is known, the single remote calls that are due, in dependency order.
//!
//! A scope is a connection's shared objects ([`shared_objects`]) or one audience, in either direction
//! ([`to_audience_manager`], [`to_experience_platform`]), kept or deleted. Planning is repeated after every answer, so only the first calls of a plan are ever carried
//! out; the rest is a forecast. Nothing that is neither ours nor adopted is ever named by a write.

pub mod activation;
pub mod claims;
pub mod cleanup;
mod delete;
mod difference;
mod input;
mod keep;
pub mod limits;
mod lookup;
pub mod rights;
pub mod shared_objects;
pub mod source;
pub mod tenant;
pub mod to_audience_manager;
pub mod to_experience_platform;
pub mod used_by;

pub use claims::Claims;
pub use input::{Cleanup, DeletionInput, PlanInput, Successor};

use crate::blocker::Blocker;
use crate::call::Step;

/// What is due in one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan<State> {
    pub steps: Vec<Step>,
    /// What is not done, and why.
    pub blockers: Vec<Blocker>,
    /// What exists already.
    pub state: State,
}

impl<State: Default> Plan<State> {
    fn blocked(blocker: Blocker) -> Self {
        Self {
            blockers: vec![blocker],
            ..Self::default()
        }
    }
}

impl<State> Plan<State> {
    /// The writes that are due, in words.
    pub fn writes(&self) -> Vec<String> {
        let writes = self.steps.iter().filter(|step| step.call.is_write());
        writes.map(|step| step.call.label()).collect()
    }

    /// Nothing is due and nothing is blocked.
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.blockers.is_empty()
    }
}
