//! One record of each kind, to be changed where a case is about a field.

use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, Segment, SegmentFolder, Trait, TraitFolder, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    DataSourceId, IntegrationCode, SegmentFolderId, SegmentSid, TraitFolderId, TraitSid,
};
use audience_sharing_core::domain::labels::Restrictions;
use audience_sharing_core::domain::mark::{Mark, OwnerId};
use audience_sharing_core::facts::{At, Known, Listing};
use audience_sharing_core::inventory::{Inventory, Key, Moment, Sequence};
use audience_sharing_core::kinds::folder::NewFolder;
use audience_sharing_core::ownership::Judged;
use audience_sharing_core::ownership::owned::Owned;
use audience_sharing_core::ownership::{Claimant, Ownership, Signs};

/// The data source that [`onboarded`] and [`segment`] are in.
pub(crate) const SHARING: DataSourceId = DataSourceId(5);

pub(crate) fn data_source(id: u64, description: &str) -> DataSource {
    DataSource {
        id: DataSourceId(id),
        company: None,
        name: "Sharing".into(),
        description: description.into(),
        unique_trait_codes: true,
        unique_segment_codes: false,
        restrictions: Restrictions::default(),
    }
}

/// Below the root.
pub(crate) fn trait_folder(id: u64, name: &str) -> TraitFolder {
    TraitFolder {
        id: TraitFolderId(id),
        parent: TraitFolderId(0),
        name: name.into(),
    }
}

/// Below the root.
pub(crate) fn segment_folder(id: u64, name: &str) -> SegmentFolder {
    SegmentFolder {
        id: SegmentFolderId(id),
        parent: SegmentFolderId(0),
        name: name.into(),
    }
}

/// An onboarded trait.
pub(crate) fn onboarded(sid: u64, code: Option<&str>) -> Trait {
    Trait {
        look_alikes: None,
        sid: TraitSid(sid),
        kind: TraitKind::Onboarded,
        name: "Loyal".into(),
        description: "Old".into(),
        integration_code: code.map(IntegrationCode::new),
        data_source: SHARING,
        folder: TraitFolderId(6),
        rule: "a == 1".into(),
        ttl_days: Some(7),
        activity: Activity::Active,
    }
}

pub(crate) fn segment(sid: u64, code: Option<&str>) -> Segment {
    Segment {
        sid: SegmentSid(sid),
        name: "Loyal".into(),
        description: "Old".into(),
        integration_code: code.map(IntegrationCode::new),
        data_source: SHARING,
        folder: SegmentFolderId(7),
        rule: "1T".into(),
        merge_rule: None,
        trait_data_sources: None,
        activity: Activity::Active,
    }
}

/// A record of the owner that marked it, else of the connection's, judged by its two other signs.
pub(crate) fn owned<K: Judged>(record: &K) -> Owned<K> {
    let found = record.description().and_then(Mark::read);
    let mark = found.unwrap_or(Mark::DataSource {
        owner: OwnerId::parse("us").unwrap(),
    });
    let claimant = Claimant {
        mark: &mark,
        previous_owners: &[],
        existing: &std::collections::BTreeSet::new(),
    };
    let signs = Signs {
        recorded: true,
        natural_key: true,
    };
    match claimant.judge(record, signs) {
        Ownership::Owned(ours) => ours.owned(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn folder(name: &str) -> NewFolder {
    NewFolder {
        name: name.into(),
        company: None,
    }
}

/// A whole tree of folders.
pub(crate) fn apply_tree<K: Known<Listed = K, Scope = ()>>(
    inventory: &mut Inventory,
    sent: Sequence,
    now: Moment,
    items: Vec<K>,
) -> Vec<Key> {
    let listing = Listing {
        items,
        ..Listing::default()
    };
    let at = At {
        sent,
        answered: sent,
        now,
        recorded: false,
    };
    K::apply_list(inventory, &(), listing, at)
}
