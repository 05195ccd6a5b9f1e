//! Reading the elements of a list, one by one.

pub use audience_sharing_core::facts::Listing;

use super::body::Element;

/// Reads one element: whole, else its id alone, else only that it was there.
pub(super) fn take<T, I>(
    listing: &mut Listing<T, I>,
    element: Element<'_>,
    whole: fn(&[u8]) -> Option<T>,
    id: fn(&[u8]) -> Option<I>,
) {
    let (item, text) = match element {
        Element::Whole(text) => (whole(text), text),
        Element::Outline(text) => (None, text),
    };
    match item {
        Some(item) => listing.items.push(item),
        None => listing.undecodable.push(id(text)),
    }
}
