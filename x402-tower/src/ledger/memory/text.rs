//! Short texts in few bytes: addresses and transactions are mostly hexadecimal.

use std::io::Write;

use crate::hex::{self, trimmed};

/// What a packed text begins with, above its length.
const PLAIN: u8 = 0;
/// Digits of one case.
const LOWER: u8 = 1 << 6;
/// Digits of both, which checksums are made of.
const MIXED: u8 = 2 << 6;
/// The name of an EVM chain: its number.
const CHAIN: u8 = 3 << 6;

/// The length, unless it takes a byte of its own.
const LENGTH: u8 = (1 << 6) - 1;

const CHAINS: &str = "eip155:";

/// Appends a text; nothing if it is too long, or for the room that there is.
pub(super) fn pack(out: &mut impl Write, text: &str) -> Option<()> {
    if let Some(chain) = chain(text) {
        let number = chain.to_be_bytes();
        let number = trimmed(&number);
        begin(out, CHAIN, number.len())?;
        return out.write_all(number).ok();
    }
    match text.strip_prefix("0x").and_then(Digits::read) {
        Some(digits) => digits.pack(out),
        None => {
            begin(out, PLAIN, text.len())?;
            out.write_all(text.as_bytes()).ok()
        }
    }
}

/// Hexadecimal digits of whole bytes, up to a word of a contract, and zeros behind them.
struct Digits {
    text: [u8; 64],
    /// How many bytes they are.
    length: usize,
    bytes: [u8; 32],
    is_lower: bool,
}

impl Digits {
    fn read(digits: &str) -> Option<Self> {
        let mut text = [b'0'; 64];
        text.get_mut(..digits.len())?
            .copy_from_slice(digits.as_bytes());
        if digits.is_empty() || !digits.len().is_multiple_of(2) {
            return None;
        }
        // In two passes without a branch, which compilers turn into vector instructions.
        let (mut values, mut all, mut cases) = (text, 0, u8::MAX);
        for digit in &mut values {
            cases &= *digit;
            *digit = hex::value(*digit);
            all |= *digit;
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(values.as_chunks::<2>().0) {
            *byte = high << 4 | low;
        }
        (all <= 0xf).then_some(Self {
            text,
            length: digits.len() / 2,
            bytes,
            is_lower: cases & CASE != 0,
        })
    }

    fn pack(&self, out: &mut impl Write) -> Option<()> {
        let kind = if self.is_lower { LOWER } else { MIXED };
        begin(out, kind, self.length)?;
        out.write_all(&self.bytes[..self.length]).ok()?;
        if self.is_lower {
            return Some(());
        }
        let mut cases = [0; 8];
        for (cases, digits) in cases.iter_mut().zip(self.text.as_chunks().0) {
            *cases = capitals(*digits);
        }
        out.write_all(&cases[..self.length.div_ceil(4)]).ok()
    }
}

/// Of all digits only capital letters have not this bit.
const CASE: u8 = 0x20;

/// A bit for each digit that is a capital letter, the lowest for the first.
const fn capitals(digits: [u8; 8]) -> u8 {
    const EACH: u64 = u64::MAX / 0xff;
    let all = (!u64::from_le_bytes(digits) / CASE as u64) & EACH;
    // Puts the bits of all bytes side by side, into the highest.
    (all.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The number of an EVM chain whose name is spelled in the one right way.
fn chain(text: &str) -> Option<u64> {
    let number = text.strip_prefix(CHAINS)?;
    number
        .starts_with(|first| matches!(first, '1'..='9'))
        .then(|| number.parse().ok())
        .flatten()
}

fn begin(out: &mut impl Write, kind: u8, length: usize) -> Option<()> {
    let length = u8::try_from(length).ok()?;
    let written = if length < LENGTH {
        out.write_all(&[kind | length])
    } else {
        out.write_all(&[kind | LENGTH, length])
    };
    written.ok()
}

/// Takes a text off the front of what was packed.
pub(super) fn unpack(packed: &mut &[u8]) -> String {
    let Some(first) = packed.split_off_first() else {
        return String::new();
    };
    let (kind, length) = (first & !LENGTH, first & LENGTH);
    let length = match length {
        LENGTH => packed.split_off_first().copied().unwrap_or_default(),
        _ => length,
    };
    let length = usize::from(length);
    let bytes = packed.split_off(..length).unwrap_or_default();
    if kind == CHAIN {
        let number = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        return format!("{CHAINS}{number}");
    }
    if kind == PLAIN {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let cases = match kind {
        MIXED => packed.split_off(..length.div_ceil(4)).unwrap_or_default(),
        _ => &[],
    };
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.enumerate().map(|(i, digit)| {
        let digit = char::from(b"0123456789abcdef"[usize::from(digit)]);
        match cases.get(i / 8) {
            Some(cases) if cases >> (i % 8) & 1 == 1 => digit.to_ascii_uppercase(),
            _ => digit,
        }
    });
    "0x".chars().chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_out_as_they_went_in(
            texts in proptest::collection::vec("0x[0-9a-f]{0,160}|0x[0-9a-fA-F]{0,80}|eip155:[+]?[0-9]{0,22}|\\PC{0,80}", 0..5),
        ) {
            let mut packed = Vec::new();
            for text in &texts {
                pack(&mut packed, text).unwrap();
            }
            let mut rest = &packed[..];
            for text in &texts {
                prop_assert_eq!(&unpack(&mut rest), text);
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn hexadecimal_takes_half_the_room() {
        let mut packed = Vec::new();
        pack(&mut packed, &format!("0x{}", "5f".repeat(32))).unwrap();
        assert_eq!(packed.len(), 1 + 32);
        assert!(pack(&mut packed, &"x".repeat(256)).is_none());
    }

    #[test]
    fn a_chain_takes_as_much_room_as_its_number() {
        let mut packed = Vec::new();
        pack(&mut packed, "eip155:84532").unwrap();
        assert_eq!(packed.len(), 1 + 3);
    }
}
