//! One type per identifier, so that a trait's number can never be used for a segment's.

use std::sync::Arc;

/// A number that Audience Manager assigned.
macro_rules! numeric_identifier {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )+};
}

/// A text that one of the two systems, or the user, chose. Shared, for it is kept in several places: in a record, in the
/// index of its keys, and as what an audience depends on.
macro_rules! text_identifier {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )+};
}

numeric_identifier! {
    /// An Audience Manager customer (`pid`).
    CompanyId,
    /// An Audience Manager data source; a profile merge rule is named by one too (audience-manager.md §7).
    DataSourceId,
    /// A folder of traits; 0 is the root (audience-manager.md §3.3).
    TraitFolderId,
    /// A folder of segments; 0 is the root.
    SegmentFolderId,
    /// A trait. Traits and segments draw from one sequence (audience-manager.md §4.1).
    TraitSid,
    /// An Audience Manager segment.
    SegmentSid,
    /// A destination of Audience Manager.
    DestinationId,
    /// An algorithmic model of Audience Manager (`algoModelId`).
    ModelId,
}

/// A segment's mapping to a destination, which is read under its destination; answers name the number `mappingId`,
/// `destinationMappingId` or both (audience-manager.md §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MappingId {
    pub destination: DestinationId,
    pub number: u64,
}

impl std::fmt::Display for MappingId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number.fmt(formatter)
    }
}

text_identifier! {
    /// The name of a sandbox, as the header `x-sandbox-name` takes it.
    SandboxName,
    /// The id of a sandbox; a reset sandbox keeps its name and gets another id.
    SandboxId,
    /// The system id of an audience in Experience Platform (`id`, never `audienceId`).
    AudienceId,
    /// The key by which a trait or segment is found inside its data source.
    IntegrationCode,
}

/// An Experience Cloud organization, `<24 hex digits>@AdobeOrg`. The digits may be written in either case, and name the
/// same organization: here they are upper case, as Adobe writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationId(Box<str>);

impl OrganizationId {
    const SUFFIX: &str = "@AdobeOrg";

    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let (digits, suffix) = match text.split_once('@') {
            Some((digits, suffix)) if suffix.eq_ignore_ascii_case(&Self::SUFFIX[1..]) => {
                (digits, Self::SUFFIX)
            }
            _ => (text, ""),
        };
        Self(format!("{}{suffix}", digits.to_ascii_uppercase()).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for OrganizationId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::OrganizationId;

    #[test]
    fn two_spellings_are_one_organization() {
        let adobes = OrganizationId::new("0F1E2D3C4B5A69780A49420E@AdobeOrg");
        for spelling in [
            "0f1e2d3c4b5a69780a49420e@AdobeOrg",
            "0F1e2d3C4B5A69780A49420E@adobeorg",
        ] {
            assert_eq!(OrganizationId::new(spelling), adobes);
        }
        assert_eq!(adobes.as_str(), "0F1E2D3C4B5A69780A49420E@AdobeOrg");
    }
}
