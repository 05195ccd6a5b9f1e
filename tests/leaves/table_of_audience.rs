//! The leaves of a `SharedAudience`, those of additional segments and destinations apart. Each patient has sources of its
//! own in both systems.

use serde_json::{Value, json};

use super::table::{Probe, Text, Values, leaf};
use super::table_of_connection::patient_name;

/// The connection of all audiences that have none of their own.
pub(crate) const CONNECTION: &str = "acme";
pub(crate) const SECOND_CONNECTION: &str = "second";

pub(crate) fn source_id(patient: usize) -> String {
    format!("sweep-{patient}")
}

pub(crate) fn other_source_id(patient: usize) -> String {
    format!("sweep-{patient}-other")
}

pub(crate) fn trait_sid(patient: usize) -> usize {
    17_000_000 + patient
}

pub(crate) fn segment_sid(patient: usize) -> usize {
    18_000_000 + patient
}

/// From that sid to the one of the other source.
pub(crate) const OTHER: usize = 500_000;

fn audience(patient: usize, source: &Value, target: &Value) -> Value {
    json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharedAudience",
        "metadata": {"name": patient_name(patient), "annotations": {}},
        "spec": {"connectionRef": {"name": CONNECTION}, "source": source, "target": target},
    })
}

/// Shared to Audience Manager, with this for a target.
pub(crate) fn to_audience_manager(patient: usize, target: &Value) -> Value {
    let source = json!({"experiencePlatform": {"id": source_id(patient)}});
    audience(patient, &source, &json!({"audienceManager": target}))
}

/// A segment that is shared to Experience Platform.
fn to_experience_platform(patient: usize, target: &Value) -> Value {
    let source = json!({"audienceManager": {"segment": {"sid": segment_sid(patient)}}});
    audience(patient, &source, &json!({"experiencePlatform": target}))
}

/// With the leaf of `spec` set so.
fn with(field: &'static str, value: Value) -> impl Fn(usize) -> Value + Send + Sync + 'static {
    move |patient| {
        let mut audience = to_audience_manager(patient, &json!({}));
        audience["spec"][field] = value.clone();
        audience
    }
}

fn annotated(annotation: &'static str, value: &'static str) -> impl Fn(usize) -> Value {
    move |patient| {
        let mut audience = to_audience_manager(patient, &json!({}));
        audience["metadata"]["annotations"][annotation] = json!(value);
        audience
    }
}

fn named(naming: fn(usize) -> Value) -> impl Fn(usize) -> Value + Send + Sync + 'static {
    move |patient| audience(patient, &naming(patient), &json!({}))
}

fn named_in_audience_manager(
    kind: &'static str,
    field: &'static str,
) -> impl Fn(usize) -> Value + Send + Sync + 'static {
    move |patient| {
        let value = naming(kind, field, patient, 0);
        let source = json!({"audienceManager": {kind: {field: value}}});
        audience(patient, &source, &json!({}))
    }
}

/// How the tenant's object is called, this one or the other.
fn naming(kind: &str, field: &str, patient: usize, other: usize) -> Value {
    let suffix = if other == 0 { "" } else { ", other" };
    let sid = match kind {
        "trait" => trait_sid(patient),
        _ => segment_sid(patient),
    };
    match field {
        "sid" => json!(sid + other),
        "integrationCode" => json!(format!("code of {kind} {patient}{suffix}")),
        _ => json!(format!("Sweep {kind} {patient}{suffix}")),
    }
}

/// The leaves of a source in Audience Manager; none of them can change.
fn of_audience_manager(kind: &'static str, leaves: [&'static str; 4]) -> Vec<Values> {
    let [object, code, name, sid] = leaves;
    let another =
        |field: &'static str| move |patient| vec![("another", naming(kind, field, patient, OTHER))];
    let one = |leaf_of: &'static str, field: &'static str| {
        leaf(leaf_of, named_in_audience_manager(kind, field))
            .or_of(another(field))
            .needed()
            .seen(Probe::Anew)
    };
    vec![
        leaf(object, named_in_audience_manager(kind, "sid"))
            .needed()
            .seen(Probe::Anew),
        one(code, "integrationCode"),
        one(name, "name").of_one_line(),
        one(sid, "sid"),
    ]
}

fn of_source() -> Vec<Values> {
    let by_id = named(|patient| json!({"experiencePlatform": {"id": source_id(patient)}}));
    let by_name =
        named(|patient| json!({"experiencePlatform": {"name": format!("Sweep {patient}")}}));
    let mut all = vec![
        leaf("SharedAudience spec.source", |patient| {
            to_audience_manager(patient, &json!({}))
        })
        .seen(Probe::Anew),
        leaf("SharedAudience spec.source.experiencePlatform", |patient| {
            to_audience_manager(patient, &json!({}))
        })
        .needed()
        .seen(Probe::Anew),
        leaf("SharedAudience spec.source.experiencePlatform.id", by_id)
            .or_of(|patient| {
                vec![
                    ("another", json!(other_source_id(patient))),
                    ("unknown", json!("nobodys")),
                ]
            })
            .bad(&[("hyphen first", "-a"), ("space", "a b")])
            .text(Text::Word)
            .needed()
            .seen(Probe::Anew),
        leaf(
            "SharedAudience spec.source.experiencePlatform.name",
            by_name,
        )
        .or_of(|patient| {
            vec![
                ("another", json!(format!("Sweep {patient}, other"))),
                ("unknown", json!("Nobody's")),
            ]
        })
        .of_one_line()
        .needed()
        .seen(Probe::Anew),
        leaf(
            "SharedAudience spec.source.audienceManager",
            named_in_audience_manager("trait", "sid"),
        )
        .needed()
        .seen(Probe::Anew),
    ];
    all.extend(of_audience_manager(
        "trait",
        [
            "SharedAudience spec.source.audienceManager.trait",
            "SharedAudience spec.source.audienceManager.trait.integrationCode",
            "SharedAudience spec.source.audienceManager.trait.name",
            "SharedAudience spec.source.audienceManager.trait.sid",
        ],
    ));
    all.extend(of_audience_manager(
        "segment",
        [
            "SharedAudience spec.source.audienceManager.segment",
            "SharedAudience spec.source.audienceManager.segment.integrationCode",
            "SharedAudience spec.source.audienceManager.segment.name",
            "SharedAudience spec.source.audienceManager.segment.sid",
        ],
    ));
    all
}

fn of_target() -> Vec<Values> {
    let to_audience_manager =
        |target: Value| move |patient: usize| to_audience_manager(patient, &target);
    let to_experience_platform =
        |target: Value| move |patient: usize| to_experience_platform(patient, &target);
    const ADDED: &str = "a label is added and never taken away";
    vec![
        leaf(
            "SharedAudience spec.target",
            to_audience_manager(json!({"name": "By its target"})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager",
            to_audience_manager(json!({"name": "By its target", "ttlDays": 90})),
        ),
        leaf(
            "SharedAudience spec.target.audienceManager.name",
            to_audience_manager(json!({"name": "By its target"})),
        )
        .or(&[("another", json!("Another"))])
        .trimmed(),
        leaf(
            "SharedAudience spec.target.audienceManager.description",
            to_audience_manager(json!({"description": "By its target"})),
        )
        .or(&[("another", json!("Another"))]),
        leaf(
            "SharedAudience spec.target.audienceManager.ttlDays",
            to_audience_manager(json!({"ttlDays": 90})),
        )
        .or(&[("another", json!(30))]),
        leaf(
            "SharedAudience spec.target.audienceManager.adobeSharing",
            to_audience_manager(json!({"adobeSharing": "KeepOwn"})),
        )
        .silent("removed", "KeepOwn is the default"),
        leaf(
            "SharedAudience spec.target.experiencePlatform",
            to_experience_platform(json!({"name": "By its target"})),
        ),
        leaf(
            "SharedAudience spec.target.experiencePlatform.name",
            to_experience_platform(json!({"name": "By its target"})),
        )
        .or(&[("another", json!("Another"))])
        .trimmed(),
        leaf(
            "SharedAudience spec.target.experiencePlatform.description",
            to_experience_platform(json!({"description": "By its target"})),
        )
        .or(&[("another", json!("Another"))]),
        leaf(
            "SharedAudience spec.target.experiencePlatform.strategy",
            to_experience_platform(json!({"strategy": "MetadataOnly", "name": "By its target"})),
        )
        .seen(Probe::Anew),
        leaf(
            "SharedAudience spec.target.experiencePlatform.dataUsageLabels",
            to_experience_platform(json!({"dataUsageLabels": ["custom/sweep-0"]})),
        )
        .or(&[("another", json!(["core/C9"]))])
        .of(|number| json!(format!("custom/sweep-{number}")))
        .silent("removed", ADDED)
        .silent("no member", ADDED)
        .stays("another", ADDED)
        .stays("most members", ADDED),
        leaf(
            "SharedAudience spec.target.experiencePlatform.dataUsageLabels[]",
            to_experience_platform(json!({"dataUsageLabels": ["custom/sweep-0"]})),
        )
        .or(&[("another", json!("core/C9"))])
        .bad(&[
            ("unknown", "core/C99"),
            ("of no kind", "C1"),
            ("space", "custom/a b"),
        ])
        .text(Text::Like(|length| {
            format!("custom/{}", "x".repeat(length - 7))
        }))
        .stays("another", ADDED)
        .stays("longest", ADDED),
    ]
}

fn of_policies() -> Vec<Values> {
    vec![
        // Somebody's audience has the key of the segment, and is not as declared.
        leaf("SharedAudience spec.adoptionPolicy", |patient| {
            let labels = json!({"dataUsageLabels": ["core/C2"]});
            let mut audience = to_experience_platform(patient, &labels);
            audience["spec"]["adoptionPolicy"] = json!("IfEqual");
            audience
        })
        .silent("removed", "the connection says Match")
        .stays("= Always", "what was taken over stays ours"),
        leaf(
            "SharedAudience spec.deletionPolicy",
            with("deletionPolicy", json!("Retain")),
        )
        .seen(Probe::Deleted),
        leaf(
            "SharedAudience spec.sourceGonePolicy",
            with("sourceGonePolicy", json!("Pause")),
        )
        .seen(Probe::SourceGone),
        leaf("SharedAudience spec.mode", with("mode", json!("Manage")))
            .silent("removed", "Manage is the default"),
        leaf("SharedAudience spec.suspend", with("suspend", json!(false)))
            .silent("removed", "false is the default"),
    ]
}

pub(crate) fn table() -> Vec<Values> {
    let plain = |patient: usize| to_audience_manager(patient, &json!({}));
    let mut all = vec![
        leaf("SharedAudience spec", plain),
        leaf("SharedAudience spec.connectionRef", plain).seen(Probe::Anew),
        leaf("SharedAudience spec.connectionRef.name", plain)
            .or(&[
                ("another", json!(SECOND_CONNECTION)),
                ("unknown", json!("nobodys")),
            ])
            .bad(&[("upper case", "Acme"), ("hyphen last", "acme-")])
            .text(Text::Word)
            .seen(Probe::Anew),
        leaf(
            "SharedAudience metadata.annotations.audience-sharing.dev/reconcile-requested-at",
            annotated("audience-sharing.dev/reconcile-requested-at", "first"),
        )
        .or(&[("another", json!("second"))])
        .silent("removed", "only a new value asks")
        .echoed("/status/lastHandledReconcileAt"),
        leaf(
            "SharedAudience metadata.annotations.audience-sharing.dev/users-requested-at",
            annotated("audience-sharing.dev/users-requested-at", "first"),
        )
        .or(&[("another", json!("second"))])
        .silent("removed", "only a new value asks")
        .echoed("/status/usedBy/lastHandledRequestAt"),
    ];
    all.extend(of_policies());
    all.extend(of_source());
    all.extend(of_target());
    all
}
