//! Histories that failed once, shrunk to the steps that they need. Each is a test of its own.

use std::sync::Mutex;

use adobe_simulator::Preset;

use super::steps::{Deletion, Edit, Step};
use super::switches::Switch;
use super::{Seen, play};
use crate::fault::Fault;
use crate::run::on_virtual_time;

/// Under both presets: the one under which it failed may be either.
fn ends_as_declared(switches: &[Switch], steps: &[Step]) {
    let seen = Mutex::new(Seen::default());
    for preset in [Preset::Likeliest, Preset::Hostile] {
        let failures = on_virtual_time(play(preset, switches, steps, &seen));
        assert!(failures.is_empty(), "{preset:?}: {failures:#?}");
    }
}

const READERS: usize = 2;
const LOYAL: usize = 0;
const BUYERS: usize = 5;
const VISITORS: usize = 7;

fn apply(share: usize, variant: usize) -> Step {
    Step::Apply {
        share,
        variant,
        strategy: "ExternalAudience",
    }
}

/// "Partner" moves from the key `partner` to the key `shop`; its mapping was deleted (seed 77).
#[test]
fn a_destination_that_moves_to_the_key_of_another_keeps_its_mapping() {
    ends_as_declared(
        &[],
        &[
            apply(READERS, 7),
            apply(LOYAL, 0),
            Step::Wait { seconds: 3 },
            Step::WrongSecret { seconds: 1 },
            apply(READERS, 8),
        ],
    );
}

/// "Partner" moves from the key `shop` to the key `partner`, and "Shop" comes under the key `shop`: `Ready` was True while
/// the mapping to "Shop" did not exist.
#[test]
fn a_destination_under_a_key_that_another_had_is_mapped_before_the_resource_is_ready() {
    let after = |last: Step| {
        ends_as_declared(
            &[],
            &[
                apply(LOYAL, 8),
                Step::Wait { seconds: 4 },
                apply(LOYAL, 7),
                last,
            ],
        );
    };
    let fault = Fault::Error;
    for ahead in 1..25 {
        after(Step::Fault { ahead, fault });
    }
    after(Step::DeleteSource { share: BUYERS });
}

/// A person takes a definition away piece by piece, its expression and then its mark: it is not ours any more, and that is
/// told (seed 2718281).
#[test]
fn a_definition_that_a_person_made_another_is_lost_and_said_to_be() {
    let edit = |edit: Edit| Step::EditAudience { which: 0, edit };
    ends_as_declared(
        &[],
        &[
            Step::Deliver { share: 7 },
            Step::Apply {
                share: 7,
                variant: 0,
                strategy: "SegmentDefinition",
            },
            Step::Wait { seconds: 3 },
            edit(Edit::Rule),
            edit(Edit::Mark),
        ],
    );
}

/// An external audience shows nowhere for three seconds after its creation (seed 246813579).
#[test]
fn an_audience_that_is_edited_before_it_can_be_read_is_not_made_twice() {
    ends_as_declared(
        &[("experiencePlatform.readAfterWriteDelayMs", "3000")],
        &[
            apply(VISITORS, 0),
            Step::Wait { seconds: 1 },
            apply(VISITORS, 1),
            apply(LOYAL, 0),
        ],
    );
}

/// The hand-over is cut off by a kill, the mapping that goes with it is in no status yet (seed 299792458).
#[test]
fn a_mapping_that_the_successor_does_not_declare_goes_although_the_operator_dies() {
    ends_as_declared(
        &[],
        &[
            apply(LOYAL + 1, 6),
            Step::Wait { seconds: 2 },
            apply(LOYAL, 0),
            Step::Delete {
                share: LOYAL + 1,
                policy: Deletion::Delete,
            },
            Step::Kill,
        ],
    );
}

/// Only the status tells the next process of such an audience.
#[test]
fn an_audience_that_cannot_be_read_yet_is_not_made_twice_by_the_next_process() {
    for seconds in [1, 2] {
        for last in [Step::Kill, Step::Restart] {
            let wait = Step::Wait { seconds };
            ends_as_declared(
                &[("experiencePlatform.readAfterWriteDelayMs", "30000")],
                &[apply(VISITORS, 0), wait, last, apply(VISITORS, 1)],
            );
        }
    }
}

/// A source that is shared by its name gets another one while the audience that was made of it is in no status yet
/// (seed 19937).
#[test]
fn what_was_made_of_a_source_by_name_is_known_after_a_rename() {
    for fault in [Fault::LeaseLost, Fault::CrashAfter] {
        for ahead in 1..16 {
            ends_as_declared(
                &[],
                &[
                    Step::Fault { ahead, fault },
                    apply(VISITORS, 0),
                    Step::Wait { seconds: 1 },
                    Step::Rename { share: VISITORS },
                ],
            );
        }
    }
}

/// The judge counted what the successor took over as the leaving one's, which still exists for a moment (seed 29979245).
#[test]
fn a_successor_is_ready_with_the_mappings_that_it_takes_over() {
    ends_as_declared(
        &[],
        &[
            apply(LOYAL + 1, 7),
            Step::Wait { seconds: 1 },
            apply(LOYAL, 7),
            Step::Wait { seconds: 3 },
            Step::Delete {
                share: LOYAL + 1,
                policy: Deletion::Delete,
            },
        ],
    );
}

/// The first process does not know of the label yet, so that what it made late is in another data source than what the
/// next one made; the judge took the two for different objects (seed 77345112).
#[test]
fn what_came_late_into_an_earlier_data_source_is_a_duplicate() {
    ends_as_declared(
        &[],
        &[
            Step::Wait { seconds: 11 },
            Step::Label {
                share: LOYAL,
                labels: &["core/C3"],
            },
            Step::Fault {
                ahead: 12,
                fault: Fault::LateEffect,
            },
            apply(LOYAL, 4),
            Step::Wait { seconds: 0 },
        ],
    );
}

/// The operator knows the source under its former name, from a list of one system, and that it is delivered, from a list of
/// the other; the judge knew no moment at which both were so (seed 2236067).
#[test]
fn what_two_lists_showed_at_different_moments_may_be_acted_on() {
    ends_as_declared(
        &[("experiencePlatform.audienceMaxLimit", "3")],
        &[
            Step::Apply {
                share: BUYERS,
                variant: 2,
                strategy: "SegmentDefinition",
            },
            Step::Wait { seconds: 6 },
            Step::Rename { share: BUYERS },
            Step::Deliver { share: BUYERS },
            Step::Wait { seconds: 257 },
        ],
    );
}
