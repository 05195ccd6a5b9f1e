//! The shared objects of a connection: which are taken, made and marked.

mod leaving;

use std::collections::BTreeSet;

use audience_sharing_core::compose::{AdoptionPolicy, ConnectionSettings, Mode};
use audience_sharing_core::domain::audience_manager::{
    DataSource, DataSourceChange, NewDataSource, NewSegment, SegmentChange, SegmentFolder,
    TraitFolder,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentFolderId, TraitFolderId,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::inventory::{Inventory, Moment, Sequence};
use audience_sharing_core::plan::foundation::{MergeRule, Recorded, Standing, unlisted_merge_rule};
use audience_sharing_core::plan::{Call, Plan, Step, foundation};
use rstest::rstest;

use crate::model::settings;
use crate::records::{data_source, segment, segment_folder, trait_folder};

const OURS: &str = "[audience-sharing:us]";
const OTHERS: &str = "[audience-sharing:others]";

/// All three lists as they are.
fn listed(
    data_sources: &[DataSource],
    trait_folders: &[TraitFolder],
    segment_folders: &[SegmentFolder],
) -> Inventory {
    let mut inventory = Inventory::default();
    let (started, now) = (Sequence(1), Moment(0));
    inventory
        .data_sources
        .fold_tree(started, now, data_sources.to_vec());
    inventory.fold_trait_folders(started, now, trait_folders.to_vec());
    inventory.fold_segment_folders(started, now, segment_folders.to_vec());
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
    recorded: &Recorded,
    inventory: &Inventory,
    mode: Mode,
) -> Plan<Standing> {
    foundation::plan(settings, recorded, &BTreeSet::new(), inventory, mode)
}

fn managed(inventory: &Inventory) -> Plan<Standing> {
    plan(&settings(), &Recorded::default(), inventory, Mode::Manage)
}

fn calls(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| step.call.to_string()).collect()
}

fn found(data_source: u64) -> Recorded {
    Recorded {
        data_source: Some(DataSourceId(data_source)),
        ..Recorded::default()
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
    inventory.data_sources.fold_unresolved("Sharing".into());
    inventory.fold_trait_folder_unresolved("Traits", true);
    inventory.fold_segment_folder_unresolved("Segments", true);
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
        Call::CreateDataSource(NewDataSource {
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
    for inventory in [
        listed(&[], &[], &[]),
        listed(&[data_source(5, "")], &[], &[]),
    ] {
        let mut settings = settings();
        settings.adoption = AdoptionPolicy::Adopt;
        let plan = plan(&settings, &found(5), &inventory, Mode::Observe);
        assert!(plan.is_settled(), "{plan:?}");
    }
}

#[test]
fn what_stands_is_named_with_what_its_server_enforces() {
    let plan = managed(&complete());
    assert!(plan.is_settled(), "{plan:?}");
    assert_eq!(
        plan.standing,
        Standing {
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
#[case::one_recorded_that_is_gone(Some(9), &[(1, ""), (2, OURS)], 2)]
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
    let named = plan.standing.data_source.map(|id| id.0);
    let held = plan
        .holds
        .iter()
        .any(|hold| hold.message.contains(&format!("Data source {chosen} ")));
    assert!(named == Some(chosen) || held, "{plan:?}");
}

#[test]
fn another_owners_data_source_is_a_conflict_beside_which_nothing_is_made() {
    for description in [OTHERS, "[audience-sharing:us/marketing/loyal#a1b2c3d4]"] {
        let mut settings = settings();
        settings.adoption = AdoptionPolicy::Adopt;
        let inventory = listed(&[data_source(5, description)], &[], &[]);
        let plan = plan(&settings, &found(5), &inventory, Mode::Manage);
        assert_eq!(plan.steps, []);
        assert_eq!(plan.holds[0].reason, Reason::ManagementConflict);
        assert_eq!(plan.standing.data_source, None);
    }
}

#[rstest]
#[case::adopted(AdoptionPolicy::Adopt, None, true)]
#[case::recorded_as_ours_its_mark_taken_away(AdoptionPolicy::Never, Some(5), true)]
#[case::another_one_is_recorded(AdoptionPolicy::Match, Some(4), false)]
#[case::adobes_own(AdoptionPolicy::Match, None, false)]
fn a_data_source_without_a_mark_is_marked_or_adobes(
    #[case] adoption: AdoptionPolicy,
    #[case] recorded: Option<u64>,
    #[case] ours: bool,
) {
    let mut settings = settings();
    settings.adoption = adoption;
    let recorded = recorded.map(found).unwrap_or_default();
    let unmarked = data_source(5, "By hand");
    let inventory = listed(std::slice::from_ref(&unmarked), &[], &[]);
    let plan = plan(&settings, &recorded, &inventory, Mode::Manage);
    let mark = Call::UpdateDataSource {
        expected: unmarked,
        change: DataSourceChange {
            description: Some("By hand [audience-sharing:us]".into()),
        },
    };
    assert_eq!(
        plan.steps.first().map(|step| &step.call),
        ours.then_some(&mark)
    );
    assert_eq!(plan.standing.adobes, !ours);
    assert_eq!(plan.standing.data_source, Some(DataSourceId(5)));
    assert_eq!(
        plan.steps.len(),
        if ours { 3 } else { 0 },
        "Adobe makes its own folders"
    );
}

#[test]
fn a_recorded_folder_is_ours_whatever_it_is_called_now() {
    let inventory = listed(
        &[data_source(5, OURS)],
        &[trait_folder(6, "Renamed"), trait_folder(8, "Traits")],
        &[segment_folder(7, "Renamed"), segment_folder(9, "Segments")],
    );
    let recorded = Recorded {
        data_source: Some(DataSourceId(5)),
        controlled: Vec::new(),
        trait_folder: Some(TraitFolderId(6)),
        segment_folder: Some(SegmentFolderId(7)),
    };
    let plan = plan(&settings(), &recorded, &inventory, Mode::Manage);
    assert_eq!(plan.steps, []);
    assert_eq!(plan.standing.trait_folder, Some(TraitFolderId(6)));
    assert_eq!(plan.standing.segment_folder, Some(SegmentFolderId(7)));
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
        let recorded = Recorded::default();
        plan(settings, &recorded, &complete(), Mode::Manage)
            .standing
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
        Call::CreateSegment(NewSegment {
            name: "Loyal gamers".into(),
            description: "".into(),
            integration_code: IntegrationCode::new("I"),
            data_source: DataSourceId(5),
            folder: SegmentFolderId(7),
            rule: "10T".into(),
            merge_rule,
        })
    };
    let update = |merge_rule| Call::UpdateSegment {
        expected: segment(20, Some("I")),
        change: SegmentChange {
            merge_rule,
            ..SegmentChange::default()
        },
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
        Call::DeleteDataSource(DataSourceId(9)),
    ] {
        assert_eq!(unlisted_merge_rule(&call, &inventory), None, "{call}");
    }
}
