//! Bytes as `0x…`, and numbers in as few bytes as they take.

/// Exactly `N` bytes behind `0x`.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let mut pairs: [[u8; 2]; N] = pairs.try_into().ok()?;
    // In two passes without a branch, which compilers turn into vector instructions.
    let mut all = 0;
    for digit in pairs.as_flattened_mut() {
        *digit = value(*digit);
        all |= *digit;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = high << 4 | low;
    }
    (all <= 0xf).then_some(bytes)
}

/// What a character is as a digit; more than 15 if it is none.
pub(crate) const fn value(character: u8) -> u8 {
    let number = character.wrapping_sub(b'0');
    let letter = (character | 0x20).wrapping_sub(b'a');
    if number < 10 {
        number
    } else if letter < 6 {
        letter + 10
    } else {
        0xff
    }
}

#[cfg(feature = "local")]
pub(crate) fn text(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("0x".to_owned()).chain(digits).collect()
}

/// A big-endian number without the zeros in front of it.
pub(crate) fn trimmed(number: &[u8]) -> &[u8] {
    // Most of a large one is zeros: they go eight at a time.
    let (words, _) = number.as_chunks::<8>();
    let words = words.iter().take_while(|word| **word == [0; 8]).count();
    let rest = &number[8 * words..];
    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
    &rest[zeros..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_lose_their_zeros_and_nothing_else(zeros in 0usize..40, number in proptest::collection::vec(1u8.., 0..40)) {
            let padded = [vec![0; zeros], number.clone()].concat();
            prop_assert_eq!(trimmed(&padded), number);
        }

        #[test]
        fn digits_are_read_in_any_case(bytes: [u8; 20], upper: bool, at in 2usize..42, other: char) {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = format!("0x{}", if upper { digits.to_uppercase() } else { digits });
            prop_assert_eq!(read(&text), Some(bytes));
            prop_assert_eq!(read::<19>(&text), None);
            prop_assert_eq!(read::<20>(&text[1..]), None);
            let broken = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            prop_assert_eq!(read::<20>(&broken).is_some(), other.is_ascii_hexdigit());
        }
    }
}
