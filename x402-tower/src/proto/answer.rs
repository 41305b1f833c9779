//! What a facilitator answers, the same in both versions.

use super::message::message;
use super::{Object, Version};
use crate::money::Amount;

message! {
    /// The answer to `/verify`.
    ///
    /// ```
    /// use x402_tower::proto::VerifyResponse;
    ///
    /// let text = r#"{"isValid":false,"invalidReason":"insufficient_funds","payer":null}"#;
    /// let answer: VerifyResponse = serde_json::from_str(text)?;
    /// assert!(!answer.is_valid);
    /// assert_eq!(answer.invalid_reason.as_deref(), Some("insufficient_funds"));
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    VerifyResponse {
        /// Whether the payment would go through now.
        need is_valid: bool = "isValid",
        /// Why not: one of an open set of reasons.
        may invalid_reason: String = "invalidReason",
        /// Why not, for people.
        may invalid_message: String = "invalidMessage",
        /// Who pays.
        may payer: String = "payer",
    }
}

impl VerifyResponse {
    /// The payment of `payer` is good.
    pub fn valid(payer: impl Into<String>) -> Self {
        Self {
            is_valid: true,
            invalid_reason: None,
            invalid_message: None,
            payer: Some(payer.into()),
            rest: Object::new(),
        }
    }

    /// The payment is no good.
    pub fn invalid(reason: impl Into<String>, payer: Option<String>) -> Self {
        Self {
            is_valid: false,
            invalid_reason: Some(reason.into()),
            invalid_message: None,
            payer,
            rest: Object::new(),
        }
    }
}

message! {
    /// The answer to `/settle`, and the content of the `PAYMENT-RESPONSE` header.
    #[derive(Clone, Debug, PartialEq, Eq)]
    SettleResponse {
        /// Whether the money has moved.
        need success: bool = "success",
        /// Why not: one of an open set of reasons.
        may error_reason: String = "errorReason",
        /// Why not, for people.
        may error_message: String = "errorMessage",
        /// Who paid.
        may payer: String = "payer",
        /// What moved the money; empty if nothing was sent to the chain.
        fall transaction: String = "transaction",
        /// Where.
        fall network: String = "network",
        /// How much was charged, where that differs from the maximum.
        may amount: Amount = "amount",
        /// What the extensions have to say, by their names.
        may extensions: Object = "extensions",
    }
}

impl SettleResponse {
    /// The money has moved.
    pub fn settled(
        network: impl Into<String>,
        payer: impl Into<String>,
        transaction: impl Into<String>,
    ) -> Self {
        Self {
            success: true,
            payer: Some(payer.into()),
            transaction: transaction.into(),
            ..Self::failed(network, None)
        }
    }

    /// The money has not moved, or it is not known whether it has.
    pub fn failed(network: impl Into<String>, reason: Option<String>) -> Self {
        Self {
            success: false,
            error_reason: reason,
            error_message: None,
            payer: None,
            transaction: String::new(),
            network: network.into(),
            amount: None,
            extensions: None,
            rest: Object::new(),
        }
    }
}

message! {
    /// The answer to `/supported`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    SupportedResponse {
        /// The kinds of payment that the facilitator settles.
        need kinds: Vec<SupportedKind> = "kinds",
        /// The names of the extensions that it knows.
        fall extensions: Vec<String> = "extensions",
        /// The accounts that it sends transactions from, by network or pattern of networks.
        may signers: Object = "signers",
    }
}

impl SupportedResponse {
    /// These kinds and nothing beside.
    pub fn new(kinds: Vec<SupportedKind>) -> Self {
        Self {
            kinds,
            ..Self::default()
        }
    }
}

message! {
    /// A kind of payment that a facilitator settles.
    #[derive(Clone, Debug, PartialEq, Eq)]
    SupportedKind {
        /// The version of the protocol, 1 or 2.
        need x402_version: u64 = "x402Version",
        /// The scheme.
        need scheme: String = "scheme",
        /// The network, as that version spells it.
        need network: String = "network",
        /// What a server has to copy into its requirements, such as a fee payer.
        may extra: Object = "extra",
    }
}

impl SupportedKind {
    /// Payments by this scheme on this network.
    pub fn new(version: Version, scheme: impl Into<String>, network: impl Into<String>) -> Self {
        Self {
            x402_version: version.number(),
            scheme: scheme.into(),
            network: network.into(),
            extra: None,
            rest: Object::new(),
        }
    }
}
