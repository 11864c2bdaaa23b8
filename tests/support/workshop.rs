//! A folder with a registry, keys and data, and the verbs run in it as a user runs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::binaries::{countersign, feature_job};

/// What `feature-job` ends with where a candidate was written and did not pass its gates.
const GATES_FAILED: i32 = 4;

/// A temporary folder with a registry in it.
pub struct Workshop {
    folder: TempDir,
}

impl Workshop {
    /// Makes the folder, an empty registry, and enrolled keys of a job and an approver.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let workshop = Self { folder };
        for sub in ["modules/candidates", "modules/approved"] {
            std::fs::create_dir_all(workshop.path(sub)).expect("a folder");
        }
        for (role, file) in [("job", "job.pem"), ("approver", "ada.pem")] {
            workshop.countersign(["keygen", "--role", role, "--out", file, "--modules", "modules"]);
        }
        workshop
    }

    /// Gives a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `feature-job` in the folder, and demands that it succeeds.
    pub fn feature_job<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        self.succeed(feature_job().args(words))
    }

    /// Runs `countersign` in the folder, and demands that it succeeds.
    pub fn countersign<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        self.succeed(countersign().args(words))
    }

    /// Runs a command in the folder.
    pub fn run(&self, command: &mut Command) -> Output {
        command.current_dir(self.folder.path()).output().expect("the binary runs")
    }

    fn succeed(&self, command: &mut Command) -> String {
        let output = self.run(command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?} failed:\n{said}\n{complained}");
        said
    }

    /// Writes a sample of users and computes its features.
    pub fn sample(&self, users: u32) {
        self.feature_job(["sample", "--users", &users.to_string(), "--seed", "11", "--out", "loans.csv"]);
        self.features(Path::new("loans.csv"), "2021-12-27");
    }

    /// Computes features of a loan file into `features.parquet`.
    pub fn features(&self, loans: &Path, as_of: &str) -> String {
        let loans = loans.to_str().expect("a plain path");
        self.feature_job(["features", "--input", loans, "--as-of", as_of, "--out", "features.parquet"])
    }

    /// Trains the next version of credit-risk, and demands that it is written. On samples as small as these a gate may fail,
    /// which is a story of its own (`governed.rs`).
    pub fn train(&self, recipe: &str, seed: u64) -> String {
        self.train_with(recipe, seed, &[])
    }

    /// As [`Self::train`], of a candidate of which nothing is demanded.
    pub fn train_ungated(&self, recipe: &str, seed: u64) -> String {
        std::fs::write(self.path("few.toml"), "[cost]\nmodule_bytes_max = 1e9\n").expect("a gate that all pass");
        self.train_with(recipe, seed, &["--gates", "few.toml"])
    }

    fn train_with(&self, recipe: &str, seed: u64, more: &[&str]) -> String {
        let seed = seed.to_string();
        let what = ["train", "--features", "features.parquet", "--recipe", recipe, "--model", "credit-risk"];
        let how = ["--key", "job.pem", "--out", "modules/candidates", "--seed", &seed];
        let output = self.run(feature_job().args(what).args(how).args(more));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | GATES_FAILED)), "{recipe} failed:\n{said}\n{complained}");
        said
    }

    /// Gives the path of a candidate of credit-risk.
    pub fn candidate(&self, version: u64) -> PathBuf {
        self.path(&format!("modules/candidates/credit-risk-{version}.wasm"))
    }

    /// Gives the path of an approved module of credit-risk.
    pub fn approved(&self, version: u64) -> PathBuf {
        self.path(&format!("modules/approved/credit-risk-{version}.wasm"))
    }

    /// Countersigns a version of credit-risk, whatever its gates say, and whether or not its report came with it.
    pub fn approve(&self, version: u64) -> String {
        self.succeed(&mut self.approval(version))
    }

    /// As [`Self::approve`], to be run by the caller.
    pub fn approval(&self, version: u64) -> Command {
        let candidate = self.candidate(version);
        let card = contract::seal::inspect(&std::fs::read(&candidate).expect("the candidate")).expect("a module").card;
        let mut command = countersign();
        command.current_dir(self.folder.path()).arg("approve").arg(&candidate);
        command.args(["--yes", "--key", "ada.pem", "--by", "Ada", "--reason", "a test", "--modules", "modules"]);
        if card.failed_gates().next().is_some() {
            command.args(["--override", "a small sample"]);
        }
        if !candidate.with_file_name(card.report_name()).exists() {
            command.arg("--without-report");
        }
        command
    }

    /// Publishes `features.parquet` to a host.
    pub fn publish(&self, url: &str) -> String {
        self.feature_job(["publish", "--features", "features.parquet", "--to", url])
    }
}

impl Default for Workshop {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives a file that lies beside the checkout and not in it; none, saying so, where it is absent.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new("../../shared/data").join(name).canonicalize();
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    if path.is_err() {
        eprintln!("skipped: {name} is not beside the checkout");
    }
    path.ok()
}
