//! Every named case in one table: each is refused, each for its own reason, and no reason goes without a case.

use std::collections::BTreeSet;

use crate::bench::{refusal, say};
use crate::{gates, structure, trust};

/// Every code a module file is refused with, in the order the demands are made.
const CODES: [&str; 31] = [
    "too_large",
    "not_a_component",
    "truncated",
    "malformed",
    "leb_not_shortest",
    "signature_misplaced",
    "unsigned",
    "signature_malformed",
    "delimiter_malformed",
    "after_last_delimiter",
    "part_count",
    "card_misplaced",
    "approval_misplaced",
    "hash_count",
    "tampered",
    "unknown_key",
    "bad_signature",
    "wrong_role",
    "approval_malformed",
    "approval_key_mismatch",
    "approval_digest_mismatch",
    "approved_twice",
    "not_approved",
    "key_expired",
    "approval_expired",
    "key_revoked",
    "digest_revoked",
    "card_malformed",
    "subject_mismatch",
    "model_not_allowed",
    "gates_failed",
];

#[test]
fn every_named_case_is_refused_for_its_own_reason() {
    let cases: Vec<_> = [structure::cases(), trust::cases(), gates::cases()].into_iter().flatten().collect();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "each name once");
    for case in &cases {
        assert_eq!(refusal(&case.file, &case.policy), Some(case.code), "{}", case.name);
    }
    let reached: BTreeSet<_> = cases.iter().map(|case| case.code).collect();
    assert_eq!(reached, CODES.into(), "each reason has a case");
    say(&format!("{} named cases for {} reasons, none admitted", cases.len(), reached.len()));
}
