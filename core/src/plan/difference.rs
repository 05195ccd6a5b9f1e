//! What differs between an object and what is declared: every field that we write (design.md L3).
//!
//! An unchanged object is never written, and a text that the service stores in another spelling is not sent again.

use crate::blocker::Blocker;
use crate::call::Kind;
use crate::compose::DESCRIPTION_CHARS_MAX;
use crate::domain::audience_manager::{
    Activity, Segment, SegmentChange, Threshold, Trait, TraitChange,
};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentFolderId, TraitFolderId};
use crate::domain::mark::Mark;
use crate::domain::model::{Model, ModelChange};
use crate::inventory::{Inventory, Table};
use crate::ownership::object_name;

/// What an object is to be.
pub(super) trait Desired<K: Kind> {
    /// The user's text and the mark.
    fn description(&self) -> &str;
    /// Every field that must be written; nothing of one that is equal.
    fn change(&self, comparison: &mut FieldComparison<'_, K>) -> K::Change;
    /// The same change, but for the description.
    fn undescribed(change: K::Change) -> K::Change;

    fn equals(&self, inventory: &Inventory, found: &K) -> bool {
        let mut comparison = FieldComparison::new(K::table(inventory), found);
        self.change(&mut comparison) == K::Change::default()
    }
}

/// One object beside what is wanted of it.
pub(super) struct FieldComparison<'a, K: Kind> {
    table: &'a Table<K>,
    pub(super) found: &'a K,
    respelled: Vec<Respelled>,
}

/// A text that the service stores otherwise than it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Respelled {
    field: Field,
    sent: Box<str>,
    stored: Box<str>,
}

impl<'a, K: Kind> FieldComparison<'a, K> {
    pub(super) fn new(table: &'a Table<K>, found: &'a K) -> Self {
        Self {
            table,
            found,
            respelled: Vec::new(),
        }
    }

    /// `wanted` if it must be written: it differs from what the service shows, and the service did not change it.
    pub(super) fn text(&mut self, field: Field, wanted: &str) -> Option<Box<str>> {
        let found = self.found.stored(field)?;
        if field.same(found, wanted) {
            return None;
        }
        if !self.is_stored_as(field, wanted) {
            return Some(wanted.into());
        }
        self.respelled.push(Respelled {
            field,
            sent: wanted.into(),
            stored: found.into(),
        });
        None
    }

    /// The service made of `sent` what it shows now.
    pub(super) fn is_stored_as(&self, field: Field, sent: &str) -> bool {
        self.table.is_stored_as(self.found, field, sent)
    }

    fn code(&mut self, wanted: &IntegrationCode) -> Option<IntegrationCode> {
        let changed = self.text(Field::IntegrationCode, wanted.as_str());
        changed.map(|_| wanted.clone())
    }

    /// A sentence for each text that the service stores otherwise.
    pub(super) fn sentences(self) -> Vec<String> {
        let (object, system) = (object_name(self.found).capitalized(), K::SYSTEM);
        let sentences = self.respelled.iter().map(|respelled| {
            let (sent, stored) = excerpts(&respelled.sent, &respelled.stored);
            format!(
                "{object}: {system} stores the {} as {stored:?} where {sent:?} was sent; it was not sent again.",
                respelled.field.label()
            )
        });
        sentences.collect()
    }
}

/// Characters that a message shows of a text.
const EXCERPT_CHARS_MAX: usize = 60;
/// Of what both have in common before the first difference.
const COMMON_CHARS_MAX: usize = 12;

/// The two texts from shortly before their first difference, each cut.
fn excerpts(sent: &str, stored: &str) -> (String, String) {
    let pairs = sent.chars().zip(stored.chars());
    let common = pairs.take_while(|(one, other)| one == other).count();
    let skipped = match common > EXCERPT_CHARS_MAX / 2 {
        true => common - COMMON_CHARS_MAX,
        false => 0,
    };
    let excerpt = |text: &str| {
        let shown: String = text.chars().skip(skipped).take(EXCERPT_CHARS_MAX).collect();
        let before = if skipped > 0 { "…" } else { "" };
        let is_whole = text.chars().count() <= skipped + EXCERPT_CHARS_MAX;
        format!("{before}{shown}{}", if is_whole { "" } else { "…" })
    };
    (excerpt(sent), excerpt(stored))
}

#[derive(Clone, Copy)]
pub(super) struct DesiredTrait<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) code: &'a IntegrationCode,
    pub(super) data_source: DataSourceId,
    pub(super) folder: TraitFolderId,
    pub(super) rule: &'a str,
    pub(super) ttl_days: u32,
    /// Of an algorithmic trait.
    pub(super) threshold: Option<Threshold>,
}

impl Desired<Trait> for DesiredTrait<'_> {
    fn description(&self) -> &str {
        self.description
    }

    fn change(&self, comparison: &mut FieldComparison<'_, Trait>) -> TraitChange {
        let found = comparison.found;
        TraitChange {
            name: comparison.text(Field::Name, self.name),
            description: comparison.text(Field::Description, self.description),
            integration_code: comparison.code(self.code),
            data_source: (found.data_source != self.data_source).then_some(self.data_source),
            folder: (found.folder != self.folder).then_some(self.folder),
            rule: comparison.text(Field::TraitRule, self.rule),
            ttl_days: found
                .ttl_days
                .filter(|days| *days != self.ttl_days)
                .map(|_| self.ttl_days),
            threshold: self.threshold.filter(|wanted| {
                let shown = found.look_alikes.as_ref();
                let shown = shown.and_then(|found| found.threshold);
                shown.is_some_and(|shown| shown != *wanted)
            }),
            activate: found.activity == Activity::Inactive,
        }
    }

    fn undescribed(change: TraitChange) -> TraitChange {
        TraitChange {
            description: None,
            ..change
        }
    }
}

pub(super) struct DesiredSegment<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) code: &'a IntegrationCode,
    pub(super) data_source: DataSourceId,
    pub(super) folder: SegmentFolderId,
    pub(super) rule: &'a str,
    /// `None`: whatever the account's default is.
    pub(super) merge_rule: Option<DataSourceId>,
}

impl Desired<Segment> for DesiredSegment<'_> {
    fn description(&self) -> &str {
        self.description
    }

    fn change(&self, comparison: &mut FieldComparison<'_, Segment>) -> SegmentChange {
        let found = comparison.found;
        SegmentChange {
            name: comparison.text(Field::Name, self.name),
            description: comparison.text(Field::Description, self.description),
            integration_code: comparison.code(self.code),
            data_source: (found.data_source != self.data_source).then_some(self.data_source),
            folder: (found.folder != self.folder).then_some(self.folder),
            rule: comparison.text(Field::SegmentRule, self.rule),
            merge_rule: self
                .merge_rule
                .filter(|wanted| found.merge_rule != Some(*wanted)),
            activate: found.activity == Activity::Inactive,
            pause: false,
        }
    }

    fn undescribed(change: SegmentChange) -> SegmentChange {
        SegmentChange {
            description: None,
            ..change
        }
    }
}

/// What a model is made of never changes: only its texts and its status are compared.
pub(super) struct DesiredModel<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    /// Adobe did not end it.
    pub(super) may_run: bool,
}

impl Desired<Model> for DesiredModel<'_> {
    fn description(&self) -> &str {
        self.description
    }

    fn change(&self, comparison: &mut FieldComparison<'_, Model>) -> ModelChange {
        ModelChange {
            name: comparison.text(Field::Name, self.name),
            description: comparison.text(Field::Description, self.description),
            activate: self.may_run && comparison.found.activity == Activity::Inactive,
        }
    }

    fn undescribed(change: ModelChange) -> ModelChange {
        ModelChange {
            description: None,
            ..change
        }
    }
}

/// Why an object cannot be made: its mark would be cut, and then nothing would show whose it is.
pub(super) fn unmarkable(mark: &Mark) -> Option<Blocker> {
    let length = mark.to_string().chars().count();
    (length > DESCRIPTION_CHARS_MAX).then_some(Blocker::MarkTooLong)
}

#[cfg(test)]
mod tests {
    use super::excerpts;

    #[test]
    fn excerpts_are_bounded_and_show_the_difference() {
        let (sent, stored) = excerpts("Café  au lait", "Café au lait");
        assert_eq!(
            (sent.as_str(), stored.as_str()),
            ("Café  au lait", "Café au lait")
        );
        let long = "é".repeat(300);
        let (sent, stored) = excerpts(&format!("{long} and [the mark]"), &long[..510]);
        assert_eq!(stored, format!("…{}", "é".repeat(12)));
        assert!(sent.chars().count() <= 62 && sent.starts_with('…') && sent.ends_with('…'));
    }
}
