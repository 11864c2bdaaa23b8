//! The whole page, on small cards.

use contract::card::{Comparison, Difference, Gate, Interval, ModelCard, Quality, QualityFinding};
use contract::digest::Digest;

use super::{Facts, render};
use crate::drift::Drift;
use crate::train::champion::{Beside, Flips, Standing};
use crate::train::fixtures;

fn beside() -> Standing {
    let metrics = fixtures::metrics();
    let difference = Difference { value: 0.01, interval: Interval { low: -0.02, high: 0.04 } };
    let mut card = fixtures::card(2);
    card.training.recipe = "baseline".to_owned();
    Standing::Beside(Box::new(Beside {
        comparison: Comparison {
            version: card.version,
            digest: Digest::of(b"champion"),
            split: "users".to_owned(),
            rows: 10,
            champion_may_have_seen: true,
            champion: metrics.clone(),
            challenger: metrics,
            differences: [("roc_auc".to_owned(), difference)].into(),
        },
        card,
        places: (0..10).collect(),
        scores: fixtures::judged().scores,
        flips: Flips { to_declined: [4, 1], to_approved: [2, 0] },
        drifts: vec![Drift { feature: "age".parse().expect("a name"), index: 0.3 }],
    }))
}

fn rendered(card: &ModelCard, standing: &Standing) -> String {
    let scores = fixtures::judged().scores;
    render(&Facts { card, standing, scores: &scores, labels: fixtures::labels() }).expect("a page")
}

#[test]
fn the_same_candidate_gives_the_same_bytes() {
    let card = fixtures::card(3);
    assert_eq!(rendered(&card, &beside()), rendered(&card, &beside()));
    assert_ne!(rendered(&card, &beside()), rendered(&fixtures::card(4), &beside()), "the page names the version");
}

#[test]
fn the_page_says_what_an_approver_must_know() {
    let page = rendered(&fixtures::card(3), &beside());
    for said in [
        "Candidate credit-risk-3",
        "All 1 gates are passed",
        "no clear difference",
        "may have learned from some of these loans or their users",
        "Not a fair comparison",
        "baseline (logistic)",
        "now <code>decline</code>, was not before",
        "Approving everybody would be right",
        "another population",
        "does not say what the checks of the loan data found",
        "countersign approve modules/candidates/credit-risk-3.wasm",
    ] {
        assert!(page.contains(said), "the page does not say `{said}`");
    }
    assert!(!page.contains("--override"), "nothing is to be set aside");
    assert_eq!(page.matches("<svg").count(), 4);
}

#[test]
fn a_failed_gate_stands_at_the_top_and_in_the_command() {
    let mut card = fixtures::card(3);
    card.gates[0].passed = false;
    let page = rendered(&card, &Standing::Alone);
    assert!(page.contains("1 of 1 gates are not passed") && page.contains("--override"), "{page}");
    assert!(page.contains("none is approved, or none was asked for"));
    card.gates.clear();
    assert!(rendered(&card, &Standing::Alone).contains("Nothing was demanded of this candidate"));
}

#[test]
fn a_champion_that_could_not_be_compared_with_is_told() {
    let standing = Standing::Apart {
        version: 2.try_into().expect("a counter"),
        digest: Digest::of(b"champion"),
        why: "it reads another feature view".to_owned(),
    };
    let page = rendered(&fixtures::card(3), &standing);
    assert!(page.contains("It was not compared with version 2") && page.contains("another feature view"), "{page}");
}

#[test]
fn texts_of_a_card_are_shown_and_do_nothing() {
    let evil = "</code><script>alert(1)</script>\u{202e}\u{1b}[2J";
    let mut card = fixtures::card(3);
    card.training.recipe = evil.to_owned();
    card.training.parameters.insert(evil.to_owned(), evil.into());
    card.output.at_or_above = evil.to_owned();
    card.evaluations[0].split = evil.to_owned();
    card.evaluations[0].slices[0].value = evil.to_owned();
    card.gates.push(Gate { name: evil.to_owned(), demand: evil.to_owned(), found: None, bound: 0.0, passed: false });
    card.provenance.builder = evil.to_owned();
    let finding = QualityFinding { rule: evil.to_owned(), column: evil.to_owned(), rows: 1 };
    card.quality =
        Some(Quality { sources: vec![Digest::of(b"x")], rows: 2, rejected: 1, excluded: 0, findings: vec![finding] });
    let standing = Standing::Apart { version: card.version, digest: Digest::of(b"x"), why: evil.to_owned() };
    for page in [rendered(&card, &standing), rendered(&card, &beside())] {
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}'), "{page}");
    }
}
