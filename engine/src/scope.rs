//! What a job is about: one audience, or the objects that all audiences of the connection share.

use std::fmt;

use audience_sharing_core::compose::ShareName;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    SharedObjects,
    Audience(ShareName),
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedObjects => formatter.write_str("shared objects"),
            Self::Audience(share) => share.fmt(formatter),
        }
    }
}
