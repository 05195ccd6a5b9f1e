//! The list of destinations leaves out what a mapping needs (audience-manager.md §2.9): that comes from the destination
//! itself, once, and stays known until it changes.

use audience_sharing_core::compose::DeclaredDestination;
use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::destination::{Destination, DestinationKind, MappingKeys};
use audience_sharing_core::domain::identifier::DestinationId;
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::Inventory;
use rstest::rstest;

use super::{
    SHOP, URL, by_name, calls, gamers, mapped, pass, reasons, settled, shop, state, tenant,
};
use crate::model::{Tenant, World, share, target_mut};

fn compact(mut tenant: Tenant) -> Tenant {
    tenant.compact_destinations = true;
    tenant
}

fn reads(calls: &[String]) -> usize {
    let reads = calls.iter();
    reads
        .filter(|call| call.starts_with("read destination"))
        .count()
}

fn any(alias: Option<&str>, value_alias: Option<&str>) -> DeclaredDestination {
    DeclaredDestination {
        keys: MappingKeys {
            alias: alias.map(Into::into),
            value_alias: value_alias.map(Into::into),
            ..MappingKeys::default()
        },
        ..by_name("any", "Any")
    }
}

#[rstest]
#[case::serialized_url(DestinationKind::Url { serial: Some(true) }, "NONE", any(Some("a"), None))]
#[case::cookie_with_one_key(DestinationKind::Cookie { key_per_segment: Some(false) }, "NONE", any(None, Some("v")))]
#[case::cookie_with_keys(DestinationKind::Cookie { key_per_segment: Some(true) }, "NONE", any(Some("a"), Some("v")))]
#[case::server_to_server(DestinationKind::ServerToServer, "NONE", any(Some("a"), None))]
#[case::filled(DestinationKind::ServerToServer, "IC", any(None, None))]
fn what_a_mapping_needs_is_read_once_where_the_list_leaves_it_out(
    #[case] kind: DestinationKind,
    #[case] filler: &str,
    #[case] declared: DeclaredDestination,
    #[values(true, false)] compact: bool,
) {
    let mut tenant = Tenant::default().with_destination(1, "Any", kind);
    let made = tenant.destinations.get_mut(&DestinationId(1)).unwrap();
    made.fills_alias = Some(filler != "NONE");
    tenant.compact_destinations = compact;
    let mut world = World::over(tenant);
    let share = mapped(&[declared]);
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(world.tenant.mappings.len(), 1);
    let all = calls(&world);
    assert_eq!(reads(&all), usize::from(compact), "{all:?}");
    let at = |begins: &str| all.iter().position(|call| call.starts_with(begins));
    assert!(
        !compact || at("read destination") < at("create trait \""),
        "before the first write: {all:?}"
    );
}

#[test]
fn a_misfit_is_found_by_the_read_and_nothing_is_made() {
    let tenant = tenant().with_destination(1, "Any", DestinationKind::Url { serial: Some(true) });
    let mut world = World::over(compact(tenant));
    let declared = DeclaredDestination {
        destination: by_name("x", "Any").destination,
        ..shop()
    };
    let plan = world.settle(&mapped(&[declared]), &gamers());
    assert_eq!(plan.blockers[0].reason(), Reason::MappingInvalid);
    assert!(world.tenant.traits.is_empty());
}

#[test]
fn what_was_read_stays_known_until_the_time_of_the_last_change_moves() {
    let share = mapped(&[shop()]);
    let mut world = state(compact(tenant()), &share);
    for _ in 0..3 {
        pass(&mut world);
        assert_eq!(settled(&mut world, &share), Vec::<String>::new());
    }
    let changed = world.tenant.destinations.get_mut(&SHOP).unwrap();
    changed.updated = Some(2);
    pass(&mut world);
    assert_eq!(settled(&mut world, &share), ["read destination 4711"]);
    pass(&mut world);
    assert_eq!(settled(&mut world, &share), Vec::<String>::new());
    // One without a time may have changed at any time.
    world.tenant.destinations.get_mut(&SHOP).unwrap().updated = None;
    for _ in 0..2 {
        pass(&mut world);
        assert_eq!(settled(&mut world, &share), ["read destination 4711"]);
    }
}

/// A field that even the destination's own answer lacks is not asked for again and again: the declaration decides.
#[rstest]
#[case::cookie(DestinationKind::Cookie { key_per_segment: None }, any(Some("a"), Some("v")))]
#[case::cookie_with_one_key(DestinationKind::Cookie { key_per_segment: None }, any(None, Some("v")))]
#[case::url(DestinationKind::Url { serial: None }, any(Some("a"), None))]
fn what_its_own_answer_lacks_is_left_to_the_declaration(
    #[case] kind: DestinationKind,
    #[case] declared: DeclaredDestination,
) {
    let tenant = Tenant::default().with_destination(1, "Any", kind);
    let mut world = World::over(tenant);
    let plan = world.settle(&mapped(&[declared]), &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(reads(&calls(&world)), 1);
    assert_eq!(world.tenant.mappings.len(), 1);
}

/// The labels that the list leaves out forbid as much as those that it shows, also of a destination that a person mapped the
/// segment to and no manifest names.
#[rstest]
fn a_destination_that_a_person_mapped_is_read_before_its_labels_are_compared(
    #[values(true, false)] compact: bool,
) {
    let share = mapped(&[shop()]);
    let mut with_labels = tenant().with_destination(4_713, "Labelled", URL);
    with_labels
        .destinations
        .get_mut(&DestinationId(4_713))
        .unwrap()
        .labels = Some(Restrictions::new(["PII"]));
    with_labels.compact_destinations = compact;
    let mut world = state(with_labels, &share);
    let mut by_hand = world.tenant.mappings.values().next().unwrap().clone();
    by_hand.id.destination = DestinationId(4_713);
    world.tenant.mappings.insert(by_hand.id, by_hand);
    for source in world.tenant.data_sources.values_mut() {
        source.restrictions = Restrictions::new(["PII"]);
    }
    pass(&mut world);
    let plan = world.settle(&share, &gamers());
    assert_eq!(
        reads(&calls(&world)),
        usize::from(compact),
        "{:?}",
        calls(&world)
    );
    assert!(
        plan.blockers
            .iter()
            .any(|blocker| blocker.message().contains("4713 \"Labelled\" (PII)")),
        "{:?}",
        plan.blockers
    );
}

/// Another list may be older than the read: it takes nothing away.
#[test]
fn a_list_that_was_sent_before_the_read_changes_nothing() {
    let tenant = compact(tenant());
    let mut inventory = Inventory::default();
    tenant.apply_destinations(&mut inventory, 1);
    let whole: Destination = tenant.destinations[&SHOP].clone();
    let at = audience_sharing_core::inventory::Sequence(5);
    let now = audience_sharing_core::inventory::Moment(0);
    inventory.apply_destination(at, now, whole, None);
    tenant.apply_destinations(&mut inventory, 3);
    assert!(inventory.destinations.get(&SHOP).unwrap().record.is_whole());
}

/// What Adobe does with a mapping to it is not known: it is made, and the status is reported once for both segments.
#[test]
fn a_destination_with_a_status_that_no_person_sets_is_mapped_and_reported() {
    let mut third = share("loyal", "I", &["third"]);
    let mut third = target_mut(&mut third).additional_segments.remove(0);
    third.destinations = vec![shop()];
    let mut share = mapped(&[shop()]);
    target_mut(&mut share).additional_segments = vec![third];
    let mut tenant = tenant();
    let odd = tenant
        .destinations
        .values_mut()
        .find(|it| &*it.name == "Shop");
    odd.unwrap().activity = Activity::Other("SUSPENDED".into());
    let mut world = World::over(tenant);
    let plan = world.settle(&share, &gamers());
    assert_eq!(reasons(&plan), [Reason::ObjectSuspended]);
    let message = plan.blockers[0].message();
    let said = "Destination 4711 \"Shop\" has the status \"SUSPENDED\"";
    assert_eq!(message.matches(said).count(), 1, "{message}");
    assert_eq!(world.tenant.mappings.len(), 2);
}
