//! Every answer of these tests goes before the judge: Adobe's own files, and the project's table of facts. Requests do
//! not: here they are wrong on purpose.

use adobe_openapi::{Answer, Exchange, Trial};
use adobe_simulator::Simulator;

pub(crate) fn watch(simulator: &Simulator) -> Trial {
    let trial = Trial::open("simulator", env!("CARGO_TARGET_TMPDIR"));
    let violations = trial.violations();
    simulator.observe(move |told| {
        violations.note(&Exchange {
            method: &told.method,
            target: &told.target,
            request: None,
            answer: told.answer.as_ref().map(|answer| Answer {
                status: answer.status,
                body: answer.body.as_ref(),
            }),
        });
    });
    trial
}
