//! The binaries under test, as cargo built them beside the test itself. `cargo test --workspace` builds both; with `--test NAME`
//! it leaves them as they are, so `cargo build --workspace` goes before.

use std::path::PathBuf;
use std::process::Command;

/// Gives a command that runs `countersign`.
pub fn countersign() -> Command {
    binary("countersign")
}

/// Gives a command that runs `feature-job`.
pub fn feature_job() -> Command {
    binary("feature-job")
}

fn binary(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    // The test stands in target/<profile>/deps.
    let folder: PathBuf = test.ancestors().nth(2).expect("a target folder").to_owned();
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not built: run `cargo test --workspace`, or `cargo build --workspace` first",
        path.display()
    );
    let mut command = Command::new(path);
    // A developer's own settings must not leak into a test.
    for (name, _) in std::env::vars_os() {
        if ["COUNTERSIGN_", "OTEL_"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            command.env_remove(name);
        }
    }
    command
}
