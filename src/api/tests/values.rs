//! Defaults and effective values: what a manifest means that leaves fields out.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::super::shared_audience::{AudienceManagerTarget, ExperiencePlatformSource, Mode};
use super::super::{
    AdoptionPolicy, DeletionPolicy, SharedAudience, SharedAudienceSpec, SharedAudienceStatus,
    SharingConnection, SharingConnectionSpec, SharingConnectionStatus,
};
use super::{audience, connection, decode};

#[test]
fn the_smallest_connection_has_the_documented_defaults() {
    let spec = decode::<SharingConnection>(&connection()).spec;
    let organization = "0F1E2D3C4B5A69780A49420E@AdobeOrg";
    assert_eq!(
        spec,
        SharingConnectionSpec::new(organization, "adobe-oauth", "prod")
    );
    let there = &spec.audience_manager;
    assert_eq!(
        there.data_source,
        "Adobe Experience Platform Audience Sharing"
    );
    assert_eq!(there.trait_folder, "Experience Platform Traits");
    assert_eq!(there.segment_folder, "Experience Platform Segments");
    assert_eq!(
        (there.trait_rule_key.as_str(), &there.profile_merge_rule),
        ("segid", &None)
    );
    assert_eq!(spec.resync_interval(), Duration::from_secs(600));
    assert_eq!(
        (spec.rate_limit.requests_per_minute, spec.rate_limit.burst),
        (300, 10)
    );
    assert_eq!(spec.adoption_policy, AdoptionPolicy::IfEqual);
    assert_eq!(spec.deletion_policy, DeletionPolicy::Retain);
}

#[test]
fn the_smallest_audience_has_the_documented_defaults() {
    let spec = decode::<SharedAudience>(&audience()).spec;
    let source = ExperiencePlatformSource {
        id: Some("4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11".into()),
        name: None,
    };
    assert_eq!(spec, SharedAudienceSpec::new("acme", source));
    assert_eq!(AudienceManagerTarget::default().ttl_days, 120);
    assert_eq!((spec.mode, spec.suspend), (Mode::Manage, false));
    assert_eq!(spec.deletion_policy, DeletionPolicy::Delete);
    assert_eq!(spec.adoption_policy, None);
}

#[rstest]
#[case("1m", 60)]
#[case("1h30m", 5_400)]
#[case("90s", 90)]
#[case("24h", 86_400)]
#[case("never", 600)]
fn the_resync_interval_is_read(#[case] text: &str, #[case] seconds: u64) {
    let mut spec = SharingConnectionSpec::new("", "", "");
    spec.resync_interval = text.into();
    assert_eq!(spec.resync_interval(), Duration::from_secs(seconds));
}

#[test]
fn an_empty_status_is_written_as_an_empty_object() {
    let connection = serde_json::to_value(SharingConnectionStatus::default());
    let audience = serde_json::to_value(SharedAudienceStatus::default());
    assert_eq!(connection.ok(), Some(json!({})));
    assert_eq!(audience.ok(), Some(json!({})));
}

#[test]
fn a_whole_status_reads_back_as_it_was_written() {
    let status = json!({
        "observedGeneration": 3,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": "Shared.",
            "lastTransitionTime": "2025-01-02T03:04:05Z", "observedGeneration": 3,
        }],
        "tenant": {"companyId": 1194, "sandboxId": "b7c9"},
        "source": {
            "direction": "ToAudienceManager", "id": "4b1c", "name": "Loyal gamers",
            "lifecycle": "Published",
        },
        "audienceManager": {
            "dataSourceId": 501, "traitFolderId": 7, "segmentFolderId": 8,
            "profileMergeRuleDataSourceId": 12345, "traitSid": 9900123, "segmentSid": 9900124,
            "observed": false, "additionalSegments": [{"key": "in-market", "sid": 9900125}],
        },
        "lastAppliedHash": "9f86d081",
        "nextAttemptTime": "2025-01-02T03:05:00Z",
        "lastHandledReconcileAt": "now",
    });
    let read: SharedAudienceStatus = decode(&status);
    assert_eq!(
        read.condition("Ready").map(|ready| ready.reason.as_str()),
        Some("Succeeded")
    );
    assert_eq!(read.condition("Stalled"), None);
    assert_eq!(serde_json::to_value(read).ok(), Some(status));
}
