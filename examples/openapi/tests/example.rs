//! The example is served, and its document is read.

use std::error::Error;
use std::future::IntoFuture as _;

use buyer::{Asked, Buyer};
use openapi::app;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use x402_axum::X402;
use x402_axum::local::{LocalFacilitator, Wallet};

#[tokio::test]
async fn prices_are_in_the_document() -> Result<(), Box<dyn Error + Send + Sync>> {
    let facilitator = LocalFacilitator::new();
    let x402 = X402::local().facilitator(facilitator.clone()).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, app(x402)?).into_future());
    let buyer = Buyer::new(Wallet::from_seed(1))?;

    let Asked::Free(page) = buyer.ask(&format!("{url}/openapi.json")).await? else {
        return Err("the document is for sale".into());
    };
    let document: Value = serde_json::from_slice(&page.body)?;
    for (path, summary, price) in [
        ("/weather", "Today's weather", "0.01"),
        ("/forecast", "The weather of the week", "0.05"),
    ] {
        let operation = &document["paths"][path]["get"];
        assert_eq!(operation["summary"], summary);
        let challenge = &operation["responses"]["402"];
        let words = format!("Payment required: {price} USDC on eip155:84532");
        assert_eq!(challenge["description"], words);
        assert!(challenge["headers"]["PAYMENT-REQUIRED"].is_object());
        assert!(challenge["content"]["application/json"].is_object());

        // What is documented is what is asked for.
        let Asked::Costs(demand) = buyer.ask(&format!("{url}{path}")).await? else {
            return Err(format!("{path} is free").into());
        };
        let offers = demand.offers();
        let offers: Vec<Value> = offers
            .iter()
            .map(|offer| {
                let asked = offer.requirements();
                json!({
                    "scheme": asked.scheme, "network": asked.network, "amount": asked.amount,
                    "asset": asked.asset, "payTo": asked.pay_to,
                    "price": format!("{price} USDC on eip155:84532"),
                })
            })
            .collect();
        assert_eq!(operation["x-x402"]["accepts"], Value::from(offers));
    }
    let free = &document["paths"]["/health"]["get"];
    assert!(free["responses"]["402"].is_null() && free["x-x402"].is_null());

    assert_eq!(buyer.buy(&format!("{url}/weather")).await?.status, 200);
    assert_eq!(facilitator.transfers().len(), 1);
    server.abort();
    Ok(())
}
