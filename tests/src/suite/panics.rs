//! Code of others that panics: it ends what it was called for, and nothing else.

use http::{Method, StatusCode};
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::telemetry::Event;

use crate::buyer::{paying, request};
use crate::{App, Challenge, Kitchen, Shop, Verb};

/// Whoever keeps the books may break. Payments are refused, settled and parked all the same.
pub async fn of_an_observer_cost_nothing<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller(|seller| seller.observer(|_: &Event<'_>| panic!("the books are closed")))
        .sell("/goods", |x402| x402.route("$2"), kitchen.handler())
        .open::<A>()
        .await;
    let reason = "invalid_exact_evm_insufficient_balance";
    let refusal = Fault::Refuse(reason.to_owned());
    shop.facilitator.on(Endpoint::Settle, [refusal]);
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = || paying(request(Method::POST, "/goods", ""), &payment);
    let refused = shop.send(ask()).await;
    assert_eq!(Challenge::of(&refused).error(), reason);
    let served = shop.send(ask()).await;
    assert_eq!(
        (served.status, served.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    assert!(served.receipt().success);

    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::Pending(9)));
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = || paying(request(Method::POST, "/goods", ""), &payment);
    let parked = shop.send_and_wait(ask()).await;
    assert_eq!(parked.problem(), "settlement_pending");
    shop.reconcile_until(Verb::Commit, 2).await;
    assert_eq!(shop.send(ask()).await.text(), "the goods, run 3");
    shop.assert_charges(2);
}
