//! The shared objects of a connection: which are taken, made and marked.

mod leaving;

use std::collections::BTreeSet;

use audience_sharing_core::call::{Call, Step};
use audience_sharing_core::compose::{AdoptionPolicy, ConnectionSettings, Mode};
use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, DataSourceChange, NewDataSource, NewSegment, Segment, SegmentChange,
    SegmentFolder, Trait, TraitFolder, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentFolderId, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::facts::Known;
use audience_sharing_core::inventory::{Coverage, Inventory, Moment, Sequence};
use audience_sharing_core::plan::shared_objects::{
    MergeRule, ObservedSharedObjects, RecordedSharedObjects, unlisted_merge_rule,
};
use audience_sharing_core::plan::{Plan, shared_objects};
use rstest::rstest;

use crate::model::settings;
use crate::records::{
    apply_tree, data_source, folder, owned, segment, segment_folder, trait_folder,
};

const OURS: &str = "[audience-sharing:us]";
const OTHERS: &str = "[audience-sharing:others]";

/// All three lists as they are, twice.
fn listed(
    data_sources: &[DataSource],
    trait_folders: &[TraitFolder],
    segment_folders: &[SegmentFolder],
) -> Inventory {
    let mut inventory = Inventory::default();
    for (started, now) in [(Sequence(0), Moment(0)), (Sequence(1), Moment(10_000))] {
        inventory
            .data_sources
            .apply_whole_list(started, now, data_sources.to_vec(), Vec::new());
        apply_tree::<TraitFolder>(&mut inventory, started, now, trait_folders.to_vec());
        apply_tree::<SegmentFolder>(&mut inventory, started, now, segment_folders.to_vec());
    }
    inventory
}

/// Our data source 5 with the folders 6 and 7.
fn complete() -> Inventory {
    listed(
        &[data_source(5, OURS)],
        &[trait_folder(6, "Traits")],
        &[segment_folder(7, "Segments")],
    )
}

/// Nobody needs export controls.
fn plan(
    settings: &ConnectionSettings,
    recorded: &RecordedSharedObjects,
    inventory: &Inventory,
    mode: Mode,
) -> Plan<ObservedSharedObjects> {
    shared_objects::plan_shared_objects(settings, recorded, &BTreeSet::new(), inventory, mode)
}

fn managed(inventory: &Inventory) -> Plan<ObservedSharedObjects> {
    plan(
        &settings(),
        &RecordedSharedObjects::default(),
        inventory,
        Mode::Manage,
    )
}

fn calls(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| step.call.to_string()).collect()
}

fn found(data_source: u64) -> RecordedSharedObjects {
    RecordedSharedObjects {
        data_source: Some(DataSourceId(data_source)),
        ..RecordedSharedObjects::default()
    }
}

#[test]
fn what_was_never_listed_is_listed_before_anything_is_made() {
    let unlisted = managed(&Inventory::default());
    assert_eq!(
        calls(&unlisted.steps),
        [
            "list data sources",
            "list trait folders",
            "list segment folders"
        ]
    );
}

#[test]
fn a_create_whose_outcome_is_unknown_is_answered_by_a_list() {
    let mut inventory = listed(&[], &[], &[]);
    inventory
        .data_sources
        .apply_unresolved(Sequence(2), "Sharing".into());
    TraitFolder::unresolved(
        &mut inventory,
        &folder("Traits"),
        crate::facts::at(1, 2),
        true,
    );
    SegmentFolder::unresolved(
        &mut inventory,
        &folder("Segments"),
        crate::facts::at(1, 2),
        true,
    );
    assert_eq!(
        calls(&managed(&inventory).steps),
        [
            "list data sources",
            "list trait folders",
            "list segment folders"
        ]
    );
}

#[test]
fn an_empty_tenant_gets_a_marked_data_source_that_refuses_a_second_object_of_one_key() {
    let plan = managed(&listed(&[], &[], &[]));
    assert_eq!(
        plan.steps[0].call,
        Call::create::<DataSource>(NewDataSource {
            name: "Sharing".into(),
            description: "Audiences shared from Adobe Experience Platform [audience-sharing:us]"
                .into(),
            unique_trait_codes: true,
            unique_segment_codes: true,
            restrictions: Restrictions::default(),
        })
    );
    assert_eq!(
        calls(&plan.steps[1..]),
        [
            "create trait folder \"Traits\"",
            "create segment folder \"Segments\""
        ]
    );
}

#[test]
fn a_connection_that_observes_makes_and_changes_nothing() {
    let mut gone = listed(&[], &[], &[]);
    gone.data_sources.apply_gone(Sequence(2), &DataSourceId(5));
    for inventory in [gone, listed(&[data_source(5, "")], &[], &[])] {
        let mut settings = settings();
        settings.adoption = AdoptionPolicy::Always;
        let plan = plan(&settings, &found(5), &inventory, Mode::Observe);
        assert!(plan.is_settled(), "{plan:?}");
    }
}

#[test]
fn what_stands_is_named_with_what_its_server_enforces() {
    let plan = managed(&complete());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(
        plan.state,
        ObservedSharedObjects {
            data_source: Some(DataSourceId(5)),
            adobes: false,
            enforces_trait_codes: true,
            enforces_segment_codes: false,
            controlled: Vec::new(),
            trait_folder: Some(TraitFolderId(6)),
            segment_folder: Some(SegmentFolderId(7)),
            merge_rule: MergeRule::AccountDefault,
            stored_differently: Vec::new(),
        }
    );
}

#[rstest]
#[case::the_recorded_one(Some(3), &[(1, OURS), (3, "")], 3)]
#[case::ours_before_a_namesake(None, &[(1, ""), (2, OURS)], 2)]
#[case::the_lowest_of_ours(None, &[(3, OURS), (2, OURS)], 2)]
#[case::the_lowest_namesake(None, &[(3, ""), (2, OTHERS), (4, "")], 2)]
fn of_several_data_sources_one_is_chosen(
    #[case] recorded: Option<u64>,
    #[case] present: &[(u64, &str)],
    #[case] chosen: u64,
) {
    let present: Vec<_> = present
        .iter()
        .map(|(id, description)| data_source(*id, description))
        .collect();
    let recorded = recorded.map(found).unwrap_or_default();
    let plan = plan(
        &settings(),
        &recorded,
        &listed(&present, &[], &[]),
        Mode::Manage,
    );
    let named = plan.state.data_source.map(|id| id.0);
    let held = plan.blockers.iter().any(|blocker| {
        blocker
            .message()
            .contains(&format!("Data source {chosen} "))
    });
    assert!(named == Some(chosen) || held, "{plan:?}");
}

/// Absence from lists proves nothing of what is known (design.md §4, L2).
#[test]
fn a_recorded_data_source_that_no_list_holds_is_read_by_its_id_before_anything_takes_its_place() {
    let mut inventory = listed(&[data_source(1, "")], &[], &[]);
    let recorded = RecordedSharedObjects {
        trait_folder: Some(TraitFolderId(6)),
        segment_folder: Some(SegmentFolderId(7)),
        ..found(9)
    };
    let reads = [
        "read data source 9",
        "read trait folder 6",
        "read segment folder 7",
    ];
    for mode in [Mode::Manage, Mode::Observe] {
        let unread = plan(&settings(), &recorded, &inventory, mode);
        assert_eq!(calls(&unread.steps), reads);
        assert_eq!(
            unread.state.data_source,
            Some(DataSourceId(9)),
            "the status keeps it"
        );
        assert_eq!(unread.state.trait_folder, Some(TraitFolderId(6)));
        assert_eq!(unread.state.segment_folder, Some(SegmentFolderId(7)));
    }
    inventory
        .data_sources
        .apply_gone(Sequence(2), &DataSourceId(9));
    let gone = plan(&settings(), &recorded, &inventory, Mode::Manage);
    assert_eq!(
        gone.state.data_source,
        Some(DataSourceId(1)),
        "the namesake"
    );
}

#[test]
fn a_known_data_source_that_a_list_lacks_is_read_by_its_id() {
    for (later, expected) in [
        (vec![], "read data source 5"),
        (vec![data_source(1, "")], "read data source 5"),
    ] {
        let mut inventory = complete();
        let settings = ConnectionSettings {
            data_source: data_source(5, OURS).name,
            ..settings()
        };
        let (started, now) = (Sequence(9), Moment(900_000));
        inventory
            .data_sources
            .apply_whole_list(started, now, later, Vec::new());
        let found = plan(&settings, &found(5), &inventory, Mode::Manage);
        assert_eq!(calls(&found.steps)[0], expected);
    }
}

#[test]
fn nothing_is_created_before_two_lists_lack_it() {
    let mut inventory = Inventory::default();
    let strangers = || vec![data_source(1, OTHERS)];
    let named = |mut found: DataSource| {
        found.name = "Of a stranger".into();
        found
    };
    let strangers = || strangers().into_iter().map(named).collect::<Vec<_>>();
    let list = |inventory: &mut Inventory, at: u64| {
        let (started, now) = (Sequence(at), Moment(at));
        inventory
            .data_sources
            .apply_whole_list(started, now, strangers(), Vec::new());
        apply_tree::<TraitFolder>(inventory, started, now, vec![trait_folder(0, "All Traits")]);
        apply_tree::<SegmentFolder>(
            inventory,
            started,
            now,
            vec![segment_folder(0, "All Segments")],
        );
    };
    let lists = [
        "list data sources",
        "list trait folders",
        "list segment folders",
    ];
    list(&mut inventory, 1);
    assert_eq!(calls(&managed(&inventory).steps), lists);
    list(&mut inventory, 2);
    assert_eq!(
        managed(&inventory)
            .steps
            .iter()
            .filter(|step| step.call.is_write())
            .count(),
        3
    );
    inventory.expect_another_list();
    assert_eq!(calls(&managed(&inventory).steps), lists);
    list(&mut inventory, 3);
    inventory
        .data_sources
        .apply_gone(Sequence(3), &DataSourceId(77));
    assert_eq!(
        calls(&managed(&inventory).steps)[0],
        lists[0],
        "two lists after it went"
    );
    list(&mut inventory, 4);
    assert_eq!(calls(&managed(&inventory).steps)[0], lists[0]);
    list(&mut inventory, 5);
    assert!(managed(&inventory).steps[0].call.is_write());
}

#[test]
fn a_collection_that_was_never_seen_to_hold_anything_is_empty_only_if_two_lists_apart_say_so() {
    let mut table = Inventory::default().data_sources;
    let name = Box::from("Sharing");
    table.apply_whole_list(Sequence(1), Moment(0), Vec::new(), Vec::new());
    table.apply_whole_list(Sequence(2), Moment(9_999), Vec::new(), Vec::new());
    assert!(!table.is_listed(Coverage::Whole) && !table.is_free(&name));
    table.apply_whole_list(Sequence(3), Moment(10_000), Vec::new(), Vec::new());
    assert!(table.is_listed(Coverage::Whole) && table.is_free(&name));
}

#[test]
fn beside_a_data_source_that_cannot_be_read_none_is_created() {
    let mut inventory = listed(&[], &[], &[]);
    for at in [5, 6] {
        let unreadable = vec![Some(DataSourceId(4_242))];
        let (started, now) = (Sequence(at), Moment(at * 20_000));
        inventory
            .data_sources
            .apply_whole_list(started, now, Vec::new(), unreadable);
    }
    let plan = managed(&inventory);
    assert_eq!(plan.blockers[0].reason(), Reason::UnexpectedAnswer);
    assert!(plan.blockers[0].message().contains("data source 4242"));
    assert!(
        plan.steps.iter().all(|step| !step.call.is_write()),
        "{:?}",
        plan.steps
    );
}

#[test]
fn beside_a_folder_that_cannot_be_read_none_is_created() {
    let mut inventory = listed(&[], &[], &[]);
    for at in [5, 6] {
        let root = vec![trait_folder(0, "All Traits")];
        let (started, now) = (Sequence(at), Moment(at * 20_000));
        let table = &mut inventory.trait_folders;
        table.apply_whole_list(started, now, root, vec![None]);
    }
    let plan = managed(&inventory);
    assert_eq!(plan.blockers[0].reason(), Reason::UnexpectedAnswer);
    let creates = |step: &Step| matches!(step.call, Call::TraitFolder(_));
    assert!(!plan.steps.iter().any(creates), "{:?}", plan.steps);
}

#[test]
fn another_owners_data_source_is_a_conflict_beside_which_nothing_is_made() {
    for description in [OTHERS, "[audience-sharing:us/marketing/loyal#a1b2c3d4]"] {
        let mut settings = settings();
        settings.adoption = AdoptionPolicy::Always;
        let inventory = listed(&[data_source(5, description)], &[], &[]);
        let plan = plan(&settings, &found(5), &inventory, Mode::Manage);
        assert_eq!(plan.steps, []);
        assert_eq!(plan.blockers[0].reason(), Reason::ManagementConflict);
        assert_eq!(plan.state.data_source, None);
    }
}

#[rstest]
#[case::adopted(AdoptionPolicy::Always, None, true)]
#[case::recorded_as_ours_its_mark_taken_away(AdoptionPolicy::Never, Some(5), true)]
#[case::another_one_is_recorded(AdoptionPolicy::IfEqual, Some(4), false)]
#[case::adobes_own(AdoptionPolicy::IfEqual, None, false)]
fn a_data_source_without_a_mark_is_marked_or_adobes(
    #[case] adoption: AdoptionPolicy,
    #[case] recorded: Option<u64>,
    #[case] ours: bool,
) {
    let mut settings = settings();
    settings.adoption = adoption;
    let recorded = recorded.map(found).unwrap_or_default();
    let unmarked = data_source(5, "By hand");
    let mut inventory = listed(std::slice::from_ref(&unmarked), &[], &[]);
    let no_traits = Coverage::DataSource(unmarked.id);
    inventory
        .traits
        .apply_list(Sequence(1), Moment(0), no_traits, Vec::new(), &[]);
    inventory
        .data_sources
        .apply_gone(Sequence(2), &DataSourceId(4));
    let plan = plan(&settings, &recorded, &inventory, Mode::Manage);
    let change = DataSourceChange {
        description: Some("By hand [audience-sharing:us]".into()),
    };
    let mark = Call::update(owned(&unmarked), change);
    assert_eq!(
        plan.steps.first().map(|step| &step.call),
        ours.then_some(&mark)
    );
    assert_eq!(plan.state.adobes, !ours);
    assert_eq!(plan.state.data_source, Some(DataSourceId(5)));
    assert_eq!(
        plan.steps.len(),
        if ours { 3 } else { 0 },
        "Adobe makes its own folders"
    );
}

/// Whatever the policy: who deletes the connection would delete what Adobe fills.
#[test]
fn a_data_source_that_holds_adobes_pairs_is_never_taken_over() {
    let mut settings = settings();
    settings.adoption = AdoptionPolicy::Always;
    let unmarked = data_source(5, "");
    let mut inventory = listed(std::slice::from_ref(&unmarked), &[], &[]);
    let recorded = RecordedSharedObjects::default();
    let planned = plan(&settings, &recorded, &inventory, Mode::Manage);
    let calls: Vec<_> = planned
        .steps
        .iter()
        .map(|step| step.call.to_string())
        .collect();
    assert_eq!(calls, ["list traits of data source 5"]);
    let adobes = Trait {
        look_alikes: None,
        sid: TraitSid(9),
        kind: TraitKind::Onboarded,
        name: "Loyal gamers".into(),
        description: "This is an automatically created trait".into(),
        integration_code: Some(IntegrationCode::new("I")),
        data_source: unmarked.id,
        folder: TraitFolderId(0),
        rule: "segid == \"I\"".into(),
        ttl_days: None,
        activity: Activity::Active,
    };
    let coverage = Coverage::DataSource(unmarked.id);
    inventory
        .traits
        .apply_list(Sequence(2), Moment(0), coverage, vec![adobes], &[]);
    let planned = plan(&settings, &recorded, &inventory, Mode::Manage);
    assert_eq!(planned.steps, []);
    assert!(planned.state.adobes);
}

#[test]
fn a_recorded_folder_is_ours_whatever_it_is_called_now() {
    let inventory = listed(
        &[data_source(5, OURS)],
        &[trait_folder(6, "Renamed"), trait_folder(8, "Traits")],
        &[segment_folder(7, "Renamed"), segment_folder(9, "Segments")],
    );
    let recorded = RecordedSharedObjects {
        data_source: Some(DataSourceId(5)),
        controlled: Vec::new(),
        trait_folder: Some(TraitFolderId(6)),
        segment_folder: Some(SegmentFolderId(7)),
    };
    let plan = plan(&settings(), &recorded, &inventory, Mode::Manage);
    assert_eq!(plan.steps, []);
    assert_eq!(plan.state.trait_folder, Some(TraitFolderId(6)));
    assert_eq!(plan.state.segment_folder, Some(SegmentFolderId(7)));
}

fn with_merge_rule(id: u64) -> ConnectionSettings {
    ConnectionSettings {
        merge_rule: Some(DataSourceId(id)),
        ..settings()
    }
}

#[test]
fn a_merge_rule_is_named_and_told_apart_by_whether_the_account_lists_it() {
    let of = |settings: &ConnectionSettings| {
        let recorded = RecordedSharedObjects::default();
        plan(settings, &recorded, &complete(), Mode::Manage)
            .state
            .merge_rule
    };
    assert_eq!(of(&settings()), MergeRule::AccountDefault);
    assert_eq!(of(&with_merge_rule(5)), MergeRule::Listed(DataSourceId(5)));
    assert_eq!(
        of(&with_merge_rule(9)),
        MergeRule::NotListed(DataSourceId(9))
    );
    assert_eq!(of(&settings()).id(), None);
    assert_eq!(of(&with_merge_rule(5)).id(), Some(DataSourceId(5)));
    assert_eq!(of(&with_merge_rule(9)).id(), Some(DataSourceId(9)));
}

#[test]
fn a_refused_call_names_the_merge_rule_that_the_account_does_not_list() {
    let create = |merge_rule| {
        Call::create::<Segment>(NewSegment {
            name: "Loyal gamers".into(),
            description: "".into(),
            integration_code: IntegrationCode::new("I"),
            data_source: DataSourceId(5),
            folder: SegmentFolderId(7),
            rule: "10T".into(),
            merge_rule,
        })
    };
    let update = |merge_rule| {
        let change = SegmentChange {
            merge_rule,
            ..SegmentChange::default()
        };
        Call::update(owned(&segment(20, Some("I"))), change)
    };
    let inventory = complete();
    let (known, unknown) = (Some(DataSourceId(5)), Some(DataSourceId(9)));
    for call in [create(unknown), update(unknown)] {
        assert_eq!(unlisted_merge_rule(&call, &inventory), unknown, "{call}");
    }
    for call in [
        create(known),
        update(known),
        create(None),
        update(None),
        Call::delete(owned(&data_source(9, "Old"))),
    ] {
        assert_eq!(unlisted_merge_rule(&call, &inventory), None, "{call}");
    }
}
