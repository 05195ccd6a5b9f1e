//! By what objects are found, and what depends on them.

use crate::domain::experience_platform::AudienceKey;
use crate::domain::identifier::{
    AudienceId, DataSourceId, DestinationId, IntegrationCode, ModelId, SegmentSid, TraitSid,
};

/// What a list was narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coverage {
    Whole,
    DataSource(DataSourceId),
    Destination(DestinationId),
}

/// What a scope can depend on; applying a fact names these, and the engine knows who depends on which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The shared objects: data sources and folders.
    SharedObjects,
    DataSource(DataSourceId),
    Trait(TraitSid),
    Segment(SegmentSid),
    /// A trait or segment of any data source by its integration code.
    Code(IntegrationCode),
    Audience(AudienceId),
    AudienceName(Box<str>),
    Destination(DestinationId),
    DestinationName(Box<str>),
    AudienceKey(AudienceKey),
    Model(ModelId),
    /// A model by the trait or segment whose look-alikes it finds.
    Baseline(u64),
}

/// What an audience of Experience Platform is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AudienceNaturalKey {
    Name(Box<str>),
    External(AudienceKey),
    /// Of a definition: what it tests. One that tests the membership of a trait or segment alone has the test as we write
    /// it, in whichever form it tests it.
    Expression(Box<str>),
    /// Of a definition: an audience that it depends on.
    Dependency(AudienceId),
}
