//! The story: a candidate is compared, held against gates, reported on, and approved by somebody who has read that.
//!
//! What must hold: a failed gate is told by the exit code and stands in the card; approving it takes an override, and a file that
//! was approved without one by hand is refused by the host; a report that is not the candidate's is refused, a missing one takes
//! a word; a newer version is compared with the approved one.

use std::fs;
use std::process::Output;

use contract::approval::{Approval, Decision};
use contract::card::ModelCard;
use contract::key::PrivateKey;
use contract::seal;
use countersign_tests::{Host, Workshop, countersign, feature_job};

const FILE: &str = "modules/candidates/credit-risk-1.wasm";
const REPORT: &str = "modules/candidates/credit-risk-1.report.html";

fn train(workshop: &Workshop, recipe: &str, more: &[&str]) -> Output {
    let what = ["train", "--features", "features.parquet", "--recipe", recipe, "--model", "credit-risk"];
    let how = ["--key", "job.pem", "--out", "modules/candidates"];
    workshop.run(feature_job().args(what.iter().chain(&how).chain(more)))
}

fn approve(workshop: &Workshop, more: &[&str]) -> Output {
    let words =
        ["approve", FILE, "--yes", "--key", "ada.pem", "--by", "Ada", "--reason", "a test", "--modules", "modules"];
    workshop.run(countersign().args(words.iter().chain(more)))
}

fn review(workshop: &Workshop) -> Output {
    workshop.run(countersign().args(["review", FILE, "--modules", "modules"]))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn card(workshop: &Workshop, version: u64) -> ModelCard {
    seal::inspect(&fs::read(workshop.candidate(version)).expect("the candidate")).expect("a module").card
}

#[test]
fn a_failed_gate_is_marked_and_takes_an_override_that_no_hand_can_leave_out() {
    let workshop = Workshop::new();
    workshop.sample(400);
    let trained = train(&workshop, "baseline", &[]);
    assert_eq!(trained.status.code(), Some(4), "{}", said(&trained));
    assert!(
        said(&trained).contains("did not pass") && said(&trained).contains("leaked_rows_share_max"),
        "{}",
        said(&trained)
    );
    assert!(card(&workshop, 1).failed_gates().any(|gate| gate.name == "leaked_rows_share_max"));
    assert!(workshop.path(REPORT).exists());

    let host = Host::start(&workshop);
    let without = approve(&workshop, &[]);
    assert!(!without.status.success() && said(&without).contains("leaked_rows_share_max"), "{}", said(&without));
    assert!(!workshop.approved(1).exists());

    // What `approve` refuses is made by hand, with the approver's own key.
    let ada = PrivateKey::load(&workshop.path("ada.pem")).expect("Ada's key");
    let candidate = fs::read(workshop.candidate(1)).expect("the candidate");
    let approval = Approval {
        digest: seal::inspect(&candidate).expect("a module").digest,
        decision: Decision::Approve,
        key: ada.public().id(),
        by: "Ada".to_owned(),
        reason: "by hand".to_owned(),
        time: "2026-01-01T00:00:00Z".to_owned(),
        gates_override: None,
        without_report: false,
        expires: None,
    };
    fs::write(workshop.approved(1), seal::approve(&candidate, &approval, &ada).expect("an approval")).expect("a file");
    host.wait_until("the file made by hand is refused", |model| {
        model["versions"][0]["reason"]["code"] == "gates_failed"
    });
    fs::remove_file(workshop.approved(1)).expect("it can be removed");

    let with = approve(&workshop, &["--override", "to see what it does"]);
    assert!(with.status.success(), "{}", said(&with));
    host.wait_for_version(1);
    let reviewed = review(&workshop);
    assert!(
        said(&reviewed).contains("NOT PASSED") && said(&reviewed).contains("leaked_rows_share_max"),
        "{}",
        said(&reviewed)
    );

    let second = train(&workshop, "logistic", &[]);
    let comparison = card(&workshop, 2).champion.expect("version 1 is approved");
    assert_eq!(comparison.version.get(), 1, "{}", said(&second));
    assert!(comparison.champion_may_have_seen, "its rows were split another way");
    let report = fs::read_to_string(workshop.path("modules/candidates/credit-risk-2.report.html")).expect("the report");
    assert!(report.contains("Decisions that flip") && report.contains("version 1"));
}

#[test]
fn passing_candidates_need_no_override_and_take_none() {
    let workshop = Workshop::new();
    workshop.sample(400);
    fs::write(workshop.path("gates.toml"), "[cost]\nmodule_bytes_max = 100000000\n").expect("a file");
    let trained = train(&workshop, "logistic", &["--gates", "gates.toml"]);
    assert!(trained.status.success(), "{}", said(&trained));
    let needless = approve(&workshop, &["--override", "just in case"]);
    assert!(!needless.status.success() && said(&needless).contains("passed its gates"), "{}", said(&needless));
    assert!(approve(&workshop, &[]).status.success());
}

#[test]
fn mistakes_show_before_anything_is_trained() {
    let workshop = Workshop::new();
    workshop.sample(200);
    let check = |more: &[&str], words: &str| {
        let output = train(&workshop, "logistic", more);
        assert_eq!(output.status.code(), Some(1), "{more:?}");
        assert!(said(&output).contains(words), "{more:?}: {}", said(&output));
        assert!(!workshop.candidate(1).exists());
    };
    check(&["--gates", "absent.toml"], "absent.toml");
    check(&["--champion", "absent.wasm"], "absent.wasm");
    check(&["--champion", "job.pem"], "no module file");
    fs::write(workshop.path("gates.toml"), "[figures]\nroc_auc = 0.6\n").expect("a file");
    check(&["--gates", "gates.toml"], "roc_auc");
}

#[test]
fn a_report_that_is_not_the_candidates_is_refused_and_a_missing_one_takes_a_word() {
    let workshop = Workshop::new();
    workshop.sample(200);
    fs::write(workshop.path("few.toml"), "[cost]\nmodule_bytes_max = 1e9\n").expect("a gate that all pass");
    assert!(train(&workshop, "logistic", &["--gates", "few.toml"]).status.success());
    let report = fs::read(workshop.path(REPORT)).expect("the report");
    assert!(review(&workshop).status.success() && said(&review(&workshop)).contains("credit-risk-1.report.html"));

    fs::write(workshop.path(REPORT), [&report[..], b"<p>all is well</p>"].concat()).expect("a file");
    for output in [review(&workshop), approve(&workshop, &[]), approve(&workshop, &["--without-report"])] {
        assert!(
            !output.status.success() && said(&output).contains("is not this candidate's report"),
            "{}",
            said(&output)
        );
    }
    fs::remove_file(workshop.path(REPORT)).expect("it can be removed");
    assert!(review(&workshop).status.success() && said(&review(&workshop)).contains("MISSING"));
    let missing = approve(&workshop, &[]);
    assert!(!missing.status.success() && said(&missing).contains("--without-report"), "{}", said(&missing));
    assert!(!workshop.approved(1).exists());
    assert!(approve(&workshop, &["--without-report"]).status.success());

    fs::write(workshop.path(REPORT), &report).expect("the report again");
    assert!(review(&workshop).status.success());
}
