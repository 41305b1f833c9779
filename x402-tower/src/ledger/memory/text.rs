//! Short texts in few bytes: addresses and transactions are mostly hexadecimal.

/// What a packed text begins with, below its length.
const PLAIN: u8 = 0;
/// Digits of one case.
const LOWER: u8 = 1;
/// Digits of both, which checksums are made of.
const MIXED: u8 = 2;

/// Appends a text; nothing if it is too long.
pub(super) fn pack(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let digits = text.strip_prefix("0x").unwrap_or_default().as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let is_hex = !pairs.is_empty() && rest.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    if !is_hex {
        out.extend([PLAIN, u8::try_from(text.len()).ok()?]);
        out.extend_from_slice(text.as_bytes());
        return Some(());
    }
    let is_mixed = digits.iter().any(u8::is_ascii_uppercase);
    let kind = if is_mixed { MIXED } else { LOWER };
    out.extend([kind, u8::try_from(pairs.len()).ok()?]);
    out.extend(
        pairs
            .iter()
            .map(|[high, low]| value(*high) << 4 | value(*low)),
    );
    if is_mixed {
        let cases = digits.chunks(8).map(|eight| {
            let bits = eight.iter().enumerate();
            bits.fold(0, |bits, (i, digit)| {
                bits | u8::from(digit.is_ascii_uppercase()) << i
            })
        });
        out.extend(cases);
    }
    Some(())
}

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

/// What a hexadecimal digit stands for.
const fn value(digit: u8) -> u8 {
    (digit & 0xf) + 9 * (digit >> 6)
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
