//! Payment added to a stack of layers that is there already.

use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::get;
use axum::{BoxError, Router};
use tower::ServiceBuilder;
use tower_http::cors::{Any, CorsLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use x402_axum::proto::header::{PAYMENT_SIGNATURE, X_PAYMENT};
use x402_axum::{ConfigError, Payment, X402, cors};

async fn weather(payment: Payment) -> String {
    format!("Sunny, 24 °C. Thank you, {}!", payment.payer())
}

/// The whole service. The layers are in the order in which requests come to them.
///
/// # Errors
///
/// If the price cannot be paid.
pub fn app(x402: &X402) -> Result<Router, ConfigError> {
    let paid = x402.route("$0.01").description("Today's weather").build()?;
    let pages = CorsLayer::new()
        .allow_origin(Any)
        .allow_headers(allowed())
        .expose_headers(cors::EXPOSED_HEADERS);
    let with_headers = DefaultMakeSpan::new().include_headers(true);
    let stack = ServiceBuilder::new()
        // First of all: whoever reads a payment before it is spent can spend it, so no log shows one.
        .layer(SetSensitiveRequestHeadersLayer::new([
            PAYMENT_SIGNATURE,
            X_PAYMENT,
        ]))
        // Sees challenges and answers.
        .layer(TraceLayer::new_for_http().make_span_with(with_headers))
        // Around the price, so that pages may read challenges as well.
        .layer(pages)
        // Around the price: unpaid requests are answered however busy the handlers are, and are limited too.
        .layer(HandleErrorLayer::new(async |_: BoxError| {
            StatusCode::SERVICE_UNAVAILABLE
        }))
        .load_shed()
        .concurrency_limit(1000)
        .layer(paid)
        // Inside: the time of the handler alone. A handler that is too late has earned nothing.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(20),
        ));
    // `route_layer`, so that what is not found is free.
    let sold = Router::new()
        .route("/weather", get(weather))
        .route_layer(stack);
    Ok(sold.route("/health", get(async || "well")))
}

/// What pages may send: what a payment needs, and what this service needs anyway.
fn allowed() -> Vec<HeaderName> {
    let own = [header::ACCEPT, header::CONTENT_TYPE];
    cors::ALLOWED_HEADERS.into_iter().chain(own).collect()
}
