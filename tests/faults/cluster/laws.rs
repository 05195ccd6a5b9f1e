//! What the operator relies on of an API server: shown on the model, and on the real one.

#![expect(
    clippy::disallowed_methods,
    reason = "the model stamps objects as the real API server does"
)]

use audience_sharing_operator::api::{SharedAudience, SharingConnection};
use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{
    DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent,
    WatchParams,
};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use testbed::{ControlPlane, ControlPlaneOptions};

use super::Cluster;
use crate::operator::client_of;

const FINALIZER: &str = "audience-sharing.dev/finalizer";

#[tokio::test]
async fn the_model_keeps_the_laws() {
    let cluster = Cluster::new(jiff::Timestamp::now);
    laws(client_of(move |request| {
        std::future::ready(Ok(super::answer(
            &cluster,
            &request,
            super::Service::default(),
        )))
    }))
    .await;
}

#[tokio::test]
async fn the_real_api_server_keeps_the_same_laws() {
    let plane = ControlPlane::start(ControlPlaneOptions::default())
        .await
        .unwrap();
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
    plane
        .run_kubectl(&["apply", "--server-side", "--filename", crds])
        .await
        .unwrap();
    plane
        .run_kubectl(&["wait", "--for=condition=Established", "crd", "--all"])
        .await
        .unwrap();
    plane
        .run_kubectl(&["create", "namespace", "laws"])
        .await
        .unwrap();
    let file = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(file, &options)
        .await
        .unwrap();
    laws(Client::try_from(config).unwrap()).await;
}

fn audience(name: &str) -> SharedAudience {
    serde_json::from_value(json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharedAudience", "metadata": {"name": name},
        "spec": {"connectionRef": {"name": "acme"}, "source": {"experiencePlatform": {"id": "audience-1"}}},
    }))
    .unwrap()
}

fn status(reason: &str) -> Patch<Value> {
    Patch::Apply(json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharedAudience",
        "status": {"observedGeneration": 1, "conditions": [{
            "type": "Ready", "status": "True", "reason": reason, "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-05T00:00:00Z",
        }]},
    }))
}

fn code(error: &kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        other => panic!("no answer of the API server: {other}"),
    }
}

async fn laws(client: Client) {
    let api: Api<SharedAudience> = Api::namespaced(client.clone(), "laws");
    versions_and_generations(&api).await;
    patches_are_guarded(&api).await;
    deletions_wait_for_finalizers(&api).await;
    watches_tell_every_change_in_order(&api).await;
    leases_are_replaced_under_their_version(&Api::namespaced(client.clone(), "laws")).await;
    secrets_are_found_by_name(&Api::namespaced(client.clone(), "laws")).await;
    defaults_are_filled_in(&Api::namespaced(client, "laws")).await;
}

async fn versions_and_generations(api: &Api<SharedAudience>) {
    let apply = PatchParams::apply("audience-sharing").force();
    let created = api
        .create(&PostParams::default(), &audience("versions"))
        .await
        .unwrap();
    assert_eq!(created.metadata.generation, Some(1));
    let pending = created.status.as_ref().unwrap().condition("Ready").unwrap();
    assert_eq!(
        (pending.status.as_str(), pending.reason.as_str()),
        ("Unknown", "Pending")
    );
    let again = api
        .create(&PostParams::default(), &audience("versions"))
        .await;
    assert_eq!(code(&again.unwrap_err()), 409);

    let told = api
        .patch_status("versions", &apply, &status("Succeeded"))
        .await
        .unwrap();
    assert_ne!(told.resource_version(), created.resource_version());
    assert_eq!(
        told.metadata.generation,
        Some(1),
        "a status moves no generation"
    );
    let same = api
        .patch_status("versions", &apply, &status("Succeeded"))
        .await
        .unwrap();
    assert_eq!(
        same.resource_version(),
        told.resource_version(),
        "the same again moves nothing"
    );
    let conditions = same.status.clone().unwrap().conditions;
    assert_eq!(
        conditions.len(),
        1,
        "a status is replaced as a whole: {conditions:?}"
    );

    let mut late = match status("Late") {
        Patch::Apply(late) => late,
        _ => unreachable!("it is applied"),
    };
    late["metadata"] = json!({"name": "versions", "resourceVersion": created.resource_version()});
    let refused = api
        .patch_status("versions", &apply, &Patch::Apply(&late))
        .await;
    assert_eq!(code(&refused.unwrap_err()), 409, "over an old version");
    late["metadata"]["resourceVersion"] = json!(same.resource_version());
    let told = api
        .patch_status("versions", &apply, &Patch::Apply(&late))
        .await
        .unwrap();
    assert_ne!(told.resource_version(), same.resource_version());

    let edit = json!({"spec": {"suspend": true}, "status": {"observedGeneration": 9}});
    let edited = api
        .patch("versions", &PatchParams::default(), &Patch::Merge(&edit))
        .await
        .unwrap();
    assert_eq!(edited.metadata.generation, Some(2), "an edit does");
    assert_eq!(
        edited.status.unwrap().observed_generation,
        Some(1),
        "the status is another resource"
    );
    let same = api
        .patch("versions", &PatchParams::default(), &Patch::Merge(&edit))
        .await
        .unwrap();
    assert_eq!(
        same.resource_version(),
        edited.metadata.resource_version,
        "the same again moves nothing"
    );
    let missing = api
        .patch_status("nobody", &apply, &status("Succeeded"))
        .await;
    assert_eq!(code(&missing.unwrap_err()), 404, "a status makes no object");
    let annotate = json!({"metadata": {"annotations": {"a": "b"}}});
    let annotated = api
        .patch(
            "versions",
            &PatchParams::default(),
            &Patch::Merge(&annotate),
        )
        .await
        .unwrap();
    assert_eq!(
        annotated.metadata.generation,
        Some(2),
        "metadata moves no generation"
    );
}

async fn patches_are_guarded(api: &Api<SharedAudience>) {
    let created = api
        .create(&PostParams::default(), &audience("guarded"))
        .await
        .unwrap();
    let with = |version: Option<String>, uid: Option<String>| {
        Patch::Merge(
            json!({"metadata": {"finalizers": [FINALIZER], "resourceVersion": version, "uid": uid}}),
        )
    };
    let parameters = PatchParams::default();
    let first = with(created.resource_version(), created.uid());
    let patched: PartialObjectMeta<SharedAudience> = api
        .patch_metadata("guarded", &parameters, &first)
        .await
        .unwrap();
    assert_eq!(patched.finalizers(), [FINALIZER]);
    let stale = api.patch_metadata("guarded", &parameters, &first).await;
    assert_eq!(code(&stale.unwrap_err()), 409, "under an old version");
    let other = with(
        patched.resource_version(),
        Some("00000000-0000-4000-8000-00000000ffff".into()),
    );
    let other = api.patch_metadata("guarded", &parameters, &other).await;
    assert_eq!(
        code(&other.unwrap_err()),
        422,
        "of another object of that name"
    );
    let missing = api
        .patch_metadata("nobody", &parameters, &with(None, None))
        .await;
    assert_eq!(code(&missing.unwrap_err()), 404);
}

async fn deletions_wait_for_finalizers(api: &Api<SharedAudience>) {
    let finalizers = |list: &[&str]| Patch::Merge(json!({"metadata": {"finalizers": list}}));
    let (delete, parameters) = (DeleteParams::default(), PatchParams::default());
    api.delete("guarded", &delete).await.unwrap();
    let leaving = api.get("guarded").await.unwrap();
    assert!(leaving.metadata.deletion_timestamp.is_some());
    assert_eq!(
        leaving.metadata.generation,
        Some(2),
        "a deletion moves the generation"
    );
    let added = api
        .patch(
            "guarded",
            &parameters,
            &finalizers(&[FINALIZER, "example.com/other"]),
        )
        .await;
    assert_eq!(
        code(&added.unwrap_err()),
        422,
        "none is added to what leaves"
    );
    let apply = PatchParams::apply("audience-sharing").force();
    let told = api
        .patch_status("guarded", &apply, &status("Progressing"))
        .await;
    told.expect("what leaves still has a status");
    api.patch("guarded", &parameters, &finalizers(&[]))
        .await
        .unwrap();
    assert!(
        api.get_opt("guarded").await.unwrap().is_none(),
        "the last finalizer lets it go"
    );

    api.create(&PostParams::default(), &audience("bare"))
        .await
        .unwrap();
    api.delete("bare", &delete).await.unwrap();
    assert!(
        api.get_opt("bare").await.unwrap().is_none(),
        "without a finalizer it goes at once"
    );
    let missing = api.delete("bare", &delete).await;
    assert_eq!(code(&missing.unwrap_err()), 404);
}

async fn watches_tell_every_change_in_order(api: &Api<SharedAudience>) {
    let list = api.list(&ListParams::default()).await.unwrap();
    let from = list.metadata.resource_version.unwrap();
    let names: Vec<_> = list.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["versions"]);
    let apply = PatchParams::apply("audience-sharing").force();
    api.create(&PostParams::default(), &audience("watched"))
        .await
        .unwrap();
    api.patch_status("watched", &apply, &status("Succeeded"))
        .await
        .unwrap();
    api.patch_status("watched", &apply, &status("Succeeded"))
        .await
        .unwrap();
    api.delete("watched", &DeleteParams::default())
        .await
        .unwrap();
    let mut changes = api
        .watch(&WatchParams::default().timeout(5), &from)
        .await
        .unwrap()
        .boxed();
    let mut told = Vec::new();
    while let Some(change) = changes.next().await {
        match change.unwrap() {
            WatchEvent::Added(object) => told.push(("added", object.name_any())),
            WatchEvent::Modified(object) => told.push(("modified", object.name_any())),
            WatchEvent::Deleted(object) => told.push(("deleted", object.name_any())),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => panic!("{status:?}"),
        }
    }
    let watched = |kind| (kind, "watched".to_owned());
    assert_eq!(
        told,
        [watched("added"), watched("modified"), watched("deleted")],
        "and ends in its time"
    );
}

async fn leases_are_replaced_under_their_version(api: &Api<Lease>) {
    let lease: Lease = serde_json::from_value(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "lease"},
        "spec": {"holderIdentity": "one", "leaseDurationSeconds": 90},
    }))
    .unwrap();
    let mut held = api.create(&PostParams::default(), &lease).await.unwrap();
    let blind = api.replace("lease", &PostParams::default(), &lease).await;
    assert_eq!(code(&blind.unwrap_err()), 422, "without a version");
    held.spec.as_mut().unwrap().holder_identity = Some("two".into());
    let renewed = api
        .replace("lease", &PostParams::default(), &held)
        .await
        .unwrap();
    assert_ne!(renewed.resource_version(), held.resource_version());
    let stale = api.replace("lease", &PostParams::default(), &held).await;
    assert_eq!(code(&stale.unwrap_err()), 409, "under an old version");
    let of_replicas = ListParams::default().labels("audience-sharing.dev/lease");
    assert_eq!(
        api.list(&of_replicas).await.unwrap().items,
        vec![],
        "without the label"
    );
    let as_first_seen = DeleteParams::default().preconditions(Preconditions {
        uid: held.uid(),
        resource_version: held.resource_version(),
    });
    let stale = api.delete("lease", &as_first_seen).await.map(drop);
    assert_eq!(code(&stale.unwrap_err()), 409, "of an old version");
    let as_it_is = DeleteParams::default().preconditions(Preconditions {
        uid: renewed.uid(),
        resource_version: renewed.resource_version(),
    });
    api.delete("lease", &as_it_is).await.unwrap();
    let gone = api.replace("lease", &PostParams::default(), &renewed).await;
    assert!(
        [404, 409].contains(&code(&gone.unwrap_err())),
        "what is gone does not come back"
    );
    assert!(api.get_opt("lease").await.unwrap().is_none());
}

async fn secrets_are_found_by_name(api: &Api<Secret>) {
    for name in ["one", "two"] {
        let secret: Secret = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"clientId": "aWQ="},
        }))
        .unwrap();
        api.create(&PostParams::default(), &secret).await.unwrap();
    }
    let one = api
        .list_metadata(&ListParams::default().fields("metadata.name=one"))
        .await
        .unwrap();
    assert_eq!(
        one.items
            .iter()
            .map(ResourceExt::name_any)
            .collect::<Vec<_>>(),
        ["one"]
    );
    assert_eq!(
        api.get("two").await.unwrap().data.unwrap()["clientId"].0,
        b"id"
    );
}

async fn defaults_are_filled_in(api: &Api<SharingConnection>) {
    let connection: SharingConnection = serde_json::from_value(json!({
        "apiVersion": "audience-sharing.dev/v1alpha1", "kind": "SharingConnection", "metadata": {"name": "acme"},
        "spec": {
            "organizationId": "0F1E2D3C4B5A69780A49420E@AdobeOrg",
            "credentialsSecretRef": {"name": "adobe-oauth"},
            "experiencePlatform": {"sandbox": "prod"},
        },
    }))
    .unwrap();
    let created = api
        .create(&PostParams::default(), &connection)
        .await
        .unwrap();
    let pending = &created.status.as_ref().unwrap().conditions[0];
    assert_eq!(
        (pending.type_.as_str(), pending.reason.as_str()),
        ("Ready", "Pending")
    );
    let raw = serde_json::to_value(&created.spec).unwrap();
    assert_eq!(
        raw["audienceManager"]["traitFolder"],
        "Experience Platform Traits"
    );
    assert_eq!(raw["resyncInterval"], "10m");
    let listed = api.list(&ListParams::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}
