//! What the operator makes of every mutation that the API server takes: it shows, or it is told why not, and the way back
//! restores all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::Value;

use super::Subject;
use super::mutations::Mutation;
use super::patient::{Patient, Seen};
use super::schema::with;
use super::table::Probe;

/// What came of one mutation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    /// In the two systems, and all stands as declared.
    Remotely,
    /// In a verdict with this reason; `true`: the two systems differ too.
    Told(String, bool),
    /// In the rest of the status alone.
    InStatus,
    Nowhere,
}

impl Shown {
    pub(super) fn word(&self) -> String {
        match self {
            Self::Remotely => "effect".to_owned(),
            Self::Told(reason, false) => format!("told {reason}"),
            Self::Told(reason, true) => format!("effect, told {reason}"),
            Self::InStatus => "status".to_owned(),
            Self::Nowhere => "nothing".to_owned(),
        }
    }
}

/// What came of a leaf's mutations.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) refused: usize,
    pub(super) shown: Vec<(String, Shown)>,
    pub(super) faults: Vec<String>,
    /// The audience that stands at the end, if one does.
    pub(super) standing: Option<String>,
}

/// The patient goes through every mutation that is taken, and each time back.
pub(super) async fn treat(patient: Patient<'_>) -> Row {
    let subject = patient.subject;
    let taken: Vec<&Mutation> = subject.accepted().collect();
    let mut row = Row {
        name: subject.leaf.name(),
        refused: subject.mutations.len() - taken.len(),
        shown: Vec::new(),
        faults: Vec::new(),
        standing: None,
    };
    let is_shown = !matches!(subject.values.probe, Probe::Time | Probe::Unread);
    if taken.is_empty() || !is_shown {
        return row;
    }
    // One that waits in vain must not hide what the others show.
    let gone_through = AssertUnwindSafe(go_through(&patient, taken, &mut row));
    if gone_through.catch_unwind().await.is_err() {
        row.faults.push(format!("{}: waited in vain", row.name));
    }
    row
}

async fn go_through(patient: &Patient<'_>, taken: Vec<&Mutation>, row: &mut Row) {
    let subject = patient.subject;
    let (last, first): (Vec<&Mutation>, Vec<&Mutation>) = taken
        .into_iter()
        .partition(|mutation| subject.values.is_staying(&mutation.what));
    let base = subject.base();
    let mut before = patient.undergo(&base).await;
    row.note("its manifest", before.fault.clone());
    let mut probed = patient.probe(&base, before.clone()).await;
    if subject.values.probe != Probe::Applied {
        before = patient.undergo(&base).await;
    }
    for mutation in first.into_iter().chain(last) {
        let what = &mutation.what;
        let changed = with(&base, &subject.leaf.path, mutation.value.as_ref());
        let standing = patient.undergo(&changed).await;
        row.note(what, standing.fault.clone());
        let seen = patient.probe(&changed, standing).await;
        let shown = shown(&probed, &seen);
        row.judge(subject, mutation, &shown, &seen);
        row.shown.push((what.clone(), shown));
        let back = patient.undergo(&base).await;
        if subject.values.is_staying(what) {
            row.note(&format!("{what}, and back"), back.fault.clone());
            probed = back.clone();
            before = back;
            continue;
        }
        let differs = |seen: &Seen| difference(subject, &before, seen);
        match patient.until_restored(&base, differs).await {
            Ok(restored) => before = restored,
            Err(differs) => {
                row.note(
                    what,
                    Some(format!("the way back does not restore: {differs}")),
                );
                before = back;
            }
        }
    }
    let stands = |verdict: &[String; 3]| verdict[0] == "True";
    let audience = before.verdicts.first();
    row.standing = audience
        .filter(|verdict| stands(verdict))
        .map(|_| patient.name.clone());
}

fn shown(before: &Seen, after: &Seen) -> Shown {
    let remotely = before.masked().0 != after.masked().0;
    let echoed = after.echo.is_some() && after.echo != before.echo;
    let verdicts = after.verdicts.iter().zip(&before.verdicts);
    let mut news = verdicts.filter(|(is, was)| is[..2] != was[..2]);
    match news.next() {
        Some((is, _)) if remotely && is[0] == "True" => Shown::Remotely,
        Some((is, _)) => Shown::Told(is[1].clone(), remotely),
        None if remotely => Shown::Remotely,
        None if echoed || before.statuses != after.statuses => Shown::InStatus,
        None => Shown::Nowhere,
    }
}

/// Why what stands after the way back is not what stood before.
fn difference(subject: &Subject, before: &Seen, back: &Seen) -> Option<String> {
    let is_remade = subject.values.remade.is_some() || subject.values.probe != Probe::Applied;
    if is_remade {
        let (before, back) = (before.masked(), back.masked());
        return lines_that_differ(&format!("{before:#?}"), &format!("{back:#?}"));
    }
    lines_that_differ(&format!("{before:#?}"), &format!("{back:#?}"))
}

fn lines_that_differ(before: &str, after: &str) -> Option<String> {
    let only = |these: &str, others: &str, sign: char| -> String {
        let others: BTreeSet<&str> = others.lines().collect();
        let lines = these.lines().filter(|line| !others.contains(line));
        lines
            .map(|line| format!("\n{sign} {}", line.trim()))
            .collect()
    };
    let found = only(before, after, '-') + &only(after, before, '+');
    (before != after).then_some(found)
}

impl Row {
    fn note(&mut self, what: &str, fault: Option<String>) {
        let fault = fault.map(|fault| format!("{}, {what}: {fault}", self.name));
        self.faults.extend(fault);
    }

    fn judge(&mut self, subject: &Subject, mutation: &Mutation, shown: &Shown, seen: &Seen) {
        let what = &mutation.what;
        let is_silent = subject.values.is_silent(what);
        let fault = match shown {
            Shown::Nowhere if !is_silent => Some("shows nowhere".to_owned()),
            Shown::Remotely | Shown::InStatus if is_silent => {
                Some("shows, and the table says that it does not".to_owned())
            }
            Shown::Told(reason, _) => {
                let message = seen.messages();
                let speaks = speaks_of(subject, mutation, &message);
                (!speaks).then(|| format!("the status does not speak of it: {reason}: {message}"))
            }
            _ => None,
        };
        self.note(what, fault);
    }
}

/// The message names the leaf, what holds it, or its value.
fn speaks_of(subject: &Subject, mutation: &Mutation, message: &str) -> bool {
    let message = message.to_lowercase();
    let value = mutation.value.as_ref().map(|value| match value {
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    });
    let path = subject.leaf.path.to_lowercase().replace("[]", "");
    let mut words = path
        .rsplit('.')
        .take(3)
        .map(|word| word.trim_end_matches('s').to_owned());
    value.is_some_and(|value| !value.is_empty() && message.contains(&value))
        || words.any(|word| message.contains(&word))
        || subject
            .values
            .words
            .iter()
            .any(|word| message.contains(word))
}

/// One line for each leaf: how many mutations were refused, and what came of the others.
pub(super) fn report(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let mut by_outcome: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (what, shown) in &row.shown {
            by_outcome.entry(shown.word()).or_default().push(what);
        }
        writeln!(text, "{}: {} refused", row.name, row.refused).unwrap();
        for (outcome, mutations) in by_outcome {
            writeln!(text, "    {outcome}: {}", mutations.join(", ")).unwrap();
        }
    }
    let all = || rows.iter().flat_map(|row| &row.shown);
    let count = |is: fn(&Shown) -> bool| all().filter(|(_, shown)| is(shown)).count();
    let refused: usize = rows.iter().map(|row| row.refused).sum();
    write!(
        text,
        "{} leaves, {} mutations: {refused} refused, {} effects, {} explanations, {} in the status, {} show nowhere",
        rows.len(),
        refused + all().count(),
        count(|shown| matches!(shown, Shown::Remotely)),
        count(|shown| matches!(shown, Shown::Told(..))),
        count(|shown| matches!(shown, Shown::InStatus)),
        count(|shown| matches!(shown, Shown::Nowhere)),
    )
    .unwrap();
    text
}
