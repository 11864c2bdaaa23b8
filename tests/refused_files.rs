//! The fault: files that must not run are dropped into `approved/` while a version is live.
//!
//! Injected: an unsigned component, a half-written file, a changed one, a signed but unapproved one, an approval by a key
//! that nobody enrolled, a copy under another name. What must hold: each is refused with its own reason in
//! `GET /v1/models/credit-risk`, and the live version goes on answering.

use std::fs;

use contract::section::{COMPONENT_PREAMBLE, sections};
use countersign_tests::{Host, Workshop};
use serde_json::Value;

/// Takes the seal off: the preamble and part 1 without its card and delimiter.
fn unsigned(module: &[u8]) -> Vec<u8> {
    let parts = sections(module).expect("a module");
    let bare = parts.iter().take_while(|section| section.custom("model-card").is_none());
    let bare = bare.filter(|section| section.custom("signature").is_none());
    bare.fold(COMPONENT_PREAMBLE.to_vec(), |mut bytes, section| {
        bytes.extend_from_slice(section.raw);
        bytes
    })
}

fn reason<'a>(model: &'a Value, file: &str) -> Option<&'a Value> {
    let versions = model["versions"].as_array()?;
    let found = versions.iter().find(|version| version["file"] == file && version["state"] == "rejected")?;
    Some(&found["reason"]["code"])
}

#[test]
fn each_is_refused_for_its_own_reason_and_the_live_version_goes_on() {
    let workshop = Workshop::new();
    workshop.sample(200);
    workshop.train("logistic", 1);
    workshop.train("forest", 2);
    let host = Host::start(&workshop);
    workshop.publish(&host.url);
    workshop.approve(1);
    host.wait_for_version(1);

    let candidate = fs::read(workshop.candidate(2)).expect("the candidate");
    // Approved elsewhere, by an approver this registry does not know.
    let stranger = Workshop::new();
    fs::copy(workshop.candidate(2), stranger.candidate(2)).expect("a copy");
    let policy = fs::read_to_string(workshop.path("modules/trust.toml")).expect("the policy");
    let job = policy.split("[[keys]]").find(|table| table.contains("\"job\"")).expect("the job's key");
    let theirs = fs::read_to_string(stranger.path("modules/trust.toml")).expect("a policy");
    fs::write(
        stranger.path("modules/trust.toml"),
        theirs.replace("[[keys]]\nname = \"job\"", "[[keys]]\nname = \"other\"") + "\n[[keys]]" + job,
    )
    .expect("a policy");
    stranger.approve(2);
    let by_stranger = fs::read(stranger.approved(2)).expect("their approval");
    let mut changed = by_stranger.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;

    let files = [
        ("credit-risk-2-unsigned.wasm", unsigned(&candidate), "unsigned"),
        ("credit-risk-2-half.wasm", candidate[..candidate.len() / 2].to_vec(), "truncated"),
        ("credit-risk-2-changed.wasm", changed, "tampered"),
        ("credit-risk-2-unapproved.wasm", candidate.clone(), "not_approved"),
        ("credit-risk-2-stranger.wasm", by_stranger, "unknown_key"),
        ("credit-risk-2-empty.wasm", Vec::new(), "not_a_component"),
        ("credit-risk-2-text.wasm", b"hello, I am a model".to_vec(), "not_a_component"),
    ];
    let folder = ("credit-risk-9.wasm", "not_a_file");
    for (name, bytes, _) in &files {
        fs::write(workshop.path("modules/approved").join(name), bytes).expect("a file");
    }
    fs::create_dir(workshop.path("modules/approved").join(folder.0)).expect("a folder");
    let refused: Vec<_> = files.iter().map(|(name, _, code)| (*name, *code)).chain([folder]).collect();
    for (name, code) in &refused {
        host.wait_until(&format!("{name} is refused as {code}"), |model| {
            reason(model, name) == Some(&Value::from(*code))
        });
    }
    assert_eq!(host.predict(5_008_804).body["model"]["version"], 1);

    // A bad file becomes good: the real approval replaces the half-written one under its name.
    workshop.approve(2);
    host.wait_for_version(2);
    let model = host.get("/v1/models/credit-risk").body;
    assert_eq!(
        model["versions"].as_array().expect("versions").iter().filter(|v| v["state"] == "rejected").count(),
        refused.len(),
        "{model}"
    );
}

#[test]
fn a_file_that_is_still_being_written_is_judged_again_when_it_is_whole() {
    let workshop = Workshop::new();
    workshop.sample(200);
    workshop.train("logistic", 1);
    workshop.approve(1);
    let whole = fs::read(workshop.approved(1)).expect("the module");
    fs::remove_file(workshop.approved(1)).expect("it can be removed");
    let host = Host::start(&workshop);
    fs::write(workshop.approved(1), &whole[..whole.len() / 3]).expect("a third");
    host.wait_until("a third is refused", |model| {
        reason(model, "credit-risk-1.wasm") == Some(&Value::from("truncated"))
    });
    fs::write(workshop.approved(1), &whole).expect("the whole");
    host.wait_for_version(1);
}

#[test]
fn the_approvers_verbs_refuse_what_must_not_be_approved() {
    let workshop = Workshop::new();
    workshop.sample(200);
    workshop.train_ungated("logistic", 1);
    let file = "modules/candidates/credit-risk-1.wasm";
    let check = |words: &[&str], said: &str| {
        let output = workshop.run(countersign_tests::countersign().args(words));
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && complained.contains(said), "{words:?} said {complained}");
        assert!(!workshop.approved(1).exists(), "{words:?} wrote a file");
    };
    let by = ["--by", "Ada", "--reason", "a test", "--modules", "modules"];
    check(&[&["approve", file, "--yes", "--key", "job.pem"], &by[..]].concat(), "signed the module already");
    check(&[&["approve", file, "--yes", "--key", "absent.pem"], &by[..]].concat(), "absent.pem");
    let digest = format!("sha256:{}", "0".repeat(64));
    check(
        &[&["approve", file, "--yes", "--key", "ada.pem", "--expect-digest", &digest], &by[..]].concat(),
        "not the expected",
    );
    check(
        &["approve", file, "--yes", "--key", "ada.pem", "--by", "Ada", "--reason", " ", "--modules", "modules"],
        "reason",
    );
    check(&["verify", file, "--modules", "modules"], "not_approved");
    check(&["keygen", "--role", "job", "--out", "job.pem", "--modules", "modules"], "job.pem");
    workshop.countersign(["reject", file, "--by", "Ada", "--reason", "too few rows", "--modules", "modules"]);
    check(&[&["approve", file, "--yes", "--key", "ada.pem"], &by[..]].concat(), "too few rows");
    fs::remove_file(workshop.path("modules/candidates/credit-risk-1.wasm.rejected.json")).expect("the record");
    let mut bytes = fs::read(workshop.candidate(1)).expect("the candidate");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(workshop.path("changed.wasm"), bytes).expect("a file");
    check(&[&["approve", "changed.wasm", "--yes", "--key", "ada.pem"], &by[..]].concat(), "tampered");
}
