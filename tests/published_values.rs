//! The story: the real loan file, all the way. Skipped, saying so, where that file is not beside the checkout.
//!
//! What must hold: the API returns the published users' features at both published days within 1e-6, the counts hold, and
//! every user's served score has the bits of the batch score.

use countersign_tests::{Host, Workshop, read_scores, shared};
use serde_json::Value;

/// user, previous loans, mean amount, age, years on the job, car, event time where it is published.
type Published = (i64, f64, f64, f64, f64, Option<f64>, Option<&'static str>);

const AT_2021_12_27: [Published; 5] = [
    (5_008_804, 15.0, 128.906_371_169_314_64, 33.0, 12.0, Some(1.0), None),
    (5_008_806, 29.0, 136.446_864_013_517_28, 59.0, 3.0, Some(1.0), None),
    (5_008_832, 34.0, 128.791_886_347_776_09, 27.0, 4.0, Some(0.0), None),
    (5_021_985, 9.0, 153.125_453_875_354_4, 30.0, 11.0, Some(1.0), None),
    (5_137_035, 33.0, 126.867_273_914_167_06, 26.0, 6.0, Some(0.0), None),
];

const AT_2020_06_30: [Published; 5] = [
    (5_008_804, 10.0, 125.243_053, 31.0, 11.0, None, Some("2020-04-20")),
    (5_008_806, 25.0, 139.054_883, 57.0, 1.0, None, Some("2020-06-05")),
    (5_008_832, 27.0, 125.980_104, 26.0, 2.0, None, Some("2020-06-08")),
    (5_021_985, 7.0, 157.319_276, 29.0, 10.0, None, Some("2020-04-24")),
    (5_137_035, 28.0, 123.256_928, 24.0, 4.0, None, Some("2020-06-29")),
];

fn check(host: &Host, as_of: &str, published: &[Published]) {
    for (user, loans, amount, age, years, car, event_time) in published {
        let answer = host.get(&format!("/v1/users/{user}/features"));
        assert_eq!((answer.status, &answer.body["as_of"]), (200, &Value::from(as_of)), "{}", answer.body);
        let features = &answer.body["features"];
        let near = |name: &str, wanted: f64| {
            let found = features[name].as_f64().unwrap_or_else(|| panic!("{name} of {user} in {features}"));
            assert!((found - wanted).abs() <= 1e-6, "{name} of {user} is {found}, published is {wanted}");
        };
        near("nb_previous_loans", *loans);
        near("avg_amount_loans_previous", *amount);
        near("age", *age);
        near("years_on_the_job", *years);
        car.iter().for_each(|&car| near("flag_own_car", car));
        event_time.iter().for_each(|&day| assert_eq!(answer.body["event_time"], day));
    }
}

#[test]
fn the_published_users_are_served_at_both_days_and_every_score_is_the_batchs() {
    let Some(loans) = shared("dataset_credit_risk.csv.gz") else { return };
    let workshop = Workshop::new();
    let host = Host::start(&workshop);

    let said = workshop.features(&loans, "2020-06-30");
    assert!(said.contains("582363") && said.contains("36309"), "{said}");
    workshop.publish(&host.url);
    check(&host, "2020-06-30", &AT_2020_06_30);

    let said = workshop.features(&loans, "2021-12-27");
    assert!(said.contains("777715") && said.contains("36457"), "{said}");
    workshop.publish(&host.url);
    check(&host, "2021-12-27", &AT_2021_12_27);

    for (version, recipe) in [(1, "forest"), (2, "baseline")] {
        workshop.train(recipe, 123);
        workshop.approve(version);
        host.wait_for_version(version);
        let scores = read_scores(&workshop, &format!("modules/candidates/credit-risk-{version}.wasm"));
        assert_eq!(scores.len(), 36_457);
        for (user, score) in scores {
            let answer = host.predict(user);
            let served = answer.body["probability"].as_f64().unwrap_or_else(|| panic!("{}", answer.body));
            assert_eq!(served.to_bits(), score.to_bits(), "user {user}, recipe {recipe}");
        }
    }
}
