//! The leaves of a `SharingConnection`. Each patient is a connection with a data source and folders of its own, and one
//! audience that is shared through it.

use serde_json::{Value, json};

use super::table::{Probe, Text, Values, leaf};

/// Stands for a profile merge rule in the tenant, as does the next.
pub(crate) const MERGE_RULE: u64 = 29_775;
pub(crate) const OTHER_MERGE_RULE: u64 = 29_776;

pub(crate) fn patient_name(patient: usize) -> String {
    format!("sweep-{patient}")
}

/// With every leaf set.
pub(crate) fn connection(patient: usize) -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharingConnection",
        "metadata": {"name": patient_name(patient), "annotations": {}},
        "spec": {
            "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg",
            "credentialsSecretRef": {"name": "adobe-oauth"},
            "experiencePlatform": {"sandbox": "prod"},
            "audienceManager": {
                "dataSource": format!("Sweep {patient}"),
                "traitFolder": format!("Sweep {patient} traits"),
                "segmentFolder": format!("Sweep {patient} segments"),
                "profileMergeRule": {"dataSourceId": MERGE_RULE},
                "traitRuleKey": "sweep",
            },
            "resyncInterval": "12m",
            "rateLimit": {"requestsPerMinute": 6_000, "burst": 100},
            "adoptionPolicy": "IfEqual",
            "deletionPolicy": "Delete",
        },
    })
}

/// A data source of this name stands in the tenant and carries nobody's mark.
pub(crate) fn connection_over_a_data_source_by_hand(patient: usize) -> Value {
    let mut connection = connection(patient);
    connection["spec"]["audienceManager"]["dataSource"] = json!(format!("By hand {patient}"));
    connection
}

fn annotated(patient: usize, annotation: &str) -> Value {
    let mut connection = connection(patient);
    connection["metadata"]["annotations"][annotation] = json!("first");
    connection
}

pub(crate) fn table() -> Vec<Values> {
    vec![
        leaf("SharingConnection spec", connection),
        leaf("SharingConnection spec.organizationId", connection)
            .or(&[("another", json!("111111111111111111111111@AdobeOrg"))])
            .bad(&[
                ("short", "0F1E2D3C@AdobeOrg"),
                ("without its domain", "0F1E2D3C4B5A69780A49420E"),
            ])
            .text(Text::Fixed("24 digits and a domain"))
            .seen(Probe::Anew),
        leaf("SharingConnection spec.credentialsSecretRef", connection),
        leaf(
            "SharingConnection spec.credentialsSecretRef.name",
            connection,
        )
        .or(&[
            ("one that is refused", json!("adobe-oauth-wrong")),
            ("unknown", json!("nobodys")),
        ])
        .bad(&[("upper case", "Adobe"), ("hyphen last", "adobe-")])
        .text(Text::Word)
        .spoken_of_as("in the secret"),
        leaf("SharingConnection spec.experiencePlatform", connection),
        leaf(
            "SharingConnection spec.experiencePlatform.sandbox",
            connection,
        )
        .or(&[("another", json!("stage")), ("unknown", json!("nowhere"))])
        .bad(&[("a title", "Prod"), ("digit first", "1prod")])
        .text(Text::Word)
        .seen(Probe::Anew),
        leaf("SharingConnection spec.audienceManager", connection)
            .spoken_of_as("adobe's own sharing")
            .seen(Probe::Anew),
        leaf(
            "SharingConnection spec.audienceManager.dataSource",
            connection,
        )
        .or_of(|patient| vec![("another", json!(format!("Sweep {patient}, other")))])
        .trimmed()
        .spoken_of_as("adobe's own sharing")
        .seen(Probe::Anew),
        leaf(
            "SharingConnection spec.audienceManager.traitFolder",
            connection,
        )
        .or_of(|patient| vec![("another", json!(format!("Sweep {patient} other traits")))])
        .trimmed(),
        leaf(
            "SharingConnection spec.audienceManager.segmentFolder",
            connection,
        )
        .or_of(|patient| vec![("another", json!(format!("Sweep {patient} other segments")))])
        .trimmed(),
        leaf(
            "SharingConnection spec.audienceManager.profileMergeRule",
            connection,
        ),
        leaf(
            "SharingConnection spec.audienceManager.profileMergeRule.dataSourceId",
            connection,
        )
        .or(&[("another", json!(OTHER_MERGE_RULE))]),
        leaf(
            "SharingConnection spec.audienceManager.traitRuleKey",
            connection,
        )
        .or(&[("another", json!("segment_id-2"))])
        .bad(&[
            ("digit first", "1segid"),
            ("space", "a b"),
            ("quotation mark", "a\""),
        ])
        .text(Text::Word),
        leaf("SharingConnection spec.resyncInterval", connection)
            .or(&[
                ("another", json!("30m")),
                ("shortest interval", json!("1m")),
                ("longest interval", json!("24h")),
                ("of two units", json!("1h30m")),
            ])
            .bad(&[
                ("below the shortest interval", "59s"),
                ("beyond the longest interval", "24h1s"),
                ("in words", "ten minutes"),
                ("without a unit", "600"),
                ("of days", "1d"),
            ])
            .text(Text::Fixed("digits and units"))
            .seen(Probe::Time),
        leaf("SharingConnection spec.rateLimit", connection).seen(Probe::Time),
        leaf(
            "SharingConnection spec.rateLimit.requestsPerMinute",
            connection,
        )
        .seen(Probe::Time),
        leaf("SharingConnection spec.rateLimit.burst", connection).seen(Probe::Time),
        leaf(
            "SharingConnection spec.adoptionPolicy",
            connection_over_a_data_source_by_hand,
        )
        .silent("removed", "Match is the default")
        .silent("= Never", "neither takes over what is not as declared")
        .stays("= Always", "what was taken over stays ours"),
        leaf("SharingConnection spec.deletionPolicy", connection).seen(Probe::Deleted),
        leaf(
            "SharingConnection metadata.annotations.audience-sharing.dev/reconcile-requested-at",
            |patient| annotated(patient, "audience-sharing.dev/reconcile-requested-at"),
        )
        .or(&[("another", json!("second"))])
        .text(Text::Any)
        .silent("removed", "only a new value asks")
        .echoed("/status/lastHandledReconcileAt"),
        leaf(
            "SharingConnection metadata.annotations.audience-sharing.dev/users-requested-at",
            |patient| annotated(patient, "audience-sharing.dev/users-requested-at"),
        )
        .seen(Probe::Unread),
    ]
}
