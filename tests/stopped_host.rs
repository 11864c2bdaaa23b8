//! The story: the host is told to stop (SIGTERM) while a request is under way.
//!
//! What must hold: the request that had begun is answered in full, the exit code is 0, and new connections are refused.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use countersign_tests::{Host, Workshop};

#[test]
fn what_is_in_flight_is_finished() {
    let workshop = Workshop::new();
    workshop.sample(50);
    let host = Host::start(&workshop);
    workshop.publish(&host.url);
    let address = host.url.strip_prefix("http://").expect("an address").to_owned();

    // A batch whose body is half sent when the host is told to stop.
    let mut stream = TcpStream::connect(&address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a deadline");
    let record = {
        let answer = host.get("/v1/users/5008804/features").body;
        let view = &answer["view"]["digest"];
        format!(
            "{{\"user_id\":77,\"event_time\":{},\"as_of\":{},\"view\":{view},\"features\":{}}}\n",
            answer["event_time"], answer["as_of"], answer["features"]
        )
    };
    let (first, second) = record.split_at(record.len() / 2);
    write!(
        stream,
        "POST /v1/features HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{first}",
        record.len()
    )
    .expect("the head and half the body");
    // A second request over its own connection is answered only after the host has read what came before it.
    assert_eq!(host.get("/health/live").status, 200);
    std::thread::sleep(Duration::from_millis(200));
    let told = Command::new("kill").args(["-TERM", &host.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    std::thread::sleep(Duration::from_millis(500));
    stream.write_all(second.as_bytes()).expect("the other half");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"accepted\":1"), "{answer}");
    assert_eq!(host.wait().code(), Some(0));
    assert!(TcpStream::connect(&address).is_err(), "nobody listens any more");

    let host = Host::start(&workshop);
    assert_eq!(host.get("/v1/users/77/features").status, 200, "and the batch was kept");
}
