//! Every parser of bytes that come from outside, with what holds for any input; it fails by a panic.
//!
//! They go in by the doors that the operator itself uses, so nothing is public for their sake. The fuzzer
//! (`make fuzz`) and the replay of the kept corpus (`tests/corpus.rs`) run the very same functions.

mod answering;
mod audience_manager;
mod experience_platform;
mod gateway;
mod resources;
mod rules;
mod texts;

/// Takes any bytes and returns; a panic is a finding.
pub(crate) type Target = fn(&[u8]);

/// By the name of their folder in `fuzz/corpus`.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("audience-manager-lists", audience_manager::lists),
    ("audience-manager-objects", audience_manager::objects),
    ("experience-platform-lists", experience_platform::lists),
    ("experience-platform-objects", experience_platform::objects),
    ("refusals", gateway::refusals),
    ("retry-after", gateway::retry_after),
    ("token-answers", gateway::token_answers),
    ("secret-values", gateway::secret_values),
    ("endpoints", gateway::endpoints),
    ("resources", resources::resources),
    ("segment-rules", rules::segment_rules),
    ("rule-templates", rules::rule_templates),
    ("trait-rules", rules::trait_rules),
    ("marks", texts::marks),
    ("entities", texts::entities),
    ("labels", texts::labels),
    ("pql", texts::pql),
];

/// The next piece of a text that a line break parts, and what is behind it.
fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
