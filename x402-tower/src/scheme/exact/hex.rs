//! Hexadecimal and decimal text of fixed size, read without allocating.

use crate::money::Amount;
use crate::scheme::Malformed;

/// Exactly `N` bytes behind `0x`.
pub(super) fn bytes<const N: usize>(text: &str, what: &str) -> Result<[u8; N], Malformed> {
    unnamed(text).ok_or_else(|| Malformed::new(format!("`{what}` is not {N} bytes in hexadecimal")))
}

/// A signature as bytes, if it has the usual length, so that its spelling does not matter. Contract wallets have
/// signatures of other lengths; those count as they are spelled.
pub(super) fn signature<R>(text: &str, then: impl FnOnce(&[u8]) -> R) -> R {
    match unnamed::<65>(text) {
        Some(bytes) => then(&bytes),
        None => then(text.as_bytes()),
    }
}

/// Whole bytes behind `0x`, of any number but none.
pub(super) fn is_hex(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    !digits.is_empty()
        && digits.len().is_multiple_of(2)
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
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
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
