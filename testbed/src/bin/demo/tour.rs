//! The tour: share, rename, drift, share the other way, delete. Each step does what a user or a colleague of theirs would, then looks until
//! its effect is there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testbed::{Error, eventually};

use crate::aam::{Shared, text};
use crate::screen;
use crate::stage::{Failure, Stage, at};

/// Far more than any step takes; what is not there by then does not come.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// The audience that the tour follows.
#[derive(Debug)]
struct Audience {
    /// Of the custom resource.
    resource: String,
    /// Of the segment in Experience Platform, which is the integration code in Audience Manager.
    source_id: String,
    source_name: String,
}

pub(crate) async fn walk(stage: &Stage) -> Result<(), Failure> {
    let audience = share(stage).await?;
    let audience = rename(stage, audience).await?;
    drift(stage, &audience).await?;
    the_other_way(stage).await?;
    delete(stage, &audience).await
}

async fn share(stage: &Stage) -> Result<Audience, Failure> {
    let step = "share an audience";
    screen::step(step, "a Secret, a SharingConnection and a SharedAudience");
    for file in ["secret.yaml", "connection.yaml", "audience.yaml"] {
        let path = stage.examples.join(file).display().to_string();
        screen::kubectl(&stage.control_plane, &["apply", "--filename", &path])
            .await
            .map_err(at(step))?;
    }
    let audience = eventually("a SharedAudience with Ready=True", SEEN_WITHIN, || {
        ready_audience(stage)
    })
    .await
    .map_err(at(step))?;
    show_resources(stage).await.map_err(at(step))?;
    let shared = until_shared(
        stage,
        &audience,
        "the trait and the segment in Audience Manager",
        |shared| shared.are_named(&audience.source_name),
    )
    .await
    .map_err(at(step))?;
    screen::seen("in Audience Manager:");
    screen::lines(&shared.table());
    Ok(audience)
}

async fn rename(stage: &Stage, audience: Audience) -> Result<Audience, Failure> {
    let step = "rename it in Experience Platform";
    let renamed = Audience {
        source_name: format!("{} (renamed)", audience.source_name),
        ..audience
    };
    screen::step(
        step,
        &format!("to {:?}; the operator follows", renamed.source_name),
    );
    let before = found(stage, &renamed).await.map_err(at(step))?;
    stage
        .adobe
        .patch(
            "audiences",
            &renamed.source_id,
            &json!({"name": renamed.source_name}),
        )
        .await
        .map_err(at(step))?;
    request_reconcile(stage, &renamed).await.map_err(at(step))?;
    let shared = until_shared(
        stage,
        &renamed,
        "the new name in Audience Manager, under the same ids",
        |shared| shared.are_named(&renamed.source_name) && shared.sids() == before.sids(),
    )
    .await
    .map_err(at(step))?;
    screen::seen("both objects were renamed in place, under the ids they had:");
    screen::lines(&shared.table());
    Ok(renamed)
}

async fn drift(stage: &Stage, audience: &Audience) -> Result<(), Failure> {
    let step = "correct what someone changed by hand";
    screen::step(step, "a colleague renames the trait in Audience Manager");
    let before = found(stage, audience).await.map_err(at(step))?;
    let [sid, _segment] = before.sids();
    stage
        .adobe
        .patch("traits", &sid, &json!({"name": "Edited by hand"}))
        .await
        .map_err(at(step))?;
    screen::lines(&found(stage, audience).await.map_err(at(step))?.table());
    request_reconcile(stage, audience).await.map_err(at(step))?;
    let shared = until_shared(stage, audience, "the declared name", |shared| {
        shared.are_named(&audience.source_name)
    })
    .await
    .map_err(at(step))?;
    screen::seen("it is as declared again:");
    screen::lines(&shared.table());
    Ok(())
}

/// A trait of Audience Manager in Experience Platform, by the example that a user copies.
async fn the_other_way(stage: &Stage) -> Result<(), Failure> {
    let step = "share a trait of Audience Manager to Experience Platform";
    screen::step(step, "the same resource, with its source on the other side");
    let path = stage.examples.join("trait-to-experience-platform.yaml");
    let path = path.display().to_string();
    screen::kubectl(&stage.control_plane, &["apply", "--filename", &path])
        .await
        .map_err(at(step))?;
    let made = eventually("an audience in Experience Platform", SEEN_WITHIN, || {
        shared_back(stage)
    })
    .await
    .map_err(at(step))?;
    screen::seen("in Experience Platform:");
    for field in [
        "name",
        "namespace",
        "audienceId",
        "lifecycleState",
        "description",
    ] {
        screen::lines(&format!("{field}: {}", text(&made, field)));
    }
    let arguments = ["delete", "--filename", &path, "--timeout=60s"];
    screen::kubectl(&stage.control_plane, &arguments)
        .await
        .map_err(at(step))?;
    eventually(
        "no audience of ours in Experience Platform",
        SEEN_WITHIN,
        || async {
            match shared_back(stage).await {
                Ok(made) => Err(made.to_string()),
                Err(_) => Ok(()),
            }
        },
    )
    .await
    .map_err(at(step))?;
    screen::seen("it went with its resource");
    Ok(())
}

/// The audience that carries the mark of a SharedAudience.
async fn shared_back(stage: &Stage) -> Result<Value, String> {
    let state = stage.adobe.state().await;
    let state = state.map_err(|error| error.to_string())?;
    let audiences = state["audiences"].as_array();
    let mut audiences = audiences.into_iter().flatten();
    let made = audiences.find(|found| text(found, "description").contains("[audience-sharing:"));
    made.cloned().ok_or_else(|| "none carries a mark".into())
}

async fn delete(stage: &Stage, audience: &Audience) -> Result<(), Failure> {
    let step = "stop sharing";
    screen::step(step, "the audience's own objects go with it");
    screen::kubectl(
        &stage.control_plane,
        &[
            "delete",
            "sharedaudience",
            &audience.resource,
            "--timeout=60s",
        ],
    )
    .await
    .map_err(at(step))?;
    until_shared(
        stage,
        audience,
        "neither trait nor segment in Audience Manager",
        Shared::are_gone,
    )
    .await
    .map_err(at(step))?;
    screen::seen("nothing of it is left in Audience Manager");
    show_resources(stage).await.map_err(at(step))
}

/// The first audience of the examples, once all of them are ready.
async fn ready_audience(stage: &Stage) -> Result<Audience, String> {
    let list = stage
        .control_plane
        .run_kubectl(&["get", "sharedaudiences", "--output=json"])
        .await
        .map_err(|error| error.to_string())?;
    let list: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
    let items = list["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if let Some(waiting) = items.iter().find(|item| !is_ready(item)) {
        return Err(format!(
            "{} has the conditions {}",
            waiting["metadata"]["name"], waiting["status"]["conditions"]
        ));
    }
    let first = items.first().ok_or("no SharedAudience")?;
    let source = &first["status"]["source"];
    Ok(Audience {
        resource: text(&first["metadata"], "name"),
        source_id: text(source, "id"),
        source_name: text(source, "name"),
    })
}

fn is_ready(item: &Value) -> bool {
    let conditions = item["status"]["conditions"].as_array();
    conditions.is_some_and(|conditions| {
        conditions
            .iter()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    })
}

async fn show_resources(stage: &Stage) -> Result<(), Error> {
    let arguments = ["get", "sharingconnections,sharedaudiences", "--output=wide"];
    screen::kubectl(&stage.control_plane, &arguments).await
}

/// Asks for a look at once, as a user would who does not want to wait for the next resync.
async fn request_reconcile(stage: &Stage, audience: &Audience) -> Result<(), Error> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let annotation = format!(
        "audience-sharing.dev/reconcile-requested-at={}.{:03}",
        now.as_secs(),
        now.subsec_millis()
    );
    let arguments = [
        "annotate",
        "--overwrite",
        "sharedaudience",
        &audience.resource,
        &annotation,
    ];
    screen::kubectl(&stage.control_plane, &arguments).await
}

async fn found(stage: &Stage, audience: &Audience) -> Result<Shared, Error> {
    Ok(Shared::find(
        &stage.adobe.state().await?,
        &audience.source_id,
    ))
}

async fn until_shared(
    stage: &Stage,
    audience: &Audience,
    what: &str,
    is_so: impl Fn(&Shared) -> bool,
) -> Result<Shared, Error> {
    eventually(what, SEEN_WITHIN, || async {
        let shared = found(stage, audience)
            .await
            .map_err(|error| error.to_string())?;
        if is_so(&shared) {
            Ok(shared)
        } else {
            Err(shared.summary())
        }
    })
    .await
}

/// How to go on without the tour.
pub(crate) fn by_hand(stage: &Stage) {
    let plane = &stage.control_plane;
    let addresses = &stage.simulator.addresses;
    screen::done("The tour is over; everything keeps running. To go on by hand:");
    let hints = [
        format!("export KUBECONFIG={}", plane.kubeconfig().display()),
        format!("export KUBECACHEDIR={}", plane.kubectl_cache().display()),
        format!("alias kubectl={}", plane.kubectl().display()),
        format!(
            "kubectl apply --filename {}",
            stage.examples.join("audience.yaml").display()
        ),
        "kubectl get sharingconnections,sharedaudiences --output=wide".to_owned(),
        format!("curl {}/state    # both tenants", addresses.control),
        format!(
            "curl {}/calls    # what was asked of them",
            addresses.control
        ),
        format!("curl {}", stage.operator.url("/metrics")),
        format!("tail -f {}", stage.operator.log_file().display()),
    ];
    screen::lines(&hints.join("\n"));
    println!("\nCtrl-C stops everything.");
}
