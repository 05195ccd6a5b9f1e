//! Data sources (audience-manager.md §3.2).

use audience_sharing_core::domain::audience_manager::{
    DataSource, DataSourceChange, NewDataSource,
};
use audience_sharing_core::domain::identifier::DataSourceId;
use serde_json::{Value, json};

use super::super::error::{CallKind, Error};
use super::super::gateway::CallContext;
use super::super::lease_guard::LeaseGuard;
use super::super::listing::Listing;
use super::wire::{self, WireDataSource};
use super::{
    AudienceManager, Deleted, Deletion, PERMISSIONS, Update, Updated, merge, operation, query,
};

impl AudienceManager {
    /// Every data source that the credential may see.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn data_sources(
        &self,
        context: &CallContext,
    ) -> Result<Listing<DataSource, DataSourceId>, Error> {
        self.list_with_rights(
            context,
            "data-sources.list",
            query("/datasources/", &[PERMISSIONS]),
            from_bytes,
            wire::data_source_id,
        )
        .await
    }

    /// # Errors
    /// `is_not_found` if there is none.
    pub async fn data_source(
        &self,
        context: &CallContext,
        id: DataSourceId,
    ) -> Result<DataSource, Error> {
        let body = self.read(context, READ, path(id)).await?;
        from_bytes(&body).ok_or_else(|| {
            operation(READ, CallKind::Read).unexpected("the body holds no such object")
        })
    }

    /// # Errors
    /// `effect` tells whether it may exist all the same.
    pub async fn create_data_source(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        new: &NewDataSource,
    ) -> Result<DataSource, Error> {
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
        self.create(
            context,
            lease_guard,
            "data-sources.create",
            "/datasources/",
            sent,
            from_value,
        )
        .await
    }

    /// # Errors
    /// `is_not_found` if it is gone.
    pub async fn update_data_source(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &DataSource,
        change: &DataSourceChange,
    ) -> Result<Updated<DataSource>, Error> {
        let DataSourceChange { description } = change;
        let update = Update {
            read_name: READ,
            name: "data-sources.update",
            path: path(expected.id),
            server_owned,
            decode: from_value,
            believed: &|read| believed(expected, read),
            changed: description
                .iter()
                .map(|text| ("description", json!(text)))
                .collect(),
        };
        self.update(context, lease_guard, update).await
    }

    /// Nothing is deleted if the object is not as expected.
    ///
    /// # Errors
    /// `is_not_found` if it was gone already.
    pub async fn delete_data_source(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &DataSource,
    ) -> Result<Deleted<DataSource>, Error> {
        let deletion = Deletion {
            read_name: READ,
            name: "data-sources.delete",
            path: path(expected.id),
            decode: from_value,
            believed: &|read| believed(expected, read),
        };
        self.delete_expected(context, lease_guard, deletion).await
    }
}

const READ: &str = "data-sources.read";

fn path(id: DataSourceId) -> String {
    format!("/datasources/{id}")
}

fn from_bytes(element: &[u8]) -> Option<DataSource> {
    wire::from_bytes(element, WireDataSource::read)
}

fn from_value(object: Value) -> Option<DataSource> {
    wire::from_value(object, WireDataSource::read)
}

fn server_owned(field: &str) -> bool {
    merge::server_owned(field) || matches!(field, "customNamespaceId" | "customNamespaceCode")
}

fn believed(expected: &DataSource, read: &DataSource) -> bool {
    let company =
        expected.company.is_none() || read.company.is_none() || expected.company == read.company;
    company
        && DataSource {
            company: None,
            ..expected.clone()
        } == DataSource {
            company: None,
            ..read.clone()
        }
}
