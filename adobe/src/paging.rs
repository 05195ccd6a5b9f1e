//! How a service cuts a list into pages, and when the last one is read. It decides nothing about what is listed.

use serde_json::Value;

use crate::body::Splitter;

/// Audiences on a page: the most that Adobe's own client asks for (experience-platform.md §2.3, §3.2).
pub(crate) const PAGE: usize = 100;
/// 4,000 audiences (experience-platform.md §2.4) at four a page; a service that needs more is going in circles.
pub(crate) const PAGES_MAX: u32 = 1_000;
/// The most that Adobe's own tool asks Audience Manager for; the service may give less (audience-manager.md §2.2).
const LARGE_PAGE: usize = 1_000;
/// What a page of sandboxes holds where none asks for another size (experience-platform.md §4.2).
const SANDBOXES: usize = 50;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Paging {
    /// Everything at once: a bare list, or one in an envelope with the `total`. An envelope that holds less cuts the list
    /// into pages, which are then asked for by number (audience-manager.md §2.2, §6.2).
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
            Self::Whole => match next.split_once('.') {
                Some((page, size)) => with(&first, &format!("page={page}&pageSize={size}")),
                None => first,
            },
            Self::Next { .. } => with(&first, &format!("start={next}")),
            Self::Offset { .. } => with(&first, &format!("limit={SANDBOXES}&offset={next}")),
        }
    }

    /// Whether what came before is read anew: the first page of a list that came in pages without being asked for holds
    /// few elements.
    pub(crate) fn begins_again(self, pages: u32) -> bool {
        matches!(self, Self::Whole) && pages == 1
    }

    /// Where the next page starts, given what surrounds this one and how many elements were on it and so far; `pages`: how
    /// many there were.
    ///
    /// # Errors
    /// Why it is not known whether the list is whole.
    pub(crate) fn next(
        self,
        envelope: &[u8],
        (pages, on_page): (u32, usize),
        so_far: usize,
    ) -> Result<Option<String>, &'static str> {
        let envelope = match envelope {
            b"" => Value::Null,
            envelope => serde_json::from_slice(envelope).map_err(|_| "the body names no page")?,
        };
        match self {
            Self::Whole if envelope["total"].as_u64() <= Some(so_far as u64) => Ok(None),
            Self::Whole if pages == 1 => Ok(Some(format!("0.{LARGE_PAGE}"))),
            Self::Whole => match (envelope["page"].as_u64(), envelope["pageSize"].as_u64()) {
                // A server that shows another page than was asked for does not know pages.
                (Some(page), Some(size)) if on_page > 0 && page + 2 == u64::from(pages) => {
                    Ok(Some(format!("{}.{size}", page + 1)))
                }
                _ => Err("the list is not whole"),
            },
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
