//! Which trait or segment of Audience Manager a `SharedAudience` means, and whether Adobe lets it pass.

use super::resolution::{Resolution, bounded_list};
use crate::blocker::Blocker;
use crate::call::{Call, Kind};
use crate::compose::{AudienceManagerSource, ConnectionSettings};
use crate::domain::audience_manager::{Activity, DataSource, Segment, Trait, TraitKind};
use crate::domain::identifier::{AudienceId, DataSourceId, IntegrationCode, SegmentSid, TraitSid};
use crate::domain::labels::SourceControls;
use crate::domain::mark::Mark;
use crate::domain::reason::Reason;
use crate::domain::source::{AudienceManagerSelector, Naming, SourceId, SourceKind};
use crate::domain::trait_rule;
use crate::inventory::{Coverage, Entry, Inventory, Sequence, Table};
use crate::plan::gone::Gone;

/// What a source is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub settings: &'a ConnectionSettings,
    pub inventory: &'a Inventory,
    /// The recorded source: a name or code is resolved once (design.md §3).
    pub pinned: Option<&'a SourceId>,
    /// Only a search at or after this call counts.
    pub since: Sequence,
}

/// Where a source stands: its kind has a list per data source.
pub type Home = (SourceKind, DataSourceId);

pub fn resolve(
    selector: &AudienceManagerSelector,
    question: Question<'_>,
) -> Resolution<AudienceManagerSource> {
    let pinned = question.pinned.and_then(SourceId::audience_manager);
    let named = match &selector.naming {
        Naming::Sid(sid) => Some((selector.kind, *sid)),
        Naming::IntegrationCode(_) | Naming::Name(_) => None,
    };
    if let Some((kind, sid)) = pinned.or(named) {
        return by_sid(kind, sid, question);
    }
    let findings = question.inventory.searches.get(selector);
    let Some(findings) = findings.filter(|findings| findings.seen >= question.since) else {
        return Resolution::Ask(Call::Search(selector.clone()));
    };
    match findings.sids.as_slice() {
        [sid] => by_sid(selector.kind, *sid, question),
        [] => Resolution::Held(Blocker::new(
            Reason::SourceNotFound,
            format!(
                "Audience Manager has no {} {} that this credential may see. Correct it (it is compared exactly), or \
                 name the source by its sid.",
                selector.kind, selector.naming
            ),
        )),
        several => {
            let sids: Vec<String> = several.iter().map(u64::to_string).collect();
            Resolution::Held(Blocker::new(
                Reason::SourceAmbiguous,
                format!(
                    "Several {}s of Audience Manager are {}: {}. Name the source by its sid.",
                    selector.kind,
                    selector.naming,
                    bounded_list(&sids.iter().map(String::as_str).collect::<Vec<_>>())
                ),
            ))
        }
    }
}

fn by_sid(kind: SourceKind, sid: u64, question: Question<'_>) -> Resolution<AudienceManagerSource> {
    let Inventory {
        traits, segments, ..
    } = question.inventory;
    let found = match kind {
        SourceKind::Trait => find(traits, TraitSid(sid), Candidate::of_trait),
        SourceKind::Segment => find(segments, SegmentSid(sid), Candidate::of_segment),
    };
    match found {
        Resolution::Found(Some(candidate)) => judge(&candidate, question),
        Resolution::Found(None) => not_found(kind, sid),
        Resolution::Ask(call) => Resolution::Ask(call),
        Resolution::Held(blocker) => Resolution::Held(blocker),
        Resolution::Gone(gone) => Resolution::Gone(gone),
    }
}

/// `Found(None)`: it answered that it is gone.
fn find<'a, K: Kind>(
    table: &'a Table<K>,
    id: K::Id,
    candidate: fn(&'a K) -> Candidate<'a>,
) -> Resolution<Option<Candidate<'a>>> {
    match table.get(&id) {
        Some(entry) if !entry.stale => Resolution::Found(Some(candidate(&entry.record))),
        None if table.is_gone(&id) => Resolution::Found(None),
        Some(_) | None => Resolution::Ask(Call::read::<K>(id)),
    }
}

fn not_found(kind: SourceKind, sid: u64) -> Resolution<AudienceManagerSource> {
    Resolution::Gone(Gone::deleted(format!(
        "Audience Manager has no {kind} {sid} for this credential: it was deleted, or belongs to another company"
    )))
}

/// What a trait and a segment have in common.
struct Candidate<'a> {
    kind: SourceKind,
    sid: u64,
    name: &'a str,
    description: &'a str,
    data_source: DataSourceId,
    code: Option<&'a IntegrationCode>,
    activity: &'a Activity,
    /// Of a trait.
    form: Option<(&'a TraitKind, &'a str)>,
    /// Of a segment: what its members stand for, and under which rule they are merged.
    made_of: Option<(Option<&'a [DataSourceId]>, Option<DataSourceId>)>,
}

impl<'a> Candidate<'a> {
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

    fn label(&self) -> String {
        format!("{} {} {:?}", self.kind, self.sid, self.name)
    }
}

fn judge(candidate: &Candidate<'_>, question: Question<'_>) -> Resolution<AudienceManagerSource> {
    let held = |reason, because: String| {
        Resolution::Held(Blocker::new(
            reason,
            format!("Audience Manager's {} {because}", candidate.label()),
        ))
    };
    if let Some(because) = loops(candidate, question) {
        return held(
            Reason::SharingLoop,
            format!("{because}; it is not shared back. Use its audience in Experience Platform."),
        );
    }
    if let Some(because) = barred(candidate, question.inventory) {
        return held(Reason::SourceNotShareable, because);
    }
    if *candidate.activity == Activity::Inactive {
        return Resolution::Gone(Gone::inactive(format!(
            "Audience Manager's {} is inactive: nobody enters it any more",
            candidate.label()
        )));
    }
    Resolution::Found(AudienceManagerSource {
        kind: candidate.kind,
        sid: candidate.sid,
        name: candidate.name.into(),
        description: candidate.description.into(),
        data_source: candidate.data_source,
        activity: candidate.activity.clone(),
        controls: controls(candidate, question.inventory),
    })
}

/// Of a trait its data source's, of a segment those of its traits' data sources and of the profile merge rule's, never of
/// its own (audience-manager.md §3.2). The controls of the merge rule itself no API shows.
fn controls(candidate: &Candidate<'_>, inventory: &Inventory) -> SourceControls {
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
fn loops(candidate: &Candidate<'_>, question: Question<'_>) -> Option<String> {
    let Question {
        settings,
        inventory,
        ..
    } = question;
    if let Some(mark) = Mark::read(candidate.description) {
        return Some(format!("carries the mark {mark} of sharing"));
    }
    let source = inventory.data_sources.get(&candidate.data_source);
    if let Some(source) = source.map(|entry| &entry.record)
        && (source.name == settings.data_source || Mark::read(&source.description).is_some())
    {
        return Some(format!(
            "stands in data source {:?}, which holds what is shared from Experience Platform",
            source.name
        ));
    }
    let is_audience = |id: &str| inventory.audiences.get(&AudienceId::new(id)).is_some();
    if let Some(code) = candidate.code.filter(|code| is_audience(code.as_str())) {
        return Some(format!(
            "has the id of an audience of Experience Platform as its integration code, {code}"
        ));
    }
    let (_, rule) = candidate.form?;
    let audience = trait_rule::audience_of(&settings.trait_rule_key, rule)?;
    is_audience(audience.as_str()).then(|| {
        format!("is filled by audience {audience} of Experience Platform, as its rule says")
    })
}

/// Why Adobe's products do not let it pass (experience-platform.md §5.1, audience-manager.md §4.1).
fn barred(candidate: &Candidate<'_>, inventory: &Inventory) -> Option<String> {
    if let Some((TraitKind::Other(word), _)) = candidate.form
        && word.to_ascii_uppercase().contains("FOLDER")
    {
        return Some("is a folder, not an audience; share a trait or segment in it.".into());
    }
    let sources = &inventory.data_sources;
    let company = |entry: &Entry<DataSource>| entry.record.company;
    let foreign = match sources.get(&candidate.data_source) {
        None => sources.is_listed(Coverage::Whole),
        Some(entry) => company(entry).is_some() && company(entry) != inventory.tenant.company,
    };
    foreign.then(|| {
        format!(
            "belongs to data source {}, which is not your company's: third-party data may not leave Audience Manager. \
             Share a segment of yours that uses it, if its provider's terms allow that.",
            candidate.data_source
        )
    })
}
