//! The single remote calls that a plan is made of.

use std::fmt::{self, Debug, Display, Formatter};

use crate::domain::audience_manager::TraitReference;
use crate::domain::field::Field;
use crate::domain::identifier::{DataSourceId, SegmentSid, TraitSid};
use crate::domain::labels::UsageLabels;
use crate::domain::source::AudienceManagerSelector;
use crate::inventory::{Inventory, Record, RuleContent, SentText, Table};
use crate::kinds::{self, Trait};
use crate::ownership::Judged;
use crate::ownership::owned::Owned;

/// In the place of the sid of a trait that the plan itself creates; never sent.
pub const NEW_TRAIT: &str = "{trait}";

/// What follows the verb and the noun in a message: "create trait "Loyal gamers"".
pub trait Label {
    fn label(&self) -> String;
}

/// Where objects of a kind are kept, and which call is about them: generated from the list of kinds.
pub trait Tabled: Record {
    fn table(inventory: &Inventory) -> &Table<Self>
    where
        Self: Sized;
    fn table_mut(inventory: &mut Inventory) -> &mut Table<Self>
    where
        Self: Sized;
    fn call(operation: Operation<Self>) -> Call
    where
        Self: Kind;
}

/// One kind of remote object: what calls about it carry.
pub trait Kind: Judged + Tabled + Eq + 'static {
    /// As in "list traits".
    const PLURAL: &'static str;
    /// As in "Audience Manager stores the name as".
    const SYSTEM: &'static str = "Audience Manager";
    /// What a complete list is narrowed to.
    type Scope: Label + Clone + Eq + Debug;
    /// What a look-up asks for.
    type Query: Label + Clone + Eq + Debug;
    /// An object that does not exist yet.
    type New: Label + Clone + Eq + Debug;
    /// The fields that an update changes.
    type Change: Clone + Eq + Debug + Default;

    /// Its own system shows it as deleted.
    fn is_deleted(&self) -> bool {
        false
    }
    /// One create may have made both, wherever they are now.
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
    /// The texts of a creation.
    fn new_texts(new: &Self::New) -> Vec<(Field, &str)>;
    /// The texts of an update; `None` of those that stay.
    fn changed_texts(_: &Self::Change) -> Vec<(Field, Option<&str>)> {
        Vec::new()
    }
    /// What a preview shows of a creation beside its label.
    fn preview_new(_: &Self::New, _: &mut Formatter<'_>) -> fmt::Result {
        Ok(())
    }
    /// What a preview shows of an update beside its texts.
    fn preview_change(&self, _: &Self::Change, _: &mut Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// A call about objects of one kind. A change or deletion carries the record that it was planned on: if the object changed
/// meanwhile, nothing is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation<K: Kind> {
    Read(K::Id),
    /// A complete list.
    List(K::Scope),
    /// All objects of one natural key.
    LookUp(K::Query),
    Create(K::New),
    Update(Owned<K>, K::Change),
    Delete(Owned<K>),
}

impl<K: Kind> Operation<K> {
    fn verb(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::List(_) => "list",
            Self::LookUp(_) => "look up",
            Self::Create(_) => "create",
            Self::Update(..) => "update",
            Self::Delete(_) => "delete",
        }
    }

    fn operation(&self) -> String {
        let noun = match self {
            Self::List(_) => K::PLURAL,
            _ => K::NOUN,
        };
        format!("{} {noun}", self.verb())
    }

    fn system(&self) -> &'static str {
        K::SYSTEM
    }

    fn object(&self) -> String {
        match self {
            Self::Read(id) => id.to_string(),
            Self::List(scope) => scope.label(),
            Self::LookUp(query) => query.label(),
            Self::Create(new) => new.label(),
            Self::Update(expected, _) | Self::Delete(expected) => expected.title(),
        }
    }

    fn is_write(&self) -> bool {
        match self {
            Self::Read(_) | Self::List(_) | Self::LookUp(_) => false,
            Self::Create(_) | Self::Update(..) | Self::Delete(_) => true,
        }
    }

    pub(crate) fn texts(&self) -> Vec<SentText<'_>> {
        match self {
            Self::Create(new) => {
                let texts = K::new_texts(new).into_iter();
                let texts = texts.map(|(field, text)| SentText {
                    field,
                    text,
                    before: None,
                });
                texts.collect()
            }
            Self::Update(expected, change) => {
                let texts = K::changed_texts(change).into_iter();
                let texts = texts.filter_map(|(field, text)| {
                    Some(SentText {
                        field,
                        text: text?,
                        before: expected.stored(field),
                    })
                });
                texts.collect()
            }
            Self::Read(_) | Self::List(_) | Self::LookUp(_) | Self::Delete(_) => Vec::new(),
        }
    }

    fn preview(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(new) => K::preview_new(new, formatter),
            Self::Update(expected, change) => {
                for SentText {
                    field,
                    text,
                    before,
                } in self.texts()
                {
                    let before = before.map_or("none".into(), |before| format!("{before:?}"));
                    write!(formatter, " {} {before} → {text:?}", field.label())?;
                }
                expected.preview_change(change, formatter)
            }
            Self::Read(_) | Self::List(_) | Self::LookUp(_) | Self::Delete(_) => Ok(()),
        }
    }

    /// The object that it reads, changes or deletes.
    pub fn id(&self) -> Option<K::Id> {
        match self {
            Self::Read(id) => Some(id.clone()),
            Self::Update(expected, _) | Self::Delete(expected) => Some(expected.id()),
            Self::List(_) | Self::LookUp(_) | Self::Create(_) => None,
        }
    }
}

macro_rules! calls {
    ([$($kind:ident: $table:ident,)+]) => {
        /// One call.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Call {
            $($kind(Operation<kinds::$kind>),)+
            /// Traits or segments of any data source, by code or name.
            Search(AudienceManagerSelector),
            /// The traits of every data source: in which of them Adobe's own sharing has made its objects.
            FindAdobeSharing,
            /// By the words of a user.
            FindTrait(TraitReference),
            ReadTraitUsers(TraitSid),
            /// How many members a segment has.
            ReadMembers(SegmentSid),
            /// Asks whether the rule of an additional segment is accepted.
            ValidateRule {
                /// The segment's key.
                segment: Box<str>,
                content: RuleContent,
                rule: Box<str>,
            },
        }

        $(impl Tabled for kinds::$kind {
            fn table(inventory: &Inventory) -> &Table<Self> {
                &inventory.$table
            }
            fn table_mut(inventory: &mut Inventory) -> &mut Table<Self> {
                &mut inventory.$table
            }
            fn call(operation: Operation<Self>) -> Call {
                Call::$kind(operation)
            }
        })+
    };
}
with_every_kind!(calls);

impl Call {
    pub fn read<K: Kind>(id: K::Id) -> Self {
        K::call(Operation::Read(id))
    }

    pub fn list<K: Kind>(scope: K::Scope) -> Self {
        K::call(Operation::List(scope))
    }

    pub fn look_up<K: Kind>(query: K::Query) -> Self {
        K::call(Operation::LookUp(query))
    }

    pub fn create<K: Kind>(new: K::New) -> Self {
        K::call(Operation::Create(new))
    }

    pub fn update<K: Kind>(expected: Owned<K>, change: K::Change) -> Self {
        K::call(Operation::Update(expected, change))
    }

    pub fn delete<K: Kind>(expected: Owned<K>) -> Self {
        K::call(Operation::Delete(expected))
    }

    pub fn is_write(&self) -> bool {
        on_every_kind!(Call: self, operation => operation.is_write(), _ => false)
    }

    pub fn is_deletion(&self) -> bool {
        on_every_kind!(Call: self, operation => matches!(operation, Operation::Delete(_)), _ => false)
    }

    /// The system that is called, as a message names it.
    pub fn system(&self) -> &'static str {
        on_every_kind!(Call: self, operation => operation.system(), _ => <Trait as Kind>::SYSTEM)
    }

    /// A list whose one answer serves every audience that waits for it.
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Destination(_) | Self::FindAdobeSharing => true,
            Self::Mapping(operation) => matches!(operation, Operation::List(_)),
            Self::Trait(operation) => matches!(operation, Operation::List(_)),
            Self::Segment(operation) => matches!(operation, Operation::List(_)),
            Self::Model(operation) => matches!(operation, Operation::List(_)),
            _ => false,
        }
    }

    /// The data source that an object moves to.
    pub fn moves_to(&self) -> Option<DataSourceId> {
        match self {
            Self::Trait(Operation::Update(_, change)) => change.data_source,
            Self::Segment(Operation::Update(_, change)) => change.data_source,
            _ => None,
        }
    }

    /// The usage labels that it puts on an audience.
    pub fn labels(&self) -> Option<&UsageLabels> {
        let labels = match self {
            Self::Audience(Operation::Create(new)) => &new.labels,
            Self::Audience(Operation::Update(_, change)) => &change.labels,
            _ => return None,
        };
        Some(labels).filter(|labels| !labels.is_empty())
    }

    /// Every text that the call sends, with what it replaces.
    pub fn texts(&self) -> Vec<SentText<'_>> {
        on_every_kind!(Call: self, operation => operation.texts(), _ => Vec::new())
    }

    /// The verb and the kind of object, for logs and the audit trail.
    pub fn operation(&self) -> String {
        on_every_kind!(
            Call: self,
            operation => operation.operation(),
            Self::Search(selector) => format!("search {}", selector.kind),
            Self::FindAdobeSharing => "list traits".into(),
            Self::FindTrait(_) => "find trait".into(),
            Self::ReadTraitUsers(_) => "read the users of trait".into(),
            Self::ReadMembers(_) => "read the population of segment".into(),
            Self::ValidateRule { .. } => "validate rule".into(),
        )
    }

    /// The object that the call is about, by id or by name; after [`Self::operation`] it reads as a sentence.
    pub fn object(&self) -> String {
        on_every_kind!(
            Call: self,
            operation => operation.object(),
            Self::Search(selector) => selector.naming.to_string(),
            Self::FindAdobeSharing => "of every data source".into(),
            Self::FindTrait(reference) => format!("with the {reference}"),
            Self::ReadTraitUsers(sid) => sid.to_string(),
            Self::ReadMembers(sid) => sid.to_string(),
            Self::ValidateRule { segment, .. } => format!("of additional segment {segment:?}"),
        )
    }

    /// What is done to which object, as a message says it: "update trait 77 "Loyal gamers"".
    pub fn label(&self) -> String {
        format!("{} {}", self.operation(), self.object())
            .trim_end()
            .into()
    }
}

/// One line, with the fields that change, for previews and golden tests.
impl Display for Call {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.label())?;
        on_every_kind!(
            Call: self,
            operation => operation.preview(formatter),
            Self::ValidateRule { rule, .. } => write!(formatter, " {rule}"),
            Self::Search(_)
            | Self::FindAdobeSharing
            | Self::FindTrait(_)
            | Self::ReadTraitUsers(_)
            | Self::ReadMembers(_) => Ok(()),
        )
    }
}

/// A call, and whether it can be made now or needs the answer of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub call: Call,
    pub ready: bool,
}

impl Step {
    pub fn ready(call: Call) -> Self {
        Self { call, ready: true }
    }

    pub(crate) fn waiting(call: Call) -> Self {
        Self { call, ready: false }
    }
}
