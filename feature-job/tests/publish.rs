//! Publishing against a small real server: what is sent, what is sent again, what stops it, and where the next run goes on.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{Folder, file, loan};
use contract::record::{FeatureRecord, features_json};
use contract::view::FeatureView;
use feature_job::publish::{Host, HostError, Options, PublishError, Summary, publish};

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
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
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

fn unknown() -> String {
    answer("404 Not Found", r#"{"title":"unknown user"}"#)
}

/// What a host answers of a user whose record it was sent.
fn served(sent: &str) -> String {
    let view = FeatureView::credit_risk();
    let record = FeatureRecord::from_json(sent.as_bytes(), view, view.digest()).expect("a record");
    let body = serde_json::json!({
        "user_id": record.entity, "event_time": record.event_time, "as_of": record.as_of,
        "view": {"name": view.name, "digest": record.view}, "features": features_json(view, &record.values),
    });
    answer("200 OK", &body.to_string())
}

/// The store of three users, the first with two loans, and what its publication leaves beside it.
struct Store {
    folder: Folder,
}

impl Store {
    fn new() -> Self {
        let lines = [
            loan(1, 1, "2020-01-01", "100"),
            loan(2, 1, "2020-02-01", "200"),
            loan(3, 2, "2020-01-05", "100"),
            loan(4, 3, "2020-01-06", "100"),
        ];
        let folder = Folder::new();
        let input = folder.put("loans.csv", file(&lines));
        folder.build(&[input], "2021-01-01").expect("a fine loan file");
        Self { folder }
    }

    fn send_with(&self, host: &Host, options: Options) -> Result<Summary, PublishError> {
        publish(&self.folder.out, host, &options, |_, _| {})
    }

    fn send(&self, host: &Host, batch_records: usize) -> Result<Summary, PublishError> {
        let patience = Duration::from_secs(20);
        self.send_with(host, Options { token: None, batch_records, patience, restart: false })
    }

    fn checkpoint(&self) -> PathBuf {
        self.folder.out.with_file_name("features.parquet.publish.json")
    }

    /// What is sent of each user, learned from a publication that goes well.
    fn records(&self) -> Vec<String> {
        let server = Server::start(vec![took(3, 0)]);
        self.send(&server.host, 3).expect("it goes well");
        server.requests()[0].1.lines().map(str::to_owned).collect()
    }
}

fn counts(summary: Result<Summary, PublishError>) -> (u64, u64, u64) {
    let Summary { users, stale, resumed, .. } = summary.expect("all is taken");
    (users, stale, resumed)
}

/// The users whose records a request carries.
fn users(request: &(String, String)) -> Vec<u64> {
    let view = FeatureView::credit_risk();
    let read = |line: &str| FeatureRecord::from_json(line.as_bytes(), view, view.digest()).expect("a record");
    request.1.lines().map(|line| read(line).entity.get()).collect()
}

#[test]
fn the_latest_loan_of_each_user_is_sent_in_batches() {
    let server = Server::start(vec![took(2, 0), took(0, 1)]);
    let store = Store::new();
    let summary = store.send(&server.host, 2).expect("both are taken");
    assert_eq!((summary.as_of.to_string().as_str(), summary.first.map(|id| id.get())), ("2021-01-01", Some(1)));
    assert_eq!(counts(Ok(summary)), (3, 1, 0));
    assert!(!store.checkpoint().exists(), "nothing is left to resume");

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
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"acc".to_owned();
    let gateway = answer("502 Bad Gateway", "<html>");
    let answers = vec![busy, String::new(), answer("429 Too Many Requests", ""), broken, gateway, took(3, 0)];
    let server = Server::start(answers);
    assert_eq!(counts(Store::new().send(&server.host, 1000)), (3, 0, 0));
    let requests = server.requests();
    assert_eq!(requests.len(), 6);
    assert!(requests.iter().all(|(_, body)| *body == requests[0].1), "the same batch each time");
}

#[test]
fn patience_ends() {
    let store = Store::new();
    // A port that nobody listens at any more.
    let nobody = Server::start(vec![]);
    let host = nobody.host.clone();
    nobody.requests();
    let start = Instant::now();
    let patience = Duration::from_millis(500);
    let error = store
        .send_with(&host, Options { token: None, batch_records: 1, patience, restart: false })
        .expect_err("nobody");
    let PublishError::Host { taken: 0, users: 3, source: HostError::Gone { attempts, .. } } = error else {
        panic!("{error}");
    };
    // Pauses of 0.2, 0.4 and 0.8 s: the last attempt begins when patience is at its end.
    assert!((3..=4).contains(&attempts), "{attempts}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_refusal_stops_at_once_with_the_hosts_words() {
    let problem = r#"{"type":"about:blank","title":"bad record","status":400,"detail":"line 1: age is \u001b[31m-1"}"#;
    let server = Server::start(vec![took(1, 0), answer("400 Bad Request", problem)]);
    let error = Store::new().send(&server.host, 1).expect_err("refused").to_string();
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
        "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(),
        answer("404 Not Found", "<html>"),
        answer("500 Internal Server Error", ""),
        answer("200 OK", "ok"),
        answer("200 OK", r#"{"accepted":1,"stale":0,"received":1}"#),
        answer("200 OK", r#"{"accepted":1,"stale":0,"received":3}"#),
        answer("200 OK", &format!(r#"{}{{"accepted":3,"stale":0,"received":3}}"#, " ".repeat(100_000))),
    ] {
        let server = Server::start(vec![odd.clone()]);
        let error = Store::new().send(&server.host, 1000).expect_err("it is odd");
        assert!(matches!(error, PublishError::Host { taken: 0, users: 3, .. }), "{odd}: {error}");
        assert_eq!(server.requests().len(), 1, "{odd}");
    }
}

#[test]
fn a_run_that_was_cut_off_is_gone_on_with() {
    let store = Store::new();
    let served = served(&store.records()[0]);
    let server = Server::start(vec![took(1, 0), answer("400 Bad Request", ""), served, took(1, 1)]);
    store.send(&server.host, 1).expect_err("the second user is refused");
    assert!(store.checkpoint().exists());
    assert_eq!(counts(store.send(&server.host, 1000)), (3, 1, 1));
    assert!(!store.checkpoint().exists());
    let requests = server.requests();
    assert!(requests[2].0.starts_with("get /v1/users/1/features http/1.1\r\n"), "{}", requests[2].0);
    assert_eq!(users(&requests[3]), [2, 3]);
}

#[test]
fn a_host_that_lost_what_it_took_is_sent_everything() {
    let store = Store::new();
    let records = store.records();
    let older = served(&records[0]).replace("2020-02-01", "2020-01-01");
    let another = served(&records[0]).replace(r#""nb_previous_loans":1"#, r#""nb_previous_loans":0"#);
    for said in [unknown(), older, another, served(&records[1]), answer("500 Internal Server Error", "")] {
        let server = Server::start(vec![took(1, 0), answer("400 Bad Request", ""), said.clone(), took(3, 0)]);
        store.send(&server.host, 1).expect_err("the second user is refused");
        assert_eq!(counts(store.send(&server.host, 1000)), (3, 0, 0), "{said}");
        assert_eq!(users(&server.requests()[3]), [1, 2, 3], "{said}");
    }
}

#[test]
fn other_work_starts_from_the_beginning() {
    let refused = || vec![took(1, 0), answer("400 Bad Request", "")];
    let cut_off = |store: &Store, answers: Vec<String>| {
        let server = Server::start(answers);
        store.send(&server.host, 1).expect_err("the second user is refused");
        server
    };
    let again = || [refused(), vec![took(3, 0)]].concat();
    let options = |restart| Options { token: None, batch_records: 1000, patience: Duration::from_secs(20), restart };
    let check = |what: &str, server: Server, summary: Result<Summary, PublishError>| {
        assert_eq!(counts(summary), (3, 0, 0), "{what}");
        assert_eq!(users(server.requests().last().expect("a request")), [1, 2, 3], "{what}");
    };

    let store = Store::new();
    let server = cut_off(&store, again());
    let summary = store.send_with(&server.host, options(true));
    check("--restart", server, summary);

    let server = cut_off(&store, again());
    store.folder.build(&[store.folder.out.with_file_name("loans.csv")], "2021-01-02").expect("a fine loan file");
    let summary = store.send_with(&server.host, options(false));
    check("another store", server, summary);

    cut_off(&store, refused());
    let server = Server::start(vec![took(3, 0)]);
    let summary = store.send_with(&server.host, options(false));
    check("another host", server, summary);

    let server = cut_off(&store, again());
    std::fs::write(store.checkpoint(), "{").expect("a write");
    let summary = store.send_with(&server.host, options(false));
    check("a checkpoint that does not read", server, summary);
}

#[test]
fn a_host_that_comes_back_is_asked_for_what_it_took() {
    let store = Store::new();
    let one = || took(1, 0);
    let served = served(&store.records()[0]);

    let server = Server::start(vec![one(), String::new(), one(), served, one()]);
    assert_eq!(counts(store.send(&server.host, 1)), (3, 0, 0));
    let sent: Vec<_> = server.requests().iter().map(users).collect();
    assert_eq!(sent, [vec![1], vec![2], vec![2], vec![], vec![3]]);

    let server = Server::start(vec![one(), String::new(), one(), unknown(), one(), one(), one()]);
    assert_eq!(counts(store.send(&server.host, 1)), (3, 0, 0));
    let sent: Vec<_> = server.requests().iter().map(users).collect();
    assert_eq!(sent, [vec![1], vec![2], vec![2], vec![], vec![1], vec![2], vec![3]]);

    let loses = [one(), String::new(), one(), unknown()];
    let server = Server::start(vec![loses; 3].concat());
    assert!(matches!(store.send(&server.host, 1), Err(PublishError::Forgetful(_))));
    server.requests();
}

#[test]
fn a_checkpoint_that_cannot_be_written_stops_nothing() {
    let store = Store::new();
    std::fs::create_dir(store.checkpoint()).expect("a folder in its place");
    let server = Server::start(vec![took(2, 0), took(1, 0)]);
    assert_eq!(counts(store.send(&server.host, 2)), (3, 0, 0));
    server.requests();
}

#[test]
fn addresses_and_batches_are_checked() {
    for bad in ["", "127.0.0.1:8080", "http://", "https://host/v1", "http://a@host", "ftp://host"] {
        assert!(bad.parse::<Host>().is_err(), "{bad:?}");
    }
    assert_eq!("http://127.0.0.1:8080/".parse::<Host>().expect("an address").to_string(), "http://127.0.0.1:8080");
    let host = "http://127.0.0.1:9".parse().expect("an address");
    for batch in [0, 10_001] {
        assert!(matches!(Store::new().send(&host, batch), Err(PublishError::Batch(_))), "{batch}");
    }
}
