//! The fault: a publication is interrupted in its middle. The host is killed and comes back with its data, or without them, or
//! the publisher itself is killed.
//!
//! Injected by SIGKILL to the real binaries, once the checkpoint shows that some batches were acknowledged. What must hold: in
//! the end every user is served, bit for bit as in the store, and the counts add up.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use countersign_tests::{Host, Workshop, check_served, feature_job};
use serde_json::Value;

const USERS: u32 = 3_000;
/// Small, so that there is a middle to interrupt.
const BATCH: &str = "25";

/// Starts to publish.
fn publisher(workshop: &Workshop, host: &Host) -> Child {
    let mut command = feature_job();
    command.args(["publish", "--batch", BATCH, "--to", &host.url, "--features"]);
    command.arg(workshop.path("features.parquet")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary runs")
}

/// How many users the host had acknowledged when the checkpoint was written; none while there is no checkpoint.
fn acknowledged(workshop: &Workshop) -> u64 {
    let text = std::fs::read_to_string(workshop.path("features.parquet.publish.json")).unwrap_or_default();
    let checkpoint: Value = serde_json::from_str(&text).unwrap_or_default();
    checkpoint["users"].as_u64().unwrap_or_default()
}

/// Waits until a fifth of the users has been acknowledged.
fn wait_for_a_fifth(workshop: &Workshop) {
    let start = Instant::now();
    while acknowledged(workshop) < u64::from(USERS / 5) {
        assert!(start.elapsed() < Duration::from_secs(60), "no batch was acknowledged");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Demands that the publisher ended well; gives what it answered and what it logged.
fn ended(publisher: Child) -> (String, String) {
    let Output { status, stdout, stderr } = publisher.wait_with_output().expect("the publisher ends");
    let (said, logged) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    assert!(status.success(), "{said}\n{logged}");
    (said, logged)
}

#[test]
fn a_host_that_is_killed_and_comes_back_has_everything() {
    let workshop = Workshop::new();
    workshop.sample(USERS);
    let host = Host::start(&workshop);
    let publisher = publisher(&workshop, &host);
    wait_for_a_fifth(&workshop);
    let address = host.address();
    host.kill();
    assert!(acknowledged(&workshop) < u64::from(USERS), "it was killed too late");
    std::thread::sleep(Duration::from_secs(1));
    let host = Host::start_at(&workshop, &address);
    let (said, logged) = ended(publisher);
    assert!(said.contains("3000 users published"), "{said}");
    assert!(logged.contains("asking again") && !logged.contains("lost"), "{logged}");
    assert_eq!(check_served(&workshop, &host), u64::from(USERS));
}

#[test]
fn a_host_that_comes_back_without_its_data_is_sent_everything_again() {
    let workshop = Workshop::new();
    workshop.sample(USERS);
    let host = Host::start(&workshop);
    let publisher = publisher(&workshop, &host);
    wait_for_a_fifth(&workshop);
    let address = host.address();
    host.kill();
    std::fs::remove_dir_all(workshop.path("data")).expect("the data folder");
    let host = Host::start_at(&workshop, &address);
    let (_, logged) = ended(publisher);
    assert!(logged.contains("the host lost what it had taken"), "{logged}");
    assert_eq!(check_served(&workshop, &host), u64::from(USERS));
}

#[test]
fn a_publisher_that_is_killed_is_gone_on_with() {
    let workshop = Workshop::new();
    workshop.sample(USERS);
    let host = Host::start(&workshop);
    let mut killed = publisher(&workshop, &host);
    wait_for_a_fifth(&workshop);
    killed.kill().expect("it can be killed");
    killed.wait().expect("a killed process ends");
    let before = acknowledged(&workshop);
    assert!((1..u64::from(USERS)).contains(&before), "{before} users were acknowledged");

    let (said, logged) = ended(publisher(&workshop, &host));
    assert!(logged.contains("going on behind what it sent"), "{logged}");
    assert!(
        said.contains("3000 users published") && said.contains(&format!("{before} of them by an earlier run")),
        "{said}"
    );
    assert!(!workshop.path("features.parquet.publish.json").exists());
    assert_eq!(check_served(&workshop, &host), u64::from(USERS));

    // Nothing is left to go on with: the next run sends everything, and nothing changes.
    let (said, _) = ended(publisher(&workshop, &host));
    assert!(said.contains("3000 users published") && said.contains("0 of them by an earlier run"), "{said}");
    assert_eq!(check_served(&workshop, &host), u64::from(USERS));
}
