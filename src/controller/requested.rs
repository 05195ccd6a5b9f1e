//! "Reconcile now": the annotation that asks, and its echo in status.

use kube::{Resource, ResourceExt};

use super::by_uid::ByUid;
use crate::api::annotations::{RECONCILE_REQUESTED_AT, REQUEST_CHARS_MAX, USERS_REQUESTED_AT};

/// What the annotation asks, cut as status takes it.
pub(super) fn value(object: &impl Resource) -> Option<String> {
    annotation(object, RECONCILE_REQUESTED_AT)
}

/// The same of the wish to know who uses the audience.
pub(super) fn users(object: &impl Resource) -> Option<String> {
    annotation(object, USERS_REQUESTED_AT)
}

fn annotation(object: &impl Resource, name: &str) -> Option<String> {
    let requested = object.annotations().get(name)?;
    Some(requested.chars().take(REQUEST_CHARS_MAX).collect())
}

/// The value of each annotation that this process served last: any other value is a request, also one that was served
/// earlier. A status that cannot be written costs no second resync.
#[derive(Debug, Default)]
pub(super) struct Requests(pub(super) ByUid<Option<String>>);

impl Requests {
    /// What the annotation asks for and is not served yet. `handled`: what the status says, for a process that has
    /// served nothing of this object.
    pub(super) fn open(&self, object: &impl Resource, handled: Option<&String>) -> Option<String> {
        let requested = value(object);
        self.0.with(object, |served| {
            let last = served.as_ref().map_or(handled, Option::as_ref);
            if last == requested.as_ref() {
                // The status says so by now.
                served.take_if(|_| handled == requested.as_ref());
                return None;
            }
            if requested.is_none() {
                *served = Some(None);
            }
            requested
        })
    }

    pub(super) fn done(&self, object: &impl Resource, requested: String) {
        self.0
            .with(object, |served| *served = Some(Some(requested)));
    }
}

#[cfg(test)]
mod tests {
    use crate::api::annotations::RECONCILE_REQUESTED_AT;
    use crate::api::shared_audience::ExperiencePlatformSource;
    use crate::api::{SharedAudience, SharedAudienceSpec};

    use super::Requests;

    fn asking(value: Option<&str>) -> SharedAudience {
        let spec = SharedAudienceSpec::new("acme", ExperiencePlatformSource::default());
        let mut audience = SharedAudience::new("loyal", spec);
        audience.metadata.uid = Some("uid".into());
        audience.metadata.annotations =
            value.map(|value| [(RECONCILE_REQUESTED_AT.into(), value.into())].into());
        audience
    }

    #[test]
    fn every_change_of_the_value_is_a_request() {
        let (requests, handled) = (Requests::default(), Some("first".to_owned()));
        let open = |value: Option<&str>| {
            let open = requests.open(&asking(value), handled.as_ref());
            if let Some(requested) = &open {
                requests.done(&asking(value), requested.clone());
            }
            open
        };
        assert_eq!(
            open(Some("first")),
            None,
            "the status says that it is served"
        );
        assert_eq!(open(Some("second")).as_deref(), Some("second"));
        assert_eq!(open(Some("second")), None, "once");
        assert_eq!(
            open(Some("first")).as_deref(),
            Some("first"),
            "a former value again"
        );
        assert_eq!(open(None), None);
        assert_eq!(
            open(Some("first")).as_deref(),
            Some("first"),
            "taken out and set again"
        );
    }
}
