//! Shared objects that go: the twins of our data source, and all of a connection that leaves.

use audience_sharing_core::call::Call;
use audience_sharing_core::domain::audience_manager::{DataSource, SegmentFolder, TraitFolder};
use audience_sharing_core::domain::identifier::{DataSourceId, SegmentSid, TraitSid};
use audience_sharing_core::facts::{Answer, At, Known, Response, apply};
use audience_sharing_core::inventory::{Coverage, Inventory, Key, Moment, Sequence};
use audience_sharing_core::plan::shared_objects::{ObservedSharedObjects, deletion};

use super::{OTHERS, OURS, calls, complete, listed, managed};
use crate::model::settings;
use crate::records::{
    apply_tree, data_source, folder, onboarded, segment, segment_folder, trait_folder,
};

const LATER: Moment = Moment(3_600_000);

/// Our data source 5 and its twins, each listed as empty.
fn with_twins(twins: &[DataSource]) -> Inventory {
    let mut inventory = complete();
    for twin in twins {
        inventory
            .data_sources
            .apply_written(Sequence(2), Moment(0), twin.clone());
        list_as_empty(&mut inventory, twin.id);
        list_as_empty(&mut inventory, twin.id);
    }
    inventory
}

fn list_as_empty(inventory: &mut Inventory, data_source: DataSourceId) {
    let coverage = Coverage::DataSource(data_source);
    let (at, now) = (Sequence(2), LATER);
    inventory
        .traits
        .apply_list(at, now, coverage, Vec::new(), &[]);
    inventory
        .segments
        .apply_list(at, now, coverage, Vec::new(), &[]);
}

/// The same, and its contents were listed as empty twice.
fn empty(mut inventory: Inventory) -> Inventory {
    list_as_empty(&mut inventory, DataSourceId(5));
    list_as_empty(&mut inventory, DataSourceId(5));
    inventory
}

fn swept(inventory: &Inventory) -> Vec<String> {
    let state = managed(&complete()).state;
    calls(&deletion::duplicate_data_sources(
        &settings(),
        &state,
        inventory,
    ))
}

#[test]
fn of_data_sources_that_carry_our_mark_the_empty_twin_goes() {
    assert_eq!(swept(&complete()), [""; 0], "alone with its name");
    let inventory = with_twins(&[
        data_source(8, OURS),
        data_source(9, OTHERS),
        data_source(10, ""),
    ]);
    assert_eq!(swept(&inventory), ["delete data source 8 \"Sharing\""]);
    let nothing_stands = ObservedSharedObjects::default();
    assert_eq!(
        deletion::duplicate_data_sources(&settings(), &nothing_stands, &inventory),
        []
    );
}

#[test]
fn a_twin_that_holds_anything_stays() {
    let mut inventory = with_twins(&[data_source(8, OURS)]);
    let mut held = onboarded(10, Some("I"));
    held.data_source = DataSourceId(8);
    inventory.traits.apply_written(Sequence(4), LATER, held);
    assert_eq!(swept(&inventory), [""; 0]);

    let mut inventory = with_twins(&[data_source(8, OURS)]);
    let mut held = segment(20, Some("I"));
    held.data_source = DataSourceId(8);
    inventory.segments.apply_written(Sequence(4), LATER, held);
    assert_eq!(swept(&inventory), [""; 0]);
}

#[test]
fn a_twin_whose_contents_are_not_known_is_listed_first() {
    let mut inventory = complete();
    let twin = data_source(8, OURS);
    inventory
        .data_sources
        .apply_written(Sequence(2), Moment(0), twin);
    assert_eq!(
        swept(&inventory),
        [
            "list traits of data source 8",
            "list segments of data source 8"
        ]
    );
    list_as_empty(&mut inventory, DataSourceId(8));
    assert_eq!(swept(&inventory).len(), 2, "one empty list proves nothing");
    let coverage = Coverage::DataSource(DataSourceId(8));
    inventory
        .traits
        .apply_list(Sequence(3), LATER, coverage, Vec::new(), &[]);
    assert_eq!(swept(&inventory), ["list segments of data source 8"]);
}

#[test]
fn a_twin_whose_contents_cannot_be_read_stays() {
    let mut inventory = with_twins(&[data_source(8, OURS)]);
    let coverage = Coverage::DataSource(DataSourceId(8));
    let unreadable = [Some(TraitSid(10))];
    inventory
        .traits
        .apply_list(Sequence(3), LATER, coverage, Vec::new(), &unreadable);
    assert_eq!(swept(&inventory), [""; 0]);
}

#[test]
fn contents_are_listed_as_empty_twice_before_a_connections_data_source_goes() {
    let mut inventory = complete();
    let lists = [
        "list traits of data source 5",
        "list segments of data source 5",
    ];
    assert_eq!(retired(&inventory), lists);
    list_as_empty(&mut inventory, DataSourceId(5));
    assert_eq!(retired(&inventory), lists);
    list_as_empty(&mut inventory, DataSourceId(5));
    assert_eq!(retired(&inventory), ["delete data source 5 \"Sharing\""]);
}

#[test]
fn shared_objects_that_a_list_lacks_are_read_before_anything_goes() {
    let mut inventory = empty(complete());
    let others = vec![data_source(77, OTHERS)];
    let (started, now) = (Sequence(9), LATER);
    inventory
        .data_sources
        .apply_whole_list(started, now, others, Vec::new());
    let state = managed(&inventory).state;
    let steps = deletion::delete_shared_objects(&settings(), &state, &inventory);
    assert_eq!(calls(&steps), ["read data source 5"]);
}

/// What standing objects of a connection that leaves are removed, where the folders are of our making.
fn retired(inventory: &Inventory) -> Vec<String> {
    let state = managed(inventory).state;
    calls(&deletion::delete_shared_objects(
        &settings(),
        &state,
        inventory,
    ))
}

fn made_by_us(data_source: DataSource) -> Inventory {
    let mut inventory = empty(listed(&[data_source], &[], &[]));
    created(
        &mut inventory,
        Some((trait_folder(6, "Traits"), segment_folder(7, "Segments"))),
    );
    inventory
}

/// The answers to the creates of the two folders; `None`: they name no id.
fn created(inventory: &mut Inventory, folders: Option<(TraitFolder, SegmentFolder)>) -> Vec<Key> {
    let at = At {
        sent: Sequence(2),
        answered: Sequence(2),
        now: LATER,
        recorded: false,
    };
    let (traits, segments) = folders.unzip();
    let call = Call::create::<TraitFolder>(folder("Traits"));
    let response = traits.map_or(Answer::WrittenUnseen, Answer::Written);
    let mut touched = apply(inventory, &call, Response::TraitFolder(response), at).unwrap();
    let call = Call::create::<SegmentFolder>(folder("Segments"));
    let response = segments.map_or(Answer::WrittenUnseen, Answer::Written);
    touched.extend(apply(inventory, &call, Response::SegmentFolder(response), at).unwrap());
    touched
}

#[test]
fn a_connection_that_leaves_takes_what_it_made_and_what_carries_its_mark() {
    assert_eq!(
        retired(&made_by_us(data_source(5, OURS))),
        [
            "delete trait folder 6 \"Traits\"",
            "delete segment folder 7 \"Segments\"",
            "delete data source 5 \"Sharing\""
        ]
    );
    assert_eq!(
        retired(&empty(complete())),
        ["delete data source 5 \"Sharing\""],
        "the folders are another's"
    );
    assert_eq!(
        retired(&made_by_us(data_source(5, ""))),
        [
            "delete trait folder 6 \"Traits\"",
            "delete segment folder 7 \"Segments\""
        ],
        "the data source is another's"
    );
}

#[test]
fn shared_objects_that_hold_anything_stay() {
    let mut inventory = made_by_us(data_source(5, OURS));
    inventory
        .traits
        .apply_written(Sequence(3), LATER, onboarded(10, Some("I")));
    assert_eq!(retired(&inventory), [""; 0]);
    let mut inventory = made_by_us(data_source(5, OURS));
    inventory
        .segments
        .apply_written(Sequence(3), LATER, segment(20, Some("I")));
    assert_eq!(retired(&inventory), [""; 0]);

    let mut inventory = made_by_us(data_source(5, OURS));
    let (mut elsewhere, mut too) = (onboarded(10, Some("I")), segment(20, Some("I")));
    (elsewhere.data_source, too.data_source) = (DataSourceId(4), DataSourceId(4));
    inventory
        .traits
        .apply_written(Sequence(3), LATER, elsewhere);
    inventory.segments.apply_written(Sequence(3), LATER, too);
    inventory
        .traits
        .apply_unknown_outcome(Sequence(4), &TraitSid(10));
    inventory
        .segments
        .apply_unknown_outcome(Sequence(4), &SegmentSid(20));
    assert_eq!(
        retired(&inventory).len(),
        3,
        "another data source's contents keep nothing"
    );
}

#[test]
fn what_a_late_list_leaves_in_doubt_is_read_before_shared_objects_go() {
    let mut inventory = made_by_us(data_source(5, OURS));
    inventory
        .traits
        .apply_written(Sequence(3), LATER, onboarded(10, Some("I")));
    inventory
        .segments
        .apply_written(Sequence(3), LATER, segment(20, Some("I")));
    inventory
        .traits
        .apply_unknown_outcome(Sequence(4), &TraitSid(10));
    inventory
        .segments
        .apply_unknown_outcome(Sequence(4), &SegmentSid(20));
    assert_eq!(retired(&inventory), ["read trait 10", "read segment 20"]);
}

#[test]
fn a_folder_whose_create_answered_no_id_is_ours_once_the_tree_shows_it() {
    let mut inventory = empty(listed(&[data_source(5, OURS)], &[], &[]));
    assert_eq!(created(&mut inventory, None), []);
    let (trait_folders, segment_folders) = (
        vec![trait_folder(6, "Traits"), trait_folder(8, "Theirs")],
        vec![segment_folder(7, "Segments"), segment_folder(9, "Theirs")],
    );
    let touched = apply_tree::<TraitFolder>(&mut inventory, Sequence(3), LATER, trait_folders);
    assert!(
        touched.contains(&Key::SharedObjects),
        "who waits for it plans again"
    );
    let touched = apply_tree::<SegmentFolder>(&mut inventory, Sequence(3), LATER, segment_folders);
    assert!(
        touched.contains(&Key::SharedObjects),
        "who waits for it plans again"
    );
    assert_eq!(
        retired(&inventory),
        [
            "delete trait folder 6 \"Traits\"",
            "delete segment folder 7 \"Segments\"",
            "delete data source 5 \"Sharing\""
        ]
    );
}

#[test]
fn a_folder_whose_name_was_taken_is_not_ours() {
    let mut inventory = empty(listed(&[data_source(5, OURS)], &[], &[]));
    TraitFolder::unresolved(
        &mut inventory,
        &folder("Traits"),
        crate::facts::at(1, 2),
        false,
    );
    SegmentFolder::unresolved(
        &mut inventory,
        &folder("Segments"),
        crate::facts::at(1, 2),
        false,
    );
    apply_tree::<TraitFolder>(
        &mut inventory,
        Sequence(3),
        LATER,
        vec![trait_folder(6, "Traits")],
    );
    apply_tree::<SegmentFolder>(
        &mut inventory,
        Sequence(3),
        LATER,
        vec![segment_folder(7, "Segments")],
    );
    assert_eq!(retired(&inventory), ["delete data source 5 \"Sharing\""]);
}

#[test]
fn a_created_folder_is_told_to_who_waits_for_it() {
    let mut inventory = listed(&[data_source(5, OURS)], &[], &[]);
    let folders = (trait_folder(6, "Traits"), segment_folder(7, "Segments"));
    let touched = created(&mut inventory, Some(folders));
    assert_eq!(touched, [Key::SharedObjects, Key::SharedObjects]);
}
