//! Whether the definition of a kind is being removed: that removes the operator, not what it made.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, Resource};

use super::publish;

/// What becomes of the definition of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    Stays,
    BeingRemoved,
    /// It was not read. Its removal deletes every resource, so that a deletion proves nothing meanwhile.
    Unknown,
}

pub(super) async fn of<K>(client: &Client) -> Definition
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = format!("{}.{}", K::plural(&()), K::group(&()));
    match api.get_metadata_opt(&name).await {
        Ok(Some(definition)) if definition.metadata.deletion_timestamp.is_some() => {
            Definition::BeingRemoved
        }
        Ok(Some(_)) => Definition::Stays,
        // Its object was served a moment ago: it is being removed, or the answer is not the API server's.
        Ok(None) => Definition::Unknown,
        Err(error) => {
            tracing::warn!(
                definition = name,
                "whether the definition is being removed is not known: {}",
                publish::describe(&error)
            );
            Definition::Unknown
        }
    }
}

/// What to say while it is not known; `what` is being deleted.
pub(super) fn unknown(what: &str) -> String {
    format!(
        "The operator cannot read whether the CustomResourceDefinition is being removed, and then the remote objects would \
         have to stay: nothing is deleted. Grant it get on the definitions, as the chart of the definitions does. If that stays \
         so for ten minutes, {what} is released, and the remote objects stay."
    )
}
