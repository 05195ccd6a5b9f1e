//! A text of few values that thousands of objects repeat, such as the reason of a condition. The cache holds each once.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// So many are shared. A status edited by hand may hold any words: those after the bound are not shared.
const SHARED_MAX: usize = 256;

/// A text that is likely to be repeated; one allocation for all that are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(Arc<str>);

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        static SHARED: Mutex<BTreeSet<Arc<str>>> = Mutex::new(BTreeSet::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.get(text) {
            return Self(known.clone());
        }
        let new: Arc<str> = text.into();
        if shared.len() < SHARED_MAX {
            shared.insert(new.clone());
        }
        Self(new)
    }
}

impl Default for Word {
    fn default() -> Self {
        Self::from("")
    }
}

impl Word {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Ok(Self::from(&*text))
    }
}

impl JsonSchema for Word {
    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{SHARED_MAX, Word};

    #[test]
    fn equal_words_share_their_text_up_to_a_bound() {
        let read = || serde_json::from_value::<Word>(json!("Succeeded")).expect("a word");
        assert!(Arc::ptr_eq(&read().0, &read().0));
        assert_eq!(json!(read()), "Succeeded");
        for number in 0..=SHARED_MAX {
            let word = format!("Word{number}");
            assert_eq!(Word::from(&*word), *word);
        }
        let late = || Word::from("Late");
        assert!(!Arc::ptr_eq(&late().0, &late().0) && late() == late());
    }
}
