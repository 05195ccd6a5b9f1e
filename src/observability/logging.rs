//! Structured logs, as text or JSON, and a panic message that quotes nothing.

use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts logging to standard error.
///
/// # Errors
/// `filter` is no filter, in words for the person who wrote it.
pub fn start(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        format!("--log-level {filter:?} cannot be read: {error}; use a level such as info, or module=level pairs")
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        // The payload may quote a value; the place is enough to find the line.
        let place = panic
            .location()
            .map_or_else(|| "an unknown place".into(), ToString::to_string);
        tracing::error!(place, "panicked; this is a defect of the operator");
    }));
    Ok(())
}
