//! Whether a new version is due: what has changed since the newest one was trained.

use std::fmt;

use contract::card::ModelCard;
use contract::date::Date;
use contract::view::FeatureView;

use crate::drift;
use crate::offline::Table;
use crate::train::rows::Rows;

/// From where on a new version is due.
#[derive(Debug, Clone, Copy, PartialEq, clap::Args)]
pub struct DueArgs {
    /// Due when the newest version was trained on features that are this many days older
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub due_days: u32,
    /// Due when this share of the loans is later than all the newest version was trained on
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub due_new_rows_share: f64,
    /// Due when the population stability index of some feature reaches this
    #[arg(long, value_name = "INDEX", default_value_t = 0.2)]
    pub due_drift: f64,
}

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// No version is approved yet.
    First,
    /// The newest version reads other features than the file has.
    OtherView,
    /// Each criterion was held against its bound.
    Compared(Vec<Criterion>),
}

/// One criterion: due from its bound on.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// What is measured, in words.
    pub what: String,
    /// What was found.
    pub found: f64,
    /// The bound.
    pub bound: f64,
}

/// A bound that nothing can reach, or anything.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("--{flag} {value}: give a number above 0")]
pub struct BoundError {
    flag: &'static str,
    value: f64,
}

impl DueArgs {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`BoundError`], with the first that makes no sense.
    pub fn check(&self) -> Result<(), BoundError> {
        let bounds = [("due-new-rows-share", self.due_new_rows_share), ("due-drift", self.due_drift)];
        match bounds.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            Some((flag, value)) => Err(BoundError { flag, value }),
            None => Ok(()),
        }
    }

    /// Holds a feature file against the newest version's card.
    pub fn decide(&self, newest: Option<&ModelCard>, table: &Table) -> Decision {
        let Some(card) = newest else { return Decision::First };
        let view = FeatureView::credit_risk();
        if card.view.digest() != view.digest() {
            return Decision::OtherView;
        }
        let days = table.as_of.days() - card.training.as_of.days();
        let rows = Rows::new(view.width(), table.rows(card.training.ages));
        let drifts = drift::drifts(&card.histograms, &rows);
        let furthest = drift::furthest(&drifts);
        let feature = furthest.map_or("no feature", |drift| drift.feature.as_str());
        let criterion = |what: String, found, bound| Criterion { what, found, bound };
        Decision::Compared(vec![
            criterion("days between the two feature files".to_owned(), f64::from(days), f64::from(self.due_days)),
            criterion(
                format!("share of loans later than {}", card.training.last_event),
                new_rows_share(&table.event_days, card.training.last_event),
                self.due_new_rows_share,
            ),
            criterion(
                format!("drift of {feature} (population stability index)"),
                furthest.map_or(0.0, |drift| drift.index),
                self.due_drift,
            ),
        ])
    }
}

fn new_rows_share(days: &[i32], last_event: Date) -> f64 {
    days.iter().filter(|&&day| day > last_event.days()).count() as f64 / days.len().max(1) as f64
}

impl Criterion {
    /// Tells whether the bound is reached.
    pub fn is_due(&self) -> bool {
        self.found >= self.bound
    }
}

impl Decision {
    /// Tells whether a new version is due.
    pub fn is_due(&self) -> bool {
        match self {
            Self::First | Self::OtherView => true,
            Self::Compared(criteria) => criteria.iter().any(Criterion::is_due),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("due: no version of this model is approved"),
            Self::OtherView => f.write_str("due: the newest version reads another feature view"),
            Self::Compared(criteria) => {
                f.write_str(if self.is_due() { "due" } else { "not due" })?;
                for Criterion { what, found, bound } in criteria {
                    let outcome = if found >= bound { "due" } else { "not due" };
                    write!(f, "\n  {what}: {found:.4}, due from {bound} on: {outcome}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(found: f64, bound: f64) -> Criterion {
        Criterion { what: "something".to_owned(), found, bound }
    }

    #[test]
    fn any_criterion_at_its_bound_makes_it_due() {
        let decided = |found: [f64; 3]| Decision::Compared(found.map(|found| criterion(found, 0.2)).to_vec()).is_due();
        assert!(!decided([0.0, 0.1, 0.2_f64.next_down()]));
        for place in 0..3 {
            let mut found = [0.0; 3];
            found[place] = 0.2;
            assert!(decided(found), "{found:?}");
        }
        assert!(Decision::First.is_due() && Decision::OtherView.is_due());
    }

    #[test]
    fn what_was_decided_is_said_with_its_reasons() {
        let said = Decision::Compared(vec![criterion(30.0, 30.0), criterion(0.05, 0.1)]).to_string();
        let wanted = "due\n  something: 30.0000, due from 30 on: due\n  something: 0.0500, due from 0.1 on: not due";
        assert_eq!(said, wanted);
        assert!(Decision::Compared(vec![criterion(0.0, 1.0)]).to_string().starts_with("not due\n"));
    }

    #[test]
    fn new_rows_are_those_later_than_all_that_was_known() {
        let last: Date = "2020-12-30".parse().expect("a day");
        let day = last.days();
        assert_eq!(new_rows_share(&[day - 1, day, day + 1, day + 2], last), 0.5);
        assert_eq!(new_rows_share(&[], last), 0.0);
    }

    #[test]
    fn bounds_that_decide_nothing_are_refused() {
        let args = |share, drift| DueArgs { due_days: 30, due_new_rows_share: share, due_drift: drift }.check();
        assert!(args(0.1, 0.2).is_ok());
        assert!(args(0.0, 0.2).is_err() && args(0.1, f64::NAN).is_err() && args(-1.0, 0.2).is_err());
    }
}
