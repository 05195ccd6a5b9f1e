//! Responses, applied to the inventory: success and failure alike, so that the next plan knows them. Nothing else changes
//! what is known of an object (design.md §5.2).

pub mod kinds;

use crate::call::{Call, Kind, Operation};
use crate::domain::audience_manager::{DataSource, Segment, SegmentFolder, Trait, TraitFolder};
use crate::domain::destination::{Destination, Mapping};
use crate::domain::experience_platform::Audience;
use crate::domain::identifier::{MappingId, SegmentSid};
use crate::domain::rights::Rights;
use crate::inventory::{
    Findings, FoundTraits, Inventory, Key, Moment, RuleVerdict, Sequence, Table, Users,
};
use crate::on_every_kind;

/// The elements of a list. One that cannot be read hides no other.
///
/// An element is missing only if it is neither in `items` nor, perhaps, in `undecodable`: where that holds a `None`, the
/// list proves the absence of nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T, I> {
    pub items: Vec<T>,
    /// One entry per element that could not be read, with its id where at least that could.
    pub undecodable: Vec<Option<I>>,
    /// The elements that tell their permissions and lack one.
    pub lacking: Vec<(I, Rights)>,
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

impl From<ListedDestination> for Destination {
    fn from(listed: ListedDestination) -> Self {
        listed.destination
    }
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

/// What a call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    DataSource(Answer<DataSource>),
    TraitFolder(Answer<TraitFolder>),
    SegmentFolder(Answer<SegmentFolder>),
    Trait(Answer<Trait>),
    Segment(Answer<Segment>),
    Audience(Answer<Audience>),
    Destination(Answer<Destination>),
    Mapping(Answer<Mapping>),
    /// To [`Call::Search`] and [`Call::FindTrait`].
    TraitsFound(Vec<Trait>),
    SegmentsFound(Vec<Segment>),
    TraitUsers(Listing<Segment, SegmentSid>),
    RuleAccepted,
}

/// The same for an answer of every kind; the other responses follow.
macro_rules! on_every_answer {
    ($response:expr, $answer:pat => $same:expr, $other:pat => $value:expr) => {
        match $response {
            Response::DataSource($answer) => $same,
            Response::TraitFolder($answer) => $same,
            Response::SegmentFolder($answer) => $same,
            Response::Trait($answer) => $same,
            Response::Segment($answer) => $same,
            Response::Audience($answer) => $same,
            Response::Destination($answer) => $same,
            Response::Mapping($answer) => $same,
            $other => $value,
        }
    };
}

impl Response {
    /// The answer to a write that was sent.
    pub fn is_written(&self) -> bool {
        on_every_answer!(
            self,
            answer => matches!(answer, Answer::Written(_) | Answer::WrittenUnseen | Answer::Deleted),
            _ => false
        )
    }

    /// The answer to a write that was not sent, since its object had changed.
    pub fn is_changed(&self) -> bool {
        on_every_answer!(self, answer => matches!(answer, Answer::Changed(_)), _ => false)
    }

    /// The service says that the object is not there.
    pub fn is_missing(&self) -> bool {
        on_every_answer!(self, answer => matches!(answer, Answer::NotFound), _ => false)
    }
}

/// When a call was sent and answered.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub sent: Sequence,
    pub answered: Sequence,
    pub now: Moment,
}

/// How the answers about one kind are applied.
pub trait Known: Kind {
    /// What a list or a read reports of one object.
    type Listed: Clone + Eq + std::fmt::Debug;

    fn apply_read(inventory: &mut Inventory, read: Self::Listed, at: At) -> Vec<Key>;

    fn apply_list(
        inventory: &mut Inventory,
        scope: &Self::Scope,
        listing: Listing<Self::Listed, Self::Id>,
        at: At,
    ) -> Vec<Key>;

    fn apply_found(
        inventory: &mut Inventory,
        query: &Self::Query,
        found: Vec<Self>,
        at: At,
    ) -> Vec<Key>;

    /// The answer to a create that named the object, beside the object itself.
    fn apply_created(_: &mut Inventory, _: &Self::New, _: &Self, _: At) -> Vec<Key> {
        Vec::new()
    }

    /// A create failed: the key is taken, or its outcome is `unknown`.
    fn unresolved(inventory: &mut Inventory, new: &Self::New, unknown: bool);

    /// An object is gone, beside the object itself.
    fn apply_gone(_: &mut Inventory, _: &Self::Id) {}
}

impl<K: Known> Operation<K> {
    fn apply(&self, inventory: &mut Inventory, answer: Answer<K>, at: At) -> Vec<Key> {
        match (self, answer) {
            (_, Answer::Read(read)) => K::apply_read(inventory, read, at),
            (_, Answer::Changed(read)) => K::table_mut(inventory).apply_read(at.sent, read),
            (_, Answer::NotFound | Answer::Deleted) => self.gone(inventory),
            (Self::List(scope), Answer::Listed(listing)) => {
                K::apply_list(inventory, scope, listing, at)
            }
            (Self::LookUp(query), Answer::Found(found)) => {
                K::apply_found(inventory, query, found, at)
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
                K::unresolved(inventory, new, true);
                Vec::new()
            }
            (_, Answer::Listed(_) | Answer::Found(_) | Answer::WrittenUnseen) => Vec::new(),
        }
    }

    fn gone(&self, inventory: &mut Inventory) -> Vec<Key> {
        let Some(id) = self.id() else {
            return Vec::new();
        };
        K::apply_gone(inventory, &id);
        K::table_mut(inventory).apply_gone(&id)
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

    /// The outcome of a write is unknown, or its key is taken. `false`: the call wrote nothing.
    fn open_outcome(&self, inventory: &mut Inventory, unknown: bool) -> bool {
        match self {
            Self::Create(new) => K::unresolved(inventory, new, unknown),
            Self::Update(expected, _) | Self::Delete(expected) => {
                K::table_mut(inventory).apply_doubt(&expected.id());
            }
            Self::Read(_) | Self::List(_) | Self::LookUp(_) => return false,
        }
        true
    }
}

/// Applies what `call` was answered; returns the touched keys.
pub fn apply(inventory: &mut Inventory, call: &Call, response: Response, at: At) -> Vec<Key> {
    match (call, response) {
        (Call::DataSource(call), Response::DataSource(answer)) => call.apply(inventory, answer, at),
        (Call::TraitFolder(call), Response::TraitFolder(answer)) => {
            call.apply(inventory, answer, at)
        }
        (Call::SegmentFolder(call), Response::SegmentFolder(answer)) => {
            call.apply(inventory, answer, at)
        }
        (Call::Trait(call), Response::Trait(answer)) => call.apply(inventory, answer, at),
        (Call::Segment(call), Response::Segment(answer)) => call.apply(inventory, answer, at),
        (Call::Audience(call), Response::Audience(answer)) => call.apply(inventory, answer, at),
        (Call::Destination(call), Response::Destination(answer)) => {
            call.apply(inventory, answer, at)
        }
        (Call::Mapping(call), Response::Mapping(answer)) => call.apply(inventory, answer, at),
        (Call::Search(selector), response) => {
            let (sids, touched) = match response {
                Response::TraitsFound(found) => {
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
            inventory.searches.insert(selector.clone(), findings);
            touched
        }
        (Call::FindTrait(reference), Response::TraitsFound(found)) => {
            let found = FoundTraits {
                seen: at.sent,
                sids: found.into_iter().map(|found| found.sid).collect(),
            };
            inventory.named_traits.insert(reference.clone(), found);
            Vec::new()
        }
        (Call::ReadTraitUsers(sid), Response::TraitUsers(listing)) => {
            inventory.trait_users.insert(*sid, users(listing, at.sent));
            Vec::new()
        }
        (Call::ValidateRule { .. }, Response::RuleAccepted) => {
            rule_judged(inventory, call, true, at.sent);
            Vec::new()
        }
        _ => Vec::new(),
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
    /// It took no effect.
    Other,
}

/// Applies what a failed call left behind. `true`: the failure is itself an answer, and planning goes on with it.
pub fn apply_failure(
    inventory: &mut Inventory,
    call: &Call,
    sent: Sequence,
    failure: Failure,
) -> bool {
    match failure {
        Failure::RuleRefused => {
            rule_judged(inventory, call, false, sent);
            matches!(call, Call::ValidateRule { .. })
        }
        Failure::NotFound { proven } => {
            let believed = on_every_kind!(call, operation => proven || operation.is_readable(inventory), _ => true);
            if believed {
                on_every_kind!(call, operation => drop(operation.gone(inventory)), _ => ());
            }
            believed
        }
        Failure::Conflict | Failure::OutcomeUnknown => {
            let unknown = failure == Failure::OutcomeUnknown;
            let open = on_every_kind!(call, operation => operation.open_outcome(inventory, unknown), _ => false);
            // A conflict on a delete says who is in the way; on anything else the look-up shows more.
            open && (unknown || !call.is_deletion())
        }
        Failure::Other => false,
    }
}
