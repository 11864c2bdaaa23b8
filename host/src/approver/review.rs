//! `countersign review`: what a candidate says of itself, for the person who decides.

use std::path::PathBuf;

use clap::Args;
use contract::approval::Approval;
use contract::card::{Evaluation, Metrics, ModelCard, OutputKind};
use contract::date::Date;
use contract::digest::Digest;
use contract::seal::refusal::printable;
use contract::seal::{self};

use super::registry::{RegistryArgs, read_module};
use super::reject::rejection;

/// The flags of `countersign review`.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Candidate or approved module
    file: PathBuf,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ReviewArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let bytes = read_module(&self.file)?;
        let found = seal::inspect(&bytes)?;
        show(&found.card, found.digest, &found.approvals, self.registry.newest_approved(&found.card).as_ref());
        for (place, set) in found.signatures.iter().enumerate() {
            let what = if place == 0 { "candidate" } else { "approval" };
            println!("signed      {what} by key {}", set.key);
        }
        match self.registry.policy().map(|policy| seal::verify_candidate(&bytes, &policy, Date::today()).map(drop)) {
            Ok(Ok(())) => println!("seal        holds: every signature is by an enrolled key"),
            Ok(Err(refusal)) => println!("seal        REFUSED ({}): {refusal}", refusal.code()),
            Err(error) => println!("seal        not judged: {error:#}"),
        }
        if let Some(rejected) = rejection(&self.file)? {
            println!("turned down by {}: {}", printable(&rejected.by), printable(&rejected.reason));
        }
        Ok(())
    }
}

/// Prints a card beside the newest approved version's.
pub(super) fn show(card: &ModelCard, digest: Digest, approvals: &[Approval], newest: Option<&ModelCard>) {
    let training = &card.training;
    println!("model       {} version {} ({})", card.model, card.version, printable(&card.task));
    println!("digest      {digest}");
    println!(
        "made by     recipe {} ({}), seed {}, from template {}",
        printable(&training.recipe),
        printable(&training.family),
        training.seed,
        card.provenance.template
    );
    println!(
        "data        {} rows of {} users, {} to {}, as of {}, {}",
        training.rows, training.entities, training.first_event, training.last_event, training.as_of, training.data
    );
    println!(
        "answers     a {}; `{}` from {} on, else `{}`",
        match card.output.kind {
            OutputKind::Probability => "probability",
            OutputKind::Score => "score (no probability: training distorted it)",
        },
        printable(&card.output.at_or_above),
        card.output.threshold.get(),
        printable(&card.output.below)
    );
    let features: Vec<_> = card.view.features.iter().map(|feature| feature.name.as_str()).collect();
    println!("reads       {} ({})", features.join(", "), card.view.digest());
    println!("golden      {} rows with their exact scores", card.golden.len());
    for evaluation in &card.evaluations {
        show_evaluation(evaluation, newest);
    }
    match newest {
        Some(newest) => {
            println!("compared    with version {}, the newest approved; its figures stand in brackets", newest.version)
        }
        None => println!("compared    with nothing: no other version of {} is approved", card.model),
    }
    for approval in approvals {
        println!("approved    by {} ({}): {}", printable(&approval.by), approval.key, printable(&approval.reason));
    }
}

fn show_evaluation(evaluation: &Evaluation, newest: Option<&ModelCard>) {
    println!(
        "held out    by {}: {} rows, {} positive (trained on {} rows)",
        printable(&evaluation.split),
        evaluation.test_rows,
        evaluation.test_positives,
        evaluation.train_rows
    );
    let other = newest.and_then(|newest| newest.evaluations.iter().find(|other| other.split == evaluation.split));
    let beside = other.map(|other| figures(&other.metrics));
    for (place, (name, figure)) in figures(&evaluation.metrics).into_iter().enumerate() {
        let text = |figure: Option<f64>| figure.map_or("-".to_owned(), |figure| format!("{figure:.4}"));
        let beside = beside.map(|beside| format!("  [{}]", text(beside[place].1))).unwrap_or_default();
        println!("            {name:10} {}{beside}", text(figure));
    }
    let always = 1.0 - evaluation.test_positives as f64 / evaluation.test_rows.max(1) as f64;
    println!("            (always deciding `no` would have accuracy {always:.4})");
}

fn figures(metrics: &Metrics) -> [(&'static str, Option<f64>); 8] {
    [
        ("ROC AUC", metrics.roc_auc),
        ("PR AUC", metrics.pr_auc),
        ("KS", metrics.ks),
        ("log loss", Some(metrics.log_loss)),
        ("Brier", Some(metrics.brier)),
        ("accuracy", Some(metrics.accuracy)),
        ("precision", metrics.precision),
        ("recall", metrics.recall),
    ]
}
