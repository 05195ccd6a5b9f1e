//! One shared trait or segment: its audience in Experience Platform (design.md §2, AAM → AEP).
//!
//! What Adobe's source connector delivers is the audience, and is never written. Ours steps aside for it.

mod labels;

use std::collections::BTreeSet;

use super::Plan;
use super::call::{AudienceLookUp, Call, Step};
use super::claims::{Claims, Living};
use super::difference::{Comparison, unmarkable};
use super::hold::Hold;
use super::ownership::{Subject, Verdict, held_by, is_ours, judge, marked_share};
use crate::compose::{
    AdoptionPolicy, CONNECTOR_ORIGIN, DesiredAudience, Mode, ShareName, external_key, mark,
    metadata_key, mirror,
};
use crate::domain::experience_platform::{
    Audience, AudienceChange, AudienceKey, AudienceKind, Lifecycle, NewForm,
};
use crate::domain::field::Field;
use crate::domain::identifier::AudienceId;
use crate::domain::labels::UsageLabels;
use crate::domain::ownership::{OwnerId, strip};
use crate::domain::reason::Reason;
use crate::domain::source::SourceId;
use crate::inventory::{AudienceNaturalKey, Entry, Inventory, Sequence};

/// What the status says of the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    pub audience: Option<AudienceId>,
    /// It is the connector's, not ours.
    pub observed: bool,
}

/// The audience that stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub audience: Option<AudienceId>,
    /// The connector delivers it.
    pub observed: bool,
    /// A sentence for each text that Experience Platform stores otherwise than it was sent.
    pub stored_differently: Vec<String>,
}

/// All that a plan of one audience depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub share: &'a ShareName,
    pub desired: &'a DesiredAudience,
    pub mode: Mode,
    pub adoption: AdoptionPolicy,
    pub recorded: &'a Recorded,
    pub claims: &'a Claims,
    pub living: &'a dyn Living,
    pub inventory: &'a Inventory,
    /// The call with which this round of work began: only younger look-ups prove that a key is free.
    pub since: Sequence,
}

/// Plans the audience of one share.
pub fn plan(situation: Situation<'_>) -> Plan<Standing> {
    let mut plan = Plan {
        steps: Vec::new(),
        holds: Vec::new(),
        standing: Standing::default(),
    };
    if let Some(call) = doubt(&situation) {
        plan.steps.push(Step::ready(call));
        return plan;
    }
    let ours = ours(&situation);
    if let Some(hold) = claimed_by_another(&situation, ours) {
        plan.holds.push(hold);
        return plan;
    }
    let delivered = delivered(situation.inventory, &situation.desired.connector);
    match &situation.desired.new.form {
        NewForm::External { .. } | NewForm::MetadataOnly { .. } => match delivered {
            Some(connectors) => observe(&situation, connectors, ours, &mut plan),
            None if situation.mode == Mode::Observe => plan.holds.push(awaited(&situation)),
            None => keep(&situation, ours, &mut plan),
        },
        NewForm::SegmentDefinition { .. } => match delivered {
            None => {
                plan.standing.audience = ours.map(|ours| ours.id.clone());
                plan.holds.push(no_member_source(&situation));
            }
            Some(connectors) if situation.mode == Mode::Observe => {
                observe(&situation, connectors, None, &mut plan);
            }
            Some(_) => keep(&situation, ours, &mut plan),
        },
    }
    plan
}

/// The first of what matters here that must be asked for before anything is decided.
fn doubt(situation: &Situation<'_>) -> Option<Call> {
    let Situation {
        desired,
        inventory,
        recorded,
        ..
    } = situation;
    let table = &inventory.audiences;
    if let Some(id) = &recorded.audience {
        match table.get(id) {
            Some(entry) if entry.doubtful => return Some(Call::ReadAudience(id.clone())),
            None if !table.is_gone(id) => return Some(Call::ReadAudience(id.clone())),
            Some(_) | None => {}
        }
    }
    let look_up = AudienceLookUp::of(&desired.new);
    if table.is_unresolved(&look_up.natural_key()) {
        return Some(Call::LookUpAudience(look_up));
    }
    let own = [
        look_up.natural_key(),
        AudienceNaturalKey::Marked(desired.mark.clone()),
    ];
    let connectors = desired.connector.iter().cloned();
    let keys: Vec<_> = own
        .into_iter()
        .chain(connectors.map(AudienceNaturalKey::External))
        .collect();
    let mut found = keys.iter().flat_map(|key| table.find(key));
    found
        .find(|entry| entry.doubtful)
        .map(|entry| Call::ReadAudience(entry.record.id.clone()))
}

/// What stands where the share's own audience shall stand: recorded, marked, over the same source, or with its key.
fn ours<'a>(situation: &Situation<'a>) -> Option<&'a Audience> {
    let Situation {
        desired,
        inventory,
        recorded,
        ..
    } = *situation;
    let table = &inventory.audiences;
    let recorded = recorded.audience.as_ref().filter(|_| !recorded.observed);
    let marked = AudienceNaturalKey::Marked(desired.mark.clone());
    let mirrored = match &desired.new.form {
        NewForm::SegmentDefinition { expression } => {
            Some(AudienceNaturalKey::Expression(expression.clone()))
        }
        NewForm::External { .. } | NewForm::MetadataOnly { .. } => None,
    };
    let natural = AudienceLookUp::of(&desired.new).natural_key();
    recorded
        .and_then(|id| table.get(id))
        .into_iter()
        .chain(table.find(&marked))
        .chain(mirrored.iter().flat_map(|key| table.find(key)))
        .chain(table.find(&natural))
        .map(|entry| &entry.record)
        .find(|audience| is_candidate(audience, &desired.new.form))
}

fn is_candidate(audience: &Audience, form: &NewForm) -> bool {
    let same_kind = match form {
        NewForm::SegmentDefinition { .. } => audience.kind == AudienceKind::SegmentDefinition,
        NewForm::External { .. } | NewForm::MetadataOnly { .. } => audience.key == form.key(),
    };
    same_kind && !is_connectors(audience) && audience.lifecycle != Lifecycle::Deleted
}

/// What Adobe's source connector made: read-only, whatever its description says (experience-platform.md §5.2).
fn is_connectors(audience: &Audience) -> bool {
    audience.origin.eq_ignore_ascii_case(CONNECTOR_ORIGIN)
}

fn delivered<'a>(inventory: &'a Inventory, keys: &[AudienceKey]) -> Option<&'a Audience> {
    let found = keys.iter().flat_map(|key| {
        inventory
            .audiences
            .find(&AudienceNaturalKey::External(key.clone()))
    });
    found
        .map(|entry: &Entry<Audience>| &entry.record)
        .find(|audience| is_connectors(audience) && audience.lifecycle != Lifecycle::Deleted)
}

/// One source, one holder: whose mark stands, else the older (design.md §4.6).
fn claimed_by_another(situation: &Situation<'_>, found: Option<&Audience>) -> Option<Hold> {
    let Situation {
        share,
        desired,
        claims,
        living,
        ..
    } = situation;
    let owner = desired.mark.owner();
    let others = of_any_strategy(situation.inventory, &desired.source);
    let marked = found
        .into_iter()
        .chain(others)
        .find_map(|found| marked_share(owner, &found.description));
    let holder = claims.holder(share, &desired.source, marked.as_ref(), *living)?;
    (holder != *share).then(|| held_by(&format!("Source {}", desired.source), holder))
}

/// What stands over the source by whichever strategy, the connector's apart.
fn of_any_strategy<'a>(
    inventory: &'a Inventory,
    source: &SourceId,
) -> impl Iterator<Item = &'a Audience> {
    let external = [external_key(source), metadata_key(source)];
    let external = external.into_iter().flatten();
    let keys: Vec<_> = external
        .map(AudienceNaturalKey::External)
        .chain(mirror(source).map(AudienceNaturalKey::Expression))
        .collect();
    let found = keys.into_iter().flat_map(|key| {
        let found: Vec<_> = inventory.audiences.find(&key).collect();
        found.into_iter().map(|entry| &entry.record)
    });
    found.filter(|audience| !is_connectors(audience) && audience.lifecycle != Lifecycle::Deleted)
}

/// The connector's audience is the audience; ours goes, unless something uses it: then the service refuses.
fn observe(
    situation: &Situation<'_>,
    connectors: &Audience,
    ours: Option<&Audience>,
    plan: &mut Plan<Standing>,
) {
    plan.standing = Standing {
        audience: Some(connectors.id.clone()),
        observed: true,
        stored_differently: Vec::new(),
    };
    if situation.mode == Mode::Observe {
        return;
    }
    plan.holds
        .extend(labels::of_connectors(situation.desired, connectors));
    let recorded = |audience: &Audience| {
        !situation.recorded.observed && situation.recorded.audience.as_ref() == Some(&audience.id)
    };
    let superseded =
        ours.filter(|ours| is_ours(&ours.description, &situation.desired.mark, recorded(ours)));
    let twins = marked(situation);
    let leaving: BTreeSet<&AudienceId> = superseded
        .into_iter()
        .chain(twins)
        .map(|audience| &audience.id)
        .collect();
    plan.steps.extend(
        leaving
            .into_iter()
            .filter_map(|id| delete(situation.inventory, id, Some(&connectors.id))),
    );
}

/// All that carries our very mark.
fn marked<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a Audience> {
    let key = AudienceNaturalKey::Marked(situation.desired.mark.clone());
    let found: Vec<_> = situation.inventory.audiences.find(&key).collect();
    found
        .into_iter()
        .map(|entry| &entry.record)
        .filter(|audience| !is_connectors(audience) && audience.lifecycle != Lifecycle::Deleted)
}

fn delete(
    inventory: &Inventory,
    id: &AudienceId,
    in_favour_of: Option<&AudienceId>,
) -> Option<Step> {
    let entry = inventory.audiences.get(id)?;
    Some(Step::ready(match entry.doubtful {
        true => Call::ReadAudience(id.clone()),
        false => Call::DeleteAudience {
            id: id.clone(),
            name: entry.record.name.clone(),
            in_favour_of: in_favour_of.cloned(),
        },
    }))
}

fn keep(situation: &Situation<'_>, found: Option<&Audience>, plan: &mut Plan<Standing>) {
    let new = &situation.desired.new;
    let Some(found) = found else {
        let look_up = AudienceLookUp::of(new);
        let table = &situation.inventory.audiences;
        let hold = unmarkable(&situation.desired.mark);
        if let Some(hold) = hold.or_else(|| labels::unknown(situation.desired, None)) {
            return plan.holds.push(hold);
        }
        plan.steps.push(Step::ready(
            match table.was_looked_up(&look_up.natural_key(), situation.since) {
                false => Call::LookUpAudience(look_up),
                true => Call::CreateAudience(labels::at_creation(new)),
            },
        ));
        return;
    };
    let mut comparison = Comparison::new(&situation.inventory.audiences, found);
    let change = change(situation.desired, found, &mut comparison);
    let unmarked = AudienceChange {
        description: None,
        ..change.clone()
    };
    let subject = Subject {
        object: format!("Audience {} {:?}", found.id, found.name),
        description: &found.description,
        // Or this process wrote its description with our mark, which the service did not keep: no status may name it yet.
        recorded: !situation.recorded.observed
            && situation.recorded.audience.as_ref() == Some(&found.id)
            || situation.inventory.audiences.is_stored_as(
                found,
                Field::Description,
                &new.description,
            ),
        equal: unmarked == AudienceChange::default()
            && labels::lacking(situation.desired, found).is_empty()
            && strip(&found.description) == strip(&new.description),
        in_adobes_data_source: false,
    };
    match judge(
        &subject,
        &situation.desired.mark,
        situation.adoption,
        situation.living,
    ) {
        Verdict::Ours if change != AudienceChange::default() => {
            plan.steps.push(Step::ready(Call::UpdateAudience {
                expected: Box::new(found.clone()),
                change,
            }));
        }
        Verdict::Ours | Verdict::Adobes => {}
        Verdict::Held(hold) => return plan.holds.push(hold),
    }
    plan.holds
        .extend(labels::unknown(situation.desired, Some(found)));
    plan.standing.audience = Some(found.id.clone());
    let label = format!("Audience {} {:?}", found.id, found.name);
    plan.standing.stored_differently = comparison.told(&label, "Experience Platform");
    // A create whose effect came late left a second one: at most one survives the next pass (design.md §4.4).
    let twins = marked(situation).filter(|twin| twin.id != found.id);
    plan.steps
        .extend(twins.filter_map(|twin| delete(situation.inventory, &twin.id, None)));
}

/// The fields in which what stands differs from what is declared, normalised. Labels are put on by themselves, after the
/// rest: a service that refuses them refuses nothing else with them.
fn change(
    desired: &DesiredAudience,
    found: &Audience,
    comparison: &mut Comparison<'_, Audience>,
) -> AudienceChange {
    let new = &desired.new;
    let rest = AudienceChange {
        name: comparison.text(Field::Name, &new.name),
        description: comparison.text(Field::Description, &new.description),
        labels: UsageLabels::default(),
        expression: match &new.form {
            NewForm::SegmentDefinition { expression } => {
                comparison.text(Field::Expression, expression)
            }
            NewForm::External { .. } | NewForm::MetadataOnly { .. } => None,
        },
        publish: match (&found.lifecycle, &new.form) {
            (Lifecycle::Inactive, _) => true,
            // Metadata alone is made without a state: which one it gets, no page says (experience-platform.md §3.8).
            (Lifecycle::Draft, NewForm::External { .. } | NewForm::SegmentDefinition { .. }) => {
                true
            }
            _ => false,
        },
        deactivate: false,
    };
    match rest == AudienceChange::default() {
        false => rest,
        true => AudienceChange {
            labels: labels::lacking(desired, found),
            ..rest
        },
    }
}

fn awaited(situation: &Situation<'_>) -> Hold {
    Hold::new(
        Reason::AwaitingAdobeSharing,
        format!(
            "Adobe's source connector has not delivered {} to Experience Platform yet. Choose it in the Audience \
             Manager source connection.",
            situation.desired.connector[0].audience_id()
        ),
    )
}

fn no_member_source(situation: &Situation<'_>) -> Hold {
    Hold::new(
        Reason::NoMemberSource,
        format!(
            "Adobe's source connector does not deliver {} to Experience Platform, so that a segment definition over it \
             would have no members; none was created. Choose it in the Audience Manager source connection, or use the \
             strategy ExternalAudience or MetadataOnly in a new SharedAudience.",
            situation.desired.connector[0].audience_id()
        ),
    )
}

/// An audience of ours that leaves.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    pub owner: &'a OwnerId,
    pub share: &'a ShareName,
    /// With it audiences are found whose ids were never written down.
    pub source: Option<&'a SourceId>,
    pub recorded: &'a Recorded,
    pub inventory: &'a Inventory,
}

/// Plans the deletions; a settled plan means that nothing of ours is left.
pub fn retire(departure: Departure<'_>) -> Plan<()> {
    let mut plan = Plan {
        steps: Vec::new(),
        holds: Vec::new(),
        standing: (),
    };
    let mark = mark(departure.owner, departure.share);
    let table = &departure.inventory.audiences;
    let own_keys = departure.source.into_iter().flat_map(|source| {
        [external_key(source), metadata_key(source)]
            .into_iter()
            .flatten()
    });
    let own_keys: BTreeSet<AudienceKey> = own_keys.collect();
    // Creates of open outcome are few: of those that may be ours each is settled before anything is judged.
    for key in table.unresolved() {
        let look_up = match key {
            AudienceNaturalKey::External(key) if own_keys.contains(key) => {
                AudienceLookUp::Key(key.clone())
            }
            AudienceNaturalKey::Name(name) => AudienceLookUp::DefinitionName(name.clone()),
            AudienceNaturalKey::External(_)
            | AudienceNaturalKey::Dependency(_)
            | AudienceNaturalKey::Expression(_)
            | AudienceNaturalKey::Marked(_) => continue,
        };
        plan.steps.push(Step::ready(Call::LookUpAudience(look_up)));
    }
    let recorded = departure
        .recorded
        .audience
        .as_ref()
        .filter(|_| !departure.recorded.observed);
    let found = table
        .find(&AudienceNaturalKey::Marked(mark.clone()))
        .map(|entry| &entry.record.id);
    let candidates: BTreeSet<&AudienceId> = recorded.into_iter().chain(found).collect();
    let mut leaving = Vec::new();
    for id in candidates {
        match table.get(id) {
            None if table.is_gone(id) => {}
            None => plan.steps.push(Step::ready(Call::ReadAudience(id.clone()))),
            Some(entry) if entry.doubtful => {
                plan.steps.push(Step::ready(Call::ReadAudience(id.clone())));
            }
            Some(entry)
                if entry.record.lifecycle != Lifecycle::Deleted
                    && !is_connectors(&entry.record)
                    && is_ours(&entry.record.description, &mark, recorded == Some(id)) =>
            {
                leaving.push(id);
            }
            Some(_) => {}
        }
    }
    if plan.steps.is_empty() {
        let calls = leaving.into_iter();
        plan.steps
            .extend(calls.filter_map(|id| delete(departure.inventory, id, None)));
    }
    plan
}
