//! What the one client must know of a kind of object: where it is, how it is read, what is written of it. One
//! implementation for each kind; nothing here sends anything or decides what to write.

use std::fmt::Debug;

use audience_sharing_core::call::Kind;
use audience_sharing_core::facts::{Known, Listing};
use http::Method;
use serde::de::Deserializer;
use serde_json::Value;

use crate::body::ELEMENT_BYTES_MAX;
use crate::service::System;

/// A service with objects of its own, as a type: a kind of one service cannot be asked of another.
pub trait ObjectService: Clone + Debug + Send + Sync + 'static {
    const SYSTEM: System;
}

/// A kind of object in one of Adobe's services.
pub trait Resource: Known<Listed: Into<Self> + Send, Id: Send + Sync> + Send + Sync {
    type Service: ObjectService;
    const WORDS: Words;
    /// The method that changes an object; `None` for a kind that the operator never changes.
    const CHANGED_BY: Option<Method>;
    /// `false` for a kind that the operator never deletes.
    const CAN_BE_DELETED: bool = true;
    /// What is added to the path where an object is read.
    const READ_QUERY: &[(&str, &str)] = &[];
    /// What one element of a list may take.
    const ELEMENT_BYTES_MAX: usize = ELEMENT_BYTES_MAX;
    /// A list in which nothing can be read is an error: a tree has a root.
    const IS_TREE: bool = false;
    /// Whether a create whose answer does not show the object is looked up as if it had succeeded.
    const MAY_BE_CREATED_UNSEEN: bool = false;

    /// The object out of JSON; `None` if its id or its place is missing.
    fn decode<'de, D: Deserializer<'de>>(wire: D) -> Option<Self::Listed>;

    /// The same, of an answer about this one object: there is no other that could say more.
    fn decode_own(wire: &Value) -> Option<Self::Listed> {
        Self::decode(wire)
    }

    /// The id alone, of an object that else cannot be read.
    fn decode_id(element: &[u8]) -> Option<Self::Id>;

    /// Reads one element of a list, which may hold several objects; `false` if it cannot be read.
    fn decode_element(element: &[u8], listing: &mut Listing<Self::Listed, Self::Id>) -> bool {
        let before = listing.items.len();
        listing.items.extend(from_slice::<Self>(element));
        listing.items.len() > before
    }

    /// `false` for an object that its service still shows although it is deleted.
    fn is_live(_: &Self::Listed) -> bool {
        true
    }

    /// The path of an object.
    fn path(id: &Self::Id) -> String;

    fn list(scope: &Self::Scope) -> List;

    /// A filter that a server does not know is not one: what a list must not be believed to hold.
    fn is_in(_: &Self::Scope, _: &Self::Listed) -> bool {
        true
    }

    /// The scopes that one list asks for together by a filter that is given several times, where it may count only once
    /// (audience-manager.md §2.8); none where nothing is repeated.
    fn parts(_: &Self::Scope) -> Vec<Self::Scope> {
        Vec::new()
    }

    fn look_up(query: &Self::Query) -> List;

    /// Whether a look-up asked for this object.
    fn fits(query: &Self::Query, found: &Self) -> bool;

    fn creation(new: &Self::New) -> Creation;

    /// Whether an answer that shows an object shows the one that was created.
    fn is_created(_: &Self::New, _: &Self) -> bool {
        true
    }

    /// The fields that an update sets, given the object as it was read.
    ///
    /// # Errors
    /// Why it cannot be updated.
    fn changes(&self, change: &Self::Change) -> Result<Vec<Field>, &'static str>;

    /// A field that no write may hold.
    fn is_server_owned(field: &str) -> bool;

    /// The other form of the body of an update, where no source decides between the two.
    fn updated_or_else(_: &Value) -> Option<Value> {
        None
    }

    /// Whether what was read is what the caller planned with, as far as both say something.
    fn is_as_expected(&self, read: &Self) -> bool {
        self == read
    }

    /// Adds to what was sent what is known of the object beside it.
    fn complete(&self, _: &mut Value) {}
}

/// A member of an object, as it is written.
pub(crate) type Field = (&'static str, Value);

/// The name of each call in metrics and messages.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    pub read: &'static str,
    pub list: &'static str,
    pub look_up: &'static str,
    pub update: &'static str,
    pub delete: &'static str,
}

macro_rules! words {
    ($kind:literal) => {
        $crate::resource::Words {
            read: concat!($kind, ".read"),
            list: concat!($kind, ".list"),
            look_up: concat!($kind, ".find"),
            update: concat!($kind, ".update"),
            delete: concat!($kind, ".delete"),
        }
    };
}
pub(crate) use words;

/// A list to be read.
#[derive(Debug)]
pub struct List {
    pub word: &'static str,
    pub path: String,
    /// Whether its elements tell what the credential may do with each.
    pub tells_rights: bool,
    /// 404 means that there are none; of any other list it means nothing (audience-manager.md §2.1).
    pub is_missing_if_empty: bool,
}

impl List {
    pub(crate) fn new(word: &'static str, path: String) -> Self {
        Self {
            word,
            path,
            tells_rights: false,
            is_missing_if_empty: false,
        }
    }
}

/// An object to be created.
#[derive(Debug)]
pub struct Creation {
    pub word: &'static str,
    pub path: String,
    /// The media type to ask for, where it is not plain JSON.
    pub accept: Option<&'static str>,
    pub sent: Value,
    /// The other form of what is sent, where no source decides between the two.
    pub or_else: Option<Value>,
    /// What is true of the object beside what is sent.
    pub known: Vec<Field>,
}

impl Creation {
    pub(crate) fn new(word: &'static str, path: impl Into<String>, sent: Value) -> Self {
        Self {
            word,
            path: path.into(),
            accept: None,
            sent,
            or_else: None,
            known: Vec::new(),
        }
    }
}

pub(crate) fn from_slice<K: Resource>(element: &[u8]) -> Option<K::Listed> {
    let mut wire = serde_json::Deserializer::from_slice(element);
    let read = K::decode(&mut wire)?;
    wire.end().ok().map(|()| read)
}

/// A field that is written if there is a value for it.
pub(crate) fn field<T: serde::Serialize>(name: &'static str, value: Option<T>) -> Option<Field> {
    let value = value.and_then(|value| serde_json::to_value(value).ok())?;
    Some((name, value))
}

/// The fields of a kind that is never changed.
pub(crate) fn unchanged<K: Kind<Change = ()>>((): &K::Change) -> Result<Vec<Field>, &'static str> {
    Ok(Vec::new())
}

/// A path with its query.
pub(crate) fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("{path}?{query}")
}
