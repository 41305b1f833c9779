//! A paid service that documents itself: prices and challenges are in `/openapi.json`.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::{Modify as _, OpenApi};
use x402_axum::openapi::Prices;
use x402_axum::{ConfigError, X402, paid};

/// Today's weather
#[utoipa::path(get, path = "/weather", responses((status = 200, body = str)))]
#[paid("$0.01")]
pub async fn weather() -> &'static str {
    "Sunny, 24 °C."
}

/// The weather of the week
#[paid("$0.05")]
#[utoipa::path(get, path = "/forecast", responses((status = 200, body = str)))]
pub async fn forecast() -> &'static str {
    "Sunny, all week."
}

/// Whether all is well
#[utoipa::path(get, path = "/health", responses((status = 200, body = str)))]
async fn health() -> &'static str {
    "well"
}

#[derive(OpenApi)]
#[openapi(paths(weather, forecast, health))]
struct Document;

/// The whole service.
///
/// # Errors
///
/// If a price cannot be paid.
pub fn app(x402: X402) -> Result<Router, ConfigError> {
    let mut document = Document::openapi();
    Prices::new(&x402, [&weather, &forecast])?.modify(&mut document);
    let app = Router::new()
        .route("/weather", get(weather))
        .route("/forecast", get(forecast))
        .route("/health", get(health))
        .route("/openapi.json", get(async move || Json(document)));
    Ok(app.with_state(x402))
}
