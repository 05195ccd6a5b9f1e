//! The rule of an additional segment before it is written: the traits that it names by a key are found, and Audience
//! Manager's own validation accepted it.

use std::collections::BTreeMap;

use crate::blocker::{Blocker, RuleFault};
use crate::call::Call;
use crate::compose::{DesiredAdditionalSegment, NamedTrait, TraitSelector};
use crate::domain::audience_manager::{Trait, TraitKind};
use crate::domain::identifier::TraitSid;
use crate::domain::segment_rule::SegmentRule;
use crate::domain::segment_rule::template::RuleTemplate;
use crate::inventory::{Inventory, RuleContent, Sequence};

/// A trait that a rule calls by a key, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTrait {
    /// The key of the additional segment.
    pub segment: Box<str>,
    pub key: Box<str>,
    /// What it was found by: as long as that stays declared, the sid is the trait.
    pub found_by: Box<str>,
    pub sid: TraitSid,
}

/// A rule whose every trait has its number, the shared one apart.
#[derive(Debug)]
pub(crate) struct ResolvedRule<'a> {
    template: &'a RuleTemplate,
    sids: BTreeMap<&'a str, TraitSid>,
    pub(crate) known: Vec<KnownTrait>,
}

pub(crate) enum RuleOutcome<T> {
    Known(T),
    Ask(Vec<Call>),
    Blocked(Blocker),
    /// It names an algorithmic trait that does not exist yet; its model says why.
    Waits,
}

/// The traits that a rule may name beside those that are declared with it: the algorithmic ones, by key.
#[derive(Clone, Copy)]
pub(crate) struct LookAlikesByKey<'a> {
    pub(crate) declared: &'a [&'a str],
    pub(crate) found: &'a BTreeMap<&'a str, TraitSid>,
}

/// Finds the traits that the rule of `segment` names by a key.
pub(crate) fn resolve_rule<'a>(
    inventory: &Inventory,
    segment: &'a DesiredAdditionalSegment,
    recorded: &[KnownTrait],
    look_alikes: LookAlikesByKey<'_>,
    since: Sequence,
) -> RuleOutcome<ResolvedRule<'a>> {
    let mut resolved = ResolvedRule {
        template: &segment.rule,
        sids: BTreeMap::new(),
        known: Vec::new(),
    };
    let mut asked = Vec::new();
    for NamedTrait { key, selector } in &segment.traits {
        let reference = match selector {
            TraitSelector::Sid(sid) => {
                resolved.sids.insert(key, *sid);
                continue;
            }
            TraitSelector::Reference(reference) => reference,
        };
        let found_by: Box<str> = reference.to_string().into();
        // The same words mean the same trait, also under another key.
        let pinned = recorded
            .iter()
            .filter(|known| known.segment == segment.key && known.found_by == found_by)
            .min_by_key(|known| known.key != *key);
        let answered = inventory.named_traits.get(reference);
        let answered = answered.filter(|found| found.seen >= since);
        let sid = match (pinned, answered.map(|found| found.sids.as_slice())) {
            (Some(known), _) => known.sid,
            (None, None) => {
                asked.push(Call::FindTrait(reference.clone()));
                continue;
            }
            (None, Some([sid])) => *sid,
            (None, Some(others)) => {
                return RuleOutcome::Blocked(not_one(segment, key, found_by, others));
            }
        };
        resolved.sids.insert(key, sid);
        resolved.known.push(KnownTrait {
            segment: segment.key.clone(),
            key: key.clone(),
            found_by,
            sid,
        });
    }
    for key in segment.rule.keys() {
        if !look_alikes.declared.contains(&key) || resolved.sids.contains_key(key) {
            continue;
        }
        match look_alikes.found.get(key) {
            Some(sid) => drop(resolved.sids.insert(key, *sid)),
            None => return RuleOutcome::Waits,
        }
    }
    match asked.is_empty() {
        true => RuleOutcome::Known(resolved),
        false => RuleOutcome::Ask(asked),
    }
}

fn not_one(
    segment: &DesiredAdditionalSegment,
    key: &str,
    found_by: Box<str>,
    sids: &[TraitSid],
) -> Blocker {
    let (segment, key) = (segment.key.clone(), key.into());
    match sids.is_empty() {
        true => Blocker::TraitNotFound {
            segment,
            key,
            found_by,
        },
        false => Blocker::TraitAmbiguous {
            segment,
            key,
            found_by,
            sids: sids.to_vec(),
        },
    }
}

impl ResolvedRule<'_> {
    /// The traits of the rule beside the shared one.
    pub(crate) fn named(&self) -> impl Iterator<Item = TraitSid> {
        let by_key = self.sids.values().copied();
        self.template.numbered().into_iter().chain(by_key)
    }

    /// `Err`: a key that the rule uses and no trait declares.
    pub(crate) fn fill(&self, shared: TraitSid) -> Result<SegmentRule, &str> {
        self.template
            .fill(shared, |key| self.sids.get(key).copied())
    }

    /// Whether Audience Manager accepts the rule. It is asked once for each content; before the shared trait exists,
    /// another of the rule's traits takes its place, so that a rule that is refused costs no object.
    pub(crate) fn validated(
        &self,
        inventory: &Inventory,
        segment: &DesiredAdditionalSegment,
        shared: Option<TraitSid>,
        since: Sequence,
    ) -> RuleOutcome<()> {
        let numbered = self.template.numbered();
        let Some(stand_in) = shared
            .or_else(|| numbered.first().copied())
            .or_else(|| self.sids.values().next().copied())
        else {
            // Only the shared trait: there is nothing to ask about yet.
            return RuleOutcome::Known(());
        };
        let content = RuleContent {
            template: self.template.to_string().into(),
            sids: self.sids.values().copied().collect(),
        };
        let known = inventory.rule_verdicts.get(&content);
        match known.filter(|verdict| verdict.accepted || verdict.seen >= since) {
            Some(verdict) if verdict.accepted => RuleOutcome::Known(()),
            Some(_) => self.refused(inventory, segment),
            None => match self.fill(stand_in) {
                Ok(rule) => RuleOutcome::Ask(vec![Call::ValidateRule {
                    segment: segment.key.clone(),
                    content,
                    rule: rule.to_string().into(),
                }]),
                Err(key) => RuleOutcome::Blocked(unnamed(segment, key)),
            },
        }
    }

    /// Why: the first traits of the rule are read, which shows those that do not exist.
    fn refused(
        &self,
        inventory: &Inventory,
        segment: &DesiredAdditionalSegment,
    ) -> RuleOutcome<()> {
        let keyed = self.sids.iter().map(|(key, sid)| (Some(*key), *sid));
        let numbered = self.template.numbered();
        let all = keyed.chain(numbered.iter().map(|sid| (None, *sid)));
        let (mut asked, mut missing, mut named) = (Vec::new(), Vec::new(), Vec::new());
        for (key, sid) in all.take(READ_MAX) {
            let text = match key {
                Some(key) => format!("{sid} ({key:?})"),
                None => sid.to_string(),
            };
            match inventory.traits.get(&sid) {
                Some(entry) => named.push(described(&entry.record, self.template, &text)),
                None if inventory.traits.is_gone(&sid) => missing.push(text),
                None => asked.push(Call::read::<Trait>(sid)),
            }
        }
        if !asked.is_empty() {
            return RuleOutcome::Ask(asked);
        }
        let fault = match (missing.is_empty(), named.is_empty()) {
            (false, _) => RuleFault::TraitsMissing(missing),
            (true, false) => RuleFault::Traits(named),
            (true, true) => RuleFault::Unknown,
        };
        RuleOutcome::Blocked(Blocker::RuleRefused(segment.key.clone(), fault))
    }
}

/// Of a refused rule: one call each, so that a rule of a thousand traits costs no thousand.
const READ_MAX: usize = 8;

fn described(found: &Trait, template: &RuleTemplate, text: &str) -> String {
    let kind = match &found.kind {
        TraitKind::Onboarded => "onboarded",
        TraitKind::RuleBased => "rule-based",
        TraitKind::Algorithmic => "algorithmic",
        TraitKind::Other(word) => word,
    };
    let under = match template.to_string().contains("FREQUENCY") {
        true => format!(" of kind {kind}"),
        false => String::new(),
    };
    format!("trait {text} {:?}{under}", found.name)
}

/// The rule uses a key that its traits do not have.
pub(crate) fn unnamed(segment: &DesiredAdditionalSegment, key: &str) -> Blocker {
    Blocker::RuleKeyUnknown {
        segment: segment.key.clone(),
        key: key.into(),
    }
}
