use super::*;
use crate::key::PrivateKey;

fn new_key(name: &str, role: Role, seed: u8) -> NewKey {
    NewKey::new(name, role, PrivateKey::from_seed([seed; 32]).public())
}

fn id(seed: u8) -> KeyId {
    PrivateKey::from_seed([seed; 32]).public().id()
}

fn digest(byte: u8) -> Digest {
    Digest::new([byte; 32])
}

/// A folder with a policy of a job and two approvers of one name, under comments of the operator's own.
fn bench() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("trust.toml");
    fs::write(&path, "# mine\napprovals_required = 2 # two\n").expect("a file");
    for (name, role, seed) in [
        ("job", Role::Job, 1),
        ("Ada \"A\" L.", Role::Approver, 2),
        ("Ben", Role::Approver, 3),
        ("Ben", Role::Approver, 4),
    ] {
        enrol(&path, &new_key(name, role, seed)).expect("a key more");
    }
    (folder, path)
}

#[test]
fn enrolling_keeps_the_rest_of_the_file() {
    let (_folder, path) = bench();
    let text = fs::read_to_string(&path).expect("the file");
    assert!(text.starts_with("# mine\napprovals_required = 2 # two\n"), "{text}");
    let bounded = NewKey {
        expires: Some("2030-01-31".parse().expect("a day")),
        models: vec!["credit-risk".parse().expect("a name")],
        ..new_key("Cleo", Role::Approver, 5)
    };
    enrol(&path, &bounded).expect("a key with bounds");
    let policy = TrustPolicy::load(&path).expect("still a policy");
    assert_eq!((policy.approvals_required, policy.keys.len()), (2, 5));
    assert_eq!(policy.key(id(1)).map(|key| key.role), Some(Role::Job));
    assert_eq!(policy.key(id(2)).map(|key| key.name.as_str()), Some("Ada \"A\" L."));
    let cleo = policy.key(id(5)).expect("Cleo");
    assert_eq!((cleo.expires, cleo.models.as_ref()), (bounded.expires, Some(&bounded.models)));
}

#[test]
fn what_cannot_be_changed_leaves_the_file_as_it_is() {
    let (_folder, path) = bench();
    let text = fs::read_to_string(&path).expect("the file");
    let day = "2030-01-31".parse().expect("a day");
    let said = |error: TrustError| match error {
        TrustError::Policy { cause, .. } => cause,
        other => panic!("{other}"),
    };
    let refused = |result: Result<(), TrustError>| said(result.expect_err("a refusal"));
    assert!(matches!(refused(enrol(&path, &new_key("job", Role::Approver, 1))), PolicyError::Twice(_)));
    assert!(matches!(refused(enrol(&path, &new_key("a\u{1b}b", Role::Job, 9))), PolicyError::Holder));
    assert!(matches!(refused(revoke(&path, "nobody", None).map(drop)), PolicyError::UnknownKey(_)));
    assert!(matches!(refused(revoke(&path, "", None).map(drop)), PolicyError::UnknownKey(_)));
    assert!(matches!(refused(expire(&path, "Ben", day).map(drop)), PolicyError::Ambiguous { count: 2, .. }));
    assert!(matches!(refused(revoke(&path, "job", Some("a\nrevoked_digests")).map(drop)), PolicyError::Reason));
    assert_eq!(fs::read_to_string(&path).expect("the file"), text);
    fs::write(&path, "keys = [{ name = \"a\", role = \"job\", public_key = \"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\" }]").expect("a file");
    assert!(matches!(refused(revoke(&path, "a", None).map(drop)), PolicyError::Form("keys")));
    let absent = path.with_file_name("absent.toml");
    assert!(matches!(revoke(&absent, "a", None), Err(TrustError::Read { .. })));
    assert!(!absent.exists(), "only a first key makes a policy");
}

#[test]
fn a_key_is_revoked_once_and_an_expiry_moves_both_ways() {
    let (_folder, path) = bench();
    assert_eq!(revoke(&path, "job", Some("laptop # stolen")).expect("a change"), (id(1), Changed::Now));
    let text = fs::read_to_string(&path).expect("the file");
    assert!(text.contains("revoked = true # laptop # stolen\n"), "{text}");
    assert_eq!(revoke(&path, &id(1).to_string()[..8], Some("again")).expect("no change"), (id(1), Changed::Before));
    assert_eq!(fs::read_to_string(&path).expect("the file"), text);
    for day in ["2030-01-31", "2029-01-31", "2031-01-31"] {
        let day = day.parse().expect("a day");
        assert_eq!(expire(&path, &id(3).to_string(), day).expect("a change"), id(3));
        let policy = TrustPolicy::load(&path).expect("a policy");
        assert_eq!(policy.key(id(3)).and_then(|key| key.expires), Some(day));
        assert!(policy.key(id(1)).is_some_and(|key| key.revoked) && policy.key(id(4)).is_some_and(|key| !key.revoked));
    }
}

#[test]
fn digests_are_revoked_beside_what_stands_there() {
    let (_folder, path) = bench();
    for (byte, reason) in [(1, None), (2, Some("it leaked")), (3, None)] {
        assert_eq!(revoke_digest(&path, digest(byte), reason).expect("a change"), Changed::Now);
    }
    assert_eq!(revoke_digest(&path, digest(2), Some("again")).expect("no change"), Changed::Before);
    let policy = TrustPolicy::load(&path).expect("a policy");
    assert_eq!(policy.revoked_digests, [1, 2, 3].map(digest));
    let text = fs::read_to_string(&path).expect("the file");
    assert!(text.contains("    # it leaked\n") && !text.contains("again"), "{text}");
    fs::write(&path, format!("revoked_digests = [\"{}\"]\n", digest(1))).expect("a file");
    assert_eq!(revoke_digest(&path, digest(2), None).expect("a change"), Changed::Now);
    assert_eq!(TrustPolicy::load(&path).expect("a policy").revoked_digests, [1, 2].map(digest));
}

#[test]
fn changes_at_once_are_all_kept() {
    let (_folder, path) = bench();
    std::thread::scope(|scope| {
        for seed in 10..40 {
            let path = &path;
            scope.spawn(move || match seed % 2 {
                0 => enrol(path, &new_key("one of many", Role::Job, seed)).expect("a key more"),
                _ => drop(revoke_digest(path, digest(seed), None).expect("a digest more")),
            });
        }
    });
    let policy = TrustPolicy::load(&path).expect("a policy");
    assert_eq!((policy.keys.len(), policy.revoked_digests.len()), (4 + 15, 15));
}

#[cfg(unix)]
#[test]
fn a_link_to_the_policy_stays_one() {
    let (folder, path) = bench();
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    revoke(&link, "job", None).expect("a change");
    assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    assert!(TrustPolicy::load(&path).expect("a policy").key(id(1)).is_some_and(|key| key.revoked));
}
