//! The language of segment rules (audience-manager.md §5.3).

use serde_json::{Value, json};

use super::reader::{Lexeme, Reader};

/// A segment rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SegmentRule {
    Trait(u64),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Frequency(Frequency),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frequency {
    sids: Vec<u64>,
    recency: Option<(&'static str, u64)>,
    operator: &'static str,
    value: u64,
}

impl SegmentRule {
    pub(crate) fn parse(rule: &str) -> Result<Self, String> {
        let mut reader = Reader::new(rule);
        let parsed = segment_or(&mut reader)?;
        match reader.next()? {
            Lexeme::End => {}
            _ => return reader.error("expected AND, OR or the end"),
        }
        if parsed.has_frequency() && parsed.holds_for_nobody() {
            return Err("the rule matches everyone: add a positive condition".to_owned());
        }
        Ok(parsed)
    }

    pub(crate) fn sids(&self) -> Vec<u64> {
        let mut sids = Vec::new();
        self.visit(&mut |sid, _| sids.push(sid));
        sids.sort_unstable();
        sids.dedup();
        sids
    }

    pub(crate) fn sids_with_frequency(&self) -> Vec<u64> {
        let mut sids = Vec::new();
        self.visit(&mut |sid, frequency| {
            if frequency {
                sids.push(sid);
            }
        });
        sids
    }

    pub(crate) fn has_frequency(&self) -> bool {
        match self {
            Self::Trait(_) => false,
            Self::Frequency(_) => true,
            Self::Not(inner) => inner.has_frequency(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::has_frequency),
        }
    }

    fn visit(&self, see: &mut impl FnMut(u64, bool)) {
        match self {
            Self::Trait(sid) => see(*sid, false),
            Self::Frequency(frequency) => frequency.sids.iter().for_each(|sid| see(*sid, true)),
            Self::Not(inner) => inner.visit(see),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(see)),
        }
    }

    /// Whether someone without any trait fits.
    fn holds_for_nobody(&self) -> bool {
        match self {
            Self::Trait(_) => false,
            Self::Not(inner) => !inner.holds_for_nobody(),
            Self::And(parts) => parts.iter().all(Self::holds_for_nobody),
            Self::Or(parts) => parts.iter().any(Self::holds_for_nobody),
            Self::Frequency(frequency) => match frequency.operator {
                ">=" | "==" => frequency.value == 0,
                _ => true,
            },
        }
    }

    /// The expression tree that `POST /segments/validate` answers (§5.1).
    pub(crate) fn tree(&self) -> Value {
        match self {
            Self::Trait(sid) => json!({"sid": sid}),
            Self::Not(inner) => json!({"expressionName": "not", "expr": inner.tree()}),
            Self::And(parts) => binary("and", parts),
            Self::Or(parts) => binary("or", parts),
            Self::Frequency(frequency) => {
                let mut list = json!({"list": frequency.sids});
                if let Some((operator, days)) = frequency.recency {
                    list["op"] = json!(operator);
                    list["value"] = json!(days);
                    list["units"] = json!("D");
                }
                json!({"expressionName": frequency.operator, "value": frequency.value, "frequency": list})
            }
        }
    }
}

/// Balanced, so that a rule over 5,000 traits does not nest 5,000 deep.
fn binary(name: &str, parts: &[SegmentRule]) -> Value {
    match parts {
        [] => Value::Null,
        [one] => one.tree(),
        several => {
            let (left, right) = several.split_at(several.len().div_ceil(2));
            json!({"expressionName": name, "expr1": binary(name, left), "expr2": binary(name, right)})
        }
    }
}

fn segment_or(reader: &mut Reader<'_>) -> Result<SegmentRule, String> {
    let mut parts = vec![segment_and(reader)?];
    while reader.take_word("OR") {
        parts.push(segment_and(reader)?);
    }
    Ok(one_or(parts, SegmentRule::Or))
}

fn segment_and(reader: &mut Reader<'_>) -> Result<SegmentRule, String> {
    let mut parts = vec![segment_one(reader)?];
    while reader.take_word("AND") {
        parts.push(segment_one(reader)?);
    }
    Ok(one_or(parts, SegmentRule::And))
}

fn one_or(
    mut parts: Vec<SegmentRule>,
    several: fn(Vec<SegmentRule>) -> SegmentRule,
) -> SegmentRule {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

fn segment_one(reader: &mut Reader<'_>) -> Result<SegmentRule, String> {
    if reader.take_word("NOT") {
        reader.deeper()?;
        let inner = segment_one(reader)?;
        reader.depth -= 1;
        return Ok(SegmentRule::Not(Box::new(inner)));
    }
    if reader.take_word("FREQUENCY") {
        return frequency(reader).map(SegmentRule::Frequency);
    }
    if reader.peek()? == Lexeme::Open {
        reader.next()?;
        reader.deeper()?;
        let inner = segment_or(reader)?;
        reader.depth -= 1;
        reader.expect(&Lexeme::Close, "a closing parenthesis")?;
        return Ok(inner);
    }
    trait_reference(reader).map(SegmentRule::Trait)
}

fn trait_reference(reader: &mut Reader<'_>) -> Result<u64, String> {
    let sid = match reader.next()? {
        Lexeme::Word(word) => word
            .strip_suffix(['T', 't'])
            .and_then(|sid| sid.parse().ok()),
        _ => None,
    };
    match sid {
        Some(sid) => Ok(sid),
        None => reader.error("expected a trait such as 123T"),
    }
}

fn frequency(reader: &mut Reader<'_>) -> Result<Frequency, String> {
    reader.expect(&Lexeme::Open, "an opening parenthesis")?;
    reader.expect(&Lexeme::OpenList, "a list of traits in brackets")?;
    let mut sids = vec![trait_reference(reader)?];
    while reader.peek()? == Lexeme::Comma || reader.is_word("OR") {
        reader.next()?;
        sids.push(trait_reference(reader)?);
    }
    reader.expect(&Lexeme::CloseList, "a closing bracket")?;
    let recency = match reader.peek()? {
        Lexeme::Operator(operator @ (">=" | "<=")) => {
            reader.next()?;
            Some((operator, days(reader)?))
        }
        _ => None,
    };
    reader.expect(&Lexeme::Close, "a closing parenthesis")?;
    let operator = match reader.next()? {
        Lexeme::Operator(operator @ (">=" | "<=" | "==")) => operator,
        _ => return reader.error("expected >=, <= or =="),
    };
    let value = match reader.next()? {
        Lexeme::Word(word) => word.parse().ok(),
        _ => None,
    };
    match value {
        Some(value) => Ok(Frequency {
            sids,
            recency,
            operator,
            value,
        }),
        None => reader.error("expected a number"),
    }
}

fn days(reader: &mut Reader<'_>) -> Result<u64, String> {
    let days = match reader.next()? {
        Lexeme::Word(word) => word
            .strip_suffix(['D', 'd'])
            .and_then(|days| days.parse().ok()),
        _ => None,
    };
    match days {
        Some(days) if days > 0 => Ok(days),
        _ => reader.error("expected a number of days greater than 0 such as 5D"),
    }
}

/// The sids that a stored segment rule names, whether it parses or not: a seed may hold any text.
pub(crate) fn referenced_sids(rule: &str) -> Vec<u64> {
    let mut sids: Vec<u64> = rule
        .split(|one: char| !one.is_ascii_alphanumeric())
        .filter_map(|word| word.strip_suffix(['T', 't'])?.parse().ok())
        .collect();
    sids.sort_unstable();
    sids.dedup();
    sids
}
