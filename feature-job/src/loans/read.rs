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
use crate::columns;

/// The columns of a loan file that features, labels and slices are made from; others may be absent.
///
/// Days are read as text: the reader's own dates accept several spellings and guess between them.
pub const NEEDED: [(&str, DataType); 10] = [
    (columns::LOAN_ID, DataType::Int64),
    (columns::ID, DataType::Int64),
    (columns::LOAN_DATE, DataType::String),
    (columns::LOAN_AMOUNT, DataType::Float64),
    (columns::BIRTHDAY, DataType::String),
    (columns::JOB_START_DATE, DataType::String),
    (columns::FLAG_OWN_CAR, DataType::String),
    (columns::STATUS, DataType::Int64),
    (columns::CODE_GENDER, DataType::String),
    (columns::NAME_HOUSING_TYPE, DataType::String),
];

/// Loan files, parsed; a value that does not parse is null here, and [`super::check`] tells what it was.
#[derive(Debug)]
pub struct Loans {
    /// The needed columns, in the order of [`NEEDED`], rows in the order of the files.
    pub frame: DataFrame,
    /// The digest of what was read: the file's; of several files, that of their digests in order, a line each.
    pub digest: Digest,
    files: Vec<(Source, Shape)>,
}

impl Loans {
    /// Reads loan files, plain or gzip.
    ///
    /// # Errors
    /// [`LoansError`], with the first file at fault.
    pub fn read(paths: &[PathBuf]) -> Result<Self, LoansError> {
        let mut files = Vec::with_capacity(paths.len());
        let mut digests = Vec::with_capacity(paths.len());
        let mut whole: Option<DataFrame> = None;
        for path in paths {
            let source = Source::read(path)?;
            // Hashing takes one core, counting and parsing share what is left.
            let (digest, read) = rayon::join(|| source.digest(), || read(&source));
            let (shape, frame) = read?;
            digests.push(digest);
            whole = Some(match whole {
                Some(frames) => frames.vstack(&frame).map_err(|error| parse_error(path, &error))?,
                None => frame,
            });
            files.push((source, shape));
        }
        let frame = whole.ok_or_else(|| LoansError::Empty("the list of inputs".into()))?;
        let digest = match digests.as_slice() {
            [only] => *only,
            several => Digest::of(several.iter().map(|digest| format!("{digest}\n")).collect::<String>().as_bytes()),
        };
        Ok(Self { frame, digest, files })
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

fn read(source: &Source) -> Result<(Shape, DataFrame), LoansError> {
    let shape = Shape::of(source)?;
    needed_once(&source.path, &shape.header)?;
    let frame = parse(source, &shape)?;
    Ok((shape, frame))
}

fn needed_once(path: &Path, header: &[String]) -> Result<(), LoansError> {
    let times = |name: &str| header.iter().filter(|column| *column == name).count();
    let listed = |wrong: &dyn Fn(usize) -> bool| {
        let names: Vec<_> = NEEDED.iter().filter(|(name, _)| wrong(times(name))).map(|(name, _)| *name).collect();
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

fn parse(source: &Source, shape: &Shape) -> Result<DataFrame, LoansError> {
    let options = CsvReadOptions::default()
        .with_has_header(true)
        .with_schema(Some(Arc::new(schema(&shape.header))))
        .with_columns(Some(NEEDED.iter().map(|(name, _)| PlSmallStr::from_static(name)).collect()))
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
    let names = NEEDED.map(|(name, _)| name);
    frame.select(names).map_err(|error| parse_error(&source.path, &error))
}

/// Gives the whole header's schema, so that nothing is inferred; a column not needed is named by its place, since
/// two may share a name.
fn schema(header: &[String]) -> Schema {
    let field = |(place, name): (usize, &String)| {
        let needed = NEEDED.iter().find(|(needed, _)| needed == name);
        match needed {
            Some((name, dtype)) => Field::new(PlSmallStr::from_static(name), dtype.clone()),
            None => Field::new(format!("column {place}").into(), DataType::String),
        }
    };
    header.iter().enumerate().map(field).collect()
}

fn parse_error(path: &Path, error: &PolarsError) -> LoansError {
    LoansError::Parse { path: path.to_owned(), said: error.to_string() }
}
