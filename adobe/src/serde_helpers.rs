//! How loosely answers are read: numbers that come as strings, texts that come as null, HTML entities.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde_json::Value;

/// Ids come as numbers and, from some paths, as strings (audience-manager.md §2.4).
pub(super) fn optional_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    struct Number;

    impl<'de> Visitor<'de> for Number {
        type Value = Option<u64>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a whole number")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_any(self)
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            u64::try_from(number)
                .map(Some)
                .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            if text.is_empty() {
                return Ok(None);
            }
            text.parse()
                .map(Some)
                .map_err(|_| E::custom("a text that is no number"))
        }
    }

    deserializer.deserialize_any(Number)
}

/// A word that comes as a text, a number or a boolean; null and other shapes are no word.
pub(super) fn optional_word<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<str>>, D::Error> {
    Ok(
        match <Value as serde::Deserialize>::deserialize(deserializer)? {
            Value::String(text) => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            Value::Bool(flag) => Some(flag.to_string().into()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        },
    )
}

/// A list of texts; what is no text in it is passed over. `None` for any other value.
pub(super) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Box<str>>>, D::Error> {
    let Value::Array(items) = <Value as serde::Deserialize>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let text = |item: Value| match item {
        Value::String(text) => Some(text.into()),
        _ => None,
    };
    Ok(Some(items.into_iter().filter_map(text).collect()))
}

/// A list of ids. `None` for any other value, and where one of them is no number: then not all are shown.
pub(super) fn numbers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<u64>>, D::Error> {
    let Value::Array(items) = <Value as serde::Deserialize>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let number = |item: Value| match item {
        Value::String(text) => text.parse().ok(),
        item => item.as_u64(),
    };
    Ok(items.into_iter().map(number).collect())
}

/// A text that may be null; `None` only with `#[serde(default)]`, where the field is missing.
pub(super) fn named_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<str>>, D::Error> {
    text(deserializer).map(Some)
}

/// A text that may be null.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    Ok(<Option<Box<str>> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}
