//! What is wrong with an exchange, in words that lead to the place in the exchange and in the file.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// Whose mistake it is: the operator's, or the simulator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Request,
    Answer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub side: Side,
    /// Method, target and, of an answer, the status.
    pub call: String,
    /// Where: a JSON pointer into the body, or the name of a header or query parameter.
    pub place: String,
    /// What the file says.
    pub what: String,
    /// The file and its operation.
    pub by: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            side,
            call,
            place,
            what,
            by,
        } = self;
        let side = match side {
            Side::Request => "the request",
            Side::Answer => "the answer",
        };
        write!(formatter, "{call}: {side}, {place}: {what} ({by})")
    }
}

/// A place and what is wrong there, before it is known which exchange it is of.
pub(crate) type Finding = (String, String);

/// The innermost errors: that no branch of a `oneOf` fits says nothing, why the nearest one does not fit does.
pub(crate) fn findings(error: &ValidationError<'_>) -> Vec<Finding> {
    let branches = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context
        }
        _ => {
            let place = format!("body {}", error.instance_path());
            return vec![(place, shortened(&error.to_string()))];
        }
    };
    let nearest = branches
        .iter()
        .filter(|branch| !branch.is_empty())
        .min_by_key(|branch| branch.len());
    nearest.into_iter().flatten().flat_map(findings).collect()
}

/// An error quotes the value, which may be a whole list.
fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 300;
    let count = text.chars().count();
    if count <= CHARACTERS {
        return text.to_owned();
    }
    let half = CHARACTERS / 2;
    let start: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(count - half).collect();
    format!("{start} … {end}")
}
