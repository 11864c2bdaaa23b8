//! An offline store that is extended by new loans is, byte for byte, the one that a full run over all of them gives.

mod common;

use std::path::{Path, PathBuf};

use contract::view::Ages;
use feature_job::features::build::{FeaturesError, Options, build};
use feature_job::features::plan::Plan;
use feature_job::sample;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const AS_OF: &str = "2021-12-27";
const SHIPPED: &str = include_str!("../../contract/feature-view.toml");

struct Work {
    folder: tempfile::TempDir,
}

impl Work {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes loans under a sample's header.
    fn put(&self, name: &str, header: &str, lines: &[&str]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, format!("{header}\n{}\n", lines.join("\n"))).expect("a file");
        path
    }

    fn run(&self, inputs: &[PathBuf], options: &Options, out: &str) -> Result<Vec<u8>, FeaturesError> {
        let out = self.path(out);
        build(inputs, options, &out)?;
        Ok(std::fs::read(out).expect("the store"))
    }

    fn manifest(&self, store: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{store}.manifest.json"))).expect("a manifest")
    }
}

fn options(as_of: &str) -> Options {
    Options::at(as_of.parse().expect("a day"))
}

fn since(store: &Path, options: Options) -> Options {
    Options { since: Some(store.to_owned()), ..options }
}

/// A sample's header and lines, with ties: every tenth loan takes the day of the one before.
fn loans(work: &Work, users: u64, seed: u64) -> String {
    let path = work.path("sample.csv");
    sample::write(users, seed, &path, |_| {}).expect("a sample");
    let text = std::fs::read_to_string(path).expect("the sample");
    let mut day = String::new();
    let tied = text.lines().enumerate().map(|(place, line)| {
        let mut fields: Vec<&str> = line.split(',').collect();
        if place % 10 == 9 && place > 1 {
            fields[22] = &day;
        }
        let line = fields.join(",");
        day = line.split(',').nth(22).expect("a day").to_owned();
        line
    });
    tied.collect::<Vec<_>>().join("\n")
}

#[test]
fn any_division_gives_the_bytes_of_a_full_run() {
    for seed in 0..6 {
        println!("seed {seed}");
        let work = Work::new();
        let text = loans(&work, 60, seed);
        let (header, rest) = text.split_once('\n').expect("a header");
        let mut random = StdRng::seed_from_u64(seed);
        // Three files: any loan in any of them, so that users and ties lie across the borders.
        let mut files: [Vec<&str>; 3] = Default::default();
        rest.lines().for_each(|line| files[random.random_range(0..3)].push(line));
        let paths: Vec<_> = (0..3).map(|file| work.put(&format!("{file}.csv"), header, &files[file])).collect();
        let view = format!(
            "{SHIPPED}\n[[features]]\nname = \"children\"\ntype = \"float\"\nsource = {{ last = \"cnt_children\" }}\nunit = \"\"\n\
             min = 0.0\nmax = 100.0\nmissing_allowed = true\ndescription = \"\"\n"
        );
        let plan =
            if seed % 2 == 0 { Plan::credit_risk() } else { Plan::of(view.parse().expect("a view")).expect("a plan") };
        let ages = if seed % 3 == 0 { Ages::Event } else { Ages::AsOf };
        let how = || Options { plan: plan.clone(), ages, ..options(AS_OF) };

        let full = work.run(&paths, &how(), "full").expect("a full run");
        work.run(&paths[..1], &how(), "step").expect("the first file");
        for path in &paths[1..] {
            work.run(std::slice::from_ref(path), &since(&work.path("step"), how()), "step").expect("an extension");
        }
        assert!(std::fs::read(work.path("step")).expect("the store") == full, "seed {seed}: other bytes");
        assert_eq!(work.manifest("step"), work.manifest("full"), "seed {seed}");

        // One file of all of them has the same content, if the order of ties is the same; and what is there already is left out.
        let all = files.concat();
        let all = work.put("all.csv", header, &all);
        assert!(
            work.run(std::slice::from_ref(&all), &how(), "whole").expect("a full run") == full,
            "seed {seed}: one file"
        );
        work.run(&paths[..1], &how(), "again").expect("the first file");
        let again = work.run(&[all], &since(&work.path("again"), how()), "again").expect("the whole file again");
        assert!(again == full, "seed {seed}: passed again");
    }
}

#[test]
fn loans_that_were_not_known_yet_are_needed_once_they_are() {
    let work = Work::new();
    let text = loans(&work, 60, 7);
    let (header, rest) = text.split_once('\n').expect("a header");
    let lines: Vec<_> = rest.lines().collect();
    let (old, new) = lines.split_at(lines.len() / 2);
    let (old, new) = (work.put("old.csv", header, old), work.put("new.csv", header, new));
    let both = [old.clone(), new.clone()];
    let (early, late) = ("2019-12-31", "2020-06-30");
    work.run(std::slice::from_ref(&old), &options(early), "store").expect("the old loans");

    // The day stays: what was left out stays left out.
    let extended = work
        .run(std::slice::from_ref(&new), &since(&work.path("store"), options(early)), "same")
        .expect("an extension");
    assert!(extended == work.run(&both, &options(early), "full").expect("a full run"));
    assert_eq!(work.manifest("same"), work.manifest("full"));

    // The day moves on: the old file is asked for, and its digest is named.
    let error = work
        .run(std::slice::from_ref(&new), &since(&work.path("store"), options(late)), "later")
        .expect_err("loans lack");
    let digest = contract::digest::Digest::of(&std::fs::read(&old).expect("the file")).to_string();
    assert!(error.to_string().contains(&digest), "{error}");
    assert!(!work.path("later").exists());
    let extended = work.run(&both, &since(&work.path("store"), options(late)), "later").expect("an extension");
    assert!(extended == work.run(&both, &options(late), "full").expect("a full run"));
    assert_eq!(work.manifest("later"), work.manifest("full"));
}

#[test]
fn what_contradicts_the_store_is_refused_and_the_store_stays() {
    let work = Work::new();
    let text = loans(&work, 20, 3);
    let (header, rest) = text.split_once('\n').expect("a header");
    let lines: Vec<_> = rest.lines().collect();
    let old = work.put("old.csv", header, &lines);
    let before = work.run(std::slice::from_ref(&old), &options(AS_OF), "store").expect("a full run");
    let altered = |column: usize, value: &str, loan_id: &str| {
        let mut fields: Vec<&str> = lines[0].split(',').collect();
        (fields[column], fields[0]) = (value, if loan_id.is_empty() { fields[0] } else { loan_id });
        work.put("new.csv", header, &[&fields.join(",")])
    };
    let refused = |new: PathBuf, options: Options, said: &str| {
        let options = since(&work.path("store"), options);
        let error = work.run(&[new], &options, "store").expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
        assert!(std::fs::read(work.path("store")).expect("the store") == before, "{said}: the store is another");
    };
    let same_day = || options(AS_OF);
    refused(altered(23, "101.5", ""), same_day(), "other values in the new files");
    refused(altered(20, "1950-01-01", "999999999"), same_day(), "another `birthday`");
    refused(old.clone(), options("2020-12-31"), "knows loans until");
    refused(old.clone(), Options { ages: Ages::Event, ..same_day() }, "another reference of ages");
    let view = SHIPPED.replace("semantics_version = 1", "semantics_version = 2");
    let plan = Plan::of(view.parse().expect("a view")).expect("a plan");
    refused(old.clone(), Options { plan, ..same_day() }, "another feature view");
    std::fs::write(work.path("store.manifest.json"), "{}").expect("a file");
    refused(old, same_day(), "no manifest of its own");
}
