//! Reads bodies: every one has a bound in bytes and in time, and a list is never held whole.

mod outline;
mod splitter;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::transport::{Body, TransportError};

pub(super) use splitter::{ELEMENT_BYTES_MAX, ELEMENTS_MAX, Each, Element, Malformed, Splitter};

/// A single object, or a refusal. The largest documented texts are a few KiB.
pub(super) const OBJECT_BYTES_MAX: usize = 1 << 20;

/// Until when a body may take, and how long it may pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) end: Instant,
    pub(super) idle: Duration,
}

/// Why a body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    TooLate,
    TooLarge,
    Broken(TransportError),
    Malformed(Malformed),
}

/// The whole body, at most `bytes_max` of it.
pub(super) async fn whole(
    mut body: Body,
    bytes_max: usize,
    deadline: Deadline,
) -> Result<Bytes, Trouble> {
    let mut read = Vec::new();
    while let Some(chunk) = next(&mut body, deadline).await? {
        if read.len() + chunk.len() > bytes_max {
            return Err(Trouble::TooLarge);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.into())
}

/// Hands the elements of a list to `each` as they arrive; returns what surrounds the list.
pub(super) async fn elements(
    mut body: Body,
    mut splitter: Splitter,
    each: &mut Each<'_>,
    deadline: Deadline,
) -> Result<Bytes, Trouble> {
    while let Some(chunk) = next(&mut body, deadline).await? {
        splitter.push(&chunk, each).map_err(Trouble::Malformed)?;
    }
    splitter
        .finish()
        .map(Bytes::from)
        .map_err(Trouble::Malformed)
}

async fn next(body: &mut Body, deadline: Deadline) -> Result<Option<Bytes>, Trouble> {
    loop {
        let until = deadline.end.min(Instant::now() + deadline.idle);
        let frame = match timeout_at(until, body.frame())
            .await
            .map_err(|_| Trouble::TooLate)?
        {
            None => return Ok(None),
            Some(frame) => frame.map_err(Trouble::Broken)?,
        };
        // Trailers are of no interest.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}
