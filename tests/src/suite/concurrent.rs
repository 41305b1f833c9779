//! One payment, many requests at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::proto::header::PAYMENT_REQUIRED;
use x402_tower::{Settle, X402};

use crate::buyer::{encode, get, paying, paying_v1, request};
use crate::shop::goods;
use crate::suite::disconnect::Stalling;
use crate::{Answer, App, Challenge, Connection, Kitchen, Shop, Verb, body, handler};

/// Twenty requests with one payment are one run, one charge, and one answer.
pub async fn twenty_are_one<A: App>() {
    many_are_one::<A>(20).await;
}

/// Two hundred requests with one payment are one run, one charge, and one answer.
pub async fn two_hundred_are_one<A: App>() {
    many_are_one::<A>(200).await;
}

async fn many_are_one<A: App>(many: usize) {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let sending = (0..many)
        .map(|_| tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment))));
    let sending: Vec<_> = sending.collect();
    kitchen.wait_started(1).await;
    kitchen.finish(many);
    for answer in join_all(sending).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.text(), "the goods, run 1");
        assert!(answer.receipt().success);
    }
    assert_eq!((kitchen.started(), shop.facilitator.calls().settle), (1, 1));
    shop.assert_charges(1);
}

/// Without a reference nobody can show to have paid, so only one of many gets the goods.
pub async fn only_one_is_served_without_a_reference<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.buyer(1).pay_v1(&shop.challenge("/goods").await);
    let sending: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn(crate::send(
                shop.address(),
                paying_v1(get("/goods"), &payment),
            ))
        })
        .collect();
    kitchen.wait_started(1).await;
    kitchen.finish(20);
    let answers: Vec<Answer> = join_all(sending)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let served = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::OK)
        .count();
    assert_eq!(served, 1);
    for answer in answers {
        assert!(answer.receipt_v1().success);
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
        assert!(answer.status == StatusCode::OK || answer.problem() == "already_settled");
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// A run that fails makes room for the next one that waits.
pub async fn the_next_one_runs_if_the_first_fails<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01"),
            kitchen.cook(|run, _| {
                let mut response = Response::new(body(format!("run {run}")));
                if run < 3 {
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                }
                Ok(response)
            }),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let sending: Vec<_> = (0..5)
        .map(|_| tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment))))
        .collect();
    kitchen.wait_started(1).await;
    kitchen.finish(5);
    let answers = join_all(sending).await.into_iter().map(Result::unwrap);
    let mut statuses: Vec<_> = answers.map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 500, 500]);
    assert_eq!(kitchen.started(), 3);
    shop.assert_charges(1);
}

/// What is made again is made for one at a time, however long ago it was paid for.
pub async fn only_one_is_served_again<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .seller(|builder| builder.most_kept_answer_bytes(0))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let send = || tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.finish(1);
    assert_eq!(send().await.unwrap().status, StatusCode::OK);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    shop.clock.advance(std::time::Duration::from_secs(700));
    let first = send();
    kitchen.wait_started(2).await;
    let second = send();
    tokio::select! {
        () = shop.clock.sleeper_for(std::time::Duration::from_millis(500)) => {}
        () = kitchen.wait_started(3) => panic!("two at a time"),
    }
    kitchen.finish(2);
    for answer in [first, second] {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(kitchen.started(), 3);
    shop.assert_charges(1);
}

/// Those who wait do so for a while and not for ever, and not too many of them.
pub async fn waiting_is_bounded<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .seller(|builder| builder.most_waiters(1))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let first = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(1).await;
    let second = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    let poll = std::time::Duration::from_millis(500);
    shop.clock.sleeper_for(poll).await;
    // The one place to wait is taken.
    let third = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (third.status, third.problem().as_str()),
        (StatusCode::CONFLICT, "payment_in_flight")
    );
    assert!(third.header(http::header::RETRY_AFTER).is_some());
    for _ in 0..20 {
        shop.clock.sleeper_for(poll).await;
        shop.clock.advance(poll);
    }
    let second = second.await.unwrap();
    assert_eq!(
        (second.status, second.problem().as_str()),
        (StatusCode::CONFLICT, "payment_in_flight")
    );
    kitchen.finish(1);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    shop.assert_charges(1);
}

/// The same payment for something else is refused at once, while the first is at work and after.
pub async fn another_request_does_not_wait<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let first = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(1).await;
    let others = || {
        let mut authorized = get("/goods");
        authorized
            .headers_mut()
            .insert("authorization", "Bearer other".parse().unwrap());
        let mut ranged = get("/goods");
        ranged
            .headers_mut()
            .insert("range", "bytes=0-1".parse().unwrap());
        [
            get("/goods?other"),
            get("/goods/other"),
            request(Method::POST, "/goods", ""),
            authorized,
            ranged,
        ]
    };
    for other in others() {
        let answer = shop.send(paying(other, &payment)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
        assert_eq!(answer.problem(), "payment_for_other_request");
    }
    kitchen.finish(1);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    for other in others() {
        let answer = shop.send(paying(other, &payment)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::CONFLICT, "payment_for_other_request")
        );
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// Who sends one payment again and again, for something slow, does not take all places with it.
pub async fn the_same_leave_room_for_others<A: App>() {
    let (slow, quick) = (Kitchen::waiting(), Kitchen::open());
    let shop = Shop::builder()
        .seller(|builder| builder.most_in_flight(4))
        .sell("/slow", |x402| x402.route("$0.01"), slow.handler())
        .sell("/goods", |x402| x402.route("$0.01"), quick.handler())
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/slow").await;
    let send = || tokio::spawn(crate::send(shop.address(), paying(get("/slow"), &payment)));
    let first = send();
    slow.wait_started(1).await;
    let waiting = [send(), send()];
    let poll = std::time::Duration::from_millis(500);
    shop.clock.sleepers_for(poll, 2).await;
    let answer = send().await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "payment_in_flight")
    );
    let answer = shop.buy(&shop.buyer(2), "/goods").await;
    assert_eq!(answer.status, StatusCode::OK);
    slow.finish(1);
    for sent in waiting.into_iter().chain([first]) {
        assert_eq!(sent.await.unwrap().text(), "the goods, run 1");
    }
    shop.assert_charges(2);
}

/// Who sends a body slowly takes nobody's place, whether it is to be bound or compared.
pub async fn slow_bodies_are_in_nobodys_way<A: App>() {
    let kitchen = Kitchen::open();
    let reading = handler(|request: http::Request<crate::TestBody>| async {
        let read = request.into_body().collect().await?.to_bytes();
        Ok(Response::new(body(read)))
    });
    let shop = Shop::builder()
        .seller(|builder| builder.most_in_flight(1))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .sell("/read", |x402| x402.route("$0.01"), reading)
        .sell(
            "/bound",
            |x402| x402.route("$0.01").bind_body(100),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let (slow, quick) = (shop.buyer(1), shop.buyer(2));
    let read = shop.pay(&slow, "/read").await;
    let order = || request(Method::POST, "/read", "an order");
    let answer = shop.send(paying(order(), &read)).await;
    assert_eq!(answer.text(), "an order");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let bound = shop.pay(&slow, "/bound").await;
    for (i, (path, payment)) in [("/read", &read), ("/bound", &bound)]
        .into_iter()
        .enumerate()
    {
        let mut ask = paying(request(Method::POST, path, ""), payment);
        let headers = ask.headers_mut();
        headers.insert("content-length", http::HeaderValue::from_static("8"));
        headers.insert("expect", http::HeaderValue::from_static("100-continue"));
        let mut connection = Connection::open(shop.address(), &ask).await;
        // It is read by now, in frameworks that wait for that.
        connection.read_until("100 Continue").await;
        let answer = shop.buy(&quick, "/goods").await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {answer:?}");
        shop.ledger.wait_for(Verb::Delivered, i + 2).await;
        connection.write(b"an order").await;
        connection.read_until("HTTP/1.1 200").await;
    }
    shop.assert_charges(4);
}

/// Paid requests are bounded, in all and for each payer, before any work is done for them.
pub async fn flights_are_bounded<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .seller(|builder| builder.most_in_flight(2).most_in_flight_per_payer(1))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let (one, two) = (shop.buyer(1), shop.buyer(2));
    let payment = shop.pay(&one, "/goods").await;
    let first = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(1).await;
    let again = shop.buy(&one, "/goods").await;
    assert_eq!(
        (again.status, again.problem().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "too_many_payments")
    );
    assert!(again.header(http::header::RETRY_AFTER).is_some());
    assert_eq!(again.header(PAYMENT_REQUIRED), None);

    let payment = shop.pay(&two, "/goods").await;
    let second = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(2).await;
    let third = shop.buy(&shop.buyer(3), "/goods").await;
    assert_eq!(
        (third.status, third.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "too_many_payments")
    );
    assert!(third.header(http::header::RETRY_AFTER).is_some());
    assert_eq!(third.header(PAYMENT_REQUIRED), None);
    // Whose payment it is has to be known to be counted, and for nobody is more done than that.
    assert_eq!(shop.facilitator.calls().verify, 3);
    // Asking what it costs is always possible.
    assert_eq!(
        shop.send(get("/goods")).await.status,
        StatusCode::PAYMENT_REQUIRED
    );

    kitchen.finish(3);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    assert_eq!(second.await.unwrap().status, StatusCode::OK);
    assert_eq!(shop.buy(&one, "/goods").await.status, StatusCode::OK);
    shop.assert_charges(3);
}

/// So are requests that are paid before they are served, and no server stops before they are.
pub async fn flights_are_bounded_when_they_are_paid_before<A: App>() {
    let kitchen = Kitchen::waiting();
    let before = |x402: &X402| x402.route("$0.01").settle(Settle::Before);
    let shop = Shop::builder()
        .seller(|builder| builder.most_in_flight(2).most_in_flight_per_payer(1))
        .sell("/goods", before, kitchen.handler())
        .open::<A>()
        .await;
    let (one, two) = (shop.buyer(1), shop.buyer(2));
    let mut served = Vec::new();
    for (i, (buyer, status)) in [
        (&one, StatusCode::TOO_MANY_REQUESTS),
        (&two, StatusCode::SERVICE_UNAVAILABLE),
    ]
    .into_iter()
    .enumerate()
    {
        let payment = shop.pay(buyer, "/goods").await;
        let ask = paying(get("/goods"), &payment);
        served.push(tokio::spawn(crate::send(shop.address(), ask)));
        kitchen.wait_started(i + 1).await;
        let answer = shop.buy(&one, "/goods").await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    shop.assert_charges(2);
    // They may work for as long as they like, and are in nobody's way when that is longer than a handler should take.
    let budget = Duration::from_secs(30);
    shop.clock.sleeper_for(budget).await;
    shop.clock.advance(budget);
    let payment = shop.pay(&one, "/goods").await;
    let ask = paying(get("/goods"), &payment);
    served.push(tokio::spawn(crate::send(shop.address(), ask)));
    kitchen.wait_started(3).await;
    shop.assert_charges(3);
    let x402 = shop.x402.clone();
    let draining = tokio::spawn(async move { x402.drain(Duration::from_secs(60)).await });
    shop.clock.sleeper_for(Duration::from_secs(60)).await;
    assert!(!draining.is_finished());
    kitchen.finish(3);
    for answer in served {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    assert!(draining.await.unwrap().is_clean());
}

/// Who only names a payer takes no place of theirs.
pub async fn places_are_for_those_who_have_signed<A: App>() {
    let shop = Shop::builder()
        .seller(|builder| builder.most_in_flight_per_payer(1))
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut forged = buyer.payment(&shop.challenge("/goods").await);
    forged["payload"]["signature"] = format!("0x{}1b", "5a".repeat(64)).into();
    shop.facilitator.on(Endpoint::Verify, [Fault::Hang]);
    let ask = paying(get("/goods"), &encode(&forged));
    let connection = Connection::open(shop.address(), &ask).await;
    shop.ledger.wait_for(Verb::Claim, 1).await;
    assert_eq!(shop.buy(&buyer, "/goods").await.status, StatusCode::OK);
    connection.hang_up();
}

/// Who cannot be charged any more, because the handler waits for too long, takes no place either.
pub async fn places_are_for_those_who_can_be_charged<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .seller(|builder| builder.most_in_flight(1))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let sending = tokio::spawn(crate::send(shop.address(), paying(get("/goods"), &payment)));
    kitchen.wait_started(1).await;
    // As long as there is time to settle, and a bit.
    let useful = Duration::from_secs(265);
    shop.clock.sleeper_for(useful).await;
    shop.clock.advance(useful);
    let late = sending.await.unwrap();
    assert_eq!(late.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(
        Challenge::of(&late).error(),
        "invalid_exact_evm_payload_authorization_valid_before"
    );
    kitchen.wait_dropped(1).await;
    shop.ledger.wait_for(Verb::Abort, 1).await;
    kitchen.finish(1);
    let answer = shop.buy(&shop.buyer(2), "/goods").await;
    assert_eq!(answer.status, StatusCode::OK);
    shop.assert_charges(1);
}

/// The same if it is the answer that takes too long, perhaps because it waits for the request.
pub async fn places_are_for_answers_that_come<A: App>() {
    let slow = handler(|_| async {
        let slow = Stalling {
            sent: 0,
            length: 1000,
        };
        let slow = slow.map_err(|never| match never {});
        Ok(Response::new(slow.boxed_unsync()))
    });
    let shop = Shop::builder()
        .seller(|builder| builder.most_in_flight(1))
        .sell("/slow", |x402| x402.route("$0.01"), slow)
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/slow").await;
    let ask = paying(request(Method::POST, "/slow", ""), &payment);
    let mut connection = Connection::open(shop.address(), &ask).await;
    let useful = Duration::from_secs(265);
    shop.clock.sleeper_for(useful).await;
    shop.clock.advance(useful);
    let head = connection.read_head().await;
    assert!(head.starts_with("HTTP/1.1 402"), "{head}");
    let answer = shop.buy(&shop.buyer(2), "/goods").await;
    assert_eq!(answer.status, StatusCode::OK);
    shop.assert_charges(1);
}

/// What is no payment is told so before anybody waits for a body.
pub async fn bodies_are_read_for_payments_only<A: App>() {
    let shop = Shop::builder()
        .sell("/bound", |x402| x402.route("$0.01").bind_body(8), goods())
        .open::<A>()
        .await;
    let mut ask = paying(
        request(Method::POST, "/bound", ""),
        &HeaderValue::from_static("bm8gcGF5bWVudA=="),
    );
    let length = HeaderValue::from_static("8");
    ask.headers_mut().insert("content-length", length);
    let mut connection = Connection::open(shop.address(), &ask).await;
    let head = connection.read_head().await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}

/// A price function that says nothing is given up, so that payments nobody has signed take no place for long.
pub async fn prices_that_do_not_come_are_in_nobodys_way<A: App>() {
    const PATIENCE: Duration = Duration::from_secs(7);
    let asked = Arc::new(Semaphore::new(0));
    let telling = Arc::clone(&asked);
    let silent = move |x402: &X402| {
        x402.route_with(move |_| {
            telling.add_permits(1);
            std::future::pending::<&str>()
        })
    };
    let shop = Shop::builder()
        .seller(|builder| {
            builder
                .most_in_flight(2)
                .facilitator_timeouts(PATIENCE, PATIENCE)
        })
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .sell("/silent", silent, goods())
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut forged = buyer.payment(&shop.challenge("/goods").await);
    forged["payload"]["signature"] = format!("0x{}1b", "5a".repeat(64)).into();
    let forged = paying(get("/silent"), &encode(&forged));
    let waiting = [forged.clone(), forged, get("/silent")]
        .map(|ask| tokio::spawn(crate::send(shop.address(), ask)));
    asked.acquire_many(3).await.unwrap().forget();
    let answer = shop.buy(&buyer, "/goods").await;
    assert_eq!(answer.problem(), "too_many_payments");
    shop.clock.sleepers_for(PATIENCE, 3).await;
    shop.clock.advance(PATIENCE);
    for answer in waiting {
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "payment_unavailable")
        );
    }
    assert_eq!(shop.buy(&buyer, "/goods").await.status, StatusCode::OK);
}

/// Nor does one wallet take all places with what it has paid for before.
pub async fn places_are_counted_for_those_who_are_served_again<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .seller(|builder| {
            builder
                .most_in_flight(2)
                .most_in_flight_per_payer(1)
                .most_kept_answer_bytes(0)
        })
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let (greedy, honest) = (shop.buyer(1), shop.buyer(2));
    let mut asks = Vec::new();
    for times in 1..=2 {
        let ask = paying(get("/goods"), &shop.pay(&greedy, "/goods").await);
        kitchen.finish(1);
        assert_eq!(shop.send(ask.clone()).await.status, StatusCode::OK);
        shop.ledger.wait_for(Verb::Delivered, times).await;
        asks.push(ask);
    }
    let first = tokio::spawn(crate::send(shop.address(), asks.remove(0)));
    kitchen.wait_started(3).await;
    let second = asks.remove(0);
    for _ in 0..5 {
        let answer = shop.send(second.clone()).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::TOO_MANY_REQUESTS, "too_many_payments")
        );
    }
    kitchen.finish(3);
    assert_eq!(shop.buy(&honest, "/goods").await.status, StatusCode::OK);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    // What was refused is still there to be had.
    assert_eq!(shop.send(second).await.status, StatusCode::OK);
    shop.assert_charges(3);
}

/// Who sends several requests in one write has several answers, in the same order, and has paid once with each payment.
pub async fn those_in_one_write_are_sold_one_by_one<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let one = shop.pay(&shop.buyer(1), "/goods").await;
    let other = shop.pay(&shop.buyer(2), "/goods").await;
    let delay = Duration::from_secs(7);
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(delay)]);
    let first = paying(get("/goods"), &one);
    let mut connection = Connection::open(shop.address(), &first).await;
    shop.clock.sleeper_for(delay).await;
    let [again, next] = [&one, &other].map(|payment| {
        let payment = payment.to_str().unwrap();
        format!("GET /goods HTTP/1.1\r\nhost: shop.example\r\npayment-signature: {payment}\r\n\r\n")
    });
    connection.write((again + &next).as_bytes()).await;
    shop.clock.advance(delay);
    let answers = connection.read_until("run 2").await;
    let runs: Vec<_> = answers.match_indices("the goods, run ").collect();
    assert_eq!(runs.len(), 3, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    shop.ledger.wait_for(Verb::Delivered, 2).await;
    assert_eq!(kitchen.started(), 2);
    shop.assert_charges(2);
}
