//! Judges exchanges with Adobe's systems: by Adobe's own OpenAPI files where they are at hand, and by the project's
//! own table of facts (`facts.yaml`) always.
//!
//! Adobe's files are not part of the repository. [`adobe_files`] says where they are looked for. Their known faults are
//! the list in `exceptions.rs`: each mends one place of a file, names its source, and is only good for as long as the
//! file is wrong there. An exception counts as used once an exchange passes with it that would not pass without.
//!
//! It knows neither the operator nor the simulator, opens no connection, and is for tests alone.

mod document;
mod evidence;
mod exceptions;
mod exchange;
mod judge;
mod operation;
mod trial;
mod violation;

pub use evidence::{Evidence, Facts, facts};
pub use exceptions::Exception;
pub use exchange::{Answer, Error, Exchange, Request, adobe_files};
pub use judge::{Judge, Tally};
pub use trial::{Trial, Violations};
pub use violation::{Side, Violation};
