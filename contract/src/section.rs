//! The sections of a WebAssembly file, as raw bytes: what a signature covers is what stands in the file.

use wasm_encoder::{CustomSection, Section as _};

/// The first eight bytes of a component: magic, version 13, layer 1.
pub const COMPONENT_PREAMBLE: [u8; 8] = *b"\0asm\x0d\0\x01\0";
/// The most sections a file may have; wit-component writes a few dozen.
pub const SECTIONS_MAX: usize = 4096;

/// One section of a file.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// The section with its frame, as it stands in the file.
    pub raw: &'a [u8],
    /// Where it starts in the file.
    pub offset: usize,
    custom: Option<(&'a str, &'a [u8])>,
}

/// Why bytes are no sequence of sections.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// The file does not start as a component does.
    #[error("the file does not start as a WebAssembly component does")]
    Preamble,
    /// The file ends inside a section.
    #[error("the file ends inside the section that starts at byte {offset}: it is cut off or still being written")]
    Truncated {
        /// Where the section starts.
        offset: usize,
    },
    /// A number has more than 32 bits.
    #[error("the number at byte {offset} is larger than any in a WebAssembly file")]
    Number {
        /// Where the number stands.
        offset: usize,
    },
    /// A number is spelled with more bytes than it needs.
    #[error("the number at byte {offset} is not in its shortest form")]
    NotShortest {
        /// Where the number stands.
        offset: usize,
    },
    /// A custom section has no readable name.
    #[error("the custom section at byte {offset} has no readable name")]
    Name {
        /// Where the section starts.
        offset: usize,
    },
    /// There are more sections than any component of ours has.
    #[error("the file has more than {SECTIONS_MAX} sections")]
    TooMany,
}

impl<'a> Section<'a> {
    /// Gives the section's id: 0 for a custom section, else what the binary format of components has.
    pub fn id(&self) -> u8 {
        self.raw[0]
    }

    /// Gives the name of a custom section.
    pub fn name(&self) -> Option<&'a str> {
        self.custom.map(|(name, _)| name)
    }

    /// Gives the payload of a custom section of this name.
    pub fn custom(&self, name: &str) -> Option<&'a [u8]> {
        self.custom.filter(|(found, _)| *found == name).map(|(_, payload)| payload)
    }
}

/// Splits a component file into its sections.
///
/// # Errors
/// [`SectionError`], with the place in the file.
pub fn sections(file: &[u8]) -> Result<Vec<Section<'_>>, SectionError> {
    let (found, error) = readable_sections(file);
    error.map_or(Ok(found), Err)
}

/// Splits a component file into its sections as far as they can be read, and tells what is wrong behind them.
pub fn readable_sections(file: &[u8]) -> (Vec<Section<'_>>, Option<SectionError>) {
    let mut found = Vec::new();
    if file.is_empty() || !COMPONENT_PREAMBLE.starts_with(&file[..file.len().min(8)]) {
        return (found, Some(SectionError::Preamble));
    }
    if file.len() < 8 {
        return (found, Some(SectionError::Truncated { offset: 0 }));
    }
    let mut reader = Reader { bytes: file, at: 8 };
    while reader.at < file.len() {
        if found.len() == SECTIONS_MAX {
            return (found, Some(SectionError::TooMany));
        }
        match section(&mut reader) {
            Ok(section) => found.push(section),
            Err(error) => return (found, Some(error)),
        }
    }
    (found, None)
}

fn section<'a>(reader: &mut Reader<'a>) -> Result<Section<'a>, SectionError> {
    let offset = reader.at;
    let cut = SectionError::Truncated { offset };
    let id = reader.byte().ok_or(cut.clone())?;
    let size = reader.number()?.ok_or(cut.clone())?;
    let payload = reader.take(size as usize).ok_or(cut)?;
    let raw = &reader.bytes[offset..reader.at];
    let custom = if id == 0 {
        // Over the file's own bytes, so that an error gives the place in the file.
        let mut inner = Reader { bytes: &reader.bytes[..reader.at], at: reader.at - payload.len() };
        let unnamed = SectionError::Name { offset };
        let length = inner.number()?.ok_or(unnamed.clone())?;
        let name = inner.take(length as usize).and_then(|name| std::str::from_utf8(name).ok()).ok_or(unnamed)?;
        Some((name, &inner.bytes[inner.at..]))
    } else {
        None
    };
    Ok(Section { raw, offset, custom })
}

/// Frames a payload as a custom section.
pub fn custom_section(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    CustomSection { name: name.into(), data: payload.into() }.append_to(&mut bytes);
    bytes
}

/// Reads bytes and numbers from the front, and says where it stands.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    /// Gives the next byte, if there is one.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Gives the next bytes, if there are so many.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    /// Gives the next number (LEB128, unsigned, 32 bits); none where the bytes end inside it.
    pub(crate) fn number(&mut self) -> Result<Option<u32>, SectionError> {
        let start = self.at;
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let Some(byte) = self.byte() else { return Ok(None) };
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // A last byte of zero adds nothing: another spelling of the same number.
                let shortest = byte != 0 || shift == 0;
                if !shortest {
                    return Err(SectionError::NotShortest { offset: start });
                }
                return u32::try_from(number).map(Some).map_err(|_| SectionError::Number { offset: start });
            }
        }
        Err(SectionError::Number { offset: start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tail: &[u8]) -> Vec<u8> {
        [&COMPONENT_PREAMBLE[..], tail].concat()
    }

    #[test]
    fn sections_are_split_and_named() {
        let bytes = file(&[custom_section("a", b"xyz"), vec![1, 2, 9, 9], custom_section("b", b"")].concat());
        let found = sections(&bytes).expect("three sections");
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].custom("a"), Some(&b"xyz"[..]));
        assert_eq!(found[0].custom("b"), None);
        assert_eq!((found[1].raw, found[1].offset), (&[1, 2, 9, 9][..], 8 + found[0].raw.len()));
        assert_eq!(found[2].custom("b"), Some(&b""[..]));
    }

    #[test]
    fn bad_framing_is_refused() {
        let check = |bytes: &[u8], error: SectionError| assert_eq!(sections(bytes).err(), Some(error), "{bytes:?}");
        check(b"", SectionError::Preamble);
        check(b"\0asm", SectionError::Truncated { offset: 0 });
        check(b"\0asm\x01\0\0\0", SectionError::Preamble);
        check(b"not wasm", SectionError::Preamble);
        check(&file(&[1]), SectionError::Truncated { offset: 8 });
        check(&file(&[1, 3, 0, 0]), SectionError::Truncated { offset: 8 });
        check(&file(&[1, 0x80]), SectionError::Truncated { offset: 8 });
        check(&file(&[1, 0x82, 0x00, 0, 0]), SectionError::NotShortest { offset: 9 });
        check(&file(&[0, 4, 0x81, 0x00, b'a', 0]), SectionError::NotShortest { offset: 10 });
        check(&file(&[1, 0xff, 0xff, 0xff, 0xff, 0x7f]), SectionError::Number { offset: 9 });
        check(&file(&[1, 0xff, 0xff, 0xff, 0xff, 0xff]), SectionError::Number { offset: 9 });
        check(&file(&[0, 0]), SectionError::Name { offset: 8 });
        check(&file(&[0, 2, 5, b'a']), SectionError::Name { offset: 8 });
        check(&file(&[0, 3, 2, 0xff, 0xfe]), SectionError::Name { offset: 8 });
        check(&file(&[1, 0].repeat(SECTIONS_MAX + 1)), SectionError::TooMany);
        assert_eq!(sections(&file(&[1, 0].repeat(SECTIONS_MAX))).map(|found| found.len()), Ok(SECTIONS_MAX));
    }
}
