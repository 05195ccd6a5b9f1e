//! One shared trait or segment: its audience in Experience Platform (design.md §2, AAM → AEP).
//!
//! What Adobe's source connector delivers is the audience, and is never written. Ours steps aside for it.

mod labels;
mod leaving;

pub use leaving::{Departure, hand_over, look, owned, retire};

use super::Plan;
use super::call::{AudienceLookUp, Call, Step};
use super::claims::{Claims, Existing};
use super::difference::{Comparison, unmarkable};
use super::hold::Hold;
use super::ownership::{Claimant, Ownership, Signs, adopt, held_by};
use crate::compose::{
    AdoptionPolicy, CONNECTOR_ORIGIN, DesiredAudience, Mode, ShareName, external_key, metadata_key,
    mirror,
};
use crate::domain::experience_platform::{
    Audience, AudienceChange, AudienceKey, AudienceKind, Lifecycle, NewForm,
};
use crate::domain::field::Field;
use crate::domain::identifier::AudienceId;
use crate::domain::labels::UsageLabels;
use crate::domain::ownership::{OwnerId, strip};
use crate::domain::pql;
use crate::domain::reason::Reason;
use crate::domain::source::SourceId;
use crate::inventory::{AudienceNaturalKey, Entry, Inventory, Record, Sequence};

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
    pub existing: &'a dyn Existing,
    pub previous_owners: &'a [OwnerId],
    pub inventory: &'a Inventory,
    /// The call with which this round of work began: only younger look-ups prove that a key is free.
    pub since: Sequence,
}

impl<'a> Situation<'a> {
    fn claimant(&self) -> Claimant<'a> {
        Claimant {
            mark: &self.desired.mark,
            previous_owners: self.previous_owners,
            existing: self.existing,
        }
    }
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
    let found = find(&situation);
    if let Some(hold) = claimed_by_another(&situation, found.as_ref()) {
        plan.holds.push(hold);
        return plan;
    }
    let delivered = delivered(situation.inventory, &situation.desired.connector);
    match &situation.desired.new.form {
        NewForm::External { .. } | NewForm::MetadataOnly { .. } => match delivered {
            Some(connectors) => observe(&situation, connectors, found.as_ref(), &mut plan),
            None if situation.mode == Mode::Observe => plan.holds.push(awaited(&situation)),
            None => keep(&situation, found, &mut plan),
        },
        NewForm::SegmentDefinition { .. } => match delivered {
            None => {
                let owned = found.filter(|found| found.ownership == Ownership::Owned);
                plan.standing.audience = owned.map(|found| found.audience.id.clone());
                plan.holds.push(no_member_source(&situation));
            }
            Some(connectors) if situation.mode == Mode::Observe => {
                observe(&situation, connectors, None, &mut plan);
            }
            Some(_) => keep(&situation, found, &mut plan),
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
    let connectors = desired.connector.iter().cloned();
    let keys: Vec<_> = own_keys(situation)
        .chain(connectors.map(AudienceNaturalKey::External))
        .collect();
    let mut found = keys.iter().flat_map(|key| table.find(key));
    found
        .find(|entry| entry.doubtful)
        .map(|entry| Call::ReadAudience(entry.record.id.clone()))
}

/// An audience that may be the share's own, judged.
struct Found<'a> {
    audience: &'a Audience,
    ownership: Ownership,
}

/// By which an audience of this share is found, its recorded id apart: its mark with any uid, and its natural key.
fn own_keys<'a>(situation: &Situation<'a>) -> impl Iterator<Item = AudienceNaturalKey> + use<'a> {
    let desired = situation.desired;
    let mut marks = vec![desired.mark.of_any_uid()];
    let before = situation.previous_owners.iter();
    marks.extend(before.map(|owner| desired.mark.of_any_uid().with_owner(owner.clone())));
    let marked = marks.into_iter().map(AudienceNaturalKey::Marked);
    marked.chain(std::iter::once(natural_key(&desired.new.form)))
}

/// A name is no sign of whose an audience is: two definitions may have the same.
fn natural_key(form: &NewForm) -> AudienceNaturalKey {
    match form {
        NewForm::SegmentDefinition { expression } => {
            AudienceNaturalKey::Expression(expression.clone())
        }
        NewForm::External {
            namespace,
            audience_id,
        }
        | NewForm::MetadataOnly {
            namespace,
            audience_id,
        } => AudienceNaturalKey::External(AudienceKey::new(namespace, audience_id)),
    }
}

fn has_key(audience: &Audience, key: &AudienceNaturalKey) -> bool {
    let of_kind = match key {
        AudienceNaturalKey::Expression(_) => audience.kind == AudienceKind::SegmentDefinition,
        _ => true,
    };
    of_kind && audience.natural_keys().any(|found| found == *key)
}

/// A definition with our very mark whose expression comes in a form that cannot be read: it may be ours, or a copy of
/// it that tests something else. It is left, and no second one is made beside it.
fn unreadable(situation: &Situation<'_>) -> Option<Hold> {
    let claimant = situation.claimant();
    let marked = AudienceNaturalKey::Marked(situation.desired.mark.of_any_uid());
    let mut found = situation.inventory.audiences.find(&marked);
    let hidden = found.find(|Entry { record, .. }| {
        let expression = record.expression.as_deref();
        record.kind == AudienceKind::SegmentDefinition
            && record.lifecycle != Lifecycle::Deleted
            && claimant.is_marked(&record.description)
            && expression.is_none_or(|text| !pql::is_readable(text))
    })?;
    Some(Hold::new(
        Reason::UnexpectedAnswer,
        format!(
            "{} carries the mark of this resource, and Experience Platform tells its expression in a form that cannot be \
             read; it was left, and no second definition was created. If it is not needed, delete it in Experience \
             Platform; if it is a person's, take the mark out of its description.",
            label(&hidden.record)
        ),
    ))
}

/// Every audience that is found by one of the three signs, judged, those that Adobe made apart.
fn candidates<'a>(situation: &Situation<'a>) -> Vec<Found<'a>> {
    let Situation {
        desired,
        inventory,
        recorded,
        ..
    } = *situation;
    let table = &inventory.audiences;
    let recorded = recorded.audience.as_ref().filter(|_| !recorded.observed);
    let key = natural_key(&desired.new.form);
    let by_key = own_keys(situation).flat_map(|key| table.find(&key).collect::<Vec<_>>());
    let all = recorded
        .and_then(|id| table.get(id))
        .into_iter()
        .chain(by_key);
    let mut found: Vec<Found<'a>> = Vec::new();
    for Entry { record, .. } in all {
        let known = found.iter().any(|found| found.audience.id == record.id);
        if known || is_connectors(record) || record.lifecycle == Lifecycle::Deleted {
            continue;
        }
        let signs = Signs {
            description: &record.description,
            // Or this process wrote its description with our mark, which the service did not keep: no status may name it
            // yet.
            recorded: recorded == Some(&record.id)
                || table.is_stored_as(record, Field::Description, &desired.new.description),
            // Or this process gave it our expression, which the service tells in another form.
            natural_key: has_key(record, &key)
                || matches!(&desired.new.form, NewForm::SegmentDefinition { expression }
                    if table.is_stored_as(record, Field::Expression, expression)),
        };
        let ownership = situation.claimant().judge(&label(record), signs);
        if ownership != Ownership::Unrelated {
            found.push(Found {
                audience: record,
                ownership,
            });
        }
    }
    found
}

/// The audience to keep, or that is in its place. Of several that are ours: the recorded one, else the one that equals
/// what is declared, else the oldest.
fn find<'a>(situation: &Situation<'a>) -> Option<Found<'a>> {
    let recorded = situation.recorded.audience.as_ref();
    let rank = |found: &Found<'_>| {
        let by_ownership = match found.ownership {
            Ownership::Owned => 0,
            Ownership::TakenOver => 1,
            Ownership::Blocked(_) => 2,
            Ownership::Unmarked | Ownership::Unrelated => 3,
        };
        let equals = is_as_declared(situation, found.audience);
        (by_ownership, recorded != Some(&found.audience.id), !equals)
    };
    candidates(situation).into_iter().min_by_key(rank)
}

fn label(audience: &Audience) -> String {
    format!("Audience {} {:?}", audience.id, audience.name)
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
fn claimed_by_another(situation: &Situation<'_>, found: Option<&Found<'_>>) -> Option<Hold> {
    let Situation {
        share,
        desired,
        claims,
        existing,
        ..
    } = situation;
    let others = of_any_strategy(situation.inventory, &desired.source);
    let claimant = situation.claimant();
    let marked = found
        .map(|found| found.audience)
        .into_iter()
        .chain(others)
        .find_map(|found| claimant.marked_share(&found.description));
    let holder = claims.holder(share, &desired.source, marked.as_ref(), *existing)?;
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
    found: Option<&Found<'_>>,
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
    let superseded = found.filter(|found| found.ownership == Ownership::Owned);
    let kept = superseded.map(|found| &found.audience.id);
    let leaving = kept.into_iter().chain(duplicates(situation, kept));
    plan.steps
        .extend(leaving.filter_map(|id| delete(situation.inventory, id, Some(&connectors.id))));
}

/// Second ones that a create made whose effect came late: they carry our very mark, have our key, equal what a create
/// would make, and no definition uses them. At most one survives the next resync (design.md §4, L4).
fn duplicates<'a>(
    situation: &Situation<'a>,
    kept: Option<&AudienceId>,
) -> impl Iterator<Item = &'a AudienceId> {
    let key = natural_key(&situation.desired.new.form);
    let table = &situation.inventory.audiences;
    let found = candidates(situation).into_iter().filter(move |found| {
        let audience = found.audience;
        let users = AudienceNaturalKey::Dependency(audience.id.clone());
        Some(&audience.id) != kept
            && found.ownership == Ownership::Owned
            && situation.claimant().is_marked(&audience.description)
            && has_key(audience, &key)
            && is_as_declared(situation, audience)
            && table.find(&users).next().is_none()
    });
    found
        .map(|found| &found.audience.id)
        .collect::<Vec<_>>()
        .into_iter()
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

fn keep(situation: &Situation<'_>, found: Option<Found<'_>>, plan: &mut Plan<Standing>) {
    let new = &situation.desired.new;
    let Some(Found {
        audience: found,
        ownership,
    }) = found
    else {
        let look_up = AudienceLookUp::of(new);
        let table = &situation.inventory.audiences;
        let hold = unmarkable(&situation.desired.mark).or_else(|| unreadable(situation));
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
    match ownership {
        Ownership::Owned | Ownership::TakenOver => {}
        Ownership::Unmarked => {
            let unmarked = AudienceChange {
                description: None,
                ..change.clone()
            };
            let equal = unmarked == AudienceChange::default()
                && labels::lacking(situation.desired, found).is_empty()
                && strip(&found.description) == strip(&new.description);
            if let Err(hold) = adopt(&label(found), equal, situation.adoption) {
                return plan.holds.push(hold);
            }
        }
        Ownership::Blocked(hold) => return plan.holds.push(hold),
        Ownership::Unrelated => return,
    }
    if change != AudienceChange::default() {
        plan.steps.push(Step::ready(Call::UpdateAudience {
            expected: Box::new(found.clone()),
            change,
        }));
    }
    plan.holds
        .extend(labels::unknown(situation.desired, Some(found)));
    plan.standing.audience = Some(found.id.clone());
    plan.standing.stored_differently = comparison.told(&label(found), "Experience Platform");
    let duplicates = duplicates(situation, Some(&found.id));
    plan.steps
        .extend(duplicates.filter_map(|id| delete(situation.inventory, id, None)));
}

fn is_as_declared(situation: &Situation<'_>, found: &Audience) -> bool {
    let mut comparison = Comparison::new(&situation.inventory.audiences, found);
    change(situation.desired, found, &mut comparison) == AudienceChange::default()
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
