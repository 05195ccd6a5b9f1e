//! How near a tenant is to Audience Manager's item limits, and when that is worth telling.

use audience_sharing_core::domain::identifier::DataSourceId;
use audience_sharing_core::domain::labels::ExportControls;
use audience_sharing_core::inventory::{Inventory, Moment, Sequence};
use audience_sharing_core::plan::limits::{ItemCount, ItemCounts, count};
use audience_sharing_core::plan::shared_objects::ObservedSharedObjects;
use audience_sharing_core::plan::shared_objects::{Controlled, Place};

use crate::records::{SHARING, onboarded, segment, trait_folder};

/// Two traits and three segments of our data source, one of each in another one, and two folders below the root.
fn tenant() -> Inventory {
    let (at, now) = (Sequence(1), Moment(0));
    let mut inventory = Inventory::default();
    for id in 0..3 {
        let folder = trait_folder(id, &format!("Folder {id}"));
        inventory.trait_folders.apply_written(at, now, folder);
    }
    for (sid, data_source) in [(10, 5), (11, 5), (12, 6)] {
        let mut found = onboarded(sid, None);
        found.data_source = DataSourceId(data_source);
        inventory.traits.apply_written(at, now, found);
    }
    for (sid, data_source) in [(20, 5), (21, 5), (22, 5), (23, 6)] {
        let mut found = segment(sid, None);
        found.data_source = DataSourceId(data_source);
        inventory.segments.apply_written(at, now, found);
    }
    inventory
}

fn state(data_source: Option<DataSourceId>) -> ObservedSharedObjects {
    ObservedSharedObjects {
        data_source,
        ..ObservedSharedObjects::default()
    }
}

#[test]
fn folders_of_the_company_and_objects_of_our_data_source_are_counted_beside_adobes_limits() {
    let counts = count(&tenant(), &state(Some(SHARING)));
    let of = |count, limit| ItemCount { count, limit };
    assert_eq!(counts.trait_folders, of(2, 2_000), "the root is nobody's");
    assert_eq!(counts.traits, of(2, 100_000));
    assert_eq!(counts.segments, of(3, 20_000));
    let without = count(&tenant(), &state(None));
    assert_eq!((without.traits.count, without.segments.count), (0, 0));
    let mut both = state(Some(SHARING));
    both.controlled.push(Controlled {
        controls: ExportControls::of_labels(["core/C3"]),
        place: Place {
            data_source: DataSourceId(6),
            enforces_trait_codes: true,
            enforces_segment_codes: true,
        },
        ours: true,
        blocker: None,
    });
    let all = count(&tenant(), &both);
    assert_eq!((all.traits.count, all.segments.count), (3, 4));
}

#[test]
fn news_of_any_count_is_news() {
    let of = |count| ItemCount { count, limit: 100 };
    let told = ItemCounts {
        trait_folders: of(50),
        traits: of(50),
        segments: of(50),
    };
    assert!(!told.is_news_after(told));
    let changed: [fn(&mut ItemCounts) -> &mut ItemCount; 3] = [
        |counts| &mut counts.trait_folders,
        |counts| &mut counts.traits,
        |counts| &mut counts.segments,
    ];
    for which in changed {
        let mut now = told;
        which(&mut now).count += 1;
        assert!(now.is_news_after(told), "{now:?}");
    }
}

#[test]
fn another_limit_is_news() {
    let of = |limit| ItemCount { count: 100, limit };
    assert!(of(2_000_000).is_news_after(of(1_000_000)));
    assert!(!of(1_000_000).is_news_after(of(1_000_000)));
}
