//! Responses, applied to the inventory: success and failure alike, so that the next plan knows them. Nothing else changes
//! what is known of an object, and each fact carries the sequence number of its call (design.md §5.2):
//!
//! - What was only read (a list, a read, a look-up, a 404) is as old as the sending of its call: it may show no more than
//!   what was there then.
//! - What was written, deleted, refused or left with an unknown outcome is as young as the answer: what was read before the
//!   answer may not show it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use crate::call::{Call, Kind, Operation};
use crate::domain::identifier::{DataSourceId, MappingId, SegmentSid};
use crate::domain::rights::Rights;
use crate::inventory::{
    Coverage, Findings, FoundTraits, Inventory, Key, Members, Moment, NotShownYet, RuleVerdict,
    Sequence, Table, Users,
};
use crate::kinds::{self, Destination, Mapping, Segment, Trait};

/// The elements of a list. One that cannot be read hides no other.
///
/// An element is missing only if it is neither in `items` nor, perhaps, in `undecodable`: where that holds a `None`, the
/// list proves the absence of nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T, I> {
    pub items: Vec<T>,
    /// One entry per element that could not be read, with its id where at least that could.
    pub undecodable: Vec<Option<I>>,
    /// The elements whose permissions are shown and lack one.
    pub lacking: Vec<(I, Rights)>,
}

impl Borrow<Destination> for ListedDestination {
    fn borrow(&self) -> &Destination {
        &self.destination
    }
}

impl From<ListedDestination> for Destination {
    fn from(listed: ListedDestination) -> Self {
        listed.destination
    }
}

impl<T, I> Default for Listing<T, I> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            undecodable: Vec::new(),
            lacking: Vec::new(),
        }
    }
}

/// A destination, with its mappings where the list includes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDestination {
    pub destination: Destination,
    pub mappings: Option<Listing<Mapping, MappingId>>,
}

/// What a call about objects of one kind was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<K: Known> {
    Read(K::Listed),
    /// The service says that there is none.
    NotFound,
    Listed(Listing<K::Listed, K::Id>),
    Found(Vec<K>),
    Written(K),
    /// A create that was answered without an id.
    WrittenUnseen,
    /// The object was not as the call expected it: nothing was written. As it was read.
    Changed(K),
    Deleted,
}

macro_rules! responses {
    ([$($kind:ident: $table:ident,)+]) => {
        /// What a call was answered.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Response {
            $($kind(Answer<kinds::$kind>),)+
            /// To [`Call::Search`] and [`Call::FindTrait`].
            TraitsFound(Vec<Trait>),
            SegmentsFound(Vec<Segment>),
            TraitUsers(Listing<Segment, SegmentSid>),
            /// To [`Call::FindAdobeSharing`].
            AdobeSharing(BTreeSet<DataSourceId>),
            /// `None`: the answer does not say.
            Members(Option<u64>),
            RuleAccepted,
        }
    };
}
with_every_kind!(responses);

impl Response {
    /// The answer to a write that was sent.
    pub fn is_written(&self) -> bool {
        on_every_kind!(
            Response: self,
            answer => matches!(answer, Answer::Written(_) | Answer::WrittenUnseen | Answer::Deleted),
            _ => false
        )
    }

    /// The answer to a write that was not sent, since its object had changed.
    pub fn is_changed(&self) -> bool {
        on_every_kind!(Response: self, answer => matches!(answer, Answer::Changed(_)), _ => false)
    }
}

/// When a call was sent and answered.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub sent: Sequence,
    pub answered: Sequence,
    pub now: Moment,
    /// A status named the call's object as ours before this process began, so that the process before may have written it
    /// up to then.
    pub recorded: bool,
}

/// How the answers about one kind are applied.
pub trait Known: Kind {
    /// What a list or a read shows of one object.
    type Listed: Borrow<Self> + Into<Self> + Clone + Eq + std::fmt::Debug;

    /// What a list of this scope covers.
    fn coverages(_: &Self::Scope) -> Vec<Coverage> {
        vec![Coverage::Whole]
    }

    /// The key that a look-up asks for.
    fn queried(query: &Self::Query) -> Self::NaturalKey;

    /// The key by which a creation is looked up.
    fn created(new: &Self::New) -> Self::NaturalKey;

    fn apply_list(
        inventory: &mut Inventory,
        scope: &Self::Scope,
        listing: Listing<Self::Listed, Self::Id>,
        at: At,
    ) -> Vec<Key>;

    fn apply_read(inventory: &mut Inventory, read: Self::Listed, at: At) -> Vec<Key> {
        Self::table_mut(inventory).apply_read(at.sent, read.into())
    }

    fn apply_found(
        inventory: &mut Inventory,
        query: &Self::Query,
        found: Vec<Self>,
        at: At,
    ) -> Applied {
        let table = Self::table_mut(inventory);
        Ok(table.apply_look_up(at.sent, Self::queried(query), found))
    }

    /// The answer to a create that named the object, beside the object itself.
    fn apply_created(_: &mut Inventory, _: &Self::New, _: &Self, _: At) -> Vec<Key> {
        Vec::new()
    }

    /// A create failed: the key is taken, or its outcome is `_unknown`.
    fn unresolved(inventory: &mut Inventory, new: &Self::New, at: At, _unknown: bool) {
        Self::table_mut(inventory).apply_unresolved(at.answered, Self::created(new));
    }

    /// An object is gone, beside the object itself.
    fn apply_gone(_: &mut Inventory, _: &Self::Id) {}
}

impl<K: Known> Answer<K> {
    fn unreadable(&self) -> Option<(&'static str, Vec<Option<String>>)> {
        let Self::Listed(listing) = self else {
            return None;
        };
        let ids = listing.undecodable.iter();
        let ids = ids.map(|id| id.as_ref().map(|id| format!("{id:?}")));
        Some((K::PLURAL, ids.collect()))
    }
}

impl<K: Known> Operation<K> {
    fn missing(&self, inventory: &Inventory, answer: &Answer<K>, sent: Sequence) -> usize {
        let (Self::List(scope), Answer::Listed(listing)) = (self, answer) else {
            return 0;
        };
        let table = K::table(inventory);
        let missing = K::coverages(scope).into_iter().map(|coverage| {
            let items = listing.items.iter().map(Borrow::borrow);
            table.count_missing(sent, coverage, items)
        });
        missing.sum()
    }

    fn apply(&self, inventory: &mut Inventory, answer: Answer<K>, at: At) -> Applied {
        Ok(match (self, answer) {
            (_, Answer::Read(read)) => K::apply_read(inventory, read, at),
            (_, Answer::Changed(read)) => K::table_mut(inventory).apply_read(at.sent, read),
            (_, Answer::NotFound) => return self.not_found(inventory, at),
            (_, Answer::Deleted) => {
                let id = self.id();
                id.map_or_else(Vec::new, |id| {
                    let touched = K::table_mut(inventory).apply_gone(at.answered, &id);
                    forget_gone::<K>(inventory, &id);
                    touched
                })
            }
            (Self::List(scope), Answer::Listed(listing)) => {
                K::apply_list(inventory, scope, listing, at)
            }
            (Self::LookUp(query), Answer::Found(found)) => {
                return K::apply_found(inventory, query, found, at);
            }
            // It is about another object, as a proxy or a broken service answers: what became of ours a read shows.
            (Self::Update(expected, _), Answer::Written(written))
                if written.id() != expected.id() =>
            {
                K::table_mut(inventory).apply_unknown_outcome(at.answered, &expected.id());
                Vec::new()
            }
            (_, Answer::Written(written)) => {
                let created = match self {
                    Self::Create(new) => K::apply_created(inventory, new, &written, at),
                    _ => Vec::new(),
                };
                let (id, table) = (written.id(), K::table_mut(inventory));
                let mut touched = table.apply_written(at.answered, at.now, written);
                table.note_sent(&id, &self.texts());
                touched.extend(created);
                touched
            }
            (Self::Create(new), Answer::WrittenUnseen) => {
                K::unresolved(inventory, new, at, true);
                Vec::new()
            }
            (_, Answer::Listed(_) | Answer::Found(_) | Answer::WrittenUnseen) => Vec::new(),
        })
    }

    fn not_found(&self, inventory: &mut Inventory, at: At) -> Applied {
        let Some(id) = self.id() else {
            return Ok(Vec::new());
        };
        let table = K::table_mut(inventory);
        let touched = table.apply_not_found((at.sent, at.now), &id, at.recorded)?;
        forget_gone::<K>(inventory, &id);
        Ok(touched)
    }

    /// Whether a 404 without the service's own error may be believed: only while another object of the collection is there
    /// (design.md §4, L2). Of a deletion it is believed: what it is about is not wanted any more, and the deletion has to
    /// end.
    fn is_readable(&self, inventory: &Inventory) -> bool {
        match (self, self.id()) {
            (Self::Delete(_), _) | (_, None) => true,
            (_, Some(id)) => K::table(inventory).holds_another(&id),
        }
    }

    /// A create was refused, perhaps since its key is taken: the first time one look-up tells.
    fn look_for_taken(&self, inventory: &mut Inventory, at: At) {
        if let Self::Create(new) = self
            && !K::table(inventory).was_looked_up(&K::created(new), Sequence::default())
        {
            K::unresolved(inventory, new, at, false);
        }
    }

    /// The outcome of a write is unknown, or its key is taken. `false`: the call wrote nothing.
    fn open_outcome(&self, inventory: &mut Inventory, at: At, unknown: bool) -> bool {
        match self {
            Self::Create(new) => K::unresolved(inventory, new, at, unknown),
            Self::Update(expected, _) | Self::Delete(expected) => {
                K::table_mut(inventory).apply_unknown_outcome(at.answered, &expected.id());
            }
            Self::Read(_) | Self::List(_) | Self::LookUp(_) => return false,
        }
        true
    }
}

fn forget_gone<K: Known>(inventory: &mut Inventory, id: &K::Id) {
    if K::table(inventory).get(id).is_none() {
        K::apply_gone(inventory, id);
    }
}

/// The keys that a fact touched; [`NotShownYet`]: it is not believed, and changed nothing.
pub type Applied = Result<Vec<Key>, NotShownYet>;

macro_rules! apply_every_kind {
    (
        [$($kind:ident: $table:ident,)+]
        $inventory:ident, $call:ident, $response:ident, $at:ident
    ) => {
        match ($call, $response) {
            $((Call::$kind(call), Response::$kind(answer)) => call.apply($inventory, answer, $at),)+
            (call, response) => Ok(apply_other($inventory, call, response, $at)),
        }
    };
}

/// Applies what `call` was answered.
///
/// # Errors
/// The answer lacks an object that may not show yet.
pub fn apply(inventory: &mut Inventory, call: &Call, response: Response, at: At) -> Applied {
    with_every_kind!(apply_every_kind inventory, call, response, at)
}

macro_rules! missing_of_every_kind {
    (
        [$($kind:ident: $table:ident,)+]
        $inventory:ident, $call:ident, $response:ident, $sent:ident
    ) => {
        match ($call, $response) {
            $((Call::$kind(call), Response::$kind(answer)) => call.missing($inventory, answer, $sent),)+
            _ => 0,
        }
    };
}

/// How many known objects an answered list lacks, not counting what is younger than the list or already stale.
pub fn missing(inventory: &Inventory, call: &Call, response: &Response, sent: Sequence) -> usize {
    with_every_kind!(missing_of_every_kind inventory, call, response, sent)
}

/// Of an answered list: what it holds, and the ids of those of its elements that could not be read, where those could.
pub fn unreadable(response: &Response) -> Option<(&'static str, Vec<Option<String>>)> {
    on_every_kind!(Response: response, answer => answer.unreadable(), _ => None)
}

/// The answer to a call about no kind.
fn apply_other(inventory: &mut Inventory, call: &Call, response: Response, at: At) -> Vec<Key> {
    match (call, response) {
        (Call::Search(selector), response) => {
            let (sids, touched) = match response {
                Response::TraitsFound(found) => {
                    inventory.adobe_sharing.note(&found);
                    searched(&mut inventory.traits, found, |sid| sid.0, at)
                }
                Response::SegmentsFound(found) => {
                    searched(&mut inventory.segments, found, |sid| sid.0, at)
                }
                _ => return Vec::new(),
            };
            let findings = Findings {
                seen: at.sent,
                sids,
            };
            let known = &mut inventory.searches;
            keep_younger(known, selector.clone(), findings, |known| known.seen);
            touched
        }
        (Call::FindTrait(reference), Response::TraitsFound(found)) => {
            let found = FoundTraits {
                seen: at.sent,
                sids: found.into_iter().map(|found| found.sid).collect(),
            };
            let known = &mut inventory.named_traits;
            keep_younger(known, reference.clone(), found, |known| known.seen);
            Vec::new()
        }
        (Call::FindAdobeSharing, Response::AdobeSharing(found)) => {
            inventory.adobe_sharing.apply(at.sent, found);
            Vec::new()
        }
        (Call::ReadMembers(sid), Response::Members(members)) => {
            let seen = at.sent;
            let members = Members { seen, members };
            keep_younger(&mut inventory.members, *sid, members, |known| known.seen);
            Vec::new()
        }
        (Call::ReadTraitUsers(sid), Response::TraitUsers(listing)) => {
            let users = users(listing, at.sent);
            keep_younger(&mut inventory.trait_users, *sid, users, |known| known.seen);
            Vec::new()
        }
        (Call::ValidateRule { .. }, Response::RuleAccepted) => {
            rule_judged(inventory, call, true, at.sent);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// What a question was answered, unless it was asked again since.
fn keep_younger<K: Ord, V>(
    known: &mut BTreeMap<K, V>,
    key: K,
    answer: V,
    seen: fn(&V) -> Sequence,
) {
    if known
        .get(&key)
        .is_none_or(|known| seen(known) <= seen(&answer))
    {
        known.insert(key, answer);
    }
}

fn searched<K: Kind>(
    table: &mut Table<K>,
    found: Vec<K>,
    sid: fn(K::Id) -> u64,
    at: At,
) -> (Vec<u64>, Vec<Key>) {
    let sids = found.iter().map(|found| sid(found.id())).collect();
    let touched = found
        .into_iter()
        .flat_map(|found| table.apply_read(at.sent, found))
        .collect();
    (sids, touched)
}

/// A user that cannot be read blocks a deletion like any other.
fn users(listing: Listing<Segment, SegmentSid>, seen: Sequence) -> Users {
    let readable = listing.items.into_iter();
    let readable = readable.map(|segment| (segment.sid, segment.name));
    let others = listing.undecodable.into_iter();
    let others = others.map(|sid| (sid.unwrap_or(SegmentSid(0)), "(unreadable)".into()));
    Users {
        seen,
        segments: readable.chain(others).collect(),
    }
}

fn rule_judged(inventory: &mut Inventory, call: &Call, accepted: bool, seen: Sequence) {
    if let Call::ValidateRule { content, .. } = call {
        inventory.apply_rule_verdict(content.clone(), RuleVerdict { seen, accepted });
    }
}

/// How a call failed, as far as it says something about its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The object is not there; `proven`: in the service's own words.
    NotFound { proven: bool },
    /// The service refuses the rule.
    RuleRefused,
    /// The key is taken, or another one changed the object.
    Conflict,
    /// The call may have taken effect.
    OutcomeUnknown,
    /// The service refused it, and nothing says that it was not because its key is taken: which status that has is not
    /// documented (audience-manager.md §12).
    Refused,
    /// It took no effect.
    Other,
}

/// Applies what a failed call left behind. `true`: the failure is itself an answer, and planning goes on with it.
///
/// # Errors
/// The object may not show yet.
pub fn apply_failure(
    inventory: &mut Inventory,
    call: &Call,
    at: At,
    failure: Failure,
) -> Result<bool, NotShownYet> {
    Ok(match failure {
        Failure::RuleRefused => {
            rule_judged(inventory, call, false, at.sent);
            matches!(call, Call::ValidateRule { .. })
        }
        Failure::NotFound { proven } => {
            let believed = on_every_kind!(Call: call, operation => proven || operation.is_readable(inventory), _ => true);
            if believed {
                on_every_kind!(Call: call, operation => drop(operation.not_found(inventory, at)?), _ => ());
            }
            believed
        }
        Failure::Conflict | Failure::OutcomeUnknown => {
            let unknown = failure == Failure::OutcomeUnknown;
            let open = on_every_kind!(Call: call, operation => operation.open_outcome(inventory, at, unknown), _ => false);
            // A conflict on a delete says who is in the way; on anything else the look-up shows more.
            open && (unknown || !call.is_deletion())
        }
        Failure::Refused => {
            match call {
                Call::Trait(create) => create.look_for_taken(inventory, at),
                Call::Segment(create) => create.look_for_taken(inventory, at),
                _ => {}
            }
            false
        }
        Failure::Other => false,
    })
}
