//! The candidate beside the version that it would replace, on the same loans.

use contract::card::{Comparison, ModelCard};
use maud::{Markup, html};

use super::Facts;
use super::figures::LINES;
use super::words::{count, figure, interval, percent, text};
use crate::train::champion::{Beside, Flips, Standing};

/// Shows the differences with their intervals, and the decisions that flip.
pub fn section(facts: &Facts<'_>) -> Markup {
    html! {
        h2 { "Against the approved version" }
        @match facts.standing {
            Standing::Alone => p { "No version is approved yet, or none was asked to be compared with." },
            Standing::Apart { version, digest, why } => p {
                "Version " (version) " (" code { (digest) } ") is the one to compare with, and that could not be done: "
                (text(why)) "."
            },
            Standing::Beside(beside) => {
                p { (rows(&beside.comparison, facts.labels.len() as u64)) }
                (differences(&beside.comparison))
                (decisions(beside, facts.card))
            }
        }
    }
}

/// Says which loans both were judged on, and whether that is fair.
fn rows(comparison: &Comparison, held_out: u64) -> Markup {
    let Comparison { version, rows, champion_may_have_seen, .. } = comparison;
    html! {
        @if *champion_may_have_seen {
            span.warn { "Not a fair comparison." } " On " (count(*rows)) " of " (count(held_out)) " held-out loans, although "
            "version " (version) " may have learned from some of them, or from other loans of the same users of the same day or "
            "later: too few are left of which neither is true. What it has seen it remembers, so its figures here say little of "
            "loans to come."
        } @else {
            "On the " (count(*rows)) " of " (count(held_out)) " held-out loans about which version " (version)
            " has learned nothing: neither the loan itself nor another of the same user of that day or later."
        }
    }
}

fn differences(comparison: &Comparison) -> Markup {
    let Comparison { version, champion, challenger, differences, .. } = comparison;
    html! {
        table {
            caption {
                "The difference is this candidate's figure less the other's. Its interval is from the same users drawn for both, "
                "again and again; only one that does not hold 0 is more than chance."
            }
            thead { tr {
                th { "figure" } th.number { "this candidate" } th.number { "version " (version) }
                th.number { "difference" } th.number { "95 % interval" }
            } }
            tbody {
                @for line in &LINES {
                    @let difference = differences.get(line.key);
                    tr {
                        th { (line.name) }
                        td.number { (figure((line.of)(challenger))) } td.number { (figure((line.of)(champion))) }
                        td.number { (difference.map_or_else(|| "-".to_owned(), |of| format!("{:+.4}", of.value))) }
                        td.number { (interval(difference.map(|of| &of.interval))) }
                    }
                }
            }
        }
    }
}

/// Tells which decisions flip, both ways, and how those loans turned out.
fn decisions(beside: &Beside, new: &ModelCard) -> Markup {
    let Flips { to_declined, to_approved } = beside.flips;
    let rows = beside.comparison.rows;
    let line = |what: &str, [flipped, unpaid]: [u64; 2]| {
        let share =
            |part: u64, whole: u64| if whole == 0 { "-".to_owned() } else { percent(part as f64 / whole as f64) };
        html! { tr {
            th { "now " code { (text(what)) } ", was not before" }
            td.number { (count(flipped)) } td.number { (share(flipped, rows)) }
            td.number { (count(unpaid)) } td.number { (share(unpaid, flipped)) }
        } }
    };
    let base = beside.comparison.challenger.confusion[1].iter().sum::<u64>() as f64 / rows.max(1) as f64;
    html! {
        h3 { "Decisions that flip" }
        table {
            caption {
                "Each version decides at its own threshold. Of all " (count(rows)) " loans " (percent(base)) " were not paid on "
                "time: in a good change more than that share of the newly declined were not paid, and less of the newly approved."
            }
            thead { tr {
                th {} th.number { "loans" } th.number { "of all" }
                th.number { "not paid on time" } th.number { "of these" }
            } }
            tbody {
                (line(&new.output.at_or_above, to_declined))
                (line(&new.output.below, to_approved))
            }
        }
    }
}
