//! The client against recorded shapes of Experience Platform.

use audience_sharing_core::domain::experience_platform::{
    Audience, AudienceChange, AudienceKind, Lifecycle,
};
use audience_sharing_core::domain::identifier::{AudienceId, SandboxId, SandboxName};
use audience_sharing_core::domain::labels::UsageLabels;
use serde_json::{Value, json};

use super::ExperiencePlatform;
use crate::client::{Deleted, Updated};
use crate::scripted::{Reply, World, change, leased};
use crate::{Effect, Kind};

fn platform(world: &World) -> ExperiencePlatform {
    world.gateway.experience_platform(SandboxName::new("prod"))
}

fn stored(id: &str) -> Value {
    json!({
        "id": id, "audienceId": id, "name": "Loyal gamers", "namespace": "AEPSegments",
        "originName": "REAL_TIME_CUSTOMER_PROFILE", "type": "SegmentDefinition", "lifecycleState": "published",
        "sandbox": {"sandboxId": "6ed34f6f", "sandboxName": "prod", "type": "production", "default": true},
        "_etag": "\"33120d7c\"", "expression": {"type": "PQL", "format": "pql/text", "value": "a[b in (\"],\")]"}
    })
}

fn known(id: &str) -> Audience {
    Audience {
        id: AudienceId::new(id),
        name: "Loyal gamers".into(),
        description: "".into(),
        names_description: true,
        kind: AudienceKind::SegmentDefinition,
        namespace: "AEPSegments".into(),
        key: None,
        expression: None,
        origin: "REAL_TIME_CUSTOMER_PROFILE".into(),
        lifecycle: Lifecycle::Published,
        labels: None,
        dependents: [].into(),
        dependencies: [].into(),
        sandbox: Some(SandboxId::new("6ed34f6f")),
    }
}

fn ids(audiences: &[Audience]) -> Vec<&str> {
    audiences
        .iter()
        .map(|audience| audience.id.as_str())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_walked_and_each_audience_is_kept_once() {
    let world = World::authorized(|_, number| {
        let (children, next) = match number {
            0 => (json!([stored("a"), stored("b")]), json!("1")),
            1 => (json!([stored("b"), {"id": "odd", "name": 5}]), json!(2)),
            _ => (json!([stored("c")]), json!(0)),
        };
        Reply::json(
            200,
            &json!({"children": children, "_page": {"totalCount": 3, "next": next}, "_links": {}}),
        )
    });
    let found = platform(&world)
        .list::<Audience>(&change(), &())
        .await
        .expect("audiences");
    assert_eq!(ids(&found.items), ["a", "b", "c"]);
    let listed = Audience {
        names_description: false,
        ..known("a")
    };
    assert_eq!(found.items[0], listed);
    assert_eq!(found.undecodable, [Some(AudienceId::new("odd"))]);
    let paths: Vec<_> = world.calls().into_iter().map(|call| call.target).collect();
    let base = "platform.adobe.io/data/core/ups/audiences?limit=100";
    assert_eq!(
        paths,
        [
            base.to_owned(),
            format!("{base}&start=1"),
            format!("{base}&start=2")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn pages_that_lead_back_end() {
    for next in [json!(null), json!(""), json!("0"), json!("1")] {
        let world = World::authorized(move |_, _| {
            Reply::json(
                200,
                &json!({"children": [stored("a")], "_page": {"next": next}}),
            )
        });
        let found = platform(&world)
            .list::<Audience>(&change(), &())
            .await
            .expect("audiences");
        assert_eq!(ids(&found.items), ["a"]);
        assert!(world.calls().len() <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_walk_is_no_list() {
    let world = World::authorized(|_, number| match number {
        0 => Reply::json(
            200,
            &json!({"children": [stored("a")], "_page": {"next": "1"}}),
        ),
        _ => Reply::text(500, ""),
    });
    assert_eq!(
        platform(&world)
            .list::<Audience>(&change(), &())
            .await
            .expect_err("the second page")
            .kind(),
        Kind::Unavailable
    );
    let endless = World::authorized(|_, number| {
        Reply::json(200, &json!({"children": [], "_page": {"next": number + 1}}))
    });
    let error = platform(&endless)
        .list::<Audience>(&change(), &())
        .await
        .expect_err("no end");
    assert!(
        error.to_string().contains("the pages do not end"),
        "{error}"
    );
}

/// Inactive ones too, which no list shows.
#[tokio::test(start_paused = true)]
async fn an_audience_is_read_by_its_id() {
    let world = World::authorized(|_, _| {
        let mut inactive = stored("a b");
        inactive["lifecycleState"] = json!("inactive");
        Reply::json(200, &inactive)
    });
    let id = AudienceId::new("a b");
    let found = platform(&world).get::<Audience>(&change(), &id).await;
    let found = found.expect("an audience");
    assert_eq!((found.id, found.lifecycle), (id, Lifecycle::Inactive));
    assert_eq!(
        world.calls()[0].to_string(),
        "GET platform.adobe.io/data/core/ups/audiences/a%20b"
    );
}

#[rstest::rstest]
#[case::the_services_own(
    r#"{"type":"https://ns.adobe.com/aep/errors/UPAPI-113430-404"}"#,
    Some(true)
)]
#[case::without_a_word("", None)]
#[case::about_the_sandbox(r#"{"type":"http://ns.adobe.com/aep/errors/SMS-2001-404"}"#, None)]
#[case::the_gateways(r#"{"error_code":"404003"}"#, None)]
#[case::a_page("<html>", None)]
#[tokio::test(start_paused = true)]
async fn only_the_services_own_404_proves_that_an_audience_is_not_there(
    #[case] body: &'static str,
    #[case] proven: Option<bool>,
) {
    let world = World::authorized(move |_, _| Reply::text(404, body));
    let id = AudienceId::new("a");
    let error = platform(&world).get::<Audience>(&change(), &id).await;
    let error = error.expect_err("no audience");
    let found = error.is_not_found().then(|| error.is_proven());
    assert_eq!(found, proven, "{error}");
}

#[tokio::test(start_paused = true)]
async fn sandboxes_are_read() {
    let world = World::authorized(|_, _| {
        Reply::json(
            200,
            &json!({"sandboxes": [
            {"name": "prod", "title": "P", "state": "active", "type": "production"},
            {"name": "dev", "state": "resetting"}
        ], "_page": {"limit": 20, "count": 2}}),
        )
    });
    let sandboxes = platform(&world)
        .sandboxes(&change())
        .await
        .expect("sandboxes");
    let words: Vec<_> = sandboxes
        .iter()
        .map(|sandbox| (&*sandbox.name, sandbox.is_active()))
        .collect();
    assert_eq!(words, [("prod", true), ("dev", false)]);
    assert_eq!(
        world.calls()[0].to_string(),
        "GET platform.adobe.io/data/foundation/sandbox-management/"
    );
}

#[rstest::rstest]
#[case::those_that_count(json!(["core/C3", "custom/x", "core/c5", "core/C9"]), Some("C3+C5"))]
#[case::none_that_counts(json!(["core/C2", "later/Z1"]), Some(""))]
#[case::none(json!([]), Some(""))]
#[case::what_is_no_label_hides_no_other(json!([5, null, {"a": "core/C5"}, "core/C7"]), Some("C7"))]
#[case::nothing_said(Value::Null, None)]
#[case::another_shape(json!({"labels": ["core/C3"]}), None)]
#[tokio::test(start_paused = true)]
async fn of_labels_is_kept_what_audience_manager_has_a_control_for(
    #[case] labels: Value,
    #[case] kept: Option<&str>,
) {
    let world = World::authorized(move |_, _| {
        let mut audience = stored("a");
        audience["labels"] = labels.clone();
        Reply::json(
            200,
            &json!({"children": [audience], "_page": {"totalCount": 1}}),
        )
    });
    let found = platform(&world).list::<Audience>(&change(), &()).await;
    let found = found.expect("audiences").items;
    let controls = found[0].controls().map(|controls| controls.to_string());
    assert_eq!(controls.as_deref(), kept);
}

#[tokio::test(start_paused = true)]
async fn the_pages_together_have_a_bound() {
    let world = World::authorized(|_, number| {
        let children = "1,".repeat(100_000);
        let page = format!(
            r#"{{"children":[{children}1],"_page":{{"next":"{}"}}}}"#,
            number + 1
        );
        Reply::text(200, page)
    });
    let error = platform(&world).list::<Audience>(&change(), &()).await;
    let error = error.expect_err("too many");
    assert!(error.to_string().contains("too many elements"), "{error}");
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn sandboxes_are_read_to_the_last_page() {
    let world = World::authorized(|asked, _| {
        let numbers = match asked.target.contains("offset=50") {
            true => 50..53,
            false => 0..50,
        };
        let sandboxes: Vec<_> = numbers
            .map(|number| json!({"name": format!("s{number}"), "state": "active"}))
            .collect();
        Reply::json(
            200,
            &json!({"sandboxes": sandboxes, "_page": {"limit": 50, "count": 50}}),
        )
    });
    let sandboxes = platform(&world).sandboxes(&change()).await.expect("all");
    assert_eq!((sandboxes.len(), &*sandboxes[52].name), (53, "s52"));
    let asked: Vec<_> = world.calls().into_iter().map(|call| call.target).collect();
    let path = "platform.adobe.io/data/foundation/sandbox-management/";
    assert_eq!(
        asked,
        [path.to_owned(), format!("{path}?limit=50&offset=50")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_cannot_be_read_leaves_open_only_whether_ours_is_missing() {
    for (readable, is_ok) in [("prod", true), ("dev", false)] {
        let world = World::authorized(move |_, _| {
            let found = json!({"name": readable, "state": "active"});
            Reply::json(200, &json!({"sandboxes": [null, found, {"name": 5}]}))
        });
        let sandboxes = platform(&world).sandboxes(&change()).await;
        assert_eq!(sandboxes.is_ok(), is_ok, "{sandboxes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_and_patches_what_differs_and_keeps_every_label() {
    for answer in [json!(null), json!({"id": "a", "name": "New"})] {
        let world = World::authorized(move |asked, _| {
            let mut audience = stored("a");
            audience["labels"] = json!(["core/C3", "custom/x"]);
            match asked.method.as_str() {
                "PATCH" if answer.is_null() => Reply::text(200, ""),
                "PATCH" => Reply::json(200, &answer),
                _ => Reply::json(200, &audience),
            }
        });
        let wanted = AudienceChange {
            name: Some("New".into()),
            labels: UsageLabels::read(["core/C5"]),
            deactivate: true,
            ..AudienceChange::default()
        };
        let updated = platform(&world)
            .update(&change(), leased(), &known("a"), &wanted)
            .await;
        let Ok(Updated::Written(written)) = updated else {
            panic!("{updated:?}");
        };
        assert_eq!(
            (&*written.name, &written.lifecycle),
            ("New", &Lifecycle::Inactive)
        );
        let controls = written.controls().map(|controls| controls.to_string());
        assert_eq!(controls.as_deref(), Some("C3+C5"));
        let calls = world.calls();
        assert_eq!(calls.len(), 2);
        assert_eq!(
            calls[1].to_string(),
            "PATCH platform.adobe.io/data/core/ups/audiences/a"
        );
        let sent = calls[1].json();
        let paths: Vec<_> = sent
            .as_array()
            .expect("operations")
            .iter()
            .map(|one| &one["path"])
            .collect();
        assert_eq!(paths, ["/name", "/lifecycleState", "/labels"]);
        assert_eq!(
            sent[0],
            json!({"op": "add", "path": "/name", "value": "New"})
        );
        let labels = sent[2]["value"].as_array().expect("labels");
        assert_eq!((labels.len(), &labels[0]), (3, &json!("core/C3")));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_patched_or_deleted_that_is_not_as_expected_or_is_gone() {
    let world = World::authorized(|_, number| match number {
        0 | 1 => Reply::json(200, &stored("a")),
        _ => Reply::text(
            404,
            r#"{"type":"https://ns.adobe.com/aep/errors/UPAPI-113430-404"}"#,
        ),
    });
    let platform = platform(&world);
    let expected = Audience {
        name: "Other".into(),
        ..known("a")
    };
    let nothing = AudienceChange::default();
    let updated = platform
        .update(&change(), leased(), &expected, &nothing)
        .await;
    assert_eq!(updated, Ok(Updated::Changed(known("a"))));
    let deleted = platform.delete(&change(), leased(), &expected).await;
    assert_eq!(deleted, Ok(Deleted::Changed(known("a"))));
    for error in [
        platform
            .update(&change(), leased(), &expected, &nothing)
            .await
            .err(),
        platform.delete(&change(), leased(), &expected).await.err(),
    ] {
        let error = error.expect("gone");
        assert!(error.is_not_found() && error.is_proven(), "{error}");
        assert_eq!(error.effect(), Effect::None);
    }
    let read = "GET platform.adobe.io/data/core/ups/audiences/a";
    assert!(world.calls().iter().all(|call| call.to_string() == read));
}
