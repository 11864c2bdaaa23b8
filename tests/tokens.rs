//! Tokens from start to end, with real processes: made by the verb, shown by the job and the approver, and obeyed by a host that
//! serves the while.
//!
//! Faults: no token file, a token of another role, a token taken out of the file, a file that cannot be used.

use std::fs;
use std::time::{Duration, Instant};

use countersign_tests::{Host, Workshop, countersign, feature_job};

fn add(workshop: &Workshop, role: &str) -> String {
    let out = format!("{role}.token");
    workshop.countersign(["tokens", "add", "--role", role, "--name", role, "--out", &out, "--tokens", "tokens.toml"]);
    fs::read_to_string(workshop.path(&out)).expect("a token").trim().to_owned()
}

fn serve(workshop: &Workshop, flags: &[&str]) -> Host {
    let mut command = countersign();
    command.args(["serve", "--listen", "127.0.0.1:0", "--modules"]).arg(workshop.path("modules"));
    command.arg("--data").arg(workshop.path("data")).args(flags).current_dir(workshop.path(""));
    Host::spawn(&mut command)
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn tokens_from_their_making_to_their_end() {
    let workshop = Workshop::new();
    workshop.sample(300);
    let [predict, ingest, admin] = ["predict", "ingest", "admin"].map(|role| add(&workshop, role));
    let host = serve(&workshop, &["--tokens", "tokens.toml"]);
    let get = |token: &str, path: &str| host.get_with(token, path).status;

    let publish = |token: &str| {
        let words = ["publish", "--features", "features.parquet", "--to", &host.url, "--token-file", token];
        workshop.run(feature_job().args(words))
    };
    let refused = publish("predict.token");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("role predict") && said.contains("--token-file"), "{said}");
    assert!(publish("ingest.token").status.success());

    workshop.train("logistic", 5);
    let candidate = "modules/candidates/credit-risk-1.wasm";
    let review = |token: Option<&str>| {
        let mut command = countersign();
        command.args(["review", candidate, "--modules", "modules", "--host", &host.url]);
        command.envs(token.map(|token| ("COUNTERSIGN_TOKEN", token)));
        workshop.run(&mut command)
    };
    let refused = review(None);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--token-file"), "{refused:?}");
    assert!(review(Some(&predict)).status.success());
    workshop.approve(1);
    host.wait_ready();

    let user = "/v1/users/5008804/prediction";
    assert_eq!([&predict, &ingest, &admin].map(|token| get(token, user)), [200, 403, 200]);
    assert_eq!(host.get(user).status, 401);
    let rollback = "/v1/models/credit-risk/rollback";
    assert_eq!([&predict, &ingest, &admin].map(|token| host.post_with(token, rollback).status), [403, 403, 409]);

    // Rotation: the second token counts before the first is taken out, so that the holder is never without.
    workshop.countersign([
        "tokens",
        "add",
        "--role",
        "predict",
        "--name",
        "next",
        "--out",
        "next.token",
        "--tokens",
        "tokens.toml",
    ]);
    let next = fs::read_to_string(workshop.path("next.token")).expect("a token").trim().to_owned();
    wait_for("the new token counts", || get(&next, user) == 200);
    assert_eq!(get(&predict, user), 200);
    workshop.countersign(["tokens", "remove", "predict", "--tokens", "tokens.toml"]);
    wait_for("the old token counts no more", || get(&predict, user) == 401);
    assert_eq!(get(&next, user), 200);

    // What cannot be used changes nothing.
    fs::write(workshop.path("tokens.toml"), "[[tokens]]\nname = 3").expect("a file");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!([get(&next, user), get(&predict, user)], [200, 401]);
    fs::remove_file(workshop.path("tokens.toml")).expect("the file");
    fs::create_dir(workshop.path("tokens.toml")).expect("a folder in its place");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!([get(&next, user), get(&predict, user)], [200, 401]);
}

#[test]
fn without_tokens_a_host_serves_its_health_and_nothing_else() {
    let workshop = Workshop::new();
    let host = serve(&workshop, &[]);
    assert_eq!(host.get("/health/live").status, 200);
    for path in ["/v1/models", "/metrics", "/v2", "/v1/users/1/features"] {
        let answer = host.get(path);
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
    }
    assert_eq!(host.get("/v1/models").body["code"], "no_tokens");
}

#[test]
fn a_host_does_not_start_with_tokens_it_cannot_read() {
    let workshop = Workshop::new();
    fs::write(workshop.path("tokens.toml"), "[[tokens]]\nname = \"a\"\nrole = \"root\"\n").expect("a file");
    let start = |flags: &[&str]| {
        let mut command = countersign();
        command.args(["serve", "--modules", "modules", "--data", "data"]).args(flags);
        let output = workshop.run(&mut command);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = start(&["--tokens", "tokens.toml"]);
    assert!(code == Some(1) && said.contains("unknown variant `root`"), "{said}");
    let (code, said) = start(&["--tokens", "nowhere.toml"]);
    assert!(code == Some(64) && said.contains("--tokens nowhere.toml"), "{said}");
    let (code, said) = start(&["--listen", "0.0.0.0:0", "--insecure-loopback"]);
    assert!(code == Some(64) && said.contains("--insecure-loopback"), "{said}");
}
