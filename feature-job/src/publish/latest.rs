//! Every user's most recent loan as a record for a host, one after another.

use std::path::Path;

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::EntityId;
use contract::record::FeatureRecord;
use contract::view::{Ages, FeatureView};

use super::PublishError;
use crate::offline::Table;

/// An offline store, opened for what is served of it.
pub struct Latest {
    table: Table,
    rows: Vec<f64>,
}

impl Latest {
    /// Opens an offline store.
    ///
    /// # Errors
    /// [`PublishError::Store`].
    pub fn open(path: &Path) -> Result<Self, PublishError> {
        let table = Table::read(path)?;
        let rows = table.rows(Ages::AsOf);
        Ok(Self { table, rows })
    }

    /// Gives the digest of the whole file.
    pub fn digest(&self) -> Digest {
        self.table.digest
    }

    /// Gives the day the features were computed for.
    pub fn as_of(&self) -> Date {
        self.table.as_of
    }

    /// Gives the users' records, ascending by user, ages as the view serves them.
    ///
    /// # Errors
    /// [`PublishError::Record`], where a value lies outside the view.
    pub fn records(&self) -> impl Iterator<Item = Result<FeatureRecord, PublishError>> {
        let width = FeatureView::credit_risk().width();
        self.table.latest().into_iter().map(move |row| record(&self.table, row, &self.rows[row * width..][..width]))
    }
}

fn record(table: &Table, row: usize, values: &[f64]) -> Result<FeatureRecord, PublishError> {
    let view = FeatureView::credit_risk();
    let id = table.ids[row];
    let refused = |said: String| PublishError::Record { id, said };
    for (feature, &value) in view.features.iter().zip(values) {
        feature.check(value).map_err(|error| refused(error.to_string()))?;
    }
    let entity = u64::try_from(id).ok().and_then(|id| EntityId::try_from(id).ok());
    let event_time = Date::from_days(table.event_days[row]);
    Ok(FeatureRecord {
        entity: entity.ok_or_else(|| refused("the id is negative".to_owned()))?,
        event_time: event_time.ok_or_else(|| refused("the loan's day is out of the calendar".to_owned()))?,
        as_of: table.as_of,
        view: view.digest(),
        values: values.to_vec(),
    })
}
