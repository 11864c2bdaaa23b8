//! The held-out rows on which a champion can be judged: those that it has learned nothing about.
//!
//! A champion that saw a row in training answers it from memory, and would beat every honest candidate there. What it has
//! seen follows from its card: of the same feature file its split is drawn again, by its seed; of another file only the loans
//! later than all it knew are certain.

use contract::card::ModelCard;
use contract::date::Date;
use serde_json::Value;

use crate::train::dataset::Dataset;
use crate::train::leak::Known;
use crate::train::split::{HoldOut, Split, SplitKind};

/// Places, in a list of held-out rows, by what a champion knows of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Rows about which it has learned nothing: not the row, and nothing of its user of the same day or later.
    pub unheard: Vec<usize>,
    /// Rows that it has not learned from; of their users it may know other loans, which flatters it.
    pub unlearned: Vec<usize>,
}

/// Sorts held-out rows by what the champion knows of them.
pub fn unseen(card: &ModelCard, dataset: &Dataset, held_out: &[usize]) -> Unseen {
    let sample = &dataset.sample;
    let places = |keep: &dyn Fn(usize) -> bool| (0..held_out.len()).filter(|&at| keep(held_out[at])).collect();
    match split(card, dataset) {
        Some(split) => {
            let known = Known::new(sample, &split.train);
            Unseen {
                unheard: places(&|place| !known.leaks(sample, place)),
                unlearned: places(&|place| split.train.binary_search(&place).is_err()),
            }
        }
        None => {
            let last_known = card.training.last_event.days();
            let later: Vec<usize> = places(&|place| sample.days[place] > last_known);
            Unseen { unheard: later.clone(), unlearned: later }
        }
    }
}

/// Draws the champion's split again; none where it was made on another file, or in another way than is known here.
fn split(card: &ModelCard, dataset: &Dataset) -> Option<Split> {
    let evaluation = card.evaluations.first().filter(|_| card.training.data == dataset.digest)?;
    let kind = SplitKind::ALL.into_iter().find(|kind| kind.word() == evaluation.split)?;
    let split = kind.split(&dataset.sample, &hold_out(card), card.training.seed);
    let counts = [&split.train, &split.test].map(|places| places.len() as u64);
    (counts == [evaluation.train_rows, evaluation.test_rows]).then_some(split)
}

/// Reads from the card how much was held out; what it does not say is as usual, and counts that differ show where it was not.
fn hold_out(card: &ModelCard) -> HoldOut {
    let parameters = &card.training.parameters;
    let usual = HoldOut::default();
    let day = |value: &Value| Some(value.as_str()?.parse::<Date>().ok()?.days());
    HoldOut {
        share: parameters.get("test_share").and_then(Value::as_f64).unwrap_or(usual.share),
        first_day: parameters.get("split_date").and_then(day),
    }
}

#[cfg(test)]
mod tests {
    use contract::digest::Digest;

    use super::*;
    use crate::train::fixtures;

    #[test]
    fn of_the_same_file_what_it_held_out_is_unseen_unless_it_leaked() {
        let dataset = fixtures::dataset();
        let all: Vec<usize> = (0..dataset.sample.labels.len()).collect();
        for kind in SplitKind::ALL {
            let drawn = kind.split(&dataset.sample, &HoldOut::default(), 123);
            let mut card = fixtures::card(2);
            card.training.data = dataset.digest;
            card.evaluations[0].split = kind.word().to_owned();
            card.evaluations[0].train_rows = drawn.train.len() as u64;
            card.evaluations[0].test_rows = drawn.test.len() as u64;
            let Unseen { unheard: found, unlearned } = unseen(&card, &dataset, &all);
            assert!(unlearned.iter().all(|place| !drawn.train.contains(place)) && unlearned.len() >= drawn.test.len());
            assert!(!found.is_empty() && found.iter().all(|place| !drawn.train.contains(place)), "{kind:?}");
            match kind {
                SplitKind::Rows => assert!(found.len() < drawn.test.len(), "users on both sides leak"),
                SplitKind::Users | SplitKind::Time => assert_eq!(found, drawn.test, "{kind:?}"),
                SplitKind::UsersTime => assert!(drawn.test.iter().all(|place| found.contains(place))),
            }
            card.training.seed += 1;
            let other = unseen(&card, &dataset, &all).unheard;
            assert!(kind == SplitKind::Time || other != found, "{kind:?}: another seed held out others");
        }
    }

    #[test]
    fn the_share_and_the_day_held_out_are_the_cards() {
        let mut card = fixtures::card(2);
        assert_eq!(hold_out(&card), HoldOut::default());
        card.training.parameters.insert("test_share".to_owned(), 0.2.into());
        card.training.parameters.insert("split_date".to_owned(), "1970-02-01".into());
        assert_eq!(hold_out(&card), HoldOut { share: 0.2, first_day: Some(31) });
    }

    #[test]
    fn of_another_file_only_later_loans_are_unseen() {
        let dataset = fixtures::dataset();
        let mut card = fixtures::card(2);
        card.training.data = Digest::of(b"another file");
        let day = dataset.sample.days[7];
        card.training.last_event = Date::from_days(day).expect("a day");
        let all: Vec<usize> = (0..dataset.sample.labels.len()).collect();
        let found = unseen(&card, &dataset, &all);
        assert_eq!(found.unheard, found.unlearned);
        assert!(found.unheard.iter().all(|&place| dataset.sample.days[place] > day) && !found.unheard.is_empty());
        card.training.data = dataset.digest;
        card.evaluations[0].train_rows += 1;
        assert_eq!(unseen(&card, &dataset, &all), found, "a split that cannot be drawn again proves nothing");
    }
}
