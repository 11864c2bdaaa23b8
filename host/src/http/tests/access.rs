//! Every route, from the router's own list, asked with every credential.
//!
//! Fault: a new route that nobody closed, or a role that opens too much. Injected by moving any route to another access.

use contract::token::Token;

use super::house::House;
use crate::access::{Gate, Principal, Role, TokenFile, add};
use crate::config::Limits;
use crate::http::routes::{Route, routes};

/// Whom a route should be for, said here a second time: whoever adds a route says it twice.
const HEALTH: [&str; 5] =
    ["GET /health/live", "GET /health/ready", "GET /v2/health/live", "GET /v2/health/ready", "GET /ping"];
/// The description of the API, where there is one to use.
const PUBLIC: [&str; 3] = ["GET /openapi.json", "GET /docs", "GET /docs/{file}"];
const PREDICT: [&str; 6] = [
    "GET /v1/users/{id}/prediction",
    "POST /v1/predictions",
    "POST /v1/models/{name}/score",
    "POST /v2/models/{name}/infer",
    "POST /v2/models/{name}/versions/{version}/infer",
    "POST /invocations",
];
const INGEST: [&str; 2] = ["POST /v1/features", "DELETE /v1/users/{id}/features"];
const ADMIN: [&str; 2] = ["PUT /v1/models/{name}/traffic", "POST /v1/models/{name}/rollback"];
const ANY: [&str; 13] = [
    "GET /v1/users/{id}/features",
    "GET /v1/models",
    "GET /v1/models/{name}",
    "GET /v1/models/{name}/traffic",
    "GET /v2",
    "GET /v2/models/{name}",
    "GET /v2/models/{name}/ready",
    "GET /v2/models/{name}/versions/{version}",
    "GET /v2/models/{name}/versions/{version}/ready",
    "POST /v2/repository/index",
    "GET /version",
    "POST /get-online-features",
    "GET /metrics",
];

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Caller {
    Nobody,
    Stranger,
    Expired,
    Holder(Role),
}

const CALLERS: [Caller; 6] = [
    Caller::Nobody,
    Caller::Stranger,
    Caller::Expired,
    Caller::Holder(Role::Predict),
    Caller::Holder(Role::Ingest),
    Caller::Holder(Role::Admin),
];

/// Whether a caller comes in, and if not, why.
fn expected(route: &str, caller: Caller) -> Option<(u16, &'static str)> {
    let roles: &[Role] = match route {
        _ if HEALTH.contains(&route) || PUBLIC.contains(&route) => return None,
        _ if PREDICT.contains(&route) => &[Role::Predict, Role::Admin],
        _ if INGEST.contains(&route) => &[Role::Ingest, Role::Admin],
        _ if ADMIN.contains(&route) => &[Role::Admin],
        _ if ANY.contains(&route) => &[Role::Predict, Role::Ingest, Role::Admin],
        _ => panic!("say here whom {route} is for"),
    };
    match caller {
        Caller::Nobody => Some((401, "token_needed")),
        Caller::Stranger => Some((401, "unknown_token")),
        Caller::Expired => Some((401, "token_expired")),
        Caller::Holder(role) => (!roles.contains(&role)).then_some((403, "role_needed")),
    }
}

/// Tokens of every kind, and the file that knows them.
struct Ring {
    folder: tempfile::TempDir,
    tokens: Vec<(Caller, Token)>,
}

impl Ring {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tokens = Vec::new();
        for caller in CALLERS {
            let token = Token::generate().expect("random bytes");
            let (role, expires) = match caller {
                Caller::Nobody | Caller::Stranger => (None, None),
                Caller::Expired => (Some(Role::Admin), Some("2020-01-01".parse().expect("a day"))),
                Caller::Holder(role) => (Some(role), None),
            };
            if let Some(role) = role {
                let holder = Principal { name: format!("{caller:?}"), role, sha256: token.digest(), expires };
                add(&folder.path().join("tokens.toml"), &holder).expect("a name of its own");
            }
            if caller != Caller::Nobody {
                tokens.push((caller, token));
            }
        }
        Self { folder, tokens }
    }

    fn gate(&self) -> Gate {
        Gate::Tokens(TokenFile::open(&self.folder.path().join("tokens.toml")).expect("a list"))
    }

    fn header(&self, caller: Caller) -> String {
        let token = self.tokens.iter().find(|(held_by, _)| *held_by == caller);
        token.map(|(_, token)| format!("authorization: {}\r\n", token.bearer())).unwrap_or_default()
    }
}

fn named(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

fn asked(house: &House, route: &Route, header: &str) -> (u16, String, String) {
    let path = route.path.replace("{id}", "7").replace("{name}", "credit-risk").replace("{version}", "3");
    let answer = house.order(route.method.as_str(), &path, header, "");
    (answer.status, answer.head, answer.body)
}

#[test]
fn every_route_lets_in_whom_it_is_for_and_nobody_else() {
    let ring = Ring::new();
    let house = House::behind(ring.gate(), Limits::default());
    let mut asked_for = 0;
    for route in routes() {
        let name = named(&route);
        for caller in CALLERS {
            let (status, head, body) = asked(&house, &route, &ring.header(caller));
            match expected(&name, caller) {
                None => assert!(!matches!(status, 401 | 403 | 405), "{name} turned away {caller:?}: {body}"),
                Some((wanted, code)) => {
                    assert_eq!(status, wanted, "{name} for {caller:?}: {body}");
                    assert_eq!(head.contains("www-authenticate: bearer"), wanted == 401, "{name}: {head}");
                    if route.path.starts_with("/v1") {
                        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{name} for {caller:?}: {body}");
                    }
                }
            }
            asked_for += 1;
        }
    }
    let listed = HEALTH.len() + PUBLIC.len() + PREDICT.len() + INGEST.len() + ADMIN.len() + ANY.len();
    assert_eq!(asked_for, listed * CALLERS.len(), "a route is listed here that is not there");
}

#[test]
fn without_a_token_file_there_is_only_health() {
    let ring = Ring::new();
    let house = House::behind(Gate::Closed, Limits::default());
    for route in routes() {
        for caller in CALLERS {
            let (status, _, body) = asked(&house, &route, &ring.header(caller));
            let health = HEALTH.contains(&&*named(&route));
            assert_eq!(status == 403, !health, "{} for {caller:?}: {status} {body}", named(&route));
        }
    }
}

#[test]
fn a_fault_at_the_door_has_the_form_of_the_route() {
    let ring = Ring::new();
    let house = House::behind(ring.gate(), Limits::default());
    let refused = |path: &str| house.ask(path, "{}");
    refused("/v1/predictions").is_problem(401, "token_needed");
    assert!(refused("/v2/models/credit-risk/infer").json()["error"].as_str().expect("a text").contains("Bearer"));
    assert_eq!(refused("/invocations").json()["error_code"], "token_needed");
    assert_eq!(refused("/get-online-features").json()["error_type"], "token_needed");
}

#[test]
fn a_head_is_guarded_as_the_get_and_an_unknown_path_is_no_secret() {
    let ring = Ring::new();
    let house = House::behind(ring.gate(), Limits::default());
    assert_eq!(house.order("HEAD", "/v1/models", "", "").status, 401);
    assert_eq!(house.order("HEAD", "/v1/models", &ring.header(Caller::Holder(Role::Predict)), "").status, 200);
    house.get("/v1/nothing").is_problem(404, "unknown_route");
    house.order("DELETE", "/v1/models", "", "").is_problem(405, "method_not_allowed");
}

#[test]
fn pages_from_elsewhere_may_not_use_the_browser_of_somebody_here() {
    let open = House::new();
    let ask = |house: &House, origin: &str| {
        house.order("POST", "/v1/models/credit-risk/rollback", &format!("origin: {origin}\r\n"), "")
    };
    for foreign in ["https://evil.example", "http://127.0.0.1.evil.example", "null", "http://192.168.1.7:8080"] {
        ask(&open, foreign).is_problem(403, "foreign_origin");
    }
    for own in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
        assert_eq!(ask(&open, own).status, 200, "{own}");
    }
    // A page elsewhere that had its own name lead here says no origin when it only reads.
    let by_name = |name: &str| {
        open.raw(format!("GET /v1/models HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n").as_bytes())
    };
    by_name("evil.example").is_problem(403, "foreign_origin");
    by_name("evil.example:8080").is_problem(403, "foreign_origin");
    let whole = b"GET http://evil.example/v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    open.raw(whole).is_problem(403, "foreign_origin");
    for own in ["localhost", "127.0.0.1:8080", "[::1]:80"] {
        assert_eq!(by_name(own).status, 200, "{own}");
    }
    // A page elsewhere knows no token.
    let ring = Ring::new();
    let guarded = House::behind(ring.gate(), Limits::default());
    ask(&guarded, "https://evil.example").is_problem(401, "token_needed");
}

#[test]
fn each_token_has_a_rate_of_its_own_and_who_is_not_known_uses_up_nobodys() {
    let ring = Ring::new();
    let house = House::behind(ring.gate(), Limits { client_requests_per_second: 2, ..Limits::default() });
    let get = |caller| house.order("GET", "/v1/models", &ring.header(caller), "");
    for _ in 0..5 {
        assert_eq!(get(Caller::Stranger).status, 401);
    }
    let predict = Caller::Holder(Role::Predict);
    let statuses: Vec<_> = (0..4).map(|_| get(predict).status).collect();
    assert_eq!(statuses[..2], [200, 200]);
    get(predict).is_problem(429, "too_fast");
    assert_eq!(get(Caller::Holder(Role::Admin)).status, 200, "another's token");
}
