//! Trait folders and segment folders (audience-manager.md §3.3). Stored flat; the root (id 0) is not an object but
//! always there. A trait folder brings its folder trait.

use serde_json::{Value, json};

use super::common::{USER_ID, body_object, existing_folder, owns, required_name};
use super::traits::{self, FOLDER_TRAIT};
use super::{data_sources, errors};
use crate::caller::Caller;
use crate::exchange::Answer;
use crate::service::Ask;
use crate::store::{Key, Kind, Object, number_of, object_of, text_of};
use crate::world::World;

/// The data source that Audience Manager makes for folder traits. Its name is not documented.
const FOLDER_TRAIT_SOURCE: &str = "Folder Traits";

/// A tree is shown this deep. Segment folders have no documented limit, and a seed may hold a cycle: neither may end the
/// process, or be nested deeper than what parsers of JSON take.
const NESTED_LEVELS: usize = 50;

type Result<T> = std::result::Result<T, Answer>;

pub(crate) fn list(world: &World, ask: &Ask<'_>, kind: Kind) -> Result<Answer> {
    if ask.empty_list {
        return Ok(Answer::json(200, json!([])));
    }
    let tree = render(world, &ask.caller, kind, &root(&ask.caller, kind), true);
    Ok(Answer::json(200, json!([tree])))
}

pub(crate) fn get(world: &World, ask: &Ask<'_>, kind: Kind) -> Result<Answer> {
    let folder = find(world, &ask.caller, kind, ask.parameter(0))?;
    let nested = ask.query.is_true("includeSubFolders");
    let rendered = render(world, &ask.caller, kind, &folder, nested);
    Ok(Answer::json(200, rendered))
}

pub(crate) fn create(world: &mut World, ask: &Ask<'_>, kind: Kind) -> Result<Answer> {
    let body = body_object(ask)?;
    let name = required_name(body)?;
    let parent = match body.get("parentFolderId") {
        None | Some(Value::Null) => 0,
        Some(_) => existing_folder(world, &ask.caller, kind, body, "parentFolderId")?,
    };
    check_company(world, ask, body)?;
    check_name(world, &ask.caller, kind, parent, &name, None)?;
    if kind == Kind::TraitFolders {
        check_count(world, &ask.caller, kind)?;
        check_depth(world, kind, parent, 1)?;
    }
    let id = world.store.new_id(kind);
    let folder = object_of([
        ("folderId", json!(id)),
        ("pid", json!(ask.caller.pid)),
        ("name", json!(name)),
        ("parentFolderId", json!(parent)),
    ]);
    world.store.set(kind, Key::Number(id), Some(folder.clone()));
    if kind == Kind::TraitFolders && world.flags.audience_manager.folder_traits {
        add_folder_trait(world, &ask.caller, id, &name);
    }
    let mut rendered = render(world, &ask.caller, kind, &folder, false);
    if !world.flags.audience_manager.folder_post_answers_id
        && let Some(members) = rendered.as_object_mut()
    {
        members.remove("folderId");
    }
    Ok(Answer::json(201, rendered))
}

/// The company, which the token names already (§3.3).
fn check_company(world: &World, ask: &Ask<'_>, body: &Object) -> Result<()> {
    match number_of(body, "pid") {
        Some(pid) if pid != ask.caller.pid => {
            Err(errors::plain(403, "The folder belongs to another company"))
        }
        None if world.flags.audience_manager.folder_post_needs_pid => {
            Err(errors::invalid("pid is required"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn update(world: &mut World, ask: &Ask<'_>, kind: Kind) -> Result<Answer> {
    let body = body_object(ask)?;
    let mut folder = find(world, &ask.caller, kind, ask.parameter(0))?;
    let id = number_of(&folder, "folderId").unwrap_or(0);
    if id == 0 {
        return Err(errors::invalid("The root folder cannot be changed"));
    }
    let name = required_name(body)?;
    let parent = match body.get("parentFolderId") {
        None | Some(Value::Null) => number_of(&folder, "parentFolderId").unwrap_or(0),
        Some(_) => existing_folder(world, &ask.caller, kind, body, "parentFolderId")?,
    };
    if ancestors(world, kind, parent).contains(&id) {
        return Err(errors::invalid("A folder cannot be moved below itself"));
    }
    check_name(world, &ask.caller, kind, parent, &name, Some(id))?;
    let moved = number_of(&folder, "parentFolderId") != Some(parent);
    if kind == Kind::TraitFolders && moved {
        check_depth(world, kind, parent, height(world, kind, id))?;
    }
    folder.insert("name".to_owned(), json!(name));
    folder.insert("parentFolderId".to_owned(), json!(parent));
    world.store.set(kind, Key::Number(id), Some(folder.clone()));
    if kind == Kind::TraitFolders {
        rename_folder_trait(world, id, &name);
    }
    Ok(Answer::json(
        200,
        render(world, &ask.caller, kind, &folder, false),
    ))
}

pub(crate) fn delete(world: &mut World, ask: &Ask<'_>, kind: Kind) -> Result<Answer> {
    let folder = find(world, &ask.caller, kind, ask.parameter(0))?;
    let id = number_of(&folder, "folderId").unwrap_or(0);
    if id == 0 {
        return Err(errors::invalid("The root folder cannot be deleted"));
    }
    let members = match kind {
        Kind::TraitFolders => Kind::Traits,
        _ => Kind::Segments,
    };
    let own_trait = folder_trait(world, id).filter(|_| kind == Kind::TraitFolders);
    let inside = world
        .store
        .in_folder(members, id)
        .iter()
        .any(|object| number_of(object, "sid") != own_trait);
    if inside || !world.store.in_folder(kind, id).is_empty() {
        return Err(conflict(world, "The folder is not empty"));
    }
    if let Some(sid) = own_trait {
        if !world.store.segments_using(sid).is_empty() {
            return Err(conflict(
                world,
                "The folder trait of the folder is used in a segment",
            ));
        }
        world
            .store
            .set_by_service(Kind::Traits, Key::Number(sid), None);
    }
    world.store.set(kind, Key::Number(id), None);
    Ok(Answer::empty(204))
}

fn conflict(world: &World, message: &str) -> Answer {
    errors::refusal(
        world.flags.audience_manager.folder_conflict_status,
        "CONFLICT",
        message,
    )
}

fn root(caller: &Caller, kind: Kind) -> Object {
    let name = match kind {
        Kind::TraitFolders => "All Traits",
        _ => "All Segments",
    };
    object_of([
        ("folderId", json!(0)),
        ("pid", json!(caller.pid)),
        ("name", json!(name)),
        ("parentFolderId", Value::Null),
    ])
}

fn find(world: &World, caller: &Caller, kind: Kind, id: &str) -> Result<Object> {
    let missing = || errors::not_found(kind);
    match id.parse().map_err(|_| missing())? {
        0 => Ok(root(caller, kind)),
        id => world
            .store
            .number(kind, id)
            .filter(|folder| owns(caller, folder))
            .cloned()
            .ok_or_else(missing),
    }
}

/// The folder and everything above it but the root, from below.
fn ancestors(world: &World, kind: Kind, folder: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let mut at = folder;
    // A seed may hold a cycle; nothing may hang on it.
    while at != 0 && !found.contains(&at) {
        found.push(at);
        at = world
            .store
            .number(kind, at)
            .and_then(|folder| number_of(folder, "parentFolderId"))
            .unwrap_or(0);
    }
    found
}

/// A folder as the API shows it; `nested`: with all that is below it.
fn render(world: &World, caller: &Caller, kind: Kind, folder: &Object, nested: bool) -> Value {
    let levels = if nested { NESTED_LEVELS } else { 0 };
    render_levels(world, caller, kind, folder, levels)
}

fn render_levels(
    world: &World,
    caller: &Caller,
    kind: Kind,
    folder: &Object,
    levels: usize,
) -> Value {
    let id = number_of(folder, "folderId").unwrap_or(0);
    let mut path = String::new();
    for above in ancestors(world, kind, id) {
        let name = world
            .store
            .number(kind, above)
            .and_then(|folder| text_of(folder, "name"));
        path = format!("/{}{path}", name.unwrap_or_default());
    }
    let top = root(caller, kind);
    let top = text_of(&top, "name").unwrap_or_default();
    let mut rendered = folder.clone();
    let children = children(world, caller, kind, id);
    rendered.insert("path".to_owned(), json!(format!("/{top}{path}")));
    rendered.insert("folderCount".to_owned(), json!(children.len()));
    let below: Vec<Value> = children
        .into_iter()
        .filter(|_| levels > 0)
        .map(|child| render_levels(world, caller, kind, child, levels - 1))
        .collect();
    rendered.insert("subFolders".to_owned(), Value::Array(below));
    Value::Object(rendered)
}

fn children<'a>(world: &'a World, caller: &Caller, kind: Kind, id: u64) -> Vec<&'a Object> {
    let mut children = world.store.in_folder(kind, id);
    // A folder that is its own parent would nest for ever.
    children.retain(|child| owns(caller, child) && number_of(child, "folderId") != Some(id));
    children
}

fn check_name(
    world: &World,
    caller: &Caller,
    kind: Kind,
    parent: u64,
    name: &str,
    except: Option<u64>,
) -> Result<()> {
    let taken = children(world, caller, kind, parent)
        .into_iter()
        .any(|folder| {
            text_of(folder, "name") == Some(name) && number_of(folder, "folderId") != except
        });
    if taken {
        return Err(conflict(world, "A folder with this name already exists"));
    }
    Ok(())
}

fn check_count(world: &World, caller: &Caller, kind: Kind) -> Result<()> {
    if world.store.count(kind, caller.pid) < world.flags.audience_manager.item_limits.trait_folders
    {
        return Ok(());
    }
    Err(errors::limit_reached(
        world,
        "The limit of trait folders is reached",
    ))
}

/// Refuses what would stand deeper than the limit; `levels` is what comes below the parent.
fn check_depth(world: &World, kind: Kind, parent: u64, levels: usize) -> Result<()> {
    let depth = ancestors(world, kind, parent).len() + levels;
    if depth <= world.flags.audience_manager.item_limits.trait_folder_depth {
        return Ok(());
    }
    Err(errors::limit_reached(
        world,
        "The folder would be nested too deeply",
    ))
}

/// The levels that a folder takes, itself among them; counted no further than one above the limit.
fn height(world: &World, kind: Kind, folder: u64) -> usize {
    let mut level = vec![folder];
    let mut levels = 0;
    while !level.is_empty() && levels <= world.flags.audience_manager.item_limits.trait_folder_depth
    {
        levels += 1;
        level = level
            .into_iter()
            .flat_map(|id| world.store.in_folder(kind, id))
            .filter_map(|folder| number_of(folder, "folderId"))
            // A seed may hold a cycle, and a move takes the folder out of it.
            .filter(|id| *id != folder)
            .collect();
    }
    levels
}

/// The sid of the trait that stands for a trait folder.
fn folder_trait(world: &World, folder: u64) -> Option<u64> {
    world
        .store
        .in_folder(Kind::Traits, folder)
        .into_iter()
        .find(|object| text_of(object, "traitType") == Some(FOLDER_TRAIT))
        .and_then(|object| number_of(object, "sid"))
}

fn add_folder_trait(world: &mut World, caller: &Caller, folder: u64, name: &str) {
    let source = folder_trait_source(world, caller);
    let sid = world.store.new_id(Kind::Traits);
    let mut object = traits::blank(world, caller, sid);
    object.extend(object_of([
        ("name", json!(format!("{name} Folder Trait"))),
        ("traitType", json!(FOLDER_TRAIT)),
        ("dataSourceId", json!(source)),
        ("folderId", json!(folder)),
    ]));
    world
        .store
        .set_by_service(Kind::Traits, Key::Number(sid), Some(object));
}

fn folder_trait_source(world: &mut World, caller: &Caller) -> u64 {
    let known = world
        .store
        .all(Kind::DataSources)
        .find(|source| owns(caller, source) && text_of(source, "name") == Some(FOLDER_TRAIT_SOURCE))
        .and_then(|source| number_of(source, "dataSourceId"));
    if let Some(id) = known {
        return id;
    }
    let id = world.store.new_id(Kind::DataSources);
    let mut source = data_sources::blank(world, caller, id);
    source.insert("name".to_owned(), json!(FOLDER_TRAIT_SOURCE));
    world
        .store
        .set_by_service(Kind::DataSources, Key::Number(id), Some(source));
    id
}

fn rename_folder_trait(world: &mut World, folder: u64, name: &str) {
    let Some(sid) = folder_trait(world, folder) else {
        return;
    };
    let Some(mut object) = world.store.number(Kind::Traits, sid).cloned() else {
        return;
    };
    object.insert("name".to_owned(), json!(format!("{name} Folder Trait")));
    object.insert("updateTime".to_owned(), json!(world.now_ms()));
    object.insert("upUID".to_owned(), json!(USER_ID));
    world
        .store
        .set_by_service(Kind::Traits, Key::Number(sid), Some(object));
}
