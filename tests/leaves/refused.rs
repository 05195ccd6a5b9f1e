//! What the API server makes of every mutation: what is beyond a bound is refused, and the refusal names the field and says
//! how to mend it; what is inside is taken. And each rule of the definitions is broken once.

use std::collections::BTreeSet;

use audience_sharing_operator::api::crd::definitions;
use serde_json::{Value, json};
use testbed::{ControlPlane, resource_path};

use super::Subject;
use super::mutations::{Expected, Mutation};
use super::schema::{self, with};
use super::table::Probe;
use super::table_of_audience::{segment_sid, to_audience_manager};
use super::table_of_connection::connection;

/// What the messages of all rules say.
fn rule_messages() -> BTreeSet<String> {
    fn collect(schema: &Value, messages: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                let rules = fields.get("x-kubernetes-validations");
                let rules = rules.and_then(Value::as_array).into_iter().flatten();
                messages.extend(rules.map(|rule| rule["message"].as_str().unwrap().to_owned()));
                fields.values().for_each(|inner| collect(inner, messages));
            }
            Value::Array(items) => items.iter().for_each(|inner| collect(inner, messages)),
            _ => {}
        }
    }
    let mut messages = BTreeSet::new();
    for definition in definitions().unwrap() {
        collect(definition.as_value(), &mut messages);
    }
    messages
}

pub(super) struct Door<'a> {
    plane: &'a ControlPlane,
    namespace: &'a str,
    messages: BTreeSet<String>,
    told: BTreeSet<String>,
    pub(super) faults: Vec<String>,
    pub(super) asked: usize,
}

impl<'a> Door<'a> {
    pub(super) fn of(plane: &'a ControlPlane, namespace: &'a str) -> Self {
        Self {
            plane,
            namespace,
            messages: rule_messages(),
            told: BTreeSet::new(),
            faults: Vec::new(),
            asked: 0,
        }
    }

    /// The answer to a creation that is only tried, or what the refusal says.
    async fn create(&mut self, manifest: &Value) -> Result<Value, String> {
        let path = resource_path(self.namespace, manifest["kind"].as_str().unwrap(), "");
        let path = format!("{path}?dryRun=All&fieldValidation=Strict");
        self.asked += 1;
        let sent = self.plane.send("POST", &path, "application/json", manifest);
        self.answer(sent.await.unwrap())
    }

    /// The same, to change the object that stands.
    async fn change(&mut self, manifest: &Value, dry: bool) -> Result<Value, String> {
        self.asked += 1;
        let sent = super::apply(self.plane, self.namespace, manifest, dry).await;
        self.answer(sent)
    }

    fn answer(&mut self, (status, answer): (u16, Value)) -> Result<Value, String> {
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let message = answer["message"].as_str().unwrap_or_default().to_owned();
        let told = self.messages.iter();
        let told = told.filter(|rule| message.contains(rule.as_str())).cloned();
        self.told.extend(told);
        Err(message)
    }

    fn is_of_a_rule(&self, message: &str) -> bool {
        let mut rules = self.messages.iter();
        rules.any(|rule| message.contains(rule.as_str()))
    }

    pub(super) async fn judge(&mut self, subject: &Subject) {
        let base = subject.base();
        for mutation in &subject.mutations {
            let changed = with(&base, &subject.leaf.path, mutation.value.as_ref());
            let answer = self.create(&changed).await;
            let fault = match mutation.expected {
                Expected::Accepted => answer.err().map(|message| format!("refused: {message}")),
                Expected::AsRemoved => {
                    let removed = with(&base, &subject.leaf.path, None);
                    let removed = self.create(&removed).await;
                    let same = answer.as_ref().map(|answer| &answer["spec"])
                        == removed.as_ref().map(|removed| &removed["spec"]);
                    (!same).then(|| format!("not as if left out: {answer:?}"))
                }
                Expected::Refused | Expected::RefusedByRule => match answer {
                    Ok(_) => Some("accepted".to_owned()),
                    Err(message) => self.fault_of(subject, mutation, &message),
                },
            };
            self.note(subject, &mutation.what, fault);
        }
        // The source may be named in another way, which the operator judges.
        let is_source = subject.leaf.path.starts_with("spec.source.");
        if subject.leaf.immutable || subject.values.probe == Probe::Anew && !is_source {
            self.judge_kept(subject, &base).await;
        }
    }

    fn fault_of(&self, subject: &Subject, mutation: &Mutation, message: &str) -> Option<String> {
        let names = match mutation.what.as_str() {
            "a field unheard of" => message.contains("unheardOf"),
            _ => message.contains(subject.leaf.word()),
        };
        let by_rule = self.is_of_a_rule(message);
        if !names {
            return Some(format!("the refusal does not name it: {message}"));
        }
        if mutation.expected == Expected::RefusedByRule && !by_rule {
            return Some(format!("no rule of ours says it: {message}"));
        }
        // A pattern is no advice.
        let bare = message.contains("should match") || message.contains("rule evaluation error");
        bare.then(|| format!("the refusal shows a pattern or a rule: {message}"))
    }

    /// What cannot change is refused, and what is to be done instead is said.
    async fn judge_kept(&mut self, subject: &Subject, base: &Value) {
        if let Err(message) = self.change(base, false).await {
            self.note(subject, "its manifest", Some(message));
            return;
        }
        for mutation in subject.accepted() {
            let changed = with(base, &subject.leaf.path, mutation.value.as_ref());
            let fault = match self.change(&changed, true).await {
                Ok(_) => Some("changed in place".to_owned()),
                Err(message) if message.contains("cannot change") => None,
                Err(message) => Some(format!("does not say that it cannot change: {message}")),
            };
            self.note(subject, &mutation.what, fault);
        }
    }

    fn note(&mut self, subject: &Subject, what: &str, fault: Option<String>) {
        let name = subject.leaf.name();
        let fault = fault.map(|fault| format!("{name}, {what}: {fault}"));
        self.faults.extend(fault);
    }

    /// What only two leaves together break. Every rule has been broken after this.
    pub(super) async fn judge_pairs(&mut self) {
        for (what, manifest) in pairs() {
            let fault = match self.create(&manifest).await {
                Ok(_) => Some("accepted".to_owned()),
                Err(message) if self.is_of_a_rule(&message) => None,
                Err(message) => Some(format!("no rule of ours says it: {message}")),
            };
            self.faults
                .extend(fault.map(|fault| format!("{what}: {fault}")));
        }
        let fault = self.changes_the_system_of_a_source().await;
        self.faults.extend(fault);
        let silent: Vec<String> = self.messages.difference(&self.told).cloned().collect();
        let silent = silent.iter();
        self.faults
            .extend(silent.map(|rule| format!("never broken: {rule}")));
    }
}

impl Door<'_> {
    /// The source may be named in another way, but stays in its system.
    async fn changes_the_system_of_a_source(&mut self) -> Option<String> {
        let before = to_audience_manager(0, &json!({}));
        let source = json!({"audienceManager": {"segment": {"sid": segment_sid(0)}}});
        let mut after = schema::with(&before, "spec.source", Some(&source));
        after["spec"].as_object_mut().unwrap().remove("target");
        if let Err(message) = self.change(&before, false).await {
            return Some(format!("a source: {message}"));
        }
        match self.change(&after, true).await {
            Ok(_) => Some("a source: its system changed in place".to_owned()),
            Err(message) if self.is_of_a_rule(&message) => None,
            Err(message) => Some(format!("a source: no rule of ours says it: {message}")),
        }
    }
}

/// Leaves that exclude each other.
fn pairs() -> Vec<(&'static str, Value)> {
    let plain = to_audience_manager(0, &json!({}));
    let put = |path: &str, value: Value| schema::with(&plain, path, Some(&value));
    let observing = |target: Value| {
        let mut audience = put("spec.target", target);
        audience["spec"]["mode"] = json!("Observe");
        audience
    };
    let segment = json!({"key": "a", "name": "A", "rule": "{trait}"});
    let destination = json!({"key": "a", "id": 1});
    let model = json!({"key": "a", "name": "A", "dataSourceIds": [1], "lookBackDays": 30});
    let back = |object: Value| {
        let mut audience = put("spec.source", json!({"audienceManager": object}));
        audience["spec"].as_object_mut().unwrap().remove("target");
        audience
    };
    let sid = json!({"sid": segment_sid(0)});
    let mut labels = back(json!({"segment": sid}));
    labels["spec"]["mode"] = json!("Observe");
    labels["spec"]["target"] = json!({"experiencePlatform": {"dataUsageLabels": ["core/C1"]}});
    let mut wrong_way = back(json!({"segment": sid}));
    wrong_way["spec"]["target"] = json!({"audienceManager": {}});
    let named = |named: Value| {
        let segment =
            json!({"key": "a", "name": "A", "rule": "{trait} AND {b}", "traits": [named]});
        put(
            "spec.target",
            json!({"audienceManager": {"additionalSegments": [segment]}}),
        )
    };
    let long = "a".repeat(64);
    let per_minute = json!({"requestsPerMinute": 60});
    let former = schema::with(&connection(0), "spec.budget", Some(&per_minute));
    let mut connection = connection(0);
    connection["metadata"]["name"] = json!(long);
    vec![
        (
            "two sources",
            put("spec.source.audienceManager", json!({"segment": sid})),
        ),
        (
            "id and name",
            put("spec.source.experiencePlatform.name", json!("A")),
        ),
        (
            "trait and segment",
            back(json!({"segment": sid, "trait": sid})),
        ),
        (
            "sid and name",
            back(json!({"segment": {"sid": 1, "name": "A"}})),
        ),
        (
            "sid and code of a trait",
            back(json!({"trait": {"sid": 1, "integrationCode": "a"}})),
        ),
        (
            "a destination's id and name",
            put(
                "spec.target.audienceManager.destinations",
                json!([{"key": "a", "id": 1, "name": "A"}]),
            ),
        ),
        (
            "a trait's sid and name",
            named(json!({"key": "b", "sid": 1, "name": "A"})),
        ),
        (
            "a trait's sid and data source",
            named(json!({"key": "b", "sid": 1, "dataSourceId": 1})),
        ),
        (
            "segments while observing",
            observing(json!({"audienceManager": {"additionalSegments": [segment]}})),
        ),
        (
            "destinations while observing",
            observing(json!({"audienceManager": {"destinations": [destination]}})),
        ),
        (
            "models while observing",
            observing(json!({"audienceManager": {"models": [model]}})),
        ),
        ("labels while observing", labels),
        ("a target on the source's side", wrong_way),
        (
            "the same, the other way",
            put("spec.target", json!({"experiencePlatform": {}})),
        ),
        (
            "a long name of an audience",
            put("metadata.name", json!(long)),
        ),
        ("a long name of a connection", connection),
        ("the former name of rateLimit", former),
    ]
}
