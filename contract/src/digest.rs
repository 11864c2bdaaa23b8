//! SHA-256 digests, written `sha256:<64 hexadecimal digits>` wherever a person or a file sees them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest([u8; 32]);

/// A text is not `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no digest: write `sha256:` and 64 lower-case hexadecimal digits")]
pub struct DigestError(String);

impl Digest {
    /// Takes the 32 bytes of a digest.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Hashes the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes all that the reader gives, a block at a time.
    ///
    /// # Errors
    /// Whatever the reader answers.
    pub fn of_reader(reader: impl std::io::Read) -> std::io::Result<Self> {
        HashingReader::new(reader).finish()
    }

    /// Gives the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Gives the 64 hexadecimal digits alone, as in-toto writes a digest.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

/// Hashes what is read through it.
#[derive(Debug)]
pub struct HashingReader<R> {
    reader: R,
    hasher: Sha256,
}

impl<R: std::io::Read> HashingReader<R> {
    /// Starts hashing.
    pub fn new(reader: R) -> Self {
        Self { reader, hasher: Sha256::new() }
    }

    /// Reads what is left, and gives the digest of all.
    ///
    /// # Errors
    /// Whatever the reader answers.
    pub fn finish(mut self) -> std::io::Result<Digest> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(Digest(self.hasher.finalize().into()))
    }
}

impl<R: std::io::Read> std::io::Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Hashes what is written through it.
#[derive(Debug)]
pub struct HashingWriter<W> {
    writer: W,
    hasher: Sha256,
}

impl<W: std::io::Write> HashingWriter<W> {
    /// Starts hashing.
    pub fn new(writer: W) -> Self {
        Self { writer, hasher: Sha256::new() }
    }

    /// Gives the digest of all that was written.
    pub fn finish(self) -> Digest {
        Digest(self.hasher.finalize().into())
    }
}

impl<W: std::io::Write> std::io::Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refused = || DigestError(text.chars().take(80).collect::<String>().escape_default().to_string());
        let digits = text.strip_prefix("sha256:").ok_or_else(refused)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| refused())?;
        if digits.bytes().any(|b| b.is_ascii_uppercase()) { Err(refused()) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl Digest {
    /// Gives the text without a string of its own: every answer has one.
    fn text(&self) -> [u8; 71] {
        let mut text = [0; 71];
        text[..7].copy_from_slice(b"sha256:");
        hex::encode_to_slice(self.0, &mut text[7..]).expect("two digits for each byte");
        text
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.text()).expect("hexadecimal digits"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.text()).expect("hexadecimal digits"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        // The digest of nothing, from FIPS 180-4's examples.
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), text);
        assert_eq!(text.parse(), Ok(Digest::of(b"")));
        assert!(text.to_uppercase().parse::<Digest>().is_err());
        assert!(text[7..].parse::<Digest>().is_err());
        assert!(text[..70].parse::<Digest>().is_err());
    }

    #[test]
    fn a_reader_is_hashed_whole() {
        let bytes = vec![7; 200_000];
        assert_eq!(Digest::of_reader(&bytes[..]).expect("a slice reads"), Digest::of(&bytes));
    }
}
