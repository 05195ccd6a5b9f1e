//! A local Kubernetes control plane, the simulator and the operator's binary, started and stopped.
//!
//! For tests and the demo. It knows the operator and the simulator by the paths of their binaries and by what they
//! say over HTTP, and links neither. Everything listens on loopback, on free ports; every child is stopped by its own
//! id, also when the process that started it dies.

mod audit;
mod certificates;
mod control_client;
mod control_plane;
mod error;
mod gate;
mod http;
mod kubeconfig;
mod operator;
mod ports;
mod process;
mod programs;
mod simulator;
mod waiting;

pub use audit::{AuditEvent, AuditObject, AuditStatus, AuditUser};
pub use control_client::{Call, ControlClient};
pub use control_plane::{ControlPlane, ControlPlaneOptions};
pub use error::Error;
pub use gate::{Gate, Held, Ledger, Moment, Passage, Target};
pub use operator::{OperatorProcess, resource_path, run_arguments};
pub use programs::{installation_tool, kubectl};
pub use simulator::{Addresses, SimulatorProcess};
pub use waiting::eventually;
