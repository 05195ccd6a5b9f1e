//! `COVERAGE.md` says what is served and which switches there are; it must not drift from the tables in the code.

use std::collections::BTreeSet;

use adobe_simulator::{Flags, endpoints};

const COVERAGE: &str = include_str!("../../COVERAGE.md");

/// The cells of the table rows whose last-but-one cell is this verdict.
fn rows(verdict: &str) -> impl Iterator<Item = Vec<&'static str>> {
    COVERAGE
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(str::trim)
                .collect::<Vec<_>>()
        })
        .filter(move |cells| cells.get(1) == Some(&verdict))
}

fn code(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

#[test]
fn the_list_of_served_endpoints_is_the_routers_table() {
    let listed: BTreeSet<String> = rows("served")
        .filter(|cells| cells[0].starts_with('`') && cells[0].contains(" /"))
        .map(|cells| code(cells[0]))
        .collect();
    let routed: BTreeSet<String> = endpoints()
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    assert_eq!(listed, routed);
    assert_eq!(
        routed.len(),
        endpoints().count(),
        "no endpoint stands twice"
    );
}

#[test]
fn the_list_of_switches_is_the_switches() {
    let listed: BTreeSet<String> = rows("switchable").map(|cells| code(cells[2])).collect();
    let flags = serde_json::to_value(Flags::default()).unwrap();
    let groups = flags.as_object().unwrap().iter();
    let real: BTreeSet<String> = groups
        .flat_map(|(group, switches)| {
            let names = switches.as_object().unwrap().keys();
            names.map(move |name| format!("{group}.{name}"))
        })
        .collect();
    assert_eq!(listed, real);
}

#[test]
fn every_row_has_one_of_the_three_verdicts() {
    for line in COVERAGE.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{line}");
        let verdicts = ["served", "switchable", "not yet", "Verdict"];
        assert!(verdicts.contains(&cells[1]), "{line}");
    }
}
