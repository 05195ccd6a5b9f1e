//! Which room imports which (design.md §5), and the form of every source file: read from the sources themselves.
//!
//! A forbidden import turns this red and names the file, the line and the rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room and all that it may import beside itself: rooms of its own package, and of [`GUARDED`] what it may use.
/// The longest path that fits a file holds for it.
const ROOMS: &[(&str, &[&str])] = &[
    ("src/main", &["command", "audience_sharing_operator"]),
    ("src/lib", &[]),
    (
        "src/command",
        &[
            "controller",
            "engine",
            "adobe",
            "api",
            "observability",
            "audience_sharing_core",
            "kube",
            "k8s_openapi",
        ],
    ),
    (
        "src/controller",
        &[
            "engine",
            "adobe",
            "api",
            "observability",
            "audience_sharing_core",
            "kube",
            "k8s_openapi",
        ],
    ),
    ("src/engine", &["adobe", "audience_sharing_core"]),
    ("src/adobe", &["audience_sharing_core"]),
    // Nothing else opens a connection to Adobe (design.md §4.11).
    ("src/adobe/transport", &["audience_sharing_core", "reqwest"]),
    ("src/api", &["audience_sharing_core", "kube", "k8s_openapi"]),
    // The observers' traits are defined by the rooms that are observed, and kept here.
    (
        "src/observability",
        &["engine", "adobe", "audience_sharing_core"],
    ),
    ("core/src/lib", &[]),
    ("core/src/domain", &[]),
    ("core/src/compose", &["domain"]),
    ("core/src/inventory", &["domain"]),
    ("core/src/existence", &["compose"]),
    ("core/src/hold", &["domain"]),
    (
        "core/src/ownership",
        &["domain", "compose", "inventory", "existence", "hold"],
    ),
    (
        "core/src/call",
        &["domain", "compose", "inventory", "ownership"],
    ),
    ("core/src/facts", &["domain", "inventory", "call"]),
    (
        "core/src/plan",
        &[
            "domain",
            "compose",
            "inventory",
            "existence",
            "hold",
            "ownership",
            "call",
        ],
    ),
];

/// Packages that only the rooms above may import where they are named.
const GUARDED: &[&str] = &[
    "audience_sharing_core",
    "audience_sharing_operator",
    "k8s_openapi",
    "kube",
    "reqwest",
];

/// Rooms of the two packages, as they occur behind `crate::`.
fn room_names() -> BTreeSet<&'static str> {
    ROOMS
        .iter()
        .filter_map(|(path, _)| path.split("src/").nth(1)?.split('/').next())
        .collect()
}

/// What each package's manifest may name under `[dependencies]`, of ours or at all.
const CORE_DEPENDENCIES: &[&str] = &["thiserror"];
const OURS: &[&str] = &[
    "audience-sharing-core",
    "audience-sharing-operator",
    "adobe-openapi",
    "adobe-simulator",
    "testbed",
];

const FILE_LINES_MAX: usize = 600;

#[test]
fn every_room_imports_only_what_it_may() {
    let wrong: Vec<String> = sources(&["src", "core/src"])
        .iter()
        .flat_map(|(path, text)| forbidden_imports(path, text))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_packages_that_must_not_meet_do_not_depend_on_each_other() {
    let core = dependencies(&read("core/Cargo.toml"));
    assert_eq!(
        core, CORE_DEPENDENCIES,
        "core is pure: no kube, no tokio, no HTTP, no logging"
    );
    for package in ["openapi", "simulator", "testbed"] {
        let ours: Vec<String> = dependencies(&read(&format!("{package}/Cargo.toml")))
            .into_iter()
            .filter(|name| OURS.contains(&name.as_str()))
            .collect();
        assert!(
            ours.is_empty(),
            "{package} must not know {ours:?}: one misreading could hide in both"
        );
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_one_room() {
    let files = sources(&[
        "src",
        "core/src",
        "fuzz",
        "openapi",
        "simulator",
        "testbed",
        "tests",
    ]);
    assert!(files.len() > 20, "only {} files found", files.len());
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            if !text.starts_with("//! ") {
                Some(format!(
                    "{path}: does not begin with a `//!` that says what it does and must never do"
                ))
            } else if lines > FILE_LINES_MAX {
                Some(format!("{path}: {lines} lines; at most {}", FILE_LINES_MAX))
            } else {
                None
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    for (path, source) in [
        ("src/adobe/gateway.rs", "use crate::engine::Engine;"),
        (
            "src/adobe/gateway.rs",
            "use crate::{adobe::Error, engine::{self, Engine}};",
        ),
        (
            "src/adobe/gateway.rs",
            "fn f() { crate::observability::metrics::count() }",
        ),
        (
            "src/adobe/gateway/tests.rs",
            "use super::super::super::engine::Engine;",
        ),
        (
            "src/adobe/gateway.rs",
            "use super::super::{\n    engine,\n};",
        ),
        ("src/adobe/gateway.rs", "use reqwest::Client;"),
        ("src/adobe/mod_x.rs", "use kube::Client;"),
        (
            "src/engine/settle.rs",
            "fn f(x: k8s_openapi::api::core::v1::Secret) {}",
        ),
        ("src/engine/settle.rs", "use ::kube;"),
        ("src/engine/settle.rs", "use kube as k;"),
        ("src/engine.rs", "use {std::fmt, kube::Api};"),
        (
            "src/engine/settle.rs",
            "let a = \"//\"; use crate::api::SharedAudience;",
        ),
        ("src/engine/settle.rs", "/* one */ use crate::controller;"),
        ("src/api/connection.rs", "use crate::adobe::Error;"),
        (
            "src/observability/metrics.rs",
            "use crate::controller::lease::LeaseHandle;",
        ),
        ("src/stray.rs", "//! A room that nobody listed."),
        ("core/src/domain/text.rs", "use crate::plan::Plan;"),
        ("core/src/inventory.rs", "use crate::compose::Desired;"),
        ("core/src/compose.rs", "use super::inventory::Inventory;"),
    ] {
        assert_eq!(forbidden_imports(path, source).len(), 1, "{path}: {source}");
    }
}

#[test]
fn what_is_allowed_or_only_looks_like_an_import_is_left_alone() {
    for (path, source) in [
        (
            "src/engine/settle.rs",
            "use crate::adobe::Error; use audience_sharing_core::plan::plan; use super::execute;",
        ),
        (
            "src/engine/settle.rs",
            "// as crate::controller does\n/* kube::Client /* crate::api */ */\n/// [`crate::api`]",
        ),
        (
            "src/engine/settle.rs",
            "let text = \"crate::api \\\" kube::Client\"; let raw = r#\"\" kube::Api\"#; let q = '\"';",
        ),
        (
            "src/engine/settle.rs",
            "let a = my::kube::Thing; let engine::Plan { .. } = x; fn f<'kube>(x: &'kube str) {}",
        ),
        (
            "src/controller/watch.rs",
            "use kube::Api; use crate::{api, engine, observability};",
        ),
        (
            "src/adobe/transport/network.rs",
            "use reqwest::Client; use super::super::error::Kind;",
        ),
        (
            "core/src/plan/audience.rs",
            "use crate::compose::Desired; use super::super::inventory::Inventory;",
        ),
    ] {
        assert_eq!(
            forbidden_imports(path, source),
            Vec::<String>::new(),
            "{path}: {source}"
        );
    }
}

fn forbidden_imports(path: &str, text: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let inside = |room: &str| {
        stem == room
            || stem
                .strip_prefix(room)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let Some((room, allowed)) = ROOMS
        .iter()
        .filter(|(room, _)| inside(room))
        .max_by_key(|(room, _)| room.len())
    else {
        return vec![format!(
            "{path}: this room is not in the table of rooms; say what it may import"
        )];
    };
    let own = stem
        .split("src/")
        .nth(1)
        .and_then(|inner| inner.split('/').next())
        .unwrap_or_default();
    imports(stem, text)
        .into_iter()
        .filter(|(name, _)| name != own && !allowed.contains(&name.as_str()))
        .map(|(name, line)| {
            format!("{path}:{line}: {room} must not import {name}; it may import {allowed:?}")
        })
        .collect()
}

/// Every room and guarded package that a file names, with the line.
fn imports(stem: &str, text: &str) -> Vec<(String, usize)> {
    let tokens = tokens(&without_comments_and_texts(text));
    let rooms = room_names();
    // `src/adobe/gateway.rs` is two modules deep: from there the second `super` is the root.
    let depth = stem
        .split("src/")
        .nth(1)
        .map_or(0, |inner| inner.split('/').count());
    let mut found = Vec::new();
    for (index, (token, line)) in tokens.iter().enumerate() {
        let text_at = |offset: usize| tokens.get(index + offset).map(|(text, _)| text.as_str());
        let before = |back: usize| {
            index
                .checked_sub(back)
                .and_then(|at| tokens.get(at))
                .map(|(text, _)| text.as_str())
        };
        let continues_a_path =
            before(1) == Some("::") && before(2).is_some_and(is_word) && before(2) != Some("use");
        if continues_a_path || before(1) == Some("'") {
            continue;
        }
        let root = match token.as_str() {
            "crate" => Some(index + 1),
            "super" => {
                let chain = (index..).step_by(2).take_while(|at| {
                    tokens.get(*at).is_some_and(|(text, _)| text == "super")
                        && tokens.get(at + 1).is_some_and(|(text, _)| text == "::")
                });
                let length = chain.count();
                (length >= depth && length > 0).then_some(index + 2 * length - 1)
            }
            name if GUARDED.contains(&name)
                && (text_at(1) == Some("::") || in_use(&tokens, index)) =>
            {
                found.push((name.to_owned(), *line));
                None
            }
            _ => None,
        };
        if let Some(colons) = root
            && tokens.get(colons).is_some_and(|(text, _)| text == "::")
        {
            let first = group_heads(&tokens, colons + 1);
            found.extend(
                first
                    .into_iter()
                    .filter(|(name, _)| rooms.contains(name.as_str())),
            );
        }
    }
    found
}

/// The first words of what stands at `start`: one, or those of each entry of a `{…}`.
fn group_heads(tokens: &[(String, usize)], start: usize) -> Vec<(String, usize)> {
    if tokens.get(start).is_none_or(|(text, _)| text != "{") {
        return tokens.get(start).cloned().into_iter().collect();
    }
    let (mut depth, mut heads, mut due) = (0_usize, Vec::new(), false);
    for (text, line) in &tokens[start..] {
        match text.as_str() {
            "{" => {
                depth += 1;
                due = depth == 1;
            }
            "}" => depth -= 1,
            "," => due = depth == 1,
            word if due && depth == 1 => {
                heads.push((word.to_owned(), *line));
                due = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// Whether the word is the head of a `use`: `use kube;`, `use ::kube;`, `use kube as k;`.
fn in_use(tokens: &[(String, usize)], index: usize) -> bool {
    let before = |back: usize| {
        index
            .checked_sub(back)
            .and_then(|at| tokens.get(at))
            .map(|(text, _)| text.as_str())
    };
    before(1) == Some("use") || (before(1) == Some("::") && before(2) == Some("use"))
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

/// Words, `::`, and every other sign by itself; each with its line.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign == '\n' {
            line += 1;
        } else if sign.is_alphanumeric() || sign == '_' {
            let mut word = String::from(sign);
            while let Some(next) = signs.next_if(|next| next.is_alphanumeric() || *next == '_') {
                word.push(next);
            }
            tokens.push((word, line));
        } else if sign == ':' && signs.next_if_eq(&':').is_some() {
            tokens.push(("::".to_owned(), line));
        } else if !sign.is_whitespace() {
            tokens.push((sign.to_string(), line));
        }
    }
    tokens
}

/// The source with comments, texts and characters blanked; its lines stay where they are.
fn without_comments_and_texts(source: &str) -> String {
    let signs: Vec<char> = source.chars().collect();
    let starts = |at: usize, with: &str| {
        with.chars()
            .enumerate()
            .all(|(i, sign)| signs.get(at + i) == Some(&sign))
    };
    let mut kept = String::with_capacity(source.len());
    let mut at = 0;
    while at < signs.len() {
        let end = if starts(at, "//") {
            (at..signs.len())
                .find(|end| signs[*end] == '\n')
                .unwrap_or(signs.len())
        } else if starts(at, "/*") {
            end_of_block(&signs, at)
        } else if let Some(hashes) = raw_text_hashes(&signs, at) {
            let close: String = std::iter::once('"')
                .chain(std::iter::repeat_n('#', hashes))
                .collect();
            let body = at + 2 + hashes;
            (body..signs.len())
                .find(|end| starts(*end, &close))
                .map_or(signs.len(), |end| end + 1 + hashes)
        } else if signs[at] == '"' {
            end_of_quoted(&signs, at, '"')
        } else if signs[at] == '\''
            && (signs.get(at + 1) == Some(&'\\') || signs.get(at + 2) == Some(&'\''))
        {
            end_of_quoted(&signs, at, '\'')
        } else {
            kept.push(signs[at]);
            at += 1;
            continue;
        };
        kept.push(' ');
        kept.extend(signs[at..end].iter().filter(|sign| **sign == '\n'));
        at = end;
    }
    kept
}

/// Block comments nest.
fn end_of_block(signs: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while at < signs.len() {
        match (signs[at], signs.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// How many `#` a raw text that begins here has; `None` where none begins.
fn raw_text_hashes(signs: &[char], at: usize) -> Option<usize> {
    let inside_a_word = at
        .checked_sub(1)
        .is_some_and(|before| signs[before].is_alphanumeric() && signs[before] != 'b');
    if signs[at] != 'r' || inside_a_word {
        return None;
    }
    let hashes = signs[at + 1..]
        .iter()
        .take_while(|sign| **sign == '#')
        .count();
    (signs.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn end_of_quoted(signs: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < signs.len() && signs[at] != quote {
        at += if signs[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(signs.len())
}

/// The names under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['=', '.']).next())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files under the folders, with their paths from the root.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut files);
    }
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root())
                .expect("a path under the root")
                .to_string_lossy()
                .replace('\\', "/");
            files.push((
                name,
                fs::read_to_string(&path).expect("a source file is UTF-8"),
            ));
        }
    }
}
