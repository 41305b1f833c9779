//! Base64 as clients write it: of either alphabet, with or without padding, in one pass.
//!
//! Decoding is written out here because every payment begins with it: this takes half the instructions of the `base64`
//! crate, and tells the alphabets apart on the way. The tests hold it against the crate.

/// The bytes that a text stands for; nothing if it is not base64, or of both alphabets at once.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = without_padding(text)?;
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut bytes = Vec::with_capacity(text.len().div_ceil(4) * 3);
    let mut marks = 0;
    for block in blocks {
        bytes.extend_from_slice(&decode_block(block, &mut marks));
    }
    // Made a whole block with characters that stand for zeros.
    let mut last = [b'A'; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let decoded = decode_block(&last, &mut marks);
    let (whole, cut) = decoded.split_at(rest.len() * 3 / 4);
    bytes.extend_from_slice(whole);
    // Bits that fill no byte have to be zero, so that no message has two spellings.
    let is_spelled_well = cut.iter().all(|byte| *byte == 0);
    (is_spelled_well && is_good(marks)).then_some(bytes)
}

/// Padding fills up the last group of four characters, and some clients stop half-way.
fn without_padding(text: &[u8]) -> Option<&[u8]> {
    let bare = text
        .strip_suffix(b"==")
        .or_else(|| text.strip_suffix(b"="))
        .unwrap_or(text);
    let most = match bare.len() % 4 {
        0 => 0,
        2 => 2,
        3 => 1,
        // Six bits are no byte.
        _ => return None,
    };
    (text.len() - bare.len() <= most).then_some(bare)
}

/// As many characters as are decoded before there is a look at how long everything is.
const BLOCK: usize = 32;

const BLOCK_BYTES: usize = BLOCK / 4 * 3;

/// Decodes a block, and adds the marks of its characters.
#[inline]
fn decode_block(block: &[u8; BLOCK], marks: &mut u32) -> [u8; BLOCK_BYTES] {
    let mut bytes = [0; BLOCK_BYTES + 1];
    let (groups, _) = block.as_chunks::<4>();
    for (i, group) in groups.iter().enumerate() {
        let [a, b, c, d] = group.map(usize::from);
        let three = MEANING[0][a] | MEANING[1][b] | MEANING[2][c] | MEANING[3][d];
        *marks |= three;
        // Four bytes are written at once; the next three begin on the marks.
        bytes[3 * i..3 * i + 4].copy_from_slice(&three.to_le_bytes());
    }
    let [bytes @ .., _] = bytes;
    bytes
}

const fn is_good(marks: u32) -> bool {
    let of_both = STANDARD_ONLY | URL_SAFE_ONLY;
    marks & UNKNOWN == 0 && marks & of_both != of_both
}

/// Marks a character that stands for nothing.
const UNKNOWN: u32 = 1 << 24;
/// Marks a character of the standard alphabet that is not in the other.
const STANDARD_ONLY: u32 = 1 << 25;
/// Marks a character of the alphabet for URLs that is not in the other.
const URL_SAFE_ONLY: u32 = 1 << 26;

/// What each character stands for as the first, second, third or fourth of a group: six bits of three bytes, of which the
/// first is the lowest, below a mark.
static MEANING: [[u32; 256]; 4] = {
    const BOTH: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut meaning = [[UNKNOWN; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut value = 0;
        while value < 62 {
            meaning[place][BOTH[value as usize] as usize] = bits(value, place);
            value += 1;
        }
        meaning[place][b'+' as usize] = bits(62, place) | STANDARD_ONLY;
        meaning[place][b'/' as usize] = bits(63, place) | STANDARD_ONLY;
        meaning[place][b'-' as usize] = bits(62, place) | URL_SAFE_ONLY;
        meaning[place][b'_' as usize] = bits(63, place) | URL_SAFE_ONLY;
        place += 1;
    }
    meaning
};

const fn bits(value: u32, place: usize) -> u32 {
    (value << (26 - 6 * place)).swap_bytes()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    use proptest::prelude::*;

    use super::*;

    /// What the crate makes of it.
    fn expected(text: &[u8]) -> Option<Vec<u8>> {
        let config =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        [STANDARD, URL_SAFE]
            .iter()
            .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
    }

    proptest! {
        #[test]
        fn agrees_with_the_crate_on_what_is_base64(
            message in proptest::collection::vec(any::<u8>(), 0..200),
            padding in 0usize..4,
            url_safe: bool,
        ) {
            let alphabet = if url_safe { &URL_SAFE } else { &STANDARD };
            let mut text = GeneralPurpose::new(alphabet, GeneralPurposeConfig::new()).encode(&message);
            text.truncate(text.trim_end_matches('=').len());
            text.extend(std::iter::repeat_n('=', padding));
            prop_assert_eq!(decode(text.as_bytes()), expected(text.as_bytes()));
        }

        #[test]
        fn agrees_with_the_crate_on_what_is_not(
            text in "[A-Za-z0-9+/_=.-]{0,12}|[A-Za-z0-9+/]{30,40}=?|[A-Za-z0-9_-]{62,66}",
            other: u8,
            at in 0usize..70,
        ) {
            prop_assert_eq!(decode(text.as_bytes()), expected(text.as_bytes()));
            let mut text = text.into_bytes();
            if let Some(byte) = text.get_mut(at) {
                *byte = other;
            }
            prop_assert_eq!(decode(&text), expected(&text));
        }
    }

    #[test]
    fn every_character_means_the_same_as_in_the_crate() {
        for character in 0..=255 {
            for at in 0..4 {
                let mut text = [b'A'; 36];
                text[32 + at] = character;
                assert_eq!(decode(&text), expected(&text), "{character} at {at}");
            }
        }
    }
}
