//! Base64, in one pass: read as clients write it, of either alphabet, with or without padding.
//!
//! It is written out here because every payment begins with it and every challenge and receipt ends with it: this takes
//! half the instructions of the `base64` crate, and tells the alphabets apart on the way. The tests hold it against the
//! crate.

/// The bytes that a text stands for; nothing if it is not base64, or of both alphabets at once.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
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

/// The bytes that a short text of the alphabet for URLs stands for.
pub(crate) fn decode_url_safe(text: &[u8; 24]) -> Option<[u8; 18]> {
    let mut bytes = [0; 18];
    let mut marks = 0;
    for (group, three) in text
        .as_chunks::<4>()
        .0
        .iter()
        .zip(bytes.as_chunks_mut::<3>().0)
    {
        let [a, b, c, _] = decode_group(group, &mut marks).to_le_bytes();
        *three = [a, b, c];
    }
    (marks & (UNKNOWN | STANDARD_ONLY) == 0).then_some(bytes)
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
const BLOCK: usize = 64;

const BLOCK_BYTES: usize = BLOCK / 4 * 3;

/// Decodes a block, and adds the marks of its characters.
#[inline(always)]
fn decode_block(block: &[u8; BLOCK], marks: &mut u32) -> [u8; BLOCK_BYTES] {
    let mut bytes = [0; BLOCK_BYTES + 1];
    for (i, group) in block.as_chunks::<4>().0.iter().enumerate() {
        // Four bytes are written at once; the next three begin on the marks.
        let three = decode_group(group, marks);
        bytes[3 * i..3 * i + 4].copy_from_slice(&three.to_le_bytes());
    }
    let [bytes @ .., _] = bytes;
    bytes
}

/// Three bytes, of which the first is the lowest, below marks.
#[inline(always)]
fn decode_group(group: &[u8; 4], marks: &mut u32) -> u32 {
    let at = |place: usize| MEANING[place][usize::from(group[place])];
    let three = at(0) | at(1) | at(2) | at(3);
    *marks |= three;
    three
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
    let mut meaning = [[UNKNOWN; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut value = 0;
        while value < 62 {
            meaning[place][STANDARD[value as usize] as usize] = bits(value, place);
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

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the text that these bytes are in the standard alphabet, with padding. Pieces whose lengths are multiples of
/// three join without a seam.
pub(crate) fn encode(text: &mut Vec<u8>, bytes: &[u8]) {
    let start = text.len();
    text.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    fill(&mut text[start..], bytes);
}

/// Writes the same to where there is room for it, and padding already.
pub(crate) fn fill(text: &mut [u8], bytes: &[u8]) {
    let (pairs, rest) = bytes.as_chunks::<6>();
    let (both, groups) = text.split_at_mut(pairs.len() * 8);
    for (text, [a, b, c, d, e, f]) in both.as_chunks_mut::<8>().0.iter_mut().zip(pairs) {
        // Two groups from one word.
        let bits = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
        for (i, pair) in text.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            *pair = PAIRS[(bits >> (36 - 12 * i)) as usize & 0xfff];
        }
    }
    let (groups, _) = groups.as_chunks_mut::<4>();
    let (threes, rest) = rest.as_chunks::<3>();
    for (group, three) in groups.iter_mut().zip(threes) {
        *group = encode_group(*three);
    }
    if let (Some(last), Some(first)) = (groups.last_mut(), rest.first()) {
        let second = rest.get(1).copied();
        let encoded = encode_group([*first, second.unwrap_or_default(), 0]);
        let length = 2 + usize::from(second.is_some());
        last[..length].copy_from_slice(&encoded[..length]);
    }
}

/// Encodes pieces, of any lengths, as one message.
pub(super) struct Encoder {
    text: Vec<u8>,
    /// What is not encoded yet.
    held: [u8; HELD],
    holds: usize,
}

/// Whole groups, and most messages.
const HELD: usize = 3 * 170;

impl Encoder {
    pub(super) const fn new() -> Self {
        Self {
            text: Vec::new(),
            held: [0; HELD],
            holds: 0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, mut piece: &[u8]) {
        while piece.len() > HELD - self.holds {
            let (now, later) = piece.split_at(HELD - self.holds);
            self.held[self.holds..].copy_from_slice(now);
            encode(&mut self.text, &self.held);
            self.holds = 0;
            piece = later;
        }
        self.held[self.holds..self.holds + piece.len()].copy_from_slice(piece);
        self.holds += piece.len();
    }

    /// The text, with no room to spare.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let rest = &self.held[..self.holds];
        self.text.reserve_exact(rest.len().div_ceil(3) * 4);
        encode(&mut self.text, rest);
        self.text
    }
}

/// A short text of the alphabet for URLs.
pub(crate) fn encode_url_safe(bytes: &[u8; 18]) -> [u8; 24] {
    let mut text = [0; 24];
    let (groups, _) = text.as_chunks_mut::<4>();
    let (threes, _) = bytes.as_chunks::<3>();
    for (group, [a, b, c]) in groups.iter_mut().zip(threes) {
        let bits = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let ([a, b], [c, d]) = (URL_SAFE_PAIRS[bits >> 12], URL_SAFE_PAIRS[bits & 0xfff]);
        *group = [a, b, c, d];
    }
    text
}

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The four characters that three bytes are.
#[inline]
pub(crate) fn encode_group([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    let ([a, b], [c, d]) = (PAIRS[bits >> 12], PAIRS[bits & 0xfff]);
    [a, b, c, d]
}

/// Two characters for each twelve bits.
static PAIRS: [[u8; 2]; 1 << 12] = pairs(STANDARD);
static URL_SAFE_PAIRS: [[u8; 2]; 1 << 12] = pairs(URL_SAFE);

const fn pairs(alphabet: &[u8; 64]) -> [[u8; 2]; 1 << 12] {
    let mut pairs = [[0; 2]; 1 << 12];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = [alphabet[bits >> 6], alphabet[bits & 0x3f]];
        bits += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::alphabet;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    /// What the crate makes of it.
    fn expected(text: &[u8]) -> Option<Vec<u8>> {
        let config =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        [alphabet::STANDARD, alphabet::URL_SAFE]
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
            let alphabet = if url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
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

    proptest! {
        #[test]
        fn agrees_with_the_crate_on_how_to_write_it(
            before in "[a-z]{0,5}",
            message in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut text = before.clone().into_bytes();
            encode(&mut text, &message);
            prop_assert_eq!(String::from_utf8(text).unwrap(), before + &BASE64_STANDARD.encode(&message));
        }

        #[test]
        fn pieces_are_one_message(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..8),
        ) {
            let message = pieces.concat();
            let mut encoder = Encoder::new();
            pieces.iter().for_each(|piece| encoder.push(piece));
            let text = encoder.finish();
            prop_assert!(text.capacity() == text.len() || message.len() > HELD);
            prop_assert_eq!(text, BASE64_STANDARD.encode(&message).into_bytes());
        }

        #[test]
        fn agrees_with_the_crate_on_short_texts(message: [u8; 18], other: u8, at in 0usize..24) {
            let mut text = encode_url_safe(&message);
            prop_assert_eq!(text.to_vec(), BASE64_URL_SAFE_NO_PAD.encode(message).into_bytes());
            prop_assert_eq!(decode_url_safe(&text), Some(message));
            text[at] = other;
            let expected = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
            prop_assert_eq!(decode_url_safe(&text).map(Vec::from), expected);
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
