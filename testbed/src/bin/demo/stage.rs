//! Everything that the tour plays on, started in order: control plane, simulated Adobe systems, resource definitions,
//! operator.

use std::path::PathBuf;
use std::time::Duration;

use testbed::{
    ControlClient, ControlPlane, ControlPlaneOptions, Error, OperatorProcess, SimulatorProcess,
    run_arguments,
};

use crate::screen;

/// Where the operator keeps its leases.
const OPERATOR_NAMESPACE: &str = "audience-sharing-system";
/// The answers of the real systems take about as long.
const LATENCY: Duration = Duration::from_millis(50);
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A step that was not seen, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) reason: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "step \"{}\" failed: {}", self.step, self.reason)
    }
}

/// For `map_err`: the step that failed.
pub(crate) fn at(step: &'static str) -> impl Fn(Error) -> Failure {
    move |error| {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(deeper) = cause {
            reason.push_str(": ");
            reason.push_str(&deeper.to_string());
            cause = deeper.source();
        }
        Failure { step, reason }
    }
}

/// What the demo is made of, all there.
#[derive(Debug)]
pub(crate) struct Material {
    pub(crate) operator: PathBuf,
    pub(crate) simulator: PathBuf,
    pub(crate) seed: PathBuf,
    pub(crate) crds: PathBuf,
    pub(crate) examples: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Stage {
    // In the order of stopping, which is also the order of dropping.
    pub(crate) operator: OperatorProcess,
    pub(crate) simulator: SimulatorProcess,
    pub(crate) adobe: ControlClient,
    pub(crate) control_plane: ControlPlane,
    pub(crate) examples: PathBuf,
}

impl Stage {
    pub(crate) async fn set(material: &Material) -> Result<Self, Failure> {
        let step = "start a control plane";
        screen::step(
            step,
            "etcd, kube-apiserver and kube-controller-manager, on loopback",
        );
        let options = ControlPlaneOptions::default().with_controller_manager();
        let control_plane = ControlPlane::start(options).await.map_err(at(step))?;
        screen::seen(&format!("it serves at {}", control_plane.server()));

        let step = "start the simulated Adobe systems";
        screen::step(
            step,
            "IMS, Audience Manager and Experience Platform, with a tenant in use",
        );
        let simulator = SimulatorProcess::start(&material.simulator, Some(&material.seed), LATENCY)
            .await
            .map_err(at(step))?;
        let adobe = simulator.control().map_err(at(step))?;
        screen::seen(&format!(
            "Audience Manager at {}",
            simulator.addresses.audience_manager
        ));
        screen::seen(&format!(
            "Experience Platform at {}",
            simulator.addresses.experience_platform
        ));

        let step = "install the resource definitions";
        screen::step(step, "SharingConnection and SharedAudience");
        let namespace = install(&control_plane, material).await.map_err(at(step))?;
        screen::seen(&format!("the namespace of the examples is {namespace}"));

        let step = "start the operator";
        screen::step(step, "audience-sharing run");
        let arguments = run_arguments(
            control_plane.kubeconfig(),
            &simulator.addresses,
            OPERATOR_NAMESPACE,
        );
        let operator = OperatorProcess::start(&material.operator, &arguments)
            .await
            .map_err(at(step))?;
        screen::seen(&format!("it is ready: {}", operator.url("/readyz")));

        Ok(Self {
            operator,
            simulator,
            adobe,
            control_plane,
            examples: material.examples.clone(),
        })
    }

    /// Says how the operator ended, once it has.
    pub(crate) async fn operator_ended(&mut self) -> String {
        loop {
            let looked = testbed::eventually("its end", Duration::from_secs(3600), || {
                let status = self.operator.exit_status();
                async move { status.ok().flatten().ok_or_else(|| "it runs".to_owned()) }
            });
            if let Ok(status) = looked.await {
                return format!("the operator ended by itself: {status}");
            }
        }
    }

    /// Stops everything in order; the operator first, while the systems that it talks to still answer.
    pub(crate) async fn strike(self) -> Result<(), Error> {
        let Self {
            mut operator,
            simulator,
            adobe: _,
            control_plane,
            examples: _,
        } = self;
        operator.terminate(STOP_WITHIN).await?;
        simulator.stop().await?;
        control_plane.stop().await
    }
}

/// Applies the definitions and makes the namespaces; the answer is the one that the examples name, which becomes the
/// default of the kubeconfig.
async fn install(control_plane: &ControlPlane, material: &Material) -> Result<String, Error> {
    let crds = material.crds.display().to_string();
    screen::kubectl(
        control_plane,
        &["apply", "--server-side", "--filename", &crds],
    )
    .await?;
    control_plane
        .run_kubectl(&[
            "wait",
            "--for=condition=Established",
            "--timeout=30s",
            "--filename",
            &crds,
        ])
        .await?;
    let audience = material
        .examples
        .join("audience.yaml")
        .display()
        .to_string();
    let namespace = control_plane
        .run_kubectl(&[
            "create",
            "--dry-run=client",
            "--output=jsonpath={.metadata.namespace}",
            "--filename",
            &audience,
        ])
        .await?;
    for name in [OPERATOR_NAMESPACE, &namespace] {
        let found = control_plane
            .run_kubectl(&[
                "get",
                "namespace",
                name,
                "--ignore-not-found",
                "--output=name",
            ])
            .await?;
        if found.is_empty() {
            control_plane
                .run_kubectl(&["create", "namespace", name])
                .await?;
        }
    }
    control_plane
        .run_kubectl(&[
            "config",
            "set-context",
            "--current",
            "--namespace",
            &namespace,
        ])
        .await?;
    Ok(namespace)
}
