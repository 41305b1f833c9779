//! What browsers have to be told so that programs in pages can pay.
//!
//! Every answer of a gate exposes its own headers. What else it takes is the business of a CORS layer *around* the gate,
//! and these are the values for it:
//!
//! ```
//! use x402_tower::cors;
//!
//! // With tower-http: `CorsLayer::new().allow_headers(cors::ALLOWED_HEADERS).expose_headers(cors::EXPOSED_HEADERS)`.
//! assert!(cors::ALLOWED_HEADERS.iter().any(|name| name == "payment-signature"));
//! assert!(cors::EXPOSED_HEADERS.iter().any(|name| name == "payment-required"));
//! ```

use http::{HeaderName, HeaderValue};

use crate::proto::header::{
    PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, X_PAYMENT, X_PAYMENT_RESPONSE,
};

/// Marks an answer that was kept and is given once more.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The response headers that a page has to be able to read: `Access-Control-Expose-Headers`.
pub const EXPOSED_HEADERS: [HeaderName; 5] = [
    PAYMENT_REQUIRED,
    PAYMENT_RESPONSE,
    X_PAYMENT_RESPONSE,
    http::header::RETRY_AFTER,
    REPLAYED,
];

/// The request headers that a paying page sends: `Access-Control-Allow-Headers`.
///
/// `Access-Control-Expose-Headers` is among them because the official clients send it, though it belongs into answers.
pub const ALLOWED_HEADERS: [HeaderName; 4] = [
    PAYMENT_SIGNATURE,
    X_PAYMENT,
    http::header::CONTENT_TYPE,
    http::header::ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// [`EXPOSED_HEADERS`] as the value of a header.
pub(crate) const EXPOSED: HeaderValue = HeaderValue::from_static(
    "payment-required, payment-response, x-payment-response, retry-after, idempotent-replayed",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_lists_the_headers() {
        let names = EXPOSED_HEADERS.map(|name| name.to_string());
        assert_eq!(EXPOSED, names.join(", "));
    }
}
