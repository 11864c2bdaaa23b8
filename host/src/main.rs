//! `countersign`: reads what it is told, does it, and says how it went by its exit code.
//!
//! 0: done. 64: a flag or variable cannot be followed, and nothing was begun. 1: anything else.

#![expect(clippy::print_stderr, reason = "a command line tells its user what went wrong")]

use std::process::ExitCode;

use clap::Parser as _;
use host::cli::Cli;
use host::config::ConfigError;

/// `EX_USAGE` of sysexits.h: the command was used wrongly.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => {
            // Help and version come this way too; they are no failure.
            let _ = refused.print();
            return if refused.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<ConfigError>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}
