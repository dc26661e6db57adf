//! The log: to standard error, as text or as JSON lines, never with personal data or secrets.

use tracing_subscriber::EnvFilter;

use super::Failure;

/// What is logged when nobody says otherwise.
pub(super) const USUAL: &str = "warn";
/// The same of `serve`, whose log is all that anybody sees of it.
pub(super) const OF_SERVE: &str = "warn,privaflow=info";

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Starts to log what the filter lets through.
pub(super) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|_| {
        Failure::Usage(format!(
            "`{filter}` is no log filter; write error, warn, info, debug, or privaflow=debug"
        ))
    })?;
    let logger = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => logger.with_target(false).with_ansi(false).try_init(),
        LogFormat::Json => logger.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::Usage(format!("the log cannot be started: {error}")))
}
