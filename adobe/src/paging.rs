//! How a service cuts a list into pages, and when the last one is read. It decides nothing about what is listed.

use serde_json::Value;

use crate::body::Splitter;

/// Audiences on a page: the most that Adobe's own client asks for (experience-platform.md §2.3, §3.2).
pub(crate) const PAGE: usize = 100;
/// 4,000 audiences (experience-platform.md §2.4) at four a page; a service that needs more is going in circles.
pub(crate) const PAGES_MAX: u32 = 1_000;
/// What a page of sandboxes holds where none asks for another size (experience-platform.md §4.2).
const SANDBOXES: usize = 50;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Paging {
    /// Everything at once: a bare list, or one in an envelope with the `total` (audience-manager.md §2.2, §6.2).
    Whole,
    /// Each page names the `start` of the next one.
    Next { member: &'static str },
    /// A page that is full may be followed by another. Only the first is asked for without the parameters, which one of
    /// the two descriptions does not have (experience-platform.md §4.2).
    Offset { member: &'static str },
}

impl Paging {
    pub(crate) fn splitter(self) -> Splitter {
        match self {
            Self::Whole => Splitter::bare_or_inside("list"),
            Self::Next { member } | Self::Offset { member } => Splitter::inside(member),
        }
    }

    pub(crate) fn first(self, path: &str) -> String {
        match self {
            Self::Whole | Self::Offset { .. } => path.to_owned(),
            Self::Next { .. } => with(path, &format!("limit={PAGE}")),
        }
    }

    pub(crate) fn following(self, path: &str, next: &str) -> String {
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let first = self.first(path);
        match self {
            Self::Whole | Self::Next { .. } => with(&first, &format!("start={next}")),
            Self::Offset { .. } => with(&first, &format!("limit={SANDBOXES}&offset={next}")),
        }
    }

    /// Where the next page starts, given what surrounds this one and how many elements were on it and so far.
    ///
    /// # Errors
    /// Why it is not known whether the list is whole.
    pub(crate) fn next(
        self,
        envelope: &[u8],
        on_page: usize,
        so_far: usize,
    ) -> Result<Option<String>, &'static str> {
        let envelope = match envelope {
            b"" => Value::Null,
            envelope => serde_json::from_slice(envelope).map_err(|_| "the body names no page")?,
        };
        match self {
            Self::Whole if envelope["total"].as_u64() > Some(so_far as u64) => {
                Err("the list is not whole")
            }
            Self::Whole => Ok(None),
            // Opaque: a text or a number, none at the end.
            Self::Next { .. } => Ok(match &envelope["_page"]["next"] {
                Value::String(next) => Some(next.clone()),
                Value::Number(next) => Some(next.to_string()),
                _ => None,
            }
            .filter(|next| !matches!(next.as_str(), "" | "0"))),
            Self::Offset { .. } => Ok((on_page >= SANDBOXES).then(|| so_far.to_string())),
        }
    }
}

fn with(path: &str, parameter: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{parameter}")
}
