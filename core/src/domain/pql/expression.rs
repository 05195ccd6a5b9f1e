//! The part of the Profile Query Language that definitions of ours use, as a tree: what two spellings of one expression
//! have in common.
//!
//! White space, parentheses that change nothing, quotation marks, the case of logical words and the two ways to call a
//! function (`x.get("a")`, `get(x, "a")`) are no difference. An expression that is not of this part does not parse, and
//! is compared as a text.

use std::fmt;

use crate::domain::text::scanner::{ParseError, Scanner};

/// Our own expressions have fewer than 150 bytes.
const LENGTH_MAX: usize = 8_192;

const KNOWN: &str = "an expression of the known part";

/// `Call` also holds the operators: `a = b` is the call of `=` with both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    Text(Box<str>),
    /// A number, `true`, `now` and the like, as it is written.
    Word(Box<str>),
    List(Vec<Self>),
    /// `object.name`; without an object a field of the profile.
    Field {
        object: Option<Box<Self>>,
        name: Box<str>,
    },
    Call {
        name: Box<str>,
        arguments: Vec<Self>,
    },
}

/// `segmentMembership.get(namespace).get(audience_id)`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership<'a> {
    pub namespace: &'a str,
    pub audience_id: &'a str,
}

impl Expression {
    /// Reads the format `pql/text`.
    ///
    /// # Errors
    /// The text is no expression of the known part.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text, LENGTH_MAX, is_in_word)?;
        let expression = alternatives(&mut scanner)?;
        scanner.end(KNOWN)?;
        Ok(expression)
    }

    /// A call in its one form: operators by one name, lists of AND and OR flat, the constant of a comparison at the right,
    /// and `in` a list of one as `=`.
    #[must_use]
    pub fn call(name: &str, mut arguments: Vec<Self>) -> Self {
        let lower = name.to_ascii_lowercase();
        let name: &str = match lower.as_str() {
            "==" => "=",
            "<>" => "!=",
            "and" | "or" | "not" | "in" => &lower,
            _ => name,
        };
        if matches!(name, "and" | "or") {
            let parts = arguments.into_iter().flat_map(|part| match part {
                Self::Call {
                    name: inner,
                    arguments,
                } if *inner == *name => arguments,
                other => vec![other],
            });
            let mut parts: Vec<Self> = parts.collect();
            return match parts.len() {
                1 => parts.swap_remove(0),
                _ => Self::Call {
                    name: name.into(),
                    arguments: parts,
                },
            };
        }
        if matches!(name, "=" | "!=")
            && let [left, right] = arguments.as_slice()
            && left.is_constant()
            && !right.is_constant()
        {
            arguments.swap(0, 1);
        }
        if name == "in"
            && let [_, Self::List(items)] = arguments.as_mut_slice()
            && items.len() == 1
            && let Some(only) = items.pop()
        {
            arguments[1] = only;
            return Self::call("=", arguments);
        }
        Self::Call {
            name: name.into(),
            arguments,
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Word(_) | Self::List(_))
    }

    /// The membership that the expression tests and nothing else, and the states that it takes.
    pub fn membership_test(&self) -> Option<(Membership<'_>, Vec<&str>)> {
        let Self::Call { name, arguments } = self else {
            return None;
        };
        let [status, wanted] = arguments.as_slice() else {
            return None;
        };
        let states = match (&**name, wanted) {
            ("=", Self::Text(state)) => vec![&**state],
            ("in", Self::List(states)) => states.iter().map(Self::text).collect::<Option<_>>()?,
            _ => return None,
        };
        Some((status.status_of_membership()?, states))
    }

    fn status_of_membership(&self) -> Option<Membership<'_>> {
        let Self::Field {
            object: Some(membership),
            name,
        } = self
        else {
            return None;
        };
        let (of_namespace, audience_id) = membership.entry()?;
        let (all, namespace) = of_namespace.entry()?;
        let is_map =
            matches!(all, Self::Field { object: None, name } if **name == *"segmentMembership");
        (is_map && **name == *"status").then_some(Membership {
            namespace,
            audience_id,
        })
    }

    /// The map and the key of `map.get("key")`.
    fn entry(&self) -> Option<(&Self, &str)> {
        match self {
            Self::Call { name, arguments } if **name == *"get" => match arguments.as_slice() {
                [map, key] => Some((map, key.text()?)),
                _ => None,
            },
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How tight an operator binds; `None` for what needs no parentheses.
    fn binding(&self) -> Option<u8> {
        match self {
            Self::Call { name, arguments } => match (&**name, arguments.len()) {
                ("or", _) => Some(0),
                ("and", _) => Some(1),
                ("not", 1) => Some(2),
                (name, 2) if COMPARISONS.contains(&name) => Some(3),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The longer before those that they begin with.
const COMPARISONS: [&str; 9] = ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "in"];

/// The one spelling of an expression: reading it again gives the same value.
impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                let text = text.replace('\\', r"\\").replace('"', "\\\"");
                write!(formatter, "\"{text}\"")
            }
            Self::Word(word) => formatter.write_str(word),
            Self::List(items) => {
                formatter.write_str("[")?;
                separated(formatter, items)?;
                formatter.write_str("]")
            }
            Self::Field { object: None, name } => formatter.write_str(name),
            Self::Field {
                object: Some(object),
                name,
            } => {
                within(formatter, object, u8::MAX)?;
                write!(formatter, ".{name}")
            }
            Self::Call { name, arguments } => match (self.binding(), arguments.as_slice()) {
                (Some(2), [part]) => {
                    formatter.write_str("not ")?;
                    within(formatter, part, 2)
                }
                (Some(3), [left, right]) => {
                    within(formatter, left, 4)?;
                    write!(formatter, " {name} ")?;
                    within(formatter, right, 4)
                }
                (Some(binding), parts) => {
                    for (index, part) in parts.iter().enumerate() {
                        if index > 0 {
                            write!(formatter, " {name} ")?;
                        }
                        within(formatter, part, binding + 1)?;
                    }
                    Ok(())
                }
                (None, [object, rest @ ..]) if !object.is_constant() => {
                    within(formatter, object, u8::MAX)?;
                    write!(formatter, ".{name}(")?;
                    separated(formatter, rest)?;
                    formatter.write_str(")")
                }
                (None, arguments) => {
                    write!(formatter, "{name}(")?;
                    separated(formatter, arguments)?;
                    formatter.write_str(")")
                }
            },
        }
    }
}

fn separated(formatter: &mut fmt::Formatter<'_>, items: &[Expression]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            formatter.write_str(", ")?;
        }
        fmt::Display::fmt(item, formatter)?;
    }
    Ok(())
}

/// In parentheses unless it binds at least so tight.
fn within(formatter: &mut fmt::Formatter<'_>, part: &Expression, binding_min: u8) -> fmt::Result {
    match part.binding() {
        Some(binding) if binding < binding_min => write!(formatter, "({part})"),
        _ => fmt::Display::fmt(part, formatter),
    }
}

fn is_in_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '@' | ':')
}

type Read<T> = Result<T, ParseError>;

fn alternatives(scanner: &mut Scanner<'_>) -> Read<Expression> {
    let all = |scanner: &mut Scanner<'_>| {
        scanner.take_joined("and", negation, |parts| Expression::call("and", parts))
    };
    scanner.take_joined("or", all, |parts| Expression::call("or", parts))
}

fn negation(scanner: &mut Scanner<'_>) -> Read<Expression> {
    if !scanner.take_word("not") {
        return comparison(scanner);
    }
    let part = scanner.nested(negation)?;
    Ok(Expression::call("not", vec![part]))
}

fn comparison(scanner: &mut Scanner<'_>) -> Read<Expression> {
    let left = value(scanner)?;
    let mut operators = COMPARISONS.into_iter();
    let operator = operators.find(|operator| match *operator {
        "in" => scanner.take_word("in"),
        symbol => scanner.take(symbol),
    });
    match operator {
        None => Ok(left),
        Some(operator) => Ok(Expression::call(operator, vec![left, value(scanner)?])),
    }
}

/// A value with its fields and methods.
fn value(scanner: &mut Scanner<'_>) -> Read<Expression> {
    let mut value = primary(scanner)?;
    while scanner.take(".") {
        let name = word(scanner)?;
        value = match scanner.take("(") {
            true => {
                let mut arguments = vec![value];
                arguments.extend(items(scanner, ")")?);
                Expression::call(name, arguments)
            }
            false => Expression::Field {
                object: Some(Box::new(value)),
                name: name.into(),
            },
        };
    }
    Ok(value)
}

fn primary(scanner: &mut Scanner<'_>) -> Read<Expression> {
    if scanner.take("(") {
        let inside = scanner.nested(alternatives)?;
        scanner.require(")", KNOWN)?;
        return Ok(inside);
    }
    if scanner.take("[") {
        return items(scanner, "]").map(Expression::List);
    }
    if let Some(text) = scanner
        .take_quoted('"')
        .or_else(|| scanner.take_quoted('\''))
    {
        return Ok(Expression::Text(unescaped(text)));
    }
    let word = word(scanner)?;
    let logical = ["and", "or", "not", "in"];
    if logical
        .iter()
        .any(|logical| word.eq_ignore_ascii_case(logical))
    {
        return Err(scanner.expected(KNOWN));
    }
    if scanner.take("(") {
        return Ok(Expression::call(word, items(scanner, ")")?));
    }
    let is_literal = word.starts_with(|first: char| first.is_ascii_digit())
        || matches!(word, "true" | "false" | "null");
    Ok(match is_literal {
        true => Expression::Word(word.into()),
        false => Expression::Field {
            object: None,
            name: word.into(),
        },
    })
}

/// What is between commas, up to and with the closing sign.
fn items(scanner: &mut Scanner<'_>, closing: &str) -> Read<Vec<Expression>> {
    let mut items = Vec::new();
    if scanner.take(closing) {
        return Ok(items);
    }
    loop {
        items.push(scanner.nested(alternatives)?);
        if scanner.take(closing) {
            return Ok(items);
        }
        scanner.require(",", KNOWN)?;
    }
}

/// A backslash gives the character behind it.
fn unescaped(text: &str) -> Box<str> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let escaped = (character == '\\').then(|| characters.next()).flatten();
        plain.push(escaped.unwrap_or(character));
    }
    plain.into()
}

fn word<'a>(scanner: &mut Scanner<'a>) -> Read<&'a str> {
    match scanner.take_any_word() {
        "" => Err(scanner.expected(KNOWN)),
        word => Ok(word),
    }
}

#[cfg(test)]
mod tests;
