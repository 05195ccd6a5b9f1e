//! Data sources (audience-manager.md §3.2).

use std::convert::Infallible;

use audience_sharing_core::domain::audience_manager::{
    DataSource, DataSourceChange, NewDataSource,
};
use audience_sharing_core::domain::identifier::{CompanyId, DataSourceId};
use audience_sharing_core::domain::labels::Restrictions;
use http::Method;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::json;

use super::service::OfAudienceManager;
use super::wire::{self, PERMISSIONS, resolved};
use crate::resource::{Creation, Field, List, Resource, Words, field, query, words};
use crate::serde_helpers::{optional_number, text, texts};

const PATH: &str = "/datasources/";

impl Resource for DataSource {
    type Service = OfAudienceManager;
    const WORDS: Words = words!("data-sources");
    const CHANGED_BY: Option<Method> = Some(Method::PUT);

    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<Self> {
        let wire = WireDataSource::deserialize(wire).ok()?;
        Some(Self {
            id: DataSourceId(wire.data_source_id?),
            company: wire.pid.map(CompanyId),
            name: resolved(wire.name),
            description: resolved(wire.description),
            unique_trait_codes: wire.unique_trait_integration_codes.unwrap_or_default(),
            unique_segment_codes: wire.unique_segment_integration_codes.unwrap_or_default(),
            restrictions: Restrictions::new(wire.data_export_restrictions.unwrap_or_default()),
        })
    }

    fn decode_id(element: &[u8]) -> Option<DataSourceId> {
        let WireDataSourceId { data_source_id } = serde_json::from_slice(element).ok()?;
        data_source_id.map(DataSourceId)
    }

    fn path(id: &DataSourceId) -> String {
        format!("{PATH}{id}")
    }

    fn list((): &()) -> List {
        List {
            tells_rights: true,
            ..List::new(Self::WORDS.list, query(PATH, &[PERMISSIONS]))
        }
    }

    fn look_up(never: &Infallible) -> List {
        match *never {}
    }

    fn fits(never: &Infallible, _: &Self) -> bool {
        match *never {}
    }

    fn creation(new: &NewDataSource) -> Creation {
        let NewDataSource {
            name,
            description,
            unique_trait_codes,
            unique_segment_codes,
            restrictions,
        } = new;
        let mut sent = json!({
            "name": name,
            "description": description,
            "uniqueTraitIntegrationCodes": unique_trait_codes,
            "uniqueSegmentIntegrationCodes": unique_segment_codes,
        });
        let restrictions: Vec<&str> = restrictions.names().collect();
        if !restrictions.is_empty() {
            sent["dataExportRestrictions"] = json!(restrictions);
        }
        Creation::new("data-sources.create", PATH, sent)
    }

    fn changes(&self, change: &DataSourceChange) -> Result<Vec<Field>, &'static str> {
        let DataSourceChange { description } = change;
        Ok(field("description", description.as_ref())
            .into_iter()
            .collect())
    }

    fn is_server_owned(field: &str) -> bool {
        wire::is_server_owned(field) || matches!(field, "customNamespaceId" | "customNamespaceCode")
    }

    fn is_as_expected(&self, read: &Self) -> bool {
        let mut same = self.clone();
        if self.company.is_none() || read.company.is_none() {
            same.company = read.company;
        }
        same == *read
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDataSource {
    #[serde(default, deserialize_with = "optional_number")]
    data_source_id: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    pid: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    name: Box<str>,
    #[serde(default, deserialize_with = "text")]
    description: Box<str>,
    unique_trait_integration_codes: Option<bool>,
    unique_segment_integration_codes: Option<bool>,
    #[serde(default, deserialize_with = "texts")]
    data_export_restrictions: Option<Vec<Box<str>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDataSourceId {
    #[serde(default, deserialize_with = "optional_number")]
    data_source_id: Option<u64>,
}
