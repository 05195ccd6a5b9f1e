//! What a list call answers: the elements that could be read, and which could not.

use audience_sharing_core::domain::rights::Rights;

use super::body::Element;

/// The elements of a list. One that this version cannot read hides no other.
///
/// An element is missing only if it is neither in `items` nor, perhaps, in `undecodable`: where that holds a `None`,
/// the list proves the absence of nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T, I> {
    pub items: Vec<T>,
    /// One entry per element that could not be read, with its id where at least that could.
    pub undecodable: Vec<Option<I>>,
    /// The elements that tell their permissions and lack one.
    pub lacking: Vec<(I, Rights)>,
}

impl<T, I> Default for Listing<T, I> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            undecodable: Vec::new(),
            lacking: Vec::new(),
        }
    }
}

impl<T, I> Listing<T, I> {
    /// Reads one element: whole, else its id alone, else only that it was there.
    pub(super) fn take(
        &mut self,
        element: Element<'_>,
        whole: fn(&[u8]) -> Option<T>,
        id: fn(&[u8]) -> Option<I>,
    ) {
        let (item, text) = match element {
            Element::Whole(text) => (whole(text), text),
            Element::Outline(text) => (None, text),
        };
        match item {
            Some(item) => self.items.push(item),
            None => self.undecodable.push(id(text)),
        }
    }
}
