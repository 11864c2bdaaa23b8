//! What the reading routes answer, right and wrong.

use std::time::Duration;

use super::house::{Fixed, House, SCORE, line, record};
use crate::config::Limits;
use crate::http::models::ScoreFault;
use contract::digest::Digest;
use contract::record::FeatureRecord;
use contract::view::FeatureView;

#[test]
fn features_come_back_in_the_views_order_with_null_where_missing() {
    let house = House::new();
    assert_eq!(house.post(line(&record(5_008_804)).as_bytes()).status, 200);
    let mut answer = house.get("/v1/users/5008804/features");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let age = answer.json()["age_seconds"].as_i64().expect("an age");
    let event = chrono::DateTime::parse_from_rfc3339("2020-12-30T00:00:00Z").expect("a time");
    let passed = chrono::Utc::now().signed_duration_since(event).num_seconds() - age;
    assert!((0..60).contains(&passed), "{age} s is not the event's age");
    answer.body = answer.body.replace(&age.to_string(), "0");
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    let digest = FeatureView::credit_risk().digest();
    let wanted = format!(
        "{{\"user_id\":5008804,\"event_time\":\"2020-12-30\",\"as_of\":\"2021-12-27\",\
         \"age_seconds\":0,\"view\":{{\"name\":\"credit-risk\",\"digest\":\"{digest}\"}},\
         \"features\":{{\"nb_previous_loans\":15,\"avg_amount_loans_previous\":128.90637116931464,\"age\":33,\
         \"years_on_the_job\":null,\"flag_own_car\":1}},\
         \"statuses\":{{\"nb_previous_loans\":\"PRESENT\",\"avg_amount_loans_previous\":\"PRESENT\",\"age\":\"PRESENT\",\
         \"years_on_the_job\":\"NULL_VALUE\",\"flag_own_car\":\"PRESENT\"}}}}"
    );
    assert_eq!(answer.body, wanted);
}

#[test]
fn a_prediction_names_the_model_and_keeps_every_bit() {
    let house = House::new();
    house.models.set(Some(Fixed::new(3, || Ok(vec![SCORE]))));
    assert_eq!(house.post(line(&record(7)).as_bytes()).status, 200);
    let asked = ["", "?", "?model=credit-risk", "?version=3", "?version=3&model=credit-risk"];
    for path in asked.map(|query| format!("/v1/users/7/prediction{query}")) {
        let path = &path;
        let answer = house.get(path);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let json = answer.json();
        assert_eq!(json["probability"].as_f64().map(f64::to_bits), Some(SCORE.to_bits()));
        assert_eq!(json["threshold"].as_f64().map(f64::to_bits), Some((0.7_f64 + 0.1).to_bits()));
        assert_eq!(json["output"], "probability");
        assert_eq!(json["decision"], "accept");
        assert_eq!(json["event_time"], "2020-12-30");
        assert_eq!(json["as_of"], "2021-12-27");
        assert_eq!(json["model"]["name"], "credit-risk");
        assert_eq!((&json["model"]["version"], &json["model"]["role"]), (&3.into(), &"live".into()));
        assert_eq!(json["model"]["digest"], Digest::of(b"the module").to_string());
        assert!(answer.body.contains("\"features\":{\"nb_previous_loans\":15,\"avg_amount"), "{}", answer.body);
    }
    house.get("/v1/users/7/prediction?version=4").is_problem(404, "unknown_version");
    house.models.set(Some(Fixed::new(4, || Ok(vec![0.7 + 0.1]))));
    assert_eq!(house.get("/v1/users/7/prediction").json()["decision"], "decline");
}

#[test]
fn a_prediction_that_cannot_be_says_why() {
    let house = House::new();
    assert_eq!(house.post(line(&record(7)).as_bytes()).status, 200);
    let path = "/v1/users/7/prediction";
    house.get(path).is_problem(503, "no_live_model");
    house.get("/v1/users/7/prediction?model=credit-risk").is_problem(503, "no_live_model");
    house.get("/v1/users/7/prediction?model=other").is_problem(404, "unknown_model");
    house.get("/v1/users/7/prediction?model=No%20Name").is_problem(400, "bad_name");
    for query in ["versions=3", "version", "model=a&model=b", "version=1&version=1", "model"] {
        house.get(&format!("{path}?{query}")).is_problem(400, "bad_request");
    }
    house.get("/v1/users/7/prediction?version=0").is_problem(400, "bad_version");
    house.get("/v1/users/7/prediction?version=3").is_problem(503, "no_live_model");
    let fault = || Err(ScoreFault { code: "deadline", detail: "the model ran too long".to_owned() });
    house.models.set(Some(Fixed::new(1, fault)));
    house.get(path).is_problem(500, "score_failed");
    for scores in [vec![], vec![0.1, 0.2], vec![f64::NAN], vec![f64::INFINITY]] {
        house.models.set(Some(Fixed::new(1, move || Ok(scores.clone()))));
        house.get(path).is_problem(500, "score_failed");
    }
    house.models.set(Some(Fixed::new(1, || panic!("a panic that the test wants"))));
    house.get(path).is_problem(500, "internal");
    house.models.set(Some(Fixed::new(1, || Ok(vec![SCORE]))));
    assert_eq!(house.get(path).status, 200, "and the next request is served");
}

#[test]
fn users_that_are_not_there_or_no_users() {
    let house = House::new();
    for route in ["features", "prediction"] {
        house.get(&format!("/v1/users/5008804/{route}")).is_problem(404, "unknown_user");
        for bad in ["abc", "-1", "01", "1.0", "9223372036854775808", "%20", "%ff", "1%00"] {
            let answer = house.get(&format!("/v1/users/{bad}/{route}"));
            let code = if bad == "%ff" { "bad_request" } else { "bad_user_id" };
            answer.is_problem(400, code);
        }
    }
    let long = "9".repeat(4000);
    let answer = house.get(&format!("/v1/users/{long}/features"));
    answer.is_problem(400, "bad_user_id");
    assert!(answer.body.len() < 1000, "a long id is not echoed whole");
}

#[test]
fn features_that_are_too_old_are_shown_and_not_predicted_from() {
    let limits = |days: u64| Limits { features_age_max: Some(Duration::from_secs(days * 86_400)), ..Limits::default() };
    let house = House::with(limits(30));
    house.models.set(Some(Fixed::new(1, || Ok(vec![SCORE]))));
    assert_eq!(house.post(line(&record(7)).as_bytes()).status, 200);
    let features = house.get("/v1/users/7/features");
    assert_eq!((features.status, &features.json()["statuses"]["age"]), (200, &"OUTSIDE_MAX_AGE".into()));
    house.get("/v1/users/7/prediction").is_problem(409, "features_too_old");
    let house = House::with(limits(36_500));
    house.models.set(Some(Fixed::new(1, || Ok(vec![SCORE]))));
    assert_eq!(house.post(line(&record(7)).as_bytes()).status, 200);
    assert_eq!(house.get("/v1/users/7/prediction").status, 200);
}

#[test]
fn a_record_of_an_earlier_view_is_not_served() {
    let house = House::new();
    house.models.set(Some(Fixed::new(1, || Ok(vec![SCORE]))));
    let earlier = FeatureRecord { view: Digest::of(b"an earlier view"), ..record(7) };
    house.app.store.put_batch(&[earlier]).expect("a write");
    house.get("/v1/users/7/features").is_problem(503, "view_mismatch");
    house.get("/v1/users/7/prediction").is_problem(503, "view_mismatch");
}

#[test]
fn models_and_health() {
    let house = House::new();
    let model = r#"{"name":"credit-risk","live_version":3,"highest_live_version":3,"pinned":false,"traffic":{},"unavailable":null,"shadow":null,"versions":[],"events":[]}"#;
    let list = format!("{{\"models\":[{model}],\"warnings\":[\"look here\"],\"refused_files\":[]}}");
    assert_eq!(house.get("/v1/models").body, list);
    assert_eq!(house.get("/v1/models/credit-risk").body, model);
    house.get("/v1/models/other").is_problem(404, "unknown_model");
    house.get("/v1/models/Not_A_Name").is_problem(400, "bad_name");
    assert_eq!(house.get("/health/live").body, r#"{"status":"live"}"#);
    let waiting = house.get("/health/ready");
    assert_eq!((waiting.status, &*waiting.body), (503, r#"{"status":"not_ready","reasons":["no model is live"]}"#));
    house.models.set(Some(Fixed::new(1, || Ok(vec![SCORE]))));
    let ready = house.get("/health/ready");
    assert_eq!((ready.status, &*ready.body), (200, r#"{"status":"ready"}"#));
}

#[test]
fn paths_and_methods_that_are_not_there() {
    let house = House::new();
    for path in ["/", "/v1", "/v1/users/7", "/v1/users/7/features/", "/v2/models", "/v1/features/x"] {
        house.get(path).is_problem(404, "unknown_route");
    }
    let check = |method: &str, path: &str, allow: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = house.raw(request.as_bytes());
        answer.is_problem(405, "method_not_allowed");
        assert!(answer.head.contains(&format!("allow: {allow}")), "{}", answer.head);
    };
    check("GET", "/v1/features", "post");
    check("POST", "/v1/users/7/prediction", "get,head");
    check("DELETE", "/v1/models", "get,head");
    check("BREW", "/health/live", "get,head");
}

#[test]
fn head_is_get_without_the_body() {
    let house = House::new();
    let length = house.get("/v1/models").body.len();
    let answer = house.raw(b"HEAD /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert!(answer.head.contains(&format!("content-length: {length}")), "{}", answer.head);
}

#[test]
fn metrics_count_by_template() {
    let house = House::new();
    house.post(line(&record(7)).as_bytes());
    house.get("/v1/users/7/features");
    house.get("/v1/users/8/features");
    house.get("/v1/users/x/features");
    house.get("/nowhere");
    house.raw(b"DELETE /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = house.get("/metrics");
    assert_eq!(answer.status, 200, "{}", answer.body);
    for wanted in [
        r#"countersign_http_requests_total{route="/v1/users/{id}/features",status="200"} 1"#,
        r#"countersign_http_requests_total{route="/v1/users/{id}/features",status="404"} 1"#,
        r#"countersign_http_requests_total{route="/v1/users/{id}/features",status="400"} 1"#,
        r#"countersign_http_requests_total{route="unmatched",status="404"} 1"#,
        r#"countersign_http_requests_total{route="/v1/models",status="405"} 1"#,
        r#"countersign_http_request_duration_seconds_count{route="/v1/users/{id}/features"} 3"#,
        "countersign_features_stored 1",
        "countersign_store_size_bytes ",
        r#"countersign_model_info{model="credit-risk",version="3",digest="sha256:00"} 1"#,
        "countersign_model_swaps_total 2",
        r#"countersign_module_rejections_total{code="unsigned"} 4"#,
        "countersign_engine_calls_total 5",
        "countersign_engine_rows_total 7",
        "countersign_engine_instances_created_total 8",
        r#"countersign_engine_failures_total{kind="trap"} 9"#,
        r#"countersign_model_instances_idle{model="credit-risk"} 6"#,
    ] {
        assert!(answer.body.contains(wanted), "{wanted} is not in\n{}", answer.body);
    }
    assert!(answer.body.ends_with("# EOF\n"));
}
