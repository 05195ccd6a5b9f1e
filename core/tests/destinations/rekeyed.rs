//! The user gives a declared destination another key. The mapping belongs to the segment and the destination, so it stays,
//! whatever is known when the new declaration is planned, and wherever the process dies.

use audience_sharing_core::compose::{
    AdoptionPolicy, DeclaredDestination, DestinationSelector, Share,
};
use audience_sharing_core::domain::destination::MappingKeys;
use audience_sharing_core::domain::identifier::{DestinationId, MappingId, SegmentSid};
use audience_sharing_core::domain::reason::Reason;
use rstest::rstest;

use super::{
    SHOP, URL, by_name, calls, gamers, mapped, partner, pass, reasons, record, settled, shop,
    state, tenant, to_shop, url,
};
use crate::model::{Tenant, World, target_mut};

const OUTLET: DestinationId = DestinationId(4_713);

fn three() -> Tenant {
    tenant().with_destination(4_713, "Outlet", URL)
}

fn outlet() -> DeclaredDestination {
    DeclaredDestination {
        destination: DestinationSelector::Id(OUTLET),
        keys: url("https://outlet.example"),
        ..by_name("outlet", "")
    }
}

fn keyed(key: &str, declared: DeclaredDestination) -> DeclaredDestination {
    DeclaredDestination {
        key: key.into(),
        ..declared
    }
}

/// Every list of up to two destinations under the keys `a` and `b`; the shop by its name and by its id.
fn declarations() -> Vec<Vec<DeclaredDestination>> {
    let shop_by_id = DeclaredDestination {
        destination: DestinationSelector::Id(SHOP),
        ..shop()
    };
    let all = [shop(), shop_by_id, partner(), outlet()];
    let id = |declared: &DeclaredDestination| match &declared.destination {
        DestinationSelector::Id(id) => *id,
        DestinationSelector::Name(_) => SHOP,
    };
    let mut lists = vec![Vec::new()];
    for first in &all {
        lists.push(vec![keyed("a", first.clone())]);
        lists.push(vec![keyed("b", first.clone())]);
        let others = all.iter().filter(|second| id(second) != id(first));
        lists.extend(
            others.map(|second| vec![keyed("a", first.clone()), keyed("b", second.clone())]),
        );
    }
    lists
}

/// What is known when the new declaration is planned.
#[derive(Clone, Copy, Debug)]
enum Known {
    All,
    /// A list lags behind: each mapping must be looked up.
    Doubtful,
    /// A new process has read no destination yet.
    Nothing,
}

fn about(world: World, known: Known) -> World {
    match known {
        Known::All => world,
        Known::Doubtful => {
            let mut world = world;
            let mut behind = world.tenant.clone();
            behind.mappings.clear();
            world.at += 1;
            behind.apply_destinations(&mut world.inventory, world.at);
            world
        }
        Known::Nothing => restarted(world),
    }
}

/// A new process with the status of the old one.
fn restarted(world: World) -> World {
    World {
        recorded: world.recorded,
        ..World::over(world.tenant)
    }
}

fn ids(world: &World) -> Vec<(DestinationId, MappingId)> {
    let mappings = world.tenant.mappings.values();
    mappings
        .map(|found| (found.id.destination, found.id))
        .collect()
}

#[rstest]
#[case::all_is_known(Known::All)]
#[case::the_list_lags(Known::Doubtful)]
#[case::a_new_process(Known::Nothing)]
fn a_mapping_stays_under_every_other_key_wherever_the_process_dies(#[case] known: Known) {
    let lists = declarations();
    let mut carried = 0;
    for (first, second) in lists
        .iter()
        .flat_map(|first| lists.iter().map(move |second| (first, second)))
    {
        let changed = mapped(second);
        for dies_after in 0.. {
            let world = state(three(), &mapped(first));
            let before = ids(&world);
            let mut world = about(world, known);
            let told = || format!("{first:#?} then {second:#?}, dead after {dies_after} calls");
            let ended = world.settle_some(&changed, &gamers(), dies_after);
            let mut made = calls(&world);
            let mut world = restarted(world);
            let plan = world.settle(&changed, &gamers());
            made.extend(calls(&world));
            assert!(plan.is_settled(), "{}: {plan:#?}", told());
            let after = ids(&world);
            assert_eq!(after.len(), second.len(), "{}: {made:#?}", told());
            for (destination, id) in &before {
                let mut stays = after.iter().filter(|(found, _)| found == destination);
                if let Some((_, now)) = stays.next() {
                    assert_eq!(now, id, "{}: {made:#?}", told());
                    carried += 1;
                }
            }
            record(&mut world, &plan);
            let recorded = world.recorded.mappings.iter();
            let recorded: Vec<_> = recorded.map(|known| (&*known.key, known.mapping)).collect();
            assert_eq!(recorded.len(), second.len(), "{}: {recorded:?}", told());
            pass(&mut world);
            assert_eq!(
                settled(&mut world, &changed),
                Vec::<String>::new(),
                "{}",
                told()
            );
            if ended {
                break;
            }
        }
    }
    assert!(carried > 500, "{carried}");
}

#[test]
fn a_renamed_destination_keeps_its_id_under_another_key() {
    let mut world = state(three(), &mapped(&[shop()]));
    let mut renamed = world.tenant.destinations[&SHOP].clone();
    renamed.name = "Shop of old".into();
    world.tenant.destinations.insert(SHOP, renamed);
    world.tenant = world.tenant.with_destination(4_799, "Shop", URL);
    pass(&mut world);
    let rekeyed = mapped(&[keyed("store", shop())]);
    assert_eq!(settled(&mut world, &rekeyed), Vec::<String>::new());
    assert_eq!(world.recorded.mappings[0].destination, SHOP);
}

/// The destination under its new key cannot be mapped now: what stands is neither deleted nor forgotten.
#[test]
fn a_mapping_stays_recorded_where_its_new_key_cannot_be_mapped() {
    let mut world = state(three(), &mapped(&[keyed("a", partner())]));
    let id = world.recorded.mappings[0].mapping;
    let invalid = DeclaredDestination {
        keys: MappingKeys::default(),
        ..keyed("b", partner())
    };
    let changed = mapped(&[keyed("a", outlet()), invalid]);
    let plan = world.settle(&changed, &gamers());
    assert_eq!(plan.blockers[0].reason(), Reason::MappingInvalid);
    record(&mut world, &plan);
    let mut recorded = world.recorded.mappings.iter();
    let known = recorded.find(|known| known.mapping == id).unwrap();
    assert_eq!(&*known.key, "b");
    assert_eq!(world.tenant.mappings.len(), 2, "{:?}", calls(&world));
}

/// A person mapped our own segment to a destination that is declared later, with other keys.
#[rstest]
#[case::with_the_same_keys(AdoptionPolicy::Never, "https://shop.example", true)]
#[case::with_other_keys(AdoptionPolicy::IfEqual, "https://by-hand.example", false)]
#[case::never(AdoptionPolicy::Never, "https://by-hand.example", false)]
#[case::to_be_taken_over(AdoptionPolicy::Always, "https://by-hand.example", true)]
fn on_our_own_segment_destination_and_keys_say_whose_a_mapping_is(
    #[case] policy: AdoptionPolicy,
    #[case] by_hand: &str,
    #[case] taken: bool,
) {
    let mut world = state(three(), &mapped(&[shop()]));
    world.recorded.mappings.clear();
    let found = world.tenant.mappings.get_mut(&to_shop(1_006)).unwrap();
    found.keys = url(by_hand);
    let before = world.tenant.mappings.clone();
    let mut world = restarted(world);
    let mut share = mapped(&[shop()]);
    share.adoption = policy;
    let plan = world.settle(&share, &gamers());
    match taken {
        true => assert!(plan.is_settled(), "{plan:#?}"),
        false => {
            assert_eq!(reasons(&plan), [Reason::AdoptionRefused]);
            assert_eq!(world.tenant.mappings, before, "nothing was changed");
            // It is not ours afterwards either: it stays when the declaration goes.
            record(&mut world, &plan);
            settled(&mut world, &mapped(&[]));
            assert_eq!(world.tenant.mappings, before);
        }
    }
}

/// The key of an additional segment is in its integration code: another key is another segment, which is mapped before
/// the resource is ready.
#[test]
fn another_key_of_an_additional_segment_makes_another_segment_with_its_mapping() {
    let with = |key: &str| -> Share {
        let mut share = crate::model::share("loyal", "I", &[key]);
        target_mut(&mut share).additional_segments[0].destinations = vec![shop()];
        share
    };
    let mut world = state(three(), &with("one"));
    let made = settled(&mut world, &with("two"));
    assert_eq!(
        made,
        [
            "create segment \"With two\" rule 1004T AND 9912T",
            "look up mapping of segment 1008 to destination 4711",
            "create mapping of segment 1008 to destination 4711 \"Shop\" url \"https://shop.example\"",
            "delete mapping 1007 of segment 1006 to destination 4711",
            "delete segment 1006 \"With one\"",
        ]
    );
    assert!(!world.tenant.segments.contains_key(&SegmentSid(1_006)));
    pass(&mut world);
    assert_eq!(settled(&mut world, &with("two")), Vec::<String>::new());
}
