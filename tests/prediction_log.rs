//! The log of predictions from start to end: written by a host, scored again to the same bits, and turned into Parquet.
//!
//! Faults: a bit changed in the log, a module that is gone, a host killed while it writes, a log that cannot be written.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_tests::{Host, Workshop, countersign, feature_job, rows};
use serde_json::Value;

const FIRST_USER: i64 = 5_008_804;

fn serve(workshop: &Workshop, flags: &[&str]) -> Host {
    let mut command = Host::command(workshop, "127.0.0.1:0");
    Host::spawn(command.args(["--prediction-log", "log"]).args(flags).current_dir(workshop.path("")))
}

fn files(workshop: &Workshop) -> Vec<PathBuf> {
    let entries = fs::read_dir(workshop.path("log")).expect("the log's folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a file of the log");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn replay(workshop: &Workshop) -> (bool, Value) {
    let output = workshop.run(countersign().args(["replay", "log", "--json", "--modules", "modules"]));
    let said = serde_json::from_slice(&output.stdout);
    (output.status.success(), said.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

/// Waits until what is logged has come to the files.
fn settled(workshop: &Workshop, wanted: usize) -> Vec<Value> {
    for _ in 0..400 {
        let all: Vec<_> = files(workshop)
            .iter()
            .flat_map(|path| {
                let text = fs::read_to_string(path).expect("a file of the log");
                let whole = text.rfind('\n').map_or("", |end| &text[..=end]).to_owned();
                whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect::<Vec<Value>>()
            })
            .collect();
        if all.len() >= wanted {
            return all;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    panic!("waited in vain for {wanted} predictions in the log");
}

#[test]
fn every_prediction_is_logged_and_scored_again_to_the_same_bits() {
    let workshop = Workshop::new();
    workshop.sample(200);
    workshop.train("logistic", 5);
    workshop.approve(1);
    let host = serve(&workshop, &[]);
    host.wait_ready();
    workshop.publish(&host.url);
    let answer = host.predict(FIRST_USER);
    let users: Vec<i64> = (FIRST_USER..FIRST_USER + 400).collect();
    let many = host.ask("/v1/predictions", &serde_json::json!({ "user_ids": users }).to_string());
    let predicted =
        many.body["predictions"].as_array().expect("a list").iter().filter(|one| one["error"].is_null()).count();
    assert!(predicted > 100 && predicted < 400, "{predicted} users are known, others not");
    let given = r#"{"rows":[{"nb_previous_loans":3,"avg_amount_loans_previous":null,"age":33,"years_on_the_job":null,"flag_own_car":1}]}"#;
    assert_eq!(host.ask("/v1/models/credit-risk/score", given).status, 200);
    let infer = format!(r#"{{"inputs":[{{"name":"user_id","shape":[1],"datatype":"INT64","data":[{FIRST_USER}]}}]}}"#);
    assert_eq!(host.ask("/v2/models/credit-risk/infer", &infer).status, 200);
    assert_eq!(
        host.ask("/invocations", &format!(r#"{{"dataframe_records":[{{"user_id":{FIRST_USER}}}]}}"#)).status,
        200
    );

    let logged = settled(&workshop, predicted + 4);
    assert_eq!(logged.len(), predicted + 4, "each once");
    let first = &logged[0];
    for key in ["user_id", "event_time", "as_of", "features", "probability", "decision", "threshold", "model"] {
        assert_eq!(first[key], answer.body[key], "{key}");
    }
    assert!(
        first["request_id"].as_str().is_some_and(|id| id.len() == 32)
            && first["time"].as_str().expect("a time").ends_with('Z')
    );
    let what_if = logged.iter().find(|line| line["user_id"].is_null()).expect("features of the request");
    assert!(what_if["event_time"].is_null() && what_if["features"]["age"] == 33);

    // A second version, so that two modules have answered.
    workshop.train("forest", 6);
    workshop.approve(2);
    host.wait_for_version(2);
    assert_eq!(host.predict(FIRST_USER).status, 200);
    settled(&workshop, predicted + 5);
    let (fine, said) = replay(&workshop);
    assert!(fine && said["same"] == predicted + 5, "{said}");

    let text = host.text("/metrics");
    let written = format!("countersign_prediction_log_records_total{{outcome=\"written\"}} {}", predicted + 5);
    assert!(text.contains(&written), "{text}");

    workshop.feature_job(["predictions", "--log", "log", "--out", "predictions.parquet"]);
    assert_eq!(rows(&workshop.path("predictions.parquet")), predicted + 5);

    // One digit of one score.
    host.kill();
    let path = &files(&workshop)[0];
    let text = fs::read_to_string(path).expect("the log");
    let score = answer.body["probability"].to_string();
    let last = score.chars().last().expect("a digit");
    let changed = format!("{}{}", &score[..score.len() - 1], if last == '1' { '2' } else { '1' });
    fs::write(path, text.replacen(&format!("\"probability\":{score}"), &format!("\"probability\":{changed}"), 1))
        .expect("the log");
    let (fine, said) = replay(&workshop);
    assert!(!fine && said["different"] == 1 && said["same"] == predicted + 4, "{said}");
    assert!(said["differences"][0].as_str().expect("a text").contains(&changed), "{said}");
    fs::write(path, text).expect("the log");

    fs::remove_file(workshop.approved(1)).expect("the first module");
    let (fine, said) = replay(&workshop);
    assert!(!fine && said["same"] == 1, "{said}");
    assert!(said["unscored"].to_string().contains("no file in approved/ has the digest"), "{said}");
}

#[test]
fn a_log_is_bounded_and_outlives_a_killed_host() {
    let workshop = Workshop::new();
    workshop.sample(100);
    workshop.train("logistic", 5);
    workshop.approve(1);
    fs::write(workshop.path("limits.toml"), "prediction_log_file_bytes = 4096\nprediction_log_files = 3\n")
        .expect("a file");
    for _ in 0..2 {
        let host = serve(&workshop, &["--config", "limits.toml"]);
        host.wait_ready();
        workshop.publish(&host.url);
        for _ in 0..40 {
            assert_eq!(host.predict(FIRST_USER).status, 200);
        }
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        host.kill();
    }
    let files = files(&workshop);
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|path| fs::metadata(path).expect("a file").len() <= 4096));
    assert!(
        files[2].file_name().expect("a name").to_string_lossy().as_ref() > "predictions-000008",
        "numbers go on over a restart: {files:?}"
    );
    let logged: usize = files.iter().map(|path| lines(path).len()).sum();
    let (fine, said) = replay(&workshop);
    assert!(fine && said["same"] == logged && said["files"] == 3, "{said}");

    // A line that a crash cut off is no failure; one in the middle that is nothing is.
    let text = fs::read_to_string(&files[2]).expect("the log");
    fs::write(&files[2], &text[..text.len() - 20]).expect("the log");
    let (fine, said) = replay(&workshop);
    assert!(fine && said["torn_lines"] == 1, "{said}");
    fs::write(&files[2], format!("nothing\n{text}")).expect("the log");
    let (fine, said) = replay(&workshop);
    assert!(!fine && said["unread_lines"] == 1, "{said}");
    let refused = workshop.run(feature_job().args(["predictions", "--log", "log", "--out", "p.parquet"]));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("line 1 is no prediction"), "{refused:?}");
}

#[test]
fn what_cannot_be_logged_is_answered_unless_the_log_is_required() {
    let workshop = Workshop::new();
    workshop.sample(100);
    workshop.train("logistic", 5);
    workshop.approve(1);
    fs::write(workshop.path("limits.toml"), "prediction_log_file_bytes = 1024\n").expect("a file");
    for required in [false, true] {
        let _ = fs::remove_dir_all(workshop.path("log"));
        let flags = ["--config", "limits.toml", "--prediction-log-required"];
        let host = serve(&workshop, &flags[..if required { 3 } else { 2 }]);
        host.wait_ready();
        workshop.publish(&host.url);
        // The next file cannot be begun: its name is taken.
        fs::create_dir(workshop.path("log/predictions-000002.ndjson")).expect("a folder");
        let statuses: Vec<_> = (0..60)
            .map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                host.predict(FIRST_USER).status
            })
            .collect();
        let refused = statuses.iter().filter(|&&status| status == 503).count();
        if required {
            assert!(refused > 10 && statuses[0] == 200, "{statuses:?}");
            assert_eq!(host.predict(FIRST_USER).body["code"], "log_unwritable");
        } else {
            assert_eq!(refused, 0, "{statuses:?}");
            let text = host.text("/metrics");
            let failed = text.lines().find(|line| line.contains("outcome=\"failed\"")).expect("a count");
            assert!(!failed.ends_with(" 0"), "{failed}");
        }
        fs::remove_dir(workshop.path("log/predictions-000002.ndjson")).expect("the folder");
        let recovered = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let before = host.predict(FIRST_USER).status;
            before == 200 && workshop.path("log/predictions-000002.ndjson").exists()
        });
        assert!(recovered, "the log goes on when it can");
    }
}
