//! What a person reads after training: figures side by side, in words that say what they are worth.

use std::fmt::Write as _;
use std::time::Duration;

use contract::card::{Evaluation, Metrics, ModelCard, OutputKind};

use super::candidate::Candidate;

/// Writes the summary of a candidate.
pub fn summary(candidate: &Candidate, took: Duration) -> String {
    let card = &candidate.card;
    let mut text = format!(
        "trained {} by recipe `{}` on {} loans of {} users, {} to {}\n\n",
        card.name(),
        card.training.recipe,
        card.training.rows,
        card.training.entities,
        card.training.first_event,
        card.training.last_event,
    );
    text.push_str(&table(&card.evaluations));
    text.push('\n');
    for (place, evaluation) in card.evaluations.iter().enumerate() {
        text.push_str(&worth(evaluation, place == 0));
    }
    text.push_str(&meaning(card));
    let Candidate { path, digest, bytes, proven_rows: [held_out, served], .. } = candidate;
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\nproven: component and model gave the same bits for {held_out} held-out rows and {served} users' served rows\n\
         wrote {} ({bytes} bytes, module {digest}) in {:.1} s\n",
        path.display(),
        took.as_secs_f64(),
    );
    text
}

/// The figures, one column for each way of holding out.
fn table(evaluations: &[Evaluation]) -> String {
    let mut lines = String::new();
    let mut line = |name: &str, cell: &dyn Fn(&Evaluation) -> String| {
        let cells: String = evaluations.iter().map(|evaluation| format!("{:>16}", cell(evaluation))).collect();
        let _ = writeln!(lines, "{name:<26}{cells}");
    };
    line("held out by", &|of| of.split.clone());
    line("rows judged on", &|of| of.test_rows.to_string());
    line("positive among them", &|of| of.test_positives.to_string());
    line("ROC AUC", &|of| figure(of.metrics.roc_auc));
    line("PR AUC", &|of| figure(of.metrics.pr_auc));
    line("KS", &|of| figure(of.metrics.ks));
    line("log loss", &|of| figure(Some(of.metrics.log_loss)));
    line("Brier", &|of| figure(Some(of.metrics.brier)));
    line("accuracy", &|of| figure(Some(of.metrics.accuracy)));
    line("accuracy of always 0", &|of| figure(Some(always_zero(of))));
    line("precision", &|of| figure(of.metrics.precision));
    line("recall", &|of| figure(of.metrics.recall));
    for precision in ["0.05", "0.10"] {
        let recall = |of: &Metrics| of.recall_at_precision.get(precision).copied().flatten();
        line(&format!("recall at precision {precision}"), &|of| figure(recall(&of.metrics)));
    }
    line("[[TN, FP],", &|of| format!("{} {}", of.metrics.confusion[0][0], of.metrics.confusion[0][1]));
    line(" [FN, TP]]", &|of| format!("{} {}", of.metrics.confusion[1][0], of.metrics.confusion[1][1]));
    lines
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn always_zero(evaluation: &Evaluation) -> f64 {
    1.0 - evaluation.test_positives as f64 / evaluation.test_rows.max(1) as f64
}

/// Says in words what one way of holding out shows.
fn worth(evaluation: &Evaluation, in_module: bool) -> String {
    let said = match evaluation.split.as_str() {
        "rows" => "rows of one user stand on both sides, so this flatters a model that recognizes users",
        "users" => "users it had never seen; the figures to judge it by",
        _ => "later loans, learned from earlier ones, of the same users too",
    };
    let module = if in_module { " (this fit is in the module)" } else { "" };
    format!("by {}: {said}{module}\n", evaluation.split)
}

fn meaning(card: &ModelCard) -> String {
    let decided =
        format!("at {:.6} and above the decision is `{}`", card.output.threshold.get(), card.output.at_or_above);
    match card.output.kind {
        OutputKind::Probability => format!("the number is a probability; {decided}\n"),
        OutputKind::Score => {
            format!("the number is a score, not a probability: resampling distorted it; {decided}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::metrics::measure;

    #[test]
    fn accuracy_stands_beside_what_needs_no_model() {
        let metrics = measure(&[0.9, 0.2, 0.1, 0.1], &[0, 1, 0, 0], 0.5);
        let evaluation = Evaluation {
            split: "rows".to_owned(),
            train_rows: 9,
            test_rows: 4,
            test_positives: 1,
            metrics,
            slices: vec![],
        };
        let text = table(std::slice::from_ref(&evaluation));
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).expect(name).to_owned();
        assert!(line("accuracy  ").ends_with("0.5000"), "{text}");
        assert!(line("accuracy of always 0").ends_with("0.7500"), "{text}");
        assert!(line("recall at precision 0.10").ends_with("1.0000"), "{text}");
        assert!(worth(&evaluation, true).contains("both sides"));
    }
}
