//! What a service made of a text that was sent: taken as it is after one try, and told from what a person writes.

use audience_sharing_core::domain::audience_manager::Trait;
use audience_sharing_core::domain::field::Field;
use audience_sharing_core::domain::identifier::TraitSid;
use audience_sharing_core::inventory::{Coverage, Moment, SentText, Sequence, Table};
use rstest::rstest;

use crate::records::{SHARING, onboarded};

const SID: TraitSid = TraitSid(10);
const NOW: Moment = Moment(0);
const LATER: Moment = Moment(3_600_000);

fn named(name: &str) -> Trait {
    Trait {
        name: name.into(),
        ..onboarded(10, Some("I"))
    }
}

struct Story {
    table: Table<Trait>,
    at: u64,
}

impl Story {
    fn new() -> Self {
        Self {
            table: Table::default(),
            at: 0,
        }
    }

    fn next(&mut self) -> Sequence {
        self.at += 1;
        Sequence(self.at)
    }

    /// `sent` is written, and the answer shows `shown`.
    fn writes(&mut self, sent: &str, shown: &str) {
        let at = self.next();
        let known = self.table.get(&SID);
        let before = known.map(|entry| entry.record.name.clone());
        self.table.apply_written(at, NOW, named(shown));
        let text = SentText {
            field: Field::Name,
            text: sent,
            before: before.as_deref(),
        };
        self.table.note_sent(&SID, &[text]);
    }

    fn lists(&mut self, shown: &str) {
        let at = self.next();
        let coverage = Coverage::DataSource(SHARING);
        self.table
            .apply_list(at, LATER, coverage, vec![named(shown)], &[]);
    }

    fn reads(&mut self, shown: &str) {
        let at = self.next();
        self.table.apply_read(at, named(shown));
    }

    fn asks(&self) -> bool {
        self.table.get(&SID).is_some_and(|entry| entry.stale)
    }

    fn takes_what_stands_for(&self, wanted: &str) -> bool {
        let entry = self.table.get(&SID).expect("it is known");
        self.table.is_stored_as(&entry.record, Field::Name, wanted)
    }
}

#[test]
fn what_the_answer_shows_is_taken_at_once() {
    let mut story = Story::new();
    story.writes("a  b", "a b");
    assert!(story.takes_what_stands_for("a  b"));
    assert!(!story.takes_what_stands_for("a c"), "another text is sent");
    story.lists("a b");
    assert!(story.takes_what_stands_for("a  b"));
    story.lists("edited");
    assert!(
        !story.takes_what_stands_for("a  b"),
        "a person's text is replaced"
    );
    story.lists("a b");
    assert!(story.takes_what_stands_for("a  b"));
    story.writes("a c", "a c");
    story.lists("a b");
    assert!(
        !story.takes_what_stands_for("a  b"),
        "it was not the last that was sent"
    );
}

#[test]
fn a_service_that_repeats_what_was_sent_is_asked_after_one_try() {
    let mut story = Story::new();
    story.writes("a  b", "a  b");
    assert!(
        !story.asks(),
        "a creation that is shown as it was sent needs no read"
    );
    story.lists("a b");
    assert!(
        !story.takes_what_stands_for("a  b"),
        "somebody may have edited it"
    );
    story.writes("a  b", "a  b");
    assert!(story.asks());
    story.reads("a b");
    assert!(story.takes_what_stands_for("a  b"));
}

#[test]
fn a_service_that_keeps_another_text_is_asked_after_two_tries() {
    let mut story = Story::new();
    story.writes("wanted", "wanted");
    story.lists("kept");
    story.writes("wanted", "wanted");
    assert!(!story.asks());
    story.lists("kept");
    story.writes("wanted", "wanted");
    assert!(story.asks());
    story.reads("kept");
    assert!(story.takes_what_stands_for("wanted"));
}

/// A person who edits the same text again and again is corrected again and again.
#[rstest]
#[case::another_text("by hand")]
#[case::another_spelling("wanted  text")]
fn a_person_is_no_service(#[case] by_hand: &str) {
    let mut story = Story::new();
    story.writes("wanted text", "wanted text");
    for _ in 0..5 {
        story.lists(by_hand);
        assert!(!story.takes_what_stands_for("wanted text"));
        story.writes("wanted text", "wanted text");
        if story.asks() {
            story.reads("wanted text");
        }
        assert!(!story.takes_what_stands_for("wanted text"));
    }
}

#[test]
fn an_object_that_is_gone_takes_its_spellings_along() {
    let mut story = Story::new();
    story.writes("a  b", "a b");
    let at = story.next();
    story.table.apply_gone(at, &SID);
    story.reads("a b");
    assert!(!story.takes_what_stands_for("a  b"));
}

/// A list and a read may spell differently: both are taken, and only the last few.
#[test]
fn several_spellings_are_taken_up_to_a_bound() {
    let mut story = Story::new();
    for spelling in 0..10 {
        story.writes("wanted", &format!("spelling {spelling}"));
    }
    for (spelling, taken) in [(9, true), (6, true), (5, false), (0, false)] {
        story.lists(&format!("spelling {spelling}"));
        assert_eq!(story.takes_what_stands_for("wanted"), taken, "{spelling}");
    }
}
