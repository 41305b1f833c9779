//! Short texts in few bytes: addresses and transactions are mostly hexadecimal.

/// What a packed text begins with, below its length.
const PLAIN: u8 = 0;
/// Digits of one case.
const LOWER: u8 = 1;
/// Digits of both, which checksums are made of.
const MIXED: u8 = 2;

/// Appends a text; nothing if it is too long.
pub(super) fn pack(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let start = out.len();
    let digits = text.strip_prefix("0x").unwrap_or_default().as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    out.extend([LOWER, pairs.len() as u8]);
    let mut marks = 0;
    out.extend(pairs.iter().map(|[high, low]| {
        let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
        marks |= high | low;
        high << 4 | low & 0xf
    }));
    if marks & UNKNOWN != 0 || !rest.is_empty() || pairs.is_empty() || pairs.len() > MOST {
        out.truncate(start);
        out.extend([PLAIN, u8::try_from(text.len()).ok()?]);
        out.extend_from_slice(text.as_bytes());
    } else if marks & UPPER != 0 {
        out[start] = MIXED;
        out.extend(digits.chunks(8).map(|eight| {
            let cases = eight.iter().enumerate();
            cases.fold(0, |bits, (i, digit)| {
                bits | u8::from(digit.is_ascii_uppercase()) << i
            })
        }));
    }
    Some(())
}

const MOST: usize = u8::MAX as usize;

/// Marks what is no digit.
const UNKNOWN: u8 = 0x80;
/// Marks a digit in upper case.
const UPPER: u8 = 0x40;

/// What each character is as a digit, below its marks.
const DIGITS: [u8; 256] = {
    let mut digits = [UNKNOWN; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        digits[digit.to_ascii_uppercase() as usize] = value | UPPER;
        digits[digit as usize] = value;
        value += 1;
    }
    digits
};

/// Takes a text off the front of what was packed.
pub(super) fn unpack(packed: &mut &[u8]) -> String {
    let (kind, length) = match packed.split_off(..2) {
        Some([kind, length]) => (*kind, usize::from(*length)),
        _ => return String::new(),
    };
    let bytes = packed.split_off(..length).unwrap_or_default();
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
            texts in proptest::collection::vec("0x[0-9a-f]{0,80}|0x[0-9a-fA-F]{0,80}|\\PC{0,40}", 0..5),
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
        assert_eq!(packed.len(), 2 + 32);
        assert!(pack(&mut packed, &"x".repeat(256)).is_none());
    }
}
