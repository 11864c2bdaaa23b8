//! Answers as they come over a socket, for tests that send what no client library would.

use std::io::Read;

/// The most bytes of an answer: a million predictions are fewer.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// One answer to a request that was no HEAD.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status code.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the connection is of no more use.
    pub closes: bool,
}

impl RawAnswer {
    /// Reads one whole; none where it does not come whole.
    pub fn read(stream: &mut dyn Read) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = more_until(stream, &mut bytes, 0, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end - 4]).to_ascii_lowercase();
        let mut body = bytes.split_off(end);
        let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
        // A go-ahead has the answer behind it.
        if status == 100 {
            return Self::read(&mut body.chain(stream));
        }
        let header = |name: &str| head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
        let mut follows = false;
        if header("transfer-encoding").is_some() {
            body = chunks(stream, body)?;
        } else if let Some((_, length)) = header("content-length") {
            let length: usize = length.trim().parse().ok().filter(|length| *length <= ANSWER_BYTES_MAX)?;
            more_to(stream, &mut body, length)?;
            // An answer to what came behind the request, as with a head that was cut.
            follows = body.len() > length;
            body.truncate(length);
        }
        let closes = follows || header("connection").is_some_and(|(_, value)| value == "close");
        Some(Self { status, head, body, closes })
    }
}

/// Reads until the text stands in the bytes from a place on; gives the place behind it.
fn more_until(stream: &mut dyn Read, bytes: &mut Vec<u8>, from: usize, text: &[u8]) -> Option<usize> {
    loop {
        if let Some(place) = bytes[from..].windows(text.len()).position(|part| part == text) {
            return Some(from + place + text.len());
        }
        more(stream, bytes)?;
    }
}

fn more_to(stream: &mut dyn Read, bytes: &mut Vec<u8>, length: usize) -> Option<()> {
    while bytes.len() < length {
        more(stream, bytes)?;
    }
    Some(())
}

fn more(stream: &mut dyn Read, bytes: &mut Vec<u8>) -> Option<()> {
    let mut block = [0; 16 << 10];
    let count = stream.read(&mut block).ok().filter(|&count| count > 0)?;
    bytes.extend_from_slice(&block[..count]);
    (bytes.len() <= ANSWER_BYTES_MAX).then_some(())
}

/// Reads a body in chunks: each a length in hexadecimal, a line's end, as many bytes, and a line's end; the last is empty.
fn chunks(stream: &mut dyn Read, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (mut body, mut from) = (Vec::new(), 0);
    loop {
        let start = more_until(stream, &mut bytes, from, b"\r\n")?;
        let length = std::str::from_utf8(&bytes[from..start - 2]).ok()?;
        let length = usize::from_str_radix(length, 16).ok().filter(|length| *length <= ANSWER_BYTES_MAX)?;
        more_to(stream, &mut bytes, start + length + 2)?;
        body.extend_from_slice(&bytes[start..start + length]);
        if length == 0 {
            return Some(body);
        }
        from = start + length + 2;
    }
}
