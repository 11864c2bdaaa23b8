//! What is traced of a request: itself, the reading of features, and the guest. Where no collector of traces is named, spans are
//! in nobody's filter, and cost next to nothing.

use axum::http::{HeaderMap, Method, StatusCode};
use tracing::Span;
use tracing::field::Empty;

use super::identity::{RequestId, TRACEPARENT};
use super::models::Live;
use crate::telemetry::{SPANS, continue_trace};

/// Begins the span of a request, in the trace of its caller where there is one.
pub fn request(method: &Method, route: &'static str, id: &RequestId, headers: &HeaderMap) -> Span {
    let span = tracing::trace_span!(
        target: SPANS,
        parent: None,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = Empty,
        countersign.request_id = &*id.0,
        countersign.model = Empty,
        countersign.version = Empty,
        countersign.digest = Empty,
    );
    if !span.is_disabled() {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(traceparent) = header(TRACEPARENT.as_str()) {
            continue_trace(&span, traceparent, header("tracestate"));
        }
    }
    span
}

/// Says how a request was answered.
pub fn answered(span: &Span, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", i64::from(status.as_u16()));
    // A refusal is the caller's; what is ours to mend is an error.
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// Begins the span of reading features.
pub fn features() -> Span {
    tracing::trace_span!(target: SPANS, "features")
}

/// Begins the span of a guest's work, and says in the request's own which version that is.
pub fn guest(live: &dyn Live) -> Span {
    let span = tracing::trace_span!(target: SPANS, "guest");
    if !span.is_disabled() {
        let request = Span::current();
        request.record("countersign.model", live.card().model.as_str());
        request.record("countersign.version", live.card().version.get());
        request.record("countersign.digest", live.digest().to_string());
    }
    span
}
