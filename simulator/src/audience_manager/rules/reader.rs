//! Reads the words of a rule, which both languages share.

/// Parentheses and NOTs that may stand inside each other; a deeper rule is refused instead of ending the process.
const DEPTH: usize = 100;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lexeme {
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Quoted(String),
    Word(String),
    Operator(&'static str),
    End,
}

#[derive(Debug)]
pub(super) struct Reader<'a> {
    rule: &'a str,
    at: usize,
    pub(super) depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(rule: &'a str) -> Self {
        Self {
            rule,
            at: 0,
            depth: 0,
        }
    }

    pub(super) fn error<T>(&self, what: &str) -> Result<T, String> {
        let position = self.rule[..self.at.min(self.rule.len())].chars().count();
        Err(format!("{what} at position {position}"))
    }

    pub(super) fn peek(&self) -> Result<Lexeme, String> {
        Self { ..*self }.next()
    }

    pub(super) fn next(&mut self) -> Result<Lexeme, String> {
        let rest = &self.rule[self.at..];
        let blank = rest.len() - rest.trim_start().len();
        self.at += blank;
        let rest = &self.rule[self.at..];
        let Some(first) = rest.chars().next() else {
            return Ok(Lexeme::End);
        };
        let one = |lexeme| Ok((lexeme, 1));
        let read: Result<(Lexeme, usize), String> = match first {
            '(' => one(Lexeme::Open),
            ')' => one(Lexeme::Close),
            '[' => one(Lexeme::OpenList),
            ']' => one(Lexeme::CloseList),
            ',' => one(Lexeme::Comma),
            '"' => return self.quoted(),
            _ => {
                let operator = ["==", "!=", ">=", "<=", ">", "<"]
                    .into_iter()
                    .find(|operator| rest.starts_with(operator));
                match operator {
                    Some(operator) => Ok((Lexeme::Operator(operator), operator.len())),
                    None => {
                        let end = rest
                            .find(|one: char| !(one.is_alphanumeric() || "-_.".contains(one)))
                            .unwrap_or(rest.len());
                        if end == 0 {
                            return self.error(&format!("unexpected {first:?}"));
                        }
                        Ok((Lexeme::Word(rest[..end].to_owned()), end))
                    }
                }
            }
        };
        let (lexeme, length) = read?;
        self.at += length;
        Ok(lexeme)
    }

    fn quoted(&mut self) -> Result<Lexeme, String> {
        let mut text = String::new();
        let mut characters = self.rule[self.at..].char_indices().skip(1);
        while let Some((offset, one)) = characters.next() {
            match one {
                '"' => {
                    self.at += offset + 1;
                    return Ok(Lexeme::Quoted(text));
                }
                '\\' => {
                    text.push(one);
                    if let Some((_, next)) = characters.next() {
                        text.push(next);
                    }
                }
                _ => text.push(one),
            }
        }
        self.error("unterminated string")
    }

    pub(super) fn is_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Ok(Lexeme::Word(word)) if word.eq_ignore_ascii_case(wanted))
    }

    pub(super) fn take_word(&mut self, wanted: &str) -> bool {
        self.is_word(wanted) && self.next().is_ok()
    }

    pub(super) fn expect(&mut self, wanted: &Lexeme, name: &str) -> Result<(), String> {
        if &self.peek()? == wanted {
            self.next().map(|_| ())
        } else {
            self.error(&format!("expected {name}"))
        }
    }

    pub(super) fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.error("the rule is nested too deeply");
        }
        Ok(())
    }
}
