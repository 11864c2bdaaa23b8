//! The guest template, as `guest-model/build.sh` made it.

use contract::digest::Digest;

/// A core module that waits for its model.
pub(super) const TEMPLATE: &[u8] = include_bytes!("../../../guest-model/template.wasm");

/// Gives the digest of the template, which a card names as what its module was made from.
pub fn template_digest() -> Digest {
    Digest::of(TEMPLATE)
}
