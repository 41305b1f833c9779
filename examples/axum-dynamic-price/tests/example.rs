//! The example is served, asked and paid.

use std::error::Error;
use std::future::IntoFuture as _;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use buyer::{Asked, Buyer};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
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

    // However they are written.
    for four in ["days=4", "days=%34", "%64ays=4", "days=%2B4"] {
        let purchase = buyer.buy(&format!("{url}/forecast?{four}")).await?;
        assert_eq!(purchase.status, 200);
        let text = purchase.text();
        let paid = "4 days of sunshine, paid by 0x";
        assert!(text.starts_with(paid), "{four}: {text}");
    }
    let moved = facilitator.transfers();
    let moved: Vec<String> = moved.iter().map(|moved| moved.amount.to_string()).collect();
    assert_eq!(moved, ["30000"; 4]);

    server.abort();
    Ok(())
}

#[tokio::test]
async fn whoever_has_a_key_pays_less_or_nothing() -> Result<(), Box<dyn Error + Send + Sync>> {
    let app = axum_dynamic_price::app(&X402::local().build()?)?;
    for (key, amount) in [
        ("partner", Some(r#""maxAmountRequired":"15000""#)),
        ("stranger", Some(r#""maxAmountRequired":"30000""#)),
        ("member", None),
    ] {
        let request = Request::get("/forecast?days=4").header("x-api-key", key);
        let answer = app.clone().oneshot(request.body(Body::empty())?).await?;
        let status = if amount.is_some() { 402 } else { 200 };
        assert_eq!(answer.status(), status, "{key}");
        let body = to_bytes(answer.into_body(), 1 << 20).await?;
        let text = String::from_utf8_lossy(&body);
        let said = amount.unwrap_or("4 days of sunshine, on the house");
        assert!(text.contains(said), "{key}: {text}");
    }
    Ok(())
}
