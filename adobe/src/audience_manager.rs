//! The typed client of Audience Manager, from audience-manager.md §3–§6.4: its kinds of objects, and the calls that no
//! other service has. What every kind has in common is the [`Client`]'s.

mod contents;
mod data_source;
mod destination;
mod folder;
mod mapping;
mod model;
mod segment;
mod service;
mod r#trait;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use audience_sharing_core::domain::adobe_sharing::is_pair_trait;
use audience_sharing_core::domain::audience_manager::{Segment, Trait, TraitReference};
use audience_sharing_core::domain::identifier::{CompanyId, DataSourceId, SegmentSid, TraitSid};
use audience_sharing_core::domain::source::Naming;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{ELEMENT_BYTES_MAX, Element, OBJECT_BYTES_MAX};
use super::client::{Client, operation};
use super::error::Error;
use super::error::kind::CallKind;
use super::gateway::{Call, CallContext, Gateway};
use super::listing::Listing;
use super::resource::{List, ObjectService, Resource as _, query};
use super::serde_helpers::optional_number;
use service::OfAudienceManager;
use r#trait::DETAILS;

pub use super::client::{Deleted, Updated};
pub use audience_sharing_core::facts::ListedDestination;

pub type AudienceManager = Client<OfAudienceManager>;

impl Gateway {
    /// The client of Audience Manager behind this gateway.
    pub fn audience_manager(&self) -> AudienceManager {
        Client::new(self, None)
    }
}

/// Who the credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Me {
    pub company: CompanyId,
    /// `None`: the answer does not say.
    pub administrator: Option<bool>,
}

impl AudienceManager {
    /// The company that the credential belongs to: where every id of Audience Manager is valid (design.md §4, L6).
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn me(&self, context: &CallContext) -> Result<Me, Error> {
        let operation = operation::<OfAudienceManager>("users.self", CallKind::Read);
        let call = self.call(operation, "/users/self");
        let body = self.whole(context, &call, OBJECT_BYTES_MAX).await?;
        me(&body).ok_or_else(|| operation.unexpected("the body names no company"))
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
        let list = List::new("traits.find-named", query(r#trait::PATH, &pairs));
        let fits = |found: &Trait| reference.fits(found);
        self.matching(context, list, fits).await
    }

    /// The traits of every data source that carry a code or a name.
    ///
    /// # Errors
    /// `UnexpectedAnswer` also if one of them cannot be read: then whether another one fits is not known.
    pub async fn search_traits(
        &self,
        context: &CallContext,
        naming: &Naming,
    ) -> Result<Vec<Trait>, Error> {
        let path = query(r#trait::PATH, &[search(naming), DETAILS]);
        let fits = |one: &Trait| naming.fits(&one.name, one.integration_code.as_ref());
        self.matching(context, List::new("traits.search", path), fits)
            .await
    }

    /// The segments of every data source that carry a code or a name.
    ///
    /// # Errors
    /// As for [`Self::search_traits`].
    pub async fn search_segments(
        &self,
        context: &CallContext,
        naming: &Naming,
    ) -> Result<Vec<Segment>, Error> {
        let path = query(
            segment::PATH,
            &[search(naming), segment::WITH_TRAIT_SOURCES],
        );
        let fits = |one: &Segment| naming.fits(&one.name, one.integration_code.as_ref());
        self.matching(context, List::new("segments.search", path), fits)
            .await
    }

    /// The data sources that hold traits of Adobe's own sharing. Every trait of the company is looked through, and none is
    /// kept; one that cannot be read is taken for another's, since Adobe's are many and one shows where all are.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn adobe_sharing(
        &self,
        context: &CallContext,
    ) -> Result<BTreeSet<DataSourceId>, Error> {
        let operation = operation::<OfAudienceManager>("traits.list-all", CallKind::List);
        let paging = OfAudienceManager::SYSTEM.service().paging;
        let mut found = BTreeSet::new();
        let path = query(r#trait::PATH, &[DETAILS]);
        let call = self.call(operation, &path);
        self.each_page(context, call, paging, ELEMENT_BYTES_MAX, &mut |element| {
            if let Element::Whole(text) = element
                && let Some(one) = Trait::decode(&mut serde_json::Deserializer::from_slice(text))
                && is_pair_trait(&one)
            {
                found.insert(one.data_source);
            }
        })
        .await?;
        Ok(found)
    }

    /// How many members a segment has: its total population of the last day (§6.6). `None`: the answer does not say.
    ///
    /// # Errors
    /// Any kind but those of a write.
    pub async fn members(
        &self,
        context: &CallContext,
        sid: SegmentSid,
    ) -> Result<Option<u64>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Metrics {
            #[serde(default, deserialize_with = "optional_number")]
            total_uniques1_day: Option<u64>,
        }
        let operation = operation::<OfAudienceManager>("segments.population", CallKind::Read);
        let path = query(&Segment::path(&sid), &[("includeMetrics", "true")]);
        let call = self.call(operation, &path);
        let body = self.whole(context, &call, OBJECT_BYTES_MAX).await?;
        let metrics: Option<Metrics> = serde_json::from_slice(&body).ok();
        Ok(metrics.and_then(|metrics| metrics.total_uniques1_day))
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
        let path = query(segment::PATH, &[("containsTrait", &sid.to_string())]);
        let list = List::new("segments.list-using", path);
        let listing = self.listed::<Segment>(context, list).await?;
        Ok(listing)
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
        let operation = operation::<OfAudienceManager>("segments.validate", CallKind::Validate);
        let call = Call {
            method: Method::POST,
            body: Some(Bytes::from(json!({"rule": rule}).to_string())),
            ..self.call(operation, "/segments/validate/")
        };
        self.whole(context, &call, OBJECT_BYTES_MAX).await.map(drop)
    }
}

fn me(body: &[u8]) -> Option<Me> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        #[serde(default, deserialize_with = "optional_number")]
        pid: Option<u64>,
        /// Samples have it as `admin` too (§6.4), and as the text `"true"` (§1.7).
        is_admin: Option<Value>,
        admin: Option<Value>,
    }
    let User {
        pid,
        is_admin,
        admin,
    } = serde_json::from_slice(body).ok()?;
    Some(Me {
        company: pid.map(CompanyId)?,
        administrator: is_admin.or(admin).and_then(|told| match told {
            Value::Bool(told) => Some(told),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }),
    })
}

/// The filter of a list that leaves little beside what is named; a name is found as part of any text (§2.2).
fn search(naming: &Naming) -> (&'static str, &str) {
    match naming {
        Naming::IntegrationCode(code) => ("integrationCode", code.as_str()),
        Naming::Name(name) => ("search", name),
        Naming::Sid(_) => ("search", ""),
    }
}
