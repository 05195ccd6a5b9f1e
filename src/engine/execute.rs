//! One planned call, sent: the only place where the engine talks to Adobe.

use audience_sharing_core::domain::audience_manager::{
    DataSource, Segment, SegmentFolder, Trait, TraitFolder,
};
use audience_sharing_core::domain::destination::Mapping;
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    DataSourceId, DestinationId, MappingId, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::source::SourceKind;
use audience_sharing_core::inventory::Inventory;
use audience_sharing_core::plan::Call;

use crate::adobe::Error;
use crate::adobe::audience_manager::{AudienceManager, Deleted, ListedDestination, Updated};
use crate::adobe::experience_platform::ExperiencePlatform;
use crate::adobe::gateway::Turn;
use crate::adobe::listing::Listing;
use crate::adobe::proof::WriteProof;

/// What a call answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// `None`: the system says that there is none; an id that it did not answer for is an error.
    Audience(Option<Audience>),
    AudiencesFound(Vec<Audience>),
    AudienceWritten(Audience),
    TraitsSearched(Vec<Trait>),
    SegmentsSearched(Vec<Segment>),
    DataSources(Listing<DataSource, DataSourceId>),
    DataSource(DataSource),
    DataSourceChanged(DataSource),
    DataSourceRead(DataSource),
    TraitFolders(Vec<TraitFolder>),
    TraitFolder(Option<TraitFolder>),
    TraitFolderRead(TraitFolder),
    SegmentFolders(Vec<SegmentFolder>),
    SegmentFolderRead(SegmentFolder),
    SegmentFolder(Option<SegmentFolder>),
    Traits(Listing<Trait, TraitSid>),
    TraitRead(Trait),
    TraitsFound(Vec<Trait>),
    TraitUsers(Listing<Segment, SegmentSid>),
    TraitWritten(Trait),
    Segments(Listing<Segment, SegmentSid>),
    SegmentRead(Segment),
    SegmentsFound(Vec<Segment>),
    SegmentWritten(Segment),
    Destinations(Listing<ListedDestination, DestinationId>),
    DestinationRead(ListedDestination),
    Mappings(Listing<Mapping, MappingId>),
    MappingsFound(Vec<Mapping>),
    MappingRead(Mapping),
    MappingWritten(Mapping),
    RuleAccepted,
    Deleted,
}

impl Answer {
    /// The answer to a write that was sent. An update whose object had changed meanwhile answers with a read.
    pub(super) fn is_written(&self) -> bool {
        match self {
            Self::AudienceWritten(_)
            | Self::DataSource(_)
            | Self::TraitFolder(_)
            | Self::SegmentFolder(_)
            | Self::TraitWritten(_)
            | Self::SegmentWritten(_)
            | Self::MappingWritten(_)
            | Self::Deleted => true,
            Self::Audience(_)
            | Self::AudiencesFound(_)
            | Self::TraitsSearched(_)
            | Self::SegmentsSearched(_)
            | Self::DataSources(_)
            | Self::DataSourceChanged(_)
            | Self::DataSourceRead(_)
            | Self::TraitFolders(_)
            | Self::TraitFolderRead(_)
            | Self::SegmentFolders(_)
            | Self::SegmentFolderRead(_)
            | Self::Traits(_)
            | Self::TraitRead(_)
            | Self::TraitsFound(_)
            | Self::TraitUsers(_)
            | Self::Segments(_)
            | Self::SegmentRead(_)
            | Self::SegmentsFound(_)
            | Self::Destinations(_)
            | Self::DestinationRead(_)
            | Self::Mappings(_)
            | Self::MappingsFound(_)
            | Self::MappingRead(_)
            | Self::RuleAccepted => false,
        }
    }
}

/// The two systems behind one gateway.
#[derive(Clone, Debug)]
pub(super) struct Systems {
    pub(super) audience_manager: AudienceManager,
    pub(super) experience_platform: ExperiencePlatform,
}

/// What is known of the object that a call deletes: it is read again first, and nothing is deleted if it is another by then.
#[derive(Debug)]
pub(super) enum Doomed {
    Trait(Trait),
    Segment(Segment),
    DataSource(DataSource),
    Audience(Box<Audience>),
}

impl Doomed {
    /// `None`: the call deletes nothing, or nothing is known of it but its id, or it has no read of its own.
    pub(super) fn of(call: &Call, inventory: &Inventory) -> Option<Self> {
        match call {
            Call::DeleteTrait(sid) => {
                let known = inventory.traits.get(sid)?;
                Some(Self::Trait(known.record.clone()))
            }
            Call::DeleteSegment(sid) => {
                let known = inventory.segments.get(sid)?;
                Some(Self::Segment(known.record.clone()))
            }
            Call::DeleteDataSource(id) => {
                let known = inventory.data_sources.get(id)?;
                Some(Self::DataSource(known.record.clone()))
            }
            Call::DeleteAudience { id, .. } => {
                let known = inventory.audiences.get(id)?;
                Some(Self::Audience(Box::new(known.record.clone())))
            }
            _ => None,
        }
    }

    async fn delete(
        &self,
        systems: &Systems,
        turn: &Turn,
        proof: WriteProof,
    ) -> Result<Answer, Error> {
        fn answer<T>(deleted: Deleted<T>, changed: impl FnOnce(T) -> Answer) -> Answer {
            match deleted {
                Deleted::Done => Answer::Deleted,
                Deleted::Changed(read) => changed(read),
            }
        }
        let aam = &systems.audience_manager;
        Ok(match self {
            Self::Trait(expected) => {
                let deleted = aam.delete_expected_trait(turn, proof, expected).await?;
                answer(deleted, Answer::TraitRead)
            }
            Self::Segment(expected) => {
                let deleted = aam.delete_expected_segment(turn, proof, expected).await?;
                answer(deleted, Answer::SegmentRead)
            }
            Self::DataSource(expected) => {
                let deleted = aam
                    .delete_expected_data_source(turn, proof, expected)
                    .await?;
                answer(deleted, Answer::DataSourceChanged)
            }
            Self::Audience(expected) => {
                let platform = &systems.experience_platform;
                let deleted = platform
                    .delete_expected_audience(turn, proof, expected)
                    .await?;
                answer(deleted, |read| Answer::Audience(Some(read)))
            }
        })
    }
}

/// Sends a call; a deletion only if its object is still what is known of it.
pub(super) async fn send_checked(
    systems: &Systems,
    turn: &Turn,
    proof: WriteProof,
    call: &Call,
    doomed: Option<&Doomed>,
) -> Result<Answer, Error> {
    match doomed {
        Some(doomed) => doomed.delete(systems, turn, proof).await,
        None => send(systems, turn, proof, call).await,
    }
}

/// Reads take no notice of `proof`.
pub(super) async fn send(
    systems: &Systems,
    turn: &Turn,
    proof: WriteProof,
    call: &Call,
) -> Result<Answer, Error> {
    let aam = &systems.audience_manager;
    let platform = &systems.experience_platform;
    match call {
        Call::ReadAudience(id) => platform
            .audience_by_id(turn, id)
            .await
            .map(Answer::Audience),
        Call::LookUpAudience(look_up) => platform
            .look_up_audience(turn, look_up)
            .await
            .map(Answer::AudiencesFound),
        Call::CreateAudience(new) => platform
            .create_audience(turn, proof, new)
            .await
            .map(Answer::AudienceWritten),
        Call::UpdateAudience { expected, change } => platform
            .update_audience(turn, proof, expected, change)
            .await
            .map(|updated| match updated {
                Updated::Written(written) => Answer::AudienceWritten(written),
                Updated::Changed(read) => Answer::Audience(Some(read)),
            }),
        Call::DeleteAudience { id, .. } => platform
            .delete_audience(turn, proof, id)
            .await
            .map(|()| Answer::Deleted),
        Call::Search(selector) => match selector.kind {
            SourceKind::Trait => aam
                .search_traits(turn, &selector.naming)
                .await
                .map(Answer::TraitsSearched),
            SourceKind::Segment => aam
                .search_segments(turn, &selector.naming)
                .await
                .map(Answer::SegmentsSearched),
        },
        Call::ListDataSources => aam.data_sources(turn).await.map(Answer::DataSources),
        Call::ListTraitFolders => aam.trait_folders(turn).await.map(Answer::TraitFolders),
        Call::ListSegmentFolders => aam.segment_folders(turn).await.map(Answer::SegmentFolders),
        Call::ReadDataSource(id) => aam.data_source(turn, *id).await.map(Answer::DataSourceRead),
        Call::ReadTraitFolder(id) => aam
            .trait_folder(turn, *id)
            .await
            .map(Answer::TraitFolderRead),
        Call::ReadSegmentFolder(id) => aam
            .segment_folder(turn, *id)
            .await
            .map(Answer::SegmentFolderRead),
        Call::CreateDataSource(new) => aam
            .create_data_source(turn, proof, new)
            .await
            .map(Answer::DataSource),
        Call::UpdateDataSource { expected, change } => aam
            .update_data_source(turn, proof, expected, change)
            .await
            .map(|updated| match updated {
                Updated::Written(written) => Answer::DataSource(written),
                Updated::Changed(read) => Answer::DataSourceChanged(read),
            }),
        Call::DeleteDataSource(id) => aam
            .delete_data_source(turn, proof, *id)
            .await
            .map(|()| Answer::Deleted),
        Call::CreateTraitFolder { name } => aam
            .create_trait_folder(turn, proof, TraitFolderId(0), name)
            .await
            .map(Answer::TraitFolder),
        Call::DeleteTraitFolder(id) => aam
            .delete_trait_folder(turn, proof, *id)
            .await
            .map(|()| Answer::Deleted),
        Call::CreateSegmentFolder { name } => aam
            .create_segment_folder(turn, proof, SegmentFolderId(0), name)
            .await
            .map(Answer::SegmentFolder),
        Call::DeleteSegmentFolder(id) => aam
            .delete_segment_folder(turn, proof, *id)
            .await
            .map(|()| Answer::Deleted),
        Call::ListTraits(data_source) => aam
            .traits_of(turn, &[*data_source])
            .await
            .map(Answer::Traits),
        Call::ReadTrait(sid) => aam.trait_by_sid(turn, *sid).await.map(Answer::TraitRead),
        Call::LookUpTrait { data_source, code } => aam
            .traits_by_code(turn, *data_source, code)
            .await
            .map(Answer::TraitsFound),
        Call::ReadTraitUsers(sid) => aam
            .segments_containing(turn, *sid)
            .await
            .map(Answer::TraitUsers),
        Call::CreateTrait(new) => aam
            .create_trait(turn, proof, new)
            .await
            .map(Answer::TraitWritten),
        Call::UpdateTrait { expected, change } => aam
            .update_trait(turn, proof, expected, change)
            .await
            .map(|updated| match updated {
                Updated::Written(written) => Answer::TraitWritten(written),
                Updated::Changed(read) => Answer::TraitRead(read),
            }),
        Call::DeleteTrait(sid) => aam
            .delete_trait(turn, proof, *sid)
            .await
            .map(|()| Answer::Deleted),
        Call::ListSegments(data_source) => aam
            .segments_of(turn, &[*data_source])
            .await
            .map(Answer::Segments),
        Call::ReadSegment(sid) => aam
            .segment_by_sid(turn, *sid)
            .await
            .map(Answer::SegmentRead),
        Call::LookUpSegment { data_source, code } => aam
            .segments_by_code(turn, *data_source, code)
            .await
            .map(Answer::SegmentsFound),
        Call::CreateSegment(new) => aam
            .create_segment(turn, proof, new)
            .await
            .map(Answer::SegmentWritten),
        Call::UpdateSegment { expected, change } => aam
            .update_segment(turn, proof, expected, change)
            .await
            .map(|updated| match updated {
                Updated::Written(written) => Answer::SegmentWritten(written),
                Updated::Changed(read) => Answer::SegmentRead(read),
            }),
        Call::DeleteSegment(sid) => aam
            .delete_segment(turn, proof, *sid)
            .await
            .map(|()| Answer::Deleted),
        Call::ListDestinations => aam.destinations(turn).await.map(Answer::Destinations),
        Call::ReadDestination(id) => aam
            .destination_by_id(turn, *id)
            .await
            .map(Answer::DestinationRead),
        Call::ListMappings(destination) => aam
            .mappings_of(turn, *destination)
            .await
            .map(Answer::Mappings),
        Call::LookUpMapping {
            destination,
            segment,
        } => aam
            .mappings_of_segment(turn, *destination, *segment)
            .await
            .map(Answer::MappingsFound),
        Call::CreateMapping(new) => aam
            .create_mapping(turn, proof, new)
            .await
            .map(Answer::MappingWritten),
        Call::UpdateMapping { expected, change } => aam
            .update_mapping(turn, proof, expected, change)
            .await
            .map(|updated| match updated {
                Updated::Written(written) => Answer::MappingWritten(written),
                Updated::Changed(read) => Answer::MappingRead(read),
            }),
        Call::DeleteMapping { destination, id } => aam
            .delete_mapping(turn, proof, *destination, *id)
            .await
            .map(|()| Answer::Deleted),
        Call::FindTrait(reference) => aam
            .traits_by_reference(turn, reference)
            .await
            .map(Answer::TraitsFound),
        Call::ValidateRule { rule, .. } => aam
            .validate_segment_rule(turn, rule)
            .await
            .map(|()| Answer::RuleAccepted),
    }
}
