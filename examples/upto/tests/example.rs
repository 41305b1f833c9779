//! The example is served and paid for by the word.

use std::error::Error;
use std::future::IntoFuture as _;

use buyer::{Asked, Buyer};
use tokio::net::TcpListener;
use upto::{app, poem};
use x402_axum::X402;
use x402_axum::local::{LocalFacilitator, Wallet};
use x402_axum::money::Amount;

#[tokio::test]
async fn words_that_were_written_are_paid_for_and_no_others()
-> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let seller = X402::local().facilitator(facilitator.clone());
    let x402 = seller.priced([&poem]).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, app(x402)).into_future());
    let buyer = Buyer::new(Wallet::from_seed(1))?;

    // Five cents are offered, and half a cent is what ten words cost.
    let ten = format!("{url}/poem/10");
    let Asked::Costs(demand) = buyer.ask(&ten).await? else {
        return Err("the poem is free".into());
    };
    let offers = demand.offers();
    let most = offers.first().map(|offer| offer.requirements().amount);
    assert_eq!(most, Some(Amount::from(50_000u64)));
    let purchase = buyer.send(&ten, &buyer.sign(&demand)?).await?;
    assert_eq!(purchase.status, 200);
    assert_eq!(
        purchase.text(),
        "rain falls on the roof of my house rain falls"
    );
    let charged = purchase.receipt.and_then(|receipt| receipt.amount);
    assert_eq!(charged, Some(Amount::from(5_000u64)));
    let moved: Vec<Amount> = facilitator.transfers().iter().map(|t| t.amount).collect();
    assert_eq!(moved, [Amount::from(5_000u64)]);

    // No words, and more words than five cents are worth: nothing is paid.
    let nothing = buyer.buy(&format!("{url}/poem/0")).await?;
    assert_eq!(
        (nothing.status.as_u16(), nothing.text().as_str()),
        (200, "")
    );
    let too_much = buyer.buy(&format!("{url}/poem/101")).await?;
    assert_eq!(too_much.status, 413);
    assert_eq!(facilitator.transfers().len(), 1);

    server.abort();
    Ok(())
}
