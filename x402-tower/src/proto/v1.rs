//! The messages of version 1.
//!
//! They differ from those of version 2 in where they travel (the demand is the body of the 402), in the short names of
//! networks, and in that a payment does not repeat what it accepts.

use serde_json::value::RawValue;

use super::Object;
use super::message::message;
use crate::money::Amount;

message! {
    /// What a server asks for: the body of a 402.
    #[derive(Clone, Debug, PartialEq, Eq)]
    PaymentRequired, x402Version 1 {
        /// Why: for people and programs to read.
        may error: String = "error",
        /// The ways to pay.
        need accepts: Vec<PaymentRequirements> = "accepts",
    }
}

impl PaymentRequired {
    /// A demand for one of these payments.
    pub fn new(accepts: Vec<PaymentRequirements>) -> Self {
        Self {
            error: None,
            accepts,
            rest: Object::new(),
        }
    }
}

message! {
    /// One way to pay.
    ///
    /// It writes no member as null: the clients of version 1 refuse a whole demand for one null.
    #[derive(Clone, Debug, PartialEq, Eq)]
    PaymentRequirements {
        /// Version 1 knows `exact` alone.
        need scheme: String = "scheme",
        /// A short name such as `base-sepolia`.
        need network: String = "network",
        /// How much, in the smallest unit of the token.
        need max_amount_required: Amount = "maxAmountRequired",
        /// The full URL.
        need resource: String = "resource",
        /// For people.
        fall description: String = "description",
        /// The media type of what is delivered.
        fall mime_type: String = "mimeType",
        /// Who is paid.
        need pay_to: String = "payTo",
        /// For how long a payment that is signed now should be valid.
        need max_timeout_seconds: u64 = "maxTimeoutSeconds",
        /// The contract or mint of the token.
        need asset: String = "asset",
        /// What the scheme needs beside.
        may extra: Object = "extra",
    }
}

impl PaymentRequirements {
    /// What version 1 calls these requirements of version 2, with the texts that it has in every entry.
    pub fn new(
        requirements: &super::v2::PaymentRequirements,
        network: impl Into<String>,
        resource: impl Into<String>,
        description: impl Into<String>,
        mime_type: impl Into<String>,
    ) -> Self {
        Self {
            scheme: requirements.scheme.clone(),
            network: network.into(),
            max_amount_required: requirements.amount,
            resource: resource.into(),
            description: description.into(),
            mime_type: mime_type.into(),
            pay_to: requirements.pay_to.clone(),
            max_timeout_seconds: requirements.max_timeout_seconds,
            asset: requirements.asset.clone(),
            extra: Some(requirements.extra.clone()),
            rest: Object::new(),
        }
    }
}

message! {
    /// A payment: the content of the `X-PAYMENT` header.
    #[derive(Clone, Debug)]
    PaymentPayload, x402Version 1 {
        /// The scheme of the way that was taken.
        need scheme: String = "scheme",
        /// The network of the way that was taken.
        need network: String = "network",
        /// What the scheme calls a payment.
        need payload: Box<RawValue> = "payload",
    }
}

impl PaymentPayload {
    /// A payment by this scheme on this network.
    pub fn new(
        scheme: impl Into<String>,
        network: impl Into<String>,
        payload: Box<RawValue>,
    ) -> Self {
        Self {
            scheme: scheme.into(),
            network: network.into(),
            payload,
            rest: Object::new(),
        }
    }
}

/// The networks that clients of version 1 can pay on. One entry on any other makes them refuse the whole demand.
pub const CLIENT_NETWORKS: [&str; 17] = [
    "abstract",
    "abstract-testnet",
    "avalanche",
    "avalanche-fuji",
    "base",
    "base-sepolia",
    "educhain",
    "iotex",
    "peaq",
    "polygon",
    "polygon-amoy",
    "sei",
    "sei-testnet",
    "skale-base-sepolia",
    "solana",
    "solana-devnet",
    "story",
];
