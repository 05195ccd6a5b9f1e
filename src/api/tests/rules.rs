//! Every rule both ways: what it lets pass, and what it refuses with its message and no other.

use std::collections::BTreeSet;

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
    cases
}

fn source_cases() -> Vec<Case> {
    vec![
        Case {
            message: "source: name the audience, by experiencePlatform.id or experiencePlatform.name",
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
        immutable(
            "source cannot change; declare another source in another SharedAudience, under another name",
            json!({}),
            vec![source(&json!({"id": "another"})), named("Loyal gamers")],
        ),
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
            "additionalSegments[].rule: write {trait} where the shared trait shall stand, such as {trait} AND 9912T",
            |text| additional(&json!({"rule": text})),
            &["{trait} AND 9912T", "9912T OR {trait}"],
            &["9912T", "{Trait} AND 9912T", "trait"],
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
}

#[test]
fn every_rule_of_the_definitions_has_its_case_and_a_message() {
    let definitions = definitions().expect("the definitions encode");
    for (definition, cases) in definitions
        .iter()
        .zip([connection_cases(), audience_cases()])
    {
        let mut declared = BTreeSet::new();
        collect_messages(definition.as_value(), &mut declared);
        let tested: BTreeSet<_> = cases.iter().map(|case| case.message.to_owned()).collect();
        assert_eq!(declared, tested, "{}", definition.name());
    }
}

fn collect_messages(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(rules)) = fields.get("x-kubernetes-validations") {
                for rule in rules {
                    let message = rule["message"].as_str();
                    let message = message.unwrap_or_else(|| panic!("no message: {rule}"));
                    assert!(into.insert(message.to_owned()), "said twice: {message}");
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
