use std::fmt;

use super::Flaw;
use crate::digest::Digest;
use crate::money::{Address, Amount};

/// What a buyer signed, read but not proved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authorization {
    /// What makes this payment this payment, however it is spelled.
    pub key: Key,
    /// Everything that was signed, and the signature.
    pub proof: Digest,
    /// Who would pay.
    pub payer: Address,
    /// How much.
    pub amount: Amount,
    /// To whom.
    pub pay_to: Address,
    /// With which token, where the signature says it by itself.
    pub asset: Option<Address>,
    /// From which second on, since 1970.
    pub valid_after: u64,
    /// Until which second, since 1970; `u64::MAX` where the payment does not say.
    pub valid_before: u64,
    /// What is wrong with it whatever the terms are.
    pub flaw: Option<Flaw>,
}

impl Authorization {
    /// An authorization without a flaw.
    pub fn new(
        key: Key,
        proof: Digest,
        payer: Address,
        pay_to: Address,
        amount: Amount,
        valid: std::ops::Range<u64>,
    ) -> Self {
        Self {
            key,
            proof,
            payer,
            amount,
            pay_to,
            asset: None,
            valid_after: valid.start,
            valid_before: valid.end,
            flaw: None,
        }
    }
}

/// Which payment it is: the same for every spelling of one authorization and different for any two that can both be
/// charged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Digest);

impl Key {
    /// The key of a payment that a contract lets happen once: by chain, contract, payer and nonce.
    pub fn of_nonce(
        chain_id: u64,
        contract: &[u8; 20],
        payer: &[u8; 20],
        nonce: &[u8; 32],
    ) -> Self {
        Self(Digest::of(
            "nonce",
            [&chain_id.to_be_bytes()[..], contract, payer, nonce],
        ))
    }

    /// The key of a payment without a nonce that can be read: by its canonical content.
    pub fn of_content(scheme: &str, network: &str, content: &[u8]) -> Self {
        Self(Digest::of(
            "content",
            [scheme.as_bytes(), network.as_bytes(), content],
        ))
    }

    /// The key with these bytes, as a ledger kept them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Digest::from_bytes(bytes))
    }

    /// The bytes, for a ledger to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Key {
    /// The first half, in hexadecimal: enough for a log to tell payments apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .take(16)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The payload of a payment has not the shape of its scheme.
#[derive(Debug)]
pub struct Malformed(Box<dyn std::error::Error + Send + Sync>);

impl Malformed {
    /// For this cause, which is logged and not shown to the client.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payload is not one of its scheme")
    }
}

impl std::error::Error for Malformed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
