//! Short texts in few bytes: addresses and transactions are mostly hexadecimal.

use std::io::Write;

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
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        begin(out, CHAIN, number.len() - zeros)?;
        return out.write_all(&number[zeros..]).ok();
    }
    let digits = text.strip_prefix("0x").unwrap_or_default().as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() || !are_all(digits, u8::is_ascii_hexdigit) {
        begin(out, PLAIN, text.len())?;
        return out.write_all(text.as_bytes()).ok();
    }
    let is_lower = are_all(digits, |digit| !digit.is_ascii_uppercase());
    begin(out, if is_lower { LOWER } else { MIXED }, pairs.len())?;
    for pairs in pairs.chunks(32) {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = byte_of(*pair);
        }
        out.write_all(&bytes[..pairs.len()]).ok()?;
    }
    if !is_lower {
        for eight in digits.chunks(8) {
            let cases = eight.iter().enumerate().fold(0, |bits, (i, digit)| {
                bits | u8::from(digit.is_ascii_uppercase()) << i
            });
            out.write_all(&[cases]).ok()?;
        }
    }
    Some(())
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

/// Like `all`, but without a way out before the end, so that compilers make vector instructions of it.
fn are_all(digits: &[u8], is_so: impl Fn(&u8) -> bool) -> bool {
    digits.iter().fold(true, |all, digit| all & is_so(digit))
}

/// What two hexadecimal digits of any case stand for, both at once.
const fn byte_of(digits: [u8; 2]) -> u8 {
    let digits = u16::from_le_bytes(digits);
    let values = (digits & 0x0f0f) + 9 * (digits >> 6 & 0x0101);
    (values << 4 | values >> 8) as u8
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
