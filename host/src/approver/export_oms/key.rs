//! Keys for OpenSSF Model Signing: ECDSA on P-256, in PEM files like those of `openssl`.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use contract::digest::Digest;
use contract::file::{self, Links};
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use super::super::registry::shown;

/// The most bytes of a key file that are read; openssl's have some 300.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;
/// How the older form of a key starts; `openssl ecparam` puts the curve's name before it.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----";

/// A private key. Its `Debug` shows nothing of it.
pub(super) struct EcdsaKey(SecretKey);

impl EcdsaKey {
    /// Makes a new key from the system's randomness.
    pub(super) fn generate() -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        loop {
            getrandom::fill(&mut bytes).map_err(|cause| anyhow!("the system gives no randomness: {cause}"))?;
            // One in four billion numbers is not below the group's order, and no key.
            if let Ok(key) = SecretKey::from_slice(&bytes) {
                return Ok(Self(key));
            }
        }
    }

    /// Reads a key file, in PKCS#8 or in the older form of `openssl ecparam`.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let bytes = file::read(path, KEY_FILE_BYTES_MAX, Links::Follow)
            .with_context(|| format!("cannot read the key {}; make one with --make-key", shown(path)))?;
        Self::from_pem(&bytes).with_context(|| {
            format!("{} is no unencrypted ECDSA P-256 private key in PEM: make one with --make-key", shown(path))
        })
    }

    fn from_pem(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let key = match text.find(SEC1) {
            Some(start) => SecretKey::from_sec1_pem(&text[start..]).ok()?,
            None => SecretKey::from_pkcs8_pem(text).ok()?,
        };
        Some(Self(key))
    }

    /// Writes the key to a new file that only its owner can read; an existing file stays as it is.
    pub(super) fn save_new(&self, path: &Path) -> anyhow::Result<()> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF)?;
        file::create_secret(path, pem.as_bytes()).with_context(|| format!("cannot write the key {}", shown(path)))
    }

    /// Gives the public half, as `openssl ec -pubout` writes it.
    pub(super) fn public_pem(&self) -> anyhow::Result<String> {
        Ok(self.0.public_key().to_public_key_pem(LineEnding::LF)?)
    }

    /// Gives what stands in a bundle to find the public key by: the SHA-256 of its PEM.
    pub(super) fn hint(&self) -> anyhow::Result<String> {
        Ok(Digest::of(self.public_pem()?.as_bytes()).hex())
    }

    /// Signs a message's SHA-256; the nonce follows from key and message (RFC 6979), so that the same inputs give the same
    /// bytes.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = SigningKey::from(&self.0).sign(message);
        signature.as_bytes().to_vec()
    }
}

impl fmt::Debug for EcdsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EcdsaKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openssl ecparam -name prime256v1 -genkey` writes it.
    const ECPARAM: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
        -----BEGIN EC PRIVATE KEY-----\n\
        MHcCAQEEIAoGNRgaYJFfVmvxDyNxkQ9dIEqmFLo9njRZRIS5zbS5oAoGCCqGSM49\n\
        AwEHoUQDQgAEH+a00QJse9JtDgwZiQw3S2d+3ifb9KX/3opBTlqtl7O2pjqsWfUf\n\
        1HcTMhFYNhflSdR/8wG4k+ToyRfhT2QKwQ==\n-----END EC PRIVATE KEY-----\n";
    /// The hint that `model_signing` 1.1.1 gives its public half.
    const HINT: &str = "7ea38c408b9ed3d9ee4a9806d280bd888afea8c0f321ec22764e8f7fd128b55a";

    #[test]
    fn an_openssl_key_reads_and_has_the_hint_that_others_give_it() {
        let key = EcdsaKey::from_pem(ECPARAM.as_bytes()).expect("a key of openssl's");
        assert_eq!(key.hint().expect("a hint"), HINT);
    }

    #[test]
    fn a_key_file_round_trips_and_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("oms.pem");
        let key = EcdsaKey::generate().expect("randomness");
        key.save_new(&path).expect("a new file");
        assert_eq!(EcdsaKey::load(&path).expect("our own file").0, key.0);
        assert_eq!(std::fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
        assert!(key.save_new(&path).is_err(), "an existing key is never overwritten");
    }

    #[test]
    fn anything_else_is_no_key() {
        // An Ed25519 key, as `countersign keygen` writes it, and a key on another curve.
        let ed25519 = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        let other_curve = ECPARAM.replace("oAoGCCqGSM49\nAwEHoUQ", "oAoGCCqGSM49\nAwEIoUQ");
        assert_ne!(other_curve, ECPARAM);
        for text in ["", "hello", ed25519, &other_curve, &ECPARAM[..200]] {
            assert!(EcdsaKey::from_pem(text.as_bytes()).is_none(), "{text}");
        }
    }
}
