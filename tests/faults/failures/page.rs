//! `docs/troubleshooting.md`: the table of reasons, and below each what a user reads when it comes about.

use std::fmt::Write as _;
use std::path::Path;

use audience_sharing_core::domain::reason::{Outlook, Reason, Severity};

use super::Told;

const HEAD: &str = "\
<!-- Made by `make generate` from the table of reasons and from what the tests saw; edit neither here. -->
# Troubleshooting

`kubectl get audience-sharing -o wide` shows of each object whether it is ready, the reason, and the message. This page has
an entry for each reason: what it means, what the operator does by itself, what you do, and how it looks. Ids and names are
those of the tests. The figure below each example is the calls to Adobe in the hour after it was told; a connection at rest
makes 36 with one audience.

What the operator does by itself:

- **Retry**: it tries again, after a second, then less often, at last every five minutes.
- **Wait**: it goes on as soon as what it waits for is there; nothing is tried until then.
- **Stalled**: a person is needed. It goes on at once when you edit the object, and looks again after ten minutes, then less
  often, at last every hour; what is seen in a list of Adobe's is seen within `spec.resyncInterval`.
- **Fine**: nothing fails.

A connection that fails is probed again by itself, soon and then less often, at last every five minutes, whatever the
reason; its audiences say `DependencyNotReady` meanwhile, wait, and cost no call.

To have all of it looked at now: `kubectl annotate sharedaudience loyal audience-sharing.dev/reconcile-requested-at=now
--overwrite`.

";

pub(super) fn is_up_to_date(entries: &[(Reason, &str, Told)]) {
    let page = written(entries);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    #[expect(clippy::disallowed_methods, reason = "how `make generate` asks for it")]
    let generates = std::env::var_os("GENERATE").is_some();
    if generates {
        std::fs::write(&path, &page).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let line = known
        .lines()
        .zip(page.lines())
        .find(|(known, is)| known != is);
    assert!(
        known == page,
        "docs/troubleshooting.md is not what users read; see the change of `make generate`: {line:#?}"
    );
}

fn written(entries: &[(Reason, &str, Told)]) -> String {
    let mut page = HEAD.to_owned();
    let mut reasons = Reason::ALL.to_vec();
    reasons.sort_by_key(|reason| reason.as_str());
    page.push_str("| Reason | By itself | Event | What it means |\n|---|---|---|---|\n");
    for reason in &reasons {
        let _ = writeln!(
            page,
            "| [{reason}](#{}) | {} | {} | {} |",
            reason.as_str().to_lowercase(),
            outlook(*reason),
            severity(*reason),
            reason.meaning()
        );
    }
    for reason in reasons {
        let _ = write!(
            page,
            "\n## {reason}\n\n{} **{}**. {}\n",
            reason.meaning(),
            outlook(reason),
            reason.remedy()
        );
        for (_, when, told) in entries.iter().filter(|(played, ..)| *played == reason) {
            let event = told.event.as_ref();
            let event = event.map_or(String::new(), |event| format!("  (event: {event})"));
            let _ = write!(
                page,
                "\nWhen {when}:\n\n```text\n{}: {}{event}\n{}\n```\n\n{}\n",
                told.object,
                told.conditions.join(" "),
                wrapped(&told.message),
                calls(told.calls),
            );
        }
    }
    page
}

fn outlook(reason: Reason) -> &'static str {
    match reason.outlook() {
        Outlook::Fine => "Fine",
        Outlook::Retry => "Retry",
        Outlook::Wait => "Wait",
        Outlook::Stalled => "Stalled",
    }
}

fn severity(reason: Reason) -> &'static str {
    match reason.severity() {
        Severity::Normal => "Normal",
        Severity::Warning => "Warning",
    }
}

fn calls(count: usize) -> String {
    match count {
        0 => "No call to Adobe in an hour.".into(),
        1 => "1 call to Adobe in an hour.".into(),
        several => format!("{several} calls to Adobe in an hour."),
    }
}

/// In lines of a page.
fn wrapped(message: &str) -> String {
    const WIDTH: usize = 110;
    let mut text = String::new();
    let mut column = 0;
    for word in message.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}
