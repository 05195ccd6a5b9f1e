//! Many histories: each is drawn by a seed and its number, so that one alone can be played again, and several are played
//! side by side. One that fails is shrunk to the steps that it needs and printed as a test of its own for `kept.rs`.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the one place where a person asks for others, where a new seed comes from, and where their time is taken"
)]

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use adobe_simulator::Preset;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::steps::{KINDS, Step, steps};
use super::switches::{SWITCHES, Switch, switches};
use super::{Seen, play};
use crate::run::on_virtual_time;

/// What CI plays: seeds that found something once, and others.
const SEEDS: [u64; 6] = [1, 2, 77, 2_026, 31_337, 4_242_424_242];
const EACH: u32 = 75;
/// No more failing histories are looked for: they are nearly always of one cause.
const TOLD_MAX: usize = 8;
/// About a minute.
const SHRINKS_MAX: u32 = 600;

/// The preset is drawn last: a seed plays the same steps as before there was a choice of presets.
type Story = (Vec<Switch>, Vec<Step>, Preset);

struct Failed {
    seed: u64,
    number: u32,
    told: String,
    story: Story,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            seed, number, told, ..
        } = self;
        writeln!(
            formatter,
            "history {number} of seed {seed} fails; `make histories SEED={seed} FROM={number} N=1` plays it again\n{told}\n"
        )?;
        write!(
            formatter,
            "Once it is understood, keep it in tests/faults/histories/kept.rs, under a name that says what went wrong:\n\n{}",
            as_test(self)
        )
    }
}

/// The source of a test that plays the history.
fn as_test(failed: &Failed) -> String {
    let (switches, steps, _) = &failed.story;
    let steps: String = steps
        .iter()
        .map(|step| format!("            {},\n", as_source(step)))
        .collect();
    format!(
        "#[test]\nfn seed_{}_history_{}() {{\n    ends_as_declared(\n        &{switches:?},\n        &[\n{steps}        ],\n    );\n}}\n",
        failed.seed, failed.number
    )
}

/// `Debug` leaves the names of the enums out.
fn as_source(step: &Step) -> String {
    let edit = match step {
        Step::EditMapping { .. } => "edit: MappingEdit::",
        _ => "edit: Edit::",
    };
    let text = format!("Step::{step:?}")
        .replace("edit: ", edit)
        .replace("policy: ", "policy: Deletion::")
        .replace("fault: ", "fault: Fault::");
    text.replace("labels: [", "labels: &[")
}

/// The history with this number, from nothing but the two. `shrinks`: in how many tries at most.
fn runner(seed: u64, number: u32, shrinks: u32) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&number.to_le_bytes());
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: shrinks,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn story() -> impl Strategy<Value = Story> {
    let presets = select(&[Preset::Likeliest, Preset::Hostile]);
    (switches(), steps(), presets)
}

fn play_one(seed: u64, number: u32, shrinks: u32, seen: &Mutex<Seen>) -> Result<(), Failed> {
    let outcome = runner(seed, number, shrinks).run(&story(), |(switches, steps, preset)| {
        let failures = on_virtual_time(play(preset, &switches, &steps, seen));
        match failures.is_empty() {
            true => Ok(()),
            false => Err(TestCaseError::fail(format!("{failures:#?}"))),
        }
    });
    outcome.map_err(|error| match error {
        TestError::Fail(reason, story) => Failed {
            seed,
            number,
            told: reason.message().to_owned(),
            story,
        },
        TestError::Abort(reason) => panic!("{reason}"),
    })
}

/// Plays these of a seed on all cores, until too many fail to tell.
fn play_all(seed: u64, numbers: Range<u32>, seen: &Mutex<Seen>) -> Vec<Failed> {
    let next = AtomicU32::new(numbers.start);
    let failed = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end || failed.lock().unwrap().len() >= TOLD_MAX {
                        return;
                    }
                    if let Err(found) = play_one(seed, number, 0, seen) {
                        println!(
                            "history {number} of seed {seed} fails under {:?} and {:?}: {}",
                            found.story.2, found.story.0, found.told
                        );
                        failed.lock().unwrap().push(found);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|failed| failed.number);
    failed
}

/// A number that a person gives, as `make histories` hands it on.
fn asked(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

/// Another one each time.
fn new_seed() -> u64 {
    RandomState::new().hash_one(()) >> 32
}

#[test]
fn every_history_ends_as_declared() {
    let seen = Mutex::new(Seen::default());
    let began = Instant::now();
    let (seeds, numbers) = match asked("HISTORIES") {
        None => (SEEDS.to_vec(), 0..EACH),
        Some(count) => {
            let seed = asked("HISTORIES_SEED").unwrap_or_else(new_seed);
            let from = asked("HISTORIES_FROM").unwrap_or_default();
            let from = u32::try_from(from).unwrap();
            println!("histories: {count} of seed {seed}, from number {from}");
            (vec![seed], from..from + u32::try_from(count).unwrap())
        }
    };
    let played = seeds.len() * numbers.len();
    let mut failed = seeds
        .iter()
        .map(|seed| play_all(*seed, numbers.clone(), &seen))
        .find(|failed| !failed.is_empty());
    let took = began.elapsed().as_secs_f64();
    let seen = seen.into_inner().unwrap();
    println!("switches {:?}", seen.switches);
    println!("steps {:?}", seen.steps);
    println!("faults {:?}", seen.faults);
    println!("writes {:?}", seen.calls);
    println!("reasons {:?}", seen.reasons);
    if let Some(first) = failed.as_mut().and_then(|failed| failed.first_mut()) {
        println!("shrinking the first of them…");
        let again = play_one(first.seed, first.number, SHRINKS_MAX, &Mutex::default());
        panic!("{}", again.err().as_ref().unwrap_or(first));
    }
    println!(
        "histories: {played} in {took:.1} s, {:.1} a second; seeds {seeds:?}",
        played as f64 / took
    );
    if played >= 300 {
        // Every kind of step, nearly every kind of fault and every switch happened: a history that never does a thing
        // shows nothing.
        assert_eq!(seen.steps.len(), KINDS, "{:?}", seen.steps.keys());
        assert!(seen.faults.len() >= 15, "{:?}", seen.faults.keys());
        let missing = SWITCHES.iter().filter(|switch| {
            let (name, value) = switch;
            !seen.switches.contains_key(&format!("{name}={value}"))
        });
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&Switch>::new());
    }
}

#[test]
fn a_history_that_fails_is_printed_as_a_test() {
    use super::steps::{Deletion, MappingEdit};
    use crate::fault::Fault;

    let failed = Failed {
        seed: 7,
        number: 42,
        told: "[]".into(),
        story: (
            vec![("omitNulls", "true")],
            vec![
                Step::EditMapping {
                    which: 1,
                    edit: MappingEdit::Tear,
                },
                Step::Delete {
                    share: 0,
                    policy: Deletion::Retain,
                },
                Step::Fault {
                    ahead: 3,
                    fault: Fault::Throttled { retry_after: true },
                },
                Step::Label {
                    share: 2,
                    labels: &["core/C3"],
                },
            ],
            Preset::Hostile,
        ),
    };
    insta::assert_snapshot!(as_test(&failed), @r#"
    #[test]
    fn seed_7_history_42() {
        ends_as_declared(
            &[("omitNulls", "true")],
            &[
                Step::EditMapping { which: 1, edit: MappingEdit::Tear },
                Step::Delete { share: 0, policy: Deletion::Retain },
                Step::Fault { ahead: 3, fault: Fault::Throttled { retry_after: true } },
                Step::Label { share: 2, labels: &["core/C3"] },
            ],
        );
    }
    "#);
}
