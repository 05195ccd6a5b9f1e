//! An installation by its two charts: what they render, and what lives on a real API server, from the README's first
//! command to the removal of the definitions. There is no kubelet; [`kubelet`] plays one for the operator's Pods.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../change_judge.rs"]
mod change_judge;
mod charts;
mod cluster;
mod generated;
mod health;
mod image;
#[path = "../judged.rs"]
#[allow(dead_code, reason = "not every test program has simulators in process")]
mod judged;
mod kubelet;
mod life;
#[path = "../rights.rs"]
#[allow(dead_code, reason = "what both test programs need of the charts")]
mod rendered;
mod rights;
#[path = "../strangers.rs"]
#[allow(dead_code, reason = "what all test programs need of strangers")]
mod strangers;
