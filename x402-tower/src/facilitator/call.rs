use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::money::Amount;
use crate::proto::{Object, SettleResponse, SupportedResponse, VerifyResponse, Version};

/// A payment as a facilitator is asked about it: what the buyer sent, beside what the seller wants.
///
/// Cheap to clone: the message is put together once and shared by `/verify`, `/settle` and every repeat of either.
#[derive(Clone)]
pub struct PaymentCall {
    version: Version,
    body: Bytes,
    payload: Range<usize>,
    requirements: Range<usize>,
}

impl PaymentCall {
    /// Puts the message together from the JSON of a payment and of the requirements of the same version.
    pub fn new(version: Version, payload: &str, requirements: &str) -> Self {
        Self::of_pieces(version, payload, [requirements])
    }

    /// The same, with requirements that are in pieces.
    pub(crate) fn of_pieces<'a>(
        version: Version,
        payload: &str,
        requirements: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
    ) -> Self {
        const MIDDLE: &[u8] = br#","paymentRequirements":"#;
        let head = match version {
            Version::V1 => br#"{"x402Version":1,"paymentPayload":"#,
            Version::V2 => br#"{"x402Version":2,"paymentPayload":"#,
        };
        let pieces = requirements.into_iter();
        let length = pieces.clone().map(str::len).sum::<usize>();
        let mut body = Vec::with_capacity(head.len() + payload.len() + MIDDLE.len() + length + 1);
        body.extend_from_slice(head);
        let start = body.len();
        body.extend_from_slice(payload.as_bytes());
        let payload = start..body.len();
        body.extend_from_slice(MIDDLE);
        let start = body.len();
        pieces.for_each(|piece| body.extend_from_slice(piece.as_bytes()));
        let requirements = start..body.len();
        body.push(b'}');
        Self {
            version,
            body: body.into(),
            payload,
            requirements,
        }
    }

    /// The same question about another amount.
    pub(crate) fn with_amount(&self, amount: Amount) -> Result<Self, serde_json::Error> {
        let name = match self.version {
            Version::V1 => "maxAmountRequired",
            Version::V2 => "amount",
        };
        // Both parts are JSON that was text before.
        let payload = String::from_utf8_lossy(self.payload());
        let mut requirements: Object = serde_json::from_slice(self.requirements())?;
        requirements.set(name, &amount)?;
        let requirements = serde_json::to_string(&requirements)?;
        Ok(Self::new(self.version, &payload, &requirements))
    }

    /// The version that payment and requirements are written in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The body of a request to `/verify` or `/settle`.
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The payment, as JSON.
    pub fn payload(&self) -> &[u8] {
        &self.body[self.payload.clone()]
    }

    /// The requirements, as JSON.
    pub fn requirements(&self) -> &[u8] {
        &self.body[self.requirements.clone()]
    }
}

impl fmt::Debug for PaymentCall {
    /// Shows no payment: until it is settled it can be spent by whoever reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentCall")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What a facilitator is asked: the request type of facilitators that are `tower` services.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Call {
    /// Whether a payment is good.
    Verify(PaymentCall),
    /// To move the money.
    Settle(PaymentCall),
    /// What it can do.
    Supported,
}

/// What a facilitator answers to a [`Call`] of the same name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Call::Verify`].
    Verify(VerifyResponse),
    /// To [`Call::Settle`].
    Settle(SettleResponse),
    /// To [`Call::Supported`].
    Supported(SupportedResponse),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_amount_is_changed() {
        let payment = r#"{"amount":"5", "e":1e400}"#;
        for (version, wanted, other) in [
            (
                Version::V2,
                r#"{"extra":{"amount":"5"},"amount":"5","n":1e400}"#,
                r#"{"extra":{"amount":"5"},"amount":"3","n":1e400}"#,
            ),
            (
                Version::V1,
                r#"{"maxAmountRequired":"5","amount":"5"}"#,
                r#"{"maxAmountRequired":"3","amount":"5"}"#,
            ),
        ] {
            let call = PaymentCall::new(version, payment, wanted);
            let changed = call.with_amount(3u64.into()).unwrap();
            assert_eq!(changed.payload(), payment.as_bytes());
            assert_eq!(changed.requirements(), other.as_bytes());
            assert_eq!(changed.version(), version);
            let back = changed.with_amount(5u64.into()).unwrap();
            assert_eq!(back.body(), call.body());
        }
        let broken = PaymentCall::new(Version::V2, payment, "null");
        assert!(broken.with_amount(3u64.into()).is_err());
    }
}
