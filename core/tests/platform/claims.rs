//! One source, one holder, by whichever strategy its audience stands.

use std::collections::BTreeSet;

use audience_sharing_core::compose::Strategy;
use audience_sharing_core::domain::reason::Reason;
use rstest::rstest;

use super::{World, delivered, desired};
use crate::model::name;

const EXTERNAL: Strategy = Strategy::ExternalAudience;
const METADATA: Strategy = Strategy::MetadataOnly;

/// The second is the older, so that only the mark on what stands tells who holds the source.
#[rstest]
#[case::metadata_beside_external(EXTERNAL, METADATA)]
#[case::external_beside_metadata(METADATA, EXTERNAL)]
#[case::external_beside_a_definition(Strategy::SegmentDefinition, EXTERNAL)]
fn a_source_is_not_shared_a_second_time_by_another_strategy(
    #[case] state: Strategy,
    #[case] other: Strategy,
) {
    let mut world = World::over([]);
    if state == Strategy::SegmentDefinition {
        world.audiences.insert(delivered().id, delivered());
        world.refresh();
    }
    world.living = BTreeSet::from([name("first"), name("second")]);
    let first = desired("second", state, "Console buyers");
    assert!(world.settle("second", &first).is_settled());
    let before = world.audiences.clone();
    let plan = world.settle("first", &desired("first", other, "Console buyers"));
    assert_eq!(World::reasons(&plan), [Reason::SourceClaimed]);
    assert_eq!(world.audiences, before);
    // The holder still holds it.
    assert!(world.settle("second", &first).is_settled());
}
