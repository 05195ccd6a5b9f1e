//! The log of changes: every object that appeared, changed or went, with the object before and after and with who did
//! it. A judge reads from it whether a client changed only what it may. Knows nothing of what an object means.

use serde::Serialize;
use serde_json::Value;

use crate::calls::System;
use crate::store::{Key, Kind, Object, Store};

/// Who changed an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Author {
    /// A client asked for this change. A call whose effect comes late, or whose answer was lost, counts as well.
    #[serde(rename_all = "camelCase")]
    Call {
        /// The number of the call in the log of calls.
        sequence: u64,
        system: System,
        method: String,
        path: String,
        /// The client of the token; absent where the call had none.
        client_id: Option<String>,
    },
    /// The service did it by itself: a delivery of the connector, or what follows at another object from a call, such
    /// as the folder trait of a new folder or the `dependents` of an audience.
    #[serde(rename_all = "camelCase")]
    Service {
        /// The number of the call that it follows from, if any.
        because: Option<u64>,
    },
    /// A person in the user interface, through the control port.
    Person,
}

/// One change of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// From 1, without gaps.
    pub number: u64,
    pub author: Author,
    /// A member of the state document.
    pub collection: &'static str,
    /// A number or a text, as the object holds it.
    pub id: Value,
    /// The stored object, not what an answer derives from it. Absent where the object appeared.
    pub before: Option<Value>,
    /// Absent where the object went.
    pub after: Option<Value>,
}

/// A change as it is kept: as text, since thousands of objects take too much memory otherwise.
#[derive(Debug, Clone)]
struct Kept {
    author: Author,
    kind: Kind,
    key: Key,
    before: Option<Box<str>>,
    after: Option<Box<str>>,
}

/// How many changes are read at once.
const PAGE: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Kept>);

impl Changes {
    /// Takes down what the open write of `store` changed; gives what a client created.
    pub(crate) fn note_open(&mut self, store: &Store, author: &Author) -> Vec<(Kind, Object)> {
        let mut created = Vec::new();
        let first = self.0.len();
        for (kind, key, before, by_service) in store.open_changes() {
            let same = |kept: &&mut Kept| kept.kind == kind && kept.key == *key;
            let after = store.get(kind, key);
            let author = match (author, by_service) {
                (Author::Call { sequence, .. }, true) => Author::Service {
                    because: Some(*sequence),
                },
                _ => author.clone(),
            };
            if let Some(kept) = self.0[first..].iter_mut().find(same) {
                // Written twice in one step: what the client asked for is the client's.
                if !by_service {
                    kept.author = author;
                }
                continue;
            }
            if let (Author::Call { .. }, None, Some(after)) = (&author, before, after) {
                created.push((kind, after.clone()));
            }
            self.0.push(Kept {
                author,
                kind,
                key: key.clone(),
                before: before.map(text),
                after: after.map(text),
            });
        }
        created
    }

    /// A person replaced the whole state.
    pub(crate) fn note_replaced(&mut self, before: &Store, after: &Store) {
        for kind in Kind::ALL {
            let keys = |store: &Store| -> Vec<Key> {
                let objects = store.all(kind);
                objects.filter_map(|object| Key::of(kind, object)).collect()
            };
            let mut all = keys(before);
            all.extend(keys(after));
            all.sort();
            all.dedup();
            for key in all {
                let (was, is) = (before.get(kind, &key), after.get(kind, &key));
                if was != is {
                    self.0.push(Kept {
                        author: Author::Person,
                        kind,
                        before: was.map(text),
                        after: is.map(text),
                        key,
                    });
                }
            }
        }
    }

    /// At most a page, oldest first, of those with a higher number than `since`.
    pub(crate) fn since(&self, since: u64) -> Vec<Change> {
        let first = usize::try_from(since).unwrap_or(usize::MAX);
        let kept = self.0.iter().enumerate().skip(first).take(PAGE);
        kept.map(|(position, kept)| Change {
            number: position as u64 + 1,
            author: kept.author.clone(),
            collection: kept.kind.name(),
            id: kept.key.to_value(),
            before: kept.before.as_deref().map(value),
            after: kept.after.as_deref().map(value),
        })
        .collect()
    }
}

fn text(object: &Object) -> Box<str> {
    serde_json::to_string(object).unwrap_or_default().into()
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
