//! The control plane, for real: it serves, refuses, keeps an audit log, and leaves nothing behind.

use std::path::Path;
use std::time::Duration;

use testbed::{ControlPlane, ControlPlaneOptions, Error};

const PATIENCE: Duration = Duration::from_secs(30);

async fn start(options: ControlPlaneOptions) -> ControlPlane {
    match ControlPlane::start(options).await {
        Ok(control_plane) => control_plane,
        Err(error) => panic!("{error}"),
    }
}

fn runs(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

#[tokio::test]
async fn serves_refuses_audits_and_leaves_no_child() {
    let control_plane = start(ControlPlaneOptions::default()).await;
    let processes = control_plane.process_ids();
    assert_eq!(processes.len(), 2, "etcd and the API server");
    assert!(processes.iter().all(|process| runs(*process)));

    let namespaces = control_plane
        .run_kubectl(&["get", "namespaces", "--output=name"])
        .await
        .expect("an administrator lists namespaces");
    assert!(namespaces.contains("namespace/default\n"), "{namespaces}");

    an_unknown_user_is_refused_until_a_role_lets_it_in(&control_plane).await;
    a_service_account_has_a_token(&control_plane).await;
    what_kubectl_says_is_in_the_error(&control_plane).await;

    let folder = control_plane
        .kubeconfig()
        .parent()
        .expect("a folder")
        .to_owned();
    control_plane.stop().await.expect("it stops");
    assert!(!processes.iter().any(|process| runs(*process)));
    assert!(!folder.exists());
}

async fn an_unknown_user_is_refused_until_a_role_lets_it_in(control_plane: &ControlPlane) {
    let stranger = control_plane
        .kubeconfig_for("stranger@example.com", None)
        .expect("a kubeconfig");
    let list = ["get", "secrets", "--namespace=default", "--output=name"];
    let refused = control_plane
        .kubectl_output(&stranger, &list)
        .await
        .expect("kubectl runs");
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        message.contains(r#"User "stranger@example.com" cannot list resource "secrets""#),
        "{message}"
    );

    let refusals: Vec<_> = control_plane
        .audit_events()
        .expect("the audit log is readable")
        .into_iter()
        .filter(|event| event.user.username == "stranger@example.com")
        .filter(|event| {
            event
                .response_status
                .is_some_and(|status| status.code == 403)
        })
        .filter_map(|event| Some((event.verb, event.object_ref?)))
        .collect();
    let [(verb, object)] = refusals.as_slice() else {
        panic!("one refused list of secrets, not {refusals:?}");
    };
    assert_eq!(
        (verb.as_str(), object.resource.as_str()),
        ("list", "secrets")
    );
    assert_eq!(object.namespace, "default");

    // Not one of the built-in roles: those are empty until a controller manager has aggregated them.
    for arguments in [
        [
            "create",
            "role",
            "readers",
            "--verb=list",
            "--resource=secrets",
        ]
        .as_slice(),
        &[
            "create",
            "rolebinding",
            "readers",
            "--role=readers",
            "--group=readers",
        ],
    ] {
        let answer = control_plane.run_kubectl(arguments).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    let reader = control_plane
        .kubeconfig_for("reader", Some("readers"))
        .expect("a kubeconfig");
    testbed::eventually("the reader's list", PATIENCE, async || {
        let output = control_plane.kubectl_output(&reader, &list).await;
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    })
    .await
    .expect("the role lets it in");
}

async fn a_service_account_has_a_token(control_plane: &ControlPlane) {
    let namespace = "--namespace=default";
    control_plane
        .run_kubectl(&["create", "serviceaccount", namespace, "operator"])
        .await
        .expect("a service account");
    let token = control_plane
        .run_kubectl(&["create", "token", namespace, "operator"])
        .await
        .expect("a token");
    let answer = std::process::Command::new(control_plane.kubectl())
        .args([
            "auth",
            "whoami",
            "--output=jsonpath={.status.userInfo.username}",
        ])
        .arg(format!("--token={}", token.trim()))
        .arg(format!("--server={}", control_plane.server()))
        .arg("--insecure-skip-tls-verify")
        .env_clear()
        .env("KUBECONFIG", "/dev/null")
        .env("KUBECACHEDIR", control_plane.kubectl_cache())
        .output()
        .expect("kubectl runs");
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "system:serviceaccount:default:operator",
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
}

async fn what_kubectl_says_is_in_the_error(control_plane: &ControlPlane) {
    let error = control_plane
        .run_kubectl(&["get", "namespace", "nowhere"])
        .await
        .expect_err("there is no such namespace");
    let Error::Kubectl { arguments, output } = error else {
        panic!("{error}");
    };
    assert_eq!(arguments, "get namespace nowhere");
    assert!(
        output.contains(r#"namespaces "nowhere" not found"#),
        "{output}"
    );
}

#[tokio::test]
async fn with_a_controller_manager_a_deleted_namespace_goes_and_dropping_it_leaves_no_child() {
    let control_plane = start(ControlPlaneOptions::default().with_controller_manager()).await;
    assert_eq!(control_plane.process_ids().len(), 3);
    for arguments in [
        ["create", "namespace", "brief"].as_slice(),
        &["create", "configmap", "content", "--namespace=brief"],
        &[
            "delete",
            "namespace",
            "brief",
            "--wait=true",
            "--timeout=60s",
        ],
    ] {
        let answer = control_plane.run_kubectl(arguments).await;
        assert!(answer.is_ok(), "{answer:?}");
    }

    let processes = control_plane.process_ids();
    drop(control_plane);
    assert!(!processes.iter().any(|process| runs(*process)));
}
