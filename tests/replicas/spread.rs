//! Replicas share the organisations between them: who comes takes its share and moves nothing else, who goes leaves its
//! share within seconds, and each organisation is at every moment one replica's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Value, json};
use testbed::{Gate, Ledger, OperatorProcess, eventually};

use super::{AT_ONCE, LEASE_WITHIN};
use crate::harness::{World, audience, connection, root, trait_sid};
use crate::{judges, standing};

/// Of these, the twelfth and those after it, each of three replicas gets some.
const ORGANIZATIONS: usize = 6;
const FIRST: usize = 11;
const REPLICAS: [&str; 3] = ["operator-0", "operator-1", "operator-2"];

fn digits(number: usize) -> String {
    format!("{:024X}", FIRST + number)
}

fn organization(number: usize) -> String {
    format!("{}@AdobeOrg", digits(number))
}

fn source(number: usize) -> String {
    format!("4b1c7c1e-5d7b-4b57-9d2c-{number:012}")
}

fn share(number: usize) -> String {
    format!("loyal-{number}")
}

/// The realistic tenant, and beside it small ones, each with an account and a sandbox of its own.
fn seed() -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(root().join("simulator/seeds/realistic.json")).unwrap();
    let mut seed: Value = serde_json::from_str(&text).unwrap();
    let of_first = |collection: &str, seed: &Value, changes: Value| {
        let mut object = seed[collection][0].clone();
        let fields = changes.as_object().unwrap().clone();
        object.as_object_mut().unwrap().extend(fields);
        object
    };
    for number in 1..=ORGANIZATIONS {
        let (organization, pid) = (organization(number), 5_000 + number);
        let sandbox = format!("6ed34f6f-fe21-4a30-934f-{number:012}");
        let sandbox_of = json!({
            "sandboxId": sandbox, "sandboxName": "prod", "type": "production", "default": true,
        });
        let new = [
            (
                "credentials",
                json!({
                    "clientId": format!("client-{number}"), "organizationId": organization, "pid": pid,
                }),
            ),
            (
                "accounts",
                json!({"pid": pid, "subscribedDataSourceIds": []}),
            ),
            (
                "sandboxes",
                json!({"id": sandbox, "imsOrgId": organization}),
            ),
            (
                "audiences",
                json!({
                    "id": source(number), "audienceId": source(number), "imsOrgId": organization,
                    "sandbox": sandbox_of,
                }),
            ),
        ];
        for (collection, changes) in new {
            let object = of_first(collection, &seed, changes);
            seed[collection].as_array_mut().unwrap().push(object);
        }
    }
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), seed.to_string()).unwrap();
    file
}

/// The replicas that live, by the name of their Pod, over one cluster and one simulator.
struct Replicas {
    world: World,
    ledger: Ledger,
    others: Vec<(&'static str, OperatorProcess, Gate)>,
    _first_gate: Gate,
}

impl Replicas {
    async fn begin() -> Self {
        let ledger = Ledger::default();
        let seed = seed();
        let (world, gate) = World::behind_a_gate_over(REPLICAS[0], &ledger, seed.path()).await;
        Self {
            world,
            ledger,
            others: Vec::new(),
            _first_gate: gate,
        }
    }

    async fn join(&mut self, name: &'static str) {
        let gate = self.world.another_gate(name, &self.ledger).await;
        let process = self.world.start_behind(&gate).await;
        self.others.push((name, process, gate));
    }

    /// Waits until every replica knows of all.
    async fn until_all_known(&self) {
        let all = self.others.iter().map(|(_, process, _)| process);
        let all: Vec<&OperatorProcess> = all.chain([&self.world.operator]).collect();
        let wanted = format!("audience_sharing_replicas_alive {}\n", all.len());
        for process in all {
            eventually("all replicas are known", LEASE_WITHIN, || async {
                let metrics = process.metrics().await.unwrap();
                match metrics.contains(&wanted) {
                    true => Ok(()),
                    false => Err(metrics),
                }
            })
            .await
            .unwrap();
        }
    }

    async fn connect_and_share(&self) {
        for number in 1..=ORGANIZATIONS {
            let secret = format!("adobe-oauth-{number}");
            self.world
                .apply(&json!({
                    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret},
                    "stringData": {"clientId": format!("client-{number}"), "clientSecret": "demo-secret"},
                }))
                .await;
            let name = format!("acme-{number}");
            let mut connection = connection();
            connection["metadata"]["name"] = json!(name);
            connection["spec"]["organizationId"] = json!(organization(number));
            connection["spec"]["credentialsSecretRef"]["name"] = json!(secret);
            self.world.apply(&connection).await;
            self.declare(number, None).await;
        }
        self.all_ready().await;
    }

    async fn declare(&self, number: usize, days: Option<usize>) {
        let mut audience = audience(&share(number), &source(number));
        audience["spec"]["connectionRef"]["name"] = json!(format!("acme-{number}"));
        if let Some(days) = days {
            audience["spec"]["target"] = json!({"audienceManager": {"ttlDays": days}});
        }
        self.world.apply(&audience).await;
    }

    async fn all_ready(&self) -> Vec<Value> {
        let mut audiences = Vec::new();
        for number in 1..=ORGANIZATIONS {
            audiences.push(self.world.ready(&share(number)).await);
        }
        audiences
    }

    /// By number of the organisation: the replica that holds its Lease.
    async fn holders(&self) -> BTreeMap<usize, String> {
        let leases = self.world.leases().await;
        let holder = |number: &usize| {
            let name = format!(
                "organization-{}.audience-sharing.dev",
                digits(*number).to_lowercase()
            );
            let lease = leases
                .iter()
                .find(|lease| lease["metadata"]["name"] == name.as_str())?;
            let identity = lease["spec"]["holderIdentity"].as_str()?;
            let pod = REPLICAS.iter().find(|pod| identity.starts_with(**pod))?;
            Some((*number, (*pod).to_owned()))
        };
        let numbers: Vec<usize> = (1..=ORGANIZATIONS).collect();
        numbers.iter().filter_map(holder).collect()
    }

    /// Waits until exactly these replicas hold Leases, and each organisation's is held.
    async fn until_spread_over(&self, replicas: &[&str]) -> BTreeMap<usize, String> {
        let wanted: BTreeSet<String> = replicas.iter().map(|&name| name.to_owned()).collect();
        let began = Instant::now();
        let holders = eventually("each of the living has its share", LEASE_WITHIN, || async {
            let holders = self.holders().await;
            let of: BTreeSet<String> = holders.values().cloned().collect();
            match holders.len() == ORGANIZATIONS && of == wanted {
                true => Ok(holders),
                false => Err(format!("{holders:?}")),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.world.operator.log_tail()));
        let took = began.elapsed();
        eprintln!("spread over {replicas:?} after {took:?}");
        assert!(took < AT_ONCE, "no Lease had to run out: {took:?}");
        holders
    }

    /// Changes every audience: each change is made once, by who holds the Lease of its organisation.
    async fn assert_holders_work(&self, holders: &BTreeMap<usize, String>, days: usize) {
        self.world.control.clear_calls().await.unwrap();
        let before = self.ledger.passages().len();
        for number in 1..=ORGANIZATIONS {
            self.declare(number, Some(days)).await;
        }
        let audiences = self.all_ready().await;
        let expected = BTreeMap::from([("PUT /v1/traits/{id}".to_owned(), ORGANIZATIONS)]);
        assert_eq!(judges::changes(&self.world).await, expected);
        let passages = self.ledger.passages().split_off(before);
        for (number, audience) in (1..).zip(&audiences) {
            let path = format!("/v1/traits/{}", trait_sid(audience));
            let writers: Vec<&str> = passages
                .iter()
                .filter(|passage| passage.is_write() && passage.path == path)
                .map(|passage| passage.client.as_str())
                .collect();
            assert_eq!(writers, [holders[&number].as_str()], "of {}", share(number));
        }
    }

    /// What is handed over is looked at, and found as it was left.
    async fn assert_nothing_was_written(&self) {
        self.all_ready().await;
        assert_eq!(judges::changes(&self.world).await, BTreeMap::new());
        let state = self.world.tenant().await;
        let made = standing::of_ours(&self.world.namespace, &state, "traits").count();
        assert_eq!(made, ORGANIZATIONS);
    }
}

#[tokio::test]
async fn replicas_share_the_organisations_and_hand_them_over_within_seconds() {
    let mut replicas = Replicas::begin().await;
    replicas.join(REPLICAS[1]).await;
    replicas.until_all_known().await;
    replicas.connect_and_share().await;
    let of_two = replicas.until_spread_over(&REPLICAS[..2]).await;
    replicas.assert_holders_work(&of_two, 30).await;

    replicas.world.control.clear_calls().await.unwrap();
    replicas.join(REPLICAS[2]).await;
    let of_three = replicas.until_spread_over(&REPLICAS).await;
    let moved = of_three
        .iter()
        .filter(|(number, holder)| of_two[number] != **holder);
    for (number, holder) in moved {
        assert_eq!(holder, REPLICAS[2], "only who comes takes: {number}");
    }
    replicas.assert_nothing_was_written().await;
    replicas.assert_holders_work(&of_three, 60).await;

    replicas.world.control.clear_calls().await.unwrap();
    let (_, mut leaving, _gate) = replicas.others.pop().unwrap();
    let stopped = leaving.terminate(AT_ONCE).await.unwrap();
    assert!(stopped.success(), "{}", leaving.log_tail());
    let of_two_again = replicas.until_spread_over(&REPLICAS[..2]).await;
    assert_eq!(
        of_two_again, of_two,
        "its share goes back to whom it came from"
    );
    replicas.assert_nothing_was_written().await;
    replicas.assert_holders_work(&of_two_again, 90).await;

    // Nothing is left of who went, and what nobody needs is not held.
    eventually(
        "two replicas and their organisations",
        LEASE_WITHIN,
        || async {
            let leases = replicas.world.leases().await;
            let of_replicas = leases.iter().filter(|lease| {
                lease["metadata"]["labels"]["audience-sharing.dev/lease"] == "replica"
            });
            match of_replicas.count() {
                2 => Ok(()),
                count => Err(format!("{count} Leases of replicas")),
            }
        },
    )
    .await
    .unwrap();
    replicas.world.delete(&share(1)).await;
    replicas
        .world
        .kubectl(&["delete", "sharingconnection", "acme-1", "--timeout=60s"])
        .await;
    eventually(
        "the Lease that nobody needs is given back",
        LEASE_WITHIN,
        || async {
            let holders = replicas.holders().await;
            match holders.contains_key(&1) {
                false => Ok(()),
                true => Err(format!("{holders:?}")),
            }
        },
    )
    .await
    .unwrap();
}
