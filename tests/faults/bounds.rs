//! Work that would never end: every job stops at a bound, says so once, and is tried again only as often as the passes come
//! (design.md §4, L10).

use std::sync::Arc;

use adobe_simulator::Seed;
use axum::body::Body;
use http::{Method, Response};
use rstest::rstest;
use serde_json::{Value, json};

use crate::back_pressure::{HOUR, to_adobe_since};
use crate::choke_point::{Call, System};
use crate::cluster::Key;
use crate::operations::{LOYAL_GAMERS, OTHER, console_buyers, label};
use crate::operator::{
    OWNER, SECRET, World, audience, audience_key, connection, key_of, secret, seed, shared_segment,
};
use crate::run::{LOOK, on_virtual_time};
use crate::verdict::{ends_well, ready};
use crate::{oracles, tenants, virtual_time};

/// Passes of an hour with jitter, five lists and a token each, and a few calls more in each of them.
const QUIET_HOUR: usize = 7 * (6 + 6);

const DATA_SOURCE: &str = "Adobe Experience Platform Audience Sharing";

fn create_data_source(world: &World, description: &str) -> Value {
    world.create(
        "dataSources",
        json!({
            "pid": 1794, "name": DATA_SOURCE, "description": description,
            "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": true,
        }),
    )
}

fn message(resource: &Value) -> String {
    let conditions = resource["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let ready = conditions.find(|condition| condition["type"] == "Ready");
    ready.map_or_else(String::new, |ready| ready["message"].to_string())
}

/// Nothing but reads for an hour, and not more of them than passes need.
async fn quiet_hour(world: &World) {
    let since = world.choke_point.count();
    virtual_time::passes(HOUR).await;
    let calls = to_adobe_since(world, since);
    let last: Vec<_> = calls
        .iter()
        .rev()
        .take(12)
        .map(ToString::to_string)
        .collect();
    assert!(
        calls.len() <= QUIET_HOUR,
        "{} calls, {last:#?}",
        calls.len()
    );
    assert_eq!(world.choke_point.violations(), Vec::<String>::new());
    assert_eq!(oracles::heard(), Vec::<String>::new());
}

/// The audiences under an export control and those under none wait for different shared objects. Each is told what is in
/// its way, and neither wakes the other without end.
#[rstest]
fn a_credential_that_may_only_read_ends_no_process(#[values(false, true)] restarted: bool) {
    on_virtual_time(async {
        let mut state = tenants::of(Seed::realistic(), SECRET);
        for credential in state["credentials"].as_array_mut().unwrap() {
            credential["aamAccess"] = json!("read");
        }
        let world = World::new(state);
        create_data_source(&world, &format!("[audience-sharing:{OWNER}]"));
        label(&world, &["core/C3"]);
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience("loyal", LOYAL_GAMERS));
        world.apply(audience("other", OTHER));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        if restarted {
            world.restart_operator().await;
            virtual_time::passes(LOOK).await;
        }
        for name in ["loyal", "other"] {
            assert_eq!(ready(&world.audience(name)).0, "False", "{name}");
        }
        assert_eq!(ready(&world.connections()[0]).1, "AccessDenied");
        quiet_hour(&world).await;
    });
}

/// Answers in the place of Audience Manager: a list of data sources with one more element.
fn with_data_source(world: &World, element: Value) {
    let simulator = world.simulator.clone();
    world.choke_point.set_proxy(Some(Arc::new(move |call| {
        let list = call.method == Method::GET && call.path.starts_with("/v1/datasources/?");
        list.then(|| {
            let mut listed = simulator.state()["dataSources"].clone();
            listed.as_array_mut().unwrap().push(element.clone());
            answer(200, &listed)
        })
    })));
}

fn answer(status: u16, body: &Value) -> Response<Body> {
    let answer = Response::builder().status(status);
    let answer = answer.header("content-type", "application/json");
    answer.body(Body::from(body.to_string())).unwrap()
}

#[rstest]
#[case::with_its_id(json!({"dataSourceId": 4_242, "name": ["no", "text"]}), "data source 4242")]
#[case::without_an_id(json!({"name": {"no": "text"}}), "without a readable id")]
fn a_data_source_that_cannot_be_read_is_asked_for_no_more_than_the_passes_do(
    #[case] element: Value,
    #[case] named: &'static str,
    #[values(false, true)] ours_exists: bool,
) {
    on_virtual_time(async {
        let world = World::new(seed());
        if ours_exists {
            create_data_source(&world, &format!("[audience-sharing:{OWNER}]"));
        }
        let before = world.simulator.state();
        with_data_source(&world, element);
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience("loyal", LOYAL_GAMERS));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let connection = world.connections().remove(0);
        let (status, reason) = ready(&connection);
        match ours_exists {
            true => assert_eq!(ready(&world.audience("loyal")).0, "True", "{connection}"),
            false => {
                assert_eq!((&*status, &*reason), ("False", "UnexpectedAnswer"));
                assert!(message(&connection).contains(named), "{connection}");
                assert_eq!(
                    before["dataSources"],
                    world.simulator.state()["dataSources"]
                );
            }
        }
        quiet_hour(&world).await;
        world.choke_point.set_proxy(None);
        ends_well(&world).await;
    });
}

/// From here on Audience Manager answers these writes as done, and stores nothing.
fn stores_nothing(world: &World, is_write: fn(&Call) -> bool) {
    let simulator = world.simulator.clone();
    world.choke_point.set_proxy(Some(Arc::new(move |call| {
        if call.system != System::AudienceManager || !is_write(call) {
            return None;
        }
        if call.path.starts_with("/v1/folders/") {
            return Some(answer(201, &json!({"name": "a name", "parentFolderId": 0})));
        }
        let (collection, field) = match call.path.split('/').nth(2) {
            Some("datasources") => ("dataSources", "dataSourceId"),
            Some("traits") => ("traits", "sid"),
            _ => ("segments", "sid"),
        };
        let id = call.path.rsplit('/').next().unwrap();
        let state = simulator.state();
        let mut objects = state[collection].as_array().unwrap().iter();
        let old = objects.find(|object| object[field] == id.parse::<u64>().unwrap_or_default());
        Some(answer(200, old.unwrap()))
    })));
}

#[test]
fn a_mark_that_is_not_stored_is_written_once_a_pass() {
    on_virtual_time(async {
        let world = World::new(seed());
        let made = create_data_source(&world, "Made by a person");
        world.changes.adopt("dataSources", &made["dataSourceId"]);
        stores_nothing(&world, |call| call.method == Method::PUT);
        world.apply(secret());
        let mut adopting = connection("acme");
        adopting["spec"]["adoptionPolicy"] = json!("Always");
        world.apply(adopting);
        world.apply(audience("loyal", LOYAL_GAMERS));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        // A text that the service keeps in its own spelling is accepted after one try.
        assert_eq!(ready(&world.connections()[0]).0, "True");
        assert_eq!(ready(&world.audience("loyal")).0, "True");
        quiet_hour(&world).await;
        assert_eq!(ready(&world.connections()[0]).0, "True");
    });
}

#[test]
fn a_folder_that_is_not_stored_is_created_once_a_pass() {
    on_virtual_time(async {
        let world = World::new(seed());
        stores_nothing(&world, |call| {
            call.method == Method::POST && call.path.starts_with("/v1/folders/")
        });
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(audience("loyal", LOYAL_GAMERS));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let connection = world.connections().remove(0);
        assert_eq!(ready(&connection).1, "DoesNotConverge", "{connection}");
        assert!(
            message(&connection).contains("trait folder"),
            "{connection}"
        );
        quiet_hour(&world).await;
        world.choke_point.set_proxy(None);
        ends_well(&world).await;
    });
}

#[rstest]
#[case::trait_of("traits", "traitSid", json!({"ttl": 30}), "ttl")]
#[case::segment("segments", "segmentSid", json!({"status": "INACTIVE"}), "status")]
fn an_update_that_is_not_stored_is_written_once_a_try(
    #[case] kind: &'static str,
    #[case] field: &'static str,
    #[case] by_hand: Value,
    #[case] named: &str,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let sid = world.audience("loyal")["status"]["audienceManager"][field].to_string();
        stores_nothing(
            &world,
            match kind {
                "traits" => {
                    |call| call.method == Method::PUT && call.path.starts_with("/v1/traits/")
                }
                _ => |call| call.method == Method::PUT && call.path.starts_with("/v1/segments/"),
            },
        );
        world.person(kind, &sid, &by_hand);
        world.look_now("loyal");
        virtual_time::passes(LOOK).await;
        let loyal = world.audience("loyal");
        assert_eq!(ready(&loyal).1, "DoesNotConverge", "{loyal}");
        let message = message(&loyal);
        assert!(
            message.contains(&sid) && message.contains(named),
            "{message}"
        );
        quiet_hour(&world).await;
        world.choke_point.set_proxy(None);
        world.look_now("loyal");
        ends_well(&world).await;
    });
}

/// No deletion is asked for: a person removes the finalizer and the object in one go.
fn removed_by_force(world: &World, key: &Key) {
    let no_finalizer = json!({"metadata": {"finalizers": null}});
    world.cluster.merge(key, &no_finalizer).unwrap();
    world.cluster.delete(key, &Value::Null).unwrap();
}

#[test]
fn the_engine_of_a_connection_that_was_removed_by_force_stops() {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        world.apply(connection("beside"));
        virtual_time::passes(LOOK).await;
        let hour = async || {
            let since = world.choke_point.count();
            virtual_time::passes(HOUR).await;
            to_adobe_since(&world, since).len()
        };
        let both = hour().await;
        removed_by_force(&world, &key_of(&connection("beside")));
        virtual_time::passes(LOOK).await;
        let one = hour().await;
        assert!(one * 3 < both * 2, "{one} calls of one, {both} of two");
    });
}

/// The data source of its source is listed because of it.
#[test]
fn nothing_more_is_listed_for_an_audience_that_was_removed_by_force() {
    on_virtual_time(async {
        let world = World::new(seed());
        let sid = console_buyers(&world);
        world.apply(secret());
        world.apply(connection("acme"));
        world.apply(shared_segment("buyers", &sid, "ExternalAudience"));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        assert_eq!(ready(&world.audience("buyers")).0, "True");
        let lists = async || {
            let since = world.choke_point.count();
            virtual_time::passes(HOUR).await;
            let calls = to_adobe_since(&world, since).into_iter();
            calls
                .filter(|call| call.path.starts_with("/v1/segments/"))
                .count()
        };
        assert!(lists().await > 0);
        removed_by_force(&world, &audience_key("buyers"));
        virtual_time::passes(HOUR).await;
        assert_eq!(lists().await, 0);
    });
}
