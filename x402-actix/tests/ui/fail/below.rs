//! Below a route, a price is inside of what the route makes, and cannot be seen from outside.

use actix_web::get;
use x402_actix::{X402, paid};

#[get("/weather")]
#[paid("$0.01")]
async fn weather() -> &'static str {
    "sunny"
}

fn main() {
    let _ = |x402: X402| x402.check([&weather]);
}
