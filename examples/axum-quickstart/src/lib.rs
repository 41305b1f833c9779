//! A paid route on axum.

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use x402_axum::{Payment, X402, paid};

/// Runs for requests whose payment is good, and for no others.
#[paid(
    "$0.01",
    description = "Today's weather",
    mime_type = "application/json"
)]
pub async fn weather(payment: Payment) -> Json<Value> {
    let thanks = format!("Thank you, {}!", payment.payer());
    Json(json!({ "weather": "sunny, 24 °C", "note": thanks }))
}

/// The whole service.
pub fn app(x402: X402) -> Router {
    Router::new()
        .route("/weather", get(weather))
        .route(
            "/",
            get(async || "The weather is at /weather. It costs a cent."),
        )
        .with_state(x402)
}
