//! A steady load of single predictions over connections that are kept, every answer checked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How many connections there are, each with a thread.
pub const CONNECTIONS: usize = 8;

/// A user, and what must be answered.
pub struct User {
    /// Its id.
    pub id: i64,
    request: Vec<u8>,
    /// The bits of the score of version v at (v - 1) modulo their number.
    scores: Vec<u64>,
}

impl User {
    /// Takes an id and the bits of every kind's score.
    pub fn new(id: i64, scores: Vec<u64>) -> Self {
        Self { id, request: get(&format!("/v1/users/{id}/prediction")), scores }
    }

    fn check(&self, body: &[u8]) {
        let told = || String::from_utf8_lossy(body);
        let answer: Prediction = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", told()));
        let score = self.scores[(answer.model.version - 1) % self.scores.len()];
        assert_eq!((answer.user_id, answer.probability.to_bits()), (self.id, score), "{}", told());
    }
}

/// Gives the bytes of a request for a path.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// What is read of an answer.
#[derive(Deserialize)]
pub struct Prediction {
    user_id: i64,
    probability: f64,
    /// Who answered.
    pub model: Answerer,
}

/// Who answered.
#[derive(Deserialize)]
pub struct Answerer {
    /// The version.
    pub version: usize,
}

/// Connections, and how many requests a second go over them.
pub struct Load<'a> {
    connections: Vec<Connection>,
    users: &'a [User],
    /// Requests a second; set it after [`capacity`](Self::capacity).
    pub rate: f64,
}

impl<'a> Load<'a> {
    /// Connects.
    pub fn new(address: &str, users: &'a [User]) -> Self {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(address)).collect();
        Self { connections, users, rate: f64::INFINITY }
    }

    /// Asks as fast as answers come, and gives how many came a second.
    pub fn capacity(&mut self, spell: Duration) -> f64 {
        let mut latencies = Latencies::default();
        let start = Instant::now();
        self.steady(&mut latencies, || std::thread::sleep(spell));
        latencies.0.len() as f64 / start.elapsed().as_secs_f64()
    }

    /// Keeps the load up for as long as something else takes.
    pub fn steady(&mut self, latencies: &mut Latencies, meanwhile: impl FnOnce()) {
        let (done, users, rate) = (&AtomicBool::new(false), self.users, self.rate);
        let start = Instant::now();
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..)
                .zip(&mut self.connections)
                .map(|(lane, connection)| {
                    scope.spawn(move || {
                        let mut taken = vec![];
                        for turn in (lane..).step_by(CONNECTIONS) {
                            // Without a rate each request is due when the one before is answered.
                            let due = if rate.is_finite() {
                                start + Duration::from_secs_f64(turn as f64 / rate)
                            } else {
                                Instant::now()
                            };
                            std::thread::sleep(due.saturating_duration_since(Instant::now()));
                            if done.load(Ordering::Relaxed) {
                                break;
                            }
                            let user = &users[turn * 7919 % users.len()];
                            user.check(connection.ask(&user.request));
                            taken.push(due.elapsed().as_micros() as u32);
                        }
                        taken
                    })
                })
                .collect();
            meanwhile();
            done.store(true, Ordering::Relaxed);
            for sender in senders {
                latencies.0.extend(sender.join().expect("no request failed"));
            }
        });
    }
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Connects to an address.
    pub fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the host listens");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("an option");
        Self { stream, read: vec![0; 64 << 10] }
    }

    /// Sends a request, demands a success, and gives the body.
    pub fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).expect("the connection is kept");
        let mut length = 0;
        let (body, end) = loop {
            let more = self.stream.read(&mut self.read[length..]).expect("an answer");
            assert!(more > 0, "the host closed the connection");
            length += more;
            if let Some((body, end)) = extent(&self.read[..length]).filter(|(_, end)| *end <= length) {
                break (body, end);
            }
        };
        assert!(self.read.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&self.read[..length]));
        &self.read[body..end]
    }
}

/// Gives where the body of an answer begins and ends, once its head is there.
fn extent(read: &[u8]) -> Option<(usize, usize)> {
    let body = read.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&read[..body]).expect("a head is text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    Some((body, body + length.parse::<usize>().expect("a number")))
}

/// Latencies in microseconds.
#[derive(Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Prints a row of the table, and gives the 99th percentile in milliseconds.
    pub fn tell(mut self, name: &str) -> f64 {
        self.0.sort_unstable();
        let at = |share: f64| f64::from(self.0[((self.0.len() - 1) as f64 * share) as usize]) / 1000.0;
        let (p50, p99, p999, most) = (at(0.5), at(0.99), at(0.999), at(1.0));
        println!("| {name} | {} | {p50:.2} ms | {p99:.2} ms | {p999:.2} ms | {most:.1} ms |", self.0.len());
        p99
    }
}
