//! Answers that take 59 s, a second less than Adobe's gateway waits: slow is not broken.

use std::collections::BTreeMap;
use std::time::Duration;

use adobe_simulator::{Fault as SimulatorFault, FaultKind, Match};
use http::Method;
use rstest::rstest;

use super::{
    Budget, HOUR, SOON, done_after, edit, name, numbered, standing_within, tenant, to_adobe_since,
};
use crate::choke_point::Call;
use crate::fault::Fault;
use crate::operator::{OWNER, World};
use crate::run::on_virtual_time;
use crate::{oracles, standing, virtual_time};

const COUNT: usize = 40;
const WORKING: usize = 10;
const ANSWER: Duration = Duration::from_secs(59);

/// The calls before the first audience that wait for each other: the token, the four parts of a pass, the second lists that
/// the data source and the folders must be missing from, and their creations, of
/// the folders in both forms.
const BEFORE: u32 = 10;
/// Of one audience: the search for Adobe's own pair, its trait, its segment, each read before it is written or deleted.
const IN_A_ROW: u32 = 5;
/// The same of one that leaves, where it is also asked who else uses the trait.
const DELETED_IN_A_ROW: u32 = 6;

/// What is in the path of the lists that a pass reads, and of those by which Adobe's own pair is looked for: for each audience, or
/// for many at once where many wait.
const LISTS: [&str; 6] = [
    "dataSourceId=",
    "/datasources",
    "/folders",
    "limit=",
    "/traits/?includeDetails",
    "/traits/?integrationCode",
];

fn slow(world: &World, matching: Match) {
    world.simulator.add_fault(SimulatorFault {
        matching,
        skip: 0,
        times: 0,
        kind: FaultKind::Slow {
            delay_ms: ANSWER.as_millis() as u64,
        },
    });
}

fn of_method(method: Method) -> Match {
    Match {
        method: Some(method.to_string()),
        ..Match::default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Nothing,
    Reads,
    Writes,
    Lists,
    All,
}

impl Slow {
    fn begin(self, world: &World) {
        let methods = match self {
            Self::Nothing => vec![],
            Self::Reads => vec![Method::GET],
            Self::Writes => vec![Method::POST, Method::PUT, Method::DELETE, Method::PATCH],
            Self::Lists => {
                for path in LISTS {
                    let path_contains = Some(path.into());
                    slow(
                        world,
                        Match {
                            path_contains,
                            ..of_method(Method::GET)
                        },
                    );
                }
                return;
            }
            Self::All => return slow(world, Match::default()),
        };
        methods
            .into_iter()
            .for_each(|method| slow(world, of_method(method)));
    }
}

/// The calls to the two systems by what they do, whatever the ids; how many of each. Without the lists: those of a pass
/// come by the clock, and slow answers take their time.
fn kinds(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let is_list = |call: &Call| LISTS.iter().any(|list| call.path.contains(list));
    let of_objects = |call: &&Call| call.method != Method::GET || !is_list(call);
    for call in calls.iter().filter(of_objects) {
        let parts = call.path.split(['/', '?']);
        let words = parts.filter(|part| {
            !part.is_empty() && !part.starts_with(|first: char| first.is_ascii_digit())
        });
        let words: Vec<_> = words.collect();
        *counts
            .entry(format!("{} {}", call.method, words.join("/")))
            .or_default() += 1;
    }
    counts
}

/// Creations, edits and deletions; the calls for them.
async fn lived_through(slow: Slow) -> BTreeMap<String, usize> {
    let world = tenant(COUNT, Budget::DEFAULT);
    slow.begin(&world);
    (0..COUNT).for_each(|index| world.apply(numbered(index)));
    world.start_operator();
    // One by one it would be hours.
    let most = (BEFORE + IN_A_ROW) * ANSWER + SOON;
    done_after(&world, most).await.unwrap();
    for index in 0..WORKING {
        edit(&world, index, 30);
        world.delete(&name(WORKING + index));
    }
    done_after(&world, DELETED_IN_A_ROW * ANSWER + SOON)
        .await
        .unwrap();
    let calls = to_adobe_since(&world, 0);
    let state = world.tenant();
    assert_eq!(
        standing::duplicates(OWNER, &state, true),
        Vec::<String>::new()
    );
    assert_eq!(world.choke_point.violations(), Vec::<String>::new());
    // The passes go on: an answer that comes within a minute ends none.
    let began = world.choke_point.count();
    virtual_time::passes(HOUR).await;
    let passes = to_adobe_since(&world, began);
    let passes = passes
        .iter()
        .filter(|call| call.path.contains("/datasources"));
    let passes = passes.count();
    assert!((3..=7).contains(&passes), "{passes} passes in an hour");
    let failures = world.cluster.changes();
    let failed = failures
        .iter()
        .find(|change| change.object.to_string().contains("no answer in time"));
    assert!(failed.is_none(), "{failed:?}");
    kinds(&calls)
}

#[rstest]
fn an_answer_of_59_seconds_is_waited_for_and_delays_nobody_else(
    #[values(Slow::Reads, Slow::Writes, Slow::Lists, Slow::All)] slow: Slow,
) {
    let fast = on_virtual_time(lived_through(Slow::Nothing));
    let slow = on_virtual_time(lived_through(slow));
    assert_eq!(
        slow, fast,
        "the same is read and written, and nothing twice"
    );
}

/// No write begins that could end after another may have taken the lease.
#[test]
fn a_lease_that_is_lost_amid_answers_of_59_seconds_is_honoured() {
    on_virtual_time(async {
        // Of the lease, and of a request.
        const HELD: Duration = Duration::from_secs(90);
        const REQUEST: Duration = Duration::from_secs(70);
        // The edits take longer than the lease.
        let world = standing_within(COUNT, COUNT, Budget::new(60, 1)).await;
        Slow::All.begin(&world);
        (0..COUNT).for_each(|index| edit(&world, index, 30));
        let lost = Fault::LeaseLost;
        world.choke_point.plan_next(Method::PUT, "/v1/traits", lost);
        done_after(&world, HOUR).await.unwrap();
        let [(at, _)] = &world.choke_point.played()[..] else {
            panic!("the lease was not lost");
        };
        let late = world.choke_point.calls().into_iter().find(|call| {
            let since = call.at.saturating_duration_since(at.at);
            call.is_remote_write() && since > HELD - REQUEST && since < HELD
        });
        assert!(late.is_none(), "{late:?}");
        assert_eq!(world.choke_point.violations(), Vec::<String>::new());
        assert_eq!(oracles::heard(), Vec::<String>::new());
    });
}
