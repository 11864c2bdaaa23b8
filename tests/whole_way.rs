//! The story: loans in, features, training, approval, and a host that answers by user id, for every recipe.
//!
//! What must hold: each verb succeeds as a user types it, and for every user the served score has the bits of the batch
//! score. (That the batch's component has the native model's bits, `train` proves before it writes a candidate.)

use std::fs;

use countersign_tests::{Host, Workshop, read_scores};

#[test]
fn from_a_loan_file_to_a_served_prediction() {
    let workshop = Workshop::new();
    workshop.sample(400);
    let host = Host::start(&workshop);
    assert_eq!(host.get("/health/live").status, 200);
    assert_eq!(host.get("/health/ready").status, 503, "no model is live yet");
    let published = workshop.publish(&host.url);
    assert!(published.contains("400"), "{published}");
    assert_eq!(host.predict(5_008_804).status, 503, "no model is live yet");

    for (version, recipe) in [(1, "logistic"), (2, "forest"), (3, "baseline")] {
        workshop.train(recipe, 5);
        let module = format!("modules/candidates/credit-risk-{version}.wasm");
        let shown = workshop.countersign(["review", &module, "--modules", "modules"]);
        assert!(shown.contains(&format!("version {version}")) && shown.contains(recipe), "{shown}");
        workshop.approve(version);
        workshop.countersign([
            "verify",
            &format!("modules/approved/credit-risk-{version}.wasm"),
            "--modules",
            "modules",
        ]);
        host.wait_for_version(version);
        let scores = read_scores(&workshop, &module);
        assert_eq!(scores.len(), 400);
        for (user, score) in scores {
            let answer = host.predict(user);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let served = answer.body["probability"].as_f64().expect("a number");
            assert_eq!(served.to_bits(), score.to_bits(), "user {user}, version {version}");
            assert_eq!(answer.body["model"]["version"], version);
            assert_eq!(answer.body["model"]["name"], "credit-risk");
            let decision =
                if served >= answer.body["threshold"].as_f64().expect("a number") { "decline" } else { "approve" };
            assert_eq!(answer.body["decision"], decision);
            let features = host.get(&format!("/v1/users/{user}/features"));
            for key in ["user_id", "event_time", "as_of", "features"] {
                assert_eq!(features.body[key], answer.body[key], "{key} of user {user}");
            }
            assert_eq!(features.body["user_id"], user);
        }
    }
    assert_eq!(host.get("/health/ready").status, 200);
    assert_eq!(host.predict(1).status, 404);
    assert_eq!(host.get("/v1/users/1/features").status, 404);
}

#[test]
fn the_same_inputs_give_the_same_candidate_byte_for_byte() {
    let workshop = Workshop::new();
    workshop.sample(200);
    for recipe in ["logistic", "forest", "baseline"] {
        workshop.train(recipe, 5);
        let candidate = workshop.candidate(1);
        let first = fs::read(&candidate).expect("the candidate");
        fs::remove_file(&candidate).expect("it can be removed");
        workshop.train(recipe, 5);
        assert!(fs::read(&candidate).expect("the candidate") == first, "{recipe}");
        fs::remove_file(&candidate).expect("it can be removed");
    }
}

#[test]
fn run_does_features_and_training_in_one() {
    let workshop = Workshop::new();
    workshop.feature_job(["sample", "--users", "200", "--seed", "3", "--out", "loans.csv"]);
    let what = ["run", "--input", "loans.csv", "--as-of", "2021-12-27", "--features-out", "features.parquet"];
    let how = ["--recipe", "logistic", "--model", "credit-risk", "--key", "job.pem", "--out", "modules/candidates"];
    fs::write(workshop.path("few.toml"), "[cost]\nmodule_bytes_max = 1e9\n").expect("a gate that all pass");
    workshop.feature_job(what.into_iter().chain(how).chain(["--gates", "few.toml"]));
    assert!(workshop.candidate(1).exists() && workshop.path("features.parquet").exists());
}
