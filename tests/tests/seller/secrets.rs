//! What is printed while something is found out, and what must not be.

use http::{HeaderMap, HeaderValue};
use x402_tower::X402;
use x402_tower::facilitator::{HttpFacilitator, SharedFacilitator};
use x402_tower::proto::{Presented, Version};

use super::PAYEE;

const SECRET: &str = "hunter2-hunter2-hunter2";

#[track_caller]
fn assert_hidden(shown: &str) {
    assert!(!shown.contains("hunter2"), "{shown}");
    // As bytes, either way.
    let bytes = SECRET.as_bytes();
    let decimal = format!("{}, {}, {}", bytes[0], bytes[1], bytes[2]);
    assert!(!shown.contains(&decimal), "{shown}");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.contains(&hex[..6]), "{shown}");
}

#[tokio::test]
async fn nobody_prints_a_secret() {
    let mut credentials = HeaderMap::new();
    credentials.insert("x-api-key", HeaderValue::from_static(SECRET));
    let facilitator = HttpFacilitator::new("https://f.example/v2")
        .unwrap()
        .authorize(credentials);
    let shared = SharedFacilitator::new(facilitator.clone());
    let builder = X402::builder()
        .facilitator(facilitator.clone())
        .public_url("https://shop.example")
        .pay_to("base", PAYEE)
        .secret(SECRET);
    for shown in [
        format!("{facilitator:?} {facilitator:#?}"),
        format!("{shared:?} {shared:#?}"),
        format!("{builder:?} {builder:#?}"),
    ] {
        assert_hidden(&shown);
    }
    let x402 = builder.build().unwrap();
    assert_hidden(&format!("{x402:?} {x402:#?}"));
    let route = x402.route("$0.01");
    assert_hidden(&format!("{route:?} {route:#?}"));
    let gate = route.build().unwrap();
    assert_hidden(&format!("{gate:?} {gate:#?}"));
    let service = tower::Layer::layer(&gate, ());
    assert_hidden(&format!("{service:?} {service:#?}"));
    // It is worth printing all the same.
    assert!(format!("{x402:?}").contains("https://shop.example"));
}

#[tokio::test]
async fn an_address_with_a_password_is_refused_and_not_repeated() {
    for url in [
        "https://me:hunter2@shop.example",
        "https://shop.example/?key=hunter2",
        "https://shop.example/#hunter2",
        "me:hunter2@shop.example",
    ] {
        let builder = X402::local().public_url(url);
        assert_hidden(&format!("{builder:?}"));
        let error = builder.build().unwrap_err();
        assert_hidden(&format!("{error} {error:?}"));
        assert!(error.to_string().contains("shop.example"), "{error}");
    }
}

/// Schemes of a seller's own may print what they are given.
#[test]
fn nobody_prints_a_payment() {
    let json = serde_json::json!({
        "x402Version": 1, "scheme": "exact", "network": "base", "payload": { "signature": SECRET },
    });
    let json = json.to_string();
    let presented = Presented::read(Version::V1, json.as_bytes()).unwrap();
    assert_hidden(&format!("{presented:?} {presented:#?}"));
}
