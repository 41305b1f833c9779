//! `facilitator [PORT]`: `/verify`, `/settle` and `/supported`, with real signatures and play money.

use std::error::Error;

use tokio::net::TcpListener;
use x402_tower::local::LocalFacilitator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = match std::env::args().nth(1) {
        Some(port) => port.parse()?,
        None => 4022,
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!(
        "a facilitator with play money is at http://{}",
        listener.local_addr()?
    );
    Err(LocalFacilitator::new().serve(listener).await.into())
}
