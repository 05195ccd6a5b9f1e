//! Every answer of these tests goes before the judge: Adobe's own files, and the project's table of facts. Requests do
//! not: here they are wrong on purpose.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use adobe_openapi::{Answer, Exchange, Judge, adobe_files};
use adobe_simulator::Simulator;

static JUDGE: LazyLock<Judge> = LazyLock::new(|| {
    Judge::new(adobe_files().as_deref()).unwrap_or_else(|error| panic!("{error}"))
});

/// Fails the test when it goes, unless all answers were well.
#[derive(Debug)]
pub(crate) struct Verdict(Arc<Mutex<Vec<String>>>);

pub(crate) fn watch(simulator: &Simulator) -> Verdict {
    let violations = Arc::new(Mutex::new(Vec::new()));
    let noted = violations.clone();
    simulator.observe(move |told| {
        let found = JUDGE.judge(&Exchange {
            method: &told.method,
            target: &told.target,
            request: None,
            answer: told.answer.as_ref().map(|answer| Answer {
                status: answer.status,
                body: answer.body.as_ref(),
            }),
        });
        let told = found.iter().map(ToString::to_string);
        noted.lock().unwrap().extend(told);
    });
    Verdict(violations)
}

impl Drop for Verdict {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi-simulator.txt");
        // A tally that is not written fails no test.
        let _ = std::fs::write(file, format!("simulator: {}\n", JUDGE.tally()));
        let violations = self.0.lock().unwrap();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}
