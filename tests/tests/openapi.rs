//! Prices in OpenAPI documents.

use serde_json::{Value, json};
use utoipa::{Modify as _, OpenApi};
use x402_tower::X402;
use x402_tower::local::LocalFacilitator;
use x402_tower::openapi::Prices;

const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

/// A seller who is paid in two places.
fn seller() -> X402 {
    X402::builder()
        .facilitator(LocalFacilitator::new())
        .public_url("https://shop.example")
        .pay_to("base", PAYEE)
        .pay_to("celo", PAYEE)
        .build()
        .unwrap()
}

fn written(mut document: utoipa::openapi::OpenApi, prices: &Prices) -> Value {
    prices.modify(&mut document);
    serde_json::to_value(document).unwrap()
}

fn prices(operation: &Value) -> Vec<&str> {
    let accepts = operation["x-x402"]["accepts"].as_array().unwrap();
    accepts
        .iter()
        .map(|entry| entry["price"].as_str().unwrap())
        .collect()
}

mod on_axum {
    use x402_axum::paid;

    /// One
    #[utoipa::path(get, path = "/one")]
    #[paid(
        "$0.01",
        network = "base",
        pay_to = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
    )]
    pub(super) async fn below() {}

    /// Two
    #[paid("$0.02")]
    #[utoipa::path(post, path = "/two", responses((status = 402, description = "Costs a bit")))]
    pub(super) async fn above(_: String) {}

    #[utoipa::path(get, path = "/upto")]
    #[paid(upto = "$0.05", network = "base")]
    pub(super) async fn metered() {}

    #[utoipa::path(get, path = "/dynamic")]
    #[paid(with = price)]
    pub(super) async fn dynamic() {}

    async fn price(_: x402_axum::price::RequestHead) -> &'static str {
        "$0.01"
    }

    #[utoipa::path(get, path = "/free")]
    #[allow(dead_code, reason = "it is only written down")]
    pub(super) async fn free() {}

    #[paid("$0.01")]
    pub(super) async fn undocumented() {}

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(below, above, metered, dynamic, free))]
    pub(super) struct Document;
}

#[tokio::test]
async fn every_price_is_written_down() {
    use on_axum::{Document, above, below, dynamic, metered, undocumented};
    let handlers = Prices::new(
        &seller(),
        [&below, &above, &metered, &dynamic, &undocumented],
    );
    let document = written(Document::openapi(), &handlers.unwrap());

    let one = &document["paths"]["/one"]["get"];
    assert_eq!(one["summary"], "One");
    let entry = json!({
        "scheme": "exact",
        "network": "eip155:8453",
        "amount": "10000",
        "asset": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "payTo": PAYEE,
        "price": "0.01 USDC on eip155:8453",
    });
    assert_eq!(one["x-x402"], json!({ "accepts": [entry] }));
    let challenge = &one["responses"]["402"];
    assert_eq!(
        challenge["description"],
        "Payment required: 0.01 USDC on eip155:8453"
    );
    assert!(challenge["content"]["application/json"].is_object());
    assert!(challenge["headers"]["PAYMENT-REQUIRED"].is_object());

    // What its author says of the challenge is kept.
    let two = &document["paths"]["/two"]["post"];
    assert_eq!(
        two["responses"]["402"],
        json!({ "description": "Costs a bit" })
    );
    let both = ["0.02 USDC on eip155:8453", "0.02 USDC on eip155:42220"];
    assert_eq!(prices(two), both);

    // Nobody has asked the facilitator for an account yet, and version 1 cannot say it.
    let limit = &document["paths"]["/upto"]["get"];
    assert_eq!(prices(limit), ["up to 0.05 USDC on eip155:8453"]);
    let content = &limit["responses"]["402"]["content"];
    assert!(content["application/problem+json"].is_object(), "{content}");

    let depends = &document["paths"]["/dynamic"]["get"];
    assert_eq!(prices(depends), [""; 0]);
    assert_eq!(
        depends["responses"]["402"]["description"],
        "Payment required: how much depends on the request"
    );

    let free = &document["paths"]["/free"]["get"];
    assert!(free["responses"]["402"].is_null() && free["x-x402"].is_null());
}

mod on_actix {
    use actix_web::get;
    use x402_actix::paid;

    #[paid("$0.01")]
    #[utoipa::path(path = "/one", get)]
    #[get("/one")]
    pub(super) async fn above() -> &'static str {
        "one"
    }

    #[utoipa::path(path = "/two", get)]
    #[paid("$0.02")]
    pub(super) async fn bare() -> &'static str {
        "two"
    }

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(above, bare))]
    pub(super) struct Document;
}

#[tokio::test]
async fn handlers_of_actix_are_written_down() {
    use on_actix::{Document, above, bare};
    let handlers = Prices::new(&seller(), [&above, &bare]).unwrap();
    let document = written(Document::openapi(), &handlers);
    for (path, price) in [("/one", "0.01"), ("/two", "0.02")] {
        let operation = &document["paths"][path]["get"];
        let both = ["eip155:8453", "eip155:42220"].map(|at| format!("{price} USDC on {at}"));
        assert_eq!(prices(operation), both);
    }
}

#[tokio::test]
async fn prices_that_cannot_be_paid_are_not_written_down() {
    let x402 = X402::local().build().unwrap();
    let error = Prices::new(&x402, [&on_axum::above, &on_axum::metered]).unwrap_err();
    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), 1, "{error}");
    assert!(problems[0].starts_with("`metered`: "), "{error}");
}
