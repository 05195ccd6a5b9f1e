//! What a node notices of the operator: the size of its image's content, how soon it is ready, what it holds at rest.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::stage::{program, usage};
use crate::table::Table;
use crate::{Bench, SECRET, seconds};

const STARTS: usize = 10;

impl Bench {
    /// Nothing is declared but a connection.
    pub(crate) async fn installed(&self, table: &mut Table) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let assembled = Command::new(self.root.join("hack/image/rootfs.sh"))
            .arg(program("audience-sharing"))
            .arg(folder.path())
            .status()
            .expect("the image's content is assembled");
        assert!(assembled.success(), "{assembled}");
        let binary = folder.path().join("usr/local/bin/audience-sharing");
        let scenario = "installed, nothing declared";
        for (what, bytes) in [
            ("the image's content above its base", size(folder.path())),
            ("of it the binary", size(&binary)),
        ] {
            let mebibytes = bytes as f64 / f64::from(1 << 20);
            table.row(scenario, what, format!("{mebibytes:.1} MiB"), "-".into());
        }
        let stage = self.stage("installed", 0, 0, 0, 300, SECRET).await;
        let mut times = Vec::with_capacity(STARTS);
        for start in 1..=STARTS {
            let started = Instant::now();
            let mut operator = stage.start_operator();
            while !operator.answers("/readyz").await.expect("an HTTP client") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            times.push(started.elapsed());
            if start == STARTS {
                tokio::time::sleep(Duration::from_secs(20)).await;
                let usage = usage(&operator);
                let held = format!("{} MiB", usage.memory);
                table.row(
                    scenario,
                    "memory at rest",
                    held,
                    "64 MiB are asked for".into(),
                );
            }
            operator
                .terminate(Duration::from_secs(20))
                .await
                .expect("the operator stops");
        }
        times.sort();
        let (first, median, last) = (times[0], times[STARTS / 2], times[STARTS - 1]);
        let measured = format!(
            "{} ({} to {})",
            seconds(median),
            seconds(first),
            seconds(last)
        );
        table.row(
            scenario,
            "start to /readyz, median of 10",
            measured,
            "5 s, the probe's period".into(),
        );
    }
}

/// Of a file, or of all in a folder.
fn size(path: &Path) -> u64 {
    if path.is_file() {
        return path.metadata().expect("a file").len();
    }
    let entries = std::fs::read_dir(path).expect("a folder");
    entries
        .map(|entry| size(&entry.expect("an entry").path()))
        .sum()
}
