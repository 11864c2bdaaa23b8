//! What a host answers, read with suspicion: whatever listens at the address may be something else.

use std::io::{self, Read as _};

use contract::date::Date;
use contract::digest::Digest;
use contract::ids::EntityId;
use contract::record::{FeatureRecord, features_json};
use contract::view::FeatureView;
use serde::Deserialize;
use serde_json::{Map, Value};
use ureq::http::{Response, StatusCode};

/// What a host answers to a batch that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Answer {
    accepted: u64,
    /// How many records it left, since it has newer ones.
    pub stale: u64,
    received: u64,
}

/// What a host answers of a user's features.
#[derive(Debug, Deserialize)]
pub struct Served {
    user_id: EntityId,
    event_time: Date,
    as_of: Date,
    view: View,
    features: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct View {
    digest: Digest,
}

impl Answer {
    /// Reads the answer to a batch of so many records.
    ///
    /// # Errors
    /// What is odd about it.
    pub fn read(text: &str, records: u64) -> Result<Self, String> {
        let answer: Self = serde_json::from_str(text).map_err(|error| format!("{error} in `{}`", short(text)))?;
        let Self { accepted, stale, received } = answer;
        if received == records && accepted.checked_add(stale) == Some(records) {
            Ok(answer)
        } else {
            Err(format!("{records} records were sent, {received} received, {accepted} accepted, {stale} stale"))
        }
    }
}

impl Served {
    /// Reads what is served of a user; none where it is something else.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Tells whether this is the record, or what a host keeps instead of it since it is newer.
    pub fn covers(&self, record: &FeatureRecord) -> bool {
        let view = FeatureView::credit_risk();
        let (served, sent) = ((self.event_time, self.as_of), (record.event_time, record.as_of));
        let equal = served == sent && self.features == features_json(view, &record.values);
        self.user_id == record.entity && self.view.digest == record.view && (served > sent || equal)
    }
}

/// Gives the host's own words from its problem+json, or the start of whatever it sent.
pub fn problem(status: StatusCode, text: &str) -> String {
    #[derive(Deserialize)]
    struct Problem {
        title: Option<String>,
        detail: Option<String>,
    }
    let status = status.as_u16();
    match serde_json::from_str::<Problem>(text) {
        Ok(Problem { title, detail }) if title.is_some() || detail.is_some() => {
            let words: Vec<_> = [title, detail].into_iter().flatten().map(|words| short(&words)).collect();
            format!("{} ({status})", words.join(": "))
        }
        _ => format!("status {status} {}", short(text)).trim_end().to_owned(),
    }
}

/// Reads the body of an answer, up to the bound.
///
/// # Errors
/// Where the connection breaks before its end.
pub fn text(response: &mut Response<ureq::Body>, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    response.body_mut().as_reader().take(bytes_max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Another machine's words, fit for a terminal.
fn short(words: &str) -> String {
    words.chars().take(500).flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_covers_the_record_or_not() {
        let view = FeatureView::credit_risk();
        let record = FeatureRecord {
            entity: "7".parse().expect("an id"),
            event_time: "2020-12-30".parse().expect("a day"),
            as_of: "2021-12-27".parse().expect("a day"),
            view: view.digest(),
            values: vec![15.0, 128.906_371_169_314_64, 33.0, f64::NAN, 1.0],
        };
        let text = |user: u64, event_time: &str, amount: &str| {
            let head = format!(r#"{{"user_id":{user},"event_time":"{event_time}","as_of":"2021-12-27""#);
            let view = format!(r#""view":{{"name":"credit-risk","digest":"{}"}}"#, view.digest());
            let values = format!(r#""nb_previous_loans":15,"avg_amount_loans_previous":{amount},"age":33"#);
            format!(r#"{head},{view},"features":{{{values},"years_on_the_job":null,"flag_own_car":1}}}}"#)
        };
        let covers = |text: &str| Served::read(text).is_some_and(|served| served.covers(&record));
        let amount = "128.90637116931464";
        assert!(covers(&text(7, "2020-12-30", amount)));
        assert!(covers(&text(7, "2020-12-31", "1.5")), "a newer record is kept in its stead");
        assert!(!covers(&text(7, "2020-12-29", amount)), "an older one is what was there before");
        assert!(!covers(&text(7, "2020-12-30", "128.90637116931467")), "one bit off");
        assert!(!covers(&text(8, "2020-12-30", amount)));
        assert!(!covers(&text(7, "2020-12-30", amount).replace("sha256:", "sha256:00")));
        assert!(!covers("<html>") && !covers("{}"));
    }

    #[test]
    fn an_answer_must_count_what_was_sent() {
        let answer = |text: &str| Answer::read(text, 3);
        assert_eq!(answer(r#"{"accepted":2,"stale":1,"received":3}"#).expect("it adds up").stale, 1);
        for odd in [
            "ok",
            r#"{"accepted":1,"stale":0,"received":1}"#,
            r#"{"accepted":1,"stale":1,"received":3}"#,
            r#"{"accepted":18446744073709551615,"stale":4,"received":3}"#,
        ] {
            assert!(answer(odd).is_err(), "{odd}");
        }
    }
}
