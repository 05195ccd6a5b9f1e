//! Lists and changes of two namespaces, fed by hand, and what a cache would hold.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use serde_json::json;

use super::{DeserializeGuard, Event, Join};

type Change = Event<DeserializeGuard<Lease>>;

fn lease(namespace: &str, name: &str) -> DeserializeGuard<Lease> {
    let metadata = json!({"namespace": namespace, "name": name});
    serde_json::from_value(json!({"metadata": metadata})).unwrap()
}

fn unreadable(namespace: &str, name: &str) -> DeserializeGuard<Lease> {
    let metadata = json!({"namespace": namespace, "name": name});
    let spec = json!({"leaseDurationSeconds": "fifteen"});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn told(events: Vec<Change>) -> Vec<String> {
    let name = |object: &DeserializeGuard<Lease>| match &object.0 {
        Ok(lease) => lease.name_any(),
        Err(invalid) => format!("?{}", invalid.metadata.name.as_deref().unwrap()),
    };
    let told = |event: &Change| match event {
        Event::Init => "init".to_owned(),
        Event::InitApply(object) => format!("init {}", name(object)),
        Event::InitDone => "done".to_owned(),
        Event::Apply(object) => format!("apply {}", name(object)),
        Event::Delete(object) => format!("delete {}", name(object)),
    };
    events.iter().map(told).collect()
}

fn play(join: &mut Join<Lease>, namespace: &str, events: Vec<Change>) -> Vec<String> {
    let taken = events
        .into_iter()
        .flat_map(|event| join.take(namespace, event));
    told(taken.collect())
}

fn two() -> Join<Lease> {
    Join::of(["a".to_owned(), "b".to_owned()].into_iter())
}

fn list(namespace: &str, names: &[&str]) -> Vec<Change> {
    let objects = names
        .iter()
        .map(|name| Event::InitApply(lease(namespace, name)));
    [Event::Init]
        .into_iter()
        .chain(objects)
        .chain([Event::InitDone])
        .collect()
}

#[test]
fn the_list_is_complete_once_the_last_namespace_is_listed() {
    let mut join = two();
    assert_eq!(play(&mut join, "a", list("a", &["one"])), ["init one"]);
    assert_eq!(
        play(&mut join, "b", list("b", &["two"])),
        ["init two", "done"]
    );
    let change = vec![Event::Apply(lease("b", "two"))];
    assert_eq!(play(&mut join, "b", change), ["apply two"]);
}

#[test]
fn what_changes_while_another_namespace_is_listed_is_not_lost() {
    let mut join = two();
    play(&mut join, "a", list("a", &["gone", "broken", "back"]));
    let changes = vec![
        Event::Apply(lease("a", "new")),
        Event::Delete(lease("a", "gone")),
        Event::Apply(unreadable("a", "broken")),
        Event::Delete(lease("a", "back")),
        Event::Apply(lease("a", "back")),
    ];
    assert_eq!(play(&mut join, "a", changes), ["init new", "init back"]);
    assert_eq!(
        play(&mut join, "b", list("b", &[])),
        ["done", "apply ?broken", "delete gone"]
    );
}

#[test]
fn a_later_list_of_one_namespace_touches_no_other() {
    let mut join = two();
    play(&mut join, "a", list("a", &["one", "two"]));
    play(&mut join, "b", list("b", &["one"]));
    assert_eq!(
        play(&mut join, "a", list("a", &["two", "three"])),
        ["apply two", "apply three", "delete ?one"]
    );
    assert_eq!(play(&mut join, "b", list("b", &["one"])), ["apply one"]);
}

#[test]
fn a_second_list_before_the_first_of_another_namespace_drops_what_it_lacks() {
    let mut join = two();
    play(&mut join, "a", list("a", &["one", "two"]));
    assert_eq!(play(&mut join, "a", list("a", &["two"])), ["init two"]);
    assert_eq!(
        play(&mut join, "b", list("b", &[])),
        ["done", "delete ?one"]
    );
}
