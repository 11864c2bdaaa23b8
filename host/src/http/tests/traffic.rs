//! Orders by operators, as requests.

use super::house::House;

const JSON: &str = "content-type: application/json\r\n";
const TRAFFIC: &str = "/v1/models/credit-risk/traffic";
const ROLLBACK: &str = "/v1/models/credit-risk/rollback";

#[test]
fn an_order_that_is_carried_out_answers_with_the_models_state() {
    let house = House::new();
    let state = house.get("/v1/models/credit-risk").body;
    let order = |method, path, headers, body| {
        let answer = house.order(method, path, headers, body);
        assert_eq!((answer.status, answer.body), (200, state.clone()), "{method} {path} {body}");
    };
    order("PUT", TRAFFIC, JSON, r#"{"live":7,"canary":{"version":8,"percent":5},"shadow":9}"#);
    order("PUT", TRAFFIC, "content-type: application/json; charset=utf-8\r\n", r#"{"live":7}"#);
    order("POST", ROLLBACK, "", "");
    order("POST", ROLLBACK, JSON, "{}");
    assert_eq!(house.get(TRAFFIC).body, "{}");
}

#[test]
fn an_order_that_is_none_says_why() {
    let house = House::new();
    let put = |headers: &str, body: &str| house.order("PUT", TRAFFIC, headers, body);
    for body in ["", " ", "[]", "7", "{", r#"{"live":"7"}"#, r#"{"live":7,"canry":{}}"#, r#"{"live":1e99}"#] {
        put(JSON, body).is_problem(400, "bad_order");
    }
    put(JSON, r#"{"live":7,"canary":{"version":8,"percent":-5}}"#).is_problem(400, "bad_order");
    put("content-type: text/plain\r\n", r#"{"live":7}"#).is_problem(415, "unsupported_media_type");
    put(JSON, &" ".repeat(5000)).is_problem(413, "body_too_large");
    put(JSON, "{}").is_problem(409, "nothing_to_roll_back_to");
    house.order("POST", ROLLBACK, JSON, r#"{"to":0}"#).is_problem(400, "bad_order");
    house.order("POST", "/v1/models/other/rollback", "", "").is_problem(404, "unknown_model");
    house.order("PUT", "/v1/models/other/traffic", JSON, "{}").is_problem(404, "unknown_model");
    house.order("PUT", "/v1/models/No%20Name/traffic", JSON, "{}").is_problem(400, "bad_name");
    house.get("/v1/models/other/traffic").is_problem(404, "unknown_model");
    house.order("DELETE", TRAFFIC, "", "").is_problem(405, "method_not_allowed");
}
