//! `feature-job`: loans to features, features to a trained model, a trained model to a signed component.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    cli::log::start(arguments.verbose);
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", cli::log::told(&error));
            feature_job::exit::code(&error)
        }
    }
}
