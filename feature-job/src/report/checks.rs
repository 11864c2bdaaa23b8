//! What was checked: the gates, the drift of the inputs, the quality of the data.

use contract::card::{Gate, Quality};
use maud::{Markup, html};

use super::Facts;
use super::words::{count, number, outcome, percent, text};
use crate::drift::Drift;
use crate::train::champion::Standing;

/// Shows each check with its outcome.
pub fn section(facts: &Facts<'_>) -> Markup {
    html! {
        h2 { "Gates" }
        (gates(&facts.card.gates))
        h2 { "Drift of the inputs" }
        @match facts.standing {
            Standing::Alone => p { "There is no earlier version whose data these could have moved away from." },
            Standing::Apart { version, .. } => p { "Not measured: version " (version) " was not compared with." },
            Standing::Beside(beside) => (drifts(beside.card.version.to_string(), &beside.drifts)),
        }
        h2 { "Data quality" }
        (quality(facts.card.quality.as_ref()))
        p.soft {
            "The report of the loan file itself lies beside the feature file. Trained with "
            (text(&facts.card.provenance.builder))
            @if let Some(revision) = &facts.card.provenance.revision { ", revision " code { (text(revision)) } }
            ", on template " code { (facts.card.provenance.template) } "."
        }
    }
}

fn gates(gates: &[Gate]) -> Markup {
    html! {
        @if gates.is_empty() { p { span.bad { "None." } " Nothing was demanded of this candidate." } } @else {
            table {
                thead { tr {
                    th { "gate" } th { "what is demanded" } th.number { "found" } th.number { "bound" } th { "outcome" }
                } }
                tbody {
                    @for gate in gates {
                        tr {
                            td { code { (text(&gate.name)) } } td { (text(&gate.demand)) }
                            td.number { (gate.found.map_or_else(|| "not measured".to_owned(), number)) }
                            td.number { (number(gate.bound)) } td { (outcome(gate.passed)) }
                        }
                    }
                }
            }
        }
    }
}

fn drifts(version: String, drifts: &[Drift]) -> Markup {
    let word = |index: f64| match index {
        _ if index < 0.1 => ("good", "stable"),
        _ if index <= 0.25 => ("warn", "moved"),
        _ => ("bad", "another population"),
    };
    html! {
        table {
            caption {
                "How the values in the rows learned from have moved since version " (version) " was trained (population stability "
                "index)"
            }
            thead { tr { th { "feature" } th.number { "index" } th { "in words" } } }
            tbody {
                @for drift in drifts {
                    @let (class, said) = word(drift.index);
                    tr {
                        th { code { (drift.feature) } } td.number { (format!("{:.4}", drift.index)) }
                        td { span.(class) { (said) } }
                    }
                }
            }
        }
    }
}

fn quality(quality: Option<&Quality>) -> Markup {
    let Some(quality) = quality else {
        return html! { p { "The feature file does not say what the checks of the loan data found." } };
    };
    let share = quality.rejected as f64 / quality.rows.max(1) as f64;
    html! {
        p {
            (count(quality.rows)) " loans were read; " (count(quality.rejected)) " (" (percent(share))
            ") were put aside because they broke a rule, and " (count(quality.excluded))
            " were left out because they are later than the day the features were computed for."
        }
        @if quality.findings.is_empty() { p { span.good { "No rule was broken." } } } @else {
            table {
                thead { tr { th { "rule" } th { "column" } th.number { "loans" } } }
                tbody {
                    @for finding in &quality.findings {
                        tr {
                            td { code { (text(&finding.rule)) } } td { code { (text(&finding.column)) } }
                            td.number { (count(finding.rows)) }
                        }
                    }
                }
            }
        }
        p.soft { "Loan files: " @for source in &quality.sources { code { (source) } " " } }
    }
}
