//! Whoever has a key: signs what the key may not, or a file of the wrong form whose hashes and signatures are right.

use contract::approval::Approval;
use contract::digest::Digest;
use contract::seal::{self, SealError};
use contract::section::custom_section;

use crate::bench::{ADA, BEN, Case, JOB, Module, STRANGER, TODAY, approval, approved, candidate, card, component};
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

/// Whoever has a key signs what it may not, or a file of the wrong form.
pub fn cases() -> Vec<Case> {
    [roles(), signers(), strictness(), the_day_and_the_model(), forms(), cards()].into_iter().flatten().collect()
}

fn admitted(file: &[u8]) {
    assert_eq!(refusal(file, &policy("", "", "")), None, "the cases below start from this");
}

fn roles() -> Vec<Case> {
    let about = digest(&candidate("a"));
    let by = |seed| approval(about, seed);
    let other = digest(&candidate("b"));
    let case = |name, approvals: &[Approval], seeds: &[u8], code| Case::new(name, forged(approvals, seeds), code);
    admitted(&forged(&[by(ADA)], &[JOB, ADA]));
    let mut copied = Module::of(&candidate("a"));
    copied.parts.push(Module::of(&approved(candidate("b"), &[ADA])).parts.remove(1));
    let two = || policy("approvals_required = 2", "", "");
    vec![
        Case::new("no approval", candidate("a"), "not_approved"),
        case("one approval short", &[by(ADA)], &[JOB, ADA], "not_approved").under(two()),
        case("one approver twice to make two", &[by(ADA), by(ADA)], &[JOB, ADA, ADA], "approved_twice").under(two()),
        case("the job approves", &[by(JOB)], &[JOB, JOB], "wrong_role"),
        case("the job approves beside an approver", &[by(ADA), by(JOB)], &[JOB, ADA, JOB], "wrong_role"),
        case("an approver builds", &[by(BEN)], &[ADA, BEN], "wrong_role"),
        case("an approver builds and approves", &[by(ADA)], &[ADA, ADA], "wrong_role"),
        case("a stranger builds", &[by(ADA)], &[STRANGER, ADA], "unknown_key"),
        case("a stranger approves", &[by(STRANGER)], &[JOB, STRANGER], "unknown_key"),
        case("a stranger beside enough", &[by(ADA), by(STRANGER)], &[JOB, ADA, STRANGER], "unknown_key"),
        case("one approver twice", &[by(ADA), by(ADA)], &[JOB, ADA, ADA], "approved_twice"),
        case("in another's name", &[by(BEN)], &[JOB, ADA], "approval_key_mismatch"),
        case("about another module", &[approval(other, ADA)], &[JOB, ADA], "approval_digest_mismatch"),
        Case::new("copied from another module", copied.signed_by(&[JOB, ADA]), "approval_digest_mismatch"),
        case("nobody is trusted", &[by(ADA)], &[JOB, ADA], "unknown_key").under("".parse().expect("an empty policy")),
    ]
}

/// A signer signs all parts up to its own.
fn signers() -> Vec<Case> {
    let file = approved(candidate("a"), &[ADA]);
    let signed = |job, ada| Module::of(&file).signed_over(&[(JOB, job), (ADA, ada)]);
    assert_eq!(signed(1, 2), file, "the cases below start from this");
    vec![
        Case::new("the job signs the approval", signed(2, 2), "hash_count"),
        Case::new("the approver signs part 1 alone", signed(1, 1), "hash_count"),
        Case::new("the job signs nothing", signed(0, 2), "hash_count"),
    ]
}

fn strictness() -> Vec<Case> {
    let about = digest(&candidate("a"));
    let replaced = |file: &[u8], old: &[u8], new: &[u8]| {
        let at = file.windows(old.len()).position(|window| window == old).expect("bytes of the file");
        [&file[..at], new, &file[at + old.len()..]].concat()
    };
    let (job, stranger) = (key(JOB).public().id(), key(STRANGER).public().id());
    let foreign = forged(&[approval(about, ADA)], &[STRANGER, ADA]);
    let file = approved(candidate("a"), &[ADA]);
    let [first, second] = &seal::inspect(&file).expect("our own file").signatures[..] else { panic!("two signatures") };
    // S + L is the same scalar in a second spelling (RFC 8032, section 5.1.7, wants S < L).
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut respelled = first.signature;
    let mut carry = 0;
    for (byte, addend) in respelled[32..].iter_mut().zip(order.expect("the group's order")) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0, "S + L fits 32 bytes");
    let neutral: [u8; 64] = std::array::from_fn(|place| u8::from(place == 0));
    let case = |name, new: &[u8]| Case::new(name, replaced(&file, &first.signature, new), "bad_signature");
    vec![
        Case::new("under the job's id", replaced(&foreign, stranger.as_bytes(), job.as_bytes()), "bad_signature"),
        case("one for the other", &second.signature),
        case("a second spelling", &respelled),
        case("points of small order", &neutral),
        case("zeros", &[0; 64]),
    ]
}

fn the_day_and_the_model() -> Vec<Case> {
    let file = approved(candidate("a"), &[ADA]);
    let about = digest(&file);
    let revoked = |digest: Digest| format!("revoked_digests = [\"{digest}\"]");
    let until = |day: &str| {
        let approval = Approval { expires: Some(day.parse().expect("a day")), ..approval(about, ADA) };
        forged(&[approval], &[JOB, ADA])
    };
    let (until_today, until_yesterday) = ("expires = \"2026-06-15\"", "expires = \"2026-06-14\"");
    let (this, others) = ("models = [\"other\", \"credit-risk\"]", "models = [\"other\", \"credit\"]");
    let fine =
        [policy("", until_today, until_today), policy("", this, this), policy(&revoked(Digest::of(b"other")), "", "")];
    for policy in fine {
        assert_eq!(refusal(&file, &policy), None, "{policy:?}");
    }
    admitted(&until("2026-06-15"));
    let case = |name, policy, code| Case::new(name, file.clone(), code).under(policy);
    vec![
        case("the job's key has expired", policy("", until_yesterday, ""), "key_expired"),
        case("the approver's key has expired", policy("", "", until_yesterday), "key_expired"),
        case("the job's key is revoked", policy("", "revoked = true", ""), "key_revoked"),
        case("the approver's key is revoked", policy("", "", "revoked = true"), "key_revoked"),
        case("the module is revoked", policy(&revoked(about), "", ""), "digest_revoked"),
        Case::new("the approval has expired", until("2026-06-14"), "approval_expired"),
        case("the job's key is for other models", policy("", others, ""), "model_not_allowed"),
        case("the approver's key is for other models", policy("", this, others), "model_not_allowed"),
    ]
}

/// A right signature does not excuse a wrong form.
fn forms() -> Vec<Case> {
    let module = Module::of(&approved(candidate("a"), &[ADA]));
    let case =
        |name, change: &dyn Fn(&mut Module), code| Case::new(name, module.with(change).signed_by(&[JOB, ADA]), code);
    let more = || custom_section("more", b"x");
    let approval = |text: &str| part("model-approval", text.as_bytes());
    let about = approval_bytes(&approved(candidate("a"), &[ADA]));
    let shown = String::from_utf8(about).expect("JSON is text");
    let rejecting = shown.replace("\"approve\"", "\"reject\"");
    let wordless = shown.replace("all gates passed", " ");
    let long = shown.replace("all gates passed", &"x".repeat(65 << 10));
    vec![
        case("no approval in part 2", &|m| m.parts[1] = part("more", b"x"), "approval_misplaced"),
        case("more than an approval", &|m| m.insert(1, 1, more()), "approval_misplaced"),
        case("two approvals in a part", &|m| m.insert(1, 0, m.parts[1][0].clone()), "approval_misplaced"),
        case("an approval in part 1", &|m| m.insert(0, 0, m.parts[1][0].clone()), "card_misplaced"),
        case("a section after the card", &|m| m.insert(0, 3, more()), "card_misplaced"),
        case("two cards", &|m| m.insert(0, 2, m.parts[0][2].clone()), "card_misplaced"),
        case("no card", &|m| m.parts[0].remove(2).clear(), "card_misplaced"),
        case("a part of a delimiter alone", &|m| m.parts[0].drain(..3).for_each(drop), "card_misplaced"),
        case("an approval spaced", &|m| m.parts[1] = approval(&shown.replace("\":", "\": ")), "approval_malformed"),
        case("an approval that rejects", &|m| m.parts[1] = approval(&rejecting), "approval_malformed"),
        case("an approval without a reason", &|m| m.parts[1] = approval(&wordless), "approval_malformed"),
        case("an approval as long as no other", &|m| m.parts[1] = approval(&long), "approval_malformed"),
        case("a field more", &|m| m.parts[1] = approval(&shown.replace('}', ",\"x\":1}")), "approval_malformed"),
        case(
            "a card under an older approval",
            &|m| m.parts[0][2] = custom_section("model-card", b"{}"),
            "approval_digest_mismatch",
        ),
    ]
}

fn approval_bytes(file: &[u8]) -> Vec<u8> {
    approval(digest(file), ADA).to_bytes().expect("an approval")
}

/// A card is about the component beside it.
fn cards() -> Vec<Case> {
    let sealed = |component_of: &str, card: Vec<u8>| {
        let mut module = Module::of(&candidate(component_of));
        module.parts[0][2] = custom_section("model-card", &card);
        let about = Digest::of(&module.parts[0].concat());
        module.parts.push(part("model-approval", &approval(about, ADA).to_bytes().expect("an approval")));
        module.signed_by(&[JOB, ADA])
    };
    let about = |payload| card().to_bytes(Digest::of(&component(payload)));
    admitted(&sealed("a", about("a")));
    let text = String::from_utf8(about("a")).expect("JSON is text");
    let mut proofless = card();
    proofless.golden.clear();
    let mut renamed = card();
    renamed.model = "other".parse().expect("a name");
    let renamed = renamed.to_bytes(Digest::of(&component("a")));
    let case = |name, card: Vec<u8>| Case::new(name, sealed("a", card), "card_malformed");
    let only = || policy("", "models = [\"credit-risk\"]", "");
    vec![
        Case::new("a card of another component", sealed("b", about("a")), "subject_mismatch"),
        case("a card of nothing", b"{}".to_vec()),
        case("a card respelled", [about("a"), b"\n".to_vec()].concat()),
        case("a card that proves nothing", proofless.to_bytes(Digest::of(&component("a")))),
        case("a card of another type", text.replace("in-toto.io/Statement/v1", "in-toto.io/Statement/v2").into()),
        case("a name that is none", text.replace("credit-risk", "../credit").into()),
        case("a subject of another version", text.replace("credit-risk-3", "credit-risk-4").into()),
        Case::new("a model that the job may not name", sealed("a", renamed), "model_not_allowed").under(only()),
    ]
}
