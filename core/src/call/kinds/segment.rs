//! A segment of Audience Manager.

use std::fmt::{self, Formatter};

use super::common::{code, kept_in, named, preview};
use crate::call::Kind;
use crate::domain::audience_manager::{NewSegment, Segment, SegmentChange};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode};
use crate::ownership::Judged;

named!(NewSegment);

impl Judged for Segment {
    const NOUN: &'static str = "segment";
}

impl Kind for Segment {
    const PLURAL: &'static str = "segments";
    type Scope = DataSourceId;
    type Query = (DataSourceId, IntegrationCode);
    type New = NewSegment;
    type Change = SegmentChange;

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.description == other.description
            && self.integration_code == other.integration_code
            && Field::SegmentRule.same(&self.rule, &other.rule)
            && self.merge_rule == other.merge_rule
            && self.activity == other.activity
    }
    kept_in!(segments, Segment);

    fn new_texts(new: &NewSegment) -> Vec<(Field, &str)> {
        vec![
            (Field::Name, &new.name),
            (Field::Description, &new.description),
            (Field::IntegrationCode, new.integration_code.as_str()),
            (Field::SegmentRule, &new.rule),
        ]
    }
    fn changed_texts(change: &SegmentChange) -> Vec<(Field, Option<&str>)> {
        vec![
            (Field::Name, change.name.as_deref()),
            (Field::Description, change.description.as_deref()),
            (Field::SegmentRule, change.rule.as_deref()),
            (Field::IntegrationCode, code(&change.integration_code)),
        ]
    }
    fn preview_new(new: &NewSegment, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, " rule {}", new.rule)
    }
    fn preview_change(&self, change: &SegmentChange, formatter: &mut Formatter<'_>) -> fmt::Result {
        preview(
            formatter,
            "data source",
            self.data_source,
            change.data_source,
        )?;
        preview(formatter, "folder", self.folder, change.folder)?;
        if let Some(to) = change.merge_rule {
            write!(formatter, " merge rule → {to}")?;
        }
        match (change.activate, change.pause) {
            (true, _) => formatter.write_str(" status → ACTIVE"),
            (false, true) => formatter.write_str(" status → INACTIVE"),
            (false, false) => Ok(()),
        }
    }
}
