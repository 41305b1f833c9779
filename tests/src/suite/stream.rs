//! Answers that take their time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;
use x402_tower::clock::Clock as _;
use x402_tower::cors::REPLAYED;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::proto::header::PAYMENT_RESPONSE;

use crate::buyer::{get, paying, request};
use crate::suite::disconnect::Stalling;
use crate::{App, BoxError, Connection, Handler, Shop, Verb, body, handler, pieces, send_raw};

/// A handler whose answer is what is sent through a channel.
fn telling() -> (mpsc::UnboundedSender<Bytes>, Handler) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(receiver));
    let handler = handler(move |_| {
        let receiver = receiver.clone().lock_owned();
        async move {
            let events = stream::unfold(receiver.await, |mut receiver| async {
                let event = receiver.recv().await?;
                Some((Ok::<_, BoxError>(Frame::data(event)), receiver))
            });
            let mut response = Response::new(StreamBody::new(events).boxed_unsync());
            response.headers_mut().insert(
                "content-type",
                HeaderValue::from_static("text/event-stream"),
            );
            Ok(response)
        }
    });
    (sender, handler)
}

/// A stream begins as soon as the money has moved, and not when it ends.
pub async fn begins_right_after_settlement<A: App>() {
    for method in [Method::GET, Method::POST] {
        let (events, telling) = telling();
        let shop = Shop::builder()
            .sell("/events", |x402| x402.route("$0.01"), telling)
            .open::<A>()
            .await;
        let payment = shop.pay(&shop.buyer(1), "/events").await;
        let ask = paying(request(method, "/events", "{}"), &payment);
        let mut connection = Connection::open(shop.address(), &ask).await;
        let head = connection.read_head().await.to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("payment-response: "), "{head}");
        shop.assert_charges(1);
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            events.send(Bytes::from_static(event.as_bytes())).unwrap();
            connection.read_until(event).await;
        }
        assert_eq!(shop.ledger.count(Verb::Delivered), 0);
        drop(events);
        connection.read_until("0\r\n\r\n").await;
        shop.ledger.wait_for(Verb::Delivered, 1).await;
    }
}

/// Not a byte of it goes out before.
pub async fn begins_with_nothing_before_settlement<A: App>() {
    let (events, telling) = telling();
    let shop = Shop::builder()
        .sell("/events", |x402| x402.route("$0.01"), telling)
        .open::<A>()
        .await;
    events
        .send(Bytes::from_static(b"data: secret\n\n"))
        .unwrap();
    let reason = "invalid_exact_evm_insufficient_balance".to_owned();
    shop.facilitator
        .on(Endpoint::Settle, [Fault::Refuse(reason)]);
    let answer = shop.buy(&shop.buyer(1), "/events").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert!(!answer.text().contains("secret"));
}

/// A stream that is small enough is kept beside, for whoever asks again.
pub async fn is_kept_while_it_is_small<A: App>() {
    let (events, telling) = telling();
    let shop = Shop::builder()
        .seller(|builder| builder.most_kept_answer_bytes(20))
        .sell("/events", |x402| x402.route("$0.01"), telling)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/events").await;
    events.send(Bytes::from_static(b"0123456789")).unwrap();
    events.send(Bytes::from_static(b"0123456789")).unwrap();
    drop(events);
    let first = shop.send(paying(get("/events"), &payment)).await;
    assert_eq!(first.text(), "01234567890123456789");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    assert_eq!(
        shop.send(paying(get("/events"), &payment)).await.text(),
        first.text()
    );

    let large = handler(|_| async { Ok(Response::new(body("x".repeat(21)))) });
    let shop = Shop::builder()
        .seller(|builder| builder.most_kept_answer_bytes(20))
        .sell("/large", |x402| x402.route("$0.01"), large)
        .open::<A>()
        .await;
    let payment = shop.pay(&buyer, "/large").await;
    assert_eq!(
        shop.send(paying(get("/large"), &payment)).await.status,
        StatusCode::OK
    );
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    // What is too large to be kept is made again, but not for ever, and not if it must not be made twice.
    for times in 2..=4 {
        assert_eq!(
            shop.send(paying(get("/large"), &payment)).await.status,
            StatusCode::OK
        );
        shop.ledger.wait_for(Verb::Delivered, times).await;
    }
    let again = shop.send(paying(get("/large"), &payment)).await;
    assert_eq!(
        (again.status, again.problem().as_str()),
        (StatusCode::GONE, "answer_gone")
    );
    let payment = shop.pay(&buyer, "/large").await;
    let ask = || paying(request(Method::POST, "/large", ""), &payment);
    assert_eq!(shop.send(ask()).await.status, StatusCode::OK);
    shop.ledger.wait_for(Verb::Delivered, 5).await;
    let again = shop.send(ask()).await;
    assert_eq!(
        (again.status, again.problem().as_str()),
        (StatusCode::CONFLICT, "already_settled")
    );
    assert!(again.receipt().success);
    shop.assert_charges(2);
}

/// What has come as far as was said has come whole, and servers ask for no more.
pub async fn ends_where_it_says<A: App>() {
    const LENGTH: usize = 200_000;
    let long = handler(|request| async move {
        let mut response = Response::new(pieces(LENGTH, false));
        // Proxies repeat what they were told, and what is said twice is said.
        let times = if request.uri().query().is_some() {
            2
        } else {
            1
        };
        for _ in 0..times {
            let length = HeaderValue::from(LENGTH);
            response.headers_mut().append("content-length", length);
        }
        Ok(response)
    });
    let shop = Shop::builder()
        .sell("/long", |x402| x402.route("$0.01"), long)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for times in 1..=7 {
        let method = if times == 5 {
            Method::POST
        } else {
            Method::GET
        };
        let path = if times == 7 { "/long?twice" } else { "/long" };
        let payment = shop.pay(&buyer, path).await;
        let ask = paying(request(method, path, ""), &payment);
        let answer = if times == 6 {
            shop.send_http2("shop.example", ask).await
        } else {
            shop.send(ask).await
        };
        assert_eq!(answer.body.len(), LENGTH, "{:?}", answer.status);
        shop.ledger.wait_for(Verb::Delivered, times).await;
        shop.assert_charges(times);
    }
}

/// An answer that is all there is as long as it is, whatever its head says.
pub async fn is_as_long_as_it_is<A: App>() {
    let goods = handler(|request| async move {
        let said = request.uri().query().unwrap_or_default().split('&');
        let mut response = Response::new(body("the goods"));
        for length in said {
            let length = HeaderValue::from_str(length).unwrap();
            response.headers_mut().append("content-length", length);
        }
        Ok(response)
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), goods)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut bought = 0;
    for path in ["/goods?9", "/goods?3", "/goods?900", "/goods?9&8"] {
        for method in [Method::GET, Method::POST] {
            for by_http_2 in [false, true] {
                let payment = shop.pay(&buyer, path).await;
                let ask = paying(request(method.clone(), path, ""), &payment);
                let answer = if by_http_2 {
                    shop.send_http2("shop.example", ask).await
                } else {
                    shop.send(ask).await
                };
                assert_eq!(answer.text(), "the goods", "{method} {path}");
                assert_eq!(answer.header(CONTENT_LENGTH), Some("9"));
                bought += 1;
                shop.ledger.wait_for(Verb::Delivered, bought).await;
            }
        }
    }
    shop.assert_charges(bought);
}

/// By HTTP/1 what has come as far as it said is whole, and nobody waits for more, whether it is read first or not.
pub async fn is_over_though_it_does_not_end<A: App>() {
    let whole = handler(|_| async {
        let stalling = Stalling { sent: 0, length: 1 };
        let stalling = stalling.map_err(|never| match never {});
        Ok(Response::new(stalling.boxed_unsync()))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), whole)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (i, method) in [Method::GET, Method::POST].into_iter().enumerate() {
        let payment = shop.pay(&buyer, "/goods").await;
        let ask = paying(request(method, "/goods", ""), &payment);
        let mut connection = Connection::open(shop.address(), &ask).await;
        let head = connection.read_until("\r\n\r\nx").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        shop.ledger.wait_for(Verb::Delivered, i + 1).await;
        shop.assert_charges(i + 1);
    }
}

/// What comes behind the goods is in nobody's way, where it can be given out and where it cannot.
pub async fn may_have_trailers<A: App>() {
    let with_trailers = handler(|request| async move {
        let name = HeaderName::from_static("x-sum");
        let trailers = HeaderMap::from_iter([(name, HeaderValue::from_static("7"))]);
        let goods = if request.uri().query().is_some() {
            let goods = Frame::data(Bytes::from_static(b"the goods"));
            let frames = [goods, Frame::trailers(trailers)].map(Ok::<_, BoxError>);
            StreamBody::new(stream::iter(frames)).boxed_unsync()
        } else {
            let trailers = std::future::ready(Some(Ok(trailers)));
            body("the goods").with_trailers(trailers).boxed_unsync()
        };
        Ok(Response::new(goods))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), with_trailers)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut bought = 0;
    for path in ["/goods", "/goods?streamed"] {
        for method in [Method::GET, Method::POST] {
            for by_http_2 in [false, true] {
                let payment = shop.pay(&buyer, path).await;
                let ask = paying(request(method.clone(), path, ""), &payment);
                let answer = if by_http_2 {
                    shop.send_http2("shop.example", ask).await
                } else {
                    shop.send(ask).await
                };
                assert_eq!(answer.text(), "the goods");
                bought += 1;
                let ends = [Verb::Delivered, Verb::Undelivered];
                shop.ledger.wait_for_any(&ends, bought).await;
                let delivered = shop.ledger.count(Verb::Delivered);
                assert_eq!(delivered, bought, "{method} {path} {by_http_2}");
            }
        }
    }
    shop.assert_charges(bought);
}

/// The time for which it is on its way is nobody's fault: it is not given back meanwhile, and is owed as long as any other when
/// it breaks off.
pub async fn is_owed_when_it_breaks_off_late<A: App>() {
    let (events, telling) = telling();
    let shop = Shop::builder()
        .seller(|builder| builder.memory(MINUTE, MINUTE))
        .sell("/events", |x402| x402.route("$0.01"), telling)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/events").await;
    let mut connection = Connection::open(shop.address(), &paying(get("/events"), &payment)).await;
    events.send(Bytes::from_static(b"data: 1\n\n")).unwrap();
    connection.read_until("data: 1").await;
    let end = shop.clock.now() + PAYMENT_ENDS + MINUTE;
    while shop.clock.now() < end {
        shop.clock.sleeper_for(WORD).await;
        shop.clock.advance(WORD);
        assert_eq!(shop.events(), ["settled"]);
    }
    connection.hang_up();
    events.send(Bytes::from_static(b"data: 2\n\n")).unwrap();
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    drop(events);
    let again = shop.buy(&buyer, "/events").await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    shop.assert_charges(1);
}

const MINUTE: Duration = Duration::from_secs(60);
/// When nothing can happen to a payment any more that has just been signed.
const PAYMENT_ENDS: Duration = Duration::from_secs(360);
/// How often a server says what it attends to.
const WORD: Duration = Duration::from_millis(1300);

/// HTTP/2 has no upgrades, and neither has HTTP/1.0, so whoever is given one has nothing, and pays nothing.
pub async fn can_be_an_upgraded_connection_by_http_1_1_alone<A: App>() {
    let upgrade = handler(|_| async {
        let mut response = Response::new(body(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        Ok(response)
    });
    let shop = Shop::builder()
        .sell("/upgrade", |x402| x402.route("$0.01"), upgrade)
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/upgrade").await;
    let ask = paying(get("/upgrade"), &payment);
    let answer = shop.send_http2("shop.example", ask).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.header(PAYMENT_RESPONSE), None);
    shop.ledger.wait_for(Verb::Release, 1).await;

    let payment = payment.to_str().unwrap();
    let old = format!("GET /upgrade HTTP/1.0\r\npayment-signature: {payment}\r\n\r\n");
    let answer = send_raw(shop.address(), old.as_bytes()).await;
    assert!(answer.contains(" 500 "), "{answer}");
    shop.ledger.wait_for(Verb::Release, 2).await;
    shop.assert_charges(0);
}

/// An upgrade is goods: it is paid for before it happens, and works.
pub async fn can_be_an_upgraded_connection<A: App>() {
    let upgrade = handler(|mut request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            // Where there is none, the connection is that of the bodies.
            let Ok(upgraded) = upgrade.await else { return };
            let mut io = hyper_util::rt::TokioIo::new(upgraded);
            let mut word = [0; 4];
            io.read_exact(&mut word).await.unwrap();
            io.write_all(&word).await.unwrap();
        });
        let mut response = Response::new(request.into_body());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response
            .headers_mut()
            .insert("connection", HeaderValue::from_static("upgrade"));
        response
            .headers_mut()
            .insert("upgrade", HeaderValue::from_static("websocket"));
        Ok(response)
    });
    let shop = Shop::builder()
        .sell("/upgrade", |x402| x402.route("$0.01"), upgrade)
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/upgrade").await;
    let mut ask = paying(get("/upgrade"), &payment);
    ask.headers_mut()
        .insert("connection", HeaderValue::from_static("upgrade"));
    ask.headers_mut()
        .insert("upgrade", HeaderValue::from_static("websocket"));
    let mut connection = Connection::open(shop.address(), &ask).await;
    let head = connection.read_head().await.to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains(PAYMENT_RESPONSE.as_str()), "{head}");
    shop.assert_charges(1);
    connection.write(b"ping").await;
    let text = String::from_utf8_lossy(connection.read(head.len() + 4).await).into_owned();
    assert!(text.ends_with("ping"), "{text}");
    drop(connection);

    // Whoever has lost it gets another, and not the head of the first with nothing behind it.
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let mut connection = Connection::open(shop.address(), &ask).await;
    let head = connection.read_head().await.to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains(&format!("\n{REPLAYED}:")), "{head}");
    connection.write(b"pong").await;
    let text = String::from_utf8_lossy(connection.read(head.len() + 4).await).into_owned();
    assert!(text.ends_with("pong"), "{text}");
    shop.assert_charges(1);
}
