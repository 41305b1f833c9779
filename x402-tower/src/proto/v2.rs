//! The messages of version 2.

use serde_json::value::RawValue;

use super::Object;
use super::message::message;
use crate::money::Amount;

message! {
    /// What a server asks for: the content of the `PAYMENT-REQUIRED` header.
    ///
    /// ```
    /// use x402_tower::proto::v2::PaymentRequired;
    ///
    /// let text = r#"{"x402Version":2,"resource":{"url":"https://shop.example/report"},"accepts":[]}"#;
    /// let asked: PaymentRequired = serde_json::from_str(text)?;
    /// assert_eq!(asked.resource.url, "https://shop.example/report");
    /// assert_eq!(serde_json::to_string(&asked)?, text);
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    PaymentRequired, x402Version 2 {
        /// Why: for people and programs to read.
        may error: String = "error",
        /// What is for sale.
        need resource: ResourceInfo = "resource",
        /// The ways to pay for it.
        need accepts: Vec<PaymentRequirements> = "accepts",
        /// What the extensions have to say, by their names.
        may extensions: Object = "extensions",
    }
}

impl PaymentRequired {
    /// A demand for one of these payments.
    pub fn new(resource: ResourceInfo, accepts: Vec<PaymentRequirements>) -> Self {
        Self {
            error: None,
            resource,
            accepts,
            extensions: None,
            rest: Object::new(),
        }
    }
}

message! {
    /// What is for sale.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    ResourceInfo {
        /// The full URL.
        need url: String = "url",
        /// For people.
        may description: String = "description",
        /// The media type of what is delivered.
        may mime_type: String = "mimeType",
        /// The seller's name: at most 32 printable ASCII characters.
        may service_name: String = "serviceName",
        /// At most five, each like a service name.
        may tags: Vec<String> = "tags",
        /// A picture of the seller, by `http` or `https`.
        may icon_url: String = "iconUrl",
    }
}

impl ResourceInfo {
    /// The resource at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }
}

message! {
    /// One way to pay.
    #[derive(Clone, Debug, PartialEq, Eq)]
    PaymentRequirements {
        /// `exact`, `upto` …
        need scheme: String = "scheme",
        /// A CAIP-2 identifier.
        need network: String = "network",
        /// How much, in the smallest unit of the token.
        need amount: Amount = "amount",
        /// The contract or mint of the token.
        need asset: String = "asset",
        /// Who is paid.
        need pay_to: String = "payTo",
        /// For how long a payment that is signed now should be valid.
        need max_timeout_seconds: u64 = "maxTimeoutSeconds",
        /// What the scheme needs beside.
        fall extra: Object = "extra",
    }
}

impl PaymentRequirements {
    /// So much of this token to this account, by this scheme on this network, signed for five minutes.
    pub fn new(
        scheme: impl Into<String>,
        network: impl Into<String>,
        amount: Amount,
        asset: impl Into<String>,
        pay_to: impl Into<String>,
    ) -> Self {
        Self {
            scheme: scheme.into(),
            network: network.into(),
            amount,
            asset: asset.into(),
            pay_to: pay_to.into(),
            max_timeout_seconds: 300,
            extra: Object::new(),
            rest: Object::new(),
        }
    }
}

message! {
    /// A payment: the content of the `PAYMENT-SIGNATURE` header.
    #[derive(Clone, Debug)]
    PaymentPayload, x402Version 2 {
        /// What the buyer believes to pay for.
        may resource: Object = "resource",
        /// The one of the offered ways that was taken.
        need accepted: PaymentRequirements = "accepted",
        /// What the scheme calls a payment.
        need payload: Box<RawValue> = "payload",
        /// What the extensions have to say, by their names.
        may extensions: Object = "extensions",
    }
}

impl PaymentPayload {
    /// A payment in one of the ways that were offered.
    pub fn new(accepted: PaymentRequirements, payload: Box<RawValue>) -> Self {
        Self {
            resource: None,
            accepted,
            payload,
            extensions: None,
            rest: Object::new(),
        }
    }
}
