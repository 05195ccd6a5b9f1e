//! The controllers, wired: one watch per kind, one reconciler each, wakes from the engines, a bounded stop.

#![expect(
    clippy::disallowed_methods,
    reason = "a graceful stop and who waits to be called are bounded by tokio's clock, virtual in tests"
)]

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use super::admission::{self, Admission};
use super::backoff::Backoff;
use super::context::Context;
use super::deletion_wait::DeletionWaits;
use super::engines::Engines;
use super::locked::Locked;
use super::publish::Managed;
use super::quarantine::Quarantine;
use super::replicas::{Replicas, spread};
use super::requested::Requests;
use super::sent::Sent;
use super::settings::{Scope, Settings};
use super::undecoded::UndecodedSet;
use super::watch::{self, Guarded, Listeners};
use super::{deadline, report_undecoded, shared_audience, sharing_connection};
use crate::observability::probes::Readiness;
use audience_sharing_engine::wake_queue;

/// Audiences that are reconciled side by side: far more than a rate limit lets through at a time, so that none
/// waits behind another that waits for Adobe.
const AUDIENCES_AT_ONCE: u16 = 1_024;
/// Of these, those that are created or only reconciled again. The rest is for edits and deletions, which wait behind no bulk.
const BULK_AT_ONCE: usize = 768;
const CONNECTIONS_AT_ONCE: u16 = 64;

/// Runs until `stop`, then ends in bounded time.
pub async fn run(
    client: Client,
    scope: &Scope,
    settings: Settings,
    readiness: Readiness,
    stop: CancellationToken,
) {
    let client = deadline::on_every_request(client);
    let (wake_audience, audiences_woken) = wake_queue();
    let (call_audience, audiences_called) = wake_queue();
    let (wake_connection, connections_woken) = wake_queue();
    let (report, undecoded_objects) = wake_queue();
    let listeners = Listeners {
        metrics: settings.metrics.clone(),
        undecoded: UndecodedSet::default(),
        report_undecoded: report,
    };
    let (sent_audiences, sent_connections) = (Sent::default(), Sent::default());
    let audiences = watched(&client, scope, &listeners, &sent_audiences);
    let connections = watched(&client, scope, &listeners, &sent_connections);
    let undecoded = listeners.undecoded.clone();
    drop(listeners);
    readiness.follow("SharedAudience watch", audiences.ready.clone());
    readiness.follow("SharingConnection watch", connections.ready.clone());
    let context = Arc::new(Context {
        recorder: Recorder::new(client.clone(), Reporter::from("audience-sharing")),
        backoff: Locked::new(Backoff::new(settings.rng_seed)),
        audiences: audiences.store.clone(),
        undecoded,
        scope: scope.clone(),
        connections: connections.store.clone(),
        connections_known: connections.ready.clone(),
        requests: Requests::default(),
        deletion_waits: DeletionWaits::default(),
        sent_audiences,
        sent_connections,
        quarantine: Quarantine::default(),
        admission: Admission::new(BULK_AT_ONCE, call_audience),
        engines: Engines::new(wake_audience, wake_connection),
        replicas: Replicas::new(&settings, scope),
        client,
        settings,
    });
    let replicas_known = context.replicas.known();
    readiness.follow("list of replicas", replicas_known.clone());
    // Claims are judged with all claimants known, and the Lease of an organization is for one of the living replicas: no
    // connection is reconciled before the audiences were listed and the replicas.
    let all_known = [audiences.ready.clone(), replicas_known];
    let connections_stream = connections.stream;
    let gated = async move {
        for mut known in all_known {
            // What sends it outlives this task.
            let _ = known.wait_for(|known| *known).await;
        }
    };

    let changed = {
        let context = context.clone();
        audiences.stream.try_filter(move |audience| {
            shared_audience::seen(audience, &context);
            std::future::ready(shared_audience::goes_first(audience, &context))
        })
    };
    let woken = {
        let context = context.clone();
        audiences_woken.into_stream().filter(move |audience| {
            let known = context.audiences.get(audience);
            // What the cache lacks is gone, or comes by the watch.
            let goes_first =
                known.is_some_and(|known| shared_audience::goes_first(&known, &context));
            std::future::ready(goes_first)
        })
    };
    let of_audiences = Controller::for_stream(changed, audiences.store)
        .with_config(Config::default().concurrency(AUDIENCES_AT_ONCE))
        .reconcile_on(woken)
        .reconcile_on(audiences_called.into_stream())
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(shared_audience::reconcile, again_soon, context.clone())
        .for_each(|_| std::future::ready(()));
    let connections_store = connections.store;
    let of_connections = {
        let (context, stop) = (context.clone(), stop.clone());
        async move {
            tokio::select! {
                () = gated => {}
                () = stop.cancelled() => return,
            }
            Controller::for_stream(connections_stream, connections_store)
                .with_config(Config::default().concurrency(CONNECTIONS_AT_ONCE))
                .reconcile_on(connections_woken.into_stream())
                .graceful_shutdown_on(stop.cancelled_owned())
                .run(sharing_connection::reconcile, again_soon, context)
                .for_each(|_| std::future::ready(()))
                .await;
        }
    };
    let engines_stop = async {
        stop.cancelled().await;
        context.engines.stop_all();
    };
    let report_undecoded = report_undecoded::run(&context, undecoded_objects);
    let spread = spread::spread(&context, &stop);
    let all = futures::future::join5(
        of_audiences,
        of_connections,
        engines_stop,
        report_undecoded,
        spread,
    );
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    let clean_up = async {
        loop {
            tokio::time::sleep(admission::CALL_AGAIN).await;
            context.admission.call_again();
            context.forget_gone();
        }
    };
    tokio::select! {
        _ = all => {}
        () = clean_up => {}
        () = deadline => tracing::warn!("stopped with reconciles under way"),
    }
    context.engines.shut_down().await;
}

/// A graceful stop: what is in flight has this long; an engine drains its own calls in less.
const STOP_WITHIN: Duration = Duration::from_secs(15);

fn watched<K: Managed>(
    client: &Client,
    scope: &Scope,
    listeners: &Listeners,
    sent: &Sent<K>,
) -> Guarded<K> {
    let sent = sent.clone();
    let apis: Vec<Api<DeserializeGuard<K>>> = match scope {
        Scope::Cluster => vec![Api::all(client.clone())],
        Scope::Namespaces(namespaces) => namespaces
            .iter()
            .map(|namespace| Api::namespaced(client.clone(), namespace))
            .collect(),
    };
    let in_cache = move |object: &K, is_gone| sent.seen(object, is_gone);
    watch::guarded(apis, listeners, in_cache)
}

/// Reconcilers do not fail: each answers when it is to be called again.
fn again_soon<K>(_: Arc<K>, never: &std::convert::Infallible, _: Arc<Context>) -> Action {
    match *never {}
}
