//! The language of trait rules (audience-manager.md §4.2).

use super::reader::{Lexeme, Reader};

/// Checks a trait rule against the grammar.
pub(crate) fn check_trait_rule(rule: &str) -> Result<(), String> {
    let mut reader = Reader::new(rule);
    trait_any(&mut reader)?;
    match reader.next()? {
        Lexeme::End => Ok(()),
        _ => reader.error("expected AND, OR or the end"),
    }
}

fn trait_any(reader: &mut Reader<'_>) -> Result<(), String> {
    loop {
        trait_one(reader)?;
        if !reader.take_word("OR") && !reader.take_word("AND") {
            return Ok(());
        }
    }
}

fn trait_one(reader: &mut Reader<'_>) -> Result<(), String> {
    if reader.take_word("NOT") {
        reader.deeper()?;
        trait_one(reader)?;
        reader.depth -= 1;
        return Ok(());
    }
    if reader.peek()? == Lexeme::Open {
        reader.next()?;
        reader.deeper()?;
        trait_any(reader)?;
        reader.depth -= 1;
        return reader.expect(&Lexeme::Close, "a closing parenthesis");
    }
    comparison(reader)
}

fn comparison(reader: &mut Reader<'_>) -> Result<(), String> {
    match reader.next()? {
        Lexeme::Quoted(key) if !key.is_empty() => {}
        Lexeme::Word(key) => check_key(reader, &key)?,
        _ => return reader.error("expected a key"),
    }
    let operator = match reader.next()? {
        Lexeme::Operator(operator) => operator.to_owned(),
        Lexeme::Word(word) => word.to_ascii_lowercase(),
        _ => return reader.error("expected an operator"),
    };
    let known = [
        "==",
        "!=",
        ">",
        ">=",
        "<",
        "<=",
        "contains",
        "matcheswords",
        "startswith",
        "endswith",
        "matchesregex",
    ];
    if !known.contains(&operator.as_str()) {
        return reader.error("expected an operator");
    }
    let relational = operator.starts_with(['<', '>']);
    let numeric = match reader.next()? {
        Lexeme::Quoted(text) => text.trim().parse::<f64>().is_ok(),
        Lexeme::Word(word) if word.parse::<f64>().is_ok() => true,
        _ => return reader.error("expected a quoted string or a number"),
    };
    if relational && !numeric {
        return reader.error("the operator needs a numeric value");
    }
    Ok(())
}

fn check_key(reader: &Reader<'_>, key: &str) -> Result<(), String> {
    let starts = key.chars().next().is_some_and(char::is_alphabetic);
    let keyword = ["AND", "OR", "NOT"].contains(&key.to_ascii_uppercase().as_str());
    if !starts || keyword || key.contains('.') {
        return reader.error(
            "a key starts with a letter and holds letters, digits, - and _ only, or is quoted",
        );
    }
    Ok(())
}
