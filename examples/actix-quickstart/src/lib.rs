//! A paid route on actix-web.

use actix_web::get;
use actix_web::web::{self, Json, ServiceConfig};
use serde_json::{Value, json};
use x402_actix::{Payment, X402, paid};

/// Runs for requests whose payment is good, and for no others.
#[paid(
    "$0.01",
    description = "Today's weather",
    mime_type = "application/json"
)]
#[get("/weather")]
pub async fn weather(payment: Payment) -> Json<Value> {
    let thanks = format!("Thank you, {}!", payment.payer());
    Json(json!({ "weather": "sunny, 24 °C", "note": thanks }))
}

#[get("/")]
async fn index() -> &'static str {
    "The weather is at /weather. It costs a cent."
}

/// The whole service, for `App::configure`.
pub fn app(x402: X402) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(x402))
            .service(weather)
            .service(index);
    }
}
