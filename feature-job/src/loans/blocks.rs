//! Cuts a stream of text into blocks of whole lines, so that a file of any size is read in bounded memory.

use std::io::Read as _;

use memchr::memrchr;

use super::LoansError;
use super::source::Source;

/// How much of a file one thread looks at at a time; a line is shorter.
pub const BLOCK_BYTES: usize = 2 << 20;
/// The most bytes that a loan file may unpack to: some 350 million loans, more than are held. It stops a gzip bomb.
pub const BYTES_MAX: u64 = 64 << 30;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A loan file as blocks of whole lines.
#[derive(Debug)]
pub struct Blocks {
    source: Source,
    block_bytes: usize,
    bytes: u64,
    bytes_max: u64,
    /// The start of a line whose end is not read yet.
    rest: Vec<u8>,
}

impl Blocks {
    /// Starts cutting, with blocks of about so many bytes.
    pub fn new(source: Source, block_bytes: usize) -> Self {
        Self::bounded(source, block_bytes, BYTES_MAX)
    }

    fn bounded(source: Source, block_bytes: usize, bytes_max: u64) -> Self {
        Self { source, block_bytes, bytes: 0, bytes_max, rest: Vec::new() }
    }

    /// Gives the file.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Gives the file back, read as far as blocks were asked for.
    pub fn into_source(self) -> Source {
        self.source
    }

    /// Gives the next whole lines; the last may lack its end. None at the end of the file.
    ///
    /// # Errors
    /// [`LoansError`]: the file does not read, unpacks to too much, or has a line longer than a block.
    pub fn next_block(&mut self) -> Result<Option<Vec<u8>>, LoansError> {
        let mut block = std::mem::take(&mut self.rest);
        block.reserve_exact(self.block_bytes - block.len());
        let room = self.block_bytes - block.len();
        let read = (&mut self.source).take(room as u64).read_to_end(&mut block);
        let read = read.map_err(|error| self.source.failed(error))?;
        if self.bytes == 0 && block.starts_with(BYTE_ORDER_MARK) {
            block.drain(..BYTE_ORDER_MARK.len());
        }
        self.bytes += read as u64;
        if self.bytes > self.bytes_max {
            return Err(LoansError::TooLarge { path: self.source.path.clone(), bytes_max: self.bytes_max });
        }
        if read < room {
            return Ok((!block.is_empty()).then_some(block));
        }
        let Some(end) = memrchr(b'\n', &block) else {
            let path = self.source.path.clone();
            return Err(LoansError::LongLine { path, bytes_max: self.block_bytes });
        };
        self.rest.extend_from_slice(&block[end + 1..]);
        block.truncate(end + 1);
        Ok(Some(block))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use contract::digest::Digest;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    /// All blocks of a file of these bytes, and its digest.
    fn read(bytes: &[u8], block_bytes: usize) -> Result<(Vec<Vec<u8>>, Digest), LoansError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("a write");
        let mut blocks = Blocks::bounded(Source::open(file.path())?, block_bytes, 1000);
        let mut read = Vec::new();
        while let Some(block) = blocks.next_block()? {
            read.push(block);
        }
        Ok((read, blocks.into_source().digest()?))
    }

    #[test]
    fn blocks_end_where_lines_do() {
        let text = b"a,b\n1,2\r\n\n33,44\n5,6";
        for block_bytes in 6..text.len() + 2 {
            let (blocks, digest) = read(text, block_bytes).expect("text");
            assert_eq!(blocks.concat(), text, "{block_bytes}");
            let (_, inner) = blocks.split_last().expect("there is text");
            assert!(inner.iter().all(|block| block.ends_with(b"\n") && block.len() <= block_bytes), "{block_bytes}");
            assert_eq!(digest, Digest::of(text));
        }
        let error = read(text, 5).expect_err("33,44 and its end are six bytes");
        assert!(matches!(error, LoansError::LongLine { bytes_max: 5, .. }), "{error}");
    }

    #[test]
    fn text_and_gzip_give_the_same_lines() {
        let text = b"\xef\xbb\xbfa,b\n1,2\n";
        assert_eq!(read(text, 99).expect("text").0, [b"a,b\n1,2\n"]);
        let packed = gzip(text);
        assert_eq!(read(&packed, 99).expect("gzip"), (vec![b"a,b\n1,2\n".to_vec()], Digest::of(&packed)));
        let twice = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        assert_eq!(read(&twice, 99).expect("two members"), (vec![b"a,b\n1,2\n".to_vec()], Digest::of(&twice)));
        assert_eq!(read(b"", 99).expect("nothing").0, Vec::<Vec<u8>>::new());
    }

    #[test]
    fn damaged_and_boundless_files_are_refused() {
        let packed = gzip(b"a,b\n1,2\n");
        for cut in 4..packed.len() {
            assert!(matches!(read(&packed[..cut], 99), Err(LoansError::Gzip { .. })), "cut at {cut}");
        }
        let lines = b"a,b\n".repeat(250);
        assert!(read(&lines, 99).is_ok(), "at the bound");
        assert!(read(&gzip(&lines), 99).is_ok(), "at the bound");
        let lines = b"a,b\n".repeat(251);
        assert!(matches!(read(&gzip(&lines), 99), Err(LoansError::TooLarge { bytes_max: 1000, .. })));
        let absent = Source::open(std::path::Path::new("absent.csv"));
        assert!(matches!(absent, Err(LoansError::Read { .. })));
        assert!(matches!(Source::open(&std::env::temp_dir()), Err(LoansError::Read { .. })), "a folder");
    }
}
