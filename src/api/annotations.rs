//! The annotations and the finalizer that the operator reads and writes. Names only.

/// Ask for a reconcile now: any new value does. The value is echoed in `status.lastHandledReconcileAt`.
pub const RECONCILE_REQUESTED_AT: &str = "audience-sharing.dev/reconcile-requested-at";

/// Look now for the users of the audience: any new value does. It is echoed in `status.usedBy.lastHandledRequestAt`.
pub const USERS_REQUESTED_AT: &str = "audience-sharing.dev/users-requested-at";

/// Keeps a custom resource until its remote objects are deleted or released.
pub const FINALIZER: &str = "audience-sharing.dev/remote-objects";

/// Characters of a request that status echoes; a longer value is cut there.
pub const REQUEST_CHARS_MAX: usize = 256;
