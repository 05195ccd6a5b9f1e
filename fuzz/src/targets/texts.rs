//! Texts of remote objects: marks in descriptions, escaped names, usage labels, ids in references.

use audience_sharing_core::domain::labels::{
    ExportControls, Restrictions, UsageLabel, UsageLabels,
};
use audience_sharing_core::domain::mark::{self, Mark, OwnerId, ResourceName, UidPrefix};
use audience_sharing_core::domain::{pql, text};
use serde_json::Value;

use super::line;

/// A description says whose an object is only in the one form that we write, and what we write is read again.
pub(super) fn marks(data: &[u8]) {
    let description = String::from_utf8_lossy(data);
    if let Some(mark) = Mark::read(&description) {
        let printed = mark.to_string();
        assert!(description.trim().ends_with(&printed), "{description:?}");
        assert_eq!(Mark::read(&printed), Some(mark.clone()));
        assert!(printed.is_ascii() && printed.len() < 700, "{printed}");
    }
    let ours = Mark::Audience {
        owner: OwnerId::parse("eu-prod").expect("an owner"),
        namespace: ResourceName::parse("marketing").expect("a namespace"),
        name: ResourceName::parse("loyal-gamers").expect("a name"),
        entry: None,
        uid: Some(UidPrefix::of("0a1b2c3d")),
    };
    let described = mark::describe(&description, &ours, usize::MAX);
    assert_eq!(Mark::read(&described), Some(ours.clone()));
    assert_eq!(mark::strip(&described), mark::strip(&description));
    assert_eq!(mark::describe(&described, &ours, usize::MAX), described);
    let short = mark::describe(&description, &ours, 60);
    assert!(short.chars().count() <= 60, "{short:?}");
    assert_eq!(Mark::read(&short), Some(ours.clone()));
    // What may stand in a mark ends none.
    for name in [OwnerId::parse(&description).map(|name| name.to_string())]
        .into_iter()
        .chain([ResourceName::parse(&description).map(|name| name.to_string())])
        .flatten()
    {
        assert_eq!(name, description);
        assert!(!name.contains(['[', ']', '/', ' ', '\n']), "{name:?}");
    }
}

pub(super) fn entities(data: &[u8]) {
    let raw = String::from_utf8_lossy(data);
    let resolved = text::resolve_entities(&raw);
    assert!(resolved.len() <= raw.len());
    assert!(raw.contains('&') || resolved == raw);
    let escaped = raw
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    assert_eq!(text::resolve_entities(&escaped), raw);
}

pub(super) fn labels(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = UsageLabels::read(text.lines());
    assert!(read.iter().count() <= text.lines().count());
    let again = UsageLabels::read(read.iter().map(UsageLabel::as_str));
    assert_eq!(again, read);
    assert_eq!(
        read.controls().labels().missing_from(&read),
        UsageLabels::default()
    );
    for line in text.lines() {
        match UsageLabel::parse(line) {
            Ok(label) => {
                assert!(label.as_str().len() <= 128, "{label}");
                assert!(
                    !label.as_str().contains([' ', '\n', '\r', '\t']),
                    "{label:?}"
                );
                assert_eq!(UsageLabel::parse(label.as_str()).as_ref(), Ok(&label));
            }
            // Debug form: a control character of the label is told as an escape.
            Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
        }
        if let Some(controls) = ExportControls::parse(line) {
            assert_eq!(controls.to_string(), line);
        }
    }
    let names = Restrictions::new(text.lines());
    assert_eq!(names.missing(names.controls()), None);
}

/// An expression that is read is printed so that it reads the same; no id of either system ends the text that it stands
/// in.
pub(super) fn pql(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(read) = pql::Expression::parse(&text) {
        let again = pql::Expression::parse(&read.to_string());
        assert_eq!(again, Ok(read), "{text:?}");
    }
    if let Some(mirrored) = pql::mirrored(&text) {
        assert_eq!(pql::mirrored(&mirrored).as_ref(), Some(&mirrored));
    }
    let (namespace, rest) = line(&text);
    let (audience_id, id) = line(rest);
    let literal = |json: &str| {
        let read: Value = serde_json::from_str(json).expect("JSON");
        read["params"][0]["value"].clone()
    };
    if let Some(reference) = pql::evaluated(id) {
        assert_eq!(reference.text, format!("inSegment(\"{id}\")"));
        assert_eq!(reference.text.matches('"').count(), 2);
        assert_eq!(literal(&reference.json), id);
    }
    if let Some(reference) = pql::external(namespace, audience_id, id) {
        assert_eq!(reference.text.matches('"').count(), 8, "{}", reference.text);
        assert!(!reference.text.contains(['\\', '\n']), "{}", reference.text);
        assert_eq!(literal(&reference.json), id);
    }
}
