//! Traces: the spans of the cache, sent to an OpenTelemetry collector by OTLP over HTTP. Only with the feature `otel`.
//!
//! The libraries create plain `tracing` spans of level TRACE, which cost a comparison while nobody listens. A
//! [`Traces`] provides the layer that listens, to spans only: `RUST_LOG` still decides what is logged.
//!
//! Used by the example service.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as ExportsSpans};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// The crates whose spans are sent, with their modules.
const TARGETS: [&str; 3] = ["billing_cache", "billing_core", "billing_outbox"];

/// If a collector takes longer for a batch, the batch is lost.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// Spans that are being sent to a collector.
#[derive(Clone, Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends spans in batches, by a thread of its own, to the address in the standard variables:
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` (`http://localhost:4318` if unset) and its relatives. `OTEL_SERVICE_NAME` replaces
    /// `service`. There is no TLS: the collector runs beside the process.
    ///
    /// # Errors
    /// A variable without a usable value.
    pub fn over_http(service: &'static str) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder().with_http().with_http_client(Client::new()).build()?;
        Ok(Self::over(exporter, service))
    }

    /// The same to this collector, such as `http://localhost:4318`, whatever the variables say.
    ///
    /// # Errors
    /// An invalid address.
    pub fn over_http_to(collector: &str, service: &'static str) -> Result<Self, ExporterBuildError> {
        let builder = SpanExporter::builder().with_http().with_http_client(Client::new());
        let exporter = builder.with_endpoint(format!("{collector}/v1/traces")).build()?;
        Ok(Self::over(exporter, service))
    }

    /// The same with another exporter.
    #[must_use]
    pub fn over(exporter: impl ExportsSpans + 'static, service: &'static str) -> Self {
        let named = std::env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty());
        let resource = Resource::builder();
        let resource = if named { resource } else { resource.with_service_name(service) };
        Self(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build())
    }

    /// The layer with which a subscriber receives the spans.
    pub fn layer<S>(&self) -> impl Layer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer(env!("CARGO_PKG_NAME")));
        layer.with_location(false).with_threads(false).with_target(false).with_filter(filter_fn(is_sent))
    }

    /// Sends the remaining spans. Blocks until they are sent or given up; call it before the process ends, outside of
    /// the async threads.
    ///
    /// # Errors
    /// The collector did not take them.
    pub fn flush(&self) -> Result<(), OTelSdkError> {
        self.0.force_flush()
    }
}

fn is_sent(metadata: &Metadata<'_>) -> bool {
    let crate_of_span = metadata.target().split("::").next().unwrap_or_default();
    metadata.is_span() && TARGETS.contains(&crate_of_span)
}

/// A blocking client: batches are sent by a thread that does nothing else.
#[derive(Debug)]
struct Client(ureq::Agent);

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder();
        Self(config.http_status_as_error(false).timeout_global(Some(SEND_DEADLINE)).proxy(None).build().into())
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let answer = self.0.run(Request::from_parts(parts, body.to_vec()))?;
        let (parts, mut body) = answer.into_parts();
        Ok(Response::from_parts(parts, body.read_to_vec()?.into()))
    }
}
