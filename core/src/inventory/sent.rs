//! What became of the texts that we sent: a service that stores another spelling is sent it once and no more
//! (design.md L3).
//!
//! Only digests are kept, and only for texts that came back otherwise.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::record::Record;
use crate::domain::field::{Field, may_be_respelled};

/// A text of a write, and what it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentText<'a> {
    pub field: Field,
    pub text: &'a str,
    /// `None` for a creation.
    pub before: Option<&'a str>,
}

/// Spellings that are kept of one field; the oldest goes first.
const SPELLINGS_MAX: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The answer showed it as it was sent, where this was before.
    Echoed { over: u64 },
    /// The same, and the object is to be read: the answer may only repeat what was sent.
    Asked { over: u64 },
    /// The service shows this in its place.
    Stored(u64),
}

#[derive(Clone, Copy, Debug)]
struct Note {
    field: Field,
    sent: u64,
    outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct SentTexts<Id>(BTreeMap<Id, Vec<Note>>);

impl<Id> Default for SentTexts<Id> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Id: Ord + Clone> SentTexts<Id> {
    /// The answer to a write. `true`: what it shows must be checked by a read.
    pub(super) fn written<R: Record<Id = Id>>(&mut self, shown: &R, sent: &[SentText<'_>]) -> bool {
        let id = shown.id();
        let mut notes = self.0.remove(&id).unwrap_or_default();
        let mut is_stale = false;
        for SentText {
            field,
            text,
            before,
        } in sent
        {
            let Some(found) = shown.stored(*field) else {
                continue;
            };
            let wanted = digest(text);
            let note = |outcome| Note {
                field: *field,
                sent: wanted,
                outcome,
            };
            if !field.same(found, text) {
                let stored = note(Outcome::Stored(digest(found)));
                notes.retain(|known| {
                    known.field != *field
                        || known.sent == wanted
                            && matches!(known.outcome, Outcome::Stored(_))
                            && known.outcome != stored.outcome
                });
                notes.push(stored);
                let of_field = notes.iter().filter(|known| known.field == *field);
                if of_field.count() > SPELLINGS_MAX {
                    let oldest = notes.iter().position(|known| known.field == *field);
                    oldest.map(|at| notes.remove(at));
                }
                continue;
            }
            let over = before.map(digest).filter(|over| *over != wanted);
            let again = notes.iter().any(|known| {
                let Outcome::Echoed { over: known_over } = known.outcome else {
                    return false;
                };
                known.field == *field && known.sent == wanted && Some(known_over) == over
            });
            notes.retain(|known| known.field != *field);
            if let Some(over) = over {
                let asks = again || before.is_some_and(|before| may_be_respelled(before, text));
                is_stale |= asks;
                notes.push(note(match asks {
                    true => Outcome::Asked { over },
                    false => Outcome::Echoed { over },
                }));
            }
        }
        if !notes.is_empty() {
            self.0.insert(id, notes);
        }
        is_stale
    }

    /// An object as a list or a read shows it; `alone`: by itself, so that the answer is no older than the question.
    pub(super) fn seen<R: Record<Id = Id>>(&mut self, record: &R, alone: bool) {
        if self.0.is_empty() {
            return;
        }
        let id = record.id();
        let Some(notes) = self.0.get_mut(&id) else {
            return;
        };
        notes.retain_mut(|note| {
            let (Outcome::Echoed { over } | Outcome::Asked { over }) = note.outcome else {
                return true;
            };
            let found = record.stored(note.field).map(digest);
            if found != Some(over) {
                return false; // it is as it was sent, or somebody changed it since
            }
            if alone && matches!(note.outcome, Outcome::Asked { .. }) {
                note.outcome = Outcome::Stored(over);
            }
            true
        });
        if notes.is_empty() {
            self.0.remove(&id);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn forget(&mut self, id: &Id) {
        self.0.remove(id);
    }

    /// `wanted` was sent, and the service stored what the record shows.
    pub(super) fn are_stored_as<R: Record<Id = Id>>(
        &self,
        record: &R,
        field: Field,
        wanted: &str,
    ) -> bool {
        let (Some(notes), Some(found)) = (self.0.get(&record.id()), record.stored(field)) else {
            return false;
        };
        let (wanted, stored) = (digest(wanted), Outcome::Stored(digest(found)));
        notes
            .iter()
            .any(|note| note.field == field && note.sent == wanted && note.outcome == stored)
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
