//! What the model goes by, and how it treats the parts of the people.

use contract::card::{Evaluation, Fairness, Importance};
use maud::{Markup, html};

use super::Facts;
use super::words::{count, figure, interval, percent, text};

/// Shows importance, slices and fairness.
pub fn section(facts: &Facts<'_>) -> Markup {
    html! {
        h2 { "What it goes by" }
        (importance(&facts.card.importance))
        @if let Some(evaluation) = facts.card.evaluations.first() {
            h2 { "For whom it works" }
            (slices(evaluation))
            (fairness(&evaluation.fairness))
        }
    }
}

fn importance(importance: &[Importance]) -> Markup {
    if importance.is_empty() {
        return html! { p { "Not measured: the held-out loans are all of one class." } };
    }
    let mut sorted: Vec<&Importance> = importance.iter().collect();
    sorted.sort_by(|a, b| b.roc_auc_drop.total_cmp(&a.roc_auc_drop));
    let widest = sorted[0].roc_auc_drop.max(1e-9);
    html! {
        table {
            caption {
                "ROC AUC that is lost when a feature's values change places among the held-out loans. 0 or less: the model would "
                "not miss it."
            }
            thead { tr { th { "feature" } th.number { "lost" } th {} } }
            tbody {
                @for of in sorted {
                    @let width = (of.roc_auc_drop / widest * 100.0).max(0.0);
                    tr {
                        th { code { (of.feature) } } td.number { (format!("{:+.4}", of.roc_auc_drop)) }
                        td style="width:50%" { span.bar style=(format!("width:{width:.1}%")) {} }
                    }
                }
            }
        }
    }
}

fn slices(evaluation: &Evaluation) -> Markup {
    html! {
        table {
            caption { "The same figures over parts of the held-out loans. Figures of small parts are mostly chance." }
            thead { tr {
                th { "by" } th { "part" } th.number { "loans" } th.number { "not paid" } th.number { "approved" }
                th.number { "ROC AUC" } th.number { "95 % interval" } th.number { "precision" } th.number { "recall" }
            } }
            tbody {
                @for slice in &evaluation.slices {
                    @let [[good, _], [bad, _]] = slice.metrics.confusion;
                    @let share = |part: u64| part as f64 / slice.rows.max(1) as f64;
                    tr {
                        td { (text(&slice.by)) } th { (text(&slice.value)) }
                        td.number { (count(slice.rows)) } td.number { (percent(share(slice.positives))) }
                        td.number { (percent(share(good + bad))) }
                        td.number { (figure(slice.metrics.roc_auc)) }
                        td.number { (interval(slice.metrics.intervals.get("roc_auc"))) }
                        td.number { (figure(slice.metrics.precision)) } td.number { (figure(slice.metrics.recall)) }
                    }
                }
            }
        }
    }
}

fn fairness(fairness: &[Fairness]) -> Markup {
    if fairness.is_empty() {
        return html! {};
    }
    html! {
        table {
            caption {
                "How far apart the parts are treated: the lowest part's rate over the highest part's, 1 being alike. For "
                "approvals, less than 0.8 (four fifths) is commonly taken for adverse impact."
            }
            thead { tr {
                th { "by" } th.number { "approved" } th.number { "approved, of those who pay" } th.number { "recall" }
                th.number { "precision" } th { "fewest approvals" } th { "most approvals" }
            } }
            tbody {
                @for of in fairness {
                    tr {
                        th { (text(&of.by)) } td.number { (figure(of.approval_rate_ratio)) }
                        td.number { (figure(of.good_approval_rate_ratio)) } td.number { (figure(of.recall_ratio)) }
                        td.number { (figure(of.precision_ratio)) } td { (text(&of.lowest)) } td { (text(&of.highest)) }
                    }
                }
            }
        }
    }
}
