//! Data export controls on the wire: read, set at creation, and the way of an object to another data source.

use audience_sharing_core::domain::audience_manager::{
    DataSource, NewDataSource, Segment, SegmentChange, Trait, TraitChange,
};
use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::{ExportControls, Restrictions};
use rstest::rstest;
use serde_json::{Value, json};

use super::{SOURCE, known_segment, known_trait, stored_segment, stored_trait};
use crate::audience_manager::Updated;
use crate::scripted::{Reply, World, change, leased};

const OTHER: DataSourceId = DataSourceId(30_001);

#[rstest]
#[case::known_and_unknown(json!(["PII", "SOMETHING_NEW"]), &["PII", "SOMETHING_NEW"])]
#[case::none(json!([]), &[])]
#[case::null(Value::Null, &[])]
#[case::no_list(json!("PII"), &[])]
#[case::what_is_no_text_hides_no_other(json!([1, null, "PII"]), &["PII"])]
#[tokio::test(start_paused = true)]
async fn restrictions_are_read_as_they_come(#[case] sent: Value, #[case] read: &[&str]) {
    let world = World::authorized(move |_, _| {
        Reply::json(
            200,
            &json!({"dataSourceId": 29769, "name": "S", "dataExportRestrictions": sent}),
        )
    });
    let aam = world.gateway.audience_manager();
    let found = aam
        .get::<DataSource>(&change(), &SOURCE)
        .await
        .expect("a data source");
    assert_eq!(found.restrictions, Restrictions::new(read.iter().copied()));
}

#[rstest]
#[case::under_controls(&["core/C3"], json!(["PII"]))]
#[case::under_none(&[], Value::Null)]
#[tokio::test(start_paused = true)]
async fn controls_are_set_when_a_data_source_is_made(#[case] labels: &[&str], #[case] sent: Value) {
    let world = World::authorized(|_, _| Reply::json(201, &json!({"dataSourceId": 29769})));
    let controls = ExportControls::of_labels(labels.iter().copied());
    let new = NewDataSource {
        name: "Sharing (C3)".into(),
        description: "".into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: controls
            .restrictions(&Restrictions::default())
            .expect("known names"),
    };
    let aam = world.gateway.audience_manager();
    let made = aam.create::<DataSource>(&change(), leased(), &new).await;
    assert_eq!(
        made.expect("made").expect("it is shown").restrictions,
        new.restrictions
    );
    assert_eq!(world.calls()[0].json()["dataExportRestrictions"], sent);
}

#[tokio::test(start_paused = true)]
async fn an_object_goes_to_another_data_source_with_all_that_it_is() {
    let world =
        World::authorized(
            |asked, _| match (asked.method.as_str(), asked.target.as_str()) {
                ("GET", path) if path.ends_with("/traits/77") => Reply::json(200, &stored_trait()),
                ("GET", _) => Reply::json(200, &stored_segment()),
                _ => Reply::text(200, ""),
            },
        );
    let aam = world.gateway.audience_manager();
    let moved = TraitChange {
        data_source: Some(OTHER),
        ..TraitChange::default()
    };
    let written = aam
        .update(&change(), leased(), &known_trait(), &moved)
        .await;
    let mut wanted = known_trait();
    wanted.data_source = OTHER;
    assert_eq!(written, Ok(Updated::Written(wanted)));
    let moved = SegmentChange {
        data_source: Some(OTHER),
        ..SegmentChange::default()
    };
    let written = aam
        .update(&change(), leased(), &known_segment(), &moved)
        .await;
    let mut wanted = known_segment();
    wanted.trait_data_sources = None; // the body of a change does not hold them
    wanted.data_source = OTHER;
    assert_eq!(written, Ok(Updated::Written(wanted)));
    for (call, before) in [(1, stored_trait()), (3, stored_segment())] {
        let sent = world.calls()[call].json();
        assert_eq!(sent["dataSourceId"], 30_001);
        assert_eq!(sent["sid"], before["sid"]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_list_tells_of_several_data_sources_and_of_no_other() {
    let world = World::authorized(|asked, _| {
        let (own, other) = match asked.target.as_str().contains("traits") {
            true => (stored_trait(), stored_trait()),
            false => (stored_segment(), stored_segment()),
        };
        let in_source = |mut object: Value, sid: u64, source: u64| {
            object["sid"] = json!(sid);
            object["dataSourceId"] = json!(source);
            object
        };
        let foreign = in_source(own.clone(), 3, 5);
        Reply::json(
            200,
            &json!([
                in_source(own, 1, 29_769),
                in_source(other, 2, 30_001),
                foreign
            ]),
        )
    });
    let aam = world.gateway.audience_manager();
    let traits = aam
        .list::<Trait>(&change(), &vec![SOURCE, OTHER])
        .await
        .expect("a list")
        .items;
    let segments = aam
        .list::<Segment>(&change(), &vec![SOURCE, OTHER])
        .await
        .expect("a list")
        .items;
    let found: Vec<u64> = traits.iter().map(|found| found.sid.0).collect();
    assert_eq!(found, [1, 2]);
    let found: Vec<u64> = segments.iter().map(|found| found.sid.0).collect();
    assert_eq!(found, [1, 2]);
    let asked: Vec<String> = world.calls().iter().map(ToString::to_string).collect();
    assert_eq!(
        asked,
        [
            "GET aam.adobe.io/v1/traits/?dataSourceId=29769&dataSourceId=30001&includeDetails=true&includePermissions=true",
            "GET aam.adobe.io/v1/segments/?dataSourceId=29769&dataSourceId=30001&includeTraitDataSourceIds=true&includePermissions=true",
        ]
    );
}
