//! The simulator against the reference pages, through its routers in process; one test runs the binary on sockets.
//! Every expected value is written by hand from audience-manager.md and experience-platform.md.
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

mod audience_manager;
mod binary;
mod connector;
mod control;
mod coverage;
mod destinations;
mod experience_platform;
mod external_audiences;
mod faults;
mod flow_service;
mod gateways;
mod helper;
mod judged;
mod models;
mod populations;
mod presets;
mod scale;
mod sharing;
mod switches;
