//! The story: a scheduler calls `retrain --if-due` again and again.
//!
//! What must hold: it trains where no version is approved and where a criterion is reached, says which, and otherwise touches
//! nothing and ends with a code of its own.

use std::fs;
use std::path::Path;
use std::process::Output;

use countersign_tests::{Workshop, feature_job};

fn retrain(workshop: &Workshop, more: &[&str]) -> Output {
    let how = ["--recipe", "logistic", "--model", "credit-risk", "--key", "job.pem", "--out", "modules/candidates"];
    workshop.run(feature_job().arg("retrain").args(how).args(["--gates", "few.toml"]).args(more))
}

fn check(output: &Output, code: i32, words: &[&str]) {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "does not say `{words}`: {said}");
    }
}

#[test]
fn it_trains_when_it_is_time_and_says_why() {
    let workshop = Workshop::new();
    workshop.sample(300);
    fs::write(workshop.path("few.toml"), "[cost]\nmodule_bytes_max = 1e9\n").expect("a gate that all pass");
    let same = ["--if-due", "--features", "features.parquet"];

    check(&retrain(&workshop, &same), 0, &["due: no version of this model is approved"]);
    check(&retrain(&workshop, &same), 0, &["due: no version of this model is approved"]);
    assert!(workshop.candidate(2).exists(), "a candidate alone is no version to be content with");
    workshop.approve(2);

    check(&retrain(&workshop, &same), 5, &["held against credit-risk-2: not due", "nothing was trained"]);
    assert!(!workshop.candidate(3).exists());
    check(&retrain(&workshop, &same[1..]), 0, &["not due"]);
    assert!(workshop.candidate(3).exists(), "without --if-due it trains in any case");

    // A month later, on the same loans.
    workshop.features(Path::new("loans.csv"), "2022-01-25");
    check(&retrain(&workshop, &same), 5, &["days between the two feature files: 29"]);
    workshop.features(Path::new("loans.csv"), "2022-01-26");
    check(&retrain(&workshop, &same), 0, &["days between the two feature files: 30.0000, due from 30 on: due"]);

    // The version that is approved knew the loans of the first half year only.
    workshop.features(Path::new("loans.csv"), "2020-06-30");
    check(&retrain(&workshop, &["--features", "features.parquet", "--champion", "none"]), 0, &[]);
    fs::remove_file(workshop.approved(2)).expect("it can be removed");
    workshop.approve(5);
    workshop.features(Path::new("loans.csv"), "2021-12-27");
    let patient = [&same[..], &["--due-days", "1000", "--due-drift", "50"]].concat();
    check(&retrain(&workshop, &patient), 0, &["later than 2020-06", "due from 0.1 on: due"]);
    let very_patient = [&patient[..], &["--due-new-rows-share", "0.99"]].concat();
    check(&retrain(&workshop, &very_patient), 5, &["nothing was trained"]);
    let drifted = [&same[..], &["--due-days", "1000", "--due-new-rows-share", "0.99", "--due-drift", "0.001"]].concat();
    check(&retrain(&workshop, &drifted), 0, &["drift of", "due from 0.001 on: due"]);
}

#[test]
fn it_goes_the_whole_way_from_loans() {
    let workshop = Workshop::new();
    workshop.feature_job(["sample", "--users", "200", "--seed", "3", "--out", "loans.csv"]);
    fs::write(workshop.path("few.toml"), "[cost]\nmodule_bytes_max = 1e9\n").expect("a gate that all pass");
    let loans = ["--if-due", "--input", "loans.csv", "--as-of", "2021-12-27", "--features-out", "features.parquet"];
    check(&retrain(&workshop, &loans), 0, &["due: no version"]);
    assert!(workshop.candidate(1).exists() && workshop.path("features.parquet").exists());
    fs::write(workshop.path("bad.csv"), "loan_id,id\n1,1\n").expect("a file");
    let bad = ["--if-due", "--input", "bad.csv", "--as-of", "2021-12-27", "--features-out", "other.parquet"];
    check(&retrain(&workshop, &bad), 3, &[]);
    assert!(!workshop.candidate(2).exists() && !workshop.path("other.parquet").exists());
    check(&retrain(&workshop, &["--if-due"]), 2, &["--features"]);
    check(&retrain(&workshop, &["--features", "features.parquet", "--due-drift", "0"]), 1, &["--due-drift 0"]);
}
