//! One patient: a custom resource with a leaf set, and what the two systems and the statuses show of it.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::{eventually, resource_path};

use super::Subject;
use super::table::Probe;
use super::table_of_audience::{segment_sid, source_id, to_audience_manager};
use super::table_of_connection::patient_name;
use crate::harness::{World, ready_condition};
use crate::standing;

const WITHIN: Duration = Duration::from_secs(60);
/// From the verdict on: the statuses that trail behind it.
const RESTORED_WITHIN: Duration = Duration::from_secs(20);
/// What every change moves, whatever was changed.
const TIMES: [&str; 10] = [
    "createTime",
    "updateTime",
    "crUID",
    "upUID",
    "_etag",
    "creationTime",
    "createEpoch",
    "updateEpoch",
    "createdBy",
    "traitRuleVersion",
];

/// What shows of a patient.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// Its objects in the two systems.
    pub(super) remote: Value,
    /// `Ready` of the resource, and of the audience that a connection has: status, reason, message.
    pub(super) verdicts: Vec<[String; 3]>,
    /// The statuses, without times and generations.
    pub(super) statuses: Vec<Value>,
    /// Why the other system is not as declared, where the verdict says that all stands.
    pub(super) fault: Option<String>,
    /// Of an annotation, where the manifest has it.
    pub(super) echo: Option<Value>,
    /// Of a connection's patient: the data source and folders are its own.
    pub(super) own: Vec<String>,
}

impl Seen {
    /// What the verdicts say, all together.
    pub(super) fn messages(&self) -> String {
        let messages = self.verdicts.iter().map(|[_, _, message]| message.as_str());
        messages.collect::<Vec<_>>().join(" ")
    }

    /// The same, with the ids of what is ours out of sight, and the uid of the resource that its marks end in.
    pub(super) fn masked(&self) -> (String, Vec<String>) {
        let mut ids = self.own.clone();
        collect_ids(&self.remote, &mut ids);
        ids.sort_unstable();
        ids.dedup();
        let mask = |text: String| {
            let masked = ids.iter().enumerate();
            masked.fold(without_uids(&text), |text, (_, id)| text.replace(id, "#"))
        };
        let objects = self.remote.as_object().into_iter().flatten();
        let mut texts: Vec<String> = objects
            .flat_map(|(_, objects)| objects.as_array().into_iter().flatten())
            .map(|object| mask(object.to_string()))
            .collect();
        texts.sort();
        let statuses = self.statuses.iter().map(|status| mask(status.to_string()));
        (texts.join("\n"), statuses.collect())
    }
}

/// What a mark ends in, `#<8 hex digits>]`, is another for each resource of a name.
fn without_uids(text: &str) -> String {
    let parts = text.split('#').map(|part| match part.split_once(']') {
        Some((uid, rest)) if uid.len() == 8 => format!("]{rest}"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("#")
}

fn collect_ids(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for field in ["sid", "id", "destinationMappingId"] {
                match fields.get(field) {
                    Some(Value::Number(id)) => ids.push(id.to_string()),
                    Some(Value::String(id)) => ids.push(id.clone()),
                    _ => {}
                }
            }
            fields.values().for_each(|inner| collect_ids(inner, ids));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect_ids(inner, ids)),
        _ => {}
    }
}

pub(super) struct Patient<'a> {
    pub(super) world: &'a World,
    pub(super) subject: &'a Subject,
    pub(super) name: String,
    turns: &'a Turns,
}

/// A connection that leaves waits for a minute where another one makes shared objects meanwhile: they take turns.
pub(super) type Turns = tokio::sync::RwLock<()>;

impl<'a> Patient<'a> {
    pub(super) fn of(world: &'a World, subject: &'a Subject, turns: &'a Turns) -> Self {
        let name = patient_name(subject.number);
        Self {
            world,
            subject,
            name,
            turns,
        }
    }

    fn is_connection(&self) -> bool {
        self.subject.leaf.kind == "SharingConnection"
    }

    /// The resources that it consists of.
    fn kinds(&self) -> &'static [&'static str] {
        match self.is_connection() {
            true => &["sharedaudience", "sharingconnection"],
            false => &["sharedaudience"],
        }
    }

    fn path(&self, kind: &str) -> String {
        resource_path(&self.world.namespace, kind, &self.name)
    }

    /// The audience that is shared through a patient that is a connection.
    fn companion(&self) -> Value {
        let mut companion = to_audience_manager(self.subject.number, &json!({}));
        companion["spec"]["connectionRef"]["name"] = json!(self.name);
        companion
    }

    /// Brings the manifest about, as the leaf allows, and gives what shows.
    pub(super) async fn undergo(&self, manifest: &Value) -> Seen {
        if self.subject.values.probe == Probe::Anew {
            self.leave().await;
        }
        let _turn = match self.is_connection() {
            true => Some(self.turns.read().await),
            false => None,
        };
        self.apply(manifest).await;
        self.settle(manifest).await;
        self.see(manifest).await
    }

    /// Waits until nothing of what stands differs by this judge; what still does.
    pub(super) async fn until_restored(
        &self,
        manifest: &Value,
        difference: impl Fn(&Seen) -> Option<String>,
    ) -> Result<Seen, String> {
        let restored = || async {
            let seen = self.see(manifest).await;
            match difference(&seen).or_else(|| seen.fault.clone()) {
                None => Ok(seen),
                Some(differs) => Err(differs),
            }
        };
        let what = format!("{} is restored", self.subject.leaf.name());
        let waited = eventually(&what, RESTORED_WITHIN, restored).await;
        waited.map_err(|error| error.to_string())
    }

    /// What shows once the moment has come that the leaf is about. After it the manifest has to be applied again.
    pub(super) async fn probe(&self, manifest: &Value, standing: Seen) -> Seen {
        match self.subject.values.probe {
            Probe::Deleted => {
                self.leave().await;
                self.see(&Value::Null).await
            }
            Probe::SourceGone => {
                self.set_source("inactive").await;
                let gone = self.see(manifest).await;
                self.set_source("published").await;
                gone
            }
            _ => standing,
        }
    }

    async fn set_source(&self, state: &str) {
        let fields = json!({"lifecycleState": state});
        let id = source_id(self.subject.number);
        let control = &self.world.control;
        control.patch("audiences", &id, &fields).await.unwrap();
        self.look().await;
        self.until_judged("sharedaudience").await;
    }

    pub(super) async fn apply(&self, manifest: &Value) {
        let mut all = vec![manifest.clone()];
        all.extend(self.is_connection().then(|| self.companion()));
        for manifest in all {
            let world = self.world;
            let (plane, namespace) = (world.plane(), &world.namespace);
            let (status, answer) = super::apply(plane, namespace, &manifest, false).await;
            assert!(status < 300, "{}: {answer}", self.subject.leaf.name());
        }
    }

    /// Without a connection that works it is let go, or it would wait for ten minutes.
    async fn let_go(&self) {
        let companion = self.world.find("sharedaudience", &self.name).await;
        let waits = |found: &Value| ready_condition(found)["reason"] == "DependencyNotReady";
        if !companion.is_some_and(|companion| waits(&companion)) {
            return;
        }
        let mut companion = self.companion();
        companion["spec"]["deletionPolicy"] = json!("Retain");
        let (plane, namespace) = (self.world.plane(), &self.world.namespace);
        let (status, answer) = super::apply(plane, namespace, &companion, false).await;
        assert!(status < 300, "{answer}");
        let path = self.path("sharingconnection");
        let patch = json!({"spec": {"deletionPolicy": "Retain"}});
        let how = "application/merge-patch+json";
        let (status, answer) = plane.send("PATCH", &path, how, &patch).await.unwrap();
        assert!(status < 300, "{answer}");
    }

    /// Deletes what the patient consists of, and waits for its end.
    pub(super) async fn leave(&self) {
        if self.is_connection() {
            self.let_go().await;
        }
        let _turn = match self.is_connection() {
            true => Some(self.turns.write().await),
            false => None,
        };
        for kind in self.kinds() {
            let path = self.path(kind);
            let plane = self.world.plane();
            let options = json!({});
            let sent = plane.send("DELETE", &path, "application/json", &options);
            let (status, answer) = sent.await.unwrap();
            assert!(status < 300 || status == 404, "{answer}");
            self.world.gone(kind, &self.name).await;
        }
    }

    async fn settle(&self, manifest: &Value) {
        if let Some(echo) = self.subject.values.echo {
            self.until_echoed(manifest, echo).await;
        }
        if !self.is_connection() {
            self.until_judged("sharedaudience").await;
            return;
        }
        let connection = self.until_judged("sharingconnection").await;
        match ready_condition(&connection)["status"] == "True" {
            true => self.look().await,
            false => {
                // What its audience waits for is told there.
                let refused = || async {
                    let audience = self.world.get("sharedaudience", &self.name).await;
                    let ready = ready_condition(&audience);
                    match ready["status"] == "False" {
                        true => Ok(()),
                        false => Err(ready.to_string()),
                    }
                };
                let waited = eventually("the audience waits for its connection", WITHIN, refused);
                waited.await.unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }

    /// The generation that stands was judged.
    async fn until_judged(&self, kind: &str) -> Value {
        let under_way = ["Progressing", "Pending"];
        self.world.until_judged(kind, &self.name, &under_way).await
    }

    /// What the annotation says is repeated in the status, cut to its bound there.
    async fn until_echoed(&self, manifest: &Value, echo: &str) {
        let asked = manifest.pointer(&super::schema::pointer(&self.subject.leaf.path));
        // Taken out it asks for nothing, and what was echoed may stay.
        let Some(asked) = asked.and_then(Value::as_str) else {
            return;
        };
        let asked: String = asked.chars().take(256).collect();
        let kind = self.subject.leaf.kind.to_lowercase();
        let echoed = || async {
            let object = self.world.get(&kind, &self.name).await;
            match object.pointer(echo).and_then(Value::as_str) == Some(&asked) {
                true => Ok(()),
                false => Err(object["status"].to_string()),
            }
        };
        let what = format!("{echo} of {} is {asked}", self.subject.leaf.name());
        let waited = eventually(&what, WITHIN, echoed).await;
        waited.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Asks for a look at both systems, and waits until the audience was judged by it.
    pub(super) async fn look(&self) {
        self.world.look_now(&self.name).await;
        self.until_judged("sharedaudience").await;
    }

    /// `manifest`: null where nothing is declared any more.
    async fn see(&self, manifest: &Value) -> Seen {
        let state = self.world.tenant().await;
        let mut seen = Seen {
            remote: self.remote(&state),
            verdicts: Vec::new(),
            statuses: Vec::new(),
            fault: None,
            echo: None,
            own: Vec::new(),
        };
        if self.is_connection() {
            for field in ["dataSourceId", "folderId"] {
                let objects = seen.remote.as_object().into_iter().flatten();
                let objects = objects.flat_map(|(_, objects)| objects.as_array().unwrap());
                let ids = objects.filter_map(|object| object[field].as_u64());
                seen.own.extend(ids.map(|id| id.to_string()));
            }
        }
        if manifest.is_null() {
            return seen;
        }
        for kind in self.kinds() {
            let object = self.world.get(kind, &self.name).await;
            let ready = ready_condition(&object);
            let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
            seen.verdicts
                .push(["status", "reason", "message"].map(text));
            let is_own = (*kind == "sharingconnection") == self.is_connection();
            let echo = self.subject.values.echo.filter(|_| is_own);
            let leaf = super::schema::pointer(&self.subject.leaf.path);
            let echo = echo.filter(|_| manifest.pointer(&leaf).is_some());
            seen.echo = echo
                .and_then(|echo| object.pointer(echo))
                .cloned()
                .or(seen.echo);
            let mut status = object["status"].clone();
            if *kind == "sharingconnection" {
                // They follow the verdict; the audience's status has them in any case.
                if let Some(known) = status["audienceManager"].as_object_mut() {
                    known.retain(|field, _| !field.ends_with("FolderId"));
                }
            }
            without_times(&mut status);
            seen.statuses.push(status);
            if *kind == "sharedaudience" && ready["reason"] == "Succeeded" {
                seen.fault = self.fault(&object, &state).await;
            }
        }
        seen
    }

    /// By the judge that reads the manifest.
    async fn fault(&self, audience: &Value, state: &Value) -> Option<String> {
        let connection = audience["spec"]["connectionRef"]["name"].as_str().unwrap();
        let connection = self.world.get("sharingconnection", connection).await;
        standing::difference(&self.world.namespace, audience, &connection, state)
    }

    /// What carries its mark, what is mapped of it, and what stands under its keys.
    fn remote(&self, state: &Value) -> Value {
        let mark = format!("/{}#", self.name);
        let segment = segment_sid(self.subject.number).to_string();
        let all = |collection: &str| state[collection].as_array().into_iter().flatten();
        let is_ours = |object: &&Value| {
            let description = object["description"].as_str().unwrap_or_default();
            description.contains(&mark) || object["audienceId"] == segment.as_str()
        };
        let mut remote = json!({});
        for collection in ["traits", "segments", "audiences"] {
            let found: Vec<Value> = all(collection).filter(is_ours).cloned().collect();
            remote[collection] = json!(found);
        }
        let segments = remote["segments"].as_array().unwrap();
        let mappings = segments.iter().flat_map(|segment| {
            let mapped = standing::mappings_of(state, &segment["sid"]);
            mapped.into_iter().cloned()
        });
        remote["mappings"] = mappings.collect();
        if self.is_connection() {
            let own = format!("Sweep {}", self.subject.number);
            let by_hand = format!("By hand {}", self.subject.number);
            let named = |object: &&Value| {
                let name = object["name"].as_str().unwrap_or_default();
                let traits = remote["traits"].as_array().unwrap();
                let mut used = traits.iter().map(|found| &found["dataSourceId"]);
                name == own || name == by_hand || used.any(|id| *id == object["dataSourceId"])
            };
            let found: Vec<Value> = all("dataSources").filter(named).cloned().collect();
            remote["dataSources"] = json!(found);
        }
        if self.is_connection() && self.subject.values.probe == Probe::Deleted {
            let own = format!("Sweep {} ", self.subject.number);
            for collection in ["traitFolders", "segmentFolders"] {
                let named = |object: &&Value| {
                    let name = object["name"].as_str().unwrap_or_default();
                    name.starts_with(&own)
                };
                remote[collection] = all(collection).filter(named).cloned().collect();
            }
        }
        without_times(&mut remote);
        remote
    }
}

fn without_times(value: &mut Value) {
    // Who uses it is looked for now and then, and a folder that was made stays until the connection goes.
    const OF_STATUS: [&str; 10] = [
        "recordedBy",
        "lastTransitionTime",
        "observedGeneration",
        "nextAttemptTime",
        "lastHandledReconcileAt",
        "lastAppliedHash",
        "items",
        "usedBy",
        "createdTraitFolderIds",
        "createdSegmentFolderIds",
    ];
    match value {
        Value::Object(fields) => {
            for field in TIMES.iter().chain(&OF_STATUS) {
                fields.remove(*field);
            }
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}
