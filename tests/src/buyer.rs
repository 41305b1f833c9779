use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use serde_json::Value;
use x402_tower::clock::Clock;
use x402_tower::local::Wallet;
use x402_tower::money::Address;
use x402_tower::proto::header::{
    self, PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, X_PAYMENT, X_PAYMENT_RESPONSE,
};
use x402_tower::proto::{SettleResponse, v1, v2};

use crate::Answer;

/// Somebody with a wallet.
#[derive(Debug)]
pub struct Buyer {
    wallet: Wallet,
    clock: Arc<dyn Clock>,
}

/// A challenge, in both versions.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The header.
    pub v2: v2::PaymentRequired,
    /// The body, if it is one of version 1.
    pub v1: Option<v1::PaymentRequired>,
}

impl Challenge {
    /// Reads the challenge of an answer.
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        let value = answer
            .header(PAYMENT_REQUIRED)
            .unwrap_or_else(|| panic!("no challenge: {answer:?}"));
        Self {
            v2: header::decode(value.as_bytes(), 1 << 20).unwrap(),
            v1: serde_json::from_slice(&answer.body).ok(),
        }
    }

    /// The reason that it names.
    pub fn error(&self) -> &str {
        self.v2.error.as_deref().unwrap()
    }
}

impl Buyer {
    /// The buyer of this number.
    pub fn new(number: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            wallet: Wallet::from_seed(number),
            clock,
        }
    }

    /// The buyer's account.
    pub fn address(&self) -> &Address {
        self.wallet.address()
    }

    /// Takes the first offer of a challenge, in version 2.
    #[track_caller]
    pub fn pay(&self, challenge: &Challenge) -> HeaderValue {
        encode(&self.payment(challenge))
    }

    /// Takes the first offer of a challenge, in version 2, as JSON to be changed.
    #[track_caller]
    pub fn payment(&self, challenge: &Challenge) -> Value {
        let accepted = challenge.v2.accepts[0].clone();
        let payload = self.wallet.sign(&accepted, self.clock.now()).unwrap();
        let mut payment = serde_json::to_value(v2::PaymentPayload::new(accepted, payload)).unwrap();
        payment["resource"] = serde_json::to_value(&challenge.v2.resource).unwrap();
        payment
    }

    /// Takes the first offer of a challenge, in version 1.
    #[track_caller]
    pub fn pay_v1(&self, challenge: &Challenge) -> HeaderValue {
        let offer = &challenge
            .v1
            .as_ref()
            .expect("a demand of version 1")
            .accepts[0];
        let mut accepted = v2::PaymentRequirements::new(
            &offer.scheme,
            &offer.network,
            offer.max_amount_required,
            &offer.asset,
            &offer.pay_to,
        );
        accepted.max_timeout_seconds = offer.max_timeout_seconds;
        accepted.extra = offer.extra.clone().unwrap_or_default();
        let payload = self.wallet.sign(&accepted, self.clock.now()).unwrap();
        encode(&v1::PaymentPayload::new(
            &offer.scheme,
            &offer.network,
            payload,
        ))
    }
}

/// A message as the value of a header.
#[track_caller]
pub fn encode(message: &impl serde::Serialize) -> HeaderValue {
    HeaderValue::from_str(&header::encode(message).unwrap()).unwrap()
}

/// A request without a payment.
pub fn get(path: &str) -> Request<Bytes> {
    request(Method::GET, path, "")
}

/// A request with a body.
pub fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())
        .unwrap()
}

/// A request with a payment of version 2.
pub fn paying(mut request: Request<Bytes>, payment: &HeaderValue) -> Request<Bytes> {
    request
        .headers_mut()
        .insert(PAYMENT_SIGNATURE, payment.clone());
    request
}

/// A request with a payment of version 1.
pub fn paying_v1(mut request: Request<Bytes>, payment: &HeaderValue) -> Request<Bytes> {
    request.headers_mut().insert(X_PAYMENT, payment.clone());
    request
}

impl Answer {
    /// The receipt in version 2.
    #[track_caller]
    pub fn receipt(&self) -> SettleResponse {
        self.receipt_in(PAYMENT_RESPONSE)
    }

    /// The receipt in version 1.
    #[track_caller]
    pub fn receipt_v1(&self) -> SettleResponse {
        self.receipt_in(X_PAYMENT_RESPONSE)
    }

    #[track_caller]
    fn receipt_in(&self, name: HeaderName) -> SettleResponse {
        let value = self
            .header(name)
            .unwrap_or_else(|| panic!("no receipt: {self:?}"));
        header::decode(value.as_bytes(), 1 << 20).unwrap()
    }

    /// The reason in the problem that the body is.
    #[track_caller]
    pub fn problem(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}
