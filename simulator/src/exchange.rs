//! One request and one answer as the services see them: decoded path parameters, query, headers, body; status, headers,
//! body. Knows no service and no state.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;

/// The query of a request, decoded, in order; a name may repeat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// A request as it came in, before anyone looked at it.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    /// Raw, still percent-encoded.
    pub(crate) path: String,
    pub(crate) raw_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Whether the body is declared to be of this media type (parameters such as `charset` apart).
    pub(crate) fn content_type_is(&self, wanted: &[&str]) -> bool {
        let Some(value) = self.header("content-type") else {
            return false;
        };
        let media = value.split(';').next().unwrap_or_default().trim();
        wanted.iter().any(|one| media.eq_ignore_ascii_case(one))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Empty,
    Json(Value),
    Text {
        media_type: &'static str,
        text: String,
    },
}

/// What a service answers. Also the error type of every operation: the early way out is an answer too.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            payload: Payload::Json(body),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            payload: Payload::Empty,
        }
    }

    pub(crate) fn text(status: u16, media_type: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            payload: Payload::Text {
                media_type,
                text: text.into(),
            },
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The response on the wire; `truncated` cuts the body in the middle.
    pub(crate) fn into_response(self, truncated: bool) -> Response<Body> {
        let (media_type, bytes) = match self.payload {
            Payload::Empty => (None, Vec::new()),
            Payload::Json(body) => (Some("application/json"), body.to_string().into_bytes()),
            Payload::Text { media_type, text } => (Some(media_type), text.into_bytes()),
        };
        let length = if truncated {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        let mut bytes = bytes;
        bytes.truncate(length);
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(media_type) = media_type {
            response
                .headers_mut()
                .insert("content-type", HeaderValue::from_static(media_type));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// The marker on a response that stands for "the connection closed without an answer". The server in this package
/// turns it into a dropped connection; a transport that calls the routers in process must look for it
/// (`response.extensions().get::<ConnectionLost>()`) and report a broken connection. The response's own status (502)
/// and empty body mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLost;

impl ConnectionLost {
    pub(crate) fn response() -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response.extensions_mut().insert(Self);
        response
    }
}
