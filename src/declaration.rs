//! A manifest as values of `core`: the only reader of `spec`. Pure.
//!
//! It takes stored objects as they are, also those that an older schema let through, and never refuses one as a whole: a
//! deletion, a claim and a status each need a part of it.

mod activation;
mod audience;
mod connection;
mod models;
mod problem;

pub(crate) use audience::{AudienceDeclaration, connection_name};
pub(crate) use connection::{ConnectionDeclaration, organization};

#[cfg(test)]
mod tests {
    use audience_sharing_core::compose::{AdoptionPolicy, Direction};
    use audience_sharing_core::domain::reason::Reason;
    use serde_json::{Value, json};

    use super::AudienceDeclaration;
    use crate::api::SharedAudience;

    fn declared(changes: &Value) -> AudienceDeclaration {
        let mut spec = json!({"connectionRef": {"name": "acme"}, "source": {"experiencePlatform": {"id": "a"}}});
        let fields = changes.as_object().cloned().unwrap_or_default();
        spec.as_object_mut().expect("a spec").extend(fields);
        let metadata = json!({"name": "loyal", "namespace": "marketing"});
        let audience: SharedAudience =
            serde_json::from_value(json!({"metadata": metadata, "spec": spec}))
                .expect("it decodes");
        AudienceDeclaration::of(&audience)
    }

    #[test]
    fn what_the_audience_says_goes_before_the_connection_and_the_defaults() {
        let target =
            json!({"audienceManager": {"name": "Gamers", "description": "", "ttlDays": 0}});
        for (changes, adoption, name, ttl_days) in [
            (json!({}), AdoptionPolicy::Never, None, 120),
            (
                json!({"adoptionPolicy": "Always", "target": target}),
                AdoptionPolicy::Always,
                Some("Gamers"),
                0,
            ),
        ] {
            let share = declared(&changes)
                .share(AdoptionPolicy::Never)
                .expect("it is valid");
            let Direction::ToAudienceManager(target) = share.direction else {
                panic!("{share:?}");
            };
            assert_eq!(
                (share.adoption, target.name.as_deref(), target.ttl_days),
                (adoption, name, ttl_days)
            );
        }
    }

    /// Each is one that a rule refuses, and an older definition may have let through.
    #[test]
    fn an_invalid_part_leaves_the_others_readable() {
        let both =
            json!({"experiencePlatform": {"id": "a"}, "audienceManager": {"trait": {"sid": 7}}});
        let unnamed = json!({"key": "shop"});
        let mapped = json!({"audienceManager": {"destinations": [unnamed]}});
        for (changes, source_is_read) in [
            (json!({"source": both}), false),
            (json!({"target": mapped}), true),
        ] {
            let mut changes = changes;
            changes["deletionPolicy"] = json!("Retain");
            let declared = declared(&changes);
            assert!(declared.retain, "{changes}");
            assert_eq!(declared.source.is_ok(), source_is_read, "{changes}");
            let problem = declared
                .share(AdoptionPolicy::Never)
                .expect_err("it is invalid");
            assert_eq!(problem.reason, Reason::InvalidSpec, "{changes}");
        }
    }
}
