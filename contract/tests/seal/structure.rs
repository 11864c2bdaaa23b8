//! Whoever has no key: flips, cuts, adds and moves bytes of an approved file.

use contract::seal::{self, APPROVALS_MAX, CARD_SECTION, MODULE_BYTES_MAX, SealError};
use contract::section::{COMPONENT_PREAMBLE, SECTIONS_MAX, custom_section, sections};

use crate::bench::{ADA, BEN, JOB, Module, Random, approval, approved, candidate, card, check, component, digest, key};
use crate::bench::{part, policy, refusal};

fn file() -> Vec<u8> {
    approved(candidate("a"), &[ADA])
}

fn flipped(file: &[u8], place: usize, mask: u8) -> Vec<u8> {
    let mut changed = file.to_vec();
    changed[place] ^= mask;
    changed
}

fn position(file: &[u8], wanted: &[u8]) -> usize {
    file.windows(wanted.len()).position(|window| window == wanted).expect("bytes of the file")
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
fn a_file_cut_anywhere_is_refused() {
    let file = approved(candidate("a"), &[ADA, BEN]);
    // In the order of the file: nothing; signature; part 1 up to its delimiter; then the approvals and their delimiters.
    let codes = ["unsigned", "part_count", "part_count", "part_count", "part_count", "part_count"];
    let codes = codes.into_iter().chain(["after_last_delimiter", "part_count", "after_last_delimiter"]);
    let bounds = sections(&file).expect("our own file");
    let at_bound: Vec<_> = bounds.iter().map(|section| section.offset).zip(codes).collect();
    assert_eq!(at_bound.len(), bounds.len(), "a code for each section");
    for end in 0..file.len() {
        let bound = at_bound.iter().find(|(offset, _)| *offset == end).map(|(_, code)| *code);
        let code = if end == 0 { "not_a_component" } else { bound.unwrap_or("truncated") };
        check(&format!("cut at {end}"), &file[..end], code);
    }
}

#[test]
fn every_byte_of_the_signature_section_counts() {
    let file = file();
    let payload = 8 + Module::of(&file).signature.len() - seal_payload(&file).len();
    let sets = seal::inspect(&file).expect("our own file").signatures;
    let mut codes = vec!["signature_malformed"; seal_payload(&file).len()];
    let mut expect = |start: usize, length: usize, code| codes[start - payload..][..length].fill(code);
    for set in &sets {
        let (id, signature) = (position(&file, set.key.as_bytes()), position(&file, &set.signature));
        expect(id, 12, "unknown_key");
        expect(signature, 64, "bad_signature");
        // Before the id: its length, the signature's length, the count of signatures; before those, the hashes.
        let hashes = 32 * set.hashes.len();
        expect(id - 3 - hashes, hashes, "tampered");
    }
    for mask in [0x01, 0x80, 0xff] {
        for (place, code) in codes.iter().enumerate() {
            let place = payload + place;
            check(&format!("byte {place} ^ {mask:#x}"), &flipped(&file, place, mask), code);
        }
        for place in 8..payload {
            let code = refusal(&flipped(&file, place, mask), &policy("", "", ""));
            let framing = ["unsigned", "malformed", "truncated", "signature_malformed"];
            assert!(code.is_some_and(|code| framing.contains(&code)), "byte {place} ^ {mask:#x}: {code:?}");
        }
    }
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

fn seal_payload(file: &[u8]) -> &[u8] {
    sections(file).expect("our own file")[0].custom("signature").expect("it stands first")
}

#[test]
fn every_byte_of_the_card_and_of_the_preamble_counts() {
    let file = file();
    let card = card().to_bytes(contract::digest::Digest::of(&component("a")));
    let start = position(&file, &card);
    for mask in [0x01, 0x20, 0x80] {
        for place in start..start + card.len() {
            check(&format!("byte {place} ^ {mask:#x}"), &flipped(&file, place, mask), "tampered");
        }
        for place in 0..COMPONENT_PREAMBLE.len() {
            check(&format!("byte {place} ^ {mask:#x}"), &flipped(&file, place, mask), "not_a_component");
        }
    }
}

#[test]
fn no_flipped_bit_goes_unseen() {
    const SEED: u64 = 20_260_615;
    let (file, policy, mut random) = (file(), policy("", "", ""), Random(SEED));
    for round in 0..2000 {
        let (place, bit) = (random.below(file.len()), random.below(8));
        let code = refusal(&flipped(&file, place, 1 << bit), &policy);
        assert!(code.is_some(), "seed {SEED}, round {round}: bit {bit} of byte {place} verifies");
    }
}

/// What is done to an approved file.
type Change<'c> = &'c dyn Fn(&mut Module);

/// Spells a section's size with one byte more than it needs.
fn spelled_longer(section: &[u8]) -> Vec<u8> {
    let last = 1 + section[1..].iter().position(|byte| byte & 0x80 == 0).expect("a size ends");
    [&section[..last], &[section[last] | 0x80, 0], &section[last + 1..]].concat()
}

#[test]
fn sections_cannot_be_added_moved_or_taken_away() {
    let module = Module::of(&file());
    let changed = |change: Change| {
        let mut module = module.clone();
        change(&mut module);
        module.bytes()
    };
    let more = || custom_section("more", b"x");
    let other = Module::of(&approved(candidate("b"), &[ADA]));
    let cases: [(&str, Change, &str); 27] = [
        ("seal taken off", &|m| m.signature.clear(), "unsigned"),
        ("empty seal", &|m| m.signature = custom_section("signature", b""), "signature_malformed"),
        ("seal of nobody", &|m| m.signature = custom_section("signature", &[1, 1, 1, 0]), "part_count"),
        ("long count", &|m| m.signature = custom_section("signature", &[1, 1, 1, 0x80, 0]), "signature_malformed"),
        ("seal of another module", &|m| m.signature = other.signature.clone(), "tampered"),
        ("two seals", &|m| m.insert(0, 0, m.signature.clone()), "signature_misplaced"),
        ("a seal at the end", &|m| m.parts.push(vec![m.signature.clone()]), "signature_misplaced"),
        ("seal in second place", &|m| m.parts[0].insert(1, std::mem::take(&mut m.signature)), "signature_misplaced"),
        ("a section before the seal", &|m| m.signature.splice(0..0, more()).for_each(drop), "signature_misplaced"),
        ("long size of the seal", &|m| m.signature = spelled_longer(&m.signature), "malformed"),
        ("long size in part 1", &|m| m.parts[0][0] = spelled_longer(&m.parts[0][0]), "malformed"),
        ("long size of the card", &|m| m.parts[0][2] = spelled_longer(&m.parts[0][2]), "malformed"),
        ("a section at the end", &|m| m.parts.push(vec![more()]), "after_last_delimiter"),
        ("a part at the end", &|m| m.parts.push(part("more", b"x")), "part_count"),
        ("approval taken off", &|m| m.parts.truncate(1), "part_count"),
        ("approval twice", &|m| m.parts.push(m.parts[1].clone()), "part_count"),
        ("approval of another module", &|m| m.parts[1] = other.parts[1].clone(), "tampered"),
        ("parts swapped", &|m| m.parts.swap(0, 1), "card_misplaced"),
        ("a section in the component", &|m| m.insert(0, 0, more()), "tampered"),
        ("a section out of the component", &|m| m.parts[0].remove(0).clear(), "tampered"),
        ("a section in part 2", &|m| m.insert(1, 0, more()), "approval_misplaced"),
        ("card taken away", &|m| m.parts[0].remove(2).clear(), "card_misplaced"),
        ("card twice", &|m| m.insert(0, 2, m.parts[0][2].clone()), "card_misplaced"),
        ("card moved to the front", &|m| m.parts[0].swap(0, 2), "card_misplaced"),
        ("card moved to part 2", &|m| m.parts[1][0] = m.parts[0].remove(2), "card_misplaced"),
        (
            "short delimiter",
            &|m| m.parts[1][1] = custom_section("signature_delimiter", &[0; 15]),
            "delimiter_malformed",
        ),
        ("delimiter taken away", &|m| m.parts[0].remove(3).clear(), "part_count"),
    ];
    for (name, change, code) in cases {
        check(name, &changed(change), code);
    }
}

#[test]
fn bounds_hold_before_anything_is_read() {
    check("as large as no module", &vec![0; MODULE_BYTES_MAX as usize + 1], "too_large");
    let mut module = Module::of(&file());
    module.parts[0].splice(0..0, vec![vec![1, 0]; SECTIONS_MAX]).for_each(drop);
    check("more sections than any module", &module.signed_by(&[JOB, ADA]), "malformed");
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
