//! A column on its way out of a frame, into plain numbers.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::*;

use super::{Category, OfflineError};

/// A column, with the names that an error needs.
pub struct Column<'a> {
    path: &'a Path,
    name: &'a str,
    column: Option<&'a polars::prelude::Column>,
}

impl<'a> Column<'a> {
    /// Finds a column of a frame that was read from a file.
    pub fn of(path: &'a Path, frame: &'a DataFrame, name: &'a str) -> Self {
        Self { path, name, column: frame.column(name).ok() }
    }

    /// Gives whole numbers, none of which may be missing.
    pub fn whole(&self) -> Result<Vec<i64>, OfflineError> {
        let series = self.of_type(&DataType::Int64)?;
        let numbers = series.i64().map_err(|_| self.refuse("has another type"))?;
        numbers.iter().collect::<Option<Vec<_>>>().ok_or_else(|| self.refuse("has missing values"))
    }

    /// Gives days since 1970-01-01, none of which may be missing.
    pub fn days(&self) -> Result<Vec<i32>, OfflineError> {
        self.days_or_missing()?.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| self.refuse("has missing values"))
    }

    /// Gives days since 1970-01-01.
    pub fn days_or_missing(&self) -> Result<Vec<Option<i32>>, OfflineError> {
        let series = self.of_type(&DataType::Date)?;
        let physical = series.to_physical_repr();
        let days = physical.i32().map_err(|_| self.refuse("has another type"))?;
        Ok(days.iter().collect())
    }

    /// Gives numbers, NaN where missing.
    pub fn floats(&self) -> Result<Vec<f64>, OfflineError> {
        let series = self.column.ok_or_else(|| self.refuse("is absent"))?.as_materialized_series();
        match series.dtype() {
            DataType::Int64 => {
                let numbers = series.i64().map_err(|_| self.refuse("has another type"))?;
                Ok(numbers.iter().map(|number| number.map_or(f64::NAN, |number| number as f64)).collect())
            }
            DataType::Float64 => {
                let numbers = series.f64().map_err(|_| self.refuse("has another type"))?;
                Ok(numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect())
            }
            _ => Err(self.refuse("has another type")),
        }
    }

    /// Gives texts, each kept once.
    pub fn category(&self) -> Result<Category, OfflineError> {
        let series = self.of_type(&DataType::String)?;
        let texts = series.str().map_err(|_| self.refuse("has another type"))?;
        let texts: Vec<&str> = texts.iter().map(|text| text.unwrap_or("(missing)")).collect();
        let places: BTreeMap<&str, u32> = texts.iter().map(|&text| (text, 0)).collect();
        let places: BTreeMap<&str, u32> = places.into_keys().zip(0..).collect();
        let names = places.keys().map(|&name| name.to_owned()).collect();
        Ok(Category { names, codes: texts.iter().map(|text| places[text]).collect() })
    }

    /// Says what is wrong with the column.
    pub fn refuse(&self, said: &'static str) -> OfflineError {
        OfflineError::Column { path: self.path.to_owned(), column: self.name.to_owned(), said }
    }

    fn of_type(&self, wanted: &DataType) -> Result<Series, OfflineError> {
        let column = self.column.filter(|column| column.dtype() == wanted);
        column.map(|column| column.as_materialized_series().clone()).ok_or_else(|| self.refuse("has another type"))
    }
}
