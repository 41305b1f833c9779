//! `facilitator [ADDRESS]`: `/verify`, `/settle` and `/supported`, with real signatures and play money.

use std::error::Error;

use tokio::net::TcpListener;
use x402_tower::local::LocalFacilitator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:4022")).await?;
    println!(
        "a facilitator with play money is at http://{}",
        listener.local_addr()?
    );
    Err(LocalFacilitator::new().serve(listener).await.into())
}
