//! The state document: what `GET /state` shows, `PUT /state` takes and a seed file holds. Turns it into credentials,
//! accounts and objects, and back. Never writes a secret out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::flags::{Flags, Preset};
use crate::schedule::Delivery;
use crate::store::{Key, Kind, Object};

/// The whole state. The crate's documentation describes each member.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct State {
    pub(crate) clock: ClockState,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) data_sources: Vec<Object>,
    pub(crate) trait_folders: Vec<Object>,
    pub(crate) segment_folders: Vec<Object>,
    pub(crate) traits: Vec<Object>,
    pub(crate) segments: Vec<Object>,
    pub(crate) destinations: Vec<Object>,
    pub(crate) mappings: Vec<Object>,
    pub(crate) models: Vec<Object>,
    pub(crate) derived_signals: Vec<Object>,
    pub(crate) sandboxes: Vec<Object>,
    pub(crate) audiences: Vec<Object>,
    pub(crate) merge_policies: Vec<Object>,
    pub(crate) external_audience_operations: Vec<Object>,
    pub(crate) external_audience_runs: Vec<Object>,
    pub(crate) flows: Vec<Object>,
    pub(crate) target_connections: Vec<Object>,
    pub(crate) flow_runs: Vec<Object>,
    /// What the connector has still to deliver.
    pub(crate) connector_deliveries: Vec<Delivery>,
    /// As `Flags::read` takes them.
    pub(crate) flags: Value,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ClockState {
    /// Epoch milliseconds; absent: the clock runs on.
    pub(crate) now_ms: Option<u64>,
}

/// An OAuth server-to-server credential and what it may do.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Credential {
    pub(crate) client_id: String,
    /// One, or several that are valid at once; never written out.
    #[serde(default, skip_serializing)]
    client_secret: Option<String>,
    #[serde(default, skip_serializing)]
    client_secrets: Option<Vec<String>>,
    pub(crate) organization_id: String,
    /// The scopes that may be asked for; empty: any.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// The Audience Manager company; absent: none.
    #[serde(default, alias = "companyId")]
    pub(crate) pid: Option<u64>,
    #[serde(default)]
    pub(crate) aam_access: Access,
    #[serde(default)]
    pub(crate) aep_access: Access,
    /// Of Flow Service's destinations and sources, which other permissions of the role open (experience-platform.md §5.7).
    #[serde(default)]
    pub(crate) flow_access: Access,
    /// The sandboxes of its role, by name; empty: all of the organisation.
    #[serde(default)]
    pub(crate) sandboxes: Vec<String>,
    #[serde(default = "yes")]
    pub(crate) sandbox_administration: bool,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("client_id", &self.client_id)
            .field("organization_id", &self.organization_id)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl Credential {
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let several = self.client_secrets.iter().flatten();
        self.client_secret.iter().chain(several).map(String::as_str)
    }

    /// Whether the document named secrets at all; an empty list does, and takes all away.
    fn names_secrets(&self) -> bool {
        self.client_secret.is_some() || self.client_secrets.is_some()
    }

    /// A credential that was answered without its secrets and comes back keeps them.
    pub(crate) fn inherit_secrets(&mut self, from: &[Self]) {
        if self.names_secrets() {
            return;
        }
        if let Some(known) = from.iter().find(|one| one.client_id == self.client_id) {
            self.client_secret.clone_from(&known.client_secret);
            self.client_secrets.clone_from(&known.client_secrets);
        }
    }
}

fn yes() -> bool {
    true
}

/// From most to least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Access {
    #[default]
    Full,
    Read,
    None,
}

/// An Audience Manager company, as far as its objects do not tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Account {
    pub(crate) pid: u64,
    /// What a new segment gets that names no merge rule; absent: null.
    pub(crate) default_merge_rule_data_source_id: Option<u64>,
    /// Merge rules whose backing data source is not among the data sources.
    pub(crate) merge_rule_data_source_ids: BTreeSet<u64>,
    /// The data export controls of merge rules, by the data source that stands for the rule; no API shows them.
    pub(crate) merge_rule_export_controls: BTreeMap<u64, BTreeSet<String>>,
    /// Data sources of other companies whose traits this one may use.
    pub(crate) subscribed_data_source_ids: BTreeSet<u64>,
}

impl State {
    pub(crate) fn objects_mut(&mut self, kind: Kind) -> &mut Vec<Object> {
        match kind {
            Kind::DataSources => &mut self.data_sources,
            Kind::TraitFolders => &mut self.trait_folders,
            Kind::SegmentFolders => &mut self.segment_folders,
            Kind::Traits => &mut self.traits,
            Kind::Segments => &mut self.segments,
            Kind::Destinations => &mut self.destinations,
            Kind::Mappings => &mut self.mappings,
            Kind::Models => &mut self.models,
            Kind::DerivedSignals => &mut self.derived_signals,
            Kind::Sandboxes => &mut self.sandboxes,
            Kind::Audiences => &mut self.audiences,
            Kind::MergePolicies => &mut self.merge_policies,
            Kind::ExternalAudienceOperations => &mut self.external_audience_operations,
            Kind::ExternalAudienceRuns => &mut self.external_audience_runs,
            Kind::Flows => &mut self.flows,
            Kind::TargetConnections => &mut self.target_connections,
            Kind::FlowRuns => &mut self.flow_runs,
        }
    }

    pub(crate) fn parse(document: Value) -> Result<Self, String> {
        let mut state: Self = serde_json::from_value(document)
            .map_err(|error| format!("the state document cannot be read: {error}"))?;
        state.check()?;
        Ok(state)
    }

    /// Every object has an id of the right type, and none has another's.
    fn check(&mut self) -> Result<(), String> {
        Flags::read(&self.flags, Preset::default())?;
        // Traits and segments count in one sequence (audience-manager.md §4.1).
        let mut sids = BTreeSet::new();
        for kind in Kind::ALL {
            let mut keys = BTreeSet::new();
            for (position, object) in self.objects_mut(kind).iter().enumerate() {
                let (name, field) = (kind.name(), kind.id_field());
                let key = Key::of(kind, object)
                    .ok_or_else(|| format!("{name}[{position}] has no {field}: give it one"))?;
                let twice = match kind {
                    Kind::Traits | Kind::Segments => !sids.insert(key.clone()),
                    _ => !keys.insert(key.clone()),
                };
                if twice {
                    return Err(format!(
                        "{name}[{position}]: the {field} {} is taken by another object",
                        key.to_value()
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A checked state document to start from.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct Seed(pub(crate) State);

impl TryFrom<Value> for Seed {
    type Error = String;

    fn try_from(document: Value) -> Result<Self, String> {
        State::parse(document).map(Self)
    }
}

impl Seed {
    /// Reads a seed file's text; the error names the object and how to mend it.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("the seed is no JSON: {error}"))?;
        Self::try_from(document)
    }

    /// One small tenant with nothing in it: organisation `0F1E2D3C4B5A69780A49420E@AdobeOrg`, client `demo-client`,
    /// secret `demo-secret`, company 1794, sandboxes `prod` and `stage`, a default merge policy each.
    pub fn small() -> Self {
        Self::shipped(include_str!("../seeds/small.json"))
    }

    /// The same tenant as it looks after years of use.
    pub fn realistic() -> Self {
        Self::shipped(include_str!("../seeds/realistic.json"))
    }

    /// The same tenant with Adobe's own sharing switched on for two audiences.
    pub fn adobe_sharing() -> Self {
        Self::shipped(include_str!("../seeds/adobe-sharing.json"))
    }

    /// The same tenant with what travels the other way: destinations with mappings, models, export controls, and
    /// audiences that came from Audience Manager by the connector and by clients.
    pub fn both_directions() -> Self {
        Self::shipped(include_str!("../seeds/both-directions.json"))
    }

    fn shipped(text: &str) -> Self {
        match Self::from_json(text) {
            Ok(seed) => seed,
            // Each shipped file is loaded by a test.
            Err(error) => unreachable!("a shipped seed is broken: {error}"),
        }
    }
}
