//! The list of users and times that features are asked for, CSV or Parquet.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use contract::date::Date;
use contract::ids::EntityId;
use polars::prelude::*;

use crate::days;
use crate::offline::guarded;

/// The most bytes a list may have: some 200 million users and times, beyond which memory is the wrong place.
pub const BYTES_MAX: u64 = 8 << 30;

/// The names that the column of users may have.
const USER_NAMES: [&str; 2] = ["user_id", "id"];
/// The names that the column of times may have.
const TIME_NAMES: [&str; 3] = ["time", "event_time", "timestamp"];

/// Users and times, and whatever else stands beside them.
#[derive(Debug, Clone)]
pub struct Spine {
    /// The list as it stands.
    pub frame: DataFrame,
    /// The user of each row.
    pub ids: Vec<i64>,
    /// The day of each row, in UTC, counted from 1970-01-01.
    pub days: Vec<i32>,
}

/// Why a list is refused.
#[derive(Debug, thiserror::Error)]
pub enum SpineError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; give a CSV or Parquet file with the columns user_id and time")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("{path} has {bytes} bytes, and at most {BYTES_MAX} are read at once: split it")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is neither CSV nor Parquet.
    #[error("{path} is neither CSV nor Parquet: {said}")]
    Format {
        /// The file.
        path: PathBuf,
        /// The reader's answer.
        said: String,
    },
    /// There is not exactly one column of users, or of times.
    #[error("{path} has {count} of the columns {names}, and needs exactly one; it has: {found}")]
    Column {
        /// The file.
        path: PathBuf,
        /// How many there are.
        count: usize,
        /// The names that it may have.
        names: String,
        /// The columns of the file.
        found: String,
    },
    /// A value is none.
    #[error("{path}, row {row}: `{column}` is `{value}`, and must be {wanted}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The row, from 1 for the first below the header.
        row: usize,
        /// The column.
        column: String,
        /// What stands there.
        value: String,
        /// What should stand there.
        wanted: &'static str,
    },
}

impl Spine {
    /// Reads a list, CSV or Parquet, told apart by how the file begins.
    ///
    /// # Errors
    /// [`SpineError`], with the first row at fault.
    pub fn read(path: &Path) -> Result<Self, SpineError> {
        let failed = |source| SpineError::Read { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(failed)?.len();
        if bytes > BYTES_MAX {
            return Err(SpineError::TooLarge { path: path.to_owned(), bytes });
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let said = |said: String| SpineError::Format { path: path.to_owned(), said };
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Err(said("it is packed with gzip; unpack it first".to_owned()));
        }
        let frame = guarded(path, || parse(bytes)).map_err(|error| said(error.to_string()))?;
        let (user, time) = (one_of(path, &frame, &USER_NAMES)?, one_of(path, &frame, &TIME_NAMES)?);
        let (ids, days) = (ids(path, user)?, days_of(path, time)?);
        Ok(Self { ids, days, frame })
    }
}

fn parse(bytes: Vec<u8>) -> PolarsResult<DataFrame> {
    if bytes.starts_with(b"PAR1") {
        return ParquetReader::new(Cursor::new(bytes)).set_rechunk(true).finish();
    }
    // No types are guessed: what is only carried through stays the text it was.
    let options = CsvReadOptions::default().with_infer_schema_length(Some(0)).with_rechunk(true);
    options.into_reader_with_file_handle(Cursor::new(bytes)).finish()
}

fn one_of<'a>(path: &Path, frame: &'a DataFrame, names: &[&str]) -> Result<&'a Column, SpineError> {
    let found: Vec<_> = frame.columns().iter().filter(|column| names.contains(&column.name().as_str())).collect();
    if let [one] = found.as_slice() {
        return Ok(*one);
    }
    let list: Vec<_> = frame.get_column_names().iter().map(ToString::to_string).collect();
    let list = list.join(", ").escape_default().take(600).collect();
    Err(SpineError::Column { path: path.to_owned(), count: found.len(), names: names.join(", "), found: list })
}

fn ids(path: &Path, column: &Column) -> Result<Vec<i64>, SpineError> {
    let wanted = "a user id: a whole number from 0 on";
    let number = |text: &str| text.parse::<EntityId>().ok().and_then(|id| i64::try_from(id.get()).ok());
    let ids: Vec<Option<i64>> = match column.dtype() {
        DataType::String => texts(path, column)?.iter().map(|text| number(text?)).collect(),
        dtype if dtype.is_integer() => {
            let numbers = column.cast(&DataType::Int64).map_err(|error| format(path, &error))?;
            let numbers = numbers.i64().map_err(|error| format(path, &error))?;
            numbers.iter().map(|id| id.filter(|&id| id >= 0)).collect()
        }
        _ => vec![None; column.len()],
    };
    all_there(path, column, ids, wanted)
}

fn days_of(path: &Path, column: &Column) -> Result<Vec<i32>, SpineError> {
    let wanted = "a day as YYYY-MM-DD, or a time as RFC 3339 has it, such as 2020-06-30T12:00:00Z";
    let days: Vec<Option<i32>> = match column.dtype() {
        DataType::String => texts(path, column)?.iter().map(|text| day(text?)).collect(),
        DataType::Date => {
            let days = column.to_physical_repr();
            days.i32().map_err(|error| format(path, &error))?.iter().collect()
        }
        DataType::Datetime(unit, _) => {
            let units_of_day = 86_400
                * match unit {
                    TimeUnit::Nanoseconds => 1_000_000_000,
                    TimeUnit::Microseconds => 1_000_000,
                    TimeUnit::Milliseconds => 1_000,
                };
            let times = column.to_physical_repr();
            let times = times.i64().map_err(|error| format(path, &error))?;
            times.iter().map(|time| i32::try_from(time?.div_euclid(units_of_day)).ok()).collect()
        }
        _ => vec![None; column.len()],
    };
    all_there(path, column, days, wanted)
}

/// Reads a day, or the day in UTC of a time.
fn day(text: &str) -> Option<i32> {
    days::parse(text.as_bytes()).or_else(|| {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        let day: Date = time.to_utc().date_naive().to_string().parse().ok()?;
        Some(day.days())
    })
}

fn texts<'a>(path: &Path, column: &'a Column) -> Result<&'a StringChunked, SpineError> {
    column.str().map_err(|error| format(path, &error))
}

fn all_there<T>(
    path: &Path,
    column: &Column,
    values: Vec<Option<T>>,
    wanted: &'static str,
) -> Result<Vec<T>, SpineError> {
    let bad = values.iter().position(Option::is_none);
    let Some(values) = values.into_iter().collect() else {
        let place = bad.unwrap_or_default();
        let value = column.get(place).map(|value| value.str_value().into_owned()).unwrap_or_default();
        let value = value.chars().take(60).collect::<String>().escape_default().to_string();
        let column = column.name().to_string();
        return Err(SpineError::Value { path: path.to_owned(), row: place + 1, column, value, wanted });
    };
    Ok(values)
}

fn format(path: &Path, error: &PolarsError) -> SpineError {
    SpineError::Format { path: path.to_owned(), said: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: impl AsRef<[u8]>) -> Result<Spine, SpineError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("a write");
        Spine::read(file.path())
    }

    #[test]
    fn times_become_days_in_utc() {
        let check = |text: &str, day: &str| {
            let spine = read(format!("user_id,time\n7,{text}\n")).expect(text);
            let wanted: Date = day.parse().expect("a day");
            assert_eq!((spine.ids, spine.days), (vec![7], vec![wanted.days()]), "{text}");
        };
        check("2020-06-30", "2020-06-30");
        check("2020-06-30T00:00:00Z", "2020-06-30");
        check("2020-06-30T23:59:59.999Z", "2020-06-30");
        check("2020-06-30T23:30:00-05:00", "2020-07-01");
        check("2020-07-01T01:00:00+02:00", "2020-06-30");
        check("1969-12-31T12:00:00Z", "1969-12-31");
    }

    #[test]
    fn columns_have_several_names_and_others_are_carried() {
        for header in ["user_id,time,x", "id,event_time,x", "id,timestamp,x"] {
            let spine = read(format!("{header}\n7,2020-01-01,007\n")).expect(header);
            let carried = spine.frame.column("x").expect("it is there").str().expect("text").get(0);
            assert_eq!(carried, Some("007"), "{header}");
        }
    }

    #[test]
    fn parquet_times_have_types() {
        let day: Date = "2020-06-30".parse().expect("a day");
        let noon = (i64::from(day.days()) * 24 + 12) * 3_600_000;
        let before_1970 =
            Column::new("time".into(), [noon, -1]).cast(&DataType::Datetime(TimeUnit::Milliseconds, None));
        let dates = Column::new("time".into(), [day.days(), -1]).cast(&DataType::Date);
        for times in [before_1970, dates] {
            let ids = Column::new("id".into(), [7_i32, 8]);
            let mut frame = DataFrame::new(2, vec![ids, times.expect("a cast")]).expect("a frame");
            let mut bytes = Vec::new();
            ParquetWriter::new(&mut bytes).finish(&mut frame).expect("memory takes it");
            let spine = read(bytes).expect("a list");
            assert_eq!((spine.ids, spine.days), (vec![7, 8], vec![day.days(), -1]));
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let check = |text: &str, said: &str| {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        };
        check("", "neither CSV nor Parquet");
        check("PAR1", "neither CSV nor Parquet");
        check("\u{1f}", "needs exactly one");
        check("user_id,when\n1,2020-01-01\n", "0 of the columns time, event_time, timestamp");
        check("user_id,id,time\n1,1,2020-01-01\n", "2 of the columns user_id, id");
        check("user_id,time\n1,2020-01-01\n-1,2020-01-01\n", "row 2: `user_id` is `-1`");
        check("user_id,time\n1.5,2020-01-01\n", "row 1: `user_id` is `1.5`");
        check("user_id,time\n1,\n", "row 1: `time` is `null`");
        check("user_id,time\n1,2020-02-30\n", "must be a day as YYYY-MM-DD");
        check("user_id,time\n1,2020-01-01 10:00\n", "must be a day as YYYY-MM-DD");
        let error = read([0x1f, 0x8b, 8, 0]).expect_err("gzip").to_string();
        assert!(error.contains("unpack it first"), "{error}");
    }
}
