//! A write is checked when its turn has come, not when it gets in line, which may be minutes before (design.md §4, L3).

use std::time::Duration;

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::back_pressure::{
    Budget, HOUR, MINUTE, declared_within, edit, standing_within, to_adobe_since, unready,
};
use crate::choke_point::Call;
use crate::operations::{LOYAL_GAMERS, console_buyers};
use crate::operator::{World, shared_segment};
use crate::run::{LOOK, on_virtual_time};
use crate::virtual_time;

/// One call in a second, so that the edits of all wait for minutes.
const SLOW: Budget = Budget::new(60, 2);
const AUDIENCES: usize = 60;
/// Its turn comes late, since the turns go by name.
const LATE: usize = 59;

fn sid(world: &World, index: usize, field: &str) -> Value {
    world.audience(&format!("audience-{index}"))["status"]["audienceManager"][field].clone()
}

fn writes_about(calls: &[Call], sid: &Value) -> Vec<String> {
    let path = |call: &&Call| call.path.ends_with(&format!("/{sid}"));
    let writes = calls
        .iter()
        .filter(|call| call.is_remote_write())
        .filter(path);
    writes.map(ToString::to_string).collect()
}

/// All are edited, and the update of the last one waits.
async fn in_line() -> (World, usize) {
    let world = standing_within(AUDIENCES, AUDIENCES, SLOW).await;
    let since = world.choke_point.count();
    (0..AUDIENCES).for_each(|index| edit(&world, index, 30));
    virtual_time::passes(Duration::from_secs(30)).await;
    let waits = writes_about(
        &to_adobe_since(&world, since),
        &sid(&world, LATE, "traitSid"),
    );
    assert_eq!(waits, Vec::<String>::new(), "it waits");
    (world, since)
}

#[test]
fn an_edit_that_is_edited_again_while_it_waits_is_not_written() {
    on_virtual_time(async {
        let (world, since) = in_line().await;
        let sid = sid(&world, LATE, "traitSid");
        edit(&world, LATE, 31);
        virtual_time::passes(10 * MINUTE).await;
        assert!(unready(&world).is_empty());
        let written = writes_about(&to_adobe_since(&world, since), &sid);
        assert_eq!(written.len(), 1, "{written:?}");
    });
}

#[test]
fn an_edit_whose_manifest_is_deleted_while_it_waits_is_not_written() {
    on_virtual_time(async {
        let (world, since) = in_line().await;
        let sid = sid(&world, LATE, "traitSid");
        world.delete(&format!("audience-{LATE}"));
        virtual_time::passes(10 * MINUTE).await;
        assert!(unready(&world).is_empty());
        let written = writes_about(&to_adobe_since(&world, since), &sid);
        assert!(
            written.len() == 1 && written[0].contains("DELETE"),
            "{written:?}"
        );
    });
}

/// One turn covers the read and the write: nobody edits the object in between.
#[test]
fn an_update_and_a_deletion_read_their_object_immediately_before() {
    on_virtual_time(async {
        let (world, since) = in_line().await;
        (0..AUDIENCES / 2).for_each(|index| world.delete(&format!("audience-{index}")));
        virtual_time::passes(HOUR).await;
        assert!(unready(&world).is_empty());
        let calls = to_adobe_since(&world, since);
        let mut judged = 0;
        for (at, call) in calls.iter().enumerate() {
            if !matches!(call.method, Method::PUT | Method::DELETE) {
                continue;
            }
            let mut before = calls[..at].iter().rev();
            let path = |call: &str| call.split('?').next().map(str::to_owned);
            let read = before
                .find(|read| read.method == Method::GET && path(&read.path) == path(&call.path));
            let read = read.unwrap_or_else(|| panic!("{call} without a read"));
            let age = call.at - read.at;
            assert!(
                age < Duration::from_millis(100),
                "{call} {age:?} after its read"
            );
            judged += 1;
        }
        assert!(
            judged >= AUDIENCES / 2 + AUDIENCES,
            "{judged} writes were judged"
        );
        SLOW.assert_kept(&calls);
    });
}

/// What an edit costs in Experience Platform, call by call: a look by the key before a create, a read before a write.
#[rstest]
#[case::external("ExternalAudience", "/data/core/ups/audiences")]
#[case::metadata("MetadataOnly", "/data/core/ais/audiences")]
fn each_write_to_experience_platform_follows_one_read(
    #[case] strategy: &str,
    #[case] create: &str,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let calls_of = async |act: &dyn Fn()| -> Vec<String> {
            let since = world.choke_point.count();
            act();
            virtual_time::passes(LOOK).await;
            let calls = to_adobe_since(&world, since).into_iter();
            let told = |call: Call| {
                let path = call.path.split('?').next().unwrap_or_default();
                format!("{} {path}", call.method)
            };
            calls.map(told).collect()
        };
        let sid = console_buyers(&world);
        let mut shared = shared_segment("buyers", &sid, strategy);
        let made = calls_of(&|| world.apply(shared.clone())).await;
        assert_eq!(
            made,
            [
                format!("GET /v1/segments/{sid}"),
                "GET /data/core/ups/audiences".into(),
                format!("POST {create}"),
            ]
        );
        let id = world.audience("buyers")["status"]["experiencePlatform"]["id"].clone();
        let one = format!("/data/core/ups/audiences/{}", id.as_str().unwrap());
        let read = format!("GET {one}");
        shared["spec"]["target"]["experiencePlatform"]["name"] = json!("By name");
        let renamed = calls_of(&|| world.apply(shared.clone())).await;
        assert_eq!(renamed, [read.clone(), format!("PATCH {one}")]);
        let deleted = calls_of(&|| world.delete("buyers")).await;
        assert_eq!(deleted, [read, format!("DELETE {one}")]);
    });
}

/// Whenever the edit comes, a data source of the old name is not made after it.
#[test]
fn a_shared_object_whose_connection_is_edited_while_it_waits_is_not_written() {
    for seconds in 1..=40 {
        on_virtual_time(async move {
            let slow = Budget::new(20, 1);
            let world = declared_within(1, slow);
            world.start_operator();
            virtual_time::passes(Duration::from_secs(seconds)).await;
            let names = |state: &Value| -> Vec<Value> {
                let data_sources = state["dataSources"].as_array().unwrap().iter();
                data_sources.map(|found| found["name"].clone()).collect()
            };
            let before = names(&world.simulator.state());
            let mut edited = slow.connection("acme");
            edited["spec"]["audienceManager"]["dataSource"] = json!("Another name");
            world.apply(edited);
            virtual_time::passes(10 * MINUTE).await;
            let waiting = unready(&world);
            assert!(waiting.is_empty(), "edited after {seconds} s: {waiting:?}");
            let mut after = names(&world.simulator.state());
            // Adobe makes one of its own with the first folder.
            after.retain(|name| !before.contains(name) && name != "Folder Traits");
            assert_eq!(after, [json!("Another name")], "edited after {seconds} s");
        });
    }
}

/// Since the last pass somebody else took the object over.
#[rstest]
fn a_deletion_leaves_what_is_not_ours_any_more(
    #[values("traits", "segments")] collection: &'static str,
) {
    on_virtual_time(async {
        let world = World::sharing("loyal", LOYAL_GAMERS).await;
        let field = if collection == "traits" {
            "traitSid"
        } else {
            "segmentSid"
        };
        let sid = world.audience("loyal")["status"]["audienceManager"][field].clone();
        let description = "[audience-sharing:another-owner/marketing/theirs]";
        let change = json!({ "description": description });
        world.person(collection, &sid.to_string(), &change);
        let since = world.choke_point.count();
        world.delete("loyal");
        virtual_time::passes(LOOK + MINUTE).await;
        let written = writes_about(&to_adobe_since(&world, since), &sid);
        assert_eq!(written, Vec::<String>::new());
        let state = world.simulator.state();
        let mut left = state[collection].as_array().unwrap().iter();
        assert!(left.any(|found| found["sid"] == sid), "it is still there");
    });
}
