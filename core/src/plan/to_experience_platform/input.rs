//! What is recorded and observed of one audience, and by which keys an audience is found.

use crate::call::Call;
use crate::domain::experience_platform::{Audience, AudienceKey, AudienceKind, NewForm};
use crate::domain::identifier::AudienceId;
use crate::inventory::{AudienceNaturalKey, Record as _};
use crate::kinds::audience::AudienceLookUp;
use crate::plan::lookup::SlotKey;

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

pub(super) fn has_natural_key(audience: &Audience, key: &AudienceNaturalKey) -> bool {
    let of_kind = match key {
        AudienceNaturalKey::Expression(_) => audience.kind == AudienceKind::SegmentDefinition,
        _ => true,
    };
    of_kind && audience.natural_keys().any(|found| found == *key)
}

/// A key by which an audience is created, and looked up before: its external key, or the name of a definition.
pub(super) fn created_by(key: AudienceNaturalKey) -> SlotKey<Audience> {
    SlotKey {
        key,
        look_up: |key| {
            let look_up = match key {
                AudienceNaturalKey::External(key) => AudienceLookUp::Key(key.clone()),
                AudienceNaturalKey::Name(name) => AudienceLookUp::DefinitionName(name.clone()),
                AudienceNaturalKey::Dependency(_) | AudienceNaturalKey::Expression(_) => {
                    return None;
                }
            };
            Some(Call::look_up::<Audience>(look_up))
        },
        list: |_| None,
    }
}
