//! A price from the query and from who asks, and a free tier.

use axum::Router;
use axum::extract::Query;
use axum::http::{HeaderName, HeaderValue};
use axum::routing::get;
use serde::Deserialize;
use x402_axum::money::Money;
use x402_axum::price::{Quote, RequestHead};
use x402_axum::{ConfigError, Payment, RouterExt as _, X402};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What is asked for: `/forecast?days=3`.
#[derive(Deserialize)]
struct Forecast {
    #[serde(default = "tomorrow")]
    days: u32,
}

const fn tomorrow() -> u32 {
    1
}

/// Tomorrow is free. Every further day costs a cent, half of that for partners, and nothing for members.
///
/// The function is asked again when the payment comes. Who was told another price a moment ago may pay that one.
async fn price(head: RequestHead) -> Quote {
    // Read as the handler reads it: else somebody finds a spelling that is cheap here and dear there.
    let Ok(Query(Forecast { days })) = Query::try_from_uri(head.uri()) else {
        // The handler will say what is wrong with it, for nothing.
        return Quote::free();
    };
    let key = head.headers().get(API_KEY).map(HeaderValue::as_bytes);
    let tenths_of_a_cent = match key {
        Some(b"member") => 0,
        Some(b"partner") => 5,
        _ => 10,
    };
    match tenths_of_a_cent * u128::from(days.saturating_sub(1)) {
        0 => Quote::free(),
        total => Quote::any([Money::new(total, 3)]),
    }
}

async fn forecast(payment: Option<Payment>, Query(Forecast { days }): Query<Forecast>) -> String {
    let paid = match payment {
        Some(payment) => format!("paid by {}", payment.payer()),
        None => "on the house".to_owned(),
    };
    format!("{days} days of sunshine, {paid}")
}

/// The whole service.
///
/// # Errors
///
/// If prices cannot be paid.
pub fn app(x402: &X402) -> Result<Router, ConfigError> {
    let price = x402
        .route_with(price)
        .description("The weather")
        // What a partner was told is for partners.
        .distinguish_by(API_KEY)
        .build()?;
    Ok(Router::new().route("/forecast", get(forecast).paid(price)))
}
