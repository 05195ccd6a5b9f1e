//! The task that keeps one Lease: read, decide, replace, wait.
//!
//! It never writes without the `resourceVersion` that it read, and never calls a Lease held longer than its last
//! successful renewal allows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Error;
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::record::{Decision, LeaseOptions, OWNER, Observed, OtherHolder, Subject, decide};

/// How often a try begins anew after a conflict: once for a record that changed, and once more for the one after it.
const CONFLICTS_MAX: usize = 2;

/// What the rest of the process learns.
pub(super) struct Publish {
    pub(super) valid_until: watch::Sender<Option<Instant>>,
    pub(super) other_holder: watch::Sender<Option<OtherHolder>>,
}

pub(super) struct Keeper {
    api: Api<Lease>,
    name: String,
    subject: Subject,
    identity: String,
    options: LeaseOptions,
    valid_until: watch::Sender<Option<Instant>>,
    other_holder: watch::Sender<Option<OtherHolder>>,
    /// The object as our last write left it, while we hold it.
    held: Option<Lease>,
    observed: Option<Observed>,
}

/// How one attempt ended.
enum Attempt {
    Held,
    Waiting(Duration),
}

impl Keeper {
    pub(super) fn new(
        api: Api<Lease>,
        identity: String,
        subject: Subject,
        observed: Option<Observed>,
        options: LeaseOptions,
        publish: Publish,
    ) -> Self {
        Self {
            api,
            name: subject.name.clone(),
            subject,
            identity,
            options,
            valid_until: publish.valid_until,
            other_holder: publish.other_holder,
            held: None,
            observed,
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let next = self.next_attempt().await;
            let wake = self.expiry().map_or(next, |expiry| expiry.min(next));
            tokio::select! {
                () = sleep_until(wake) => {}
                () = stop.cancelled() => {}
            }
        }
        self.release().await;
    }

    /// One attempt, bounded in time; answers when to make the next.
    async fn next_attempt(&mut self) -> Instant {
        let started = Instant::now();
        if self.expiry().is_some_and(|expiry| expiry <= started) {
            self.lose("it could not be renewed in time");
        }
        let regular = started + self.options.renew_every;
        let deadline = self.expiry().map_or(regular, |expiry| expiry.min(regular));
        match timeout_at(deadline, self.attempt()).await {
            Ok(Ok(Attempt::Held)) => regular,
            Ok(Ok(Attempt::Waiting(left))) => regular.min(Instant::now() + left),
            Ok(Err(error)) => {
                tracing::warn!(
                    lease = self.name,
                    reason = brief(&error),
                    "a Lease could not be read or written"
                );
                regular
            }
            Err(_) => {
                tracing::warn!(lease = self.name, "no answer about a Lease in time");
                // The write may still arrive: what we knew of the object is worth nothing.
                self.held = None;
                deadline
            }
        }
    }

    async fn attempt(&mut self) -> Result<Attempt, Error> {
        let mut conflicts = 0;
        loop {
            match self.try_once().await {
                Err(error) if is_conflict(&error) && conflicts < CONFLICTS_MAX => {
                    self.held = None;
                    conflicts += 1;
                }
                Err(error) => {
                    self.held = None;
                    return Err(error);
                }
                attempt => return attempt,
            }
        }
    }

    async fn try_once(&mut self) -> Result<Attempt, Error> {
        if let Some(lease) = self.held.clone() {
            return self.write(lease, Decision::Renew).await;
        }
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            return self.create().await;
        };
        let record = lease.spec.clone().unwrap_or_default();
        let since = self.since_last_change(&record);
        if let Some(owner) = self.foreign_owner(&lease) {
            self.lose("it records another owner id");
            self.publish_other(OtherHolder::Owned(owner));
            return Ok(Attempt::Waiting(self.options.renew_every));
        }
        match decide(&record, &self.identity, since, self.options.duration) {
            Decision::Wait(left) => {
                self.lose("another process holds it");
                let by = record.holder_identity.unwrap_or_default();
                let since = self.held_other_holder_since(&by);
                self.publish_other(OtherHolder::Held { by, since });
                Ok(Attempt::Waiting(left))
            }
            decision => self.write(lease, decision).await,
        }
    }

    /// A Lease that somebody deleted does not end what its holder believes: a record that was seen counts until it
    /// has run out.
    async fn create(&mut self) -> Result<Attempt, Error> {
        if let Some((record, first_seen)) = &self.observed {
            let since = Instant::now() - *first_seen;
            if let Decision::Wait(left) =
                decide(record, &self.identity, since, self.options.duration)
            {
                return Ok(Attempt::Waiting(left));
            }
        }
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            ..ObjectMeta::default()
        };
        self.write(
            Lease {
                metadata,
                spec: None,
            },
            Decision::Acquire,
        )
        .await
    }

    fn foreign_owner(&self, lease: &Lease) -> Option<String> {
        let annotations = lease.metadata.annotations.as_ref()?;
        self.subject.foreign_owner(annotations.get(OWNER)?)
    }

    /// Since when the same other process was seen to hold it.
    fn held_other_holder_since(&self, holder: &str) -> Instant {
        match &*self.other_holder.borrow() {
            Some(OtherHolder::Held { by, since }) if by == holder => *since,
            _ => Instant::now(),
        }
    }

    fn publish_other(&self, other_holder: OtherHolder) {
        self.other_holder.send_if_modified(|known| {
            let is_news = known.as_ref() != Some(&other_holder);
            *known = Some(other_holder);
            is_news
        });
    }

    fn since_last_change(&mut self, record: &LeaseSpec) -> Duration {
        let now = Instant::now();
        match &self.observed {
            Some((known, first_seen)) if known == record => now - *first_seen,
            _ => {
                self.observed = Some((record.clone(), now));
                Duration::ZERO
            }
        }
    }

    async fn write(&mut self, mut lease: Lease, decision: Decision) -> Result<Attempt, Error> {
        let record = lease.spec.get_or_insert_default();
        // Others see a renewal by the record's change, so that a clock that stops or steps back must not show.
        let least = record
            .renew_time
            .as_ref()
            .map(|last| last.0 + SignedDuration::from_micros(1));
        let wall_time = MicroTime((self.options.wall_clock)().max(least.unwrap_or(Timestamp::MIN)));
        if decision == Decision::Acquire {
            let transitions = record
                .lease_transitions
                .map_or(0, |count| count.saturating_add(1));
            record.holder_identity = Some(self.identity.clone());
            record.acquire_time = Some(wall_time.clone());
            record.lease_transitions = Some(transitions);
        }
        record.lease_duration_seconds =
            Some(i32::try_from(self.options.duration.as_secs()).unwrap_or(i32::MAX));
        record.renew_time = Some(wall_time);
        let labels = lease.metadata.labels.get_or_insert_default();
        labels.extend(self.subject.labels.clone());
        let annotations = lease.metadata.annotations.get_or_insert_default();
        annotations.insert(OWNER.into(), self.subject.owner.to_string());
        let (sent, parameters) = (Instant::now(), PostParams::default());
        let written = if lease.metadata.resource_version.is_some() {
            self.api.replace(&self.name, &parameters, &lease).await?
        } else {
            self.api.create(&parameters, &lease).await?
        };
        self.held = Some(written);
        self.observed = None;
        self.other_holder.send_replace(None);
        let before = self
            .valid_until
            .send_replace(Some(sent + self.options.duration));
        if before.is_none() {
            tracing::info!(lease = self.name, "holding a Lease");
        }
        Ok(Attempt::Held)
    }

    fn expiry(&self) -> Option<Instant> {
        *self.valid_until.borrow()
    }

    fn lose(&mut self, why: &'static str) {
        self.held = None;
        if self.valid_until.send_replace(None).is_some() {
            tracing::warn!(lease = self.name, why, "a Lease is no longer held");
        }
    }

    /// Clears the holder, where the Lease is or may be ours.
    async fn release(mut self) {
        if self.valid_until.send_replace(None).is_none() {
            return;
        }
        let deadline = Instant::now() + self.options.renew_every;
        match timeout_at(deadline, self.clear_holder()).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "gave a Lease up"),
            Ok(Err(error)) => tracing::warn!(
                lease = self.name,
                reason = brief(&error),
                "a Lease could not be given up; it runs out by itself"
            ),
            Err(_) => tracing::warn!(
                lease = self.name,
                "a Lease could not be given up; it runs out by itself"
            ),
        }
    }

    async fn clear_holder(&mut self) -> Result<(), Error> {
        for _ in 0..=CONFLICTS_MAX {
            let lease = match self.held.take() {
                Some(lease) => Some(lease),
                None => self.api.get_opt(&self.name).await?,
            };
            let Some(mut lease) = lease else {
                return Ok(());
            };
            let record = lease.spec.get_or_insert_default();
            if record.holder_identity.as_deref() != Some(self.identity.as_str()) {
                return Ok(());
            }
            record.holder_identity = None;
            match self
                .api
                .replace(&self.name, &PostParams::default(), &lease)
                .await
            {
                Err(error) if is_conflict(&error) => {}
                result => return result.map(drop),
            }
        }
        Ok(())
    }
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 409)
}

/// The reason word and code of an answer; kube's own texts repeat their source and may hold an address.
fn brief(error: &Error) -> String {
    match error {
        Error::Api(status) => format!("{} ({})", status.reason, status.code),
        Error::Auth(_) => "the credential for the API server".into(),
        Error::SerdeError(_) => "an answer that does not decode".into(),
        _ => "the API server did not answer".into(),
    }
}
