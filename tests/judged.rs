//! Every exchange that these tests have with the simulator goes before the judge: the operator's requests and the
//! simulator's answers, by Adobe's own files and by the project's table of facts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use adobe_openapi::{Answer, Exchange, Judge, Request, adobe_files};
use adobe_simulator::Simulator;
use serde_json::Value;

/// One for the whole run, so that what was judged once need not be again.
static JUDGE: LazyLock<Judge> = LazyLock::new(|| {
    Judge::new(adobe_files().as_deref()).unwrap_or_else(|error| panic!("{error}"))
});

/// What was wrong in one world. A test whose world ends with a violation fails.
#[derive(Debug, Clone, Default)]
pub(crate) struct Violations(Arc<Mutex<Vec<String>>>);

/// Fails the test when it goes, unless all was well.
#[derive(Debug)]
pub(crate) struct Verdict {
    violations: Violations,
    /// Where a simulator that is a process of its own writes what it exchanged.
    record: Option<PathBuf>,
}

impl Violations {
    fn note(&self, exchange: &Exchange<'_>) {
        let found = JUDGE.judge(exchange);
        if !found.is_empty() {
            let told = found.iter().map(ToString::to_string);
            self.0.lock().unwrap().extend(told);
        }
    }

    /// A request that a fault kept from the simulator.
    #[allow(dead_code, reason = "not every test program has faults of its own")]
    pub(crate) fn note_request(&self, request: &http::Request<bytes::Bytes>) {
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
        self.note(&Exchange {
            method: request.method().as_str(),
            target: target.map_or("/", |target| target.as_str()),
            request: Some(Request {
                headers: &headers,
                body: body.as_ref(),
            }),
            answer: None,
        });
    }
}

/// Judges all that is exchanged with this simulator from here on.
pub(crate) fn watch(simulator: &Simulator) -> Verdict {
    let violations = Violations::default();
    let noted = violations.clone();
    simulator.observe(move |told| noted.note(&as_told(told)));
    Verdict {
        violations,
        record: None,
    }
}

/// What the simulator tells, as the judge takes it.
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

impl Verdict {
    /// Judges what a simulator that is a process of its own has recorded, when the test is over.
    #[allow(dead_code, reason = "not every test program starts processes")]
    pub(crate) fn of_record(record: PathBuf) -> Self {
        Self {
            violations: Violations::default(),
            record: Some(record),
        }
    }

    #[allow(dead_code, reason = "not every test program has faults of its own")]
    pub(crate) fn violations(&self) -> Violations {
        self.violations.clone()
    }

    fn read_record(&self, record: &Path) {
        let text = std::fs::read_to_string(record).unwrap();
        // What stands behind the last line's end is still being written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let told: Value = serde_json::from_str(line).unwrap();
            let headers: Vec<(String, String)> =
                serde_json::from_value(told["headers"].clone()).unwrap();
            let status = told["answer"]["status"].as_u64();
            self.violations.note(&Exchange {
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

impl Drop for Verdict {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(record) = &self.record {
            self.read_record(record);
        }
        note_tally();
        let violations = self.violations.0.lock().unwrap();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}

/// How much was judged by now. `make test` shows it: a test program has no last word.
fn note_tally() {
    let name = env!("CARGO_CRATE_NAME");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("openapi-{name}.txt"));
    let absent = match adobe_files() {
        Some(_) => "",
        None => " (Adobe's files are not at hand)",
    };
    // A tally that is not written fails no test.
    let _ = std::fs::write(file, format!("{name}: {}{absent}\n", JUDGE.tally()));
}
