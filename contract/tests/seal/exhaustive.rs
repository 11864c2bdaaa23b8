//! Whoever has no key, tried to the end: every cut, every byte of the seal and of the card, thousands of flipped bits, and
//! every section added, doubled, moved or taken away.

use contract::seal;
use contract::section::{COMPONENT_PREAMBLE, custom_section, sections};

use crate::bench::{ADA, BEN, Module, Random, approved, candidate, card, check, component, policy, refusal, say};
use crate::structure::{file, seal_payload};

fn flipped(file: &[u8], place: usize, mask: u8) -> Vec<u8> {
    let mut changed = file.to_vec();
    changed[place] ^= mask;
    changed
}

fn position(file: &[u8], wanted: &[u8]) -> usize {
    file.windows(wanted.len()).position(|window| window == wanted).expect("bytes of the file")
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
    say(&format!(
        "a module of {0} bytes cut at each of its {0} places, {1} of them bounds of sections",
        file.len(),
        bounds.len()
    ));
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
    // The length of the second set has two bytes; without a second one the first is a longer spelling.
    let spelled = payload + 120;
    assert_eq!(file[spelled - 1..][..2], [0x92, 1]);
    for mask in [0x01, 0x80, 0xff] {
        for (place, code) in codes.iter().enumerate() {
            let place = payload + place;
            let code = if (place, mask) == (spelled, 1) { "leb_not_shortest" } else { code };
            check(&format!("byte {place} ^ {mask:#x}"), &flipped(&file, place, mask), code);
        }
        for place in 8..payload {
            let code = refusal(&flipped(&file, place, mask), &policy("", "", ""));
            let framing = ["unsigned", "malformed", "truncated", "leb_not_shortest", "signature_malformed"];
            assert!(code.is_some_and(|code| framing.contains(&code)), "byte {place} ^ {mask:#x}: {code:?}");
        }
    }
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
    say(&format!("each of the card's {} bytes flipped three ways", card.len()));
}

#[test]
fn no_flipped_bit_goes_unseen() {
    const SEED: u64 = 20_260_615;
    const ROUNDS: usize = 10_000;
    let (file, policy, mut random) = (file(), policy("", "", ""), Random(SEED));
    for round in 0..ROUNDS {
        let (place, bit) = (random.below(file.len()), random.below(8));
        let code = refusal(&flipped(&file, place, 1 << bit), &policy);
        assert!(code.is_some(), "seed {SEED}, round {round}: bit {bit} of byte {place} verifies");
    }
    say(&format!("{ROUNDS} flipped bits of seed {SEED}, none unseen"));
}

#[test]
fn no_section_can_be_added_doubled_moved_or_taken_away_anywhere() {
    let file = approved(candidate("a"), &[ADA, BEN]);
    let raw: Vec<Vec<u8>> = sections(&file).expect("our own file").iter().map(|section| section.raw.to_vec()).collect();
    let policy = policy("", "", "");
    let mut tried = 0;
    let mut refused = |what: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = raw.clone();
        change(&mut changed);
        tried += 1;
        let code = refusal(&[&COMPONENT_PREAMBLE[..], &changed.concat()].concat(), &policy);
        assert!(code.is_some(), "{what} verifies");
    };
    let more = custom_section("more", b"x");
    for from in 0..raw.len() {
        refused(&format!("section {from} taken away"), &|all| all.remove(from).clear());
        for to in 0..=raw.len() {
            refused(&format!("section {from} doubled at {to}"), &|all| all.insert(to, raw[from].clone()));
        }
        for to in (0..raw.len()).filter(|to| *to != from) {
            refused(&format!("sections {from} and {to} swapped"), &|all| all.swap(from, to));
            refused(&format!("section {from} moved to {to}"), &|all| {
                let section = all.remove(from);
                all.insert(to, section);
            });
        }
    }
    for to in 0..=raw.len() {
        refused(&format!("a section more at {to}"), &|all| all.insert(to, more.clone()));
    }
    say(&format!("{tried} files with a section added, doubled, moved or taken away, none admitted"));
}
