//! The world in one process: engine, gateway and simulator on a virtual clock, every call numbered at one choke point.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adobe_openapi::Trial;
use adobe_simulator::{ConnectionLost, Options, Seed, Simulator};
use audience_sharing_core::compose::{
    AdoptionPolicy, AudienceSelector, ConnectionSettings, Direction, Mode, Share, ShareName,
    SourceGonePolicy, Strategy, ToAudienceManager,
};
use audience_sharing_core::domain::identifier::{AudienceId, OrganizationId, SandboxName};
use audience_sharing_core::domain::ownership::{OwnerId, ResourceName, UidPrefix};
use audience_sharing_core::domain::source::SourceId;
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_core::plan::{Existence, Existing, audience, foundation, platform};
use audience_sharing_operator::adobe::credential::{Credential, DEFAULT_SCOPES};
use audience_sharing_operator::adobe::endpoints::{Allowed, Endpoints};
use audience_sharing_operator::adobe::gateway::{Budget, ClientLimiter, Gateway, GatewayOptions};
use audience_sharing_operator::adobe::transport::{self, Body, Transport, TransportError};
use audience_sharing_operator::engine::{
    Configuration, Confirmation, Departure, Engine, EngineObserver, EngineOptions, Retired,
    SettleRequest, Settled, SharedTurn,
};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::change_judge::ChangeJudge;
use crate::judged;
use crate::strangers::{self, Ours};
use crate::tenants;

pub(crate) const LOYAL_GAMERS: &str = "4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11";

/// The choke point: every request of the operator passes here and has a number.
struct InProcess {
    simulator: Simulator,
    calls: AtomicU64,
}

impl Transport for InProcess {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, TransportError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let router = match request.uri().port_u16() {
            Some(1) => self.simulator.ims(),
            Some(2) => self.simulator.audience_manager(),
            Some(3) => self.simulator.experience_platform(),
            _ => return Err(TransportError::NOT_CONNECTED),
        };
        let Ok(answer) = router.oneshot(request.map(axum::body::Body::from)).await;
        match answer.extensions().get::<ConnectionLost>().is_some() {
            true => Err(TransportError::CONNECTION_LOST),
            false => Ok(answer.map(transport::body)),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    plans: AtomicU64,
    /// The next plan panics.
    pub(crate) panics: AtomicBool,
}

impl EngineObserver for Counts {
    fn on_plan(&self) {
        self.plans.fetch_add(1, Ordering::Relaxed);
        let panics = self.panics.swap(false, Ordering::Relaxed);
        assert!(!panics, "a defect that a test plays");
    }
}

/// The shares that were settled and have not left.
#[derive(Debug, Default)]
pub(crate) struct Declared(Mutex<BTreeSet<ShareName>>);

impl Existing for Declared {
    fn existence(&self, share: &ShareName) -> Existence {
        self.0.lock().unwrap().existence(share)
    }
}

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) engine: Engine,
    pub(crate) lease: watch::Sender<Option<Instant>>,
    pub(crate) counts: Arc<Counts>,
    existing: Arc<Declared>,
    pub(crate) woken: mpsc::UnboundedReceiver<ShareName>,
    pub(crate) changes: ChangeJudge,
    _judged: Trial,
}

/// What the world is made with where a test cares.
pub(crate) struct Setting {
    pub(crate) seed: Seed,
    pub(crate) client_secret: &'static str,
    pub(crate) requests_per_minute: u32,
    pub(crate) recorded_tenant: Tenant,
    pub(crate) read_only: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            seed: Seed::realistic(),
            client_secret: "demo-secret",
            requests_per_minute: 6_000,
            recorded_tenant: Tenant::default(),
            read_only: false,
        }
    }
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(Setting::default())
    }

    pub(crate) fn with(setting: Setting) -> Self {
        let simulator = Simulator::new(Options {
            latency: Duration::ZERO,
            seed: Some(setting.seed),
        });
        let mut tenant = simulator.state();
        let ours = Ours {
            owner: "test-owner",
            namespace: "marketing",
            source: LOYAL_GAMERS,
            names: &["loyal", "buyers"],
        };
        strangers::add(&mut tenant, ours);
        simulator.set_state(tenant).unwrap();
        simulator.copy_created(serde_json::from_value(strangers::copies(true)).unwrap());
        Self::over(
            ChangeJudge::of(&simulator),
            simulator,
            setting.client_secret,
            setting.requests_per_minute,
            setting.recorded_tenant,
            setting.read_only,
        )
    }

    /// A new process over the same tenant: nothing is remembered but what status would have recorded.
    pub(crate) fn restarted(self) -> Self {
        self.engine.stop();
        Self::over(
            self.changes,
            self.simulator,
            "demo-secret",
            6_000,
            Tenant::default(),
            false,
        )
    }

    fn over(
        changes: ChangeJudge,
        simulator: Simulator,
        client_secret: &str,
        requests_per_minute: u32,
        recorded_tenant: Tenant,
        read_only: bool,
    ) -> Self {
        let endpoints = Endpoints::parse(
            "http://127.0.0.1:1",
            "http://127.0.0.1:2/v1",
            "http://127.0.0.1:3",
            Allowed::AlsoLoopback,
        );
        let gateway = Gateway::new(GatewayOptions {
            endpoints: endpoints.unwrap(),
            organization: OrganizationId::new("0F1E2D3C4B5A69780A49420E@AdobeOrg"),
            credential: Credential {
                client_id: "demo-client".into(),
                client_secret: client_secret.to_owned().into(),
                scopes: DEFAULT_SCOPES.into(),
            },
            transport: Arc::new(InProcess {
                simulator: simulator.clone(),
                calls: AtomicU64::new(0),
            }),
            limiter: ClientLimiter::new(6_000).connection(
                "marketing/acme",
                Budget {
                    requests_per_minute,
                    burst: 10,
                },
            ),
            read_only,
            rng_seed: 7,
            wall_clock: Arc::new(|| jiff::Timestamp::UNIX_EPOCH),
            observer: Arc::new(()),
        });
        let (lease, leased) =
            watch::channel(Some(Instant::now() + Duration::from_secs(100 * 86_400)));
        let (wake, woken) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let existing = Arc::new(Declared::default());
        let engine = Engine::start(EngineOptions {
            gateway,
            sandbox: SandboxName::new("prod"),
            configuration: Configuration {
                settings: settings(),
                resync_interval: Duration::from_secs(600),
                confirmation: Confirmation::given(),
            },
            recorded_foundation: foundation::Recorded::default(),
            recorded_created: (Vec::new(), Vec::new()),
            recorded_tenant,
            lease: leased,
            shared_turn: SharedTurn::default(),
            existing: existing.clone(),
            wake,
            rng_seed: 7,
            observer: counts.clone(),
        });
        Self {
            _judged: judged::watch(&simulator),
            simulator,
            engine,
            lease,
            counts,
            existing,
            woken,
            changes,
        }
    }

    pub(crate) async fn settle(&self, request: SettleRequest) -> Settled {
        let name = request.share.name.clone();
        self.existing.0.lock().unwrap().insert(name);
        self.engine.settle(request).await.unwrap()
    }

    /// A resource of this name exists, whether or not it was ever looked at.
    pub(crate) fn exists(&self, name: &str) {
        self.existing.0.lock().unwrap().insert(share_name(name));
    }

    /// Shares a source and gives what stands; the whole of it must.
    pub(crate) async fn share(&self, name: &str, source: &str) -> Settled {
        let settled = self.settle(request(name, source)).await;
        assert_eq!(settled.obstacle, None, "{name} stands");
        settled
    }

    pub(crate) async fn retire(&self, name: &str, source: &str, settled: &Settled) -> Retired {
        let departure = Departure {
            share: share_name(name),
            uid: uid(),
            selector: None,
            source: Some(SourceId::Audience(AudienceId::new(source))),
            data_source: settled.foundation.data_source,
            recorded: recorded(settled),
            declared: Vec::new(),
            recorded_audience: None,
            strategy: Strategy::default(),
            recorded_tenant: settled.tenant.clone(),
            rivals: Vec::new(),
            confirmation: Confirmation::given(),
        };
        self.existing.0.lock().unwrap().remove(&departure.share);
        self.engine.retire(departure).await.unwrap()
    }

    pub(crate) fn plans(&self) -> u64 {
        self.counts.plans.load(Ordering::Relaxed)
    }

    /// Calls to the two systems since the last clearing, the token apart.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = serde_json::to_value(self.simulator.calls()).unwrap();
        calls
            .as_array()
            .unwrap()
            .iter()
            .filter(|call| call["system"] != "ims")
            .map(|call| {
                format!(
                    "{} {}",
                    call["method"].as_str().unwrap(),
                    call["path"].as_str().unwrap()
                )
            })
            .collect()
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        let calls = self.calls();
        calls
            .into_iter()
            .filter(|call| {
                !call.starts_with("GET ")
                    && !call.ends_with("/bulk-get")
                    && !call.ends_with("/validate/")
            })
            .collect()
    }

    /// The two systems without the strangers in them.
    pub(crate) fn tenant(&self) -> Value {
        strangers::without(self.simulator.state())
    }

    pub(crate) fn fault(&self, fault: Value) {
        self.simulator
            .add_fault(serde_json::from_value(fault).unwrap());
    }

    /// The objects of the tenant that carry our mark.
    pub(crate) fn marked(&self) -> Vec<Value> {
        let state = self.tenant();
        let of = |collection: &str| state[collection].as_array().unwrap().clone();
        let objects = of("traits").into_iter().chain(of("segments"));
        objects
            .filter(|found| {
                found["description"]
                    .as_str()
                    .is_some_and(|text| text.contains("[audience-sharing:"))
            })
            .collect()
    }

    pub(crate) fn object(&self, collection: &str, sid: u64) -> Value {
        let state = self.tenant();
        let objects = state[collection].as_array().unwrap();
        objects
            .iter()
            .find(|found| found["sid"] == sid)
            .cloned()
            .unwrap_or_default()
    }
}

/// The realistic tenant with `count` more audiences, `audience-0` and so on.
pub(crate) fn tenant_with(count: usize) -> Seed {
    tenants::with_audiences(count, "demo-secret")
}

pub(crate) fn settings() -> ConnectionSettings {
    ConnectionSettings {
        owner: OwnerId::parse("test-owner").unwrap(),
        previous_owners: Vec::new(),
        data_source: "Adobe Experience Platform Audience Sharing".into(),
        trait_folder: "Experience Platform Traits".into(),
        segment_folder: "Experience Platform Segments".into(),
        merge_rule: None,
        trait_rule_key: "segid".into(),
        adoption: AdoptionPolicy::Match,
    }
}

/// Of every resource of these worlds.
pub(crate) fn uid() -> UidPrefix {
    UidPrefix::of("a1b2c3d4")
}

pub(crate) fn share_name(name: &str) -> ShareName {
    ShareName {
        namespace: ResourceName::parse("marketing").unwrap(),
        name: ResourceName::parse(name).unwrap(),
    }
}

pub(crate) fn request(name: &str, source: &str) -> SettleRequest {
    SettleRequest {
        share: Share {
            name: share_name(name),
            uid: uid(),
            direction: Direction::ToAudienceManager(ToAudienceManager {
                source: AudienceSelector::Id(AudienceId::new(source)),
                name: None,
                description: None,
                ttl_days: 120,
                destinations: Vec::new(),
                additional_segments: Vec::new(),
            }),
            mode: Mode::Manage,
            adoption: AdoptionPolicy::Match,
            retain: false,
            source_gone: SourceGonePolicy::Keep,
        },
        created: CreatedAt(0),
        pinned: None,
        recorded: audience::Recorded::default(),
        recorded_audience: platform::Recorded::default(),
        recorded_tenant: Tenant::default(),
        is_change: true,
        confirmation: Confirmation::given(),
    }
}

/// What status would have written down.
pub(crate) fn recorded(settled: &Settled) -> audience::Recorded {
    let standing = settled.standing.clone().unwrap();
    audience::Recorded {
        trait_sid: standing.trait_sid,
        segment_sid: standing.segment_sid,
        observed: standing.observed,
        additional_segments: standing.additional_segments,
        mappings: standing.mappings,
        traits: standing.traits,
    }
}
