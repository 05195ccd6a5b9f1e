//! How records are found, and whom folding them concerns.

use audience_sharing_core::domain::audience_manager::{Segment, Trait};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, IntegrationCode, SandboxId, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::mark::Mark;
use audience_sharing_core::facts::Known;
use audience_sharing_core::inventory::{Coverage, Entry, Inventory, Key, Moment, Sequence, Table};

use crate::model::source;
use crate::records::{SHARING, data_source, onboarded, segment, segment_folder, trait_folder};

const LONG_AGO: Moment = Moment(0);
const LATER: Moment = Moment(3_600_000);

fn key(code: &str) -> (DataSourceId, IntegrationCode) {
    (SHARING, IntegrationCode::new(code))
}

fn code(code: &str) -> Key {
    Key::Code(IntegrationCode::new(code))
}

/// Traits as one list of their data source told them.
fn listed(traits: &[Trait]) -> Table<Trait> {
    let mut table = Table::default();
    list(&mut table, 10, LONG_AGO, traits);
    table
}

fn list(table: &mut Table<Trait>, started: u64, now: Moment, traits: &[Trait]) -> Vec<Key> {
    table.apply_list(
        Sequence(started),
        now,
        Coverage::DataSource(SHARING),
        traits.to_vec(),
        &[],
    )
}

fn sids<'a>(found: impl Iterator<Item = &'a Entry<Trait>>) -> Vec<u64> {
    found.map(|entry| entry.record.sid.0).collect()
}

#[test]
fn each_kind_concerns_those_that_depend_on_it() {
    let (at, now) = (Sequence(1), LONG_AGO);
    let mut inventory = Inventory::default();
    let shared = [Key::SharedObjects];
    let of_source = [Key::SharedObjects, Key::DataSource(DataSourceId(5))];
    assert_eq!(
        inventory
            .data_sources
            .apply_written(at, now, data_source(5, "")),
        of_source
    );
    assert_eq!(
        inventory
            .trait_folders
            .apply_written(at, now, trait_folder(6, "Traits")),
        shared
    );
    assert_eq!(
        inventory
            .segment_folders
            .apply_written(at, now, segment_folder(7, "Segments")),
        shared
    );
    assert_eq!(
        inventory
            .traits
            .apply_written(at, now, onboarded(10, Some("I"))),
        [Key::Trait(TraitSid(10)), code("I")]
    );
    assert_eq!(
        inventory.traits.apply_written(at, now, onboarded(11, None)),
        [Key::Trait(TraitSid(11))]
    );
    assert_eq!(
        inventory
            .segments
            .apply_written(at, now, segment(20, Some("I.third"))),
        [Key::Segment(SegmentSid(20)), code("I.third")]
    );
    assert_eq!(
        inventory.segments.apply_written(at, now, segment(21, None)),
        [Key::Segment(SegmentSid(21))]
    );
    assert_eq!(
        inventory
            .audiences
            .apply_read(at, source("I", "Loyal gamers")),
        [
            Key::Audience(AudienceId::new("I")),
            Key::AudienceName("Loyal gamers".into())
        ]
    );
}

#[test]
fn a_changed_key_concerns_those_of_the_old_one_and_of_the_new() {
    let mut table = listed(&[onboarded(10, Some("I"))]);
    let touched = table.apply_read(Sequence(11), onboarded(10, Some("J")));
    assert!(
        touched.contains(&code("I")) && touched.contains(&code("J")),
        "{touched:?}"
    );
    assert_eq!(sids(table.find(&key("I"))), [0; 0]);
    assert_eq!(sids(table.find(&key("J"))), [10]);
}

#[test]
fn all_records_of_one_key_are_found_in_the_order_of_their_ids() {
    let mut table = listed(&[
        onboarded(12, Some("I")),
        onboarded(10, Some("I")),
        onboarded(11, Some("J")),
        onboarded(13, None),
    ]);
    assert_eq!(sids(table.find(&key("I"))), [10, 12]);
    assert_eq!(sids(table.iter()), [10, 11, 12, 13]);
    table.apply_gone(Sequence(11), &TraitSid(10));
    assert_eq!(sids(table.find(&key("I"))), [12]);
}

#[test]
fn a_range_of_keys_gives_its_records_in_the_order_of_the_keys() {
    let table = listed(&[
        onboarded(10, Some("I.b")),
        onboarded(11, Some("I.a")),
        onboarded(12, Some("H")),
        onboarded(13, Some("J")),
    ]);
    let found: Vec<_> = table
        .range(key("I.")..key("I/"))
        .map(|((_, code), entry)| (code.as_str().to_owned(), entry.record.sid.0))
        .collect();
    assert_eq!(found, [("I.a".to_owned(), 11), ("I.b".to_owned(), 10)]);
}

#[test]
fn the_first_list_lets_absence_be_judged_and_later_ones_concern_nobody() {
    let mut table = Table::<Trait>::default();
    let coverage = Coverage::DataSource(SHARING);
    assert!(!table.is_listed(coverage));
    assert_eq!(list(&mut table, 10, LONG_AGO, &[]), [Key::SharedObjects]);
    assert!(table.is_listed(coverage));
    assert!(!table.is_listed(Coverage::DataSource(DataSourceId(6))));
    assert_eq!(list(&mut table, 11, LATER, &[]), []);
}

#[test]
fn a_list_of_one_data_source_misses_nothing_of_another() {
    let mut elsewhere = onboarded(11, Some("I"));
    elsewhere.data_source = DataSourceId(6);
    let mut table = listed(&[onboarded(10, Some("I")), elsewhere]);
    let touched = list(&mut table, 20, LATER, &[]);
    assert_eq!(touched, [Key::Trait(TraitSid(10)), code("I")]);
    assert!(table.get(&TraitSid(10)).unwrap().stale);
    assert!(!table.get(&TraitSid(11)).unwrap().stale);
    let of_all = table.apply_list(Sequence(30), LATER, Coverage::Whole, Vec::new(), &[]);
    assert_eq!(
        of_all,
        [Key::Trait(TraitSid(11)), code("I"), Key::SharedObjects],
        "what is in doubt already concerns nobody anew"
    );
}

#[test]
fn doubt_that_a_list_clears_concerns_those_that_waited() {
    let mut table = listed(&[onboarded(10, Some("I"))]);
    table.apply_unknown_outcome(Sequence(11), &TraitSid(10));
    let same = [onboarded(10, Some("I"))];
    assert_eq!(
        list(&mut table, 20, LATER, &same),
        [Key::Trait(TraitSid(10)), code("I")]
    );
    assert!(!table.get(&TraitSid(10)).unwrap().stale);
    assert_eq!(list(&mut table, 21, LATER, &same), []);
}

#[test]
fn doubt_that_its_own_read_clears_concerns_those_that_waited() {
    let mut table = listed(&[onboarded(10, Some("I"))]);
    assert_eq!(table.apply_read(Sequence(11), onboarded(10, Some("I"))), []);
    table.apply_unknown_outcome(Sequence(11), &TraitSid(10));
    let touched = table.apply_read(Sequence(12), onboarded(10, Some("I")));
    assert!(touched.contains(&code("I")), "{touched:?}");
    assert!(!table.get(&TraitSid(10)).unwrap().stale);
}

#[test]
fn a_list_as_old_as_what_is_known_changes_nothing() {
    let mut table = listed(&[onboarded(10, Some("I"))]);
    let mut renamed = onboarded(10, Some("I"));
    renamed.name = "Renamed".into();
    assert_eq!(list(&mut table, 10, LATER, &[renamed.clone()]), []);
    assert_eq!(list(&mut table, 10, LATER, &[]), [], "nor does its silence");
    assert!(!table.get(&TraitSid(10)).unwrap().stale);
    assert_eq!(&*table.get(&TraitSid(10)).unwrap().record.name, "Loyal");
    list(&mut table, 11, LATER, &[renamed]);
    assert_eq!(&*table.get(&TraitSid(10)).unwrap().record.name, "Renamed");
}

#[test]
fn an_answer_of_the_same_call_is_taken() {
    let mut table = listed(&[onboarded(10, Some("I"))]);
    let mut renamed = onboarded(10, Some("I"));
    renamed.name = "Renamed".into();
    table.apply_read(Sequence(10), renamed);
    assert_eq!(&*table.get(&TraitSid(10)).unwrap().record.name, "Renamed");
}

#[test]
fn a_list_that_contradicts_a_fresh_write_concerns_once_and_is_believed_a_minute_later() {
    let mut table = listed(&[]);
    let mut written = onboarded(10, Some("I"));
    written.name = "Renamed".into();
    table.apply_written(Sequence(20), LATER, written);
    let stale = [onboarded(10, Some("I"))];
    let at = |after_ms: u64| Moment(LATER.0 + after_ms);
    assert_eq!(
        list(&mut table, 21, at(59_999), &stale),
        [Key::Trait(TraitSid(10)), code("I")]
    );
    assert!(table.get(&TraitSid(10)).unwrap().stale);
    assert_eq!(
        list(&mut table, 22, at(59_999), &stale),
        [],
        "it is asked already"
    );
    list(&mut table, 23, at(60_000), &stale);
    assert_eq!(&*table.get(&TraitSid(10)).unwrap().record.name, "Loyal");
}

#[test]
fn what_answered_404_and_is_listed_again_is_in_doubt_until_it_answers_itself() {
    let mut table = listed(&[onboarded(10, Some("I"))]);
    let touched = table.apply_gone(Sequence(11), &TraitSid(10));
    assert_eq!(touched, [Key::Trait(TraitSid(10)), code("I")]);
    let same = [onboarded(10, Some("I")), onboarded(11, Some("J"))];
    list(&mut table, 20, LATER, &same);
    assert!(table.get(&TraitSid(10)).unwrap().stale);
    assert!(
        !table.get(&TraitSid(11)).unwrap().stale,
        "it was never gone"
    );
    assert!(table.is_gone(&TraitSid(10)));
    table.apply_read(Sequence(21), onboarded(10, Some("I")));
    assert!(!table.get(&TraitSid(10)).unwrap().stale && !table.is_gone(&TraitSid(10)));
}

#[test]
fn an_open_create_is_answered_by_a_look_up_by_its_own_answer_or_by_a_tree() {
    let mut table = listed(&[]);
    table.apply_unresolved(Sequence(11), key("I"));
    table.apply_unresolved(Sequence(12), key("J"));
    assert!(table.is_unresolved(&key("I")));
    let touched = table.apply_look_up(Sequence(20), key("I"), vec![onboarded(10, Some("I"))]);
    assert_eq!(touched, [Key::Trait(TraitSid(10)), code("I")]);
    assert!(!table.is_unresolved(&key("I")) && table.is_unresolved(&key("J")));
    assert!(table.was_looked_up(&key("I"), Sequence(20)));
    assert!(
        !table.was_looked_up(&key("I"), Sequence(21)),
        "that is too long ago"
    );
    assert!(!table.was_looked_up(&key("J"), Sequence(0)));
    table.apply_written(Sequence(21), LATER, onboarded(11, Some("J")));
    assert!(!table.is_unresolved(&key("J")));
    table.apply_unresolved(Sequence(21), key("I"));
    assert!(
        !table.was_looked_up(&key("I"), Sequence(20)),
        "a later create needs a later look-up"
    );
    table.apply_unresolved(Sequence(21), key("L"));
    let known = || vec![onboarded(11, Some("J"))];
    table.apply_whole_list(Sequence(22), LATER, known(), Vec::new());
    assert!(!table.is_unresolved(&key("I")), "it is known");
    assert!(table.is_unresolved(&key("L")), "one list proves nothing");
    table.apply_whole_list(Sequence(23), LATER, known(), Vec::new());
    assert!(!table.is_unresolved(&key("L")) && table.is_free(&key("L")));
}

#[test]
fn what_a_whole_list_lacks_is_in_doubt_unless_it_was_written_within_a_minute() {
    let mut table = Table::<Trait>::default();
    let both = vec![onboarded(10, Some("I")), onboarded(11, Some("J"))];
    table.apply_whole_list(Sequence(10), LONG_AGO, both, Vec::new());
    table.apply_written(Sequence(11), LATER, onboarded(12, Some("K")));
    let at = |after_ms: u64| Moment(LATER.0 + after_ms);
    let only = || vec![onboarded(11, Some("J"))];
    let stale = |table: &Table<Trait>| sids(table.iter().filter(|entry| entry.stale));
    let touched = table.apply_whole_list(Sequence(20), at(59_999), only(), Vec::new());
    assert!(touched.contains(&code("I")) && !table.is_gone(&TraitSid(10)));
    assert_eq!(stale(&table), [10]);
    table.apply_whole_list(Sequence(21), at(60_000), only(), Vec::new());
    assert_eq!(stale(&table), [10, 12]);
    assert!(!table.is_free(&key("I")), "it is known");
}

#[test]
fn the_sandbox_is_learned_from_the_audiences_that_name_it() {
    let mut inventory = Inventory::default();
    let mut audience = source("I", "Loyal gamers");
    audience.sandbox = Some(SandboxId::new("4b1c"));
    let touched = inventory.apply_audiences(Sequence(1), LONG_AGO, vec![audience], &[]);
    assert!(
        touched.contains(&Key::Audience(AudienceId::new("I"))),
        "{touched:?}"
    );
    assert_eq!(inventory.tenant.sandbox, Some(SandboxId::new("4b1c")));
    inventory.apply_audiences(Sequence(2), LATER, vec![source("I", "Loyal gamers")], &[]);
    assert_eq!(
        inventory.tenant.sandbox,
        Some(SandboxId::new("4b1c")),
        "silence unlearns nothing"
    );
}

/// Of a kind that carries a description, the first sign after the recorded id (design.md §4, L1).
fn is_found_by_its_mark<K: Known>(described: impl Fn(&str) -> K) {
    let mark = |uid: &str| Mark::read(&format!("[audience-sharing:us/a/loyal#{uid}]")).unwrap();
    let mut inventory = Inventory::default();
    let table = K::table_mut(&mut inventory);
    let text = format!("Old {}", mark("11111111"));
    table.apply_read(Sequence(1), described(&text));
    for uid in ["11111111", "22222222"] {
        assert_eq!(table.marked(&mark(uid)).count(), 1, "{}", K::NOUN);
    }
    table.apply_read(Sequence(2), described("By hand"));
    assert_eq!(table.marked(&mark("11111111")).count(), 0, "{}", K::NOUN);
}

#[test]
fn every_kind_with_a_description_is_found_by_its_mark_with_any_uid() {
    is_found_by_its_mark(|text| data_source(5, text));
    is_found_by_its_mark(|text| Trait {
        description: text.into(),
        ..onboarded(10, Some("I"))
    });
    is_found_by_its_mark(|text| Segment {
        description: text.into(),
        ..segment(20, Some("I"))
    });
    is_found_by_its_mark(|text| Audience {
        description: text.into(),
        ..source("I", "Loyal gamers")
    });
}
