//! The fault: the disk fills up while the job or the host writes, or cannot be written at all.
//!
//! Injected by a limit on the size of a file, which every system lets a process set, and by a small tmpfs, where mounting
//! one is permitted (skipped otherwise, saying so). What must hold: the job says what it could not write, the old output
//! stays, and nothing half written is left; the host refuses the records, says so in its metrics, and predicts on.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_tests::{Host, Workshop, feature_job};

/// A small file system in memory, gone when dropped.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one; none, saying so, where that is not permitted.
    fn mount(path: PathBuf, megabytes: u32) -> Option<Self> {
        fs::create_dir(&path).expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(&path)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { path });
        }
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: mounting a tmpfs is not permitted here");
        }
        None
    }

    fn make_read_only(&self) {
        let mounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.path).status().expect("mount runs");
        assert!(mounted.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Where it fails, the file system goes with the machine.
        let _ = Command::new("umount").arg(&self.path).status();
    }
}

/// Writes until the disk is full.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).expect("a file");
    while file.write_all(&[0; 4096]).is_ok() {}
}

/// Large enough that neither limit lets its features through.
fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.feature_job(["sample", "--users", "8000", "--seed", "11", "--out", "loans.csv"]);
    workshop.feature_job(["sample", "--users", "20", "--seed", "11", "--out", "few.csv"]);
    workshop
}

/// Demands that a command fails with these words, and that the folder's files stay as they are.
fn check(workshop: &Workshop, folder: &str, command: &mut Command, said: &str) {
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(workshop.path(folder)).expect("the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        // The lock that runs hold while they write stays, and is empty.
        let paths = paths.filter(|path| path.is_file() && !path.ends_with(".lock"));
        paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
    };
    let before = files();
    let output = workshop.run(command);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complained}");
    assert!(complained.contains("cannot write") && complained.contains(said), "{complained}");
    let after = files();
    assert!(after.keys().eq(before.keys()), "left are {:?}, there were {:?}", after.keys(), before.keys());
    assert!(after == before, "the old output stays");
}

const FEATURES: [&str; 5] = ["features", "--as-of", "2021-12-27", "--input", "loans.csv"];

#[test]
fn a_file_that_may_not_grow_is_an_error_and_the_old_one_stays() {
    let workshop = workshop();
    fs::create_dir(workshop.path("out")).expect("a folder");
    let out = "out/features.parquet";
    workshop.feature_job(["features", "--as-of", "2021-12-27", "--input", "few.csv", "--out", out]);
    // The signal that comes with the refusal is ignored, as a full disk sends none.
    let limited = |kibibytes: u32, words: &[&str]| {
        let mut command = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
        command.args(["-c", &script]).arg(feature_job().get_program()).args(words);
        command
    };
    let features = [&FEATURES[..], &["--out", out]].concat();
    check(&workshop, "out", &mut limited(64, &features), "File too large");
}

#[test]
fn a_full_disk_is_an_error_and_the_old_file_stays() {
    let workshop = workshop();
    let Some(disk) = SmallDisk::mount(workshop.path("disk"), 1) else { return };
    let out = "disk/features.parquet";
    workshop.feature_job(["features", "--as-of", "2021-12-27", "--input", "few.csv", "--out", out]);
    let features = [&FEATURES[..], &["--out", out]].concat();
    check(&workshop, "disk", feature_job().args(&features), "No space left on device");

    workshop.sample(500);
    fs::create_dir(workshop.path("disk/candidates")).expect("a folder");
    fill(&workshop.path("disk/filler"));
    let train = ["train", "--features", "features.parquet", "--recipe", "logistic", "--model", "credit-risk"];
    let train = [&train[..], &["--key", "job.pem", "--out", "disk/candidates"]].concat();
    check(&workshop, "disk/candidates", feature_job().args(&train), "No space left on device");

    disk.make_read_only();
    check(&workshop, "disk", feature_job().args(&features), "Read-only file system");
    check(&workshop, "disk/candidates", feature_job().args(&train), "Read-only file system");
}

#[test]
fn a_host_whose_disk_is_full_predicts_on_and_takes_records_again_once_started_anew() {
    let workshop = Workshop::new();
    workshop.sample(50);
    workshop.train("logistic", 5);
    workshop.approve(1);
    let Some(disk) = SmallDisk::mount(workshop.path("data"), 8) else { return };
    let host = Host::start(&workshop);
    host.wait_ready();
    workshop.publish(&host.url);
    let metric = |host: &Host| {
        let text = host.text("/metrics");
        let line = text.lines().find(|line| line.starts_with("countersign_store_writable ")).expect("a gauge");
        line.rsplit(' ').next().expect("a value").to_owned()
    };
    assert_eq!(metric(&host), "1");

    fill(&disk.path.join("ballast"));
    let record = |id: usize| {
        let answer = host.get("/v1/users/5008804/features").body;
        let (day, view) = (&answer["event_time"], &answer["view"]["digest"]);
        let features = &answer["features"];
        format!(
            "{{\"user_id\":{id},\"event_time\":{day},\"as_of\":{},\"view\":{view},\"features\":{features}}}\n",
            answer["as_of"]
        )
    };
    let record = record(1);
    let mut next = 0;
    let mut batch = || {
        let from = next;
        next += 2_000;
        (from..next)
            .map(|id| record.replacen("\"user_id\":1,", &format!("\"user_id\":{},", 6_000_000 + id), 1))
            .collect::<String>()
    };
    // The store writes into room that it had taken before, for a while.
    let refused = (0..100).map(|_| host.post_records(&batch())).find(|answer| answer.status != 200);
    let refused = refused.expect("a disk that is full takes no end of records");
    assert_eq!((refused.status, &refused.body["code"]), (500, &"store_failed".into()), "{}", refused.body);
    assert_eq!(metric(&host), "0", "whoever watches the host learns of it");
    assert_eq!(host.predict(5_008_804).status, 200, "what is there is predicted from");
    assert_eq!(host.get("/health/ready").status, 200);

    host.kill();
    fs::remove_file(disk.path.join("ballast")).expect("the ballast");
    let host = Host::start(&workshop);
    host.wait_ready();
    assert_eq!(host.predict(5_008_804).status, 200, "what was acknowledged is there");
    workshop.publish(&host.url);
    assert_eq!(metric(&host), "1");
}
