//! The fault: the host is killed with no time to clean up, right after it acknowledged a batch and amid the next ones.
//!
//! Injected by SIGKILL to the real binary. What must hold: after a restart every acknowledged record is there, a batch
//! that was under way is there whole or not at all, and the folder opens.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use contract::ids::EntityId;
use contract::record::FeatureRecord;
use contract::view::FeatureView;

const BATCH: u64 = 500;

struct Host {
    process: Child,
    address: String,
}

impl Host {
    fn start(dir: &Path) -> Self {
        let modules = dir.join("modules");
        std::fs::create_dir_all(&modules).expect("a folder");
        std::fs::copy("../modules/trust.toml", modules.join("trust.toml")).expect("the policy that ships");
        let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["serve", "--insecure-loopback", "--listen", "127.0.0.1:0", "--modules"])
            .arg(&modules)
            .arg("--data")
            .arg(dir.join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}"));
        Self { process, address: address.to_owned() }
    }

    /// Sends a request; none if the host died meanwhile.
    fn ask(address: &str, request: &str) -> Option<String> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer).filter(|answer| !answer.is_empty())
    }

    fn publish(address: &str, batch: u64) -> bool {
        let view = FeatureView::credit_risk();
        let record = |id: u64| FeatureRecord {
            entity: EntityId::try_from(id).expect("an id"),
            event_time: "2020-12-30".parse().expect("a day"),
            as_of: "2021-12-27".parse().expect("a day"),
            view: view.digest(),
            values: vec![batch as f64, f64::NAN, 33.0, f64::NAN, 1.0],
        };
        let lines = (batch * BATCH..(batch + 1) * BATCH).map(|id| record(id).to_json(view) + "\n").collect::<String>();
        let head = format!(
            "POST /v1/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}",
            lines.len()
        );
        let answer = Self::ask(address, &format!("{head}\r\n\r\n{lines}"));
        answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    fn has(&self, id: u64) -> bool {
        let request = format!("GET /v1/users/{id}/features HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = Self::ask(&self.address, &request).expect("the host answers");
        match &answer[9..12] {
            "200" => true,
            "404" => false,
            _ => panic!("{answer}"),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_killed_host_has_every_acknowledged_record() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut host = Host::start(dir.path());
    let address = host.address.clone();
    // Batches one after the other, until the host is killed in the middle of one.
    let writer = std::thread::spawn(move || {
        let mut acknowledged = 0;
        while acknowledged < 10_000 && Host::publish(&address, acknowledged) {
            acknowledged += 1;
        }
        acknowledged
    });
    std::thread::sleep(Duration::from_millis(700));
    host.process.kill().expect("SIGKILL");
    host.process.wait().expect("it is dead");
    let acknowledged = writer.join().expect("the writer does not panic");
    assert!(acknowledged > 0, "no batch was acknowledged before the kill");

    let host = Host::start(dir.path());
    for batch in 0..acknowledged {
        for id in [batch * BATCH, batch * BATCH + BATCH / 2, (batch + 1) * BATCH - 1] {
            assert!(host.has(id), "user {id} of acknowledged batch {batch} (of {acknowledged}) is lost");
        }
    }
    let torn: Vec<bool> = (acknowledged * BATCH..(acknowledged + 1) * BATCH).map(|id| host.has(id)).collect();
    assert!(torn.iter().all(|&is| is == torn[0]), "the batch under way is there in part");
}
