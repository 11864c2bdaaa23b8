//! Whoever has no key: flips, cuts, adds and moves bytes of an approved file.

use std::mem::take;

use contract::seal::{self, APPROVALS_MAX, CARD_SECTION, MODULE_BYTES_MAX, SealError};
use contract::section::{SECTIONS_MAX, custom_section, sections};
use wasm_encoder::Encode as _;

use crate::bench::{
    ADA, Case, JOB, Module, approval, approved, candidate, card, check, component, digest, key, part, policy,
};

/// An approved file.
pub fn file() -> Vec<u8> {
    approved(candidate("a"), &[ADA])
}

#[test]
fn what_we_seal_verifies_and_says_what_we_sealed() {
    let file = file();
    let today = crate::bench::TODAY.parse().expect("a day");
    let trusted = policy("", "", "");
    let verified = seal::verify(&file, &trusted, today).expect("a sealed and approved file");
    assert_eq!(verified.card, card());
    assert_eq!(verified.digest(), digest(&candidate("a")), "an approval leaves the module digest as it was");
    assert_eq!(verified.approvals(), [approval(verified.digest(), ADA)]);
    assert_eq!(verified.file(), file);
    assert_eq!(file, approved(candidate("a"), &[ADA]), "the same inputs give the same bytes");
    assert_eq!(Module::of(&file).signed_by(&[JOB, ADA]), file, "the bench writes what the seal writes");
}

#[test]
fn the_seal_has_no_room_for_more() {
    let file = file();
    let payload = seal_payload(&file);
    // Set 1 stands from 5 to 119: one hash, a count, and from 40 on the one signature; their lengths stand before them.
    assert_eq!((payload[4], payload[39]), (114, 79));
    let longer = |lengths: &[usize], at: usize| {
        let mut payload = payload.to_vec();
        lengths.iter().for_each(|&place| payload[place] += 1);
        payload.insert(at, 0);
        Module { signature: custom_section("signature", &payload), ..Module::of(&file) }.bytes()
    };
    check("after a signature", &longer(&[4], 119), "signature_malformed");
    check("in a signature", &longer(&[4, 39], 119), "signature_malformed");
    check("after the sets", &longer(&[], payload.len()), "signature_malformed");
}

/// The payload of a file's seal.
pub fn seal_payload(file: &[u8]) -> &[u8] {
    sections(file).expect("our own file")[0].custom("signature").expect("it stands first")
}

/// Spells the number at a place with one byte more than it needs.
fn spelled_longer(bytes: &[u8], place: usize) -> Vec<u8> {
    let last = place + bytes[place..].iter().position(|byte| byte & 0x80 == 0).expect("a number ends");
    [&bytes[..last], &[bytes[last] | 0x80, 0], &bytes[last + 1..]].concat()
}

/// Spells the length of a custom section's name longer; its size counts the byte.
fn named_longer(section: &[u8]) -> Vec<u8> {
    let content = 2 + section[1..].iter().position(|byte| byte & 0x80 == 0).expect("a size ends");
    let mut longer = vec![0];
    spelled_longer(&section[content..], 0)[..].encode(&mut longer);
    longer
}

/// Whoever has no key changes an approved file.
pub fn cases() -> Vec<Case> {
    let file = file();
    let module = Module::of(&file);
    let case = |name, change: &dyn Fn(&mut Module), code| Case::new(name, module.with(change).bytes(), code);
    let sealed = |name, payload: &[u8], code| {
        Case::new(name, module.with(|m| m.signature = custom_section("signature", payload)).bytes(), code)
    };
    let more = || custom_section("more", b"x");
    let other = Module::of(&approved(candidate("b"), &[ADA]));
    let payload = seal_payload(&file);
    let core = [&b"\0asm\x01\0\0\0"[..], &file[8..]].concat();
    let mut crowded = module.clone();
    crowded.parts[0].splice(0..0, vec![vec![1, 0]; SECTIONS_MAX]).for_each(drop);
    vec![
        Case::new("an empty file", Vec::new(), "not_a_component"),
        Case::new("another format", b"PK\x03\x04 and so on".to_vec(), "not_a_component"),
        Case::new("a core module", core, "not_a_component"),
        Case::new("as large as no module", vec![0; MODULE_BYTES_MAX as usize + 1], "too_large"),
        Case::new("more sections than any module", crowded.signed_by(&[JOB, ADA]), "malformed"),
        Case::new("a byte at the end", [&file[..], &[0]].concat(), "truncated"),
        Case::new("the last byte cut off", file[..file.len() - 1].to_vec(), "truncated"),
        Case::new("a number of 35 bits", [&file[..], &[0, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat(), "malformed"),
        Case::new("the bare component", component("a"), "unsigned"),
        case("seal taken off", &|m| m.signature.clear(), "unsigned"),
        sealed("empty seal", b"", "signature_malformed"),
        sealed("seal of nobody", &[1, 1, 1, 0], "part_count"),
        sealed("seal of another version", &[&[2], &payload[1..]].concat(), "signature_malformed"),
        sealed("seal over another kind of content", &[&[1, 2], &payload[2..]].concat(), "signature_malformed"),
        sealed("seal with another hash function", &[&[1, 1, 2], &payload[3..]].concat(), "signature_malformed"),
        sealed("long count of sets", &spelled_longer(payload, 3), "leb_not_shortest"),
        sealed("long length of a set", &spelled_longer(payload, 4), "leb_not_shortest"),
        sealed("long count of hashes", &lengthened(payload, &[4], 5), "leb_not_shortest"),
        sealed("long count of signatures", &lengthened(payload, &[4], 38), "leb_not_shortest"),
        sealed("long length of a signature", &lengthened(payload, &[4], 39), "leb_not_shortest"),
        sealed("long length of a key id", &lengthened(payload, &[4, 39], 40), "leb_not_shortest"),
        case("long size of the seal", &|m| m.signature = spelled_longer(&m.signature, 1), "leb_not_shortest"),
        case("long name of the seal", &|m| m.signature = named_longer(&m.signature), "leb_not_shortest"),
        case("long size in part 1", &|m| m.parts[0][0] = spelled_longer(&m.parts[0][0], 1), "leb_not_shortest"),
        case("long size of the card", &|m| m.parts[0][2] = spelled_longer(&m.parts[0][2], 1), "leb_not_shortest"),
        case("long name of the card", &|m| m.parts[0][2] = named_longer(&m.parts[0][2]), "leb_not_shortest"),
        case("long name of a delimiter", &|m| m.parts[1][1] = named_longer(&m.parts[1][1]), "leb_not_shortest"),
        case("a name past its section", &|m| m.parts[1][1] = vec![0, 2, 5, b'x'], "malformed"),
        case("a name that is no text", &|m| m.parts[1][1] = vec![0, 3, 2, 0xff, 0xfe], "malformed"),
        case("seal of another module", &|m| m.signature = other.signature.clone(), "tampered"),
        case("two seals", &|m| m.insert(0, 0, m.signature.clone()), "signature_misplaced"),
        case("a seal at the end", &|m| m.parts.push(vec![m.signature.clone()]), "signature_misplaced"),
        case("seal in second place", &|m| m.parts[0].insert(1, take(&mut m.signature)), "signature_misplaced"),
        case("a section before the seal", &|m| m.signature.splice(0..0, more()).for_each(drop), "signature_misplaced"),
        case("a section at the end", &|m| m.parts.push(vec![more()]), "after_last_delimiter"),
        case("a part at the end", &|m| m.parts.push(part("more", b"x")), "part_count"),
        case("approval taken off", &|m| m.parts.truncate(1), "part_count"),
        case("approval twice", &|m| m.parts.push(m.parts[1].clone()), "part_count"),
        case("approval of another module", &|m| m.parts[1] = other.parts[1].clone(), "tampered"),
        case("parts swapped", &|m| m.parts.swap(0, 1), "card_misplaced"),
        case("a section in the component", &|m| m.insert(0, 0, more()), "tampered"),
        case("a section out of the component", &|m| m.parts[0].remove(0).clear(), "tampered"),
        case("the component's sections swapped", &|m| m.parts[0].swap(0, 1), "tampered"),
        case("component of another module", &|m| m.parts[0][..2].clone_from_slice(&other.parts[0][..2]), "tampered"),
        case("card of another module", &|m| m.parts[0][2] = other.parts[0][2].clone(), "tampered"),
        case("a section in part 2", &|m| m.insert(1, 0, more()), "approval_misplaced"),
        case("card taken away", &|m| m.parts[0].remove(2).clear(), "card_misplaced"),
        case("card twice", &|m| m.insert(0, 2, m.parts[0][2].clone()), "card_misplaced"),
        case("card moved to the front", &|m| m.parts[0].swap(0, 2), "card_misplaced"),
        case("card moved to part 2", &|m| m.parts[1][0] = m.parts[0].remove(2), "card_misplaced"),
        case(
            "short delimiter",
            &|m| m.parts[1][1] = custom_section("signature_delimiter", &[0; 15]),
            "delimiter_malformed",
        ),
        case(
            "long delimiter",
            &|m| m.parts[0][3] = custom_section("signature_delimiter", &[0; 17]),
            "delimiter_malformed",
        ),
        case("delimiter of another part", &|m| m.parts[1][1] = m.parts[0][3].clone(), "tampered"),
        case("delimiter taken away", &|m| m.parts[0].remove(3).clear(), "part_count"),
        case("delimiter twice", &|m| m.insert(0, 3, m.parts[0][3].clone()), "part_count"),
    ]
}

/// Spells a number of the seal longer, and counts the byte in the lengths that stand at these places.
fn lengthened(payload: &[u8], lengths: &[usize], place: usize) -> Vec<u8> {
    let mut payload = payload.to_vec();
    lengths.iter().for_each(|&place| payload[place] += 1);
    spelled_longer(&payload, place)
}

#[test]
fn a_module_carries_so_many_approvals_and_no_more() {
    let seeds: Vec<u8> = (10..).take(APPROVALS_MAX).collect();
    let full = approved(candidate("a"), &seeds);
    assert_eq!(seal::inspect(&full).expect("a full module").approvals.len(), APPROVALS_MAX);
    let again = seal::approve(&full, &approval(digest(&full), ADA), &key(ADA));
    assert!(matches!(again, Err(SealError::Full)), "{:?}", again.err());
    let mut module = Module::of(&full);
    module.parts.push(part("model-approval", b"{}"));
    check("one more, by hand", &module.signed_by(&[&[JOB], &seeds[..], &[ADA]].concat()), "signature_malformed");
}

#[test]
fn only_a_bare_component_is_sealed() {
    let seal = |component: &[u8]| seal::seal_candidate(component, &card(), &key(JOB));
    let sealed = seal(&candidate("a"));
    assert!(matches!(sealed, Err(SealError::Sealed("signature"))), "{:?}", sealed.err());
    let carded = seal(&[component("a"), custom_section(CARD_SECTION, b"{}")].concat());
    assert!(matches!(carded, Err(SealError::Sealed(CARD_SECTION))), "{:?}", carded.err());
    let cut = seal(&component("a")[..12]);
    assert!(matches!(cut, Err(SealError::Component(_))), "{:?}", cut.err());
    // With the seal's own sections there would be more than a host reads.
    let crowded = seal(&[component("a"), [1, 0].repeat(SECTIONS_MAX - 2)].concat());
    assert!(matches!(crowded, Err(SealError::Candidate(_))), "{:?}", crowded.err());
}
