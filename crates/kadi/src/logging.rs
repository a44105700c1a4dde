//! Logs: lines for people on a terminal, JSON otherwise, always on standard error, because standard output is for
//! results. Nothing personal is ever logged; a test runs a whole exchange at debug level and searches for it.

use std::io::{IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// What is logged unless `--log` or `KADI_LOG` says otherwise.
pub const DEFAULT_FILTER: &str = "info";

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text {
        /// With colours.
        colours: bool,
    },
    /// One JSON object a line.
    Json,
}

impl Format {
    /// Text on a terminal, JSON otherwise.
    pub fn of_stderr() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Text { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
        } else {
            Self::Json
        }
    }
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one.
    #[error("the log level is not one: {0}; give info, debug, or per module: info,kadi::flows=debug")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something in this process already logs.
    #[error(transparent)]
    Taken(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Logs to standard error from here on, what `filter` lets through (`info`, or `info,kadi::flows=debug`).
pub fn start(filter: &str, format: Format) -> Result<(), LoggingError> {
    let subscriber = subscriber(filter, format, std::io::stderr)?;
    Ok(tracing::subscriber::set_global_default(subscriber)?)
}

fn subscriber<W>(
    filter: &str,
    format: Format,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Text { colours } => {
            tracing_subscriber::fmt::layer().with_ansi(colours).with_target(false).with_writer(writer).boxed()
        }
        Format::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(writer)
            .boxed(),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(EnvFilter::try_new(filter)?)))
}

/// Everything logged, kept in memory: what a test searches for planted values.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// All lines so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// A subscriber that writes here as JSON, for [`tracing::subscriber::set_default`] or the global one.
    pub fn subscriber(&self, filter: &str) -> Result<impl Subscriber + Send + Sync + use<>, LoggingError> {
        let here = self.clone();
        subscriber(filter, Format::Json, move || here.clone())
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(filter: &str) -> Vec<serde_json::Value> {
        let captured = Captured::default();
        let subscriber = captured.subscriber(filter).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("call", request.id = "r-1");
            let _entered = span.enter();
            tracing::info!(consent.id = "c-1", "consent stored");
            tracing::debug!("detail");
        });
        captured.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_json_line_can_be_read_alone() {
        let lines = logged("info");
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["message"], "consent stored");
        assert_eq!(line["consent.id"], "c-1");
        assert_eq!(line["span"]["request.id"], "r-1");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_filter_decides_by_module_and_level() {
        assert_eq!(logged("warn,kadi=debug").len(), 2);
        assert_eq!(logged("warn,store=debug").len(), 0);
        assert!(Captured::default().subscriber("info,kadi=loud").is_err());
    }
}
