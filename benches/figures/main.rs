//! The figures that the operator promises (design.md §8), each beside its limit: the real binary, a real API server,
//! simulated Adobe systems that take 50 ms an answer. Printed as a table, written as JSON. Nothing is asserted but that
//! each scenario ran to its end.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod installed;
mod stage;
mod table;
mod tenant;

use std::path::Path;
use std::time::{Duration, Instant};

use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use testbed::{ControlPlane, ControlPlaneOptions};

use stage::{LATENCY, Stage, is_ready, usage};
use table::Table;

const SECRET: &str = "demo-secret";
const FAST: u32 = 6_000;
const WITHIN: Duration = Duration::from_secs(600);
/// Audiences on one page of Experience Platform's list, as the client asks for them.
const PAGE: usize = 100;

#[tokio::main]
async fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plane: &'static ControlPlane = Box::leak(Box::new(
        ControlPlane::start(ControlPlaneOptions::default())
            .await
            .expect("a control plane"),
    ));
    let crds = root.join("crds").display().to_string();
    plane
        .run_kubectl(&["apply", "--server-side", "--filename", &crds])
        .await
        .expect("the definitions are installed");
    let file = Kubeconfig::read_from(plane.kubeconfig()).expect("a kubeconfig");
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .expect("a configuration");
    let agent = http::HeaderValue::from_static(stage::USER_AGENT);
    config.headers.push((http::header::USER_AGENT, agent));
    let client = Client::try_from(config).expect("a client");
    let bench = Bench {
        root: root.to_owned(),
        plane,
        client,
    };

    let mut table = Table::default();
    // `make bench BENCH_ARGS="rest edits"` runs what begins so; without arguments all of it.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted =
        |name: &str| asked.is_empty() || asked.iter().any(|asked| name.starts_with(asked.as_str()));
    if wanted("installed") {
        bench.installed(&mut table).await;
    }
    for (audiences, foreign) in [(1, 0), (100, 0), (1_000, 0), (10_000, 90_000)] {
        if wanted(&format!("rest-{audiences}")) {
            bench.at_rest(&mut table, audiences, foreign).await;
        }
    }
    if wanted("edits") {
        bench.edits(&mut table).await;
    }
    if wanted("bulk-edits") {
        bench.edits_in_bulk(&mut table).await;
    }
    for (audiences, budget) in [(1_000, 1_200), (4_000, FAST)] {
        if wanted(&format!("create-{audiences}")) {
            bench.creations(&mut table, audiences, budget).await;
        }
    }
    if wanted("broken") {
        bench.broken_credential(&mut table).await;
    }
    table.print();
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    table.write(&folder.join("bench.json"));
}

struct Bench {
    root: std::path::PathBuf,
    plane: &'static ControlPlane,
    client: Client,
}

impl Bench {
    async fn stage(
        &self,
        name: &str,
        audiences: usize,
        shared: usize,
        foreign: usize,
        budget: u32,
        secret: &str,
    ) -> Stage {
        eprintln!("bench: {name}…");
        let tenant = tenant::seed(&self.root, name, audiences, shared, foreign);
        Stage::set(self.plane, &self.client, name, &tenant, budget, secret).await
    }

    /// Everything stands in Audience Manager already: first start, restart, passes, memory, processor.
    async fn at_rest(&self, table: &mut Table, audiences: usize, foreign: usize) {
        let name = format!("rest-{audiences}");
        let stage = self
            .stage(&name, audiences, audiences, foreign, FAST, SECRET)
            .await;
        let server = stage.declare(0..audiences).await;
        let mut operator = stage.start_operator();
        let started = Instant::now();
        stage.all_ready(audiences, WITHIN).await;
        let adopted = started.elapsed();
        let writes = stage
            .calls()
            .await
            .iter()
            .filter(|call| matches!(call.method.as_str(), "PUT" | "DELETE") || call.is_write())
            .count();
        let scenario = format!(
            "{audiences} audiences, {} traits in the tenant",
            audiences + foreign + 13
        );
        table.row(
            &scenario,
            "first look at all: finalizer and status of each",
            seconds(adopted),
            format!("the API server took {} to create them", seconds(server)),
        );
        table.row(
            &scenario,
            "remote writes for it",
            writes,
            "0: everything stands".into(),
        );

        operator
            .terminate(Duration::from_secs(20))
            .await
            .expect("the operator stops");
        let before = stage.kubernetes_writes();
        let mut operator = stage.start_operator();
        let verdict = stage.looks(&operator, "Succeeded", audiences, WITHIN).await;
        let pages = audiences.div_ceil(PAGE);
        let first_page = LATENCY * u32::try_from(pages).unwrap_or(u32::MAX);
        table.row(
            &scenario,
            "restart to the verdict on all",
            seconds(verdict),
            format!("30 s; its {pages} pages alone take {}", seconds(first_page)),
        );
        table.row(
            &scenario,
            "Kubernetes writes of the restart",
            stage.kubernetes_writes() - before,
            "0".into(),
        );

        stage.look_now(0).await;
        stage
            .control
            .clear_calls()
            .await
            .expect("the log is cleared");
        let (before, started) = (stage.kubernetes_writes(), Instant::now());
        const PASSES: usize = 3;
        for pass in 1..=PASSES {
            stage.look_now(pass).await;
        }
        let pass = started.elapsed() / u32::try_from(PASSES).unwrap_or(1);
        let calls = stage.calls().await;
        let audience_manager = calls
            .iter()
            .filter(|call| call.system == "audienceManager")
            .count();
        table.row(
            &scenario,
            "calls of a pass to Audience Manager",
            audience_manager / PASSES,
            "5".into(),
        );
        table.row(
            &scenario,
            "calls of a pass to Experience Platform",
            (calls.len() - audience_manager) / PASSES,
            format!("{} pages", (audiences + 17).div_ceil(PAGE)),
        );
        table.row(
            &scenario,
            "Kubernetes writes of a pass, the echo of the request apart",
            (stage.kubernetes_writes() - before).saturating_sub(PASSES),
            "0".into(),
        );
        table.row(
            &scenario,
            "a pass",
            seconds(pass),
            format!(
                "round trips {}",
                seconds(LATENCY * u32::try_from(calls.len() / PASSES).unwrap_or(1))
            ),
        );

        let before = usage(&operator).processor;
        const QUIET: u64 = 20;
        tokio::time::sleep(Duration::from_secs(QUIET)).await;
        let after = usage(&operator);
        table.row(
            &scenario,
            "memory, steady",
            format!("{} MiB", after.memory),
            "80 MiB with 10,000".into(),
        );
        table.row(
            &scenario,
            "memory, peak",
            format!("{} MiB", after.memory_peak),
            "110 MiB with 10,000".into(),
        );
        // Both are in hundredths: of a second in 20 s, and of the whole.
        table.row(
            &scenario,
            "processor at rest",
            format!(
                "{:.2} % of one core",
                (after.processor - before) as f64 / QUIET as f64
            ),
            "-".into(),
        );
        operator
            .terminate(Duration::from_secs(20))
            .await
            .expect("the operator stops");
    }

    /// One manifest after the other changes, from the API server's answer to the status that says it is done.
    async fn edits(&self, table: &mut Table) {
        const AUDIENCES: usize = 1_000;
        const EDITS: usize = 200;
        let stage = self
            .stage("edits", AUDIENCES, AUDIENCES, 0, FAST, SECRET)
            .await;
        stage.declare(0..AUDIENCES).await;
        let mut operator = stage.start_operator();
        stage.all_ready(AUDIENCES, WITHIN).await;
        let times = edited(&stage, EDITS).await;
        let scenario = format!("{AUDIENCES} audiences, an edit of two objects");
        edit_rows(table, &scenario, &times, "150 ms");
        operator
            .terminate(Duration::from_secs(20))
            .await
            .expect("the operator stops");
    }

    /// The same while thousands of new audiences wait for the rate limiter.
    async fn edits_in_bulk(&self, table: &mut Table) {
        const AUDIENCES: usize = 1_000;
        const NEW: usize = 4_000;
        const EDITS: usize = 100;
        const REQUESTS_PER_MINUTE: u32 = 1_200;
        let all = AUDIENCES + NEW;
        let name = "bulk-edits";
        let stage = self
            .stage(name, all, AUDIENCES, 0, REQUESTS_PER_MINUTE, SECRET)
            .await;
        stage.declare(0..AUDIENCES).await;
        let mut operator = stage.start_operator();
        stage.all_ready(AUDIENCES, WITHIN).await;
        stage.create(AUDIENCES..all).await;
        let times = edited(&stage, EDITS).await;
        let waiting = all - stage.count_ready().await;
        let scenario = format!(
            "{AUDIENCES} audiences, an edit of two objects while {NEW} others are created at {REQUESTS_PER_MINUTE} requests \
             a minute"
        );
        table.row(
            &scenario,
            "others that wait after the last edit",
            waiting,
            "more than 0".into(),
        );
        edit_rows(table, &scenario, &times, "-");
        operator
            .terminate(Duration::from_secs(20))
            .await
            .expect("the operator stops");
    }

    /// From the start of the operator until all of them stand.
    async fn creations(&self, table: &mut Table, audiences: usize, budget: u32) {
        let name = format!("create-{audiences}");
        let stage = self.stage(&name, audiences, 0, 0, budget, SECRET).await;
        stage.declare(0..audiences).await;
        let mut operator = stage.start_operator();
        let started = Instant::now();
        stage.all_ready(audiences, WITHIN).await;
        let took = started.elapsed();
        let calls = stage.calls().await.len();
        let least = Duration::from_secs_f64(calls as f64 * 60.0 / f64::from(budget));
        let scenario = format!("{audiences} audiences created at {budget} requests a minute");
        table.row(
            &scenario,
            "calls",
            calls,
            format!("{} creates, 3 shared objects, one pass", 2 * audiences),
        );
        table.row(
            &scenario,
            "start to all standing",
            seconds(took),
            format!("the budget alone takes {}", seconds(least)),
        );
        table.row(
            &scenario,
            "share of the budget",
            format!("{:.1} %", 100.0 * least.as_secs_f64() / took.as_secs_f64()),
            "95 %".into(),
        );
        operator
            .terminate(Duration::from_secs(20))
            .await
            .expect("the operator stops");
    }

    /// The Secret is wrong from the start.
    async fn broken_credential(&self, table: &mut Table) {
        const AUDIENCES: usize = 1_000;
        const WATCHED: u64 = 60;
        let stage = self.stage("broken", AUDIENCES, 0, 0, FAST, "wrong").await;
        stage.declare(0..AUDIENCES).await;
        let mut operator = stage.start_operator();
        stage
            .looks(&operator, "DependencyNotReady", AUDIENCES, WITHIN)
            .await;
        // Each look tells an Event after its status.
        tokio::time::sleep(Duration::from_secs(20)).await;
        stage
            .control
            .clear_calls()
            .await
            .expect("the log is cleared");
        let before = stage.kubernetes_writes();
        tokio::time::sleep(Duration::from_secs(WATCHED)).await;
        let calls = stage.control.calls().await.expect("the call log");
        let scenario = format!("{AUDIENCES} audiences, a credential that is refused, {WATCHED} s");
        table.row(
            &scenario,
            "calls in all",
            calls.len(),
            "one probe a period of 10 s at first, doubled up to 5 min".into(),
        );
        table.row(
            &scenario,
            "Kubernetes writes",
            stage.kubernetes_writes() - before,
            "0".into(),
        );
        operator
            .terminate(Duration::from_secs(20))
            .await
            .expect("the operator stops");
    }
}

/// How long each of so many edits took, in order.
async fn edited(stage: &Stage, edits: usize) -> Vec<Duration> {
    let api = stage.audiences();
    let mut times = Vec::with_capacity(edits);
    for index in 0..edits {
        let share = tenant::share_name(index * 5);
        let patch =
            json!({"spec": {"target": {"audienceManager": {"name": format!("Renamed {index}")}}}});
        let started = Instant::now();
        api.patch(&share, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .expect("the manifest changes");
        kube::runtime::wait::await_condition(api.clone(), &share, |audience: Option<&_>| {
            audience.is_some_and(is_ready)
        })
        .await
        .expect("it is applied");
        times.push(started.elapsed());
    }
    times.sort();
    times
}

fn edit_rows(table: &mut Table, scenario: &str, times: &[Duration], median: &str) {
    // Each object is read and written, the two side by side.
    let trips = seconds(LATENCY * 2);
    let limit = |text: &str| format!("{text}; its two round trips take {trips}");
    let (half, all) = (times.len() / 2, times.len() * 99 / 100);
    table.row(
        scenario,
        "edit to status, median",
        seconds(times[half]),
        limit(median),
    );
    table.row(
        scenario,
        "edit to status, p99",
        seconds(times[all]),
        limit("500 ms"),
    );
}

fn seconds(time: Duration) -> String {
    match time < Duration::from_secs(1) {
        true => format!("{} ms", time.as_millis()),
        false => format!("{:.1} s", time.as_secs_f64()),
    }
}
