//! Failed gates: no file runs whose approvers did not set them aside in words of their own, however the file was made.

use contract::approval::Approval;
use contract::card::{Gate, ModelCard};
use contract::seal;

use crate::bench::{ADA, BEN, Case, JOB, Module, TODAY, approval, card, component, digest, key, part, policy, refusal};

/// A card of which one gate passed and the other did or did not.
fn gated(passed: bool) -> ModelCard {
    let gate = |name: &str, passed| Gate {
        name: name.to_owned(),
        demand: "more".to_owned(),
        found: Some(0.5),
        bound: 0.6,
        passed,
    };
    ModelCard { gates: vec![gate("first", true), gate("second", passed)], ..card() }
}

/// Gives the module of a card, approved by hand by these keys, each with or without an override.
fn by_hand(card: &ModelCard, approvals: &[(u8, bool)]) -> Vec<u8> {
    let candidate = seal::seal_candidate(&component("a"), card, &key(JOB)).expect("a bare component");
    let about = digest(&candidate);
    let mut module = Module::of(&candidate);
    for &(seed, sets_aside) in approvals {
        let gates_override = sets_aside.then(|| "it is a demonstration".to_owned());
        let approval = Approval { gates_override, ..approval(about, seed) };
        module.parts.push(part("model-approval", &approval.to_bytes().expect("an approval")));
    }
    let seeds: Vec<u8> = [JOB].into_iter().chain(approvals.iter().map(|(seed, _)| *seed)).collect();
    module.signed_by(&seeds)
}

/// Failed gates that too few approvers set aside.
pub fn cases() -> Vec<Case> {
    let case = |name, approvals: &[(u8, bool)]| Case::new(name, by_hand(&gated(false), approvals), "gates_failed");
    vec![
        case("a failed gate that nobody set aside", &[(ADA, false)]),
        case("a failed gate that one of two set aside", &[(ADA, true), (BEN, false)]).under(policy(
            "approvals_required = 2",
            "",
            "",
        )),
    ]
}

#[test]
fn failed_gates_take_an_override_of_every_approver_that_counts() {
    let (one, two) = (policy("", "", ""), policy("approvals_required = 2", "", ""));
    let failed = gated(false);
    let check = |card: &ModelCard, approvals: &[(u8, bool)], by_one: Option<&str>, by_two: Option<&str>| {
        let file = by_hand(card, approvals);
        assert_eq!((refusal(&file, &one), refusal(&file, &two)), (by_one, by_two), "{approvals:?}");
    };
    check(&gated(true), &[(ADA, false), (BEN, false)], None, None);
    check(&failed, &[], Some("not_approved"), Some("not_approved"));
    check(&failed, &[(ADA, false)], Some("gates_failed"), Some("not_approved"));
    check(&failed, &[(ADA, true)], None, Some("not_approved"));
    check(&failed, &[(ADA, false), (BEN, false)], Some("gates_failed"), Some("gates_failed"));
    check(&failed, &[(ADA, true), (BEN, false)], None, Some("gates_failed"));
    check(&failed, &[(ADA, true), (BEN, true)], None, None);
}

#[test]
fn an_approver_may_consider_what_failed() {
    let file = by_hand(&gated(false), &[(ADA, false)]);
    let today = TODAY.parse().expect("a day");
    let considered = seal::verify_candidate(&file, &policy("", "", ""), today).expect("a candidate");
    assert_eq!(considered.card().failed_gates().map(|gate| gate.name.as_str()).collect::<Vec<_>>(), ["second"]);
}
