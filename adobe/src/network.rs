//! The real network: reqwest over rustls. No redirect is followed, since a redirected request would carry the token
//! and the secret to a host that was not allowed.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the one room with an HTTP client"
)]

use std::time::Duration;

use bytes::Bytes;

use super::transport::{Body, Transport, TransportError, body};

/// Well under the request's own limit, so that an unreachable host differs from a slow answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which proxy carries the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// The usual variables: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
    FromEnvironment,
    /// None; for systems on loopback.
    Direct,
}

#[derive(Clone, Debug)]
pub struct NetworkTransport(reqwest::Client);

impl NetworkTransport {
    /// # Errors
    /// Only where the TLS roots of the machine cannot be read.
    pub fn new(proxy: Proxy) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .retry(reqwest::retry::never())
            .user_agent(concat!(
                "audience-sharing-operator/",
                env!("CARGO_PKG_VERSION")
            ));
        if proxy == Proxy::Direct {
            builder = builder.no_proxy();
        }
        builder.build().map(Self)
    }
}

impl Transport for NetworkTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, TransportError> {
        let request =
            reqwest::Request::try_from(request).map_err(|_| TransportError::NOT_CONNECTED)?;
        let response = self.0.execute(request).await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                TransportError::NOT_CONNECTED
            } else {
                TransportError::CONNECTION_LOST
            }
        })?;
        Ok(http::Response::<reqwest::Body>::from(response).map(body))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::{Bytes, NetworkTransport, Proxy, Transport as _};

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_an_order() {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/v1/traits"))
            .respond_with(
                ResponseTemplate::new(302)
                    .insert_header("location", format!("{}/elsewhere", server.uri())),
            )
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(path("/elsewhere"))
            .respond_with(ResponseTemplate::new(200))
            .expect(0)
            .mount(&server)
            .await;
        let transport = NetworkTransport::new(Proxy::Direct).expect("a client");
        let request = http::Request::get(format!("{}/v1/traits", server.uri()))
            .header("authorization", "Bearer canary")
            .body(Bytes::new())
            .expect("a request");
        let answer = transport.send(request).await.expect("an answer");
        assert_eq!(answer.status(), 302);
    }

    #[tokio::test]
    async fn a_closed_port_is_known_to_have_had_no_effect() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let transport = NetworkTransport::new(Proxy::Direct).expect("a client");
        let request = http::Request::post(format!("http://{address}/"))
            .body(Bytes::new())
            .expect("a request");
        let failure = transport.send(request).await.expect_err("nobody listens");
        assert!(!failure.may_have_had_effect());
    }
}
