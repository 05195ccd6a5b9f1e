//! The objects of one shared audience in the simulated Audience Manager: found by integration code and mark, since
//! others may use the code in their own data sources, and shown as a table.

use serde_json::Value;

/// The trait and the segment that carry one audience's integration code, each if it is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    pub(crate) trait_: Option<Value>,
    pub(crate) segment: Option<Value>,
}

impl Shared {
    pub(crate) fn find(state: &Value, integration_code: &str) -> Self {
        let with_code = |collection| {
            objects(state, collection)
                .into_iter()
                .find(|object| {
                    text(object, "integrationCode") == integration_code
                        && text(object, "description").contains("[audience-sharing:")
                })
                .cloned()
        };
        Self {
            trait_: with_code("traits"),
            segment: with_code("segments"),
        }
    }

    /// Whether both stand under this name.
    pub(crate) fn are_named(&self, name: &str) -> bool {
        [&self.trait_, &self.segment].iter().all(|object| {
            object
                .as_ref()
                .is_some_and(|object| text(object, "name") == name)
        })
    }

    /// The trait's and the segment's id; empty where there is none.
    pub(crate) fn sids(&self) -> [String; 2] {
        [&self.trait_, &self.segment].map(|object| {
            object
                .as_ref()
                .map(|object| text(object, "sid"))
                .unwrap_or_default()
        })
    }

    pub(crate) fn are_gone(&self) -> bool {
        self.trait_.is_none() && self.segment.is_none()
    }

    /// What was seen, in a few words, for a failure.
    pub(crate) fn summary(&self) -> String {
        let name = |object: &Option<Value>| match object {
            Some(object) => format!("{:?}", text(object, "name")),
            None => "absent".to_owned(),
        };
        format!(
            "trait {}, segment {}",
            name(&self.trait_),
            name(&self.segment)
        )
    }

    pub(crate) fn table(&self) -> String {
        let mut table = format!("{:<9}{:<10}{:<32}{}", "KIND", "SID", "NAME", "RULE");
        for (kind, object, rule) in [
            ("trait", &self.trait_, "traitRule"),
            ("segment", &self.segment, "segmentRule"),
        ] {
            if let Some(object) = object {
                let (sid, name, rule) = (
                    text(object, "sid"),
                    text(object, "name"),
                    text(object, rule),
                );
                table.push_str(&format!("\n{kind:<9}{sid:<10}{name:<32}{rule}"));
            }
        }
        table
    }
}

/// The objects of a collection of the simulator's state: a list, or a map by id.
fn objects<'a>(state: &'a Value, collection: &str) -> Vec<&'a Value> {
    match state.get(collection) {
        Some(Value::Array(objects)) => objects.iter().collect(),
        Some(Value::Object(objects)) => objects.values().collect(),
        _ => Vec::new(),
    }
}

/// A field as text; empty where it is absent.
pub(crate) fn text(object: &Value, field: &str) -> String {
    match object.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_audience_is_its_trait_and_its_segment() {
        let state = json!({
            "traits": [{"sid": 1, "name": "Other", "integrationCode": "b"}, {"sid": 77, "name": "Loyal", "integrationCode": "a", "description": "[audience-sharing:o/n/a]", "traitRule": "segid == \"a\""}],
            "segments": {"78": {"sid": 78, "name": "Loyal", "integrationCode": "a", "description": "[audience-sharing:o/n/a]", "segmentRule": "77T"}},
        });
        let shared = Shared::find(&state, "a");
        assert_eq!(shared.sids(), ["77", "78"]);
        assert!(shared.are_named("Loyal"));
        assert!(!shared.are_named("Loyal gamers"));
        assert_eq!(
            shared.table(),
            "KIND     SID       NAME                            RULE\n\
             trait    77        Loyal                           segid == \"a\"\n\
             segment  78        Loyal                           77T"
        );
        assert!(Shared::find(&state, "c").are_gone());
    }
}
