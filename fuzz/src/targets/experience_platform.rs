//! What Experience Platform answers: pages, bulk answers, audiences, sandboxes.

use audience_sharing_core::domain::experience_platform::{
    Audience, AudienceChange, AudienceKey, NewAudience, NewForm,
};
use audience_sharing_core::domain::identifier::AudienceId;
use audience_sharing_core::domain::labels::UsageLabels;
use audience_sharing_core::kinds::audience::AudienceLookUp;
use serde_json::Value;

use super::answering::{Answer, Choices, Setting, World, answers, context, leased, outcome, run};

const CHUNKS: [usize; 5] = [1, 2, 7, 64, 1024];

/// Pages say the same however their bytes arrive, and they end.
pub(super) fn lists(data: &[u8]) {
    let mut choices = Choices(data);
    let (which, chunk) = (choices.below(3), CHUNKS[choices.below(CHUNKS.len())]);
    let pages = answers(choices.0);
    let whole = list(which, pages.clone(), data.len());
    assert_eq!(list(which, pages, chunk), whole, "in chunks of {chunk}");
}

fn list(which: usize, pages: Vec<Answer>, chunk: usize) -> String {
    let count = pages.len();
    let world = World::of(Setting::answering(pages, chunk));
    let (platform, context) = (world.experience_platform(), context());
    let told = run(async {
        match which {
            0 => outcome(platform.list::<Audience>(&context, &()).await),
            1 => {
                let look_up = AudienceLookUp::Key(AudienceKey::new("AAMSegments", "9900123"));
                outcome(platform.find::<Audience>(&context, &look_up).await)
            }
            _ => {
                let look_up = AudienceLookUp::DefinitionName("Loyal gamers".into());
                outcome(platform.find::<Audience>(&context, &look_up).await)
            }
        }
    });
    // The last page comes again and again: its `next` was had already.
    assert!(world.asked().len() <= count + 2, "the pages end");
    told
}

pub(super) fn objects(data: &[u8]) {
    let mut choices = Choices(data);
    let which = choices.below(7);
    let answers = answers(choices.0);
    let world = World::of(Setting::answering(answers, 1024));
    let (platform, context) = (world.experience_platform(), context());
    let id = AudienceId::new("a");
    let form = |which| match which {
        3 => NewForm::External {
            namespace: "AAMSegments".into(),
            audience_id: "9900123".into(),
        },
        4 => NewForm::MetadataOnly {
            namespace: "AAMSegments".into(),
            audience_id: "9900123".into(),
        },
        _ => NewForm::SegmentDefinition {
            expression: "inSegment(\"a\")".into(),
        },
    };
    run(async {
        match which {
            0 => outcome(platform.sandboxes(&context).await),
            1 | 2 => outcome(platform.get::<Audience>(&context, &id).await),
            3..=5 => {
                let new = NewAudience {
                    name: "Loyal gamers".into(),
                    description: "[audience-sharing:eu-prod/marketing/loyal-gamers]".into(),
                    labels: UsageLabels::read(["core/C5"]),
                    form: form(which),
                };
                outcome(platform.create::<Audience>(&context, leased(), &new).await)
            }
            _ => updated(&world).await,
        }
    });
}

/// Whatever labels an audience has, an update keeps every one of them.
async fn updated(world: &World) -> String {
    let (platform, context) = (world.experience_platform(), context());
    let Ok(expected) = platform
        .get::<Audience>(&context, &AudienceId::new("a"))
        .await
    else {
        return String::new();
    };
    world.asked();
    let change = AudienceChange {
        name: Some("New name".into()),
        labels: UsageLabels::read(["core/C5"]),
        ..AudienceChange::default()
    };
    let told = outcome(
        platform
            .update(&context, leased(), &expected, &change)
            .await,
    );
    let asked = world.asked();
    let patch = asked
        .iter()
        .find(|request| request.method() == http::Method::PATCH);
    if let Some(patch) = patch {
        let sent: Value = serde_json::from_slice(patch.body()).expect("JSON is sent");
        let operations = sent.as_array().expect("a list of operations");
        assert!(operations.iter().all(|operation| operation["op"] == "add"));
        let labels = operations
            .iter()
            .find(|operation| operation["path"] == "/labels")
            .and_then(|operation| operation["value"].as_array())
            .expect("labels are sent");
        assert!(labels.contains(&Value::from("core/C5")));
    }
    told
}
