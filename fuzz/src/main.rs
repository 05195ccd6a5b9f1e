//! One program for all targets, coverage counted by libFuzzer: `FUZZ_TARGET` says which. Each as a program of its own
//! would link the whole operator anew.

#![no_main]

mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found
        .unwrap_or_else(|| panic!("FUZZ_TARGET={name:?} is none of the targets"))
        .1
});

fuzz_target!(|data: &[u8]| CHOSEN(data));
