//! Publishing against a small real server: what is sent, what is sent again, and what stops it.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use common::{file, loan, table};
use contract::record::FeatureRecord;
use contract::view::FeatureView;
use feature_job::offline::Table;
use feature_job::publish::{Host, PublishError, Summary, publish};

/// A server that gives one prepared answer a request, in order; an empty answer closes the connection without a word.
struct Server {
    host: Host,
    requests: Receiver<(String, String)>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, requests) = channel();
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("the job connects");
                sender.send(request(&mut stream)).expect("the test listens");
                stream.write_all(answer.as_bytes()).expect("the job reads");
            }
        });
        Self { host: format!("http://{address}/").parse().expect("an address"), requests, thread }
    }

    fn requests(self) -> Vec<(String, String)> {
        self.thread.join().expect("every prepared answer was fetched");
        self.requests.iter().collect()
    }
}

/// Reads a request: its head and its body.
fn request(stream: &mut TcpStream) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a whole head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head of text").to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).expect("a whole body");
    (head, String::from_utf8(body).expect("a body of text"))
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn took(accepted: u64, stale: u64) -> String {
    let received = accepted + stale;
    answer("200 OK", &format!(r#"{{"accepted":{accepted},"stale":{stale},"received":{received}}}"#))
}

/// Three users, the first with two loans.
fn three_users() -> Table {
    let lines = [
        loan(1, 1, "2020-01-01", "100"),
        loan(2, 1, "2020-02-01", "200"),
        loan(3, 2, "2020-01-05", "100"),
        loan(4, 3, "2020-01-06", "100"),
    ];
    table(&file(&lines), "2021-01-01").1
}

fn send(host: &Host, batch: usize) -> Result<Summary, PublishError> {
    publish(&three_users(), host, batch, |_| {})
}

#[test]
fn the_latest_loan_of_each_user_is_sent_in_batches() {
    let server = Server::start(vec![took(2, 0), took(0, 1)]);
    assert_eq!(send(&server.host, 2).expect("both are taken"), Summary { users: 3, stale: 1 });

    let requests = server.requests();
    let view = FeatureView::credit_risk();
    let mut records = Vec::new();
    for (head, body) in &requests {
        assert!(head.starts_with("post /v1/features http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-ndjson\r\n"), "{head}");
        assert!(body.ends_with('\n'));
        let read = |line: &str| FeatureRecord::from_json(line.as_bytes(), view, view.digest()).expect("a record");
        records.push(body.lines().map(read).collect::<Vec<_>>());
    }
    assert_eq!(records.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let first = &records[0][0];
    assert_eq!((first.entity.get(), first.event_time.to_string().as_str()), (1, "2020-02-01"));
    assert_eq!(first.as_of.to_string(), "2021-01-01");
    // Ages at as-of: on the day of the loan the job was 5 years old.
    assert_eq!(first.values, [1.0, 100.0, 31.0, 6.0, 0.0]);
    assert!(records[1][0].values[1].is_nan());
}

#[test]
fn a_busy_or_vanished_host_is_asked_again() {
    let busy = answer("503 Service Unavailable", r#"{"title":"busy"}"#);
    let server = Server::start(vec![busy, String::new(), answer("429 Too Many Requests", ""), took(3, 0)]);
    assert_eq!(send(&server.host, 1000).expect("taken in the end"), Summary { users: 3, stale: 0 });
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|(_, body)| *body == requests[0].1), "the same batch each time");
}

#[test]
fn a_refusal_stops_at_once_with_the_hosts_words() {
    let problem = r#"{"type":"about:blank","title":"bad record","status":400,"detail":"line 1: age is \u001b[31m-1"}"#;
    let server = Server::start(vec![took(1, 0), answer("400 Bad Request", problem)]);
    let error = send(&server.host, 1).expect_err("refused").to_string();
    assert!(error.contains("after 1 of 3 users") && error.contains("bad record: line 1: age is"), "{error}");
    assert!(error.contains("mend what it names") && !error.contains("run it again"), "{error}");
    assert!(!error.contains('\u{1b}'), "the host's words are escaped: {error}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_redirect_or_an_odd_answer_stops() {
    let moved = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for odd in [
        moved.to_owned(),
        answer("404 Not Found", "<html>"),
        answer("500 Internal Server Error", ""),
        answer("200 OK", "ok"),
        answer("200 OK", r#"{"accepted":1,"stale":0,"received":1}"#),
        answer("200 OK", r#"{"accepted":1,"stale":0,"received":3}"#),
    ] {
        let server = Server::start(vec![odd.clone()]);
        assert!(matches!(send(&server.host, 1000), Err(PublishError::Host { taken: 0, users: 3, .. })), "{odd}");
        assert_eq!(server.requests().len(), 1, "{odd}");
    }
}

#[test]
fn addresses_and_batches_are_checked() {
    for bad in ["", "127.0.0.1:8080", "https://host", "http://", "http://host/v1", "http://a@host", "ftp://host"] {
        assert!(bad.parse::<Host>().is_err(), "{bad:?}");
    }
    assert_eq!("http://127.0.0.1:8080/".parse::<Host>().expect("an address").to_string(), "http://127.0.0.1:8080");
    let host = "http://127.0.0.1:9".parse().expect("an address");
    for batch in [0, 10_001] {
        assert!(matches!(send(&host, batch), Err(PublishError::Batch(_))), "{batch}");
    }
}
