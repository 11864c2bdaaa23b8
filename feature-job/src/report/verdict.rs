//! The first thing to read: what this is, and whether to worry.

use contract::card::{Comparison, Evaluation, OutputKind};
use maud::{Markup, html};

use super::Facts;
use super::words::{count, percent, text};
use crate::train::champion::Standing;

/// Says in plain words what the candidate is and what it is worth.
pub fn section(facts: &Facts<'_>) -> Markup {
    let card = facts.card;
    let training = &card.training;
    let failed: Vec<_> = card.failed_gates().collect();
    let class = if failed.is_empty() && !card.gates.is_empty() { "good" } else { "bad" };
    html! {
        p.soft {
            "Version " (card.version) " of " (card.model) ", made by recipe " code { (text(&training.recipe)) } " from "
            (count(training.rows)) " loans of " (count(training.entities)) " users between " (training.first_event)
            " and " (training.last_event) ". It says " (match card.output.kind {
                OutputKind::Probability => "how likely a loan is not to be paid on time",
                OutputKind::Score => "which of two loans is less likely to be paid on time",
            }) ", and decides " b { (text(&card.output.at_or_above)) } " from "
            (format!("{:.4}", card.output.threshold.get())) " on, "
            b { (text(&card.output.below)) } " below."
        }
        div.verdict.(class) {
            @if card.gates.is_empty() {
                p {
                    b { "Nothing was demanded of this candidate." }
                    " Its job ran without gates, so nobody has checked it."
                }
            } @else if failed.is_empty() {
                p { b { "All " (card.gates.len()) " gates are passed." } " Nothing that is checked speaks against it." }
            } @else {
                p {
                    b { (failed.len()) " of " (card.gates.len()) " gates are not passed." }
                    " Approving it takes an override with a reason that will be signed. These were not passed:"
                }
                ul { @for gate in &failed { li { code { (text(&gate.name)) } ": " (text(&gate.demand)) } } }
            }
            p { (beside(facts)) }
            @if let Some(evaluation) = card.evaluations.first() { p { (worth(evaluation)) } }
            @if card.output.kind == OutputKind::Score {
                p {
                    "Its number is a score and not a probability: resampling or weights have distorted it. It ranks; it does not "
                    "say how many of a hundred such loans fail."
                }
            }
        }
    }
}

/// Says how it stands beside the version that it would replace.
fn beside(facts: &Facts<'_>) -> Markup {
    match facts.standing {
        Standing::Alone => html! { "It was compared with no other version: none is approved, or none was asked for." },
        Standing::Apart { version, why, .. } => html! {
            span.bad { "It was not compared with version " (version) "." } " That could not be done: " (text(why)) "."
        },
        Standing::Beside(beside) => {
            let Comparison { version, rows, champion_may_have_seen, .. } = &beside.comparison;
            html! {
                "Against version " (version) " on the same " (count(*rows)) " held-out loans: "
                b { (judgement(&beside.comparison)) }
                @if *champion_may_have_seen {
                    " Version " (version)
                    " may have learned from some of these loans or their users, which flatters it and not the candidate."
                }
            }
        }
    }
}

/// Says what the interval of the difference allows to say, and no more.
fn judgement(comparison: &Comparison) -> String {
    let Some(of) = comparison.differences.get("roc_auc") else {
        return "too few loans that were not paid to say which ranks better.".to_owned();
    };
    let range = format!(
        "ROC AUC {:+.4}, and with 95 % confidence {:+.4} to {:+.4}",
        of.value, of.interval.low, of.interval.high
    );
    if of.interval.low > 0.0 {
        format!("it ranks better ({range}).")
    } else if of.interval.high < 0.0 {
        format!("it ranks worse ({range}).")
    } else {
        format!("no clear difference ({range}).")
    }
}

/// Says what ROC AUC means for a pair of loans, and what accuracy does not.
fn worth(evaluation: &Evaluation) -> Markup {
    let always = 1.0 - evaluation.test_positives as f64 / evaluation.test_rows.max(1) as f64;
    html! {
        @match evaluation.metrics.roc_auc {
            Some(area) => {
                "Shown one loan that was paid and one that was not, it gives the second the higher score in "
                b { (format!("{:.1}", area * 100.0)) " of 100 pairs" } "; a coin does in 50, and no error in 100. "
                b { (grade(area)) }
            }
            None => { "The held-out loans are all of one class, so how well it ranks is not known." }
        }
        @if evaluation.split == "rows" {
            " " span.warn { "These loans are of users from whom the model also learned, which flatters it." }
        }
        " Approving everybody would be right about " (percent(always)) " of loans, so accuracy says nothing here."
    }
}

fn grade(area: f64) -> &'static str {
    match area {
        _ if area < 0.52 => "That is no better than a coin.",
        _ if area < 0.60 => "That is a weak model: it sorts only a little better than chance.",
        _ if area < 0.70 => "That is a modest model.",
        _ if area < 0.80 => "That is a fair model.",
        _ => "That is a strong model; ask whether it knows something that it should not.",
    }
}

#[cfg(test)]
mod tests {
    use contract::card::{Difference, Interval};

    use super::*;
    use crate::train::fixtures;

    #[test]
    fn only_an_interval_off_zero_is_called_a_difference() {
        let judged = |low, high| {
            let metrics = fixtures::metrics();
            let difference = Difference { value: (low + high) / 2.0, interval: Interval { low, high } };
            judgement(&Comparison {
                version: 1.try_into().expect("a counter"),
                digest: contract::digest::Digest::of(b"x"),
                split: "users".to_owned(),
                rows: 10,
                champion_may_have_seen: false,
                champion: metrics.clone(),
                challenger: metrics,
                differences: [("roc_auc".to_owned(), difference)].into(),
            })
        };
        assert!(judged(0.01, 0.02).starts_with("it ranks better (ROC AUC +0.0150"), "{}", judged(0.01, 0.02));
        assert!(judged(-0.02, -0.01).starts_with("it ranks worse"));
        assert!(judged(-0.01, 0.02).starts_with("no clear difference"));
    }

    #[test]
    fn a_weak_model_is_called_weak() {
        assert!([0.5, 0.55, 0.65, 0.75, 0.9].map(grade).is_sorted_by(|a, b| a != b));
        assert!(grade(0.58).contains("weak"));
    }
}
