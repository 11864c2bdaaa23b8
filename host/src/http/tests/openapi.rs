//! The description holds together, and says of every route what the router does.

use serde_json::Value;

use super::house::House;
use crate::access::Access;
use crate::http::routes::routes;

fn described() -> Value {
    let house = House::new();
    let answer = house.get("/openapi.json");
    assert!(answer.status == 200 && answer.head.contains("content-type: application/json"), "{}", answer.head);
    answer.json()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = described();
    assert_eq!(document["openapi"], "3.1.0");
    let routes = routes();
    for route in &routes {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        let name = format!("{} {}", route.method, route.path);
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name} says nothing of itself");
        assert!(operation["tags"][0].is_string(), "{name}");
        let closed = !matches!(route.access, Access::Health | Access::Public);
        assert_eq!(operation["security"].is_array(), closed, "{name}");
        assert_eq!(operation["responses"]["401"].is_object(), closed, "{name}");
        let parameters = operation["parameters"]
            .as_array()
            .map_or(0, |parameters| parameters.iter().filter(|parameter| parameter["in"] == "path").count());
        assert_eq!(parameters, route.path.matches('{').count(), "{name}");
        let answered =
            operation["responses"].as_object().expect("answers").keys().any(|status| status < &"400".to_owned());
        assert!(answered, "{name} never answers");
    }
    let paths = document["paths"].as_object().expect("paths");
    let operations: usize = paths.values().map(|path| path.as_object().expect("operations").len()).sum();
    assert_eq!(operations, routes.len());
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(entries) => {
                found.extend(entries.get("$ref").and_then(Value::as_str));
                entries.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = described();
    let mut found = Vec::new();
    references(&document, &mut found);
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for reference in &found {
        let name = reference.strip_prefix("#/components/schemas/").expect("a schema of ours");
        assert!(schemas.contains_key(name), "{reference} leads nowhere");
    }
    for name in schemas.keys() {
        assert!(found.iter().any(|reference| reference.ends_with(&format!("/{name}"))), "{name} is used nowhere");
    }
}

#[test]
fn the_page_has_all_its_files_and_names_no_other_server() {
    let house = House::new();
    assert!(house.get("/docs").head.contains("location: /docs/index.html"));
    let page = house.get("/docs/index.html");
    assert!(page.status == 200 && page.head.contains("content-type: text/html"), "{}", page.head);
    let files: Vec<_> =
        page.body.split(['"', '\'']).filter(|text| text.starts_with("./") && !text.ends_with(".png")).collect();
    assert!(files.len() >= 3, "{}", page.body);
    for file in files {
        assert_eq!(house.get(&format!("/docs/{}", file.trim_start_matches("./"))).status, 200, "{file}");
    }
    assert!(!page.body.contains("http://") && !page.body.contains("https://"), "{}", page.body);
    let start = house.get("/docs/swagger-initializer.js");
    assert!(
        start.body.contains("/openapi.json") && start.body.contains("\"validatorUrl\": \"none\""),
        "{}",
        start.body
    );
    house.get("/docs/nothing.js").is_problem(404, "unknown_route");
}
