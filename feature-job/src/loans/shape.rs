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

/// What is counted, and how many bytes at once.
const WANTED: [u8; 3] = [b'\n', b',', b'"'];
const LANES: usize = 32;

impl Counts {
    fn of(block: &[u8]) -> Self {
        // A lane counts in a byte, so it is emptied before it can overflow; the compiler makes the lanes one vector.
        block.chunks(LANES * usize::from(u8::MAX)).fold(Self::default(), |counts, run| {
            let (pieces, rest) = run.as_chunks::<LANES>();
            let lanes = WANTED.map(|wanted| count(pieces, wanted));
            let sum = |place: usize| -> usize {
                let rest = rest.iter().filter(|&&byte| byte == WANTED[place]).count();
                lanes[place].iter().map(|&lane| usize::from(lane)).sum::<usize>() + rest
            };
            counts.add(Self { lines: sum(0), commas: sum(1), quotes: sum(2) })
        })
    }

    fn add(self, other: Self) -> Self {
        Self { lines: self.lines + other.lines, commas: self.commas + other.commas, quotes: self.quotes + other.quotes }
    }
}

/// Counts a byte at each place of up to 255 pieces.
fn count(pieces: &[[u8; LANES]], wanted: u8) -> [u8; LANES] {
    let mut lanes = [0_u8; LANES];
    for piece in pieces {
        for (lane, &byte) in lanes.iter_mut().zip(piece) {
            // 255 ones at most: it cannot wrap, and unchecked it becomes one vector instruction.
            *lane = lane.wrapping_add(u8::from(byte == wanted));
        }
    }
    lanes
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
    fn counts_are_exact_at_every_length() {
        let bytes: Vec<u8> = b"a,\"\n,,".iter().copied().cycle().take(LANES * 600 + 7).collect();
        for length in [0, 1, 31, 32, 33, LANES * 255 - 1, LANES * 255, LANES * 255 + 1, bytes.len()] {
            let (counts, block) = (Counts::of(&bytes[..length]), &bytes[..length]);
            let naive = WANTED.map(|wanted| block.iter().filter(|&&byte| byte == wanted).count());
            assert_eq!([counts.lines, counts.commas, counts.quotes], naive, "{length}");
        }
        // One byte over and over overflows a lane first.
        assert_eq!(Counts::of(&vec![b','; LANES * 1000]).commas, LANES * 1000);
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
