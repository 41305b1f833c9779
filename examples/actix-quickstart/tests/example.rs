//! The example is served, asked and paid.

use std::error::Error;
use std::net::TcpListener;

use actix_quickstart::{app, weather};
use actix_web::{App, HttpServer};
use buyer::{Asked, Buyer};
use x402_actix::X402;
use x402_actix::local::{LocalFacilitator, Wallet};

#[actix_web::test]
async fn the_weather_is_paid_for() -> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let seller = X402::local().facilitator(facilitator.clone());
    let x402 = seller.priced([&weather]).build()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = HttpServer::new(move || App::new().configure(app(x402.clone())))
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);

    let buyer = Buyer::new(Wallet::from_seed(1))?;
    assert!(matches!(buyer.ask(&url).await?, Asked::Free(_)));
    let purchase = buyer.buy(&format!("{url}/weather")).await?;
    assert_eq!(purchase.status, 200);
    let payer = buyer.wallet().address().to_string();
    assert!(purchase.text().contains(&payer));
    assert!(purchase.receipt.is_some_and(|receipt| receipt.success));
    assert_eq!(facilitator.transfers().len(), 1);

    handle.stop(true).await;
    server.await??;
    Ok(())
}
