//! What the host tells of itself while it runs: its log, to standard error, and, where a collector of OpenTelemetry is named,
//! traces. Only this module names opentelemetry; what is traced stands in `http::spans`.
//!
//! How much is traced, under which name, with which headers and in which batches is said in the variables that all programs
//! share: `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_BSP_*`.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};
use ureq::Agent;

use crate::ask::{Identity, agent};
use crate::config::LogFormat;

/// What is logged where nobody chooses: of the sender's own complaints, one a batch, none, since [`Sender`] has its say.
const LOGGED: &str = "info,opentelemetry_sdk=off,opentelemetry-otlp=off";
/// The time between two words about a collector that takes nothing.
const COMPLAINT: Duration = Duration::from_secs(60);
/// The target of spans; those of what is logged are the modules'.
pub const SPANS: &str = "countersign::spans";
/// The variable that chooses what is logged, such as `debug` or `host::http=debug`.
const LOG_VARIABLE: &str = "COUNTERSIGN_LOG";
/// How long a collector may take for a batch.
const EXPORT_WITHIN: Duration = Duration::from_secs(10);
/// How long the last batch may take when the host stops.
const LAST_EXPORT_WITHIN: Duration = Duration::from_secs(5);
/// The most bytes of a collector's answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The log and the traces of a running host.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts the log, and the traces where a collector is named.
    ///
    /// # Errors
    /// When the sender of traces cannot be made, as with a variable that makes no sense.
    pub fn start(format: LogFormat, collector: Option<&str>) -> anyhow::Result<Self> {
        let traces = collector.map(traces_to).transpose()?;
        // Logs go to stderr, so that stdout has the one line about the address and nothing else.
        let log = fmt::layer().with_writer(io::stderr);
        let log = match format {
            LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).boxed(),
            LogFormat::Json => log.json().flatten_event(true).boxed(),
        };
        let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(LOGGED));
        // With spans in nobody's filter they cost a request next to nothing.
        let spans = traces.as_ref().map(|traces| {
            tracing_opentelemetry::layer()
                .with_tracer(traces.tracer("countersign"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false)
                .with_filter(Targets::new().with_target(SPANS, LevelFilter::TRACE))
        });
        // It fails only where a log is set up already, as in a test.
        let _ = tracing_subscriber::registry().with(spans).with(log.with_filter(filter)).try_init();
        Ok(Self { traces })
    }

    /// Sends what is left.
    pub fn stop(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown_with_timeout(LAST_EXPORT_WITHIN)
        {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Makes a span part of the trace that a caller has begun, told by the headers of W3C Trace Context.
pub fn continue_trace(span: &Span, traceparent: &str, tracestate: Option<&str>) {
    let headers = [("traceparent", Some(traceparent)), ("tracestate", tracestate)];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let context = TraceContextPropagator::new().extract(&headers.collect::<HashMap<_, _>>());
    // A trace that cannot be continued begins here.
    let _ = span.set_parent(context);
}

fn traces_to(collector: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(Sender { agent: agent(EXPORT_WITHIN, Identity::Shown), complained: Mutex::new(None) })
        .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
        .build()
        .context("cannot send traces to --otlp-endpoint")?;
    let mut resource = Resource::builder();
    let says =
        |name: &str, what: &str| std::env::var(name).is_ok_and(|value| !value.is_empty() && value.contains(what));
    if !says("OTEL_SERVICE_NAME", "") && !says("OTEL_RESOURCE_ATTRIBUTES", "service.name=") {
        resource = resource.with_service_name("countersign");
    }
    let resource =
        resource.with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
    // On a thread of its own, with a bounded queue: where the collector is slow or gone, spans are dropped and requests go on.
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// Sends batches; it blocks, on the thread that the exporter has for it.
#[derive(Debug)]
struct Sender {
    agent: Agent,
    /// When it was last told that the collector takes nothing.
    complained: Mutex<Option<Instant>>,
}

impl Sender {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, mut body) = self.agent.run(request.map(|bytes| bytes.to_vec()))?.into_parts();
        let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(head, bytes.into()))
    }

    /// Tells now and then that traces are lost, and once that they are not any more.
    fn tell(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let refused = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        match refused {
            Some(cause) if complained.is_none_or(|at| at.elapsed() > COMPLAINT) => {
                tracing::warn!(
                    cause,
                    "the collector of --otlp-endpoint takes no traces: they are lost, and requests go on"
                );
                *complained = Some(Instant::now());
            }
            Some(_) => {}
            None if complained.take().is_some() => tracing::info!("the collector takes traces again"),
            None => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        self.tell(&sent);
        sent
    }
}
