//! The fault: ten times as many requests as the host can answer, by the clock and not by when it answers. The host has one core,
//! the clients another, so that what is measured is the host. `COUNTERSIGN_OVERLOAD_S` (2) seconds of each.
//!
//! What must hold: every request has its answer, a prediction or a refusal that says when to come again, and the host goes on
//! answering as many as it can. What the figures are is printed; only that they are of the right kind is asserted.

use std::time::{Duration, Instant};

use countersign_tests::{Host, RawAnswer, Workshop, read_scores};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Users whose predictions a request asks for.
const USERS: usize = 1_000;
/// Connections of the closed loop that finds the peak.
const PEAK_CLIENTS: usize = 8;
/// Connections of the open loop; each has one request under way.
const CLIENTS: usize = 1_024;
/// How many times the peak is offered.
const TIMES: f64 = 10.0;

/// What became of some requests.
#[derive(Default)]
struct Outcome {
    answered_ms: Vec<f64>,
    refused_ms: Vec<f64>,
    unanswered: usize,
}

impl Outcome {
    fn note(&mut self, answer: Option<(u16, bool)>, took: Duration) {
        let ms = took.as_secs_f64() * 1e3;
        match answer {
            Some((200, _)) => self.answered_ms.push(ms),
            Some((503, true)) => self.refused_ms.push(ms),
            Some(other) => panic!("an answer of another kind: {other:?}"),
            None => self.unanswered += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.answered_ms.extend(other.answered_ms);
        self.refused_ms.extend(other.refused_ms);
        self.unanswered += other.unanswered;
    }
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// A connection that asks the same again and again.
struct Client<'a> {
    address: &'a str,
    request: &'a [u8],
    stream: Option<TcpStream>,
}

impl Client<'_> {
    /// Asks once; gives the status and whether the answer says when to come again, or none where there is no answer.
    async fn ask(&mut self) -> Option<(u16, bool)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).await.ok()?,
        };
        // A refusal may come before all of it is sent.
        let sent = stream.write_all(self.request).await;
        let (mut bytes, mut block) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            if let Some(answer) = RawAnswer::read(&mut &bytes[..]) {
                if sent.is_ok() && !answer.closes {
                    self.stream = Some(stream);
                }
                return Some((answer.status, answer.head.contains("retry-after: ")));
            }
            match stream.read(&mut block).await {
                Ok(count) if count > 0 => bytes.extend_from_slice(&block[..count]),
                _ => return None,
            }
        }
    }
}

/// Asks over some connections, each as soon as it has its answer.
async fn closed(address: &str, request: &[u8], span: Duration) -> Outcome {
    let clients = (0..PEAK_CLIENTS).map(|_| async {
        let mut client = Client { address, request, stream: None };
        let (mut outcome, start) = (Outcome::default(), Instant::now());
        while start.elapsed() < span {
            let began = Instant::now();
            let answer = client.ask().await;
            outcome.note(answer, began.elapsed());
        }
        outcome
    });
    let mut all = Outcome::default();
    join_all(clients).await.into_iter().for_each(|outcome| all.add(outcome));
    all
}

/// Asks at a rate, whatever the answers do; gives also how many requests found no free connection.
async fn open(address: &str, request: &[u8], rate: f64, span: Duration) -> (Outcome, usize) {
    let (free, mut waiting) = mpsc::unbounded_channel();
    (0..CLIENTS).for_each(|_| free.send(Client { address, request, stream: None }).expect("it is open"));
    let (mut late, start) = (0, Instant::now());
    let mut asked = FuturesUnordered::new();
    let mut all = Outcome::default();
    let count = (rate * span.as_secs_f64()) as u32;
    for number in 0..count {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        while Instant::now() < due {
            tokio::select! {
                Some((answer, took)) = asked.next() => all.note(answer, took),
                () = tokio::time::sleep_until(due.into()) => {}
            }
        }
        let Ok(mut client) = waiting.try_recv() else {
            late += 1;
            continue;
        };
        let free = &free;
        asked.push(async move {
            let answer = client.ask().await;
            let took = due.elapsed();
            let _ = free.send(client);
            (answer, took)
        });
    }
    while let Some((answer, took)) = asked.next().await {
        all.note(answer, took);
    }
    (all, late)
}

/// Lets this thread, and what it starts, run on one of the cores that it may use.
fn stay_on(core: usize) {
    let may = sched_getaffinity(None).expect("the cores of this thread");
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| may.is_set(cpu)).collect();
    let mut only = CpuSet::new();
    only.set(cores[core % cores.len()]);
    sched_setaffinity(None, &only).expect("a core that it may use");
}

#[test]
fn ten_times_too_many_requests_are_refused_and_the_rest_answered() {
    let seconds = std::env::var("COUNTERSIGN_OVERLOAD_S").map_or(2, |count| count.parse().expect("a whole number"));
    let span = Duration::from_secs(seconds);
    let workshop = Workshop::new();
    workshop.sample(2_000);
    workshop.train("forest", 5);
    workshop.approve(1);
    // A thread of its own hands its one core down to the host.
    let start = || {
        stay_on(0);
        Host::start(&workshop)
    };
    let host = std::thread::scope(|scope| scope.spawn(start).join().expect("the host starts"));
    workshop.publish(&host.url);
    host.wait_for_version(1);
    stay_on(1);

    let users: Vec<_> =
        read_scores(&workshop, "modules/candidates/credit-risk-1.wasm").into_keys().take(USERS).collect();
    let body = serde_json::json!({ "user_ids": users }).to_string();
    let request = format!(
        "POST /v1/predictions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (address, request) = (host.address(), request.into_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (peak, mut flood, late, rate) = runtime.block_on(async {
        // Once for warm instances and connections.
        closed(&address, &request, span / 2).await;
        let peak = closed(&address, &request, span).await;
        assert!(peak.refused_ms.is_empty() && peak.unanswered == 0, "the peak is refused");
        let peak = peak.answered_ms.len() as f64 / span.as_secs_f64();
        let rate = peak * TIMES;
        let (flood, late) = open(&address, &request, rate, span).await;
        (peak, flood, late, rate)
    });
    let goodput = flood.answered_ms.len() as f64 / span.as_secs_f64();
    #[expect(clippy::print_stdout, reason = "what a long proof has shown")]
    {
        println!(
            "the peak is {peak:.0} requests of {USERS} predictions a second; offered {rate:.0}/s for {seconds} s:"
        );
        println!(
            "  answered {goodput:.0}/s, {:.2} of the peak, p99 {:.0} ms",
            goodput / peak,
            percentile(&mut flood.answered_ms, 0.99)
        );
        let refused = &mut flood.refused_ms;
        let (p50, p99) = (percentile(refused, 0.5), percentile(refused, 0.99));
        println!(
            "  refused {}: p50 {p50:.1} ms, p99 {p99:.1} ms, most {:.1} ms",
            refused.len(),
            percentile(refused, 1.0)
        );
        println!("  without an answer {}, without a connection {late}", flood.unanswered);
    }
    assert_eq!(flood.unanswered, 0, "requests without an answer");
    assert!(!flood.refused_ms.is_empty(), "nothing was refused: this was no overload");
    assert!(goodput > peak / 2.0, "the host answers {goodput:.0}/s of the {peak:.0}/s it can");
    assert_eq!(host.get("/health/ready").status, 200);
}
