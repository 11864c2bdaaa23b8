//! The story of traffic, told by an operator's requests to a real host: a pin, a canary, a shadow, a rollback, a revocation,
//! and a restart in between. What an operator set holds, and each answer's score is its version's.

use std::collections::BTreeMap;
use std::fs;

use countersign_tests::{Answer, Host, Workshop, read_scores};

#[test]
fn an_operator_decides_which_version_answers_whom() {
    let workshop = Workshop::new();
    workshop.sample(300);
    for (version, recipe) in [(1, "logistic"), (2, "baseline"), (3, "logistic")] {
        workshop.train_ungated(recipe, version);
        if version < 3 {
            workshop.approve(version);
        }
    }
    let native: BTreeMap<u64, _> =
        [1, 2, 3].map(|v| (v, read_scores(&workshop, &format!("modules/candidates/credit-risk-{v}.wasm")))).into();
    let mut users: Vec<i64> = native[&1].keys().copied().collect();
    users.sort_unstable();
    let host = Host::start(&workshop);
    workshop.publish(&host.url);
    host.wait_for_version(2);
    let check = |prediction: &serde_json::Value, version: u64| {
        let user = prediction["user_id"].as_i64().expect("an id");
        let probability = prediction["probability"].as_f64().expect("a score");
        assert_eq!(probability.to_bits(), native[&version][&user].to_bits(), "user {user}, version {version}");
    };
    // Every answer names its version, and its score is that version's to the last bit.
    let version_of = |host: &Host, user: i64| {
        let answer = host.predict(user);
        assert_eq!(answer.status, 200, "{answer:?}");
        let version = answer.body["model"]["version"].as_u64().expect("a version");
        check(&answer.body, version);
        (version, answer.body["model"]["role"].as_str().expect("a role").to_owned())
    };

    let answer = host.put_traffic(r#"{"live":1,"canary":{"version":2,"percent":30}}"#);
    assert_eq!((answer.status, &answer.body["pinned"]), (200, &true.into()), "{answer:?}");
    host.wait_until("the canary answers", |model| state(model, 2) == "canary");
    let first: Vec<_> = users.iter().map(|&user| version_of(&host, user)).collect();
    let canaries = first.iter().filter(|(version, _)| *version == 2).count();
    assert!((users.len() / 5..users.len() * 2 / 5).contains(&canaries), "{canaries} of {}", users.len());
    assert!(first.iter().all(|(version, role)| (*version == 2) == (role == "canary")));

    // Many at once are answered as one by one; a version that is asked for answers everyone.
    let question = format!("{{\"user_ids\":{users:?}}}");
    let asked = |path: &str| host.ask(path, &question).body["predictions"].as_array().expect("a list").clone();
    for (prediction, (version, role)) in asked("/v1/predictions").iter().zip(&first) {
        let model = &prediction["model"];
        assert_eq!((&model["version"], &model["role"]), (&(*version).into(), &role.as_str().into()), "{prediction}");
        check(prediction, *version);
    }
    for prediction in asked("/v1/predictions?version=2") {
        assert_eq!(prediction["model"]["role"], "requested", "{prediction}");
        check(&prediction, 2);
    }

    // A restart forgets nothing of it: the same users get the same version.
    host.kill();
    let host = Host::start(&workshop);
    host.wait_until("the canary answers again", |model| state(model, 2) == "canary");
    host.wait_for_version(1);
    assert_eq!(first, users.iter().map(|&user| version_of(&host, user)).collect::<Vec<_>>());

    // A new version waits while another is pinned, and may listen meanwhile.
    workshop.approve(3);
    host.wait_until("version 3 stands by", |model| state(model, 3) == "standby");
    assert_eq!(host.put_traffic(r#"{"live":1,"shadow":2}"#).status, 200);
    users.iter().for_each(|&user| assert_eq!(version_of(&host, user).0, 1));
    host.wait_until("the shadow has heard all", |model| model["shadow"]["compared"] == users.len());
    let shadow = host.get("/v1/models/credit-risk").body["shadow"].clone();
    let mean = users.iter().map(|user| (native[&1][user] - native[&2][user]).abs()).sum::<f64>() / users.len() as f64;
    assert!((shadow["mean_difference"].as_f64().expect("a mean") - mean).abs() < 1e-12, "{shadow}");

    // An order that cannot be carried out changes nothing, and says why.
    for (traffic, status, code) in [
        (r#"{"live":9}"#, 404, "unknown_version"),
        (r#"{"live":1,"canary":{"version":1,"percent":5}}"#, 409, "order_contradicts"),
        (r#"{"lively":1}"#, 400, "bad_order"),
    ] {
        let Answer { status: found, body } = host.put_traffic(traffic);
        assert_eq!((found, &body["code"]), (status, &code.into()), "{traffic}: {body}");
    }
    assert_eq!(host.get("/v1/models/credit-risk/traffic").body, serde_json::json!({ "live": 1, "shadow": 2 }));

    assert_eq!(host.put_traffic("{}").status, 200);
    host.wait_for_version(3);
    let back = host.roll_back();
    assert_eq!((back.status, &back.body["live_version"]), (200, &1.into()), "{back:?}");

    // Revoked by digest while it serves: the newest that is still valid answers at once.
    let digest = back.body["versions"].as_array().expect("a list").iter().find(|version| version["version"] == 1);
    let digest = digest.expect("version 1")["digest"].as_str().expect("a digest");
    let trust = workshop.path("modules/trust.toml");
    let policy = fs::read_to_string(&trust).expect("the policy");
    fs::write(&trust, policy.replace("revoked_digests = []", &format!("revoked_digests = [\"{digest}\"]")))
        .expect("ours");
    host.wait_for_version(3);
    let model = host.get("/v1/models/credit-risk").body;
    assert_eq!(state(&model, 1), "rejected");
    let last = model["events"].as_array().expect("a list").iter().map(|event| event["what"].as_str().expect("a word"));
    assert_eq!(last.rev().take(3).collect::<Vec<_>>(), ["went_live", "revoked", "rolled_back"]);
}

fn state(model: &serde_json::Value, version: u64) -> &str {
    // A host that has just started may not have read any yet.
    let mut versions = model["versions"].as_array().into_iter().flatten();
    versions
        .find(|about| about["version"] == version)
        .map_or("absent", |about| about["state"].as_str().expect("a state"))
}
