//! Destinations of a segment: found, checked before the first write, mapped, changed and taken away again.

mod adobe_sharing;
mod compact;
mod leaving;
mod rekeyed;

use audience_sharing_core::compose::{
    AdoptionPolicy, DeclaredDestination, DestinationSelector, Share,
};
use audience_sharing_core::domain::audience_manager::Activity;
use audience_sharing_core::domain::destination::{Day, DestinationKind, Mapping, MappingKeys};
use audience_sharing_core::domain::experience_platform::Audience;
use audience_sharing_core::domain::identifier::{DestinationId, MappingId, SegmentSid};
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::{Coverage, Moment, Sequence, Table};
use audience_sharing_core::plan::Plan;
use audience_sharing_core::plan::to_audience_manager::{ObservedState, RecordedIds};
use rstest::rstest;

use crate::model::{Tenant, World, share, source, target_mut};

const URL: DestinationKind = DestinationKind::Url {
    serial: Some(false),
};
const SHOP: DestinationId = DestinationId(4_711);
/// A mapping to the partner that a person makes.
const FOREIGN: MappingId = MappingId {
    destination: DestinationId(4_712),
    number: 9_000,
};

fn to_shop(number: u64) -> MappingId {
    MappingId {
        destination: SHOP,
        number,
    }
}

fn tenant() -> Tenant {
    Tenant::default()
        .with_destination(4_711, "Shop", URL)
        .with_destination(4_712, "Partner", DestinationKind::ServerToServer)
}

fn by_name(key: &str, name: &str) -> DeclaredDestination {
    DeclaredDestination {
        key: key.into(),
        destination: DestinationSelector::Name(name.into()),
        keys: MappingKeys::default(),
        start: None,
        end: None,
    }
}

fn shop() -> DeclaredDestination {
    DeclaredDestination {
        keys: url("https://shop.example"),
        ..by_name("shop", "Shop")
    }
}

fn partner() -> DeclaredDestination {
    DeclaredDestination {
        destination: DestinationSelector::Id(DestinationId(4_712)),
        keys: MappingKeys {
            alias: Some("gamers".into()),
            ..MappingKeys::default()
        },
        ..by_name("partner", "")
    }
}

fn url(url: &str) -> MappingKeys {
    MappingKeys {
        url: Some(url.into()),
        ..MappingKeys::default()
    }
}

fn day(date: &str, eve: &str) -> Option<Day> {
    Some(Day {
        date: date.into(),
        eve: eve.into(),
    })
}

fn mapped(destinations: &[DeclaredDestination]) -> Share {
    let mut share = share("loyal", "I", &[]);
    target_mut(&mut share).destinations = destinations.to_vec();
    share
}

fn gamers() -> Audience {
    source("I", "Loyal gamers")
}

/// What the status would have written down.
fn record(world: &mut World, plan: &Plan<ObservedState>) {
    let state = plan.state.clone();
    world.recorded = RecordedIds {
        models: Vec::new(),
        trait_sid: state.trait_sid,
        segment_sid: state.segment_sid,
        observed: state.observed,
        adobes: state.adobes,
        additional_segments: state.additional_segments,
        mappings: state.mappings,
        traits: state.traits,
    };
}

/// A world in which `share` stands and is written down.
fn state(tenant: Tenant, share: &Share) -> World {
    let mut world = World::over(tenant);
    let plan = world.settle(share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    record(&mut world, &plan);
    pass(&mut world);
    world
}

/// A full pass, destinations included.
fn pass(world: &mut World) {
    world.refresh();
    world
        .tenant
        .apply_destinations(&mut world.inventory, world.at);
}

fn calls(world: &World) -> Vec<String> {
    world.calls.iter().map(ToString::to_string).collect()
}

fn reasons(plan: &Plan<ObservedState>) -> Vec<Reason> {
    let blockers = plan.blockers.iter();
    blockers.map(|blocker| blocker.reason()).collect()
}

/// Settles and gives what was called.
fn settled(world: &mut World, share: &Share) -> Vec<String> {
    let plan = world.settle(share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    record(world, &plan);
    calls(world)
}

#[test]
fn destinations_are_listed_before_the_first_write_and_mapped_once_the_segment_stands() {
    let mut world = World::over(tenant());
    world.settle(&mapped(&[shop(), partner()]), &gamers());
    insta::assert_snapshot!(calls(&world).join("\n"), @r#"
    create data source "Sharing"
    create trait folder "Traits"
    create segment folder "Segments"
    list destinations
    search trait with integration code I
    create trait "Loyal gamers" rule segid == "I"
    create segment "Loyal gamers" rule 1004T
    look up mapping of segment 1005 to destination 4711
    create mapping of segment 1005 to destination 4711 "Shop" url "https://shop.example"
    look up mapping of segment 1005 to destination 4712
    create mapping of segment 1005 to destination 4712 "Partner" alias "gamers"
    "#);
}

#[test]
fn nothing_is_asked_where_nobody_declares_a_destination_and_nothing_at_rest() {
    let mut world = World::over(tenant());
    world.settle(&share("loyal", "I", &[]), &gamers());
    assert!(
        !calls(&world)
            .iter()
            .any(|call| call.contains("destination"))
    );
    let share = mapped(&[shop(), partner()]);
    let mut world = state(tenant(), &share);
    assert_eq!(settled(&mut world, &share), Vec::<String>::new());
}

#[test]
fn a_name_is_resolved_once_and_from_then_on_its_id_is_the_destination() {
    let share = mapped(&[shop()]);
    let mut world = state(tenant(), &share);
    let mut renamed = world.tenant.destinations[&SHOP].clone();
    renamed.name = "Shop of old".into();
    world.tenant.destinations.insert(SHOP, renamed);
    world.tenant = world.tenant.with_destination(4_799, "Shop", URL);
    pass(&mut world);
    assert_eq!(settled(&mut world, &share), Vec::<String>::new());
    // Another name is another destination.
    let other = mapped(&[DeclaredDestination {
        destination: DestinationSelector::Name("Shop of old".into()),
        ..shop()
    }]);
    assert_eq!(
        settled(&mut world, &other),
        Vec::<String>::new(),
        "the same by its new name"
    );
    let moved = mapped(&[shop()]);
    insta::assert_snapshot!(settled(&mut world, &moved).join("\n"), @r#"
    delete mapping 1006 of segment 1005 to destination 4711
    look up mapping of segment 1005 to destination 4799
    create mapping of segment 1005 to destination 4799 "Shop" url "https://shop.example"
    "#);
}

#[rstest]
#[case::url(DeclaredDestination { keys: url("https://other.example"), ..shop() },
    &["update mapping 1006 of segment 1005 to destination 4711 url \"https://shop.example\" → \"https://other.example\""])]
#[case::begin(DeclaredDestination { start: day("2026-07-04", "2026-07-03"), ..shop() },
    &["update mapping 1006 of segment 1005 to destination 4711 start \"2026-07-04\""])]
#[case::end(DeclaredDestination { end: day("2026-12-31", "2026-12-30"), ..shop() },
    &["update mapping 1006 of segment 1005 to destination 4711 end \"2026-12-31\""])]
fn each_changed_field_is_one_update(
    #[case] changed: DeclaredDestination,
    #[case] expected: &[&str],
) {
    let mut world = state(tenant(), &mapped(&[shop()]));
    let changed = mapped(&[changed]);
    assert_eq!(settled(&mut world, &changed), expected);
    pass(&mut world);
    assert_eq!(settled(&mut world, &changed), Vec::<String>::new());
}

/// What somebody changes by hand, or Audience Manager shows otherwise.
type Drift = fn(&mut Mapping);

#[rstest]
#[case::a_day_early(|found: &mut Mapping| found.start = Some("2026-07-03".into()), 0)]
#[case::with_a_time_of_day(|found: &mut Mapping| found.start = Some("2026-07-04T00:00:00".into()), 0)]
#[case::escaped(|found: &mut Mapping| found.keys.url = Some("https://shop.example?a&amp;b".into()), 1)]
#[case::two_days_early(|found: &mut Mapping| found.start = Some("2026-07-02".into()), 1)]
#[case::later(|found: &mut Mapping| found.start = Some("2026-07-05".into()), 1)]
#[case::without_start(|found: &mut Mapping| found.start = None, 1)]
#[case::ended(|found: &mut Mapping| found.end = Some("2026-08-01".into()), 1)]
#[case::paused(|found: &mut Mapping| found.activity = Activity::Inactive, 1)]
#[case::another_url(|found: &mut Mapping| found.keys.url = Some("https://elsewhere.example".into()), 1)]
#[case::an_alias_that_nobody_declared(|found: &mut Mapping| found.keys.alias = Some("x".into()), 0)]
fn only_what_differs_from_the_declaration_is_drift(#[case] drift: Drift, #[case] updates: usize) {
    let declared = DeclaredDestination {
        keys: url("https://shop.example?a&b"),
        start: day("2026-07-04", "2026-07-03"),
        ..shop()
    };
    let share = mapped(&[declared]);
    let mut world = state(tenant(), &share);
    let before = world.tenant.mappings.clone();
    world.tenant.mappings.values_mut().for_each(drift);
    pass(&mut world);
    let calls = settled(&mut world, &share);
    assert_eq!(calls.len(), updates, "{calls:?}");
    if updates > 0 {
        assert_eq!(world.tenant.mappings, before, "it is put back");
    }
}

#[test]
fn a_mapping_that_a_list_lacks_is_read_and_made_again_only_if_it_is_gone() {
    let share = mapped(&[shop()]);
    let mut world = state(tenant(), &share);
    // A list that lags behind.
    let mut behind = world.tenant.clone();
    behind.mappings.clear();
    world.at += 1;
    behind.apply_destinations(&mut world.inventory, world.at);
    let read = "read mapping 1006";
    assert_eq!(settled(&mut world, &share), [read]);
    world.calls.clear();
    world.tenant.mappings.clear();
    pass(&mut world);
    let made = settled(&mut world, &share);
    assert_eq!(made[0], read);
    assert!(made[1].starts_with("create mapping"), "{made:?}");
    assert_eq!(world.tenant.mappings.len(), 1);
}

#[test]
fn a_create_without_an_answer_is_looked_up_and_of_two_mappings_one_survives() {
    let share = mapped(&[shop()]);
    let mut world = state(tenant(), &share);
    world.recorded.mappings[0].mapping = None;
    let at = Sequence(world.at);
    let mappings = &mut world.inventory.mappings;
    mappings.apply_unresolved(at, (SegmentSid(1_005), SHOP));
    let look = "look up mapping of segment 1005 to destination 4711";
    assert_eq!(
        settled(&mut world, &share),
        [look],
        "it was made: nothing else is due"
    );
    // It came late, after its successor.
    let mut twin = world.tenant.mappings[&to_shop(1_006)].clone();
    twin.id.number = 2_000;
    world.tenant.mappings.insert(twin.id, twin.clone());
    (twin.id.number, twin.keys) = (2_001, url("https://by-hand.example"));
    world.tenant.mappings.insert(twin.id, twin);
    pass(&mut world);
    assert_eq!(
        settled(&mut world, &share),
        ["delete mapping 2000 of segment 1005 to destination 4711"],
        "one with other keys is a person's"
    );
}

/// A list proves no absence: an empty one may be a fault (design.md §4, L2).
#[rstest]
#[case::of_this_process(true)]
#[case::of_a_new_one(false)]
fn a_mapping_that_its_list_lacks_is_read_before_another_is_made(#[case] known: bool) {
    let share = mapped(&[shop()]);
    let mut world = state(tenant(), &share);
    if !known {
        world = World {
            recorded: world.recorded,
            ..World::over(world.tenant)
        };
        pass(&mut world);
    }
    let listed = std::mem::take(&mut world.tenant.mappings);
    let at = Sequence(world.at);
    let none = (Vec::new(), Vec::new());
    world.inventory.mappings = Table::default();
    if known {
        let found = listed.values().cloned();
        let listed = (found.collect(), Vec::new());
        world.inventory.apply_mappings(at, Moment(0), SHOP, listed);
    }
    world
        .inventory
        .apply_mappings(Sequence(world.at + 1), Moment(0), SHOP, none);
    world.at += 2;
    world.tenant.mappings = listed;
    world.calls.clear();
    assert_eq!(settled(&mut world, &share), ["read mapping 1006"]);
}

#[test]
fn a_destination_that_does_not_tell_its_mappings_is_listed_once() {
    let mut tenant = tenant();
    for found in tenant.destinations.values_mut() {
        found.tells_mappings = false;
    }
    let share = mapped(&[shop()]);
    let mut world = World::over(tenant);
    world.settle(&share, &gamers());
    let tail = calls(&world).split_off(7);
    assert_eq!(
        tail,
        [
            "list mappings of destination 4711",
            "look up mapping of segment 1005 to destination 4711",
            "create mapping of segment 1005 to destination 4711 \"Shop\" url \"https://shop.example\"",
        ]
    );
}

#[test]
fn a_destination_that_no_list_shows_may_be_the_element_that_cannot_be_read() {
    let share = mapped(&[shop(), by_name("x", "Nowhere")]);
    let mut world = World::over(tenant());
    world.settle(&share, &gamers());
    let table = &mut world.inventory.destinations;
    let shown: Vec<_> = table.iter().map(|entry| entry.record.clone()).collect();
    let later = Sequence(world.at + 1);
    table.apply_list(later, Moment(3_600_000), Coverage::Whole, shown, &[None]);
    let blockers = world.plan(&share, &gamers()).blockers;
    assert_eq!(blockers[0].reason(), Reason::UnexpectedAnswer);
    assert!(
        blockers[0].message().contains("destination \"Nowhere\""),
        "{}",
        blockers[0].message()
    );
}

#[rstest]
#[case::missing(by_name("x", "Nowhere"), Reason::DestinationNotFound, "\"Nowhere\"")]
#[case::missing_id(DeclaredDestination { destination: DestinationSelector::Id(DestinationId(1)), ..by_name("x", "") },
    Reason::DestinationNotFound, "id 1")]
#[case::ambiguous(by_name("x", "Twice"), Reason::DestinationAmbiguous, "4801, 4802")]
#[case::inactive(DeclaredDestination { keys: url("https://a.example"), ..by_name("x", "Asleep") },
    Reason::DestinationInactive, "4803 \"Asleep\"")]
#[case::of_the_interface_alone(
    by_name("x", "People"),
    Reason::DestinationUnsupported,
    "Audience Data > Destinations > People > Segment Mappings"
)]
#[case::without_its_key(
    by_name("x", "Partner"),
    Reason::MappingInvalid,
    "destinations[x].alias"
)]
#[case::with_a_key_too_many(DeclaredDestination { keys: url("https://a.example"), ..by_name("x", "Partner") },
    Reason::MappingInvalid, "takes no url")]
#[case::the_same_twice(DeclaredDestination { key: "x".into(), ..shop() }, Reason::MappingInvalid, "\"shop\" and \"x\"")]
fn what_cannot_be_mapped_is_told_before_anything_is_made_and_tears_nothing_down(
    #[case] bad: DeclaredDestination,
    #[case] reason: Reason,
    #[case] names: &str,
) {
    let people = DestinationKind::Other("PEOPLE_BASED".into());
    let mut tenant = tenant()
        .with_destination(4_801, "Twice", URL)
        .with_destination(4_802, "Twice", URL)
        .with_destination(4_803, "Asleep", URL)
        .with_destination(4_804, "People", people);
    tenant
        .destinations
        .get_mut(&DestinationId(4_803))
        .unwrap()
        .activity = Activity::Inactive;

    let both = mapped(&[shop(), bad]);
    let mut world = World::over(tenant.clone());
    let plan = world.settle(&both, &gamers());
    assert_eq!(plan.blockers[0].reason(), reason);
    assert!(
        plan.blockers[0].message().contains(names),
        "{}",
        plan.blockers[0].message()
    );
    assert!(world.tenant.traits.is_empty() && world.tenant.segments.is_empty());

    let mut world = state(tenant, &mapped(&[shop()]));
    let before = world.tenant.clone();
    let plan = world.settle(&both, &gamers());
    assert_eq!(plan.blockers[0].reason(), reason);
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
    assert_eq!(world.tenant, before, "what stands, stands");
    // What is healthy goes on.
    let plan = world.settle(&both, &source("I", "Loyal players"));
    assert_eq!(plan.blockers[0].reason(), reason);
    assert!(
        calls(&world)
            .iter()
            .any(|call| call.starts_with("update segment"))
    );
}

#[rstest]
#[case::url(DestinationKind::Url { serial: Some(false) }, &["url"])]
#[case::serialized_url(DestinationKind::Url { serial: Some(true) }, &["alias"])]
#[case::cookie(DestinationKind::Cookie { key_per_segment: Some(false) }, &["valueAlias"])]
#[case::cookie_with_keys(DestinationKind::Cookie { key_per_segment: Some(true) }, &["alias", "valueAlias"])]
#[case::server_to_server(DestinationKind::ServerToServer, &["alias"])]
fn each_kind_takes_its_own_keys_and_no_other(
    #[case] kind: DestinationKind,
    #[case] needed: &[&str],
) {
    for bits in 0..8_u8 {
        let given = |bit: u8, field| (bits & (1 << bit) != 0).then_some(field);
        let fields: Vec<&str> = [given(1, "alias"), given(0, "url"), given(2, "valueAlias")]
            .into_iter()
            .flatten()
            .collect();
        let has = |field: &str| fields.contains(&field).then(|| "x".into());
        let declared = DeclaredDestination {
            keys: MappingKeys {
                url: has("url"),
                alias: has("alias"),
                value_alias: has("valueAlias"),
            },
            ..by_name("x", "Any")
        };
        let tenant = Tenant::default().with_destination(1, "Any", kind.clone());
        let mut world = World::over(tenant);
        let plan = world.settle(&mapped(&[declared]), &gamers());
        assert_eq!(
            plan.blockers.is_empty(),
            fields == needed,
            "{kind:?} {fields:?}"
        );
    }
}

#[test]
fn an_alias_that_audience_manager_fills_need_not_be_declared() {
    let mut tenant = tenant();
    let partner = tenant.destinations.get_mut(&DestinationId(4_712)).unwrap();
    partner.fills_alias = Some(true);
    let mut world = World::over(tenant);
    let plan = world.settle(&mapped(&[by_name("x", "Partner")]), &gamers());
    assert!(plan.is_settled(), "{plan:?}");
}

#[test]
fn a_destination_that_is_no_longer_declared_loses_its_mapping_alone() {
    let mut world = state(tenant(), &mapped(&[shop(), partner()]));
    let one = mapped(&[shop()]);
    assert_eq!(
        settled(&mut world, &one),
        ["delete mapping 1007 of segment 1005 to destination 4712"]
    );
    let mut world = state(tenant(), &mapped(&[shop(), partner()]));
    let retained = Share {
        retain: true,
        ..one
    };
    assert_eq!(settled(&mut world, &retained), Vec::<String>::new());
    assert_eq!(world.tenant.mappings.len(), 2);
}

/// The declaration changed while the mapping was made: only who made it knows that it is no person's.
#[test]
fn a_mapping_that_no_status_names_yet_goes_with_its_declaration_and_a_persons_stays() {
    let mut world = World::over(tenant());
    world.settle(&mapped(&[shop(), partner()]), &gamers());
    // What a person mapped meanwhile is known by the list alone.
    let mut foreign = world.tenant.mappings[&to_shop(1_006)].clone();
    let id = MappingId {
        destination: DestinationId(4_713),
        ..FOREIGN
    };
    foreign.id = id;
    world.tenant.mappings.insert(id, foreign);
    pass(&mut world);
    assert_eq!(
        settled(&mut world, &mapped(&[partner()])),
        ["delete mapping 1006 of segment 1005 to destination 4711"]
    );
    assert!(world.tenant.mappings.contains_key(&id));
}

#[test]
fn an_additional_segment_that_is_no_longer_declared_loses_its_mappings_first() {
    let mut both = share("loyal", "I", &["third"]);
    target_mut(&mut both).additional_segments[0].destinations = vec![shop()];
    let mut world = state(tenant(), &both);
    let without = share("loyal", "I", &[]);
    assert_eq!(
        settled(&mut world, &without),
        [
            "delete mapping 1007 of segment 1006 to destination 4711",
            "delete segment 1006 \"With third\""
        ]
    );

    // A person's mapping is not ours to take away.
    let mut world = state(tenant(), &both);
    let mut foreign = world.tenant.mappings[&to_shop(1_007)].clone();
    foreign.id = FOREIGN;
    world.tenant.mappings.insert(foreign.id, foreign);
    pass(&mut world);
    let plan = world.settle(&without, &gamers());
    assert_eq!(plan.blockers[0].reason(), Reason::DeletionBlocked);
    assert!(
        plan.blockers[0].message().contains("4712 \"Partner\""),
        "{}",
        plan.blockers[0].message()
    );
    assert!(world.tenant.segments.contains_key(&SegmentSid(1_006)));
}

/// Adobe's own segment: what hangs on it is ours only if we made it.
#[rstest]
#[case::equal(AdoptionPolicy::IfEqual, "https://shop.example", true)]
#[case::other(AdoptionPolicy::IfEqual, "https://by-hand.example", false)]
#[case::other_adopted(AdoptionPolicy::Always, "https://by-hand.example", true)]
#[case::never(AdoptionPolicy::Never, "https://shop.example", false)]
fn a_persons_mapping_of_adobes_segment_is_taken_as_the_policy_says(
    #[case] policy: AdoptionPolicy,
    #[case] by_hand: &str,
    #[case] taken: bool,
) {
    let mut world = state(tenant(), &mapped(&[shop()]));
    let mut tenant = std::mem::take(&mut world.tenant);
    let descriptions = tenant
        .traits
        .values_mut()
        .map(|found| &mut found.description);
    let segments = tenant
        .segments
        .values_mut()
        .map(|found| &mut found.description);
    let sources = tenant
        .data_sources
        .values_mut()
        .map(|found| &mut found.description);
    for description in descriptions.chain(segments).chain(sources) {
        *description = "".into();
    }
    for found in tenant.mappings.values_mut() {
        found.keys = url(by_hand);
    }
    let mut world = World::over(tenant);
    let mut share = mapped(&[shop()]);
    share.adoption = policy;
    let plan = world.settle(&share, &gamers());
    assert!(plan.state.observed);
    assert_eq!(plan.blockers.is_empty(), taken, "{:?}", plan.blockers);
    let found = world.tenant.mapped();
    let found = found[&(SegmentSid(1_005), SHOP)][0];
    let wanted = if taken {
        "https://shop.example"
    } else {
        by_hand
    };
    assert_eq!(found.keys, url(wanted));
}
