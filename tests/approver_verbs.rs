//! The verbs of risk officers and operators, as they are typed: a question before anything is signed, looks at files whole and
//! broken, judgements for scripts, and changes of whose word counts.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use contract::section::COMPONENT_PREAMBLE;
use contract::{canonical, seal};
use countersign_tests::{Host, Workshop, countersign};
use serde_json::Value;

const FILE: &str = "modules/candidates/credit-risk-1.wasm";
const APPROVED: &str = "modules/approved/credit-risk-1.wasm";
const APPROVE: [&str; 10] =
    ["approve", FILE, "--key", "ada.pem", "--by", "Ada", "--reason", "a test", "--modules", "modules"];

/// A folder with one candidate, of which nothing was demanded.
fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.sample(200);
    workshop.train_ungated("logistic", 1);
    workshop
}

/// Runs a verb with an answer on its standard input.
fn answered(workshop: &Workshop, words: &[&str], answer: &str) -> Output {
    let mut command = countersign();
    command.args(words).current_dir(workshop.path(""));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the binary runs");
    // It may have ended without a question.
    let _ = child.stdin.take().expect("a pipe").write_all(answer.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn run(workshop: &Workshop, words: &[&str]) -> Output {
    workshop.run(countersign().args(words))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

#[test]
fn nothing_is_signed_before_a_yes() {
    let workshop = workshop();
    for (answer, words) in
        [("", "nobody answered"), ("no\n", "not `yes`"), ("\n", "not `yes`"), ("yes please\n", "not `yes`")]
    {
        let output = answered(&workshop, &APPROVE, answer);
        assert_eq!(output.status.code(), Some(1), "{answer:?}: {}", said(&output));
        assert!(said(&output).contains(words) && said(&output).contains("[yes/no]"), "{answer:?}: {}", said(&output));
        assert!(!workshop.path(APPROVED).exists(), "{answer:?}");
    }
    let output = answered(&workshop, &APPROVE, "yes\n");
    let text = said(&output);
    assert!(output.status.success() && text.contains("approved: "), "{text}");
    // What is signed was shown before the question.
    let digest = seal::inspect(&fs::read(workshop.path(FILE)).expect("the candidate")).expect("a module").digest;
    let question = text.find("[yes/no]").expect("a question");
    assert!(text[..question].contains(&format!("digest      {digest}")), "{text}");
    assert!(workshop.path(APPROVED).exists());
}

#[test]
fn an_approval_without_the_report_says_so_for_good() {
    let workshop = workshop();
    fs::remove_file(workshop.path("modules/candidates/credit-risk-1.report.html")).expect("it can be removed");
    let output = run(&workshop, &[&APPROVE[..], &["--yes", "--without-report"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    for words in [&["review", APPROVED, "--modules", "modules"][..], &["verify", APPROVED, "--modules", "modules"]] {
        let output = run(&workshop, words);
        assert!(said(&output).contains("WITHOUT THE REPORT"), "{}", said(&output));
    }
    let looked = json(&run(&workshop, &["inspect", APPROVED, "--json"]));
    assert_eq!(looked["approvals"][0]["without_report"], true, "{looked}");
}

#[test]
fn inspect_reads_what_can_be_read() {
    let workshop = workshop();
    workshop.approve(1);
    let whole = fs::read(workshop.path(APPROVED)).expect("the module");
    let inspect = |bytes: &[u8]| {
        fs::write(workshop.path("looked.wasm"), bytes).expect("a file");
        let output = run(&workshop, &["inspect", "looked.wasm", "--json"]);
        assert!(output.status.success(), "{}", said(&output));
        // What people read does not fail either.
        assert!(run(&workshop, &["inspect", "looked.wasm"]).status.success());
        json(&output)
    };
    let found = seal::inspect(&whole).expect("a module");
    let looked = inspect(&whole);
    assert_eq!((&looked["structure_holds"], &looked["refusal"]), (&true.into(), &Value::Null));
    assert_eq!(looked["module_digest"], found.digest.to_string());
    assert_eq!(looked["card"]["predicate"]["model"], "credit-risk", "{looked}");
    assert_eq!(looked["approvals"][0]["by"], "Ada");
    assert_eq!(looked["signatures"].as_array().map(Vec::len), Some(2));
    let sections = looked["sections"].as_array().expect("a list");
    assert_eq!((&sections[0]["name"], &sections[0]["offset"]), (&"signature".into(), &8.into()));
    let bytes: u64 = sections.iter().map(|section| section["bytes"].as_u64().expect("a size")).sum();
    assert_eq!(bytes + 8, whole.len() as u64);

    let mut changed = whole.clone();
    let place = changed.windows(11).position(|bytes| bytes == b"credit-risk").expect("the card names the model");
    changed[place] ^= 1;
    let looked = inspect(&changed);
    assert_eq!((&looked["structure_holds"], &looked["refusal"]["code"]), (&false.into(), &"tampered".into()));
    assert!(looked["signatures"].as_array().expect("a list").iter().all(|set| set["hashes_hold"] == false), "{looked}");
    assert_eq!(looked["approvals"][0]["by"], "Ada");

    let looked = inspect(&whole[..whole.len() - 3]);
    assert_eq!(looked["refusal"]["code"], "truncated");
    assert_eq!(looked["module_digest"], found.digest.to_string(), "part 1 is whole");
    assert_eq!(looked["approvals"][0]["by"], "Ada");
    assert_eq!(inspect(&whole[..12])["refusal"]["code"], "truncated");

    let looked = inspect(&COMPONENT_PREAMBLE);
    assert_eq!((&looked["refusal"]["code"], &looked["module_digest"]), (&"unsigned".into(), &Value::Null));

    fs::write(workshop.path("none.wasm"), b"\0asm\x01\0\0\0").expect("a core module");
    let output = run(&workshop, &["inspect", "none.wasm"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("does not start as a WebAssembly component"), "{}", said(&output));
}

#[test]
fn verify_judges_many_files_and_other_days() {
    let workshop = workshop();
    workshop.approve(1);
    fs::write(workshop.path("cut.wasm"), &fs::read(workshop.path(APPROVED)).expect("the module")[..999])
        .expect("a file");
    let verify = |files: &[&str], more: &[&str]| {
        run(&workshop, &[&["verify"], files, &["--modules", "modules", "--json"], more].concat())
    };
    let codes = |output: &Output| {
        let verdicts = json(output).as_array().expect("a list").clone();
        verdicts.iter().map(|verdict| verdict["code"].as_str().unwrap_or("verified").to_owned()).collect::<Vec<_>>()
    };
    let one = verify(&[APPROVED], &[]);
    assert_eq!((one.status.code(), codes(&one)), (Some(0), vec!["verified".to_owned()]));
    assert_eq!((&json(&one)[0]["model"], &json(&one)[0]["version"]), (&"credit-risk".into(), &1.into()));
    let many = verify(&["cut.wasm", APPROVED, FILE, "absent.wasm"], &[]);
    assert_eq!(many.status.code(), Some(1));
    assert_eq!(codes(&many), ["truncated", "verified", "not_approved", "unreadable"]);

    workshop.countersign(["keys", "expire", "ada", "--on", "2030-06-30", "--modules", "modules"]);
    for (day, code) in [("2030-06-30", "verified"), ("2030-07-01", "key_expired")] {
        assert_eq!(codes(&verify(&[APPROVED], &["--as-of", day])), [code], "{day}");
    }
    assert_eq!(run(&workshop, &["verify", APPROVED, "--as-of", "tomorrow"]).status.code(), Some(64));
    assert_eq!(run(&workshop, &["verify"]).status.code(), Some(64));
}

#[test]
fn whose_word_counts_is_changed_by_verbs() {
    let workshop = workshop();
    workshop.approve(1);
    let keys = |words: &[&str]| run(&workshop, &[&["keys"], words, &["--modules", "modules"]].concat());
    let done = |words: &[&str]| {
        let output = keys(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    };
    let refused = |words: &[&str], why: &str| {
        let before = fs::read(workshop.path("modules/trust.toml")).expect("the policy");
        let output = keys(words);
        assert!(!output.status.success() && said(&output).contains(why), "{words:?}: {}", said(&output));
        assert_eq!(fs::read(workshop.path("modules/trust.toml")).expect("the policy"), before);
    };
    let verdict = || {
        let output = run(&workshop, &["verify", APPROVED, "--modules", "modules", "--json"]);
        json(&output)[0]["code"].as_str().unwrap_or("verified").to_owned()
    };

    // A key made elsewhere comes as its public half.
    let made =
        said(&run(&workshop, &["keygen", "--role", "approver", "--name", "Ben", "--out", "ben.pem", "--no-enrol"]));
    let public = made.split_whitespace().find(|word| word.len() == 64).expect("the public key").to_owned();
    assert!(said(&run(&workshop, &["keys", "show", "ben.pem"])).contains(&public));
    let listed = json(&keys(&["list", "--json"]));
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(2), "not enrolled yet: {listed}");
    refused(&["add", "ben.pem", "--role", "approver", "--name", "Ben"], "keys show");
    refused(&["add", "00", "--role", "approver", "--name", "Ben"], "is no key");
    done(&[
        "add",
        &public,
        "--role",
        "approver",
        "--name",
        "Ben",
        "--models",
        "fraud,credit-risk",
        "--expires",
        "2031-12-31",
    ]);
    refused(&["add", &public, "--role", "job", "--name", "Ben again"], "enrolled twice");
    let listed = json(&keys(&["list", "--json"]));
    let ben = &listed["keys"][2];
    assert_eq!(
        (&ben["name"], &ben["role"], &ben["expires"]),
        (&"Ben".into(), &"approver".into(), &"2031-12-31".into())
    );
    assert_eq!(ben["models"], serde_json::json!(["fraud", "credit-risk"]));
    assert!(done(&["list"]).contains("until 2031-12-31"));
    let with_ben = [&["approve", FILE, "--yes", "--key", "ben.pem", "--by", "Ben"], &APPROVE[6..]].concat();
    assert!(run(&workshop, &with_ben).status.success());
    assert_eq!(verdict(), "verified");

    done(&["expire", "Ben", "--on", "2020-01-01"]);
    assert_eq!(verdict(), "key_expired");
    done(&["expire", &ben["id"].as_str().expect("an id")[..6], "--on", "2031-01-01"]);
    assert_eq!(verdict(), "verified");
    refused(&["revoke", "Nobody"], "keys list");
    refused(&["revoke", "Ben", "--reason", "a\nb"], "control characters");
    done(&["revoke", "Ben", "--reason", "laptop stolen"]);
    assert_eq!(verdict(), "key_revoked");
    assert!(done(&["revoke", "Ben"]).contains("was revoked before"));
    assert!(done(&["list"]).contains("REVOKED"));

    workshop.train_ungated("baseline", 2);
    workshop.approve(2);
    done(&["revoke-digest", "modules/approved/credit-risk-2.wasm", "--reason", "leaked rows"]);
    let output = run(&workshop, &["verify", "modules/approved/credit-risk-2.wasm", "--modules", "modules"]);
    assert!(said(&output).contains("digest_revoked"), "{}", said(&output));
    refused(&["revoke-digest", "sha256:12"], "64 hexadecimal digits");
    let policy = fs::read_to_string(workshop.path("modules/trust.toml")).expect("the policy");
    assert!(policy.contains("# leaked rows") && policy.contains("# laptop stolen"), "{policy}");
    assert!(policy.contains("# Whom the host trusts."), "the comments stay: {policy}");
}

#[test]
fn twenty_changes_at_once_are_all_kept() {
    let workshop = Workshop::new();
    let started: Vec<_> = (0..20)
        .map(|place| {
            let (file, digest) = (format!("k{place}.pem"), format!("sha256:{place:064x}"));
            let mut command = countersign();
            command.current_dir(workshop.path("")).stdout(Stdio::null());
            match place % 2 {
                0 => command.args(["keygen", "--role", "job", "--out", &file, "--modules", "modules"]),
                _ => command.args(["keys", "revoke-digest", &digest, "--modules", "modules"]),
            };
            command.spawn().expect("the binary runs")
        })
        .collect();
    for mut child in started {
        assert!(child.wait().expect("it ends").success());
    }
    let listed = json(&run(&workshop, &["keys", "list", "--json", "--modules", "modules"]));
    let counts = ["keys", "revoked_digests"].map(|name| listed[name].as_array().map(Vec::len));
    assert_eq!(counts, [Some(2 + 10), Some(10)]);
}

#[test]
fn a_candidate_is_held_against_what_the_host_has_live() {
    let workshop = workshop();
    workshop.approve(1);
    workshop.train_ungated("logistic", 2);
    workshop.approve(2);
    workshop.train_ungated("logistic", 3);
    let host = Host::start(&workshop);
    host.wait_for_version(2);
    assert_eq!(host.put_traffic(r#"{"live":1}"#).status, 200);
    let third = "modules/candidates/credit-risk-3.wasm";
    let review = |more: &[&str]| run(&workshop, &[&["review", third, "--modules", "modules"], more].concat());
    assert!(said(&review(&[])).contains("version 2, the newest approved"), "{}", said(&review(&[])));
    let beside = said(&review(&["--host", &host.url]));
    assert!(beside.contains("version 1, which the host has live") && beside.contains("  ["), "{beside}");
    assert!(beside.contains("compared the candidate with another version"), "{beside}");
    fs::remove_file(workshop.path(APPROVED)).expect("it can be removed");
    assert!(said(&review(&["--host", &host.url])).contains("figures are not here"));
    let gone = review(&["--host", "http://127.0.0.1:1"]);
    assert!(!gone.status.success() && said(&gone).contains("cannot ask"), "{}", said(&gone));
}

#[test]
fn a_record_of_refusal_is_kept_and_signed_bytes_are_exact() {
    let workshop = workshop();
    let reject = ["reject", FILE, "--by", "Ada", "--reason", "recall \u{1b}[31mfell", "--modules", "modules"];
    assert!(run(&workshop, &reject).status.success());
    let record = fs::read(workshop.path("modules/candidates/credit-risk-1.wasm.rejected.json")).expect("the record");
    let again = run(&workshop, &reject);
    assert!(!again.status.success() && said(&again).contains("turned down before"), "{}", said(&again));
    let read: Value = canonical::from_slice(&record).expect("canonical JSON");
    assert_eq!(read["reason"], "recall \u{1b}[31mfell");
    let output = run(&workshop, &[&APPROVE[..], &["--yes"]].concat());
    assert!(!output.status.success() && !output.stderr.contains(&0x1b), "{}", said(&output));
    assert!(!workshop.path(APPROVED).exists());
}
