//! What each kind says of its own: which two objects are the same, what is found by what, and what depends on it.

use std::collections::BTreeSet;

use audience_sharing_core::call::Kind;
use audience_sharing_core::compose::{
    AudienceSelector, DeclaredDestination, DestinationSelector, NamedTrait, SourceSelector,
    TraitSelector, compose,
};
use audience_sharing_core::domain::audience_manager::{DataSource, Segment, Trait, TraitFolder};
use audience_sharing_core::domain::destination::{Mapping, MappingKeys};
use audience_sharing_core::domain::experience_platform::{Audience, AudienceKind, Lifecycle};
use audience_sharing_core::domain::field::Field;
use audience_sharing_core::domain::identifier::{
    AudienceId, DataSourceId, DestinationId, MappingId, SegmentSid, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::source::{
    AudienceManagerSelector, Naming, SourceId, SourceKind,
};
use audience_sharing_core::existence::Existing;
use audience_sharing_core::inventory::{Key, Record};
use rstest::rstest;

use crate::model::{mark_of, name, settings, share, source, target, target_mut};
use crate::records::{data_source, onboarded, segment, trait_folder};

fn assert_alone<K: Kind + Clone>(one: &K, change: fn(&mut K), same: bool) {
    let mut other = one.clone();
    change(&mut other);
    assert_eq!(one.is_same(&other), same, "{other:?}");
}

/// One create may have made both: whatever it wrote is alike.
#[rstest]
#[case::nothing(|_: &mut Audience| {}, true)]
#[case::the_id(|one: &mut Audience| one.id = AudienceId::new("other"), true)]
#[case::kind(|one: &mut Audience| one.kind = AudienceKind::External, false)]
#[case::name(|one: &mut Audience| one.name = "Other".into(), false)]
#[case::description(|one: &mut Audience| one.description = "Other".into(), false)]
#[case::expression(|one: &mut Audience| one.expression = Some("true".into()), false)]
#[case::lifecycle(|one: &mut Audience| one.lifecycle = Lifecycle::Draft, false)]
fn an_audience_is_the_same(#[case] change: fn(&mut Audience), #[case] same: bool) {
    assert_alone(&source("I", "Gamers"), change, same);
}

#[rstest]
#[case::nothing(|_: &mut DataSource| {}, true)]
#[case::description(|one: &mut DataSource| one.description = "Other".into(), true)]
#[case::name(|one: &mut DataSource| one.name = "Other".into(), false)]
#[case::controls(|one: &mut DataSource| one.restrictions = Restrictions::new(["PII"]), false)]
fn a_data_source_is_the_same(#[case] change: fn(&mut DataSource), #[case] same: bool) {
    assert_alone(&data_source(5, ""), change, same);
}

#[test]
fn of_a_kind_that_says_nothing_else_only_equal_objects_are_the_same() {
    assert_alone::<TraitFolder>(&trait_folder(6, "A"), |_| {}, true);
    assert_alone::<TraitFolder>(&trait_folder(6, "A"), |one| one.name = "B".into(), false);
}

#[rstest]
#[case::code(|one: &mut Trait| one.integration_code = None, false)]
#[case::days(|one: &mut Trait| one.ttl_days = None, false)]
#[case::place(|one: &mut Trait| one.folder.0 = 9, true)]
fn a_trait_is_the_same(#[case] change: fn(&mut Trait), #[case] same: bool) {
    assert_alone(&onboarded(10, Some("I")), change, same);
}

#[rstest]
#[case::rule(|one: &mut Segment| one.rule = "2T".into(), false)]
#[case::merge_rule(|one: &mut Segment| one.merge_rule = Some(DataSourceId(3)), false)]
#[case::place(|one: &mut Segment| one.folder.0 = 9, true)]
fn a_segment_is_the_same(#[case] change: fn(&mut Segment), #[case] same: bool) {
    assert_alone(&segment(20, Some("I")), change, same);
}

#[test]
fn a_mapping_shows_its_keys_and_what_depends_on_it() {
    let id = MappingId {
        destination: DestinationId(4),
        number: 9,
    };
    let mut mapping = Mapping::known_by_ids(id, SegmentSid(20));
    mapping.keys = MappingKeys {
        url: Some("https://a.example".into()),
        alias: Some("gamers".into()),
        value_alias: None,
    };
    let shown = [Field::Url, Field::Alias, Field::ValueAlias, Field::Name];
    assert_eq!(
        shown.map(|field| mapping.stored(field)),
        [Some("https://a.example"), Some("gamers"), Some(""), None]
    );
    let mut keys = Vec::new();
    mapping.keys(&mut keys);
    assert_eq!(keys, [Key::Segment(SegmentSid(20))]);
}

#[test]
fn what_depends_on_an_object_by_its_id_is_known_by_the_id() {
    let id = AudienceId::new("I");
    assert_eq!(Audience::key_of(&id), Some(Key::Audience(id.clone())));
    assert_eq!(Trait::key_of(&TraitSid(1)), Some(Key::Trait(TraitSid(1))));
    assert_eq!(TraitFolder::key_of(&trait_folder(6, "A").id), None);
}

#[test]
fn what_is_declared_is_found_by_its_keys() {
    let mut share = share("loyal", "I", &["one"]);
    let declared = |key: &str| DeclaredDestination {
        key: key.into(),
        destination: DestinationSelector::Id(DestinationId(4)),
        keys: MappingKeys::default(),
        start: None,
        end: None,
    };
    let target_of = target_mut(&mut share);
    target_of.destinations = vec![declared("shop")];
    target_of.additional_segments[0].destinations = vec![declared("partner")];
    target_of.additional_segments[0].traits = vec![NamedTrait {
        key: "auto".into(),
        selector: TraitSelector::Sid(TraitSid(7)),
    }];
    let desired = compose(
        &settings(),
        mark_of(&name("loyal")),
        target(&share),
        &source("I", "G"),
    );
    let found = |segment, key| desired.declares_destination(segment, key);
    assert!(found(None, "shop") && found(Some("one"), "partner"));
    assert!(!found(None, "partner") && !found(Some("one"), "shop") && !found(Some("two"), "shop"));
    assert!(desired.declares_trait("one", "auto"));
    assert!(!desired.declares_trait("one", "pets") && !desired.declares_trait("two", "auto"));
}

#[test]
fn only_an_id_names_a_source_without_a_look() {
    let id = AudienceId::new("I");
    let by_id = SourceSelector::Audience(AudienceSelector::Id(id.clone()));
    assert_eq!(by_id.id(), Some(SourceId::Audience(id)));
    let by_name = SourceSelector::Audience(AudienceSelector::Name("Gamers".into()));
    assert_eq!(by_name.id(), None);
    let of = |naming| {
        let kind = SourceKind::Segment;
        SourceSelector::AudienceManager(AudienceManagerSelector { kind, naming }).id()
    };
    assert_eq!(of(Naming::Sid(20)), Some(SourceId::Segment(SegmentSid(20))));
    assert_eq!(of(Naming::Name("Buyers".into())), None);
}

#[test]
fn what_exists_remains() {
    let existing = BTreeSet::from([name("loyal")]);
    assert!(existing.remains(&name("loyal")) && !existing.remains(&name("gone")));
}
