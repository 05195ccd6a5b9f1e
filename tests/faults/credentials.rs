//! Two Secrets never share a token, a circuit or a verdict, even if they name the same client id (law L9): they share a
//! rate limiter, whose rate is a flag of the operator, and what a connection declares binds its own calls alone.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use rstest::rstest;
use serde_json::{Value, json};

use crate::back_pressure::{Budget, MINUTE, edit, standing_within, to_adobe_since, unready};
use crate::choke_point::{Call, System, failure};
use crate::failures::answers::set_flags;
use crate::operator::{SECRET, World, audience, connection, secret, seed, set_client_rate_limit};
use crate::run::{LOOK, on_virtual_time};
use crate::{verdict, virtual_time};

/// Another namespace than the one of the audiences that exist from the start.
const SALES: &str = "sales";
/// How many audiences of the first namespace exist from the start.
const COUNT: usize = 20;
/// The source of what the other namespace declares.
const WANTED: &str = "audience-20";

/// The client id of the first namespace, with a secret that nobody issued.
fn junk() -> Value {
    let mut junk = secret();
    junk["data"]["clientSecret"] = json!("anVuay1zZWNyZXQ=");
    junk
}

/// Shared objects of its own, so that it waits for no other connection.
fn own_shared_objects(mut connection: Value) -> Value {
    connection["spec"]["audienceManager"] =
        json!({"dataSource": "Sales", "traitFolder": "Sales", "segmentFolder": "Sales"});
    connection
}

async fn world() -> World {
    standing_within(COUNT + 1, COUNT, Budget::new(6_000, 100)).await
}

fn in_sales(objects: Vec<Value>) -> Value {
    let in_sales = |object: &Value| object["metadata"]["namespace"] == SALES;
    objects.into_iter().find(in_sales).unwrap_or_default()
}

/// The audiences of the first namespace that are not ready.
fn unready_of_first(world: &World) -> Vec<String> {
    let mut unready = unready(world);
    unready.remove("wanted");
    unready.remove("sales");
    unready.into_iter().collect()
}

/// The operator looks at the connection of the first namespace again, its Secret included.
fn look_at_first_again(world: &World) {
    world.edit_connection("acme", &json!({"spec": {"resyncInterval": "11m"}}));
}

async fn calls_within(world: &World, time: Duration) -> Vec<Call> {
    let before = world.choke_point.count();
    virtual_time::passes(time).await;
    to_adobe_since(world, before)
}

/// A value of a Secret becomes a header and a form: it stays one value, or nothing is sent with it.
#[rstest]
#[case::a_header_in_the_client_id("demo-client\r\nx-gw-ims-org-id: other", SECRET)]
#[case::a_parameter_in_the_client_id("demo-client&grant_type=password", SECRET)]
#[case::a_parameter_in_the_secret("demo-client", "canary-7f3d-secret&scope=all")]
fn a_secret_adds_no_header_and_no_parameter(#[case] client_id: &str, #[case] client_secret: &str) {
    on_virtual_time(async {
        let world = World::new(seed());
        let base64 = |text: &str| json!(ByteString(text.into()));
        let mut secret = secret();
        secret["data"] =
            json!({"clientId": base64(client_id), "clientSecret": base64(client_secret)});
        world.apply(secret);
        world.apply(connection("acme"));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let connection = world.connections().remove(0);
        assert_eq!(verdict::ready(&connection).1, "CredentialsRefused");
        let told = connection["status"].to_string();
        assert!(!told.contains("demo-client"), "{told}");
        let mut asked = to_adobe_since(&world, 0);
        asked.retain(|call| call.system != System::IdentityService);
        assert!(asked.is_empty(), "{asked:?}");
    });
}

#[rstest]
fn a_junk_secret_with_the_client_id_of_another_namespace_gets_nothing_and_stops_nobody(
    #[values(true, false)] junk_comes_first: bool,
) {
    on_virtual_time(async {
        let declare_junk = |world: &World| {
            world.apply_in(SALES, junk());
            world.apply_in(SALES, connection("sales"));
            let mut wanted = audience("wanted", WANTED);
            wanted["spec"]["connectionRef"]["name"] = json!("sales");
            world.apply_in(SALES, wanted);
        };
        let world = if junk_comes_first {
            let world = crate::back_pressure::declared(COUNT + 1);
            world.delete(WANTED);
            declare_junk(&world);
            world.start_operator();
            virtual_time::passes(3 * MINUTE).await;
            world
        } else {
            let world = world().await;
            declare_junk(&world);
            virtual_time::passes(Duration::from_secs(5)).await;
            look_at_first_again(&world);
            let calls = calls_within(&world, MINUTE).await;
            let others = calls
                .iter()
                .find(|call| call.system != System::IdentityService);
            assert_eq!(others, None, "a refused Secret calls no service");
            world
        };
        assert_eq!(unready_of_first(&world), Vec::<String>::new());
        let refused = verdict::ready(&in_sales(world.connections()));
        assert_eq!(refused, ("False".into(), "CredentialsRefused".into()));
        let waits = verdict::ready(&in_sales(world.audiences()));
        assert_eq!(waits, ("False".into(), "DependencyNotReady".into()));
        // The circuit of the junk Secret is open now; an edit of the others passes at once.
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        virtual_time::passes(MINUTE).await;
        assert_eq!(unready_of_first(&world), Vec::<String>::new());
        let tenant = world.simulator.state().to_string();
        assert!(!tenant.contains("/sales/"), "nothing was created for it");
        // With the right secret it goes on by itself.
        world.apply_in(SALES, secret());
        virtual_time::passes(10 * MINUTE).await;
        let shared = verdict::ready(&in_sales(world.audiences()));
        assert_eq!(shared, ("True".into(), "Succeeded".into()));
    });
}

/// A Secret that was good and becomes junk stops its own connections alone, whichever name they have.
#[test]
fn of_two_secrets_in_one_namespace_the_junk_one_is_refused_alone() {
    on_virtual_time(async {
        let world = world().await;
        let mut second = secret();
        second["metadata"]["name"] = json!("second");
        world.apply(second.clone());
        let mut with_second = own_shared_objects(connection("sales"));
        with_second["spec"]["credentialsSecretRef"]["name"] = json!("second");
        world.apply(with_second);
        virtual_time::passes(MINUTE).await;
        let of_second = |world: &World| {
            let connections = world.connections();
            let mut named = connections.iter();
            verdict::ready(
                named
                    .find(|known| known["metadata"]["name"] == "sales")
                    .unwrap(),
            )
        };
        assert_eq!(of_second(&world).0, "True");
        second["data"]["clientSecret"] = junk()["data"]["clientSecret"].clone();
        world.apply(second);
        virtual_time::passes(Duration::from_secs(5)).await;
        look_at_first_again(&world);
        for _ in 0..20 {
            virtual_time::passes(MINUTE).await;
            assert_eq!(of_second(&world).1, "CredentialsRefused");
        }
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        virtual_time::passes(MINUTE).await;
        assert_eq!(unready_of_first(&world), Vec::<String>::new());
    });
}

/// In the same namespace with the same Secret, and in another one.
#[rstest]
fn a_budget_of_one_call_a_minute_slows_its_own_connection_alone(
    #[values(true, false)] same_secret: bool,
) {
    on_virtual_time(async {
        let world = world().await;
        let mut slow = own_shared_objects(connection("sales"));
        slow["spec"]["rateLimit"] = json!({"requestsPerMinute": 1, "burst": 1});
        if same_secret {
            world.apply(slow);
        } else {
            world.apply_in(SALES, secret());
            world.apply_in(SALES, slow);
        }
        virtual_time::passes(2 * MINUTE).await;
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        virtual_time::passes(Duration::from_secs(10)).await;
        assert_eq!(unready_of_first(&world), Vec::<String>::new());
    });
}

#[test]
fn a_wait_that_the_identity_service_asks_of_one_secret_holds_up_no_other() {
    on_virtual_time(async {
        let world = world().await;
        world.choke_point.set_proxy(Some(Arc::new(|call: &Call| {
            let is_token = call.system == System::IdentityService;
            is_token.then(|| failure(call.system, 429, "", Some("1800")))
        })));
        world.apply_in(SALES, secret());
        world.apply_in(SALES, own_shared_objects(connection("sales")));
        virtual_time::passes(MINUTE).await;
        let waits = verdict::ready(&in_sales(world.connections()));
        assert_eq!(waits, ("False".into(), "Throttled".into()));
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        virtual_time::passes(MINUTE).await;
        assert_eq!(unready_of_first(&world), Vec::<String>::new());
    });
}

#[test]
fn the_connections_of_one_client_share_the_operators_rate_and_none_takes_all_of_it() {
    on_virtual_time(async {
        let world = World::new(crate::tenants::with_audiences(
            COUNT + 1,
            crate::operator::SECRET,
        ));
        set_client_rate_limit(60);
        world.choke_point.keep_no_snapshots();
        let fast = |mut connection: Value| {
            connection["spec"]["rateLimit"] = json!({"requestsPerMinute": 6_000, "burst": 1});
            connection
        };
        world.apply(secret());
        world.apply(fast(connection("acme")));
        world.apply_in(SALES, secret());
        world.apply_in(SALES, fast(own_shared_objects(connection("sales"))));
        (0..COUNT).for_each(|index| {
            let name = format!("audience-{index}");
            world.apply(audience(&name, &name));
        });
        let mut wanted = audience("wanted", WANTED);
        wanted["spec"]["connectionRef"]["name"] = json!("sales");
        world.apply_in(SALES, wanted);
        world.start_operator();
        virtual_time::passes(5 * MINUTE).await;
        assert!(unready(&world).is_empty());
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        virtual_time::passes(Duration::from_secs(2)).await;
        let ttl = json!({"spec": {"target": {"audienceManager": {"ttlDays": 30}}}});
        world.edit_in(SALES, "wanted", &ttl);
        // Its read and its write, in turns with the forty calls of the other connection.
        virtual_time::passes(Duration::from_secs(6)).await;
        let edited = in_sales(world.audiences());
        assert_eq!(
            edited["metadata"]["generation"],
            edited["status"]["observedGeneration"]
        );
        virtual_time::passes(MINUTE).await;
        assert!(unready(&world).is_empty());
        Budget::new(60, 2).assert_kept(&to_adobe_since(&world, 0));
    });
}

/// The credential lacks the scope or the product profile of one service: the connection names the service and what to add,
/// the other service is still called, and with the profile all goes on.
#[rstest]
fn a_credential_that_one_service_does_not_take_is_named_with_what_it_lacks(
    #[values(401, 403)] status: u16,
    #[values("Audience Manager", "Experience Platform")] refusing: &'static str,
) {
    on_virtual_time(async {
        let world = World::new(seed());
        set_flags(&world, &json!({"shared": {"unentitledStatus": status}}));
        let set = |pid: Value, access: &str| {
            let mut state = world.simulator.state();
            state["credentials"][0]["pid"] = pid;
            state["credentials"][0]["aepAccess"] = json!(access);
            world.simulator.set_state(state).unwrap();
        };
        match refusing {
            "Audience Manager" => set(Value::Null, "full"),
            _ => set(json!(1_794), "none"),
        }
        world.apply(secret());
        world.apply(connection("acme"));
        world.start_operator();
        virtual_time::passes(Duration::from_secs(1_800)).await;
        let connection = &world.connections()[0];
        assert_eq!(verdict::ready(connection).1, "CredentialsRefused");
        let message = connection["status"]["conditions"].to_string();
        for text in [refusing, "product profile", "scopes"] {
            assert!(message.contains(text), "{message}");
        }
        let calls = world.choke_point.calls();
        let of_tokens = |call: &&Call| call.system == System::IdentityService;
        let tokens = calls.iter().filter(of_tokens).count();
        assert!(tokens <= 2 + 2 * 12, "{tokens} tokens");

        set(json!(1_794), "full");
        virtual_time::passes(Duration::from_secs(900)).await;
        assert_eq!(verdict::ready(&world.connections()[0]).0, "True");
    });
}
