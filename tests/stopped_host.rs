//! The story: the host is told to stop (SIGTERM) while a request is under way.
//!
//! What must hold: the request that had begun is answered in full, the exit code is 0, and new connections are refused. Under
//! load no request that a client could send goes without its answer, and no answer without its line in the log of predictions,
//! `COUNTERSIGN_STOPS` times (3).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use countersign_tests::{Chance, Host, RawAnswer, Workshop};

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
        "POST /v1/features HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{first}",
        record.len()
    )
    .expect("the head and half the body");
    // A second request over its own connection is answered only after the host has read what came before it.
    assert_eq!(host.get("/health/live").status, 200);
    std::thread::sleep(Duration::from_millis(200));
    host.tell_to_stop();
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

/// Asks for predictions over one connection until the host wants no more; gives how many were answered, and how many were sent and
/// were not.
fn ask_until_the_end(address: &str) -> (u64, u64) {
    let (mut answered, mut lost) = (0, 0);
    let request = b"GET /v1/users/5008804/prediction HTTP/1.1\r\nhost: localhost\r\n\r\n";
    'connections: while let Ok(mut stream) = TcpStream::connect(address) {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a deadline");
        loop {
            if stream.write_all(request).is_err() {
                // Nothing was sent: the host had closed before.
                continue 'connections;
            }
            let Some(answer) = RawAnswer::read(&mut stream) else {
                lost += 1;
                continue 'connections;
            };
            assert_eq!(answer.status, 200, "{answer:?}");
            answered += 1;
            if answer.closes {
                continue 'connections;
            }
        }
    }
    (answered, lost)
}

#[test]
fn nothing_is_lost_where_a_host_under_load_is_stopped() {
    let stops = std::env::var("COUNTERSIGN_STOPS").ok().map_or(3, |count| count.parse().expect("a whole number"));
    let workshop = Workshop::new();
    workshop.sample(50);
    workshop.train("logistic", 5);
    workshop.approve(1);
    let host = Host::start(&workshop);
    workshop.publish(&host.url);
    host.kill();
    let mut chance = Chance::seeded();
    let mut all = 0;
    for stop in 1..=stops {
        let _ = std::fs::remove_dir_all(workshop.path("log"));
        let log = workshop.path("log");
        let host = Host::spawn(Host::command(&workshop, "127.0.0.1:0").arg("--prediction-log").arg(&log));
        host.wait_ready();
        let address = host.address();
        let (answered, lost) = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| ask_until_the_end(&address))).collect();
            std::thread::sleep(Duration::from_millis(20) + chance.moment(Duration::from_millis(150)));
            host.tell_to_stop();
            let status = host.wait();
            assert!(status.success(), "stop {stop}: {status}");
            let sums = clients.into_iter().map(|client| client.join().expect("a client"));
            sums.fold((0, 0), |(answered, lost), (more, gone)| (answered + more, lost + gone))
        });
        assert!(answered > 0, "stop {stop}: no load");
        assert_eq!(lost, 0, "stop {stop}: {lost} requests without an answer, {answered} with one");
        let files = std::fs::read_dir(&log).expect("a log").map(|entry| entry.expect("an entry").path());
        let lines: usize = files.map(|file| std::fs::read_to_string(file).expect("a log").lines().count()).sum();
        assert_eq!(lines as u64, answered, "stop {stop}: answers, and lines in the log");
        all += answered;
    }
    #[expect(clippy::print_stdout, reason = "what a long proof has shown")]
    {
        println!("{stops} stops amid {all} requests: none without its answer");
    }
}
