//! What was found in loan files: the verdict, the rules and how often each was broken, and what each column holds.

use contract::card::{Quality, QualityFinding};
use contract::date::Date;
use contract::digest::Digest;
use serde::Serialize;

use super::column::ColumnReport;
use crate::columns;
use crate::loans::LoansError;
use crate::loans::read::Loans;
use crate::loans::rules::{RuleId, Scope};
use crate::loans::tally::Tally;
use crate::loans::users::Users;

/// The findings of one run, in the order that a report shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether the data was accepted.
    pub accepted: bool,
    /// Why not, a sentence each.
    pub reasons: Vec<String>,
    /// The day the loans are looked at on.
    pub as_of: Date,
    /// Rows read; each is known, left out, or rejected.
    pub rows: u64,
    /// Rows that kept every rule and lie until as-of.
    pub known: u64,
    /// Rows that kept every rule and lie after as-of: not known yet, and left out.
    pub excluded: u64,
    /// Rows that broke a rule of theirs, and were put aside.
    pub rejected: u64,
    /// The share of rejected rows.
    pub rejected_share: f64,
    /// The largest share that is accepted.
    pub rejected_share_max: f64,
    /// Users whose rows kept every rule.
    pub users: u64,
    /// The day of the first loan that kept every rule.
    pub first_loan: Option<Date>,
    /// The day of the last.
    pub last_loan: Option<Date>,
    /// The files.
    pub sources: Vec<SourceReport>,
    /// All rules, broken or not.
    pub rules: Vec<RuleReport>,
    /// The columns, over the rows that kept every rule.
    pub columns: Vec<ColumnReport>,
}

/// A loan file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// Its name, as it was given.
    pub file: String,
    /// The digest of its bytes; null where it was not read to its end.
    pub digest: Option<Digest>,
    /// Its rows.
    pub rows: u64,
    /// Its rows that broke a rule.
    pub rejected: u64,
}

/// A rule, and how often it was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// Its name.
    pub name: String,
    /// The column it is about; empty where it is about more than one.
    pub column: String,
    /// What it demands, in words.
    pub demand: String,
    /// What follows where it is broken.
    pub scope: Scope,
    /// Rows that broke it.
    pub rows: u64,
    /// The first of them.
    pub examples: Vec<ExampleReport>,
}

/// A row that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExampleReport {
    /// Its file.
    pub file: String,
    /// Its line, from 1 for the header; of a Parquet file its row, from 1.
    pub line: u64,
    /// Its loan, as the text stands.
    pub loan_id: String,
    /// The value that broke the rule, as the text stands.
    pub value: String,
}

impl Report {
    /// Writes down what was found. `stopped` says why files were not read to their end.
    pub fn of(loans: &Loans, users: &Users, stopped: Option<&LoansError>, rejected_share_max: f64) -> Self {
        let days = loans.held.days(loans.place(columns::LOAN_DATE));
        let kept = days.len() as u64;
        let excluded: u64 = loans.files.iter().map(|file| file.excluded).sum();
        let rejected = loans.rejects.len() as u64;
        let rows = kept + rejected;
        let date = |day: Option<&i32>| Date::from_days(*day?);
        let rules = (0..).map(RuleId).zip(&loans.rules.list).map(|(id, rule)| {
            let Tally { rows, examples } = loans.tallies.get(id);
            let examples = examples.iter().map(|example| ExampleReport {
                file: loans.path(example.file).display().to_string(),
                line: example.line,
                loan_id: example.loan_id.clone(),
                value: example.value.clone(),
            });
            let (name, column, demand) = (rule.name.clone(), rule.column.clone(), rule.demand.clone());
            RuleReport { name, column, demand, scope: rule.scope, rows: *rows, examples: examples.collect() }
        });
        let sources = loans.files.iter().map(|file| SourceReport {
            file: file.path.display().to_string(),
            digest: file.digest,
            rows: file.rows,
            rejected: file.rejected,
        });
        let mut report = Self {
            accepted: true,
            reasons: Vec::new(),
            as_of: loans.as_of,
            rows,
            known: kept - excluded,
            excluded,
            rejected,
            rejected_share: if rows == 0 { 0.0 } else { rejected as f64 / rows as f64 },
            rejected_share_max,
            users: users.count() as u64,
            first_loan: date(days.iter().min()),
            last_loan: date(days.iter().max()),
            sources: sources.collect(),
            rules: rules.collect(),
            columns: ColumnReport::all(loans),
        };
        report.reasons = report.reasons(stopped);
        report.accepted = report.reasons.is_empty();
        report
    }

    /// Gives the findings that a model card carries.
    pub fn quality(&self) -> Quality {
        let broken = self.rules.iter().filter(|rule| rule.rows > 0).map(|rule| QualityFinding {
            rule: rule.name.clone(),
            column: rule.column.clone(),
            rows: rule.rows,
        });
        Quality {
            sources: self.sources.iter().filter_map(|source| source.digest).collect(),
            rows: self.rows,
            rejected: self.rejected,
            excluded: self.excluded,
            findings: broken.collect(),
        }
    }

    fn reasons(&self, stopped: Option<&LoansError>) -> Vec<String> {
        let mut reasons: Vec<_> = stopped.map(ToString::to_string).into_iter().collect();
        let broken = |scope: Scope| self.rules.iter().filter(move |rule| rule.scope == scope && rule.rows > 0);
        reasons.extend(broken(Scope::Table).map(RuleReport::told));
        if self.rows > 0 && self.rows == self.rejected {
            reasons.push("no row kept every rule".to_owned());
        }
        if self.rejected_share > self.rejected_share_max {
            let Self { rows, rejected, .. } = self;
            let [share, bound] = [self.rejected_share, self.rejected_share_max].map(percent);
            reasons.push(format!(
                "{rejected} of {rows} rows ({share}) break a rule, where {bound} may: mend the file, or raise \
                 --rejects-max-share"
            ));
        }
        // Broken rules of rows refuse nothing by themselves; they explain what does.
        if !reasons.is_empty() {
            reasons.extend(broken(Scope::Row).map(RuleReport::told));
        }
        reasons
    }
}

impl RuleReport {
    /// Tells of a broken rule in a line: how often, and where first.
    pub fn told(&self) -> String {
        let Self { name, column, demand, rows, examples, .. } = self;
        let demand = if column.is_empty() { demand.clone() } else { format!("{column}: {demand}") };
        let row = if *rows == 1 { "row" } else { "rows" };
        let first = examples.first().map(|example| {
            let ExampleReport { file, line, loan_id, value } = example;
            let first = if *rows == 1 { "" } else { "first " };
            format!(", {first}in {file}, line {line} (loan_id {loan_id}): `{value}`")
        });
        format!("{name} ({demand}): {rows} {row}{}", first.unwrap_or_default())
    }
}

/// Writes a share in per cent, to the thousandth.
pub fn percent(share: f64) -> String {
    let percent = (share * 100_000.0).round() / 1000.0;
    format!("{percent} %")
}
