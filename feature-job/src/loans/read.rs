//! Reads all loan files, a few blocks at a time, each block on a thread of its own; what comes of them keeps their order.

use std::path::{Path, PathBuf};

use contract::date::Date;
use contract::digest::Digest;
use rayon::prelude::*;

use super::LoansError;
use super::blocks::Blocks;
use super::check::Checker;
use super::figures::Figures;
use super::header::{self, Header};
use super::held::Held;
use super::limits::Limits;
use super::part::{Frame, Part};
use super::rejects::Reject;
use super::rules::Rules;
use super::schema::Schema;
use super::source::Source;
use super::tally::Tallies;
use crate::columns;

/// How many blocks a thread has at hand: two, so that one that is done early has something to do.
const BLOCKS_OF_THREAD: usize = 2;
/// The most blocks at hand: with as many being read, 128 MiB on the largest machine.
const BLOCKS_MAX: usize = 32;

/// Loan files, read.
#[derive(Debug)]
pub struct Loans {
    /// What they were held against.
    pub schema: &'static Schema,
    /// The rules of the schema.
    pub rules: Rules,
    /// The files, in the order read.
    pub files: Vec<LoanFile>,
    /// The loans that broke no rule.
    pub held: Held,
    /// The rows that broke one.
    pub rejects: Vec<Reject>,
    /// How often each rule was broken.
    pub tallies: Tallies,
    /// What the values of the loans are like.
    pub figures: Vec<Figures>,
    /// The day they are looked at on.
    pub as_of: Date,
    kept: Vec<usize>,
    constant: Vec<usize>,
    checker: Checker,
    limits: Limits,
    rejects_bytes: usize,
}

/// A loan file that was read, or was to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoanFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What was found in its header.
    pub header: Option<Header>,
    /// The digest of its bytes on the disk; none where it was not read to its end.
    pub digest: Option<Digest>,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them broke a rule.
    pub rejected: u64,
    /// How many of them keep every rule and lie after the day they are looked at on.
    pub excluded: u64,
    /// How many of them broke each rule.
    pub broken: Vec<u64>,
}

impl Loans {
    /// Reads loan files as they are known at a day, keeping the columns named, of which a file lacks none.
    ///
    /// What was read stands in the answer even where an error ended it, so that a report can tell of it.
    pub fn read(files: &[PathBuf], kept: &[&str], as_of: Date, limits: Limits) -> (Self, Result<(), LoansError>) {
        let schema = Schema::loans();
        let rules = Rules::of(schema);
        let is_kept = |place: &usize| kept.contains(&schema.columns[*place].name.as_str());
        let kept: Vec<_> = (0..schema.columns.len()).filter(is_kept).collect();
        let file = |path: &PathBuf| LoanFile {
            path: path.clone(),
            header: None,
            digest: None,
            rows: 0,
            rejected: 0,
            excluded: 0,
            broken: vec![0; rules.list.len()],
        };
        let mut loans = Self {
            files: files.iter().map(file).collect(),
            held: Held::new(schema, &kept),
            rejects: Vec::new(),
            tallies: Tallies::new(&rules),
            figures: Figures::of(schema),
            checker: Checker::new(schema, &rules, as_of.days()),
            constant: Vec::new(),
            schema,
            rules,
            as_of,
            kept,
            limits,
            rejects_bytes: 0,
        };
        let read =
            loans.read_headers().and_then(|()| (0..loans.files.len()).try_for_each(|file| loans.read_file(file)));
        (loans, read)
    }

    /// Reads all headers first: a missing column is to show before the first file was read for minutes, and users' rows are
    /// compared by the columns that all files have.
    fn read_headers(&mut self) -> Result<(), LoansError> {
        for file in &mut self.files {
            file.header = Some(Header::read(&file.path, self.schema, &self.kept)?);
        }
        let everywhere =
            |place: usize| self.files.iter().flat_map(|file| &file.header).all(|header| header.places[place].is_some());
        let constant = (0..self.schema.columns.len()).filter(|&place| self.schema.columns[place].constant);
        self.constant = constant.filter(|&place| everywhere(place)).collect();
        Ok(())
    }

    fn read_file(&mut self, file: usize) -> Result<(), LoansError> {
        let source = Source::open(&self.files[file].path)?;
        let first_line = source.first_line();
        let mut blocks = Blocks::new(source, self.limits.block_bytes);
        // The next blocks are read, unpacked and hashed while the last are looked at.
        let (mut batch, mut failed) = batch(&mut blocks);
        if let Some(first) = batch.first_mut() {
            let header = header::split_first(first).0.len();
            first.drain(..header);
        }
        let mut line = first_line;
        while !batch.is_empty() {
            let frame = self.frame(file);
            let (next, parts) = rayon::join(
                || if failed.is_none() { self::batch(&mut blocks) } else { (Vec::new(), None) },
                || batch.par_iter().map(|block| Part::read(block, &frame)).collect::<Vec<_>>(),
            );
            for part in parts {
                let lines = part.lines;
                self.take(part, file, line)?;
                line += lines;
            }
            batch = next.0;
            failed = failed.or(next.1);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.files[file].digest = Some(blocks.into_source().digest()?);
        if self.files[file].rows == 0 {
            return Err(LoansError::NoLoans(self.files[file].path.clone()));
        }
        Ok(())
    }

    /// Takes a part of a file over, of which the first line has this number.
    fn take(&mut self, part: Part, file: usize, first_line: u64) -> Result<(), LoansError> {
        let Limits { loans_max, rejects_max, rejects_bytes_max, .. } = self.limits;
        let lines_before = first_line - 1;
        let days = part.held.days(self.place(columns::LOAN_DATE));
        let excluded = days.iter().filter(|&&day| day > self.as_of.days()).count();
        let read = &mut self.files[file];
        read.rows += (part.held.len() + part.rejects.len()) as u64;
        read.rejected += part.rejects.len() as u64;
        read.excluded += excluded as u64;
        read.broken.iter_mut().zip(part.tallies.rows()).for_each(|(own, rows)| *own += rows);
        self.held.append(part.held);
        self.rejects_bytes += part.rejects.iter().map(Reject::bytes).sum::<usize>();
        let placed = |reject: Reject| Reject { file, line: reject.line + lines_before, ..reject };
        self.rejects.extend(part.rejects.into_iter().map(placed));
        self.tallies.append(part.tallies, file, lines_before);
        for (own, other) in self.figures.iter_mut().zip(&part.figures) {
            own.append(other);
        }
        if self.held.len() > loans_max {
            return Err(LoansError::TooMany { loans_max });
        }
        if self.rejects.len() > rejects_max || self.rejects_bytes > rejects_bytes_max {
            return Err(LoansError::TooManyRejects { rows: self.rejects.len() });
        }
        Ok(())
    }

    /// Gives what a file's lines are looked at with.
    ///
    /// # Panics
    /// Before the headers are read.
    pub(super) fn frame(&self, file: usize) -> Frame<'_> {
        let header = self.files[file].header.as_ref().expect("headers are read before lines");
        Frame {
            schema: self.schema,
            rules: &self.rules,
            checker: &self.checker,
            kept: &self.kept,
            constant: &self.constant,
            loan_id: self.place(columns::LOAN_ID),
            width: header.width,
            places: &header.places,
        }
    }

    /// Gives the place of a column that every schema of loans has.
    pub fn place(&self, name: &str) -> usize {
        self.schema.position(name).expect("a test finds the columns that are kept in the schema")
    }

    /// Gives the columns that a user's rows are compared by.
    pub(super) fn constant(&self) -> &[usize] {
        &self.constant
    }

    /// Gives a file's path.
    pub fn path(&self, file: usize) -> &Path {
        &self.files[file].path
    }
}

/// Reads some blocks for each thread, of which one reads; and gives what ended the reading early.
fn batch(blocks: &mut Blocks) -> (Vec<Vec<u8>>, Option<LoansError>) {
    let count = (BLOCKS_OF_THREAD * rayon::current_num_threads()).min(BLOCKS_MAX);
    let mut batch = Vec::with_capacity(count);
    while batch.len() < count {
        match blocks.next_block() {
            Ok(Some(block)) => batch.push(block),
            Ok(None) => break,
            Err(error) => return (batch, Some(error)),
        }
    }
    (batch, None)
}

#[cfg(test)]
mod tests;
