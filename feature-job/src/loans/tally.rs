//! How often each rule was broken, and where first.

use super::rules::{RuleId, Rules};

/// How many examples of a broken rule are kept.
pub const EXAMPLES_MAX: usize = 5;
/// How much of a text an example shows, in characters.
const TEXT_MAX: usize = 60;

/// The counts of all rules.
#[derive(Debug, Clone, Default)]
pub struct Tallies(Vec<Tally>);

/// The count of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many rows broke it.
    pub rows: u64,
    /// The first of them, in the order of the files.
    pub examples: Vec<Example>,
}

/// A row that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    /// The file, by its place among the inputs.
    pub file: usize,
    /// The line, from 1 for the header; of a Parquet file the row, from 1.
    pub line: u64,
    /// The loan, as its text stands.
    pub loan_id: String,
    /// The value, as its text stands.
    pub value: String,
}

impl Tallies {
    /// Starts counting.
    pub fn new(rules: &Rules) -> Self {
        Self(vec![Tally::default(); rules.list.len()])
    }

    /// Gives the count of a rule.
    pub fn get(&self, rule: RuleId) -> &Tally {
        &self.0[usize::from(rule.0)]
    }

    /// Gives the rows that broke each rule.
    pub fn rows(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|tally| tally.rows)
    }

    /// Counts a row that breaks a rule; `example` is asked while examples are wanted.
    pub fn add(&mut self, rule: RuleId, example: impl FnOnce() -> Example) {
        let tally = &mut self.0[usize::from(rule.0)];
        tally.rows += 1;
        if tally.examples.len() < EXAMPLES_MAX {
            tally.examples.push(example());
        }
    }

    /// Takes the count of a rule that is judged over the whole table.
    pub fn set(&mut self, rule: RuleId, tally: Tally) {
        self.0[usize::from(rule.0)] = tally;
    }

    /// Adds the counts of a later part, whose examples lie so many lines further down in a file.
    pub fn append(&mut self, part: Self, file: usize, lines_before: u64) {
        for (own, other) in self.0.iter_mut().zip(part.0) {
            own.rows += other.rows;
            let room = EXAMPLES_MAX - own.examples.len();
            let moved = |example: Example| Example { file, line: example.line + lines_before, ..example };
            own.examples.extend(other.examples.into_iter().take(room).map(moved));
        }
    }
}

/// Shortens a text for an example, and escapes what would not be seen.
pub fn short(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect::<String>().escape_debug().to_string()
}
