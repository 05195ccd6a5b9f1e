//! The one client under the typed ones: objects of every kind are read, listed, created, changed and deleted here.
//!
//! It sends what it is asked to and decodes what comes; it looks nothing up on its own and decides nothing. What exists is
//! written or deleted only as the caller believes it to be: it is read and compared first, in one grant of the limiter
//! (design.md §4, L3).

pub(crate) mod merge;

use std::borrow::Borrow as _;
use std::collections::BTreeSet;
use std::marker::PhantomData;

use audience_sharing_core::domain::identifier::SandboxName;
use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::body::{ELEMENTS_MAX, Each, OBJECT_BYTES_MAX};
use super::error::kind::CallKind;
use super::error::{Effect, Error, Kind};
use super::gateway::{Call, CallContext, Gateway, Operation, Reading};
use super::lease_guard::LeaseGuard;
use super::listing::{self, Listing};
use super::paging::{PAGES_MAX, Paging};
use super::resource::{Creation, List, ObjectService, Resource, query};

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated<T> {
    /// The object as it is now.
    Written(T),
    /// It was not as the caller believed; nothing was written. The object as it was read.
    Changed(T),
}

/// What became of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted<T> {
    Done,
    /// The object is not what the caller planned with; nothing was deleted.
    Changed(T),
}

/// The client of one service behind a gateway; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client<S> {
    gateway: Gateway,
    sandbox: Option<SandboxName>,
    service: PhantomData<S>,
}

impl<S: ObjectService> Client<S> {
    pub(super) fn new(gateway: &Gateway, sandbox: Option<SandboxName>) -> Self {
        Self {
            gateway: gateway.clone(),
            sandbox,
            service: PhantomData,
        }
    }

    /// # Errors
    /// `is_not_found` if there is none.
    pub async fn get<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        id: &K::Id,
    ) -> Result<K::Listed, Error> {
        let (_, read) = self.read::<K>(context, id).await?;
        Ok(read)
    }

    /// All that is in `scope`, as far as the credential may see it.
    ///
    /// # Errors
    /// Any kind but those of a write; part of a list is never returned as the whole.
    pub async fn list<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        scope: &K::Scope,
    ) -> Result<Listing<K::Listed, K::Id>, Error> {
        let parts = K::parts(scope);
        if parts.is_empty() {
            return self.within::<K>(context, scope).await;
        }
        let repeated = self.gateway.repeated_filter();
        let whole = match repeated.is_refuted() {
            true => None,
            false => match self.within::<K>(context, scope).await {
                // A parameter that the service does not support answers so (audience-manager.md §2.1).
                Err(error) if error.status() == Some(404) => {
                    repeated.refute();
                    None
                }
                listing => Some(listing?),
            },
        };
        let compares = whole.is_some();
        let mut listing = whole.unwrap_or_default();
        let shown = |part: &&K::Scope| listing.items.iter().any(|found| K::is_in(part, found));
        let (shown, lacking): (Vec<_>, Vec<_>) = parts.iter().partition(shown);
        if shown.len() > 1 {
            repeated.prove();
        }
        if repeated.is_proven() {
            return Ok(listing);
        }
        // Nothing is absent because such a list lacks it: what it does not show at all is asked for by itself.
        let mut left_out = false;
        for part in lacking {
            let more = self.within::<K>(context, part).await?;
            left_out |= !more.items.is_empty();
            listing.items.extend(more.items);
            listing.undecodable.extend(more.undecodable);
            listing.lacking.extend(more.lacking);
        }
        if compares && left_out {
            repeated.doubt();
        }
        Ok(listing)
    }

    /// What one list shows of its scope.
    async fn within<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        scope: &K::Scope,
    ) -> Result<Listing<K::Listed, K::Id>, Error> {
        let mut listing = self.listed::<K>(context, K::list(scope)).await?;
        listing.items.retain(|found| K::is_in(scope, found));
        Ok(listing)
    }

    /// All objects of one natural key.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: then whether the key is free is not known.
    pub async fn find<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        query: &K::Query,
    ) -> Result<Vec<K>, Error> {
        let fits = |found: &K| K::fits(query, found);
        self.matching(context, K::look_up(query), fits).await
    }

    /// What of a list fits; a filter that a server does not know is not one.
    pub(super) async fn matching<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        list: List,
        fits: impl Fn(&K) -> bool,
    ) -> Result<Vec<K>, Error> {
        let operation = operation::<S>(list.word, CallKind::List);
        let listing = self.listed::<K>(context, list).await?;
        if !listing.undecodable.is_empty() {
            return Err(operation.unexpected("an element of the list cannot be read"));
        }
        let found = listing.items.into_iter().map(Into::into);
        Ok(found.filter(fits).collect())
    }

    /// The elements of a list, each once.
    pub(super) async fn listed<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        list: List,
    ) -> Result<Listing<K::Listed, K::Id>, Error> {
        let operation = operation::<S>(list.word, CallKind::List);
        let mut listing = Listing::default();
        let tells_rights = list.tells_rights;
        let bytes_max = K::ELEMENT_BYTES_MAX;
        let pages = self
            .each(context, &list, bytes_max, &mut |element| {
                listing::take::<K>(&mut listing, element, tells_rights);
            })
            .await;
        let pages = match pages {
            Err(error) if list.is_missing_if_empty && error.is_not_found() => 1,
            pages => pages?,
        };
        if K::IS_TREE && listing.items.is_empty() {
            return Err(operation.unexpected("the body is no tree of folders"));
        }
        let mut seen = BTreeSet::new();
        listing
            .items
            .retain(|found| K::is_live(found) && (pages == 1 || seen.insert(id_of::<K>(found))));
        Ok(listing)
    }

    async fn each(
        &self,
        context: &CallContext,
        list: &List,
        bytes_max: usize,
        each: &mut Each<'_>,
    ) -> Result<u32, Error> {
        let kind = match list.is_missing_if_empty {
            true => CallKind::Read,
            false => CallKind::List,
        };
        let call = self.call(operation::<S>(list.word, kind), &list.path);
        let paging = S::SYSTEM.service().paging;
        self.each_page(context, call, paging, bytes_max, each).await
    }

    /// Hands out the elements of a list as they arrive; returns how many pages there were.
    pub(super) async fn each_page(
        &self,
        context: &CallContext,
        call: Call<'_>,
        paging: Paging,
        bytes_max: usize,
        each: &mut Each<'_>,
    ) -> Result<u32, Error> {
        let operation = call.operation;
        let path = call.path.clone();
        let mut call = Call {
            path: paging.first(&path),
            ..call
        };
        let (mut starts, mut so_far) = (BTreeSet::new(), 0);
        for pages in 1..=PAGES_MAX {
            let mut on_page = 0;
            let mut reading = Reading::Elements {
                splitter: paging.splitter().with_elements_up_to(bytes_max),
                each: &mut |element| {
                    on_page += 1;
                    each(element);
                },
            };
            let envelope = self.gateway.run(context, &call, &mut reading).await?;
            so_far += on_page;
            if so_far > ELEMENTS_MAX {
                return Err(operation.unexpected("the list has too many elements"));
            }
            let next = paging.next(&envelope, (pages, on_page), so_far);
            match next.map_err(|detail| operation.unexpected(detail))? {
                // One that was had already leads nowhere (experience-platform.md §3.2).
                Some(next) if starts.insert(next.clone()) => {
                    call.path = paging.following(&path, &next);
                    if paging.begins_again(pages) {
                        so_far = 0;
                    }
                }
                _ => return Ok(pages),
            }
        }
        Err(operation.unexpected("the pages do not end"))
    }

    /// `None`: it was created, and the answer does not show it.
    ///
    /// # Errors
    /// `effect` shows whether it may exist all the same.
    pub async fn create<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        new: &K::New,
    ) -> Result<Option<K>, Error> {
        let Creation {
            word,
            path,
            accept,
            mut sent,
            or_else,
            known,
        } = K::creation(new);
        let operation = operation::<S>(word, CallKind::Create);
        let call = Call {
            method: Method::POST,
            body: Some(Bytes::from(sent.to_string())),
            accept,
            lease_guard: Some(lease_guard),
            ..self.call(operation, &path)
        };
        let body = self.in_either_form(context, call, or_else).await?;
        for (field, value) in known {
            sent[field] = value;
        }
        let shown = merge::answered(sent, &body)
            .and_then(|object| K::decode_own(&object))
            .map(Into::into);
        match shown.filter(|shown| K::is_created(new, shown)) {
            // Without its id the object is as good as unknown: the caller looks its key up.
            None if !K::MAY_BE_CREATED_UNSEEN => Err(operation.unexpected(NO_OBJECT)),
            shown => Ok(shown),
        }
    }

    /// Reads, compares, writes what differs.
    ///
    /// # Errors
    /// `is_not_found` if it is gone.
    pub async fn update<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &K,
        change: &K::Change,
    ) -> Result<Updated<K>, Error> {
        let operation = operation::<S>(K::WORDS.update, CallKind::Update);
        let Some(method) = K::CHANGED_BY else {
            return Err(unsupported(
                operation,
                "objects of this kind are never changed",
            ));
        };
        let this = self.together(2);
        let (mut object, read) = this.current(context, expected).await?;
        if !expected.is_as_expected(&read) {
            return Ok(Updated::Changed(read));
        }
        let changes = read.changes(change);
        let changes = changes.map_err(|detail| operation.unexpected(detail))?;
        let patch = merge::patch(&changes);
        merge::apply(&mut object, changes, K::is_server_owned);
        let body = match method {
            Method::PATCH => patch.to_string(),
            _ => object.to_string(),
        };
        let call = Call {
            method,
            body: Some(Bytes::from(body)),
            lease_guard: Some(lease_guard),
            ..this.call(operation, &K::path(&expected.id()))
        };
        let body = this
            .in_either_form(context, call, K::updated_or_else(&object))
            .await?;
        expected.complete(&mut object);
        let written = merge::answered(object, &body).and_then(|object| K::decode_own(&object));
        let written = written.ok_or_else(|| operation.unexpected(NO_OBJECT))?;
        Ok(Updated::Written(written.into()))
    }

    /// Reads, compares, deletes.
    ///
    /// # Errors
    /// `DeletionBlocked` if something uses it, `is_not_found` if it was gone already.
    pub async fn delete<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &K,
    ) -> Result<Deleted<K>, Error> {
        let operation = operation::<S>(K::WORDS.delete, CallKind::Delete);
        if !K::CAN_BE_DELETED {
            return Err(unsupported(
                operation,
                "objects of this kind are never deleted",
            ));
        }
        let this = self.together(2);
        match this.current(context, expected).await {
            Ok((_, read)) if !expected.is_as_expected(&read) => return Ok(Deleted::Changed(read)),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
        this.remove(context, lease_guard, operation, &K::path(&expected.id()))
            .await?;
        Ok(Deleted::Done)
    }

    pub(super) async fn remove(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        operation: Operation,
        path: &str,
    ) -> Result<(), Error> {
        let call = Call {
            method: Method::DELETE,
            lease_guard: Some(lease_guard),
            ..self.call(operation, path)
        };
        self.whole(context, &call, OBJECT_BYTES_MAX).await.map(drop)
    }

    /// The same, whose next calls share one grant of the limiter.
    fn together(&self, requests: u32) -> Self {
        Self {
            gateway: self.gateway.together(requests),
            ..self.clone()
        }
    }

    async fn current<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        expected: &K,
    ) -> Result<(Value, K), Error> {
        let (object, read) = self.read::<K>(context, &expected.id()).await?;
        Ok((object, read.into()))
    }

    /// One object, as it came and as it is understood.
    async fn read<K: Resource<Service = S>>(
        &self,
        context: &CallContext,
        id: &K::Id,
    ) -> Result<(Value, K::Listed), Error> {
        let operation = operation::<S>(K::WORDS.read, CallKind::Read);
        let path = match K::READ_QUERY {
            [] => K::path(id),
            pairs => query(&K::path(id), pairs),
        };
        let bytes_max = OBJECT_BYTES_MAX.max(K::ELEMENT_BYTES_MAX);
        let call = self.call(operation, &path);
        let body = self.whole(context, &call, bytes_max).await?;
        let object = serde_json::from_slice(&body).ok();
        let read = object.and_then(|object: Value| Some((K::decode_own(&object)?, object)));
        match read.filter(|(read, _)| id_of::<K>(read) == *id) {
            Some((read, _)) if !K::is_live(&read) => {
                Err(operation.error(Kind::NotFound).with_proof())
            }
            Some((read, object)) => Ok((object, read)),
            None => Err(operation.unexpected(NO_OBJECT)),
        }
    }

    pub(super) fn sandbox(&self) -> Option<&SandboxName> {
        self.sandbox.as_ref()
    }

    pub(super) fn call(&self, operation: Operation, path: &str) -> Call<'_> {
        Call {
            operation,
            method: Method::GET,
            path: path.to_owned(),
            body: None,
            sandbox: self.sandbox.as_ref(),
            lease_guard: None,
            accept: None,
        }
    }

    /// Sends a write; where no source decides between two forms of its body, and the first is refused, the other.
    async fn in_either_form(
        &self,
        context: &CallContext,
        call: Call<'_>,
        or_else: Option<Value>,
    ) -> Result<Bytes, Error> {
        match (self.whole(context, &call, OBJECT_BYTES_MAX).await, or_else) {
            (Err(error), Some(other)) if error.status() == Some(400) => {
                let call = Call {
                    body: Some(Bytes::from(other.to_string())),
                    ..call
                };
                self.whole(context, &call, OBJECT_BYTES_MAX).await
            }
            (answer, _) => answer,
        }
    }

    /// The body of an answer, which is held whole.
    pub(super) async fn whole(
        &self,
        context: &CallContext,
        call: &Call<'_>,
        bytes_max: usize,
    ) -> Result<Bytes, Error> {
        let mut whole = Reading::Whole { bytes_max };
        self.gateway.run(context, call, &mut whole).await
    }
}

const NO_OBJECT: &str = "the body holds no such object";

pub(super) fn operation<S: ObjectService>(name: &'static str, kind: CallKind) -> Operation {
    Operation {
        system: S::SYSTEM,
        name,
        kind,
    }
}

fn id_of<K: Resource>(found: &K::Listed) -> K::Id {
    let object: &K = found.borrow();
    object.id()
}

/// Nothing is sent.
fn unsupported(operation: Operation, detail: &'static str) -> Error {
    let error = operation.error(Kind::RequestRefused);
    error.with_detail(detail).with_effect(Effect::None)
}
