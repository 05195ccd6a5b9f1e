//! The client of Experience Platform, from experience-platform.md §3 and §4.2; [`audience`] holds what it writes.
//!
//! Lists are never complete here: inactive audiences are left out of them, so that absence is asked for by id.

mod audience;
mod pql_json;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use audience_sharing_core::domain::experience_platform::{Audience, Sandbox};
use audience_sharing_core::domain::identifier::{AudienceId, SandboxName};
use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::body::Splitter;
use super::error::{CallKind, Error};
use super::gateway::{Call, CallContext, Gateway, Operation, Reading};
use super::listing::{self, Listing};
use super::observer::System;
use wire::Entry;

/// The most that Adobe's own client asks for (experience-platform.md §2.3, §3.2), and what bulk-get takes (§3.5).
const PAGE: usize = 100;
/// 4,000 audiences (§2.4) at four a page; a service that needs more is going in circles.
const PAGES_MAX: u32 = 1_000;
/// [`PAGE`] audiences of at most 256 KiB.
const BULK_BYTES_MAX: usize = PAGE * (256 << 10);
/// The code of a bulk answer in which every id is missing (§3.5, §3.6).
const ALL_MISSING: &str = "UPAPI-113000-404";

const AUDIENCES: &str = "/data/core/ups/audiences";

/// A handle on a gateway for one sandbox; cheap to clone.
#[derive(Clone, Debug)]
pub struct ExperiencePlatform {
    gateway: Gateway,
    sandbox: SandboxName,
}

/// What walking through all pages gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audiences {
    /// Each id once. Inactive audiences are not in it (§3.2).
    pub listing: Listing<Audience, AudienceId>,
    /// How many calls it took.
    pub pages: u32,
}

impl Gateway {
    /// The client of one sandbox of Experience Platform behind this gateway.
    pub fn experience_platform(&self, sandbox: SandboxName) -> ExperiencePlatform {
        ExperiencePlatform {
            gateway: self.clone(),
            sandbox,
        }
    }
}

impl ExperiencePlatform {
    pub fn sandbox(&self) -> &SandboxName {
        &self.sandbox
    }

    /// The sandboxes that the credential may use.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn sandboxes(&self, context: &CallContext) -> Result<Vec<Sandbox>, Error> {
        let operation = operation("sandboxes.list", CallKind::List);
        // A token's sandboxes are its own; the header would ask for one that may not exist.
        let call = Call {
            sandbox: None,
            ..self.get(operation, "/data/foundation/sandbox-management/".into())
        };
        let body = self.gateway.object(context, &call).await?;
        wire::sandboxes(&body)
            .ok_or_else(|| operation.unexpected("the body is no list of sandboxes"))
    }

    /// All pages of the audiences.
    ///
    /// # Errors
    /// Any kind but those of a write; part of a list is never returned as the whole.
    pub async fn audiences(&self, context: &CallContext) -> Result<Audiences, Error> {
        self.pages(context, operation("audiences.list", CallKind::List), "")
            .await
    }

    /// All pages of what `query` narrows the audiences to; empty for all.
    async fn pages(
        &self,
        context: &CallContext,
        operation: Operation,
        query: &str,
    ) -> Result<Audiences, Error> {
        let narrowed = match query {
            "" => format!("{AUDIENCES}?limit={PAGE}"),
            query => format!("{AUDIENCES}?{query}&limit={PAGE}"),
        };
        let mut listing = Listing::default();
        let mut seen = HashSet::new();
        let mut starts = HashSet::new();
        let mut path = narrowed.clone();
        for pages in 1..=PAGES_MAX {
            let call = self.get(operation, path);
            let mut page = Listing::default();
            let envelope = self
                .gateway
                .elements(
                    context,
                    &call,
                    || Splitter::inside("children"),
                    &mut |element| {
                        listing::take(&mut page, element, wire::audience, wire::audience_id);
                    },
                )
                .await?;
            let Listing {
                items, undecodable, ..
            } = page;
            listing.items.extend(
                items
                    .into_iter()
                    .filter(|audience: &Audience| seen.insert(audience.id.clone())),
            );
            listing.undecodable.extend(undecodable);
            let next = wire::next(&envelope)
                .map_err(|()| operation.unexpected("the body names no page"))?;
            // Opaque, and passed back as it came; one that was had already leads nowhere (§3.2).
            match next {
                Some(next) if starts.insert(next.clone()) => {
                    let start =
                        form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
                    path = format!("{narrowed}&start={start}");
                }
                _ => return Ok(Audiences { listing, pages }),
            }
        }
        Err(operation.unexpected("the pages do not end"))
    }

    /// Asks for audiences by id, inactive ones included, a hundred to a call.
    ///
    /// `None` means that the service says it does not exist. An id that the service answers otherwise than with an
    /// audience or its absence is not in the map: nothing is known about it.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn audiences_by_id(
        &self,
        context: &CallContext,
        ids: &[AudienceId],
    ) -> Result<BTreeMap<AudienceId, Option<Audience>>, Error> {
        let ids: Vec<AudienceId> = ids
            .iter()
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut found = BTreeMap::new();
        for chunk in ids.chunks(PAGE) {
            self.bulk_get(context, chunk, &mut found).await?;
        }
        Ok(found)
    }

    /// One audience by its system id, inactive ones included; `None` if the service says that it does not exist.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn audience_by_id(
        &self,
        context: &CallContext,
        id: &AudienceId,
    ) -> Result<Option<Audience>, Error> {
        let mut answered = self
            .audiences_by_id(context, std::slice::from_ref(id))
            .await?;
        answered.remove(id).ok_or_else(|| {
            operation("audiences.bulk-get", CallKind::List)
                .unexpected("the results do not tell of the audience")
        })
    }

    async fn bulk_get(
        &self,
        context: &CallContext,
        ids: &[AudienceId],
        found: &mut BTreeMap<AudienceId, Option<Audience>>,
    ) -> Result<(), Error> {
        let operation = operation("audiences.bulk-get", CallKind::List);
        let wanted: Vec<_> = ids.iter().map(|id| json!({"id": id.as_str()})).collect();
        let call = Call {
            method: Method::POST,
            body: Some(Bytes::from(json!({"ids": wanted}).to_string())),
            ..self.get(operation, format!("{AUDIENCES}/bulk-get"))
        };
        let body = match self
            .gateway
            .run(
                context,
                &call,
                &mut Reading::Whole {
                    bytes_max: BULK_BYTES_MAX,
                },
            )
            .await
        {
            Err(error) if error.status() == Some(404) && error.code() == Some(ALL_MISSING) => {
                found.extend(ids.iter().map(|id| (id.clone(), None)));
                return Ok(());
            }
            body => body?,
        };
        let mut entries = wire::entries(&body)
            .ok_or_else(|| operation.unexpected("the body holds no results"))?;
        for id in ids {
            match entries.remove(id.as_str()) {
                Some(Entry::Found(audience)) if audience.id == *id => {
                    drop(found.insert(id.clone(), Some(*audience)))
                }
                Some(Entry::Missing) => drop(found.insert(id.clone(), None)),
                Some(Entry::Found(_) | Entry::Unknown) | None => {}
            }
        }
        Ok(())
    }

    fn get(&self, operation: Operation, path: String) -> Call<'_> {
        Call {
            operation,
            method: Method::GET,
            path,
            body: None,
            sandbox: Some(&self.sandbox),
            lease_guard: None,
            accept: None,
        }
    }
}

fn operation(name: &'static str, kind: CallKind) -> Operation {
    Operation {
        system: System::ExperiencePlatform,
        name,
        kind,
    }
}
