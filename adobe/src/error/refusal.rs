//! What the body of a refusal says, and who said it. Nothing of it but a code leaves this room.

use serde::Deserialize;
use serde_json::Value;

/// What an answer other than 2xx says, and who said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Option<Box<str>>,
    /// The gateway said it rather than the service.
    pub(crate) gateway: bool,
    /// The identity service's own form: a word in `error`.
    pub(crate) oauth: bool,
    /// A page for people. No API of Adobe's answers with one: a proxy, or a server that does not know the path, did
    /// (experience-platform.md §1.5).
    pub(crate) page: bool,
}

impl Refusal {
    /// Reads the code out of the known shapes (audience-manager.md §2.3, experience-platform.md §1.4, §3.6): the
    /// gateway's `error_code`, Audience Manager's `code` (also inside `data`), the last part of `type`, IMS's `error`.
    /// Any other body has none.
    pub(crate) fn read(body: &[u8]) -> Self {
        if is_markup(body) {
            return Self::page();
        }
        #[derive(Deserialize)]
        struct Shape {
            error_code: Option<Value>,
            code: Option<Value>,
            data: Option<Value>,
            r#type: Option<Value>,
            error: Option<Value>,
        }
        let Ok(shape) = serde_json::from_slice::<Shape>(body) else {
            return Self {
                code: users(body),
                ..Self::default()
            };
        };
        let gateway = shape.error_code.is_some();
        let inner = shape.data.as_ref().and_then(|data| data.get("code"));
        let problem = shape
            .r#type
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|uri| uri.rsplit('/').next());
        let code = shape
            .error_code
            .as_ref()
            .and_then(word)
            .or_else(|| problem.filter(|code| code.contains('-')).and_then(plain))
            .or_else(|| shape.code.as_ref().and_then(word))
            .or_else(|| inner.and_then(word))
            .or_else(|| shape.error.as_ref().and_then(word));
        let oauth =
            !gateway && matches!(&shape.error, Some(Value::String(text)) if plain(text).is_some());
        Self {
            code,
            gateway,
            oauth,
            page: false,
        }
    }

    pub(crate) fn page() -> Self {
        Self {
            page: true,
            ..Self::default()
        }
    }
}

/// A page of HTML or XML, whatever its header says.
pub(crate) fn is_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

/// Audience Manager answers the deletion of a model with the bare ids of the traits that are made of it
/// (audience-manager.md §6.3).
fn users(body: &[u8]) -> Option<Box<str>> {
    let ids: Vec<u64> = serde_json::from_slice(body).ok()?;
    let ids: Vec<_> = ids.iter().take(USERS_MAX).map(u64::to_string).collect();
    plain(&format!("used-by-{}", ids.join("-")))
}

/// As many ids as fit into a code.
const USERS_MAX: usize = 5;

fn word(value: &Value) -> Option<Box<str>> {
    match value {
        Value::String(text) => plain(text),
        Value::Number(number) => plain(&number.to_string()),
        _ => None,
    }
}

/// Only what looks like a code may pass into messages: `^[A-Za-z0-9_.-]{1,64}$`.
fn plain(text: &str) -> Option<Box<str>> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    fits.then(|| text.into())
}
