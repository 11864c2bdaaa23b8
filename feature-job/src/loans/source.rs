//! The bytes of a loan file, unpacked, and the digest of the file as it lies on the disk.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use contract::digest::Digest;

use super::LoansError;

/// The most bytes that a loan file may unpack to: some 90 million loans, beyond which memory is the wrong place.
pub const BYTES_MAX: u64 = 16 << 30;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A loan file in memory.
#[derive(Debug)]
pub struct Source {
    /// Where it came from.
    pub path: PathBuf,
    /// The packed bytes of a gzip file, for its digest.
    packed: Option<Vec<u8>>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Source {
    /// Reads a file; one that starts like gzip is unpacked, whatever its name.
    ///
    /// # Errors
    /// [`LoansError`], where the file does not read or unpack, or is empty.
    pub fn read(path: &Path) -> Result<Self, LoansError> {
        Self::read_with(path, BYTES_MAX)
    }

    fn read_with(path: &Path, bytes_max: u64) -> Result<Self, LoansError> {
        let stored = std::fs::read(path).map_err(|source| LoansError::Read { path: path.to_owned(), source })?;
        let (packed, bytes) = if stored.starts_with(&GZIP) {
            let bytes = unpack(path, &stored, bytes_max)?;
            (Some(stored), bytes)
        } else {
            (None, stored)
        };
        if bytes.len() as u64 > bytes_max {
            return Err(LoansError::TooLarge { path: path.to_owned(), bytes_max });
        }
        let start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        // Blank lines at the end are no loans.
        let end = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
        if start >= end {
            return Err(LoansError::Empty(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), packed, bytes, start, end })
    }

    /// Gives the digest of the file as it lies on the disk, as `sha256sum` prints it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.packed.as_ref().unwrap_or(&self.bytes))
    }

    /// Gives the text, without byte order mark and without blank lines at its end.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

fn unpack(path: &Path, stored: &[u8], bytes_max: u64) -> Result<Vec<u8>, LoansError> {
    let mut bytes = Vec::new();
    // Several gzip members in a row are one file, as `cat a.gz b.gz` makes it.
    let mut decoder = flate2::read::MultiGzDecoder::new(Cursor::new(stored)).take(bytes_max.saturating_add(1));
    decoder.read_to_end(&mut bytes).map_err(|source| LoansError::Gzip { path: path.to_owned(), source })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn read(bytes: &[u8]) -> Result<Source, LoansError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("a write");
        Source::read_with(file.path(), 1000)
    }

    #[test]
    fn text_and_gzip_give_the_same_bytes() {
        let text = b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n";
        assert_eq!(read(text).expect("text").bytes(), b"a,b\r\n1,2");
        let packed = gzip(text);
        let source = read(&packed).expect("gzip");
        assert_eq!((source.bytes(), source.digest()), (&b"a,b\r\n1,2"[..], Digest::of(&packed)));
        let twice = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        assert_eq!(read(&twice).expect("two members").bytes(), b"a,b\n1,2");
    }

    #[test]
    fn what_is_no_file_of_text_is_refused() {
        assert!(matches!(read(b""), Err(LoansError::Empty(_))));
        assert!(matches!(read(b"\xef\xbb\xbf\n \n"), Err(LoansError::Empty(_))));
        let packed = gzip(b"a,b\n1,2\n");
        for cut in 2..packed.len() {
            assert!(matches!(read(&packed[..cut]), Err(LoansError::Gzip { .. })), "cut at {cut}");
        }
        let bomb = gzip(&vec![b'a'; 100_000]);
        assert!(matches!(read(&bomb), Err(LoansError::TooLarge { .. })));
        assert!(matches!(Source::read(Path::new("absent.csv")), Err(LoansError::Read { .. })));
    }
}
