//! The committed template is the one that the sources make.
//!
//! Fault: somebody changes the guest and forgets `guest-model/build.sh`, so that training checks one model and the host
//! runs another. Injected by any change to the sources; the digest inside the template then differs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use wasmparser::{Parser, Payload};

/// Crates whose version decides the template's bytes.
const CRATES: [&str; 4] = ["bincode", "libm", "serde", "wit-bindgen"];

fn root() -> &'static Path {
    Path::new("..")
}

/// Computes what `build.sh` computes: the digest of a list of digests and versions.
fn sources_digest() -> String {
    let mut files =
        vec!["guest-model/build.sh".to_owned(), "guest-model/Cargo.toml".to_owned(), "wit/model.wit".to_owned()];
    for entry in fs::read_dir(root().join("guest-model/src")).expect("the sources") {
        files.push(format!("guest-model/src/{}", entry.expect("a source").file_name().to_string_lossy()));
    }
    files.sort();
    let mut list = String::new();
    for file in files {
        let bytes = fs::read(root().join(&file)).expect("a source");
        writeln!(list, "{}  {file}", hex(&Sha256::digest(bytes))).expect("a string grows");
    }
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    for name in CRATES {
        for after in lock.split(&format!("name = \"{name}\"\nversion = \"")).skip(1) {
            let version = after.split('"').next().expect("a version");
            writeln!(list, "{name} {version}").expect("a string grows");
        }
    }
    // How those crates are asked for, and the profile the template is built with.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    let asked = manifest.lines().filter(|line| CRATES.iter().any(|name| line.starts_with(&format!("{name} = "))));
    let profile = manifest.lines().skip_while(|line| *line != "[profile.guest]");
    // As sed has it: to the first empty line, that line included.
    let mut past = false;
    let profile = profile.take_while(|line| !std::mem::replace(&mut past, line.is_empty()));
    for line in asked.chain(profile) {
        writeln!(list, "{line}").expect("a string grows");
    }
    hex(&Sha256::digest(list))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn template() -> Vec<u8> {
    fs::read(root().join("guest-model/template.wasm")).expect("the committed template")
}

#[test]
fn the_template_is_made_from_the_sources_as_they_are() {
    let template = template();
    let inside = Parser::new(0).parse_all(&template).find_map(|payload| match payload.expect("the template parses") {
        Payload::CustomSection(section) if section.name() == "template-sources" => Some(section.data().to_vec()),
        _ => None,
    });
    let inside = String::from_utf8(inside.expect("the template names its sources")).expect("digits");
    assert_eq!(
        inside,
        sources_digest(),
        "the guest's sources have changed: run guest-model/build.sh and commit its result"
    );
}

#[test]
fn the_template_imports_nothing_and_names_no_path_of_its_builder() {
    let template = template();
    for payload in Parser::new(0).parse_all(&template) {
        assert!(!matches!(payload.expect("the template parses"), Payload::ImportSection(_)), "it imports something");
    }
    let text = String::from_utf8_lossy(&template);
    for path in ["/root", "/home", "/work", "/tmp", "/Users"] {
        assert!(!text.contains(path), "it names {path}");
    }
}
