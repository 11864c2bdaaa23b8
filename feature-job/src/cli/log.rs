//! Logs go to stderr, so that stdout is the answer alone.

use tracing_subscriber::EnvFilter;

/// Starts logging; `RUST_LOG` wins over `verbose`.
pub fn start(verbose: bool) {
    let level = if verbose { "info,feature_job=debug" } else { "warn,feature_job=info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .with_timer(tracing_subscriber::fmt::time::uptime())
        .init();
}

/// Gives an error with its causes, each told once: some messages already hold their cause's.
pub fn told(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |told, cause| match cause.to_string() {
        cause if told.is_empty() => cause,
        cause if told.contains(&cause) => told,
        cause => format!("{told}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    #[test]
    fn causes_are_told_once() {
        let error =
            Err::<(), _>(anyhow::anyhow!("no room")).context("cannot write x: no room").context("the run failed");
        assert_eq!(super::told(&error.expect_err("it failed")), "the run failed: cannot write x: no room");
    }
}
