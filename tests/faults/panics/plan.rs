//! A panic while an engine plans for one audience: no call is part of it, so that the engine is asked by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adobe_client::credential::{Credential, DEFAULT_SCOPES};
use adobe_client::endpoints::{Allowed, Endpoints};
use adobe_client::gateway::{ClientLimiter, Gateway, GatewayOptions, RateLimitOptions};
use audience_sharing_core::compose::{
    AdoptionPolicy, AudienceSelector, ConnectionSettings, Direction, Mode, Share, ShareName,
    SourceGonePolicy, ToAudienceManager,
};
use audience_sharing_core::domain::identifier::{AudienceId, OrganizationId, SandboxName};
use audience_sharing_core::domain::mark::{OwnerId, ResourceName, UidPrefix};
use audience_sharing_core::existence::{Existence, Existing};
use audience_sharing_core::inventory::Tenant;
use audience_sharing_core::plan::claims::CreatedAt;
use audience_sharing_core::plan::{shared_objects, to_audience_manager, to_experience_platform};
use audience_sharing_engine::{
    Configuration, Engine, EngineObserver, EngineOptions, Freshness, NotReconciled,
    ReconcileRequest, SharedObjectsLock,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::operations::{LOYAL_GAMERS, OTHER};
use crate::operator::{OWNER, SECRET, ToAdobe, World, seed};
use crate::run::on_virtual_time;

#[derive(Debug, Default)]
struct Defect(AtomicBool);

impl EngineObserver for Defect {
    fn on_plan(&self) {
        let panics = self.0.swap(false, Ordering::Relaxed);
        assert!(!panics, "a defect that a test plays");
    }
}

#[derive(Debug)]
struct All;

impl Existing for All {
    fn existence(&self, _: &ShareName) -> Existence {
        Existence::Exists
    }
}

fn gateway(world: &World) -> Gateway {
    let endpoints = Endpoints::parse(
        "http://127.0.0.1:1",
        "http://127.0.0.1:2/v1",
        "http://127.0.0.1:3",
        Allowed::AlsoLoopback,
    );
    let outgoing = world.choke_point.outgoing(1, CancellationToken::new());
    let budget = RateLimitOptions {
        requests_per_minute: 6_000,
        burst: 10,
    };
    Gateway::new(GatewayOptions {
        endpoints: endpoints.unwrap(),
        organization: OrganizationId::new("0F1E2D3C4B5A69780A49420E@AdobeOrg"),
        credential: Credential {
            client_id: "demo-client".into(),
            client_secret: SECRET.to_owned().into(),
            scopes: DEFAULT_SCOPES.into(),
        },
        transport: Arc::new(ToAdobe(outgoing)),
        limiter: ClientLimiter::new(6_000).connection("marketing/acme", budget),
        read_only: false,
        rng_seed: 7,
        wall_clock: Arc::new(|| jiff::Timestamp::UNIX_EPOCH),
        observer: Arc::new(()),
    })
}

fn settings() -> ConnectionSettings {
    ConnectionSettings {
        owner: OwnerId::parse(OWNER).unwrap(),
        previous_owners: Vec::new(),
        data_source: "Adobe Experience Platform Audience Sharing".into(),
        trait_folder: "Experience Platform Traits".into(),
        segment_folder: "Experience Platform Segments".into(),
        merge_rule: None,
        trait_rule_key: "segid".into(),
        adoption: AdoptionPolicy::IfEqual,
    }
}

fn request(name: &str, source: &str) -> ReconcileRequest {
    ReconcileRequest {
        share: Share {
            name: ShareName {
                namespace: ResourceName::parse("marketing").unwrap(),
                name: ResourceName::parse(name).unwrap(),
            },
            uid: UidPrefix::of("a1b2c3d4"),
            direction: Direction::ToAudienceManager(ToAudienceManager {
                models: Vec::new(),
                moves_over: false,
                source: AudienceSelector::Id(AudienceId::new(source)),
                name: None,
                description: None,
                ttl_days: 120,
                destinations: Vec::new(),
                additional_segments: Vec::new(),
            }),
            mode: Mode::Manage,
            adoption: AdoptionPolicy::IfEqual,
            retain: false,
            source_gone: SourceGonePolicy::Retain,
        },
        created: CreatedAt(0),
        pinned: None,
        recorded: to_audience_manager::RecordedIds::default(),
        recorded_audience: to_experience_platform::RecordedAudience::default(),
        recorded_tenant: Tenant::default(),
        is_change: true,
        freshness: Freshness::given(),
    }
}

#[test]
fn a_panic_in_the_plan_for_one_audience_concerns_that_one_alone() {
    on_virtual_time(async {
        let world = World::new(seed());
        let until = Instant::now() + Duration::from_secs(86_400);
        let (_lease, lease) = watch::channel(Some(until));
        let (wake, _woken) = audience_sharing_engine::wake_queue();
        let defect = Arc::new(Defect::default());
        let engine = Engine::start(EngineOptions {
            gateway: gateway(&world),
            sandbox: SandboxName::new("prod"),
            configuration: Configuration {
                settings: settings(),
                resync_interval: Duration::from_secs(600),
                freshness: Freshness::given(),
            },
            recorded_shared_objects: shared_objects::RecordedSharedObjects::default(),
            recorded_created: (Vec::new(), Vec::new()),
            recorded_tenant: Tenant::default(),
            lease,
            shared_lock: SharedObjectsLock::default(),
            existing: Arc::new(All),
            wake,
            rng_seed: 7,
            observer: defect.clone(),
        });
        let stands = async |name, source| {
            let reconciled = engine.reconcile(request(name, source)).await.unwrap();
            assert_eq!(reconciled.problem, None, "{name} stands");
        };
        stands("readers", OTHER).await;
        defect.0.store(true, Ordering::Relaxed);
        let reconciled = engine.reconcile(request("loyal", LOYAL_GAMERS)).await;
        assert_eq!(reconciled.err(), Some(NotReconciled::Panicked));
        assert!(!engine.is_ended());
        let since = world.choke_point.count();
        stands("readers", OTHER).await;
        stands("loyal", LOYAL_GAMERS).await;
        let calls = world.choke_point.calls().split_off(since);
        assert!(
            !calls.iter().any(|call| call.path.contains("/datasources/")),
            "another full pass: {calls:?}"
        );
    });
}
