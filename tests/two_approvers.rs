//! The story: the policy asks for two approvers, and they act at the same moment.
//!
//! What must hold: with one approval the host refuses the file and says how many it wants; two approvals made at once are both
//! in the file, which then goes live; a candidate from a key that nobody enrolled is compared with by nobody.

use std::fs;

use countersign_tests::{Host, Workshop, countersign};

#[test]
fn no_approval_is_lost_and_two_make_it_live() {
    let workshop = Workshop::new();
    workshop.sample(200);
    for name in ["bob", "cyn"] {
        workshop.countersign(["keygen", "--role", "approver", "--out", &format!("{name}.pem"), "--modules", "modules"]);
    }
    let policy = fs::read_to_string(workshop.path("modules/trust.toml")).expect("the policy");
    let policy = policy.replace("approvals_required = 1", "approvals_required = 3");
    fs::write(workshop.path("modules/trust.toml"), policy).expect("the policy");
    workshop.train("logistic", 1);
    let host = Host::start(&workshop);
    workshop.approve(1);
    host.wait_until("one of three is not enough", |model| {
        let reason = &model["versions"][0]["reason"];
        reason["code"] == "not_approved" && reason["message"].as_str().is_some_and(|said| said.contains("1 of 3"))
    });

    let card =
        contract::seal::inspect(&fs::read(workshop.candidate(1)).expect("the candidate")).expect("a module").card;
    let failed = card.failed_gates().next().is_some();
    let approve = |key: &str| {
        let mut command = countersign();
        command.args(["approve", "modules/candidates/credit-risk-1.wasm", "--yes", "--key", key, "--by", key]);
        command.args(["--reason", "a test", "--modules", "modules"]);
        if failed {
            command.args(["--override", "a small sample"]);
        }
        assert!(workshop.run(&mut command).status.success(), "{key}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| approve("bob.pem"));
        scope.spawn(|| approve("cyn.pem"));
    });
    host.wait_for_version(1);
    let verified = workshop.countersign(["verify", "modules/approved/credit-risk-1.wasm", "--modules", "modules"]);
    for name in ["Ada", "bob.pem", "cyn.pem"] {
        assert!(verified.contains(&format!("by {name} ")), "{verified}");
    }
}

#[test]
fn keys_enrolled_at_once_are_all_enrolled() {
    let workshop = Workshop::new();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let workshop = &workshop;
            scope.spawn(move || {
                workshop.countersign([
                    "keygen",
                    "--role",
                    "approver",
                    "--out",
                    &format!("k{n}.pem"),
                    "--modules",
                    "modules",
                ])
            });
        }
    });
    let policy = fs::read_to_string(workshop.path("modules/trust.toml")).expect("the policy");
    assert_eq!(policy.matches("[[keys]]").count(), 10, "{policy}");
}

#[test]
fn what_nobody_approved_is_compared_with_by_nobody() {
    let workshop = Workshop::new();
    workshop.sample(200);
    workshop.train("logistic", 1);
    let stranger = Workshop::new();
    fs::copy(workshop.path("features.parquet"), stranger.path("features.parquet")).expect("a copy");
    stranger.train("logistic", 2);
    fs::copy(stranger.candidate(1), workshop.path("modules/approved/credit-risk-9.wasm")).expect("a copy");
    let pipe = workshop.path("modules/approved/credit-risk-8.wasm");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().expect("mkfifo runs").success());
    let shown = workshop.countersign(["review", "modules/candidates/credit-risk-1.wasm", "--modules", "modules"]);
    assert!(shown.contains("compared    with nothing"), "{shown}");
}
