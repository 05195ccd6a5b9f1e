//! What the sweep knows of a leaf beside its schema: a manifest in which it makes sense, meaningful values, and where a
//! change of it shows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::schema::{Leaf, pointer};

/// How a text may be stretched to its longest.
#[derive(Clone, Copy)]
pub(crate) enum Text {
    /// Any letters.
    Any,
    /// Letters, digits and hyphens.
    Word,
    /// Of a form that it keeps at this length.
    Like(fn(usize) -> String),
    /// Its form allows no such length; why.
    Fixed(#[expect(dead_code, reason = "said where it is declared")] &'static str),
}

/// When a change shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// As soon as it is applied.
    Applied,
    /// When the object is made with it: it cannot change.
    Anew,
    /// When the object is deleted.
    Deleted,
    /// When the source is deactivated.
    SourceGone,
    /// In how time passes: `tests/faults/pace.rs` and `tests/models.rs`, on the simulator's clock.
    Time,
    /// Never: nothing reads it there.
    Unread,
}

type Numbered<T> = Arc<dyn Fn(usize) -> T + Send + Sync>;

/// What the table says of one leaf.
#[derive(Clone)]
pub(crate) struct Values {
    /// As [`Leaf::name`] gives it.
    pub(crate) leaf: &'static str,
    base: Numbered<Value>,
    others: Numbered<Vec<(&'static str, Value)>>,
    /// Of the right type and length, and refused by a rule.
    pub(crate) bad: Vec<(&'static str, Value)>,
    pub(crate) text: Text,
    /// The member of a list, by its number.
    pub(crate) item: Option<fn(usize) -> Value>,
    /// The schema lets it be left out, and a rule does not.
    pub(crate) needed: bool,
    pub(crate) probe: Probe,
    /// Mutations that show nowhere, and why.
    pub(crate) silent: Vec<(&'static str, &'static str)>,
    /// Mutations that the way back does not undo, and why.
    pub(crate) stays: Vec<(&'static str, &'static str)>,
    /// What is made anew on the way back has other ids; why.
    pub(crate) remade: Option<&'static str>,
    /// How an explanation calls what it speaks of, where it is not by the field's name.
    pub(crate) words: Vec<&'static str>,
    /// Where the status repeats the value.
    pub(crate) echo: Option<&'static str>,
}

/// The entry of a leaf, with the manifest in which it stands.
pub(crate) fn leaf(
    leaf: &'static str,
    base: impl Fn(usize) -> Value + Send + Sync + 'static,
) -> Values {
    Values {
        leaf,
        base: Arc::new(base),
        others: Arc::new(|_| Vec::new()),
        bad: Vec::new(),
        text: Text::Any,
        item: None,
        needed: false,
        probe: Probe::Applied,
        silent: Vec::new(),
        stays: Vec::new(),
        remade: None,
        words: Vec::new(),
        echo: None,
    }
}

impl Values {
    /// The manifest of this patient.
    pub(crate) fn base(&self, patient: usize) -> Value {
        (self.base)(patient)
    }

    pub(crate) fn others(&self, patient: usize) -> Vec<(&'static str, Value)> {
        (self.others)(patient)
    }

    /// What stands in the manifest there.
    pub(crate) fn standing(&self, leaf: &Leaf, patient: usize) -> Value {
        let base = self.base(patient);
        let found = base.pointer(&pointer(&leaf.path)).cloned();
        found.unwrap_or_else(|| panic!("{} is not in its manifest: {base}", self.leaf))
    }

    /// Other values that the API server takes.
    pub(crate) fn or(mut self, others: &[(&'static str, Value)]) -> Self {
        let others = others.to_vec();
        self.others = Arc::new(move |_| others.clone());
        self
    }

    /// The same, where they depend on the patient.
    pub(crate) fn or_of(
        mut self,
        others: impl Fn(usize) -> Vec<(&'static str, Value)> + Send + Sync + 'static,
    ) -> Self {
        self.others = Arc::new(others);
        self
    }

    pub(crate) fn bad(mut self, bad: &[(&'static str, &str)]) -> Self {
        let bad = bad.iter().map(|(what, value)| (*what, json!(value)));
        self.bad.extend(bad);
        self
    }

    /// Refused: white space that no name keeps.
    pub(crate) fn trimmed(self) -> Self {
        self.bad(&[("space first", " a"), ("space last", "a "), ("tab", "a\tb")])
    }

    /// Refused: what breaks a line, or looks as if.
    pub(crate) fn of_one_line(self) -> Self {
        self.bad(&[("tab", "a\tb"), ("line break", "a\nb")])
    }

    pub(crate) fn text(mut self, text: Text) -> Self {
        self.text = text;
        self
    }

    pub(crate) fn of(mut self, item: fn(usize) -> Value) -> Self {
        self.item = Some(item);
        self
    }

    pub(crate) fn needed(mut self) -> Self {
        self.needed = true;
        self
    }

    pub(crate) fn seen(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    pub(crate) fn silent(mut self, mutation: &'static str, why: &'static str) -> Self {
        self.silent.push((mutation, why));
        self
    }

    pub(crate) fn stays(mut self, mutation: &'static str, why: &'static str) -> Self {
        self.stays.push((mutation, why));
        self
    }

    pub(crate) fn remade(mut self, why: &'static str) -> Self {
        self.remade = Some(why);
        self
    }

    pub(crate) fn spoken_of_as(mut self, word: &'static str) -> Self {
        self.words.push(word);
        self
    }

    pub(crate) fn echoed(mut self, pointer: &'static str) -> Self {
        self.echo = Some(pointer);
        self
    }

    pub(crate) fn is_silent(&self, mutation: &str) -> bool {
        self.silent.iter().any(|(known, _)| *known == mutation)
    }

    pub(crate) fn is_staying(&self, mutation: &str) -> bool {
        self.stays.iter().any(|(known, _)| *known == mutation)
    }
}

/// The whole table.
pub(crate) fn table() -> Vec<Values> {
    let mut all = super::table_of_connection::table();
    all.extend(super::table_of_audience::table());
    all.extend(super::table_of_segments::table());
    all.extend(super::table_of_models::table());
    all
}
