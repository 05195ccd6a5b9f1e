//! The steps that a history is made of, and how often each is taken.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

use super::declared::{SHARES, STRATEGIES, Source, VARIANTS};
use crate::fault::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deletion {
    Delete,
    Retain,
}

/// A field of an object of ours that a person changes by hand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit {
    Name,
    Mark,
    Rule,
    Folder,
    Ttl,
}

/// What a person does to a mapping of ours.
#[derive(Clone, Copy, Debug)]
pub(super) enum MappingEdit {
    Keys,
    Pause,
    Tear,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A user declares an audience, or edits it; the strategy of one that is declared stays.
    Apply {
        share: usize,
        variant: usize,
        strategy: &'static str,
    },
    Delete {
        share: usize,
        policy: Deletion,
    },
    LookNow {
        share: usize,
    },
    /// A marketer renames a source, in the system where it stands.
    Rename {
        share: usize,
    },
    /// A marketer labels a source, or takes its labels away.
    Label {
        share: usize,
        labels: &'static [&'static str],
    },
    /// A marketer deletes a trait or segment that may be shared.
    DeleteSource {
        share: usize,
    },
    /// A person has Adobe's source connector deliver a trait or segment from now on.
    Deliver {
        share: usize,
    },
    /// A person edits or deletes what we made.
    EditTrait {
        which: usize,
        edit: Edit,
    },
    EditSegment {
        which: usize,
        edit: Edit,
    },
    EditAudience {
        which: usize,
        edit: Edit,
    },
    EditMapping {
        which: usize,
        edit: MappingEdit,
    },
    DeleteTrait {
        which: usize,
    },
    DeleteSegment {
        which: usize,
    },
    DeleteAudience {
        which: usize,
    },
    /// Another tool makes something that looks like ours elsewhere.
    Foreign {
        share: usize,
    },
    /// The credential is wrong for a while.
    WrongSecret {
        seconds: u64,
    },
    Fault {
        ahead: usize,
        fault: Fault,
    },
    Restart,
    Kill,
    /// The operator's clock is wrong from now on, by minutes.
    Skew {
        minutes: i64,
    },
    /// The API server forgets the past: watches start anew.
    Compact,
    Wait {
        seconds: u64,
    },
}

/// How many kinds of step there are.
pub(super) const KINDS: usize = 22;

/// All of them such that the operator can follow by itself.
const LABELS: [&[&str]; 3] = [&[], &["core/C3"], &["core/C3", "core/C8", "custom/finance"]];

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let of = |fits: fn(Source) -> bool| {
        let shares = SHARES.iter().enumerate();
        let fitting = shares.filter(|(_, (_, _, source))| fits(*source));
        select(fitting.map(|(share, _)| share).collect::<Vec<_>>())
    };
    let any_share = || 0..SHARES.len();
    let audience = || of(|source| matches!(source, Source::Audience(_)));
    let made = || of(|source| !matches!(source, Source::Echo(_)));
    let own = || of(|source| matches!(source, Source::Segment(_) | Source::Trait(..)));
    let undelivered = || of(|source| source.is_undelivered());
    let edit = || {
        select(vec![
            Edit::Name,
            Edit::Mark,
            Edit::Rule,
            Edit::Folder,
            Edit::Ttl,
        ])
    };
    let audience_edit = select(vec![Edit::Name, Edit::Mark, Edit::Rule]);
    let mapping_edit = select(vec![
        MappingEdit::Keys,
        MappingEdit::Pause,
        MappingEdit::Tear,
    ]);
    let step = prop_oneof![
        12 => (any_share(), 0..VARIANTS, select(STRATEGIES.to_vec()))
            .prop_map(|(share, variant, strategy)| Step::Apply { share, variant, strategy }),
        4 => (any_share(), select(vec![Deletion::Delete, Deletion::Delete, Deletion::Retain]))
            .prop_map(|(share, policy)| Step::Delete { share, policy }),
        2 => any_share().prop_map(|share| Step::LookNow { share }),
        3 => made().prop_map(|share| Step::Rename { share }),
        2 => (audience(), select(LABELS.to_vec())).prop_map(|(share, labels)| Step::Label { share, labels }),
        1 => own().prop_map(|share| Step::DeleteSource { share }),
        2 => undelivered().prop_map(|share| Step::Deliver { share }),
        2 => (any::<usize>(), edit()).prop_map(|(which, edit)| Step::EditTrait { which, edit }),
        2 => (any::<usize>(), edit()).prop_map(|(which, edit)| Step::EditSegment { which, edit }),
        2 => (any::<usize>(), audience_edit).prop_map(|(which, edit)| Step::EditAudience { which, edit }),
        2 => (any::<usize>(), mapping_edit).prop_map(|(which, edit)| Step::EditMapping { which, edit }),
        1 => any::<usize>().prop_map(|which| Step::DeleteTrait { which }),
        1 => any::<usize>().prop_map(|which| Step::DeleteSegment { which }),
        1 => any::<usize>().prop_map(|which| Step::DeleteAudience { which }),
        1 => audience().prop_map(|share| Step::Foreign { share }),
        1 => (1..400u64).prop_map(|seconds| Step::WrongSecret { seconds }),
        10 => (1..25usize, select(Fault::ALL.to_vec())).prop_map(|(ahead, fault)| Step::Fault { ahead, fault }),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
        1 => select(vec![-61, 0, 61]).prop_map(|minutes| Step::Skew { minutes }),
        1 => Just(Step::Compact),
        8 => prop_oneof![0..3u64, 3..90u64, 90..1_000u64].prop_map(|seconds| Step::Wait { seconds }),
    ];
    proptest::collection::vec(step, 4..28)
}
