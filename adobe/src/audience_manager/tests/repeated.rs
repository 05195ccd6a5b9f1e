//! A filter that is given several times may count only once (audience-manager.md §2.8): that is seen from the answer, and
//! nothing is absent because such a list lacks it.

use audience_sharing_core::domain::audience_manager::Trait;
use audience_sharing_core::domain::identifier::DataSourceId;
use rstest::rstest;
use serde_json::{Value, json};

use crate::Kind;
use crate::scripted::{Reply, World, change};

/// How a server reads the filter.
#[derive(Clone, Copy)]
enum Reading {
    All,
    First,
    Last,
    NotFound,
}

/// One trait in each of these data sources.
fn served(reading: Reading, holding: &'static [u64]) -> World {
    World::authorized(move |asked, _| {
        let asked = asked.to_string();
        let mut wanted: Vec<u64> = asked
            .split(['?', '&'])
            .filter_map(|pair| pair.strip_prefix("dataSourceId=")?.parse().ok())
            .collect();
        match reading {
            Reading::All => {}
            Reading::First => wanted.truncate(1),
            Reading::Last => drop(wanted.drain(..wanted.len() - 1)),
            Reading::NotFound if wanted.len() > 1 => return Reply::json(404, &json!({})),
            Reading::NotFound => {}
        }
        let found: Vec<Value> = wanted
            .iter()
            .filter(|id| holding.contains(id))
            .map(|id| {
                json!({"sid": 100 + id, "name": "t", "traitType": "ON_BOARDED_TRAIT", "dataSourceId": id,
                    "folderId": 0, "status": "ACTIVE"})
            })
            .collect();
        Reply::json(200, &json!(found))
    })
}

#[rstest]
#[case::all(Reading::All, &[1, 2, 3], [1, 1, 1])]
#[case::all_but_one_is_empty(Reading::All, &[1, 3], [1, 1, 1])]
#[case::first(Reading::First, &[1, 2, 3], [3, 3, 3])]
#[case::last(Reading::Last, &[1, 2, 3], [3, 3, 3])]
#[case::last_and_empty(Reading::Last, &[1, 2], [4, 4, 3])]
#[case::not_found(Reading::NotFound, &[1, 2, 3], [4, 3, 3])]
#[case::whether_it_counts_cannot_be_seen(Reading::All, &[2], [3, 3, 3])]
#[case::nothing_at_all(Reading::All, &[], [4, 4, 4])]
#[tokio::test(start_paused = true)]
async fn every_data_source_is_listed_however_the_filter_is_read(
    #[case] reading: Reading,
    #[case] holding: &'static [u64],
    #[case] calls: [usize; 3],
) {
    let world = served(reading, holding);
    let aam = world.gateway.audience_manager();
    let all = [1, 2, 3].map(DataSourceId).to_vec();
    for expected in calls {
        let before = world.calls().len();
        let listing = aam.list::<Trait>(&change(), &all).await.expect("a list");
        let mut found: Vec<u64> = listing.items.iter().map(|one| one.data_source.0).collect();
        found.sort_unstable();
        assert_eq!(found, holding);
        assert_eq!(world.calls().len() - before, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn part_of_the_data_sources_is_never_the_whole() {
    let world = World::authorized(|asked, number| match number {
        0 => Reply::json(200, &json!([])),
        _ if asked.to_string().contains("dataSourceId=2") => Reply::json(400, &json!({})),
        _ => Reply::json(200, &json!([])),
    });
    let aam = world.gateway.audience_manager();
    let both = [1, 2].map(DataSourceId).to_vec();
    let error = aam.list::<Trait>(&change(), &both).await;
    assert_eq!(error.expect_err("one failed").kind(), Kind::RequestRefused);
}
