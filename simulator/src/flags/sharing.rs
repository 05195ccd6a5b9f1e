//! Switches of Adobe's own sharing, which takes audiences from Experience Platform to Audience Manager.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

switches! {
    /// Switches of Adobe's own sharing, Experience Platform to Audience Manager.
    SharingFlags {
        /// The link and the audiences on it, beside those on a flow; `None`: there is none.
        set_up: Option<Sharing> = None,
        /// How long after it is put on a flow to Experience Cloud Audiences the pair of an audience appears.
        metadata_delay_ms: u64 = 15 * 60 * 1000,
        /// How many in a hundred members have an identity that both systems know.
        arriving_percent: u64 = 60,
        /// Whether a client's trait with the rule of Adobe's own gets the members as well.
        fills_others_traits: bool = true => false,
        /// Whether no member arrives; traits and segments do.
        link_broken: bool = false,
        /// The name of the data source that it makes (audience-manager.md §8.1).
        data_source: SharingDataSource =
            SharingDataSource::AudienceSharing => SharingDataSource::ExperiencePlatformSegments,
        /// Whether it takes a data source that has that name already and that another made; else it makes its own beside it.
        takes_named_data_source: bool = false => true,
        /// The text of the trait's description.
        trait_description: SharingDescription =
            SharingDescription::Automatic => SharingDescription::Corresponds,
    }
}

/// Adobe's sharing of a company, as a person set it up (experience-platform.md §5.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sharing {
    /// The company; absent: the first credential's.
    #[serde(default)]
    pub pid: Option<u64>,
    /// Whose audiences are shared, by name.
    pub sandbox: String,
    pub audiences: Activated,
    /// How long after its activation the trait and the segment of an audience appear.
    #[serde(default)]
    pub delay_ms: u64,
}

/// Which audiences a person put on the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Activated {
    /// The older link shares every audience.
    All,
    /// The ones with these ids.
    Some(BTreeSet<String>),
}

readings! {
    /// The name of the data source of Adobe's sharing; one page gives the first, another the second.
    SharingDataSource {
        AudienceSharing,
        ExperiencePlatformSegments,
    }

    /// The description of a trait that Adobe's sharing makes.
    SharingDescription {
        /// "This is an automatically created trait"
        Automatic,
        /// "This trait corresponds to a segment created in Adobe Experience Platform"
        Corresponds,
    }
}
