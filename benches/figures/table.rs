//! What was measured, on which machine, beside its limit.

use std::path::Path;

use serde_json::json;

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    pub(crate) fn row(
        &mut self,
        scenario: &str,
        what: &str,
        measured: impl ToString,
        limit: String,
    ) {
        let row = [
            scenario.to_owned(),
            what.to_owned(),
            measured.to_string(),
            limit,
        ];
        eprintln!("bench:   {}: {}", row[1], row[2]);
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        println!("{}\n", machine());
        println!("| Scenario | What | Measured | Limit |\n|---|---|---|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }

    pub(crate) fn write(&self, path: &Path) {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|[scenario, what, measured, limit]| json!({"scenario": scenario, "what": what, "measured": measured, "limit": limit}))
            .collect();
        let text = json!({"machine": machine(), "rows": rows}).to_string();
        std::fs::write(path, text).expect("the figures are written");
    }
}

fn machine() -> String {
    let of = |path: &str, field: &str| -> String {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(field));
        line.and_then(|line| line.split(':').nth(1))
            .unwrap_or("unknown")
            .trim()
            .to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores of {}, {} of memory",
        of("/proc/cpuinfo", "model name"),
        of("/proc/meminfo", "MemTotal")
    )
}
