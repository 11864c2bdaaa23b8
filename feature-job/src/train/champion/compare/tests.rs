//! Comparisons with real components, on a small invented store.

use contract::key::PrivateKey;
use contract::seal;
use guest_model::{Family, Model};

use super::*;
use crate::compile;
use crate::train::fixtures;

/// A sealed champion of a model that goes by age, one way or the other.
fn champion(model: &Model, card: ModelCard) -> Champion {
    let component = compile::component(model).expect("a sound model");
    let module = seal::seal_candidate(&component, &card, &PrivateKey::from_seed([7; 32])).expect("a sound card");
    let digest = seal::inspect(&module).expect("a module").digest;
    Champion { card, digest, module }
}

fn reversed() -> Model {
    let mut model = fixtures::model();
    if let Family::Logistic(logistic) = &mut model.family {
        logistic.weights[2] = -logistic.weights[2];
    }
    model
}

fn stand(champion: &Champion) -> Standing {
    let (table, dataset, judged) = fixtures::trained();
    compare(Some(champion), &table, &dataset, &judged, 1)
}

fn beside_of(champion: &Champion) -> Beside {
    match stand(champion) {
        Standing::Beside(beside) => *beside,
        other => panic!("{other:?}"),
    }
}

#[test]
fn decisions_that_change_are_counted_both_ways() {
    let pair = Pair {
        scores: [vec![0.1, 0.9, 0.1, 0.9, 0.5], vec![0.3, 0.1, 0.1, 0.2, 0.1]],
        labels: vec![1, 0, 0, 1, 1],
        entities: vec![0; 5],
        thresholds: [0.5, 0.2],
    };
    assert_eq!(pair.flips(), Flips { to_declined: [1, 1], to_approved: [2, 1] });
}

#[test]
fn the_same_model_differs_by_nothing_and_its_opposite_by_all() {
    let (_, dataset, _) = fixtures::trained();
    let mut card = fixtures::card(2);
    card.training.data = dataset.digest;
    let (_, _, judged) = fixtures::trained();
    card.evaluations[0] = judged.evaluation.clone();
    let same = beside_of(&champion(&fixtures::model(), card.clone()));
    assert!(!same.comparison.champion_may_have_seen, "the same rows were held out from it");
    assert_eq!(same.comparison.rows, judged.evaluation.test_rows);
    assert_eq!(same.scores, judged.scores, "the sandbox gives the model's bits");
    assert_eq!(same.comparison.differences["roc_auc"].value, 0.0);
    assert_eq!(same.flips, Flips::default());
    let opposite = beside_of(&champion(&reversed(), card));
    let sum = opposite.comparison.champion.roc_auc.zip(opposite.comparison.challenger.roc_auc).map(|(a, b)| a + b);
    assert!(sum.is_some_and(|sum| (sum - 1.0).abs() < 1e-9), "{sum:?}");
}

#[test]
fn a_champion_that_may_have_seen_the_rows_is_said_to() {
    let mut card = fixtures::card(2);
    card.training.last_event = "2030-01-01".parse().expect("a day");
    let (_, _, judged) = fixtures::trained();
    let found = beside_of(&champion(&fixtures::model(), card));
    assert!(found.comparison.champion_may_have_seen);
    assert_eq!(found.comparison.rows, judged.evaluation.test_rows, "all of them, for want of better");
}

#[test]
fn a_champion_that_cannot_be_compared_with_is_told_and_stops_nothing() {
    let check = |champion: &Champion, said: &str| match stand(champion) {
        Standing::Apart { why, version, .. } => {
            assert_eq!(version.get(), 2);
            assert!(why.contains(said), "{why}");
        }
        other => panic!("{other:?}"),
    };
    let mut other_view = fixtures::card(2);
    other_view.view.semantics_version += 1;
    check(&champion(&fixtures::model(), other_view), "another feature view");
    let mut broken = champion(&fixtures::model(), fixtures::card(2));
    broken.module.truncate(100);
    check(&broken, "did not answer");
    let (table, dataset, judged) = fixtures::trained();
    assert!(matches!(compare(None, &table, &dataset, &judged, 1), Standing::Alone));
}

#[test]
fn scores_that_are_none_are_no_comparison() {
    assert!(matches!(checked(vec![0.1], 2), Err(Obstacle::Count { found: 1, wanted: 2 })));
    for score in [f64::NAN, f64::INFINITY] {
        assert!(matches!(checked(vec![0.1, score], 2), Err(Obstacle::NotFinite)));
    }
    assert!(checked(vec![0.1, 0.2], 2).is_ok());
}
