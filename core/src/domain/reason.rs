//! The one list of reasons: the word in a condition, an event and a metric label.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Why an object is as it is; one PascalCase word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $name),+ }

        impl Reason {
            /// Every reason, for tests and documentation that hold for all of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

reasons! {
    /// Nobody has looked at the object yet.
    Pending,
    /// Everything stands as declared.
    Succeeded,
    /// Work is under way.
    Progressing,
    /// `spec.suspend` is set.
    Suspended,
    /// The connection is not ready; it says why.
    DependencyNotReady,
    /// `spec.connectionRef` names no connection of this namespace.
    ConnectionNotFound,
    /// `spec.credentialsSecretRef` names no Secret of this namespace.
    SecretNotFound,
    /// The Secret lacks a key, or a key is empty.
    SecretInvalid,
    /// IMS or the gateway refuses the credential.
    CredentialsRefused,
    /// The credential lacks a right.
    AccessDenied,
    /// Audience Manager cannot be reached or fails.
    AudienceManagerUnavailable,
    /// Experience Platform cannot be reached or fails.
    ExperiencePlatformUnavailable,
    /// IMS cannot be reached or fails.
    IdentityServiceUnavailable,
    /// The server asked to wait.
    Throttled,
    /// The credential answers for another company or sandbox than the recorded ids belong to.
    TenantMismatch,
    /// The sandbox does not exist for this credential.
    SandboxNotFound,
    /// The sandbox exists and is not active.
    SandboxNotActive,
    /// The sandbox kept its name and has another id.
    SandboxReset,
    /// No such segment or audience.
    SourceNotFound,
    /// The name fits more than one audience.
    SourceAmbiguous,
    /// Adobe does not let the source pass to the other system.
    SourceNotShareable,
    /// The audience came from the other system by sharing.
    SharingLoop,
    /// Another SharedAudience of this cluster shares the same source.
    SourceClaimed,
    /// Adobe's own sharing made the objects; they are only observed.
    AdobeSharingActive,
    /// Adobe's own sharing has not delivered the objects yet.
    AwaitingAdobeSharing,
    /// The source's labels ask for an export control that no known API sets.
    ExportControlUnsupported,
    /// A data source lacks an export control that its objects need.
    ExportControlMissing,
    /// Audience Manager does not move an object to another data source.
    MoveRefused,
    /// A destination is labelled with what an export control forbids.
    ExportControlViolated,
    /// Which usage labels stand for the export controls of the source nobody can tell.
    UsageLabelsUnknown,
    /// Experience Platform does not put usage labels on the audience.
    UsageLabelsRefused,
    /// Adobe's source connector delivers the audience; it is only observed.
    DeliveredByConnector,
    /// Nothing delivers the members that a segment definition would test.
    NoMemberSource,
    /// The organisation lacks the product.
    NotEntitled,
    /// An object carries the mark of another owner.
    ManagementConflict,
    /// An object exists already and the adoption policy does not allow to take it.
    AdoptionRefused,
    /// The profile merge rule's data source does not exist.
    ProfileMergeRuleNotFound,
    /// The API cannot tell.
    NotVerifiable,
    /// A rule cannot be parsed, or Audience Manager refuses it.
    RuleInvalid,
    /// A trait that a rule names is not there, or its data feed is not subscribed.
    TraitNotFound,
    /// What a trait is named by fits more than one.
    TraitAmbiguous,
    /// No such destination.
    DestinationNotFound,
    /// The name fits more than one destination.
    DestinationAmbiguous,
    /// The destination is inactive.
    DestinationInactive,
    /// The API maps nothing to this kind of destination.
    DestinationUnsupported,
    /// A mapping lacks what its destination needs, or has what it does not take.
    MappingInvalid,
    /// A data export control forbids it.
    ExportControlled,
    /// The system refuses the request.
    RequestRefused,
    /// An item limit of the tenant is reached.
    LimitExceeded,
    /// A use that is not ours stands in the way of a deletion.
    DeletionBlocked,
    /// The operator runs with `--read-only`.
    ReadOnly,
    /// The answer could not be understood.
    UnexpectedAnswer,
    /// Another replica holds the lease of the organisation.
    LeaseNotHeld,
    /// Planning does not come to an end: a defect of the operator.
    DoesNotSettle,
    /// The object went; its remote objects stay, since no credential to delete them came in time.
    ReleasedWithoutDeletion,
    /// The stored object does not decode.
    Unreadable,
    /// That members arrive cannot be seen or is not proven.
    LinkUnproven,
    /// The shared objects are made when the first audience needs them.
    NotNeededYet,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Reason;

    #[test]
    fn every_reason_prints_as_one_word_of_its_own() {
        let words: BTreeSet<String> = Reason::ALL.iter().map(Reason::to_string).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for word in &words {
            assert!(
                word.starts_with(|first: char| first.is_ascii_uppercase()),
                "{word}"
            );
            assert!(
                word.chars().all(|letter| letter.is_ascii_alphabetic()),
                "{word}"
            );
        }
        assert!(words.contains("SourceClaimed"));
    }
}
