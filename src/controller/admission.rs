//! How many audiences are created or only reconciled again side by side. What waits for the rate limiter holds a place among the
//! reconciles that run, and those are bounded: some places are kept for edits and deletions, however many others wait.
//!
//! Who waits, waits here and not in kube's queue: its tables keep the room of the thousands that a start brings.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;

use super::locked::Locked;
use crate::api::SharedAudience;
use audience_sharing_engine::{UniqueQueue, Waker};

/// An audience that was called takes its place, unless it was deleted meanwhile: then the place is free again so much later
/// at the latest.
pub(super) const CALL_AGAIN: Duration = Duration::from_secs(60);

pub(super) struct Admission {
    places: usize,
    waiting: Locked<Waiting>,
    call: Waker<ObjectRef<SharedAudience>>,
}

#[derive(Default)]
struct Waiting {
    taken: usize,
    /// Called, and not there yet: a place is kept for each.
    called: HashSet<ObjectRef<SharedAudience>>,
    queue: UniqueQueue<ObjectRef<SharedAudience>>,
}

/// A place; given back when it is dropped.
pub(super) struct Place(Arc<Admission>);

impl Admission {
    pub(super) fn new(places: usize, call: Waker<ObjectRef<SharedAudience>>) -> Arc<Self> {
        Arc::new(Self {
            places,
            waiting: Locked::default(),
            call,
        })
    }

    /// The audience is to be reconciled: it is called when it is its turn.
    pub(super) fn line_up(&self, audience: &SharedAudience) {
        let mut waiting = self.waiting.lock();
        let mut audience = ObjectRef::from_obj(audience);
        // Its uid and version, which are never asked for.
        audience.extra = Default::default();
        if waiting.called.contains(&audience) {
            // It may have been read before it changed.
            return self.call.wake(audience);
        }
        waiting.queue.push(audience);
        self.call_next(&mut waiting);
    }

    /// The place of an audience that was called.
    pub(super) fn claim(self: &Arc<Self>, audience: &SharedAudience) -> Option<Place> {
        let mut waiting = self.waiting.lock();
        let is_called = waiting.called.remove(&ObjectRef::from_obj(audience));
        is_called.then(|| self.take(&mut waiting))
    }

    /// A place for an audience that comes without a call. `None`: it is called when it is its turn.
    pub(super) fn enter(self: &Arc<Self>, audience: &SharedAudience) -> Option<Place> {
        let mut waiting = self.waiting.lock();
        if self.is_free(&waiting) {
            return Some(self.take(&mut waiting));
        }
        drop(waiting);
        self.line_up(audience);
        None
    }

    /// Gives the places of those who never came to others.
    pub(super) fn call_again(&self) {
        let mut waiting = self.waiting.lock();
        waiting.called.clear();
        self.call_next(&mut waiting);
    }

    fn is_free(&self, waiting: &Waiting) -> bool {
        waiting.taken + waiting.called.len() < self.places
    }

    fn take(self: &Arc<Self>, waiting: &mut Waiting) -> Place {
        waiting.taken += 1;
        Place(self.clone())
    }

    fn call_next(&self, waiting: &mut Waiting) {
        while self.is_free(waiting)
            && let Some(next) = waiting.queue.pop()
        {
            waiting.called.insert(next.clone());
            self.call.wake(next);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.taken -= 1;
        self.0.call_next(&mut waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use audience_sharing_engine::{Woken, wake_queue};
    use futures::FutureExt;
    use kube::runtime::reflector::ObjectRef;

    use super::{Admission, Place};
    use crate::api::SharedAudience;
    use crate::api::shared_audience::{ExperiencePlatformSource, SharedAudienceSpec};

    fn audience(name: &str) -> SharedAudience {
        let source = ExperiencePlatformSource::default();
        let mut audience = SharedAudience::new(name, SharedAudienceSpec::new("acme", source));
        audience.metadata.namespace = Some("marketing".into());
        audience
    }

    fn named(name: &str) -> ObjectRef<SharedAudience> {
        ObjectRef::new(name).within("marketing")
    }

    fn comes(admission: &Arc<Admission>, name: &str) -> Option<Place> {
        admission.claim(&audience(name))
    }

    fn next(called: &mut Woken<ObjectRef<SharedAudience>>) -> Option<ObjectRef<SharedAudience>> {
        called.next().now_or_never().flatten()
    }

    #[test]
    fn who_waits_is_called_in_turn_and_once() {
        let (call, mut called) = wake_queue();
        let admission = Admission::new(2, call);
        for name in ["first", "second", "third", "fourth", "third"] {
            admission.line_up(&audience(name));
        }
        assert_eq!(next(&mut called), Some(named("first")));
        assert_eq!(next(&mut called), Some(named("second")));
        assert!(next(&mut called).is_none(), "both places are kept");
        let first = comes(&admission, "first");
        let second = comes(&admission, "second");
        assert!(first.is_some() && second.is_some());
        assert!(comes(&admission, "third").is_none());
        drop(first);
        assert_eq!(next(&mut called), Some(named("third")));
        assert!(next(&mut called).is_none());
        // By a timer of its own: the place is kept for the third.
        assert!(admission.enter(&audience("fifth")).is_none());
        assert!(comes(&admission, "third").is_some());
        assert_eq!(next(&mut called), Some(named("fourth")));
        drop(second);
        assert_eq!(next(&mut called), Some(named("fifth")));
        assert!(next(&mut called).is_none());
    }

    #[test]
    fn a_change_between_the_call_and_the_reconcile_is_called_again() {
        let (call, mut called) = wake_queue();
        let admission = Admission::new(1, call);
        for _ in 0..1_000 {
            admission.line_up(&audience("first"));
        }
        assert_eq!(next(&mut called), Some(named("first")));
        assert_eq!(
            next(&mut called),
            None,
            "a call that waits is not made again"
        );
        admission.line_up(&audience("first"));
        assert_eq!(next(&mut called), Some(named("first")));
        let place = comes(&admission, "first");
        admission.line_up(&audience("first"));
        assert!(next(&mut called).is_none(), "one reconcile at a time");
        drop(place);
        assert_eq!(next(&mut called), Some(named("first")));
    }

    #[test]
    fn the_place_of_one_that_was_deleted_is_given_to_another() {
        let (call, mut called) = wake_queue();
        let admission = Admission::new(1, call);
        for name in ["deleted", "second"] {
            admission.line_up(&audience(name));
        }
        assert_eq!(next(&mut called), Some(named("deleted")));
        assert!(next(&mut called).is_none());
        admission.call_again();
        assert_eq!(next(&mut called), Some(named("second")));
    }
}
