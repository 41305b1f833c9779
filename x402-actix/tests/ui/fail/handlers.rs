//! What actix asks of handlers is asked of those that have a price as well.

use actix_web::{App, web};
use x402_actix::paid;

struct NoExtractor;

#[paid("$0.01")]
async fn no_extractor(_: NoExtractor) -> &'static str {
    ""
}

#[paid("$0.01")]
async fn no_answer() -> NoExtractor {
    NoExtractor
}

fn main() {
    let _ = App::new()
        .route("/1", web::get().to(no_extractor))
        .route("/2", web::get().to(no_answer));
}
