//! The id of a request: the caller's own, where it sends one, or a new one. It stands in the answer, in the log, and in the log of
//! predictions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header of W3C Trace Context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The most characters of a caller's id.
const ID_CHARS_MAX: usize = 128;

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// Takes the caller's `x-request-id`, or else the trace id of its `traceparent`, or else makes one.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let own = text(REQUEST_ID)
            .filter(|id| (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
        match own.or_else(|| text(TRACEPARENT).and_then(trace_id)) {
            Some(id) => Self(id.into()),
            None => Self::new(),
        }
    }

    /// Makes a new one: this process's random number and a counter.
    fn new() -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| {
            let mut bytes = [0; 8];
            // Without random bytes ids are still unlike within the process.
            let _ = getrandom::fill(&mut bytes);
            u64::from_le_bytes(bytes)
        });
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        Self(format!("{:016x}{:016x}", *PROCESS, COUNTER.fetch_add(1, Ordering::Relaxed)).into())
    }

    /// Gives it as a header has it.
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// Gives the trace id of `VERSION-TRACE-PARENT-FLAGS`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let fine = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16);
    (fine && trace.bytes().any(|byte| byte != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: HeaderName, value: &str) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a header"));
        RequestId::of(&headers)
    }

    #[test]
    fn callers_ids_are_kept_and_others_made() {
        assert_eq!(&*of(REQUEST_ID, "order-7").0, "order-7");
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(&*of(TRACEPARENT, trace).0, "4bf92f3577b34da6a3ce929d0e0e4736");
        let made = |id: RequestId| id.0.len() == 32 && id.header().is_some();
        for bad in ["two words", "", &"x".repeat(129)] {
            assert!(made(of(REQUEST_ID, bad)), "{bad}");
        }
        for bad in [
            "00-0-0-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(made(of(TRACEPARENT, bad)) && !of(TRACEPARENT, bad).0.contains("4bf92"), "{bad}");
        }
        assert_ne!(RequestId::new(), RequestId::new());
    }
}
