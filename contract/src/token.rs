//! Tokens: what a client shows a host, and what the host keeps of it.
//!
//! A token is 32 random bytes as text, `cst_` and 43 characters. The host keeps its SHA-256 only. A digest without salt or
//! stretching is enough for that: nobody can guess 256 random bits.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::digest::Digest;
use crate::file::{self, Links, ReadError};

/// What every token begins with, so that a search for leaked secrets finds it.
const PREFIX: &str = "cst_";
/// The variable that holds a client's token, where no file does.
pub const VARIABLE: &str = "COUNTERSIGN_TOKEN";
/// The most bytes of a token: whoever brings their own may have longer ones.
const TOKEN_BYTES_MAX: usize = 512;

/// A token, which is not shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Randomness(getrandom::Error),
    /// The file cannot be read.
    #[error("token file {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: ReadError,
    },
    /// The text is none.
    #[error("this is no token: it is one word of printable ASCII, as `countersign tokens add` prints it")]
    Form,
}

impl Token {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`TokenError::Randomness`].
    pub fn generate() -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(TokenError::Randomness)?;
        Ok(Self(format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&bytes))))
    }

    /// Reads the one that a file holds, with or without an end of line.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let read = file::read(path, TOKEN_BYTES_MAX as u64, Links::Follow);
        Self::of_bytes(read.map_err(|cause| TokenError::Read { path: path.to_owned(), cause })?)
    }

    fn of_reader(reader: impl Read, path: &Path) -> Result<Self, TokenError> {
        let mut bytes = Vec::new();
        // One byte more than a token may have, so that a longer one is none.
        let read = reader.take(TOKEN_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|cause| TokenError::Read { path: path.to_owned(), cause: cause.into() })?;
        Self::of_bytes(bytes)
    }

    fn of_bytes(bytes: Vec<u8>) -> Result<Self, TokenError> {
        String::from_utf8(bytes).map_err(|_| TokenError::Form)?.trim().parse()
    }

    /// Gives the token of a client: what the file holds, or for `-` standard input, or else the variable [`VARIABLE`]; none where
    /// neither is there.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn of_client(file: Option<&Path>) -> Result<Option<Self>, TokenError> {
        match file {
            Some(path) if path == Path::new("-") => Self::of_reader(io::stdin().lock(), path).map(Some),
            Some(path) => Self::load(path).map(Some),
            None => std::env::var(VARIABLE).ok().map(|text| text.trim().parse()).transpose(),
        }
    }

    /// Gives the text, to be shown to its holder or sent to a host.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Gives the value of an `authorization` header.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Gives what a host keeps.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl FromStr for Token {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let fine = (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fine { Ok(Self(text.to_owned())) } else { Err(TokenError::Form) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_unlike_and_not_shown() {
        let (one, other) = (Token::generate().expect("random bytes"), Token::generate().expect("random bytes"));
        assert_ne!(one, other);
        assert_ne!(one.digest(), other.digest());
        assert!(one.reveal().starts_with("cst_") && one.reveal().len() == 47, "{}", one.reveal());
        assert_eq!(one.bearer(), format!("Bearer {}", one.reveal()));
        assert!(!format!("{one:?}").contains(&one.reveal()[4..]));
    }

    #[test]
    fn a_file_holds_one_token_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let token = Token::generate().expect("random bytes");
        std::fs::write(&path, format!("{}\n", token.reveal())).expect("a file");
        assert_eq!(Token::load(&path).expect("a token"), token);
        for bad in [&b""[..], b"\n", b"two words", b"\xff", "caf\u{e9}".as_bytes()] {
            std::fs::write(&path, bad).expect("a file");
            assert!(matches!(Token::load(&path), Err(TokenError::Form)), "{bad:?}");
        }
        std::fs::write(&path, [b'x'; 513]).expect("a file");
        assert!(matches!(Token::load(&path), Err(TokenError::Read { .. })));
    }
}
