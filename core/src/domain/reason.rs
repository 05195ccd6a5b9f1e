//! The one table of reasons: the word in a condition, an event and a metric label, what becomes of an object that has it,
//! and what a person does about it. `docs/troubleshooting.md` is made from it.

use super::disposition::Disposition;

/// What becomes of an object with this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outlook {
    /// Nothing fails.
    Fine,
    /// It may pass on its own: tried again, later and later.
    Retry,
    /// It ends with something that is watched or listed; no retry is needed.
    Wait,
    /// A person is needed; looked at again slowly.
    Stalled,
}

/// How an event reports it, where `Ready` is not true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Normal,
    Warning,
}

/// What a reason is about, beside the object as a whole: the condition that carries it as `Ready` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// What an audience refers to: its connection and its source.
    References,
    Credentials,
    AudienceManager,
    ExperiencePlatform,
    /// What exists in the receiving system.
    Objects,
    SharedObjects,
    ProfileMergeRule,
    Members,
    /// It is the reason of an event alone.
    Nothing,
}

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident: $outlook:ident, $severity:ident, $aspect:ident, $remedy:literal;)+) => {
        /// Why an object is as it is; one PascalCase word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $meaning])+ $name),+ }

        impl Reason {
            /// Every reason, for tests and documentation that hold for all of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What is the matter, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+).trim_ascii_start()),+ }
            }

            pub const fn outlook(self) -> Outlook {
                match self { $(Self::$name => Outlook::$outlook),+ }
            }

            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),+ }
            }

            pub const fn aspect(self) -> Aspect {
                match self { $(Self::$name => Aspect::$aspect),+ }
            }

            /// What a person does, as one sentence; what knows the object says it more precisely.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),+ }
            }
        }
    };
}

reasons! {
    /// Nobody has looked at the object yet.
    Pending: Fine, Normal, Objects, "Wait; if it stays so, see whether the operator runs and watches this namespace.";
    /// Everything stands as declared.
    Succeeded: Fine, Normal, Objects, "Nothing is to be done.";
    /// Work is under way.
    Progressing: Wait, Normal, References, "Wait: it goes on by itself.";
    /// `spec.suspend` is set: reconciliation is paused.
    Suspended: Fine, Normal, Objects, "Set spec.suspend to false to continue.";
    /// The connection is not ready; it says why.
    DependencyNotReady: Wait, Warning, References, "Mend the SharingConnection; its audiences go on by themselves.";
    /// `spec.connectionRef` names no connection of this namespace.
    ConnectionNotFound: Wait, Warning, References,
        "Create the SharingConnection, or create the SharedAudience anew with the right name.";
    /// `spec.credentialsSecretRef` names no Secret of this namespace that the operator may read.
    SecretNotFound: Wait, Warning, Credentials, "Create the Secret, or grant the operator get on it.";
    /// The Secret lacks a key, or a key is empty.
    SecretInvalid: Wait, Warning, Credentials, "Set the key to the value that the Adobe Developer Console shows.";
    /// IMS or the gateway refuses the credential: a wrong, expired or revoked secret, a wrong client id, scope or
    /// organisation.
    CredentialsRefused: Stalled, Warning, Credentials,
        "Check clientId, clientSecret and scopes in the Secret, and spec.organizationId, against the OAuth \
         server-to-server credential in Adobe Developer Console, and that the credential has the product profile.";
    /// The credential lacks a right.
    AccessDenied: Stalled, Warning, Objects, "Give the credential's technical account the right.";
    /// Audience Manager cannot be reached or fails.
    AudienceManagerUnavailable: Retry, Warning, AudienceManager,
        "It is tried again by itself; if it lasts, see status.adobe.com.";
    /// Experience Platform cannot be reached or fails.
    ExperiencePlatformUnavailable: Retry, Warning, ExperiencePlatform,
        "It is tried again by itself; if it lasts, see status.adobe.com.";
    /// IMS cannot be reached or fails.
    IdentityServiceUnavailable: Retry, Warning, Credentials,
        "It is tried again by itself; if it lasts, see status.adobe.com, and whether the operator may reach ims- \
         na1.adobelogin.com.";
    /// Adobe is rate-limiting this credential.
    Throttled: Retry, Warning, Objects,
        "The operator continues automatically; if this happens often, lower spec.rateLimit of the SharingConnection.";
    /// The credential answers for another company than the recorded ids belong to.
    TenantMismatch: Stalled, Warning, Objects,
        "Put the right credential back into the Secret, or create a new connection.";
    /// The sandbox does not exist for this credential.
    SandboxNotFound: Stalled, Warning, Objects,
        "Correct the name in a new connection, or add the sandbox to the role of the credential.";
    /// The sandbox exists and is not active.
    SandboxNotActive: Stalled, Warning, Objects, "Wait until the sandbox is active, or activate it.";
    /// The sandbox kept its name and has another id.
    SandboxReset: Stalled, Warning, Objects, "Create a new connection for this sandbox.";
    /// No such audience, trait or segment, or it was deleted.
    SourceNotFound: Stalled, Warning, References, "Correct the source, or share another one from a new SharedAudience.";
    /// The name or code fits more than one audience, trait or segment.
    SourceAmbiguous: Stalled, Warning, References, "Name the source by its id or sid.";
    /// `spec.source` names another object than the one that the status recorded.
    SourceChanged: Stalled, Warning, References,
        "Name the recorded object again, or share the other one from a new SharedAudience.";
    /// The source was deactivated.
    SourceInactive: Stalled, Warning, References, "Activate the source again, or delete this SharedAudience.";
    /// Audience Manager shows a trait or a segment with a status that is neither active nor inactive, `SUSPENDED` for one.
    ObjectSuspended: Stalled, Warning, Objects,
        "Take the traits of removed Audience Marketplace providers out of its rule, or ask Adobe why it has that status; \
         then activate it in Audience Manager.";
    /// Adobe does not let the source pass to the other system.
    SourceNotShareable: Stalled, Warning, References, "Share another source.";
    /// The audience came from the other system by sharing.
    SharingLoop: Stalled, Warning, References, "Use what it was shared from.";
    /// Another SharedAudience of this cluster shares the same source.
    SourceClaimed: Stalled, Warning, Objects, "Delete one of the two.";
    /// Adobe's own sharing made the objects; they are only observed.
    AdobeSharingActive: Fine, Normal, Objects,
        "Nothing is to be done; set adoptionPolicy of the connection to Always to take them over.";
    /// Adobe's own sharing has not delivered the objects yet.
    AwaitingAdobeSharing: Wait, Warning, Objects, "Set up Adobe's own sharing of this audience.";
    /// The source's labels ask for an export control that no known API sets.
    ExportControlUnsupported: Stalled, Warning, Objects, "Make the data source by hand as the message says.";
    /// A data source lacks an export control that its objects need.
    ExportControlMissing: Stalled, Warning, Objects, "Set the export control on the data source in Audience Manager.";
    /// Audience Manager does not move an object to another data source.
    MoveRefused: Stalled, Warning, Objects,
        "Take back the change of the labels, or delete this SharedAudience and create it again.";
    /// A destination is labelled with what an export control forbids.
    ExportControlViolated: Stalled, Warning, Objects, "Change the label or the control, or take the destination out.";
    /// Which usage labels stand for the export controls of the source nobody can tell.
    UsageLabelsUnknown: Stalled, Warning, Objects,
        "Look the export controls up, and declare their labels in target.experiencePlatform.dataUsageLabels.";
    /// Experience Platform does not put usage labels on the audience.
    UsageLabelsRefused: Stalled, Warning, Objects,
        "Set the labels in Experience Platform by hand, or share the source from a new SharedAudience with the strategy \
         SegmentDefinition.";
    /// Adobe's source connector delivers the audience; it is only observed.
    DeliveredByConnector: Stalled, Warning, Objects,
        "Nothing is to be done; where an audience of this operator is still used beside it, let its users use the \
         connector's.";
    /// Nothing delivers the members that a segment definition would test.
    NoMemberSource: Stalled, Warning, Objects,
        "Choose the source in the Audience Manager source connection, or use another strategy in a new \
         SharedAudience.";
    /// The organisation lacks the product.
    NotEntitled: Stalled, Warning, Objects,
        "Ask your Adobe representative for the product, or use another strategy in a new SharedAudience.";
    /// An object carries the mark of another owner.
    ManagementConflict: Stalled, Warning, Objects, "Stop sharing it there, or share another source from here.";
    /// A service stores a text in another spelling than was sent; the operator does not send it again.
    StoredDifferently: Fine, Normal, Objects,
        "Nothing needs to be done. To have both texts alike, declare the text as it is stored.";
    /// The ownership mark, which holds owner id, namespace and name, is too long for a description.
    NameTooLong: Stalled, Warning, Objects, "Create the SharedAudience again with a shorter name.";
    /// The status names an object that shows no other sign of belonging to this resource.
    OwnershipLost: Stalled, Warning, Objects,
        "Restore the object's description or key, or delete this SharedAudience: deleting it leaves the object.";
    /// An object exists already and the adoption policy does not allow to take it.
    AdoptionRefused: Stalled, Warning, Objects,
        "Make it equal, delete it, or set adoptionPolicy to Always to take it over.";
    /// The profile merge rule's data source does not exist.
    ProfileMergeRuleNotFound: Stalled, Warning, Objects,
        "Correct spec.audienceManager.profileMergeRule of the SharingConnection, or leave it out.";
    /// The API cannot tell.
    NotVerifiable: Fine, Normal, ProfileMergeRule, "Look it up in Audience Manager.";
    /// A rule cannot be parsed, or Audience Manager refuses it.
    RuleInvalid: Stalled, Warning, Objects, "Correct the rule.";
    /// A trait that a rule names is not there, or its data feed is not subscribed.
    TraitNotFound: Stalled, Warning, Objects, "Correct the trait, or subscribe to its data feed.";
    /// What a trait is named by fits more than one.
    TraitAmbiguous: Stalled, Warning, Objects, "Name the trait by its sid.";
    /// A model has not run with data yet; its algorithmic traits are created after that. Adobe runs a new model within a
    /// week, and a failed one again.
    ModelRunning: Wait, Normal, Objects, "Wait: the operator looks again every few hours.";
    /// A model ran and found no data. Adobe tries it again on the next days and ends it after the third time.
    ModelWithoutData: Wait, Warning, Objects,
        "See in Audience Manager whether the baseline and the model's data sources have had members in its look-back period.";
    /// Adobe ended a model after three runs without data; it never runs again.
    ModelDeactivated: Stalled, Warning, Objects,
        "Declare the model under another key once its baseline and data sources have members; the old one is then deleted.";
    /// A model, or an algorithmic trait, is made of something else than is declared, and that never changes.
    ModelOutdated: Stalled, Warning, Objects,
        "Declare it under another key: the new one is created, and then the old one deleted.";
    /// No such destination.
    DestinationNotFound: Stalled, Warning, Objects, "Correct the destination, or create it in Audience Manager.";
    /// The name fits more than one destination.
    DestinationAmbiguous: Stalled, Warning, Objects, "Name the destination by its id.";
    /// The destination is inactive.
    DestinationInactive: Stalled, Warning, Objects, "Activate the destination in Audience Manager, or take it out.";
    /// The API maps nothing to this kind of destination.
    DestinationUnsupported: Stalled, Warning, Objects,
        "Map the segment by hand in Audience Manager, and take the destination out.";
    /// A mapping lacks what its destination needs, or has what it does not take.
    MappingInvalid: Stalled, Warning, Objects, "Correct the mapping as the message says.";
    /// A data export control forbids it.
    ExportControlled: Stalled, Warning, Objects,
        "Change the control or the label in Audience Manager, or take out what it forbids.";
    /// The system refuses the request.
    RequestRefused: Stalled, Warning, Objects,
        "Correct what the message names; if nothing of yours is wrong, report it.";
    /// An object changed while it was written, or is gone.
    ChangedMeanwhile: Retry, Warning, Objects, "It is read again and tried again by itself.";
    /// An item limit of the tenant is reached.
    LimitExceeded: Stalled, Warning, Objects, "Delete what is no longer used, or ask Adobe to raise the limit.";
    /// A use that is not ours stands in the way of a deletion.
    DeletionBlocked: Stalled, Warning, Objects, "Remove the uses of the object first, or set deletionPolicy to Retain.";
    /// The operator runs with `--read-only`.
    ReadOnly: Stalled, Warning, Objects, "Start the operator without --read-only to let it write.";
    /// The answer could not be understood.
    UnexpectedAnswer: Retry, Warning, Objects,
        "It is tried again by itself; if it lasts, see whether a proxy answers in Adobe's place, and report it.";
    /// Another replica holds the lease of the organisation.
    LeaseNotHeld: Wait, Warning, Objects, "Wait: the other replica goes on with it.";
    /// The same change is due again and again: the service does not store it, or the operator has a defect.
    DoesNotConverge: Stalled, Warning, Objects,
        "Check whether another program changes the object back; if none does, report it with the operator's log.";
    /// The operator panicked while it worked on this resource: a defect of the operator.
    InternalError: Stalled, Warning, Objects,
        "Report it with the operator's log; edit the resource, or annotate it with \
         audience-sharing.dev/reconcile-requested-at, to have it tried again.";
    /// Another installation of the operator holds the Lease of the organization, and does not give it up.
    LeaseHeldElsewhere: Stalled, Warning, Objects,
        "Let one installation watch all namespaces with connections of the organization, or install this one in another \
         namespace under an owner id of its own.";
    /// The Lease of the organization records another owner id than the operator was started with.
    OwnerIdChanged: Stalled, Warning, Objects,
        "Start the operator with the recorded owner id, or name that one with --previous-owner-id if this operator takes \
         its place.";
    /// The object went; remote objects of it stay, since nothing could delete them in time or they are not ours any more.
    ReleasedWithoutDeletion: Fine, Warning, Nothing, "Delete the objects that the message names.";
    /// Whether the definition of the resource is being removed is not known, and then its remote objects would have to stay.
    RemovalUnknown: Wait, Warning, Objects,
        "Let the operator get the CustomResourceDefinitions, as the chart of the definitions does.";
    /// The spec asks for something that is not possible, or it was stored under an older definition of its kind.
    InvalidSpec: Stalled, Warning, Objects,
        "Correct the field that the message names, and apply the manifest again.";
    /// That members arrive cannot be seen or is not proven.
    LinkUnproven: Fine, Normal, Members, "Compare the populations in both systems a day after the link was set up.";
    /// The shared objects are made when the first audience needs them.
    NotNeededYet: Fine, Normal, SharedObjects, "Nothing is to be done.";
}

impl Reason {
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == word)
    }

    /// Who tries again, where no time was named.
    pub const fn disposition(self) -> Disposition {
        match self.outlook() {
            Outlook::Retry => Disposition::Retry,
            Outlook::Fine | Outlook::Wait => Disposition::Wait,
            Outlook::Stalled => Disposition::Stalled,
        }
    }

    /// Nothing can be deleted while it lasts, and it does not end by itself as an outage does: people put a credential or
    /// a sandbox right.
    pub const fn bars_deletion(self) -> bool {
        matches!(
            self,
            Self::CredentialsRefused
                | Self::TenantMismatch
                | Self::SandboxNotFound
                | Self::SandboxNotActive
                | Self::SandboxReset
        )
    }
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
            assert_eq!(Reason::parse(word).map(Reason::as_str), Some(word.as_str()));
        }
        assert!(words.contains("SourceClaimed"));
    }

    #[test]
    fn what_is_the_matter_and_what_to_do_are_sentences() {
        for reason in Reason::ALL {
            for text in [reason.meaning(), reason.remedy()] {
                let begins = text.starts_with(|first: char| !first.is_ascii_lowercase());
                assert!(begins && text.ends_with('.'), "{reason}: {text}");
            }
        }
    }
}
