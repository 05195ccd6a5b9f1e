//! Ids as status holds them, which are JSON integers with a sign, and as `core` has them.

pub(super) fn recorded_id(recorded: Option<i64>) -> Option<u64> {
    recorded.and_then(|id| u64::try_from(id).ok())
}

pub(super) fn stored_id(id: u64) -> Option<i64> {
    i64::try_from(id).ok()
}
