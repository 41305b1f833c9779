//! A metered answer: the buyer agrees to at most five cents, and pays for the words that were written.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use x402_axum::{Meter, X402, paid};

const WORDS: [&str; 8] = ["rain", "falls", "on", "the", "roof", "of", "my", "house"];

/// As many words of a poem as are wished for, for a twentieth of a cent each.
#[paid(
    upto = "$0.05",
    description = "A poem, by the word",
    mime_type = "text/plain"
)]
pub async fn poem(meter: Meter, Path(wished): Path<u16>) -> Result<String, (StatusCode, String)> {
    let words = WORDS.iter().copied().cycle().take(wished.into());
    let poem: Vec<&str> = words.collect();
    // More than the buyer has agreed to is an error here, and an answer that is an error costs nothing. No words cost
    // nothing either; but a handler that says nothing to its meter is paid the limit.
    meter
        .add_times(poem.len() as u64, "$0.0005")
        .map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
    Ok(poem.join(" "))
}

/// The whole service.
pub fn app(x402: X402) -> Router {
    Router::new()
        .route("/poem/{words}", get(poem))
        .with_state(x402)
}
