//! The verbs of `countersign`.

use clap::{Parser, Subcommand};

use crate::access::TokensArgs;
use crate::approver::{
    ApproveArgs, ExportOmsArgs, InspectArgs, KeygenArgs, KeysArgs, RejectArgs, ReviewArgs, VerifyArgs,
};
use crate::config::{ConfigArgs, ServeArgs};
use crate::health::HealthArgs;
use crate::prediction_log::ReplayArgs;
use crate::rollback::RollbackArgs;

/// Serves features and predictions by user id, from models that a human has countersigned
#[derive(Debug, Parser)]
#[command(name = "countersign", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve features and predictions, and swap in approved models while running
    Serve(ServeArgs),
    /// Tell by the exit code whether a host is well
    Health(HealthArgs),
    /// Take a model of a running host back to the version before
    Rollback(RollbackArgs),
    /// Show the bounds that `serve` keeps, with their reasons
    Config(ConfigArgs),
    /// Score logged predictions again, and hold every bit against the log
    Replay(ReplayArgs),
    /// Make a signing key and enrol its public half in the trust policy
    Keygen(KeygenArgs),
    /// Show and change whose keys count in the trust policy
    Keys(KeysArgs),
    /// Show and change who may ask a host for what
    Tokens(TokensArgs),
    /// Show what a candidate says of itself, and whether its seal holds
    Review(ReviewArgs),
    /// Countersign a candidate and put it into the registry's approved/
    Approve(ApproveArgs),
    /// Record beside a candidate that it was turned down, and why
    Reject(RejectArgs),
    /// Show everything a module file says of itself, believed or not
    Inspect(InspectArgs),
    /// Tell whether a host with this trust policy would run modules, and if not, why
    Verify(VerifyArgs),
    /// Write a module's signature in the OpenSSF Model Signing form, for other tools to verify
    ExportOms(ExportOmsArgs),
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// Whatever the verb met, with its context; a [`ConfigError`](crate::config::ConfigError) for a flag that cannot be
    /// followed.
    pub fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Serve(args) => args.run(),
            Verb::Health(args) => args.run(),
            Verb::Rollback(args) => args.run(),
            Verb::Config(args) => args.run(),
            Verb::Replay(args) => args.run(),
            Verb::Keygen(args) => args.run(),
            Verb::Keys(args) => args.run(),
            Verb::Tokens(args) => args.run(),
            Verb::Review(args) => args.run(),
            Verb::Approve(args) => args.run(),
            Verb::Reject(args) => args.run(),
            Verb::Inspect(args) => args.run(),
            Verb::Verify(args) => args.run(),
            Verb::ExportOms(args) => args.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_value_that_cannot_be_read_names_its_flag() {
        let check = |args: &[&str], flag: &str| {
            let error = Cli::try_parse_from([&["countersign", "serve"], args].concat()).expect_err("a bad value");
            assert!(error.to_string().contains(flag), "{error}");
        };
        check(&[], "--data");
        check(&["--data", "d", "--listen", "localhost"], "--listen");
        check(&["--data", "d", "--listen", "127.0.0.1:65536"], "--listen");
        check(&["--data", "d", "--poll-ms", "soon"], "--poll-ms");
    }
}
