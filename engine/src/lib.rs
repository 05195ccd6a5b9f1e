//! One engine per connection: it owns the inventory of the two tenants, refreshes it by lists, and runs jobs, one for each
//! audience and one for the shared objects, until nothing is due.
//!
//! It takes and returns `core`'s values; it knows neither Kubernetes nor a custom resource. Every decision is a plan of
//! `core`; what is here waits, sends and applies facts.

mod handle;
mod options;
mod problems;
mod request;

mod worker;

mod calls;
mod jobs;
mod shared_objects;

mod state;

mod delete;
mod reconcile;
mod reconcile_platform;
mod source_gone;

mod resync;
mod users;

mod dependency_index;
mod execute;
mod freshness;
mod in_flight_calls;
mod job;
mod shared_lock;
mod wake_queue;

pub use freshness::Freshness;
pub use handle::Engine;
pub use in_flight_calls::Ended;
pub use options::{Configuration, EngineObserver, EngineOptions};
pub use request::{
    Declaration, DeletionOutcome, DeletionRequest, EngineEnded, NotReconciled,
    ObservedPlatformAudience, Origin, Problem, ReconcileOutcome, ReconcileRequest, Report,
    SharedObjectsReport,
};
pub use shared_lock::SharedObjectsLock;
pub use wake_queue::{UniqueQueue, Waker, Woken, wake_queue};
