//! The rules a loan file's values must keep, and the findings where they do not.

use std::collections::HashSet;
use std::path::PathBuf;

use polars::prelude::*;
use rayon::prelude::*;

use super::LoansError;
use super::read::Loans;
use crate::columns::{self, Kind};
use crate::days;

/// A rule broken by one value or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The column.
    pub column: &'static str,
    /// What its values must be.
    pub rule: String,
    /// How many are not.
    pub count: usize,
    /// The file of the first.
    pub path: PathBuf,
    /// The line of the first, from 1 for the header.
    pub line: usize,
    /// The loan of the first, as its text stands.
    pub loan_id: String,
    /// The first value, as its text stands.
    pub value: String,
}

impl Finding {
    /// Describes `count` rows that break a rule, of which `row` is the first.
    pub fn new(loans: &Loans, column: &'static str, rule: impl Into<String>, count: usize, row: usize) -> Self {
        let (path, line, value) = loans.origin(row, column);
        let short = |text: String| text.chars().take(60).collect::<String>().escape_default().to_string();
        let (_, _, loan_id) = loans.origin(row, columns::LOAN_ID);
        let (loan_id, value) = (short(loan_id), short(value));
        Self { column, rule: rule.into(), count, path: path.to_owned(), line, loan_id, value }
    }
}

/// Writes findings as the lines of an error message.
pub(super) fn list(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let Finding { column, rule, count, path, line, loan_id, value } = finding;
        let times = if *count == 1 { "loan" } else { "loans" };
        let first = if *count == 1 { "" } else { "first " };
        let path = path.display();
        format!("\n  {column}: {rule}; {count} {times}, {first}in {path}, line {line} (loan_id {loan_id}): `{value}`")
    };
    findings.iter().map(line).collect()
}

/// Checks every loan, and gives the frame with its days as dates; `job_start_date` is null where missing or no date, since
/// that is what "no job" looks like.
///
/// # Errors
/// [`LoansError::Findings`], with every rule that is broken.
pub fn check(loans: &Loans) -> Result<DataFrame, LoansError> {
    let frame = &loans.frame;
    let mut broken = Vec::new();
    let mut rule = |column: &'static str, rule: &str, rows: Broken| {
        broken.extend(rows.map(|(count, row)| Finding::new(loans, column, rule, count, row)));
    };
    let column = |name: &'static str| frame.column(name).expect("the reader selects what is needed");
    let whole = |name| column(name).i64().expect("the schema has whole numbers here");
    let text = |name| column(name).str().expect("the schema has text here");

    let (loan_id, id, status) = (whole(columns::LOAN_ID), whole(columns::ID), whole(columns::STATUS));
    rule(columns::LOAN_ID, "a whole number", find(loan_id.iter(), |value| value.is_some()));
    rule(columns::LOAN_ID, "unique", repeated(loan_id));
    rule(columns::ID, "a whole number from 0 on", find(id.iter(), |value| value.is_some_and(|id| id >= 0)));
    rule(columns::STATUS, "0 or 1", find(status.iter(), |value| matches!(value, Some(0 | 1))));

    let amount = column(columns::LOAN_AMOUNT).f64().expect("the schema has floats here");
    let fine = |value: Option<f64>| value.is_some_and(|amount| amount.is_finite() && amount >= 0.0);
    rule(columns::LOAN_AMOUNT, "a finite number from 0 on", find(amount.iter(), fine));

    let ((loan_date, birthday), job_start_date) = rayon::join(
        || (dates(text(columns::LOAN_DATE)), dates(text(columns::BIRTHDAY))),
        || dates(text(columns::JOB_START_DATE)),
    );
    no_days(loans, text(columns::JOB_START_DATE), &job_start_date);
    rule(columns::LOAN_DATE, "a day as YYYY-MM-DD", find(loan_date.iter(), |day| day.is_some()));
    rule(columns::BIRTHDAY, "a day as YYYY-MM-DD", find(birthday.iter(), |day| day.is_some()));
    if let Ok(flag) = frame.column(columns::FLAG_OWN_CAR) {
        let flag = flag.str().expect("the schema has text here");
        rule(columns::FLAG_OWN_CAR, "Y or N", find(flag.iter(), |flag| matches!(flag, Some("Y" | "N"))));
    }
    let ruled = [columns::LOAN_ID, columns::ID, columns::STATUS, columns::LOAN_AMOUNT];
    for (name, kind) in columns::LOAN_FILE.into_iter().filter(|(name, _)| !ruled.contains(name)) {
        match (frame.column(name), kind) {
            (Ok(column), Kind::Whole | Kind::Number) => {
                rule(name, "a number", find(column.is_not_null().iter(), |there| there == Some(true)));
            }
            _ => {}
        }
    }

    if !broken.is_empty() {
        return Err(LoansError::Findings(broken));
    }
    let mut checked = frame.clone();
    for made in [date(loan_date), date(birthday), date(job_start_date)] {
        checked.with_column(made).expect("as many values as loans");
    }
    Ok(checked)
}

/// Warns of texts where a job's first day should be: they count as no job, which a slip of the pen is not.
fn no_days(loans: &Loans, texts: &StringChunked, days: &Int32Chunked) {
    if let Some((count, row)) = unread(texts, days) {
        let (path, line, _) = loans.origin(row, columns::JOB_START_DATE);
        let (column, path) = (columns::JOB_START_DATE, path.display());
        tracing::warn!(
            count,
            "{column} holds texts that are no day, which count as no job; first in {path}, line {line}"
        );
    }
}

/// Finds texts that are there and give no day.
fn unread(texts: &StringChunked, days: &Int32Chunked) -> Broken {
    let blank = |text: Option<&str>| text.is_none_or(|text| text.trim().is_empty());
    find(texts.iter().zip(days.iter()), |(text, day)| day.is_some() || blank(text))
}

/// How many rows break a rule, and the first of them; none where all keep it.
type Broken = Option<(usize, usize)>;

fn find<T>(values: impl Iterator<Item = T>, fine: impl Fn(T) -> bool) -> Broken {
    let (mut count, mut first) = (0, 0);
    for (row, value) in values.enumerate() {
        if !fine(value) {
            if count == 0 {
                first = row;
            }
            count += 1;
        }
    }
    (count > 0).then_some((count, first))
}

/// Finds loans whose id stood before. Sorting is the quick way to see that there are none.
fn repeated(ids: &Int64Chunked) -> Broken {
    let mut sorted: Vec<i64> = ids.iter().flatten().collect();
    sorted.par_sort_unstable();
    if sorted.windows(2).all(|pair| pair[0] != pair[1]) {
        return None;
    }
    let mut seen = HashSet::new();
    // The rows are asked in order, and each only once.
    let rows: Vec<bool> = ids.iter().map(|id| id.is_none_or(|id| seen.insert(id))).collect();
    find(rows.into_iter(), |new| new)
}

fn dates(texts: &StringChunked) -> Int32Chunked {
    let days = texts.iter().map(|text| days::parse(text?.as_bytes()));
    let mut days: Int32Chunked = days.collect();
    days.rename(texts.name().clone());
    days
}

fn date(days: Int32Chunked) -> Column {
    days.into_date().into_column()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_day_are_told_from_no_job() {
        let check = |texts: &[Option<&str>], wanted: Broken| {
            let texts: StringChunked = texts.iter().copied().collect();
            assert_eq!(unread(&texts, &dates(&texts)), wanted, "{texts:?}");
        };
        check(&[None, Some(""), Some(" "), Some("2020-01-01"), Some("3021-09-18")], None);
        check(&[Some("2020-01-01"), Some("soon"), None, Some("2020-1-1")], Some((2, 1)));
    }
}
