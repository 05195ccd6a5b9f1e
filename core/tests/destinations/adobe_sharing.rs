//! The pair that Adobe's own sharing makes of the audience: found by its code wherever it is, observed, and put in the
//! place of ours only where that is declared.

use audience_sharing_core::call::Call;
use audience_sharing_core::compose::Share;
use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, Trait, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::{Answer, Listing, Response};
use audience_sharing_core::inventory::Inventory;
use audience_sharing_core::plan::to_audience_manager::AdobesPair;
use rstest::rstest;

use super::{FOREIGN, SHOP, calls, gamers, mapped, pass, reasons, record, shop, tenant};
use crate::model::{Tenant, World, answer, share, target_mut};

const ADOBES: DataSourceId = DataSourceId(88);
const ADOBES_TRAIT: TraitSid = TraitSid(8_801);
const ADOBES_SEGMENT: SegmentSid = SegmentSid(8_802);
/// A name that no page documents.
const UNDOCUMENTED: &str = "AEP audiences (EMEA)";

fn adobes_trait() -> Trait {
    Trait {
        look_alikes: None,
        sid: ADOBES_TRAIT,
        kind: TraitKind::Onboarded,
        name: "Loyal gamers".into(),
        description: "This is an automatically created trait".into(),
        integration_code: Some(IntegrationCode::new("I")),
        data_source: ADOBES,
        folder: TraitFolderId(5),
        rule: "segID == \"I\"".into(),
        ttl_days: Some(120),
        activity: Activity::Active,
    }
}

/// Adobe's sharing makes its pair, or a person makes the like.
fn share_by_adobe(tenant: &mut Tenant, name: &str, made: Trait) {
    let source = DataSource {
        id: ADOBES,
        company: None,
        name: name.into(),
        description: "".into(),
        unique_trait_codes: false,
        unique_segment_codes: false,
        restrictions: Restrictions::default(),
    };
    tenant.data_sources.insert(ADOBES, source);
    tenant.traits.insert(made.sid, made);
    let segment = Segment {
        sid: ADOBES_SEGMENT,
        name: "Loyal gamers".into(),
        description: "This segment was created in Adobe Experience Platform".into(),
        integration_code: Some(IntegrationCode::new("I")),
        data_source: ADOBES,
        folder: SegmentFolderId(6),
        rule: format!("{ADOBES_TRAIT}T").into(),
        merge_rule: None,
        trait_data_sources: None,
        activity: Activity::Active,
    };
    tenant.segments.insert(ADOBES_SEGMENT, segment);
}

fn moving(destinations: &[super::DeclaredDestination]) -> Share {
    let mut share = mapped(destinations);
    target_mut(&mut share).moves_over = true;
    share
}

fn creations(world: &World) -> Vec<String> {
    let made = calls(world).into_iter();
    made.filter(|call| call.starts_with("create trait \"") || call.starts_with("create segment \""))
        .collect()
}

#[rstest]
#[case::as_the_newer_page_names_it("Experience Platform Segments")]
#[case::under_no_documented_name(UNDOCUMENTED)]
fn adobes_pair_is_found_by_its_code_wherever_it_is_and_ours_is_not_made(#[case] name: &str) {
    let mut tenant = tenant();
    share_by_adobe(&mut tenant, name, adobes_trait());
    let mut world = World::over(tenant);
    let share = mapped(&[shop()]);
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(creations(&world), Vec::<String>::new());
    assert!(plan.state.observed);
    assert_eq!(plan.state.trait_sid, Some(ADOBES_TRAIT));
    assert_eq!(plan.state.segment_sid, Some(ADOBES_SEGMENT));
    let mapping = world.tenant.mappings.values().next().unwrap();
    assert_eq!(
        (mapping.segment, mapping.id.destination),
        (ADOBES_SEGMENT, SHOP)
    );
    // At rest nothing is asked.
    record(&mut world, &plan);
    pass(&mut world);
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(calls(&world), Vec::<String>::new());
}

#[test]
fn among_many_one_list_serves_all_that_are_pending() {
    let mut tenant = tenant();
    share_by_adobe(&mut tenant, UNDOCUMENTED, adobes_trait());
    let mut world = World::over(tenant);
    world.among_many = true;
    let plan = world.settle(&share("loyal", "I", &[]), &gamers());
    assert!(plan.state.observed);
    let other = crate::model::source("J", "Others");
    let plan = world.settle(&share("other", "J", &[]), &other);
    assert!(plan.is_settled() && !plan.state.observed, "{plan:?}");
    let asked = calls(&world);
    let asked: Vec<_> = asked
        .iter()
        .filter(|call| call.contains("list traits"))
        .collect();
    assert_eq!(asked, ["list traits of every data source"]);
    assert!(!calls(&world).iter().any(|call| call.starts_with("search")));
}

/// Without Adobe's own words a pair is a person's, where Adobe's are not.
#[rstest]
#[case::by_hand(Trait { description: "By hand".into(), ..adobes_trait() })]
#[case::on_another_rule(Trait {
    kind: TraitKind::RuleBased, rule: "page == \"shop\"".into(), ..adobes_trait()
})]
#[case::with_a_mark(Trait {
    description: "This is an automatically created trait [audience-sharing:others/a/b#11111111]".into(),
    ..adobes_trait()
})]
fn the_like_that_a_person_made_is_not_adobes(#[case] made: Trait) {
    let mut tenant = tenant();
    share_by_adobe(&mut tenant, UNDOCUMENTED, made);
    let mut world = World::over(tenant);
    let plan = world.settle(&mapped(&[]), &gamers());
    assert!(plan.is_settled() && !plan.state.observed, "{plan:?}");
    assert_eq!(creations(&world).len(), 2);
}

/// Ours is in place with a mapping; then Adobe's sharing makes its own.
fn ours_first(share: &Share) -> World {
    let mut world = super::state(tenant(), share);
    share_by_adobe(&mut world.tenant, UNDOCUMENTED, adobes_trait());
    pass(&mut world);
    world.carry_out(&Call::FindAdobeSharing);
    world.calls.clear();
    world
}

#[test]
fn where_adobes_pair_appears_later_ours_stays_and_both_are_named() {
    let share = mapped(&[shop()]);
    let mut world = ours_first(&share);
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(calls(&world), Vec::<String>::new());
    assert!(!plan.state.observed);
    let pair = AdobesPair {
        trait_sid: ADOBES_TRAIT,
        segment_sid: Some(ADOBES_SEGMENT),
        data_source: ADOBES,
    };
    assert_eq!(plan.state.adobes, Some(pair));
    assert_ne!(plan.state.trait_sid, Some(ADOBES_TRAIT));
}

#[test]
fn a_new_data_source_is_a_reason_to_look_through_all_traits() {
    let mut tenant = Tenant::default();
    let mut inventory = Inventory::default();
    let mut list = |tenant: &Tenant, at: u64| {
        let items = tenant.data_sources.values().cloned().collect();
        let listing = Listing {
            items,
            ..Listing::default()
        };
        let response = Response::DataSource(Answer::Listed(listing));
        let call = Call::list::<DataSource>(());
        answer(&mut inventory, &call, response, at);
        inventory.adobe_sharing.is_due
    };
    share_by_adobe(&mut tenant, UNDOCUMENTED, adobes_trait());
    assert!(!list(&tenant, 1), "what the first list holds is not new");
    assert!(!list(&tenant, 2));
    let another = DataSource {
        id: DataSourceId(89),
        ..tenant.data_sources[&ADOBES].clone()
    };
    tenant.data_sources.insert(another.id, another);
    assert!(list(&tenant, 3));
    answer(
        &mut inventory,
        &Call::FindAdobeSharing,
        Response::AdobeSharing([ADOBES].into()),
        4,
    );
    assert!(!inventory.adobe_sharing.is_due);
    let found: Vec<_> = inventory.adobes_data_sources().collect();
    assert_eq!(found, [ADOBES]);
}

#[rstest]
#[case::none_told(None)]
#[case::none_there(Some(0))]
fn ours_is_not_left_before_adobes_segment_has_members(#[case] members: Option<u64>) {
    let share = moving(&[shop()]);
    let mut world = ours_first(&share);
    world
        .tenant
        .members
        .extend(members.map(|members| (ADOBES_SEGMENT, members)));
    let plan = world.settle(&share, &gamers());
    assert_eq!(reasons(&plan), [Reason::AwaitingAdobeSharing]);
    assert_eq!(calls(&world), ["read the population of segment 8802"]);
    assert!(!plan.state.observed);
}

#[test]
fn each_mapping_is_made_to_adobes_segment_before_ours_is_deleted_and_then_ours_goes() {
    let mut share = moving(&[shop()]);
    target_mut(&mut share).additional_segments =
        crate::model::target(&crate::model::share("loyal", "I", &["third"]))
            .additional_segments
            .clone();
    let mut world = ours_first(&share);
    world.tenant.members.insert(ADOBES_SEGMENT, 7);
    let ours = world.recorded.clone();
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    insta::assert_snapshot!(calls(&world).join("\n"), @r#"
    read the population of segment 8802
    look up mapping of segment 8802 to destination 4711
    create mapping of segment 8802 to destination 4711 "Shop" url "https://shop.example"
    update segment 1007 "With third" rule "1004T AND 9912T" → "8801T AND 9912T"
    delete mapping 1006 of segment 1005 to destination 4711
    read the users of trait 1004
    delete segment 1005 "Loyal gamers"
    delete trait 1004 "Loyal gamers"
    "#);
    assert!(plan.state.observed);
    assert_eq!(plan.state.trait_sid, Some(ADOBES_TRAIT));
    assert!(!world.tenant.traits.contains_key(&ours.trait_sid.unwrap()));
    assert!(
        !world
            .tenant
            .segments
            .contains_key(&ours.segment_sid.unwrap())
    );
    assert_eq!(world.tenant.mappings.len(), 1);
    // Its rule is over Adobe's trait now.
    let (_, third) = &plan.state.additional_segments[0];
    let rule = &world.tenant.segments[third].rule;
    assert!(rule.contains("8801T"), "{rule}");
    record(&mut world, &plan);
    pass(&mut world);
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled() && calls(&world).is_empty(), "{plan:?}");
}

/// It is in use, and nobody asked for its end.
#[test]
fn a_persons_mapping_keeps_our_segment() {
    let share = moving(&[shop()]);
    let mut world = ours_first(&share);
    world.tenant.members.insert(ADOBES_SEGMENT, 7);
    let ours = world.recorded.segment_sid.unwrap();
    let mut foreign = world.tenant.mappings.values().next().unwrap().clone();
    foreign.id = FOREIGN;
    world.tenant.mappings.insert(FOREIGN, foreign);
    pass(&mut world);
    let plan = world.settle(&share, &gamers());
    assert_eq!(reasons(&plan), [Reason::DeletionBlocked]);
    assert!(world.tenant.segments.contains_key(&ours));
    assert!(world.tenant.mappings.contains_key(&FOREIGN));
}

/// The process died between the new mapping and the end of the old one: no status names the old one any more.
#[test]
fn a_mapping_of_ours_that_no_status_names_goes_with_our_segment() {
    let share = moving(&[shop()]);
    let mut world = ours_first(&share);
    world.tenant.members.insert(ADOBES_SEGMENT, 7);
    let ours = world.recorded.segment_sid.unwrap();
    assert!(!world.settle_some(&share, &gamers(), 3));
    assert_eq!(world.tenant.mappings.len(), 2);
    let plan = world.plan(&share, &gamers());
    record(&mut world, &plan);
    pass(&mut world);
    let plan = world.settle(&share, &gamers());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(world.tenant.mappings.len(), 1);
    assert!(!world.tenant.segments.contains_key(&ours));
}
