//! Traits (audience-manager.md §4.1).

use audience_sharing_core::domain::audience_manager::{
    Activity, NewTrait, Trait, TraitChange, TraitReference,
};
use audience_sharing_core::domain::identifier::{DataSourceId, IntegrationCode, TraitSid};
use audience_sharing_core::domain::source::Naming;
use serde_json::{Value, json};

use super::super::error::{CallKind, Error};
use super::super::gateway::CallContext;
use super::super::lease_guard::LeaseGuard;
use super::super::listing::Listing;
use super::wire::{self, WireTrait};
use super::{
    AudienceManager, Deleted, Deletion, PERMISSIONS, Update, Updated, merge, narrowed, operation,
    query, search,
};

impl AudienceManager {
    /// Every trait of some data sources, with its rule. One list tells of all: the filter may be repeated.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn traits_of(
        &self,
        context: &CallContext,
        data_sources: &[DataSourceId],
    ) -> Result<Listing<Trait, TraitSid>, Error> {
        let path = narrowed("/traits/", data_sources, &[DETAILS, PERMISSIONS]);
        let mut listing = self
            .list_with_rights(context, "traits.list", path, from_bytes, wire::trait_sid)
            .await?;
        // A filter that a server does not know is not one.
        listing
            .items
            .retain(|found: &Trait| data_sources.contains(&found.data_source));
        Ok(listing)
    }

    /// # Errors
    /// `is_not_found` if there is none.
    pub async fn trait_by_sid(&self, context: &CallContext, sid: TraitSid) -> Result<Trait, Error> {
        let body = self.read(context, READ, path(sid)).await?;
        from_bytes(&body).ok_or_else(|| {
            operation(READ, CallKind::Read).unexpected("the body holds no such object")
        })
    }

    /// The traits that carry a code in a data source; more than one where the source does not keep codes unique.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: then nobody knows whether the code is free.
    pub async fn traits_by_code(
        &self,
        context: &CallContext,
        data_source: DataSourceId,
        code: &IntegrationCode,
    ) -> Result<Vec<Trait>, Error> {
        let source = data_source.to_string();
        let pairs = [
            ("dataSourceId", source.as_str()),
            ("integrationCode", code.as_str()),
            DETAILS,
        ];
        let found = self
            .lookup(
                context,
                "traits.find",
                query("/traits/", &pairs),
                from_bytes,
                wire::trait_sid,
            )
            .await?;
        let fits = |one: &Trait| {
            one.data_source == data_source && one.integration_code.as_ref() == Some(code)
        };
        Ok(found.into_iter().filter(fits).collect())
    }

    /// The traits that a user's words fit, other providers' included.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: it may be the one that is meant.
    pub async fn traits_by_reference(
        &self,
        context: &CallContext,
        reference: &TraitReference,
    ) -> Result<Vec<Trait>, Error> {
        let (text, data_source) = match reference {
            TraitReference::Code { code, data_source } => {
                (("integrationCode", code.as_str()), *data_source)
            }
            // A substring of any text: it only narrows (§2.2).
            TraitReference::Name { name, data_source } => (("search", &**name), Some(*data_source)),
        };
        let data_source = data_source.map(|id| id.to_string());
        let mut pairs = vec![text, DETAILS];
        pairs.extend(data_source.as_deref().map(|id| ("dataSourceId", id)));
        let found = self
            .lookup(
                context,
                "traits.find-named",
                query("/traits/", &pairs),
                from_bytes,
                wire::trait_sid,
            )
            .await?;
        Ok(found
            .into_iter()
            .filter(|one| reference.fits(one))
            .collect())
    }

    /// The traits of every data source that carry a code or a name.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: then nobody knows whether another one fits.
    pub async fn search_traits(
        &self,
        context: &CallContext,
        naming: &Naming,
    ) -> Result<Vec<Trait>, Error> {
        let path = query("/traits/", &[search(naming), DETAILS]);
        let found = self
            .lookup(context, "traits.search", path, from_bytes, wire::trait_sid)
            .await?;
        let fits = |one: &Trait| naming.fits(&one.name, one.integration_code.as_ref());
        Ok(found.into_iter().filter(fits).collect())
    }

    /// # Errors
    /// `effect` tells whether it may exist all the same.
    pub async fn create_trait(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        new: &NewTrait,
    ) -> Result<Trait, Error> {
        let NewTrait {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            ttl_days,
        } = new;
        let sent = json!({
            "traitType": "ON_BOARDED_TRAIT",
            "name": name,
            "description": description,
            "integrationCode": integration_code.as_str(),
            "dataSourceId": data_source.0,
            "folderId": folder.0,
            "traitRule": rule,
            "ttl": ttl_days,
            "status": "ACTIVE",
        });
        self.create(
            context,
            lease_guard,
            "traits.create",
            "/traits/",
            sent,
            from_value,
        )
        .await
    }

    /// # Errors
    /// `is_not_found` if it is gone.
    pub async fn update_trait(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Trait,
        change: &TraitChange,
    ) -> Result<Updated<Trait>, Error> {
        let TraitChange {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            ttl_days,
            activate,
        } = change;
        let fields = [
            ("name", name.as_ref().map(|text| json!(text))),
            ("description", description.as_ref().map(|text| json!(text))),
            (
                "integrationCode",
                integration_code.as_ref().map(|code| json!(code.as_str())),
            ),
            ("dataSourceId", data_source.map(|id| json!(id.0))),
            ("folderId", folder.map(|folder| json!(folder.0))),
            ("status", activate.then(|| json!("ACTIVE"))),
            ("traitRule", rule.as_ref().map(|text| json!(text))),
            ("ttl", ttl_days.map(|days| json!(days))),
        ];
        let update = Update {
            read_name: READ,
            name: "traits.update",
            path: path(expected.sid),
            server_owned,
            decode: from_value,
            believed: &|read| believed(expected, read),
            changed: fields
                .into_iter()
                .filter_map(|(field, value)| Some((field, value?)))
                .collect(),
        };
        self.update(context, lease_guard, update).await
    }

    /// Nothing is deleted if the object is not as expected.
    ///
    /// # Errors
    /// `DeletionBlocked` if a segment uses it, `is_not_found` if it was gone already.
    pub async fn delete_trait(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Trait,
    ) -> Result<Deleted<Trait>, Error> {
        let deletion = Deletion {
            read_name: READ,
            name: "traits.delete",
            path: path(expected.sid),
            decode: from_value,
            believed: &|read| believed(expected, read),
        };
        self.delete_expected(context, lease_guard, deletion).await
    }
}

const READ: &str = "traits.read";
/// Without it the list lacks rule, code and time to live.
const DETAILS: (&str, &str) = ("includeDetails", "true");

fn path(sid: TraitSid) -> String {
    format!("/traits/{sid}")
}

fn from_bytes(element: &[u8]) -> Option<Trait> {
    wire::from_bytes(element, WireTrait::read)
}

fn from_value(object: Value) -> Option<Trait> {
    wire::from_value(object, WireTrait::read)
}

fn server_owned(field: &str) -> bool {
    let metric = ["uniques", "count"]
        .into_iter()
        .any(|metric| field.starts_with(metric));
    metric
        || merge::server_owned(field)
        || matches!(field, "traitRuleVersion" | "url" | "backfillStatus")
}

/// Equal as far as both say something.
fn believed(expected: &Trait, read: &Trait) -> bool {
    let unsaid = |activity: &Activity| *activity == Activity::Other("".into());
    let mut same = expected.clone();
    if expected.ttl_days.is_none() || read.ttl_days.is_none() {
        same.ttl_days = read.ttl_days;
    }
    if unsaid(&expected.activity) || unsaid(&read.activity) {
        same.activity = read.activity.clone();
    }
    same == *read
}
