//! What differs between an object and what is declared: every field that we write (design.md L3).
//!
//! An unchanged object is never written, and a text that the service stores in another spelling is not sent again.

use super::hold::Hold;
use crate::compose::DESCRIPTION_CHARS_MAX;
use crate::domain::audience_manager::{Activity, Segment, SegmentChange, Trait, TraitChange};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentFolderId, TraitFolderId};
use crate::domain::ownership::{Mark, strip};
use crate::domain::reason::Reason;
use crate::inventory::{Record, Table};

/// One object beside what is wanted of it.
pub(super) struct Comparison<'a, R: Record> {
    table: &'a Table<R>,
    found: &'a R,
    respelled: Vec<Respelled>,
}

/// A text that the service stores otherwise than it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Respelled {
    field: Field,
    sent: Box<str>,
    stored: Box<str>,
}

impl<'a, R: Record> Comparison<'a, R> {
    pub(super) fn new(table: &'a Table<R>, found: &'a R) -> Self {
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
        if !self.table.is_stored_as(self.found, field, wanted) {
            return Some(wanted.into());
        }
        self.respelled.push(Respelled {
            field,
            sent: wanted.into(),
            stored: found.into(),
        });
        None
    }

    fn code(&mut self, wanted: &IntegrationCode) -> Option<IntegrationCode> {
        let changed = self.text(Field::IntegrationCode, wanted.as_str());
        changed.map(|_| wanted.clone())
    }

    /// A sentence for each text that the service stores otherwise, about `object` ("Trait 77 "Loyal gamers"") in
    /// `system`.
    pub(super) fn told(self, object: &str, system: &str) -> Vec<String> {
        let told = self.respelled.iter().map(|respelled| {
            let (sent, stored) = excerpts(&respelled.sent, &respelled.stored);
            format!(
                "{object}: {system} stores the {} as {stored:?} where {sent:?} was sent; it was not sent again.",
                respelled.field.label()
            )
        });
        told.collect()
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
}

impl DesiredTrait<'_> {
    /// The fields that must change; `None` if there are none.
    pub(super) fn change(&self, comparison: &mut Comparison<'_, Trait>) -> Option<TraitChange> {
        let found = comparison.found;
        let change = TraitChange {
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
            activate: found.activity == Activity::Inactive,
        };
        (change != TraitChange::default()).then_some(change)
    }

    /// This process wrote its description with our mark, which the service did not keep: no status may name it yet.
    pub(super) fn marked_in_vain(&self, table: &Table<Trait>, found: &Trait) -> bool {
        table.is_stored_as(found, Field::Description, self.description)
    }

    /// Equal to what a create would have made, wherever it is now.
    pub(super) fn would_create(&self, table: &Table<Trait>, found: &Trait) -> bool {
        let here = DesiredTrait {
            data_source: found.data_source,
            folder: found.folder,
            ..*self
        };
        here.change(&mut Comparison::new(table, found)).is_none()
    }

    /// Equal but for the mark.
    pub(super) fn equals_but_for_mark(&self, table: &Table<Trait>, found: &Trait) -> bool {
        let change = self.change(&mut Comparison::new(table, found));
        let unmarked = TraitChange {
            description: None,
            ..change.unwrap_or_default()
        };
        unmarked == TraitChange::default() && strip(&found.description) == strip(self.description)
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

impl DesiredSegment<'_> {
    /// The fields that must change; `None` if there are none.
    pub(super) fn change(&self, comparison: &mut Comparison<'_, Segment>) -> Option<SegmentChange> {
        let found = comparison.found;
        let change = SegmentChange {
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
        };
        (change != SegmentChange::default()).then_some(change)
    }

    /// This process wrote its description with our mark, which the service did not keep: no status may name it yet.
    pub(super) fn marked_in_vain(&self, table: &Table<Segment>, found: &Segment) -> bool {
        table.is_stored_as(found, Field::Description, self.description)
    }

    /// Equal but for the mark.
    pub(super) fn equals_but_for_mark(&self, table: &Table<Segment>, found: &Segment) -> bool {
        let change = self.change(&mut Comparison::new(table, found));
        let unmarked = SegmentChange {
            description: None,
            ..change.unwrap_or_default()
        };
        unmarked == SegmentChange::default() && strip(&found.description) == strip(self.description)
    }
}

/// Why an object cannot be made: its mark would be cut, and nobody would know any more whose it is.
pub(super) fn unmarkable(mark: &Mark) -> Option<Hold> {
    let length = mark.to_string().chars().count();
    (length > DESCRIPTION_CHARS_MAX).then(|| {
        Hold::new(
            Reason::NameTooLong,
            format!(
                "The ownership mark, which holds the owner id, the namespace and the name, does not fit into a description \
                 of {DESCRIPTION_CHARS_MAX} characters; nothing was created. Create the SharedAudience again with a shorter \
                 name, or in a namespace with a shorter name."
            ),
        )
    })
}

/// "Trait 77 "Loyal gamers"", for messages.
pub(super) fn trait_label(found: &Trait) -> String {
    format!("Trait {} {:?}", found.sid, found.name)
}

/// "Segment 9001 "Loyal gamers"", for messages.
pub(super) fn segment_label(found: &Segment) -> String {
    format!("Segment {} {:?}", found.sid, found.name)
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
