//! Payments with everything but a good signature, which nobody here looks at.

use http::HeaderValue;
use serde_json::{Value, json};
use x402_tower::proto::{header, v2};

use crate::case::NOW;

/// A payment for a challenge. Every number is another payment.
pub fn payment(challenge: &HeaderValue, number: usize) -> HeaderValue {
    let challenge: v2::PaymentRequired =
        header::decode(challenge.as_bytes(), 1 << 20).expect("a challenge");
    let accepted = challenge.accepts[0].clone();
    let payload = json!({
        "signature": format!("0x{}1b", "5a".repeat(64)),
        "authorization": {
            "from": PAYER,
            "to": accepted.pay_to,
            "value": accepted.amount.to_string(),
            "validAfter": "0",
            "validBefore": (NOW.as_secs() + 300).to_string(),
            "nonce": format!("0x{number:064x}"),
        },
    });
    let payload = serde_json::value::to_raw_value(&payload).expect("JSON");
    let mut payment = v2::PaymentPayload::new(accepted, payload);
    let resource = serde_json::to_value(&challenge.resource).expect("JSON");
    payment.resource = Some(serde_json::from_value(resource).expect("an object"));
    value(&header::encode(&payment).expect("JSON"))
}

/// The same, with a character in it that does not belong there.
pub fn bad_base64(payment: &HeaderValue) -> HeaderValue {
    let text = payment.to_str().expect("ASCII");
    value(&format!(
        "{}*{}",
        &text[..text.len() - 8],
        &text[text.len() - 7..]
    ))
}

/// The same, with its last brace missing.
pub fn bad_json(payment: &HeaderValue) -> HeaderValue {
    let json: Value = header::decode(payment.as_bytes(), 1 << 20).expect("a payment");
    let mut json = json.to_string();
    json.pop();
    value(&base64::Engine::encode(
        &base64::prelude::BASE64_STANDARD,
        json,
    ))
}

pub const PAYER: &str = "0x857b06519E91e3A54538791bDbb0E22373e36b66";

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a header value")
}
