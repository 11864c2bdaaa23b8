//! Many users and rows at once.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::house::{Fixed, House, record};
use crate::access::Gate;
use crate::config::Limits;
use crate::http::models::ScoreFault;
use crate::prediction_log::{LogLimits, PredictionLog};

const PATH: &str = "/v1/predictions";
const SCORE_PATH: &str = "/v1/models/credit-risk/score";

/// A house whose model gives each row a tenth of its first value, and whose users 1 to `users` have their id there.
fn house(users: u64, limits: Limits) -> House {
    furnish(House::with(limits), users)
}

fn furnish(house: House, users: u64) -> House {
    house.models.set(Some(Fixed::of_rows(3, |rows| Ok(rows.chunks(5).map(|row| row[0] / 1e5).collect()))));
    let records = (1..=users).map(|user| {
        let mut record = record(user);
        record.values[0] = user as f64;
        record
    });
    let records: Vec<_> = records.collect();
    house.app.store.put_batch(&records).expect("a write");
    house
}

fn question(ids: impl IntoIterator<Item = u64>) -> String {
    json!({ "user_ids": ids.into_iter().collect::<Vec<_>>() }).to_string()
}

#[test]
fn answers_come_in_the_order_of_the_ids_and_the_unknown_are_told_one_by_one() {
    let house = house(3000, Limits::default());
    // Over several parts, with some twice and some unknown.
    let ids: Vec<u64> = (1..=2500).rev().chain([7, 7, 4000, 8, 5000]).collect();
    let answer = house.ask(PATH, &question(ids.iter().copied()));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    let predictions = answer["predictions"].as_array().expect("a list");
    assert_eq!(predictions.len(), ids.len());
    for (id, prediction) in ids.iter().zip(predictions) {
        assert_eq!(prediction["user_id"], *id);
        match *id {
            4000 | 5000 => assert_eq!(prediction["error"]["code"], "unknown_user", "{prediction}"),
            _ => {
                assert_eq!(prediction["probability"].as_f64(), Some(*id as f64 / 1e5), "{prediction}");
                assert_eq!(prediction["model"]["version"], 3);
                assert_eq!(prediction["features"], Value::Null);
            }
        }
    }
    let alone = house.get("/v1/users/8/prediction").json();
    let with = house.ask(PATH, r#"{"user_ids":[8],"features":true}"#).json();
    assert_eq!(without_age(&with["predictions"][0]), without_age(&alone));
    assert_eq!(house.ask(PATH, &question([])).body, r#"{"predictions":[]}"#);
}

/// The age grows while a test runs.
fn without_age(prediction: &Value) -> Value {
    let mut prediction = prediction.clone();
    assert!(prediction.as_object_mut().expect("an object").remove("age_seconds").is_some());
    prediction
}

#[test]
fn lines_say_what_the_list_says() {
    let house = house(1500, Limits::default());
    let ids: Vec<u64> = (1..=1600).collect();
    let list = house.ask(PATH, &question(ids.iter().copied())).json();
    let headers = "content-type: application/json\r\naccept: text/html, application/x-ndjson;q=0.9\r\n";
    let lines = house.order("POST", PATH, headers, &question(ids.iter().copied()));
    assert!(lines.head.contains("content-type: application/x-ndjson"), "{}", lines.head);
    // What is streamed comes in chunks, each with its size in a line before it.
    let lines: Vec<Value> = lines.body.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lines: Vec<_> = lines.iter().filter(|line| line.is_object()).collect();
    let list = list["predictions"].as_array().expect("a list");
    assert_eq!(lines.len(), list.len());
    for (line, listed) in lines.iter().zip(list) {
        match line["error"].is_null() {
            true => assert_eq!(without_age(line), without_age(listed)),
            false => assert_eq!(*line, listed),
        }
    }
}

#[test]
fn a_question_that_is_none_says_why() {
    let house = house(1, Limits { rows_max: 100, ..Limits::default() });
    for body in
        ["", "[]", "{}", "[1]", r#"{"user_ids":[-1]}"#, r#"{"user_ids":["1"]}"#, r#"{"user_ids":[1],"feature":true}"#]
    {
        house.ask(PATH, body).is_problem(400, "bad_body");
    }
    house.ask(PATH, &question(0..101)).is_problem(400, "too_many_rows");
    assert_eq!(house.ask(PATH, &question(0..100)).status, 200);
    house.ask(PATH, &" ".repeat(300 << 10)).is_problem(413, "body_too_large");
    house.order("POST", PATH, "content-type: text/csv\r\n", "1,2").is_problem(415, "unsupported_media_type");
    house.ask("/v1/predictions?model=other", &question([1])).is_problem(404, "unknown_model");
    house.ask("/v1/predictions?version=9", &question([1])).is_problem(404, "unknown_version");
    house.models.set(None);
    house.ask(PATH, &question([1])).is_problem(503, "no_live_model");
}

#[test]
fn a_row_that_fails_spoils_no_other() {
    let house = house(200, Limits::default());
    let model = |rows: &[f64]| match rows.chunks(5).any(|row| row[0] == 70.0 || row[0] == 150.0) {
        true => Err(ScoreFault { code: "trap", detail: "the model trapped".to_owned() }),
        false => Ok(rows.chunks(5).map(|row| row[0] / 1e5).collect()),
    };
    house.models.set(Some(Fixed::of_rows(1, model)));
    let answer = house.ask(PATH, &question(1..=200)).json();
    for prediction in answer["predictions"].as_array().expect("a list") {
        match prediction["user_id"].as_u64() {
            Some(70 | 150) => assert_eq!(prediction["error"]["code"], "score_failed", "{prediction}"),
            _ => assert!(prediction["probability"].is_f64(), "{prediction}"),
        }
    }
    house.models.set(Some(Fixed::of_rows(2, |_| panic!("a panic that the test wants"))));
    house.ask(PATH, &question(1..=200)).is_problem(500, "internal");
    house.models.set(Some(Fixed::of_rows(3, |rows| Ok(vec![0.5; rows.len() / 5]))));
    assert_eq!(house.ask(PATH, &question(1..=200)).status, 200, "and the next request is served");
}

#[test]
fn readers_that_stall_hold_no_thread() {
    let house = house(5000, Limits { batches_max: 2, ..Limits::default() });
    let body = question((1..=5000).chain(1..=5000));
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let stalled = (0..8).map(|_| {
        let mut stream = house.connect();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("the server reads");
        stream.read_exact(&mut [0]).expect("the answer begins");
        stream
    });
    let stalled: Vec<_> = stalled.collect();
    // As soon as the buffers between are full, nothing is scored for those who do not read.
    let start = Instant::now();
    while house.ask(PATH, &question(1..=1000)).status != 200 {
        assert!(start.elapsed() < Duration::from_secs(10), "the stalled readers hold the threads");
    }
    drop(stalled);
}

#[test]
fn features_in_the_request_are_scored_as_they_are() {
    let house = house(0, Limits { rows_max: 300, ..Limits::default() });
    let row = |count: u64| json!({ "nb_previous_loans": count, "avg_amount_loans_previous": 1.5, "age": 33, "years_on_the_job": null, "flag_own_car": 1 });
    let rows: Vec<_> = (0..200).map(row).collect();
    let answer = house.ask(SCORE_PATH, &json!({ "rows": rows }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    assert_eq!((&answer["model"]["version"], &answer["output"]), (&3.into(), &"probability".into()));
    for (count, score) in answer["scores"].as_array().expect("a list").iter().enumerate() {
        assert_eq!(score["probability"].as_f64(), Some(count as f64 / 1e5));
        assert_eq!(score["decision"], "accept");
    }
    assert_eq!(house.ask(&format!("{SCORE_PATH}?version=3"), r#"{"rows":[]}"#).json()["scores"], json!([]));

    let with = |feature: &str, value: Value| {
        let mut changed = row(1);
        changed[feature] = value;
        house.ask(SCORE_PATH, &json!({ "rows": [row(0), changed] }).to_string())
    };
    for (feature, value) in [("age", json!(33.5)), ("age", json!(null)), ("age", json!(200)), ("height", json!(1))] {
        let answer = with(feature, value);
        answer.is_problem(400, "bad_features");
        assert!(answer.body.contains("row 1") && answer.body.contains(feature), "{}", answer.body);
    }
    with("age", json!("33")).is_problem(400, "bad_body");
    house.ask(SCORE_PATH, r#"{"rows":[{"age":33}]}"#).is_problem(400, "bad_features");
    house.ask(SCORE_PATH, r#"{"rows":{"age":33}}"#).is_problem(400, "bad_body");
    house.ask(SCORE_PATH, &json!({ "rows": vec![row(1); 301] }).to_string()).is_problem(400, "too_many_rows");
    house.ask(&format!("{SCORE_PATH}?version=9"), r#"{"rows":[]}"#).is_problem(404, "unknown_version");
    house.ask(&format!("{SCORE_PATH}?model=credit-risk"), r#"{"rows":[]}"#).is_problem(400, "bad_request");
    house.ask("/v1/models/other/score", r#"{"rows":[]}"#).is_problem(404, "unknown_model");
    house.models.set(Some(Fixed::of_rows(3, |_| Ok(vec![0.5]))));
    house.ask(SCORE_PATH, &json!({ "rows": [row(1), row(2)] }).to_string()).is_problem(500, "score_failed");
}

#[test]
fn what_has_no_room_is_refused_before_it_is_read() {
    let house = house(10, Limits { batches_max: 1, ..Limits::default() });
    let ask = |path: &str| house.ask(path, "{ this is no JSON");
    let paths = ["/v1/predictions", "/v1/models/credit-risk/score", "/invocations", "/get-online-features"];
    for path in paths {
        assert_eq!(ask(path).status, 400, "{path}");
    }
    let _place = house.app.batches.place().expect("the only one");
    for path in paths.iter().chain(&["/v2/models/credit-risk/infer"]) {
        let answer = ask(path);
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
        assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    }
}

#[test]
fn what_finds_the_log_full_is_counted_and_answered_only_where_the_log_may_lack_it() {
    for required in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = LogLimits { queue_max: 4, file_bytes: 1 << 20, files_max: 2, required };
        let log = PredictionLog::open(folder.path(), limits).expect("a log");
        let house = furnish(House::logging(Gate::Open, Some(log), Limits::default()), 20);
        assert_eq!(house.ask(PATH, &question(1..=4)).status, 200);
        // More than the queue holds, however quick its writer is.
        let answer = house.ask(PATH, &question(1..=10));
        if required {
            assert!(answer.body.contains("log_unwritable"), "{}", answer.body);
        } else {
            assert_eq!(answer.json()["predictions"].as_array().map(Vec::len), Some(10), "{}", answer.body);
        }
        let metrics = house.get("/metrics").body;
        assert!(metrics.contains("countersign_prediction_log_records_total{outcome=\"dropped\"} 10\n"), "{metrics}");
    }
}
