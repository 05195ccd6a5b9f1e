//! One fault at every call of every operation (T1, T2), and two faults at every pair of calls of a creation (T3).
//!
//! `FAULT="Create 12 CrashAfter" cargo test --test faults one_case -- --nocapture` repeats a single case.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rstest::rstest;

use crate::choke_point::Call;
use crate::fault::Fault;
use crate::operations::Operation;
use crate::oracles;
use crate::run::{End, run};

/// The run without faults, once for all tests.
fn reference(operation: Operation) -> &'static End {
    static ENDS: [OnceLock<End>; Operation::ALL.len()] =
        [const { OnceLock::new() }; Operation::ALL.len()];
    let at = Operation::ALL
        .iter()
        .position(|found| *found == operation)
        .unwrap();
    ENDS[at].get_or_init(|| {
        let end = run(operation, &[], None);
        assert!(
            end.failures.is_empty(),
            "{operation:?} without faults: {:#?}",
            end.failures
        );
        end
    })
}

/// The calls that a fault may befall; of the renewals of the Lease the first few.
fn targets(reference: &End) -> impl Iterator<Item = (usize, &Call)> {
    let renewals_max = 3;
    let mut renewals = 0;
    reference
        .calls
        .iter()
        .enumerate()
        .filter_map(move |(at, call)| {
            renewals += usize::from(call.is_of_lease());
            (!call.is_of_lease() || renewals <= renewals_max).then_some((at + 1, call))
        })
}

fn judge(operation: Operation, faults: &[(usize, Fault)]) -> Result<End, String> {
    let mut end = run(operation, faults, Some(reference(operation)));
    // Up to the first fault the run is the reference, so that its call comes. A second one may not come any more.
    if end.played.is_empty() {
        end.failures.push("no planned fault was played".into());
    }
    match end.failures.is_empty() {
        true => Ok(end),
        false => {
            let case: Vec<String> = faults
                .iter()
                .map(|(number, fault)| format!("{number} {fault:?}"))
                .collect();
            let met: Vec<String> = end
                .played
                .iter()
                .map(|(call, fault)| format!("{fault:?} at {call}"))
                .collect();
            let failures = end
                .failures
                .iter()
                .take(4)
                .map(|line| line.chars().take(600).collect::<String>());
            Err(format!(
                "FAULT={:?} ({})\n    {}",
                format!("{operation:?} {}", case.join(" ")),
                met.join(", "),
                failures.collect::<Vec<_>>().join("\n    ")
            ))
        }
    }
}

#[rstest]
fn t01_t02_one_fault_at_every_call(
    #[values(
        Operation::Create,
        Operation::Update,
        Operation::Rename,
        Operation::GainLabel,
        Operation::LoseLabel,
        Operation::AddSegment,
        Operation::RemoveSegment,
        Operation::MoveFolder,
        Operation::Map,
        Operation::ChangeMapping,
        Operation::Unmap,
        Operation::DeleteMapped,
        Operation::NameTraits,
        Operation::Adopt,
        Operation::HandOver,
        Operation::Delete,
        Operation::DeleteAll,
        Operation::ShareBack,
        Operation::ShareMetadata,
        Operation::Mirror,
        Operation::RenameSegment,
        Operation::EditAudience,
        Operation::Deliver,
        Operation::HandOverBack,
        Operation::DeleteBack,
        Operation::AddModel,
        Operation::DeleteModelled
    )]
    operation: Operation,
) {
    let mut wrong = Vec::new();
    let mut played: BTreeMap<Fault, usize> = BTreeMap::new();
    let mut slowest = (std::time::Duration::ZERO, String::new());
    let mut most = 0;
    let reference = reference(operation);
    for (number, call) in targets(reference) {
        for fault in Fault::ALL.into_iter().filter(|fault| fault.fits(call)) {
            match judge(operation, &[(number, fault)]) {
                Err(told) => {
                    println!("{told}");
                    wrong.push(told);
                }
                Ok(end) => {
                    for (_, fault) in &end.played {
                        *played.entry(*fault).or_default() += 1;
                    }
                    most = most.max(end.remote_calls);
                    if end.settled_after > slowest.0 {
                        slowest = (end.settled_after, format!("{fault:?} at {call}"));
                    }
                }
            }
        }
    }
    println!(
        "{operation:?}: {} calls, {} of them Adobe's; {} runs: {played:?}; at most {most} calls to Adobe; slowest {slowest:?}",
        reference.calls.len(),
        reference.remote_calls,
        played.values().sum::<usize>(),
    );
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Every pair of calls of a creation, each with two faults that the pair itself chooses.
#[rstest]
fn t03_two_faults_in_one_creation(#[values(0, 1, 2, 3)] share: usize) {
    let operation = Operation::Create;
    let targets: Vec<(usize, &Call)> = targets(reference(operation)).collect();
    let mut wrong = Vec::new();
    let (mut runs, mut both) = (0, 0);
    for (at, (first, one)) in targets.iter().enumerate() {
        for (second, other) in &targets[at + 1..] {
            if (first + second) % 4 != share {
                continue;
            }
            let mut rng = fastrand::Rng::with_seed((first * 1_000 + second) as u64);
            let mut choose = |call: &Call| {
                let fitting = Fault::ALL.into_iter().filter(|fault| fault.fits(call));
                let fitting: Vec<Fault> = fitting.collect();
                fitting[rng.usize(..fitting.len())]
            };
            let faults = [(*first, choose(one)), (*second, choose(other))];
            match judge(operation, &faults) {
                Err(told) => {
                    println!("{told}");
                    wrong.push(told);
                }
                Ok(end) => {
                    runs += 1;
                    both += usize::from(end.played.len() == 2);
                }
            }
        }
    }
    println!("pairs, share {share}: {runs} runs, both faults met in {both}");
    assert!(wrong.is_empty(), "{} cases", wrong.len());
}

#[test]
fn one_case() {
    #[expect(
        clippy::disallowed_methods,
        reason = "how a person names the case to repeat"
    )]
    let Ok(case) = std::env::var("FAULT") else {
        return;
    };
    let mut words = case.split_whitespace();
    let operation = words.next().unwrap_or_default();
    let named = Operation::ALL
        .into_iter()
        .find(|known| format!("{known:?}") == operation);
    let operation = named.unwrap_or_else(|| panic!("no operation is named {operation}"));
    let rest: Vec<&str> = words.collect();
    let mut faults = Vec::new();
    let mut at = 0;
    while at < rest.len() {
        let number = rest[at].parse().unwrap();
        let left = rest[at + 1..].join(" ");
        let fault = Fault::ALL
            .into_iter()
            .find(|fault| left.starts_with(&format!("{fault:?}")));
        let fault = fault.unwrap_or_else(|| panic!("no fault is named so: {left}"));
        faults.push((number, fault));
        at += 1 + format!("{fault:?}").split_whitespace().count();
    }
    reference(operation);
    oracles::show_log();
    let judged = judge(operation, &faults);
    if let Err(told) = judged {
        panic!("{told}");
    }
}
