//! Every user's most recent loan as a record for a host, one after another; the store is never held whole.

use std::path::Path;

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::EntityId;
use contract::record::FeatureRecord;
use contract::view::{Ages, FeatureView};

use super::PublishError;
use crate::offline::{self, Reader};

/// An offline store, opened for what is served of it.
pub struct Records {
    reader: Reader,
    digest: Digest,
    /// The digest of the view, which every record carries; not to be computed for each.
    view: Digest,
}

impl Records {
    /// Opens an offline store.
    ///
    /// # Errors
    /// [`PublishError::Store`], and [`PublishError::Ages`] of a store whose ages are not those that are served.
    pub fn open(path: &Path) -> Result<Self, PublishError> {
        let reader = Reader::open(path)?.follows_own_view()?;
        if reader.content().ages != Ages::AsOf {
            return Err(PublishError::Ages(path.to_owned()));
        }
        let digest = reader.digest()?;
        Ok(Self { reader, digest, view: FeatureView::credit_risk().digest() })
    }

    /// Gives the digest of the whole file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Gives the day the features were computed for.
    pub fn as_of(&self) -> Date {
        self.reader.content().as_of
    }

    /// Gives the users' records, ascending by user, ages as the view serves them.
    ///
    /// # Errors
    /// [`PublishError::Store`], where the store does not read, and [`PublishError::Record`], where a value lies outside the view.
    pub fn each(&self) -> impl Iterator<Item = Result<FeatureRecord, PublishError>> {
        offline::latest(&self.reader).map(|user| record(user?, self.as_of(), self.view))
    }
}

fn record(user: offline::Latest, as_of: Date, view_digest: Digest) -> Result<FeatureRecord, PublishError> {
    let offline::Latest { id, event_day, values } = user;
    let view = FeatureView::credit_risk();
    let refused = |said: String| PublishError::Record { id, said };
    for (feature, &value) in view.features.iter().zip(&values) {
        feature.check(value).map_err(|error| refused(error.to_string()))?;
    }
    let entity = u64::try_from(id).ok().and_then(|id| EntityId::try_from(id).ok());
    Ok(FeatureRecord {
        entity: entity.ok_or_else(|| refused("the id is negative".to_owned()))?,
        event_time: Date::from_days(event_day)
            .ok_or_else(|| refused("the loan's day is out of the calendar".to_owned()))?,
        as_of,
        view: view_digest,
        values,
    })
}
