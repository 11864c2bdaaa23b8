//! A changed trust policy, and what it does to versions that serve.

use contract::approval::{Approval, Decision};
use contract::seal;

use super::traffic::{house_of, set};
use super::*;

fn policy(house: &House) -> String {
    fs::read_to_string(house.modules().join("trust.toml")).expect("the policy")
}

fn change(house: &House, change: impl FnOnce(String) -> String) {
    let changed = change(policy(house));
    contract::file::replace(&house.modules().join("trust.toml"), changed.as_bytes()).expect("the policy is ours");
}

fn revoke(house: &House, registry: &Registry, version: u64) {
    let digest = versions(registry).into_iter().find(|v| v.version == Some(version)).and_then(|v| v.digest);
    let revoked = format!("revoked_digests = [\"{}\"]", digest.expect("it has one"));
    change(house, |policy| policy.replace("revoked_digests = []", &revoked));
}

#[test]
fn revoking_a_digest_demotes_it_at_once_and_for_good() {
    let (house, registry) = house_of(&[1, 2, 3]);
    let policy_before = policy(&house);
    revoke(&house, &registry, 3);
    until("version 2 is live", || live_version(&registry) == Some(2));
    assert_eq!(state_of(&registry, 3), Some((VersionState::Rejected, false)), "nothing of it stays compiled");
    assert_eq!(code_of(&registry, "credit-risk-3.wasm"), Some("digest_revoked"));
    assert!(matches!(set(&registry, r#"{"live":3}"#), Err(OrderRefused::Unusable { .. })));
    drop(registry);
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(2));
    assert_eq!(code_of(&registry, "credit-risk-3.wasm"), Some("digest_revoked"));
    // Whoever takes the revocation back has the highest version again.
    change(&house, |_| policy_before);
    until("version 3 is live again", || live_version(&registry) == Some(3));
}

#[test]
fn revoking_the_approver_leaves_nothing_and_says_why() {
    let (house, registry) = house_of(&[1, 2]);
    let key = String::from(house.approver.public());
    change(&house, |policy| policy.replace(&format!("\"{key}\""), &format!("\"{key}\"\nrevoked = true")));
    until("nothing is live", || live_version(&registry).is_none());
    let status = registry.model(&name()).expect("known");
    assert_eq!(status.unavailable.map(|reason| reason.code), Some("key_revoked"));
    assert!(registry.route_default().is_none());
    // Another approver's word on the same module brings it back.
    let grace = PrivateKey::from_seed([7; 32]);
    house.enrol("Grace", Role::Approver, &grace);
    let again = House { approver: grace, job: PrivateKey::from_seed([1; 32]), ..House::new() };
    house.place("credit-risk-2.wasm", &again.approved(&card(2, score(2))));
    until("version 2 is live", || live_version(&registry) == Some(2));
    assert_eq!(registry.model(&name()).expect("known").unavailable, None);
}

#[test]
fn asking_for_more_approvals_demotes_what_has_too_few_until_they_come() {
    let house = House::new();
    let grace = PrivateKey::from_seed([7; 32]);
    house.enrol("Grace", Role::Approver, &grace);
    let one = house.approved(&card(1, score(1)));
    house.place("credit-risk-1.wasm", &one);
    let registry = house.open();
    assert_eq!(live_version(&registry), Some(1));
    change(&house, |policy| policy.replace("approvals_required = 1", "approvals_required = 2"));
    until("it has too few", || live_version(&registry).is_none());
    assert_eq!(code_of(&registry, "credit-risk-1.wasm"), Some("not_approved"));
    let second = Approval {
        digest: seal::inspect(&one).expect("ours").digest,
        decision: Decision::Approve,
        key: grace.public().id(),
        ..seal::inspect(&one).expect("ours").approvals.remove(0)
    };
    // Under another name: the file with too few is still there.
    house.place("credit-risk-1-both.wasm", &seal::approve(&one, &second, &grace).expect("a second part"));
    until("it has enough", || live_version(&registry) == Some(1));
}

#[test]
fn a_key_that_expires_takes_down_nothing_and_is_warned_of() {
    let (house, registry) = house_of(&[1]);
    let key = String::from(house.job.public());
    change(&house, |policy| policy.replace(&format!("\"{key}\""), &format!("\"{key}\"\nexpires = \"2021-01-01\"")));
    until("it is warned of", || registry.warnings().iter().any(|said| said.contains("2021-01-01")));
    assert_eq!(live_version(&registry), Some(1));
    assert_eq!(versions(&registry)[0].expires.map(|day| day.to_string()).as_deref(), Some("2021-01-01"));
    house.place_version(2);
    until("version 2 is refused", || code_of(&registry, "credit-risk-2.wasm") == Some("key_expired"));
    drop(registry);
    let registry = house.open();
    assert_eq!(live_version(&registry), None, "a restart judges again");
    assert_eq!(code_of(&registry, "credit-risk-1.wasm"), Some("key_expired"));
}

#[test]
fn a_policy_in_the_hands_of_those_who_drop_modules_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let (house, registry) = house_of(&[1]);
    assert!(registry.warnings().iter().any(|said| said.contains("--trust")), "{:?}", registry.warnings());
    drop(registry);
    let trust = house.modules().join("trust.toml");
    fs::set_permissions(&trust, fs::Permissions::from_mode(0o666)).expect("ours");
    let registry = house.open();
    assert!(registry.warnings().iter().any(|said| said.starts_with("every user")), "{:?}", registry.warnings());
}
