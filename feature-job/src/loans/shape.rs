//! Checks that a file is a header and one record a line, all of one width, before any value is parsed.
//!
//! A column reader skips what it is not asked for, so a field too many or a quote left open would move values between
//! columns, or swallow loans, without a word. Counting is quick and excludes both.

use std::borrow::Cow;
use std::io::BufRead as _;

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
        let header = header(source)?;
        let blocks = blocks(source.bytes(), BLOCK_BYTES);
        let count = |block: &&[u8]| Counts::of(block, header.len() - 1);
        let Counts { lines, quoted, even } = blocks.par_iter().map(count).reduce(|| Counts::NONE, Counts::add);
        // Quoted commas are no separators: such a file is looked at slowly, and so is one whose first bad line is sought.
        if quoted || !even {
            every_line(source, header.len())?;
        }
        if lines == 1 {
            return Err(LoansError::NoLoans(source.path.clone()));
        }
        Ok(Self { header, loans: lines - 1, quoted })
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

/// What one block of whole lines holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    lines: usize,
    quoted: bool,
    /// Whether every line has the header's commas. A sum over lines would let one too many make up for one too few.
    even: bool,
}

impl Counts {
    const NONE: Self = Self { lines: 0, quoted: false, even: true };

    fn of(block: &[u8], commas: usize) -> Self {
        let (mut lines, mut even, mut rest) = (0, true, block);
        while !rest.is_empty() {
            let (line, after) = rest.split_at(line_bytes(rest));
            even &= count(line, b',') == commas;
            lines += 1;
            rest = after;
        }
        Self { lines, quoted: block.contains(&b'"'), even }
    }

    fn add(self, other: Self) -> Self {
        Self { lines: self.lines + other.lines, quoted: self.quoted || other.quoted, even: self.even && other.even }
    }
}

/// Cuts a text into blocks of whole lines, each of about `block_bytes`.
fn blocks(text: &[u8], block_bytes: usize) -> Vec<&[u8]> {
    let (mut blocks, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let least = block_bytes.min(rest.len()) - 1;
        let (block, after) = rest.split_at(least + line_bytes(&rest[least..]));
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// Gives how long the first line is, its end included. The standard library looks for the end many bytes at once.
fn line_bytes(mut text: &[u8]) -> usize {
    text.skip_until(b'\n').expect("a slice cannot fail to be read")
}

/// Counts a byte, in bytes: 255 at a time cannot overflow, and the compiler makes them vectors.
fn count(line: &[u8], wanted: u8) -> usize {
    let few = |piece: &[u8]| piece.iter().fold(0_u8, |count, &byte| count.wrapping_add(u8::from(byte == wanted)));
    line.chunks(usize::from(u8::MAX)).map(|piece| usize::from(few(piece))).sum()
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
        check("a,b\n1,2,3\n4\n5,6\n", "line 2: 3 fields");
        check("a,b\n1\n2,3,4\n", "line 2: 1 fields");
        check("a,b\n", "has a header and no loan");
        check("PAR1\0\n", "no CSV");
        check("a;b\n1;2\n", "no comma");
    }

    #[test]
    fn counts_are_exact_at_every_length() {
        let bytes: Vec<u8> = b"a,\"\n,,".iter().copied().cycle().take(600).collect();
        for length in 0..bytes.len() {
            let line = &bytes[..length];
            assert_eq!(count(line, b','), line.iter().filter(|&&byte| byte == b',').count(), "{length}");
        }
        // One byte over and over overflows first.
        assert_eq!(count(&[b','; 1000], b','), 1000);
    }

    #[test]
    fn blocks_end_where_lines_do() {
        let text = b"a,b\n1,2\n\n33,44\n5,6";
        for block_bytes in 1..=text.len() + 1 {
            let blocks = blocks(text, block_bytes);
            assert_eq!(blocks.concat(), text, "{block_bytes}");
            let (_, inner) = blocks.split_last().expect("there is text");
            assert!(inner.iter().all(|block| block.ends_with(b"\n")), "{block_bytes}");
            let counts = blocks.iter().map(|block| Counts::of(block, 1)).fold(Counts::NONE, Counts::add);
            assert_eq!(counts, Counts { lines: 5, quoted: false, even: false }, "{block_bytes}");
        }
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
