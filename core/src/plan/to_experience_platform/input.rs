//! What a plan of one audience depends on, what it says is there, and by which keys an audience is found.

use crate::compose::{AdoptionPolicy, DesiredAudience, Mode, ShareName};
use crate::domain::experience_platform::{Audience, AudienceKey, AudienceKind, NewForm};
use crate::domain::identifier::AudienceId;
use crate::domain::mark::OwnerId;
use crate::existence::Existing;
use crate::inventory::{AudienceNaturalKey, Inventory, Record as _, Sequence};
use crate::ownership::Claimant;
use crate::plan::claims::Claims;

/// What the status says of the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedAudience {
    pub audience: Option<AudienceId>,
    /// It is the connector's, not ours.
    pub observed: bool,
}

/// The audience that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedAudience {
    pub audience: Option<AudienceId>,
    /// The connector delivers it.
    pub observed: bool,
    /// Ours, which the connector's takes the place of, until it can be deleted.
    pub superseded: Option<AudienceId>,
    /// A sentence for each text that Experience Platform stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
}

/// All that a plan of one audience depends on.
#[derive(Clone, Copy, Debug)]
pub struct AudiencePlanInput<'a> {
    pub share: &'a ShareName,
    pub desired: &'a DesiredAudience,
    pub mode: Mode,
    pub adoption: AdoptionPolicy,
    pub recorded: &'a RecordedAudience,
    pub claims: &'a Claims,
    pub existing: &'a dyn Existing,
    pub previous_owners: &'a [OwnerId],
    pub inventory: &'a Inventory,
    /// The call with which this round of work began: only younger look-ups prove that a key is free.
    pub since: Sequence,
}

impl<'a> AudiencePlanInput<'a> {
    pub(super) fn claimant(&self) -> Claimant<'a> {
        Claimant {
            mark: &self.desired.mark,
            previous_owners: self.previous_owners,
            existing: self.existing,
        }
    }
}

/// A name is no sign of whose an audience is: two definitions may have the same.
pub(super) fn natural_key(form: &NewForm) -> AudienceNaturalKey {
    match form {
        NewForm::SegmentDefinition { expression } => {
            AudienceNaturalKey::Expression(expression.clone())
        }
        NewForm::External {
            namespace,
            audience_id,
        }
        | NewForm::MetadataOnly {
            namespace,
            audience_id,
        } => AudienceNaturalKey::External(AudienceKey::new(namespace, audience_id)),
    }
}

pub(super) fn has_key(audience: &Audience, key: &AudienceNaturalKey) -> bool {
    let of_kind = match key {
        AudienceNaturalKey::Expression(_) => audience.kind == AudienceKind::SegmentDefinition,
        _ => true,
    };
    of_kind && audience.natural_keys().any(|found| found == *key)
}
