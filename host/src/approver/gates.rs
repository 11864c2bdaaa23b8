//! What was demanded of a candidate, and how it stands beside the version it would replace: printed, and acted upon.

use anyhow::bail;
use contract::card::{Comparison, ModelCard};
use contract::seal::refusal::printable;

/// Prints each gate with its outcome; those not passed stand first.
pub(super) fn show(card: &ModelCard) {
    if card.gates.is_empty() {
        say!("gates       NONE: nothing was demanded of this candidate");
        return;
    }
    let failed = card.failed_gates().count();
    match failed {
        0 => say!("gates       all {} passed", card.gates.len()),
        _ => say!("gates       {failed} of {} NOT PASSED: approving takes --override with a reason", card.gates.len()),
    }
    let passed = card.gates.iter().filter(|gate| gate.passed);
    for gate in card.failed_gates().chain(passed) {
        let outcome = if gate.passed { "passed" } else { "FAILED" };
        let found = gate.found.map_or("not measured".to_owned(), |found| format!("found {found:.6}"));
        say!("            {outcome} {}: {} ({found})", printable(&gate.name), printable(&gate.demand));
    }
}

/// Prints the comparison that the job made on the same held-out rows.
pub(super) fn show_champion(card: &ModelCard) {
    let Some(Comparison { version, digest, rows, split, champion_may_have_seen, differences, .. }) = &card.champion
    else {
        say!("champion    none: the job compared this candidate with no other version");
        return;
    };
    say!("champion    version {version} ({digest}), on the same {rows} rows held out by {}", printable(split));
    match champion_may_have_seen {
        true => say!("            it may have learned from some of these rows or their users, which flatters it"),
        false => say!("            it has learned nothing about these rows"),
    }
    for (name, difference) in differences {
        let (low, high) = (difference.interval.low, difference.interval.high);
        say!("            {:22} {:+.4}  (95 %: {low:+.4} to {high:+.4})", printable(name), difference.value);
    }
}

/// Gives the override that goes into an approval: failed gates demand one, and nothing else takes one.
pub(super) fn overriding(card: &ModelCard, given: Option<String>) -> anyhow::Result<Option<String>> {
    let failed: Vec<_> = card.failed_gates().map(|gate| printable(&gate.name)).collect();
    match given {
        None if !failed.is_empty() => bail!(
            "{} did not pass {}: train a better one, or approve with --override 'why this does not matter'",
            card.name(),
            failed.join(", ")
        ),
        Some(_) if failed.is_empty() => bail!("{} passed its gates: leave --override out", card.name()),
        given => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use contract::card::Gate;

    use super::*;
    use crate::registry::fixtures;

    #[test]
    fn an_override_is_for_failed_gates_and_nothing_else() {
        let card = |passed| {
            let gate = Gate {
                name: "roc_auc_min\u{1b}[2J".to_owned(),
                demand: "more".to_owned(),
                found: None,
                bound: 0.5,
                passed,
            };
            ModelCard { gates: vec![gate], ..fixtures::card(3, 0.5) }
        };
        let why = || Some("a demonstration".to_owned());
        let refused = overriding(&card(false), None).expect_err("a failed gate").to_string();
        assert!(refused.contains("roc_auc_min\\u{1b}[2J") && !refused.contains('\u{1b}'), "{refused}");
        assert_eq!(overriding(&card(false), why()).expect("a reason"), why());
        assert!(overriding(&card(true), why()).is_err());
        assert_eq!(overriding(&card(true), None).expect("nothing to set aside"), None);
    }
}
