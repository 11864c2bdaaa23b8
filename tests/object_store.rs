//! The story: modules come from an object store, a folder that stands for one and a real S3 endpoint.
//!
//! What must hold: what is approved goes live when it arrives and stays live when it goes; what is refused harms nothing; a store
//! that is down, full of junk, or full of names that are none, changes nothing; and a restart needs no store.

use std::fs;
use std::time::{Duration, Instant};

use contract::seal;
use countersign_tests::{Forge, Host, S3, Scores, Workshop, countersign, read_scores};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

/// How often the store is looked at.
const POLL_MS: u64 = 50;

/// A workshop whose approved modules lie in a store.
struct Stored<'a> {
    workshop: Workshop,
    module: Vec<u8>,
    scores: Scores,
    forge: Forge,
    store: &'a dyn ObjectStore,
    runtime: tokio::runtime::Runtime,
    url: String,
    environment: Vec<(&'static str, String)>,
}

impl<'a> Stored<'a> {
    fn new(store: &'a dyn ObjectStore, url: String, environment: Vec<(&'static str, String)>) -> Self {
        let workshop = Workshop::new();
        workshop.sample(40);
        workshop.train_ungated("logistic", 1);
        let scores = read_scores(&workshop, "modules/candidates/credit-risk-1.wasm");
        let module = fs::read(workshop.candidate(1)).expect("the candidate");
        let forge = Forge::of(&workshop);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { workshop, module, scores, forge, store, runtime, url, environment }
    }

    fn approved(&self, version: u64) -> Vec<u8> {
        self.forge.reversioned(&self.module, version)
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        let path = Path::from(format!("credit/approved/{name}"));
        self.runtime.block_on(self.store.put(&path, bytes.into())).expect("the store takes it");
    }

    fn put_version(&self, version: u64) {
        self.put(&format!("credit-risk-{version}.wasm"), self.approved(version));
    }

    fn delete(&self, name: &str) {
        let path = Path::from(format!("credit/approved/{name}"));
        self.runtime.block_on(self.store.delete(&path)).expect("it was there");
    }

    fn host(&self) -> Host {
        let mut command = countersign();
        command.args([
            "serve",
            "--insecure-loopback",
            "--listen",
            "127.0.0.1:0",
            "--poll-ms",
            &POLL_MS.to_string(),
            "--modules",
            &self.url,
        ]);
        command
            .arg("--trust")
            .arg(self.workshop.path("modules/trust.toml"))
            .arg("--data")
            .arg(self.workshop.path("data"));
        command.env("AWS_EC2_METADATA_DISABLED", "true").envs(self.environment.iter().cloned());
        Host::spawn(&mut command)
    }

    /// Gives the names of the local copies.
    fn copies(&self) -> Vec<String> {
        let entries = fs::read_dir(self.workshop.path("data/mirror/approved")).expect("the folder of the copies");
        let name =
            |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort_unstable();
        names
    }

    /// Checks that a version answers with its scores.
    fn answers(&self, host: &Host, version: u64) {
        for (&user, score) in &self.scores {
            let answer = host.predict(user);
            assert_eq!((answer.status, &answer.body["model"]["version"]), (200, &version.into()), "{answer:?}");
            assert_eq!(answer.body["probability"].as_f64().map(f64::to_bits), Some(score.to_bits()), "user {user}");
        }
    }
}

/// Waits until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metric(host: &Host, name: &str) -> u64 {
    let text = host.text("/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("countersign_mirror_{name} ")));
    line.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Tells whether the host says that something is amiss with the store.
fn complains(host: &Host) -> bool {
    host.get("/v1/models").body["warnings"].to_string().contains("credit")
}

/// What holds of any store. The host that it leaves has version 4 live, and of the files 1, 3 (refused) and 4.
fn the_way_of_modules(story: &Stored) -> Host {
    story.put_version(1);
    let host = story.host();
    host.wait_ready();
    host.wait_for_version(1);
    story.workshop.publish(&host.url);
    story.answers(&host, 1);

    story.put_version(2);
    host.wait_for_version(2);
    story.answers(&host, 2);

    // Tampered with, never approved, and no module at all.
    let mut tampered = story.approved(3);
    let place = tampered.len() / 2;
    tampered[place] ^= 1;
    story.put("credit-risk-3.wasm", tampered);
    story.put("candidate-9.wasm", story.forge.candidate(&story.module, 9));
    story.put("empty.wasm", vec![]);
    host.wait_until("all three are refused", |model| {
        let refused = |file: &str| {
            let mut versions = model["versions"].as_array().into_iter().flatten();
            versions.any(|version| version["file"] == file && version["state"] == "rejected")
        };
        refused("credit-risk-3.wasm")
    });
    until("the others are refused", || {
        let models = host.get("/v1/models").body.to_string();
        models.contains("candidate-9.wasm") && models.contains("empty.wasm")
    });
    story.answers(&host, 2);
    story.delete("candidate-9.wasm");
    story.delete("empty.wasm");

    // What is no module directly in approved/ is not looked at.
    let path = Path::from("credit/approved/deeper/credit-risk-8.wasm");
    story.runtime.block_on(story.store.put(&path, story.approved(8).into())).expect("the store takes it");
    let path = Path::from("credit/candidates/credit-risk-8.wasm");
    story.runtime.block_on(story.store.put(&path, story.approved(8).into())).expect("the store takes it");
    story.put(".hidden-8.wasm", story.approved(8));
    story.put("README.md", b"read me".to_vec());

    // Deleted, it stays live, and the state says so.
    story.delete("credit-risk-2.wasm");
    host.wait_until("the file has gone", |model| {
        model["versions"].as_array().into_iter().flatten().any(|v| v["version"] == 2 && v["file_deleted"] == true)
    });
    story.answers(&host, 2);

    // Replaced under the same name, the new content counts.
    story.put("credit-risk-1.wasm", story.approved(4));
    host.wait_for_version(4);
    story.answers(&host, 4);
    assert_eq!(story.copies(), ["credit-risk-1.wasm", "credit-risk-3.wasm"]);
    let fetched = metric(&host, "fetched_total");
    assert_eq!((fetched, metric(&host, "objects")), (6, 2), "each object is fetched once");
    host.kill();

    // After a restart nothing is fetched that is there; what was damaged is, and only that.
    let host = story.host();
    host.wait_ready();
    story.answers(&host, 4);
    assert_eq!(metric(&host, "fetched_total"), 0);
    host.kill();
    let copy = story.workshop.path("data/mirror/approved/credit-risk-1.wasm");
    let mut damaged = fs::read(&copy).expect("the copy");
    damaged[1000] ^= 1;
    fs::write(&copy, damaged).expect("the copy");
    let host = story.host();
    host.wait_ready();
    story.answers(&host, 4);
    assert_eq!(metric(&host, "fetched_total"), 1);
    assert!(seal::inspect(&fs::read(&copy).expect("the copy")).is_ok());
    host
}

#[test]
fn a_folder_stands_for_an_object_store() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("bucket")).expect("a folder");
    let bucket = folder.path().join("bucket");
    let store = LocalFileSystem::new_with_prefix(&bucket).expect("a store");
    let story = Stored::new(&store, format!("file://{}/credit", bucket.display()), vec![]);
    let host = the_way_of_modules(&story);
    assert!(!complains(&host));

    // The whole store goes, as a mount does, and comes back.
    let aside = folder.path().join("aside");
    fs::rename(&bucket, &aside).expect("a name");
    std::thread::sleep(Duration::from_millis(10 * POLL_MS));
    story.answers(&host, 4);
    fs::rename(&aside, &bucket).expect("a name");
    story.put_version(5);
    host.wait_for_version(5);
    story.answers(&host, 5);
}

#[test]
fn modules_come_from_s3() {
    let Some(s3) = S3::start() else { return };
    let store = s3.bucket("models");
    let story = Stored::new(&store, "s3://models/credit".to_owned(), s3.environment().into());
    let host = the_way_of_modules(&story);
    assert!(!complains(&host));

    // More objects than one page of a listing has, and the new version on a later page.
    for junk in 0..1050 {
        s3.raw("PUT", &format!("/models/credit/approved/junk-{junk:04}.wasm"), b"no module");
    }
    story.put("new.wasm", story.approved(5));
    host.wait_for_version(5);
    until("the junk is here", || metric(&host, "objects") == 1053);
    story.answers(&host, 5);
    for junk in 0..1050 {
        s3.raw("DELETE", &format!("/models/credit/approved/junk-{junk:04}.wasm"), b"");
    }
    until("the junk has gone", || story.copies() == ["credit-risk-1.wasm", "credit-risk-3.wasm", "new.wasm"]);

    // A key that climbs out of the folder stops what comes after it and nothing else, and the host says so.
    s3.raw("PUT", "/models/credit/approved/../../../../escaped.wasm", b"no module");
    until("the host complains", || complains(&host));
    story.answers(&host, 5);
    s3.raw("DELETE", "/models/credit/approved/../../../../escaped.wasm", b"");
    until("all is well", || !complains(&host));

    // The server dies: all goes on, also in a host that starts meanwhile.
    let port = s3.port();
    drop(s3);
    until("the host complains", || complains(&host));
    story.answers(&host, 5);
    host.kill();
    let host = story.host();
    host.wait_ready();
    story.answers(&host, 5);
    assert!(complains(&host) && metric(&host, "failures_total") > 0);

    // It comes back with nothing in it: what is live stays, and what is new goes live.
    let s3 = S3::start_at(port).expect("it was there before");
    let store = s3.bucket("models");
    let story = Stored { store: &store, ..story };
    story.put_version(6);
    host.wait_for_version(6);
    story.answers(&host, 6);
    until("the old copies have gone", || story.copies() == ["credit-risk-6.wasm"]);
}

#[test]
fn a_store_is_no_place_for_the_trust_policy() {
    let output = countersign().args(["serve", "--data", "data", "--modules", "s3://models/credit"]).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--trust"), "{output:?}");
}
