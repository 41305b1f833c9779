//! The example is served, asked, paid and stopped.

use std::error::Error;

use buyer::{Asked, Buyer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use x402_tower::X402;
use x402_tower::local::{LocalFacilitator, Wallet};
use x402_tower::money::Money;

#[tokio::test]
async fn the_weather_is_paid_for() -> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let x402 = X402::local().facilitator(facilitator.clone()).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/weather", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let app = tower_hyper::app(&x402)?;
    let server = tokio::spawn(tower_hyper::serve(listener, app, async {
        let _ = stopped.await;
    }));

    let buyer = Buyer::new(Wallet::from_seed(1))?;
    let purchase = buyer.buy(&url).await?;
    assert_eq!(purchase.status, 200);
    assert!(
        purchase
            .text()
            .contains(&buyer.wallet().address().to_string())
    );
    assert!(purchase.receipt.is_some_and(|receipt| receipt.success));
    assert_eq!(facilitator.transfers().len(), 1);

    // Somebody who pays half a cent at most keeps it.
    let thrifty = Buyer::new(Wallet::from_seed(2))?.most(Money::new(5, 3));
    let Asked::Costs(demand) = thrifty.ask(&url).await? else {
        panic!("it is free");
    };
    let error = thrifty.sign(&demand).unwrap_err().to_string();
    assert!(error.contains("0.01 USDC is more than"), "{error}");
    assert_eq!(facilitator.transfers().len(), 1);

    drop(stop);
    server.await??;
    Ok(())
}
