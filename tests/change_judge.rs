//! The judge of what a test's calls changed in the tenant, whatever the test is about. Every world holds one.
//!
//! A call may change or delete an object only if a call created it, or if the test says that it is adopted. Everything
//! else stays byte for byte as the seed or a person left it, apart from what the service itself notes there. Who created
//! an object is read from the simulator's log of changes: a name, a code or a mark proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use adobe_simulator::Simulator;
use serde_json::{Value, json};

/// Collection and id.
type Key = (String, String);

/// One for each world. Fails the test when it goes, unless all was well.
pub(crate) struct ChangeJudge {
    tenant: Tenant,
    /// The tenant when the world began, and how many changes there had been.
    start: Value,
    began: usize,
    claims: Mutex<Claims>,
    /// What [`Self::violations`] gave already: whoever asked reports it.
    reported: Mutex<BTreeSet<String>>,
    /// What was judged last, and how many changes there had been.
    judged: Mutex<Option<(usize, Seen)>>,
}

/// What the test says of single objects.
#[derive(Default)]
struct Claims {
    adopted: BTreeSet<Key>,
    /// With the number of the last change before.
    disowned: BTreeMap<Key, u64>,
}

enum Tenant {
    InProcess(Simulator),
    /// By the address of its control port.
    #[allow(dead_code, reason = "not every test program starts processes")]
    Process(String),
}

/// What the judges of this run saw.
#[derive(Default)]
struct Figures {
    worlds: usize,
    strangers: BTreeMap<&'static str, usize>,
    by_calls: usize,
    by_people: usize,
    by_services: usize,
}

static FIGURES: Mutex<Figures> = Mutex::new(Figures {
    worlds: 0,
    strangers: BTreeMap::new(),
    by_calls: 0,
    by_people: 0,
    by_services: 0,
});

/// So that the line at the end of a run names the strangers that this world began with.
pub(crate) fn count_strangers(kinds: impl IntoIterator<Item = &'static str>) {
    let mut figures = lock(&FIGURES);
    for kind in kinds {
        *figures.strangers.entry(kind).or_default() += 1;
    }
}

impl ChangeJudge {
    /// Of a simulator in this process, from here on.
    #[allow(
        dead_code,
        reason = "not every test program has a simulator in process"
    )]
    pub(crate) fn of(simulator: &Simulator) -> Self {
        Self::over(Tenant::InProcess(simulator.clone()))
    }

    /// Of a simulator that is a process of its own.
    #[allow(dead_code, reason = "not every test program starts processes")]
    pub(crate) fn of_process(control: &str) -> Self {
        Self::over(Tenant::Process(control.to_owned()))
    }

    fn over(tenant: Tenant) -> Self {
        let (changes, start) = tenant.read(0);
        Self {
            start,
            began: changes.len(),
            tenant,
            claims: Mutex::default(),
            reported: Mutex::default(),
            judged: Mutex::default(),
        }
    }

    /// The test wants this object, which a person or Adobe made, to be taken over: calls may change it.
    #[allow(dead_code, reason = "not every test program adopts")]
    pub(crate) fn adopt(&self, collection: &str, id: &Value) {
        let key = (collection.to_owned(), id_text(id));
        lock(&self.claims).adopted.insert(key);
        *lock(&self.judged) = None;
    }

    /// From here on this object is a person's, even if a call created it: no call may change it.
    #[allow(dead_code, reason = "in most test programs no object is lost")]
    pub(crate) fn disown(&self, collection: &str, id: &Value) {
        let key = (collection.to_owned(), id_text(id));
        let last = self.began + self.tenant.read(self.began).0.len();
        lock(&self.claims).disowned.insert(key, last as u64);
        *lock(&self.judged) = None;
    }

    /// What is wrong so far. Whoever asks reports it: it does not fail the test once more in the end.
    #[allow(dead_code, reason = "most tests leave it to the end")]
    pub(crate) fn violations(&self) -> Vec<String> {
        let (violations, judged) = self.judge();
        lock(&self.reported).extend(violations.iter().cloned());
        *lock(&self.judged) = Some(judged);
        violations
    }

    fn judge(&self) -> (Vec<String>, (usize, Seen)) {
        let (changes, end) = self.tenant.read(self.began);
        let (violations, seen) = judge(&self.start, &changes, &end, &lock(&self.claims));
        (violations, (self.began + changes.len(), seen))
    }

    /// The collections of what calls created and left, one entry for each object.
    #[allow(dead_code, reason = "not every test program looks at what is left")]
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left: BTreeMap<Key, bool> = BTreeMap::new();
        for change in self.tenant.read(self.began).0 {
            let key = (text(&change["collection"]), id_text(&change["id"]));
            if change["after"].is_null() {
                left.remove(&key);
            } else if change["before"].is_null() {
                left.insert(key, change["author"]["kind"] == "call");
            }
        }
        let left = left.into_iter().filter(|(_, by_call)| *by_call);
        left.map(|((collection, _), _)| collection).collect()
    }

    fn close(&self) {
        let judged = lock(&self.judged).take();
        let judged = judged.filter(|(changes, _)| self.tenant.is_unchanged_since(*changes));
        let (mut violations, seen) = match judged {
            Some((_, seen)) => (Vec::new(), seen),
            None => {
                let (violations, (_, seen)) = self.judge();
                (violations, seen)
            }
        };
        write_figures(&seen);
        let reported = lock(&self.reported);
        violations.retain(|violation| !reported.contains(violation));
        drop(reported);
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}

impl Drop for ChangeJudge {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.close();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenant {
    fn is_unchanged_since(&self, changes: usize) -> bool {
        match self {
            Self::InProcess(simulator) => simulator.changes(changes as u64).is_empty(),
            // It costs a process a call as well.
            Self::Process(_) => false,
        }
    }

    /// The log of changes after so many, and the state after the last of them.
    fn read(&self, since: usize) -> (Vec<Value>, Value) {
        match self {
            Self::InProcess(simulator) => {
                let mut changes: Vec<Value> = Vec::new();
                loop {
                    let page = simulator.changes((since + changes.len()) as u64);
                    if page.is_empty() {
                        return (changes, simulator.state());
                    }
                    changes.extend(page.into_iter().map(|change| json!(change)));
                }
            }
            Self::Process(control) => read_process(control, since),
        }
    }
}

/// On a thread and a runtime of its own, since a drop cannot wait for the test's.
fn read_process(control: &str, since: usize) -> (Vec<Value>, Value) {
    let control = testbed::ControlClient::new(control).unwrap();
    let reading = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut changes = Vec::new();
            loop {
                let page = control.changes(since + changes.len()).await.unwrap();
                if page.is_empty() {
                    return (changes, control.state().await.unwrap());
                }
                changes.extend(page);
            }
        })
    });
    reading.join().unwrap()
}

/// Who made an object that exists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Maker {
    Call,
    /// The seed, a person, or a service by itself.
    Other,
}

#[derive(Default)]
struct Seen {
    by_calls: usize,
    by_people: usize,
    by_services: usize,
}

fn judge(
    start: &Value,
    changes: &[Value],
    end: &Value,
    Claims { adopted, disowned }: &Claims,
) -> (Vec<String>, Seen) {
    let mut objects: BTreeMap<Key, (Maker, Value)> = BTreeMap::new();
    for (key, object) in objects_of(start) {
        objects.insert(key, (Maker::Other, object.clone()));
    }
    let (mut violations, mut seen) = (Vec::new(), Seen::default());
    for change in changes {
        let key = (text(&change["collection"]), id_text(&change["id"]));
        let (before, after) = (&change["before"], &change["after"]);
        let made = objects.get(&key).map(|(maker, _)| *maker);
        let author = text(&change["author"]["kind"]);
        match author.as_str() {
            "call" => {
                seen.by_calls += 1;
                let number = change["number"].as_u64();
                let is_own =
                    before.is_null() || made == Some(Maker::Call) || adopted.contains(&key);
                let is_lost = disowned.get(&key).is_some_and(|last| number > Some(*last));
                if !is_own || is_lost {
                    violations.push(violation(change, &key));
                } else if let Some(segment) = stranger_mapped(&objects, adopted, change) {
                    violations.push(format!(
                        "a call mapped segment {segment}, which no call created: {}",
                        call(change)
                    ));
                }
            }
            "person" => seen.by_people += 1,
            _ => seen.by_services += 1,
        }
        let maker = match (before.is_null(), author == "call") {
            (true, true) => Maker::Call,
            (true, false) => Maker::Other,
            (false, _) => made.unwrap_or(Maker::Other),
        };
        match after {
            Value::Null => drop(objects.remove(&key)),
            after => drop(objects.insert(key, (maker, after.clone()))),
        }
    }
    // The log is what the verdict rests on: it must say all that happened.
    let now: BTreeMap<Key, &Value> = objects_of(end).collect();
    for (key, (_, object)) in &objects {
        if now.get(key) != Some(&object) {
            violations.push(format!(
                "{} {} changed without a change in the log",
                key.0, key.1
            ));
        }
    }
    (violations, seen)
}

/// A live mapping that appears on a segment that is not ours.
fn stranger_mapped(
    objects: &BTreeMap<Key, (Maker, Value)>,
    adopted: &BTreeSet<Key>,
    change: &Value,
) -> Option<Value> {
    let appears = change["collection"] == "mappings" && change["before"].is_null();
    let segment = ("segments".to_owned(), id_text(&change["after"]["sid"]));
    let is_strangers = objects
        .get(&segment)
        .is_some_and(|(maker, _)| *maker == Maker::Other);
    (appears && is_strangers && !adopted.contains(&segment)).then(|| change["after"]["sid"].clone())
}

fn violation(change: &Value, (collection, id): &Key) -> String {
    let (before, after) = (&change["before"], &change["after"]);
    let name = before["name"].as_str().unwrap_or_default();
    let what = match after {
        Value::Null => "was deleted".to_owned(),
        after => format!("was changed: {}", differences(before, after)),
    };
    format!(
        "{collection} {id} {name:?}, which is not the operator's, {what}; {}",
        call(change)
    )
}

fn call(change: &Value) -> String {
    let author = &change["author"];
    format!(
        "call {} of {}: {} {}",
        author["sequence"],
        author["clientId"],
        text(&author["method"]),
        text(&author["path"])
    )
}

fn differences(before: &Value, after: &Value) -> String {
    let fields = |object: &Value| -> BTreeSet<String> {
        let fields = object.as_object().into_iter().flatten();
        fields.map(|(field, _)| field.clone()).collect()
    };
    let all: BTreeSet<String> = fields(before).union(&fields(after)).cloned().collect();
    let told = all
        .into_iter()
        .filter(|field| before[field] != after[field])
        .map(|field| format!("{field} {} to {}", before[&field], after[&field]));
    told.collect::<Vec<_>>().join(", ")
}

/// Every object of a state document, with its key.
pub(crate) fn objects_of(state: &Value) -> impl Iterator<Item = (Key, &Value)> {
    let collections = state.as_object().into_iter().flatten();
    collections.flat_map(|(collection, objects)| {
        let objects = objects.as_array().into_iter().flatten();
        objects.filter_map(move |object| {
            let id = object.get(id_field(collection)?)?;
            Some(((collection.clone(), id_text(id)), object))
        })
    })
}

/// `None` for what is no object of a tenant.
pub(crate) fn id_field(collection: &str) -> Option<&'static str> {
    Some(match collection {
        "dataSources" => "dataSourceId",
        "traitFolders" | "segmentFolders" => "folderId",
        "traits" | "segments" => "sid",
        "destinations" => "destinationId",
        "mappings" => "destinationMappingId",
        "models" => "algoModelId",
        "sandboxes" | "audiences" | "mergePolicies" => "id",
        "externalAudienceOperations" => "operationId",
        "externalAudienceRuns" => "runId",
        _ => return None,
    })
}

fn id_text(id: &Value) -> String {
    match id {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A test program has no last word: each judge writes what all have seen until then.
fn write_figures(seen: &Seen) {
    let mut figures = lock(&FIGURES);
    figures.worlds += 1;
    figures.by_calls += seen.by_calls;
    figures.by_people += seen.by_people;
    figures.by_services += seen.by_services;
    let program = env!("CARGO_CRATE_NAME");
    let kinds = figures.strangers.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let told = format!(
        "{program}: {} tenants with {} strangers ({}); {} changes by calls judged, {} by people and {} by the services noted\n",
        figures.worlds,
        figures.strangers.values().sum::<usize>(),
        kinds.join(", "),
        figures.by_calls,
        figures.by_people,
        figures.by_services,
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Figures that are not written fail no test.
    let _ = std::fs::write(folder.join(format!("changes-{program}.txt")), told);
}

/// The judge is judged: what it must refuse, and what it must let pass.
#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn change(number: u64, author: &str, id: u64, before: Value, after: Value) -> Value {
        json!({"number": number, "author": {"kind": author, "sequence": 1, "method": "PUT", "path": "/v1/traits",
            "clientId": "demo-client"}, "collection": "traits", "id": id, "before": before, "after": after})
    }

    fn wrong(start: &[Value], changes: &[Value], end: &[Value], adopted: &[u64]) -> Vec<String> {
        let adopted = adopted
            .iter()
            .map(|id| ("traits".to_owned(), id.to_string()));
        let (start, end) = (json!({"traits": start}), json!({"traits": end}));
        let claims = Claims {
            adopted: adopted.collect(),
            ..Claims::default()
        };
        judge(&start, changes, &end, &claims).0
    }

    fn named(sid: u64, name: &str) -> Value {
        json!({"sid": sid, "name": name})
    }

    #[test]
    fn a_call_changes_what_a_call_created() {
        let (one, two) = (named(1, "one"), named(1, "two"));
        let changes = [
            change(1, "call", 1, Value::Null, one.clone()),
            change(2, "person", 1, one, two.clone()),
            change(3, "call", 1, two, Value::Null),
        ];
        assert_eq!(wrong(&[], &changes, &[], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_call_changes_nothing_else_unless_it_is_adopted() {
        let (one, two) = (named(1, "one"), named(1, "two"));
        let changed = [change(1, "call", 1, one.clone(), two.clone())];
        let told = wrong(from_ref(&one), &changed, from_ref(&two), &[]);
        assert!(told[0].contains("name \"one\" to \"two\""), "{told:?}");
        assert!(wrong(from_ref(&one), &changed, from_ref(&two), &[1]).is_empty());
        let deleted = [
            change(1, "person", 1, Value::Null, one.clone()),
            change(2, "call", 1, one.clone(), Value::Null),
        ];
        assert!(wrong(&[], &deleted, &[], &[])[0].contains("was deleted"));
        // An id that comes again is another object.
        let again = [
            change(1, "call", 1, Value::Null, one.clone()),
            change(2, "call", 1, one.clone(), Value::Null),
            change(3, "service", 1, Value::Null, one.clone()),
            change(4, "call", 1, one, two.clone()),
        ];
        assert_eq!(wrong(&[], &again, &[two], &[]).len(), 1);
    }

    #[test]
    fn a_call_does_not_change_what_it_created_once_it_is_a_persons() {
        let (one, two) = (named(1, "one"), named(1, "two"));
        let changes = [
            change(1, "call", 1, Value::Null, one.clone()),
            change(2, "call", 1, one.clone(), two.clone()),
            change(3, "call", 1, two.clone(), one.clone()),
        ];
        let key = ("traits".to_owned(), "1".to_owned());
        let claims = Claims {
            disowned: [(key, 2)].into(),
            ..Claims::default()
        };
        let (start, end) = (json!({}), json!({"traits": [one]}));
        let (wrong, _) = judge(&start, &changes, &end, &claims);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].contains("name \"two\" to \"one\""), "{wrong:?}");
    }

    #[test]
    fn what_the_log_does_not_say_is_wrong() {
        let told = wrong(&[named(1, "one")], &[], &[named(1, "two")], &[]);
        assert!(told[0].contains("without a change in the log"), "{told:?}");
    }
}
