//! What differs between an object and what is declared, normalised so that an unchanged object is never written
//! (design.md §4.5).

use crate::domain::audience_manager::{Activity, Segment, SegmentChange, Trait, TraitChange};
use crate::domain::identifier::{DataSourceId, SegmentFolderId, TraitFolderId};
use crate::domain::ownership::strip;
use crate::domain::text::same_text;
use crate::domain::{segment_rule, trait_rule};

pub(super) struct DesiredTrait<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) data_source: DataSourceId,
    pub(super) folder: TraitFolderId,
    pub(super) rule: &'a str,
    pub(super) ttl_days: u32,
}

impl DesiredTrait<'_> {
    /// The fields that must change; `None` if there are none.
    pub(super) fn change(&self, found: &Trait) -> Option<TraitChange> {
        let change = TraitChange {
            name: text_change(&found.name, self.name),
            description: text_change(&found.description, self.description),
            data_source: (found.data_source != self.data_source).then_some(self.data_source),
            folder: (found.folder != self.folder).then_some(self.folder),
            rule: (!trait_rule::equivalent(&found.rule, self.rule)).then(|| self.rule.into()),
            ttl_days: found
                .ttl_days
                .filter(|days| *days != self.ttl_days)
                .map(|_| self.ttl_days),
        };
        (change != TraitChange::default()).then_some(change)
    }

    /// Equal but for the mark.
    pub(super) fn equals_but_for_mark(&self, found: &Trait) -> bool {
        let unmarked = TraitChange {
            description: None,
            ..self.change(found).unwrap_or_default()
        };
        unmarked == TraitChange::default()
            && same_text(strip(&found.description), strip(self.description))
    }
}

pub(super) struct DesiredSegment<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) data_source: DataSourceId,
    pub(super) folder: SegmentFolderId,
    pub(super) rule: &'a str,
    /// `None`: whatever the account's default is.
    pub(super) merge_rule: Option<DataSourceId>,
}

impl DesiredSegment<'_> {
    /// The fields that must change; `None` if there are none.
    pub(super) fn change(&self, found: &Segment) -> Option<SegmentChange> {
        let change = SegmentChange {
            name: text_change(&found.name, self.name),
            description: text_change(&found.description, self.description),
            data_source: (found.data_source != self.data_source).then_some(self.data_source),
            folder: (found.folder != self.folder).then_some(self.folder),
            rule: (!segment_rule::equivalent(&found.rule, self.rule)).then(|| self.rule.into()),
            merge_rule: self
                .merge_rule
                .filter(|wanted| found.merge_rule != Some(*wanted)),
            activate: found.activity == Activity::Inactive,
            pause: false,
        };
        (change != SegmentChange::default()).then_some(change)
    }

    /// Equal but for the mark.
    pub(super) fn equals_but_for_mark(&self, found: &Segment) -> bool {
        let unmarked = SegmentChange {
            description: None,
            ..self.change(found).unwrap_or_default()
        };
        unmarked == SegmentChange::default()
            && same_text(strip(&found.description), strip(self.description))
    }
}

fn text_change(found: &str, wanted: &str) -> Option<Box<str>> {
    (!same_text(found, wanted)).then(|| wanted.into())
}

/// "Trait 77 "Loyal gamers"", for messages.
pub(super) fn trait_label(found: &Trait) -> String {
    format!("Trait {} {:?}", found.sid, found.name)
}

/// "Segment 9001 "Loyal gamers"", for messages.
pub(super) fn segment_label(found: &Segment) -> String {
    format!("Segment {} {:?}", found.sid, found.name)
}
