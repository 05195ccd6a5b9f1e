//! A second connection to the same tenant, with a data source and folders of its own, is no way back.

use serde_json::{Value, json};

use crate::operations::{LOYAL_GAMERS, console_buyers};
use crate::operator::{World, audience, connection, secret, seed, shared_segment};
use crate::run::{LOOK, on_virtual_time};
use crate::{verdict, virtual_time};

fn through_second(mut declared: Value) -> Value {
    declared["spec"]["connectionRef"]["name"] = json!("second");
    declared
}

#[test]
fn a_second_connection_is_no_way_back() {
    on_virtual_time(async {
        let world = World::new(seed());
        world.apply(secret());
        world.apply(connection("acme"));
        let mut second = connection("second");
        second["spec"]["audienceManager"] = json!({
            "dataSource": "Another data source", "traitFolder": "Other traits", "segmentFolder": "Other segments",
        });
        world.apply(second);
        world.apply(audience("loyal", LOYAL_GAMERS));
        let sid = console_buyers(&world);
        world.apply(shared_segment("buyers", &sid, "ExternalAudience"));
        world.start_operator();
        virtual_time::passes(LOOK).await;
        let there = world.audience("loyal")["status"]["audienceManager"].clone();
        let mut a_trait = audience("trait", "");
        a_trait["spec"]["source"] =
            json!({"audienceManager": {"trait": {"sid": there["traitSid"]}}});
        let here = world.audience("buyers")["status"]["experiencePlatform"]["id"].clone();
        let since = world.choke_point.count();
        for back in [
            a_trait,
            shared_segment("segment", &there["segmentSid"], "ExternalAudience"),
            audience("audience", here.as_str().unwrap()),
        ] {
            let name = back["metadata"]["name"].as_str().unwrap().to_owned();
            world.apply(through_second(back));
            virtual_time::passes(LOOK).await;
            let back = world.audience(&name);
            assert_eq!(verdict::ready(&back).1, "SharingLoop", "{back}");
            let told = back["status"]["conditions"].to_string();
            assert!(told.contains("carries the mark"), "{told}");
        }
        let calls = world.choke_point.calls().split_off(since);
        let written: Vec<_> = calls.iter().filter(|call| call.is_remote_write()).collect();
        assert!(written.is_empty(), "{written:?}");
    });
}
