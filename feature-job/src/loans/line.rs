//! One line of a loan file, and its fields.
//!
//! A loan is one line, always: a quote left open spoils its own line only, and lines can be looked at one by one.

use memchr::memchr;

/// Splits lines; what it needs for one serves for the next.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Where each field starts and ends.
    places: Vec<(usize, usize)>,
    /// The fields of a line with quotes, without them.
    plain: Vec<u8>,
}

/// The fields of one line.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    text: &'a [u8],
    places: &'a [(usize, usize)],
}

impl Splitter {
    /// Splits a line, its end taken away already, into fields, quotes taken away; none where a quote is left open.
    pub fn split<'a>(&'a mut self, line: &'a [u8]) -> Option<Fields<'a>> {
        self.places.clear();
        if memchr(b'"', line).is_some() {
            return self.split_quoted(line);
        }
        let mut start = 0;
        for (place, &byte) in line.iter().enumerate() {
            if byte == b',' {
                self.places.push((start, place));
                start = place + 1;
            }
        }
        self.places.push((start, line.len()));
        Some(Fields { text: line, places: &self.places })
    }

    fn split_quoted(&mut self, line: &[u8]) -> Option<Fields<'_>> {
        self.plain.clear();
        let (mut start, mut open) = (0, false);
        for (place, &byte) in line.iter().enumerate() {
            match byte {
                b'"' => open = !open,
                b',' if !open => {
                    self.take(&line[start..place]);
                    start = place + 1;
                }
                _ => {}
            }
        }
        self.take(&line[start..]);
        if open { None } else { Some(Fields { text: &self.plain, places: &self.places }) }
    }

    /// Takes a field over, without the quotes around it; a doubled quote within is one.
    fn take(&mut self, field: &[u8]) {
        let from = self.plain.len();
        match field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")) {
            Some(inner) => {
                let mut after_quote = false;
                for &byte in inner {
                    after_quote = byte == b'"' && !after_quote;
                    if !after_quote {
                        self.plain.push(byte);
                    }
                }
            }
            None => self.plain.extend_from_slice(field),
        }
        self.places.push((from, self.plain.len()));
    }
}

impl<'a> Fields<'a> {
    /// Gives how many there are, at least one.
    pub fn count(self) -> usize {
        self.places.len()
    }

    /// Gives one of them, counted from 0.
    pub fn get(self, place: usize) -> &'a [u8] {
        let (start, end) = self.places[place];
        &self.text[start..end]
    }

    /// Gives all of them.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.places.iter().map(move |&(start, end)| &self.text[start..end])
    }
}

/// Gives a line without its end.
pub fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Writes a field so that [`Splitter::split`] gives it back, on one line: an end of line within becomes a space.
pub fn quote(field: &str, out: &mut Vec<u8>) {
    if !field.contains([',', '"', '\n', '\r']) {
        return out.extend_from_slice(field.as_bytes());
    }
    out.push(b'"');
    for byte in field.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\"\""),
            b'\n' | b'\r' => out.push(b' '),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Gives the text of bytes; those that are no text become `\xNN`.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid();
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Option<Vec<String>> {
        let mut splitter = Splitter::default();
        let fields = splitter.split(trim(line))?;
        assert_eq!(fields.count(), fields.iter().count());
        Some(fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect())
    }

    #[test]
    fn fields_are_found() {
        let check = |line: &str, wanted: &[&str]| {
            assert_eq!(split(line.as_bytes()).expect(line), wanted, "{line}");
        };
        check("1,,3\r\n", &["1", "", "3"]);
        check("", &[""]);
        check(",", &["", ""]);
        check("\"a,b\",\"c\"\"d\"", &["a,b", "c\"d"]);
        check("a\"b,c\"d,e", &["a\"b,c\"d", "e"]);
        check("\"\",\"\"\"\"", &["", "\""]);
        assert_eq!(split(b"1,\"2"), None);
    }

    #[test]
    fn what_is_quoted_splits_back() {
        let check = |field: &str, back: &str| {
            let mut line = b"1,".to_vec();
            quote(field, &mut line);
            assert_eq!(split(&line).expect("quotes in pairs"), ["1", back]);
        };
        check("plain", "plain");
        check("a,\"b\"", "a,\"b\"");
        check("two\nlines", "two lines");
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_readable() {
        assert_eq!(text(b"a\xffb\xc3\xa9"), "a\\xffb\u{e9}");
    }
}
