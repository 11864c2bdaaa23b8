//! `countersign review`: what a candidate says of itself, for the person who decides.

use std::path::PathBuf;

use clap::Args;
use contract::approval::Approval;
use contract::card::{Evaluation, Metrics, ModelCard, OutputKind};
use contract::date::Date;
use contract::digest::Digest;
use contract::seal;
use contract::seal::refusal::printable;
use contract::trust::TrustPolicy;

use super::compare::{Beside, HostArgs};
use super::gates;
use super::registry::{RegistryArgs, read_module};
use super::reject::rejection;
use super::report::Report;

/// The flags of `countersign review`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign review modules/candidates/credit-risk-1.wasm --modules modules --host http://127.0.0.1:8080

Prints what the card says beside the figures of the version that the host has live, or of the newest approved one where no host
is named, and where the report for people lies. Ends with an error where the file in the report's place is
not the report that the card names.")]
pub struct ReviewArgs {
    /// Candidate or approved module
    file: PathBuf,
    #[command(flatten)]
    host: HostArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ReviewArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let bytes = read_module(&self.file)?;
        let found = seal::inspect(&bytes)?;
        let policy = self.registry.policy();
        let trusted = policy.as_ref().ok();
        let beside = Beside::find(&found.card, &self.registry, trusted, &self.host)?;
        show(&found.card, found.digest, &found.approvals, trusted, &beside);
        for (place, set) in found.signatures.iter().enumerate() {
            let what = if place == 0 { "candidate" } else { "approval" };
            say!("signed      {what} by key {}", set.key);
        }
        match policy.map(|policy| seal::verify_candidate(&bytes, &policy, Date::today()).map(drop)) {
            Ok(Ok(())) => say!("seal        holds: every signature is by an enrolled key"),
            Ok(Err(refusal)) => say!("seal        REFUSED ({}): {refusal}", refusal.code()),
            Err(error) => say!("seal        not judged: {error:#}"),
        }
        if let Some(rejected) = rejection(&self.file)? {
            say!("turned down by {}: {}", printable(&rejected.by), printable(&rejected.reason));
        }
        let report = Report::find(&self.file, &found.card, &self.registry);
        report.show();
        report.demand_no_other()
    }
}

/// Prints a card beside that of the version it would replace.
pub(super) fn show(
    card: &ModelCard,
    digest: Digest,
    approvals: &[Approval],
    policy: Option<&TrustPolicy>,
    beside: &Beside,
) {
    let training = &card.training;
    say!("model       {} version {} ({})", card.model, card.version, printable(&card.task));
    say!("digest      {digest}");
    say!(
        "made by     recipe {} ({}), seed {}, from template {}",
        printable(&training.recipe),
        printable(&training.family),
        training.seed,
        card.provenance.template
    );
    say!(
        "data        {} rows of {} users, {} to {}, as of {}, {}",
        training.rows,
        training.entities,
        training.first_event,
        training.last_event,
        training.as_of,
        training.data
    );
    say!(
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
    say!("reads       {} ({})", features.join(", "), card.view.digest());
    say!("golden      {} rows with their exact scores", card.golden.len());
    for (place, evaluation) in card.evaluations.iter().enumerate() {
        show_evaluation(evaluation, place == 0, beside.card());
    }
    beside.show(card);
    gates::show_champion(card);
    gates::show(card);
    show_approvals(approvals, policy);
}

/// Prints who approved: the name they gave, and the one that the policy has for their key.
pub(super) fn show_approvals(approvals: &[Approval], policy: Option<&TrustPolicy>) {
    for approval in approvals {
        let enrolled = policy
            .and_then(|policy| policy.key(approval.key))
            .map(|key| format!(", enrolled as {}", printable(&key.name)));
        let enrolled = enrolled.unwrap_or_else(|| ", not enrolled".to_owned());
        say!(
            "approved    by {} (key {}{enrolled}): {}",
            printable(&approval.by),
            approval.key,
            printable(&approval.reason)
        );
        if let Some(reason) = &approval.gates_override {
            say!("            setting failed gates aside: {}", printable(reason));
        }
        if approval.without_report {
            say!("            WITHOUT THE REPORT: it was not at hand");
        }
        if let Some(last_day) = approval.expires {
            say!("            up to {last_day}");
        }
    }
}

fn show_evaluation(evaluation: &Evaluation, shipped: bool, beside: Option<&ModelCard>) {
    say!(
        "held out    by {}: {} rows, {} positive (trained on {} rows)",
        printable(&evaluation.split),
        evaluation.test_rows,
        evaluation.test_positives,
        evaluation.train_rows
    );
    say!("            {}", if shipped { "this is the fit in the module" } else { "another fit by the same recipe" });
    if evaluation.split == "rows" {
        say!("            rows of one user stand on both sides, so these figures flatter; prefer those by users");
    }
    let other = beside.and_then(|beside| beside.evaluations.iter().find(|other| other.split == evaluation.split));
    let beside = other.map(|other| figures(&other.metrics));
    for (place, (name, figure)) in figures(&evaluation.metrics).into_iter().enumerate() {
        let text = |figure: Option<f64>| figure.map_or("-".to_owned(), |figure| format!("{figure:.4}"));
        let beside = beside.map(|beside| format!("  [{}]", text(beside[place].1))).unwrap_or_default();
        let interval = interval(&evaluation.metrics, name).unwrap_or_default();
        say!("            {name:10} {}{interval}{beside}", text(figure));
    }
    let always = 1.0 - evaluation.test_positives as f64 / evaluation.test_rows.max(1) as f64;
    say!("            (always deciding `no` would have accuracy {always:.4})");
}

/// Gives a figure's interval, where users were drawn for it.
fn interval(metrics: &Metrics, name: &str) -> Option<String> {
    let interval = metrics.intervals.get(&name.to_lowercase().replace(' ', "_"))?;
    Some(format!(" ({:.4} to {:.4})", interval.low, interval.high))
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
