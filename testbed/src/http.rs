//! HTTP to what the test bed started: the API server over TLS, everything else in the clear. Loopback only, and never
//! through a proxy.

use std::time::Duration;

use crate::certificates::{Authority, Pair};
use crate::error::Error;

/// A single request; everything asked here is answered in milliseconds or is not up yet.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// Keeps no connection: one that was opened in a test's runtime dies with it, and the next test may hold the client.
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(REQUEST_WITHIN)
}

pub(crate) fn client() -> Result<reqwest::Client, Error> {
    builder().build().map_err(unreachable("http://127.0.0.1"))
}

/// Trusts the authority and nothing else; presents the user's certificate.
pub(crate) fn api_server_client(
    authority: &Authority,
    user: &Pair,
) -> Result<reqwest::Client, Error> {
    presenting(builder(), authority, user)
}

/// The same without a limit in time, for what is passed on as it comes: not decoded, and a redirect is an answer.
/// It keeps connections, and must not outlive its runtime.
pub(crate) fn forwarding_client(
    authority: &Authority,
    user: &Pair,
) -> Result<reqwest::Client, Error> {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none());
    presenting(builder, authority, user)
}

fn presenting(
    builder: reqwest::ClientBuilder,
    authority: &Authority,
    user: &Pair,
) -> Result<reqwest::Client, Error> {
    let build = || {
        let trusted = reqwest::Certificate::from_pem(authority.certificate().as_bytes())?;
        let identity = format!("{}{}", user.certificate, user.key);
        builder
            .tls_certs_only([trusted])
            .identity(reqwest::Identity::from_pem(identity.as_bytes())?)
            .build()
    };
    build().map_err(unreachable("https://127.0.0.1"))
}

/// `Ok` on a 2xx, else what came instead; for [`crate::eventually`].
pub(crate) async fn answers(client: &reqwest::Client, url: &str) -> Result<(), String> {
    match client.get(url).send().await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => {
            let status = response.status();
            Err(format!(
                "{status} {}",
                response.text().await.unwrap_or_default()
            ))
        }
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) fn unreachable(url: &str) -> impl FnOnce(reqwest::Error) -> Error + use<> {
    let url = url.to_owned();
    move |source| Error::Unreachable { url, source }
}
