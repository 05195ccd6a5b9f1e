//! Which layer imports which (design.md §5), and the form of every source file: read from the sources themselves.
//!
//! The compiler keeps the packages apart, by what their manifests name; here are the manifests, the rooms inside the
//! operator's own package, and that no two files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Of each package, where its files are and which packages of ours it may depend on.
const PACKAGES: &[(&str, &str, &[&str])] = &[
    ("core", "core/src", &[]),
    ("adobe", "adobe/src", &["audience-sharing-core"]),
    (
        "engine",
        "engine/src",
        &["adobe-client", "audience-sharing-core"],
    ),
    (
        "",
        "src",
        &[
            "adobe-client",
            "audience-sharing-core",
            "audience-sharing-engine",
        ],
    ),
    ("openapi", "openapi/src", &[]),
    // One misreading could hide in both the client and what it is tested with.
    ("simulator", "simulator/src", &[]),
    ("testbed", "testbed/src", &[]),
];

/// What may not be a dependency of a package: core is pure, and nothing but the client opens a connection to Adobe.
const NOT_IN_CORE: &[&str] = &["kube", "tokio", "reqwest", "tracing", "serde_json", "jiff"];
const NOT_IN_ADOBE: &[&str] = &["kube", "k8s-openapi"];
const NOT_IN_ENGINE: &[&str] = &["kube", "k8s-openapi", "reqwest"];
const NOT_IN_OPERATOR: &[&str] = &["reqwest"];

/// The rooms of the operator's package, each with those that it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("command", &["controller", "api", "observability"]),
    ("controller", &["declaration", "api", "observability"]),
    ("declaration", &["api"]),
    ("api", &[]),
    ("observability", &[]),
];

const FILE_LINES_MAX: usize = 600;

#[test]
fn every_package_depends_only_on_those_below_it() {
    for (package, _, allowed) in PACKAGES {
        let found = dependencies(package);
        let ours = PACKAGES.iter().map(|(package, ..)| name(package));
        for other in ours.filter(|other| found.contains(other)) {
            assert!(
                allowed.contains(&other.as_str()),
                "{package}: must not depend on {other}"
            );
        }
    }
    for (package, banned) in [
        ("core", NOT_IN_CORE),
        ("adobe", NOT_IN_ADOBE),
        ("engine", NOT_IN_ENGINE),
        ("", NOT_IN_OPERATOR),
    ] {
        let found = dependencies(package);
        for other in banned {
            assert!(!found.contains(*other), "{package:?}: depends on {other}");
        }
    }
}

#[test]
fn every_room_of_the_operator_imports_only_those_below_it() {
    let files = Files::of("src");
    for (file, imported) in files.imports() {
        let room = |module: &Module| module.first().cloned().unwrap_or_default();
        let (from, to) = (room(file), room(imported));
        let allowed = ROOMS.iter().find(|(room, _)| *room == from);
        let allowed = allowed.map_or(&[][..], |(_, allowed)| allowed);
        assert!(
            from.is_empty() || to.is_empty() || from == to || allowed.contains(&to.as_str()),
            "{}: {from} must not import {to}; it may import {allowed:?}",
            file.join("/")
        );
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circles: Vec<String> = PACKAGES
        .iter()
        .flat_map(|(_, folder, _)| Files::of(folder).circles())
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    for (one, other) in [
        ("use super::b::B;", "use crate::a::A;"),
        ("use crate::{b::{B, C}, c};", "fn f() { crate::a::g() }"),
        ("fn f() { x!(super::b::B) }", "use super::{c, a::{self}};"),
        ("mod tests { use super::super::b; }", "use crate::a;"),
        ("use crate::c::C;", ""),
    ] {
        let files = Files::from([
            ("lib", "mod a; mod b; mod c; use a::A;"),
            ("a", one),
            ("b", other),
            (
                "c",
                "use crate::b::B;\n// crate::a\nconst A: &str = \"crate::a\";",
            ),
        ]);
        let expected = usize::from(!other.is_empty());
        assert_eq!(files.circles().len(), expected, "{one} {other}");
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_one_room() {
    let folders = PACKAGES.iter().map(|(_, folder, _)| *folder);
    let files: Vec<_> = folders
        .chain([
            "core/tests",
            "fuzz",
            "simulator/tests",
            "testbed/tests",
            "tests",
            "benches",
        ])
        .flat_map(sources)
        .collect();
    assert!(files.len() > 200, "only {} files found", files.len());
    for (path, text) in files {
        let lines = text.lines().count();
        assert!(
            text.starts_with("//! "),
            "{path}: does not begin with a `//!` that says what it does and must never do"
        );
        assert!(
            lines <= FILE_LINES_MAX,
            "{path}: {lines} lines; at most {FILE_LINES_MAX}"
        );
    }
}

#[test]
fn the_map_names_only_files_that_exist() {
    let folders = PACKAGES.iter().map(|(_, folder, _)| *folder);
    let files: Vec<_> = folders
        .chain(["tests", "core/tests", "simulator/tests"])
        .flat_map(sources)
        .collect();
    let exists = |named: &str| {
        let named = format!("/{}", named.trim_start_matches("plan/*/"));
        files
            .iter()
            .any(|(path, _)| format!("/{path}").ends_with(&named))
    };
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(page);
        let named = text.split('`').skip(1).step_by(2);
        let gone: Vec<_> = named
            .filter(|named| named.ends_with(".rs") && !named.contains(['<', ' ']))
            .filter(|named| !exists(named))
            .collect();
        assert!(gone.is_empty(), "{page} names {gone:?}");
    }
}

/// A file by its place: `["gateway", "limiter"]`; empty for the root.
type Module = Vec<String>;

/// The files of one package, and which others each names.
struct Files(BTreeMap<Module, TokenStream>);

impl Files {
    fn of(folder: &str) -> Self {
        let files = sources(folder);
        Self::from(files.iter().map(|(path, text)| {
            let place = path.trim_start_matches(folder).trim_end_matches(".rs");
            (place.trim_matches('/'), text.as_str())
        }))
    }

    fn from<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files
            .into_iter()
            .filter(|(place, _)| !place.contains("tests"));
        Self(
            files
                .map(|(place, text)| {
                    let mut module: Module = place.split('/').map(str::to_owned).collect();
                    let is_bin = module[0] == "bin";
                    module.retain(|part| {
                        part != "lib" && part != "mod" && !(is_bin && part == "main")
                    });
                    (module, text.parse().expect("a source file is Rust"))
                })
                .collect(),
        )
    }

    fn imports(&self) -> BTreeSet<(&Module, &Module)> {
        let mut found = BTreeSet::new();
        for (file, tokens) in &self.0 {
            paths(tokens.clone(), file, &[], &mut |module, path| {
                if let Some(to) = self.named(module, path).filter(|to| *to != file) {
                    found.insert((file, to));
                }
            });
        }
        found
    }

    /// The file that a path leads to, as it is written in a module.
    fn named(&self, module: &[String], path: &[String]) -> Option<&Module> {
        let mut base = module.to_vec();
        let mut rest = path;
        match rest.first().map(String::as_str) {
            // A program of a package has a root of its own.
            Some("crate") => {
                let is_bin = base.first().is_some_and(|part| part == "bin");
                base.truncate(if is_bin { 2 } else { 0 });
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            Some(child) => {
                base.push(child.to_owned());
                if !self.0.contains_key(&base) {
                    return None;
                }
                rest = &rest[1..];
            }
            None => return None,
        }
        base.extend(rest.iter().cloned());
        while !self.0.contains_key(&base) {
            base.pop()?;
        }
        self.0.get_key_value(&base).map(|(file, _)| file)
    }

    /// What is left when files that import nothing, or that nothing imports, are taken away again and again.
    fn circles(&self) -> Vec<String> {
        let mut imports = self.imports();
        loop {
            let from: BTreeSet<_> = imports.iter().map(|(from, _)| *from).collect();
            let to: BTreeSet<_> = imports.iter().map(|(_, to)| *to).collect();
            let before = imports.len();
            imports.retain(|(a, b)| from.contains(b) && to.contains(a));
            if imports.len() == before {
                break;
            }
        }
        if imports.is_empty() {
            return Vec::new();
        }
        let shown = imports.iter().map(|(a, b)| {
            let name = |module: &Module| match module.join("/") {
                root if root.is_empty() => "lib".to_owned(),
                file => file,
            };
            format!("{} -> {}", name(a), name(b))
        });
        vec![format!(
            "a circle: {}",
            shown.collect::<Vec<_>>().join(", ")
        )]
    }
}

/// Every path in the tokens with the module that it stands in; a `use` of several names is several paths.
fn paths(
    tokens: TokenStream,
    module: &[String],
    prefix: &[String],
    found: &mut impl FnMut(&[String], &[String]),
) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_colons = |at: usize| {
        let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(sign)) if sign.as_char() == ':');
        colon(at) && colon(at + 1)
    };
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) => {
                let mut path = prefix.to_vec();
                path.push(word.to_string().replace("r#", ""));
                at += 1;
                let mut is_prefix = false;
                while is_colons(at) {
                    match tokens.get(at + 2) {
                        Some(TokenTree::Ident(word)) => {
                            path.push(word.to_string().replace("r#", ""));
                            at += 3;
                        }
                        Some(TokenTree::Group(names)) if names.delimiter() == Delimiter::Brace => {
                            paths(names.stream(), module, &path, found);
                            at += 3;
                            is_prefix = true;
                        }
                        _ => break,
                    }
                }
                match (path.last().map(String::as_str), tokens.get(at)) {
                    // `mod a;` names a file and imports nothing; `mod a { … }` stands one module deeper.
                    (Some("mod"), Some(TokenTree::Ident(name))) => {
                        at += 1;
                        if let Some(TokenTree::Group(body)) = tokens.get(at) {
                            let mut inner = module.to_vec();
                            inner.push(name.to_string());
                            paths(body.stream(), &inner, &[], found);
                            at += 1;
                        }
                    }
                    // `pub(in crate::a)`
                    (Some("pub"), Some(TokenTree::Group(scope)))
                        if scope.delimiter() == Delimiter::Parenthesis =>
                    {
                        at += 1;
                    }
                    // A word alone is a variable, a field or a method.
                    _ if is_prefix || path.len() < 2 => {}
                    _ => found(module, &path),
                }
            }
            TokenTree::Group(group) => {
                paths(group.stream(), module, &[], found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

fn name(package: &str) -> String {
    let manifest = read(&format!("{package}/Cargo.toml"));
    let name = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = \""));
    name.expect("a package has a name")
        .trim_end_matches('"')
        .to_owned()
}

/// The names under `[dependencies]`.
fn dependencies(package: &str) -> BTreeSet<String> {
    read(&format!("{package}/Cargo.toml"))
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['=', '.']).next())
        .map(|name| name.trim().to_owned())
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let path = path.trim_start_matches('/');
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files under the folder, with their paths from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder);
    for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("a path under the root");
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            files.push((name.to_string_lossy().into_owned(), text));
        }
    }
}
