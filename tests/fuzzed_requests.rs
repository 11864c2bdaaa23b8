//! The fault: requests that are almost right. Good ones of every route are changed at random, in path, head and body: bytes
//! flipped, cut out, doubled; numbers, texts and lists of the JSON replaced by others that mean trouble. `COUNTERSIGN_FUZZ` (20,000) of
//! them, seeded by `COUNTERSIGN_SEED`, over real sockets.
//!
//! What must hold: each has a whole answer, none of them a 5xx but the refusals of a host that is busy, which say when to come again;
//! no panic; and afterwards users are predicted as before.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use countersign_tests::{Chance, Host, RawAnswer, Workshop};
use serde_json::Value;

/// Connections at a time.
const CLIENTS: usize = 4;
/// Values that have troubled programs before.
const TROUBLE: [&str; 24] = [
    "null",
    "true",
    "-1",
    "0",
    "-0.0",
    "1e308",
    "1e999",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "NaN",
    "Infinity",
    "\"\"",
    "\"NaN\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"../../etc/passwd\"",
    "[]",
    "{}",
    "[[[[]]]]",
    "\"\u{202e}\u{1F600}\"",
    "{\"user_id\":5008804,\"user_id\":1}",
    "[1,\"a\",null]",
];
/// Bytes that mean something to one parser or another.
const BYTES: &[u8] = b"\0\n\r\t \"'%&+,-./:;<=>?[\\]{}\x7f\xff\xc3\x28";

/// A good request; `USER` stands for a user's id.
struct Good {
    method: &'static str,
    path: &'static str,
    kind: &'static str,
    body: String,
}

fn good_requests(record: &str) -> Vec<Good> {
    let get = |path| Good { method: "GET", path, kind: "", body: String::new() };
    let json = "application/json";
    let send = |method, path, kind, body: &str| Good { method, path, kind, body: body.to_owned() };
    let features = serde_json::from_str::<Value>(record).expect("a record")["features"].clone();
    let row = features.to_string();
    vec![
        get("/v1/users/USER/features"),
        get("/v1/users/USER/prediction"),
        get("/v1/users/USER/prediction?model=credit-risk&version=1"),
        get("/v1/models"),
        get("/v1/models/credit-risk"),
        get("/v1/models/credit-risk/traffic"),
        get("/health/ready"),
        get("/metrics"),
        get("/openapi.json"),
        get("/docs"),
        get("/v2"),
        get("/v2/models/credit-risk/versions/1"),
        get("/ping"),
        get("/version"),
        send("POST", "/v1/predictions", json, r#"{"user_ids":[USER,5008805,1],"features":true}"#),
        send("POST", "/v1/predictions?model=credit-risk", json, r#"{"user_ids":[USER,USER]}"#),
        send("POST", "/v1/features", "application/x-ndjson", &format!("{record}\n{record}\n")),
        send("POST", "/v1/models/credit-risk/score", json, &format!(r#"{{"rows":[{row},{row}]}}"#)),
        send(
            "POST",
            "/v2/models/credit-risk/infer",
            json,
            r#"{"inputs":[{"name":"user_id","shape":[2],"datatype":"INT64","data":[USER,5008804]}],"outputs":[{"name":"probability"}]}"#,
        ),
        send(
            "POST",
            "/v2/models/credit-risk/infer",
            json,
            r#"{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP64","data":[1,2,30,4,1]}]}"#,
        ),
        send("POST", "/v2/repository/index", json, r#"{"ready":true}"#),
        send(
            "POST",
            "/invocations",
            json,
            r#"{"dataframe_split":{"columns":["user_id"],"index":[0],"data":[[USER]]}}"#,
        ),
        send("POST", "/invocations", json, &format!(r#"{{"dataframe_records":[{row}]}}"#)),
        send("POST", "/invocations", json, r#"{"instances":[[USER]],"params":{"version":1}}"#),
        send("POST", "/invocations", json, r#"{"inputs":{"user_id":[USER]}}"#),
        send(
            "POST",
            "/get-online-features",
            json,
            r#"{"features":["credit-risk:age","nb_previous_loans"],"entities":{"user_id":[USER,2]},"full_feature_names":true}"#,
        ),
        send(
            "PUT",
            "/v1/models/credit-risk/traffic",
            json,
            r#"{"live":7,"canary":{"version":8,"percent":10},"shadow":[9]}"#,
        ),
        send("POST", "/v1/models/credit-risk/rollback", json, r#"{"to":7}"#),
    ]
}

/// Changes a text at random, a few times.
fn change(text: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..1 + chance.below(4) {
        let place = chance.below(text.len() + 1);
        match chance.below(8) {
            0 if place < text.len() => text[place] ^= 1 << chance.below(8),
            1 => text.truncate(place),
            2 => text.insert(place, BYTES[chance.below(BYTES.len())]),
            3 if place < text.len() => {
                let end = (place + 1 + chance.below(16)).min(text.len());
                text.drain(place..end);
            }
            4 => {
                let end = (place + chance.below(64)).min(text.len());
                let part = text[place..end].repeat(1 + chance.below(40));
                text.splice(place..place, part);
            }
            // A value of JSON, or what stands for one in a path.
            _ => {
                let is_start = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'"' | b'[' | b'{' | b'-');
                let Some(start) = (place..text.len()).find(|&at| is_start(text[at])) else { continue };
                let is_end = |byte: u8| matches!(byte, b',' | b']' | b'}' | b'/' | b'&' | b'?' | b':');
                let end = (start + 1..text.len()).find(|&at| is_end(text[at])).unwrap_or(text.len());
                text.splice(start..end, TROUBLE[chance.below(TROUBLE.len())].bytes());
            }
        }
    }
}

/// Makes a bad request of a good one.
///
/// Gives also whether its head says wrongly where it ends, so that what follows is another request.
fn bad_request(good: &Good, chance: &mut Chance) -> (Vec<u8>, bool) {
    let user = (5_008_804 + chance.below(60)).to_string();
    let mut path = good.path.replace("USER", &user).into_bytes();
    let mut body = good.body.replace("USER", &user).into_bytes();
    let mut kind = good.kind.as_bytes().to_vec();
    let mut more = match chance.below(8) {
        0 => b"x-request-id: one\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n".to_vec(),
        1 => b"accept: application/x-ndjson\r\n".to_vec(),
        2 => b"inference-header-content-length: 20\r\n".to_vec(),
        3 => b"authorization: Bearer cs_0123\r\n".to_vec(),
        _ => Vec::new(),
    };
    let what = chance.below(10);
    match what {
        0 => {}
        1 => change(&mut kind, chance),
        2 => change(&mut more, chance),
        3..=5 => change(&mut path, chance),
        _ if body.is_empty() => change(&mut path, chance),
        _ => change(&mut body, chance),
    }
    // Whoever writes requests writes these as they must be; a path with a blank or a line's end is another request.
    path.retain(|byte| !matches!(byte, b'\r' | b'\n' | b' '));
    kind.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    let method = if chance.below(40) == 0 {
        ["DELETE", "PATCH", "OPTIONS", "POST", "GET"][chance.below(5)]
    } else {
        good.method
    };
    let mut request = format!("{method} ").into_bytes();
    request.extend(path);
    request.extend(b" HTTP/1.1\r\nhost: localhost\r\n");
    if !kind.is_empty() {
        request.extend([b"content-type: ", &kind[..], b"\r\n"].concat());
    }
    request.extend(more);
    request.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
    request.extend(body);
    (request, what == 2)
}

/// Sends some of them; gives how many were refused by their statuses.
fn attack(address: &str, goods: &[Good], count: usize, mut chance: Chance) -> [usize; 6] {
    let mut statuses = [0; 6];
    let mut open: Option<TcpStream> = None;
    for _ in 0..count {
        let (request, cut) = bad_request(&goods[chance.below(goods.len())], &mut chance);
        let mut stream = open.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).expect("the host takes connections");
            stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a deadline");
            stream
        });
        // A refusal of a head may come, and the connection end, before all is sent.
        let sent = stream.write_all(&request);
        let Some(answer) = RawAnswer::read(&mut stream) else {
            // The one answer that may be lost is one to a request that could not be sent whole.
            assert!(sent.is_err(), "no answer to {}", String::from_utf8_lossy(&request));
            continue;
        };
        let (status, shown) = (answer.status, String::from_utf8_lossy(&request));
        statuses[usize::from(status / 100).min(5)] += 1;
        let busy = status == 503 && answer.head.contains("retry-after: ");
        assert!(status < 500 || busy, "{status}: {}\nto {shown}", String::from_utf8_lossy(&answer.body));
        if answer.head.contains("content-type: application/json") || answer.head.contains("problem+json") {
            let body: Result<Value, _> = serde_json::from_slice(&answer.body);
            assert!(body.is_ok(), "{}\nto {shown}", String::from_utf8_lossy(&answer.body));
        }
        if !answer.closes && sent.is_ok() && !cut {
            open = Some(stream);
        }
    }
    statuses
}

#[test]
fn no_request_breaks_the_host() {
    let count: usize = std::env::var("COUNTERSIGN_FUZZ").map_or(20_000, |count| count.parse().expect("a whole number"));
    let workshop = Workshop::new();
    workshop.sample(60);
    workshop.train("logistic", 5);
    workshop.approve(1);
    let log = workshop.path("host.log");
    let mut command = Host::command(&workshop, "127.0.0.1:0");
    command.arg("--prediction-log").arg(workshop.path("predictions"));
    command.stderr(Stdio::from(File::create(&log).expect("a log")));
    let host = Host::spawn(&mut command);
    workshop.publish(&host.url);
    host.wait_for_version(1);
    let before = host.predict(5_008_804).body;

    let features = host.get("/v1/users/5008804/features").body;
    let record = serde_json::json!({
        "user_id": 5_008_804, "event_time": features["event_time"], "as_of": features["as_of"],
        "view": features["view"]["digest"], "features": features["features"],
    });
    let goods = good_requests(&record.to_string());
    let mut chance = Chance::seeded();
    let address = host.address();
    let statuses = std::thread::scope(|scope| {
        let start = |_| {
            let (chance, goods, address) = (chance.child(), &goods, &address);
            scope.spawn(move || attack(address, goods, count / CLIENTS, chance))
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).fold([0; 6], |mut sums, more| {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            sums
        })
    });
    #[expect(clippy::print_stdout, reason = "what a long proof has shown")]
    {
        let [.., good, led, refused, busy] = statuses;
        println!(
            "{count} requests: {good} were answered, {led} led elsewhere, {refused} refused, {busy} told to come again"
        );
    }
    let said = std::fs::read_to_string(&log).expect("the log");
    assert!(!said.contains("panicked"), "{said}");
    assert!(statuses[2] > 0 && statuses[4] > 0, "{statuses:?}");
    // A changed record may have been a good one, so that the features may be newer; the version answers as before.
    let after = host.predict(5_008_804).body;
    assert_eq!(after["model"], before["model"]);
}
