//! Calendar dates: the resolution of every event time and as-of here.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike as _, Days, NaiveDate};
use serde::{Deserialize, Serialize, Serializer};

/// A day, written `2020-12-30`; ordered in time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Date(NaiveDate);

/// A text is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no date: write a day of the calendar as YYYY-MM-DD")]
pub struct DateError(String);

impl Date {
    /// The day that Unix time and Arrow's `date32` count from.
    const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 1).expect("the epoch is a day");

    /// Gives today's date, in UTC, so that a job means the same day on every machine.
    pub fn today() -> Self {
        Self(chrono::Utc::now().date_naive())
    }

    /// Takes a count of days since 1970-01-01, as Arrow's `date32` holds a day; none outside years 0 to 9999.
    pub fn from_days(days: i32) -> Option<Self> {
        let distance = Days::new(u64::from(days.unsigned_abs()));
        let day =
            if days < 0 { Self::EPOCH.checked_sub_days(distance) } else { Self::EPOCH.checked_add_days(distance) };
        day.filter(|day| (0..=9999).contains(&day.year())).map(Self)
    }

    /// Gives the count of days since 1970-01-01.
    pub fn days(self) -> i32 {
        i32::try_from((self.0 - Self::EPOCH).num_days()).expect("years 0 to 9999 fit 32 bits of days")
    }
}

impl FromStr for Date {
    type Err = DateError;
    fn from_str(text: &str) -> Result<Self, DateError> {
        let refused = || DateError(text.chars().take(40).collect::<String>().escape_default().to_string());
        // chrono also takes `2020-1-2` and signs; a date here has one spelling.
        if text.len() != 10 || !text.is_ascii() || text.starts_with(['+', '-']) {
            return Err(refused());
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Self).map_err(|_| refused())
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;
    fn try_from(text: String) -> Result<Self, DateError> {
        text.parse()
    }
}

impl Date {
    /// Gives the ten characters: every answer has two dates, and chrono's general formatting takes longer than reading the store.
    fn text(self) -> [u8; 10] {
        let (year, month, day) = (self.0.year() as u32, self.0.month(), self.0.day());
        let digit = |number: u32, of: u32| b'0' + (number / of % 10) as u8;
        [
            digit(year, 1000),
            digit(year, 100),
            digit(year, 10),
            digit(year, 1),
            b'-',
            digit(month, 10),
            digit(month, 1),
            b'-',
            digit(day, 10),
            digit(day, 1),
        ]
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.text()).expect("digits and hyphens"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.text()).expect("digits and hyphens"))
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_days() {
        let check = |text: &str, days: i32| {
            let date: Date = text.parse().expect("a day");
            assert_eq!((date.days(), date.to_string().as_str()), (days, text));
            assert_eq!(Date::from_days(days), Some(date));
        };
        check("1970-01-01", 0);
        check("1969-12-31", -1);
        check("2020-02-29", 18_321);
        check("3021-09-18", 384_130);
        for bad in ["", "2021-02-29", "2020-1-02", "2020-12-30 ", "20-12-2020", "+020-01-01", "2020/12/30"] {
            assert!(bad.parse::<Date>().is_err(), "{bad:?}");
        }
        assert_eq!(Date::from_days(i32::MAX), None);
    }
}
