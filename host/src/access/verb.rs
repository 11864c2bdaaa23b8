//! `countersign tokens`: who may come in, shown and changed in the file of tokens.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use contract::date::Date;
use contract::file;
use contract::seal::refusal::printable;
use contract::token::Token;
use serde_json::json;

use super::Role;
use super::{Principal, TokenList, add, remove};

/// The flags of `countersign tokens`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign tokens add --role predict --name 'scoring service' --out scoring.token --tokens tokens.toml
  countersign tokens list --tokens tokens.toml
  countersign tokens remove 'scoring service' --tokens tokens.toml

The file holds digests only; the token itself is shown or written once. A running host obeys a change within a second. To
rotate a token, add a second under another name, give it to its holder, then remove the first.")]
pub struct TokensArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a token and let its holder in
    Add {
        /// What it is for: `predict` asks, `ingest` writes features, `admin` does everything and says which version serves
        #[arg(long, value_enum)]
        role: Role,
        /// Who holds it
        #[arg(long)]
        name: String,
        /// The last day it counts, as YYYY-MM-DD in UTC [default: it does not end]
        #[arg(long, value_name = "DATE")]
        expires: Option<Date>,
        /// File to write the token to, for its holder only; it must not exist [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        list: ListArg,
    },
    /// Show who may come in
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        list: ListArg,
    },
    /// Let a holder in no more
    Remove {
        /// Who holds it
        name: String,
        #[command(flatten)]
        list: ListArg,
    },
}

#[derive(Debug, Args)]
struct ListArg {
    /// File of the tokens that count, as `countersign serve` reads it
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TOKENS")]
    tokens: PathBuf,
}

impl TokensArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Add { role, name, expires, out, list } => {
                let token = Token::generate()?;
                if let Some(out) = &out {
                    let text = format!("{}\n", token.reveal());
                    file::create_secret(out, text.as_bytes())
                        .with_context(|| format!("cannot write the token to {}", out.display()))?;
                }
                let holder = Principal { name, role, sha256: token.digest(), expires };
                let added = add(&list.tokens, &holder);
                if added.is_err()
                    && let Some(out) = &out
                {
                    // A token that opens nothing would only stand in the way of the next attempt.
                    let _ = std::fs::remove_file(out);
                }
                added?;
                match out {
                    Some(out) => say!("wrote {}: the token of {}, role {role}", out.display(), printable(&holder.name)),
                    None => say!("{}", token.reveal()),
                }
            }
            Verb::List { json, list } => show(&TokenList::load(&list.tokens)?, json),
            Verb::Remove { name, list } => {
                remove(&list.tokens, &name)?;
                say!("{} is let in no more", printable(&name));
            }
        }
        Ok(())
    }
}

fn show(list: &TokenList, json: bool) {
    let today = Date::today();
    if json {
        let tokens = list.principals().iter().map(|token| {
            let Principal { name, role, sha256, expires } = &**token;
            json!({"name": name, "role": role, "sha256": sha256, "expires": expires, "expired": !token.counts_on(today)})
        });
        say!("{:#}", json!({ "tokens": tokens.collect::<Vec<_>>() }));
        return;
    }
    if list.principals().is_empty() {
        say!("nobody may come in: `countersign tokens add` makes a token");
    }
    for token in list.principals() {
        let ends = match token.expires {
            Some(last_day) if last_day < today => format!("  EXPIRED on {last_day}"),
            Some(last_day) => format!("  until {last_day}"),
            None => String::new(),
        };
        say!("{:<7}  {}{ends}", token.role, printable(&token.name));
    }
}
