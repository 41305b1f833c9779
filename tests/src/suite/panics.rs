//! Code of others that panics: it ends what it was called for, and nothing else.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, StatusCode};
use x402_tower::facilitator::{Endpoint, Facilitator, FacilitatorError, PaymentCall};
use x402_tower::local::{Fault, LocalFacilitator};
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse};
use x402_tower::telemetry::Event;

use crate::buyer::{get, paying, request};
use crate::{App, Challenge, Connection, Kitchen, Shop, Verb, try_send};

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

/// A facilitator that breaks over the first payment that it is to settle, whenever it is asked.
#[derive(Clone)]
struct Brittle(LocalFacilitator, Arc<OnceLock<Vec<u8>>>);

impl Facilitator for Brittle {
    async fn verify(&self, call: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.0.verify(call).await
    }

    async fn settle(&self, call: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        let first = self.1.get_or_init(|| call.payload().to_vec());
        assert_ne!(call.payload(), first, "that is too much");
        self.0.settle(call).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.0.supported().await
    }
}

/// A payment over which a facilitator breaks is looked after less and less often, until it is given up. Others are looked
/// after meanwhile.
pub async fn of_a_facilitator_are_in_nobody_elses_way<A: App>() {
    let shop = Shop::builder()
        .seller_with(|seller, facilitator| {
            seller.facilitator(Brittle(facilitator.clone(), Arc::default()))
        })
        .sell("/goods", |x402| x402.route("$0.01"), crate::shop::goods())
        .open::<A>()
        .await;
    let broken = shop.pay(&shop.buyer(1), "/goods").await;
    let cut_off = try_send(shop.address(), paying(get("/goods"), &broken)).await;
    assert!(cut_off.is_err(), "{cut_off:?}");
    shop.ledger.wait_for(Verb::Park, 1).await;
    shop.reconcile_until(Verb::Park, 4).await;

    let payment = shop.pay(&shop.buyer(2), "/goods").await;
    let lost = std::iter::repeat_n(Fault::LoseRequest, 7);
    shop.facilitator.on(Endpoint::Settle, lost);
    let parked = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_eq!(parked.problem(), "settlement_unknown");
    shop.reconcile_until(Verb::Commit, 1).await;
    let served = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(served.status, StatusCode::OK);

    shop.reconcile_until(Verb::GiveUp, 1).await;
    let times = shop.ledger.count(Verb::Park);
    assert!((15..=25).contains(&times), "{times} times in 15 minutes");
    let gone = shop.send(paying(get("/goods"), &broken)).await;
    assert_eq!(gone.problem(), "settlement_unresolved");
    shop.assert_charges(1);
}

/// Whoever asks a ledger now and then, or tells it something again, goes on with it when it has broken.
pub async fn of_a_ledger_pass<A: App>() {
    let shop = Shop::simple::<A>().await;
    shop.ledger.panic(Verb::Due);
    let [idle, busy] = [30_000, 1500].map(Duration::from_millis);
    for (pause, next) in [(idle, busy), (busy, idle)] {
        shop.clock.sleeper_for(pause).await;
        shop.clock.advance(pause);
        shop.clock.sleeper_for(next).await;
    }

    let slow = Duration::from_secs(9);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(slow)]);
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let sending = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    shop.clock.sleeper_for(slow).await;
    shop.ledger.panic(Verb::Attend);
    // What lasts from one beat to the next is told with each that follows.
    let beat = Duration::from_millis(1300);
    for told in [0, 0, 1] {
        shop.clock.advance(beat);
        shop.clock.sleeper_for(beat).await;
        assert_eq!(shop.ledger.count(Verb::Attend), told);
    }
    shop.clock.advance(slow);
    assert_eq!(sending.await.unwrap().status, StatusCode::OK);

    for verb in [Verb::Commit, Verb::Delivered] {
        let before = shop.ledger.count(Verb::Delivered);
        shop.ledger.fail(verb, 1);
        assert_eq!(shop.buy(&buyer, "/goods").await.status, StatusCode::OK);
        let [soon, later] = [1, 2].map(Duration::from_secs);
        shop.clock.sleeper_for(soon).await;
        shop.ledger.panic(verb);
        shop.clock.advance(soon);
        shop.clock.sleeper_for(later).await;
        shop.clock.advance(later);
        shop.ledger.wait_for(Verb::Delivered, before + 1).await;
    }
    assert_eq!(shop.ledger.count(Verb::Commit), 3);
}

/// A ledger may break when it is told for the first time how a payment ended. It is told again, and nobody attends to the
/// payment for ever.
pub async fn of_a_ledger_that_is_told_the_end_are_not_the_end<A: App>() {
    let shop = Shop::simple::<A>().await;
    let buyer = shop.buyer(1);
    shop.ledger.panic(Verb::Delivered);
    let payment = shop.pay(&buyer, "/goods").await;
    let served = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(served.status, StatusCode::OK);
    let soon = Duration::from_secs(1);
    shop.clock.sleeper_for(soon).await;
    shop.clock.advance(soon);
    assert!(shop.x402.drain(Duration::from_secs(5)).await.is_clean());
    assert_eq!(shop.ledger.count(Verb::Delivered), 1);
    let beat = Duration::from_millis(1300);
    let mut attended = Vec::new();
    for _ in 0..4 {
        shop.clock.advance(beat);
        shop.clock.sleeper_for(beat).await;
        attended.push(shop.ledger.count(Verb::Attend));
    }
    assert_eq!(attended[2], attended[3]);
}

/// A ledger may break over a settlement: when it begins, when its buyer leaves, and when it has moved the money. No payment
/// is charged twice for that, and none that has been charged is forgotten.
pub async fn of_a_ledger_that_hears_of_a_settlement_lose_none<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);

    let payment = shop.pay(&buyer, "/goods").await;
    let ask = || paying(get("/goods"), &payment);
    shop.ledger.panic(Verb::Begin);
    let unknown = shop.send(ask()).await;
    assert_eq!(unknown.problem(), "payment_unavailable");
    assert_eq!(shop.ledger.count(Verb::Release), 1);
    assert_eq!(shop.send(ask()).await.text(), "the goods, run 2");
    shop.assert_charges(1);

    let slow = Duration::from_secs(9);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(slow)]);
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = || paying(get("/goods"), &payment);
    let connection = Connection::open(shop.address(), &ask()).await;
    shop.clock.sleeper_for(slow).await;
    shop.ledger.panic(Verb::Abandon);
    connection.hang_up();
    shop.ledger.wait_for_trouble().await;
    shop.clock.advance(slow);
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    let answer = shop.send(ask()).await;
    assert_eq!(answer.text(), "the goods, run 4");
    assert!(answer.receipt().success);
    shop.assert_charges(2);

    shop.ledger.panic(Verb::Commit);
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = || paying(get("/goods"), &payment);
    let answer = shop.send(ask()).await;
    assert_eq!(answer.text(), "the goods, run 5");
    let soon = Duration::from_secs(1);
    shop.clock.sleeper_for(soon).await;
    shop.clock.advance(soon);
    shop.ledger.wait_for(Verb::Commit, 3).await;
    shop.told("settled", 3).await;
    shop.assert_charges(3);
}
