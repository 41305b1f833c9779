//! Ledgers that are full, down, or slow to learn.

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use std::time::Duration;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::proto::header::PAYMENT_REQUIRED;

use crate::buyer::{encode, get, paying};
use crate::shop::goods;
use crate::{App, Challenge, Kitchen, Shop, Verb, body};

/// A full ledger takes no more payments, and forgets none to make room.
pub async fn that_are_full_take_no_more<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder_with(|ledger| ledger.most_entries(2))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let first = shop.pay(&buyer, "/goods").await;
    assert_eq!(
        shop.send(paying(get("/goods"), &first)).await.status,
        StatusCode::OK
    );
    assert_eq!(shop.buy(&buyer, "/goods").await.status, StatusCode::OK);
    let third = shop.pay(&buyer, "/goods").await;
    let answer = shop.send(paying(get("/goods"), &third)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "too_many_payments")
    );
    assert!(answer.header(RETRY_AFTER).is_some());
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    assert_eq!((kitchen.started(), shop.facilitator.calls().verify), (2, 2));
    assert_eq!(
        shop.send(paying(get("/goods"), &first)).await.text(),
        "the goods, run 1"
    );
    // In a quarter of an hour there is room again.
    shop.clock.advance(Duration::from_secs(901));
    assert_eq!(shop.buy(&buyer, "/goods").await.status, StatusCode::OK);
    shop.assert_charges(3);
}

/// A ledger that does not answer is not taken for one that agrees.
pub async fn that_are_down_let_nothing_through<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.ledger.break_down(true);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "payment_unavailable")
    );
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    assert!(!answer.text().contains("10.0.0.7"));
    // Asking what it costs needs no ledger.
    assert_eq!(
        shop.send(get("/goods")).await.status,
        StatusCode::PAYMENT_REQUIRED
    );
    assert_eq!((kitchen.started(), shop.facilitator.calls().verify), (0, 0));
    shop.ledger.break_down(false);
    assert_eq!(
        shop.send(paying(get("/goods"), &payment)).await.status,
        StatusCode::OK
    );
    shop.assert_charges(1);
    // Nobody knows of this payment now whether it was charged, so nobody says so.
    shop.ledger.break_down(true);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.problem(), "payment_unavailable");
    let detail = &answer.json()["detail"];
    assert!(
        detail
            .as_str()
            .unwrap()
            .ends_with("this request has charged nothing.")
    );
}

/// A ledger that goes down while the handler works: nothing is charged that could not be written down before.
pub async fn that_go_down_stop_settlements<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let sending = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(1).await;
    shop.ledger.break_down(true);
    kitchen.finish(1);
    let answer = sending.await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "payment_unavailable")
    );
    assert!(!answer.text().contains("the goods"));
    assert_eq!(shop.facilitator.calls().settle, 0);
    shop.assert_charges(0);
}

/// Nothing was sent before it was written down, so the payment is as good as before.
pub async fn that_cannot_begin_give_the_payment_back<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.ledger.fail(Verb::Begin, 1);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "payment_unavailable")
    );
    assert_eq!(shop.ledger.seen(), [Verb::Claim, Verb::Release]);
    assert_eq!(shop.facilitator.calls().settle, 0);
    let again = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(again.status, StatusCode::OK);
    shop.assert_charges(1);
}

/// Whoever has lost a payment to somebody else neither settles it nor answers for it.
pub async fn that_gave_a_payment_to_somebody_else<A: App>() {
    let shop = Shop::simple::<A>().await;
    let buyer = shop.buyer(1);
    let mut payments = Vec::new();
    for (verb, charges) in [(Verb::Begin, 0), (Verb::Commit, 1)] {
        shop.ledger.lose(verb);
        let payment = shop.pay(&buyer, "/goods").await;
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        payments.push(payment);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::CONFLICT, "payment_in_flight"),
            "{verb:?}"
        );
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
        assert!(!answer.text().contains("the goods"));
        assert_eq!(shop.facilitator.calls().settle, charges);
        shop.assert_charges(charges);
    }
    // When they have found out about it, it is known here too.
    shop.clock.advance(LEASE);
    shop.reconcile_until(Verb::Commit, 1).await;
    let answer = shop.send(paying(get("/goods"), &payments[1])).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods")
    );
    shop.assert_charges(1);
}

/// Money that has moved is served for, though it could not be written down yet.
pub async fn that_cannot_commit_learn_it_later<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.ledger.fail(Verb::Commit, 2);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 1")
    );
    assert!(answer.receipt().success);
    for pause in [1, 2] {
        let pause = Duration::from_secs(pause);
        shop.clock.sleeper_for(pause).await;
        shop.clock.advance(pause);
    }
    shop.ledger.wait_for(Verb::Commit, 1).await;
    let again = shop.send(paying(get("/goods"), &payment)).await;
    assert_ne!(again.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// A settlement that cannot be written down for longer than its lease is found by the reconciler, who thinks that nobody has
/// been served. Whoever has served it knows better.
pub async fn that_cannot_commit_for_long_believe_who_has_delivered<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    // Together longer than the lease.
    let pauses = [1, 2, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16];
    assert!(Duration::from_secs(pauses.iter().sum()) > LEASE);
    shop.ledger.fail(Verb::Commit, pauses.len());
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::OK);
    for pause in pauses {
        let pause = Duration::from_secs(pause);
        shop.clock.sleeper_for(pause).await;
        shop.clock.advance(pause);
    }
    shop.ledger.wait_for(Verb::Commit, 1).await;
    let last = Duration::from_secs(16);
    tokio::select! {
        () = shop.ledger.wait_for(Verb::Delivered, 1) => {}
        () = shop.clock.sleeper_for(last) => shop.clock.advance(last),
    }
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let again = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        (again.status, again.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    let known = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (known.status, known.text()),
        (StatusCode::OK, "the goods, run 1")
    );
    shop.assert_charges(2);

    // Nobody attends to any of it any more.
    shop.ledger.wait_for(Verb::Delivered, 2).await;
    let beat = Duration::from_millis(1300);
    let mut attended = Vec::new();
    for _ in 0..4 {
        shop.clock.advance(beat);
        shop.clock.sleeper_for(beat).await;
        attended.push(shop.ledger.count(Verb::Attend));
    }
    assert_eq!(attended[2], attended[3]);
}

/// What has arrived has arrived, though it could not be written down yet: nobody is owed it.
pub async fn that_miss_a_delivery_are_told_again<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    shop.ledger.fail(Verb::Delivered, 2);
    for bought in 1..=3 {
        let payment = shop.pay(&buyer, "/goods").await;
        let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, format!("the goods, run {bought}").as_str())
        );
        shop.assert_charges(bought);
    }
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let pause = Duration::from_secs(1);
    shop.clock.sleepers_for(pause, 2).await;
    shop.clock.advance(pause);
    shop.ledger.wait_for(Verb::Delivered, 3).await;
}

/// A payment that could not be given back is given back as soon as the ledger hears of it, and not when its lease ends.
pub async fn that_miss_a_release_are_told_again<A: App>() {
    let kitchen = Kitchen::open();
    let fail_at_first = kitchen.cook(|run, _| {
        let mut answer = Response::new(body(format!("the goods, run {run}")));
        if run == 1 {
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok(answer)
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), fail_at_first)
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.ledger.fail(Verb::Release, 2);
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let again = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    for pause in [1, 2] {
        let pause = Duration::from_secs(pause);
        shop.clock.sleeper_for(pause).await;
        shop.clock.advance(pause);
    }
    let again = again.await.unwrap();
    assert_eq!(
        (again.status, again.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    shop.assert_charges(1);
}

/// Whoever is told that a settlement was refused pays again. So they are told when the ledger has heard of it: before that,
/// another server would go on with it if this one died.
pub async fn that_miss_a_refusal_ask_for_no_other_payment<A: App>() {
    for dies in [false, true] {
        let shop = Shop::simple::<A>().await;
        let other = shop.another();
        let other = other.sell("/goods", |x402| x402.route("$0.01"), goods());
        let other = other.open::<A>().await;
        let buyer = shop.buyer(1);
        shop.facilitator.on(Endpoint::Settle, [Fault::Revert]);
        shop.ledger.fail(Verb::Release, 1);
        let payment = shop.pay(&buyer, "/goods").await;
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let reason = answer.receipt().error_reason;
        assert_eq!(reason.as_deref(), Some("settlement_unknown"));
        assert!(answer.header(RETRY_AFTER).is_some());
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
        let answer = if dies {
            shop.ledger.die();
            other.clock.advance(LEASE);
            other.reconcile_until(Verb::Commit, 1).await;
            other.buy(&buyer, "/goods").await
        } else {
            let pause = Duration::from_secs(1);
            shop.clock.sleeper_for(pause).await;
            shop.clock.advance(pause);
            shop.ledger.wait_for(Verb::Release, 1).await;
            shop.send(paying(get("/goods"), &payment)).await
        };
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, "the goods")
        );
        let [charge] = &shop.transfers()[..] else {
            panic!("{:?}", shop.transfers())
        };
        assert_eq!(answer.receipt().transaction, charge.transaction);
    }
}

/// Until the ledger has heard that a forgery is given back, the real payment conflicts with it.
pub async fn that_miss_the_end_of_a_forgery_are_told_again<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.buyer(1).payment(&shop.challenge("/goods").await);
    let mut forged = payment.clone();
    let signature = forged["payload"]["signature"].as_str().unwrap();
    let digit = if signature.ends_with('b') { 'c' } else { 'b' };
    forged["payload"]["signature"] = format!("{}{digit}", &signature[..signature.len() - 1]).into();
    let send = async |payment| shop.send(paying(get("/goods"), &encode(payment))).await;
    shop.ledger.fail(Verb::Release, 1);
    let answer = send(&forged).await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "invalid_exact_evm_signature"
    );
    let answer = send(&payment).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "conflict")
    );
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    let pause = Duration::from_secs(1);
    shop.clock.sleeper_for(pause).await;
    shop.clock.advance(pause);
    shop.ledger.wait_for(Verb::Release, 1).await;
    assert_eq!(send(&payment).await.text(), "the goods, run 1");
    shop.assert_charges(1);
}

/// A settlement that could not be parked is looked after as soon as the ledger hears of it.
pub async fn that_cannot_park_are_told_again<A: App>() {
    let shop = Shop::simple::<A>().await;
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::LoseAnswer));
    shop.ledger.fail(Verb::Park, 1);
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let pause = Duration::from_secs(1);
    shop.clock.sleeper_for(pause).await;
    shop.clock.advance(pause);
    shop.ledger.wait_for(Verb::Park, 1).await;
    shop.facilitator.always_on(Endpoint::Settle, None);
    shop.reconcile_until(Verb::Commit, 1).await;
    let again = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(again.status, StatusCode::OK);
    shop.assert_charges(1);
}

/// For how long a settlement is the request's that has begun it.
const LEASE: Duration = Duration::from_secs(130);

/// Draining takes no more payments, and waits for those that are on their way.
pub async fn are_closed_by_draining<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let sending = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(1).await;
    let x402 = shop.x402.clone();
    let draining = tokio::spawn(async move { x402.drain(Duration::from_secs(60)).await });
    shop.clock.sleeper_for(Duration::from_secs(60)).await;
    let late = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        (late.status, late.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "payment_unavailable")
    );
    assert!(late.text().contains("about to stop") && late.header(RETRY_AFTER).is_some());
    assert!(!draining.is_finished());
    kitchen.finish(1);
    assert_eq!(sending.await.unwrap().status, StatusCode::OK);
    assert!(draining.await.unwrap().is_clean());
    shop.assert_charges(1);
}

/// Draining says what it could not wait for, and what is not known.
pub async fn that_are_open_are_told_by_draining<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::LoseRequest));
    let parked = shop.pay(&buyer, "/goods?parked").await;
    let answer = shop
        .send_and_wait(paying(get("/goods?parked"), &parked))
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);

    let slow = Duration::from_secs(9);
    shop.facilitator.always_on(Endpoint::Settle, None);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(slow)]);
    let payment = shop.pay(&buyer, "/goods").await;
    let sending = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    shop.clock.sleeper_for(slow).await;
    let drained = shop.x402.drain(Duration::ZERO).await;
    assert_eq!((drained.running, drained.parked), (1, 1));
    assert!(!drained.is_clean());

    // Both go on all the same.
    shop.clock.advance(slow);
    assert_eq!(sending.await.unwrap().status, StatusCode::OK);
    shop.reconcile_until(Verb::Commit, 2).await;
    let drained = shop.x402.drain(Duration::from_secs(60)).await;
    assert!(drained.is_clean(), "{drained:?}");
    shop.assert_charges(2);
}

/// Draining waits until the ledger knows what has arrived.
pub async fn that_take_time_are_waited_for_by_draining<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    shop.ledger.hold(Verb::Delivered);
    let answer = shop.buy(&shop.buyer(1), "/goods").await;
    assert_eq!(answer.status, StatusCode::OK);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let x402 = shop.x402.clone();
    let drained = x402.drain(Duration::ZERO).await;
    assert_eq!((drained.running, drained.parked), (1, 0));
    let draining = tokio::spawn(async move { x402.drain(Duration::from_secs(60)).await });
    shop.clock.sleeper_for(Duration::from_secs(60)).await;
    shop.ledger.let_go();
    assert!(draining.await.unwrap().is_clean());
}

/// Draining waits until the ledger knows what was settled.
pub async fn that_cannot_commit_are_waited_for_by_draining<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    shop.ledger.fail(Verb::Commit, 1);
    let answer = shop.buy(&shop.buyer(1), "/goods").await;
    assert_eq!(answer.status, StatusCode::OK);
    let pause = Duration::from_secs(1);
    shop.clock.sleeper_for(pause).await;
    let x402 = shop.x402.clone();
    let drained = x402.drain(Duration::ZERO).await;
    assert_eq!((drained.running, drained.parked), (1, 0));
    let draining = tokio::spawn(async move { x402.drain(Duration::from_secs(60)).await });
    shop.clock.sleeper_for(Duration::from_secs(60)).await;
    shop.clock.advance(pause);
    assert!(draining.await.unwrap().is_clean());
    let written = [Verb::Claim, Verb::Begin, Verb::Commit, Verb::Delivered];
    assert_eq!(shop.ledger.seen(), written);
}
