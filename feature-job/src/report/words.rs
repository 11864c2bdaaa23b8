//! Numbers and texts as a page shows them.

use contract::card::Interval;
use contract::seal::refusal::printable;
use maud::{Markup, html};

/// The most characters of one value from a card that a table shows.
const VALUE_CHARS_MAX: usize = 160;

/// Gives a text from a card or a loan file as a page may show it: marks that hide or reorder made visible. Escaping for HTML
/// is left to the page.
pub fn text(text: &str) -> String {
    printable(text)
}

/// Gives a value from a card, cut where it is long.
pub fn value(value: &serde_json::Value) -> String {
    let whole = match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut: String = whole.chars().take(VALUE_CHARS_MAX).collect();
    text(&if cut.len() < whole.len() { cut + " ..." } else { cut })
}

/// Writes a count with its thousands apart: `233,315`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut written = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// Writes a figure with four decimals, or a dash.
pub fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

/// Writes a share as a percentage with as many decimals as small shares need.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() < 10.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}

/// Writes a whole or a broken number without needless decimals.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(value.abs() as u64));
    }
    format!("{value:.4}")
}

/// Writes an interval's ends.
pub fn interval(interval: Option<&Interval>) -> String {
    interval.map_or_else(|| "-".to_owned(), |of| format!("{:.4} to {:.4}", of.low, of.high))
}

/// Marks an outcome so that it can be told without colour as well.
pub fn outcome(passed: bool) -> Markup {
    html! { @if passed { span.good { "passed" } } @else { span.bad { "NOT PASSED" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1_000, 233_315, 12_345_678].map(count), ["0", "999", "1,000", "233,315", "12,345,678"]);
        assert_eq!([number(2.0), number(-1_500.0), number(0.25)], ["2", "-1,500", "0.2500"]);
        assert_eq!([percent(0.01488), percent(0.985)], ["1.49 %", "98.5 %"]);
        assert_eq!(figure(None), "-");
    }

    #[test]
    fn long_and_hidden_texts_are_cut_and_shown() {
        assert_eq!(value(&"x".repeat(200).into()).len(), VALUE_CHARS_MAX + 4);
        assert_eq!(value(&serde_json::json!({"trees": 100})), "{\"trees\":100}");
        assert_eq!(text("a\u{202e}b\u{1b}"), "a\\u{202e}b\\u{1b}");
    }
}
