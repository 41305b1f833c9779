//! Buyers who leave, at every moment at which one can.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::{Settle, X402};

use crate::buyer::{get, paying, request};
use crate::{App, Connection, Kitchen, Shop, TestBody, Verb, body, handler, pieces};

/// Nothing has happened yet, so the payment is as good as before.
pub async fn while_the_payment_is_verified<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    shop.facilitator.on(Endpoint::Verify, [Fault::Hang]);
    let connection = Connection::open(shop.address(), &paying(get("/goods"), &payment)).await;
    shop.ledger.wait_for(Verb::Claim, 1).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Release, 1).await;
    assert_eq!(kitchen.started(), 0);
    assert_eq!(
        shop.send(paying(get("/goods"), &payment)).await.status,
        StatusCode::OK
    );
    shop.assert_charges(1);
}

/// The work is dropped and nothing is charged; whoever does that again and again is sent away.
pub async fn while_the_handler_works<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    for run in 1..=3 {
        let connection = Connection::open(shop.address(), &paying(get("/goods"), &payment)).await;
        kitchen.wait_started(run).await;
        connection.hang_up();
        kitchen.wait_dropped(run).await;
        shop.ledger.wait_for(Verb::Abort, run).await;
    }
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "too_many_aborted_runs")
    );
    assert_eq!((kitchen.started(), shop.facilitator.calls().settle), (3, 0));
    shop.assert_charges(0);
    // A new payment is a new chance.
    kitchen.finish(1);
    assert_eq!(shop.buy(&buyer, "/goods").await.status, StatusCode::OK);
    shop.assert_charges(1);
}

/// The settlement goes on without the buyer, who gets the answer by asking again.
pub async fn while_the_money_moves<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .sell(
            "/before",
            |x402| x402.route("$0.01").settle(Settle::Before),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (i, (method, path, runs)) in [
        (Method::GET, "/goods", 2),
        (Method::POST, "/goods", 3),
        (Method::GET, "/before", 4),
        (Method::POST, "/before", 5),
    ]
    .into_iter()
    .enumerate()
    {
        let payment = shop.pay(&buyer, path).await;
        let ask = || paying(request(method.clone(), path, ""), &payment);
        let delay = Duration::from_secs(7);
        shop.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
        let connection = Connection::open(shop.address(), &ask()).await;
        shop.clock.sleeper_for(delay).await;
        connection.hang_up();
        shop.ledger.wait_for(Verb::Abandon, i + 1).await;
        shop.clock.advance(delay);
        shop.ledger.wait_for(Verb::Commit, i + 1).await;
        shop.ledger.wait_for(Verb::Undelivered, i + 1).await;
        shop.assert_charges(i + 1);

        let answer = shop.send(ask()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(answer.receipt().success);
        // What must not run twice was kept before the money moved; the rest runs again, or for the first time.
        assert_eq!(kitchen.started(), runs, "{method} {path}");
        shop.ledger.wait_for(Verb::Delivered, i + 1).await;
        shop.assert_charges(i + 1);
    }
}

/// An answer that is read before the money moves may take a while, and a buyer may leave in that while.
pub async fn while_the_answer_is_read<A: App>() {
    let stalls = handler(|_| async {
        let body: TestBody = Stalling {
            sent: 0,
            length: 10,
        }
        .map_err(|never| match never {})
        .boxed_unsync();
        Ok(Response::new(body))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), stalls)
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let ask = paying(request(Method::POST, "/goods", "x"), &payment);
    let connection = Connection::open(shop.address(), &ask).await;
    shop.ledger.wait_for(Verb::Claim, 1).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Abort, 1).await;
    assert_eq!(shop.facilitator.calls().settle, 0);
    shop.assert_charges(0);
}

/// A body that breaks before it has been given out costs nothing, and gives nothing away; nor does one that just ends before it
/// has come as far as was said.
pub async fn or_answers_that_break_off<A: App>() {
    let breaks = handler(|request| async move {
        let body: TestBody = Breaking {
            sent: false,
            fails: request.uri().query().is_none(),
        }
        .boxed_unsync();
        Ok(Response::new(body))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), breaks)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (i, path) in ["/goods", "/goods?ends"].into_iter().enumerate() {
        let payment = shop.pay(&buyer, path).await;
        let answer = shop
            .send(paying(request(Method::POST, path, ""), &payment))
            .await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!answer.text().contains("half"));
        shop.assert_charges(i);
        // Streamed, it breaks after the money has moved, and can be had again.
        for times in 1..=2 {
            let broken = crate::try_send(shop.address(), paying(get(path), &payment)).await;
            assert!(broken.is_err(), "{broken:?}");
            let undelivered = 2 * i + times;
            shop.ledger.wait_for(Verb::Undelivered, undelivered).await;
            shop.assert_charges(i + 1);
        }
    }
}

/// What was paid before and broke off is owed, and its handler can try again: nothing of it has left.
pub async fn or_prepaid_answers_that_break_off<A: App>() {
    let kitchen = Kitchen::open();
    let breaks = |run, _| {
        Ok(Response::new(if run < 3 {
            Breaking {
                sent: false,
                fails: run < 2,
            }
            .boxed_unsync()
        } else {
            body("the goods")
        }))
    };
    let before = |x402: &X402| x402.route("$0.01").settle(Settle::Before);
    let shop = Shop::builder()
        .sell("/goods", before, kitchen.cook(breaks))
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    for run in 1..=3 {
        let ask = paying(request(Method::POST, "/goods", ""), &payment);
        let answer = shop.send(ask).await;
        let status = match run {
            3 => StatusCode::OK,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.receipt().success && !answer.text().contains("half"));
        assert_eq!(kitchen.started(), run);
        shop.assert_charges(1);
    }
}

/// Nearly all of a large answer is not all of it: it can be had again, but not for ever.
pub async fn before_the_end_of_a_large_answer<A: App>() {
    const SIZE: usize = 16 << 20;
    let kitchen = Kitchen::open();
    let large = kitchen.cook(|_, request| {
        let said = request.uri().path() == "/large/said";
        Ok(Response::new(pieces(SIZE, said)))
    });
    let shop = Shop::builder()
        .sell("/large", |x402| x402.route("$0.01"), large)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (i, path) in ["/large/said", "/large/unsaid"].into_iter().enumerate() {
        let payment = shop.pay(&buyer, path).await;
        for times in 1..=10 {
            let mut connection =
                Connection::open(shop.address(), &paying(get(path), &payment)).await;
            let head = connection.read_head().await;
            if times > 4 {
                assert!(head.starts_with("HTTP/1.1 410"), "{path} {times}: {head}");
                continue;
            }
            assert!(head.starts_with("HTTP/1.1 200"), "{path} {times}: {head}");
            let most = SIZE / 100 * if times % 2 == 0 { 99 } else { 50 };
            assert!(connection.read(most).await.len() >= most);
            connection.hang_up();
            // What is in the buffers of sockets has been handed over, as far as anybody can tell.
            shop.ledger
                .wait_for_any(&[Verb::Delivered, Verb::Undelivered], 4 * i + times)
                .await;
        }
        assert_eq!(kitchen.started(), 4 * (i + 1));
        shop.assert_charges(i + 1);
    }
}

/// A ledger that is somewhere else may have done what it was asked, though nobody waits for its answer any more. What it
/// gave is given back, and nobody has to wait for a lease; what has begun goes on.
pub async fn while_the_ledger_answers<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller(|builder| builder.most_kept_answer_bytes(0))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let other = shop.pay(&shop.buyer(2), "/goods").await;
    let last = shop.pay(&shop.buyer(3), "/goods").await;
    for (i, (verb, then, payment, charges, runs)) in [
        (Verb::Claim, Verb::Release, &payment, 1, 1),
        (Verb::Rerun, Verb::Undelivered, &payment, 1, 2),
        (Verb::Begin, Verb::Undelivered, &other, 2, 4),
        (Verb::Commit, Verb::Undelivered, &last, 3, 6),
    ]
    .into_iter()
    .enumerate()
    {
        let ask = || paying(get("/goods"), payment);
        let before = shop.ledger.count(then);
        shop.ledger.hold(verb);
        let held = shop.ledger.count(verb);
        let connection = Connection::open(shop.address(), &ask()).await;
        shop.ledger.wait_for(verb, held + 1).await;
        connection.hang_up();
        shop.ledger.wait_left(i + 1).await;
        shop.ledger.let_go();
        shop.ledger.wait_for(then, before + 1).await;

        let answer = shop.send(ask()).await;
        assert_eq!(answer.status, StatusCode::OK, "{verb:?}: {answer:?}");
        assert!(answer.receipt().success);
        assert_eq!(kitchen.started(), runs, "{verb:?}");
        shop.ledger.wait_for(Verb::Delivered, i + 1).await;
        shop.assert_charges(charges);
    }
    assert_eq!(shop.ledger.count(Verb::Park), 0);
}

/// Whoever waits for another request with the same payment may leave as well.
pub async fn while_waiting_for_another<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let first = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(1).await;
    let second = Connection::open(shop.address(), &paying(get("/goods"), &payment)).await;
    shop.clock.sleeper_for(Duration::from_millis(500)).await;
    second.hang_up();
    kitchen.finish(1);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// What a server was given is not what a buyer has got, however large the pieces are.
pub async fn before_the_end_of_one_large_piece<A: App>() {
    static LARGE: [u8; 32 << 20] = [b'x'; 32 << 20];
    let large = handler(|_| async { Ok(Response::new(body(Bytes::from_static(&LARGE)))) });
    let shop = Shop::builder()
        .sell("/large", |x402| x402.route("$0.01"), large)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/large").await;
    let mut connection = Connection::open(shop.address(), &paying(get("/large"), &payment)).await;
    connection.read(64 << 10).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    let answer = shop.buy(&buyer, "/large").await;
    assert_eq!(answer.body.len(), LARGE.len(), "{:?}", answer.status);
    shop.assert_charges(1);
}

/// Sends one byte of many, and then nothing.
pub(super) struct Stalling {
    pub(super) sent: u64,
    pub(super) length: u64,
}

impl Body for Stalling {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent > 0 {
            return Poll::Pending;
        }
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length - self.sent)
    }
}

/// Sends half of what it promises, and fails or ends.
struct Breaking {
    sent: bool,
    fails: bool,
}

impl Body for Breaking {
    type Data = Bytes;
    type Error = crate::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, crate::BoxError>>> {
        Poll::Ready(match std::mem::replace(&mut self.sent, true) {
            false => Some(Ok(Frame::data(Bytes::from_static(b"half")))),
            true => self.fails.then(|| Err("the disk is gone".into())),
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.sent { 4 } else { 8 })
    }
}

/// All that this takes is a cent that is never spent.
pub async fn again_and_again_fills_no_books<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder_with(|ledger| ledger.most_entries(20))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let idler = shop.buyer(1);
    shop.leave(&idler, 10_000);
    for run in 1..=20 {
        let payment = shop.pay(&idler, "/goods").await;
        let connection = Connection::open(shop.address(), &paying(get("/goods"), &payment)).await;
        kitchen.wait_started(run).await;
        connection.hang_up();
        shop.ledger.wait_for(Verb::Abort, run).await;
    }
    shop.assert_charges(0);
    kitchen.finish(100);
    let answer = shop.buy(&shop.buyer(2), "/goods").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}
