//! What is forgotten, and what is not: a long life leaves no more behind than what exists (design.md §4, L10).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::{Coverage, Key, Moment, Sequence};
use crate::domain::audience_manager::{Activity, Trait, TraitKind, TraitReference};
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, IntegrationCode, TraitFolderId, TraitSid};
use crate::domain::source::{AudienceManagerSelector, Naming, SourceKind};
use crate::inventory::{
    Findings, FoundTraits, Inventory, RuleContent, RuleVerdict, SentText, Users,
};

const OURS: DataSourceId = DataSourceId(7);
const LATE: Moment = Moment(3_600_000);

fn object(sid: u64) -> Trait {
    Trait {
        look_alikes: None,
        sid: TraitSid(sid),
        kind: TraitKind::Onboarded,
        name: format!("Trait {sid}").into(),
        description: "".into(),
        integration_code: Some(IntegrationCode::new(format!("code-{sid}"))),
        data_source: OURS,
        folder: TraitFolderId(1),
        rule: "".into(),
        ttl_days: None,
        activity: Activity::Active,
    }
}

fn code(sid: u64) -> (DataSourceId, IntegrationCode) {
    (OURS, IntegrationCode::new(format!("code-{sid}")))
}

fn list(inventory: &mut Inventory, at: u64, sids: &[u64]) {
    let items = sids.iter().copied().map(object).collect();
    let coverage = Coverage::DataSource(OURS);
    inventory
        .traits
        .apply_list(Sequence(at), LATE, coverage, items, &[]);
}

fn nothing_is_needed(_: &Key) -> bool {
    false
}

/// All that is kept of traits, by what keeps it.
fn sizes(inventory: &Inventory) -> [usize; 10] {
    let traits = &inventory.traits;
    [
        traits.entries.len(),
        traits.by_key.len(),
        traits.gone.len(),
        traits.listed.len(),
        traits.looked_up.len(),
        traits.unresolved.len(),
        traits.sent.len(),
        inventory.searches.len(),
        inventory.named_traits.len(),
        inventory.trait_users.len(),
    ]
}

#[test]
fn ten_thousand_that_came_and_went_leave_what_lives() {
    let mut inventory = Inventory::default();
    for sid in 1..=10_000 {
        let at = Sequence(sid * 10);
        let traits = &mut inventory.traits;
        traits.apply_unresolved(at, (DataSourceId(sid), IntegrationCode::new("lost")));
        traits.apply_look_up(at, code(sid), Vec::new());
        traits.apply_written(at, Moment(0), object(sid));
        let name = format!("Trait {sid}?");
        let sent = SentText {
            field: Field::Name,
            text: &name,
            before: None,
        };
        traits.note_sent(&TraitSid(sid), &[sent]);
        let (seen, sids) = (at, vec![sid]);
        let selector = AudienceManagerSelector {
            kind: SourceKind::Trait,
            naming: Naming::Name(name.as_str().into()),
        };
        inventory.searches.insert(selector, Findings { seen, sids });
        let reference = TraitReference::Code {
            code: IntegrationCode::new(name.as_str()),
            data_source: None,
        };
        let sids = vec![TraitSid(sid)];
        let found = FoundTraits { seen, sids };
        inventory.named_traits.insert(reference, found);
        let segments = Vec::new();
        let users = Users { seen, segments };
        inventory.trait_users.insert(TraitSid(sid), users);
        let template = name.into();
        let sids = Vec::new();
        let accepted = false;
        let content = RuleContent { template, sids };
        inventory.apply_rule_verdict(content, RuleVerdict { seen, accepted });
        if sid > 10 {
            let gone = Sequence(sid * 10 + 1);
            let proven = inventory.traits.apply_gone(gone, &TraitSid(sid));
            assert!(!proven.is_empty());
        }
    }
    let living: Vec<u64> = (1..=10).collect();
    list(&mut inventory, 200_000, &living);
    inventory.forget(Sequence(200_000), &nothing_is_needed);
    assert_eq!(sizes(&inventory), [10, 10, 0, 1, 0, 0, 10, 0, 0, 0]);
    assert!(inventory.rule_verdicts.is_empty());
}

#[test]
fn what_a_job_has_asked_is_kept_until_the_job_ends() {
    let mut inventory = Inventory::default();
    let traits = &mut inventory.traits;
    traits.apply_look_up(Sequence(5), code(1), Vec::new());
    traits.apply_unresolved(Sequence(6), code(2));
    traits.apply_gone(Sequence(7), &TraitSid(3));
    inventory.forget(Sequence(5), &nothing_is_needed);
    let traits = &inventory.traits;
    assert!(traits.was_looked_up(&code(1), Sequence(5)));
    assert!(traits.is_unresolved(&code(2)));
    assert!(traits.is_gone(&TraitSid(3)));
}

#[test]
fn an_id_that_is_gone_stays_known_to_whom_depends_on_it() {
    let mut inventory = Inventory::default();
    for sid in [1, 2] {
        inventory.traits.apply_gone(Sequence(sid), &TraitSid(sid));
    }
    inventory.forget(Sequence(100), &|key| *key == Key::Trait(TraitSid(1)));
    assert!(inventory.traits.is_gone(&TraitSid(1)));
    assert!(!inventory.traits.is_gone(&TraitSid(2)));
}

#[test]
fn what_two_full_reads_lack_is_forgotten_but_not_gone() {
    let mut inventory = Inventory::default();
    list(&mut inventory, 1, &[1, 2, 3]);
    list(&mut inventory, 10, &[1]);
    inventory.forget(Sequence(1), &nothing_is_needed);
    assert_eq!(inventory.traits.entries.len(), 3, "one list may be wrong");
    list(&mut inventory, 20, &[1]);
    inventory.forget(Sequence(10), &|key| *key == Key::Trait(TraitSid(2)));
    let traits = &inventory.traits;
    assert!(traits.get(&TraitSid(1)).is_some_and(|entry| !entry.stale));
    let needed = traits.get(&TraitSid(2));
    assert!(needed.is_some_and(|entry| entry.stale), "a read decides");
    assert!(traits.get(&TraitSid(3)).is_none());
    assert!(!traits.is_gone(&TraitSid(3)), "no list proves that");
}

#[test]
fn a_data_source_that_is_listed_no_more_takes_its_contents_along() {
    let mut inventory = Inventory::default();
    list(&mut inventory, 1, &[1, 2]);
    inventory.forget(Sequence(1), &nothing_is_needed);
    assert_eq!(inventory.traits.entries.len(), 2);
    inventory.forget(Sequence(10), &nothing_is_needed);
    assert!(!inventory.traits.is_listed(Coverage::DataSource(OURS)));
    assert_eq!(inventory.traits.entries.len(), 0);
}
