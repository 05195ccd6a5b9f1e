//! What to do: from what is desired and what is known, the single remote calls that are due, in dependency order.
//!
//! A scope is a connection's shared objects ([`foundation`]), one audience ([`audience`]) or one that leaves
//! ([`retirement`]). Planning is repeated after every answer, so only the first calls of a plan are ever carried
//! out; the rest is a forecast. Nothing that is neither ours nor adopted is ever named by a write.

pub mod audience;
pub mod call;
pub mod claims;
mod destinations;
mod difference;
mod elsewhere;
pub mod forbidden;
mod found;
pub mod foundation;
pub mod gone;
pub mod hold;
pub mod limits;
pub mod mappings;
mod ownership;
pub mod platform;
pub mod retirement;
pub mod rights;
pub mod rules;
pub mod source;
pub mod tenant;
mod texts;
mod twins;
pub mod used_by;

pub use call::{AudienceLookUp, Call, Step};
pub use claims::{Claims, Existence, Existing};
pub use hold::Hold;
pub use ownership::{Claimant, Left};

/// What is due in one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<Standing> {
    pub steps: Vec<Step>,
    /// What is not done, and why.
    pub holds: Vec<Hold>,
    /// What stands already.
    pub standing: Standing,
}

impl<Standing> Plan<Standing> {
    /// Nothing is due and nothing is held back.
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.holds.is_empty()
    }
}
