//! Checks that a file is a header and one record a line, all of one width, before any value is parsed.
//!
//! A column reader skips what it is not asked for, so a field too many or a quote left open would move values between
//! columns, or swallow loans, without a word. Counting is quick and excludes both.

use std::borrow::Cow;

use rayon::prelude::*;

use super::LoansError;
use super::source::Source;

/// How much of a file one thread counts at a time.
const BLOCK_BYTES: usize = 4 << 20;

/// What a file's lines look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The names in the header, in order.
    pub header: Vec<String>,
    /// How many loans follow.
    pub loans: usize,
    /// Whether any field is quoted; unquoted files parse faster.
    pub quoted: bool,
}

impl Shape {
    /// Checks a file's lines.
    ///
    /// # Errors
    /// [`LoansError`], with the first line at fault.
    pub fn of(source: &Source) -> Result<Self, LoansError> {
        let bytes = source.bytes();
        let header = header(source)?;
        let counts = bytes.par_chunks(BLOCK_BYTES).map(Counts::of).reduce(Counts::default, Counts::add);
        // The last line has no end of its own: the source trims it.
        let lines = counts.lines + 1;
        if counts.quotes > 0 || counts.commas != lines * (header.len() - 1) {
            every_line(source, header.len())?;
        }
        if lines == 1 {
            return Err(LoansError::NoLoans(source.path.clone()));
        }
        Ok(Self { header, loans: lines - 1, quoted: counts.quotes > 0 })
    }
}

/// Gives a line's text, counted from 1 for the header.
pub fn line(bytes: &[u8], number: usize) -> Option<&[u8]> {
    bytes.split(|&byte| byte == b'\n').nth(number.checked_sub(1)?)
}

/// Splits a line into its fields, quotes taken away; none where a quote is left open.
pub fn fields(line: &[u8]) -> Option<Vec<Cow<'_, [u8]>>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (mut fields, mut start, mut open) = (Vec::new(), 0, false);
    for (place, &byte) in line.iter().enumerate() {
        match byte {
            b'"' => open = !open,
            b',' if !open => {
                fields.push(unquote(&line[start..place]));
                start = place + 1;
            }
            _ => {}
        }
    }
    fields.push(unquote(&line[start..]));
    if open { None } else { Some(fields) }
}

fn unquote(field: &[u8]) -> Cow<'_, [u8]> {
    match field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")) {
        Some(inner) => Cow::Owned(String::from_utf8_lossy(inner).replace("\"\"", "\"").into_bytes()),
        None => Cow::Borrowed(field),
    }
}

fn header(source: &Source) -> Result<Vec<String>, LoansError> {
    let not_csv = |said: &str| LoansError::NotCsv { path: source.path.clone(), said: said.to_owned() };
    let text = line(source.bytes(), 1).unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| not_csv("its first line is not UTF-8 text"))?;
    if text.contains('\0') {
        return Err(not_csv("its first line holds a zero byte"));
    }
    let names = fields(text.as_bytes()).ok_or_else(|| not_csv("its header leaves a quote open"))?;
    if names.len() < 2 {
        return Err(not_csv("its first line holds no comma; write the columns' names there, with commas between"));
    }
    Ok(names.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect())
}

fn every_line(source: &Source, width: usize) -> Result<(), LoansError> {
    for (text, number) in source.bytes().split(|&byte| byte == b'\n').zip(1..) {
        let said = match fields(text) {
            Some(fields) if fields.len() == width => continue,
            _ if text.iter().all(u8::is_ascii_whitespace) => "the line is blank: take it out".to_owned(),
            Some(fields) => format!("{} fields, where the header has {width}", fields.len()),
            None => "a quote is left open: a loan is one line, and quotes come in pairs".to_owned(),
        };
        return Err(LoansError::Line { path: source.path.clone(), line: number, said });
    }
    Ok(())
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    lines: usize,
    commas: usize,
    quotes: usize,
}

impl Counts {
    fn of(block: &[u8]) -> Self {
        // Sums of bytes within a run that cannot overflow them, which the compiler turns into vector instructions.
        let count = |run: &[u8], wanted: u8| -> usize {
            usize::from(run.iter().map(|&byte| u8::from(byte == wanted)).sum::<u8>())
        };
        let runs = block.chunks(usize::from(u8::MAX - u8::MAX % 64));
        runs.fold(Self::default(), |sum, run| {
            sum.add(Self { lines: count(run, b'\n'), commas: count(run, b','), quotes: count(run, b'"') })
        })
    }

    fn add(self, other: Self) -> Self {
        Self { lines: self.lines + other.lines, commas: self.commas + other.commas, quotes: self.quotes + other.quotes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Result<Shape, LoansError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("a write");
        Shape::of(&Source::read(file.path()).expect("a source"))
    }

    #[test]
    fn whole_files_pass() {
        let check = |text: &str, loans: usize, quoted: bool| {
            let shape = shape(text).expect(text);
            assert_eq!((shape.loans, shape.quoted), (loans, quoted), "{text:?}");
            assert_eq!(shape.header, ["a", "b"], "{text:?}");
        };
        check("a,b\n1,2\n3,4", 2, false);
        check("a,b\r\n1,2\r\n\r\n", 1, false);
        check("\"a\", b\n\"1,\"\"5\"\"\",2\n", 1, true);
    }

    #[test]
    fn odd_lines_are_named() {
        let check = |text: &str, said: &str| {
            let error = shape(text).expect_err(text).to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        };
        check("a,b\n1,2\n3\n", "line 3: 1 fields, where the header has 2");
        check("a,b\n1,2,3\n", "line 2: 3 fields");
        check("a,b\n1,2\n\n3,4\n", "line 3: the line is blank");
        check("a,b\n1,\"2\n3,\"4\n", "line 2: a quote is left open");
        // The commas of these two make up for each other.
        check("a,b\n1,2,3\n4\n\"5\",6\n", "line 2: 3 fields");
        check("a,b\n", "has a header and no loan");
        check("PAR1\0\n", "no CSV");
        check("a;b\n1;2\n", "no comma");
    }

    #[test]
    fn fields_are_found() {
        let check = |line: &str, wanted: &[&str]| {
            let found = fields(line.as_bytes()).expect(line);
            assert_eq!(found.iter().map(|field| String::from_utf8_lossy(field)).collect::<Vec<_>>(), wanted);
        };
        check("1,,3\r", &["1", "", "3"]);
        check("\"a,b\",\"c\"\"d\"", &["a,b", "c\"d"]);
        assert_eq!(fields(b"1,\"2"), None);
    }
}
