//! The two programs of ours as processes, stood in for by small scripts: what is known of them is their flags, their
//! first line and their signals.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testbed::{OperatorProcess, SimulatorProcess};

/// Repeats its arguments on standard error, and says where it serves.
const SERVES: &str = r#"echo "$@" >&2
echo '{"ims":"127.0.0.1:1","audienceManager":"127.0.0.1:2","experiencePlatform":"127.0.0.1:3","control":"127.0.0.1:4"}'
exec sleep 600
"#;

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("program");
    std::fs::write(&path, format!("#!/bin/sh\n{text}")).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("executable");
    path
}

#[tokio::test]
async fn the_simulator_is_where_its_first_line_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = script(folder.path(), SERVES);
    let seed = Path::new("tenant.json");
    let simulator = SimulatorProcess::start(&binary, Some(seed), Duration::from_millis(50))
        .await
        .expect("it starts");
    assert_eq!(simulator.addresses.control, "http://127.0.0.1:4");
    assert_eq!(
        std::fs::read_to_string(simulator.log_file()).expect("its log"),
        "--ims 127.0.0.1:0 --audience-manager 127.0.0.1:0 --experience-platform 127.0.0.1:0 \
         --control 127.0.0.1:0 --seed tenant.json --latency 50ms\n"
    );
    let process = simulator.process_id();
    simulator.stop().await.expect("it stops");
    assert!(!Path::new(&format!("/proc/{process}")).exists());
}

#[tokio::test]
async fn a_recorded_simulator_reads_the_references_in_the_worse_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = script(folder.path(), SERVES);
    let simulator = SimulatorProcess::start_recorded(&binary, None)
        .await
        .expect("it starts");
    let told = std::fs::read_to_string(simulator.log_file()).expect("its log");
    let record = simulator.record().expect("it records").display();
    assert!(
        told.ends_with(&format!(" --preset hostile --record {record}\n")),
        "{told}"
    );
    simulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn an_operator_that_refuses_to_start_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = script(folder.path(), "echo \"no such flag: $1\" >&2\nexit 2\n");
    let error = OperatorProcess::start(&binary, &[OsString::from("--colour")])
        .await
        .expect_err("it ends at once");
    assert_eq!(
        error.to_string(),
        "audience-sharing ended before it was ready (exit status: 2); the end of its log:\n\
         no such flag: --colour\n"
    );
}

#[tokio::test]
async fn an_operator_that_is_never_ready_is_told_from_one_that_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = script(folder.path(), "exec sleep 600\n");
    let mut operator = OperatorProcess::spawn(&binary, &[]).expect("it starts");
    assert!(operator.ready(Duration::from_millis(200)).await.is_err());
    assert_eq!(operator.exit_status().expect("it is our child"), None);
    let status = operator.kill().expect("it ends");
    assert_eq!(status.code(), None);
}
