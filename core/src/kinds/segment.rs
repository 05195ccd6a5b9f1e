//! A segment of Audience Manager.

use std::fmt::{self, Formatter};

use super::coded::{Code, Coded, coded, preview_place};
use super::common::named;
use crate::call::Kind;
use crate::domain::audience_manager::{NewSegment, Segment, SegmentChange};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode, SegmentSid};
use crate::facts::{At, Known, Listing};
use crate::inventory::{Coverage, Inventory, Key, Record};
use crate::ownership::Judged;

coded! {
    Segment(SegmentSid), "segment", NewSegment, SegmentChange, SegmentRule;

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.description == other.description
            && self.integration_code == other.integration_code
            && Field::SegmentRule.same(&self.rule, &other.rule)
            && self.merge_rule == other.merge_rule
            && self.activity == other.activity
    }

    fn preview_new(new: &NewSegment, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, " rule {}", new.rule)
    }

    fn preview_change(&self, change: &SegmentChange, formatter: &mut Formatter<'_>) -> fmt::Result {
        let data_source = (self.data_source, change.data_source);
        preview_place(formatter, data_source, (self.folder, change.folder))?;
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
