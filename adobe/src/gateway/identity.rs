//! The client of IMS: a credential in, a token out (audience-manager.md §1.1).

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::exchange::{Exchange, Operation, Reading};
use crate::body::OBJECT_BYTES_MAX;
use crate::credential::Credential;
use crate::endpoints::Endpoint;
use crate::error::kind::CallKind;
use crate::error::{Error, Kind};
use crate::service::System;

pub(super) const OPERATION: Operation = Operation {
    system: System::IdentityService,
    name: "token.request",
    kind: CallKind::Token,
};

/// The documented lifetime; the retired flow answered in milliseconds, which must not become years.
const LIFETIME_MAX: Duration = Duration::from_secs(86_400);
/// For an answer that names none.
const LIFETIME_UNKNOWN: Duration = Duration::from_secs(300);

/// What IMS gave.
pub(super) struct Granted {
    /// `Bearer …`, marked as sensitive.
    pub(super) authorization: HeaderValue,
    pub(super) lifetime: Duration,
}

pub(super) async fn request_token(
    exchange: &Exchange,
    ims: &Endpoint,
    credential: &Credential,
) -> Result<Granted, Error> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &credential.client_id)
        .append_pair("client_secret", credential.client_secret.expose_secret())
        .append_pair("scope", &credential.scopes)
        .finish();
    let base = OPERATION.system.service().base_path;
    // The secret goes into the body: queries get logged (experience-platform.md §1.1).
    let request = Request::post(format!("{ims}{base}/token/v3"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(Bytes::from(form))
        .map_err(|_| {
            OPERATION
                .error(Kind::RequestRefused)
                .with_detail("the address of IMS is not valid")
        })?;
    let mut reading = Reading::Whole {
        bytes_max: OBJECT_BYTES_MAX,
    };
    let body = exchange
        .run(&OPERATION, request, &mut reading, &|code| {
            credential.is_in(code)
        })
        .await?;
    granted(&body).ok_or_else(|| OPERATION.unexpected("the body holds no token"))
}

fn granted(body: &[u8]) -> Option<Granted> {
    #[derive(Deserialize)]
    struct TokenAnswer<'a> {
        #[serde(borrow)]
        access_token: Cow<'a, str>,
        expires_in: Option<f64>,
    }
    let TokenAnswer {
        access_token,
        expires_in,
    } = serde_json::from_slice(body).ok()?;
    if access_token.is_empty() {
        return None;
    }
    let mut authorization = HeaderValue::try_from(format!("Bearer {access_token}")).ok()?;
    authorization.set_sensitive(true);
    let lifetime = match expires_in {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok()?.min(LIFETIME_MAX),
        None => LIFETIME_UNKNOWN,
    };
    Some(Granted {
        authorization,
        lifetime,
    })
}
