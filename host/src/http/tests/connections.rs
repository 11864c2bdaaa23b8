//! Clients that speak no HTTP, are slow, or too many; and how the server ends.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use super::house::{Answer, House, line, record};
use crate::config::Limits;

#[test]
fn what_is_no_http_is_refused() {
    let house = House::new();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        assert_eq!(house.raw(bytes).status, 400, "{bytes:?}");
    }
    let long = format!("GET /health/live HTTP/1.1\r\nhost: localhost\r\nlong: {}\r\n\r\n", "x".repeat(200_000));
    let mut stream = house.connect();
    // The server may answer and close while this is still being written: then the answer can get lost, never be another.
    let _ = stream.write_all(long.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(house.get("/health/live").status, 200, "and the server goes on");
    let metrics = house.get("/metrics").body;
    let counted =
        metrics.lines().find(|line| line.starts_with("countersign_http_turned_away_total{reason=\"unreadable\"} "));
    let counted: u64 = counted.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("a count");
    assert!(counted >= 4, "{counted}");
}

#[test]
fn several_requests_share_a_connection() {
    let house = House::new();
    let mut stream = house.connect();
    let request = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let last = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{request}{request}{last}").as_bytes()).expect("the server reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("three answers");
    assert_eq!(text.matches("HTTP/1.1 200").count(), 3, "{text}");
}

#[test]
fn a_slow_head_and_an_idle_connection_are_closed() {
    let short = Duration::from_millis(200);
    let house = House::with(Limits { head: short, idle: short, ..Limits::default() });
    for sent in [&b""[..], b"GET /health/li", b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut stream = house.connect();
        stream.write_all(sent).expect("the server reads");
        let start = Instant::now();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the server closes");
        assert!(start.elapsed() < Duration::from_secs(10), "{sent:?}");
    }
}

#[test]
fn a_connection_may_idle_longer_than_a_head_may_take() {
    let house = House::with(Limits { head: Duration::from_millis(200), ..Limits::default() });
    let mut stream = house.connect();
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut answer = vec![0; 15];
    for _ in 0..3 {
        stream.write_all(request).expect("the server reads");
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, b"HTTP/1.1 200 OK");
        let mut rest = [0; 4096];
        let _ = stream.read(&mut rest).expect("the rest of it");
        std::thread::sleep(Duration::from_millis(500));
    }
    stream.write_all(&request[..20]).expect("the server reads");
    let start = Instant::now();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the server closes");
    assert!(start.elapsed() < Duration::from_secs(10), "a head that is begun is to be finished");
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let house = House::with(Limits { head: Duration::from_millis(600), ..Limits::default() });
    let mut slow: Vec<_> = (0..300).map(|_| house.connect()).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        stream.write_all(&b"GET /health/live HTT"[..number % 20]).expect("the server reads");
    }
    let start = Instant::now();
    assert_eq!(house.get("/health/live").status, 200);
    assert!(start.elapsed() < Duration::from_millis(500), "it waited for the slow ones");
    for mut stream in slow {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "slow clients are still held");
}

#[test]
fn requests_past_the_bound_are_told_so_and_health_is_not_counted() {
    let house = House::with(Limits { requests_max: 1, ..Limits::default() });
    let mut busy = house.connect();
    let good = line(&record(1));
    let head = format!(
        "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        good.len()
    );
    busy.write_all(head.as_bytes()).expect("the server reads");
    let mut go = [0; 25];
    busy.read_exact(&mut go).expect("a go-ahead");
    let refused = house.get("/v1/models");
    refused.is_problem(503, "requests_busy");
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(house.get("/health/live").status, 200);
    assert_eq!(house.get("/metrics").status, 200, "a host that is busy is looked at all the more");
    busy.write_all(good.as_bytes()).expect("the server still reads");
    assert_eq!(Answer::read(&mut busy).status, 200);
    assert_eq!(house.get("/v1/models").status, 200, "the place is free again");
}

#[test]
fn a_client_that_asks_too_often_is_told_when_to_come_again() {
    let house = House::with(Limits { client_requests_per_second: 2, ..Limits::default() });
    let answers: Vec<_> = (0..4).map(|_| house.get("/v1/models")).collect();
    assert_eq!([answers[0].status, answers[1].status], [200, 200]);
    answers[3].is_problem(429, "too_fast");
    assert!(answers[3].head.contains("retry-after: 1"), "{}", answers[3].head);
    assert_eq!(house.get("/health/live").status, 200, "health is told whatever else is asked for");
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(house.get("/v1/models").status, 200);
}

#[test]
fn a_client_that_never_reads_is_given_up() {
    let house =
        House::with(Limits { write_stall: Duration::from_millis(300), connections_max: 1, ..Limits::default() });
    let mut stream = house.connect();
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    // Requests until the answers fill both sockets' buffers and the server stops reading.
    let request = b"GET /v1/models/xyz HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
    while stream.write_all(&request).is_ok() {}
    let freed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        house.get("/health/live").status == 200
    });
    assert!(freed, "the only place is still taken");
}

#[test]
fn connections_past_the_bound_are_told_so() {
    let house = House::with(Limits { connections_max: 2, ..Limits::default() });
    let mut held: Vec<_> = (0..2).map(|_| house.connect()).collect();
    for stream in &mut held {
        stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("the server reads");
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 200");
    }
    let busy = house.get("/health/live");
    busy.is_problem(503, "connections_busy");
    assert!(busy.head.contains("retry-after"), "{}", busy.head);
    drop(held);
    let freed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        house.get("/health/live").status == 200
    });
    assert!(freed, "a place is free when its connection has ended");
    let metrics = house.get("/metrics").body;
    assert!(metrics.contains("countersign_http_turned_away_total{reason=\"connections_busy\"} "), "{metrics}");
}

#[test]
fn stopping_finishes_what_is_under_way_and_closes_what_is_idle() {
    let mut house = House::new();
    let good = line(&record(1));
    let mut idle = house.connect();
    let mut busy = house.connect();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("the server reads");
    let head = format!(
        "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        good.len()
    );
    busy.write_all(head.as_bytes()).expect("the server reads");
    // `100 Continue` shows that the handler waits for the body.
    let mut go = [0; 25];
    busy.read_exact(&mut go).expect("a go-ahead");
    assert!(go.starts_with(b"HTTP/1.1 100"));
    house.stop();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).expect("an idle connection is closed");
    assert!(rest.starts_with(b"HTTP/1.1 200"));
    assert!(std::net::TcpStream::connect(house.address).is_err(), "the port is closed");
    busy.write_all(good.as_bytes()).expect("the server still reads");
    let answer = Answer::read(&mut busy);
    assert_eq!((answer.status, &*answer.body), (200, r#"{"received":1,"accepted":1,"stale":0}"#));
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    house.wait();
}

#[test]
fn the_drain_is_bounded() {
    let mut house = House::with(Limits { drain: Duration::from_millis(300), ..Limits::default() });
    let mut stuck = house.connect();
    stuck
        .write_all(
            b"POST /v1/features HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n",
        )
        .expect("the server reads");
    let mut go = [0; 25];
    stuck.read_exact(&mut go).expect("a go-ahead");
    let start = Instant::now();
    house.stop();
    house.wait();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
