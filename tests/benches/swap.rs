//! Versions that change under load: what the others notice, and how soon a new file answers.
//!
//! A real host answers single predictions at half of what it can, on a fixed schedule, and each latency counts from the moment
//! the request was due, so that no stall is hidden. Quiet spells alternate with spells in which an operator switches between
//! compiled versions, and with spells in which new files drop in. Every answer must be a success with its named version's very
//! score. Client and host share the machine.
//!
//! `COUNTERSIGN_SWITCHES` (1,000) and `COUNTERSIGN_DROPS` (100) say how many there are, `COUNTERSIGN_DROP_MS` (2,000) how long after
//! one another the files come. Run `cargo build --workspace` first.

#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]

#[path = "swap/arrival.rs"]
mod arrival;
#[path = "swap/load.rs"]
mod load;

use std::fs;
use std::time::Duration;

use countersign_tests::{Forge, Host, Workshop, read_scores};

use self::load::{Connection, Latencies, Load, User};

/// What takes turns: version v is of the kind v modulo 4.
const RECIPES: [&str; 4] = ["forest", "logistic", "extra-trees", "baseline"];
/// How many spells the changes are split into.
const SPELLS: usize = 10;
const QUIET: Duration = Duration::from_secs(5);
const BETWEEN_SWITCHES: Duration = Duration::from_millis(50);

fn main() {
    let count = |name: &str, default: usize| {
        std::env::var(name).ok().map_or(default, |count| count.parse().expect("a whole number"))
    };
    let switches = count("COUNTERSIGN_SWITCHES", 1000);
    let drops = count("COUNTERSIGN_DROPS", 100);
    let between_drops = Duration::from_millis(count("COUNTERSIGN_DROP_MS", 2000) as u64);

    let workshop = Workshop::new();
    workshop.sample(2000);
    let modules = (1..).zip(RECIPES).map(|(version, recipe)| {
        workshop.train_ungated(recipe, version);
        fs::read(workshop.candidate(version)).expect("the candidate")
    });
    let modules: Vec<_> = modules.collect();
    let sizes: Vec<_> = modules.iter().map(|module| module.len() / 1024).collect();
    println!("{RECIPES:?}: modules of {sizes:?} KiB");
    let users = users(&workshop);
    let forge = Forge::of(&workshop);
    let made = |version: usize| forge.reversioned(&modules[(version - 1) % RECIPES.len()], version as u64);
    let place = |version: usize, bytes: &[u8]| workshop.place(&format!("credit-risk-{version}.wasm"), bytes);
    for version in 1..=RECIPES.len() {
        place(version, &made(version));
    }
    let host = Host::start(&workshop);
    host.wait_for_version(RECIPES.len() as u64);
    workshop.publish(&host.url);

    let mut load = Load::new(&host.address(), &users);
    load.capacity(Duration::from_secs(2));
    let capacity = load.capacity(Duration::from_secs(10));
    println!("capacity {capacity:.0} predictions/s over {} connections; the load is half of it", load::CONNECTIONS);
    load.rate = capacity / 2.0;

    let (mut quiet, mut switching, mut dropping) = Default::default();
    let mut resident = vec![];
    let mut resides = |when: String| resident.push((when, host.resident_bytes() / f64::from(1 << 20)));
    let mut switched = 0;
    for spell in 1..=SPELLS {
        load.steady(&mut quiet, || std::thread::sleep(QUIET));
        load.steady(&mut switching, || {
            while switched < switches * spell / SPELLS {
                let version = 1 + switched % RECIPES.len();
                let answer = host.put_traffic(&format!("{{\"live\":{version}}}"));
                assert_eq!(answer.status, 200, "{answer:?}");
                switched += 1;
                if switched == 10 {
                    resides(format!("{switched} switches"));
                }
                std::thread::sleep(BETWEEN_SWITCHES);
            }
        });
    }
    resides(format!("{switched} switches"));

    assert_eq!(host.put_traffic("{}").status, 200);
    let mut newest = RECIPES.len();
    let (mut dropped, mut quiet_again) = (0, Latencies::default());
    for spell in 1..=SPELLS {
        load.steady(&mut quiet_again, || std::thread::sleep(QUIET));
        let files: Vec<_> = (1..=drops * spell / SPELLS - dropped).map(|more| made(newest + more)).collect();
        load.steady(&mut dropping, || {
            for file in files {
                newest += 1;
                dropped += 1;
                place(newest, &file);
                std::thread::sleep(between_drops);
                if dropped == 10 {
                    resides(format!("these and {dropped} drops"));
                }
            }
        });
        host.wait_for_version(newest as u64);
    }
    resides(format!("these and {dropped} drops"));

    println!("| single predictions | answers | p50 | p99 | p99.9 | most |\n| --- | --- | --- | --- | --- | --- |");
    let p99 = [("quiet", quiet), ("switching", switching), ("quiet again", quiet_again), ("dropping", dropping)]
        .map(|(name, latencies): (_, Latencies)| latencies.tell(name));
    println!("p99, switching to quiet: {:.2}; dropping to quiet: {:.2}", p99[1] / p99[0], p99[3] / p99[2]);
    for (when, mebibytes) in resident {
        println!("resident after {when}: {mebibytes:.1} MiB");
    }
    arrival::measure(&host, &workshop, &forge, users[0].id);
    println!("every answer was a success with its named version's score");
}

/// Gives the users, each with what every kind of model must answer.
fn users(workshop: &Workshop) -> Vec<User> {
    let scores: Vec<_> = (1..=RECIPES.len())
        .map(|version| read_scores(workshop, &format!("modules/candidates/credit-risk-{version}.wasm")))
        .collect();
    let user = |&id: &i64| User::new(id, scores.iter().map(|scores| scores[&id].to_bits()).collect());
    let mut ids: Vec<_> = scores[0].keys().copied().collect();
    ids.sort_unstable();
    ids.iter().map(user).collect()
}
