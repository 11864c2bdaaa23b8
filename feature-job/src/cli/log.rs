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
