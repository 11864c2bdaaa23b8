//! What a person reads after training: figures side by side, in words that say what they are worth.

use std::fmt::Write as _;
use std::time::Duration;

use contract::card::{Evaluation, Interval, Metrics, ModelCard, Output, OutputKind};

use super::candidate::Candidate;
use super::champion::Standing;
use crate::answer::counted;

/// Writes the summary of a candidate.
pub fn summary(candidate: &Candidate, took: Duration) -> String {
    let card = &candidate.card;
    let mut text = format!(
        "trained {} by recipe `{}` on {} of {}, {} to {}\n\n",
        card.name(),
        card.training.recipe,
        counted(card.training.rows, "loan"),
        counted(card.training.entities, "user"),
        card.training.first_event,
        card.training.last_event,
    );
    text.push_str(&table(&card.evaluations));
    text.push('\n');
    for (place, evaluation) in card.evaluations.iter().enumerate() {
        text.push_str(&worth(evaluation, place == 0));
    }
    text.push_str(&meaning(&card.output));
    text.push_str(&champion(&candidate.standing));
    text.push_str(&gates(card));
    let Candidate { path, report, digest, bytes, proven_rows: [held_out, served], .. } = candidate;
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\nproven: component and model gave the same bits for {held_out} held-out rows and {served} users' served rows\n\
         wrote {} ({bytes} bytes, module {digest}) in {:.1} s\n\
         its report for the approver: {}\n",
        path.display(),
        took.as_secs_f64(),
        report.display(),
    );
    text
}

/// Says how the candidate stands beside the version it would replace.
fn champion(standing: &Standing) -> String {
    match standing {
        Standing::Alone => "\ncompared with no other version\n".to_owned(),
        Standing::Apart { version, why, .. } => format!("\nNOT compared with version {version}: {why}\n"),
        Standing::Beside(beside) => {
            let comparison = &beside.comparison;
            let knows = match comparison.champion_may_have_seen {
                true => "of which it may know some, which flatters it",
                false => "about which it has learned nothing",
            };
            let rows = counted(comparison.rows, "held-out loan");
            let mut text = format!("\ncompared with version {} on {rows}, {knows}:\n", comparison.version);
            for (name, of) in &comparison.differences {
                let Interval { low, high } = of.interval;
                let _ = writeln!(text, "{name:<26}{:>+16.4}  (95 %: {low:+.4} to {high:+.4})", of.value);
            }
            text
        }
    }
}

/// Lists the gates, those not passed in capitals.
fn gates(card: &ModelCard) -> String {
    let mut text = String::from("\n");
    for gate in &card.gates {
        let outcome = if gate.passed { "passed" } else { "NOT PASSED" };
        let unmeasured = if gate.passed { "no champion" } else { "not measured" };
        let found = gate.found.map_or_else(|| unmeasured.to_owned(), |found| format!("{found:.4}"));
        let _ = writeln!(text, "gate {:<36}{found:>14}  bound {:<12} {outcome}", gate.name, gate.bound);
    }
    text
}

/// The figures, one column for each way of holding out.
fn table(evaluations: &[Evaluation]) -> String {
    let mut lines = String::new();
    let in_module = |of: &Evaluation| evaluations.first().is_some_and(|first| std::ptr::eq(first, of));
    let mut line = |name: &str, cell: &dyn Fn(&Evaluation) -> String| {
        let cells: String = evaluations.iter().map(|evaluation| format!("{:>16}", cell(evaluation))).collect();
        let _ = writeln!(lines, "{name:<26}{cells}");
    };
    line("the fit", &|of| String::from(if in_module(of) { "in the module" } else { "another" }));
    line("held out by", &|of| of.split.clone());
    line("rows judged on", &|of| of.test_rows.to_string());
    line("positive among them", &|of| of.test_positives.to_string());
    line("ROC AUC", &|of| figure(of.metrics.roc_auc));
    line("  95 % interval", &|of| interval(&of.metrics, "roc_auc"));
    line("Gini", &|of| figure(of.metrics.gini));
    line("PR AUC", &|of| figure(of.metrics.pr_auc));
    line("KS", &|of| figure(of.metrics.ks));
    line("log loss", &|of| figure(Some(of.metrics.log_loss)));
    line("Brier", &|of| figure(Some(of.metrics.brier)));
    line("calibration error", &|of| figure(Some(of.metrics.calibration_error)));
    line("accuracy", &|of| figure(Some(of.metrics.accuracy)));
    line("accuracy of always 0", &|of| figure(Some(always_zero(of))));
    line("precision", &|of| figure(of.metrics.precision));
    line("  95 % interval", &|of| interval(&of.metrics, "precision"));
    line("recall", &|of| figure(of.metrics.recall));
    line("  95 % interval", &|of| interval(&of.metrics, "recall"));
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

fn interval(metrics: &Metrics, of: &str) -> String {
    metrics.intervals.get(of).map_or_else(|| "-".to_owned(), |of| format!("{:.4}-{:.4}", of.low, of.high))
}

fn always_zero(evaluation: &Evaluation) -> f64 {
    1.0 - evaluation.test_positives as f64 / evaluation.test_rows.max(1) as f64
}

/// Says in words what one way of holding out shows.
fn worth(evaluation: &Evaluation, in_module: bool) -> String {
    let said = match evaluation.split.as_str() {
        "rows" => "rows of one user stand on both sides, so this flatters a model that recognizes users",
        "users" if in_module => "users it had never seen; the figures to judge the model by",
        "users" => "users it had never seen; the figures to judge the recipe by",
        "users-time" => "later loans of users it had never seen, learned from earlier loans; the hardest test",
        _ => "later loans, learned from earlier ones, of the same users too",
    };
    let fit = if in_module {
        "this column is the fit in the module"
    } else {
        "another fit by the same recipe, not in the module"
    };
    format!("by {}: {said}; {fit}\n", evaluation.split)
}

fn meaning(output: &Output) -> String {
    let decided = format!("at {} and above the decision is `{}`", output.threshold.get(), output.at_or_above);
    match output.kind {
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
            threshold: contract::exact::ExactF64::new(0.5),
            metrics,
            slices: vec![],
            fairness: vec![],
        };
        let text = table(std::slice::from_ref(&evaluation));
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).expect(name).to_owned();
        assert!(line("accuracy  ").ends_with("0.5000"), "{text}");
        assert!(line("accuracy of always 0").ends_with("0.7500"), "{text}");
        assert!(line("recall at precision 0.10").ends_with("1.0000"), "{text}");
        assert!(line("the fit").ends_with("in the module"), "{text}");
        let others = table(&[evaluation.clone(), evaluation.clone()]);
        assert!(others.lines().any(|line| line.starts_with("the fit") && line.ends_with("another")), "{others}");
        assert!(worth(&evaluation, true).contains("both sides"));
        assert!(worth(&evaluation, true).contains("the fit in the module"));
        assert!(worth(&evaluation, false).contains("not in the module"));
    }

    #[test]
    fn the_threshold_is_told_to_its_last_bit() {
        use contract::exact::ExactF64;
        let output = Output {
            kind: OutputKind::Score,
            threshold: ExactF64::new(0.5_f64.next_up()),
            at_or_above: "decline".to_owned(),
            below: "approve".to_owned(),
        };
        assert!(meaning(&output).contains("at 0.5000000000000001 and above the decision is `decline`"));
    }
}
