//! Log lines on standard error, as text or JSON, with what must never be in them taken out at the door.
//!
//! Some libraries log whole answers: kube prints a Secret that it cannot decode at the level `warn`, HTTP libraries
//! print headers at `trace`. No filter that a user gives lets those through, and no panic's text is printed.

use std::panic::PanicHookInfo;

use tracing::{Level, Metadata, Subscriber, error};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, filter, fmt};

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error(
        "the log filter {filter:?} cannot be read; give a level such as info, or targets such as info,kube=debug"
    )]
    Filter {
        filter: String,
        #[source]
        source: filter::ParseError,
    },
    #[error("logging was started before")]
    AlreadyStarted(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Sends all log lines of the process to standard error, and panics to the log. `filter` is a level, or a list of
/// `target=level`.
///
/// # Errors
/// The filter cannot be read, or logging was started before.
pub fn start(log_format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let subscriber = subscriber(log_format, filter, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(LoggingError::AlreadyStarted)?;
    std::panic::set_hook(Box::new(report_panic));
    Ok(())
}

fn subscriber<Writer>(
    log_format: LogFormat,
    filter: &str,
    writer: Writer,
) -> Result<impl Subscriber + Send + Sync, LoggingError>
where
    Writer: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let levels = EnvFilter::try_new(filter).map_err(|source| LoggingError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    let lines = match log_format {
        LogFormat::Text => fmt::layer().with_ansi(false).with_writer(writer).boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(writer)
            .boxed(),
    };
    Ok(Registry::default().with(
        lines
            .with_filter(filter::filter_fn(may_be_logged))
            .with_filter(levels),
    ))
}

/// Libraries that carry requests: below `info` they print what they carry.
const CARRIERS: &[&str] = &[
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "tower",
    "tower_http",
];

/// The module of kube that prints an answer's whole body when it cannot decode it; its submodules are harmless.
const PRINTS_BODIES: &str = "kube_client::client";

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let library = target.split("::").next().unwrap_or(target);
    target != PRINTS_BODIES && (!CARRIERS.contains(&library) || *metadata.level() <= Level::INFO)
}

/// Logs where the process panicked. The text may quote a value that must not be seen, so it is left out.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    error!(
        place = place.as_deref().unwrap_or("unknown"),
        thread = thread.name().unwrap_or("unnamed"),
        "the program panicked, which is a defect; please report this place (the panic's text is not logged)"
    );
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::{debug, info, subscriber::with_default, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(log_format: LogFormat, filter: &str, run: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(log_format, filter, move || writer.clone())
            .expect("a filter that can be read");
        with_default(subscriber, run);
        lines.text()
    }

    #[test]
    fn a_line_is_one_json_object_with_its_fields() {
        let line = logged(LogFormat::Json, "info", || {
            info!(reason = "Throttled", "waiting");
            debug!("not at this level");
        });
        let json: serde_json::Value = serde_json::from_str(&line).expect("exactly one object");
        assert_eq!(json["message"], "waiting");
        assert_eq!(json["reason"], "Throttled");
        assert_eq!(json["level"], "INFO");
    }

    #[test]
    fn a_text_line_has_no_escape_codes_and_follows_the_filter() {
        let text = logged(LogFormat::Text, "warn,kube=debug", || {
            info!("quiet");
            debug!(target: "kube::runtime", "asked for");
            warn!(reason = "Throttled", "loud");
        });
        assert!(
            text.contains("asked for") && text.contains("loud reason=\"Throttled\""),
            "{text}"
        );
        assert!(
            !text.contains("quiet") && !text.contains('\u{1b}'),
            "{text}"
        );
    }

    #[test]
    fn no_filter_lets_through_what_libraries_print_of_bodies_and_headers() {
        let text = logged(
            LogFormat::Json,
            "trace,kube_client=trace,hyper=trace",
            || {
                warn!(target: "kube_client::client", "{{\"data\":\"canary-secret\"}}, expected value");
                trace!(target: "h2::codec", "authorization: canary-token");
                debug!(target: "hyper::proto", "canary-header");
                info!(target: "hyper_util::client", "connected");
                warn!(target: "kube_client::client::builder", "failed");
            },
        );
        assert!(!text.contains("canary"), "{text}");
        assert!(
            text.contains("connected") && text.contains("failed"),
            "the harmless ones stay: {text}"
        );
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let error = subscriber(LogFormat::Text, "kube=shout", std::io::sink)
            .err()
            .expect("no such level");
        assert!(error.to_string().contains("\"kube=shout\""), "{error}");
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_without_its_text() {
        let before = std::panic::take_hook();
        let text = logged(LogFormat::Json, "info", || {
            std::panic::set_hook(Box::new(report_panic));
            let outcome = std::panic::catch_unwind(|| panic!("token is canary-token"));
            assert!(outcome.is_err());
        });
        std::panic::set_hook(before);
        assert!(text.contains("src/observability/logging.rs:"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
