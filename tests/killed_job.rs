//! The fault: the job is killed outright while it computes features, trains, or does both.
//!
//! Injected by SIGKILL to the real binary at random moments, 6 times for each verb, or as often as `COUNTERSIGN_KILLS` says (the
//! figure of docs/measured.md is of 50: `tests/kills.sh`). What must hold: every file is whole, the old one or the new one; nothing but a
//! hidden temporary file for each file written is left behind, and the next run removes it and ends well.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use contract::digest::Digest;
use countersign_tests::{Chance, Workshop, feature_job};
use serde_json::Value;

/// Files by their path in the workshop.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn kills() -> usize {
    std::env::var("COUNTERSIGN_KILLS").ok().map_or(6, |kills| kills.parse().expect("a whole number"))
}

/// A verb that is killed again and again, and what it writes.
struct Verb<'a> {
    workshop: &'a Workshop,
    words: Vec<&'a str>,
    /// Where it writes, files and folders.
    outputs: &'a [&'a str],
}

impl Verb<'_> {
    fn command(&self) -> Command {
        let mut command = feature_job();
        command.args(&self.words).current_dir(self.workshop.path("."));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it to its end; gives how long it took and what it wrote.
    fn whole(&self) -> (Duration, Files) {
        let start = Instant::now();
        self.workshop.feature_job(&self.words);
        let took = start.elapsed();
        assert!(self.temporary().is_empty(), "a run that ends leaves {:?} behind", self.temporary());
        (took, self.files())
    }

    fn files(&self) -> Files {
        let paths = self.outputs.iter().flat_map(|output| listed(&self.workshop.path(output)));
        paths.filter(|path| !is_temporary(path)).map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
    }

    fn temporary(&self) -> Vec<PathBuf> {
        let folders = self.outputs.iter().map(|output| self.workshop.path(output));
        let folders =
            folders.filter_map(|output| Some(if output.is_dir() { output } else { output.parent()?.to_owned() }));
        let mut found: Vec<_> = folders.flat_map(|folder| listed(&folder)).filter(|path| is_temporary(path)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// A manifest may tell of the old store and of the new one, as long as it names the store that is there.
    fn is_manifest_of_store(&self, path: &Path, bytes: &[u8]) -> bool {
        let store = Digest::of(&fs::read(self.workshop.path("features.parquet")).unwrap_or_default());
        let manifest = serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        path.ends_with(MANIFEST) && manifest.to_string().contains(&store.to_string())
    }

    /// Puts these files in their places, and takes all others away but those that a killed run left.
    fn restore(&self, files: &Files) {
        for path in self.files().into_keys().filter(|path| !files.contains_key(path)) {
            fs::remove_file(path).expect("a file");
        }
        for (path, bytes) in files {
            fs::write(path, bytes).expect("a file");
        }
    }

    /// Kills it at random moments, from `old` on; `new` is what a whole run gives.
    fn check(&self, old: &Files, new: &Files, took: Duration) {
        let mut chance = Chance::seeded();
        let (mut killed, mut changed, mut left) = (0, 0, 0);
        for kill in 0..kills() {
            self.restore(old);
            // A little past its end, so that its very last steps are hit as well.
            let ended = chance.kill(&mut self.command(), took.mul_f64(1.1));
            let found = self.files();
            for (path, bytes) in &found {
                let known = [old, new].iter().any(|files| files.get(path) == Some(bytes));
                let whole = known || self.is_manifest_of_store(path, bytes);
                assert!(whole, "kill {kill}: {} is neither old nor new", path.display());
            }
            let lost: Vec<_> = old.keys().filter(|path| !found.contains_key(*path)).collect();
            assert!(lost.is_empty(), "kill {kill}: {lost:?} are gone");
            assert!(self.temporary().len() <= self.outputs.len(), "kill {kill}: {:?} pile up", self.temporary());
            if ended.signal().is_none() {
                assert!(ended.success() && found == *new, "kill {kill}: a run that ended is whole");
            }
            killed += usize::from(ended.signal().is_some());
            changed += usize::from(found != *old);
            left = left.max(self.temporary().len());
        }
        #[expect(clippy::print_stdout, reason = "the figures are what this is run for")]
        {
            let verb = self.words[0];
            println!(
                "{verb}: {killed} of {} runs killed, {changed} had written, at most {left} temporary files left at a time",
                kills()
            );
        }
        self.restore(old);
        assert_eq!(self.whole().1, *new, "the run after all of them gives what an undisturbed one gives");
    }
}

fn is_temporary(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

/// The file of this name, or those in the folder of this name.
fn listed(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect(),
        Err(_) if path.is_file() => vec![path.to_owned()],
        Err(_) => Vec::new(),
    }
}

const MANIFEST: &str = "features.parquet.manifest.json";
const FEATURES: [&str; 3] = ["features.parquet", MANIFEST, "features.quality"];

#[test]
fn features_are_the_old_or_the_new() {
    let workshop = Workshop::new();
    workshop.feature_job(["sample", "--users", "4000", "--seed", "11", "--out", "loans.csv"]);
    let words = |as_of| vec!["features", "--input", "loans.csv", "--out", "features.parquet", "--as-of", as_of];
    let old = Verb { workshop: &workshop, words: words("2020-06-30"), outputs: &FEATURES };
    let (_, old) = old.whole();
    let new = Verb { workshop: &workshop, words: words("2021-12-27"), outputs: &FEATURES };
    let (took, files) = new.whole();
    assert_ne!(old, files);
    new.check(&old, &files, took);
}

#[test]
fn a_candidate_is_there_or_not() {
    let workshop = Workshop::new();
    workshop.sample(1000);
    fs::write(workshop.path("few.toml"), "[cost]\nmodule_bytes_max = 1e9\n").expect("a gate that all pass");
    let words = ["train", "--features", "features.parquet", "--recipe", "logistic", "--model", "credit-risk"];
    let how = ["--key", "job.pem", "--out", "modules/candidates", "--version", "1", "--gates", "few.toml"];
    let words = words.into_iter().chain(how).collect();
    let train = Verb { workshop: &workshop, words, outputs: &["modules/candidates"] };
    let (took, candidate) = train.whole();
    train.check(&Files::new(), &candidate, took);
}

#[test]
fn a_run_of_both_leaves_whole_files() {
    let workshop = Workshop::new();
    workshop.feature_job(["sample", "--users", "1000", "--seed", "11", "--out", "loans.csv"]);
    fs::write(workshop.path("few.toml"), "[cost]\nmodule_bytes_max = 1e9\n").expect("a gate that all pass");
    let words = ["run", "--input", "loans.csv", "--as-of", "2021-12-27", "--features-out", "features.parquet"];
    let how = ["--recipe", "logistic", "--model", "credit-risk", "--version", "1", "--key", "job.pem"];
    let how = how.into_iter().chain(["--out", "modules/candidates", "--gates", "few.toml"]);
    let words = words.into_iter().chain(how).collect();
    let outputs = [&FEATURES[..], &["modules/candidates"]].concat();
    let run = Verb { workshop: &workshop, words, outputs: &outputs };
    workshop.features(Path::new("loans.csv"), "2020-06-30");
    let old = run.files();
    let (took, new) = run.whole();
    run.check(&old, &new, took);
}
