use axum::Router;
use axum::routing::get;
use x402_axum::{X402, paid};

#[paid("$0.01")]
async fn weather() -> &'static str {
    "sunny"
}

fn main() {
    let _: Router<X402> = Router::new()
        .route("/1", get(*weather))
        .route("/2", get(&*weather))
        .route("/3", get(std::ops::Deref::deref(&weather)));
}
