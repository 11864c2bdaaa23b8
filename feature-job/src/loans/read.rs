//! Parses the needed columns of loan files into one frame, in the order of the files.

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::digest::Digest;
use polars::prelude::*;

use super::LoansError;
use super::shape::{self, Shape};
use super::source::Source;
use crate::columns::Kind;
use crate::features::plan::dtype;

/// Loan files, parsed; a value that does not parse is null here, and [`super::check`] tells what it was.
#[derive(Debug)]
pub struct Loans {
    /// The columns asked for, in that order, rows in the order of the files.
    pub frame: DataFrame,
    /// The digest of each file and how many loans it holds, in order.
    pub digests: Vec<(Digest, usize)>,
    files: Vec<(Source, Shape)>,
}

impl Loans {
    /// Reads columns of loan files, plain or gzip; others may be absent.
    ///
    /// Days are read as text: the reader's own dates accept several spellings and guess between them.
    ///
    /// # Errors
    /// [`LoansError`], with the first file at fault.
    pub fn read(paths: &[PathBuf], columns: &[(&'static str, Kind)]) -> Result<Self, LoansError> {
        let mut files = Vec::with_capacity(paths.len());
        let mut digests = Vec::with_capacity(paths.len());
        let mut whole: Option<DataFrame> = None;
        for path in paths {
            let source = Source::read(path)?;
            // Hashing takes one core, counting and parsing share what is left.
            let (digest, read) = rayon::join(|| source.digest(), || read(&source, columns));
            let (shape, frame) = read?;
            digests.push((digest, shape.loans));
            whole = Some(match whole {
                Some(frames) => frames.vstack(&frame).map_err(|error| parse_error(path, &error))?,
                None => frame,
            });
            files.push((source, shape));
        }
        let frame = whole.ok_or_else(|| LoansError::Empty("the list of inputs".into()))?;
        Ok(Self { frame, digests, files })
    }

    /// Gives the file and the line that a row came from, and the text of one of its fields.
    pub fn origin(&self, mut row: usize, column: &str) -> (&Path, usize, String) {
        for (source, shape) in &self.files {
            if row < shape.loans {
                // The header is line 1.
                let number = row + 2;
                let place = shape.header.iter().position(|name| name == column);
                let fields = shape::line(source.bytes(), number).and_then(shape::fields).unwrap_or_default();
                let field = place.and_then(|place| fields.into_iter().nth(place)).unwrap_or(Cow::Borrowed(b""));
                return (&source.path, number, String::from_utf8_lossy(&field).into_owned());
            }
            row -= shape.loans;
        }
        (Path::new(""), 0, String::new())
    }
}

fn read(source: &Source, columns: &[(&'static str, Kind)]) -> Result<(Shape, DataFrame), LoansError> {
    let shape = Shape::of(source)?;
    needed_once(&source.path, &shape.header, columns)?;
    let frame = parse(source, &shape, columns)?;
    Ok((shape, frame))
}

fn needed_once(path: &Path, header: &[String], columns: &[(&str, Kind)]) -> Result<(), LoansError> {
    let times = |name: &str| header.iter().filter(|column| *column == name).count();
    let listed = |wrong: &dyn Fn(usize) -> bool| {
        let names: Vec<_> = columns.iter().filter(|(name, _)| wrong(times(name))).map(|(name, _)| *name).collect();
        names.join(", ")
    };
    let refused = |columns, said| {
        let header: String = header.join(", ").escape_default().take(600).collect();
        LoansError::Columns { path: path.to_owned(), columns, said, header }
    };
    let (missing, double) = (listed(&|times| times == 0), listed(&|times| times > 1));
    match (missing.is_empty(), double.is_empty()) {
        (false, _) => Err(refused(missing, "missing")),
        (_, false) => Err(refused(double, "twice in the header")),
        _ => Ok(()),
    }
}

fn parse(source: &Source, shape: &Shape, columns: &[(&'static str, Kind)]) -> Result<DataFrame, LoansError> {
    let options = CsvReadOptions::default()
        .with_has_header(true)
        .with_schema(Some(Arc::new(schema(&shape.header, columns))))
        .with_columns(Some(columns.iter().map(|(name, _)| PlSmallStr::from_static(name)).collect()))
        .with_ignore_errors(true)
        .with_rechunk(true)
        .with_parse_options(CsvParseOptions::default().with_quote_char(shape.quoted.then_some(b'"')));
    let reader = options.into_reader_with_file_handle(Cursor::new(source.bytes()));
    // The reader slices without asking in places; a file that gets it to panic is a bad file, not the end of us.
    let frame = catch_unwind(AssertUnwindSafe(|| reader.finish()))
        .map_err(|_| LoansError::Parse { path: source.path.clone(), said: "the reader gave up".to_owned() })?
        .map_err(|error| parse_error(&source.path, &error))?;
    if frame.height() != shape.loans {
        let said = format!("{} loans read from {} lines", frame.height(), shape.loans);
        return Err(LoansError::Parse { path: source.path.clone(), said });
    }
    frame.select(columns.iter().map(|(name, _)| *name)).map_err(|error| parse_error(&source.path, &error))
}

/// Gives the whole header's schema, so that nothing is inferred; a column not needed is named by its place, since
/// two may share a name.
fn schema(header: &[String], columns: &[(&'static str, Kind)]) -> Schema {
    let field = |(place, name): (usize, &String)| {
        let needed = columns.iter().find(|(needed, _)| needed == name);
        match needed {
            Some((name, Kind::Day)) => Field::new(PlSmallStr::from_static(name), DataType::String),
            Some((name, kind)) => Field::new(PlSmallStr::from_static(name), dtype(*kind)),
            None => Field::new(format!("column {place}").into(), DataType::String),
        }
    };
    header.iter().enumerate().map(field).collect()
}

fn parse_error(path: &Path, error: &PolarsError) -> LoansError {
    LoansError::Parse { path: path.to_owned(), said: error.to_string() }
}
