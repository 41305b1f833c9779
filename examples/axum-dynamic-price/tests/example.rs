//! The example is served, asked and paid.

use std::error::Error;
use std::future::IntoFuture as _;

use buyer::{Asked, Buyer};
use tokio::net::TcpListener;
use x402_axum::X402;
use x402_axum::local::{LocalFacilitator, Wallet};

#[tokio::test]
async fn days_cost_what_they_cost() -> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let x402 = X402::local().facilitator(facilitator.clone()).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, axum_dynamic_price::app(&x402)?).into_future());
    let buyer = Buyer::new(Wallet::from_seed(1))?;

    for free in ["", "?days=1", "?days=0"] {
        let Asked::Free(answer) = buyer.ask(&format!("{url}/forecast{free}")).await? else {
            panic!("{free} is not free");
        };
        assert!(answer.text().ends_with("on the house"), "{}", answer.text());
    }
    // What is wrong is told for nothing.
    let Asked::Free(answer) = buyer.ask(&format!("{url}/forecast?days=many")).await? else {
        panic!("mistakes are free");
    };
    assert_eq!(answer.status, 400);
    assert_eq!(facilitator.transfers().len(), 0);

    let purchase = buyer.buy(&format!("{url}/forecast?days=4")).await?;
    assert_eq!(purchase.status, 200);
    assert!(
        purchase
            .text()
            .starts_with("4 days of sunshine, paid by 0x")
    );
    let transfers = facilitator.transfers();
    assert_eq!(transfers.len(), 1);
    assert_eq!(transfers[0].amount.to_string(), "30000");

    server.abort();
    Ok(())
}
