//! The single remote calls that a plan is made of.

use std::fmt;

use crate::domain::audience_manager::{
    DataSource, DataSourceChange, NewDataSource, NewSegment, NewTrait, Segment, SegmentChange,
    Trait, TraitChange, TraitReference,
};
use crate::domain::destination::{EndChange, Mapping, MappingChange, NewMapping};
use crate::domain::experience_platform::{
    Audience, AudienceChange, AudienceKey, NewAudience, NewForm,
};
use crate::domain::identifier::{
    AudienceId, DataSourceId, DestinationId, IntegrationCode, MappingId, SegmentFolderId,
    SegmentSid, TraitFolderId, TraitSid,
};
use crate::domain::labels::UsageLabels;
use crate::domain::source::{AudienceManagerSelector, SourceKind};
use crate::inventory::{AudienceNaturalKey, RuleContent};

/// Stands for the sid of a trait that the plan itself creates; never sent.
pub const NEW_TRAIT: &str = "{trait}";

/// By what an audience is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceLookUp {
    Key(AudienceKey),
    /// Of segment definitions, whose names are unique (experience-platform.md §2.1).
    DefinitionName(Box<str>),
}

impl AudienceLookUp {
    /// By what an audience is found before it is created.
    pub fn of(new: &NewAudience) -> Self {
        match new.form.key() {
            Some(key) => Self::Key(key),
            None => Self::DefinitionName(new.name.clone()),
        }
    }

    pub fn natural_key(&self) -> AudienceNaturalKey {
        match self {
            Self::Key(key) => AudienceNaturalKey::External(key.clone()),
            Self::DefinitionName(name) => AudienceNaturalKey::Name(name.clone()),
        }
    }
}

/// One call. Updates carry the record that they were planned on: if the object changed meanwhile, nothing is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    ReadAudience(AudienceId),
    /// All audiences of one key or name, inactive ones included as far as the service tells.
    LookUpAudience(AudienceLookUp),
    CreateAudience(NewAudience),
    UpdateAudience {
        expected: Box<Audience>,
        change: AudienceChange,
    },
    DeleteAudience {
        id: AudienceId,
        name: Box<str>,
        /// The connector's, which takes its place.
        in_favour_of: Option<AudienceId>,
    },
    /// Traits or segments of any data source, by code or name.
    Search(AudienceManagerSelector),
    ListDataSources,
    ListTraitFolders,
    ListSegmentFolders,
    ReadDataSource(DataSourceId),
    ReadTraitFolder(TraitFolderId),
    ReadSegmentFolder(SegmentFolderId),
    CreateDataSource(NewDataSource),
    UpdateDataSource {
        expected: DataSource,
        change: DataSourceChange,
    },
    DeleteDataSource(DataSourceId),
    CreateTraitFolder {
        name: Box<str>,
    },
    DeleteTraitFolder(TraitFolderId),
    CreateSegmentFolder {
        name: Box<str>,
    },
    DeleteSegmentFolder(SegmentFolderId),
    /// All traits of one data source.
    ListTraits(DataSourceId),
    ReadTrait(TraitSid),
    LookUpTrait {
        data_source: DataSourceId,
        code: IntegrationCode,
    },
    ReadTraitUsers(TraitSid),
    CreateTrait(NewTrait),
    UpdateTrait {
        expected: Trait,
        change: TraitChange,
    },
    DeleteTrait(TraitSid),
    /// All segments of one data source.
    ListSegments(DataSourceId),
    ReadSegment(SegmentSid),
    LookUpSegment {
        data_source: DataSourceId,
        code: IntegrationCode,
    },
    CreateSegment(NewSegment),
    UpdateSegment {
        expected: Segment,
        change: SegmentChange,
    },
    DeleteSegment(SegmentSid),
    /// All destinations, with their mappings where the list tells them.
    ListDestinations,
    ReadDestination(DestinationId),
    /// All mappings of one destination.
    ListMappings(DestinationId),
    LookUpMapping {
        destination: DestinationId,
        segment: SegmentSid,
    },
    CreateMapping(NewMapping),
    UpdateMapping {
        expected: Mapping,
        change: MappingChange,
    },
    DeleteMapping {
        destination: DestinationId,
        id: MappingId,
    },
    /// By the words of a user.
    FindTrait(TraitReference),
    /// Asks whether the rule of an additional segment is accepted.
    ValidateRule {
        /// The segment's key.
        segment: Box<str>,
        content: RuleContent,
        rule: Box<str>,
    },
}

impl Call {
    pub fn is_write(&self) -> bool {
        match self {
            Self::ReadAudience(_)
            | Self::LookUpAudience(_)
            | Self::Search(_)
            | Self::ListDataSources
            | Self::ListTraitFolders
            | Self::ListSegmentFolders
            | Self::ReadDataSource(_)
            | Self::ReadTraitFolder(_)
            | Self::ReadSegmentFolder(_)
            | Self::ListTraits(_)
            | Self::ReadTrait(_)
            | Self::LookUpTrait { .. }
            | Self::ReadTraitUsers(_)
            | Self::ListSegments(_)
            | Self::ReadSegment(_)
            | Self::LookUpSegment { .. }
            | Self::ListDestinations
            | Self::ReadDestination(_)
            | Self::ListMappings(_)
            | Self::LookUpMapping { .. }
            | Self::FindTrait(_)
            | Self::ValidateRule { .. } => false,
            Self::CreateAudience(_)
            | Self::UpdateAudience { .. }
            | Self::DeleteAudience { .. }
            | Self::CreateDataSource(_)
            | Self::UpdateDataSource { .. }
            | Self::DeleteDataSource(_)
            | Self::CreateTraitFolder { .. }
            | Self::DeleteTraitFolder(_)
            | Self::CreateSegmentFolder { .. }
            | Self::DeleteSegmentFolder(_)
            | Self::CreateTrait(_)
            | Self::UpdateTrait { .. }
            | Self::DeleteTrait(_)
            | Self::CreateSegment(_)
            | Self::UpdateSegment { .. }
            | Self::DeleteSegment(_)
            | Self::CreateMapping(_)
            | Self::UpdateMapping { .. }
            | Self::DeleteMapping { .. } => true,
        }
    }

    /// The data source that an object shall go to.
    pub fn moves_to(&self) -> Option<DataSourceId> {
        match self {
            Self::UpdateTrait { change, .. } => change.data_source,
            Self::UpdateSegment { change, .. } => change.data_source,
            _ => None,
        }
    }

    /// The usage labels that it puts on an audience.
    pub fn labels(&self) -> Option<&UsageLabels> {
        let labels = match self {
            Self::CreateAudience(new) => &new.labels,
            Self::UpdateAudience { change, .. } => &change.labels,
            _ => return None,
        };
        Some(labels).filter(|labels| !labels.is_empty())
    }

    /// A list whose one answer serves every audience that waits for it.
    pub fn is_shared(&self) -> bool {
        matches!(
            self,
            Self::ListDestinations | Self::ListMappings(_) | Self::ReadDestination(_)
        )
    }

    pub fn is_deletion(&self) -> bool {
        matches!(
            self,
            Self::DeleteAudience { .. }
                | Self::DeleteDataSource(_)
                | Self::DeleteTraitFolder(_)
                | Self::DeleteSegmentFolder(_)
                | Self::DeleteTrait(_)
                | Self::DeleteSegment(_)
                | Self::DeleteMapping { .. }
        )
    }

    /// The verb and the object, for logs and the audit trail.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::ReadAudience(_) => "read audience",
            Self::LookUpAudience(_) => "look up audience",
            Self::CreateAudience(_) => "create audience",
            Self::UpdateAudience { .. } => "update audience",
            Self::DeleteAudience { .. } => "delete audience",
            Self::Search(selector) => match selector.kind {
                SourceKind::Trait => "search trait",
                SourceKind::Segment => "search segment",
            },
            Self::ListDataSources => "list data sources",
            Self::ListTraitFolders => "list trait folders",
            Self::ListSegmentFolders => "list segment folders",
            Self::ReadDataSource(_) => "read data source",
            Self::ReadTraitFolder(_) => "read trait folder",
            Self::ReadSegmentFolder(_) => "read segment folder",
            Self::CreateDataSource(_) => "create data source",
            Self::UpdateDataSource { .. } => "update data source",
            Self::DeleteDataSource(_) => "delete data source",
            Self::CreateTraitFolder { .. } => "create trait folder",
            Self::DeleteTraitFolder(_) => "delete trait folder",
            Self::CreateSegmentFolder { .. } => "create segment folder",
            Self::DeleteSegmentFolder(_) => "delete segment folder",
            Self::ListTraits(_) => "list traits",
            Self::ReadTrait(_) => "read trait",
            Self::LookUpTrait { .. } => "look up trait",
            Self::ReadTraitUsers(_) => "read the users of trait",
            Self::CreateTrait(_) => "create trait",
            Self::UpdateTrait { .. } => "update trait",
            Self::DeleteTrait(_) => "delete trait",
            Self::ListSegments(_) => "list segments",
            Self::ReadSegment(_) => "read segment",
            Self::LookUpSegment { .. } => "look up segment",
            Self::CreateSegment(_) => "create segment",
            Self::UpdateSegment { .. } => "update segment",
            Self::DeleteSegment(_) => "delete segment",
            Self::ListDestinations => "list destinations",
            Self::ReadDestination(_) => "read destination",
            Self::ListMappings(_) => "list mappings",
            Self::LookUpMapping { .. } => "look up mapping",
            Self::CreateMapping(_) => "create mapping",
            Self::UpdateMapping { .. } => "update mapping",
            Self::DeleteMapping { .. } => "delete mapping",
            Self::FindTrait(_) => "find trait",
            Self::ValidateRule { .. } => "validate rule",
        }
    }

    /// What is done to which object, as a message says it: "update trait 77 "Loyal gamers"".
    pub fn label(&self) -> String {
        format!("{} {}", self.operation(), self.object())
            .trim_end()
            .into()
    }

    /// The object that the call is about, by id or by name; after [`Self::operation`] it reads as a sentence.
    pub fn object(&self) -> String {
        match self {
            Self::ListDataSources
            | Self::ListTraitFolders
            | Self::ListSegmentFolders
            | Self::ListDestinations => String::new(),
            Self::ReadAudience(id) => id.to_string(),
            Self::LookUpAudience(AudienceLookUp::Key(key)) => {
                format!("with audience id {}", key.audience_id())
            }
            Self::LookUpAudience(AudienceLookUp::DefinitionName(name)) => format!("{name:?}"),
            Self::CreateAudience(new) => format!("{:?}", new.name),
            Self::UpdateAudience { expected, .. } => {
                format!("{} {:?}", expected.id, expected.name)
            }
            Self::DeleteAudience { id, name, .. } => format!("{id} {name:?}"),
            Self::Search(selector) => selector.naming.to_string(),
            Self::CreateDataSource(new) => format!("{:?}", new.name),
            Self::UpdateDataSource { expected, .. } => {
                format!("{} {:?}", expected.id, expected.name)
            }
            Self::ReadDataSource(id) | Self::DeleteDataSource(id) => id.to_string(),
            Self::CreateTraitFolder { name } | Self::CreateSegmentFolder { name } => {
                format!("{name:?}")
            }
            Self::ReadTraitFolder(id) | Self::DeleteTraitFolder(id) => id.to_string(),
            Self::ReadSegmentFolder(id) | Self::DeleteSegmentFolder(id) => id.to_string(),
            Self::ListTraits(id) | Self::ListSegments(id) => format!("of data source {id}"),
            Self::ReadTrait(sid) | Self::ReadTraitUsers(sid) | Self::DeleteTrait(sid) => {
                sid.to_string()
            }
            Self::LookUpTrait { code, .. } | Self::LookUpSegment { code, .. } => {
                format!("with integration code {code}")
            }
            Self::CreateTrait(new) => format!("{:?}", new.name),
            Self::UpdateTrait { expected, .. } => format!("{} {:?}", expected.sid, expected.name),
            Self::ReadSegment(sid) | Self::DeleteSegment(sid) => sid.to_string(),
            Self::CreateSegment(new) => format!("{:?}", new.name),
            Self::UpdateSegment { expected, .. } => {
                format!("{} {:?}", expected.sid, expected.name)
            }
            Self::ReadDestination(id) => id.to_string(),
            Self::ListMappings(id) => format!("of destination {id}"),
            Self::LookUpMapping {
                destination,
                segment,
            } => format!("of segment {segment} to destination {destination}"),
            Self::CreateMapping(new) => format!(
                "of segment {} to destination {} {:?}",
                new.segment, new.destination, new.destination_name
            ),
            Self::UpdateMapping { expected, .. } => format!(
                "{} of segment {} to destination {}",
                expected.id, expected.segment, expected.destination
            ),
            Self::DeleteMapping { destination, id } => format!("{id} to destination {destination}"),
            Self::FindTrait(reference) => format!("with the {reference}"),
            Self::ValidateRule { segment, .. } => format!("of additional segment {segment:?}"),
        }
    }
}

/// A call, and whether it can be made now or needs the answer of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub call: Call,
    pub ready: bool,
}

impl Step {
    pub(super) fn ready(call: Call) -> Self {
        Self { call, ready: true }
    }

    pub(super) fn waiting(call: Call) -> Self {
        Self { call, ready: false }
    }
}

/// One line a call, with the fields that change, for previews and golden tests.
impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.label())?;
        match self {
            Self::UpdateDataSource { expected, change } => text_change(
                formatter,
                "description",
                &expected.description,
                change.description.as_deref(),
            ),
            Self::UpdateTrait { expected, change } => {
                text_change(formatter, "name", &expected.name, change.name.as_deref())?;
                text_change(
                    formatter,
                    "description",
                    &expected.description,
                    change.description.as_deref(),
                )?;
                text_change(formatter, "rule", &expected.rule, change.rule.as_deref())?;
                value_change(
                    formatter,
                    "data source",
                    expected.data_source,
                    change.data_source,
                )?;
                value_change(formatter, "folder", expected.folder, change.folder)?;
                let days = expected
                    .ttl_days
                    .map_or("unknown".into(), |days| days.to_string());
                value_change(formatter, "ttl", days, change.ttl_days)?;
                code_change(
                    formatter,
                    &expected.integration_code,
                    &change.integration_code,
                )?;
                match change.activate {
                    true => formatter.write_str(" status → ACTIVE"),
                    false => Ok(()),
                }
            }
            Self::CreateDataSource(new) => {
                let controls: Vec<&str> = new.restrictions.names().collect();
                match controls.is_empty() {
                    true => Ok(()),
                    false => write!(formatter, " export controls {}", controls.join(", ")),
                }
            }
            Self::CreateAudience(new) => {
                match &new.form {
                    NewForm::External {
                        namespace,
                        audience_id,
                    }
                    | NewForm::MetadataOnly {
                        namespace,
                        audience_id,
                    } => write!(formatter, " {namespace}/{audience_id}"),
                    NewForm::SegmentDefinition { expression } => write!(formatter, " {expression}"),
                }?;
                labels(formatter, &new.labels)
            }
            Self::UpdateAudience { expected, change } => {
                text_change(formatter, "name", &expected.name, change.name.as_deref())?;
                text_change(
                    formatter,
                    "description",
                    &expected.description,
                    change.description.as_deref(),
                )?;
                text_change(
                    formatter,
                    "expression",
                    expected.expression.as_deref().unwrap_or_default(),
                    change.expression.as_deref(),
                )?;
                if change.publish {
                    formatter.write_str(" lifecycle → published")?;
                } else if change.deactivate {
                    formatter.write_str(" lifecycle → inactive")?;
                }
                labels(formatter, &change.labels)
            }
            Self::CreateTrait(new) => write!(formatter, " rule {}", new.rule),
            Self::CreateSegment(new) => write!(formatter, " rule {}", new.rule),
            Self::UpdateSegment { expected, change } => {
                text_change(formatter, "name", &expected.name, change.name.as_deref())?;
                text_change(
                    formatter,
                    "description",
                    &expected.description,
                    change.description.as_deref(),
                )?;
                text_change(formatter, "rule", &expected.rule, change.rule.as_deref())?;
                value_change(
                    formatter,
                    "data source",
                    expected.data_source,
                    change.data_source,
                )?;
                value_change(formatter, "folder", expected.folder, change.folder)?;
                if let Some(to) = change.merge_rule {
                    write!(formatter, " merge rule → {to}")?;
                }
                code_change(
                    formatter,
                    &expected.integration_code,
                    &change.integration_code,
                )?;
                match (change.activate, change.pause) {
                    (true, _) => formatter.write_str(" status → ACTIVE"),
                    (false, true) => formatter.write_str(" status → INACTIVE"),
                    (false, false) => Ok(()),
                }
            }
            Self::CreateMapping(new) => {
                let keys = &new.keys;
                key(formatter, "url", keys.url.as_deref())?;
                key(formatter, "alias", keys.alias.as_deref())?;
                key(formatter, "valueAlias", keys.value_alias.as_deref())?;
                key(formatter, "start", new.start.as_deref())?;
                key(formatter, "end", new.end.as_deref())
            }
            Self::UpdateMapping { expected, change } => {
                let texts = [
                    ("url", &expected.keys.url, &change.keys.url),
                    ("alias", &expected.keys.alias, &change.keys.alias),
                    (
                        "valueAlias",
                        &expected.keys.value_alias,
                        &change.keys.value_alias,
                    ),
                ];
                for (field, from, to) in texts {
                    let from = from.as_deref().unwrap_or_default();
                    text_change(formatter, field, from, to.as_deref())?;
                }
                key(formatter, "start", change.start.as_deref())?;
                match &change.end {
                    Some(EndChange::Set(date)) => key(formatter, "end", Some(date))?,
                    Some(EndChange::Clear) => formatter.write_str(" without end")?,
                    None => {}
                }
                match change.activate {
                    true => formatter.write_str(" status → active"),
                    false => Ok(()),
                }
            }
            Self::ValidateRule { rule, .. } => write!(formatter, " {rule}"),
            _ => Ok(()),
        }
    }
}

fn key(formatter: &mut fmt::Formatter<'_>, field: &str, text: Option<&str>) -> fmt::Result {
    match text {
        Some(text) => write!(formatter, " {field} {text:?}"),
        None => Ok(()),
    }
}

fn labels(formatter: &mut fmt::Formatter<'_>, labels: &UsageLabels) -> fmt::Result {
    match labels.is_empty() {
        true => Ok(()),
        false => write!(formatter, " labels + {}", labels.listed()),
    }
}

fn text_change(
    formatter: &mut fmt::Formatter<'_>,
    field: &str,
    from: &str,
    to: Option<&str>,
) -> fmt::Result {
    match to {
        Some(to) => write!(formatter, " {field} {from:?} → {to:?}"),
        None => Ok(()),
    }
}

fn code_change(
    formatter: &mut fmt::Formatter<'_>,
    from: &Option<IntegrationCode>,
    to: &Option<IntegrationCode>,
) -> fmt::Result {
    let from = from.as_ref().map_or("none", IntegrationCode::as_str);
    value_change(formatter, "integration code", from, to.as_ref())
}

fn value_change(
    formatter: &mut fmt::Formatter<'_>,
    field: &str,
    from: impl fmt::Display,
    to: Option<impl fmt::Display>,
) -> fmt::Result {
    match to {
        Some(to) => write!(formatter, " {field} {from} → {to}"),
        None => Ok(()),
    }
}
