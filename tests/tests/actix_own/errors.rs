//! Errors are answers in actix.

use std::fmt;

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode as OldStatus;
use actix_web::{App, HttpResponse, ResponseError, web};
use http::StatusCode;
use http::header::LOCATION;
use x402_actix::{Paid, Settle};
use x402_tests::buyer::{get, paying};
use x402_tests::{Running, Verb, send};

use crate::{buy, open, pay, serve};

#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed on Mondays")
    }
}

impl ResponseError for Closed {
    fn status_code(&self) -> OldStatus {
        OldStatus::FORBIDDEN
    }
}

/// An app whose price has a middleware inside that fails, and one outside that looks at the error.
fn failing(price: Paid, fail: fn() -> actix_web::Error) -> Running {
    serve!(move || {
        let goods = web::resource("/goods")
            .wrap_fn(move |_, _| async move { Err::<ServiceResponse, _>(fail()) })
            .wrap(price.clone());
        let goods = goods.to(async || "the goods");
        App::new()
            .wrap_fn(|request, service| {
                let answering = service.call(request);
                async {
                    let answer = answering.await;
                    if let Err(error) = &answer
                        && error.as_error::<Closed>().is_some()
                    {
                        return Err(InternalError::new("seen", OldStatus::IM_A_TEAPOT).into());
                    }
                    answer
                }
            })
            .service(goods)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_goes_through_as_it_is_and_costs_nothing() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = failing(x402.price("$0.01").unwrap(), || Closed.into());
    let payment = pay(&buyer, &app, "/goods").await;
    for times in 1..=4 {
        let answer = send(app.address, paying(get("/goods"), &payment)).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (418, "seen"));
        shop.ledger.wait_for(Verb::Release, times).await;
    }
    shop.assert_charges(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_name_only_is_sold() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = failing(x402.price("$0.01").unwrap(), || {
        let elsewhere = HttpResponse::SeeOther()
            .insert_header(("location", "/secret?signed=1"))
            .finish();
        InternalError::from_response("moved", elsewhere).into()
    });
    let answer = buy(&buyer, &app, "/goods").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(LOCATION), Some("/secret?signed=1"));
    assert!(answer.receipt().success);
    shop.assert_charges(1);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_name_only_is_not_given_out_unpaid() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = failing(x402.price("$0.01").unwrap(), || {
        InternalError::new("the goods", OldStatus::OK).into()
    });
    let reason = "invalid_exact_evm_insufficient_balance".to_owned();
    shop.facilitator.on(
        x402_tower::facilitator::Endpoint::Settle,
        [x402_tower::local::Fault::Refuse(reason)],
    );
    let answer = buy(&buyer, &app, "/goods").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert!(!answer.text().contains("the goods"), "{answer:?}");
    shop.assert_charges(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_after_the_money_has_moved_has_a_receipt() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.route("$0.01").settle(Settle::Before).build().unwrap();
    let app = failing(price, || Closed.into());
    let payment = pay(&buyer, &app, "/goods").await;
    let answer = send(app.address, paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.text(), "closed on Mondays");
    assert!(answer.receipt().success);
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    shop.assert_charges(1);
}
