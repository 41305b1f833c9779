//! What axum asks of handlers is asked of those that have a price as well.

use axum::Router;
use axum::routing::get;
use x402_axum::{X402, paid};

struct NoExtractor;

#[paid("$0.01")]
async fn no_extractor(_: NoExtractor) {}

#[paid("$0.01")]
async fn no_answer() -> NoExtractor {
    NoExtractor
}

#[paid("$0.01")]
async fn not_send() {
    let here = std::rc::Rc::new(());
    std::future::ready(()).await;
    drop(here);
}

fn main() {
    let _: Router<X402> = Router::new().route("/", get(no_extractor));
}
