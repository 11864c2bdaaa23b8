//! Signing keys: Ed25519, as PKCS#8 PEM files like those of `openssl genpkey -algorithm ed25519`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::file::{self, Links, ReadError};
use crate::ids::KeyId;

/// The most bytes of a key file that are read; a real one has 119.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;

/// A private key. Its `Debug` shows the public key's id alone.
pub struct PrivateKey(SigningKey);

/// A public key, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

/// Why a key was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("key {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file could not be written.
    #[error("key {path} was not written: {cause}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file holds no private key of the right kind.
    #[error("key {path} is no Ed25519 private key in PKCS#8 PEM: make one with `countersign keygen`")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no public key of the right kind.
    #[error("key {path} is no Ed25519 public key: `countersign keys show KEY.pem` gives that of a private key")]
    NotAPublicKeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The text is no public key.
    #[error("a public key is the 64 hexadecimal digits of a point of Ed25519")]
    NotAPublicKey,
    /// No randomness could be had.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

impl PrivateKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`] where the system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(KeyError::Randomness)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Makes the key of a seed, for tests that need the same key twice.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError::Read`], or [`KeyError::NotAKey`] for any other content.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let not_a_key = || KeyError::NotAKey { path: path.to_owned() };
        let text = file::read(path, KEY_FILE_BYTES_MAX, Links::Follow).map_err(|error| match error {
            ReadError::System(cause) => KeyError::Read { path: path.to_owned(), cause },
            ReadError::NotAFile | ReadError::TooLarge { .. } => not_a_key(),
        })?;
        let text = std::str::from_utf8(&text).map_err(|_| not_a_key())?;
        // Empty lines come with secrets that pass through variables.
        SigningKey::from_pkcs8_pem(text.trim()).map(Self).map_err(|_| not_a_key())
    }

    /// Writes the key to a new file that only its owner can read; an existing file stays as it is.
    ///
    /// # Errors
    /// [`KeyError::Write`], also where the file exists.
    pub fn save_new(&self, path: &Path) -> Result<(), KeyError> {
        let failed = |cause| KeyError::Write { path: path.to_owned(), cause };
        // Without the public half, as openssl writes it: openssl 3.0 cannot read the newer form that carries it.
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = pair.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(io::Error::other(e)))?;
        file::create_secret(path, pem.as_bytes()).map_err(failed)
    }

    /// Gives the public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public().id())
    }
}

impl PublicKey {
    /// Reads a public key's file: PEM, as `openssl pkey -pubout` writes it, or its 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError::Read`], or [`KeyError::NotAPublicKeyFile`] for any other content, a private key's too.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let no_key = || KeyError::NotAPublicKeyFile { path: path.to_owned() };
        let text = file::read(path, KEY_FILE_BYTES_MAX, Links::Follow).map_err(|error| match error {
            ReadError::System(cause) => KeyError::Read { path: path.to_owned(), cause },
            ReadError::NotAFile | ReadError::TooLarge { .. } => no_key(),
        })?;
        let text = std::str::from_utf8(&text).map_err(|_| no_key())?;
        // A point is held against the same rules whichever way it is written.
        let digits = match VerifyingKey::from_public_key_pem(text.trim()) {
            Ok(key) => hex::encode(key.as_bytes()),
            Err(_) => text.trim().to_owned(),
        };
        Self::try_from(digits).map_err(|_| no_key())
    }

    /// Gives the id that stands beside the key's signatures.
    pub fn id(&self) -> KeyId {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("a key of any length will do");
        mac.update(b"key_id");
        let tag = mac.finalize().into_bytes();
        KeyId::new(std::array::from_fn(|place| tag[place]))
    }

    /// Tells whether this key made the signature: strictly, without small-order points or second spellings.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| KeyError::NotAPublicKey)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotAPublicKey)?;
        // A weak key verifies signatures that nobody made, and a key of two spellings could be enrolled in two roles.
        let one_spelling = key.to_edwards().compress().as_bytes() == &bytes;
        if key.is_weak() || !one_spelling { Err(KeyError::NotAPublicKey) } else { Ok(Self(key)) }
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        hex::encode(key.0.as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// As `openssl genpkey -algorithm ed25519` writes it.
    const OPENSSL_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_key_file_round_trips_and_is_private() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("job.pem");
        let key = PrivateKey::generate().expect("randomness");
        key.save_new(&path).expect("a new file");
        assert_eq!(PrivateKey::load(&path).expect("our own file").public(), key.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
        }
        assert!(matches!(key.save_new(&path), Err(KeyError::Write { .. })), "an existing key is never overwritten");
    }

    #[test]
    fn a_key_file_is_byte_for_byte_openssls() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("job.pem");
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").expect("hex");
        PrivateKey::from_seed(seed.try_into().expect("32 bytes")).save_new(&path).expect("a new file");
        assert_eq!(fs::read_to_string(&path).expect("the file"), OPENSSL_KEY);
    }

    #[test]
    fn an_openssl_key_reads() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("job.pem");
        fs::write(&path, format!("\n{OPENSSL_KEY}\n\n")).expect("a new file");
        let key = PrivateKey::load(&path).expect("a key of openssl's, with empty lines around it");
        // The public key of test 1 in RFC 8032, section 7.1.
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(String::from(key.public()), public);
        assert!(!format!("{key:?}").contains("9d61b1"), "Debug hides the secret");
    }

    #[test]
    fn anything_else_is_no_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("job.pem");
        assert!(matches!(PrivateKey::load(&path), Err(KeyError::Read { .. })));
        for content in [&b""[..], b"hello", b"\xff\xfe", &[b'a'; 1 << 15]] {
            fs::write(&path, content).expect("a file");
            assert!(matches!(PrivateKey::load(&path), Err(KeyError::NotAKey { .. })));
        }
    }

    #[test]
    fn a_signature_without_a_nonce_is_refused() {
        // R is the neutral point and S = k a: right by the equation, which holds for nonce 0, and refused for its R.
        let scalar = "95c0fdcc54fccad1f2b8bc9b96aa6837c82f86349e6576ad29ca3ece7b7ea905";
        let mut signature: [u8; 64] = std::array::from_fn(|place| u8::from(place == 0));
        hex::decode_to_slice(scalar, &mut signature[32..]).expect("32 bytes");
        let public = PrivateKey::from_seed([1; 32]).public();
        let by_the_equation =
            ed25519_dalek::Verifier::verify(&public.0, b"message", &Signature::from_bytes(&signature));
        assert!(by_the_equation.is_ok(), "the equation holds");
        assert!(!public.verifies(b"message", &signature));
    }

    #[test]
    fn a_public_key_reads_from_pem_and_from_digits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("job.pub");
        let digits = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        // As `openssl pkey -pubout` writes it.
        let pem = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
        for text in [pem.to_owned(), format!("{pem}\n"), digits.to_owned(), format!("{digits}\n")] {
            fs::write(&path, text).expect("a file");
            assert_eq!(String::from(PublicKey::load(&path).expect("a public key")), digits);
        }
        let weak = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";
        for text in ["", OPENSSL_KEY, weak, &"0".repeat(1 << 15)] {
            fs::write(&path, text).expect("a file");
            assert!(matches!(PublicKey::load(&path), Err(KeyError::NotAPublicKeyFile { .. })), "{text}");
        }
    }

    #[test]
    fn weak_public_keys_are_refused() {
        for weak in ["00".repeat(32), format!("01{}", "00".repeat(31)), "zz".repeat(32), String::new()] {
            assert!(PublicKey::try_from(weak.clone()).is_err(), "{weak}");
        }
    }

    #[test]
    fn a_second_spelling_of_a_public_key_is_refused() {
        // The prime and up to 18 more are second spellings of the coordinates 0 to 18 (RFC 8032, section 5.1.3, step 1).
        let spellings = (0xed..=0xff).map(|first| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (first, 0x7f);
            bytes
        });
        let points = spellings.filter(|bytes| VerifyingKey::from_bytes(bytes).is_ok_and(|key| !key.is_weak()));
        let refused: Vec<_> = points.map(|bytes| PublicKey::try_from(hex::encode(bytes)).is_err()).collect();
        assert!(!refused.is_empty() && refused.iter().all(|refused| *refused), "{refused:?}");
    }
}
