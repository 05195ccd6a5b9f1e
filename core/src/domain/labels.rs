//! What data may not be used for, in both systems' words: export controls of Audience Manager, usage labels of
//! Experience Platform.
//!
//! Four controls have a label each (audience-manager.md §8.5): no combination with PII and C3, no off-site advertising
//! and C5, no on-site advertising and C6, no on-site personalisation and C7. Every other label (C1, C2, C4, C8 and
//! above, identity, sensitive and custom ones) restricts nothing that Audience Manager knows a control for: towards
//! Audience Manager it is passed over, in Experience Platform it is never taken away.

mod controls;
mod source;
#[cfg(test)]
mod tests;
mod usage;

pub use controls::{ExportControl, ExportControls, Restrictions};
pub use source::{SourceControls, Unlabelled, union};
pub use usage::{UnknownLabel, UsageLabel, UsageLabels};

impl ExportControls {
    /// The labels that say the same.
    pub fn labels(self) -> UsageLabels {
        UsageLabels::read(self.iter().map(ExportControl::label))
    }
}
