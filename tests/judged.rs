//! Every exchange that these tests have with the simulator goes before the judge: the operator's requests and the
//! simulator's answers, by Adobe's own files and by the project's table of facts.

use std::path::{Path, PathBuf};

use adobe_openapi::{Answer, Exchange, Request, Trial, Violations};
use adobe_simulator::Simulator;
use serde_json::Value;

fn trial() -> Trial {
    Trial::open(env!("CARGO_CRATE_NAME"), env!("CARGO_TARGET_TMPDIR"))
}

/// Judges what a simulator that is a process of its own has written, when the test is over.
#[derive(Debug)]
pub(crate) struct Record {
    file: PathBuf,
    trial: Trial,
}

/// A request that a fault kept from the simulator.
#[allow(dead_code, reason = "not every test program has faults of its own")]
pub(crate) fn note_request(violations: &Violations, request: &http::Request<bytes::Bytes>) {
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                value.to_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    let body = Some(request.body()).filter(|body| !body.is_empty());
    let body = body.map(|body| serde_json::from_slice::<Value>(body).unwrap_or_default());
    let target = request.uri().path_and_query();
    violations.note(&Exchange {
        method: request.method().as_str(),
        target: target.map_or("/", |target| target.as_str()),
        request: Some(Request {
            headers: &headers,
            body: body.as_ref(),
        }),
        answer: None,
    });
}

/// Judges all that is exchanged with this simulator from here on.
#[allow(
    dead_code,
    reason = "not every test program has a simulator of its own"
)]
pub(crate) fn watch(simulator: &Simulator) -> Trial {
    let trial = trial();
    let violations = trial.violations();
    simulator.observe(move |told| violations.note(&as_told(told)));
    trial
}

/// What the simulator tells, as the judge takes it.
#[allow(
    dead_code,
    reason = "not every test program has a simulator of its own"
)]
pub(crate) fn as_told(told: &adobe_simulator::Exchange) -> Exchange<'_> {
    Exchange {
        method: &told.method,
        target: &told.target,
        request: Some(Request {
            headers: &told.headers,
            body: told.request.as_ref(),
        }),
        answer: told.answer.as_ref().map(|answer| Answer {
            status: answer.status,
            body: answer.body.as_ref(),
        }),
    }
}

impl Record {
    #[allow(dead_code, reason = "not every test program starts processes")]
    pub(crate) fn of(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            trial: trial(),
        }
    }

    fn judge(&self) {
        let violations = self.trial.violations();
        let text = std::fs::read_to_string(&self.file).unwrap();
        // What stands behind the last line's end is still being written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let told: Value = serde_json::from_str(line).unwrap();
            let headers: Vec<(String, String)> =
                serde_json::from_value(told["headers"].clone()).unwrap();
            let status = told["answer"]["status"].as_u64();
            violations.note(&Exchange {
                method: told["method"].as_str().unwrap(),
                target: told["target"].as_str().unwrap(),
                request: Some(Request {
                    headers: &headers,
                    body: Some(&told["request"]).filter(|body| !body.is_null()),
                }),
                answer: status.map(|status| Answer {
                    status: u16::try_from(status).unwrap(),
                    body: Some(&told["answer"]["body"]).filter(|body| !body.is_null()),
                }),
            });
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.judge();
        }
    }
}
