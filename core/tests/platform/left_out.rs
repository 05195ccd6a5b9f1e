//! Answers about many audiences that leave fields of them out (experience-platform.md §3.11): what is not named is unknown,
//! and never counts as empty.

use super::*;

/// What a list without descriptions and labels shows.
fn bare(audience: &Audience) -> Audience {
    Audience {
        description: "".into(),
        names_description: false,
        labels: None,
        ..audience.clone()
    }
}

impl World {
    fn refresh_with_bare_lists(&mut self) {
        self.at += 1;
        let listed = self.all().map(bare).collect();
        let now = Moment(self.at * 100_000);
        self.inventory
            .apply_audiences(Sequence(self.at), now, listed, &[]);
    }
}

fn anothers(mark: &str) -> Audience {
    Audience {
        description: mark.into(),
        ..audience("there", "Console buyers", Some(connector_key()))
    }
}

/// Looks like one without a mark, which `adoptionPolicy: Always` would take.
#[rstest]
#[case::of_this_strategy(Strategy::ExternalAudience)]
#[case::of_another_strategy(Strategy::MetadataOnly)]
fn a_mark_that_the_list_leaves_out_is_read_before_anything_is_judged(#[case] strategy: Strategy) {
    let mut world = World::over([]);
    world.living = BTreeSet::from([name("gamers"), name("others")]);
    let theirs = desired("others", Strategy::ExternalAudience, "Console buyers");
    world
        .audiences
        .insert(AudienceId::new("there"), anothers(&theirs.new.description));
    world
        .claims
        .claim(&name("others"), &theirs.source, CreatedAt(0));
    world.adoption = AdoptionPolicy::Always;
    world.refresh_with_bare_lists();
    let plan = world.settle("gamers", &desired("gamers", strategy, "Console buyers"));
    assert_eq!(World::reasons(&plan), [Reason::SourceClaimed]);
    assert_eq!(world.calls, ["read audience there"]);
}

#[rstest]
#[case::by_a_look_up(true)]
#[case::by_a_list(false)]
fn what_a_person_changed_is_found_although_no_list_shows_it(#[case] looked_up: bool) {
    let mut world = World::over([]);
    let wanted = desired("gamers", Strategy::ExternalAudience, "Console buyers");
    let id = world.settle("gamers", &wanted).state.audience.unwrap();
    world.recorded.audience = Some(id.clone());
    world.audiences.get_mut(&id).unwrap().description = "edited".into();
    match looked_up {
        true => {
            world.at += 1;
            let key = AudienceLookUp::Key(connector_key()).natural_key();
            let found = vec![bare(&world.audiences[&id])];
            world
                .inventory
                .audiences
                .apply_look_up(Sequence(world.at), key, found);
        }
        false => world.refresh_with_bare_lists(),
    }
    let known = world.inventory.audiences.get(&id).unwrap();
    assert_eq!(known.record.description, wanted.new.description);
    world.calls.clear();
    assert!(world.settle("gamers", &wanted).is_settled());
    assert_eq!(world.audiences[&id].description, wanted.new.description);
    assert_eq!(world.calls[0], format!("read audience {id}"));
}

/// Each time anew: a list never shows that nothing changed.
#[test]
fn a_list_that_leaves_fields_out_confirms_nothing() {
    let mut world = World::over([anothers("")]);
    let id = AudienceId::new("there");
    let is_stale = |world: &World| world.inventory.audiences.get(&id).unwrap().stale;
    for _ in 0..2 {
        world.refresh_with_bare_lists();
        assert!(is_stale(&world));
        world.refresh_with_bare_lists();
        assert!(is_stale(&world), "it was not read meanwhile");
        world.carry_out(&Call::read::<Audience>(id.clone()));
        assert!(!is_stale(&world));
    }
    // Where its own answer has no labels either, there is nothing to be read.
    world.audiences.get_mut(&id).unwrap().labels = None;
    world.carry_out(&Call::read::<Audience>(id.clone()));
    world.refresh();
    assert!(!is_stale(&world));
}

#[test]
fn a_first_list_without_them_is_no_ground_for_a_decision() {
    let mut inventory = Inventory::default();
    let listed = vec![bare(&anothers(""))];
    inventory.apply_audiences(Sequence(1), Moment(1), listed, &[]);
    let found = inventory.audiences.get(&AudienceId::new("there")).unwrap();
    assert!(found.stale);
}
