//! The pair that Adobe's own sharing makes of an audience, a trait and a segment, and how it is recognized
//! (audience-manager.md §8.1, §8.7). A person may make the like by hand: that alone proves nothing.

use super::audience_manager::{Trait, TraitKind};
use super::identifier::AudienceId;
use super::mark::Mark;
use super::trait_rule;

/// The data source has one of these names; which one, the pages disagree.
pub const DATA_SOURCES: [&str; 2] = [
    "Adobe Experience Platform Audience Sharing",
    "Experience Platform Segments",
];

/// The key of the trait's rule, in any letter case.
const RULE_KEY: &str = "segid";

/// What the description of such a trait says, by the older and by the newer pages.
const DESCRIPTIONS: [&str; 2] = [
    "This trait corresponds to a segment created in Adobe Experience Platform",
    "This is an automatically created trait",
];

/// It is Adobe's, wherever it is: it has Adobe's description, and another sign.
pub fn is_pair_trait(found: &Trait) -> bool {
    let described = DESCRIPTIONS.contains(&found.description.trim());
    described && (found.kind == TraitKind::Onboarded || names_its_code(found)) && has_code(found)
}

/// It is Adobe's if it is where Adobe's are: it has all other signs.
pub fn may_be_pair_trait(found: &Trait) -> bool {
    found.kind == TraitKind::Onboarded && names_its_code(found) && has_code(found)
}

fn has_code(found: &Trait) -> bool {
    found.integration_code.is_some() && Mark::read(&found.description).is_none()
}

fn names_its_code(found: &Trait) -> bool {
    let named = trait_rule::audience_of(RULE_KEY, &found.rule);
    let code = found.integration_code.as_ref();
    code.map(|code| AudienceId::new(code.as_str())) == named
}
