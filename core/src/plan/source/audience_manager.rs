//! Which trait or segment of Audience Manager a `SharedAudience` means, and whether Adobe lets it pass.

use super::resolution::Resolution;
use crate::blocker::{Bar, Blocker, GoneSource, LoopSign, ObjectName, SuspendedObject};
use crate::call::{Call, Kind};
use crate::compose::{AudienceManagerSource, ConnectionSettings};
use crate::domain::audience_manager::{Activity, DataSource, Segment, Trait, TraitKind};
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::labels::SourceControls;
use crate::domain::mark::Mark;
use crate::domain::source::{AudienceManagerSelector, Naming, SourceId, SourceKind};
use crate::domain::trait_rule;
use crate::inventory::{Coverage, Entry, Inventory, Sequence, Table};
use crate::ownership::Judged as _;

/// What a source is judged by.
#[derive(Clone, Copy, Debug)]
pub struct SourceInput<'a> {
    pub settings: &'a ConnectionSettings,
    pub inventory: &'a Inventory,
    /// The recorded source: a name or code is resolved once (design.md §3).
    pub pinned: Option<&'a SourceId>,
    /// Only a search at or after this call counts.
    pub since: Sequence,
}

/// Where a source is: its kind has a list per data source.
pub type Home = (SourceKind, DataSourceId);

pub fn resolve_object(
    selector: &AudienceManagerSelector,
    input: SourceInput<'_>,
) -> Resolution<AudienceManagerSource> {
    if let Some((kind, sid)) = input.pinned.and_then(SourceId::audience_manager) {
        return recorded_object(selector, (kind, sid), input);
    }
    if let Naming::Sid(sid) = selector.naming {
        return object_by_sid(selector.kind, sid, input);
    }
    let findings = input.inventory.searches.get(selector);
    let Some(findings) = findings.filter(|findings| findings.seen >= input.since) else {
        return Resolution::Ask(Call::Search(selector.clone()));
    };
    match findings.sids.as_slice() {
        [sid] => object_by_sid(selector.kind, *sid, input),
        [] => Resolution::Blocked(Blocker::SourceNotFound(selector.clone())),
        several => {
            Resolution::Blocked(Blocker::SourceAmbiguous(selector.clone(), several.to_vec()))
        }
    }
}

/// The recorded object, unless the selector names another one by now. A recorded object that was renamed since is still
/// the source: a search distinguishes its former name from the name of another.
fn recorded_object(
    selector: &AudienceManagerSelector,
    (kind, sid): (SourceKind, u64),
    input: SourceInput<'_>,
) -> Resolution<AudienceManagerSource> {
    let resolution = object_by_sid(kind, sid, input);
    if matches!(resolution, Resolution::Ask(_)) {
        return resolution;
    }
    let named = match &selector.naming {
        Naming::Sid(named) => Some(*named),
        naming if is_named(kind, sid, naming, input.inventory) => None,
        _ => match input.inventory.searches.get(selector) {
            Some(findings) if findings.seen >= input.since => {
                let found = &findings.sids;
                found.first().copied().filter(|_| !found.contains(&sid))
            }
            _ => return Resolution::Ask(Call::Search(selector.clone())),
        },
    };
    match named.filter(|named| (selector.kind, *named) != (kind, sid)) {
        Some(named) => Resolution::Blocked(Blocker::SourceChanged {
            named: source_id(selector.kind, named),
            recorded: source_id(kind, sid),
        }),
        None => resolution,
    }
}

fn source_id(kind: SourceKind, sid: u64) -> SourceId {
    match kind {
        SourceKind::Trait => SourceId::Trait(TraitSid(sid)),
        SourceKind::Segment => SourceId::Segment(SegmentSid(sid)),
    }
}

/// Whether the object has that name or integration code, as it was last read.
fn is_named(kind: SourceKind, sid: u64, naming: &Naming, inventory: &Inventory) -> bool {
    let (name, code) = match kind {
        SourceKind::Trait => {
            let entry = inventory.traits.get(&TraitSid(sid));
            entry.map(|entry| (&entry.record.name, entry.record.integration_code.as_ref()))
        }
        SourceKind::Segment => {
            let entry = inventory.segments.get(&SegmentSid(sid));
            entry.map(|entry| (&entry.record.name, entry.record.integration_code.as_ref()))
        }
    }
    .unzip();
    name.is_some_and(|name| naming.fits(name, code.flatten()))
}

fn object_by_sid(
    kind: SourceKind,
    sid: u64,
    input: SourceInput<'_>,
) -> Resolution<AudienceManagerSource> {
    let Inventory {
        traits, segments, ..
    } = input.inventory;
    match kind {
        SourceKind::Trait => object_by_id(traits, TraitSid(sid), SourceCandidate::of_trait, input),
        SourceKind::Segment => object_by_id(
            segments,
            SegmentSid(sid),
            SourceCandidate::of_segment,
            input,
        ),
    }
}

fn object_by_id<'a, K: Kind>(
    table: &'a Table<K>,
    id: K::Id,
    candidate: fn(&'a K) -> SourceCandidate<'a>,
    input: SourceInput<'_>,
) -> Resolution<AudienceManagerSource> {
    match table.get(&id) {
        Some(entry) if !entry.stale => judge_object(&candidate(&entry.record), input),
        None if table.is_gone(&id) => Resolution::Gone(GoneSource::NoObject(ObjectName::new(
            K::NOUN,
            id.to_string(),
        ))),
        Some(_) | None => Resolution::Ask(Call::read::<K>(id)),
    }
}

/// What a trait and a segment have in common.
struct SourceCandidate<'a> {
    kind: SourceKind,
    sid: u64,
    name: &'a str,
    description: &'a str,
    data_source: DataSourceId,
    code: Option<&'a IntegrationCode>,
    activity: &'a Activity,
    /// Of a trait.
    form: Option<(&'a TraitKind, &'a str)>,
    /// Of a segment: the data sources of its traits, and the rule that merges its members.
    made_of: Option<(Option<&'a [DataSourceId]>, Option<DataSourceId>)>,
}

impl<'a> SourceCandidate<'a> {
    fn of_trait(found: &'a Trait) -> Self {
        Self {
            kind: SourceKind::Trait,
            sid: found.sid.0,
            name: &found.name,
            description: &found.description,
            data_source: found.data_source,
            code: found.integration_code.as_ref(),
            activity: &found.activity,
            form: Some((&found.kind, &found.rule)),
            made_of: None,
        }
    }

    fn of_segment(found: &'a Segment) -> Self {
        Self {
            kind: SourceKind::Segment,
            sid: found.sid.0,
            name: &found.name,
            description: &found.description,
            data_source: found.data_source,
            code: found.integration_code.as_ref(),
            activity: &found.activity,
            form: None,
            made_of: Some((found.trait_data_sources.as_deref(), found.merge_rule)),
        }
    }

    fn object_name(&self) -> ObjectName {
        ObjectName::new(noun(self.kind), format!("{} {:?}", self.sid, self.name))
    }
}

/// Its audience is kept as it is declared; that nobody enters it any more is reported.
pub fn suspended(source: &AudienceManagerSource) -> Option<Blocker> {
    let status = source.activity.suspended()?;
    let title = format!("{} {:?}", source.sid, source.name);
    let object = ObjectName::new(noun(source.kind), title);
    Some(Blocker::Suspended(vec![SuspendedObject {
        object,
        status: status.into(),
        unresolved: Vec::new(),
    }]))
}

const fn noun(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Trait => Trait::NOUN,
        SourceKind::Segment => Segment::NOUN,
    }
}

fn judge_object(
    candidate: &SourceCandidate<'_>,
    input: SourceInput<'_>,
) -> Resolution<AudienceManagerSource> {
    let source = || candidate.object_name();
    if let Some(sign) = loop_sign(candidate, input) {
        return Resolution::Blocked(Blocker::SharingLoop(source(), sign));
    }
    if let Some(bar) = bar(candidate, input.inventory) {
        return Resolution::Blocked(Blocker::NotShareable(source(), bar));
    }
    if *candidate.activity == Activity::Inactive {
        return Resolution::Gone(GoneSource::InactiveObject(source()));
    }
    Resolution::Found(AudienceManagerSource {
        kind: candidate.kind,
        sid: candidate.sid,
        name: candidate.name.into(),
        description: candidate.description.into(),
        data_source: candidate.data_source,
        activity: candidate.activity.clone(),
        controls: controls(candidate, input.inventory),
    })
}

/// Of a trait its data source's, of a segment those of its traits' data sources and of the profile merge rule's, never of
/// its own (audience-manager.md §3.2). The controls of the merge rule itself no API shows.
fn controls(candidate: &SourceCandidate<'_>, inventory: &Inventory) -> SourceControls {
    let shown = |id: DataSourceId| {
        let found = inventory.data_sources.get(&id);
        (id, found.map(|entry| &entry.record.restrictions))
    };
    let Some((traits, merge_rule)) = candidate.made_of else {
        return SourceControls::of([shown(candidate.data_source)]);
    };
    // The id of a merge rule may be listed nowhere (§7).
    let of_rule = merge_rule.map(shown).filter(|(_, found)| found.is_some());
    let of_traits = traits.unwrap_or_default().iter().copied().map(shown);
    let controls = SourceControls::of(of_traits.chain(of_rule));
    match traits {
        Some(_) => controls,
        None => controls.unsaid(),
    }
}

/// Why it came from Experience Platform, if it did: marks, data source, integration code, rule.
fn loop_sign(candidate: &SourceCandidate<'_>, input: SourceInput<'_>) -> Option<LoopSign> {
    let SourceInput {
        settings,
        inventory,
        ..
    } = input;
    if let Some(mark) = Mark::read(candidate.description) {
        return Some(LoopSign::Marked(mark));
    }
    let source = inventory.data_sources.get(&candidate.data_source);
    if let Some(source) = source.map(|entry| &entry.record)
        && (source.name == settings.data_source
            || Mark::read(&source.description).is_some()
            || inventory.adobes_data_sources().any(|id| id == source.id))
    {
        return Some(LoopSign::DataSource(source.name.clone()));
    }
    let is_audience = |id: &str| inventory.audiences.get(&AudienceId::new(id)).is_some();
    if let Some(code) = candidate.code.filter(|code| is_audience(code.as_str())) {
        return Some(LoopSign::Code(code.clone()));
    }
    let (_, rule) = candidate.form?;
    let audience = trait_rule::audience_of(&settings.trait_rule_key, rule)?;
    is_audience(audience.as_str()).then_some(LoopSign::Rule(audience))
}

/// Why Adobe's products do not let it pass (experience-platform.md §5.1, audience-manager.md §4.1).
fn bar(candidate: &SourceCandidate<'_>, inventory: &Inventory) -> Option<Bar> {
    if let Some((TraitKind::Other(word), _)) = candidate.form
        && word.to_ascii_uppercase().contains("FOLDER")
    {
        return Some(Bar::Folder);
    }
    let sources = &inventory.data_sources;
    let company = |entry: &Entry<DataSource>| entry.record.company;
    let foreign = match sources.get(&candidate.data_source) {
        None => sources.is_listed(Coverage::Whole),
        Some(entry) => company(entry).is_some() && company(entry) != inventory.tenant.company,
    };
    foreign.then_some(Bar::OtherCompanys(candidate.data_source))
}
