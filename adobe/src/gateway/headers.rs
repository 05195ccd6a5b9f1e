//! A call as an HTTP request: the address and the headers of its service, and those that every request carries
//! (audience-manager.md §1.4, experience-platform.md §1.2). It sends nothing.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request};

use super::token::Token;
use super::{Call, Gateway};
use crate::error::{Error, Kind};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ORGANIZATION: HeaderName = HeaderName::from_static("x-gw-ims-org-id");
const SANDBOX: HeaderName = HeaderName::from_static("x-sandbox-name");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Gateway {
    pub(super) fn request(&self, call: &Call<'_>, token: &Token) -> Result<Request<Bytes>, Error> {
        let Call {
            operation,
            method,
            path,
            body,
            sandbox,
            lease_guard: _,
            accept,
        } = call;
        let service = operation.system.service();
        let (endpoint, base) = (
            (service.endpoint)(&self.shared.endpoints),
            service.base_path,
        );
        let refused = |detail| operation.error(Kind::RequestRefused).with_detail(detail);
        if leaves_its_folder(path) {
            return Err(refused("an id holds what no address may hold"));
        }
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{endpoint}{base}{path}"))
            .header(AUTHORIZATION, &token.authorization)
            .header(API_KEY, &token.client_id)
            .header(ORGANIZATION, self.shared.organization.as_str())
            .header(REQUEST_ID, self.shared.exchange.request_id())
            .header(ACCEPT, accept.map_or(JSON, HeaderValue::from_static));
        for (name, value) in service.headers {
            request = request.header(*name, *value);
        }
        if let Some(sandbox) = sandbox {
            request = request.header(SANDBOX, sandbox.as_str());
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        request
            .body(body.clone().unwrap_or_default())
            .map_err(|_| refused("a name holds a character that no request may hold"))
    }
}

/// An id of dots alone is not escaped, and a URL takes it for another folder: the call would be about something else.
fn leaves_its_folder(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    path.split('/').any(|part| matches!(part, "." | ".."))
}
