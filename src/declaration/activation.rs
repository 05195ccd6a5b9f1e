//! Destinations and named traits of a spec: what CEL cannot see of them.

use audience_sharing_core::compose::{
    DeclaredDestination, DestinationSelector, NamedTrait, TraitSelector,
};
use audience_sharing_core::domain::audience_manager::TraitReference;
use audience_sharing_core::domain::destination::{Day, MappingKeys};
use audience_sharing_core::domain::identifier::{
    DataSourceId, DestinationId, IntegrationCode, TraitSid,
};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::segment_rule::template::RuleTemplate;

use super::problem::invalid;
use crate::api::activation as api;
use crate::api::models::Model;
use crate::api::shared_audience::AdditionalSegment;
use audience_sharing_engine::Problem;

/// `segment`: how messages call the segment that they belong to.
pub(super) fn destinations(
    declared: &[api::Destination],
    segment: &str,
) -> Result<Vec<DeclaredDestination>, Problem> {
    let read = |declared: &api::Destination| {
        let what = format!("destination {:?} of {segment}", declared.key);
        Ok(DeclaredDestination {
            key: declared.key.as_str().into(),
            destination: destination_selector(declared).ok_or_else(|| {
                invalid(format!("The {what} must name exactly one of id and name."))
            })?,
            keys: mapping_keys(declared),
            start: day(&declared.start_date, "startDate", &what)?,
            end: day(&declared.end_date, "endDate", &what)?,
        })
    };
    declared.iter().map(read).collect()
}

pub(super) fn destination_selector(declared: &api::Destination) -> Option<DestinationSelector> {
    match (declared.id, &declared.name) {
        (Some(id), None) => {
            let id = u64::try_from(id).ok()?;
            Some(DestinationSelector::Id(DestinationId(id)))
        }
        (None, Some(name)) => Some(DestinationSelector::Name(name.as_str().into())),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

pub(super) fn mapping_keys(declared: &api::Destination) -> MappingKeys {
    let text = |text: &Option<String>| text.as_deref().map(Into::into);
    MappingKeys {
        url: text(&declared.url),
        alias: text(&declared.alias),
        value_alias: text(&declared.value_alias),
    }
}

fn day(date: &Option<String>, field: &str, what: &str) -> Result<Option<Day>, Problem> {
    let Some(date) = date else {
        return Ok(None);
    };
    let read = |text: &str| {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(Day {
            date: day.to_string().into(),
            eve: day.yesterday().ok()?.to_string().into(),
        })
    };
    let day = read(date).ok_or_else(|| {
        let message = format!(
            "The {field} {date} of {what} is no day; nothing was changed. Write a day such as 2026-07-04."
        );
        Problem::new(Reason::MappingInvalid, message)
    })?;
    Ok(Some(day))
}

/// The traits that the rule names by a key; each key of the one is a key of the other, or of an algorithmic trait.
pub(super) fn traits(
    segment: &AdditionalSegment,
    rule: &RuleTemplate,
    models: &[Model],
) -> Result<Vec<NamedTrait>, Problem> {
    let used = rule.keys();
    let declares = |key: &str| {
        let mut yielded = models.iter().flat_map(|model| &model.traits);
        segment.traits.iter().any(|declared| declared.key == key)
            || yielded.any(|declared| declared.key == key)
    };
    if let Some(key) = used.iter().find(|key| !declares(key)) {
        let message = format!(
            "The rule of additional segment {:?} uses {{{key}}}, and neither its traits nor those of the models have \
             such a key; nothing was changed. Add the key to traits, or write a sid such as 123T.",
            segment.key
        );
        return Err(Problem::new(Reason::RuleInvalid, message));
    }
    let read = |declared: &api::NamedTrait| {
        let key = declared.key.as_str();
        if !used.contains(key) {
            let message = format!(
                "The rule of additional segment {:?} does not use {{{key}}}; nothing was changed. Use it, or take the key \
                 out of traits.",
                segment.key
            );
            return Err(Problem::new(Reason::RuleInvalid, message));
        }
        let selector = trait_selector(declared).ok_or_else(|| {
            invalid(format!(
                "The trait {key:?} of additional segment {:?} must name exactly one of sid, integrationCode, and name \
                 with dataSourceId.",
                segment.key
            ))
        })?;
        Ok(NamedTrait {
            key: key.into(),
            selector,
        })
    };
    segment.traits.iter().map(read).collect()
}

fn trait_selector(declared: &api::NamedTrait) -> Option<TraitSelector> {
    let number = |id: i64| u64::try_from(id).ok();
    let data_source = declared.data_source_id.and_then(number).map(DataSourceId);
    let named = (&declared.sid, &declared.integration_code, &declared.name);
    Some(match named {
        (Some(sid), None, None) => TraitSelector::Sid(TraitSid(number(*sid)?)),
        (None, Some(code), None) => TraitSelector::Reference(TraitReference::Code {
            code: IntegrationCode::new(code.as_str()),
            data_source,
        }),
        (None, None, Some(name)) => TraitSelector::Reference(TraitReference::Name {
            name: name.as_str().into(),
            data_source: data_source?,
        }),
        _ => return None,
    })
}
