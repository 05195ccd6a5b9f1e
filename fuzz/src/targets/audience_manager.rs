//! What Audience Manager answers: lists in any chunking, objects, and what an update makes of an object that was read.

use adobe_client::audience_manager::Updated;
use audience_sharing_core::domain::audience_manager::{
    DataSource, DataSourceChange, NewDataSource, NewSegment, NewTrait, Segment, SegmentChange,
    SegmentFolder, Trait, TraitChange, TraitFolder, TraitReference,
};
use audience_sharing_core::domain::destination::{Destination, Mapping, MappingKeys, NewMapping};
use audience_sharing_core::domain::identifier::{
    DataSourceId, DestinationId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId,
    TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::source::Naming;
use audience_sharing_core::kinds::folder::NewFolder;
use serde_json::Value;

use super::answering::{Answer, Choices, Setting, World, answers, context, leased, outcome, run};

/// Into how many bytes a body may be cut.
const CHUNKS: [usize; 6] = [1, 2, 3, 7, 64, 1024];

/// A list says the same however its bytes arrive.
pub(super) fn lists(data: &[u8]) {
    let mut choices = Choices(data);
    let (which, chunk) = (choices.below(13), CHUNKS[choices.below(CHUNKS.len())]);
    let body = choices.0;
    let whole = list(which, body, body.len());
    assert_eq!(list(which, body, chunk), whole, "in chunks of {chunk}");
}

fn list(which: usize, body: &[u8], chunk: usize) -> String {
    let world = World::of(Setting::answering(vec![Answer::ok(body)], chunk));
    let (aam, context) = (world.audience_manager(), context());
    let code = IntegrationCode::new("code");
    let name = TraitReference::Name {
        name: "Loyal gamers".into(),
        data_source: DataSourceId(1),
    };
    let reference = TraitReference::Code {
        code: code.clone(),
        data_source: None,
    };
    let sources = [DataSourceId(1), DataSourceId(2)];
    let told = run(async {
        match which {
            0 => outcome(aam.list::<Trait>(&context, &sources.to_vec()).await),
            1 => outcome(aam.list::<Segment>(&context, &sources.to_vec()).await),
            2 => outcome(aam.list::<DataSource>(&context, &()).await),
            3 => outcome(aam.list::<Destination>(&context, &()).await),
            4 => outcome(aam.list::<Mapping>(&context, &DestinationId(1)).await),
            5 => outcome(
                aam.find::<Mapping>(&context, &(SegmentSid(7), DestinationId(1)))
                    .await,
            ),
            6 => outcome(
                aam.find::<Trait>(&context, &(DataSourceId(1), code.clone()))
                    .await,
            ),
            7 => outcome(
                aam.find::<Segment>(&context, &(DataSourceId(1), code.clone()))
                    .await,
            ),
            8 => outcome(aam.traits_by_reference(&context, &name).await),
            9 => outcome(aam.traits_by_reference(&context, &reference).await),
            10 => outcome(
                aam.search_segments(&context, &Naming::Name("Loyal gamers".into()))
                    .await,
            ),
            11 => outcome(aam.search_traits(&context, &Naming::Sid(7)).await),
            _ => outcome(aam.segments_containing(&context, TraitSid(7)).await),
        }
    });
    // Of two data sources, what the one list leaves out is asked by itself; a page that is cut is asked for again.
    let asked = world.asked().len();
    assert!(
        (2..=5).contains(&asked),
        "a token and a few lists, not {asked} calls"
    );
    told
}

pub(super) fn objects(data: &[u8]) {
    let mut choices = Choices(data);
    let which = choices.below(16);
    let answers = answers(choices.0);
    let read = answers[0].body.clone();
    let world = World::of(Setting::answering(answers, 1024));
    run(object(which, &world, &read));
}

async fn object(which: usize, world: &World, read: &[u8]) {
    let (aam, context) = (world.audience_manager(), context());
    let told = match which {
        0 => outcome(aam.me(&context).await),
        1 => outcome(aam.get::<Trait>(&context, &TraitSid(7)).await),
        2 => outcome(aam.get::<Segment>(&context, &SegmentSid(7)).await),
        3 => outcome(aam.get::<DataSource>(&context, &DataSourceId(1)).await),
        4 => outcome(aam.get::<Destination>(&context, &DestinationId(1)).await),
        5 => outcome(aam.list::<TraitFolder>(&context, &()).await),
        6 => outcome(aam.list::<SegmentFolder>(&context, &()).await),
        7 => outcome(aam.create::<Trait>(&context, leased(), &new_trait()).await),
        8 => outcome(
            aam.create::<Segment>(&context, leased(), &new_segment())
                .await,
        ),
        9 => outcome(
            aam.create::<DataSource>(&context, leased(), &new_data_source())
                .await,
        ),
        10 => outcome(
            aam.create::<TraitFolder>(
                &context,
                leased(),
                &NewFolder {
                    name: "Shared".into(),
                    company: None,
                },
            )
            .await,
        ),
        11 => outcome(
            aam.create::<SegmentFolder>(
                &context,
                leased(),
                &NewFolder {
                    name: "Shared".into(),
                    company: None,
                },
            )
            .await,
        ),
        12 => outcome(
            aam.create::<Mapping>(&context, leased(), &new_mapping())
                .await,
        ),
        _ => updated(which - 13, world, read).await,
    };
    assert!(
        told.len() < 64 * (read.len() + 100),
        "bounded by what was read"
    );
}

/// Reads an object, then changes it as it was read: what the operator does not know of goes back as it came.
async fn updated(which: usize, world: &World, read: &[u8]) -> String {
    // The same object for the caller and for the update's own look.
    let again = Setting::answering(
        vec![Answer::ok(read), Answer::ok(read), Answer::ok(b"")],
        1024,
    );
    let over = World::of(again);
    let (aam, context) = (over.audience_manager(), context());
    let (told, name) = match which {
        0 => {
            let Ok(expected) = aam.get::<Trait>(&context, &TraitSid(7)).await else {
                return String::new();
            };
            let change = TraitChange {
                name: Some("New name".into()),
                ..TraitChange::default()
            };
            let updated = aam.update(&context, leased(), &expected, &change).await;
            if let Ok(Updated::Changed(read)) = &updated {
                assert_ne!(*read, expected, "only another object is left alone");
            }
            (outcome(updated), "name")
        }
        1 => {
            let Ok(expected) = aam.get::<Segment>(&context, &SegmentSid(7)).await else {
                return String::new();
            };
            let change = SegmentChange {
                name: Some("New name".into()),
                ..SegmentChange::default()
            };
            let updated = aam.update(&context, leased(), &expected, &change).await;
            (outcome(updated), "name")
        }
        _ => {
            let Ok(expected) = aam.get::<DataSource>(&context, &DataSourceId(1)).await else {
                return String::new();
            };
            let change = DataSourceChange {
                description: Some("New name".into()),
            };
            let updated = aam.update(&context, leased(), &expected, &change).await;
            (outcome(updated), "description")
        }
    };
    let asked = over.asked();
    let puts: Vec<_> = asked
        .iter()
        .filter(|request| request.method() == http::Method::PUT)
        .collect();
    assert!(puts.len() <= 1, "one write");
    if let Some(put) = puts.first() {
        let sent: Value = serde_json::from_slice(put.body()).expect("JSON is sent");
        let was: Value = serde_json::from_slice(read).expect("it was read");
        assert_eq!(sent[name], "New name");
        let ours = [
            "pid",
            "crUID",
            "upUID",
            "createTime",
            "updateTime",
            "permissions",
        ];
        for (field, value) in was.as_object().expect("an object") {
            let known = ours.contains(&field.as_str()) || field == name;
            // Texts go back without entities, and what else a kind of object lets the server own stays away.
            let kept = sent.get(field) == Some(value) || value.is_string();
            assert!(
                known || kept || sent.get(field).is_none(),
                "{field} changed"
            );
        }
    }
    let _ = world;
    told
}

fn new_trait() -> NewTrait {
    NewTrait {
        look_alikes: None,
        name: "Loyal gamers".into(),
        description: "[audience-sharing:eu-prod/marketing/loyal-gamers]".into(),
        integration_code: IntegrationCode::new("code"),
        data_source: DataSourceId(1),
        folder: TraitFolderId(2),
        rule: "segid == \"code\"".into(),
        ttl_days: 120,
    }
}

fn new_segment() -> NewSegment {
    NewSegment {
        name: "Loyal gamers".into(),
        description: "[audience-sharing:eu-prod/marketing/loyal-gamers]".into(),
        integration_code: IntegrationCode::new("code"),
        data_source: DataSourceId(1),
        folder: SegmentFolderId(2),
        rule: "7T".into(),
        merge_rule: None,
    }
}

fn new_data_source() -> NewDataSource {
    NewDataSource {
        name: "Sharing".into(),
        description: "[audience-sharing:eu-prod]".into(),
        unique_trait_codes: true,
        unique_segment_codes: true,
        restrictions: Restrictions::default(),
    }
}

fn new_mapping() -> NewMapping {
    NewMapping {
        destination: DestinationId(1),
        destination_name: "Partner".into(),
        segment: SegmentSid(7),
        keys: MappingKeys::default(),
        start: None,
        end: None,
    }
}
