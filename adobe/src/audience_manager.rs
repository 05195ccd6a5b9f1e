//! The client of Audience Manager: one method per call that the operator makes, from audience-manager.md §3–§6.4.
//!
//! It sends what it is told and decodes what comes; it looks nothing up on its own and decides nothing. An update is
//! the one exception, since PUT replaces the object: it reads, compares with what the caller believes, and writes what
//! it read with only the change applied.

mod data_source;
mod destination;
mod folder;
mod merge;
mod model;
mod segment;
mod r#trait;
mod wire;

#[cfg(test)]
mod tests;

use audience_sharing_core::domain::identifier::{CompanyId, DataSourceId};
use audience_sharing_core::domain::source::Naming;
use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::body::{Element, OBJECT_BYTES_MAX, Splitter};
use super::error::{CallKind, Error};
use super::gateway::{Call, CallContext, Gateway, Operation, Reading};
use super::lease_guard::LeaseGuard;
use super::listing::{self, Listing};
use super::observer::System;
pub(super) use merge::answered;

pub use destination::ListedDestination;

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated<T> {
    /// The object as it stands now.
    Written(T),
    /// It was not as the caller believed; nothing was written. The object as it was read.
    Changed(T),
}

/// A handle on a gateway; cheap to clone.
#[derive(Clone, Debug)]
pub struct AudienceManager {
    gateway: Gateway,
}

impl Gateway {
    /// The client of Audience Manager behind this gateway.
    pub fn audience_manager(&self) -> AudienceManager {
        AudienceManager {
            gateway: self.clone(),
        }
    }
}

impl AudienceManager {
    /// The company that the credential belongs to: where every id of Audience Manager is valid (design.md §4.7).
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn me(&self, context: &CallContext) -> Result<Me, Error> {
        let operation = operation("users.self", CallKind::Read);
        let body = self
            .gateway
            .object(context, &get(operation, "/users/self"))
            .await?;
        wire::me(&body).ok_or_else(|| operation.unexpected("the body names no company"))
    }

    async fn read(
        &self,
        context: &CallContext,
        name: &'static str,
        path: String,
    ) -> Result<Bytes, Error> {
        self.gateway
            .object(context, &get(operation(name, CallKind::Read), path))
            .await
    }

    async fn list<T: Send, I: Send>(
        &self,
        context: &CallContext,
        name: &'static str,
        path: String,
        whole: fn(&[u8]) -> Option<T>,
        id: fn(&[u8]) -> Option<I>,
    ) -> Result<Listing<T, I>, Error> {
        self.elements(context, name, path, &|listing, element| {
            listing::take(listing, element, whole, id);
        })
        .await
    }

    /// The same, with what the credential may do with each.
    async fn list_with_rights<T: Send, I: Send>(
        &self,
        context: &CallContext,
        name: &'static str,
        path: String,
        whole: fn(&[u8]) -> Option<T>,
        id: fn(&[u8]) -> Option<I>,
    ) -> Result<Listing<T, I>, Error> {
        self.elements(context, name, path, &|listing, element| {
            if let Element::Whole(whole) = element
                && let Some(rights) = wire::lacking(whole)
            {
                listing.lacking.extend(id(whole).map(|id| (id, rights)));
            }
            listing::take(listing, element, whole, id);
        })
        .await
    }

    async fn elements<T: Send, I: Send>(
        &self,
        context: &CallContext,
        name: &'static str,
        path: String,
        take: &(impl Fn(&mut Listing<T, I>, Element<'_>) + Sync),
    ) -> Result<Listing<T, I>, Error> {
        let call = get(operation(name, CallKind::List), path);
        let mut listing = Listing::default();
        self.gateway
            .elements(context, &call, Splitter::bare, &mut |element| {
                take(&mut listing, element);
            })
            .await?;
        Ok(listing)
    }

    /// A list that is asked whether a key is taken: an element that cannot be read leaves that open.
    async fn lookup<T: Send, I: Send>(
        &self,
        context: &CallContext,
        name: &'static str,
        path: String,
        whole: fn(&[u8]) -> Option<T>,
        id: fn(&[u8]) -> Option<I>,
    ) -> Result<Vec<T>, Error> {
        let Listing {
            items, undecodable, ..
        } = self.list(context, name, path, whole, id).await?;
        if undecodable.is_empty() {
            Ok(items)
        } else {
            Err(operation(name, CallKind::List).unexpected("an element of the list cannot be read"))
        }
    }

    /// A list that is small enough to be held whole; `bytes_max` says why.
    async fn list_whole(
        &self,
        context: &CallContext,
        name: &'static str,
        path: &'static str,
        bytes_max: usize,
    ) -> Result<Bytes, Error> {
        let call = get(operation(name, CallKind::List), path);
        self.gateway
            .run(context, &call, &mut Reading::Whole { bytes_max })
            .await
    }

    async fn write(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        operation: Operation,
        path: String,
        body: Option<&Value>,
    ) -> Result<Bytes, Error> {
        let method = match operation.kind {
            CallKind::Update => Method::PUT,
            CallKind::Delete => Method::DELETE,
            CallKind::Create
            | CallKind::Validate
            | CallKind::Read
            | CallKind::List
            | CallKind::Token => Method::POST,
        };
        let body = body.map(|body| Bytes::from(body.to_string()));
        let call = Call {
            operation,
            method,
            path,
            body,
            sandbox: None,
            lease_guard: Some(lease_guard),
            accept: None,
        };
        self.gateway
            .run(
                context,
                &call,
                &mut Reading::Whole {
                    bytes_max: OBJECT_BYTES_MAX,
                },
            )
            .await
    }

    async fn create<T>(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        name: &'static str,
        path: &str,
        sent: Value,
        decode: fn(Value) -> Option<T>,
    ) -> Result<T, Error> {
        let operation = operation(name, CallKind::Create);
        let body = self
            .write(context, lease_guard, operation, path.into(), Some(&sent))
            .await?;
        // Without its id the object is as good as unknown: the caller looks its key up.
        merge::answered(sent, &body, decode)
            .ok_or_else(|| operation.unexpected("the body holds no such object"))
    }

    /// The same, whose next calls share one turn.
    fn together(&self, requests: u32) -> Self {
        Self {
            gateway: self.gateway.together(requests),
        }
    }

    /// One object, as it came and as it is understood.
    async fn read_whole<T>(
        &self,
        context: &CallContext,
        name: &'static str,
        path: &str,
        decode: fn(Value) -> Option<T>,
    ) -> Result<(Value, T), Error> {
        let reading = operation(name, CallKind::Read);
        let body = self
            .gateway
            .object(context, &get(reading, path.to_owned()))
            .await?;
        let unreadable = || reading.unexpected("the body holds no such object");
        let object = serde_json::from_slice::<Value>(&body).map_err(|_| unreadable())?;
        let read = decode(object.clone()).ok_or_else(unreadable)?;
        Ok((object, read))
    }

    /// Reads, compares, writes (design.md §4, L3), in one turn. `believed` says whether what was read is what the caller
    /// planned with.
    async fn update<T>(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        update: Update<'_, T>,
    ) -> Result<Updated<T>, Error> {
        let Update {
            read_name,
            name,
            path,
            server_owned,
            decode,
            believed,
            changed,
        } = update;
        let this = self.together(2);
        let (mut object, read) = this.read_whole(context, read_name, &path, decode).await?;
        if !believed(&read) {
            return Ok(Updated::Changed(read));
        }
        merge::apply(&mut object, changed, server_owned);
        let writing = operation(name, CallKind::Update);
        let body = this
            .write(context, lease_guard, writing, path, Some(&object))
            .await?;
        merge::answered(object, &body, decode)
            .map(Updated::Written)
            .ok_or_else(|| writing.unexpected("the body holds no such object"))
    }

    /// Reads, compares, deletes, in one turn.
    async fn delete_expected<T>(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        deletion: Deletion<'_, T>,
    ) -> Result<Deleted<T>, Error> {
        let Deletion {
            read_name,
            name,
            path,
            decode,
            believed,
        } = deletion;
        let this = self.together(2);
        let (_, read) = this.read_whole(context, read_name, &path, decode).await?;
        if !believed(&read) {
            return Ok(Deleted::Changed(read));
        }
        this.delete(context, lease_guard, name, path).await?;
        Ok(Deleted::Done)
    }

    async fn delete(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        name: &'static str,
        path: String,
    ) -> Result<(), Error> {
        self.write(
            context,
            lease_guard,
            operation(name, CallKind::Delete),
            path,
            None,
        )
        .await
        .map(drop)
    }
}

/// Who the credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Me {
    pub company: CompanyId,
    /// `None`: it was not told.
    pub administrator: Option<bool>,
}

/// `includePermissions` (audience-manager.md §2.2).
const PERMISSIONS: (&str, &str) = ("includePermissions", "true");

/// What an update of one kind of object needs.
struct Update<'a, T> {
    read_name: &'static str,
    name: &'static str,
    path: String,
    server_owned: fn(&str) -> bool,
    decode: fn(Value) -> Option<T>,
    believed: &'a (dyn Fn(&T) -> bool + Sync),
    changed: Vec<(&'static str, Value)>,
}

/// What the deletion of one kind of object needs.
struct Deletion<'a, T> {
    read_name: &'static str,
    name: &'static str,
    path: String,
    decode: fn(Value) -> Option<T>,
    believed: &'a (dyn Fn(&T) -> bool + Sync),
}

/// What came of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted<T> {
    Done,
    /// The object is not what the caller planned with; nothing was deleted.
    Changed(T),
}

fn operation(name: &'static str, kind: CallKind) -> Operation {
    Operation {
        system: System::AudienceManager,
        name,
        kind,
    }
}

fn get(operation: Operation, path: impl Into<String>) -> Call<'static> {
    Call {
        operation,
        method: Method::GET,
        path: path.into(),
        body: None,
        sandbox: None,
        lease_guard: None,
        accept: None,
    }
}

/// The filter of a list that leaves little beside what is named; a name is found as part of any text (§2.2).
fn search(naming: &Naming) -> (&'static str, &str) {
    match naming {
        Naming::IntegrationCode(code) => ("integrationCode", code.as_str()),
        Naming::Name(name) => ("search", name),
        Naming::Sid(_) => ("search", ""),
    }
}

/// The path of a list of what is in any of the data sources (`dataSourceId` may be repeated, audience-manager.md §4.1).
fn narrowed(path: &str, data_sources: &[DataSourceId], more: &[(&str, &str)]) -> String {
    let ids: Vec<String> = data_sources.iter().map(DataSourceId::to_string).collect();
    let ids = ids.iter().map(|id| ("dataSourceId", id.as_str()));
    let pairs: Vec<_> = ids.chain(more.iter().copied()).collect();
    query(path, &pairs)
}

/// A path with its query.
fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("{path}?{query}")
}
