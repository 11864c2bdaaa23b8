//! A prediction as the host logs it: all that it takes to score it again.
//!
//! # Shape
//! One JSON object a line (NDJSON):
//! `{"time":"2026-01-31T08:00:00.123456Z","request_id":"..","user_id":5008804,"event_time":"2020-11-07","as_of":"2021-12-27",
//! "features":{"age":33,..},"probability":0.0067,"decision":"approve","threshold":0.037,"model":{"name":"credit-risk","version":2,
//! "digest":"sha256:..","role":"live"}}`. Where the features came in the request, the user and the days are null.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::date::Date;
use crate::digest::Digest;
use crate::ids::{EntityId, ModelName, ModelVersion};

/// What the files of a log are called: this, a number, and `.ndjson`.
pub const FILE_PREFIX: &str = "predictions-";
/// The most bytes of a line; a prediction takes some 500.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// How the files of a log end.
pub const FILE_SUFFIX: &str = ".ndjson";

/// One prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedPrediction {
    /// When it was made, by the host's clock, as RFC 3339 in UTC.
    pub time: String,
    /// The request that asked for it.
    pub request_id: String,
    /// The user, where the features were stored ones.
    pub user_id: Option<EntityId>,
    /// The day of the latest event in the features.
    pub event_time: Option<Date>,
    /// The day the features were computed for.
    pub as_of: Option<Date>,
    /// The features as all answers have them, null where missing.
    pub features: BTreeMap<String, Option<Number>>,
    /// The score; its bits are those that the model gave.
    pub probability: f64,
    /// What the model advised.
    pub decision: String,
    /// From which score on it advises so.
    pub threshold: f64,
    /// Which version answered.
    pub model: LoggedModel,
}

/// The version that answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedModel {
    /// The model.
    pub name: ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// The digest of the module.
    pub digest: Digest,
    /// In which role it answered.
    pub role: String,
}

impl LoggedPrediction {
    /// Gives the features as numbers.
    pub fn values(&self) -> BTreeMap<String, Option<f64>> {
        let value = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64);
        self.features.iter().map(|(name, number)| (name.clone(), value(number))).collect()
    }

    /// Gives when it was made, in microseconds since 1970.
    pub fn micros(&self) -> Option<i64> {
        DateTime::parse_from_rfc3339(&self.time).ok().map(|time| time.timestamp_micros())
    }
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A prediction.
    Prediction(Box<LoggedPrediction>),
    /// The end of a file that a crash cut off.
    Torn,
    /// No prediction.
    Unread,
}

/// Reads the next line of a log's file; none at its end.
///
/// # Errors
/// Whatever the reader answers.
pub fn next_line(file: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<Option<Line>> {
    buffer.clear();
    let length = io::Read::take(&mut *file, LINE_BYTES_MAX).read_until(b'\n', buffer)?;
    Ok(match (buffer.ends_with(b"\n"), serde_json::from_slice(buffer)) {
        _ if length == 0 => None,
        (true, Ok(prediction)) => Some(Line::Prediction(prediction)),
        (false, _) if (length as u64) < LINE_BYTES_MAX => Some(Line::Torn),
        _ => Some(Line::Unread),
    })
}

/// Gives the files of logs, each a file or a folder of them, in the order of their numbers.
///
/// # Errors
/// Whatever the system says of a folder.
pub fn files(logs: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for log in logs {
        match log.is_dir() {
            true => files.extend(numbered(log)?.into_iter().map(|(_, path)| path)),
            false => files.push(log.clone()),
        }
    }
    Ok(files)
}

/// Lists the files of a log by their numbers.
///
/// # Errors
/// Whatever the system says of the folder.
pub fn numbered(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(file_number) {
            files.push((number, entry.path()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Gives the number in the name of a log's file.
fn file_number(name: &str) -> Option<u64> {
    name.strip_prefix(FILE_PREFIX)?.strip_suffix(FILE_SUFFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_every_bit() {
        let prediction = LoggedPrediction {
            time: "2026-01-31T08:00:00.123456Z".to_owned(),
            request_id: "r".to_owned(),
            user_id: Some("7".parse().expect("an id")),
            event_time: None,
            as_of: None,
            features: [("a".to_owned(), Number::from_f64(0.1 + 0.2)), ("b".to_owned(), None)].into(),
            probability: 1.0 / 3.0,
            decision: "approve".to_owned(),
            threshold: 5e-324,
            model: LoggedModel {
                name: "credit-risk".parse().expect("a name"),
                version: ModelVersion::FIRST,
                digest: Digest::of(b"module"),
                role: "live".to_owned(),
            },
        };
        let line = serde_json::to_string(&prediction).expect("plain data");
        let again: LoggedPrediction = serde_json::from_str(&line).expect("its own line");
        assert_eq!(again, prediction);
        assert_eq!(again.probability.to_bits(), prediction.probability.to_bits());
    }

    #[test]
    fn lines_that_are_none_are_told_from_one_that_was_cut_off() {
        let mut file = &b"{}\nnothing\n{\"time\":\"2026"[..];
        let mut buffer = Vec::new();
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut file, &mut buffer).expect("bytes in memory") {
            lines.push(line);
        }
        assert_eq!(lines, [Line::Unread, Line::Unread, Line::Torn]);
    }

    #[test]
    fn files_are_known_by_their_number() {
        assert_eq!(file_number("predictions-000012.ndjson"), Some(12));
        for other in ["predictions-.ndjson", "predictions-1.json", "x-1.ndjson", "predictions--1.ndjson"] {
            assert_eq!(file_number(other), None, "{other}");
        }
    }
}
