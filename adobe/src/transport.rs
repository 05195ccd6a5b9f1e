//! An HTTP request out, an answer in: the one seam beneath the gateway.
//!
//! The real network in production, a simulator in process on virtual time in tests. A transport follows no redirect,
//! retries nothing, and never prints a request: bodies and headers carry secrets.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

/// The body of an answer, in chunks as they arrive. Its reader sets the deadline and the bound.
pub type Body = UnsyncBoxBody<Bytes, TransportError>;

/// Carries one request. Never called twice for one call by the transport itself.
pub trait Transport: Send + Sync + 'static {
    /// The head of the answer and its body yet to be read.
    ///
    /// # Errors
    /// [`TransportError`] when no answer came; it says whether the request may have had an effect.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Body>, TransportError>> + Send;
}

/// The form of [`Transport`] that can be behind a pointer, at one allocation per request.
pub trait DynTransport: Send + Sync + 'static {
    fn send_boxed(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Body>, TransportError>>;
}

impl<T: Transport> DynTransport for T {
    fn send_boxed(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Body>, TransportError>> {
        Box::pin(self.send(request))
    }
}

pub type SharedTransport = Arc<dyn DynTransport>;

/// How far a request came that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// There was no connection: nothing was sent.
    Nothing,
    /// The connection broke after the request may have been sent.
    Perhaps,
}

/// No answer, or a body that ended in a failure. Its text holds no address and no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportError {
    pub reached: Reached,
}

impl TransportError {
    pub const NOT_CONNECTED: Self = Self {
        reached: Reached::Nothing,
    };
    pub const CONNECTION_LOST: Self = Self {
        reached: Reached::Perhaps,
    };

    /// Whether the request may have had an effect.
    pub fn may_have_had_effect(&self) -> bool {
        self.reached == Reached::Perhaps
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.reached {
            Reached::Nothing => "no connection",
            Reached::Perhaps => "the connection broke",
        })
    }
}

impl std::error::Error for TransportError {}

/// Any body as the one that the gateway reads.
pub fn body<B>(body: B) -> Body
where
    B: BodyExt<Data = Bytes> + Send + 'static,
{
    body.map_err(|_| TransportError::CONNECTION_LOST)
        .boxed_unsync()
}
