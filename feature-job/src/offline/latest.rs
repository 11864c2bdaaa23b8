//! Every user's most recent loan, read without holding the store.

use polars::prelude::DataFrame;

use super::column::Column;
use super::{OfflineError, Reader};
use crate::columns;

/// The features of a user's most recent loan.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// The user.
    pub id: i64,
    /// The loan's day, in days since 1970-01-01.
    pub event_day: i32,
    /// The features in the view's order, as their own columns hold them; NaN where missing.
    pub values: Vec<f64>,
}

/// Gives every user's most recent loan, in order of the users' ids; one row group is in memory at a time.
///
/// What comes after an error is not to be looked at.
pub fn latest(reader: &Reader) -> impl Iterator<Item = Result<Latest, OfflineError>> {
    let features = reader.plan().view().features.iter().map(|feature| feature.name.as_str());
    let names: Vec<&str> = [columns::ID, columns::LOAN_DATE].into_iter().chain(features).collect();
    let mut groups = reader.groups(names.clone());
    // The last loan of a group is its user's last only if the next group begins with another user.
    let mut held: Option<Latest> = None;
    let mut ready = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(user) = ready.next() {
                return Some(Ok(user));
            }
            let Some(frame) = groups.next() else { return held.take().map(Ok) };
            match frame.and_then(|frame| Group::of(reader, &frame, &names)?.users(reader, held.take())) {
                Ok(mut users) => {
                    held = users.pop();
                    ready = users.into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

/// A row group, as plain numbers.
struct Group {
    ids: Vec<i64>,
    days: Vec<i32>,
    values: Vec<Vec<f64>>,
}

impl Group {
    fn of(reader: &Reader, frame: &DataFrame, names: &[&str]) -> Result<Self, OfflineError> {
        let column = |name| Column::of(reader.path(), frame, name);
        // The id and the day come before the features.
        let values = names[2..].iter().map(|name| column(name).floats()).collect::<Result<_, _>>()?;
        Ok(Self { ids: column(columns::ID).whole()?, days: column(columns::LOAN_DATE).days()?, values })
    }

    /// Gives the last loan of each user in the group, and before them that of the group before, unless its user goes on here.
    fn users(&self, reader: &Reader, before: Option<Latest>) -> Result<Vec<Latest>, OfflineError> {
        let key = |row: &Latest| (row.id, row.event_day);
        let keys = before.as_ref().map(key).into_iter().chain(self.ids.iter().copied().zip(self.days.iter().copied()));
        if !keys.is_sorted() {
            let (path, column) = (reader.path().to_owned(), columns::ID.to_owned());
            return Err(OfflineError::Column { path, column, said: "is not sorted by user and loan date" });
        }
        let before = before.filter(|before| self.ids.first() != Some(&before.id));
        let last = (0..self.ids.len()).filter(|&row| self.ids.get(row + 1) != Some(&self.ids[row]));
        Ok(before.into_iter().chain(last.map(|row| self.row(row))).collect())
    }

    fn row(&self, row: usize) -> Latest {
        let values = self.values.iter().map(|column| column[row]).collect();
        Latest { id: self.ids[row], event_day: self.days[row], values }
    }
}
