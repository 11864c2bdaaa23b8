//! The files of requests, `docs/api.http` and the Postman collection, held against a running host: every route that the description
//! names is in both, and every request succeeds as it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use countersign_tests::{Host, Workshop, countersign};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// A request of a file.
struct Asked {
    name: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

fn http_file() -> Vec<Asked> {
    let text = fs::read_to_string("../docs/api.http").expect("the file");
    let blocks = text.split("### ").skip(1);
    let asked = blocks.map(|block| {
        let (name, rest) = block.split_once('\n').expect("a name");
        let rest = rest.trim();
        let (head, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let mut lines = head.lines();
        let (method, url) = lines.next().and_then(|line| line.split_once(' ')).expect("a method and a URL");
        let headers = lines.map(|line| line.split_once(": ").expect("a header"));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Asked { name: name.to_owned(), method: method.to_owned(), url: url.to_owned(), headers, body: body.to_owned() }
    });
    asked.collect()
}

fn postman() -> Vec<Asked> {
    let text = fs::read_to_string("../docs/countersign.postman_collection.json").expect("the file");
    let collection: Value = serde_json::from_str(&text).expect("JSON");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = collection["item"].as_array().expect("items").iter();
    let asked = items.map(|item| {
        let request = &item["request"];
        let headers = request["header"].as_array().expect("headers").iter();
        Asked {
            name: word(&item["name"]),
            method: word(&request["method"]),
            url: word(&request["url"]["raw"]),
            headers: headers.map(|header| (word(&header["key"]), word(&header["value"]))).collect(),
            body: word(&request["body"]["raw"]),
        }
    });
    asked.collect()
}

/// Whether a path is of a template such as `/v1/users/{id}/features`.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(part, given)| part == given || part.starts_with('{') && !given.is_empty())
}

#[test]
fn every_route_is_in_both_files_and_every_request_succeeds() {
    let workshop = Workshop::new();
    workshop.sample(200);
    workshop.train("logistic", 5);
    workshop.approve(1);
    let token = |role: &str| {
        let words = ["tokens", "add", "--role", role, "--name", role, "--tokens", "tokens.toml"];
        workshop.countersign(words).trim().to_owned()
    };
    let (predict, ingest, admin) = (token("predict"), token("ingest"), token("admin"));
    let mut command = countersign();
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--modules",
        "modules",
        "--data",
        "data",
        "--tokens",
        "tokens.toml",
    ]);
    let host = Host::spawn(command.current_dir(workshop.path("")));
    host.wait_ready();
    fs::write(workshop.path("ingest.token"), &ingest).expect("a file");
    let publish = ["publish", "--features", "features.parquet", "--to", &host.url, "--token-file", "ingest.token"];
    workshop.feature_job(publish);
    let features = host.get_with(&predict, "/v1/users/5008804/features").body;
    let variables: BTreeMap<&str, String> = [
        ("host", host.url.clone()),
        ("user", "5008804".to_owned()),
        ("model", "credit-risk".to_owned()),
        ("version", "1".to_owned()),
        ("predict", predict),
        ("ingest", ingest),
        ("admin", admin),
        ("view", features["view"]["digest"].as_str().expect("a digest").to_owned()),
    ]
    .into();
    let filled = |text: &str| {
        let text = variables
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
        assert!(!text.contains("{{"), "a variable without a value: {text}");
        text
    };

    let document = host.get("/openapi.json").body;
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    let agent: Agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    for (file, all) in [("api.http", http_file()), ("the Postman collection", postman())] {
        let mut missing = routes.clone();
        for asked in all {
            let url = filled(&asked.url);
            let path = url.trim_start_matches(&host.url).split('?').next().unwrap_or_default().to_owned();
            let mut templates: Vec<_> =
                routes.iter().filter(|(method, template)| *method == asked.method && fits(template, &path)).collect();
            // A path without parameters is meant by its own name.
            templates.sort_by_key(|(_, template)| template.matches('{').count());
            let (_, template) = templates.first().unwrap_or_else(|| panic!("{file}: no route for {}", asked.name));
            missing.remove(&(asked.method.clone(), template.clone()));
            let mut request = Request::builder().method(asked.method.as_str()).uri(url);
            for (name, value) in &asked.headers {
                request = request.header(name, filled(value));
            }
            let request = request.body(filled(&asked.body)).expect("a request");
            let mut answer = agent.run(request).unwrap_or_else(|error| panic!("{file}: {}: {error}", asked.name));
            let status = answer.status().as_u16();
            let body = answer.body_mut().read_to_vec().expect("a whole answer");
            assert!(
                (200..400).contains(&status),
                "{file}: {}: {status} {}",
                asked.name,
                String::from_utf8_lossy(&body)
            );
        }
        assert!(missing.is_empty(), "{file} lacks {missing:?}");
    }
}
