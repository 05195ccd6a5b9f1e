//! Switches of the source connector, which takes audiences from Audience Manager to Experience Platform.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::experience_platform::ExternalAudienceIds;

switches! {
    /// Switches of the source connector, Audience Manager to Experience Platform.
    ConnectorFlags {
        /// The connector and what was picked for it; `None`: nobody set one up.
        set_up: Option<Connector> = None,
        /// Whether a person switched its flow off: it delivers nothing.
        paused: bool = false,
        /// Whether no member arrives; audiences do.
        link_broken: bool = false,
        /// How the id of an audience that the connector made is made.
        audience_ids: ExternalAudienceIds = ExternalAudienceIds::Composite => ExternalAudienceIds::Uuid,
        /// `one` would be worse, but where unknown audiences are refused no definition could name an audience then.
        namespaces: ConnectorNamespaces = ConnectorNamespaces::PerKind => ConnectorNamespaces::LowerCamel,
        /// Whether names, descriptions and folders follow.
        renames: bool = true => false,
        /// What becomes of an audience whose trait or segment is deleted.
        deletion: ConnectorDeletion = ConnectorDeletion::MarksDeleted => ConnectorDeletion::Keeps,
        /// What happens where a client made an audience with the same namespace and audience id.
        collision: ConnectorCollision = ConnectorCollision::Beside => ConnectorCollision::TakesOver,
        /// Whether a paused segment is an inactive audience; its `segmentStatus` says so either way.
        paused_is_inactive: bool = false => true,
        /// The label that each data export control becomes; a control that is not named becomes none.
        export_control_labels: BTreeMap<String, String> =
            BTreeMap::from([("PII".to_owned(), "core/C3".to_owned())]) => BTreeMap::new(),
    }
}

/// The source connector of a company, as a person set it up (experience-platform.md §5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connector {
    /// The company; absent: the first credential's.
    #[serde(default)]
    pub pid: Option<u64>,
    /// Where the audiences appear, by name.
    pub sandbox: String,
    #[serde(default)]
    pub segments: Picked,
    #[serde(default)]
    pub traits: Picked,
    /// How long after a change it shows in Experience Platform.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What a person picked in the folder tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Picked {
    #[default]
    None,
    /// All of the company's own.
    All,
    /// The ones with these sids.
    Some(BTreeSet<u64>),
}

readings! {
    /// The namespaces of what the connector makes (experience-platform.md §3.3, §5.3).
    ConnectorNamespaces {
        /// `AAMSegments` and `AAMTraits`
        PerKind,
        /// `aamSegments` and `aamTraits`
        LowerCamel,
        /// `AAM` for both
        One,
    }

    /// What becomes of the audience of a deleted trait or segment.
    ConnectorDeletion {
        /// The audience stays, its `segmentStatus` is `DELETED`.
        MarksDeleted,
        Keeps,
        Removes,
    }

    /// What becomes of an audience that a client made with the connector's key.
    ConnectorCollision {
        /// There are two audiences with one key.
        Beside,
        /// The audience that was there becomes the connector's.
        TakesOver,
        Skips,
    }
}
