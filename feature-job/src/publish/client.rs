//! One batch to the host: sent, sent again where that can help, and the answer read.

use std::fmt;
use std::io::Read as _;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::http::{Response, StatusCode, Uri};

/// How often a batch is sent before the host counts as gone: with the pauses below, some 12 seconds.
const ATTEMPTS_MAX: u32 = 7;
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A host flushes a batch to its disk before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer is a few numbers, or a problem; more is read by nobody.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Where a host listens, such as `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(String);

/// Why a host did not take a batch.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address is none.
    #[error("`{0}` is no host's address: write http://HOST:PORT, without a path (https is not spoken here)")]
    Address(String),
    /// The host was not reached, or was too busy, as often as was tried.
    #[error("{host} did not take the features in {attempts} attempts: {said}")]
    Gone {
        /// The host.
        host: Host,
        /// How often.
        attempts: u32,
        /// What the last attempt got.
        said: String,
    },
    /// The host refused the batch.
    #[error("{host} refused the features: {said}")]
    Refused {
        /// The host.
        host: Host,
        /// The status of its answer.
        status: u16,
        /// Its reason.
        said: String,
    },
    /// What answers is not a host of features, or counts differently.
    #[error("{host} gave an answer that is not a host's: {said}")]
    Answer {
        /// The host.
        host: Host,
        /// What is odd.
        said: String,
    },
}

/// What a host answers to a batch that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// How many records it stored.
    pub accepted: u64,
    /// How many it left, since it has newer ones.
    pub stale: u64,
    /// How many it read.
    pub received: u64,
}

impl HostError {
    /// Says what to do about it: to send again what was refused for itself would end the same.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "run it again",
            Self::Refused { status: 500.., .. } => "see the host's log, then run it again",
            Self::Refused { status: 400..500, .. } => "it would refuse the same again: mend what it names first",
            Self::Refused { .. } | Self::Answer { .. } | Self::Address(_) => "check the address given with --to",
        }
    }
}

impl FromStr for Host {
    type Err = HostError;
    fn from_str(text: &str) -> Result<Self, HostError> {
        let refused = || HostError::Address(text.escape_default().to_string());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        let named = uri.host().is_some_and(|host| !host.is_empty()) && !text.contains('@');
        if plain && named { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(refused()) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives a client that keeps its connection between batches.
pub fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_TIMEOUT));
    // A redirect would carry the features to a host that nobody named.
    config.max_redirects(0).proxy(None).build().into()
}

/// Sends a batch until the host takes it, refuses it, or counts as gone.
///
/// # Errors
/// [`HostError`].
pub fn send(agent: &Agent, host: &Host, body: &str, records: u64) -> Result<Answer, HostError> {
    let mut pause = PAUSE_FIRST;
    let mut attempt = 1;
    loop {
        let said = match post(agent, host, body) {
            Ok(mut response) if again(response.status()) => problem(&mut response),
            Ok(response) => return read(host, response, records),
            Err(error) => error.to_string(),
        };
        if attempt == ATTEMPTS_MAX {
            return Err(HostError::Gone { host: host.clone(), attempts: ATTEMPTS_MAX, said });
        }
        tracing::warn!(
            attempt,
            pause_ms = pause.as_millis() as u64,
            "the host did not take a batch, sending again: {said}"
        );
        thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
        attempt += 1;
    }
}

fn post(agent: &Agent, host: &Host, body: &str) -> Result<Response<ureq::Body>, ureq::Error> {
    agent.post(format!("{host}/v1/features")).content_type("application/x-ndjson").send(body)
}

/// Whether the host may take later what it does not take now.
fn again(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
}

fn read(host: &Host, mut response: Response<ureq::Body>, records: u64) -> Result<Answer, HostError> {
    if response.status() != StatusCode::OK {
        let status = response.status().as_u16();
        return Err(HostError::Refused { host: host.clone(), status, said: problem(&mut response) });
    }
    let odd = |said: String| HostError::Answer { host: host.clone(), said };
    let text = text(&mut response);
    let answer: Answer = serde_json::from_str(&text).map_err(|error| odd(format!("{error} in `{}`", short(&text))))?;
    let Answer { accepted, stale, received } = answer;
    if received == records && accepted.checked_add(stale) == Some(records) {
        Ok(answer)
    } else {
        Err(odd(format!("{records} records were sent, {received} received, {accepted} accepted, {stale} stale")))
    }
}

/// Gives the host's own words from its problem+json, or the start of whatever it sent.
fn problem(response: &mut Response<ureq::Body>) -> String {
    #[derive(Deserialize)]
    struct Problem {
        title: Option<String>,
        detail: Option<String>,
    }
    let (status, text) = (response.status().as_u16(), text(response));
    match serde_json::from_str::<Problem>(&text) {
        Ok(Problem { title, detail }) if title.is_some() || detail.is_some() => {
            let words: Vec<_> = [title, detail].into_iter().flatten().map(|words| short(&words)).collect();
            format!("{} ({status})", words.join(": "))
        }
        _ => format!("status {status} {}", short(&text)).trim_end().to_owned(),
    }
}

fn text(response: &mut Response<ureq::Body>) -> String {
    let mut bytes = Vec::new();
    // What was read before a connection broke still tells something.
    let _ = response.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Another machine's words, fit for a terminal.
fn short(words: &str) -> String {
    words.chars().take(500).flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
