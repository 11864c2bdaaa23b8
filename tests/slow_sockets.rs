//! The fault: clients that hold their sockets and say next to nothing: a third send no byte, a third a head a byte at a time, a third
//! as much of a head as fits and no end. `COUNTERSIGN_SLOW_SOCKETS` (600) of them at once, over real connections.
//!
//! What must hold: each is closed within 5 s by the default bounds, and a client that speaks properly is answered meanwhile.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use countersign_tests::{Host, Workshop};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a socket may be held, by the issue of the defaults: 4 s for a head, and a second for a machine that is busy.
const HELD_MAX: Duration = Duration::from_secs(5);

#[test]
fn slow_sockets_are_closed_and_others_served() {
    let count = std::env::var("COUNTERSIGN_SLOW_SOCKETS").map_or(600, |count| count.parse().expect("a whole number"));
    // This process holds as many sockets as the host does.
    let bound = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: bound.maximum, ..bound }).expect("open files up to the hard bound");
    let workshop = Workshop::new();
    let host = Host::start(&workshop);
    let address = host.address();

    let mut slow: Vec<_> = (0..count)
        .map(|number: usize| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            let began = Instant::now();
            if number % 3 == 2 {
                stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n").expect("a part of a head");
            }
            stream.set_nonblocking(true).expect("a socket");
            (stream, began, number % 3 == 1)
        })
        .collect();
    let drip =
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-slow: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    let (mut longest, mut asked, mut slowest) = (Duration::ZERO, 0, Duration::ZERO);
    for turn in 0.. {
        slow.retain_mut(|(stream, began, drips)| {
            let mut block = [0; 512];
            let closed = match stream.read(&mut block) {
                Ok(0) => true,
                Ok(_) => panic!("a head without an end was answered: {}", String::from_utf8_lossy(&block)),
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            if closed {
                longest = longest.max(began.elapsed());
            } else if *drips {
                // It fails where the host has closed, which the next look finds.
                let _ = stream.write(&drip[turn % drip.len()..][..1]);
            }
            !closed
        });
        if slow.is_empty() {
            break;
        }
        let start = Instant::now();
        assert_eq!(host.get("/health/live").status, 200);
        (asked, slowest) = (asked + 1, slowest.max(start.elapsed()));
        let oldest = slow.iter().map(|(_, began, _)| began.elapsed()).max().unwrap_or_default();
        assert!(oldest < 2 * HELD_MAX, "{} of {count} sockets are still held after {oldest:?}", slow.len());
        std::thread::sleep(Duration::from_millis(50));
    }
    #[expect(clippy::print_stdout, reason = "what a long proof has shown")]
    {
        println!(
            "{count} slow sockets, held for at most {:.2} s; meanwhile {asked} questions were answered, the slowest in {:.1} ms",
            longest.as_secs_f64(),
            slowest.as_secs_f64() * 1e3
        );
    }
    assert!(longest <= HELD_MAX, "a slow socket was held for {longest:?}");
    assert!(asked > 10, "{asked} questions");
}
