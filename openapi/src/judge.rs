//! The judge: exchanges against every document that knows their operation, each content once, and a tally.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::document::{ADOBES, Document, FACTS};
use crate::exceptions::{EXCEPTIONS, Exception};
use crate::exchange::{Answer, Error, Exchange, Request};
use crate::operation::Operation;
use crate::violation::{Finding, Side, Violation};

/// Fixed, so that a run is like the one before.
type Hashing = BuildHasherDefault<DefaultHasher>;

/// Experience Platform's paths: there nothing may be called or answered that no document knows.
const PLATFORM: &str = "/data/";

#[derive(Debug)]
pub struct Judge {
    books: Vec<Book>,
    adobes: Vec<Document>,
    /// The exceptions from the files that are at hand; to each its file with all the others' edits and not with its own.
    exceptions: Vec<(&'static Exception, OnceLock<Book>)>,
    seen: Mutex<Seen>,
}

/// A document and its operations.
#[derive(Debug)]
struct Book {
    document: Document,
    operations: Vec<Operation>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    answers: u64,
    /// Sides that one of Adobe's files describes.
    by_adobe: u64,
    verdicts: HashMap<u64, Verdict, Hashing>,
    used: HashSet<&'static str, Hashing>,
}

/// What came of an exchange.
#[derive(Debug, Clone, Default)]
struct Verdict {
    violations: Vec<Violation>,
    by_adobe: bool,
}

/// What was judged, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub requests: u64,
    pub answers: u64,
    /// Of both, those that one of Adobe's files describes. The facts judge all.
    pub by_adobe: u64,
    /// Exchanges that differ.
    pub distinct: usize,
    pub by: Vec<&'static str>,
    /// By their names.
    pub used: BTreeSet<&'static str>,
    pub unused: BTreeSet<&'static str>,
}

impl Judge {
    /// # Errors
    /// A file cannot be read, or is no longer wrong where an exception says so.
    pub fn new(adobe_files: Option<&Path>) -> Result<Self, Error> {
        let read = |folder: &Path| -> Result<Vec<Document>, Error> {
            ADOBES
                .iter()
                .map(|name| Document::read(folder, name))
                .collect()
        };
        let adobes = adobe_files.map(read).transpose()?.unwrap_or_default();
        let mut books = vec![Book::of(Document::facts()?)];
        for document in &adobes {
            books.push(Book::of(document.mended(EXCEPTIONS.iter())?));
        }
        let read = |exception: &&Exception| {
            let mut adobes = adobes.iter();
            adobes.any(|document| document.name == exception.file)
        };
        let exceptions = EXCEPTIONS.iter().filter(read);
        Ok(Self {
            exceptions: exceptions
                .map(|exception| (exception, OnceLock::new()))
                .collect(),
            books,
            adobes,
            seen: Mutex::default(),
        })
    }

    /// All that is wrong with the sides that are there.
    pub fn judge(&self, exchange: &Exchange<'_>) -> Vec<Violation> {
        let content = Hashing::default().hash_one(exchange);
        let known = self.seen().verdicts.get(&content).cloned();
        let verdict = known.unwrap_or_else(|| {
            let verdict = self.verdict(exchange);
            self.seen().verdicts.insert(content, verdict.clone());
            verdict
        });
        let mut seen = self.seen();
        let (requests, answers) = (exchange.request.is_some(), exchange.answer.is_some());
        seen.requests += u64::from(requests);
        seen.answers += u64::from(answers);
        if verdict.by_adobe {
            seen.by_adobe += u64::from(requests) + u64::from(answers);
        }
        verdict.violations
    }

    pub fn tally(&self) -> Tally {
        let seen = self.seen();
        let (used, unused) = self
            .exceptions()
            .map(|exception| exception.name)
            .partition(|name| seen.used.contains(name));
        Tally {
            requests: seen.requests,
            answers: seen.answers,
            by_adobe: seen.by_adobe,
            distinct: seen.verdicts.len(),
            by: self.books.iter().map(|book| book.document.name).collect(),
            used,
            unused,
        }
    }

    /// The exceptions from the files that are at hand.
    pub fn exceptions(&self) -> impl Iterator<Item = &'static Exception> {
        self.exceptions.iter().map(|(exception, _)| *exception)
    }

    fn verdict(&self, exchange: &Exchange<'_>) -> Verdict {
        let path = exchange.path();
        let mut found = Vec::new();
        let (mut known, mut by_adobe) = (false, false);
        for book in &self.books {
            let Some(operation) = book.find(exchange.method, path) else {
                continue;
            };
            known = true;
            by_adobe |= book.document.name != FACTS.0;
            let wrong = book.judge(operation, exchange);
            if wrong.is_empty() {
                self.note_used(book.document.name, &operation.id, exchange);
            }
            found.extend(wrong);
        }
        if !known {
            found.extend(unknown(exchange));
        }
        Verdict {
            violations: found,
            by_adobe,
        }
    }

    /// Which exceptions of the file this exchange, which is good, needs to be so.
    fn note_used(&self, file: &str, operation: &str, exchange: &Exchange<'_>) {
        for (exception, without) in &self.exceptions {
            if exception.file != file || self.seen().used.contains(exception.name) {
                continue;
            }
            let book = without.get_or_init(|| self.book_without(exception));
            let same = book.operations.iter().find(|one| one.id == operation);
            if same.is_some_and(|same| !book.judge(same, exchange).is_empty()) {
                self.seen().used.insert(exception.name);
            }
        }
    }

    fn book_without(&self, exception: &'static Exception) -> Book {
        let mut adobes = self.adobes.iter();
        let document = adobes.find(|document| document.name == exception.file);
        let others = EXCEPTIONS.iter().filter(|one| one.name != exception.name);
        match document.map(|document| document.mended(others)) {
            Some(Ok(document)) => Book::of(document),
            Some(Err(error)) => panic!("without {}: {error}", exception.name),
            None => panic!("{} was not read", exception.file),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn of(document: Document) -> Self {
        let operations = Operation::all(&document);
        Self {
            document,
            operations,
        }
    }

    fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| operation.is(method, path))
    }

    fn judge(&self, operation: &Operation, exchange: &Exchange<'_>) -> Vec<Violation> {
        let by = format!("{} {}", self.document.name, operation.id);
        let mut found = Vec::new();
        if let Some(request) = &exchange.request {
            let wrong = operation.judge_request(&self.document, exchange.query(), request);
            found.extend(exchange.violations(Side::Request, wrong, &by));
        }
        if let Some(answer) = &exchange.answer {
            let wrong = operation.judge_answer(&self.document, answer);
            found.extend(exchange.violations(Side::Answer, wrong, &by));
        }
        found
    }
}

/// What no document knows must not be called, and is answered with an error. Of Audience Manager's endpoints the facts name
/// those that the operator uses; the simulator has more.
fn unknown(exchange: &Exchange<'_>) -> Vec<Violation> {
    let finding = || vec![("path".to_owned(), "no document names it".to_owned())];
    let mut found = Vec::new();
    if exchange.request.is_some() {
        found.extend(exchange.violations(Side::Request, finding(), "all"));
    }
    let served = |answer: &Answer<'_>| exchange.path().starts_with(PLATFORM) && answer.status < 400;
    if exchange.answer.as_ref().is_some_and(served) {
        found.extend(exchange.violations(Side::Answer, finding(), "all"));
    }
    found
}

impl Exchange<'_> {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    fn violations(&self, side: Side, found: Vec<Finding>, by: &str) -> Vec<Violation> {
        let mut call = format!("{} {}", self.method, self.target);
        if let (Side::Answer, Some(answer)) = (side, &self.answer) {
            call = format!("{call} → {}", answer.status);
        }
        let found = found.into_iter().map(|(place, what)| Violation {
            side,
            call: call.clone(),
            place,
            what,
            by: by.to_owned(),
        });
        found.collect()
    }
}

/// Values of headers differ from call to call and are not judged beyond being there; the media type is.
impl Hash for Request<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (name, value) in self.headers {
            (name, value.is_empty()).hash(state);
            if name == "content-type" {
                value.hash(state);
            }
        }
        self.body.hash(state);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            answers,
            by_adobe,
            distinct,
            by,
            used,
            unused: _,
        } = self;
        let by = by.join(", ");
        write!(
            formatter,
            "{requests} requests and {answers} answers judged, {by_adobe} of them by Adobe's files ({distinct} distinct exchanges, {by})"
        )?;
        if used.is_empty() {
            return Ok(());
        }
        let used: Vec<&str> = used.iter().copied().collect();
        write!(formatter, "; exceptions used: {}", used.join(", "))
    }
}
