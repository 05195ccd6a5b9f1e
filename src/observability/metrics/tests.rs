//! Every count by hand, as a collector reads it.

use std::time::Duration;

use super::{CallRecord, EngineObserver, Metrics, Observer, Outcome};
use adobe_client::Kind;
use adobe_client::service::System;

/// The samples of the counters, without comments and histograms.
fn counters(metrics: &Metrics) -> Vec<String> {
    let mut lines: Vec<String> = metrics
        .encode()
        .lines()
        .filter(|line| line.contains("_total"))
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn call(outcome: Outcome) -> CallRecord {
    CallRecord {
        system: System::AudienceManager,
        operation: "traits.create",
        method: http::Method::POST,
        status: Some(201),
        outcome,
        duration: Duration::from_millis(250),
    }
}

/// Metrics that have seen one of everything, and a second good call.
fn counted() -> Metrics {
    let metrics = Metrics::default();
    metrics.on_call(call(Outcome::Succeeded));
    metrics.on_call(call(Outcome::Succeeded));
    metrics.on_call(call(Outcome::Failed(Kind::Throttled)));
    metrics.on_resync(true, 1.5);
    metrics.on_resync(false, 0.1);
    metrics.on_plan();
    metrics.clone().watch_failed("SharedAudience");
    metrics.released_without_deletion();
    metrics.reconciled("SharedAudience", "Succeeded");
    metrics.lease_taken();
    metrics.lease_taken();
    metrics.lease_lost();
    metrics.replicas_alive(3);
    metrics
}

#[test]
fn what_happened_is_counted_once() {
    let metrics = counted();
    let expected = [
        r#"audience_sharing_adobe_calls_total{system="audience-manager",operation="traits.create",outcome="Succeeded"} 2"#,
        r#"audience_sharing_adobe_calls_total{system="audience-manager",operation="traits.create",outcome="Throttled"} 1"#,
        r#"audience_sharing_passes_total{outcome="Failed"} 1"#,
        r#"audience_sharing_passes_total{outcome="Succeeded"} 1"#,
        "audience_sharing_plans_total 1",
        r#"audience_sharing_reconciles_total{kind="SharedAudience",reason="Succeeded"} 1"#,
        "audience_sharing_released_without_deletion_total 1",
        r#"audience_sharing_watch_errors_total{kind="SharedAudience"} 1"#,
    ];
    assert_eq!(counters(&metrics), expected);
    let text = metrics.encode();
    assert!(
        text.contains("audience_sharing_adobe_call_seconds_sum 0.75\n"),
        "{text}"
    );
    assert!(
        text.contains("audience_sharing_pass_seconds_count 2\n"),
        "{text}"
    );
}

#[test]
fn every_metric_says_what_it_counts() {
    let text = counted().encode();
    let of = |word: &str| -> Vec<String> {
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix(word)?.split_once(' '));
        names.map(|(name, _)| name.to_owned()).collect()
    };
    let (helped, typed) = (of("# HELP "), of("# TYPE "));
    assert_eq!(helped, typed);
    assert_eq!(helped.len(), 10);
    assert!(
        text.contains("audience_sharing_replicas_alive 3\n"),
        "{text}"
    );
    assert!(text.contains("audience_sharing_leases_held 1\n"), "{text}");
}
