//! The story: a host is told of a collector of OpenTelemetry, which here is a socket that reads what comes by the official
//! protobuf types. A caller's trace is continued, the parts of a prediction stand in it, and nothing is lost when the host stops.
//!
//! The fault: the collector is not there. What must hold: the host serves as if none had been named, and says it once.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use countersign_tests::{Host, Workshop};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// The trace and the span of the caller.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What a collector was sent: the path and the headers, and the spans with the resource they are of.
type Sent = (String, ExportTraceServiceRequest);

/// Listens, and gives what comes.
fn collector() -> (String, Receiver<Sent>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (give, take) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            while let Some(sent) = read(&mut stream) {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("the host reads");
                if give.send(sent).is_err() {
                    return;
                }
            }
        }
    });
    (url, take)
}

fn read(stream: &mut TcpStream) -> Option<Sent> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        let count = stream.read(&mut block).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(&block[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1)?.lines().next()?.parse::<usize>().ok()?;
        if let Some(body) = bytes.get(end + 4..end + 4 + length) {
            return Some((head, ExportTraceServiceRequest::decode(body).expect("what OTLP sends")));
        }
    }
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A host with a model, features of users, and a collector; its log is in `host.log`.
fn traced(workshop: &Workshop, collector: &str) -> Host {
    let mut command = Host::command(workshop, "127.0.0.1:0");
    command.args(["--otlp-endpoint", collector]);
    command.stderr(File::create(workshop.path("host.log")).expect("a file"));
    // Batches are sent this often, in milliseconds.
    let host = Host::spawn(command.env("OTEL_BSP_SCHEDULE_DELAY", "100").env("OTEL_RESOURCE_ATTRIBUTES", "team=risk"));
    workshop.publish(&host.url);
    host.wait_for_version(1);
    host
}

fn prepared() -> Workshop {
    let workshop = Workshop::new();
    workshop.sample(50);
    workshop.train("logistic", 5);
    workshop.approve(1);
    workshop
}

#[test]
fn a_callers_trace_is_continued_down_to_the_guest() {
    let workshop = prepared();
    let (url, sent) = collector();
    let host = traced(&workshop, &url);
    let address = host.address();
    let ask = |request: String| {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream.write_all(request.as_bytes()).expect("the host reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let head = format!("host: localhost\r\nconnection: close\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\n");
    let answer = ask(format!("GET /v1/users/5008804/prediction HTTP/1.1\r\n{head}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let body = r#"{"user_ids":[5008804,5008805]}"#;
    let kind = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let answer = ask(format!("POST /v1/predictions HTTP/1.1\r\n{head}{kind}\r\n{body}"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // What has not been sent when the host is told to stop is sent before it ends.
    host.tell_to_stop();
    assert!(host.wait().success());

    let mut spans: Vec<Span> = Vec::new();
    while let Ok((head, batch)) = sent.recv_timeout(Duration::from_millis(500)) {
        assert!(head.starts_with("post /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
        for of_resource in batch.resource_spans {
            let resource = of_resource.resource.expect("a resource");
            assert_eq!(text(&resource.attributes, "service.name").as_deref(), Some("countersign"));
            assert_eq!(text(&resource.attributes, "team").as_deref(), Some("risk"));
            spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let ours: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    for (name, route, status) in [
        ("GET /v1/users/{id}/prediction", "/v1/users/{id}/prediction", "200"),
        ("POST /v1/predictions", "/v1/predictions", "200"),
    ] {
        let request = ours.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {ours:?}"));
        assert_eq!(hex(&request.parent_span_id), PARENT);
        let attribute = |key| text(&request.attributes, key);
        assert_eq!(attribute("http.route").as_deref(), Some(route));
        assert_eq!(attribute("http.response.status_code").as_deref(), Some(status));
        assert_eq!(attribute("countersign.model").as_deref(), Some("credit-risk"));
        assert_eq!(attribute("countersign.version").as_deref(), Some("1"));
        let parts: Vec<_> = ours.iter().filter(|span| span.parent_span_id == request.span_id).collect();
        for part in ["features", "guest"] {
            let span = parts.iter().find(|span| span.name == part).unwrap_or_else(|| panic!("no {part} in {parts:?}"));
            assert!(span.start_time_unix_nano >= request.start_time_unix_nano, "{span:?}");
            assert!(span.end_time_unix_nano <= request.end_time_unix_nano, "{span:?}");
        }
    }
    let publications = spans.iter().filter(|span| span.name == "POST /v1/features");
    assert!(publications.count() > 0, "requests without a caller's trace begin their own");
}

#[test]
fn a_collector_that_is_not_there_is_nobodys_loss() {
    let workshop = prepared();
    let gone =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port that is free again");
    let host = traced(&workshop, &format!("http://{gone}"));
    for _ in 0..200 {
        assert_eq!(host.predict(5_008_804).status, 200);
    }
    host.tell_to_stop();
    assert!(host.wait().success());
    let log = std::fs::read_to_string(workshop.path("host.log")).expect("a log");
    assert_eq!(log.matches("takes no traces").count(), 1, "{log}");
    assert!(!log.contains("BatchSpanProcessor"), "{log}");
}
