//! The example is served, asked and paid.

use std::error::Error;
use std::future::IntoFuture as _;

use buyer::Buyer;
use tokio::net::TcpListener;
use x402_axum::X402;
use x402_axum::local::{LocalFacilitator, Wallet};

#[tokio::test]
async fn the_countdown_is_paid_for() -> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let x402 = X402::local().facilitator(facilitator.clone()).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, axum_streaming::app(&x402)?).into_future());
    let buyer = Buyer::new(Wallet::from_seed(1))?;

    let purchase = buyer.buy(&format!("{url}/countdown")).await?;
    assert_eq!(purchase.status, 200);
    assert_eq!(purchase.text(), "data: 3\n\ndata: 2\n\ndata: 1\n\n");
    assert!(purchase.receipt.is_some_and(|receipt| receipt.success));
    assert_eq!(facilitator.transfers().len(), 1);

    server.abort();
    Ok(())
}
