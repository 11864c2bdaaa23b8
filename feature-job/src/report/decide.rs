//! How to say yes or no: the commands as they are typed.

use maud::{Markup, html};

use super::Facts;

/// Shows the commands, with what has to be filled in.
pub fn section(facts: &Facts<'_>) -> Markup {
    let name = facts.card.name();
    let failed = facts.card.failed_gates().next().is_some();
    let more = if failed { " \\\n    --override 'WHY THE GATES NOT PASSED DO NOT MATTER'" } else { "" };
    html! {
        h2 { "How to decide" }
        p {
            "First let the seal and this page be checked. The command prints the module's digest, and ends with an error if this "
            "page is not the one that the module names:"
        }
        pre { code { "countersign review modules/candidates/" (name) ".wasm --modules modules" } }
        p { "To approve, with your own key and your own words:" }
        pre { code {
            "countersign approve modules/candidates/" (name) ".wasm --key YOUR-KEY.pem \\\n    --by 'YOUR NAME' --reason 'WHY' "
            "--expect-digest DIGEST --modules modules" (more)
        } }
        p {
            "DIGEST is what " code { "review" } " printed as " code { "digest" } ", beginning with " code { "sha256:" }
            ". It cannot stand on this page: the module names this page by its digest, so this page came first. With it, nothing "
            "but what you reviewed can be approved."
        }
        p { "To turn it down:" }
        pre { code { "countersign reject modules/candidates/" (name) ".wasm --by 'YOUR NAME' --reason 'WHY'" } }
    }
}
