//! Creating folders: what the answer shows, and whether the company must be named.

use audience_sharing_core::domain::audience_manager::TraitFolder;
use audience_sharing_core::domain::identifier::{CompanyId, TraitFolderId};
use audience_sharing_core::kinds::folder::NewFolder;
use rstest::rstest;
use serde_json::json;

use crate::Kind;
use crate::scripted::{Reply, World, change, leased};

fn new_folder(company: Option<u64>) -> NewFolder {
    NewFolder {
        name: "F".into(),
        company: company.map(CompanyId),
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_new_folder_is_used_only_if_it_shows_the_folder() {
    for (answer, shown) in [
        (
            r#"{"folderId":9,"parentFolderId":0,"name":"F"}"#,
            Some(TraitFolderId(9)),
        ),
        (r#"{"folderId":9,"parentFolderId":4,"name":"F"}"#, None),
        (r#"{"folderId":0,"parentFolderId":0,"name":"F"}"#, None),
        (r#"{"name":"F"}"#, None),
        ("", None),
    ] {
        let world = World::authorized(move |_, _| Reply::text(201, answer));
        let aam = world.gateway.audience_manager();
        let folder = aam
            .create::<TraitFolder>(&change(), leased(), &new_folder(None))
            .await
            .expect("made");
        assert_eq!(folder.map(|folder| folder.id), shown, "{answer}");
        assert_eq!(
            world.calls()[0].json(),
            json!({"name": "F", "parentFolderId": 0})
        );
    }
}

/// One published client of four names the company (audience-manager.md §3.3).
#[rstest]
#[case::not_needed(false, Some(7), 1, true)]
#[case::needed(true, Some(7), 2, true)]
#[case::needed_and_unknown(true, None, 1, false)]
#[tokio::test(start_paused = true)]
async fn the_company_is_named_where_a_folder_is_refused_without_it(
    #[case] needed: bool,
    #[case] company: Option<u64>,
    #[case] calls: usize,
    #[case] made: bool,
) {
    let world =
        World::authorized(
            move |asked, _| match needed && asked.json()["pid"] != json!(7) {
                true => Reply::json(400, &json!({"message": "pid is required"})),
                false => Reply::json(
                    201,
                    &json!({"folderId": 9, "parentFolderId": 0, "name": "F"}),
                ),
            },
        );
    let aam = world.gateway.audience_manager();
    let folder = aam
        .create::<TraitFolder>(&change(), leased(), &new_folder(company))
        .await;
    match made {
        true => assert!(matches!(folder, Ok(Some(_))), "{folder:?}"),
        false => assert_eq!(folder.expect_err("no").kind(), Kind::RequestRefused),
    }
    assert_eq!(world.calls().len(), calls);
    assert_eq!(
        world.calls()[0].json(),
        json!({"name": "F", "parentFolderId": 0})
    );
}
