//! `countersign config`: shows the bounds, those that hold or those of a file.

use std::path::PathBuf;

use clap::Args;

use super::{ConfigError, Limits};

/// The flags of `countersign config`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign config > limits.toml      (then change what you need, and leave the rest out)
  countersign serve --config limits.toml --tokens tokens.toml --modules modules --data data")]
pub struct ConfigArgs {
    /// File of bounds, to be checked and shown with what it leaves out
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    /// Prints the bounds that hold.
    ///
    /// # Errors
    /// [`ConfigError`], where the file cannot be followed.
    pub fn run(self) -> anyhow::Result<()> {
        let limits = self.config.as_deref().map(Limits::load).transpose().map_err(ConfigError::from)?;
        say!("# The bounds of `countersign serve`, for --config. Times are in milliseconds.\n");
        say!("{}", limits.unwrap_or_default().document().trim_end());
        Ok(())
    }
}
