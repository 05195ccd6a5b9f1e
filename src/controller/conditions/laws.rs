//! What holds for every list of conditions, for whoever reads one: kstatus, `kubectl wait`, Helm, a person.

use super::{Condition, ConditionType, order, whole_seconds};

/// The laws that hold for every list of conditions of an object that was reconciled (peers.md §2.1).
///
/// # Errors
/// The law that is broken, with the list.
pub fn check_laws(conditions: &[Condition], generation: i64) -> Result<(), String> {
    let is = |name: ConditionType, status: &str| {
        conditions
            .iter()
            .any(|condition| condition.type_ == name.as_str() && condition.status == status)
    };
    let law = |number: u8, holds: bool, text: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("law {number}: {text}: {conditions:#?}"))
        }
    };
    let mut types: Vec<&str> = conditions
        .iter()
        .map(|condition| condition.type_.as_str())
        .collect();
    law(
        1,
        types.first() == Some(&ConditionType::Ready.as_str()),
        "Ready is present and comes first",
    )?;
    types.sort_unstable();
    types.dedup();
    law(2, types.len() == conditions.len(), "every type occurs once")?;
    for condition in conditions {
        law(
            3,
            condition.observed_generation == Some(generation)
                || is(ConditionType::Suspended, "True"),
            "each carries the observed generation, unless the last verdict is kept",
        )?;
        law(
            4,
            matches!(condition.status.as_str(), "True" | "False" | "Unknown"),
            "a status is one of three",
        )?;
        let known = ConditionType::ALL
            .iter()
            .find(|known| condition.type_ == known.as_str());
        law(5, known.is_some(), "a type is one of the list")?;
        let abnormal = known.is_some_and(|known| known.only_while_true());
        law(
            6,
            !abnormal || condition.status == "True",
            "an abnormal condition is present only while true",
        )?;
        law(7, !condition.reason.is_empty(), "a reason is given")?;
        let since = condition.last_transition_time.0;
        law(8, whole_seconds(since) == since, "a time is whole seconds")?;
    }
    let (reconciling, stalled) = (
        is(ConditionType::Reconciling, "True"),
        is(ConditionType::Stalled, "True"),
    );
    law(
        9,
        !(reconciling && stalled),
        "Reconciling and Stalled exclude each other",
    )?;
    let ready = is(ConditionType::Ready, "True");
    law(10, !(ready && stalled), "Ready excludes Stalled")?;
    law(11, !(ready && reconciling), "Ready excludes Reconciling")?;
    law(
        12,
        conditions.is_sorted_by_key(order),
        "the order is that of the list of types",
    )
}
