//! For each user and time the most recent loan until then: one walk over the sorted list and the sorted store.

use contract::view::{Ages, Feature, Source};
use polars::prelude::*;

use super::RetrieveError;
use super::spine::Spine;
use crate::columns;
use crate::features::source::{dtype, has_ages, whole_years};
use crate::offline::Reader;

/// Gives, for each row of the list, the day of the loan found and the features in the view's order; null where there is
/// none. Ages count to the day asked for, or to the loan's own.
///
/// One row group of the store is in memory at a time, beside what was found so far.
///
/// # Errors
/// [`RetrieveError`], where the store does not read.
pub fn join(spine: &Spine, reader: &Reader, ages: Ages) -> Result<DataFrame, RetrieveError> {
    let features = &reader.plan().view().features;
    let stored: Vec<String> = features.iter().map(|feature| stored(feature, ages)).collect();
    let mut names = vec![columns::ID, columns::LOAN_DATE];
    names.extend(stored.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();

    let mut order: Vec<usize> = (0..spine.ids.len()).collect();
    order.sort_by_key(|&row| (spine.ids[row], spine.days[row]));
    let mut found = Found { places: vec![None; spine.ids.len()], loans: None };
    for frame in reader.groups(names) {
        found.look(spine, &order, &frame?)?;
    }
    let found = found.in_order(reader)?;

    let mut made = vec![found.column(columns::LOAN_DATE)?.clone()];
    for (feature, stored) in features.iter().zip(&stored) {
        let column = found.column(stored)?;
        let value = match ages {
            Ages::AsOf if has_ages(feature) => years(column, &spine.days)?.cast(&dtype(feature.kind))?,
            _ => column.clone(),
        };
        made.push(value.with_name(feature.name.as_str().into()));
    }
    Ok(DataFrame::new(spine.ids.len(), made)?)
}

/// Gives the store's column that a feature comes from: ages that count to the day asked for come from the day itself.
fn stored(feature: &Feature, ages: Ages) -> String {
    match (&feature.source, ages) {
        (Source::YearsSince(day), Ages::AsOf) => day.as_str().to_owned(),
        (Source::YearsSince(_), Ages::Event) => columns::event(feature.name.as_str()),
        _ => feature.name.as_str().to_owned(),
    }
}

/// The loans found so far, and for each row of the list the place of its loan among them.
struct Found {
    places: Vec<Option<IdxSize>>,
    loans: Option<DataFrame>,
}

impl Found {
    /// Looks through one row group. A loan of a later group takes the place of one found before: it is of the same user, and
    /// more recent.
    fn look(&mut self, spine: &Spine, order: &[usize], group: &DataFrame) -> Result<(), RetrieveError> {
        let ids = group.column(columns::ID)?.i64()?.rechunk();
        let days = group.column(columns::LOAN_DATE)?.to_physical_repr();
        let loans: Vec<(i64, i32)> = ids.into_no_null_iter().zip(days.i32()?.into_no_null_iter()).collect();
        let (Some(&(first, _)), Some(&(last, _))) = (loans.first(), loans.last()) else { return Ok(()) };
        let start = order.partition_point(|&row| spine.ids[row] < first);
        let end = order.partition_point(|&row| spine.ids[row] <= last);

        let base = self.loans.as_ref().map_or(0, DataFrame::height);
        let (mut known, mut picked) = (0, Vec::new());
        for &row in &order[start..end] {
            let asked = (spine.ids[row], spine.days[row]);
            // A loan of the very day is known, and of several the last.
            while loans.get(known).is_some_and(|&loan| loan <= asked) {
                known += 1;
            }
            if let Some(loan) = known.checked_sub(1).filter(|&loan| loans[loan].0 == asked.0) {
                self.places[row] = Some((base + picked.len()) as IdxSize);
                picked.push(loan as IdxSize);
            }
        }
        let picked = group.take(&IdxCa::from_vec("".into(), picked))?;
        self.loans = Some(match self.loans.take() {
            Some(loans) => loans.vstack(&picked)?,
            None => picked,
        });
        Ok(())
    }

    /// Gives the loans in the order of the list, null where there is none.
    fn in_order(self, reader: &Reader) -> PolarsResult<DataFrame> {
        match self.loans {
            Some(loans) if loans.height() > 0 => loans.take(&self.places.into_iter().collect()),
            _ => Ok(DataFrame::full_null(&reader.plan().store_schema(), self.places.len())),
        }
    }
}

/// Gives the whole years from each day to the day asked for.
fn years(from: &Column, to: &[i32]) -> PolarsResult<Column> {
    let from = from.to_physical_repr();
    let years = from.i32()?.iter().zip(to).map(|(from, &to)| whole_years(from, to));
    Ok(years.collect::<Int32Chunked>().into_column())
}
