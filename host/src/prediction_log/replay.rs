//! `countersign replay`: scores what was logged again, by the modules that answered, and holds every bit against the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use contract::card::ModelCard;
use contract::date::Date;
use contract::digest::Digest;
use contract::file::{self, Links};
use contract::prediction::{self, Line, LoggedPrediction};
use contract::record::row_of;
use contract::seal::refusal::printable;
use contract::seal::{self, MODULE_BYTES_MAX};
use contract::trust::TrustPolicy;
use serde_json::json;

use crate::approver::RegistryArgs;
use crate::engine::{CHUNK_ROWS, CompiledModel, Engine, EngineLimits};

/// The most differences that are shown one by one.
const SHOWN_MAX: usize = 20;

/// The flags of `countersign replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign replay predictions --modules modules

Each prediction is scored again, in the sandbox, by the module whose digest the log names, from the features that the log names. Modules are
looked for in approved/, and count as a host would let them. Exit code 0: every prediction has the bits that were logged. 1: one
differs, or could not be scored again. A last line that a crash cut off is counted and no failure.")]
pub struct ReplayArgs {
    /// Log files, or folders of them
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    same: u64,
    different: u64,
    /// Lines that are no predictions.
    unread: u64,
    /// Last lines that were cut off.
    torn: u64,
    /// Predictions that could not be scored again, by why.
    unscored: BTreeMap<String, u64>,
    shown: Vec<String>,
}

/// A module that answered, ready to answer again; or why it is not.
type Module = Result<(CompiledModel, ModelCard), String>;

impl ReplayArgs {
    /// Scores and compares.
    ///
    /// # Errors
    /// A log that cannot be read, or a difference.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let policy = self.registry.policy()?;
        let engine = Engine::new(EngineLimits::default()).context("cannot start the engine")?;
        let mut replay =
            Replay { policy, engine, registry: &self.registry, modules: BTreeMap::new(), waiting: BTreeMap::new() };
        let mut outcome = Outcome::default();
        let files = prediction::files(&self.logs).context("cannot read the logs")?;
        for path in &files {
            read(path, &mut outcome, |prediction, outcome| replay.take(prediction, outcome))
                .with_context(|| format!("cannot read {}", path.display()))?;
        }
        replay.finish(&mut outcome);
        outcome.tell(files.len(), self.json)
    }
}

/// Reads a file line by line.
fn read(
    path: &Path,
    outcome: &mut Outcome,
    mut take: impl FnMut(LoggedPrediction, &mut Outcome),
) -> std::io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let mut buffer = Vec::new();
    while let Some(line) = prediction::next_line(&mut file, &mut buffer)? {
        match line {
            Line::Prediction(prediction) => take(*prediction, outcome),
            Line::Torn => outcome.torn += 1,
            Line::Unread => outcome.unread += 1,
        }
    }
    Ok(())
}

struct Replay<'a> {
    policy: TrustPolicy,
    engine: Engine,
    registry: &'a RegistryArgs,
    modules: BTreeMap<Digest, Module>,
    /// What is to be scored with others of the same module.
    waiting: BTreeMap<Digest, Vec<(LoggedPrediction, Vec<f64>)>>,
}

impl Replay<'_> {
    fn take(&mut self, prediction: LoggedPrediction, outcome: &mut Outcome) {
        let digest = prediction.model.digest;
        let (engine, policy, registry) = (&self.engine, &self.policy, self.registry);
        let module = self.modules.entry(digest).or_insert_with(|| find(digest, engine, policy, registry));
        let row = match module {
            Ok((_, card)) => row_of(&card.view, prediction.values()).map_err(|error| error.to_string()),
            Err(why) => Err(why.clone()),
        };
        match row {
            Err(why) => *outcome.unscored.entry(why).or_default() += 1,
            Ok(row) => {
                let waiting = self.waiting.entry(digest).or_default();
                waiting.push((prediction, row));
                if waiting.len() == CHUNK_ROWS {
                    self.score(digest, outcome);
                }
            }
        }
    }

    fn finish(&mut self, outcome: &mut Outcome) {
        for digest in self.waiting.keys().copied().collect::<Vec<_>>() {
            self.score(digest, outcome);
        }
    }

    fn score(&mut self, digest: Digest, outcome: &mut Outcome) {
        let waiting = self.waiting.remove(&digest).unwrap_or_default();
        let Some(Ok((model, card))) = self.modules.get(&digest) else { return };
        let rows: Vec<f64> = waiting.iter().flat_map(|(_, row)| row).copied().collect();
        let scores = match model.score(&rows) {
            Ok(scores) => scores,
            Err(error) => {
                *outcome.unscored.entry(error.to_string()).or_default() += waiting.len() as u64;
                return;
            }
        };
        for ((logged, _), score) in waiting.iter().zip(scores) {
            let threshold = card.output.threshold.get();
            let same = logged.probability.to_bits() == score.to_bits()
                && logged.threshold.to_bits() == threshold.to_bits()
                && logged.decision == card.output.decide(score)
                && (&logged.model.name, logged.model.version) == (&card.model, card.version);
            if same {
                outcome.same += 1;
                continue;
            }
            outcome.different += 1;
            if outcome.shown.len() < SHOWN_MAX {
                let user = logged.user_id.map_or("given features".to_owned(), |user| format!("user {user}"));
                outcome.shown.push(format!(
                    "request {} at {}, {user}: logged {} ({}), scored again {score} ({})",
                    printable(&logged.request_id),
                    printable(&logged.time),
                    logged.probability,
                    printable(&logged.decision),
                    card.output.decide(score),
                ));
            }
        }
    }
}

/// Finds the approved module of a digest, and makes it ready.
fn find(digest: Digest, engine: &Engine, policy: &TrustPolicy, registry: &RegistryArgs) -> Module {
    let files = std::fs::read_dir(registry.approved()).map_err(|error| format!("approved/ cannot be read: {error}"))?;
    for path in files.filter_map(Result::ok).map(|entry| entry.path()) {
        let Ok(bytes) = file::read(&path, MODULE_BYTES_MAX, Links::Refuse) else { continue };
        if !seal::inspect(&bytes).is_ok_and(|found| found.digest == digest) {
            continue;
        }
        let verified = seal::verify(&bytes, policy, Date::today())
            .map_err(|refusal| format!("the policy does not let {digest} run: {refusal}"))?;
        let model = engine.compile(verified.file(), verified.card.view.width()).map_err(|error| error.to_string())?;
        return Ok((model, verified.card));
    }
    Err(format!("no file in approved/ has the digest {digest}"))
}

impl Outcome {
    fn tell(self, files: usize, as_json: bool) -> anyhow::Result<()> {
        let Self { same, different, unread, torn, unscored, shown } = self;
        let all_unscored: u64 = unscored.values().sum();
        if as_json {
            let said = json!({
                "files": files, "same": same, "different": different, "unread_lines": unread, "torn_lines": torn,
                "unscored": unscored, "differences": shown,
            });
            say!("{said:#}");
        } else {
            say!(
                "{same} predictions have the bits that were logged, {different} differ, {all_unscored} could not be scored again"
            );
            for (why, count) in &unscored {
                say!("  {count}: {why}");
            }
            if unread + torn > 0 {
                say!("  {unread} lines are no predictions, {torn} last lines were cut off");
            }
            for difference in &shown {
                say!("  {difference}");
            }
        }
        match different + all_unscored + unread {
            0 => Ok(()),
            _ => bail!("not every prediction has the bits that were logged"),
        }
    }
}
