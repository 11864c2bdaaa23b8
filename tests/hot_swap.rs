//! The story: a new version goes live under 16 concurrent clients.
//!
//! What must hold: no request fails, and every answer's probability is the one its named version gives that user.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use countersign_tests::{Host, Scores, Workshop, read_scores};

const CLIENTS: usize = 16;

#[test]
fn no_request_fails_and_every_answer_is_its_versions() {
    let workshop = Workshop::new();
    workshop.sample(200);
    let host = Host::start(&workshop);
    workshop.publish(&host.url);
    let mut scores: HashMap<u64, Scores> = HashMap::new();
    for (version, recipe) in [(1, "logistic"), (2, "forest"), (3, "logistic"), (4, "baseline")] {
        workshop.train(recipe, version);
        scores.insert(version, read_scores(&workshop, &format!("modules/candidates/credit-risk-{version}.wasm")));
    }
    workshop.approve(1);
    host.wait_for_version(1);

    let done = AtomicBool::new(false);
    let answered: [AtomicU64; 5] = Default::default();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (host, scores, done, answered) = (&host, &scores, &done, &answered);
            scope.spawn(move || {
                let mut users: Vec<i64> = scores[&1].keys().copied().collect();
                users.sort_unstable();
                users.rotate_left(client * 7 % 200);
                for user in users.iter().cycle().take_while(|_| !done.load(Ordering::Relaxed)) {
                    let answer = host.predict(*user);
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    let version = answer.body["model"]["version"].as_u64().expect("a version");
                    let served = answer.body["probability"].as_f64().expect("a number");
                    assert_eq!(served.to_bits(), scores[&version][user].to_bits(), "user {user}, version {version}");
                    answered[version as usize].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for version in [2, 3, 4] {
            workshop.approve(version);
            host.wait_for_version(version);
            std::thread::sleep(Duration::from_millis(300));
        }
        done.store(true, Ordering::Relaxed);
    });
    let idle: Vec<usize> = (1..=4).filter(|&version| answered[version].load(Ordering::Relaxed) == 0).collect();
    assert_eq!(idle, [0; 0], "these versions answered nobody");
    let model = host.get("/v1/models/credit-risk").body;
    let states: Vec<_> = model["versions"].as_array().expect("versions").iter().map(|v| v["state"].clone()).collect();
    assert_eq!(states, ["live", "standby", "standby", "standby"], "{model}");
}
