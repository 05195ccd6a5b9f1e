//! The rules of segments and traits, as Audience Manager and users write them.

use audience_sharing_core::domain::identifier::{AudienceId, TraitSid};
use audience_sharing_core::domain::segment_rule::{self, SegmentRule, template::RuleTemplate};
use audience_sharing_core::domain::trait_rule::{self, TraitRule};

use super::line;

/// Of what a rule quotes a message shows a few characters, never the whole.
const MESSAGE_BYTES_MAX: usize = 400;

pub(super) fn segment_rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert!(segment_rule::equivalent(&text, &text));
    let rule = match SegmentRule::parse(&text) {
        Ok(rule) => rule,
        Err(error) => return assert!(error.to_string().len() < MESSAGE_BYTES_MAX, "{error}"),
    };
    let printed = rule.to_string();
    assert_eq!(SegmentRule::parse(&printed), Ok(rule.clone()));
    assert!(segment_rule::equivalent(&text, &printed));
    let normal = rule.normal_form();
    assert_eq!(normal.normal_form(), normal);
    assert_eq!(normal.traits(), rule.traits());
    for sid in rule.traits() {
        assert_eq!(normal.uses_frequency_on(sid), rule.uses_frequency_on(sid));
    }
}

/// Nothing but traits gets into a rule by a template, whatever is written into it.
pub(super) fn rule_templates(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let template = match RuleTemplate::parse(&text) {
        Ok(template) => template,
        Err(error) => return assert!(error.to_string().len() < MESSAGE_BYTES_MAX, "{error}"),
    };
    assert_eq!(
        RuleTemplate::parse(&template.to_string()),
        Ok(template.clone())
    );
    let (shared, keyed) = (TraitSid(u64::MAX), TraitSid(u64::MAX - 1));
    let filled = template
        .fill(shared, |_| Some(keyed))
        .expect("every key has a trait");
    let printed = filled.to_string();
    assert!(
        printed
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" ()[],<>=".contains(&byte)),
        "{printed}"
    );
    // `{trait}` may become a longer number than it was; the bound of what is read holds for what a person writes.
    if let Ok(read) = SegmentRule::parse(&printed) {
        assert_eq!(read, filled);
    } else {
        assert!(printed.len() > segment_rule::LENGTH_MAX, "{printed}");
    }
    assert!(filled.traits().contains(&shared));
    let allowed =
        |sid: &TraitSid| [shared, keyed].contains(sid) || template.numbered().contains(sid);
    assert!(filled.traits().iter().all(allowed));
    assert!(!filled.uses_frequency_on(shared) || template.numbered().contains(&shared));
    if let Some(key) = template.keys().first() {
        let without = template.fill(shared, |other| (other != *key).then_some(keyed));
        assert_eq!(without, Err(*key), "nothing stands in for an unknown key");
    }
}

pub(super) fn trait_rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert!(trait_rule::equivalent(&text, &text));
    match TraitRule::parse(&text) {
        Ok(rule) => {
            let printed = rule.to_string();
            assert_eq!(TraitRule::parse(&printed), Ok(rule.clone()));
            let normal = rule.normal_form();
            assert_eq!(normal.normal_form(), normal);
        }
        Err(error) => assert!(error.to_string().len() < MESSAGE_BYTES_MAX, "{error}"),
    }
    // Any id that a person or a server writes stays one value of one comparison.
    let (key, id) = line(&text);
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let key = format!("k{key}");
    let ours = trait_rule::experience_platform_segment(&key, &AudienceId::new(id));
    if ours.len() <= trait_rule::LENGTH_MAX {
        let rule = TraitRule::parse(&ours).expect("our own rule is one");
        let mut conditions = 0;
        rule.visit(&mut |_, _| conditions += 1);
        assert_eq!(conditions, 1, "{ours}");
    }
}
