//! Segments (audience-manager.md §5).

use audience_sharing_core::domain::audience_manager::{
    Activity, NewSegment, Segment, SegmentChange,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::source::Naming;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::super::error::{CallKind, Error};
use super::super::gateway::{Call, CallContext};
use super::super::lease_guard::LeaseGuard;
use super::super::listing::Listing;
use super::wire::{self, WireSegment};
use super::{
    AudienceManager, Deleted, Deletion, PERMISSIONS, Update, Updated, merge, narrowed, operation,
    query, search,
};

impl AudienceManager {
    /// Every segment of some data sources. One list tells of all: the filter may be repeated.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn segments_of(
        &self,
        context: &CallContext,
        data_sources: &[DataSourceId],
    ) -> Result<Listing<Segment, SegmentSid>, Error> {
        let path = narrowed(SEGMENTS, data_sources, &[WITH_TRAIT_SOURCES, PERMISSIONS]);
        let mut listing = self
            .list_with_rights(
                context,
                "segments.list",
                path,
                from_bytes,
                wire::segment_sid,
            )
            .await?;
        // A filter that a server does not know is not one.
        listing
            .items
            .retain(|found: &Segment| data_sources.contains(&found.data_source));
        Ok(listing)
    }

    /// # Errors
    /// `is_not_found` if there is none.
    pub async fn segment_by_sid(
        &self,
        context: &CallContext,
        sid: SegmentSid,
    ) -> Result<Segment, Error> {
        let path = query(&path(sid), &[WITH_TRAIT_SOURCES]);
        let body = self.read(context, READ, path).await?;
        from_bytes(&body).ok_or_else(|| {
            operation(READ, CallKind::Read).unexpected("the body holds no such object")
        })
    }

    /// The segments that carry a code in a data source; more than one where the source does not keep codes unique.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: then nobody knows whether the code is free.
    pub async fn segments_by_code(
        &self,
        context: &CallContext,
        data_source: DataSourceId,
        code: &IntegrationCode,
    ) -> Result<Vec<Segment>, Error> {
        let source = data_source.to_string();
        let pairs = [
            ("dataSourceId", source.as_str()),
            ("integrationCode", code.as_str()),
            WITH_TRAIT_SOURCES,
        ];
        let found = self
            .lookup(
                context,
                "segments.find",
                query(SEGMENTS, &pairs),
                from_bytes,
                wire::segment_sid,
            )
            .await?;
        let fits = |one: &Segment| {
            one.data_source == data_source && one.integration_code.as_ref() == Some(code)
        };
        Ok(found.into_iter().filter(fits).collect())
    }

    /// The segments of every data source that carry a code or a name.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: then nobody knows whether another one fits.
    pub async fn search_segments(
        &self,
        context: &CallContext,
        naming: &Naming,
    ) -> Result<Vec<Segment>, Error> {
        let path = query(SEGMENTS, &[search(naming)]);
        let found = self
            .lookup(
                context,
                "segments.search",
                path,
                from_bytes,
                wire::segment_sid,
            )
            .await?;
        let fits = |one: &Segment| naming.fits(&one.name, one.integration_code.as_ref());
        Ok(found.into_iter().filter(fits).collect())
    }

    /// Every segment, of whatever data source, whose rule names the trait.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn segments_containing(
        &self,
        context: &CallContext,
        sid: TraitSid,
    ) -> Result<Listing<Segment, SegmentSid>, Error> {
        let path = query(SEGMENTS, &[("containsTrait", &sid.to_string())]);
        self.list(
            context,
            "segments.list-using",
            path,
            from_bytes,
            wire::segment_sid,
        )
        .await
    }

    /// Asks whether a rule is accepted. Writes nothing.
    ///
    /// # Errors
    /// `RuleInvalid` if it is not.
    pub async fn validate_segment_rule(
        &self,
        context: &CallContext,
        rule: &str,
    ) -> Result<(), Error> {
        let call = Call {
            operation: operation("segments.validate", CallKind::Validate),
            method: Method::POST,
            path: "/segments/validate/".into(),
            body: Some(Bytes::from(json!({"rule": rule}).to_string())),
            sandbox: None,
            lease_guard: None,
            accept: None,
        };
        self.gateway.object(context, &call).await.map(drop)
    }

    /// # Errors
    /// `effect` tells whether it may exist all the same.
    pub async fn create_segment(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        new: &NewSegment,
    ) -> Result<Segment, Error> {
        let NewSegment {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            merge_rule,
        } = new;
        let mut sent = json!({
            "name": name,
            "description": description,
            "integrationCode": integration_code.as_str(),
            "dataSourceId": data_source.0,
            "folderId": folder.0,
            "segmentRule": rule,
            "status": "ACTIVE",
        });
        if let Some(merge_rule) = merge_rule {
            sent["mergeRuleDataSourceId"] = json!(merge_rule.0);
        }
        self.create(
            context,
            lease_guard,
            "segments.create",
            SEGMENTS,
            sent,
            from_value,
        )
        .await
    }

    /// # Errors
    /// `is_not_found` if it is gone.
    pub async fn update_segment(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Segment,
        change: &SegmentChange,
    ) -> Result<Updated<Segment>, Error> {
        let SegmentChange {
            name,
            description,
            integration_code,
            data_source,
            folder,
            rule,
            merge_rule,
            activate,
            pause,
        } = change;
        let status = match (activate, pause) {
            (true, _) => Some("ACTIVE"),
            (false, true) => Some("INACTIVE"),
            (false, false) => None,
        };
        let fields = [
            ("name", name.as_ref().map(|text| json!(text))),
            ("description", description.as_ref().map(|text| json!(text))),
            (
                "integrationCode",
                integration_code.as_ref().map(|code| json!(code.as_str())),
            ),
            ("dataSourceId", data_source.map(|id| json!(id.0))),
            ("folderId", folder.map(|folder| json!(folder.0))),
            ("segmentRule", rule.as_ref().map(|text| json!(text))),
            ("mergeRuleDataSourceId", merge_rule.map(|id| json!(id.0))),
            ("status", status.map(|word| json!(word))),
        ];
        let update = Update {
            read_name: READ,
            name: "segments.update",
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
    /// `DeletionBlocked` if a destination uses it, `is_not_found` if it was gone already.
    pub async fn delete_segment(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        expected: &Segment,
    ) -> Result<Deleted<Segment>, Error> {
        let deletion = Deletion {
            read_name: READ,
            name: "segments.delete",
            path: path(expected.sid),
            decode: from_value,
            believed: &|read| believed(expected, read),
        };
        self.delete_expected(context, lease_guard, deletion).await
    }
}

const READ: &str = "segments.read";
const SEGMENTS: &str = "/segments/";
/// Asks for the data sources of the traits of each segment (§5.1).
const WITH_TRAIT_SOURCES: (&str, &str) = ("includeTraitDataSourceIds", "true");

fn path(sid: SegmentSid) -> String {
    format!("{SEGMENTS}{sid}")
}

fn from_bytes(element: &[u8]) -> Option<Segment> {
    wire::from_bytes(element, WireSegment::read)
}

fn from_value(object: Value) -> Option<Segment> {
    wire::from_value(object, WireSegment::read)
}

/// The fields that only answers hold, those of the optional `include…` parameters among them (§5.1, §5.2).
fn server_owned(field: &str) -> bool {
    let metric = ["instantUniques", "totalUniques"]
        .into_iter()
        .any(|metric| field.starts_with(metric));
    let extra = matches!(
        field,
        "traitDataSourceIds"
            | "isDestinationMappable"
            | "inUse"
            | "mappedEntities"
            | "traits"
            | "mappableTraits"
            | "hiddenTraits"
            | "codeViewOnly"
            | "expressionTree"
    );
    metric || extra || merge::server_owned(field)
}

/// Equal as far as both say something.
fn believed(expected: &Segment, read: &Segment) -> bool {
    let unsaid = |activity: &Activity| *activity == Activity::Other("".into());
    let mut same = expected.clone();
    if unsaid(&expected.activity) || unsaid(&read.activity) {
        same.activity = read.activity.clone();
    }
    if expected.trait_data_sources.is_none() || read.trait_data_sources.is_none() {
        same.trait_data_sources.clone_from(&read.trait_data_sources);
    }
    same == *read
}
