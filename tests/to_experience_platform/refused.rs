//! What may not pass, and what came over and may not go back.

use audience_sharing_core::compose::Strategy;
use audience_sharing_core::domain::identifier::IntegrationCode;
use audience_sharing_core::domain::reason::Reason;
use audience_sharing_core::domain::source::{Naming, SourceKind};
use rstest::rstest;
use serde_json::json;

use super::{buyers, message, reason, share, world};
use crate::world::{LOYAL_GAMERS, World, request};

/// Of the seed for both directions.
const INACTIVE: u64 = 16_450_003;
const FROM_PLATFORM: u64 = 16_448_929;
const TRAIT_FROM_PLATFORM: u64 = 16_448_928;
const THIRD_PARTY: u64 = 9_912;

#[rstest]
#[case::missing(
    SourceKind::Segment,
    Naming::Sid(1),
    Reason::SourceNotFound,
    "no segment 1"
)]
#[case::a_code_of_nobody(
    SourceKind::Trait,
    Naming::IntegrationCode(IntegrationCode::new("nobody")),
    Reason::SourceNotFound,
    "with integration code nobody"
)]
#[case::an_inactive_segment(
    SourceKind::Segment,
    Naming::Sid(INACTIVE),
    Reason::SourceInactive,
    "is inactive"
)]
#[case::third_party(
    SourceKind::Trait,
    Naming::Sid(THIRD_PARTY),
    Reason::SourceNotShareable,
    "third-party data"
)]
#[case::a_segment_of_adobes_sharing(
    SourceKind::Segment,
    Naming::Sid(FROM_PLATFORM),
    Reason::SharingLoop,
    "not shared back"
)]
#[case::a_trait_of_adobes_sharing(
    SourceKind::Trait,
    Naming::Sid(TRAIT_FROM_PLATFORM),
    Reason::SharingLoop,
    "not shared back"
)]
#[tokio::test(start_paused = true)]
async fn what_may_not_pass_is_told_with_its_name_and_writes_nothing(
    #[case] kind: SourceKind,
    #[case] naming: Naming,
    #[case] expected: Reason,
    #[case] told: &str,
) {
    let world = world();
    let settled = world
        .settle(share("buyers", kind, naming, Strategy::ExternalAudience))
        .await;
    assert_eq!(reason(&settled), Some(expected), "{}", message(&settled));
    assert!(message(&settled).contains(told), "{}", message(&settled));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_fits_several_is_ambiguous() {
    let world = world();
    for _ in 0..2 {
        world
            .simulator
            .create_object(
                "segments",
                json!({"pid": 1794, "name": "Twice", "segmentRule": "16440001T", "dataSourceId": 29769,
                       "folderId": 0, "status": "ACTIVE"}),
            )
            .unwrap();
    }
    let twice = Naming::Name("Twice".into());
    let settled = world
        .settle(share(
            "buyers",
            SourceKind::Segment,
            twice,
            Strategy::ExternalAudience,
        ))
        .await;
    assert_eq!(reason(&settled), Some(Reason::SourceAmbiguous));
    assert_eq!(world.writes(), Vec::<String>::new());
}

/// By the mark alone: also where another connection to the same tenant, with another data source, would share it back.
#[tokio::test(start_paused = true)]
async fn what_came_over_is_not_shared_back_in_either_direction() {
    let world = world();
    let there = world.settle(buyers(Strategy::MetadataOnly)).await;
    let id = there.audience.clone().unwrap().id.unwrap();
    let back = world.settle(request("back", id.as_str())).await;
    assert_eq!(
        reason(&back),
        Some(Reason::SharingLoop),
        "{}",
        message(&back)
    );

    let world = World::start();
    let there = world.share("loyal", LOYAL_GAMERS).await.standing.unwrap();
    let sids = [
        (SourceKind::Segment, there.segment_sid.unwrap().0),
        (SourceKind::Trait, there.trait_sid.unwrap().0),
    ];
    for (kind, sid) in sids {
        let back = share("back", kind, Naming::Sid(sid), Strategy::ExternalAudience);
        let back = world.settle(back).await;
        assert_eq!(
            reason(&back),
            Some(Reason::SharingLoop),
            "{}",
            message(&back)
        );
    }
}
