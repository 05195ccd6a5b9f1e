//! What looking for a source comes to.

use crate::blocker::{Blocker, GoneSource};
use crate::call::Call;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution<Source> {
    Found(Source),
    /// Absence from a list proves nothing: this call decides.
    Ask(Call),
    Blocked(Blocker),
    /// It was deleted or deactivated; what was made of it may still exist.
    Gone(GoneSource),
}

impl<Source> Resolution<Source> {
    pub fn map<Other>(self, found: impl FnOnce(Source) -> Other) -> Resolution<Other> {
        match self {
            Self::Found(source) => Resolution::Found(found(source)),
            Self::Ask(call) => Resolution::Ask(call),
            Self::Blocked(blocker) => Resolution::Blocked(blocker),
            Self::Gone(gone) => Resolution::Gone(gone),
        }
    }
}
