//! `countersign inspect`: everything a file says of itself, believed or not.

use std::path::PathBuf;

use clap::Args;
use contract::digest::Digest;
use contract::seal::Look;
use contract::seal::refusal::printable;
use contract::seal::signature::HashSet;
use contract::section::Section;
use serde_json::{Value, json};

use super::registry::{read_module, shown};

/// The flags of `countersign inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign inspect modules/approved/credit-risk-1.wasm
  countersign inspect modules/approved/credit-risk-1.wasm --json | jq .module_digest

A look, not a judgement: it believes nothing, needs no trust policy, and reads changed and unsigned components as far as they can
be read. It ends with an error only where the file is no component. `countersign verify` judges.")]
pub struct InspectArgs {
    /// Module file
    file: PathBuf,
    /// Print JSON, the card and the approvals whole
    #[arg(long)]
    json: bool,
}

impl InspectArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let bytes = read_module(&self.file)?;
        let look = Look::at(&bytes)?;
        if self.json {
            say!("{:#}", described(&bytes, &look));
        } else {
            say!("file        {}, {} bytes, {}", shown(&self.file), bytes.len(), Digest::of(&bytes));
            show(&look);
        }
        Ok(())
    }
}

/// Gives everything as JSON. Digests are `sha256:` and 64 hexadecimal digits; offsets and sizes are in bytes.
fn described(bytes: &[u8], look: &Look) -> Value {
    let section = |section: &Section| json!({ "id": section.id(), "name": section.name(), "offset": section.offset, "bytes": section.raw.len() });
    let signature =
        |set: &HashSet| json!({ "key": set.key, "hashes": set.hashes, "hashes_hold": look.hashes_hold(set) });
    json!({
        "bytes": bytes.len(),
        "file_digest": Digest::of(bytes),
        "module_digest": look.hashes.first(),
        "component_digest": look.component,
        "structure_holds": look.refusal.is_none(),
        "refusal": look.refusal.as_ref().map(|refusal| json!({ "code": refusal.code(), "detail": refusal.to_string() })),
        "sections": look.sections.iter().map(section).collect::<Vec<_>>(),
        "part_hashes": look.hashes,
        "signatures": look.signatures.iter().map(signature).collect::<Vec<_>>(),
        "card": look.cards.first().map(|payload| parsed(payload)),
        "approvals": look.approvals.iter().map(|payload| parsed(payload)).collect::<Vec<_>>(),
    })
}

/// Gives a payload as the JSON it should be, or as text where it is none.
fn parsed(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned().into())
}

fn show(look: &Look) {
    match look.hashes.first() {
        Some(digest) => say!("digest      {digest}"),
        None => say!("digest      none: no part ends with a delimiter, so nothing was sealed"),
    }
    say!("component   {}", look.component);
    match &look.refusal {
        None => say!("structure   whole: every hash is that of the file; whether the signatures count, `verify` tells"),
        Some(refusal) => say!("structure   REFUSED ({}): {refusal}", refusal.code()),
    }
    for (place, set) in look.signatures.iter().enumerate() {
        let what = if place == 0 { "candidate" } else { "approval" };
        let hold = if look.hashes_hold(set) { "its hashes are the file's" } else { "its hashes are NOT the file's" };
        say!("signed      {what} by key {}: {hold}", set.key);
    }
    for payload in &look.cards {
        say!("card        {}", text(payload));
    }
    for payload in &look.approvals {
        say!("approval    {}", text(payload));
    }
    let component = look.sections.iter().filter(|section| section.name().is_none()).count();
    say!("sections    {}, {component} of them the component's own", look.sections.len());
    look.sections.iter().for_each(show_section);
}

fn show_section(section: &Section) {
    let name = section.name().map_or(format!("(id {})", section.id()), printable);
    say!("            at {:<10} {:<10} bytes  {name}", section.offset, section.raw.len());
}

/// Gives a payload as text on several lines, which no terminal obeys.
fn text(payload: &[u8]) -> String {
    let text = serde_json::from_slice::<Value>(payload).map(|value| format!("{value:#}"));
    let text = text.unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned());
    text.lines().map(printable).collect::<Vec<_>>().join("\n            ")
}
