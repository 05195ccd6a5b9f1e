//! How many members there are: experience-platform.md §3.13, audience-manager.md §6.6, §8.3.

use std::time::Duration;

use adobe_simulator::{AudienceMetrics, Connector, Picked};
use rstest::rstest;
use serde_json::{Value, json};

use crate::helper::{GRANT, Tenant, small, token};

const HOUR: Duration = Duration::from_secs(3600);
/// Midnight UTC is where the clock starts.
const START: u64 = 1_767_571_200;

/// A definition of 1,000 profiles on the flow.
struct Shared {
    tenant: Tenant,
    id: String,
    flow: String,
}

impl Shared {
    async fn new() -> Self {
        let tenant = small().await;
        let person = |collection, object| {
            let made: Value = tenant.simulator.create_object(collection, object).unwrap();
            made["id"].as_str().unwrap().to_owned()
        };
        let id = person("audiences", json!({"name": "Loyal", "size": 1_000}));
        let flow = person("flows", json!({}));
        let shared = Self { tenant, id, flow };
        shared.select(&[&shared.id]);
        shared
    }

    fn select(&self, audiences: &[&str]) {
        let selectors = audiences
            .iter()
            .map(|id| json!({"type": "PLATFORM_SEGMENT", "value": {"id": id}}));
        let selectors: Vec<Value> = selectors.collect();
        let patch = json!({"transformations": [{"name": "GeneralTransform",
            "params": {"segmentSelectors": {"selectors": selectors}}}]});
        self.edit("flows", &self.flow, patch);
    }

    fn edit(&self, collection: &str, id: &str, patch: Value) {
        let simulator = &self.tenant.simulator;
        simulator.patch_object(collection, id, &patch).unwrap();
    }

    /// Hour by hour, as under a client that looks often.
    async fn pass(&mut self, hours: u32) {
        for _ in 0..hours {
            self.tenant.simulator.advance(HOUR);
        }
        let renewed = token(&self.tenant.simulator, GRANT).await.expect(200);
        self.tenant.token = renewed["access_token"].as_str().unwrap().to_owned();
    }

    async fn audience(&self, query: &str) -> Value {
        let target = format!("/audiences/{}{query}", self.id);
        self.tenant
            .aep("GET", &target, Value::Null)
            .await
            .expect(200)
    }

    async fn profiles(&self) -> Value {
        let audience = self.audience("?property=withMetrics==true").await;
        audience["metrics"]["data"]["totalProfiles"].clone()
    }

    async fn of_pair(&self, collection: &str, field: &str) -> u64 {
        let target = format!(
            "/{collection}/?integrationCode={}&includeMetrics=true",
            self.id
        );
        let found = self
            .tenant
            .aam("GET", &target, Value::Null)
            .await
            .expect(200);
        found[0][field].as_u64().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn the_daily_job_counts_what_a_person_set() {
    let mut shared = Shared::new().await;
    shared.pass(23).await;
    assert_eq!(shared.profiles().await, Value::Null);
    shared.pass(1).await;
    let audience = shared.audience("?property=withMetrics==true").await;
    assert_eq!(audience.get("size"), None);
    let metrics = &audience["metrics"];
    assert_eq!(metrics["data"]["totalProfiles"], 1_000);
    assert_eq!(metrics["updateEpoch"], START + 24 * 3600);
    // It moves with the next job, and not for one that is paused.
    shared.edit("audiences", &shared.id, json!({"size": 1_200}));
    shared.pass(23).await;
    assert_eq!(shared.profiles().await, 1_000);
    shared.pass(1).await;
    assert_eq!(shared.profiles().await, 1_200);
    shared.edit(
        "audiences",
        &shared.id,
        json!({"size": 5, "lifecycleState": "inactive"}),
    );
    shared.pass(24).await;
    assert_eq!(shared.profiles().await, 1_200);
}

#[tokio::test(start_paused = true)]
async fn a_client_neither_sees_nor_sets_the_size() {
    let shared = Shared::new().await;
    let tenant = &shared.tenant;
    let patch = json!([{"op": "add", "path": "/size", "value": 7}]);
    let target = format!("/audiences/{}", shared.id);
    let after = tenant.aep("PATCH", &target, patch).await.expect(200);
    assert_eq!(after.get("size"), None);
    let target = format!("/segment/definitions/{}", shared.id);
    let mut whole = tenant.aep("GET", &target, Value::Null).await.expect(200);
    assert_eq!(whole.get("size"), None);
    whole["size"] = json!(7);
    tenant.aep("PATCH", &target, whole).await.expect(200);
    let body = json!({"name": "n", "size": 7, "schema": {"name": "_xdm.context.profile"},
        "expression": {"type": "PQL", "format": "pql/text", "value": "a = 1"}});
    tenant.aep("POST", "/audiences", body).await.expect(200);
    let sizes = tenant.simulator.state()["audiences"]
        .as_array()
        .unwrap()
        .clone();
    let sizes: Vec<&Value> = sizes.iter().filter_map(|one| one.get("size")).collect();
    assert_eq!(sizes, [&json!(1_000)]);
}

#[rstest]
#[case(AudienceMetrics::OnRequest, false, true)]
#[case(AudienceMetrics::Always, true, true)]
#[case(AudienceMetrics::Never, false, false)]
#[tokio::test(start_paused = true)]
async fn when_an_audience_shows_its_metrics(
    #[case] reading: AudienceMetrics,
    #[case] plain: bool,
    #[case] asked: bool,
) {
    let mut shared = Shared::new().await;
    shared
        .tenant
        .flags(|flags| flags.experience_platform.audience_metrics = reading);
    shared.pass(24).await;
    for (query, shown) in [("", plain), ("?property=withMetrics==true", asked)] {
        let one = shared.audience(query).await;
        let list = shared
            .tenant
            .aep("GET", &format!("/audiences{query}"), Value::Null)
            .await;
        for audience in [&one, &list.expect(200)["children"][0]] {
            assert_eq!(audience.get("metrics").is_some(), shown, "{query}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_job_has_a_counter_for_each_definition() {
    let mut shared = Shared::new().await;
    let target = "/segment/jobs?limit=1&sort=creationTime:desc&status=SUCCEEDED";
    let none = shared
        .tenant
        .aep("GET", target, Value::Null)
        .await
        .expect(200);
    assert_eq!(none["children"], json!([]));
    let upload = json!({"type": "ExternalSegment", "originName": "CUSTOM_UPLOAD", "size": 9});
    shared
        .tenant
        .simulator
        .create_object("audiences", upload)
        .unwrap();
    shared.pass(25).await;
    let jobs = shared
        .tenant
        .aep("GET", target, Value::Null)
        .await
        .expect(200);
    let metrics = &jobs["children"][0]["metrics"];
    assert_eq!(
        metrics["segmentedProfileCounter"],
        json!({shared.id.as_str(): 1_000})
    );
    assert_eq!(
        metrics["totalTime"]["endTimeInMs"],
        (START + 24 * 3600) * 1000
    );
    let failed = "/segment/jobs?status=FAILED";
    let failed = shared
        .tenant
        .aep("GET", failed, Value::Null)
        .await
        .expect(200);
    assert_eq!(failed["children"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn members_arrive_from_six_hours_on_and_are_whole_after_three_days() {
    let mut shared = Shared::new().await;
    shared.pass(1).await;
    assert_eq!(shared.of_pair("segments", "totalUniques1Day").await, 0);
    let mut daily = Vec::new();
    for _ in 0..5 {
        shared.pass(24).await;
        daily.push(shared.of_pair("segments", "totalUniques1Day").await);
        let lifetime = shared.of_pair("traits", "uniquesLifetime").await;
        assert_eq!(daily.last(), Some(&lifetime));
    }
    // The pair is an hour old at the start of the day: 23, 47 and 71 hours of 72, of 600.
    assert_eq!(daily, [191, 391, 591, 600, 600]);
    // No member is new any more, which says nothing of how many there are.
    assert_eq!(shared.of_pair("traits", "uniques1Day").await, 0);
    assert_eq!(shared.of_pair("traits", "uniques7Day").await, 600);
    shared.edit("audiences", &shared.id, json!({"size": 2_000}));
    shared.pass(24).await;
    assert_eq!(shared.of_pair("segments", "totalUniques1Day").await, 1_200);
    // Off the flow the pair stays, and is not filled any more.
    shared.select(&[]);
    shared.edit("audiences", &shared.id, json!({"size": 4_000}));
    shared.pass(24).await;
    assert_eq!(shared.of_pair("segments", "totalUniques1Day").await, 1_200);
    assert_eq!(shared.profiles().await, 4_000);
}

/// The segment over a client's trait is counted like the trait; a rule over something else is not.
#[rstest]
#[case(true, 191)]
#[case(false, 0)]
#[tokio::test(start_paused = true)]
async fn a_trait_with_the_same_rule_may_fill_too(#[case] fills: bool, #[case] members: u64) {
    let mut shared = Shared::new().await;
    shared
        .tenant
        .flags(|flags| flags.sharing.fills_others_traits = fills);
    let source = shared.tenant.source("ours").await;
    let person = |collection, object| {
        let simulator = &shared.tenant.simulator;
        simulator.create_object(collection, object).unwrap()["sid"].clone()
    };
    let rule = |value: &str| format!("segID == \"{value}\"");
    let of = |rule: String| {
        json!({"traitType": "ON_BOARDED_TRAIT", "name": "t", "dataSourceId": source,
        "integrationCode": shared.id, "traitRule": rule})
    };
    let same = person("traits", of(rule(&shared.id)));
    let other = person("traits", of(rule("x")));
    let over = |rule: String| json!({"name": "s", "dataSourceId": source, "segmentRule": rule});
    let segment = person("segments", over(format!("{same}T")));
    let mixed = person("segments", over(format!("{same}T OR {other}T")));
    shared.pass(1).await;
    shared.pass(23).await;
    let read = async |kind: &str, sid: &Value, field: &str| {
        let target = format!("/{kind}/{sid}?includeMetrics=true");
        let found = shared
            .tenant
            .aam("GET", &target, Value::Null)
            .await
            .expect(200);
        found[field].as_u64().unwrap()
    };
    assert_eq!(read("traits", &same, "uniquesLifetime").await, members);
    assert_eq!(
        read("segments", &segment, "totalUniques1Day").await,
        members
    );
    assert_eq!(read("traits", &other, "uniquesLifetime").await, 0);
    assert_eq!(read("segments", &mixed, "totalUniques1Day").await, 0);
}

/// A count comes too early for what was activated less than six hours before it.
#[rstest]
#[case(17, 58)]
#[case(19, 0)]
#[tokio::test(start_paused = true)]
async fn the_first_count_waits_for_six_hours(#[case] activated: u32, #[case] members: u64) {
    let mut shared = Shared::new().await;
    shared.select(&[]);
    shared.pass(activated - 1).await;
    shared.select(&[&shared.id]);
    shared.pass(25 - activated).await;
    assert_eq!(
        shared.of_pair("segments", "totalUniques1Day").await,
        members
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_arrives_over_a_broken_link() {
    let mut shared = Shared::new().await;
    shared
        .tenant
        .flags(|flags| flags.sharing.link_broken = true);
    shared.pass(24 * 5).await;
    assert_eq!(shared.profiles().await, 1_000);
    assert_eq!(shared.of_pair("segments", "totalUniques1Day").await, 0);
    assert_eq!(shared.of_pair("traits", "uniquesLifetime").await, 0);
}

#[rstest]
#[case::works(false, json!(700))]
#[case::broken(true, Value::Null)]
#[tokio::test(start_paused = true)]
async fn the_connectors_audience_is_counted_after_a_day(
    #[case] broken: bool,
    #[case] members: Value,
    #[values("segments", "traits")] collection: &str,
) {
    let mut shared = Shared::new().await;
    shared.tenant.flags(|flags| {
        flags.connector.link_broken = broken;
        flags.connector.set_up = Some(Connector {
            pid: None,
            sandbox: "prod".to_owned(),
            segments: Picked::All,
            traits: Picked::All,
            delay_ms: 0,
        });
    });
    shared.pass(1).await;
    let source = shared.tenant.source("d").await;
    let object = json!({"name": "s", "folderId": 0, "dataSourceId": source,
        "totalUniques1Day": 700, "uniques30Day": 700});
    let made = shared
        .tenant
        .simulator
        .create_object(collection, object)
        .unwrap();
    shared.pass(1).await;
    let of_connector = async |shared: &Shared| {
        let target = format!(
            "/audiences?property=audienceId=={}&property=withMetrics==true",
            made["sid"]
        );
        let found = shared
            .tenant
            .aep("GET", &target, Value::Null)
            .await
            .expect(200);
        found["children"][0]["metrics"]["data"]["totalProfiles"].clone()
    };
    shared.pass(23).await;
    assert_eq!(
        of_connector(&shared).await,
        Value::Null,
        "younger than a day at midnight"
    );
    shared.pass(24).await;
    assert_eq!(of_connector(&shared).await, members);
}

/// Where no size is given the clock changes nothing.
#[tokio::test(start_paused = true)]
async fn a_tenant_without_sizes_is_left_alone() {
    let mut shared = Shared::new().await;
    shared.edit("audiences", &shared.id, json!({"size": null}));
    shared.pass(1).await;
    let before = shared.tenant.simulator.changes(0).len();
    shared.pass(24 * 30).await;
    assert_eq!(shared.tenant.simulator.changes(0).len(), before);
    assert_eq!(
        shared
            .audience("?property=withMetrics==true")
            .await
            .get("metrics"),
        None
    );
}
