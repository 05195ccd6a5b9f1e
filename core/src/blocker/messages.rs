//! The text of every blocker, for people: what happened to which object, what was not changed, what to do.
//!
//! No times and no counts: a message changes only when its cause does. It decides nothing.

mod source;

use std::fmt::{self, Display, Formatter};

use self::source::{sharing_loop, source_gone};
use super::bounded::{Bounded, SHOWN_MAX};
use super::{
    Bar, Blocker, ForbiddenDestination, ModelState, NoAdoption, ObjectName, RuleFault,
    SuspendedObject,
};
use crate::compose::DESCRIPTION_CHARS_MAX;
use crate::domain::identifier::DataSourceId;
use crate::domain::labels::{ExportControl, ExportControls, Unlabelled};
use crate::domain::reason::Reason;
use crate::domain::source::SourceId;

/// Where an administrator finds data sources.
const DATA_SOURCES: &str = "in Audience Manager under Audience Data, Data Sources";

impl Display for ObjectName {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.noun, self.title)
    }
}

impl ObjectName {
    /// At the beginning of a sentence: `Trait 77 "Loyal gamers"`.
    pub(crate) fn capitalized(&self) -> String {
        let (first, rest) = self.noun.split_at(1);
        format!("{}{rest} {}", first.to_ascii_uppercase(), self.title)
    }
}

impl Blocker {
    /// For the status.
    pub fn message(&self) -> String {
        self.to_string()
    }
}

impl Display for Blocker {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAdopted(object, policy) => {
                let object = object.capitalized();
                match policy {
                    NoAdoption::Differs => write!(
                        to,
                        "{object} exists already, was not made by this operator and differs from what is declared. Nothing \
                         was changed. Make it equal, delete it, or set adoptionPolicy to Always to take it over."
                    ),
                    NoAdoption::Never => write!(
                        to,
                        "{object} exists already and was not made by this operator. Nothing was changed. Delete it, or set \
                         adoptionPolicy to IfEqual or Always."
                    ),
                }
            }
            Self::DataSourceNotAdopted(data_source) => write!(
                to,
                "{} exists already and was not made by this operator; nothing was put into it. Set adoptionPolicy of the \
                 SharingConnection to IfEqual or Always, or rename the data source.",
                data_source.capitalized()
            ),
            Self::NotOnboarded(found) => write!(
                to,
                "{} has the integration code of the shared audience and is no onboarded trait; nothing was changed. Delete \
                 it or change its integration code.",
                found.capitalized()
            ),
            Self::ForeignMark(object, mark) => write!(
                to,
                "{} carries the mark of another owner, {mark}. Nothing was changed. Stop sharing it there, or share another \
                 source from here.",
                object.capitalized()
            ),
            Self::ClaimedBy(object, holder) => write!(
                to,
                "{} belongs to SharedAudience {holder}, which shares the same source. Nothing was changed. Delete one of the \
                 two, or share another source from here.",
                object.capitalized()
            ),
            Self::UnwatchedHolder(object, holder) => write!(
                to,
                "{} belongs to SharedAudience {holder}, in a namespace that this operator does not watch, so it cannot tell \
                 whether that resource still exists. Nothing was changed. Delete that resource with its operator, let this \
                 operator watch the namespace, or share another source from here.",
                object.capitalized()
            ),
            Self::TakenOver(object, mark) => write!(
                to,
                "{} was made for this SharedAudience and was taken over by {mark}. Nothing was changed. Delete one of the two \
                 resources; if you delete and create this one again, it takes the object back.",
                object.capitalized()
            ),
            Self::OwnershipLost(object) => write!(
                to,
                "{} is recorded in the status of this SharedAudience, but carries neither its mark nor the key of its source. \
                 Nothing was changed. Restore its description or its key, or delete it; deleting this SharedAudience leaves \
                 it.",
                object.capitalized()
            ),
            Self::UnreadableDefinition(audience) => write!(
                to,
                "{} carries the mark of this resource, and Experience Platform shows its expression in a form that cannot be \
                 read; it was left, and no second definition was created. If it is not needed, delete it in Experience \
                 Platform; if it is a person's, take the mark out of its description.",
                audience.capitalized()
            ),
            Self::OtherCompany { recorded, observed } => write!(
                to,
                "The credential answers for Audience Manager company {observed}, the recorded ids belong to company \
                 {recorded}; nothing was changed. Put the credential of company {recorded} back into the Secret, or create a \
                 new connection for company {observed}."
            ),
            Self::OtherSandbox { recorded, observed } => write!(
                to,
                "The sandbox has the id {observed}, the recorded ids belong to sandbox {recorded}: it was reset, or the \
                 credential leads elsewhere; nothing was changed. Create a new connection for this sandbox."
            ),
            Self::RightMissing {
                right,
                object,
                call,
            } => write!(
                to,
                "Audience Manager does not grant the credential's technical account {right} on {object}, so that it could not \
                 {call}; nothing was changed. Give the account the right in an Audience Manager RBAC group."
            ),
            Self::NotAdministrator(data_source) => write!(
                to,
                "The credential's technical account is no administrator in Audience Manager, so that it could not create data \
                 source {data_source:?}; nothing was changed. Make it one, or let an administrator create the data source, \
                 with unique integration codes for traits and for segments."
            ),
            Self::AudiencesNotListed => {
                to.write_str("The audiences of Experience Platform are being read.")
            }
            Self::AudienceNotFound(name) => write!(
                to,
                "Experience Platform lists no audience named {name:?} in this sandbox. Correct the name (it is compared \
                 exactly), or name the source by its id: inactive audiences are never listed."
            ),
            Self::AudienceAmbiguous(name, ids) => write!(
                to,
                "The name {name:?} fits several audiences of Experience Platform: {}. Name the source by its id.",
                Bounded(ids)
            ),
            Self::SourceNotFound(selector) => write!(
                to,
                "Audience Manager has no {} {} that this credential may see. Correct it (it is compared exactly), or name the \
                 source by its sid.",
                selector.kind, selector.naming
            ),
            Self::SourceAmbiguous(selector, sids) => write!(
                to,
                "Several {}s of Audience Manager are {}: {}. Name the source by its sid.",
                selector.kind,
                selector.naming,
                Bounded(sids)
            ),
            Self::SourceChanged { named, recorded } => write!(
                to,
                "spec.source now names {}, and this SharedAudience recorded {}. Nothing was changed. {}",
                named.named(),
                recorded.named(),
                Reason::SourceChanged.remedy()
            ),
            Self::SharingLoop(source, sign) => sharing_loop(to, source, sign),
            Self::NotShareable(source, bar) => match bar {
                Bar::Folder => write!(
                    to,
                    "Audience Manager's {source} is a folder, not an audience; share a trait or segment in it."
                ),
                Bar::OtherCompanys(data_source) => write!(
                    to,
                    "Audience Manager's {source} belongs to data source {data_source}, which is not your company's: \
                     third-party data may not leave Audience Manager. Share a segment of yours that uses it, if its \
                     provider's terms allow that."
                ),
            },
            Self::SourceGone(source, policy) => source_gone(to, source, *policy),
            Self::ExportControlsUnsupported {
                controls,
                data_source,
            } => export_controls_unsupported(to, *controls, data_source),
            Self::ExportControlMissing(data_source, control) => write!(
                to,
                "{} has not the export control {:?} that its name stands for ({}); nothing was put into it. Set it \
                 {DATA_SOURCES}, Data Export Controls.",
                data_source.capitalized(),
                control.in_words(),
                control.label()
            ),
            Self::Unreadable(object) => write!(
                to,
                "No list shows {object}, and one holds an element that this version of the operator cannot read, which may \
                 be it. Nothing was done with it. Report the form of that element to the operator's maintainers, or name \
                 the object by its id."
            ),
            Self::UnreadableDataSource { id, name } => unreadable_data_source(to, *id, name),
            Self::Misplaced {
                because,
                shared_trait,
                data_source,
                lacking,
            } => {
                let shared_trait = shared_trait.capitalized();
                write!(
                    to,
                    "{because} {shared_trait} and its segments stay in data source {data_source}"
                )?;
                match lacking {
                    Some(control) => write!(
                        to,
                        " without it: until then Audience Manager lets their data be used against {} ({}).",
                        control.label(),
                        control.in_words()
                    ),
                    None => to.write_str(", whose export controls forbid as much."),
                }
            }
            Self::UsageLabelsUnknown {
                source,
                audience,
                because,
            } => {
                match audience {
                    None => to.write_str("No audience was created: ")?,
                    Some(audience) => write!(to, "{} was not labelled: ", audience.capitalized())?,
                }
                usage_labels_unknown(to, source, because)
            }
            Self::UsageLabelsRefused { audience, lacking } => write!(
                to,
                "Adobe's source connector delivers {audience}, which nobody else writes, and it lacks {}. Set the labels in \
                 Experience Platform by hand, or take them out of target.experiencePlatform.dataUsageLabels.",
                lacking.listed()
            ),
            Self::MarkTooLong => write!(
                to,
                "The ownership mark, which holds the owner id, the namespace and the name, does not fit into a description \
                 of {DESCRIPTION_CHARS_MAX} characters; nothing was created. Create the SharedAudience again with a shorter \
                 name, or in a namespace with a shorter name."
            ),
            Self::AwaitingAdobeSharing(code) => write!(
                to,
                "Adobe's own sharing has not delivered audience {code} to Audience Manager yet. Activate the audience to the \
                 Experience Cloud Audiences destination in Experience Platform."
            ),
            Self::AwaitingMembers(object) => write!(
                to,
                "Adobe's own sharing has made {object}, which has no members yet. Until it has, within a day after the audience's \
                 activation to Experience Cloud Audiences, this resource's own pair stays in use."
            ),
            Self::Suspended(objects) => suspended(to, objects),
            Self::AwaitingConnector(audience_id) => write!(
                to,
                "Adobe's source connector has not delivered {audience_id} to Experience Platform yet. Choose it in the \
                 Audience Manager source connection."
            ),
            Self::NoMemberSource(audience_id) => write!(
                to,
                "Adobe's source connector does not deliver {audience_id} to Experience Platform, so that a segment definition \
                 over it would have no members; none was created. Choose it in the Audience Manager source connection, or \
                 use the strategy ExternalAudience or MetadataOnly in a new SharedAudience."
            ),
            Self::ModelLimit(name, limit) => write!(
                to,
                "{limit} algorithmic models are active in Audience Manager, which is the limit; the model {name:?} was not \
                 created. Delete or deactivate one that is no longer used."
            ),
            Self::AlgorithmicTraitLimit(name, limit) => write!(
                to,
                "The company has {limit} algorithmic traits or more in the data sources of this connection, which is Audience \
                 Manager's limit; the trait {name:?} was not created. Delete one that is no longer used."
            ),
            Self::ModelOutdated(model) => write!(
                to,
                "The {model} has another baseline, other data sources, another look-back period or other exclusions than are \
                 declared. Adobe never changes these; the model was left as it is. Declare it under another key: the new one \
                 is created, and then the old one deleted."
            ),
            Self::NotOfModel(found, model) => write!(
                to,
                "The {found} has the integration code of an algorithmic trait of model {model} and is not made of that model; \
                 it was left as it is. Delete it, or declare the trait under another key."
            ),
            Self::ModelRunning(model, state) => model_running(to, model, *state),
            Self::DestinationNotFound(name) => write!(
                to,
                "Audience Manager lists no destination named {name:?}; nothing was mapped to it. Correct the name (it is \
                 compared exactly), create the destination in Audience Manager, or give the credential the right to see it."
            ),
            Self::DestinationGone(id) => write!(
                to,
                "Audience Manager has no destination with the id {id}; nothing was mapped to it. Correct the id, or take the \
                 destination out."
            ),
            Self::DestinationAmbiguous(name, ids) => write!(
                to,
                "The name {name:?} fits several destinations of Audience Manager: {}. Name the destination by its id.",
                Bounded(ids)
            ),
            Self::DestinationUnsupported {
                destination,
                name,
                kind,
            } => write!(
                to,
                "To {destination} (kind {kind}) Audience Manager's API maps no segment; nothing was mapped. Take it out here, \
                 and map the segment in Audience Manager under Audience Data > Destinations > {name} > Segment Mappings."
            ),
            Self::DestinationInactive(destination) => write!(
                to,
                "The {destination} is inactive; nothing was mapped to it, and a mapping that exists was left. Activate it in \
                 Audience Manager under Audience Data > Destinations, or take it out here."
            ),
            Self::DestinationTwice {
                segment,
                keys: [first, second],
                destination,
            } => {
                write!(to, "The destinations {first:?} and {second:?} of ")?;
                match segment {
                    None => to.write_str("the segment")?,
                    Some(key) => write!(to, "additional segment {key:?}")?,
                }
                write!(
                    to,
                    " are both {destination}; the second was not mapped. Take one of them out."
                )
            }
            Self::MappingKeyMisfit {
                destination,
                kind,
                entry,
                field,
                needed,
            } => match needed {
                true => write!(
                    to,
                    "A mapping to {destination} (kind {kind}) needs {field}; nothing was mapped to it. Write \
                     destinations[{entry}].{field}."
                ),
                false => write!(
                    to,
                    "A mapping to {destination} (kind {kind}) takes no {field}; nothing was mapped to it. Take \
                     destinations[{entry}].{field} out."
                ),
            },
            Self::ExportControlsViolated(destinations) => write!(
                to,
                "The export controls that the audience belongs under forbid it to destination {}; nothing was mapped to it, \
                 and nothing that exists was moved or deleted. Take the destination out, or change its export labels, or the \
                 labels of the source.",
                Bounded(destinations)
            ),
            Self::TraitNotFound {
                segment,
                key,
                found_by,
            } => write!(
                to,
                "Audience Manager shows no trait with the {found_by}, which trait {key:?} of additional segment {segment:?} \
                 asks for; the segment was not written. Correct it (texts are compared exactly); for another provider's \
                 trait, subscribe to its data feed in the Audience Marketplace first."
            ),
            Self::TraitAmbiguous {
                segment,
                key,
                found_by,
                sids,
            } => write!(
                to,
                "The {found_by} of trait {key:?} of additional segment {segment:?} fits several traits: {}; the segment was \
                 not written. Name the trait by its sid.",
                Bounded(sids)
            ),
            Self::RuleRefused(segment, fault) => {
                write!(
                    to,
                    "Audience Manager refuses the rule of additional segment {segment:?}; the segment was not written: "
                )?;
                match fault {
                    RuleFault::TraitsMissing(traits) => write!(
                        to,
                        "trait {} does not exist, or is of a provider whose data feed is not subscribed. Correct the sid, or \
                         subscribe to the feed in the Audience Marketplace.",
                        Bounded(traits)
                    ),
                    RuleFault::Traits(traits) => write!(
                        to,
                        "it uses {}. FREQUENCY takes rule-based and folder traits of your own alone; correct the rule.",
                        Bounded(traits)
                    ),
                    RuleFault::Unknown => to.write_str("correct it."),
                }
            }
            Self::RuleKeyUnknown { segment, key } => write!(
                to,
                "The rule of additional segment {segment:?} uses {{{key}}}, and its traits have no such key; the segment was \
                 not written. Add the key to its traits."
            ),
            Self::MappedByHand(segment, destinations) => write!(
                to,
                "Segment {segment} is mapped to {} by hand; it was not deleted. Remove the mapping in Audience Manager under \
                 Audience Data > Destinations, or set deletionPolicy to Retain.",
                Bounded(destinations)
            ),
            Self::TraitInUse(sid, users) => write!(
                to,
                "Trait {sid} is used by {}; nothing was deleted. Take the trait out of them, or set deletionPolicy to Retain.",
                Bounded(users)
            ),
        }
    }
}

fn export_controls_unsupported(
    to: &mut Formatter<'_>,
    controls: ExportControls,
    data_source: &str,
) -> fmt::Result {
    let labels: Vec<&str> = controls.iter().map(ExportControl::label).collect();
    let words = controls
        .iter()
        .map(|control| format!("{:?}", control.in_words()));
    let words: Vec<String> = words.collect();
    write!(
        to,
        "The source is labelled {}, and no API is known by which the operator could make a data source with the export \
         controls {}; nothing was changed. An administrator makes it {DATA_SOURCES}: its name is {data_source:?}, with these \
         Data Export Controls and with unique integration codes for traits and for segments; then it is found and used. Or \
         take the labels from the audience in Experience Platform.",
        labels.join(" and "),
        words.join(" and ")
    )
}

fn unreadable_data_source(
    to: &mut Formatter<'_>,
    id: Option<DataSourceId>,
    name: &str,
) -> fmt::Result {
    let object = match id {
        Some(id) => format!("data source {id}"),
        None => "a data source without a readable id".to_owned(),
    };
    write!(
        to,
        "Audience Manager lists {object} in a form that this version of the operator cannot read. It may be data source \
         {name:?}, so data source {name:?} was not created. Report the form of {object} to the operator's maintainers, or \
         create data source {name:?} by hand with unique integration codes for traits and for segments."
    )
}

fn usage_labels_unknown(
    to: &mut Formatter<'_>,
    source: &SourceId,
    because: &Unlabelled,
) -> fmt::Result {
    match because {
        Unlabelled::Control { name, data_source } => write!(
            to,
            "Data source {data_source} has the export control {name:?}, and which usage label says the same is not known. \
             Look it up {DATA_SOURCES}, Data Export Controls, and write its label, core/C5 or core/C6, into \
             target.experiencePlatform.dataUsageLabels."
        ),
        Unlabelled::Hidden(data_source) => write!(
            to,
            "Audience Manager does not show the export controls of data source {data_source}, which traits of the source are \
             in. Ask its provider what the data may be used for, and write the labels into \
             target.experiencePlatform.dataUsageLabels."
        ),
        Unlabelled::Unsaid => write!(
            to,
            "Audience Manager does not show which data sources the traits of {source} are in. Look up their export controls \
             {DATA_SOURCES}, Data Export Controls, and write the labels into target.experiencePlatform.dataUsageLabels."
        ),
    }
}

fn model_running(to: &mut Formatter<'_>, model: &ObjectName, state: ModelState) -> fmt::Result {
    let what = match state {
        ModelState::NotRunYet => "has not run yet, which takes Adobe up to seven days",
        ModelState::Failed => "failed in its last run; Adobe runs it again",
        ModelState::WithoutData => {
            "ran without data; Adobe tries it again on the next days, and ends it after three such runs"
        }
        ModelState::Deactivated => {
            return write!(
                to,
                "Adobe deactivated the {model} after three runs without data; its algorithmic traits are filled no more, and \
                 nothing was changed. {}",
                Reason::ModelDeactivated.remedy()
            );
        }
    };
    write!(
        to,
        "The {model} {what}. Its algorithmic traits, and segments whose rules name them, are created once it ran with data."
    )
}

fn suspended(to: &mut Formatter<'_>, objects: &[SuspendedObject]) -> fmt::Result {
    for SuspendedObject {
        object,
        status,
        unresolved,
    } in objects.iter().take(SHOWN_MAX)
    {
        write!(
            to,
            "{} has the status {status:?} in Audience Manager, with which nobody can use it; its status was not changed. ",
            object.capitalized()
        )?;
        if !unresolved.is_empty() {
            write!(
                to,
                "Its rule names traits that Audience Manager does not show: {}. ",
                Bounded(unresolved)
            )?;
        }
    }
    to.write_str(Reason::ObjectSuspended.remedy())
}

impl Display for ForbiddenDestination {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { id, name, controls } = self;
        let controls = controls.as_ref().map(|controls| controls.join(", "));
        let controls = controls
            .as_deref()
            .unwrap_or("its export labels are not shown");
        write!(formatter, "{id} {name:?} ({controls})")
    }
}
