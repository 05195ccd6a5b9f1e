//! The credential: read by its Secret's name, never listed at large, watched by that name (design.md §4.12).

use audience_sharing_core::domain::reason::Reason;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use secrecy::SecretString;

use crate::api::SharingConnection;
use crate::controller::context::Context;
use crate::controller::engines::key;
use crate::controller::publish::is_gone;
use adobe_client::credential::{Credential, DEFAULT_SCOPES};
use audience_sharing_engine::Problem;

pub(super) enum Unusable {
    /// The Secret, or a key of it, is missing.
    Missing(Problem),
    Kubernetes(kube::Error),
}

pub(super) async fn read(
    connection: &SharingConnection,
    name: &str,
    context: &Context,
) -> Result<Credential, Unusable> {
    let namespace = connection.namespace().unwrap_or_default();
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &namespace);
    let secret = match api.get(name).await {
        Ok(secret) => secret,
        Err(error) if is_gone(&error) => {
            return Err(missing(
                Reason::SecretNotFound,
                format!(
                    "There is no Secret {name} in namespace {namespace}. Create it with the keys clientId and clientSecret."
                ),
            ));
        }
        Err(kube::Error::Api(status)) if status.code == 403 => {
            return Err(missing(
                Reason::SecretNotFound,
                format!(
                    "The operator may not read Secret {name} in namespace {namespace}. Grant it get on that Secret."
                ),
            ));
        }
        Err(error) => return Err(Unusable::Kubernetes(error)),
    };
    Ok(Credential {
        client_id: text(&secret, name, "clientId")?,
        client_secret: SecretString::from(text(&secret, name, "clientSecret")?),
        scopes: match secret
            .data
            .as_ref()
            .is_some_and(|data| data.contains_key("scopes"))
        {
            true => text(&secret, name, "scopes")?,
            false => DEFAULT_SCOPES.to_owned(),
        },
    })
}

/// White space around a value is what an editor or an echo left there.
fn text(secret: &Secret, name: &str, key: &str) -> Result<String, Unusable> {
    let value = secret.data.as_ref().and_then(|data| data.get(key));
    let text = value
        .and_then(|value| std::str::from_utf8(&value.0).ok())
        .map(str::trim)
        .filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| {
        missing(
            Reason::SecretInvalid,
            format!("Secret {name} has no usable key {key}. Set it to the value that the Adobe Developer Console shows."),
        )
    })
}

fn missing(reason: Reason, message: String) -> Unusable {
    Unusable::Missing(Problem::new(reason, message).of_connection())
}

/// Wakes the connection when its Secret appears or changes. Needs `list` and `watch` on that one name; where they are
/// refused, the connection is reconciled again after a while.
pub(super) fn watch(connection: &SharingConnection, secret: &str, context: &Context) {
    if !context.settings.watch_secrets {
        return;
    }
    let (namespace, name) = key(connection);
    let wake = context.engines.wake_connection.clone();
    context
        .engines
        .watch_secret((namespace.clone(), name.clone()), secret, || {
            let api: Api<PartialObjectMeta<Secret>> =
                Api::namespaced(context.client.clone(), &namespace);
            let config = watcher::Config::default().fields(&format!("metadata.name={secret}"));
            let reference = kube::runtime::reflector::ObjectRef::<SharingConnection>::new(&name)
                .within(&namespace);
            async move {
                let mut changes =
                    std::pin::pin!(watcher(api, config).default_backoff().touched_objects());
                while let Some(change) = changes.next().await {
                    match change {
                        Ok(_) => wake.wake(reference.clone()),
                        Err(error) => {
                            tracing::debug!(%reference, "the Secret is not watched: {error}")
                        }
                    }
                }
            }
        });
}
