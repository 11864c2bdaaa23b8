//! The bytes of an OpenSSF Model Signing v1.0 signature of a single file.
//!
//! # Shape
//! | layer | what it holds |
//! | --- | --- |
//! | Sigstore bundle v0.3, JSON | a hint to the public key, no transparency log, the envelope |
//! | DSSE envelope | the statement, in base64, and the signature over its pre-authentication encoding |
//! | in-toto statement v1 | the file's name (said, not checked) and the SHA-256 over all resources' digests |
//! | predicate `model_signing/signature/v1.0` | how files are hashed, and each one's digest; a model that is one file names it `.` |
//!
//! # Source
//! <https://github.com/ossf/model-signing-spec>, as `model-signing` 1.1.1 writes it.

use base64ct::{Base64, Encoding as _};
use contract::canonical;
use contract::digest::Digest;
use serde_json::json;

use super::key::EcdsaKey;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";

/// Gives the bundle for a module of this file name.
pub(super) fn signed(name: &str, module: &[u8], key: &EcdsaKey) -> anyhow::Result<Vec<u8>> {
    let statement = statement(name, module)?;
    let bundle = json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": { "publicKey": { "hint": key.hint()? }, "tlogEntries": [] },
        "dsseEnvelope": {
            "payload": Base64::encode_string(&statement),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{ "sig": Base64::encode_string(&key.sign(&to_sign(&statement))), "keyid": "" }],
        },
    });
    Ok(canonical::to_vec(&bundle)?)
}

fn statement(name: &str, module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let file = Digest::of(module);
    let statement = json!({
        "_type": STATEMENT_TYPE,
        "subject": [{ "name": name, "digest": { "sha256": Digest::of(file.as_bytes()).hex() } }],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": { "method": "files", "hash_type": "sha256", "allow_symlinks": false },
            "resources": [{ "name": ".", "algorithm": "sha256", "digest": file.hex() }],
        },
    });
    Ok(canonical::to_vec(&statement)?)
}

/// Gives what is signed for a statement: DSSE's pre-authentication encoding.
fn to_sign(statement: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), statement.len());
    [head.as_bytes(), statement].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_says_what_model_signing_says_of_the_file() {
        let found: serde_json::Value =
            serde_json::from_slice(&statement("m.wasm", b"hello").expect("plain data")).expect("JSON");
        // What `model_signing sign key` 1.1.1 wrote for these five bytes, but for the paths of git that it passes over in a
        // folder.
        let theirs = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{
                "name": "m.wasm",
                "digest": { "sha256": "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50" },
            }],
            "predicateType": "https://model_signing/signature/v1.0",
            "predicate": {
                "resources": [{
                    "name": ".",
                    "algorithm": "sha256",
                    "digest": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                }],
                "serialization": { "hash_type": "sha256", "method": "files", "allow_symlinks": false },
            },
        });
        assert_eq!(found, theirs);
    }

    #[test]
    fn the_lengths_stand_before_what_they_measure() {
        assert_eq!(to_sign(b"{}"), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    }
}
