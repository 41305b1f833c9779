//! Hexadecimal and decimal text of fixed size, read without allocating.

use crate::money::Amount;
use crate::scheme::{Flaw, Malformed};

/// Exactly `N` bytes behind `0x`.
pub(super) fn bytes<const N: usize>(text: &str, what: &str) -> Result<[u8; N], Malformed> {
    unnamed(text).ok_or_else(|| Malformed::new(format!("`{what}` is not {N} bytes in hexadecimal")))
}

/// A signature as it counts: in bytes if it has the usual length, so that its spelling does not matter. Contract wallets
/// have signatures of other lengths; those count as they are spelled.
pub(super) enum Signature<'a> {
    Usual([u8; 65]),
    Other(&'a str),
}

impl<'a> Signature<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        unnamed(text).map_or(Self::Other(text), Self::Usual)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Usual(bytes) => bytes,
            Self::Other(text) => text.as_bytes(),
        }
    }

    /// What is wrong with it, whatever was signed.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        match self {
            Self::Usual(_) => None,
            Self::Other(text) => (!is_hex(text)).then_some(Flaw::Signature),
        }
    }
}

/// Whole bytes behind `0x`, of any number but none.
fn is_hex(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    !digits.is_empty()
        && digits.len().is_multiple_of(2)
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A big-endian number without the zeros in front of it.
pub(super) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

pub(super) fn amount(text: &str, what: &str) -> Result<Amount, Malformed> {
    text.parse()
        .map_err(|error| Malformed::new(format!("`{what}`: {error}")))
}

/// A second since 1970. Contracts count in 256 bits; what does not fit 64 is far enough away. It is not `u64::MAX`, which
/// stands for a payment that does not say.
pub(super) fn second(text: &str, what: &str) -> Result<u64, Malformed> {
    amount(text, what).map(|amount| u64::try_from(amount).unwrap_or(u64::MAX).min(u64::MAX - 1))
}

fn unnamed<const N: usize>(text: &str) -> Option<[u8; N]> {
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
const fn value(character: u8) -> u8 {
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
