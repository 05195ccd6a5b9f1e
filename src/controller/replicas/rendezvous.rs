//! Rendezvous hashing (Thaler and Ravishankar, 1998): every replica gets a score for an organization, and the highest
//! has it. Who comes takes its share from all, who goes leaves its share to all, and nothing else moves.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// `None` where nobody is alive.
pub(super) fn choose<'a>(alive: &'a BTreeSet<String>, organization: &str) -> Option<&'a String> {
    alive
        .iter()
        .max_by_key(|identity| (hash([identity.as_str(), organization]), *identity))
}

/// The same in every build and on every machine, whatever their order of bytes.
pub(super) fn hash<Text: AsRef<str>>(parts: impl IntoIterator<Item = Text>) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_ref());
        hash.update([0]);
    }
    let first = hash.finalize().first_chunk().copied();
    u64::from_be_bytes(first.unwrap_or_default())
}
