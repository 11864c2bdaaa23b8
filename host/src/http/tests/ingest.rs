//! What `POST /v1/features` takes, refuses, and leaves unwritten.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::house::{Answer, House, line, record};
use crate::config::Limits;
use contract::record::FeatureRecord;

#[test]
fn a_batch_is_counted() {
    let house = House::new();
    let older = FeatureRecord { event_time: "2020-12-29".parse().expect("a day"), ..record(1) };
    let batch = [line(&record(1)), line(&older), line(&record(2)), line(&record(2))].concat();
    let answer = house.post(batch.as_bytes());
    assert_eq!((answer.status, &*answer.body), (200, r#"{"received":4,"accepted":3,"stale":1}"#));
    assert_eq!(house.post(line(&older).as_bytes()).body, r#"{"received":1,"accepted":0,"stale":1}"#);
    assert_eq!(house.app.store.len(), 2);
    let metrics = house.get("/metrics").body;
    assert!(metrics.contains("countersign_records_accepted_total 3\n"), "{metrics}");
    assert!(metrics.contains("countersign_records_stale_total 2\n"), "{metrics}");
}

#[test]
fn a_user_is_forgotten_and_may_come_back() {
    let house = House::new();
    assert_eq!(house.post(line(&record(1)).as_bytes()).status, 200);
    let forget = |id: &str| house.order("DELETE", &format!("/v1/users/{id}/features"), "", "");
    let answer = forget("1");
    assert_eq!((answer.status, &*answer.body), (204, ""));
    house.get("/v1/users/1/features").is_problem(404, "unknown_user");
    forget("1").is_problem(404, "unknown_user");
    forget("one").is_problem(400, "bad_user_id");
    assert_eq!(house.post(line(&record(1)).as_bytes()).status, 200);
    assert_eq!(house.get("/v1/users/1/features").status, 200);
}

#[test]
fn the_types_of_json_lines_are_taken_and_no_others() {
    let house = House::new();
    let body = line(&record(1));
    for fine in [
        "",
        "content-type: application/x-ndjson\r\n",
        "content-type: application/ndjson; charset=utf-8\r\n",
        "content-type: Application/JSONL\r\n",
        "content-encoding: identity\r\n",
    ] {
        assert_eq!(house.post_as(fine, body.as_bytes()).status, 200, "{fine}");
    }
    for wrong in ["content-type: application/json\r\n", "content-type: text/csv\r\n", "content-encoding: gzip\r\n"] {
        house.post_as(wrong, body.as_bytes()).is_problem(415, "unsupported_media_type");
    }
}

#[test]
fn one_bad_line_and_nothing_is_written() {
    let house = House::new();
    let good = line(&record(1));
    let check = |bad: &[u8], said: &str| {
        let answer = house.post(&[good.as_bytes(), b"\r\n", bad, b"\n", good.as_bytes()].concat());
        answer.is_problem(400, "bad_records");
        let json = answer.json();
        assert_eq!(json["errors"].as_array().map(Vec::len), Some(1), "{}", answer.body);
        assert_eq!(json["errors"][0]["line"], 3, "{}", answer.body);
        assert!(json["errors"][0]["error"].as_str().is_some_and(|text| text.contains(said)), "{}", answer.body);
    };
    check(b"not json", "not a feature record");
    check(b"{\"user_id\":1,\"na\xff\xfeme\":2}", "not a feature record");
    check(b"{\"user_id\":-1}", "not a feature record");
    check(b"[]", "not a feature record");
    check(good.trim().replace("\"age\":33", "\"age\":330").as_bytes(), "outside its range");
    check(good.trim().replace("\"flag_own_car\":1", "\"flag_own_car\":1,\"id\":2").as_bytes(), "not in the view");
    check(good.trim().replace("sha256:", "sha256:00").as_bytes(), "not a feature record");
    check("9".repeat(100_000).as_bytes(), "not a feature record");
    check("[".repeat(100_000).as_bytes(), "not a feature record");
    assert_eq!(house.app.store.len(), 0);
}

#[test]
fn twenty_bad_lines_are_named_and_all_are_counted() {
    let house = House::new();
    let answer = house.post("x\n".repeat(35).as_bytes());
    answer.is_problem(400, "bad_records");
    let json = answer.json();
    assert_eq!(json["errors"].as_array().map(Vec::len), Some(20));
    assert!(json["detail"].as_str().is_some_and(|text| text.starts_with("35 of 35")), "{}", answer.body);
}

#[test]
fn nothing_is_no_batch() {
    let house = House::new();
    for empty in ["", "\n", "\r\n \n"] {
        house.post(empty.as_bytes()).is_problem(400, "empty_batch");
    }
    house
        .raw(b"POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .is_problem(400, "empty_batch");
}

#[test]
fn obeyed_at_the_bound_refused_one_past_it() {
    let house = House::with(Limits { records_max: 3, body_bytes_max: 4000, ..Limits::default() });
    let lines = |count: u64| (1..=count).map(|id| line(&record(id))).collect::<String>();
    assert_eq!(house.post(lines(3).as_bytes()).status, 200);
    house.post(lines(4).as_bytes()).is_problem(413, "too_many_records");
    let padded = |length: usize| format!("{:<length$}", lines(1));
    assert_eq!(house.post(padded(4000).as_bytes()).status, 200);
    house.post(padded(4001).as_bytes()).is_problem(413, "body_too_large");
    assert_eq!(house.app.store.len(), 3);
}

#[test]
fn a_huge_body_is_refused_and_the_client_learns_why() {
    let house = House::with(Limits { body_bytes_max: 1 << 20, ..Limits::default() });
    house.post(&vec![b' '; 3 << 20]).is_problem(413, "body_too_large");
    let mut chunked =
        b"POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..32 {
        chunked.extend(b"10000\r\n");
        chunked.extend(vec![b' '; 0x10000]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    house.raw(&chunked).is_problem(413, "body_too_large");
    // A length that no memory holds must not be believed.
    let mut stream = house.connect();
    let head = "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 1000000000000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("the server reads");
    stream.shutdown(Shutdown::Write).expect("half a close");
    Answer::read(&mut stream).is_problem(400, "body_broken");
}

#[test]
fn a_body_cut_short_writes_nothing() {
    let house = House::new();
    let good = line(&record(1));
    let head = format!(
        "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        good.len() * 2
    );
    let mut stream = house.connect();
    stream.write_all(format!("{head}{good}").as_bytes()).expect("the server reads");
    stream.shutdown(Shutdown::Write).expect("half a close");
    Answer::read(&mut stream).is_problem(400, "body_broken");
    // The same in chunks, the first of which holds a whole record.
    let mut stream = house.connect();
    let head =
        "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}{:x}\r\n{good}\r\n", good.len()).as_bytes()).expect("the server reads");
    stream.shutdown(Shutdown::Write).expect("half a close");
    Answer::read(&mut stream).is_problem(400, "body_broken");
    assert_eq!(house.app.store.len(), 0);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let house = House::with(Limits { body: Duration::from_millis(200), ..Limits::default() });
    house
        .raw(b"POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{")
        .is_problem(408, "body_timeout");
}

#[test]
fn writers_past_the_bound_are_told_when_to_come_back() {
    let house = House::with(Limits { writes_max: 1, ..Limits::default() });
    let good = line(&record(1));
    let place = house.app.writes.try_acquire().expect("nobody writes");
    let busy = house.post(good.as_bytes());
    busy.is_problem(503, "writes_busy");
    assert!(busy.head.contains("retry-after: 1"), "{}", busy.head);
    drop(place);
    assert_eq!(house.post(good.as_bytes()).status, 200, "the place is free again");
}

/// Eight clients that kept their bodies back used to hold all places of writers.
#[test]
fn slow_senders_keep_nobody_from_writing() {
    let house = House::with(Limits { writes_max: 1, ..Limits::default() });
    let good = line(&record(1));
    let mut slow: Vec<_> = (0..8).map(|_| sends(&house, &good, 10)).collect();
    until_taken(&house, 80);
    assert_eq!(house.post(good.as_bytes()).status, 200);
    for stream in &mut slow {
        stream.write_all(&good.as_bytes()[10..]).expect("the server reads");
        assert_eq!(Answer::read(stream).status, 200);
    }
}

#[test]
fn bodies_past_the_bound_are_told_when_to_come_back() {
    let good = line(&record(1));
    let bodies_bytes_max = good.len() + 10;
    let house = House::with(Limits { bodies_bytes_max, ..Limits::default() });
    let mut slow = sends(&house, &good, 11);
    until_taken(&house, 11);
    let busy = house.post(good.as_bytes());
    busy.is_problem(503, "bodies_busy");
    assert!(busy.head.contains("retry-after: 1"), "{}", busy.head);
    slow.write_all(&good.as_bytes()[11..]).expect("the server reads");
    assert_eq!(Answer::read(&mut slow).status, 200);
    let _slow = sends(&house, &good, 10);
    until_taken(&house, 10);
    assert_eq!(house.post(good.as_bytes()).status, 200, "at the bound");
}

/// Begins to send a batch, and gives the connection after so many bytes of it.
fn sends(house: &House, batch: &str, bytes: usize) -> TcpStream {
    let length = batch.len();
    let head = format!(
        "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut stream = house.connect();
    stream.write_all(format!("{head}{}", &batch[..bytes]).as_bytes()).expect("the server reads");
    stream
}

/// Waits until bodies take so many bytes.
fn until_taken(house: &House, bytes: usize) {
    let left = house.app.limits.bodies_bytes_max - bytes;
    let taken = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        house.app.bodies.available_permits() == left
    });
    assert!(taken, "{} bytes are left, not {left}", house.app.bodies.available_permits());
}

#[test]
fn a_client_that_leaves_does_not_tear_its_write() {
    let house = House::new();
    let batch: String = (0..5000).map(|id| line(&record(id))).collect();
    let head = format!("POST /v1/features HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", batch.len());
    let mut stream = house.connect();
    stream.write_all(format!("{head}{batch}").as_bytes()).expect("the server reads");
    drop(stream);
    // All or nothing, whichever the server saw first: the whole body, or the end of the connection.
    for _ in 0..100 {
        let count = house.app.store.len();
        assert!(count == 0 || count == 5000, "{count} of 5000 records are written");
        std::thread::sleep(Duration::from_millis(10));
    }
}
