//! What fuzzing found worth keeping, played through the same functions as there, so that it stays found.

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;

use crate::harness::root;
use targets::TARGETS;

/// Small enough to be read by a person and cloned by everybody.
const CORPUS_BYTES_MAX: u64 = 300 << 10;

#[test]
fn every_kept_input_passes_its_target() {
    let (mut bytes, mut folders) = (0, BTreeSet::new());
    for (name, target) in TARGETS {
        let folder = root().join("fuzz/corpus").join(name);
        let mut inputs = 0;
        for input in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}")) {
            let path = input.unwrap().path();
            let data = fs::read(&path).unwrap();
            bytes += data.len() as u64;
            inputs += 1;
            let passed = std::panic::catch_unwind(|| target(&data));
            assert!(passed.is_ok(), "{}", path.display());
        }
        assert!(inputs > 3, "{name} has its seeds");
        folders.insert((*name).to_owned());
    }
    let found: BTreeSet<String> = fs::read_dir(root().join("fuzz/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, folders, "each folder has its target");
    assert!(bytes < CORPUS_BYTES_MAX, "the corpus has {bytes} bytes");
}
