//! The laws of folding: what a list may change, and what its silence means.

use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{AudienceId, TraitSid};
use audience_sharing_core::inventory::{Coverage, Moment, Sequence, Table};

use crate::model::source;

const LONG_AGO: Moment = Moment(0);
const LATER: Moment = Moment(3_600_000);

fn table(audiences: &[Audience]) -> Table<Audience> {
    let mut table = Table::default();
    table.apply_list(
        Sequence(10),
        LONG_AGO,
        Coverage::Whole,
        audiences.to_vec(),
        &[],
    );
    table
}

fn id(id: &str) -> AudienceId {
    AudienceId::new(id)
}

#[test]
fn a_list_that_began_before_a_write_changes_nothing_of_it() {
    let mut table = table(&[source("I", "old")]);
    table.apply_written(Sequence(20), LONG_AGO, source("I", "new"));
    table.apply_list(
        Sequence(15),
        LATER,
        Coverage::Whole,
        vec![source("I", "old")],
        &[],
    );
    assert_eq!(&*table.get(&id("I")).unwrap().record.name, "new");
    table.apply_list(Sequence(16), LATER, Coverage::Whole, Vec::new(), &[]);
    assert!(!table.get(&id("I")).unwrap().stale, "nor does its silence");
}

#[test]
fn what_a_list_lacks_is_stale_and_only_its_own_404_forgets_it() {
    let mut table = table(&[source("I", "one")]);
    table.apply_list(Sequence(20), LATER, Coverage::Whole, Vec::new(), &[]);
    assert!(table.get(&id("I")).unwrap().stale);
    table.apply_read(Sequence(21), source("I", "one"));
    assert!(!table.get(&id("I")).unwrap().stale, "it answered by itself");
    table.apply_gone(Sequence(22), &id("I"));
    assert!(table.get(&id("I")).is_none() && table.is_gone(&id("I")));
}

#[test]
fn what_a_list_could_not_decode_is_not_missed() {
    let mut table = table(&[source("I", "one")]);
    table.apply_list(
        Sequence(20),
        LATER,
        Coverage::Whole,
        Vec::new(),
        &[Some(id("I"))],
    );
    assert!(!table.get(&id("I")).unwrap().stale);
}

#[test]
fn a_list_that_differs_within_a_minute_of_our_write_is_not_believed() {
    let mut table = table(&[source("I", "old")]);
    table.apply_written(Sequence(20), LATER, source("I", "new"));
    let soon = Moment(LATER.0 + 59_000);
    table.apply_list(
        Sequence(21),
        soon,
        Coverage::Whole,
        vec![source("I", "old")],
        &[],
    );
    let entry = table.get(&id("I")).unwrap();
    assert!(entry.stale, "it is read by itself");
    assert_eq!(&*entry.record.name, "new");
    let late = Moment(LATER.0 + 61_000);
    table.apply_list(
        Sequence(22),
        late,
        Coverage::Whole,
        vec![source("I", "old")],
        &[],
    );
    assert_eq!(
        &*table.get(&id("I")).unwrap().record.name,
        "old",
        "somebody changed it"
    );
}

#[test]
fn an_answer_older_than_what_is_known_is_dropped() {
    let mut table = table(&[]);
    table.apply_written(Sequence(30), LATER, source("I", "new"));
    table.apply_read(Sequence(25), source("I", "old"));
    assert_eq!(&*table.get(&id("I")).unwrap().record.name, "new");
}

#[test]
fn folding_the_same_again_touches_nothing() {
    let mut table = table(&[source("I", "one")]);
    assert_eq!(
        table.apply_list(
            Sequence(20),
            LATER,
            Coverage::Whole,
            vec![source("I", "one")],
            &[]
        ),
        []
    );
    assert!(!table.is_gone(&id("I")) && TraitSid(1) < TraitSid(2));
}
