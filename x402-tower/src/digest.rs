//! The digest that payments and requests are told apart by: BLAKE2b with 256 bits (RFC 7693).
//!
//! It is written out here because a paid request computes three of them: this takes a third of the instructions of
//! SHA-256 or Keccak without hardware help, and needs no dependency. The tests hold it against RustCrypto's.

use std::fmt;

/// 32 bytes that stand for more: which payment it is, what was signed, what was asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest with these bytes, as a ledger kept them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a ledger to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of these parts under a name that no other use has. No two lists of parts have the same.
    pub fn of<'a>(name: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Hasher::new();
        hasher.part(name.as_bytes());
        parts.into_iter().for_each(|part| hasher.part(part));
        hasher.finish()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(8)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A digest in the making.
#[derive(Clone)]
pub(crate) struct Hasher {
    state: [u64; 8],
    block: [u8; BLOCK],
    filled: usize,
    length: u128,
}

impl Hasher {
    pub(crate) const fn new() -> Self {
        let mut state = START;
        // The parameters: 32 bytes out, no key, one leaf.
        state[0] ^= 0x0101_0000 ^ 32;
        Self {
            state,
            block: [0; BLOCK],
            filled: 0,
            length: 0,
        }
    }

    /// Takes in a part behind its length, so that no two lists of parts run together.
    pub(crate) fn part(&mut self, bytes: &[u8]) {
        let mut length = bytes.len();
        if length < BLOCK - self.filled {
            // As most are; and that its length is one byte goes without saying.
            let (said, rest) = self.block[self.filled..].split_at_mut(1);
            said[0] = length as u8;
            rest[..length].copy_from_slice(bytes);
            self.filled += 1 + length;
            return;
        }
        // Seven bits at a time: most parts are short, and what fits one block is digested at half the cost.
        while length >= 0x80 {
            self.push(length as u8 | 0x80);
            length >>= 7;
        }
        self.push(length as u8);
        self.update(bytes);
    }

    fn push(&mut self, byte: u8) {
        // The last block is compressed differently, so a full one waits until there is more.
        if self.filled == BLOCK {
            self.compress(false);
        }
        self.block[self.filled] = byte;
        self.filled += 1;
    }

    /// Takes in more of whatever comes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while bytes.len() > BLOCK - self.filled {
            let (now, later) = bytes.split_at(BLOCK - self.filled);
            self.block[self.filled..].copy_from_slice(now);
            self.filled = BLOCK;
            self.compress(false);
            bytes = later;
        }
        self.block[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    pub(crate) fn finish(mut self) -> Digest {
        self.block[self.filled..].fill(0);
        self.compress(true);
        let mut digest = [0; 32];
        for (out, word) in digest.chunks_exact_mut(8).zip(self.state) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        Digest(digest)
    }

    fn compress(&mut self, last: bool) {
        self.length += self.filled as u128;
        self.filled = 0;
        let (bytes, _) = self.block.as_chunks::<8>();
        let mut words = [0u64; 16];
        for (word, bytes) in words.iter_mut().zip(bytes) {
            *word = u64::from_le_bytes(*bytes);
        }
        let mut v = [0u64; 16];
        v[..8].copy_from_slice(&self.state);
        v[8..].copy_from_slice(&START);
        v[12] ^= self.length as u64;
        v[13] ^= (self.length >> 64) as u64;
        if last {
            v[14] = !v[14];
        }
        round::<0>(&mut v, &words);
        round::<1>(&mut v, &words);
        round::<2>(&mut v, &words);
        round::<3>(&mut v, &words);
        round::<4>(&mut v, &words);
        round::<5>(&mut v, &words);
        round::<6>(&mut v, &words);
        round::<7>(&mut v, &words);
        round::<8>(&mut v, &words);
        round::<9>(&mut v, &words);
        round::<10>(&mut v, &words);
        round::<11>(&mut v, &words);
        for (i, word) in self.state.iter_mut().enumerate() {
            *word ^= v[i] ^ v[i + 8];
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("length", &(self.length + self.filled as u128))
            .finish_non_exhaustive()
    }
}

/// One round. Its number is known when this is compiled, so that no order is looked up when it runs.
#[inline(always)]
fn round<const R: usize>(v: &mut [u64; 16], words: &[u64; 16]) {
    let m = |i: usize| words[usize::from(ORDER[R][i])];
    mix(v, 0, 4, 8, 12, m(0), m(1));
    mix(v, 1, 5, 9, 13, m(2), m(3));
    mix(v, 2, 6, 10, 14, m(4), m(5));
    mix(v, 3, 7, 11, 15, m(6), m(7));
    mix(v, 0, 5, 10, 15, m(8), m(9));
    mix(v, 1, 6, 11, 12, m(10), m(11));
    mix(v, 2, 7, 8, 13, m(12), m(13));
    mix(v, 3, 4, 9, 14, m(14), m(15));
}

#[inline(always)]
fn mix(v: &mut [u64; 16], a: usize, b: usize, c: usize, d: usize, x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

const BLOCK: usize = 128;

const START: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

#[rustfmt::skip]
const ORDER: [[u8; 16]; 12] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
];

#[cfg(test)]
mod tests {
    use blake2::digest::consts::U32;
    use blake2::{Blake2b, Digest as _};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_rustcrypto(message in proptest::collection::vec(any::<u8>(), 0..600), cut in 0usize..600) {
            let mut hasher = Hasher::new();
            let (first, second) = message.split_at(cut.min(message.len()));
            hasher.update(first);
            hasher.update(second);
            let expected: [u8; 32] = Blake2b::<U32>::digest(&message).into();
            prop_assert_eq!(*hasher.finish().as_bytes(), expected);
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        let of =
            |parts: &[&'static str]| Digest::of("test", parts.iter().map(|part| part.as_bytes()));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
        let long = Box::leak("x".repeat(300).into_boxed_str());
        assert_ne!(of(&[&long[..128]]), of(&[&long[..256]]));
        assert_ne!(
            of(&[&long[..200], &long[..100]]),
            of(&[&long[..100], &long[..200]])
        );
        assert_ne!(of(&[]), Digest::of("other", []));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }
}
