//! The fault: the host is killed outright, right after a publish was acknowledged and a version went live.
//!
//! Injected by SIGKILL to the real binary. What must hold: after a restart every published record is there, and the same
//! version is live.

use countersign_tests::{Host, Workshop, read_scores};

#[test]
fn every_acknowledged_record_and_the_live_version_survive() {
    let workshop = Workshop::new();
    workshop.sample(500);
    workshop.train("logistic", 1);
    workshop.train("logistic", 2);
    let scores = read_scores(&workshop, "modules/candidates/credit-risk-2.wasm");
    let host = Host::start(&workshop);
    workshop.approve(1);
    workshop.approve(2);
    host.wait_for_version(2);
    workshop.publish(&host.url);
    host.kill();

    let host = Host::start(&workshop);
    host.wait_for_version(2);
    for (user, score) in scores {
        let answer = host.predict(user);
        assert_eq!(answer.status, 200, "user {user}: {}", answer.body);
        assert_eq!(answer.body["model"]["version"], 2);
        assert_eq!(answer.body["probability"].as_f64().map(f64::to_bits), Some(score.to_bits()));
    }
}
