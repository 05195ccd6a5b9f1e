//! `audience-sharing run`: flags to settings, then the controllers until a signal.

#![expect(
    clippy::disallowed_methods,
    reason = "the command line is where the real clock and chance come from"
)]

use std::net::SocketAddr;
use std::path::PathBuf;

use audience_sharing_core::domain::mark::OwnerId;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio_util::sync::CancellationToken;

use crate::controller::run::run as run_controllers;
use crate::controller::{Scope, Settings};
use crate::observability::logging::{self, LogFormat};
use crate::observability::metrics::Metrics;
use crate::observability::probes::{self, Readiness};
use adobe_client::endpoints::{Allowed, Endpoints};
use adobe_client::network::{NetworkTransport, Proxy};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Kubeconfig file; without it the usual places, then the cluster that the process runs in
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Namespace of the operator itself, where its Leases are
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "audience-sharing-system",
        env = "POD_NAMESPACE"
    )]
    namespace: String,
    /// Watch this namespace alone, or these if given more than once; needs no rights in the whole cluster
    #[arg(long, value_name = "NAMESPACE")]
    watch_namespace: Vec<String>,
    /// Do not watch the Secrets of connections, for rights that only get them: a change is seen within ten minutes
    #[arg(long)]
    no_secret_watch: bool,
    /// Who owns what this operator makes, written into every mark: the same for as long as the operator has anything there,
    /// and no other operator's
    #[arg(long, value_name = "ID")]
    owner_id: String,
    /// An owner id that this operator had before; give it once for each. The operator may then take over what carries its
    /// mark
    #[arg(long, value_name = "ID")]
    previous_owner_id: Vec<String>,
    /// The Pod that the operator runs in: names it among its replicas, and records the events that no other object can
    #[arg(long, value_name = "NAME", env = "POD_NAME", requires = "pod_uid")]
    pod_name: Option<String>,
    /// The uid of that Pod
    #[arg(long, value_name = "UID", env = "POD_UID", requires = "pod_name")]
    pod_uid: Option<String>,
    /// Never write to Adobe; report what would change
    #[arg(long)]
    read_only: bool,
    /// Requests per minute that all connections with one client id and organization make together, at most. What a
    /// connection declares in spec.rateLimit bounds that connection alone, and this bounds the sum
    #[arg(
        long,
        value_name = "REQUESTS_PER_MINUTE",
        default_value_t = 300,
        value_parser = clap::value_parser!(u32).range(1..=6_000)
    )]
    client_rate_limit: u32,
    /// Address of Adobe's identity service
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://ims-na1.adobelogin.com"
    )]
    ims_url: String,
    /// Address of Audience Manager, with its version
    #[arg(long, value_name = "URL", default_value = "https://aam.adobe.io/v1")]
    audience_manager_url: String,
    /// Address of Experience Platform
    #[arg(long, value_name = "URL", default_value = "https://platform.adobe.io")]
    experience_platform_url: String,
    /// Also take addresses on this machine, without TLS: for tests and trials
    #[arg(long)]
    allow_insecure_endpoints: bool,
    /// Address of /livez, /readyz and /metrics
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:8080")]
    probe_address: SocketAddr,
    /// Form of the log
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Level of the log, or module=level pairs
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), String> {
    logging::start(arguments.log_format, &arguments.log_level)
        .map_err(|error| error.to_string())?;
    let client = client(arguments.kubeconfig.as_deref()).await?;
    let settings = settings(&arguments)?;
    let stop = stop_on_signal()?;
    let readiness = Readiness::default();
    probes::serve(
        arguments.probe_address,
        settings.metrics.clone(),
        readiness.clone(),
        stop.clone(),
    )
    .await
    .map_err(|error| format!("cannot listen on {}: {error}", arguments.probe_address))?;
    let scope = match arguments.watch_namespace.is_empty() {
        true => Scope::Cluster,
        false => Scope::Namespaces(arguments.watch_namespace.iter().cloned().collect()),
    };
    tracing::info!(owner = %settings.owner, version = env!("CARGO_PKG_VERSION"), "started");
    run_controllers(client, &scope, settings, readiness, stop).await;
    tracing::info!("stopped");
    Ok(())
}

async fn client(kubeconfig: Option<&std::path::Path>) -> Result<Client, String> {
    let config = match kubeconfig {
        Some(path) => {
            let describe = |error| format!("kubeconfig {} cannot be used: {error}", path.display());
            let file = Kubeconfig::read_from(path).map_err(describe)?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(describe)?
        }
        None => Config::infer().await.map_err(|error| {
            format!("found no cluster: {error}; name a kubeconfig with --kubeconfig, or run inside a cluster")
        })?,
    };
    Client::try_from(config).map_err(|error| format!("cannot reach the cluster: {error}"))
}

fn settings(arguments: &Arguments) -> Result<Settings, String> {
    let allowed = if arguments.allow_insecure_endpoints {
        Allowed::AlsoLoopback
    } else {
        Allowed::AdobeHosts
    };
    let endpoints = Endpoints::parse(
        &arguments.ims_url,
        &arguments.audience_manager_url,
        &arguments.experience_platform_url,
        allowed,
    )
    .map_err(|error| error.to_string())?;
    let proxy = if arguments.allow_insecure_endpoints {
        Proxy::Direct
    } else {
        Proxy::FromEnvironment
    };
    let transport =
        NetworkTransport::new(proxy).map_err(|_| "the HTTP client cannot be set up".to_owned())?;
    let rng_seed = fastrand::u64(..);
    let pod = arguments.pod_name.clone().map(|name| ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: Some(name),
        namespace: Some(arguments.namespace.clone()),
        uid: arguments.pod_uid.clone(),
        ..ObjectReference::default()
    });
    Ok(Settings {
        namespace: arguments.namespace.clone(),
        identity: pod
            .as_ref()
            .and_then(identity)
            .unwrap_or_else(|| format!("audience-sharing-{rng_seed:016x}")),
        pod,
        owner: OwnerId::parse(&arguments.owner_id)
            .map_err(|error| format!("--owner-id: {error}"))?,
        previous_owners: previous_owners(arguments)?,
        endpoints,
        transport: std::sync::Arc::new(transport),
        read_only: arguments.read_only,
        client_rate_limit: arguments.client_rate_limit,
        watch_secrets: !arguments.no_secret_watch,
        rng_seed,
        wall_clock: jiff::Timestamp::now,
        metrics: Metrics::default(),
    })
}

/// Of a Pod's name there may be two for a while, of its uid never; a container that starts again in it is the only one.
fn identity(pod: &ObjectReference) -> Option<String> {
    Some(format!("{}_{}", pod.name.as_ref()?, pod.uid.as_ref()?))
}

fn previous_owners(arguments: &Arguments) -> Result<Vec<OwnerId>, String> {
    let given = arguments.previous_owner_id.iter();
    given
        .map(|text| OwnerId::parse(text))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("--previous-owner-id: {error}"))
}

/// Cancelled by the first SIGTERM or SIGINT.
fn stop_on_signal() -> Result<CancellationToken, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let describe = |error| format!("signals cannot be received: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(describe)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(describe)?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stopped.cancel();
    });
    Ok(stop)
}
