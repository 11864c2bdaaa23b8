//! The protocols of the field, so that clients which speak them work unchanged: Open Inference Protocol v2 ([`v2`]), MLflow's
//! scoring server ([`mlflow`]) and Feast's online features ([`feast`]).
//!
//! All of them ask in columns and end in [`Inputs`]: users by their id, whose stored features are read, or features given by
//! name. Their answers name one version at most, so that one version answers all of a request: the live one, or the one asked
//! for by its number; a canary's users get their own version from our own routes.

pub mod feast;
pub mod mlflow;
pub mod v2;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use contract::ids::EntityId;
use contract::record::row_of;
use contract::view::{Feature, FeatureView};
use serde_json::Value;

use super::batch::{log_rows, score_all};
use super::choice::{Asked, Choice};
use super::identity::RequestId;
use super::lookup::Found;
use super::models::Live;
use super::problem::Problem;
use super::{App, spans};

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Nothing.
    Missing,
    /// True or false, as flags may be.
    Truth(bool),
    /// A whole number, as ids are.
    Integer(i64),
    /// Any other number.
    Float(f64),
}

/// What is asked about.
#[derive(Debug, PartialEq)]
pub enum Inputs {
    /// Users, whose stored features are read.
    Users(Vec<EntityId>),
    /// Rows of features, in the view's order.
    Rows(Vec<f64>),
}

/// Who answered, and what.
pub struct Scored {
    /// The version.
    pub live: Arc<dyn Live>,
    /// A score for each user or row, in the order asked for.
    pub scores: Vec<f64>,
}

impl Cell {
    /// Reads a JSON value.
    ///
    /// # Errors
    /// [`Problem::BadBody`] where it is neither a number, a truth value nor null.
    pub fn from_json(value: &Value) -> Result<Self, Problem> {
        match value {
            Value::Null => Ok(Self::Missing),
            Value::Bool(truth) => Ok(Self::Truth(*truth)),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Ok(Self::Integer(integer)),
                (None, Some(float)) => Ok(Self::Float(float)),
                (None, None) => Err(Problem::BadBody(format!("{number} is no number of 64 bits"))),
            },
            _ => Err(Problem::BadBody("values are numbers, truth values or null".to_owned())),
        }
    }

    fn feature(self) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Truth(truth) => Some(f64::from(u8::from(truth))),
            Self::Integer(integer) => Some(integer as f64),
            // A client that knows no null sends NaN.
            Self::Float(float) => Some(float).filter(|float| !float.is_nan()),
        }
    }

    fn id(self) -> Result<EntityId, Problem> {
        let id = match self {
            Self::Integer(id) => u64::try_from(id).ok(),
            // What a client made of a column of whole numbers; past 2^53 it would be another user's.
            Self::Float(float) if float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float) => {
                Some(float as u64)
            }
            _ => None,
        };
        id.and_then(|id| EntityId::try_from(id).ok()).ok_or_else(|| Problem::BadBody(format!("{self:?} is no user id")))
    }
}

impl Inputs {
    /// Reads columns: the view's entity alone, or all of its features in any order.
    ///
    /// # Errors
    /// [`Problem`], which says what is missing, unknown or unequal in length.
    pub fn from_columns(view: &FeatureView, columns: Vec<(String, Vec<Cell>)>) -> Result<Self, Problem> {
        if let [(name, cells)] = &columns[..]
            && name == view.entity.as_str()
        {
            return cells.iter().map(|cell| cell.id()).collect::<Result<_, _>>().map(Self::Users);
        }
        let count = columns.first().map_or(0, |(_, cells)| cells.len());
        if let Some((name, cells)) = columns.iter().find(|(_, cells)| cells.len() != count) {
            let length = cells.len();
            return Err(Problem::BadBody(format!("`{}` has {length} values, others {count}", shown(name))));
        }
        // Where there are rows, each says better what it lacks.
        let named = |feature: &Feature| columns.iter().any(|(name, _)| name == feature.name.as_str());
        if columns.is_empty() || count == 0 && !(view.features.iter().all(named) && columns.len() == view.width()) {
            return Err(Problem::BadBody(asks_for(view)));
        }
        let mut rows = Vec::with_capacity(count * view.width());
        for row in 0..count {
            let mut features = BTreeMap::new();
            for (name, cells) in &columns {
                if features.insert(name.clone(), cells[row].feature()).is_some() {
                    return Err(Problem::BadBody(format!("`{}` stands twice", shown(name))));
                }
            }
            rows.extend(row_of(view, features).map_err(|error| Problem::BadRow { row, error: error.to_string() })?);
        }
        Ok(Self::Rows(rows))
    }

    /// Reads rows without names: of one value each, ids; of as many as there are features, those in the view's order.
    ///
    /// # Errors
    /// [`Problem`], which says what fits.
    pub fn from_rows(view: &FeatureView, rows: Vec<Vec<Cell>>) -> Result<Self, Problem> {
        let width = rows.first().map_or(1, Vec::len);
        let names: Vec<&str> = match width {
            1 => vec![view.entity.as_str()],
            _ if width == view.width() => view.features.iter().map(|feature| feature.name.as_str()).collect(),
            _ => return Err(Problem::BadBody(asks_for(view))),
        };
        if let Some(row) = rows.iter().position(|row| row.len() != width) {
            return Err(Problem::BadBody(format!("row {row} has {} values, others {width}", rows[row].len())));
        }
        let column = |place: usize| rows.iter().map(|row| row[place]).collect();
        Self::from_columns(
            view,
            names.iter().enumerate().map(|(place, name)| ((*name).to_owned(), column(place))).collect(),
        )
    }

    fn count(&self, width: usize) -> usize {
        match self {
            Self::Users(users) => users.len(),
            Self::Rows(rows) => rows.len() / width,
        }
    }
}

/// Scores all of a request by one version.
///
/// # Errors
/// [`Problem`]: nothing answers, a user's features cannot be used, or a row could not be scored.
pub async fn score(app: &Arc<App>, id: &RequestId, asked: &Asked, inputs: Inputs) -> Result<Scored, Problem> {
    let width = app.view.width();
    app.check_rows(inputs.count(width))?;
    let live = Choice::make(app, asked)?.of(None);
    let (scoring, working, id) = (Arc::clone(&live), Arc::clone(app), id.clone());
    let work = move || {
        let users = match inputs {
            Inputs::Rows(rows) => {
                let scores = score_all(&*scoring, &rows, width)?;
                log_rows(&working, &id, &scoring, &rows, &scores)?;
                return Ok(scores);
            }
            Inputs::Users(users) => users,
        };
        let start = Instant::now();
        let found = spans::features()
            .in_scope(|| users.into_iter().map(|user| Found::fresh(&working, user)).collect::<Result<Vec<_>, _>>())?;
        let rows: Vec<f64> = found.iter().flat_map(|found| &found.record.values).copied().collect();
        let read = start.elapsed();
        let scores = score_all(&*scoring, &rows, width)?;
        working.metrics.predicted(read, start.elapsed() - read, found.iter().map(|found| found.age_seconds));
        working.keep(|now| {
            let (id, scoring) = (&id, &scoring);
            found.iter().zip(&scores).map(move |(found, &score)| found.entry(now, id, score, scoring))
        })?;
        Ok::<_, Problem>(scores)
    };
    let scores = app.batches.run(app.batches.place()?, work).await??;
    Ok(Scored { live, scores })
}

/// Gives a name out of a request, fit to be shown.
fn shown(name: &str) -> String {
    name.chars().take(64).collect::<String>().escape_default().to_string()
}

fn asks_for(view: &FeatureView) -> String {
    let names: Vec<_> = view.features.iter().map(|feature| feature.name.as_str()).collect();
    format!("send the ids of users as `{}`, or all of the features {}", view.entity, names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(columns: &[(&str, &[Cell])]) -> Result<Inputs, Problem> {
        let columns = columns.iter().map(|(name, cells)| ((*name).to_owned(), cells.to_vec()));
        Inputs::from_columns(FeatureView::credit_risk(), columns.collect())
    }

    #[test]
    fn ids_are_whole_and_exact() {
        let ids = |cells: &[Cell]| columns(&[("user_id", cells)]);
        let user = |id: u64| EntityId::try_from(id).expect("an id");
        let fine = ids(&[Cell::Integer(7), Cell::Float(8.0), Cell::Integer(i64::MAX)]).expect("ids");
        assert_eq!(fine, Inputs::Users(vec![user(7), user(8), user(i64::MAX as u64)]));
        for bad in [
            Cell::Missing,
            Cell::Truth(true),
            Cell::Integer(-1),
            Cell::Float(0.5),
            Cell::Float(1e18),
            Cell::Float(f64::NAN),
        ] {
            assert!(matches!(ids(&[bad]), Err(Problem::BadBody(_))), "{bad:?}");
        }
    }

    #[test]
    fn features_are_all_named_once_and_of_one_length() {
        let names = ["age", "flag_own_car", "nb_previous_loans", "avg_amount_loans_previous", "years_on_the_job"];
        let values =
            [Cell::Integer(33), Cell::Integer(1), Cell::Integer(15), Cell::Float(128.5), Cell::Float(f64::NAN)];
        let all: Vec<(&str, &[Cell])> =
            names.iter().zip(&values).map(|(name, value)| (*name, std::slice::from_ref(value))).collect();
        let Inputs::Rows(row) = columns(&all).expect("a row") else { panic!("rows") };
        assert_eq!(row[..3], [15.0, 128.5, 33.0]);
        assert!(row[3].is_nan());
        assert!(matches!(columns(&all[1..]), Err(Problem::BadRow { row: 0, .. })), "one is absent");
        let twice = [&all[..], &all[..1]].concat();
        assert!(matches!(columns(&twice), Err(Problem::BadBody(said)) if said.contains("twice")));
        let unequal = [&all[1..], &[("age", &[Cell::Missing; 2][..])]].concat();
        assert!(matches!(columns(&unequal), Err(Problem::BadBody(said)) if said.contains("others 1")));
        assert!(matches!(columns(&[]), Err(Problem::BadBody(said)) if said.contains("user_id")));
    }

    #[test]
    fn rows_without_names_are_told_apart_by_their_width() {
        let view = FeatureView::credit_risk();
        assert!(
            matches!(Inputs::from_rows(view, vec![vec![Cell::Integer(7)]; 3]), Ok(Inputs::Users(users)) if users.len() == 3)
        );
        let row = [15.0, 128.5, 33.0, 2.0, 1.0].map(Cell::Float).to_vec();
        assert!(matches!(Inputs::from_rows(view, vec![row.clone(); 2]), Ok(Inputs::Rows(rows)) if rows.len() == 10));
        assert!(matches!(Inputs::from_rows(view, vec![row[..3].to_vec()]), Err(Problem::BadBody(_))));
        assert!(matches!(Inputs::from_rows(view, vec![row, vec![]]), Err(Problem::BadBody(_))));
        assert!(matches!(Inputs::from_rows(view, vec![]), Ok(Inputs::Users(users)) if users.is_empty()));
    }
}
