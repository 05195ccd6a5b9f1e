//! Faults, races and stale reads: the whole operator over a modelled cluster and simulated systems, on one virtual
//! clock, with every call that leaves it numbered (peers.md §4.6).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod absence;
mod ambiguous;
mod at_rest;
mod back_pressure;
mod bounds;
#[path = "../change_judge.rs"]
mod change_judge;
mod choke_point;
mod claimants;
mod cluster;
mod credentials;
mod everywhere;
mod failures;
mod fault;
mod forbidden;
mod freshness;
mod gate;
mod histories;
mod installations;
mod interleavings;
#[path = "../judged.rs"]
mod judged;
mod labels;
mod leaving;
mod left_out;
mod loops;
mod manifests;
mod marks;
mod needless;
mod openapi;
mod operations;
mod operator;
mod oracles;
mod ownership;
mod pace;
mod panics;
mod proxies;
mod run;
mod sandboxes;
mod stale;
#[path = "../standing.rs"]
mod standing;
mod stops;
mod storms;
#[path = "../strangers.rs"]
mod strangers;
mod swallowed;
mod tenants;
mod texts;
mod used_by;
mod verdict;
mod virtual_time;
mod withdrawn;

/// As in the program: a third of the time of a history is memory, and the system's own allocator takes twice as long.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
