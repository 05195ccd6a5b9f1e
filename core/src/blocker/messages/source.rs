//! What is said of a source that came from the other system, or is gone there. It decides nothing.

use std::fmt::{self, Formatter};

use crate::blocker::{GoneSource, LoopSign, ObjectName};
use crate::compose::SourceGonePolicy;

pub(super) fn sharing_loop(
    to: &mut Formatter<'_>,
    source: &ObjectName,
    sign: &LoopSign,
) -> fmt::Result {
    match sign {
        LoopSign::MarkedAudience(mark) => {
            return write!(
                to,
                "{} was shared from Audience Manager and carries the mark {mark}; it is not shared back. Use its trait or \
                 segment there.",
                source.capitalized()
            );
        }
        LoopSign::ConnectorsAudience => {
            return write!(
                to,
                "{} came from Audience Manager and is not shared back. Use its segment there.",
                source.capitalized()
            );
        }
        LoopSign::Marked(mark) => {
            write!(
                to,
                "Audience Manager's {source} carries the mark {mark} of sharing"
            )?;
        }
        LoopSign::DataSource(name) => write!(
            to,
            "Audience Manager's {source} is in data source {name:?}, which holds what is shared from Experience Platform"
        )?,
        LoopSign::Code(code) => write!(
            to,
            "Audience Manager's {source} has the id of an audience of Experience Platform as its integration code, {code}"
        )?,
        LoopSign::Rule(audience) => write!(
            to,
            "Audience Manager's {source} is filled by audience {audience} of Experience Platform, as its rule says"
        )?,
    }
    to.write_str("; it is not shared back. Use its audience in Experience Platform.")
}

pub(super) fn source_gone(
    to: &mut Formatter<'_>,
    source: &GoneSource,
    policy: SourceGonePolicy,
) -> fmt::Result {
    match source {
        GoneSource::NoAudience(id) => write!(
            to,
            "Experience Platform has no audience with the id {id} in this sandbox"
        ),
        GoneSource::DeletedAudience(found) => {
            write!(
                to,
                "{} was deleted in Experience Platform",
                found.capitalized()
            )
        }
        GoneSource::InactiveAudience(found) => write!(
            to,
            "{} is inactive in Experience Platform: nobody enters it any more",
            found.capitalized()
        ),
        GoneSource::NoObject(found) => write!(
            to,
            "Audience Manager has no {found} for this credential: it was deleted, or belongs to another company"
        ),
        GoneSource::InactiveObject(found) => write!(
            to,
            "Audience Manager's {found} is inactive: nobody enters it any more"
        ),
    }?;
    let (here, there, paused) = match source {
        GoneSource::NoAudience(_)
        | GoneSource::DeletedAudience(_)
        | GoneSource::InactiveAudience(_) => (
            "Audience Manager",
            "Experience Platform",
            "the segments that were made of it in Audience Manager are paused",
        ),
        GoneSource::NoObject(_) | GoneSource::InactiveObject(_) => (
            "Experience Platform",
            "Audience Manager",
            "the audience that was made of it in Experience Platform is inactive",
        ),
    };
    match policy {
        SourceGonePolicy::Retain => {
            write!(to, "; what was made of it in {here} was left as it is. ")
        }
        SourceGonePolicy::Pause => write!(to, "; {paused} until it is back. "),
        SourceGonePolicy::Delete => write!(
            to,
            "; what was made of it in {here} was deleted, and is made again when it is back. "
        ),
    }?;
    match source {
        GoneSource::InactiveAudience(_) | GoneSource::InactiveObject(_) => {
            write!(to, "Activate it in {there}, or delete this SharedAudience.")
        }
        GoneSource::NoAudience(_) | GoneSource::DeletedAudience(_) | GoneSource::NoObject(_) => {
            to.write_str("Delete this SharedAudience, or share another source from a new one.")
        }
    }
}
