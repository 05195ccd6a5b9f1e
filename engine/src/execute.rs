//! One planned call, sent: the only place where the engine talks to Adobe.

use audience_sharing_core::call::{Call, Kind, Operation};
use audience_sharing_core::domain::audience_manager::{
    DataSource, Segment, SegmentFolder, Trait, TraitFolder,
};
use audience_sharing_core::domain::destination::{Destination, Mapping};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{SegmentFolderId, TraitFolderId};
use audience_sharing_core::domain::source::SourceKind;
use audience_sharing_core::facts::{Answer, Known, Listing, Response};

use adobe_client::Error;
use adobe_client::audience_manager::{AudienceManager, Deleted, Updated};
use adobe_client::experience_platform::ExperiencePlatform;
use adobe_client::gateway::CallContext;
use adobe_client::lease_guard::LeaseGuard;

/// The two systems behind one gateway.
#[derive(Clone, Debug)]
pub(super) struct Systems {
    pub(super) audience_manager: AudienceManager,
    pub(super) experience_platform: ExperiencePlatform,
}

/// What a call is sent with. Reads take no notice of the proof.
struct Sender<'a> {
    context: &'a CallContext,
    lease_guard: LeaseGuard,
}

pub(super) async fn send(
    systems: &Systems,
    context: &CallContext,
    lease_guard: LeaseGuard,
    call: &Call,
) -> Result<Response, Error> {
    let aam = &systems.audience_manager;
    let platform = &systems.experience_platform;
    let by = Sender {
        context,
        lease_guard,
    };
    Ok(match call {
        Call::DataSource(call) => Response::DataSource(by.data_source(aam, call).await?),
        Call::TraitFolder(call) => Response::TraitFolder(by.trait_folder(aam, call).await?),
        Call::SegmentFolder(call) => Response::SegmentFolder(by.segment_folder(aam, call).await?),
        Call::Trait(call) => Response::Trait(by.of_trait(aam, call).await?),
        Call::Segment(call) => Response::Segment(by.segment(aam, call).await?),
        Call::Audience(call) => Response::Audience(by.audience(platform, call).await?),
        Call::Destination(call) => Response::Destination(by.destination(aam, call).await?),
        Call::Mapping(call) => Response::Mapping(by.mapping(aam, call).await?),
        Call::Search(selector) => match selector.kind {
            SourceKind::Trait => {
                Response::TraitsFound(aam.search_traits(context, &selector.naming).await?)
            }
            SourceKind::Segment => {
                Response::SegmentsFound(aam.search_segments(context, &selector.naming).await?)
            }
        },
        Call::FindTrait(reference) => {
            Response::TraitsFound(aam.traits_by_reference(context, reference).await?)
        }
        Call::ReadTraitUsers(sid) => {
            Response::TraitUsers(aam.segments_containing(context, *sid).await?)
        }
        Call::ValidateRule { rule, .. } => {
            aam.validate_segment_rule(context, rule).await?;
            Response::RuleAccepted
        }
    })
}

fn updated<K: Known>(updated: Updated<K>) -> Answer<K> {
    match updated {
        Updated::Written(written) => Answer::Written(written),
        Updated::Changed(read) => Answer::Changed(read),
    }
}

fn deleted<K: Known>(deleted: Deleted<K>) -> Answer<K> {
    match deleted {
        Deleted::Done => Answer::Deleted,
        Deleted::Changed(read) => Answer::Changed(read),
    }
}

/// A tree of folders is read whole or not at all.
fn tree<K: Kind>(items: Vec<K>) -> Listing<K, K::Id> {
    Listing {
        items,
        ..Listing::default()
    }
}

/// Below the root.
fn folder<K: Known>(created: Option<K>) -> Answer<K> {
    created.map_or(Answer::WrittenUnseen, Answer::Written)
}

impl Sender<'_> {
    async fn data_source(
        self,
        aam: &AudienceManager,
        call: &Operation<DataSource>,
    ) -> Result<Answer<DataSource>, Error> {
        let Self {
            context,
            lease_guard,
        } = self;
        Ok(match call {
            Operation::Read(id) => Answer::Read(aam.data_source(context, *id).await?),
            Operation::List(()) => Answer::Listed(aam.data_sources(context).await?),
            Operation::LookUp(never) => match *never {},
            Operation::Create(new) => {
                Answer::Written(aam.create_data_source(context, lease_guard, new).await?)
            }
            Operation::Update(expected, change) => updated(
                aam.update_data_source(context, lease_guard, expected, change)
                    .await?,
            ),
            Operation::Delete(expected) => deleted(
                aam.delete_data_source(context, lease_guard, expected)
                    .await?,
            ),
        })
    }

    async fn trait_folder(
        self,
        aam: &AudienceManager,
        call: &Operation<TraitFolder>,
    ) -> Result<Answer<TraitFolder>, Error> {
        let Self {
            context,
            lease_guard,
        } = self;
        Ok(match call {
            Operation::Read(id) => Answer::Read(aam.trait_folder(context, *id).await?),
            Operation::List(()) => Answer::Listed(tree(aam.trait_folders(context).await?)),
            Operation::LookUp(never) => match *never {},
            Operation::Create(new) => {
                let root = TraitFolderId(0);
                folder(
                    aam.create_trait_folder(context, lease_guard, root, &new.name)
                        .await?,
                )
            }
            Operation::Update(expected, ()) => Answer::Read(TraitFolder::clone(expected)),
            Operation::Delete(expected) => deleted(
                aam.delete_trait_folder(context, lease_guard, expected)
                    .await?,
            ),
        })
    }

    async fn segment_folder(
        self,
        aam: &AudienceManager,
        call: &Operation<SegmentFolder>,
    ) -> Result<Answer<SegmentFolder>, Error> {
        let Self {
            context,
            lease_guard,
        } = self;
        Ok(match call {
            Operation::Read(id) => Answer::Read(aam.segment_folder(context, *id).await?),
            Operation::List(()) => Answer::Listed(tree(aam.segment_folders(context).await?)),
            Operation::LookUp(never) => match *never {},
            Operation::Create(new) => {
                let root = SegmentFolderId(0);
                folder(
                    aam.create_segment_folder(context, lease_guard, root, &new.name)
                        .await?,
                )
            }
            Operation::Update(expected, ()) => Answer::Read(SegmentFolder::clone(expected)),
            Operation::Delete(expected) => deleted(
                aam.delete_segment_folder(context, lease_guard, expected)
                    .await?,
            ),
        })
    }

    async fn of_trait(
        self,
        aam: &AudienceManager,
        call: &Operation<Trait>,
    ) -> Result<Answer<Trait>, Error> {
        let Self {
            context,
            lease_guard,
        } = self;
        Ok(match call {
            Operation::Read(sid) => Answer::Read(aam.trait_by_sid(context, *sid).await?),
            Operation::List(data_source) => {
                Answer::Listed(aam.traits_of(context, &[*data_source]).await?)
            }
            Operation::LookUp((data_source, code)) => {
                Answer::Found(aam.traits_by_code(context, *data_source, code).await?)
            }
            Operation::Create(new) => {
                Answer::Written(aam.create_trait(context, lease_guard, new).await?)
            }
            Operation::Update(expected, change) => updated(
                aam.update_trait(context, lease_guard, expected, change)
                    .await?,
            ),
            Operation::Delete(expected) => {
                deleted(aam.delete_trait(context, lease_guard, expected).await?)
            }
        })
    }

    async fn segment(
        self,
        aam: &AudienceManager,
        call: &Operation<Segment>,
    ) -> Result<Answer<Segment>, Error> {
        let Self {
            context,
            lease_guard,
        } = self;
        Ok(match call {
            Operation::Read(sid) => Answer::Read(aam.segment_by_sid(context, *sid).await?),
            Operation::List(data_source) => {
                Answer::Listed(aam.segments_of(context, &[*data_source]).await?)
            }
            Operation::LookUp((data_source, code)) => {
                Answer::Found(aam.segments_by_code(context, *data_source, code).await?)
            }
            Operation::Create(new) => {
                Answer::Written(aam.create_segment(context, lease_guard, new).await?)
            }
            Operation::Update(expected, change) => updated(
                aam.update_segment(context, lease_guard, expected, change)
                    .await?,
            ),
            Operation::Delete(expected) => {
                deleted(aam.delete_segment(context, lease_guard, expected).await?)
            }
        })
    }

    async fn audience(
        self,
        platform: &ExperiencePlatform,
        call: &Operation<Audience>,
    ) -> Result<Answer<Audience>, Error> {
        let Self {
            context,
            lease_guard,
        } = self;
        Ok(match call {
            Operation::Read(id) => {
                let found = platform.audience_by_id(context, id).await?;
                found.map_or(Answer::NotFound, Answer::Read)
            }
            Operation::List(never) => match *never {},
            Operation::LookUp(look_up) => {
                Answer::Found(platform.look_up_audience(context, look_up).await?)
            }
            Operation::Create(new) => {
                Answer::Written(platform.create_audience(context, lease_guard, new).await?)
            }
            Operation::Update(expected, change) => updated(
                platform
                    .update_audience(context, lease_guard, expected, change)
                    .await?,
            ),
            Operation::Delete(expected) => deleted(
                platform
                    .delete_audience(context, lease_guard, expected)
                    .await?,
            ),
        })
    }

    async fn destination(
        self,
        aam: &AudienceManager,
        call: &Operation<Destination>,
    ) -> Result<Answer<Destination>, Error> {
        let Self { context, .. } = self;
        Ok(match call {
            Operation::Read(id) => Answer::Read(aam.destination_by_id(context, *id).await?),
            Operation::List(()) => Answer::Listed(aam.destinations(context).await?),
            Operation::LookUp(never) | Operation::Create(never) => match *never {},
            // A destination is never written: no judgment makes one ours.
            Operation::Update(expected, ()) => Answer::Changed(Destination::clone(expected)),
            Operation::Delete(expected) => Answer::Changed(Destination::clone(expected)),
        })
    }

    async fn mapping(
        self,
        aam: &AudienceManager,
        call: &Operation<Mapping>,
    ) -> Result<Answer<Mapping>, Error> {
        let Self {
            context,
            lease_guard,
        } = self;
        Ok(match call {
            Operation::Read(_) => Answer::Found(Vec::new()),
            Operation::List(destination) => {
                Answer::Listed(aam.mappings_of(context, *destination).await?)
            }
            Operation::LookUp((segment, destination)) => Answer::Found(
                aam.mappings_of_segment(context, *destination, *segment)
                    .await?,
            ),
            Operation::Create(new) => {
                Answer::Written(aam.create_mapping(context, lease_guard, new).await?)
            }
            Operation::Update(expected, change) => updated(
                aam.update_mapping(context, lease_guard, expected, change)
                    .await?,
            ),
            Operation::Delete(expected) => {
                deleted(aam.delete_mapping(context, lease_guard, expected).await?)
            }
        })
    }
}
