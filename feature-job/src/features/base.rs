//! The offline store that a run extends: its loans, taken back out of it, and the files that they came from.
//!
//! The store's loans are put before the new ones, as if the files that they came from had been read again; all that follows
//! is what a full run does. So an extended store has the bytes of a full run over all files.
//!
//! A loan that the store has is left out where the new files hold it again, so that a file may be passed a second time. With
//! other values it is refused. Loans that the store left out, since they lay after its as-of, are not in it: once as-of moves
//! on, the files they stand in are needed again.

use std::path::{Path, PathBuf};

use contract::date::Date;
use contract::digest::Digest;
use contract::view::Source as Computed;
use polars::prelude::{Column, DataFrame, DataType, PlHashMap, PolarsError};

use super::build::Options;
use crate::columns;
use crate::loans::held::Held;
use crate::loans::limits::Limits;
use crate::loans::read::Loans;
use crate::loans::schema::{Kind, Schema};
use crate::loans::users::Users;
use crate::loans::value::MISSING;
use crate::offline::{Manifest, OfflineError, Reader, Source};

/// A store that is extended.
#[derive(Debug)]
pub struct Base {
    path: PathBuf,
    held: Held,
    manifest: Manifest,
}

/// Why a store cannot be extended.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The store does not read.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// Nothing says which files it was made from.
    #[error("{0} has no manifest of its own beside it (its name and .manifest.json): compute the features in full")]
    NoManifest(PathBuf),
    /// It was computed otherwise than is asked now.
    #[error("{path} was computed with another {what}: give the same, or compute the features in full")]
    Otherwise {
        /// The store.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// As-of lies before the store's.
    #[error("{path} knows loans until {store}, and --as-of is {as_of}: compute the features of an earlier day in full")]
    Earlier {
        /// The store.
        path: PathBuf,
        /// Its day.
        store: Date,
        /// The day asked for.
        as_of: Date,
    },
    /// Loans that it left out are needed now.
    #[error(
        "{path} left out {loans} loans after {as_of}, and they are needed now: pass the files that they stand in again, \
         with the digests {digests}"
    )]
    LeftOut {
        /// The store.
        path: PathBuf,
        /// How many.
        loans: u64,
        /// Its day.
        as_of: Date,
        /// The files.
        digests: String,
    },
    /// It holds a value that the schema of loans no longer allows.
    #[error("{path}: column `{column}` holds what the schema of loans does not allow: compute the features in full")]
    Value {
        /// The store.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// Loans have other values than they had.
    #[error(
        "{loans} loans of the store have other values in the new files, the first is loan {loan_id}: compute in full"
    )]
    Changed {
        /// How many.
        loans: usize,
        /// The first of them.
        loan_id: i64,
    },
    /// Users have other attributes than they had.
    #[error("{users} users have another `{column}` in the new files than in the store, the first is user {id}")]
    Attribute {
        /// How many.
        users: usize,
        /// The first column that shows it.
        column: String,
        /// The first user.
        id: i64,
    },
    /// Together there are more loans than are held.
    #[error("the store and the new files hold more than {loans_max} loans together: split them by user")]
    TooMany {
        /// The bound.
        loans_max: usize,
    },
}

impl BaseError {
    /// Tells whether the new loans are at fault, and not the store or how it is asked for.
    pub fn is_of_the_data(&self) -> bool {
        matches!(self, Self::Changed { .. } | Self::Attribute { .. } | Self::TooMany { .. })
    }
}

impl Base {
    /// Reads the store's loans, before any long work, after checking that it can be extended as asked.
    ///
    /// # Errors
    /// [`BaseError`].
    pub fn open(store: &Path, options: &Options) -> Result<Self, BaseError> {
        let path = store.to_owned();
        let reader = Reader::open(store)?;
        let content = reader.content();
        let differs = [
            (content.view != *options.plan.view(), "feature view"),
            (content.ages != options.ages, "reference of ages (--ages)"),
        ];
        if let Some((_, what)) = differs.into_iter().find(|(differs, _)| *differs) {
            return Err(BaseError::Otherwise { path, what });
        }
        if options.as_of < content.as_of {
            return Err(BaseError::Earlier { path, store: content.as_of, as_of: options.as_of });
        }
        let manifest = reader.manifest()?.ok_or_else(|| BaseError::NoManifest(path.clone()))?;
        let held = held(&reader)?;
        Ok(Self { path, held, manifest })
    }

    /// Puts the store's loans before those that were read, of which those that it has are left out; gives the files of both.
    ///
    /// # Errors
    /// [`BaseError`], where the new files contradict the store, or where others are needed beside them.
    pub fn extend(self, loans: &mut Loans, read: Vec<Source>) -> Result<Vec<Source>, BaseError> {
        let sources = self.sources(read, loans.as_of)?;
        let new = self.new_rows(loans)?;
        let loans_max = Limits::default().loans_max;
        if self.held.len() + new.len() > loans_max {
            return Err(BaseError::TooMany { loans_max });
        }
        let mut held = self.held;
        held.append(loans.held.select(&new));
        loans.held = held;
        Ok(sources)
    }

    /// Gives the files in the order of a full run: the store's, then the new ones. One that was passed again stands for itself.
    fn sources(&self, read: Vec<Source>, as_of: Date) -> Result<Vec<Source>, BaseError> {
        let again = |digest: Digest| read.iter().find(|source| source.digest == digest);
        let missing =
            self.manifest.sources.iter().filter(|source| source.excluded > 0 && again(source.digest).is_none());
        let missing: Vec<_> = missing.collect();
        if as_of > self.manifest.as_of && !missing.is_empty() {
            let digests: Vec<_> = missing.iter().map(|source| source.digest.to_string()).collect();
            return Err(BaseError::LeftOut {
                path: self.path.clone(),
                loans: missing.iter().map(|source| source.excluded).sum(),
                as_of: self.manifest.as_of,
                digests: digests.join(", "),
            });
        }
        let known = |digest: Digest| self.manifest.sources.iter().any(|source| source.digest == digest);
        let own = self.manifest.sources.iter().map(|own| again(own.digest).unwrap_or(own).clone());
        Ok(own.chain(read.iter().filter(|source| !known(source.digest)).cloned()).collect())
    }

    /// Gives the rows read whose loans the store does not have.
    fn new_rows(&self, loans: &Loans) -> Result<Vec<u32>, BaseError> {
        let place = loans.place(columns::LOAN_ID);
        let rows: PlHashMap<i64, usize> = self.held.whole(place).iter().copied().zip(0..).collect();
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for (row, loan_id) in (0_u32..).zip(loans.held.whole(place)) {
            match rows.get(loan_id) {
                None => new.push(row),
                Some(&own) if self.held.same_row(own, &loans.held, row as usize) => {}
                Some(_) => changed.push(*loan_id),
            }
        }
        match changed.first() {
            None => Ok(new),
            Some(&loan_id) => Err(BaseError::Changed { loans: changed.len(), loan_id }),
        }
    }
}

/// Checks that every user keeps the attributes that the store holds.
///
/// # Errors
/// [`BaseError::Attribute`].
pub fn attributes_kept(loans: &Loans, users: &Users) -> Result<(), BaseError> {
    let ids = loans.held.whole(loans.place(columns::ID));
    for (place, column) in loans.schema.columns.iter().enumerate() {
        if !column.constant || !loans.held.keeps(place) {
            continue;
        }
        let differs = |rows: &&[u32]| rows.iter().any(|&row| !loans.held.same(place, row as usize, rows[0] as usize));
        let changed: Vec<i64> = users.iter().filter(differs).map(|rows| ids[rows[0] as usize]).collect();
        if let Some(&id) = changed.first() {
            return Err(BaseError::Attribute { users: changed.len(), column: column.name.clone(), id });
        }
    }
    Ok(())
}

/// Takes the loans back out of a store, a row group at a time.
fn held(reader: &Reader) -> Result<Held, BaseError> {
    let (schema, plan) = (Schema::loans(), reader.plan());
    let names = plan.loan_columns();
    let places: Vec<_> = names.iter().filter_map(|name| schema.position(name)).collect();
    let mut held = Held::new(schema, &places);
    let mut row = vec![MISSING; schema.columns.len()];
    for group in reader.groups(names.clone()) {
        let group = group?;
        let column = |(&place, &name): (&usize, &&'static str)| {
            let source = plan.view().features.iter().find(|feature| feature.name.as_str() == name);
            values(&group, name, &schema.columns[place].kind, source.map(|feature| &feature.source))
                .ok_or_else(|| BaseError::Value { path: reader.path().to_owned(), column: name })
        };
        let columns = places.iter().zip(&names).map(column).collect::<Result<Vec<_>, _>>()?;
        for at in 0..group.height() {
            for (&place, values) in places.iter().zip(&columns) {
                row[place] = values[at];
            }
            // The attributes that are hashed while files are read are not all in the store; those that are are compared.
            held.push(&row, 0);
        }
    }
    Ok(held)
}

/// Gives a column's values as the reader of loan files gives them; a flag that stands for its column becomes its text again.
fn values(group: &DataFrame, name: &str, kind: &Kind, source: Option<&Computed>) -> Option<Vec<i64>> {
    let column = group.column(name).ok()?;
    match kind {
        Kind::Whole { .. } => whole(column).ok(),
        Kind::Number { .. } => {
            let numbers = column.cast(&DataType::Float64).ok()?;
            let bits = |number: Option<f64>| number.map_or(MISSING, |number| number.to_bits().cast_signed());
            Some(numbers.f64().ok()?.iter().map(bits).collect())
        }
        Kind::Day { .. } => {
            let days = column.to_physical_repr();
            Some(days.i32().ok()?.iter().map(|day| day.map_or(MISSING, i64::from)).collect())
        }
        Kind::Category(texts) => {
            let place = |text: &str| Some(texts.iter().position(|known| known == text)? as i64);
            match source {
                Some(Computed::Flag { one, zero, .. }) => {
                    let (one, zero) = (place(one)?, place(zero)?);
                    let text = |flag: i64| match flag {
                        0 => Some(zero),
                        1 => Some(one),
                        MISSING => Some(MISSING),
                        _ => None,
                    };
                    whole(column).ok()?.into_iter().map(text).collect()
                }
                _ => column.str().ok()?.iter().map(|text| text.map_or(Some(MISSING), place)).collect(),
            }
        }
    }
}

fn whole(column: &Column) -> Result<Vec<i64>, PolarsError> {
    let numbers = column.cast(&DataType::Int64)?;
    Ok(numbers.i64()?.iter().map(|number| number.unwrap_or(MISSING)).collect())
}
