//! Base58 with the Bitcoin alphabet, which TRON and Solana write addresses in.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Reads exactly `N` bytes.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0u8; N];
    for character in text.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == character)?;
        let mut carry = digit as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    // Each leading zero byte is written as one leading `1`: any other count is another, non-canonical spelling.
    let ones = text
        .bytes()
        .take_while(|character| *character == b'1')
        .count();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    (ones == zeros).then_some(bytes)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len() * 138 / 100 + 1);
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    for byte in &bytes[zeros..] {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let ones = std::iter::repeat_n('1', zeros);
    ones.chain(
        digits
            .iter()
            .rev()
            .map(|digit| ALPHABET[usize::from(*digit)] as char),
    )
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(mut bytes in any::<[u8; 25]>(), zeros in 0usize..26) {
            bytes[..zeros.min(25)].fill(0);
            prop_assert_eq!(decode::<25>(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn there_is_one_spelling_of_each_value(text in "[1-9A-HJ-NP-Za-km-z]{30,36}") {
            if let Some(bytes) = decode::<25>(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }

    #[test]
    fn other_alphabets_and_lengths_are_refused() {
        assert_eq!(decode::<4>("0OIl"), None);
        assert_eq!(decode::<1>("zzzz"), None);
        assert_eq!(decode::<4>("2"), None);
        assert_eq!(decode::<4>(""), None);
        assert_eq!(decode::<0>(""), Some([]));
        assert_eq!(decode::<2>("1é"), None);
    }
}
