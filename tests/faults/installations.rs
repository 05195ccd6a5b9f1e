//! Another installation of the operator, another owner id, another spelling of an organization, another Secret (laws L1,
//! L7, L9 and L11).

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::Key;
use crate::operations::{LOYAL_GAMERS, OTHER};
use crate::operator::{
    OWNER, SYSTEM_NAMESPACE, World, audience, connection, secret, seed, set_owner, wall_clock,
};
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;

const LEASE: &str = "organization-0f1e2d3c4b5a69780a49420e.audience-sharing.dev";

fn lease() -> Key {
    Key {
        resource: "coordination.k8s.io/v1/leases".into(),
        namespace: SYSTEM_NAMESPACE.into(),
        name: LEASE.into(),
    }
}

fn ready(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|found| found["type"] == "Ready")
        .cloned()
        .unwrap_or_default()
}

/// Another process renews the Lease for as long.
async fn held_by_another(world: &World, lasts: Duration) {
    let until = tokio::time::Instant::now() + lasts;
    while tokio::time::Instant::now() < until {
        let record = json!({"holderIdentity": "another-release-0_uid-9", "leaseDurationSeconds": 90,
            "renewTime": wall_clock().to_string()});
        let object = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE,
            "labels": {"audience-sharing.dev/lease": "organization"}}, "spec": record});
        if world.cluster.create(&lease(), object).is_err() {
            world
                .cluster
                .merge(&lease(), &json!({"spec": record}))
                .unwrap();
        }
        virtual_time::passes(Duration::from_secs(20)).await;
    }
}

#[test]
fn a_connection_says_who_holds_the_lease_of_its_organization_for_good() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience("loyal", LOYAL_GAMERS));
        held_by_another(&world, Duration::from_secs(1)).await;
        world.start_operator();
        held_by_another(&world, Duration::from_secs(300)).await;
        let told = ready(&world.connections()[0]);
        assert_eq!(told["reason"], "LeaseHeldElsewhere", "{told}");
        let message = told["message"].as_str().unwrap();
        for part in ["another-release-0_uid-9", LEASE, SYSTEM_NAMESPACE] {
            assert!(message.contains(part), "{message}");
        }
        let told = ready(&world.audience("loyal"));
        assert_eq!(told["reason"], "DependencyNotReady", "{told}");
        let writes = world.choke_point.calls();
        assert!(!writes.iter().any(|call| call.is_remote_write()));
        // It makes way.
        let gone = json!({"spec": {"holderIdentity": null}});
        world.cluster.merge(&lease(), &gone).unwrap();
        virtual_time::passes(2 * LOOK).await;
        assert_eq!(ready(&world.connections()[0])["status"], "True");
        assert_eq!(ready(&world.audience("loyal"))["status"], "True");
    });
}

/// The usual change of replicas is told by nobody.
#[test]
fn a_lease_that_runs_out_is_no_news() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        held_by_another(&world, Duration::from_secs(1)).await;
        world.start_operator();
        for _ in 0..100 {
            virtual_time::passes(Duration::from_secs(2)).await;
            let told = ready(&world.connections()[0]);
            assert_ne!(told["reason"], "LeaseHeldElsewhere", "{told}");
        }
        assert_eq!(ready(&world.connections()[0])["status"], "True");
    });
}

#[test]
fn two_spellings_of_an_organization_share_one_lease() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        let mut other = connection("lower");
        other["spec"]["organizationId"] = json!("0f1e2d3c4b5a69780a49420e@AdobeOrg");
        world.apply(other);
        let mut readers = audience("readers", OTHER);
        readers["spec"]["connectionRef"]["name"] = json!("lower");
        world.apply(readers);
        world.apply(audience("loyal", LOYAL_GAMERS));
        world.start_operator();
        virtual_time::passes(2 * LOOK).await;
        let before = world.choke_point.count();
        virtual_time::passes(Duration::from_secs(600)).await;
        for name in ["loyal", "readers"] {
            let told = ready(&world.audience(name));
            assert_eq!(told["status"], "True", "{told}");
        }
        let calls = world.choke_point.calls().split_off(before);
        let renewals = calls
            .iter()
            .filter(|call| call.path.contains(LEASE))
            .count();
        assert!(
            renewals <= 125,
            "{renewals} renewals by one keeper in ten minutes"
        );
    });
}

#[test]
fn the_lease_records_the_owner_id() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let (leases, _) = world.cluster.list(&lease().resource, None, None, 0);
        assert_eq!(leases.len(), 2);
        for lease in leases {
            let annotations = &lease["metadata"]["annotations"];
            assert_eq!(
                annotations["audience-sharing.dev/owner-id"], OWNER,
                "{lease}"
            );
        }
    });
}

#[test]
fn another_owner_id_takes_no_organization_over_and_deletes_nothing() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.kill_operator();
        virtual_time::passes(LOOK).await;
        set_owner("another-owner", &[]);
        let before = world.choke_point.count();
        world.start_operator();
        virtual_time::passes(Duration::from_secs(300)).await;
        world.delete("loyal");
        virtual_time::passes(Duration::from_secs(1_800)).await;
        assert!(!world.audience("loyal").is_null(), "it went without a word");
        let told = ready(&world.connections()[0]);
        assert_eq!(told["reason"], "OwnerIdChanged", "{told}");
        let message = told["message"].as_str().unwrap();
        assert!(
            message.contains(OWNER) && message.contains("another-owner"),
            "{message}"
        );
        let calls = world.choke_point.calls().split_off(before);
        assert!(!calls.iter().any(|call| call.is_remote_write()));
        // The right one again.
        world.kill_operator();
        set_owner(OWNER, &[]);
        world.start_operator();
        virtual_time::passes(Duration::from_secs(300)).await;
        assert!(world.audience("loyal").is_null());
        assert_eq!(world.choke_point.violations(), Vec::<String>::new());
    });
}

#[test]
fn an_owner_id_that_is_named_as_the_one_before_is_succeeded() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.kill_operator();
        virtual_time::passes(LOOK).await;
        set_owner("another-owner", &["one-long-ago", OWNER]);
        world.start_operator();
        virtual_time::passes(Duration::from_secs(300)).await;
        let lease = world.cluster.get(&lease(), 0).unwrap();
        let annotations = &lease["metadata"]["annotations"];
        assert_eq!(
            annotations["audience-sharing.dev/owner-id"],
            "another-owner"
        );
        // What becomes of the objects is judged by their marks.
        let told = ready(&world.connections()[0]);
        assert_ne!(told["reason"], "OwnerIdChanged", "{told}");
        assert_ne!(told["reason"], "LeaseHeldElsewhere", "{told}");
    });
}

/// Another owner put its own mark on them.
#[test]
fn what_is_not_ours_any_more_is_left_and_told() {
    on_virtual_time(async {
        let description = "Mine. [audience-sharing:somebody-else/marketing/loyal]";
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let status = world.audience("loyal")["status"]["audienceManager"].clone();
        let (trait_sid, segment_sid) = (&status["traitSid"], &status["segmentSid"]);
        for (collection, sid) in [("traits", trait_sid), ("segments", segment_sid)] {
            let foreign = json!({ "description": description });
            world.person(collection, &sid.to_string(), &foreign);
        }
        world.look_now("loyal");
        virtual_time::passes(LOOK).await;
        world.delete("loyal");
        virtual_time::passes(Duration::from_secs(120)).await;
        assert!(world.audience("loyal").is_null());
        let state = world.tenant();
        let mut traits = state["traits"].as_array().unwrap().iter();
        assert!(traits.any(|found| found["sid"] == *trait_sid), "deleted");
        let (events, _) = world.cluster.list("events.k8s.io/v1/events", None, None, 0);
        let told = events.iter().find(|event| {
            event["regarding"]["kind"] == "SharedAudience"
                && event["reason"] == "ReleasedWithoutDeletion"
        });
        let note = told.unwrap()["note"].as_str().unwrap().to_owned();
        assert!(note.contains(&format!("Trait {trait_sid}")), "{note}");
        assert!(note.contains(&format!("Segment {segment_sid}")), "{note}");
    });
}

#[test]
fn another_secret_with_the_same_client_id_is_watched_from_then_on() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let mut other = secret();
        other["metadata"]["name"] = json!("adobe-oauth-2");
        world.apply(other.clone());
        let moved = json!({"spec": {"credentialsSecretRef": {"name": "adobe-oauth-2"}}});
        world.edit_connection("acme", &moved);
        virtual_time::passes(LOOK).await;
        assert_eq!(ready(&world.connections()[0])["status"], "True");
        other["data"]["clientSecret"] = json!("IA==");
        world.apply(other);
        virtual_time::passes(Duration::from_secs(10)).await;
        let told = ready(&world.connections()[0]);
        assert_eq!(told["reason"], "SecretInvalid", "{told}");
    });
}
