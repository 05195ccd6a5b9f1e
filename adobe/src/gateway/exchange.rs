//! One request and its answer, within bounds of time and bytes, reported to the observer. It retries nothing and knows no
//! rate limit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::retry_after::retry_after;
use crate::body::{self, Deadline, Each, Malformed, OBJECT_BYTES_MAX, Splitter, Trouble};
use crate::error::Error;
use crate::error::classify::{A_PAGE, classify};
use crate::error::kind::{CallKind, Effect, Kind};
use crate::error::refusal::{Refusal, is_markup};
use crate::observer::{CallRecord, Observer, Outcome};
use crate::service::System;
use crate::transport::{SharedTransport, TransportError};

/// Adobe's gateway gives up after 60 s; waiting a little longer gets its own answer instead of none.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(70);
/// 100,000 traits are 70 MB (measured.md §8): five minutes are 2 Mbit/s.
const LIST_TIMEOUT: Duration = Duration::from_secs(300);
/// A body that pauses this long will not go on.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The calendar's clock, for a `Retry-After` that names a date.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a call is, apart from what it carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) system: System,
    /// A fixed word such as `traits.create`.
    pub(crate) name: &'static str,
    pub(crate) kind: CallKind,
}

impl Operation {
    pub(crate) fn error(&self, kind: Kind) -> Error {
        Error::new(kind, self.system, self.name)
    }

    /// A 2xx whose body says something else than it should: what was sent has been taken.
    pub(crate) fn unexpected(&self, detail: &'static str) -> Error {
        self.error(Kind::UnexpectedAnswer)
            .with_detail(detail)
            .with_effect(self.kind.effect_if_sent())
    }
}

/// How the body of a good answer is read.
pub(crate) enum Reading<'a> {
    Whole {
        bytes_max: usize,
    },
    Elements {
        splitter: Splitter,
        each: &'a mut Each<'a>,
    },
}

pub(crate) struct Exchange {
    pub(super) transport: SharedTransport,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) wall_clock: WallClock,
    pub(super) rng: Mutex<fastrand::Rng>,
}

impl Exchange {
    /// A number from 0 to 1.
    pub(super) fn chance(&self) -> f64 {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .f64()
    }

    pub(super) fn request_id(&self) -> String {
        format!(
            "{:032x}",
            self.rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .u128(..)
        )
    }

    /// Sends and reads; the body of a good answer, or what surrounds its list.
    pub(super) async fn run(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
        reading: &mut Reading<'_>,
        is_secret: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Bytes, Error> {
        let started = Instant::now();
        let method = request.method().clone();
        let (status, result) = self.answer(operation, request, reading, started).await;
        // A server may repeat what it was sent where a code belongs; then no code is reported.
        let result = result.map_err(|error| match error.code().is_some_and(is_secret) {
            true => error.with_code(None),
            false => error,
        });
        self.tell(operation, method, status, &result, started.elapsed());
        result
    }

    fn tell(
        &self,
        operation: &Operation,
        method: Method,
        status: Option<u16>,
        result: &Result<Bytes, Error>,
        duration: Duration,
    ) {
        let Operation {
            system,
            name,
            kind: _,
        } = *operation;
        tracing::debug!(
            system = system.as_str(),
            operation = name,
            status,
            duration_ms = duration.as_secs_f64() * 1000.0,
            error = result.as_ref().err().map(tracing::field::display),
            "call",
        );
        let outcome = match result {
            Ok(_) => Outcome::Succeeded,
            Err(error) => Outcome::Failed(error.kind()),
        };
        self.observer.on_call(CallRecord {
            system,
            operation: name,
            method,
            status,
            outcome,
            duration,
        });
    }

    async fn answer(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
        reading: &mut Reading<'_>,
        started: Instant,
    ) -> (Option<u16>, Result<Bytes, Error>) {
        let head = timeout_at(
            started + REQUEST_TIMEOUT,
            self.transport.send_boxed(request),
        )
        .await;
        let response = match head {
            Err(_) => return (None, Err(too_late(operation))),
            Ok(Err(failure)) => return (None, Err(not_answered(operation, failure))),
            Ok(Ok(response)) => response,
        };
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        let object = Deadline {
            end: started + REQUEST_TIMEOUT,
            idle: IDLE_TIMEOUT,
        };
        if !head.status.is_success() {
            // A refusal counts as one even if its body cannot be read.
            let refusal = body::whole(body, OBJECT_BYTES_MAX, object).await;
            let refusal = match is_page(&head.headers) {
                true => Refusal::page(),
                false => refusal.map(|body| Refusal::read(&body)).unwrap_or_default(),
            };
            let wait = match status {
                429 | 500..=599 => retry_after(&head.headers, (self.wall_clock)()),
                _ => None,
            };
            return (
                Some(status),
                Err(classify(
                    operation.system,
                    operation.name,
                    operation.kind,
                    status,
                    refusal,
                    wait,
                )),
            );
        }
        if is_page(&head.headers) {
            // Some proxy answered in Adobe's place: whether the call got through is not known.
            let trouble = operation.unexpected(A_PAGE);
            return (Some(status), Err(trouble.with_status(status)));
        }
        let read = match reading {
            Reading::Whole { bytes_max } => body::whole(body, *bytes_max, object).await,
            Reading::Elements { splitter, each } => {
                let list = Deadline {
                    end: started + LIST_TIMEOUT,
                    idle: IDLE_TIMEOUT,
                };
                body::elements(body, splitter.clone(), *each, list).await
            }
        };
        let read = match read {
            Ok(body) if is_markup(&body) => Err(operation.unexpected(A_PAGE)),
            read => read.map_err(|trouble| unreadable(operation, trouble)),
        };
        (
            Some(status),
            read.map_err(|error| error.with_status(status)),
        )
    }
}

/// Adobe's services answer in JSON, or with no body at all.
fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| {
            kind.trim_start()
                .to_ascii_lowercase()
                .starts_with("text/html")
        })
}

fn too_late(operation: &Operation) -> Error {
    operation
        .error(Kind::Unavailable)
        .with_detail("no answer in time")
        .with_effect(operation.kind.effect_if_sent())
}

fn not_answered(operation: &Operation, failure: TransportError) -> Error {
    let error = operation.error(Kind::Unavailable);
    if failure.may_have_had_effect() {
        error
            .with_detail("the connection broke")
            .with_effect(operation.kind.effect_if_sent())
    } else {
        error.with_detail("no connection").with_effect(Effect::None)
    }
}

fn unreadable(operation: &Operation, trouble: Trouble) -> Error {
    match trouble {
        Trouble::TooLate => too_late(operation),
        Trouble::Broken(_) => not_answered(operation, TransportError::CONNECTION_LOST),
        Trouble::TooLarge => operation.unexpected("the body is too large"),
        Trouble::Malformed(Malformed::CutOff) => operation.unexpected("the body is cut off"),
        Trouble::Malformed(Malformed::NoList) => {
            operation.unexpected("the body is not the list that was asked for")
        }
        Trouble::Malformed(Malformed::EnvelopeTooLarge) => {
            operation.unexpected("what surrounds the list is too large")
        }
        Trouble::Malformed(Malformed::TooManyElements) => {
            operation.unexpected("the list has too many elements")
        }
    }
}
