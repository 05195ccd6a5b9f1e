//! How the answers about each kind of object are applied.

use std::collections::BTreeMap;

use super::{At, Known, ListedDestination, Listing};
use crate::call::Kind;
use crate::call::kinds::{AudienceLookUp, Never, NewFolder};
use crate::domain::audience_manager::{
    DataSource, NewDataSource, Segment, SegmentFolder, Trait, TraitFolder,
};
use crate::domain::destination::{Destination, Mapping, NewMapping};
use crate::domain::experience_platform::{Audience, NewAudience};
use crate::domain::identifier::{
    DataSourceId, MappingId, SegmentFolderId, SegmentSid, TraitFolderId,
};
use crate::domain::rights::Rights;
use crate::inventory::{Coverage, Inventory, Key, ListedMappings, Record, Table, apply_rights};

impl Known for DataSource {
    type Listed = Self;

    fn apply_read(inventory: &mut Inventory, read: Self, at: At) -> Vec<Key> {
        inventory.data_sources.apply_read(at.sent, read)
    }

    fn apply_list(
        inventory: &mut Inventory,
        (): &(),
        listing: Listing<Self, DataSourceId>,
        at: At,
    ) -> Vec<Key> {
        let listed: Vec<_> = listing.items.iter().map(|item| item.id).collect();
        let known = &mut inventory.rights.data_sources;
        let changed = apply_rights(known, listed, listing.lacking);
        let table = &mut inventory.data_sources;
        let mut touched =
            table.apply_whole_list(at.sent, at.now, listing.items, listing.undecodable);
        touched.extend(changed.first().map(|_| Key::SharedObjects));
        touched
    }

    fn apply_found(_: &mut Inventory, query: &Never, _: Vec<Self>, _: At) -> Vec<Key> {
        match *query {}
    }

    /// Nothing can be in a data source that was not there a moment ago.
    fn apply_created(
        inventory: &mut Inventory,
        _: &NewDataSource,
        created: &Self,
        at: At,
    ) -> Vec<Key> {
        let coverage = Coverage::DataSource(created.id);
        let traits = &mut inventory.traits;
        let mut touched = traits.apply_list(at.answered, at.now, coverage, Vec::new(), &[]);
        let segments = &mut inventory.segments;
        touched.extend(segments.apply_list(at.answered, at.now, coverage, Vec::new(), &[]));
        touched
    }

    fn unresolved(inventory: &mut Inventory, new: &NewDataSource, _: bool) {
        inventory.data_sources.apply_unresolved(new.name.clone());
    }
}

macro_rules! folder {
    ($folder:ident, $id:ident, $created:ident, $tree:ident, $unresolved:ident) => {
        impl Known for $folder {
            type Listed = Self;

            fn apply_read(inventory: &mut Inventory, read: Self, at: At) -> Vec<Key> {
                Self::table_mut(inventory).apply_read(at.sent, read)
            }

            fn apply_list(
                inventory: &mut Inventory,
                (): &(),
                listing: Listing<Self, $id>,
                at: At,
            ) -> Vec<Key> {
                inventory.$tree(at.sent, at.now, listing.items)
            }

            fn apply_found(_: &mut Inventory, query: &Never, _: Vec<Self>, _: At) -> Vec<Key> {
                match *query {}
            }

            fn apply_created(
                inventory: &mut Inventory,
                _: &NewFolder,
                created: &Self,
                _: At,
            ) -> Vec<Key> {
                inventory.created_folders.$created.insert(created.id);
                Vec::new()
            }

            fn unresolved(inventory: &mut Inventory, new: &NewFolder, unknown: bool) {
                inventory.$unresolved(&new.name, unknown);
            }

            fn apply_gone(inventory: &mut Inventory, id: &$id) {
                inventory.created_folders.$created.remove(id);
            }
        }
    };
}

folder!(
    TraitFolder,
    TraitFolderId,
    traits,
    apply_trait_folders,
    apply_trait_folder_unresolved
);
folder!(
    SegmentFolder,
    SegmentFolderId,
    segments,
    apply_segment_folders,
    apply_segment_folder_unresolved
);

macro_rules! coded {
    ($kind:ident, $table:ident) => {
        impl Known for $kind {
            type Listed = Self;

            fn apply_read(inventory: &mut Inventory, read: Self, at: At) -> Vec<Key> {
                inventory.$table.apply_read(at.sent, read)
            }

            fn apply_list(
                inventory: &mut Inventory,
                scope: &DataSourceId,
                listing: Listing<Self, Self::Id>,
                at: At,
            ) -> Vec<Key> {
                let known = (&mut inventory.$table, &mut inventory.rights.$table);
                contents(known, Key::$kind, &[*scope], listing, at)
            }

            fn apply_found(
                inventory: &mut Inventory,
                query: &Self::Query,
                found: Vec<Self>,
                at: At,
            ) -> Vec<Key> {
                inventory
                    .$table
                    .apply_look_up(at.sent, query.clone(), found)
            }

            fn unresolved(inventory: &mut Inventory, new: &Self::New, _: bool) {
                let key = (new.data_source, new.integration_code.clone());
                inventory.$table.apply_unresolved(key);
            }
        }
    };
}

coded!(Trait, traits);
coded!(Segment, segments);

/// Traits of several data sources in one list, and what may be done with each.
pub fn apply_traits(
    inventory: &mut Inventory,
    data_sources: &[DataSourceId],
    listing: Listing<Trait, <Trait as Record>::Id>,
    at: At,
) -> Vec<Key> {
    let known = (&mut inventory.traits, &mut inventory.rights.traits);
    contents(known, Key::Trait, data_sources, listing, at)
}

/// The same of segments.
pub fn apply_segments(
    inventory: &mut Inventory,
    data_sources: &[DataSourceId],
    listing: Listing<Segment, SegmentSid>,
    at: At,
) -> Vec<Key> {
    let known = (&mut inventory.segments, &mut inventory.rights.segments);
    contents(known, Key::Segment, data_sources, listing, at)
}

/// What a list of several data sources holds, each judged separately.
fn contents<K: Kind<Id: Copy>>(
    (table, rights): (&mut Table<K>, &mut BTreeMap<K::Id, Rights>),
    key: fn(K::Id) -> Key,
    data_sources: &[DataSourceId],
    listing: Listing<K, K::Id>,
    at: At,
) -> Vec<Key> {
    let listed: Vec<_> = listing.items.iter().map(Record::id).collect();
    let changed = apply_rights(rights, listed, listing.lacking);
    let without_id = listing.undecodable.iter().any(Option::is_none);
    let unreadable: Vec<_> = listing.undecodable.into_iter().flatten().collect();
    let mut rest = listing.items;
    let mut touched = Vec::new();
    for id in data_sources {
        let coverage = Coverage::DataSource(*id);
        let (items, others) = rest
            .into_iter()
            .partition(|item| item.coverage() == coverage);
        rest = others;
        touched.extend(table.apply_list(at.sent, at.now, coverage, items, &unreadable));
        if without_id {
            table.note_unreadable(coverage);
        }
    }
    touched.extend(changed.into_iter().map(key));
    touched
}

impl Known for Audience {
    type Listed = Self;

    fn apply_read(inventory: &mut Inventory, read: Self, at: At) -> Vec<Key> {
        inventory.audiences.apply_read(at.sent, read)
    }

    fn apply_list(_: &mut Inventory, scope: &Never, _: Listing<Self, Self::Id>, _: At) -> Vec<Key> {
        match *scope {}
    }

    fn apply_found(
        inventory: &mut Inventory,
        query: &AudienceLookUp,
        found: Vec<Self>,
        at: At,
    ) -> Vec<Key> {
        let table = &mut inventory.audiences;
        table.apply_look_up(at.sent, query.natural_key(), found)
    }

    fn unresolved(inventory: &mut Inventory, new: &NewAudience, _: bool) {
        let key = AudienceLookUp::of(new).natural_key();
        inventory.audiences.apply_unresolved(key);
    }
}

impl Known for Destination {
    type Listed = ListedDestination;

    fn apply_read(inventory: &mut Inventory, read: ListedDestination, at: At) -> Vec<Key> {
        let id = read.destination.id;
        let mut touched = inventory.destinations.apply_read(at.sent, read.destination);
        if let Some(listed) = read.mappings {
            touched.extend(inventory.apply_mappings(at.sent, at.now, id, mappings(listed)));
        }
        touched
    }

    fn apply_list(
        inventory: &mut Inventory,
        (): &(),
        listing: Listing<ListedDestination, Self::Id>,
        at: At,
    ) -> Vec<Key> {
        let listed = listing.items.into_iter();
        let listed = listed.map(|item| (item.destination, item.mappings.map(mappings)));
        let unreadable: Vec<_> = listing.undecodable.into_iter().flatten().collect();
        inventory.apply_destinations(at.sent, at.now, listed.collect(), &unreadable)
    }

    fn apply_found(_: &mut Inventory, query: &Never, _: Vec<Self>, _: At) -> Vec<Key> {
        match *query {}
    }

    fn unresolved(_: &mut Inventory, new: &Never, _: bool) {
        match *new {}
    }
}

impl Known for Mapping {
    type Listed = Self;

    fn apply_read(inventory: &mut Inventory, read: Self, at: At) -> Vec<Key> {
        inventory.mappings.apply_read(at.sent, read)
    }

    fn apply_list(
        inventory: &mut Inventory,
        scope: &Self::Scope,
        listing: Listing<Self, MappingId>,
        at: At,
    ) -> Vec<Key> {
        inventory.apply_mappings(at.sent, at.now, *scope, mappings(listing))
    }

    fn apply_found(
        inventory: &mut Inventory,
        query: &Self::Query,
        found: Vec<Self>,
        at: At,
    ) -> Vec<Key> {
        inventory.apply_mappings_looked_up(at.sent, at.now, *query, found)
    }

    fn unresolved(inventory: &mut Inventory, new: &NewMapping, _: bool) {
        let key = (new.segment, new.destination);
        inventory.mappings.apply_unresolved(key);
    }
}

fn mappings(listing: Listing<Mapping, MappingId>) -> ListedMappings {
    let unreadable = listing.undecodable.into_iter().flatten();
    (listing.items, unreadable.collect())
}
