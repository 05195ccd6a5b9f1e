//! Each word that the client sends or reads has its evidence in `openapi/facts.yaml`: a source that is not ours, or that it
//! is unproven, with both readings and the switch that plays them. Read from the client's sources.

use std::collections::{BTreeMap, BTreeSet};

use adobe_openapi::{Evidence, facts};
use adobe_simulator::Flags;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde_json::json;

use crate::harness::root;

/// Files whose words never reach Adobe.
const APART: [&str; 5] = [
    "endpoints.rs",
    "gateway.rs",
    "gateway/exchange.rs",
    "lease_guard.rs",
    "network.rs",
];

/// Names of our own for services, and a part of a struct that is no field.
const OURS: [&str; 7] = [
    "audience-manager",
    "experience-platform",
    "ims",
    "id",
    "default",
    "trait-folders",
    "segment-folders",
];

/// Rooms of Audience Manager's and Experience Platform's clients, and what stands below them.
const FOLDERS: [&str; 6] = [
    "",
    "audience_manager",
    "client",
    "error",
    "experience_platform",
    "gateway",
];

#[test]
fn each_word_of_the_client_is_shown_by_somebody_else_or_named_as_unproven() {
    let facts = facts().unwrap();
    let known = by_file(&facts.evidence);
    let mut spoken = words_of_the_client();
    let paths = facts.paths().map(str::to_owned);
    spoken.insert("endpoints".to_owned(), paths.collect());
    let mut unfounded = Vec::new();
    for (file, words) in &spoken {
        let known = known.get(file);
        let without = words.iter().filter(|word| {
            !OURS.contains(&word.as_str()) && known.is_none_or(|known| !known.contains(*word))
        });
        unfounded.extend(without.map(|word| format!("{file}: {word:?}")));
    }
    assert!(
        unfounded.is_empty(),
        "say in x-evidence of openapi/facts.yaml who shows these, or that they are unproven:\n{}",
        unfounded.join("\n")
    );
    let mut idle = Vec::new();
    for (file, words) in &known {
        let spoken = spoken.get(file);
        let idle_ones = words
            .iter()
            .filter(|word| spoken.is_none_or(|spoken| !spoken.contains(*word)));
        idle.extend(idle_ones.map(|word| format!("{file}: {word:?}")));
    }
    assert!(
        idle.is_empty(),
        "the client does not speak these any more; take them out of x-evidence:\n{}",
        idle.join("\n")
    );
}

#[test]
fn evidence_is_a_source_or_two_readings_that_the_simulator_plays() {
    let flags = json!(Flags::likeliest());
    let (mut proven, mut unproven) = (0, 0);
    for one in facts().unwrap().evidence {
        let Evidence {
            of,
            words,
            source,
            unproven: readings,
            switch,
        } = one;
        match (source, readings) {
            (Some(source), None) => {
                let references = ["am §", "xp §", "spec "];
                let is_named = references
                    .iter()
                    .any(|reference| source.contains(reference));
                assert!(is_named, "{of}: {source:?} names no page of the references");
                assert_eq!(switch, None, "{of}: what is proven needs no switch");
                proven += words.len();
            }
            (None, Some(readings)) => {
                assert!(
                    readings.contains(" or ") || readings.contains(", "),
                    "{of}: {readings:?}"
                );
                let switch = switch.unwrap_or_else(|| panic!("{of}: {readings:?} has no switch"));
                let pointer = format!("/{}", switch.replace('.', "/"));
                assert!(
                    flags.pointer(&pointer).is_some(),
                    "{of}: there is no switch {switch}"
                );
                unproven += words.len();
            }
            _ => panic!("{of}: {words:?}: either `source` or `unproven`"),
        }
    }
    println!("{proven} words are proven by a source that is not ours, {unproven} are unproven");
}

/// Where the page for users lists what is unproven.
const LISTED: [&str; 2] = ["<!-- unproven: begin -->\n", "<!-- unproven: end -->"];

/// `GENERATE=1` writes the list.
#[test]
fn the_page_for_users_lists_what_is_unproven() {
    let mut lines = BTreeSet::new();
    for one in facts().unwrap().evidence {
        let words: Vec<_> = one.words.iter().map(|word| format!("`{word}`")).collect();
        let readings = one
            .unproven
            .map(|readings| format!("- {}: {readings}.\n", words.join(", ")));
        lines.extend(readings);
    }
    let path = root().join("docs/visibility.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(LISTED[0]).expect("where the list begins");
    let (_, after) = rest.split_once(LISTED[1]).expect("where it ends");
    let lines: String = lines.into_iter().collect();
    let expected = format!("{before}{}{lines}{}{after}", LISTED[0], LISTED[1]);
    #[expect(clippy::disallowed_methods, reason = "how `make generate` asks for it")]
    let generates = std::env::var_os("GENERATE").is_some();
    if generates {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    assert_eq!(page, expected, "run this test with GENERATE=1");
}

fn by_file(evidence: &[Evidence]) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_file: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in evidence {
        let words = by_file.entry(one.of.clone()).or_default();
        words.extend(one.words.iter().cloned());
    }
    by_file
}

/// By file below the client's sources.
fn words_of_the_client() -> BTreeMap<String, BTreeSet<String>> {
    let sources = root().join("adobe/src");
    let mut spoken = BTreeMap::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(sources.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = path.strip_prefix(&sources).unwrap().display().to_string();
            let is_test = file.contains("tests") || file.contains("scripted");
            if path.extension().is_none_or(|it| it != "rs") || is_test || APART.contains(&&*file) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let mut words = BTreeSet::new();
            collect(text.parse().unwrap(), false, &mut words);
            if !words.is_empty() {
                spoken.insert(file, words);
            }
        }
    }
    spoken
}

/// Every text that is one word, and every field of a struct that is read. Attributes name functions, and are left out.
fn collect(tokens: TokenStream, in_fields: bool, words: &mut BTreeSet<String>) {
    let mut tokens = tokens.into_iter().peekable();
    let (mut reads, mut camel, mut is_test, mut is_struct) = (false, false, false, false);
    let mut renamed = None;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                let Some(TokenTree::Group(attribute)) = tokens.peek() else {
                    continue;
                };
                let attribute = attribute.to_string();
                reads |= attribute.contains("Deserialize");
                camel |= attribute.contains("camelCase");
                is_test |= attribute.replace(' ', "").contains("cfg(test)");
                renamed = quoted_after(&attribute, "rename =").or(renamed);
                tokens.next();
            }
            TokenTree::Ident(word) if word == "struct" => is_struct = true,
            // The names of operations, for logs.
            TokenTree::Ident(word) if word == "words" => drop(tokens.nth(1)),
            TokenTree::Ident(word) if in_fields => {
                let is_field = matches!(
                    tokens.peek(),
                    Some(TokenTree::Punct(colon)) if colon.as_char() == ':'
                );
                if is_field {
                    let name = word.to_string();
                    let name = name.trim_start_matches("r#");
                    words.insert(renamed.take().unwrap_or_else(|| name.to_owned()));
                }
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let word = text.trim_matches('"');
                let is_word = text.starts_with('"')
                    && word.len() > 1
                    && word.starts_with(|first: char| first.is_ascii_alphabetic())
                    && word
                        .chars()
                        .all(|one| one.is_ascii_alphanumeric() || "_-".contains(one));
                if is_word {
                    words.insert(word.to_owned());
                }
            }
            // Of `pub(super)`.
            TokenTree::Group(group)
                if !is_struct && reads && group.delimiter() == Delimiter::Parenthesis => {}
            TokenTree::Group(group) => {
                let fields = is_struct && reads && group.delimiter() == Delimiter::Brace;
                if !is_test {
                    let mut found = BTreeSet::new();
                    collect(group.stream(), fields, &mut found);
                    let found = found.into_iter();
                    words.extend(found.map(|word| match fields && camel {
                        true => camel_case(&word),
                        false => word,
                    }));
                }
                (reads, camel, is_test, is_struct) = (false, false, false, false);
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => {
                (reads, camel, is_test, is_struct) = (false, false, false, false);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

fn quoted_after(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(name)?;
    Some(rest.split('"').nth(1)?.to_owned())
}

fn camel_case(snake: &str) -> String {
    let mut parts = snake.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut so_far, part| {
        let mut letters = part.chars();
        so_far.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        so_far.extend(letters);
        so_far
    })
}
