//! What is done to a leaf, generated from its schema: every kind of value inside its bounds and beyond them. What is
//! meaningful where any text would pass, the table supplies.

use serde_json::{Value, json};

use super::schema::Leaf;
use super::table::{Text, Values};

/// One thing that a manifest may say in a leaf's place.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    /// What is done, in a few words.
    pub(crate) what: String,
    /// In the leaf's place; `None`: nothing stands there.
    pub(crate) value: Option<Value>,
    pub(crate) expected: Expected,
}

/// What the API server must make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Accepted,
    Refused,
    /// Refused, and the message is one of our rules'.
    RefusedByRule,
    /// Taken as if the leaf were left out.
    AsRemoved,
}

/// Every mutation of the leaf; the table's own values first.
pub(crate) fn mutations(leaf: &Leaf, values: &Values, patient: usize) -> Vec<Mutation> {
    let mut all = Mutations {
        leaf,
        patient,
        all: Vec::new(),
    };
    for (what, value) in values.others(patient) {
        all.accepted(what, value);
    }
    for (what, value) in &values.bad {
        all.push(what, Some(value.clone()), Expected::RefusedByRule);
    }
    all.of_presence(values);
    match leaf.kind_of_value() {
        "string" if leaf.schema.get("enum").is_some() => all.of_words(),
        "string" => all.of_text(values),
        "integer" => all.of_number(),
        "boolean" => all.of_switch(values),
        "array" => all.of_list(values),
        "object" => all.of_object(values),
        other => panic!("{}: no mutation is known for {other}", leaf.name()),
    }
    let standing = values.standing(leaf, patient);
    let says_more = |mutation: &Mutation| mutation.value.as_ref() != Some(&standing);
    all.all.into_iter().filter(says_more).collect()
}

struct Mutations<'a> {
    leaf: &'a Leaf,
    patient: usize,
    all: Vec<Mutation>,
}

impl Mutations<'_> {
    fn push(&mut self, what: &str, value: Option<Value>, expected: Expected) {
        self.all.push(Mutation {
            what: what.to_owned(),
            value,
            expected,
        });
    }

    fn accepted(&mut self, what: &str, value: Value) {
        self.push(what, Some(value), Expected::Accepted);
    }

    fn refused(&mut self, what: &str, value: Value) {
        self.push(what, Some(value), Expected::Refused);
    }

    fn of_presence(&mut self, values: &Values) {
        if self.leaf.is_item() {
            return;
        }
        let removed = match (self.leaf.required, values.needed) {
            (true, _) => Expected::Refused,
            (false, true) => Expected::RefusedByRule,
            (false, false) => Expected::Accepted,
        };
        self.push("removed", None, removed);
        let null = match removed {
            Expected::Accepted => Expected::AsRemoved,
            refused => refused,
        };
        if self.leaf.schema.get("annotation").is_none() {
            self.push("null", Some(Value::Null), null);
        }
    }

    fn of_words(&mut self) {
        for word in self.leaf.schema["enum"].as_array().unwrap() {
            self.accepted(&format!("= {}", word.as_str().unwrap()), word.clone());
        }
        self.refused("unknown word", json!("Sometimes"));
        let lower = self.leaf.schema["enum"][0].as_str().unwrap().to_lowercase();
        self.refused("in lower case", json!(lower));
        self.refused("empty", json!(""));
        self.refused("number", json!(1));
    }

    fn of_text(&mut self, values: &Values) {
        let (shortest, longest) = (self.leaf.bound("minLength"), self.leaf.bound("maxLength"));
        let is_annotation = self.leaf.schema.get("annotation").is_some();
        assert!(is_annotation || longest.is_some(), "{}", self.leaf.name());
        match (shortest, values.text) {
            (Some(1..), _) => self.refused("empty", json!("")),
            (_, Text::Fixed(_) | Text::Like(_)) => {
                self.push("empty", Some(json!("")), Expected::RefusedByRule)
            }
            _ => self.accepted("empty", json!("")),
        }
        if !is_annotation {
            self.refused("number", json!(7));
            self.refused("list", json!(["a"]));
        }
        let longest = usize::try_from(longest.unwrap_or(1_000)).unwrap();
        let stretch = |length: usize| match values.text {
            Text::Like(stretch) => stretch(length),
            _ => "x".repeat(length),
        };
        if !matches!(values.text, Text::Fixed(_)) {
            self.accepted("longest", json!(stretch(longest)));
        }
        if !is_annotation {
            self.refused("longest + 1", json!(stretch(longest + 1)));
        }
        match values.text {
            // Every letter counts once, whatever it takes in bytes.
            Text::Any if longest >= 64 => {
                self.accepted("of any script", json!("忠実な Ünïcøde & <ü>"))
            }
            Text::Any => {}
            Text::Word | Text::Like(_) | Text::Fixed(_) if is_annotation => {}
            Text::Word | Text::Like(_) | Text::Fixed(_) => {
                self.push(
                    "of any script",
                    Some(json!("忠実な")),
                    Expected::RefusedByRule,
                );
            }
        }
    }

    fn of_number(&mut self) {
        let bound = |name: &str| self.leaf.schema[name].as_i64().unwrap();
        let (least, most) = (bound("minimum"), bound("maximum"));
        self.accepted("minimum", json!(least));
        self.accepted("maximum", json!(most));
        self.refused("minimum - 1", json!(least - 1));
        self.refused("maximum + 1", json!(most + 1));
        self.refused("fraction", json!(1.5));
        self.refused("text", json!("7"));
    }

    fn of_switch(&mut self, values: &Values) {
        let standing = values.standing(self.leaf, self.patient);
        self.accepted("switched", json!(standing != true));
        self.refused("text", json!("true"));
        self.refused("number", json!(1));
    }

    fn of_list(&mut self, values: &Values) {
        let item = values
            .item
            .unwrap_or_else(|| panic!("{}: what is a member?", self.leaf.name()));
        let most = usize::try_from(self.leaf.bound("maxItems").unwrap()).unwrap();
        let of = |count: usize| Value::Array((0..count).map(item).collect());
        match self.leaf.bound("minItems") {
            Some(least) if least > 0 => self.refused("no member", json!([])),
            _ => self.accepted("no member", json!([])),
        }
        self.accepted("one member", of(1));
        self.accepted("most members", of(most));
        self.refused("most members + 1", of(most + 1));
        self.refused("a member twice", json!([item(0), item(1), item(0)]));
        self.refused("text", json!("a"));
        self.refused("object", json!({"a": 1}));
    }

    fn of_object(&mut self, values: &Values) {
        self.refused("text", json!("a"));
        self.refused("list", json!([]));
        let mut more = values.standing(self.leaf, self.patient);
        more["unheardOf"] = json!(1);
        self.refused("a field unheard of", more);
    }
}
