//! A running host, asked over its real socket.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::binaries::countersign;
use crate::workshop::Workshop;

/// How long anything may take on a loaded machine before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A host that serves a workshop's registry; killed when dropped.
pub struct Host {
    process: Child,
    said: Mutex<BufReader<ChildStdout>>,
    agent: Agent,
    /// Where it listens.
    pub url: String,
}

/// What the host answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Host {
    /// Starts a host on a free port; its data lie in the workshop's `data`.
    pub fn start(workshop: &Workshop) -> Self {
        Self::start_at(workshop, "127.0.0.1:0")
    }

    /// Starts a host at an address, such as that of a host that was there before.
    pub fn start_at(workshop: &Workshop, address: &str) -> Self {
        Self::spawn(&mut Self::command(workshop, address))
    }

    /// Gives the command that starts a host at an address, to be added to.
    pub fn command(workshop: &Workshop, address: &str) -> Command {
        let mut command = countersign();
        command.args(["serve", "--insecure-loopback", "--listen", address, "--modules"]).arg(workshop.path("modules"));
        command.arg("--data").arg(workshop.path("data"));
        command
    }

    /// Starts a host by a command of one's own.
    pub fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the host starts");
        let mut said = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("the host said {line:?}"));
        let url = url.to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
        Self { process, said: Mutex::new(said), agent, url }
    }

    /// Gives the next line that it prints.
    pub fn next_line(&self) -> String {
        let mut line = String::new();
        self.said.lock().expect("no test panics with it").read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// Asks for a path; none where the connection failed.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        try_read(self.agent.get(format!("{}{path}", self.url)).call().ok()?)
    }

    /// Gives the text of a path's answer.
    pub fn text(&self, path: &str) -> String {
        let mut response = self.agent.get(format!("{}{path}", self.url)).call().expect("an answer");
        response.body_mut().read_to_string().expect("a whole answer")
    }

    /// Asks for a path with a token.
    pub fn get_with(&self, token: &str, path: &str) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        read(request.call().expect("an answer"))
    }

    /// Posts nothing to a path, with a token.
    pub fn post_with(&self, token: &str, path: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        read(request.send_empty().expect("an answer"))
    }

    /// Asks for a path, and demands an answer.
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// Sets the traffic of credit-risk; none where the connection failed.
    pub fn try_put_traffic(&self, traffic: &str) -> Option<Answer> {
        let url = format!("{}/v1/models/credit-risk/traffic", self.url);
        try_read(self.agent.put(url).content_type("application/json").send(traffic).ok()?)
    }

    /// Sets the traffic of credit-risk, and demands an answer.
    pub fn put_traffic(&self, traffic: &str) -> Answer {
        self.try_put_traffic(traffic).unwrap_or_else(|| panic!("no answer to {traffic}"))
    }

    /// Posts JSON.
    pub fn ask(&self, path: &str, body: &str) -> Answer {
        let url = format!("{}{path}", self.url);
        read(self.agent.post(url).content_type("application/json").send(body).expect("an answer"))
    }

    /// Posts feature records, one a line.
    pub fn post_records(&self, lines: &str) -> Answer {
        let url = format!("{}/v1/features", self.url);
        read(self.agent.post(url).content_type("application/x-ndjson").send(lines).expect("an answer"))
    }

    /// Gives how much of the host's memory is resident.
    pub fn resident_bytes(&self) -> f64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).expect("it runs, on Linux");
        let pages: f64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a count of pages");
        pages * 4096.0
    }

    /// Rolls credit-risk back to the version before.
    pub fn roll_back(&self) -> Answer {
        let url = format!("{}/v1/models/credit-risk/rollback", self.url);
        read(self.agent.post(url).send_empty().expect("an answer"))
    }

    /// Asks for a user's prediction.
    pub fn predict(&self, user: i64) -> Answer {
        self.get(&format!("/v1/users/{user}/prediction"))
    }

    /// Waits until a version of credit-risk is live.
    pub fn wait_for_version(&self, version: u64) {
        self.wait_until(&format!("version {version} is live"), |model| model["live_version"] == version);
    }

    /// Waits until the answer about credit-risk is as wanted.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        loop {
            let answer = self.get("/v1/models/credit-risk");
            if holds(&answer.body) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain until {what}: {}", answer.body);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Gives where it listens, without the protocol.
    pub fn address(&self) -> String {
        self.url.split_once("://").expect("a URL").1.to_owned()
    }

    /// Gives the process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the files found at the start are judged and a model is live.
    pub fn wait_ready(&self) {
        let start = Instant::now();
        loop {
            let answer = self.get("/health/ready");
            if answer.status == 200 {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain until it is ready: {}", answer.body);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Tells the host to finish what is under way and end.
    pub fn tell_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Kills the host outright while others still ask it.
    pub fn strike(&self) {
        self.signal("-KILL");
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.id().to_string()]).status().expect("kill runs");
        assert!(told.success(), "the host had ended by itself");
    }

    /// Kills the host outright.
    pub fn kill(mut self) {
        self.process.kill().expect("the host runs");
        self.process.wait().expect("a killed process ends");
    }

    /// Waits until the host has ended by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.process.wait().expect("the host ends")
    }
}

fn read(response: Response<Body>) -> Answer {
    try_read(response).expect("a whole answer")
}

fn try_read(mut response: Response<Body>) -> Option<Answer> {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().ok()?;
    Some(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails where the process has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
