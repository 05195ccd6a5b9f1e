//! The proof that an object is ours. Only the judgment makes one.

use std::ops::Deref;

/// An object that may be changed or deleted, as it was judged. A call that does either takes one, and nothing outside the
/// judgment ([`super::Claimant`]) can make one:
///
/// ```compile_fail
/// use audience_sharing_core::domain::audience_manager::Trait;
/// use audience_sharing_core::ownership::owned::Owned;
///
/// fn forged(found: Trait) -> Owned<Trait> {
///     Owned(Box::new(found))
/// }
/// ```
///
/// ```compile_fail
/// use audience_sharing_core::call::Call;
/// use audience_sharing_core::domain::audience_manager::Trait;
///
/// fn unjudged(found: Trait) -> Call {
///     Call::delete(found)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned<K>(Box<K>);

/// The same by reference, while a plan is made.
#[derive(Debug, PartialEq, Eq)]
pub struct Ours<'a, K>(&'a K);

impl<K> Deref for Owned<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.0
    }
}

impl<'a, K> Ours<'a, K> {
    pub(super) fn judged(found: &'a K) -> Self {
        Self(found)
    }

    pub fn record(self) -> &'a K {
        self.0
    }
}

impl<K: Clone> Ours<'_, K> {
    /// For a call.
    pub fn owned(self) -> Owned<K> {
        Owned(Box::new(self.0.clone()))
    }
}

impl<K> Clone for Ours<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Ours<'_, K> {}
