//! What a manifest says, and what becomes of it: an invalid or an older one, another way of naming the source, a pause, a
//! request, and a change of mind while it is being deleted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::operations::{LOYAL_GAMERS, OTHER};
use crate::operator::{World, audience, connection, key_of, secret, seed};
use crate::run::{LOOK, on_virtual_time};
use crate::verdict;
use crate::virtual_time;

const MINUTE: Duration = Duration::from_secs(60);
const FINALIZER: &str = "audience-sharing.dev/remote-objects";

fn condition(object: &Value, name: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let found = conditions.find(|found| found["type"] == name);
    found.cloned().unwrap_or_default()
}

fn is(object: &Value, name: &str, status: &str, reason: &str) {
    let found = condition(object, name);
    assert_eq!(
        (&found["status"], &found["reason"]),
        (&json!(status), &json!(reason)),
        "{name} of {object:#}"
    );
}

fn is_finalized(object: &Value) -> bool {
    object["metadata"]["finalizers"] == json!([FINALIZER])
}

/// How many writes to Adobe began from the call with this number on.
fn writes_since(world: &World, before: usize) -> usize {
    let calls = world.choke_point.calls().split_off(before);
    calls.iter().filter(|call| call.is_remote_write()).count()
}

fn users_segment(world: &World) {
    let sid = &world.audience("loyal")["status"]["audienceManager"]["traitSid"];
    let made = json!({
        "pid": 1794, "name": "Players abroad", "dataSourceId": 29_771, "folderId": 0, "status": "ACTIVE",
        "segmentRule": format!("{sid}T AND 16440001T"),
    });
    world.create("segments", made);
}

/// Stored as an older definition let them through: the API server checks nothing that is stored.
fn store(world: &World, kind: fn(&str) -> Value, name: &str, field: &str, value: Value) {
    let mut object = kind(name);
    object["spec"][field] = value;
    world.cluster.create(&key_of(&object), object).unwrap();
}

fn of_loyal(name: &str) -> Value {
    audience(name, LOYAL_GAMERS)
}

#[test]
fn stored_objects_of_an_older_schema_say_which_field_and_change_nothing() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        let limit = json!({"requestsPerMinute": 60, "burst": 5});
        store(&world, connection, "renamed", "budget", limit);
        store(
            &world,
            connection,
            "valued",
            "adoptionPolicy",
            json!("Adopt"),
        );
        store(&world, of_loyal, "loyal", "sourceGonePolicy", json!("Keep"));
        for (name, connection) in [("one", "renamed"), ("two", "valued")] {
            let mut dependent = audience(name, OTHER);
            dependent["spec"]["connectionRef"]["name"] = json!(connection);
            world.apply(dependent);
        }
        world.start_operator();
        virtual_time::passes(3 * LOOK).await;
        let connections = world.connections();
        let named = |name: &str| {
            let mut all = connections.iter();
            all.find(|found| found["metadata"]["name"] == name).unwrap()
        };
        for (object, field) in [
            (
                named("renamed"),
                "spec.budget was renamed to spec.rateLimit",
            ),
            (
                named("valued"),
                "spec.adoptionPolicy must be one of `IfEqual`, `Always`, `Never`",
            ),
            (
                &world.audience("loyal"),
                "spec.sourceGonePolicy must be one of `Retain`, `Pause`",
            ),
        ] {
            is(object, "Ready", "False", "InvalidSpec");
            is(object, "Stalled", "True", "InvalidSpec");
            let message = condition(object, "Ready")["message"].to_string();
            assert!(message.contains(field), "{message}");
            assert!(is_finalized(object), "{object}");
        }
        for name in ["one", "two"] {
            is(
                &world.audience(name),
                "Ready",
                "False",
                "DependencyNotReady",
            );
        }
        assert_eq!(writes_since(&world, 0), 0);
        // The manifests as the installed definition has them.
        let renamed =
            json!({"spec": {"budget": null, "rateLimit": {"requestsPerMinute": 60, "burst": 5}}});
        world.edit_connection("renamed", &renamed);
        world.edit("loyal", &json!({"spec": {"sourceGonePolicy": "Retain"}}));
        virtual_time::passes(3 * LOOK).await;
        is(&world.audience("loyal"), "Ready", "True", "Succeeded");
        is(&world.audience("one"), "Ready", "True", "Succeeded");
    });
}

#[test]
fn an_object_that_stops_decoding_keeps_its_remote_objects() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let before = world.choke_point.count();
        world.edit("loyal", &json!({"spec": {"adoptionPolicy": "Match"}}));
        virtual_time::passes(20 * MINUTE).await;
        let known = world.audience("loyal");
        is(&known, "Ready", "False", "InvalidSpec");
        is(&known, "AudienceManagerSynced", "Unknown", "Pending");
        assert!(known["status"]["audienceManager"]["traitSid"].is_number());
        assert_eq!(writes_since(&world, before), 0);
        world.delete("loyal");
        virtual_time::passes(5 * MINUTE).await;
        assert!(
            !world.audience("loyal").is_null(),
            "it was released at once"
        );
        virtual_time::passes(10 * MINUTE).await;
        assert!(world.audience("loyal").is_null(), "it is held for ever");
        let (events, _) = world.cluster.list("events.k8s.io/v1/events", None, None, 0);
        let reported = events.iter().any(|event| {
            event["reason"] == "ReleasedWithoutDeletion"
                && event["note"]
                    .as_str()
                    .is_some_and(|note| note.contains("traitSid"))
        });
        assert!(reported, "{events:#?}");
        assert_eq!(writes_since(&world, before), 0);
    });
}

#[test]
fn the_policy_of_a_resource_that_is_being_deleted_can_be_changed() {
    on_virtual_time(async {
        for (broken, blocked) in [
            (json!("Match"), "InvalidSpec"),
            (json!("IfEqual"), "DeletionBlocked"),
        ] {
            let world = World::sharing("loyal", LOYAL_GAMERS).await;
            users_segment(&world);
            let sid = world.audience("loyal")["status"]["audienceManager"]["traitSid"].clone();
            world.edit("loyal", &json!({"spec": {"adoptionPolicy": broken}}));
            world.delete("loyal");
            virtual_time::passes(2 * MINUTE).await;
            is(&world.audience("loyal"), "Ready", "False", blocked);
            let before = world.choke_point.count();
            world.edit("loyal", &json!({"spec": {"deletionPolicy": "Retain"}}));
            virtual_time::passes(LOOK).await;
            assert!(world.audience("loyal").is_null(), "{blocked}");
            let state = world.tenant();
            let mut traits = state["traits"].as_array().unwrap().iter();
            assert!(
                traits.any(|found| found["sid"] == sid),
                "{blocked}: deleted"
            );
            assert_eq!(writes_since(&world, before), 0, "{blocked}");
        }
    });
}

#[test]
fn the_finalizer_comes_before_any_verdict() {
    on_virtual_time(async {
        let world = World::new(seed());
        let mut invalid = audience("invalid", LOYAL_GAMERS);
        let segment = json!({"key": "a", "name": "A", "rule": "{trait} AND ("});
        invalid["spec"]["target"] = json!({"audienceManager": {"additionalSegments": [segment]}});
        world.apply(invalid);
        let mut suspended = audience("suspended", LOYAL_GAMERS);
        suspended["spec"]["suspend"] = json!(true);
        world.apply(suspended);
        world.start_operator();
        virtual_time::passes(LOOK).await;
        for (name, reason) in [("invalid", "ConnectionNotFound"), ("suspended", "Pending")] {
            let known = world.audience(name);
            assert!(is_finalized(&known), "{known}");
            assert_eq!(condition(&known, "Ready")["reason"], reason);
        }
        // Each goes at once: there is nothing that could have been made.
        for name in ["invalid", "suspended"] {
            world.delete(name);
        }
        virtual_time::passes(15 * MINUTE).await;
        assert!(world.audiences().is_empty(), "{:#?}", world.audiences());
    });
}

#[test]
fn a_suspended_audience_keeps_its_verdict() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let ready = condition(&world.audience("loyal"), "Ready");
        assert_eq!(ready["status"], "True");
        let before = world.choke_point.count();
        let edit =
            json!({"spec": {"suspend": true, "target": {"audienceManager": {"ttlDays": 30}}}});
        world.edit("loyal", &edit);
        virtual_time::passes(20 * MINUTE).await;
        let known = world.audience("loyal");
        is(&known, "Suspended", "True", "Suspended");
        assert_eq!(condition(&known, "Ready"), ready, "the last verdict");
        is(&known, "AudienceManagerSynced", "True", "Succeeded");
        assert_eq!(
            known["status"]["observedGeneration"],
            known["metadata"]["generation"]
        );
        assert_eq!(writes_since(&world, before), 0);
        world.edit("loyal", &json!({"spec": {"suspend": false}}));
        virtual_time::passes(LOOK).await;
        let known = world.audience("loyal");
        assert!(condition(&known, "Suspended").is_null(), "{known:#}");
        is(&known, "Ready", "True", "Succeeded");
        assert_eq!(
            condition(&known, "Ready")["observedGeneration"],
            known["metadata"]["generation"]
        );
        assert!(writes_since(&world, before) > 0, "the edit was not applied");
    });
}

#[test]
fn every_condition_of_a_kind_is_there_from_the_first_verdict_on() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(audience("loyal", LOYAL_GAMERS));
        world.apply(connection("acme"));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let connection = &world.connections()[0];
        is(connection, "CredentialsReady", "False", "SecretNotFound");
        for name in [
            "AudienceManagerReachable",
            "ExperiencePlatformReachable",
            "SharedObjectsReady",
            "ProfileMergeRuleReady",
        ] {
            is(connection, name, "Unknown", "Pending");
        }
        let known = world.audience("loyal");
        is(&known, "ReferencesResolved", "False", "DependencyNotReady");
        is(&known, "AudienceManagerSynced", "Unknown", "Pending");
        is(&known, "MembersArriving", "Unknown", "LinkUnproven");
        world.apply(secret());
        virtual_time::passes(2 * LOOK).await;
        is(
            &world.audience("loyal"),
            "ReferencesResolved",
            "True",
            "Succeeded",
        );
        is(
            &world.audience("loyal"),
            "AudienceManagerSynced",
            "True",
            "Succeeded",
        );
    });
}

/// By its name, by its id, by the id of another, and back.
#[test]
fn another_way_of_naming_the_source_is_no_other_source() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        // The strangers have the name that it had before.
        let name = json!({"name": "Gamers of ours"});
        world.person("audiences", LOYAL_GAMERS, &name);
        let mut by_name = audience("loyal", "");
        by_name["spec"]["source"] = json!({ "experiencePlatform": name });
        world.apply(by_name);
        world.start_operator();
        virtual_time::passes(2 * LOOK).await;
        is(&world.audience("loyal"), "Ready", "True", "Succeeded");
        let before = world.choke_point.count();
        let names = |by: Value| json!({"spec": {"source": {"experiencePlatform": by}}});
        world.edit("loyal", &names(json!({"name": null, "id": LOYAL_GAMERS})));
        virtual_time::passes(LOOK).await;
        let known = world.audience("loyal");
        is(&known, "Ready", "True", "Succeeded");
        assert_eq!(
            known["status"]["observedGeneration"],
            known["metadata"]["generation"]
        );
        world.edit("loyal", &names(json!({"id": OTHER})));
        virtual_time::passes(LOOK).await;
        let known = world.audience("loyal");
        is(&known, "Ready", "False", "SourceChanged");
        is(&known, "ReferencesResolved", "False", "SourceChanged");
        assert_eq!(
            known["status"]["source"]["id"], LOYAL_GAMERS,
            "what is recorded stays"
        );
        world.edit("loyal", &names(json!({"id": null, "name": name["name"]})));
        virtual_time::passes(LOOK).await;
        is(&world.audience("loyal"), "Ready", "True", "Succeeded");
        assert_eq!(writes_since(&world, before), 0);
        verdict::ends_well(&world).await;
    });
}

/// Also to a value that it had before.
#[test]
fn each_change_of_the_request_is_a_look_at_both_systems() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        for value in [
            json!("first"),
            json!("second"),
            json!("first"),
            json!(null),
            json!("first"),
        ] {
            let before = world.choke_point.count();
            let annotations = json!({"audience-sharing.dev/reconcile-requested-at": value});
            world.edit("loyal", &json!({"metadata": {"annotations": annotations}}));
            virtual_time::passes(LOOK).await;
            let calls = world.choke_point.calls().split_off(before);
            let lists = calls
                .iter()
                .filter(|call| call.path.contains("/audiences?"))
                .count();
            match value.is_null() {
                true => assert_eq!(lists, 0),
                false => {
                    assert!(lists > 0, "{value}: nothing was read");
                    let handled = &world.audience("loyal")["status"]["lastHandledReconcileAt"];
                    assert_eq!(*handled, value);
                }
            }
        }
    });
}
