//! The two folders below the root. A folder carries no mark: whichever has the name is used.

use super::data_source::{find_listed, owner_mark, shared_slot, stored_differently};
use super::observed::{ObservedSharedObjects, RecordedSharedObjects};
use crate::blocker::{Blocker, ObjectName};
use crate::call::{Call, Kind, Step};
use crate::compose::{ConnectionSettings, Mode};
use crate::domain::audience_manager::{SegmentFolder, TraitFolder};
use crate::domain::identifier::{SegmentFolderId, TraitFolderId};
use crate::inventory::Inventory;
use crate::kinds::folder::NewFolder;
use crate::plan::Plan;
use crate::plan::lookup::Lookup;

const ROOT_TRAIT_FOLDER: TraitFolderId = TraitFolderId(0);
const ROOT_SEGMENT_FOLDER: SegmentFolderId = SegmentFolderId(0);

pub(super) fn plan_folders(
    settings: &ConnectionSettings,
    recorded: &RecordedSharedObjects,
    inventory: &Inventory,
    mode: Mode,
    plan: &mut Plan<ObservedSharedObjects>,
) {
    // Adobe makes its own folders; beside a conflict nothing is made.
    let creates = mode == Mode::Manage && !plan.state.adobes && plan.blockers.is_empty();
    let folder = Folder {
        settings,
        inventory,
        creates,
    };
    let name = &settings.trait_folder;
    let key = (ROOT_TRAIT_FOLDER, name.clone());
    plan.state.trait_folder = folder.plan::<TraitFolder>(recorded.trait_folder, name, key, plan);
    let name = &settings.segment_folder;
    let key = (ROOT_SEGMENT_FOLDER, name.clone());
    plan.state.segment_folder =
        folder.plan::<SegmentFolder>(recorded.segment_folder, name, key, plan);
}

struct Folder<'a> {
    settings: &'a ConnectionSettings,
    inventory: &'a Inventory,
    creates: bool,
}

impl Folder<'_> {
    /// The folder to use; what is due for it goes into the plan.
    fn plan<K: Kind<Scope = (), New = NewFolder>>(
        &self,
        recorded: Option<K::Id>,
        name: &str,
        key: K::NaturalKey,
        plan: &mut Plan<ObservedSharedObjects>,
    ) -> Option<K::Id> {
        let (mark, table) = (owner_mark(self.settings), K::table(self.inventory));
        let slot = shared_slot::<K>(
            (self.settings, &mark),
            self.inventory,
            recorded,
            (name, None),
            key.clone(),
        );
        let call = match find_listed(&slot) {
            Lookup::Found(found) => {
                let differences = stored_differently(table, found.record, name);
                plan.state.stored_differently.extend(differences);
                return Some(found.record.id());
            }
            Lookup::Ask(call) => *call,
            Lookup::Absent if !self.creates => return None,
            Lookup::Absent if table.unreadable().is_some() => {
                let object = ObjectName::new(K::NOUN, format!("{name:?}"));
                plan.blockers.push(Blocker::Unreadable(object));
                return None;
            }
            Lookup::Absent if table.is_free(&key) => Call::create::<K>(NewFolder {
                name: name.into(),
                company: self.inventory.tenant.company,
            }),
            Lookup::Absent => Call::list::<K>(()),
        };
        plan.steps.push(Step::ready(call));
        slot.known()
    }
}
