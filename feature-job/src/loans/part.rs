//! A part of a loan file: whole lines, read and checked together, so that parts can be looked at side by side.

use memchr::memchr;

use super::check::{Checker, Row, hash};
use super::figures::Figures;
use super::held::Held;
use super::line::{self, Fields, Splitter};
use super::rejects::Reject;
use super::rules::{LINE_FIELDS, LINE_QUOTES, LINE_TEXT, RuleId, Rules};
use super::schema::Schema;
use super::tally::{Example, Tallies, short};

/// What all parts of one file are looked at with.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// Its rules.
    pub rules: &'a Rules,
    /// Its checks.
    pub checker: &'a Checker,
    /// The columns whose values are kept, by their places in the schema.
    pub kept: &'a [usize],
    /// The columns that a user's rows are compared by.
    pub constant: &'a [usize],
    /// The column of the loan's id.
    pub loan_id: usize,
    /// How many fields a line of this file has.
    pub width: usize,
    /// Where each column of the schema stands in this file.
    pub places: &'a [Option<usize>],
}

/// What a part of a file holds; files and lines are counted from the part's start.
#[derive(Debug)]
pub struct Part {
    /// The loans that broke no rule.
    pub held: Held,
    /// How many lines there are.
    pub lines: u64,
    /// The rows that broke a rule.
    pub rejects: Vec<Reject>,
    /// How often each rule was broken.
    pub tallies: Tallies,
    /// The figures of the loans' values.
    pub figures: Vec<Figures>,
}

/// One line, looked at.
#[derive(Debug)]
pub enum Seen<'a> {
    /// It is no row of fields, and which rule says so.
    NoRow(RuleId),
    /// Its fields, and what came of them.
    Row(Fields<'a>, &'a Row),
}

impl Part {
    /// Reads whole lines.
    pub fn read(text: &[u8], frame: &Frame<'_>) -> Self {
        let mut part = Self {
            held: Held::new(frame.schema, frame.kept),
            lines: 0,
            rejects: Vec::new(),
            tallies: Tallies::new(frame.rules),
            figures: Figures::of(frame.schema),
        };
        part.lines = walk(text, frame, |number, line, seen| match seen {
            Seen::NoRow(rule) => part.reject_line(rule, number, line),
            Seen::Row(fields, row) => part.row(fields, row, number, line, frame),
        });
        part
    }

    fn row(&mut self, fields: Fields<'_>, row: &Row, number: u64, line: &[u8], frame: &Frame<'_>) {
        let text = |column: usize| field(fields, column, frame);
        for &(rule, column) in row.broken.iter().chain(&row.notes) {
            let example =
                || Example { file: 0, line: number, loan_id: short(&text(frame.loan_id)), value: short(&text(column)) };
            self.tallies.add(rule, example);
        }
        if let [(_, column), ..] = row.broken[..] {
            let rules = row.broken.iter().map(|(rule, _)| *rule).collect();
            let (value, loan_id) = (text(column), Some(text(frame.loan_id)));
            self.rejects.push(Reject { file: 0, line: number, rules, value, loan_id, row: line::text(line) });
            return;
        }
        for (figures, &value) in self.figures.iter_mut().zip(&row.values) {
            figures.add(value);
        }
        self.held.push(&row.values, hash(&row.values, frame.constant));
    }

    fn reject_line(&mut self, rule: RuleId, number: u64, line: &[u8]) {
        let row = line::text(line);
        let example = || Example { file: 0, line: number, loan_id: String::new(), value: short(&row) };
        self.tallies.add(rule, example);
        self.rejects.push(Reject {
            file: 0,
            line: number,
            rules: vec![rule],
            value: String::new(),
            loan_id: None,
            row,
        });
    }
}

/// Looks at every line but blank ones, which hold no loan; gives how many lines there are, blank ones counted.
pub fn walk(text: &[u8], frame: &Frame<'_>, mut visit: impl FnMut(u64, &[u8], Seen<'_>)) -> u64 {
    // Most files are plain ASCII without zero bytes, which is seen at once.
    let plain = text.is_ascii() && memchr(0, text).is_none();
    let (mut splitter, mut row) = (Splitter::default(), Row::default());
    let (mut rest, mut number) = (text, 0);
    while !rest.is_empty() {
        let (line, after) = rest.split_at(memchr(b'\n', rest).map_or(rest.len(), |end| end + 1));
        let line = line::trim(line);
        (rest, number) = (after, number + 1);
        if line.trim_ascii_start().is_empty() {
            continue;
        }
        let is_text = plain || (std::str::from_utf8(line).is_ok() && memchr(0, line).is_none());
        let seen = match splitter.split(line) {
            _ if !is_text => Seen::NoRow(LINE_TEXT),
            None => Seen::NoRow(LINE_QUOTES),
            Some(fields) if fields.count() != frame.width => Seen::NoRow(LINE_FIELDS),
            Some(fields) => {
                frame.checker.check(fields, frame.places, &mut row);
                Seen::Row(fields, &row)
            }
        };
        visit(number, line, seen);
    }
    number
}

/// Gives the text of a column's field; empty where the file has no such column.
pub fn field(fields: Fields<'_>, column: usize, frame: &Frame<'_>) -> String {
    frame.places[column].map(|place| line::text(fields.get(place))).unwrap_or_default()
}
