//! What the benchmarks share: a process, run and measured.

#![allow(dead_code, reason = "every benchmark uses its part")]

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code of a training whose candidate was written, and marked.
const GATES_FAILED: i32 = 4;

/// Short beside any run, long beside what a look costs.
const LOOK_EVERY: Duration = Duration::from_millis(4);

/// What a run took.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Its seconds: those of a line `seconds S` that it printed, or else those of its whole process.
    pub seconds: f64,
    /// The most megabytes that its process had resident; none where the system does not tell.
    pub megabytes: Option<f64>,
    /// What it printed.
    pub said: String,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.2} s, ", self.seconds)?;
        match self.megabytes {
            Some(megabytes) => write!(f, "{megabytes:5.0} MB"),
            None => write!(f, "memory not known"),
        }
    }
}

/// Runs a process to its end.
///
/// # Errors
/// What it complained of, where it failed or is not there.
pub fn run(mut command: Command) -> Result<Measured, String> {
    let start = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{command:?}: {error}"))?;
    // What it prints is a line or two, which the pipes hold until it has ended.
    let status = format!("/proc/{}/status", child.id());
    let mut megabytes = None;
    let ended = loop {
        // The high-water mark only rises, so that the last look tells.
        megabytes = high_water(&status).or(megabytes);
        match child.try_wait().expect("a child can be waited for") {
            Some(ended) => break ended,
            None => thread::sleep(LOOK_EVERY),
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let (mut said, mut complained) = (String::new(), String::new());
    child.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
    child.stderr.take().expect("a pipe").read_to_string(&mut complained).expect("text");
    // A candidate that missed a gate took as long to make as any.
    if !ended.success() && ended.code() != Some(GATES_FAILED) {
        return Err(complained.trim().to_owned());
    }
    let counted = said.lines().find_map(|line| line.strip_prefix("seconds ")?.parse().ok());
    Ok(Measured { seconds: counted.unwrap_or(seconds), megabytes, said: said.trim().to_owned() })
}

fn high_water(status: &str) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// Gives the median of the seconds, with the most memory of any run; none of no runs.
pub fn median(taken: &[Measured]) -> Option<Measured> {
    let mut sorted = taken.to_vec();
    sorted.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let middle = sorted.get(sorted.len() / 2)?.clone();
    let megabytes = sorted.iter().filter_map(|measured| measured.megabytes).reduce(f64::max);
    Some(Measured { megabytes, ..middle })
}

/// The real loan file, where it lies beside the checkout.
pub fn shared_loans() -> Option<PathBuf> {
    Path::new("../../shared/data/dataset_credit_risk.csv.gz").canonicalize().ok()
}

/// Gives the command that computes the features of a loan file.
pub fn features(loans: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feature-job"));
    command.args(["features", "--as-of", "2021-12-27", "--input"]).arg(loans).arg("--out").arg(out);
    command
}
