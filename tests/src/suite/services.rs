//! Facilitators with the layers of `tower` around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use x402_tower::facilitator::{Call, Endpoint, FacilitatorService, ServiceFacilitator};
use x402_tower::local::Fault;
use x402_tower::money::Money;
use x402_tower::proto::header::PAYMENT_REQUIRED;

use crate::buyer::{get, paying, request};
use crate::{Answer, App, Kitchen, Shop, Verb};

/// No time to wait at all: only what is there at once is in time.
const AT_ONCE: Duration = Duration::from_millis(1);

#[track_caller]
fn assert_open(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "settlement_unknown")
    );
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
}

/// A settlement that times out is found out about later, and nothing is charged in its place.
pub async fn that_time_out_are_asked_again_later<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller_with(|builder, facilitator| {
            let service = ServiceBuilder::new()
                .timeout(AT_ONCE)
                .service(FacilitatorService::new(facilitator.clone()));
            builder.facilitator(ServiceFacilitator::new(service))
        })
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::Hang));
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = |payment| paying(request(Method::POST, "/goods", "once"), payment);
    assert_open(&shop.send_and_wait(ask(&payment)).await);
    // Neither the same payment nor a new one is asked for while the first may have gone through.
    assert_open(&shop.send(ask(&payment)).await);
    let newer = shop.pay(&buyer, "/goods").await;
    assert_open(&shop.send(ask(&newer)).await);
    shop.assert_charges(0);

    shop.facilitator.always_on(Endpoint::Settle, None);
    shop.reconcile_until(Verb::Commit, 1).await;
    let answer = shop.send(ask(&payment)).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 1")
    );
    assert!(answer.receipt().success);
    shop.assert_charges(1);
}

/// A settlement whose answer comes too late has charged, and is not made again.
pub async fn that_answer_too_late_charge_once<A: App>() {
    let kitchen = Kitchen::open();
    let late = Arc::new(AtomicUsize::new(1));
    let shop = Shop::builder()
        .seller_with(|builder, facilitator| {
            let inner = FacilitatorService::new(facilitator.clone());
            let slow = service_fn(move |call: Call| {
                let (inner, late) = (inner.clone(), Arc::clone(&late));
                async move {
                    let settles = matches!(call, Call::Settle(_));
                    let answer = inner.oneshot(call).await;
                    if settles && late.swap(0, Ordering::SeqCst) > 0 {
                        std::future::pending::<()>().await;
                    }
                    answer
                }
            });
            let service = ServiceBuilder::new().timeout(AT_ONCE).service(slow);
            builder.facilitator(ServiceFacilitator::new(service))
        })
        .sell(
            "/goods",
            |x402| x402.route("$0.01").unconfirmed_up_to(Money::new(0, 0)),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    assert_open(&shop.send_and_wait(paying(get("/goods"), &payment)).await);
    shop.assert_charges(1);
    assert_open(&shop.send(paying(get("/goods"), &payment)).await);
    let newer = shop.pay(&buyer, "/goods").await;
    assert_open(&shop.send(paying(get("/goods"), &newer)).await);
    assert_eq!((kitchen.started(), shop.ledger.count(Verb::Park)), (1, 1));
    shop.assert_charges(1);
}

/// Buyers wait for each other where a facilitator takes one call at a time.
pub async fn that_are_limited_serve_everybody<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller_with(|builder, facilitator| {
            let service = ServiceBuilder::new()
                .buffer(2)
                .concurrency_limit(1)
                .service(FacilitatorService::new(facilitator.clone()));
            builder.facilitator(ServiceFacilitator::new(service))
        })
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let mut buying = Vec::new();
    for number in 0..20 {
        let payment = shop.pay(&shop.buyer(number), "/goods").await;
        let request = paying(get("/goods"), &payment);
        buying.push(tokio::spawn(crate::send(shop.address(), request)));
    }
    for bought in buying {
        assert_eq!(bought.await.unwrap().status, StatusCode::OK);
    }
    shop.assert_charges(20);
}
