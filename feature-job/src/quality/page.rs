//! The report for people.

use maud::{Markup, html};
use serde_json::Value;

use super::column::ColumnReport;
use super::report::{Report, RuleReport, percent};
use crate::html;
use crate::loans::rules::Scope;

/// Makes the page of a report.
pub fn page(report: &Report) -> String {
    let content = html! {
        h1 { "Quality of the loan data" }
        p.soft { "As known on " (report.as_of) "." }
        (verdict(report))
        (rows(report))
        (sources(report))
        (rules(report))
        (columns(report))
    };
    html::page("Quality of the loan data", &content)
}

fn verdict(report: &Report) -> Markup {
    if report.accepted {
        return html! { p class="verdict good" { "Accepted. Rows that broke a rule are in " code { "rejects.parquet" } "." } };
    }
    html! {
        div class="verdict bad" {
            p { "Refused. No feature was computed from this data, and what was there before is untouched." }
            ul { @for reason in &report.reasons { li { (reason) } } }
        }
    }
}

fn rows(report: &Report) -> Markup {
    let day = |day: Option<contract::date::Date>| day.map_or_else(|| "none".to_owned(), |day| day.to_string());
    let [share, bound] = [report.rejected_share, report.rejected_share_max].map(percent);
    html! {
        h2 { "Rows" }
        table {
            (figure("read", report.rows, ""))
            (figure("known", report.known, "kept every rule, until the day above"))
            (figure("left out", report.excluded, "kept every rule, after the day above: not known yet"))
            (figure("rejected", report.rejected, &format!("broke a rule: {share}, where {bound} may")))
            (figure("users", report.users, "of the rows that kept every rule"))
            tr { th { "period" } td.number { (day(report.first_loan)) } td { "to " (day(report.last_loan)) } }
        }
    }
}

fn figure(name: &str, count: u64, said: &str) -> Markup {
    html! { tr { th { (name) } td.number { (count) } td { (said) } } }
}

fn sources(report: &Report) -> Markup {
    html! {
        h2 { "Files" }
        table {
            tr { th { "file" } th.number { "rows" } th.number { "rejected" } th { "digest" } }
            @for source in &report.sources {
                tr {
                    td { (source.file) }
                    td.number { (source.rows) }
                    td.number { (source.rejected) }
                    td {
                        @match source.digest {
                            Some(digest) => code { (digest) },
                            None => span.bad { "not read to its end" },
                        }
                    }
                }
            }
        }
    }
}

fn rules(report: &Report) -> Markup {
    let broken: Vec<_> = report.rules.iter().filter(|rule| rule.rows > 0).collect();
    html! {
        h2 { "Broken rules" }
        @if broken.is_empty() { p { "None of " (report.rules.len()) "." } }
        @for rule in broken { (broken_rule(rule)) }
        h2 { "All rules" }
        table {
            tr { th { "rule" } th { "column" } th { "demands" } th { "where broken" } th.number { "rows" } }
            @for rule in &report.rules {
                tr {
                    td { code { (rule.name) } }
                    td { (rule.column) }
                    td { (rule.demand) }
                    td { (consequence(rule.scope)) }
                    td.number class=[(rule.rows > 0).then(|| class(rule.scope))] { (rule.rows) }
                }
            }
        }
    }
}

fn broken_rule(rule: &RuleReport) -> Markup {
    html! {
        h3 { code { (rule.name) } ": " span class=(class(rule.scope)) { (rule.rows) " rows" } }
        p { "Demands " (rule.demand) "; where broken, " (consequence(rule.scope)) "." }
        table {
            caption { "The first of them" }
            tr { th { "file" } th.number { "line" } th { "loan" } th { "value" } }
            @for example in &rule.examples {
                tr {
                    td { (example.file) }
                    td.number { (example.line) }
                    td { (example.loan_id) }
                    td { code { (example.value) } }
                }
            }
        }
    }
}

fn columns(report: &Report) -> Markup {
    html! {
        h2 { "Columns" }
        p.soft { "Over the rows that kept every rule. More than a thousand different values are not counted." }
        table {
            tr {
                th { "column" } th { "holds" } th { "unit" } th.number { "nulls" } th.number { "different" } th { "from" } th { "to" }
            }
            @for column in &report.columns { (column_row(column)) }
        }
    }
}

fn column_row(column: &ColumnReport) -> Markup {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    html! {
        tr {
            td { code { (column.name) } }
            td { (column.demand) }
            td { (column.unit) }
            @if column.present {
                td.number { (column.nulls) }
                td.number { (column.distinct.map_or_else(|| "more".to_owned(), |distinct| distinct.to_string())) }
                td { (text(&column.min)) }
                td { (text(&column.max)) }
            } @else {
                td colspan="4" { span.soft { "not in the files" } }
            }
        }
    }
}

fn consequence(scope: Scope) -> &'static str {
    match scope {
        Scope::Row => "the row is rejected",
        Scope::Table => "the data is refused",
        Scope::Note => "the value is missing",
    }
}

fn class(scope: Scope) -> &'static str {
    match scope {
        Scope::Row | Scope::Table => "bad",
        Scope::Note => "warn",
    }
}
