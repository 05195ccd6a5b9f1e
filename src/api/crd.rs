//! The definitions of the custom resources, generated from the Rust types.
//!
//! The only change to what the derive makes: no `nullable` and no fraction where a bound is whole. Everything else
//! belongs into the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use super::{SharedAudience, SharingConnection};

/// A generated definition, as the value that is written out.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition(Value);

/// Why a definition could not be written; a defect of the types, never of the user's input.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error("a custom resource definition does not encode as JSON")]
    Json(#[from] serde_json::Error),
    #[error("a custom resource definition does not encode as YAML")]
    Yaml(#[from] serde_saphyr::SerializeError),
}

/// Every definition, what others refer to first.
///
/// # Errors
/// A definition does not encode.
pub fn definitions() -> Result<Vec<Definition>, DefinitionError> {
    [SharingConnection::crd(), SharedAudience::crd()]
        .iter()
        .map(Definition::new)
        .collect()
}

impl Definition {
    fn new(generated: &CustomResourceDefinition) -> Result<Self, DefinitionError> {
        let mut value = serde_json::to_value(generated)?;
        tidy(&mut value);
        Ok(Self(value))
    }

    /// `<plural>.<group>`.
    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub const fn as_value(&self) -> &Value {
        &self.0
    }

    /// The definition for an API server.
    ///
    /// # Errors
    /// It does not decode any more.
    pub fn to_resource(&self) -> Result<CustomResourceDefinition, DefinitionError> {
        Ok(serde_json::from_value(self.0.clone())?)
    }

    /// One YAML document, without a separator, with a line break at its end.
    ///
    /// # Errors
    /// It does not encode.
    pub fn to_yaml(&self) -> Result<String, DefinitionError> {
        Ok(serde_saphyr::to_string(&self.0)?)
    }
}

/// With `nullable` an explicit null is stored, and a differ sees drift; without it the API server drops nulls before
/// any rule is checked.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("nullable").is_some_and(Value::is_boolean) {
                fields.remove("nullable");
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *value = whole.into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The integer that a float is, within what a float holds exactly.
fn whole(number: f64) -> Option<i64> {
    let exact = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    exact.then_some(number as i64)
}
