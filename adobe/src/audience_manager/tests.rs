//! The client against recorded shapes of Audience Manager.

mod destinations;
mod export_controls;
mod folders;
mod repeated;

use audience_sharing_core::domain::audience_manager::{
    Activity, DataSource, DataSourceChange, NewSegment, NewTrait, Segment, SegmentChange, Trait,
    TraitChange, TraitFolder, TraitKind,
};
use audience_sharing_core::domain::identifier::{
    CompanyId, DataSourceId, IntegrationCode, ModelId, SegmentFolderId, SegmentSid, TraitFolderId,
    TraitSid,
};
use audience_sharing_core::domain::model::Model;
use audience_sharing_core::domain::rights::Rights;
use serde_json::{Value, json};

use super::service::OfAudienceManager;
use super::{AudienceManager, Deleted, Updated};
use crate::client::operation;
use crate::error::kind::CallKind;
use crate::gateway::CallContext;
use crate::lease_guard::LeaseGuard;
use crate::scripted::{Reply, World, change, leased};
use crate::{Effect, Error, Kind};

impl AudienceManager {
    /// One write and nothing else, for tests of the gateway.
    pub(crate) async fn delete_unread(
        &self,
        context: &CallContext,
        lease_guard: LeaseGuard,
        sid: TraitSid,
    ) -> Result<(), Error> {
        let operation = operation::<OfAudienceManager>("traits.delete", CallKind::Delete);
        let path = format!("/traits/{sid}");
        self.remove(context, lease_guard, operation, &path).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_is_deleted_only_as_it_was_read() {
    let world = World::authorized(|call, _| match call.to_string().starts_with("GET") {
        true => Reply::json(
            200,
            &json!({"folderId": 9, "parentFolderId": 0, "name": "Renamed"}),
        ),
        false => Reply::text(204, ""),
    });
    let aam = world.gateway.audience_manager();
    let folder = |name: &str| TraitFolder {
        id: TraitFolderId(9),
        parent: TraitFolderId(0),
        name: name.into(),
    };
    let (before, renamed) = (folder("Traits"), folder("Renamed"));
    let deleted = aam.delete(&change(), leased(), &before).await;
    assert_eq!(deleted, Ok(Deleted::Changed(renamed.clone())));
    let deleted = aam.delete(&change(), leased(), &renamed).await;
    assert_eq!(deleted, Ok(Deleted::Done));
    let calls: Vec<_> = world.calls().iter().map(ToString::to_string).collect();
    assert_eq!(
        calls,
        [
            "GET aam.adobe.io/v1/folders/traits/9",
            "GET aam.adobe.io/v1/folders/traits/9",
            "DELETE aam.adobe.io/v1/folders/traits/9",
        ]
    );
}

const SOURCE: DataSourceId = DataSourceId(29769);

fn stored_trait() -> Value {
    json!({
        "sid": 77, "traitType": "ON_BOARDED_TRAIT", "name": "Loyal &amp; gamers", "description": "ours",
        "integrationCode": "4b1c", "comments": "by hand", "dataSourceId": 29769, "pid": 1794, "folderId": 5,
        "status": "ACTIVE", "traitRule": "segid == &quot;4b1c&quot;", "traitRuleVersion": 3, "ttl": 120, "type": 0,
        "categoryId": null, "crUID": 1, "upUID": 2, "createTime": 1595340792000u64, "updateTime": 1595340792000u64,
        "uniques7Day": 12, "count1Day": 3, "backfillStatus": "NONE", "laterField": {"kept": true}
    })
}

fn known_trait() -> Trait {
    Trait {
        look_alikes: None,
        sid: TraitSid(77),
        kind: TraitKind::Onboarded,
        name: "Loyal & gamers".into(),
        description: "ours".into(),
        integration_code: Some(IntegrationCode::new("4b1c")),
        data_source: SOURCE,
        folder: TraitFolderId(5),
        rule: "segid == \"4b1c\"".into(),
        ttl_days: Some(120),
        activity: Activity::Active,
    }
}

fn stored_segment() -> Value {
    json!({
        "sid": 9001, "name": "Loyal gamers", "description": null, "segmentRule": "77T", "folderId": "6",
        "integrationCode": "4b1c", "status": "inactive", "dataSourceId": "29769", "mergeRuleDataSourceId": 0,
        "traitDataSourceIds": [29769], "pid": 1794, "createTime": 1, "updateTime": 2, "crUID": 1, "upUID": 1,
        "isDestinationMappable": true, "totalUniques7Day": 5
    })
}

fn known_segment() -> Segment {
    Segment {
        sid: SegmentSid(9001),
        name: "Loyal gamers".into(),
        description: "".into(),
        integration_code: Some(IntegrationCode::new("4b1c")),
        data_source: SOURCE,
        folder: SegmentFolderId(6),
        rule: "77T".into(),
        merge_rule: None,
        trait_data_sources: Some([DataSourceId(29769)].into()),
        activity: Activity::Inactive,
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_decoded_and_one_bad_element_hides_no_other() {
    let world = World::authorized(|_, _| {
        let odd =
            json!({"sid": 78, "dataSourceId": 29769, "name": {"a": 1}, "permissions": ["READ"]});
        let foreign = json!({"sid": 79, "dataSourceId": 1, "folderId": 0, "status": 1, "traitType": "NEW_KIND"});
        Reply::json(200, &json!([stored_trait(), odd, 5, foreign]))
    });
    let listing = world
        .gateway
        .audience_manager()
        .list::<Trait>(&change(), &vec![SOURCE])
        .await
        .expect("a list");
    assert_eq!(listing.items, [known_trait()]);
    assert_eq!(listing.undecodable, [Some(TraitSid(78)), None]);
    let read_alone = Rights::of(["READ"]);
    assert_eq!(listing.lacking, [(TraitSid(78), read_alone)]);
    assert_eq!(
        world.calls()[0].to_string(),
        "GET aam.adobe.io/v1/traits/?dataSourceId=29769&includeDetails=true&includePermissions=true"
    );
}

#[tokio::test(start_paused = true)]
async fn spellings_and_nulls_of_a_segment_are_read() {
    let world = World::authorized(|_, _| Reply::json(200, &stored_segment()));
    let segment = world
        .gateway
        .audience_manager()
        .get::<Segment>(&change(), &SegmentSid(9001))
        .await;
    assert_eq!(segment, Ok(known_segment()));
    assert_eq!(
        world.calls()[0].to_string(),
        "GET aam.adobe.io/v1/segments/9001?includeTraitDataSourceIds=true"
    );
}

#[tokio::test(start_paused = true)]
async fn a_code_is_looked_up_exactly_and_in_its_data_source() {
    let world = World::authorized(|_, _| {
        let mut other_code = stored_trait();
        other_code["integrationCode"] = json!("4b1c.x");
        let mut other_source = stored_trait();
        other_source["dataSourceId"] = json!(1);
        Reply::json(200, &json!([other_code, stored_trait(), other_source]))
    });
    let aam = world.gateway.audience_manager();
    let code = IntegrationCode::new("4b1c");
    let found = aam.find::<Trait>(&change(), &(SOURCE, code.clone())).await;
    assert_eq!(found, Ok(vec![known_trait()]));
    let odd = IntegrationCode::new("a&b c/d?");
    assert_eq!(
        aam.find::<Segment>(&change(), &(SOURCE, odd.clone())).await,
        Ok(Vec::new())
    );
    assert_eq!(
        world.calls()[1].target,
        "aam.adobe.io/v1/segments/?dataSourceId=29769&integrationCode=a%26b+c%2Fd%3F&includeTraitDataSourceIds=true",
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_answer_does_not_free_a_code() {
    let world = World::authorized(|_, _| Reply::json(200, &json!([{"sid": 1}])));
    let aam = world.gateway.audience_manager();
    let error = aam
        .find::<Trait>(&change(), &(SOURCE, IntegrationCode::new("4b1c")))
        .await
        .expect_err("unreadable");
    assert_eq!(error.kind(), Kind::UnexpectedAnswer);
}

#[tokio::test(start_paused = true)]
async fn a_missing_list_is_no_missing_object() {
    let world = World::authorized(|_, _| Reply::text(404, ""));
    let aam = world.gateway.audience_manager();
    assert!(
        aam.get::<Trait>(&change(), &TraitSid(1))
            .await
            .expect_err("gone")
            .is_not_found()
    );
    assert!(
        !aam.list::<Trait>(&change(), &vec![SOURCE])
            .await
            .expect_err("no list")
            .is_not_found()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_created_is_what_was_sent_and_answered() {
    let world = World::authorized(|_, _| {
        Reply::json(201, &json!({"sid": 77, "name": "N", "traitRule": null}))
    });
    let new = NewTrait {
        look_alikes: None,
        name: "N".into(),
        description: "D".into(),
        integration_code: IntegrationCode::new("4b1c"),
        data_source: SOURCE,
        folder: TraitFolderId(5),
        rule: "segid == \"4b1c\"".into(),
        ttl_days: 120,
    };
    let made = world
        .gateway
        .audience_manager()
        .create::<Trait>(&change(), leased(), &new)
        .await
        .expect("a trait");
    assert_eq!(
        made,
        Some(Trait {
            name: "N".into(),
            description: "D".into(),
            ..known_trait()
        })
    );
    let call = &world.calls()[0];
    assert_eq!(call.to_string(), "POST aam.adobe.io/v1/traits/");
    assert_eq!(
        call.json(),
        json!({
            "traitType": "ON_BOARDED_TRAIT", "name": "N", "description": "D", "integrationCode": "4b1c",
            "dataSourceId": 29769, "folderId": 5, "traitRule": "segid == \"4b1c\"", "ttl": 120, "status": "ACTIVE"
        }),
    );
}

#[tokio::test(start_paused = true)]
async fn a_merge_rule_is_sent_only_if_one_is_chosen() {
    let world = World::authorized(|_, _| Reply::json(201, &json!({"sid": 9001})));
    let aam = world.gateway.audience_manager();
    let mut new = NewSegment {
        name: "N".into(),
        description: "".into(),
        integration_code: IntegrationCode::new("4b1c"),
        data_source: SOURCE,
        folder: SegmentFolderId(6),
        rule: "77T".into(),
        merge_rule: None,
    };
    aam.create::<Segment>(&change(), leased(), &new)
        .await
        .expect("a segment");
    new.merge_rule = Some(DataSourceId(5));
    let made = aam
        .create::<Segment>(&change(), leased(), &new)
        .await
        .expect("a segment");
    assert_eq!(made.expect("it is shown").merge_rule, Some(DataSourceId(5)));
    let calls = world.calls();
    assert_eq!(calls[0].json().get("mergeRuleDataSourceId"), None);
    assert_eq!(calls[1].json()["mergeRuleDataSourceId"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_creation_without_an_id_in_its_answer_is_of_unknown_effect() {
    let world = World::authorized(|_, _| Reply::json(201, &json!({"name": "N"})));
    let new = NewSegment {
        name: "N".into(),
        description: "".into(),
        integration_code: IntegrationCode::new("4b1c"),
        data_source: SOURCE,
        folder: SegmentFolderId(6),
        rule: "77T".into(),
        merge_rule: None,
    };
    let error = world
        .gateway
        .audience_manager()
        .create::<Segment>(&change(), leased(), &new)
        .await
        .expect_err("no id");
    assert_eq!(
        (error.kind(), error.effect()),
        (Kind::UnexpectedAnswer, Effect::Unknown)
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_sends_what_was_read_with_only_the_change() {
    let world = World::authorized(|_, number| match number {
        0 => Reply::json(200, &stored_trait()),
        _ => Reply::text(200, ""),
    });
    let change_of_name = TraitChange {
        name: Some("Loyal players".into()),
        ..TraitChange::default()
    };
    let updated = world
        .gateway
        .audience_manager()
        .update(&change(), leased(), &known_trait(), &change_of_name)
        .await;
    assert_eq!(
        updated,
        Ok(Updated::Written(Trait {
            name: "Loyal players".into(),
            ..known_trait()
        }))
    );
    let calls = world.calls();
    assert_eq!(calls[0].to_string(), "GET aam.adobe.io/v1/traits/77");
    assert_eq!(calls[1].to_string(), "PUT aam.adobe.io/v1/traits/77");
    assert_eq!(
        calls[1].json(),
        json!({
            "sid": 77, "traitType": "ON_BOARDED_TRAIT", "name": "Loyal players", "description": "ours",
            "integrationCode": "4b1c", "comments": "by hand", "dataSourceId": 29769, "folderId": 5,
            "status": "ACTIVE", "traitRule": "segid == \"4b1c\"", "ttl": 120, "type": 0, "categoryId": null,
            "laterField": {"kept": true}
        }),
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_that_someone_else_changed_is_not_written() {
    let world = World::authorized(|_, _| Reply::json(200, &stored_segment()));
    let aam = world.gateway.audience_manager();
    let activate = SegmentChange {
        activate: true,
        ..SegmentChange::default()
    };
    for believed in [
        Segment {
            name: "Old".into(),
            ..known_segment()
        },
        Segment {
            rule: "78T".into(),
            ..known_segment()
        },
        Segment {
            folder: SegmentFolderId(7),
            ..known_segment()
        },
        Segment {
            merge_rule: Some(DataSourceId(3)),
            ..known_segment()
        },
        Segment {
            activity: Activity::Active,
            ..known_segment()
        },
    ] {
        let updated = aam.update(&change(), leased(), &believed, &activate).await;
        assert_eq!(
            updated,
            Ok(Updated::Changed(known_segment())),
            "{believed:?}"
        );
    }
    assert!(world.calls().iter().all(|call| call.method == "GET"));
    let updated = aam
        .update(&change(), leased(), &known_segment(), &activate)
        .await;
    assert_eq!(
        updated,
        Ok(Updated::Written(known_segment())),
        "the answer is believed, not the wish"
    );
    assert_eq!(
        world.calls().last().expect("a call").json()["status"],
        "ACTIVE"
    );
}

#[tokio::test(start_paused = true)]
async fn a_data_source_keeps_what_the_operator_does_not_know() {
    let world = World::authorized(|_, number| match number {
        0 | 1 => Reply::json(
            200,
            &json!({"pid": 1794, "name": "S", "description": "a", "dataSourceId": 29769, "idType": "CROSS_DEVICE",
                "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": false, "updateTime": 1,
                "customNamespaceId": 29769, "containerIds": []}),
        ),
        _ => Reply::text(200, ""),
    });
    let aam = world.gateway.audience_manager();
    let known = aam
        .get::<DataSource>(&change(), &SOURCE)
        .await
        .expect("a data source");
    assert_eq!(
        (known.company, known.unique_trait_codes),
        (Some(CompanyId(1794)), true)
    );
    let changed = DataSourceChange {
        description: Some("b".into()),
    };
    aam.update(&change(), leased(), &known, &changed)
        .await
        .expect("written");
    assert_eq!(
        world.calls()[2].json(),
        json!({"name": "S", "description": "b", "dataSourceId": 29769, "idType": "CROSS_DEVICE",
            "uniqueTraitIntegrationCodes": true, "uniqueSegmentIntegrationCodes": false, "containerIds": []}),
    );
}

#[tokio::test(start_paused = true)]
async fn the_other_calls_have_their_paths() {
    let world = World::authorized(|asked, _| match asked.method.as_str() {
        "DELETE" => Reply::text(204, ""),
        "POST" => Reply::json(400, &json!({"code": "INVALID_EXPRESSION"})),
        _ => Reply::text(200, "[]"),
    });
    let aam = world.gateway.audience_manager();
    assert!(
        aam.list::<DataSource>(&change(), &())
            .await
            .expect("a list")
            .items
            .is_empty()
    );
    assert!(
        aam.segments_containing(&change(), TraitSid(77))
            .await
            .expect("a list")
            .items
            .is_empty()
    );
    assert!(
        aam.list::<Segment>(&change(), &vec![SOURCE])
            .await
            .expect("a list")
            .items
            .is_empty()
    );
    let error = aam
        .validate_segment_rule(&change(), "77T AND")
        .await
        .expect_err("no rule");
    assert_eq!(error.kind(), Kind::RuleInvalid);
    let calls: Vec<_> = world
        .calls()
        .iter()
        .map(|call| call.to_string().replace("aam.adobe.io/v1", ""))
        .collect();
    assert_eq!(
        calls,
        [
            "GET /datasources/?includePermissions=true",
            "GET /segments/?containsTrait=77",
            "GET /segments/?dataSourceId=29769&includeTraitDataSourceIds=true&includePermissions=true",
            "POST /segments/validate/",
        ],
    );
    assert_eq!(world.calls()[3].json(), json!({"rule": "77T AND"}));
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_may_hide_a_folder_is_an_error() {
    let long = json!([{"folderId": 0, "name": "x".repeat(4 << 20)}]).to_string();
    for body in ["[]", "{}", "<html>", &long] {
        let body = body.to_owned();
        let world = World::authorized(move |_, _| Reply::text(200, body.clone()));
        let aam = world.gateway.audience_manager();
        let error = aam.list::<TraitFolder>(&change(), &()).await;
        assert_eq!(error.expect_err("no tree").kind(), Kind::UnexpectedAnswer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_read_hides_no_other() {
    let world = World::authorized(|_, _| {
        Reply::json(
            200,
            &json!([{"folderId": 0, "subFolders": [
                {"name": "no id", "subFolders": [{"folderId": 4, "name": "Below it"}]},
                "no folder",
                {"folderId": 5, "name": ["no name"]},
                {"folderId": 6, "name": "Sharing"},
            ]}]),
        )
    });
    let aam = world.gateway.audience_manager();
    let listing = aam.list::<TraitFolder>(&change(), &()).await;
    let listing = listing.expect("a tree");
    let names = listing.items.iter().map(|folder| &*folder.name);
    assert_eq!(names.collect::<Vec<_>>(), ["", "Sharing"]);
    let ids = [None, None, Some(TraitFolderId(5))];
    assert_eq!(listing.undecodable, ids);
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_object_is_not_believed() {
    let world = World::authorized(|_, _| Reply::json(200, &stored_trait()));
    let aam = world.gateway.audience_manager();
    let error = aam.get::<Trait>(&change(), &TraitSid(78)).await;
    assert_eq!(error.expect_err("it is 77").kind(), Kind::UnexpectedAnswer);
}

#[tokio::test(start_paused = true)]
async fn a_folder_is_never_changed() {
    let world = World::authorized(|_, _| Reply::json(200, &json!({"folderId": 9})));
    let aam = world.gateway.audience_manager();
    let folder = TraitFolder {
        id: TraitFolderId(9),
        parent: TraitFolderId(0),
        name: "".into(),
    };
    let error = aam.update(&change(), leased(), &folder, &()).await;
    assert_eq!(error.expect_err("unsupported").kind(), Kind::RequestRefused);
    assert!(world.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_model_that_cannot_be_read_is_named_by_its_id() {
    let world = World::authorized(|_, _| {
        Reply::json(
            200,
            &json!([{"algoModelId": 1, "name": "M"}, {"algoModelId": 2, "name": 5}, 6]),
        )
    });
    let aam = world.gateway.audience_manager();
    let listing = aam.list::<Model>(&change(), &()).await;
    let listing = listing.expect("a list");
    assert_eq!(listing.items.len(), 1);
    assert_eq!(listing.undecodable, [Some(ModelId(2)), None]);
}

#[tokio::test(start_paused = true)]
async fn whether_the_credential_is_an_administrators_comes_in_two_types_or_not_at_all() {
    for (told, administrator) in [
        (json!({"pid": 7, "isAdmin": true}), Some(true)),
        (json!({"pid": 7, "isAdmin": "false"}), Some(false)),
        (json!({"pid": 7}), None),
    ] {
        let world = World::authorized(move |_, _| Reply::json(200, &told));
        let me = world.gateway.audience_manager().me(&change()).await;
        assert_eq!(me.expect("a company").administrator, administrator);
    }
}
