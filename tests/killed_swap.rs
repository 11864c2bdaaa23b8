//! The fault: the host, and whoever approves or changes the trust policy, are killed outright while versions change.
//!
//! What must hold after each restart: the version that answers is the old or the new and never none, its answers are its own,
//! what was answered is not forgotten, every file is whole, and the ledger never goes back.
//!
//! `COUNTERSIGN_KILLS=200 cargo test --workspace --test killed_swap -- --nocapture` makes the whole run; 12 kills by default.

#![expect(clippy::print_stdout, reason = "the figures are for whoever asked for the whole run")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use contract::seal;
use contract::trust::TrustPolicy;
use countersign_tests::{Chance, Forge, Host, Scores, Workshop, countersign, read_scores};
use serde_json::Value;

/// How many versions have their file in `approved/`; older ones are deleted, as an operator would.
const WINDOW: u64 = 4;
/// The latest moment of a kill.
const LATEST: Duration = Duration::from_millis(400);
/// The latest moment at which a verb is killed; some have ended by then.
const LATEST_VERB: Duration = Duration::from_millis(40);

#[test]
fn the_old_or_the_new_version_is_live_after_a_kill() {
    let kills = std::env::var("COUNTERSIGN_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(12);
    let mut chance = Chance::seeded();
    let mut story = Story::begin();
    let mut counts = [0; 4];
    for kill in 0..kills {
        let host = story.settled();
        let before = story.newest;
        let allowed = match kill % 4 {
            0 => story.orders(&host, &mut chance, &mut counts[0]),
            1 => story.drops(&host, &mut chance, &mut counts[1]),
            2 => story.approvals(&host, &mut chance, &mut counts[2]),
            _ => story.changes_of_trust(&host, &mut chance, &mut counts[3]),
        };
        host.kill();
        story.check_restarted(&allowed, &format!("kill {kill}, version {before} was live"));
    }
    let [orders, drops, approvals, changes] = counts;
    println!("{kills} kills amid {orders} orders, {drops} drops, {approvals} approvals and {changes} changes of trust");
    assert!(counts.iter().all(|&count| count > 0), "something never happened before its kill");
}

/// A registry whose versions are a few models by turns, so that each version's scores are known.
struct Story {
    workshop: Workshop,
    forge: Forge,
    kinds: Vec<(Vec<u8>, Scores)>,
    /// The newest version that has a file.
    newest: u64,
    /// The trust policy as it should be.
    trust: Vec<u8>,
    /// The highest version ever live, as the ledger said last.
    highest: u64,
}

impl Story {
    fn begin() -> Self {
        let workshop = Workshop::new();
        workshop.sample(60);
        let kinds = [("logistic", 1), ("baseline", 2), ("forest", 3)].map(|(recipe, version)| {
            workshop.train_ungated(recipe, version);
            let scores = read_scores(&workshop, &format!("modules/candidates/credit-risk-{version}.wasm"));
            (fs::read(workshop.candidate(version)).expect("the candidate"), scores)
        });
        let forge = Forge::of(&workshop);
        let trust = fs::read(workshop.path("modules/trust.toml")).expect("the policy");
        let mut story = Self { workshop, forge, kinds: kinds.into(), newest: 0, trust, highest: 0 };
        for _ in 0..WINDOW {
            let (name, bytes) = story.next();
            story.workshop.place(&name, &bytes);
        }
        let host = Host::start(&story.workshop);
        host.wait_for_version(story.newest);
        story.workshop.publish(&host.url);
        host.kill();
        story
    }

    /// Makes the next version, which is the newest from now on.
    fn next(&mut self) -> (String, Vec<u8>) {
        self.newest += 1;
        (format!("credit-risk-{}.wasm", self.newest), self.forge.reversioned(self.kind(self.newest), self.newest))
    }

    fn kind(&self, version: u64) -> &[u8] {
        &self.kinds[version as usize % self.kinds.len()].0
    }

    /// Starts a host, takes back what the last storm left behind, and waits until the newest version is live.
    fn settled(&self) -> Host {
        let host = Host::start(&self.workshop);
        host.wait_ready();
        self.trust_as_it_should_be();
        assert_eq!(host.put_traffic("{}").status, 200);
        host.wait_for_version(self.newest);
        for old in 1..=self.newest.saturating_sub(WINDOW) {
            // Most of them went long ago.
            let _ = fs::remove_file(self.workshop.approved(old));
        }
        host
    }

    fn trust_as_it_should_be(&self) {
        let aside = self.workshop.path("trust.part");
        fs::write(&aside, &self.trust).expect("a file");
        fs::rename(aside, self.workshop.path("modules/trust.toml")).expect("a name");
    }

    /// Kills the host while an operator sets its traffic, one order after the other.
    fn orders(&self, host: &Host, chance: &mut Chance, count: &mut usize) -> Vec<u64> {
        let (mut answered, mut asked) = (self.newest, self.newest);
        std::thread::scope(|scope| {
            let moment = chance.moment(LATEST);
            scope.spawn(move || strike_after(host, moment));
            loop {
                asked = self.newest - chance.below(WINDOW as usize) as u64;
                let Some(answer) = host.try_put_traffic(&format!("{{\"live\":{asked}}}")) else { break };
                assert_eq!(answer.status, 200, "{answer:?}");
                answered = asked;
                *count += 1;
                // Who was answered sees it at once.
                let Some(answer) = host.try_get(&self.prediction(0)) else { break };
                assert_eq!(answer.body["model"]["version"], asked, "{answer:?}");
            }
        });
        vec![answered, asked]
    }

    /// Kills the host while new versions drop into the folder, renamed or copied in place.
    fn drops(&mut self, host: &Host, chance: &mut Chance, count: &mut usize) -> Vec<u64> {
        std::thread::scope(|scope| {
            let moment = chance.moment(LATEST);
            let killer = scope.spawn(move || strike_after(host, moment));
            while !killer.is_finished() {
                let (name, bytes) = self.next();
                if chance.below(2) == 0 {
                    self.workshop.place(&name, &bytes);
                } else {
                    let path = self.workshop.path(&format!("modules/approved/{name}"));
                    fs::write(&path, &bytes[..chance.below(bytes.len())]).expect("half a file");
                    std::thread::sleep(chance.moment(LATEST / 4));
                    fs::write(&path, &bytes).expect("the whole file");
                }
                *count += 1;
                std::thread::sleep(chance.moment(LATEST / 4));
            }
        });
        vec![self.newest]
    }

    /// Kills the host and the approver's verb; an approval is there as a whole or not at all, and can be given again.
    fn approvals(&mut self, host: &Host, chance: &mut Chance, count: &mut usize) -> Vec<u64> {
        std::thread::scope(|scope| {
            let moment = chance.moment(LATEST);
            let killer = scope.spawn(move || strike_after(host, moment));
            while !killer.is_finished() {
                let version = self.newest + 1;
                fs::write(self.workshop.candidate(version), self.forge.candidate(self.kind(version), version))
                    .expect("a candidate");
                chance.kill(quiet(&mut self.workshop.approval(version)), LATEST_VERB);
                match fs::read(self.workshop.approved(version)) {
                    Ok(bytes) => assert_eq!(seal::inspect(&bytes).expect("a whole module").approvals.len(), 1),
                    Err(_) => drop(self.workshop.approve(version)),
                }
                self.newest = version;
                *count += 1;
            }
        });
        vec![self.newest]
    }

    /// Kills the host and the verb that changes the policy; the policy is the old or the new, and what is live obeys it.
    fn changes_of_trust(&self, host: &Host, chance: &mut Chance, count: &mut usize) -> Vec<u64> {
        let newest = fs::read(self.workshop.approved(self.newest)).expect("the newest version");
        let digest = seal::inspect(&newest).expect("a module").digest;
        std::thread::scope(|scope| {
            let moment = chance.moment(LATEST);
            let killer = scope.spawn(move || strike_after(host, moment));
            while !killer.is_finished() {
                let mut verb = countersign();
                let verb = verb.args(["keys", "revoke-digest", &digest.to_string(), "--modules"]);
                chance.kill(quiet(verb.arg(self.workshop.path("modules"))), LATEST_VERB);
                if !killer.is_finished() && chance.below(2) == 0 {
                    self.trust_as_it_should_be();
                }
                *count += 1;
            }
        });
        let policy = TrustPolicy::load(&self.workshop.path("modules/trust.toml")).expect("a whole policy");
        vec![if policy.revoked_digests.contains(&digest) { self.newest - 1 } else { self.newest }]
    }

    /// Starts a host after a kill, and checks all that must hold.
    fn check_restarted(&mut self, allowed: &[u64], when: &str) {
        let ledger = fs::read(self.workshop.path("data/ledger.json")).expect("the ledger");
        let ledger: Value = serde_json::from_slice(&ledger).expect("a whole ledger");
        let highest = ledger["models"]["credit-risk"]["highest_live"].as_u64().expect("a version");
        assert!(highest >= self.highest, "{when}: the ledger went back from {} to {highest}", self.highest);

        let host = Host::start(&self.workshop);
        host.wait_ready();
        let model = host.get("/v1/models/credit-risk").body;
        let live = model["live_version"].as_u64().unwrap_or_else(|| panic!("{when}: no version is live: {model}"));
        assert!(allowed.contains(&live), "{when}: version {live} is live and not one of {allowed:?}: {model}");
        self.highest = model["highest_live_version"].as_u64().expect("a version");
        assert!(self.highest >= highest, "{when}: {model}");
        for user in 0..self.kinds[0].1.len() {
            let answer = host.get(&self.prediction(user));
            assert_eq!((answer.status, &answer.body["model"]["version"]), (200, &live.into()), "{when}: {answer:?}");
            let id = answer.body["user_id"].as_i64().expect("a user");
            let score = self.kinds[live as usize % self.kinds.len()].1[&id];
            assert_eq!(
                answer.body["probability"].as_f64().map(f64::to_bits),
                Some(score.to_bits()),
                "{when}: user {id}"
            );
        }
        host.kill();
    }

    /// Gives the path that asks for the prediction of a user, counted from 0.
    fn prediction(&self, user: usize) -> String {
        let id = self.kinds[0].1.keys().nth(user).expect("a user");
        format!("/v1/users/{id}/prediction")
    }
}

fn strike_after(host: &Host, moment: Duration) {
    std::thread::sleep(moment);
    host.strike();
}

/// What a killed verb had to say is of no interest.
fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}
