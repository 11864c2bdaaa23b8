//! Every user's most recent loan as a record for a host, one after another, with one row group of the store in memory.

use std::path::Path;

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::EntityId;
use contract::record::FeatureRecord;
use contract::view::FeatureView;

use super::PublishError;
use crate::offline::{self, Latest, Reader};

/// An offline store, opened for what is served of it; it stays the same file, whatever is put in its place meanwhile.
pub struct Records {
    reader: Reader,
    digest: Digest,
    view: Digest,
}

impl Records {
    /// Opens an offline store of the view that is served.
    ///
    /// # Errors
    /// [`PublishError::Store`].
    pub fn open(path: &Path) -> Result<Self, PublishError> {
        let reader = Reader::open(path)?;
        let digest = reader.digest()?;
        Ok(Self { reader, digest, view: FeatureView::credit_risk().digest() })
    }

    /// Gives the digest of the whole file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Gives the day the features were computed for.
    pub fn as_of(&self) -> Date {
        self.reader.manifest().as_of
    }

    /// Gives the users' records, ascending by user; what comes after an error is not to be looked at.
    ///
    /// # Errors
    /// [`PublishError::Store`], and [`PublishError::Record`] where a value lies outside the view.
    pub fn each(&self) -> impl Iterator<Item = Result<FeatureRecord, PublishError>> {
        offline::latest(&self.reader).map(|latest| self.record(latest?))
    }

    fn record(&self, latest: Latest) -> Result<FeatureRecord, PublishError> {
        let view = FeatureView::credit_risk();
        let Latest { id, event_day, values } = latest;
        let refused = |said: String| PublishError::Record { id, said };
        for (feature, &value) in view.features.iter().zip(&values) {
            feature.check(value).map_err(|error| refused(error.to_string()))?;
        }
        let entity = u64::try_from(id).ok().and_then(|id| EntityId::try_from(id).ok());
        Ok(FeatureRecord {
            entity: entity.ok_or_else(|| refused("the id is negative".to_owned()))?,
            event_time: Date::from_days(event_day)
                .ok_or_else(|| refused("the loan's day is out of the calendar".to_owned()))?,
            as_of: self.as_of(),
            view: self.view,
            values,
        })
    }
}
