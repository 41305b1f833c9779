//! The example is served, asked and paid; and its handler is still a function.

use std::error::Error;
use std::future::IntoFuture as _;

use axum::Json;
use axum_quickstart::{app, weather};
use buyer::{Asked, Buyer};
use tokio::net::TcpListener;
use x402_axum::local::{LocalFacilitator, Wallet};
use x402_axum::testing::TestPayment;
use x402_axum::{Payment, X402};

#[tokio::test]
async fn the_weather_is_paid_for() -> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let x402 = X402::local().facilitator(facilitator.clone()).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, app(x402)).into_future());

    let buyer = Buyer::new(Wallet::from_seed(1))?;
    assert!(matches!(buyer.ask(&url).await?, Asked::Free(_)));
    let purchase = buyer.buy(&format!("{url}/weather")).await?;
    assert_eq!(purchase.status, 200);
    let payer = buyer.wallet().address().to_string();
    assert!(purchase.text().contains(&payer));
    assert!(purchase.receipt.is_some_and(|receipt| receipt.success));
    assert_eq!(facilitator.transfers().len(), 1);
    server.abort();
    Ok(())
}

#[tokio::test]
async fn the_weather_is_a_function() {
    let payment = Payment::from(TestPayment::new().build());
    let Json(answer) = weather(payment.clone()).await;
    assert_eq!(answer["note"], format!("Thank you, {}!", payment.payer()));
}
