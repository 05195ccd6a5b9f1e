//! Faults, races and stale reads: the whole operator over a modelled cluster and simulated systems, on one virtual
//! clock, with every call that leaves it numbered (peers.md §4.6).

mod choke_point;
mod cluster;
mod operator;
mod smoke;
