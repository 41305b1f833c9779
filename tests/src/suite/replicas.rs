//! Several servers with one ledger. One of them may be killed at any time, and its buyers sign anew somewhere else.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::RETRY_AFTER;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::task::JoinHandle;
use x402_tower::facilitator::Endpoint;
use x402_tower::ledger::{ATTENDED_FOR, Ledger as _};
use x402_tower::local::{Fault, LocalFacilitator};
use x402_tower::proto::header::PAYMENT_REQUIRED;

use crate::buyer::{get, paying, request};
use crate::shop::{PUBLIC_URL, goods};
use crate::{
    Answer, App, BoxError, Buyer, Challenge, Connection, Handler, Kitchen, Shop, ShopBuilder,
    TestBody, Verb, body, handler,
};

/// An answer that begins and never ends.
fn endless() -> TestBody {
    let beginning = stream::iter([Ok(Frame::data(Bytes::from_static(b"the go")))]);
    StreamBody::new(beginning.chain(stream::pending::<Result<_, BoxError>>())).boxed_unsync()
}

/// Goods that are numbered by run. The first serving never ends.
fn endless_at_first(kitchen: &Kitchen) -> Handler {
    kitchen.cook(|run, _| {
        Ok(Response::new(match run {
            1 => endless(),
            _ => body(format!("the goods, run {run}")),
        }))
    })
}

async fn open<A: App>(kitchen: &Kitchen) -> (Shop, Shop) {
    let sell = |x402: &x402_tower::X402| x402.route("$0.01");
    let one = Shop::builder()
        .sell("/goods", sell, endless_at_first(kitchen))
        .open::<A>()
        .await;
    let other = one
        .another()
        .sell("/goods", sell, endless_at_first(kitchen))
        .open::<A>()
        .await;
    (one, other)
}

/// Buys something that never arrives whole.
async fn begin_to_read(shop: &Shop, buyer: &Buyer, ask: Request<Bytes>) -> Connection {
    let payment = shop.pay(buyer, "/goods").await;
    let mut connection = Connection::open(shop.address(), &paying(ask, &payment)).await;
    connection.read_until("the go").await;
    connection
}

/// Buys something while time passes.
async fn buy_in_time(shop: &Shop, buyer: &Buyer) -> Answer {
    let payment = shop.pay(buyer, "/goods").await;
    in_time(shop, paying(get("/goods"), &payment)).await
}

async fn in_time(shop: &Shop, request: Request<Bytes>) -> Answer {
    wait_in_time(shop, tokio::spawn(crate::send(shop.address(), request))).await
}

async fn wait_in_time(shop: &Shop, mut sending: JoinHandle<Answer>) -> Answer {
    let pause = Duration::from_millis(500);
    loop {
        tokio::select! {
            answer = &mut sending => return answer.unwrap(),
            () = shop.clock.sleeper_for(pause) => shop.clock.advance(pause),
        }
    }
}

/// Lets so much time pass that whoever waits for the other server knows that it lives, which says so all the while.
async fn wait_for_a_word(living: &Shop, waiting: usize) {
    look_on(living, waiting, 10).await;
}

/// Lets so many half seconds pass while it is watched. It says that it lives in the sixth for the first time.
async fn look_on(living: &Shop, waiting: usize, steps: usize) {
    let (pause, beat) = (Duration::from_millis(500), Duration::from_millis(1300));
    for step in 1..=steps {
        living.clock.sleepers_for(pause, waiting).await;
        living.clock.advance(pause);
        if step % 3 == 0 {
            living.clock.sleepers_for(beat, 2).await;
            assert_eq!(living.ledger.count(Verb::Attend), step / 3 - 1);
        }
    }
}

/// A server is killed while it gives an answer. Its buyer signs anew at once, at another server.
pub async fn serve_what_a_dead_one_was_paid_for<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    one.ledger.die();
    let answer = buy_in_time(&other, &buyer).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    assert_eq!(answer.receipt().transaction, one.transfers()[0].transaction);
    one.assert_charges(1);
    // That was what was owed.
    other.ledger.wait_for(Verb::Delivered, 1).await;
    let answer = buy_in_time(&other, &buyer).await;
    assert_eq!(answer.text(), "the goods, run 3");
    one.assert_charges(2);
    connection.hang_up();
}

/// A server can die just after it has said that it lives. What its buyer buys meanwhile is one more purchase, and the first one
/// is still owed.
pub async fn owe_what_one_had_in_hand_that_has_died_since<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    let payment = one.pay(&buyer, "/goods").await;
    let sending = crate::send(other.address(), paying(get("/goods"), &payment));
    let sending = tokio::spawn(sending);
    look_on(&one, 1, 6).await;
    one.ledger.die();
    let second = wait_in_time(&other, sending).await;
    assert_eq!(second.text(), "the goods, run 2");
    let third = buy_in_time(&other, &buyer).await;
    assert_eq!(third.text(), "the goods, run 3");
    let paid = one.transfers();
    for (answer, transfer) in [(second, 1), (third, 0)] {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.receipt().transaction, paid[transfer].transaction);
    }
    one.assert_charges(2);
    connection.hang_up();
}

/// A server is killed while the money moves, so nobody knows whether it has.
pub async fn charge_nothing_while_a_dead_one_may_have<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    one.facilitator
        .always_on(Endpoint::Settle, Some(Fault::Hang));
    let payment = one.pay(&buyer, "/goods").await;
    let connection = Connection::open(one.address(), &paying(get("/goods"), &payment)).await;
    one.ledger.wait_for(Verb::Begin, 1).await;
    one.ledger.die();
    let answer = buy_in_time(&other, &buyer).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "payment_in_flight")
    );
    assert!(answer.header(RETRY_AFTER).is_some());
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    // Somebody else finds out when its lease is over.
    one.facilitator.always_on(Endpoint::Settle, None);
    other.clock.advance(Duration::from_secs(120));
    other.reconcile_until(Verb::Commit, 1).await;
    let answer = buy_in_time(&other, &buyer).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    assert_eq!(answer.receipt().transaction, one.transfers()[0].transaction);
    one.assert_charges(1);
    connection.hang_up();
}

/// Two of the same at once are two purchases: at one server without waiting, at two as soon as it is known that both live.
pub async fn sell_once_more_beside_one_that_lives<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    assert_eq!(one.buy(&buyer, "/goods").await.text(), "the goods, run 2");
    one.assert_charges(2);

    let payment = one.pay(&buyer, "/goods").await;
    let sending = crate::send(other.address(), paying(get("/goods"), &payment));
    let sending = tokio::spawn(sending);
    wait_for_a_word(&one, 1).await;
    let answer = sending.await.unwrap();
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 3")
    );
    one.assert_charges(3);
    connection.hang_up();
}

/// A server that the ledger does not hear is not dead to itself: it gives nothing again that it is giving.
pub async fn know_better_what_they_do_themselves<A: App>() {
    let kitchen = Kitchen::open();
    let (one, _other) = open::<A>(&kitchen).await;
    one.ledger.fail(Verb::Attend, usize::MAX);
    let buyer = one.buyer(1);
    let payment = one.pay(&buyer, "/goods").await;
    let ask = || paying(get("/goods"), &payment);
    let mut connection = Connection::open(one.address(), &ask()).await;
    connection.read_until("the go").await;
    one.clock.advance(Duration::from_secs(10));
    // The same payment waits for the end of that, and a new one is a new purchase.
    let again = in_time(&one, ask()).await;
    assert_eq!(
        (again.status, again.problem().as_str()),
        (StatusCode::CONFLICT, "payment_in_flight")
    );
    assert_eq!(one.buy(&buyer, "/goods").await.text(), "the goods, run 2");
    one.assert_charges(2);
    connection.hang_up();
}

/// What is served again is attended to like what is served first.
pub async fn say_that_they_serve_again<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let delay = Duration::from_secs(1);
    one.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
    let payment = one.pay(&buyer, "/goods").await;
    let first = Connection::open(one.address(), &paying(get("/goods"), &payment)).await;
    one.clock.sleeper_for(delay).await;
    first.hang_up();
    one.ledger.wait_for(Verb::Abandon, 1).await;
    one.clock.advance(delay);
    one.ledger.wait_for(Verb::Undelivered, 1).await;
    kitchen.begin_again();
    let second = begin_to_read(&one, &buyer, get("/goods")).await;
    one.assert_charges(1);
    for _ in 0..2 {
        let beat = Duration::from_millis(1300);
        one.clock.advance(beat);
        one.clock.sleepers_for(beat, 2).await;
    }
    assert_eq!(one.ledger.count(Verb::Attend), 1);
    second.hang_up();
    drop(other);
}

/// Whoever orders something else is not kept waiting.
pub async fn do_not_wait_for_other_orders<A: App>() {
    let cook = || {
        handler(|request: Request<TestBody>| async {
            let order = request.into_body().collect().await?.to_bytes();
            Ok(Response::new(if order == "tea" {
                endless()
            } else {
                body(order)
            }))
        })
    };
    let sell = |x402: &x402_tower::X402| x402.route("$0.01");
    let one = Shop::builder().sell("/goods", sell, cook());
    let one = one.open::<A>().await;
    let other = one.another().sell("/goods", sell, cook());
    let other = other.open::<A>().await;
    let buyer = one.buyer(1);
    let tea = request(Method::POST, "/goods", "tea");
    let connection = begin_to_read(&one, &buyer, tea).await;
    for (path, order) in [("/goods", "coffee"), ("/goods?sugar", "tea please")] {
        let payment = one.pay(&buyer, "/goods").await;
        let ask = paying(request(Method::POST, path, order), &payment);
        assert_eq!(other.send(ask).await.text(), order);
    }
    one.assert_charges(3);
    connection.hang_up();
}

/// Whoever has not signed is told so, and keeps nobody waiting.
pub async fn wait_for_payers_only<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    let mut payment = one.buyer(2).payment(&other.challenge("/goods").await);
    payment["payload"]["authorization"]["from"] = buyer.address().to_string().into();
    let ask = paying(get("/goods"), &crate::buyer::encode(&payment));
    assert_eq!(
        Challenge::of(&other.send(ask).await).error(),
        "invalid_exact_evm_signature"
    );
    connection.hang_up();
}

/// Whoever leaves while they wait for another server leaves nothing behind.
pub async fn forget_whoever_does_not_wait<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    one.ledger.die();
    let payment = one.pay(&buyer, "/goods").await;
    let waiting = Connection::open(other.address(), &paying(get("/goods"), &payment)).await;
    let pause = Duration::from_millis(500);
    other.clock.sleeper_for(pause).await;
    waiting.hang_up();
    other.clock.nobody_for(pause).await;
    // The same payment is good for the same again.
    let answer = in_time(&other, paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods, run 2")
    );
    assert_eq!(one.ledger.count(Verb::Claim), 1);
    one.assert_charges(1);
    connection.hang_up();
}

/// A ledger that goes down while somebody waits for another server lets nothing through.
pub async fn charge_nothing_without_a_ledger<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    one.ledger.die();
    let payment = one.pay(&buyer, "/goods").await;
    let sending = crate::send(other.address(), paying(get("/goods"), &payment));
    let sending = tokio::spawn(sending);
    let pause = Duration::from_millis(500);
    other.clock.sleeper_for(pause).await;
    other.ledger.break_down(true);
    other.clock.advance(pause);
    let answer = sending.await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "payment_unavailable")
    );
    assert_eq!(kitchen.started(), 1);
    one.assert_charges(1);
    other.ledger.break_down(false);
    let answer = in_time(&other, paying(get("/goods"), &payment)).await;
    assert_eq!(answer.text(), "the goods, run 2");
    one.assert_charges(1);
    connection.hang_up();
}

/// The same payment twice, while another server has something of the same buyer in hand: one purchase, and its answer for
/// both.
pub async fn sell_once_to_whoever_asks_twice<A: App>() {
    let kitchen = Kitchen::open();
    let (one, other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    let payment = one.pay(&buyer, "/goods").await;
    let ask = || crate::send(other.address(), paying(get("/goods"), &payment));
    let asking = [tokio::spawn(ask()), tokio::spawn(ask())];
    wait_for_a_word(&one, asking.len()).await;
    for asking in asking {
        let answer = asking.await.unwrap();
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, "the goods, run 2")
        );
        assert_eq!(answer.receipt().transaction, one.transfers()[1].transaction);
    }
    one.assert_charges(2);
    connection.hang_up();
}

/// A ledger that has not answered once is told again.
pub async fn say_again_what_was_not_answered<A: App>() {
    let kitchen = Kitchen::open();
    let (one, _other) = open::<A>(&kitchen).await;
    let buyer = one.buyer(1);
    one.ledger.hold(Verb::Attend);
    let connection = begin_to_read(&one, &buyer, get("/goods")).await;
    let beat = Duration::from_millis(1300);
    one.clock.sleepers_for(beat, 2).await;
    one.clock.advance(beat);
    one.clock.sleepers_for(beat, 2).await;
    one.clock.advance(beat);
    one.ledger.wait_for(Verb::Attend, 1).await;
    // It is waited for as long as a word lasts, and then there is the next beat.
    one.clock.sleeper_for(ATTENDED_FOR).await;
    one.clock.advance(ATTENDED_FOR);
    one.clock.sleepers_for(beat, 2).await;
    one.clock.advance(beat);
    one.ledger.wait_for(Verb::Attend, 2).await;
    connection.hang_up();
}

/// Shops of several names can share a ledger. What was bought from one is not owed by another, which sells something else
/// by the same path.
pub async fn owe_nothing_for_another_shop<A: App>() {
    let (cheap, dear) = (Kitchen::open(), Kitchen::open());
    let one = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01"),
            endless_at_first(&cheap),
        )
        .open::<A>()
        .await;
    let other = one
        .another()
        .seller(|builder| builder.public_url("https://other.example"))
        .sell("/goods", |x402| x402.route("$1"), dear.handler())
        .open::<A>()
        .await;
    let buyer = one.buyer(1);
    let payment = one.pay(&buyer, "/goods").await;
    let mut connection = Connection::open(one.address(), &paying(get("/goods"), &payment)).await;
    connection.read_until("the go").await;
    connection.hang_up();
    one.ledger.wait_for(Verb::Undelivered, 1).await;

    let answer = other.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "payment_for_other_request")
    );
    assert_eq!(dear.started(), 0);
    let answer = other.buy(&buyer, "/goods").await;
    assert_eq!(answer.text(), "the goods, run 1");
    assert_eq!(one.transfers()[1].amount, 1_000_000u64.into());
    let answer = one.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.text(), "the goods, run 2");
    one.assert_charges(2);
}

/// Nor is it looked after by another, who has another facilitator and another operator.
pub async fn leave_what_another_shop_has_parked<A: App>() {
    let open = |builder: ShopBuilder| {
        builder
            .seller(|seller| seller.wait_for_outcome(Duration::from_millis(1)))
            .sell("/goods", |x402| x402.route("$0.01"), goods())
            .open::<A>()
    };
    let one = open(Shop::builder()).await;
    one.facilitator.on(Endpoint::Settle, [Fault::LoseRequest]);
    let payment = one.pay(&one.buyer(1), "/goods").await;
    let answer = one.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.problem(), "settlement_unknown");
    one.ledger.die();

    let others = LocalFacilitator::with_clock(one.clock.clone());
    let facilitator = others.clone();
    let other = one.another().seller(|seller| {
        let seller = seller.facilitator(facilitator);
        seller.public_url("https://other.example")
    });
    let other = open(other).await;
    let pause = Duration::from_secs(30);
    for _ in 0..3 {
        one.clock.sleeper_for(pause).await;
        one.clock.advance(pause);
    }
    one.clock.sleeper_for(pause).await;
    assert_eq!(others.calls().settle, 0);

    // Its own server is started anew.
    let again = open(one.another()).await;
    one.clock.sleepers_for(pause, 2).await;
    one.clock.advance(pause);
    again.ledger.wait_for(Verb::Commit, 1).await;
    again.told("settled", 1).await;
    assert_eq!(other.events(), [""; 0]);
    one.assert_charges(1);
}

/// What was parked here is no worry of this server's once another one has taken it over.
pub async fn forget_what_another_looks_after<A: App>() {
    let shop = Shop::builder()
        .seller(|seller| seller.wait_for_outcome(Duration::from_millis(1)))
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .open::<A>()
        .await;
    shop.facilitator.on(Endpoint::Settle, [Fault::LoseRequest]);
    let answer = shop.buy(&shop.buyer(1), "/goods").await;
    assert_eq!(answer.problem(), "settlement_unknown");
    let [idle, busy, soon] = [30_000, 1500, 1000].map(Duration::from_millis);
    shop.clock.sleeper_for(busy).await;
    shop.clock.advance(soon);
    let due = shop.ledger.due(Some(PUBLIC_URL), 8, idle * 100).await;
    assert_eq!(due.unwrap().len(), 1);
    assert_eq!(shop.x402.drain(Duration::ZERO).await.parked, 1);

    shop.clock.advance(soon);
    let is_idle = async {
        loop {
            tokio::select! {
                biased;
                () = shop.clock.sleeper_for(idle) => return,
                () = shop.clock.sleeper_for(busy) => shop.clock.advance(busy),
            }
        }
    };
    is_idle.await;
    assert!(shop.x402.drain(Duration::ZERO).await.is_clean());
}
