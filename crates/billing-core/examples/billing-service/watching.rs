//! The log of the process on stderr, and with the feature `otel` its traces.

use billing_core::process::{self, LogLines, Talk};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

#[cfg(feature = "otel")]
use billing_telemetry::traces::Traces;

/// Logs and traces that have been started.
pub(crate) struct Watching {
    #[cfg(feature = "otel")]
    traces: Traces,
}

/// Starts the log and the traces.
pub(crate) fn start() -> anyhow::Result<Watching> {
    let (filter, passed_over) = process::log_filter::<EnvFilter>(Talk::Service);
    passed_over.iter().for_each(|said| crate::say(&format!("warning: {said}")));
    let writer = || LogLines(std::io::stderr());
    let logs = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    // Otherwise the layer would complain on stderr that stderr cannot be written, and panic.
    let logs = logs.log_internal_errors(false);
    let logs = logs.with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(logs);
    #[cfg(feature = "otel")]
    let traces = Traces::over_http(env!("CARGO_BIN_NAME"))?;
    #[cfg(feature = "otel")]
    let subscriber = subscriber.with(traces.layer());
    subscriber.init();
    Ok(Watching {
        #[cfg(feature = "otel")]
        traces,
    })
}

impl Watching {
    /// Sends the remaining traces.
    pub(crate) async fn end(self) {
        #[cfg(feature = "otel")]
        match tokio::task::spawn_blocking(move || self.traces.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(error) => tracing::warn!(%error, "the last traces were not sent"),
        }
    }
}
