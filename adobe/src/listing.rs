//! Reading the elements of a list, one by one: one that cannot be read hides no other.

pub use audience_sharing_core::facts::Listing;

use audience_sharing_core::domain::rights::Rights;
use serde::Deserialize;

use super::body::Element;
use super::resource::Resource;
use super::serde_helpers::texts;

/// Reads one element: whole, else its id alone, else only that it was there.
pub(super) fn take<K: Resource>(
    listing: &mut Listing<K::Listed, K::Id>,
    element: Element<'_>,
    tells_rights: bool,
) {
    match element {
        Element::Whole(text) => {
            if tells_rights && let Some(rights) = lacking(text) {
                listing
                    .lacking
                    .extend(K::decode_id(text).map(|id| (id, rights)));
            }
            if !K::decode_element(text, listing) {
                listing.undecodable.push(K::decode_id(text));
            }
        }
        Element::Outline(text) => listing.undecodable.push(K::decode_id(text)),
    }
}

/// The rights of an element that shows them, if it lacks one.
fn lacking(element: &[u8]) -> Option<Rights> {
    #[derive(Deserialize)]
    struct Permitted {
        #[serde(default, deserialize_with = "texts")]
        permissions: Option<Vec<Box<str>>>,
    }
    let Permitted { permissions } = serde_json::from_slice(element).ok()?;
    let rights = Rights::of(permissions?.iter().map(|word| &**word));
    (!rights.is_empty() && !rights.is_whole()).then_some(rights)
}
