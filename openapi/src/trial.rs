//! What the exchanges of one test come to: a test that ends with a violation fails, and the tally is written where the
//! person who ran the tests finds it.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::exchange::{Exchange, adobe_files};
use crate::judge::Judge;

/// One for the whole run, so that what was judged once need not be again.
static JUDGE: LazyLock<Judge> = LazyLock::new(|| {
    Judge::new(adobe_files().as_deref()).unwrap_or_else(|error| panic!("{error}"))
});

/// Where the exchanges of one test are put before the judge. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Violations(Arc<Mutex<Vec<String>>>);

impl Violations {
    pub fn note(&self, exchange: &Exchange<'_>) {
        let found = JUDGE.judge(exchange);
        let told = found.iter().map(ToString::to_string);
        self.told().extend(told);
    }

    fn told(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails the test when it goes, unless all was well.
#[derive(Debug)]
pub struct Trial {
    program: &'static str,
    tally: PathBuf,
    violations: Violations,
}

impl Trial {
    /// `program` names the tests and `folder` takes their tally: a test program has no last word.
    pub fn open(program: &'static str, folder: &str) -> Self {
        Self {
            program,
            tally: PathBuf::from(folder).join(format!("openapi-{program}.txt")),
            violations: Violations::default(),
        }
    }

    pub fn violations(&self) -> Violations {
        self.violations.clone()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let absent = match adobe_files() {
            Some(_) => "",
            None => " (Adobe's files are not at hand)",
        };
        // A tally that is not written fails no test.
        let _ = std::fs::write(
            &self.tally,
            format!("{}: {}{absent}\n", self.program, JUDGE.tally()),
        );
        let violations = self.violations.told();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}
