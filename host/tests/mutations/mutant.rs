//! Changes to a module: some to the bytes as they come, some to what the bytes mean.

use std::ops::Range;

use wasmparser::{Parser, Payload};

/// A seeded sequence of choices (SplitMix64), so that a seed names a mutation for good.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Gives a number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Values that stand at the edges of what a byte of wasm may be: continued numbers, the ends of blocks, types, opcodes.
const EDGES: [u8; 12] = [0x00, 0x01, 0x0b, 0x40, 0x5f, 0x60, 0x70, 0x7c, 0x7f, 0x80, 0xfc, 0xff];

/// Gives a changed copy of a component.
pub fn mutant(base: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..=chance.below(3) {
        match chance.below(10) {
            // Most changes go into the code, where the lengths around them stay right and only the meaning changes.
            0..=3 => within(&mut bytes, &places(base).code, chance),
            4 => within(&mut bytes, &places(base).types, chance),
            5 => within(&mut bytes, &places(base).rest, chance),
            6 => flip(&mut bytes, chance),
            7 => splice(&mut bytes, chance),
            8 => move_section(&mut bytes, base, chance),
            _ => truncate(&mut bytes, chance),
        }
    }
    bytes
}

/// Where what stands in a module.
#[derive(Default)]
struct Places {
    /// Bodies of functions.
    code: Vec<Range<usize>>,
    /// Types, functions' types, memories, tables, globals and what is declared of the component.
    types: Vec<Range<usize>>,
    /// Exports, elements, data, and the component's own wiring.
    rest: Vec<Range<usize>>,
    /// Whole sections, with their heads, at either level.
    sections: Vec<Range<usize>>,
}

fn places(base: &[u8]) -> Places {
    let mut places = Places::default();
    for payload in Parser::new(0).parse_all(base).map_while(Result::ok) {
        if let Some((_, range)) = payload.as_section() {
            // The head is an id and at most five bytes of length.
            let head = (1..=6).find(|back| range.start >= *back && base[range.start - back] <= 13).unwrap_or(1);
            places.sections.push(range.start.saturating_sub(head)..range.end);
        }
        match payload {
            Payload::CodeSectionEntry(body) => places.code.push(body.range()),
            Payload::TypeSection(section) => places.types.push(section.range()),
            Payload::FunctionSection(section) => places.types.push(section.range()),
            Payload::TableSection(section) => places.types.push(section.range()),
            Payload::MemorySection(section) => places.types.push(section.range()),
            Payload::GlobalSection(section) => places.types.push(section.range()),
            Payload::ComponentTypeSection(section) => places.types.push(section.range()),
            Payload::ComponentCanonicalSection(section) => places.types.push(section.range()),
            Payload::ExportSection(section) => places.rest.push(section.range()),
            Payload::ElementSection(section) => places.rest.push(section.range()),
            Payload::DataSection(section) => places.rest.push(section.range()),
            Payload::ComponentAliasSection(section) => places.rest.push(section.range()),
            Payload::ComponentExportSection(section) => places.rest.push(section.range()),
            Payload::ComponentInstanceSection(section) => places.rest.push(section.range()),
            Payload::InstanceSection(section) => places.rest.push(section.range()),
            _ => {}
        }
    }
    places
}

/// Changes a byte of one of the ranges.
fn within(bytes: &mut [u8], ranges: &[Range<usize>], chance: &mut Chance) {
    if ranges.is_empty() {
        return;
    }
    let range = ranges[chance.below(ranges.len())].clone();
    let at = range.start + chance.below(range.len().max(1));
    // An earlier change may have made the file shorter.
    if let Some(byte) = bytes.get_mut(at) {
        *byte = match chance.below(3) {
            0 => EDGES[chance.below(EDGES.len())],
            1 => byte.wrapping_add(1),
            _ => chance.next() as u8,
        };
    }
}

fn flip(bytes: &mut [u8], chance: &mut Chance) {
    if !bytes.is_empty() {
        let at = chance.below(bytes.len());
        bytes[at] ^= 1 << chance.below(8);
    }
}

/// Replaces a stretch by another one of the file, or takes it away.
fn splice(bytes: &mut Vec<u8>, chance: &mut Chance) {
    if bytes.len() > 64 {
        let (from, to) = (chance.below(bytes.len() - 32), chance.below(bytes.len() - 32));
        let taken = bytes[from..from + chance.below(32)].to_vec();
        let end = to + chance.below(32);
        bytes.splice(to..end, taken);
    }
}

/// Puts a copy of a section somewhere else, or takes one away.
fn move_section(bytes: &mut Vec<u8>, base: &[u8], chance: &mut Chance) {
    let sections = places(base).sections;
    if sections.is_empty() {
        return;
    }
    let (one, other) = (sections[chance.below(sections.len())].clone(), sections[chance.below(sections.len())].clone());
    if one.end <= bytes.len() && other.start <= bytes.len() {
        match chance.below(2) {
            0 => drop(bytes.splice(other.start..other.start, base[one].to_vec())),
            _ => drop(bytes.drain(one)),
        }
    }
}

fn truncate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let length = chance.below(bytes.len().max(1));
    bytes.truncate(length);
}
