//! The protocols of other servers; their own clients are in `tests/clients.py`, here is what those would not send.

use serde_json::{Value, json};

use super::house::{Fixed, House, record};

const INFER: &str = "/v2/models/credit-risk/infer";

/// A house whose model gives each row a tenth of its first value.
fn house() -> House {
    let house = House::new();
    house.models.set(Some(Fixed::of_rows(3, |rows| Ok(rows.chunks(5).map(|row| row[0] / 10.0).collect()))));
    house.app.store.put_batch(&[record(7)]).expect("a write");
    house
}

fn infer(house: &House, inputs: Value) -> (u16, Value) {
    let answer = house.ask(INFER, &json!({ "inputs": inputs }).to_string());
    (answer.status, answer.json())
}

#[test]
fn tensors_in_json_may_be_nested_or_flat() {
    let house = house();
    let row = [4, 100, 33, 2, 1];
    for data in [json!([row, row]), json!([[row], [row]]), json!([row, row].concat())] {
        let input = json!([{"name": "features", "shape": [2, 5], "datatype": "FP64", "data": data}]);
        let (status, answer) = infer(&house, input);
        assert_eq!((status, &answer["outputs"][0]["data"]), (200, &json!([0.4, 0.4])), "{answer}");
        assert_eq!(answer["outputs"][1]["data"], json!(["accept", "accept"]));
        assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("credit-risk"), &json!("3")));
    }
    let none = json!([{"name": "user_id", "shape": [0], "datatype": "INT64", "data": []}]);
    assert_eq!(infer(&house, none).1["outputs"][0]["data"], json!([]));
}

#[test]
fn hostile_tensors_are_refused_and_cost_nothing() {
    let house = house();
    let huge = u64::MAX;
    for input in [
        json!({"name": "user_id", "shape": [huge], "datatype": "INT64", "data": [7]}),
        json!({"name": "features", "shape": [2, huge], "datatype": "INT64", "data": [7]}),
        json!({"name": "features", "shape": [9999, 1024], "datatype": "INT64", "data": [7]}),
        json!({"name": "user_id", "shape": [1, 1, 1], "datatype": "INT64", "data": [7]}),
        json!({"name": "user_id", "shape": [], "datatype": "INT64", "data": [7]}),
        json!({"name": "user_id", "shape": [-1], "datatype": "INT64", "data": [7]}),
        json!({"name": "user_id", "shape": [1], "datatype": "INT64", "data": [7, 8]}),
        json!({"name": "user_id", "shape": [1], "datatype": "INT64", "data": [[7, 8], [9]]}),
        json!({"name": "user_id", "shape": [2], "datatype": "INT64", "data": 7}),
        json!({"name": "user_id", "shape": [1], "datatype": "INT64", "data": "7"}),
        json!({"name": "user_id", "shape": [1], "datatype": "BYTES", "data": ["7"]}),
        json!({"name": "user_id", "shape": [1], "datatype": "INT64"}),
        json!({"name": "user_id", "shape": [1], "datatype": "INT64", "parameters": {"binary_data_size": 8}}),
        json!({"name": "user_id", "shape": [1], "datatype": "INT64", "data": [7], "parameters": {"binary_data_size": 8}}),
        json!({"name": "age", "shape": [1, 2], "datatype": "INT64", "data": [7, 8]}),
        json!({"name": "features", "shape": [3, 0], "datatype": "INT64", "data": []}),
    ] {
        let (status, answer) = infer(&house, json!([input]));
        assert!(matches!(status, 400 | 413), "{input}: {answer}");
        assert!(answer["error"].is_string() && answer.as_object().map(serde_json::Map::len) == Some(1), "{answer}");
    }
    let (status, answer) = infer(&house, json!([]));
    assert_eq!(status, 400, "{answer}");
    let both = json!([
        {"name": "features", "shape": [1, 5], "datatype": "INT64", "data": [1, 2, 3, 4, 1]},
        {"name": "age", "shape": [1], "datatype": "INT64", "data": [7]},
    ]);
    assert_eq!(infer(&house, both).0, 400);
    assert_eq!(house.ask("/v2/models/credit-risk/versions/x/infer", "{}").status, 400);
    assert_eq!(house.ask("/v2/models/credit-risk/versions/9/infer", r#"{"inputs":[]}"#).status, 400);
}

#[test]
fn binary_tensors_end_where_they_say() {
    let house = house();
    let ask = |length: &str, size: usize, bytes: &str| {
        let input =
            json!({"name": "user_id", "shape": [1], "datatype": "INT64", "parameters": {"binary_data_size": size}});
        let text = json!({ "inputs": [input] }).to_string();
        let length = if length.is_empty() { text.len().to_string() } else { length.to_owned() };
        let header = format!("inference-header-content-length: {length}\r\n");
        house.order("POST", INFER, &header, &format!("{text}{bytes}")).status
    };
    assert_eq!(ask("", 8, "\u{7}\0\0\0\0\0\0\0"), 200);
    assert_eq!(ask("", 8, "\u{7}\0\0\0\0\0\0"), 400, "too few");
    assert_eq!(ask("", 8, "\u{7}\0\0\0\0\0\0\0\0"), 400, "too many");
    assert_eq!(ask("", 7, "\u{7}\0\0\0\0\0\0"), 400, "no whole value");
    assert_eq!(ask("", 16, "\u{7}\0\0\0\0\0\0\0\u{7}\0\0\0\0\0\0\0"), 400, "more than the shape says");
    assert_eq!(ask("", usize::MAX, ""), 400);
    for length in ["99999999", "-1", "x"] {
        assert_eq!(ask(length, 8, "\u{7}\0\0\0\0\0\0\0"), 400, "{length}");
    }
}

#[test]
fn without_a_model_each_protocol_says_so_in_its_own_way() {
    let house = House::new();
    house.models.set(None);
    let told = |path: &str, body: &str| {
        let answer = house.ask(path, body);
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
        answer.json()
    };
    let input = r#"{"inputs":[{"name":"user_id","shape":[1],"datatype":"INT64","data":[7]}]}"#;
    assert!(told(INFER, input)["error"].is_string());
    assert_eq!(told("/invocations", r#"{"instances":[7]}"#)["error_code"], "no_live_model");
    assert_eq!(house.get("/ping").status, 503);
    assert_eq!(house.get("/v2/health/ready").status, 503);
    assert_eq!(house.get("/v2/health/live").status, 200);
    // Features need no model.
    let question = r#"{"features":["age"],"entities":{"user_id":[7]}}"#;
    let answer = house.ask("/get-online-features", question);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["results"][1]["statuses"], json!(["NOT_FOUND"]));
}
