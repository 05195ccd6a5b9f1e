//! The switches: one for each behavior that the references leave unsure, and one for each setting of a tenant. Each
//! service has a table of its own; a line gives the likeliest reading, and after `=>` the reading that is worse for a
//! client. `COVERAGE.md` names the fact behind every line.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A table of switches: a struct, and its values in the two presets. A line without `=>` is the same in both.
macro_rules! switches {
    ($(#[$of_group:meta])* $group:ident {
        $($(#[$of_switch:meta])* $name:ident: $type:ty = $likeliest:expr $(=> $hostile:expr)?,)*
    }) => {
        $(#[$of_group])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct $group {
            $($(#[$of_switch])* pub $name: $type,)*
        }

        impl Default for $group {
            fn default() -> Self {
                Self { $($name: $likeliest,)* }
            }
        }

        impl $group {
            pub(super) fn hostile() -> Self {
                Self { $($($name: $hostile,)?)* ..Self::default() }
            }
        }
    };
}

/// A switch with more than two readings.
macro_rules! readings {
    ($($(#[$of_switch:meta])* $name:ident { $($(#[$of_reading:meta])* $reading:ident,)* })*) => {
        $($(#[$of_switch])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name {
            $($(#[$of_reading])* $reading,)*
        })*
    };
}

mod audience_manager;
mod connector;
mod experience_platform;
mod external_audiences;
mod flow_service;
mod ims;
mod shared;
mod sharing;

pub use audience_manager::*;
pub use connector::*;
pub use experience_platform::*;
pub use external_audiences::*;
pub use flow_service::*;
pub use ims::*;
pub use shared::*;
pub use sharing::*;

/// All switches. The default is [`Flags::likeliest`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Flags {
    pub shared: SharedFlags,
    pub ims: ImsFlags,
    pub audience_manager: AudienceManagerFlags,
    pub connector: ConnectorFlags,
    pub sharing: SharingFlags,
    pub experience_platform: ExperiencePlatformFlags,
    pub external_audiences: ExternalAudiencesFlags,
    pub flow_service: FlowServiceFlags,
}

impl Flags {
    /// The readings that the references make likeliest, and a tenant without limits.
    pub fn likeliest() -> Self {
        Self::default()
    }

    /// The readings that are worse for a client. The rule by which a value was chosen:
    ///
    /// 1. Only readings that a reference leaves open count. Settings of a tenant (limits, entitlements, labels, what a
    ///    person set up), documented figures, and what happens in a tenant, such as a failed run, stay as they are.
    /// 2. Of two readings the worse one loses data or misleads: the server destroys what it could have protected,
    ///    ignores a write without an error, leaves a member out, answers late, or gives an id a second time.
    /// 3. Next comes the one that refuses more requests, then the one that answers in another form than the likeliest.
    /// 4. Where the likeliest reading is the worse one already, it stays.
    /// 5. All readings together still let a client share an audience. Where two of them do not, the one of them that
    ///    costs more stays at the next worse value, and its line says so.
    pub fn hostile() -> Self {
        Self {
            shared: SharedFlags::hostile(),
            ims: ImsFlags::hostile(),
            audience_manager: AudienceManagerFlags::hostile(),
            connector: ConnectorFlags::hostile(),
            sharing: SharingFlags::hostile(),
            experience_platform: ExperiencePlatformFlags::hostile(),
            external_audiences: ExternalAudiencesFlags::hostile(),
            flow_service: FlowServiceFlags::hostile(),
        }
    }

    /// Reads `{"preset": "hostile", "audienceManager": {"escapeHtml": false}}`: the preset, or else `base`, with the
    /// named switches laid over it.
    pub(crate) fn read(document: &Value, base: Preset) -> Result<Self, String> {
        let groups = match document {
            Value::Null => return Ok(base.flags()),
            Value::Object(groups) => groups,
            _ => return Err("the flags must be a JSON object".to_owned()),
        };
        let base = match groups.get("preset") {
            None => base,
            Some(name) => Preset::deserialize(name).map_err(|error| error.to_string())?,
        };
        let mut flags = json!(base.flags());
        for (group, switches) in groups.iter().filter(|(group, _)| *group != "preset") {
            let known = flags
                .get_mut(group)
                .ok_or_else(|| format!("there is no group of flags {group}"))?;
            let switches = switches
                .as_object()
                .ok_or_else(|| format!("{group} must be a JSON object of flags"))?;
            for (name, value) in switches {
                *known
                    .get_mut(name)
                    .ok_or_else(|| format!("there is no flag {group}.{name}"))? = value.clone();
            }
        }
        serde_json::from_value(flags).map_err(|error| format!("the flags cannot be read: {error}"))
    }
}

/// A whole set of flags by its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum Preset {
    #[default]
    Likeliest,
    Hostile,
}

impl Preset {
    pub fn flags(self) -> Flags {
        match self {
            Self::Likeliest => Flags::likeliest(),
            Self::Hostile => Flags::hostile(),
        }
    }
}
