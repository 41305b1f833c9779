//! What payments on EVM chains write as text, read without allocating.

use crate::hex;
use crate::money::Amount;
use crate::scheme::{Flaw, Malformed};

/// Exactly `N` bytes behind `0x`.
pub(super) fn bytes<const N: usize>(text: &str, what: &str) -> Result<[u8; N], Malformed> {
    hex::read(text)
        .ok_or_else(|| Malformed::new(format!("`{what}` is not {N} bytes in hexadecimal")))
}

/// A signature as it counts: in bytes if it has the usual length, so that its spelling does not matter. Contract wallets
/// have signatures of other lengths; those count as they are spelled.
pub(super) enum Signature<'a> {
    Usual([u8; 65]),
    Other(&'a str),
}

impl<'a> Signature<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        hex::read(text).map_or(Self::Other(text), Self::Usual)
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

pub(super) fn amount(text: &str, what: &str) -> Result<Amount, Malformed> {
    text.parse()
        .map_err(|error| Malformed::new(format!("`{what}`: {error}")))
}

/// A second since 1970. Contracts count in 256 bits; what does not fit 64 is far enough away. It is not `u64::MAX`, which
/// stands for a payment that does not say.
pub(super) fn second(text: &str, what: &str) -> Result<u64, Malformed> {
    amount(text, what).map(|amount| u64::try_from(amount).unwrap_or(u64::MAX).min(u64::MAX - 1))
}
