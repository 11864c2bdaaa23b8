//! One value of a loan file: read exactly, or not at all.

use crate::days;

use super::schema::Kind;

/// Stands for a missing value, whatever the kind: no whole number, day or category is so large, and as a float it is NaN.
pub const MISSING: i64 = i64::MAX;

/// Why a value is not one of a column's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is of another kind.
    Unreadable,
    /// It lies outside the range.
    Range,
}

/// A column's kind, as the reader of millions wants it.
#[derive(Debug, Clone)]
pub enum Reader {
    /// Whole numbers of a range.
    Whole(i64, i64),
    /// Real numbers of a range.
    Number(f64, f64),
    /// Days of a range, since 1970-01-01.
    Day(i32, i32),
    /// One of these texts.
    Category(Vec<Vec<u8>>),
}

impl Reader {
    /// Makes a reader of a kind.
    pub fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Whole { min, max } => Self::Whole(*min, *max),
            Kind::Number { min, max } => Self::Number(*min, *max),
            Kind::Day { min, max } => Self::Day(min.days(), max.days()),
            Kind::Category(values) => Self::Category(values.iter().map(|value| value.clone().into_bytes()).collect()),
        }
    }

    /// Reads a field that is not empty. A number is given by its bits, a category by its place among the texts.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn read(&self, field: &[u8]) -> Result<i64, Refused> {
        let within = |within: bool| if within { Ok(()) } else { Err(Refused::Range) };
        match self {
            Self::Whole(min, max) => {
                let value = whole(field)?;
                within((min..=max).contains(&&value)).map(|()| value)
            }
            Self::Number(min, max) => {
                // The standard library's own reading is exact to the last bit.
                let value = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok());
                let value = value.filter(|value| value.is_finite()).ok_or(Refused::Unreadable)?;
                // Adding zero turns -0 into 0, of which there is to be one.
                within((min..=max).contains(&&value)).map(|()| (value + 0.0).to_bits().cast_signed())
            }
            Self::Day(min, max) => {
                let value = days::parse(field).ok_or(Refused::Unreadable)?;
                within((min..=max).contains(&&value)).map(|()| i64::from(value))
            }
            Self::Category(texts) => {
                let place = texts.iter().position(|text| text == field).ok_or(Refused::Unreadable)?;
                Ok(place as i64)
            }
        }
    }
}

/// Reads a whole number: digits, and a minus before them. Zeros may follow after a point, since programs that know no missing
/// whole numbers write a column that has any as `2.0`.
fn whole(field: &[u8]) -> Result<i64, Refused> {
    let field = match memchr::memchr(b'.', field) {
        Some(point) if point + 1 < field.len() && field[point + 1..].iter().all(|&digit| digit == b'0') => {
            &field[..point]
        }
        _ => field,
    };
    let (digits, sign) = match field {
        [b'-', digits @ ..] => (digits, -1),
        digits => (digits, 1),
    };
    // Nineteen digits and more may overflow, and no column has a range that wide.
    match digits.len() {
        1..19 if digits.iter().all(u8::is_ascii_digit) => {
            Ok(sign * digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
        }
        19.. if digits.iter().all(u8::is_ascii_digit) => Err(Refused::Range),
        _ => Err(Refused::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_at_the_bounds_and_not_past_them() {
        let check = |reader: &Reader, text: &str, wanted: Result<i64, Refused>| {
            assert_eq!(reader.read(text.as_bytes()), wanted, "{text}");
        };
        let whole = Reader::Whole(-5, 1 << 53);
        check(&whole, "-5", Ok(-5));
        check(&whole, "-6", Err(Refused::Range));
        check(&whole, "-5.0", Ok(-5));
        check(&whole, "12.00", Ok(12));
        check(&whole, "9007199254740992", Ok(1 << 53));
        check(&whole, "9007199254740993", Err(Refused::Range));
        check(&whole, "99999999999999999999", Err(Refused::Range));
        for text in ["x", "-", "1.", ".0", "1.0.0", "1.01", "1.5", "+1", " 1", "1 ", "1e3", "0x1"] {
            check(&whole, text, Err(Refused::Unreadable));
        }

        let number = Reader::Number(0.0, 1000.0);
        let bits = |value: f64| Ok(value.to_bits().cast_signed());
        check(&number, "128.90637116931464", bits(128.906_371_169_314_64));
        check(&number, "0.1", bits(0.1));
        check(&number, "1e3", bits(1000.0));
        check(&number, "-0", bits(0.0));
        check(&number, "-0.01", Err(Refused::Range));
        check(&number, "1000.0000000000001", Err(Refused::Range));
        for text in ["NaN", "inf", "-inf", "1e999", "12 EUR", "1,5", " 1"] {
            check(&number, text, Err(Refused::Unreadable));
        }

        let day = Reader::Day(0, 365);
        check(&day, "1970-01-01", Ok(0));
        check(&day, "1971-01-01", Ok(365));
        check(&day, "1971-01-02", Err(Refused::Range));
        check(&day, "1969-12-31", Err(Refused::Range));
        check(&day, "1970-1-01", Err(Refused::Unreadable));

        let category = Reader::of(&Kind::Category(vec!["N".to_owned(), "Y".to_owned()]));
        check(&category, "Y", Ok(1));
        check(&category, "y", Err(Refused::Unreadable));
    }
}
