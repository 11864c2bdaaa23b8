//! The figures, each next to what it means, with the interval that chance leaves.

use contract::card::{Evaluation, Metrics};
use maud::{Markup, html};

use super::Facts;
use super::words::{count, figure, interval, percent, text};

/// A figure as people see it.
pub struct Line {
    /// Its name in the card.
    pub key: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// How it is read.
    pub of: fn(&Metrics) -> Option<f64>,
    /// What it means.
    pub means: &'static str,
}

/// The figures in the order they are shown.
pub const LINES: [Line; 10] = [
    Line {
        key: "roc_auc",
        name: "ROC AUC",
        of: |m| m.roc_auc,
        means: "Share of pairs of a paid and an unpaid loan that are ranked right; 0.5 is chance.",
    },
    Line { key: "gini", name: "Gini", of: |m| m.gini, means: "The same from 0 (chance) to 1." },
    Line {
        key: "pr_auc",
        name: "PR AUC",
        of: |m| m.pr_auc,
        means: "Mean precision over all recalls; chance is the share of unpaid loans.",
    },
    Line { key: "ks", name: "KS", of: |m| m.ks, means: "The widest gap between the two groups' score distributions." },
    Line {
        key: "log_loss",
        name: "log loss",
        of: |m| Some(m.log_loss),
        means: "What the probabilities cost when they are wrong; less is better.",
    },
    Line {
        key: "brier",
        name: "Brier",
        of: |m| Some(m.brier),
        means: "Mean squared distance of score and outcome; less is better.",
    },
    Line {
        key: "calibration_error",
        name: "calibration error",
        of: |m| Some(m.calibration_error),
        means: "How far scores are from the shares that come true; less is better.",
    },
    Line {
        key: "accuracy",
        name: "accuracy",
        of: |m| Some(m.accuracy),
        means: "Share of right decisions. Approving everybody scores high here, so it decides nothing.",
    },
    Line {
        key: "precision",
        name: "precision",
        of: |m| m.precision,
        means: "Share of the declined that would not have paid.",
    },
    Line { key: "recall", name: "recall", of: |m| m.recall, means: "Share of those who do not pay that are declined." },
];

/// Shows how the fit in the module did, and beside each other what the recipe is worth when judged in other ways.
pub fn section(facts: &Facts<'_>) -> Markup {
    let Some((first, others)) = facts.card.evaluations.split_first() else { return html! {} };
    html! {
        h2 { "What it is worth" }
        h3 { "The fit in the module, held out by " (text(&first.split)) }
        p.soft { (held_out(first)) }
        table {
            thead { tr { th { "figure" } th.number { "found" } th.number { "95 % interval" } th { "what it means" } } }
            tbody {
                @for line in &LINES {
                    tr {
                        th { (line.name) } td.number { (figure((line.of)(&first.metrics))) }
                        td.number { (interval(first.metrics.intervals.get(line.key))) } td.soft { (line.means) }
                    }
                }
                @for (precision, recall) in &first.metrics.recall_at_precision {
                    tr {
                        th { "recall at precision " (text(precision)) }
                        td.number { (figure(*recall)) } td.number { "-" }
                        td.soft {
                            "The most of those who do not pay that can be declined while that share of the declined would not pay."
                        }
                    }
                }
            }
        }
        (confusion(first))
        @if !others.is_empty() { (beside(others)) }
    }
}

/// Shows other fits by the same recipe, a column for each way of holding out.
fn beside(others: &[Evaluation]) -> Markup {
    html! {
        h3 { "The same recipe, judged in other ways" }
        @for other in others { p.soft { b { "By " (text(&other.split)) ": " } (held_out(other)) } }
        table {
            caption { "Each column is another fit, not the one in the module; 95 % intervals stand below the figures." }
            thead { tr { th { "figure" } @for other in others { th.number { "by " (text(&other.split)) } } } }
            tbody {
                @for line in &LINES {
                    tr {
                        th { (line.name) }
                        @for other in others {
                            td.number {
                                (figure((line.of)(&other.metrics)))
                                @if let Some(of) = other.metrics.intervals.get(line.key) {
                                    br; span.soft { (interval(Some(of))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn held_out(evaluation: &Evaluation) -> String {
    let means = match evaluation.split.as_str() {
        "users" => "none of whose users it has learned from",
        "time" => "all later than the loans it has learned from, of the same users too",
        "rows" => "drawn one by one, so that it has learned from other loans of the same users, which flatters it",
        _ => "all later than the loans it has learned from, and of users it has never seen",
    };
    format!(
        "{} loans, {means}; {} of them ({}) were not paid on time. It learned from {} loans.",
        count(evaluation.test_rows),
        count(evaluation.test_positives),
        percent(evaluation.test_positives as f64 / evaluation.test_rows.max(1) as f64),
        count(evaluation.train_rows)
    )
}

fn confusion(evaluation: &Evaluation) -> Markup {
    let [[good_approved, good_declined], [bad_approved, bad_declined]] = evaluation.metrics.confusion;
    html! {
        table {
            caption { "Decisions at the threshold of " (evaluation.threshold.get()) }
            thead { tr { th {} th.number { "approved" } th.number { "declined" } } }
            tbody {
                tr { th { "paid on time" } td.number { (count(good_approved)) } td.number { (count(good_declined)) } }
                tr { th { "not paid on time" } td.number { (count(bad_approved)) } td.number { (count(bad_declined)) } }
            }
        }
    }
}
