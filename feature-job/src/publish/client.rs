//! What is asked of a host: to take a batch, and what it serves; asked again where that can help.

mod answer;

use std::time::{Duration, Instant};

use backon::{BlockingRetryable as _, ExponentialBuilder};
use contract::record::FeatureRecord;
use contract::token::Token;
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, RequestBuilder};

use super::host::Host;
use answer::{Answer, Served};

const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A host flushes a batch to its disk before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer is a few numbers, a user's features, or a problem; more is read by nobody.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Why a host did not take a batch.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address is none.
    #[error("`{0}` is no host's address: write http://HOST:PORT or https://HOST:PORT, without a path")]
    Address(String),
    /// The host was not reached, or was too busy, for as long as was tried.
    #[error("{host} did not answer as it should in {attempts} attempts over {seconds} s: {said}")]
    Gone {
        /// The host.
        host: Host,
        /// How often.
        attempts: u32,
        /// How long.
        seconds: u64,
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

impl HostError {
    /// Says what to do about it: to send again what was refused for itself would end the same.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "run it again, it goes on from there (--patience waits longer)",
            Self::Refused { status: 500.., .. } => "see the host's log, then run it again",
            Self::Refused { status: 401 | 403, .. } => {
                "it takes a token with the role ingest: name its file with --token-file, or set COUNTERSIGN_TOKEN"
            }
            Self::Refused { status: 400..500, .. } => "it would refuse the same again: mend what it names first",
            Self::Refused { .. } | Self::Answer { .. } | Self::Address(_) => "check the address given with --to",
        }
    }
}

/// What became of a batch that the host took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// How many records it left, since it has newer ones.
    pub stale: u64,
    /// How often it was sent: after more than once, the host may be another process.
    pub attempts: u32,
}

/// A client of one host, that keeps its connection between batches.
pub struct Client {
    agent: Agent,
    host: Host,
    token: Option<Token>,
    patience: Duration,
}

/// An answer, read to its end.
struct Answered {
    status: StatusCode,
    text: String,
    attempts: u32,
}

/// Why an attempt gave no answer.
enum Failure {
    /// The next attempt may fare better.
    Passing(String),
    /// It would fare the same.
    Lasting(String),
}

impl Client {
    /// Gives a client that asks for as long as `patience` where a host is gone or busy.
    pub fn new(host: Host, token: Option<Token>, patience: Duration) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_TIMEOUT));
        // Certificates count as everywhere on this machine: by the system's store, or the file that SSL_CERT_FILE names.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        // A redirect would carry the features to a host that nobody named.
        let agent = config.max_redirects(0).proxy(None).tls_config(tls).build().into();
        Self { agent, host, token, patience }
    }

    /// Gives the host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Sends a batch until the host takes it, refuses it, or counts as gone.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn send(&self, body: &str, records: u64) -> Result<Taken, HostError> {
        let url = format!("{}/v1/features", self.host);
        let answered =
            self.ask(|| self.bearing(self.agent.post(&url)).content_type("application/x-ndjson").send(body))?;
        if answered.status != StatusCode::OK {
            return Err(self.refused(&answered));
        }
        match Answer::read(&answered.text, records) {
            Ok(answer) => Ok(Taken { stale: answer.stale, attempts: answered.attempts }),
            Err(said) => Err(HostError::Answer { host: self.host.clone(), said }),
        }
    }

    /// Tells whether the host serves a record: this one, or a newer one of its user.
    ///
    /// # Errors
    /// [`HostError`], where it does not answer.
    pub fn serves(&self, record: &FeatureRecord) -> Result<bool, HostError> {
        let url = format!("{}/v1/users/{}/features", self.host, record.entity);
        let answered = self.ask(|| self.bearing(self.agent.get(&url)).call())?;
        if let StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN = answered.status {
            return Err(self.refused(&answered));
        }
        let served = (answered.status == StatusCode::OK).then(|| Served::read(&answered.text)).flatten();
        Ok(served.is_some_and(|served| served.covers(record)))
    }

    fn refused(&self, Answered { status, text, .. }: &Answered) -> HostError {
        let said = answer::problem(*status, text);
        HostError::Refused { host: self.host.clone(), status: status.as_u16(), said }
    }

    fn bearing<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", token.bearer()),
            None => request,
        }
    }

    fn ask(&self, request: impl Fn() -> Result<Response<ureq::Body>, ureq::Error>) -> Result<Answered, HostError> {
        let start = Instant::now();
        let mut attempts = 0;
        let attempt = || {
            attempts += 1;
            attempt(request())
        };
        // The same pauses on every run: there is one job to a host, so there is no crowd to scatter.
        let pauses =
            ExponentialBuilder::new().with_min_delay(PAUSE_FIRST).with_max_delay(PAUSE_MAX).without_max_times();
        let answered = attempt
            .retry(pauses)
            .when(|failure| matches!(failure, Failure::Passing(_)) && start.elapsed() < self.patience)
            .notify(|failure, pause| {
                let (Failure::Passing(said) | Failure::Lasting(said)) = failure;
                tracing::warn!(pause_ms = pause.as_millis() as u64, "the host did not answer, asking again: {said}");
            })
            .call();
        let host = self.host.clone();
        match answered {
            Ok((status, text)) => Ok(Answered { status, text, attempts }),
            Err(Failure::Passing(said)) => {
                Err(HostError::Gone { host, attempts, seconds: start.elapsed().as_secs(), said })
            }
            Err(Failure::Lasting(said)) => Err(HostError::Answer { host, said }),
        }
    }
}

/// Reads an answer to its end, and tells what may pass from what will not.
fn attempt(response: Result<Response<ureq::Body>, ureq::Error>) -> Result<(StatusCode, String), Failure> {
    let mut response = response.map_err(|error| match error {
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) | ureq::Error::Http(_) => {
            Failure::Lasting(format!("it does not speak HTTP as hosts do ({error})"))
        }
        error => Failure::Passing(error.to_string()),
    })?;
    let status = response.status();
    let text = answer::text(&mut response, ANSWER_BYTES_MAX).map_err(|error| Failure::Passing(error.to_string()))?;
    if passes(status) { Err(Failure::Passing(answer::problem(status, &text))) } else { Ok((status, text)) }
}

/// Whether the host may take later what it does not take now; the gateway's answers stand for a host that restarts behind one.
fn passes(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT
    )
}
