//! Every rule both ways: what it lets pass, and what it refuses with its message and no other.

mod experience_platform;
mod models;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::crd::definitions;
use super::{audience, connection, patched, validate};

/// Merge patches over the smallest manifest of a kind.
enum Attempt {
    Create(Value),
    Update { from: Value, to: Value },
}
use Attempt::{Create, Update};

struct Case {
    message: &'static str,
    accepted: Vec<Attempt>,
    refused: Vec<Attempt>,
}

/// Texts that a rule on one field of `spec` lets pass and refuses.
fn texts(
    message: &'static str,
    patch: fn(&str) -> Value,
    accepted: &[&str],
    refused: &[&str],
) -> Case {
    let creations = |texts: &[&str]| texts.iter().map(|text| Create(patch(text))).collect();
    Case {
        message,
        accepted: creations(accepted),
        refused: creations(refused),
    }
}

/// A field that keeps its value: the same again passes, each of `changes` is refused.
fn immutable(message: &'static str, from: Value, changes: Vec<Value>) -> Case {
    let update = |to: &Value| Update {
        from: from.clone(),
        to: to.clone(),
    };
    Case {
        message,
        accepted: vec![update(&from)],
        refused: changes.iter().map(update).collect(),
    }
}

const LONGEST_NAME: &str = "a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-123";
const TOO_LONG_NAME: &str = "a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-1234";
const NAME_MESSAGE: &str = "metadata.name: at most 63 characters, since every remote object carries it; choose a shorter name";
/// What stands in Audience Manager, and what would not survive the way there.
const PLAIN: &[&str] = &["Loyal gamers", "Treue – 忠実な | Spieler", "x"];
const UNPRINTABLE: &[&str] = &["a\tb", "a\nb", "a\rb", "a\n"];
const LOOSE: &[&str] = &["a\tb", "a\nb", "a\rb", " a", "a ", " "];

fn name_case() -> Case {
    texts(
        NAME_MESSAGE,
        |name| json!({"metadata": {"name": name}}),
        &[LONGEST_NAME],
        &[TOO_LONG_NAME],
    )
}

fn connection_cases() -> Vec<Case> {
    vec![
        name_case(),
        Case {
            message: "budget was renamed to rateLimit; write rateLimit with the same fields",
            accepted: vec![Create(json!({"spec": {"rateLimit": {"burst": 5}}}))],
            refused: vec![Create(json!({"spec": {"budget": {"burst": 5}}}))],
        },
        texts(
            "organizationId: write 24 hexadecimal digits and @AdobeOrg, as Adobe's Admin Console shows them",
            |text| json!({"spec": {"organizationId": text}}),
            &["0f1e2d3c4b5a69780a49420e@AdobeOrg"],
            &[
                "0F1E2D3C4B5A69780A49420E",
                "0F1E2D3C4B5A69780A49420@AdobeOrg",
                "0F1E2D3C4B5A69780A49420G@AdobeOrg",
                "x0F1E2D3C4B5A69780A49420E@AdobeOrg",
                "0F1E2D3C4B5A69780A49420E@AdobeOrg.",
            ],
        ),
        immutable(
            "organizationId cannot change; create another SharingConnection for another organization",
            json!({}),
            vec![json!({"spec": {"organizationId": "1F1E2D3C4B5A69780A49420E@AdobeOrg"}})],
        ),
        texts(
            "credentialsSecretRef.name: write the name of a Secret of this namespace: lower-case letters, digits, hyphens and dots",
            |text| json!({"spec": {"credentialsSecretRef": {"name": text}}}),
            &["a", "adobe-oauth.v2"],
            &["Adobe", "-a", "a-", "other/adobe-oauth", "a b"],
        ),
        texts(
            "experiencePlatform.sandbox: write the sandbox's name, not its title: lower-case letters, digits and hyphens, a letter first",
            |text| json!({"spec": {"experiencePlatform": {"sandbox": text}}}),
            &["prod", "dev-2"],
            &["Prod", "2dev", "my sandbox", "prod\n"],
        ),
        immutable(
            "experiencePlatform.sandbox cannot change; create another SharingConnection for another sandbox",
            json!({}),
            vec![json!({"spec": {"experiencePlatform": {"sandbox": "stage"}}})],
        ),
        texts(
            "audienceManager.dataSource: leave out tabs, line breaks, and spaces at either end",
            |text| json!({"spec": {"audienceManager": {"dataSource": text}}}),
            PLAIN,
            LOOSE,
        ),
        immutable(
            "audienceManager.dataSource cannot change; create another SharingConnection for another data source",
            json!({"spec": {"audienceManager": {"dataSource": "Ours"}}}),
            vec![
                json!({"spec": {"audienceManager": {"dataSource": "Others"}}}),
                json!({"spec": {"audienceManager": {}}}),
                json!({}),
            ],
        ),
        texts(
            "audienceManager.traitFolder: leave out tabs, line breaks, and spaces at either end",
            |text| json!({"spec": {"audienceManager": {"traitFolder": text}}}),
            PLAIN,
            LOOSE,
        ),
        texts(
            "audienceManager.segmentFolder: leave out tabs, line breaks, and spaces at either end",
            |text| json!({"spec": {"audienceManager": {"segmentFolder": text}}}),
            PLAIN,
            LOOSE,
        ),
        texts(
            "audienceManager.traitRuleKey: begin with a letter and use letters, digits, hyphens and underscores, such as segid",
            |text| json!({"spec": {"audienceManager": {"traitRuleKey": text}}}),
            &["segid", "Seg-Id_2", "s"],
            &["2seg", "-seg", "seg id", "seg\"", "segid=="],
        ),
        texts(
            "resyncInterval: write a duration from 1m to 24h, such as 10m or 1h30m",
            |text| json!({"spec": {"resyncInterval": text}}),
            &["1m", "60s", "1h30m", "24h"],
            &["59s", "59s999ms", "0s", "24h1ms", "99999h"],
        ),
    ]
}

fn source(by: &Value) -> Value {
    json!({"spec": {"source": {"experiencePlatform": by}}})
}

/// The source by name alone.
fn named(name: &str) -> Value {
    source(&json!({"id": null, "name": name}))
}

fn additional(changes: &Value) -> Value {
    let segment = json!({"key": "in-market", "name": "In the market", "rule": "{trait} AND 9912T"});
    let segments = [patched(segment, changes)];
    json!({"spec": {"target": {"audienceManager": {"additionalSegments": segments}}}})
}

fn audience_cases() -> Vec<Case> {
    let mut cases = vec![
        name_case(),
        Case {
            message: "target.audienceManager.additionalSegments: mode Observe reports only and creates nothing; take the segments out or set mode: Manage",
            accepted: vec![
                Create(json!({"spec": {"mode": "Observe"}})),
                Create(json!({"spec": {"mode": "Observe", "target": {"audienceManager": {}}}})),
                Create(json!({"spec": {"mode": "Observe", "target": {}}})),
                Create(patched(
                    additional(&json!({})),
                    &json!({"spec": {"mode": "Manage"}}),
                )),
            ],
            refused: vec![Create(patched(
                additional(&json!({})),
                &json!({"spec": {"mode": "Observe"}}),
            ))],
        },
        texts(
            "connectionRef.name: write the name of a SharingConnection of this namespace: lower-case letters, digits, hyphens and dots",
            |text| json!({"spec": {"connectionRef": {"name": text}}}),
            &["a", "acme.eu-1"],
            &["Acme", "sales/acme", "acme-"],
        ),
        immutable(
            "connectionRef cannot change; delete this SharedAudience and create one with the other connection",
            json!({}),
            vec![json!({"spec": {"connectionRef": {"name": "other"}}})],
        ),
    ];
    cases.extend(source_cases());
    cases.extend(target_cases());
    cases.extend(experience_platform::cases());
    cases
}

const SOURCE_MESSAGE: &str = "source: its system and kind cannot change; declare another source in another SharedAudience, under another name";

fn source_cases() -> Vec<Case> {
    vec![
        Case {
            message: "source: write exactly one of experiencePlatform and audienceManager",
            accepted: vec![Create(json!({}))],
            refused: vec![Create(source(&Value::Null))],
        },
        Case {
            message: "source.experiencePlatform: write exactly one of id and name",
            accepted: vec![Create(json!({})), Create(named("Loyal gamers"))],
            refused: vec![
                Create(source(&json!({"id": null}))),
                Create(source(&json!({"name": "Loyal gamers"}))),
            ],
        },
        Case {
            message: SOURCE_MESSAGE,
            accepted: [
                (json!({}), source(&json!({"id": "another"}))),
                (json!({}), named("Loyal gamers")),
                (
                    experience_platform::shared("segment", json!({"sid": 7})),
                    experience_platform::shared("segment", json!({"name": "Buyers"})),
                ),
            ]
            .map(|(from, to)| Update { from, to })
            .into(),
            refused: [
                (
                    json!({}),
                    experience_platform::shared("segment", json!({"sid": 7})),
                ),
                (
                    experience_platform::shared("trait", json!({"sid": 7})),
                    experience_platform::shared("segment", json!({"sid": 7})),
                ),
            ]
            .map(|(from, to)| Update { from, to })
            .into(),
        },
        texts(
            "source.experiencePlatform.id: write the id as Experience Platform shows it: letters, digits, hyphens, underscores, dots and colons",
            |text| source(&json!({"id": text})),
            &["4b1c7c1e-5d7b-4b57-9d2c-0a6c0b8f3e11", "a.b:c_d", "1"],
            &["a b", "a\"b", "a/b", "-a"],
        ),
        texts(
            "source.experiencePlatform.name: leave out tabs and line breaks",
            named,
            PLAIN,
            UNPRINTABLE,
        ),
    ]
}

fn target_cases() -> Vec<Case> {
    vec![
        texts(
            "target.audienceManager.name: leave out tabs, line breaks, and spaces at either end",
            |text| json!({"spec": {"target": {"audienceManager": {"name": text}}}}),
            PLAIN,
            LOOSE,
        ),
        texts(
            "additionalSegments[].key: use lower-case letters, digits and hyphens, a letter or digit first and last",
            |text| additional(&json!({"key": text})),
            &["a", "in-market-2"],
            &["In", "-a", "a-", "a.b", "a b"],
        ),
        texts(
            "additionalSegments[].name: leave out tabs, line breaks, and spaces at either end",
            |text| additional(&json!({"name": text})),
            PLAIN,
            LOOSE,
        ),
        texts(
            "additionalSegments[].rule: write {trait} for the shared trait, such as {trait} AND 9912T",
            |text| additional(&json!({"rule": text})),
            &["{trait} AND 9912T", "9912T OR {trait}"],
            &["9912T", "{Trait} AND 9912T", "trait"],
        ),
    ]
}

/// With one destination, of the shared segment.
fn destination(changes: &Value) -> Value {
    let declared = json!({"key": "shop", "name": "Shop", "url": "https://shop.example/pixel"});
    let destinations = [patched(declared, changes)];
    json!({"spec": {"target": {"audienceManager": {"destinations": destinations}}}})
}

fn named_trait(changes: &Value) -> Value {
    let declared = json!({"key": "auto", "sid": 9912});
    additional(&json!({"rule": "{trait} AND {auto}", "traits": [patched(declared, changes)]}))
}

const DAYS: &[&str] = &["2026-07-04", "2030-12-31", "2026-01-01"];
const NO_DAYS: &[&str] = &[
    "2026-7-4",
    "04.07.2026",
    "2026-13-01",
    "2026-00-10",
    "2026-01-32",
    "2026-01-1x",
    "",
];

fn use_cases() -> Vec<Case> {
    let observe = json!({"spec": {"mode": "Observe"}});
    vec![
        Case {
            message: "target.audienceManager.destinations: mode Observe reports only and maps nothing; take the destinations out or set mode: Manage",
            accepted: vec![Create(destination(&json!({})))],
            refused: vec![Create(patched(destination(&json!({})), &observe))],
        },
        Case {
            message: "destinations[]: write exactly one of id and name",
            accepted: vec![
                Create(destination(&json!({"name": null, "id": 4711}))),
                Create(additional(
                    &json!({"destinations": [{"key": "a", "id": 1}, {"key": "b", "name": "B"}]}),
                )),
            ],
            refused: vec![
                Create(destination(&json!({"name": null}))),
                Create(destination(&json!({"id": 4711}))),
                Create(additional(&json!({"destinations": [{"key": "a"}]}))),
            ],
        },
        Case {
            message: "destinations[]: startDate must not lie after endDate",
            accepted: vec![
                Create(destination(
                    &json!({"startDate": "2026-07-04", "endDate": "2026-07-04"}),
                )),
                Create(destination(
                    &json!({"startDate": "2026-07-04", "endDate": "2026-12-01"}),
                )),
                Create(destination(&json!({"endDate": "2026-12-01"}))),
            ],
            refused: vec![Create(destination(
                &json!({"startDate": "2026-07-04", "endDate": "2026-07-03"}),
            ))],
        },
        texts(
            "destinations[].key: use lower-case letters, digits and hyphens, a letter or digit first and last",
            |text| destination(&json!({"key": text})),
            &["a", "shop-2"],
            &["Shop", "-a", "a-", "a.b"],
        ),
        texts(
            "destinations[].name: leave out tabs and line breaks",
            |text| destination(&json!({"name": text})),
            PLAIN,
            UNPRINTABLE,
        ),
        texts(
            "destinations[].url: write an address that begins with https:// or http://, without white space",
            |text| destination(&json!({"url": text})),
            &["https://shop.example/a?b=%ALIAS%", "http://x"],
            &[
                "shop.example",
                "ftp://x",
                "https://",
                "https://a b",
                "https://a\n",
                " https://a",
            ],
        ),
        texts(
            "destinations[].alias: leave out tabs, line breaks, and spaces at either end",
            |text| destination(&json!({"url": null, "alias": text})),
            PLAIN,
            LOOSE,
        ),
        texts(
            "destinations[].valueAlias: leave out tabs, line breaks, and spaces at either end",
            |text| destination(&json!({"url": null, "valueAlias": text})),
            PLAIN,
            LOOSE,
        ),
        texts(
            "destinations[].startDate: write a day such as 2026-07-04",
            |text| destination(&json!({"startDate": text})),
            DAYS,
            NO_DAYS,
        ),
        texts(
            "destinations[].endDate: write a day such as 2026-12-31",
            |text| destination(&json!({"endDate": text})),
            DAYS,
            NO_DAYS,
        ),
        Case {
            message: "traits[]: write exactly one of sid, integrationCode and name",
            accepted: vec![
                Create(named_trait(&json!({}))),
                Create(named_trait(&json!({"sid": null, "integrationCode": "vip"}))),
                Create(named_trait(
                    &json!({"sid": null, "integrationCode": "vip", "dataSourceId": 7}),
                )),
            ],
            refused: vec![
                Create(named_trait(&json!({"sid": null}))),
                Create(named_trait(&json!({"integrationCode": "vip"}))),
                Create(named_trait(
                    &json!({"sid": null, "integrationCode": "vip", "name": "V", "dataSourceId": 7}),
                )),
            ],
        },
        Case {
            message: "traits[]: a name is looked for in one data source; add dataSourceId",
            accepted: vec![Create(named_trait(
                &json!({"sid": null, "name": "V", "dataSourceId": 7}),
            ))],
            refused: vec![Create(named_trait(&json!({"sid": null, "name": "V"})))],
        },
        Case {
            message: "traits[]: a sid needs no dataSourceId; take it out",
            accepted: vec![Create(named_trait(&json!({})))],
            refused: vec![Create(named_trait(&json!({"dataSourceId": 7})))],
        },
        texts(
            "traits[].key: use lower-case letters, digits and hyphens, a letter or digit first and last",
            |text| named_trait(&json!({"key": text})),
            &["a", "auto-2"],
            &["Auto", "-a", "a-", "a.b"],
        ),
        texts(
            "traits[].key: {trait} is the shared trait; choose another key",
            |text| named_trait(&json!({"key": text})),
            &["traits", "trait-2"],
            &["trait"],
        ),
        texts(
            "traits[].integrationCode: leave out tabs and line breaks",
            |text| named_trait(&json!({"sid": null, "integrationCode": text})),
            PLAIN,
            UNPRINTABLE,
        ),
        texts(
            "traits[].name: leave out tabs and line breaks",
            |text| named_trait(&json!({"sid": null, "name": text, "dataSourceId": 7})),
            PLAIN,
            UNPRINTABLE,
        ),
    ]
}

/// The messages with which the API server would refuse the attempt.
fn refusals(base: fn() -> Value, attempt: &Attempt) -> Vec<String> {
    let outcome = match attempt {
        Create(patch) => validate(&patched(base(), patch), None),
        Update { from, to } => validate(&patched(base(), to), Some(&patched(base(), from))),
    };
    let errors = outcome.err().map(|errors| errors.into_vec());
    let messages = errors.into_iter().flatten().map(|error| error.message);
    messages.collect()
}

fn check(base: fn() -> Value, cases: &[Case]) {
    for case in cases {
        for (place, attempt) in case.accepted.iter().enumerate() {
            let refusals = refusals(base, attempt);
            assert!(
                refusals.is_empty(),
                "{} / {place}: {refusals:?}",
                case.message
            );
        }
        for (place, attempt) in case.refused.iter().enumerate() {
            assert_eq!(refusals(base, attempt), [case.message], "attempt {place}");
        }
        assert!(!case.accepted.is_empty() && !case.refused.is_empty());
    }
}

#[test]
fn every_rule_of_a_connection_holds_both_ways() {
    check(connection, &connection_cases());
}

#[test]
fn every_rule_of_an_audience_holds_both_ways() {
    check(audience, &audience_cases());
    check(audience, &use_cases());
    check(audience, &models::cases());
}

#[test]
fn every_rule_of_the_definitions_has_its_case_and_a_message() {
    let definitions = definitions().expect("the definitions encode");
    let of_audience = audience_cases().into_iter().chain(use_cases());
    let of_audience = of_audience.chain(models::cases()).collect();
    for (definition, cases) in definitions.iter().zip([connection_cases(), of_audience]) {
        let mut declared = BTreeMap::new();
        collect_messages(definition.as_value(), &mut declared);
        let declared: BTreeSet<_> = declared.into_keys().collect();
        let tested: BTreeSet<_> = cases.iter().map(|case| case.message.to_owned()).collect();
        assert_eq!(declared, tested, "{}", definition.name());
    }
}

/// Each message with its rule; the same fields may occur in several places.
fn collect_messages(schema: &Value, into: &mut BTreeMap<String, Value>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(rules)) = fields.get("x-kubernetes-validations") {
                for rule in rules {
                    let message = rule["message"].as_str();
                    let message = message.unwrap_or_else(|| panic!("no message: {rule}"));
                    let known = into.insert(message.to_owned(), rule.clone());
                    let same = known.is_none_or(|known| known == *rule);
                    assert!(same, "said by two rules: {message}");
                }
            }
            for inner in fields.values() {
                collect_messages(inner, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| collect_messages(inner, into)),
        _ => {}
    }
}
