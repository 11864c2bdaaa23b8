//! Whoever has a key: signs what the key may not, or a file of the wrong form whose hashes and signatures are right.

use contract::approval::Approval;
use contract::digest::Digest;
use contract::seal::{self, SealError};
use contract::section::custom_section;

use crate::bench::{ADA, BEN, JOB, Module, STRANGER, TODAY, approval, approved, candidate, card, check, component};
use crate::bench::{digest, key, part, policy, refusal};

#[test]
fn approvals_count_up_to_the_threshold() {
    let two = policy("approvals_required = 2", "", "");
    let none = candidate("a");
    let first = approved(none.clone(), &[ADA]);
    let both = approved(first.clone(), &[BEN]);
    assert_eq!(refusal(&none, &two), Some("not_approved"));
    assert_eq!(refusal(&first, &two), Some("not_approved"));
    assert_eq!(refusal(&both, &two), None);
    assert_eq!([digest(&none), digest(&first)], [digest(&both); 2], "approvals leave the module digest as it was");
    let today = TODAY.parse().expect("a day");
    let considered = seal::verify_candidate(&first, &two, today).expect("a candidate for the second approver");
    assert_eq!(considered.approvals(), [approval(digest(&none), ADA)]);
}

#[test]
fn approve_makes_no_file_that_verify_would_refuse() {
    let first = approved(candidate("a"), &[ADA]);
    let about = digest(&first);
    let again = seal::approve(&first, &approval(about, ADA), &key(ADA));
    assert!(matches!(again, Err(SealError::Again)), "{:?}", again.err());
    let job = seal::approve(&first, &approval(about, JOB), &key(JOB));
    assert!(matches!(job, Err(SealError::Again)), "{:?}", job.err());
    let other = seal::approve(&first, &approval(Digest::of(b"other"), BEN), &key(BEN));
    assert!(matches!(other, Err(SealError::Digest { .. })), "{:?}", other.err());
    let another = seal::approve(&first, &approval(about, ADA), &key(BEN));
    assert!(matches!(another, Err(SealError::Key { .. })), "{:?}", another.err());
    let wordless = seal::approve(&first, &Approval { reason: " ".to_owned(), ..approval(about, BEN) }, &key(BEN));
    assert!(matches!(wordless, Err(SealError::Approval(_))), "{:?}", wordless.err());
}

/// Gives candidate "a" with these approvals as parts, signed by the keys of these seeds, the job's first.
fn forged(approvals: &[Approval], seeds: &[u8]) -> Vec<u8> {
    let mut module = Module::of(&candidate("a"));
    for approval in approvals {
        module.parts.push(part("model-approval", &approval.to_bytes().expect("an approval")));
    }
    module.signed_by(seeds)
}

#[test]
fn keys_sign_what_their_role_allows() {
    let about = digest(&candidate("a"));
    let by = |seed| approval(about, seed);
    let other = digest(&candidate("b"));
    assert_eq!(refusal(&forged(&[by(ADA)], &[JOB, ADA]), &policy("", "", "")), None, "the cases below start from this");
    check("the job approves", &forged(&[by(JOB)], &[JOB, JOB]), "wrong_role");
    check("the job approves beside an approver", &forged(&[by(ADA), by(JOB)], &[JOB, ADA, JOB]), "wrong_role");
    check("an approver builds", &forged(&[by(BEN)], &[ADA, BEN]), "wrong_role");
    check("a stranger builds", &forged(&[by(ADA)], &[STRANGER, ADA]), "unknown_key");
    check("a stranger approves", &forged(&[by(STRANGER)], &[JOB, STRANGER]), "unknown_key");
    check("a stranger beside enough", &forged(&[by(ADA), by(STRANGER)], &[JOB, ADA, STRANGER]), "unknown_key");
    check("one approver twice", &forged(&[by(ADA), by(ADA)], &[JOB, ADA, ADA]), "approved_twice");
    check("in another's name", &forged(&[by(BEN)], &[JOB, ADA]), "approval_key_mismatch");
    check("about another module", &forged(&[approval(other, ADA)], &[JOB, ADA]), "approval_digest_mismatch");
    let mut copied = Module::of(&candidate("a"));
    copied.parts.push(Module::of(&approved(candidate("b"), &[ADA])).parts.remove(1));
    check("copied from another module", &copied.signed_by(&[JOB, ADA]), "approval_digest_mismatch");
}

#[test]
fn a_signer_signs_the_parts_up_to_its_own() {
    let file = approved(candidate("a"), &[ADA]);
    let signed = |job, ada| Module::of(&file).signed_over(&[(JOB, job), (ADA, ada)]);
    assert_eq!(signed(1, 2), file, "the cases below start from this");
    check("the job signs the approval", &signed(2, 2), "signature_malformed");
    check("the approver signs part 1 alone", &signed(1, 1), "tampered");
    check("the job signs nothing", &signed(0, 2), "tampered");
}

#[test]
fn signatures_are_checked_strictly() {
    let about = digest(&candidate("a"));
    let replaced = |file: &[u8], old: &[u8], new: &[u8]| {
        let at = file.windows(old.len()).position(|window| window == old).expect("bytes of the file");
        [&file[..at], new, &file[at + old.len()..]].concat()
    };
    let (job, stranger) = (key(JOB).public().id(), key(STRANGER).public().id());
    let foreign = forged(&[approval(about, ADA)], &[STRANGER, ADA]);
    check("under the job's id", &replaced(&foreign, stranger.as_bytes(), job.as_bytes()), "bad_signature");

    let file = approved(candidate("a"), &[ADA]);
    let [first, second] = &seal::inspect(&file).expect("our own file").signatures[..] else { panic!("two signatures") };
    check("one for the other", &replaced(&file, &first.signature, &second.signature), "bad_signature");
    // S + L is the same scalar in a second spelling (RFC 8032, section 5.1.7, wants S < L).
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut respelled = first.signature;
    let mut carry = 0;
    for (byte, addend) in respelled[32..].iter_mut().zip(order.expect("the group's order")) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0, "S + L fits 32 bytes");
    check("a second spelling", &replaced(&file, &first.signature, &respelled), "bad_signature");
    let neutral: [u8; 64] = std::array::from_fn(|place| u8::from(place == 0));
    check("points of small order", &replaced(&file, &first.signature, &neutral), "bad_signature");
}

#[test]
fn expiry_and_revocation_are_judged_by_the_day() {
    let file = approved(candidate("a"), &[ADA]);
    let about = digest(&file);
    let revoked = |digest: Digest| format!("revoked_digests = [\"{digest}\"]");
    let (until_today, until_yesterday) = ("expires = \"2026-06-15\"", "expires = \"2026-06-14\"");
    let cases = [
        (policy("", until_today, until_today), None),
        (policy("", until_yesterday, ""), Some("key_expired")),
        (policy("", "", until_yesterday), Some("key_expired")),
        (policy("", "revoked = true", ""), Some("key_revoked")),
        (policy("", "", "revoked = true"), Some("key_revoked")),
        (policy(&revoked(about), "", ""), Some("digest_revoked")),
        (policy(&revoked(Digest::of(b"other")), "", ""), None),
    ];
    for (place, (policy, code)) in cases.iter().enumerate() {
        assert_eq!(refusal(&file, policy), *code, "case {place}");
    }
    let until = |day: &str| {
        let approval = Approval { expires: Some(day.parse().expect("a day")), ..approval(about, ADA) };
        refusal(&forged(&[approval], &[JOB, ADA]), &policy("", "", ""))
    };
    assert_eq!((until("2026-06-15"), until("2026-06-14")), (None, Some("approval_expired")));
}

#[test]
fn a_right_signature_does_not_excuse_a_wrong_form() {
    let file = approved(candidate("a"), &[ADA]);
    let check = |name: &str, change: &dyn Fn(&mut Module), code: &str| {
        let mut module = Module::of(&file);
        change(&mut module);
        check(name, &module.signed_by(&[JOB, ADA]), code);
    };
    let more = || custom_section("more", b"x");
    let approval = |text: &str| part("model-approval", text.as_bytes());
    let shown = String::from_utf8(approval_bytes(&file)).expect("JSON is text");
    check("no approval in part 2", &|m| m.parts[1] = part("more", b"x"), "approval_misplaced");
    check("more than an approval", &|m| m.insert(1, 1, more()), "approval_misplaced");
    check("two approvals in a part", &|m| m.insert(1, 0, m.parts[1][0].clone()), "approval_misplaced");
    check("an approval in part 1", &|m| m.insert(0, 0, m.parts[1][0].clone()), "card_misplaced");
    check("a section after the card", &|m| m.insert(0, 3, more()), "card_misplaced");
    check("two cards", &|m| m.insert(0, 2, m.parts[0][2].clone()), "card_misplaced");
    check("no card", &|m| m.parts[0].remove(2).clear(), "card_misplaced");
    check("a part of a delimiter alone", &|m| m.parts[0].drain(..3).for_each(drop), "card_misplaced");
    check("spaced", &|m| m.parts[1] = approval(&shown.replace("\":", "\": ")), "approval_malformed");
    check("rejected", &|m| m.parts[1] = approval(&shown.replace("\"approve\"", "\"reject\"")), "approval_malformed");
    check("with a field more", &|m| m.parts[1] = approval(&shown.replace('}', ",\"x\":1}")), "approval_malformed");
    check("a card of nothing", &|m| m.parts[0][2] = custom_section("model-card", b"{}"), "approval_digest_mismatch");
}

fn approval_bytes(file: &[u8]) -> Vec<u8> {
    approval(digest(file), ADA).to_bytes().expect("an approval")
}

#[test]
fn a_card_is_about_the_component_beside_it() {
    let sealed = |component_of: &str, card: Vec<u8>| {
        let mut module = Module::of(&candidate(component_of));
        module.parts[0][2] = custom_section("model-card", &card);
        let about = Digest::of(&module.parts[0].concat());
        module.parts.push(part("model-approval", &approval(about, ADA).to_bytes().expect("an approval")));
        module.signed_by(&[JOB, ADA])
    };
    let about = |payload| card().to_bytes(Digest::of(&component(payload)));
    assert_eq!(refusal(&sealed("a", about("a")), &policy("", "", "")), None, "the cases below start from this");
    check("a card of another component", &sealed("b", about("a")), "subject_mismatch");
    check("a card of nothing", &sealed("a", b"{}".to_vec()), "card_malformed");
    check("a card respelled", &sealed("a", [about("a"), b"\n".to_vec()].concat()), "card_malformed");
    let mut renamed = card();
    renamed.golden.clear();
    check("a card that proves nothing", &sealed("a", renamed.to_bytes(Digest::of(&component("a")))), "card_malformed");
}
