//! Server-sent events that begin once they are paid for.
//!
//! A body whose length nobody knows is not waited for: the first event leaves right after the settlement.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::stream::{self, Stream};
use x402_axum::clock::{Clock as _, SystemClock};
use x402_axum::{ConfigError, RouterExt as _, X402};

const PAUSE: Duration = Duration::from_millis(200);

/// Counts down.
async fn countdown() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(3, |left| async move {
        let event = match left {
            0 => return None,
            left => Event::default().data(left.to_string()),
        };
        SystemClock.sleep(PAUSE).await;
        Some((Ok(event), left - 1))
    });
    Sse::new(events)
}

/// The whole service.
///
/// # Errors
///
/// If the price cannot be paid.
pub fn app(x402: &X402) -> Result<Router, ConfigError> {
    let price = x402
        .route("$0.01")
        .description("A countdown")
        .mime_type("text/event-stream");
    Ok(Router::new().route("/countdown", get(countdown).paid(price.build()?)))
}
