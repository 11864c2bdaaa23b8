//! What is shown and what comes of it, and what a file of tokens may say.

use std::fs;
use std::time::{Duration, Instant};

use contract::token::Token;

use super::*;

fn token() -> Token {
    Token::generate().expect("random bytes")
}

fn holder(name: &str, role: Role, token: &Token) -> Principal {
    Principal { name: name.to_owned(), role, sha256: token.digest(), expires: None }
}

#[test]
fn a_token_opens_what_its_role_is_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.toml");
    let tokens = [Role::Predict, Role::Ingest, Role::Admin].map(|role| (role, token()));
    for (role, token) in &tokens {
        add(&path, &holder(role.name(), *role, token)).expect("a name of its own");
    }
    let gate = Gate::Tokens(TokenFile::open(&path).expect("a list"));
    let needs = [Access::Any, Access::Only(Role::Predict), Access::Only(Role::Ingest), Access::Only(Role::Admin)];
    for (role, token) in &tokens {
        let opened = needs.map(|access| gate.admit(access, Some(token.bearer().as_bytes())).is_ok());
        let wanted = match role {
            Role::Predict => [true, true, false, false],
            Role::Ingest => [true, false, true, false],
            Role::Admin => [true; 4],
        };
        assert_eq!(opened, wanted, "{role}");
    }
    let (_, predict) = &tokens[0];
    for access in needs {
        assert_eq!(gate.admit(access, None), Err(Denied::Needed));
        let basic = format!("Basic {}", predict.reveal());
        assert_eq!(gate.admit(access, Some(basic.as_bytes())), Err(Denied::Needed));
        assert_eq!(gate.admit(access, Some(token().bearer().as_bytes())), Err(Denied::Unknown));
        assert_eq!(gate.admit(access, Some(b"Bearer \xff")), Err(Denied::Unknown));
    }
    let lower = format!("bearer  {} ", predict.reveal());
    let admitted = gate.admit(Access::Any, Some(lower.as_bytes())).expect("the scheme's case does not matter");
    assert_eq!(admitted.expect("a holder").name, "predict");
    for access in [Access::Health, Access::Public] {
        assert_eq!(gate.admit(access, None), Ok(None));
    }
}

#[test]
fn without_tokens_nothing_opens_but_health_unless_all_is_open() {
    let shown = token().bearer();
    for authorization in [None, Some(shown.as_bytes())] {
        assert_eq!(Gate::Closed.admit(Access::Health, authorization), Ok(None));
        for access in [Access::Public, Access::Any, Access::Only(Role::Admin)] {
            assert_eq!(Gate::Closed.admit(access, authorization), Err(Denied::NoTokens));
            assert_eq!(Gate::Open.admit(access, authorization), Ok(None));
        }
    }
}

#[test]
fn a_token_counts_to_the_end_of_its_last_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.toml");
    let (past, future) = (token(), token());
    let day = |text: &str| Some(text.parse().expect("a day"));
    add(&path, &Principal { expires: day("2020-01-01"), ..holder("past", Role::Admin, &past) }).expect("new");
    add(&path, &Principal { expires: day("2999-01-01"), ..holder("future", Role::Admin, &future) }).expect("new");
    let list = TokenList::load(&path).expect("a list");
    assert_eq!(list.find(past.reveal().as_bytes()), Err(Denied::Expired));
    assert_eq!(list.find(future.reveal().as_bytes()).expect("it counts").name, "future");
    let principal = &list.principals()[0];
    assert!(principal.counts_on("2020-01-01".parse().expect("a day")));
    assert!(!principal.counts_on("2020-01-02".parse().expect("a day")));
}

#[test]
fn a_list_is_changed_whole_and_keeps_what_else_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.toml");
    let one = token();
    add(&path, &holder("one", Role::Predict, &one)).expect("a new file");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(!text.contains(one.reveal()), "only the digest is kept");
    fs::write(&path, format!("# mine\n{text}")).expect("a file");
    let before = fs::read(&path).expect("a file");
    for (name, token) in [("one", token()), ("other", one.clone()), ("", token()), ("a\nb", token())] {
        assert!(add(&path, &holder(name, Role::Admin, &token)).is_err(), "{name:?}");
        assert_eq!(fs::read(&path).expect("a file"), before, "{name:?}");
    }
    add(&path, &holder("two", Role::Ingest, &token())).expect("another");
    remove(&path, "one").expect("it is there");
    assert!(remove(&path, "one").is_err());
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.starts_with("# mine\n") && text.contains("\"two\"") && !text.contains("\"one\""), "{text}");
}

#[test]
fn a_text_that_lists_no_tokens_says_why() {
    let digest = token().digest();
    let said = |text: &str| text.parse::<TokenList>().expect_err(text).to_string();
    let entry =
        |name: &str, role: &str| format!("[[tokens]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{digest}\"\n");
    assert!(said("tokens = 3").contains("invalid type"));
    assert!(said(&entry("a", "root")).contains("unknown variant `root`"));
    assert!(said(&format!("{}secret = 1", entry("a", "admin"))).contains("unknown field"));
    assert!(said(&(entry("a", "admin") + &entry("b", "admin"))).contains("same token"));
    assert!(said(&(entry("a", "admin") + &entry("a", "admin"))).contains("two tokens called `a`"));
    assert!(said(&entry("", "admin")).contains("1 to 128"));
    assert!(said("[[tokens]]\nname = \"a\"\nrole = \"admin\"\nsha256 = \"abc\"").contains("no digest"));
    assert_eq!("".parse::<TokenList>().expect("nobody").principals().len(), 0);
}

#[tokio::test]
async fn a_changed_file_counts_within_seconds_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.toml");
    let (old, new) = (token(), token());
    add(&path, &holder("old", Role::Predict, &old)).expect("a new file");
    let file = TokenFile::open(&path).expect("a list");
    let following = tokio::spawn(Arc::clone(&file).follow());
    let comes_in = |token: &Token| file.current().find(token.reveal().as_bytes()).is_ok();
    let wait_for = async |what: &str, holds: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    add(&path, &holder("new", Role::Predict, &new)).expect("another");
    wait_for("the new one counts", &|| comes_in(&new)).await;
    assert!(comes_in(&old), "both count while a token is rotated");

    let fine = fs::read(&path).expect("a file");
    fs::write(&path, "[[tokens").expect("a file");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(comes_in(&old) && comes_in(&new));
    fs::remove_file(&path).expect("a file");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(comes_in(&old) && comes_in(&new));

    fs::write(&path, fine).expect("a file");
    remove(&path, "old").expect("it is there");
    wait_for("the old one counts no more", &|| !comes_in(&old)).await;
    assert!(comes_in(&new));
    following.abort();
}
