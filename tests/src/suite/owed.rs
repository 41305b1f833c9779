//! Buyers who sign anew for what they have paid for and not got. Every client does that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use x402_tower::Settle;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::proto::header::{PAYMENT_REQUIRED, PAYMENT_RESPONSE};

use crate::buyer::{encode, get, paying, paying_v1, request};
use crate::shop::goods;
use crate::{App, Buyer, Challenge, Connection, Kitchen, Shop, TestBody, Verb, body, handler};

/// A shop in which a buyer has paid, and was gone before the answer came.
async fn paid_and_gone<A: App>(kitchen: &Kitchen, buyer: u64) -> (Shop, Buyer) {
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .sell(
            "/hard",
            |x402| x402.route("$0.01").owed(false),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(buyer);
    leave_unserved(&shop, &buyer, "/goods", 1).await;
    (shop, buyer)
}

async fn leave_unserved(shop: &Shop, buyer: &Buyer, path: &str, times: usize) {
    leave_asking(shop, buyer, get(path), times).await;
}

async fn leave_asking(shop: &Shop, buyer: &Buyer, request: Request<Bytes>, times: usize) {
    let payment = shop.pay(buyer, request.uri().path()).await;
    let delay = Duration::from_secs(7);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
    let connection = Connection::open(shop.address(), &paying(request, &payment)).await;
    shop.clock.sleeper_for(delay).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Abandon, times).await;
    shop.clock.advance(delay);
    shop.ledger.wait_for(Verb::Undelivered, times).await;
}

/// A ledger that could not hear of the loss hears it later, and by then nobody has paid twice.
pub async fn are_served_if_the_ledger_has_missed_it<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let delay = Duration::from_secs(7);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
    shop.ledger.fail(Verb::Undelivered, 1);
    let connection = Connection::open(shop.address(), &paying(get("/goods"), &payment)).await;
    shop.clock.sleeper_for(delay).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Abandon, 1).await;
    shop.clock.advance(delay);
    let pause = Duration::from_secs(1);
    shop.clock.sleeper_for(pause).await;
    shop.clock.advance(pause);
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    let answer = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    shop.assert_charges(1);
}

/// Something owed that another request of the same buyer gets, just when this one has seen that it is owed.
pub async fn are_looked_up_again_if_they_are_gone<A: App>() {
    let kitchen = Kitchen::open();
    let (shop, buyer) = paid_and_gone::<A>(&kitchen, 1).await;
    let payment = shop.pay(&buyer, "/goods").await;
    shop.ledger.hold(Verb::Find);
    let slow = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    shop.ledger.wait_for(Verb::Find, 1).await;
    assert_eq!(shop.buy(&buyer, "/goods").await.text(), "the goods, run 2");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    shop.assert_charges(1);
    shop.ledger.let_go();
    let slow = slow.await.unwrap();
    assert_eq!(
        (slow.status, slow.text()),
        (StatusCode::OK, "the goods, run 3")
    );
    shop.assert_charges(2);
}

/// After the connection broke: the older payment is answered, and the newer one stays unused.
pub async fn are_served_after_a_reset<A: App>() {
    let kitchen = Kitchen::open();
    let (shop, buyer) = paid_and_gone::<A>(&kitchen, 1).await;
    let [charge] = &shop.transfers()[..] else {
        panic!("{:?}", shop.transfers())
    };
    let payment = shop.pay(&buyer, "/goods").await;
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    assert_eq!(answer.receipt().transaction, charge.transaction);
    shop.assert_charges(1);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    // Delivered is delivered: the newer payment buys something of its own now.
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 3")
    );
    assert_ne!(answer.receipt().transaction, charge.transaction);
    shop.assert_charges(2);
}

/// The same for clients of version 1, who can show nothing but a new signature.
pub async fn are_served_in_version_1<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|run, _| {
        let mut response = http::Response::new(body(format!("run {run}")));
        if run == 2 {
            *response.status_mut() = StatusCode::BAD_GATEWAY;
        }
        Ok(response)
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), handler)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    leave_unserved(&shop, &buyer, "/goods", 1).await;
    for (served, text) in [
        (StatusCode::BAD_GATEWAY, "run 2"),
        (StatusCode::OK, "run 3"),
    ] {
        let payment = buyer.pay_v1(&shop.challenge("/goods").await);
        let answer = shop.send(paying_v1(get("/goods"), &payment)).await;
        assert_eq!((answer.status, answer.text()), (served, text));
        assert_eq!(
            answer.receipt_v1().transaction,
            shop.transfers()[0].transaction
        );
        assert_eq!(answer.header(PAYMENT_RESPONSE), None);
    }
    shop.assert_charges(1);
}

/// A client that times out signs anew while its first payment is still on its way.
pub async fn are_served_after_a_timeout<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let delay = Duration::from_secs(7);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
    let connection = Connection::open(shop.address(), &paying(get("/goods"), &payment)).await;
    shop.clock.sleeper_for(delay).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Abandon, 1).await;

    let payment = shop.pay(&buyer, "/goods").await;
    let second = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    shop.clock.sleeper_for(Duration::from_millis(500)).await;
    shop.clock.advance(delay);
    let answer = second.await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(
        answer.receipt().transaction,
        shop.transfers()[0].transaction
    );
    assert_eq!(shop.facilitator.calls().settle, 1);
    shop.assert_charges(1);
}

/// The same if the client left before the ledger had answered that the settlement may begin.
pub async fn are_served_after_leaving_at_its_beginning<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let delay = Duration::from_secs(7);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
    shop.ledger.hold(Verb::Begin);
    let connection = Connection::open(shop.address(), &paying(get("/goods"), &payment)).await;
    shop.ledger.wait_for(Verb::Begin, 1).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Abandon, 1).await;
    shop.ledger.let_go();
    shop.clock.sleeper_for(delay).await;

    let payment = shop.pay(&buyer, "/goods").await;
    let second = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    shop.clock.sleeper_for(Duration::from_millis(500)).await;
    shop.clock.advance(delay);
    let answer = second.await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(
        answer.receipt().transaction,
        shop.transfers()[0].transaction
    );
    assert_eq!(shop.facilitator.calls().settle, 1);
    shop.assert_charges(1);
}

/// A client that was told 503 signs anew, and is told so again until the outcome is known.
pub async fn are_served_after_503<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    shop.facilitator.on(Endpoint::Settle, [Fault::Pending(8)]);
    let first = shop.send_and_wait(paying(get("/goods"), &payment)).await;
    assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        first.receipt().error_reason.as_deref(),
        Some("settlement_pending")
    );
    let transaction = first.receipt().transaction;

    for _ in 0..2 {
        let again = shop.buy(&buyer, "/goods").await;
        assert_eq!(again.status, StatusCode::SERVICE_UNAVAILABLE, "{again:?}");
        assert_eq!(again.receipt().transaction, transaction);
        assert_eq!(again.header(PAYMENT_REQUIRED), None);
    }
    shop.reconcile_until(Verb::Commit, 1).await;
    let answer = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    assert_eq!(answer.receipt().transaction, transaction);
    shop.assert_charges(1);
}

/// A buyer whose first payment has taken all they had is served all the same.
pub async fn are_served_though_they_have_nothing_left<A: App>() {
    let kitchen = Kitchen::open();
    let (shop, buyer) = paid_and_gone::<A>(&kitchen, 1).await;
    shop.leave(&buyer, 0);
    let answer = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    shop.assert_charges(1);
    // What they have got they do not get twice.
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let answer = shop.buy(&buyer, "/goods").await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "invalid_exact_evm_insufficient_balance"
    );
}

/// Nobody gets what somebody else has paid for.
pub async fn are_the_only_ones_to_be_served<A: App>() {
    let kitchen = Kitchen::open();
    let (shop, buyer) = paid_and_gone::<A>(&kitchen, 1).await;
    // By claiming to be them.
    let thief = shop.buyer(2);
    let mut payment = thief.payment(&shop.challenge("/goods").await);
    payment["payload"]["authorization"]["from"] = buyer.address().to_string().into();
    let answer = shop.send(paying(get("/goods"), &encode(&payment))).await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "invalid_exact_evm_signature"
    );
    shop.leave(&buyer, 0);
    let answer = shop.send(paying(get("/goods"), &encode(&payment))).await;
    assert_eq!(
        Challenge::of(&answer).error(),
        "invalid_exact_evm_signature"
    );
    assert_eq!(kitchen.started(), 1);
    // By paying oneself, one gets something of one's own.
    let answer = shop.buy(&thief, "/goods").await;
    assert_eq!(answer.receipt().payer.unwrap(), thief.address().to_string());
    shop.assert_charges(2);
}

/// Only the same request is owed, only for a while, and only where the seller wants it so.
pub async fn are_served_what_they_asked_for<A: App>() {
    let kitchen = Kitchen::open();
    let (shop, buyer) = paid_and_gone::<A>(&kitchen, 1).await;
    assert_eq!(
        shop.buy(&buyer, "/goods?other").await.status,
        StatusCode::OK
    );
    shop.assert_charges(2);
    let payment = shop.pay(&buyer, "/goods").await;
    let mut other = paying(request(Method::GET, "/goods", ""), &payment);
    other
        .headers_mut()
        .insert("authorization", "Bearer other".parse().unwrap());
    assert_eq!(shop.send(other).await.status, StatusCode::OK);
    shop.assert_charges(3);

    shop.clock.advance(Duration::from_secs(600));
    assert_eq!(shop.buy(&buyer, "/goods").await.status, StatusCode::OK);
    shop.assert_charges(4);

    leave_unserved(&shop, &buyer, "/hard", 2).await;
    shop.assert_charges(5);
    assert_eq!(shop.buy(&buyer, "/hard").await.status, StatusCode::OK);
    shop.assert_charges(6);
}

/// An order that is too long to be compared with is in nobody's way whose order is of another length.
pub async fn may_order_something_longer<A: App>() {
    let cook = handler(|request: Request<TestBody>| async {
        let order = request.into_body().collect().await?.to_bytes();
        Ok(http::Response::new(body(order.len().to_string())))
    });
    let shop = Shop::builder()
        .seller(|builder| builder.most_compared_body_bytes(100))
        .sell("/goods", |x402| x402.route("$0.01"), cook)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let order = |length| request(Method::POST, "/goods", "x".repeat(length));
    leave_asking(&shop, &buyer, order(101), 1).await;
    for (length, status) in [
        (101, StatusCode::PAYLOAD_TOO_LARGE),
        (102, StatusCode::OK),
        (10, StatusCode::OK),
        (0, StatusCode::OK),
    ] {
        let payment = shop.pay(&buyer, "/goods").await;
        let answer = shop.send(paying(order(length), &payment)).await;
        assert_eq!(answer.status, status, "{length} {answer:?}");
    }
    shop.assert_charges(4);
}

/// Several that are owed at one place, and differ in what was ordered: each is found by its own order, and the rest is in
/// nobody's way.
pub async fn are_found_by_what_was_ordered<A: App>() {
    let cook = handler(|request: Request<TestBody>| async {
        let order = request.into_body().collect().await?.to_bytes();
        Ok(http::Response::new(body(order)))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), cook)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let orders = ["tea", "coffee", "water"];
    for (times, order) in orders.into_iter().enumerate() {
        let ask = request(Method::POST, "/goods", order);
        leave_asking(&shop, &buyer, ask, times + 1).await;
    }
    for (times, order) in orders.into_iter().enumerate() {
        let payment = shop.pay(&buyer, "/goods").await;
        let ask = paying(request(Method::POST, "/goods", order), &payment);
        let answer = shop.send(ask).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, order));
        assert_eq!(
            answer.receipt().transaction,
            shop.transfers()[times].transaction
        );
    }
    shop.assert_charges(orders.len());
}

/// Not more than eight of them are looked through.
pub async fn are_found_among_a_few<A: App>() {
    let cook = handler(|request: Request<TestBody>| async {
        let order = request.into_body().collect().await?.to_bytes();
        Ok(http::Response::new(body(order)))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), cook)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for number in 0..9 {
        let ask = request(Method::POST, "/goods", number.to_string());
        leave_asking(&shop, &buyer, ask, number + 1).await;
    }
    // The ninth is behind eight others, and the eighth behind seven.
    for (number, transfer) in [(8, 9), (7, 7)] {
        let payment = shop.pay(&buyer, "/goods").await;
        let ask = request(Method::POST, "/goods", number.to_string());
        let answer = shop.send(paying(ask, &payment)).await;
        assert_eq!(answer.text(), number.to_string());
        let paid_by = &shop.transfers()[transfer].transaction;
        assert_eq!(&answer.receipt().transaction, paid_by);
    }
    shop.assert_charges(10);
}

/// Paid before, and the handler failed when it had read the order: the same order is owed, and another is another purchase.
pub async fn are_found_by_an_order_that_failed<A: App>() {
    let failing = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&failing);
    let cook = handler(move |request: Request<TestBody>| {
        let fails = fails.load(Ordering::SeqCst);
        async move {
            let order = request.into_body().collect().await?.to_bytes();
            let mut response = http::Response::new(body(order));
            if fails {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            Ok(response)
        }
    });
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01").settle(Settle::Before),
            cook,
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let order = async |order: &'static str| {
        let payment = shop.pay(&buyer, "/goods").await;
        let ask = request(Method::POST, "/goods", order);
        shop.send(paying(ask, &payment)).await
    };
    let first = order("tea").await;
    assert_eq!(first.status, StatusCode::INTERNAL_SERVER_ERROR);
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    failing.store(false, Ordering::SeqCst);
    for (ordered, transfer, delivered) in [("coffee", 1, 1), ("tea", 0, 2), ("tea", 2, 3)] {
        let answer = order(ordered).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, ordered));
        let paid_by = &shop.transfers()[transfer].transaction;
        assert_eq!(&answer.receipt().transaction, paid_by);
        shop.ledger.wait_for(Verb::Delivered, delivered).await;
    }
    shop.assert_charges(3);
}

/// Paid before, and the handler failed before it had read the order, so that another order is served for it. That fails too, and
/// does not take the place of the first.
pub async fn lose_nothing_to_another_order_that_failed<A: App>() {
    let runs = AtomicUsize::new(0);
    let cook = handler(move |request: Request<TestBody>| {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            let order = match run {
                1 => Bytes::new(),
                _ => request.into_body().collect().await?.to_bytes(),
            };
            let mut response = http::Response::new(body(order));
            if run <= 2 {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            Ok(response)
        }
    });
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01").settle(Settle::Before),
            cook,
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let order = async |order: &'static str, payment: &_| {
        let ask = request(Method::POST, "/goods", order);
        shop.send(paying(ask, payment)).await
    };
    let tea = shop.pay(&buyer, "/goods").await;
    let coffee = shop.pay(&buyer, "/goods").await;
    let orders = [("tea", &tea), ("coffee", &coffee)];
    for (times, (ordered, payment)) in orders.into_iter().enumerate() {
        let answer = order(ordered, payment).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        let paid_by = &shop.transfers()[0].transaction;
        assert_eq!(&answer.receipt().transaction, paid_by);
        shop.ledger.wait_for(Verb::Undelivered, times + 1).await;
    }
    shop.assert_charges(1);
    for (times, (ordered, payment)) in orders.into_iter().enumerate() {
        let answer = order(ordered, payment).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, ordered));
        let paid_by = &shop.transfers()[times].transaction;
        assert_eq!(&answer.receipt().transaction, paid_by);
        shop.ledger.wait_for(Verb::Delivered, times + 1).await;
    }
    shop.assert_charges(2);
}

/// While it is not known whether an order was paid for, another order is another purchase.
pub async fn may_order_something_else_meanwhile<A: App>() {
    let cook = handler(|request: Request<TestBody>| async {
        let order = request.into_body().collect().await?.to_bytes();
        Ok(http::Response::new(body(order)))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), cook)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let order =
        |order: &'static str, payment: &_| paying(request(Method::POST, "/goods", order), payment);
    let payment = shop.pay(&buyer, "/goods").await;
    shop.facilitator.on(Endpoint::Settle, [Fault::Pending(8)]);
    let first = shop.send_and_wait(order("tea", &payment)).await;
    assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);

    let other = shop.send(order("coffee", &payment)).await;
    assert_eq!(
        (other.status, other.problem().as_str()),
        (StatusCode::CONFLICT, "payment_for_other_request")
    );
    let anew = shop.pay(&buyer, "/goods").await;
    let same = shop.send(order("tea", &anew)).await;
    assert_eq!(same.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(same.receipt().transaction, first.receipt().transaction);
    let other = shop.send(order("coffee", &anew)).await;
    assert_eq!((other.status, other.text()), (StatusCode::OK, "coffee"));
    assert_ne!(other.receipt().transaction, first.receipt().transaction);
}

/// What was owed when a buyer asked can have been delivered by the time they have shown who they are.
pub async fn buy_anew_what_was_delivered_meanwhile<A: App>() {
    for kept in [64 << 10, 0] {
        let kitchen = Kitchen::open();
        let shop = Shop::builder()
            .seller(|builder| builder.most_kept_answer_bytes(kept))
            .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
            .open::<A>()
            .await;
        let buyer = shop.buyer(1);
        leave_unserved(&shop, &buyer, "/goods", 1).await;
        let slow = Duration::from_secs(3);
        let payment = shop.pay(&buyer, "/goods").await;
        shop.facilitator.on(Endpoint::Verify, [Fault::Delay(slow)]);
        let asking = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
        shop.clock.sleeper_for(slow).await;
        let quicker = shop.buy(&buyer, "/goods").await;
        assert_eq!(quicker.status, StatusCode::OK);
        shop.ledger.wait_for(Verb::Delivered, 1).await;
        shop.assert_charges(1);

        shop.clock.advance(slow);
        let slower = asking.await.unwrap();
        assert_eq!(slower.status, StatusCode::OK, "{slower:?}");
        assert_ne!(slower.receipt(), quicker.receipt());
        shop.assert_charges(2);
    }
}

/// The same if it is being delivered just now.
pub async fn buy_anew_what_is_delivered_meanwhile<A: App>() {
    let kitchen = Kitchen::open();
    let length = 32 << 20;
    let large = kitchen.cook(move |_, _| Ok(http::Response::new(crate::pieces(length, true))));
    let shop = Shop::builder()
        .seller(|builder| builder.most_kept_answer_bytes(length))
        .sell("/goods", |x402| x402.route("$0.01"), large)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let ask = || request(Method::POST, "/goods", "");
    leave_asking(&shop, &buyer, ask(), 1).await;
    let slow = Duration::from_secs(3);
    shop.facilitator.on(Endpoint::Verify, [Fault::Delay(slow)]);
    let payment = shop.pay(&buyer, "/goods").await;
    let sending = crate::send(shop.address(), paying(ask(), &payment));
    let asking = tokio::spawn(sending);
    shop.clock.sleeper_for(slow).await;
    let payment = shop.pay(&buyer, "/goods").await;
    let mut quicker = Connection::open(shop.address(), &paying(ask(), &payment)).await;
    let head = quicker.read_head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    shop.assert_charges(1);

    shop.clock.advance(slow);
    let slower = asking.await.unwrap();
    assert_eq!((slower.status, slower.body.len()), (StatusCode::OK, length));
    shop.assert_charges(2);
    quicker.hang_up();
}

/// What must not run twice and was not kept cannot be given again; the buyer is told so, and not charged again.
pub async fn are_told_if_nothing_is_left<A: App>() {
    for when in [Settle::After, Settle::Before] {
        nothing_is_left::<A>(when).await;
    }
}

async fn nothing_is_left<A: App>(when: Settle) {
    let kitchen = Kitchen::open();
    let unkept = kitchen.cook(|_, _| Ok(http::Response::new(crate::pieces(16 << 20, true))));
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| x402.route("$0.01").settle(when),
            unkept,
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = paying(request(Method::POST, "/goods", ""), &payment);
    let mut connection = Connection::open(shop.address(), &ask).await;
    connection.read_head().await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    let newer = paying(
        request(Method::POST, "/goods", ""),
        &shop.pay(&buyer, "/goods").await,
    );
    for ask in [ask, newer] {
        let answer = shop.send(ask).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::GONE, "answer_gone")
        );
        assert!(answer.receipt().success);
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
    // When its time is over, somebody is told to give the money back.
    shop.sleep_long().await;
    assert_eq!(shop.events(), ["settled", "owed refund"]);
}

/// However many they are, the operator knows of all of them soon.
pub async fn are_all_to_be_given_back<A: App>() {
    const MANY: usize = 70;
    let kitchen = Kitchen::open();
    let unkept = kitchen.cook(|_, _| Ok(http::Response::new(crate::pieces(16 << 20, true))));
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), unkept)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for number in 1..=MANY {
        let path = format!("/goods/{number}");
        let ask = paying(get(&path), &shop.pay(&buyer, &path).await);
        let mut connection = Connection::open(shop.address(), &ask).await;
        connection.read_head().await;
        connection.hang_up();
        shop.ledger.wait_for(Verb::Undelivered, number).await;
    }
    shop.sleep_long().await;
    let told = shop.events();
    let told = told.iter().filter(|event| **event == "owed refund");
    assert_eq!(told.count(), MANY);
}

/// They are told the same if it was not known for a while whether the money had moved.
pub async fn are_told_if_nothing_is_left_in_the_end<A: App>() {
    let kitchen = Kitchen::open();
    let unkept = kitchen.cook(|_, _| Ok(http::Response::new(crate::pieces(16 << 20, true))));
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), unkept)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let ask = |payment: &_| paying(request(Method::POST, "/goods", ""), payment);
    let payment = shop.pay(&buyer, "/goods").await;
    shop.facilitator.on(Endpoint::Settle, [Fault::Pending(8)]);
    let first = shop.send_and_wait(ask(&payment)).await;
    assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);
    shop.reconcile_until(Verb::Commit, 1).await;
    for payment in [payment, shop.pay(&buyer, "/goods").await] {
        let answer = shop.send(ask(&payment)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::GONE, "answer_gone")
        );
        assert_eq!(answer.receipt().transaction, first.receipt().transaction);
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// Two purchases at once are two purchases.
pub async fn may_buy_twice_at_once<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .sell(
            "/before",
            |x402| x402.route("$0.01").settle(Settle::Before),
            goods(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payments = [
        shop.pay(&buyer, "/goods").await,
        shop.pay(&buyer, "/goods").await,
    ];
    let sending = payments
        .map(|payment| tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment))));
    kitchen.wait_started(2).await;
    kitchen.finish(2);
    for answer in sending {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    shop.assert_charges(2);
}
