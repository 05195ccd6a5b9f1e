//! One planned call, sent: the only place where the engine talks to Adobe. It decides nothing.

use audience_sharing_core::call::{Call, Operation};
use audience_sharing_core::domain::source::SourceKind;
use audience_sharing_core::facts::{Answer, Response};
use audience_sharing_core::with_every_kind;

use adobe_client::audience_manager::{AudienceManager, Deleted, Updated};
use adobe_client::experience_platform::ExperiencePlatform;
use adobe_client::gateway::CallContext;
use adobe_client::lease_guard::LeaseGuard;
use adobe_client::{Client, Error, Resource};

/// The two systems behind one gateway.
#[derive(Clone, Debug)]
pub(super) struct Systems {
    pub(super) audience_manager: AudienceManager,
    pub(super) experience_platform: ExperiencePlatform,
}

/// Reads take no notice of the lease guard.
pub(super) async fn send(
    systems: &Systems,
    context: &CallContext,
    lease_guard: LeaseGuard,
    call: &Call,
) -> Result<Response, Error> {
    let aam = &systems.audience_manager;
    macro_rules! send_every_kind {
        ([$($kind:ident: $table:ident,)+] $($other:pat => $sent:expr,)+) => {
            match call {
                $(Call::$kind(operation) => {
                    let client = systems.as_ref();
                    Response::$kind(perform(client, (context, lease_guard), operation).await?)
                })+
                $($other => $sent,)+
            }
        };
    }
    Ok(with_every_kind!(
        send_every_kind
        Call::Search(selector) => match selector.kind {
            SourceKind::Trait => {
                Response::TraitsFound(aam.search_traits(context, &selector.naming).await?)
            }
            SourceKind::Segment => {
                Response::SegmentsFound(aam.search_segments(context, &selector.naming).await?)
            }
        },
        Call::FindAdobeSharing => Response::AdobeSharing(aam.adobe_sharing(context).await?),
        Call::ReadMembers(sid) => Response::Members(aam.members(context, *sid).await?),
        Call::FindTrait(reference) => {
            Response::TraitsFound(aam.traits_by_reference(context, reference).await?)
        },
        Call::ReadTraitUsers(sid) => {
            Response::TraitUsers(aam.segments_containing(context, *sid).await?)
        },
        Call::ValidateRule { rule, .. } => {
            aam.validate_segment_rule(context, rule).await?;
            Response::RuleAccepted
        },
    ))
}

/// The client of the system that a kind is of.
impl AsRef<AudienceManager> for Systems {
    fn as_ref(&self) -> &AudienceManager {
        &self.audience_manager
    }
}

impl AsRef<ExperiencePlatform> for Systems {
    fn as_ref(&self) -> &ExperiencePlatform {
        &self.experience_platform
    }
}

async fn perform<K: Resource>(
    client: &Client<K::Service>,
    (context, lease_guard): (&CallContext, LeaseGuard),
    operation: &Operation<K>,
) -> Result<Answer<K>, Error> {
    Ok(match operation {
        Operation::Read(id) => match client.get::<K>(context, id).await {
            // In the service's own words; less than that, others judge.
            Err(error) if error.is_not_found() && error.is_proven() => Answer::NotFound,
            read => Answer::Read(read?),
        },
        Operation::List(scope) => Answer::Listed(client.list::<K>(context, scope).await?),
        Operation::LookUp(query) => Answer::Found(client.find::<K>(context, query).await?),
        Operation::Create(new) => client
            .create::<K>(context, lease_guard, new)
            .await?
            .map_or(Answer::WrittenUnseen, Answer::Written),
        Operation::Update(expected, change) => {
            match client
                .update::<K>(context, lease_guard, expected, change)
                .await?
            {
                Updated::Written(written) => Answer::Written(written),
                Updated::Changed(read) => Answer::Changed(read),
            }
        }
        Operation::Delete(expected) => {
            match client.delete::<K>(context, lease_guard, expected).await? {
                Deleted::Done => Answer::Deleted,
                Deleted::Changed(read) => Answer::Changed(read),
            }
        }
    })
}
