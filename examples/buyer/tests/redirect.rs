//! A redirect can be bought, and no payment goes where it leads.

use std::error::Error;
use std::future::IntoFuture as _;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use buyer::Buyer;
use tokio::net::TcpListener;
use x402_axum::local::{LocalFacilitator, Wallet};
use x402_axum::{X402, paid};

#[paid("$0.01")]
async fn here() -> Redirect {
    Redirect::to("/elsewhere")
}

#[tokio::test]
async fn what_is_bought_may_be_a_redirect() -> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let x402 = X402::local().facilitator(facilitator.clone()).build()?;
    let app = Router::new().route("/here", get(here)).with_state(x402);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/here", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, app).into_future());

    let buyer = Buyer::new(Wallet::from_seed(1))?;
    let purchase = buyer.buy(&url).await?;
    assert_eq!(purchase.status, 303);
    assert_eq!(purchase.headers["location"], "/elsewhere");
    assert!(purchase.receipt.is_some_and(|receipt| receipt.success));
    assert_eq!(facilitator.transfers().len(), 1);
    server.abort();
    Ok(())
}
