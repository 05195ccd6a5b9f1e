//! What a rule means, read off its text alone: a recursive descent and two evaluators, written from the grammar of
//! audience-manager.md §4.2 and §5.3 and from nothing of the crate under test.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    Either(Box<Meaning>, Box<Meaning>),
    Both(Box<Meaning>, Box<Meaning>),
    No(Box<Meaning>),
    /// The tokens of one condition.
    Asks(Vec<String>),
}

/// Words, quoted texts and symbols; white space parts them and means nothing.
fn tokens(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let start = at;
        let letter = letters[at];
        at += 1;
        if letter.is_whitespace() {
            continue;
        }
        if letter == '"' {
            while letters[at] != '"' {
                at += if letters[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if letter.is_alphanumeric() || "{}_-.".contains(letter) {
            while at < letters.len()
                && (letters[at].is_alphanumeric() || "{}_-.".contains(letters[at]))
            {
                at += 1;
            }
        } else if "=!<>".contains(letter) && letters.get(at) == Some(&'=') {
            at += 1;
        }
        tokens.push(letters[start..at].iter().collect());
    }
    tokens
}

pub(crate) fn read(text: &str) -> Meaning {
    let tokens = tokens(text);
    let mut at = 0;
    let meaning = either(&tokens, &mut at);
    assert_eq!(at, tokens.len(), "read to its end: {text}");
    meaning
}

fn is_next(tokens: &[String], at: usize, word: &str) -> bool {
    tokens
        .get(at)
        .is_some_and(|token| token.eq_ignore_ascii_case(word))
}

fn either(tokens: &[String], at: &mut usize) -> Meaning {
    let mut left = both(tokens, at);
    while is_next(tokens, *at, "or") {
        *at += 1;
        left = Meaning::Either(Box::new(left), Box::new(both(tokens, at)));
    }
    left
}

fn both(tokens: &[String], at: &mut usize) -> Meaning {
    let mut left = one(tokens, at);
    while is_next(tokens, *at, "and") {
        *at += 1;
        left = Meaning::Both(Box::new(left), Box::new(one(tokens, at)));
    }
    left
}

fn one(tokens: &[String], at: &mut usize) -> Meaning {
    if is_next(tokens, *at, "not") {
        *at += 1;
        return Meaning::No(Box::new(one(tokens, at)));
    }
    if is_next(tokens, *at, "(") {
        *at += 1;
        let inside = either(tokens, at);
        assert!(is_next(tokens, *at, ")"));
        *at += 1;
        return inside;
    }
    let start = *at;
    // A frequency has parentheses and ORs of its own.
    let mut depth = 0;
    while let Some(token) = tokens.get(*at) {
        let ends = ["and", "or", ")"]
            .iter()
            .any(|end| token.eq_ignore_ascii_case(end));
        if depth == 0 && ends {
            break;
        }
        depth += i32::from(token == "(") - i32::from(token == ")");
        *at += 1;
    }
    Meaning::Asks(tokens[start..*at].to_vec())
}

impl Meaning {
    pub(crate) fn blockers(&self, condition: &impl Fn(&[String]) -> bool) -> bool {
        match self {
            Self::Either(left, right) => left.blockers(condition) || right.blockers(condition),
            Self::Both(left, right) => left.blockers(condition) && right.blockers(condition),
            Self::No(inside) => !inside.blockers(condition),
            Self::Asks(tokens) => condition(tokens),
        }
    }

    pub(crate) fn conditions(&self) -> Vec<&[String]> {
        match self {
            Self::Either(left, right) | Self::Both(left, right) => {
                let mut all = left.conditions();
                all.extend(right.conditions());
                all
            }
            Self::No(inside) => inside.conditions(),
            Self::Asks(tokens) => vec![tokens],
        }
    }
}

/// A visitor of segments: how many days ago each trait was seen, once for each time.
pub(crate) type Visitor = BTreeMap<u64, Vec<u32>>;

/// The traits that a condition of a segment rule names.
pub(crate) fn traits(condition: &[String]) -> BTreeSet<u64> {
    condition
        .iter()
        .filter_map(|token| with_unit(token, 'T'))
        .collect()
}

fn with_unit(token: &str, unit: char) -> Option<u64> {
    let digits = token.strip_suffix([unit, unit.to_ascii_lowercase()])?;
    digits.parse().ok()
}

/// Whether a visitor meets `123T`, or `FREQUENCY([1T,2T] <= 5D) >= 2`.
pub(crate) fn is_met(condition: &[String], visitor: &Visitor) -> bool {
    let seen = |sid: &u64| visitor.get(sid).cloned().unwrap_or_default();
    let named = traits(condition);
    if !condition[0].eq_ignore_ascii_case("frequency") {
        return named.iter().any(|sid| !seen(sid).is_empty());
    }
    let closing = condition.iter().position(|token| token == "]").unwrap();
    let end = condition.iter().rposition(|token| token == ")").unwrap();
    let recent = |days: &u32| match &condition[closing + 1..end] {
        [] => true,
        [operator, limit] => compared(operator, u64::from(*days), with_unit(limit, 'D').unwrap()),
        other => panic!("no recency: {other:?}"),
    };
    let count = named.iter().flat_map(seen).filter(recent).count();
    compared(
        &condition[end + 1],
        count as u64,
        condition[end + 2].parse().unwrap(),
    )
}

fn compared(operator: &str, left: u64, right: u64) -> bool {
    match operator {
        ">=" => left >= right,
        "<=" => left <= right,
        "==" => left == right,
        other => panic!("no operator: {other}"),
    }
}

/// What a condition of a trait rule asks, however it is spelled: the case of keys and operators means nothing, quotes
/// around a key neither.
pub(crate) fn asked(condition: &[String]) -> (String, String, String) {
    let [key, operator, value] = condition else {
        panic!("no comparison: {condition:?}");
    };
    let key = key.trim_matches('"').to_lowercase();
    (key, operator.to_lowercase(), value.clone())
}

/// The truth of a trait rule under every assignment of what its comparisons ask, among `all` of them.
pub(crate) fn truth_table(rule: &Meaning, all: &BTreeSet<(String, String, String)>) -> Vec<bool> {
    let order: Vec<_> = all.iter().collect();
    let row = |assignment: usize| {
        rule.blockers(&|condition| {
            let asked = asked(condition);
            let place = order.iter().position(|known| **known == asked).unwrap();
            assignment >> place & 1 == 1
        })
    };
    (0..1 << order.len()).map(row).collect()
}
