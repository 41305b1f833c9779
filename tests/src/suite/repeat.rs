//! A payment that comes again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, AGE, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HOST, IF_NONE_MATCH,
    SET_COOKIE, TRANSFER_ENCODING,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;
use x402_tower::cors::REPLAYED;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::price::RequestHead;
use x402_tower::proto::header::PAYMENT_REQUIRED;

use crate::buyer::{encode, get, paying, request};
use crate::{App, Challenge, Connection, Kitchen, Shop, TestBody, Verb, body, handler, pieces};

/// A payment that is good for longer than usual is remembered for longer, however it was settled.
pub async fn is_known_as_long_as_it_could_be_used<A: App>() {
    let shop = Shop::simple::<A>().await;
    let mut challenge = shop.challenge("/goods").await;
    challenge.v2.accepts[0].max_timeout_seconds = 3600;
    for (i, pending) in [0, 9].into_iter().enumerate() {
        let mut payment = shop.buyer(i as u64).payment(&challenge);
        payment["accepted"]["maxTimeoutSeconds"] = 300.into();
        let payment = encode(&payment);
        if pending > 0 {
            shop.facilitator
                .on(Endpoint::Settle, [Fault::Pending(pending)]);
            let answer = shop.send_and_wait(paying(get("/goods"), &payment)).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            shop.reconcile_until(Verb::Commit, i + 1).await;
        }
        for replayed in [None, Some("true")] {
            let answer = shop.send(paying(get("/goods"), &payment)).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert_eq!(answer.header(REPLAYED), replayed);
            shop.ledger.wait_for(Verb::Delivered, i + 1).await;
            shop.clock.advance(Duration::from_secs(3400));
        }
        shop.assert_charges(i + 1);
    }
}

/// A request is another one with other credentials, and with whatever else the seller says makes one.
pub async fn is_for_the_same_headers<A: App>() {
    let kitchen = Kitchen::open();
    let tenant = HeaderName::from_static("x-tenant");
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01").distinguish_by(tenant),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let ask = |headers: &[(&'static str, &'static str)]| {
        let mut request = paying(get("/goods"), &payment);
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(*name, value);
        }
        shop.send(request)
    };
    let own = ("authorization", "Bearer a");
    let first = ask(&[own, ("x-tenant", "1"), ("accept-language", "en")]).await;
    assert_eq!(first.status, StatusCode::OK);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    for headers in [
        &[][..],
        &[own],
        &[("x-tenant", "1")],
        &[("authorization", "Bearer b"), ("x-tenant", "1")],
        &[("cookie", "Bearer a"), ("x-tenant", "1")],
        &[own, ("cookie", "a=b"), ("x-tenant", "1")],
        &[own, ("range", "bytes=0-1"), ("x-tenant", "1")],
        &[own, ("x-tenant", "2")],
        &[own, ("x-tenant", "1"), ("x-tenant", "2")],
    ] {
        let answer = ask(headers).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{headers:?}");
        assert_eq!(answer.problem(), "payment_for_other_request");
    }
    let again = ask(&[own, ("x-tenant", "1"), ("accept-language", "fr")]).await;
    assert_eq!(again.header(REPLAYED), Some("true"));
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// A value is no name of another header, whatever lines it stands in.
pub async fn is_for_as_many_headers<A: App>() {
    let kitchen = Kitchen::open();
    let size = HeaderName::from_static("x-size");
    let by_size = |head: RequestHead| async move {
        let size = head.headers().get("x-size").cloned();
        let is_large = size.is_some_and(|size| size == "large");
        Ok::<_, Infallible>(if is_large { "$1" } else { "$0.01" })
    };
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| x402.route_with(by_size).distinguish_by(size),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let ask = |headers: &[(&'static str, &'static str)]| {
        let mut request = get("/goods");
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(*name, value);
        }
        request
    };
    let own = ("authorization", "Bearer a");
    let small = [own, ("authorization", "x-size"), ("authorization", "large")];
    let large = [own, ("x-size", "large")];
    let buyer = shop.buyer(1);
    let told = Challenge::of(&shop.send(ask(&small)).await);
    let payment = buyer.pay(&told);
    let answer = shop.send(paying(ask(&large), &payment)).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{answer:?}");
    shop.assert_charges(0);
    let answer = shop.send(paying(ask(&small), &payment)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer = shop.send(paying(ask(&large), &payment)).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "payment_for_other_request")
    );
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// Who has got it has got it, whatever becomes of it when it is given once more.
pub async fn stays_delivered<A: App>() {
    let kitchen = Kitchen::open();
    let cook = |_, request: Request<TestBody>| {
        let mut response = Response::new(pieces(8 << 20, true));
        if request.headers().contains_key(IF_NONE_MATCH) {
            response = Response::new(body(""));
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        Ok(response)
    };
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.cook(cook))
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    let ask = || paying(get("/goods"), &payment);
    assert_eq!(shop.send(ask()).await.body.len(), 8 << 20);
    shop.ledger.wait_for(Verb::Delivered, 1).await;

    let mut unchanged = ask();
    let any = HeaderValue::from_static("*");
    unchanged.headers_mut().insert(IF_NONE_MATCH, any);
    let answer = shop.send(unchanged).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    shop.ledger.wait_for(Verb::Undelivered, 1).await;
    let mut connection = Connection::open(shop.address(), &ask()).await;
    connection.read(10_000).await;
    connection.hang_up();
    shop.ledger.wait_for(Verb::Undelivered, 2).await;

    for times in 2..=4 {
        let answer = shop.buy(&buyer, "/goods").await;
        assert_eq!(answer.body.len(), 8 << 20, "{:?}", answer.status);
        shop.ledger.wait_for(Verb::Delivered, times).await;
        shop.assert_charges(times);
    }
    shop.sleep_long().await;
    assert!(!shop.events().contains(&"owed refund"));
}

/// What was encoded for one client is not given to another that may not be able to read it.
pub async fn is_encoded_anew<A: App>() {
    let kitchen = Kitchen::open();
    let cook = |run, request: Request<TestBody>| {
        let mut response = Response::new(body(format!("run {run}")));
        if request.headers().contains_key(ACCEPT_ENCODING) {
            let encoding = HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, encoding);
        }
        Ok(response)
    };
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.cook(cook))
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (method, runs) in [(Method::GET, 2), (Method::POST, 1)] {
        kitchen.begin_again();
        let delivered = shop.ledger.count(Verb::Delivered);
        let payment = shop.pay(&buyer, "/goods").await;
        let ask = || paying(request(method.clone(), "/goods", ""), &payment);
        let mut encoded = ask();
        let gzip = HeaderValue::from_static("gzip");
        encoded.headers_mut().insert(ACCEPT_ENCODING, gzip);
        let first = shop.send(encoded).await;
        assert_eq!(first.header(CONTENT_ENCODING), Some("gzip"));
        shop.ledger.wait_for(Verb::Delivered, delivered + 1).await;
        let again = shop.send(ask()).await;
        assert_eq!(again.text(), format!("run {runs}"));
        // What must not be done twice is given as it is.
        let is_encoded = again.header(CONTENT_ENCODING).is_some();
        assert_eq!(is_encoded, method == Method::POST);
        if runs == 2 {
            shop.ledger.wait_for(Verb::Delivered, delivered + 2).await;
        }
    }
    shop.assert_charges(2);
}

/// What HEAD was told is not all that GET has a right to.
pub async fn gets_the_whole_answer_after_its_head<A: App>() {
    let kitchen = Kitchen::open();
    let handler = kitchen.cook(|_, _| Ok(Response::new(crate::pieces(1000, true))));
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), handler)
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let head = paying(request(Method::HEAD, "/goods", ""), &payment);
    let head = shop.send(head).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert!(head.receipt().success);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let whole = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!((whole.status, whole.body.len()), (StatusCode::OK, 1000));
    assert_eq!(whole.receipt(), head.receipt());
    assert_eq!(kitchen.started(), 2);
    shop.assert_charges(1);
}

/// A request is the same one by HTTP/2, and another one to another server.
pub async fn is_the_same_by_http_2<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller(|builder| builder.trust_host(true))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (i, method) in [Method::GET, Method::POST].into_iter().enumerate() {
        let payment = shop.pay(&buyer, "/goods").await;
        let ask = || paying(request(method.clone(), "/goods", "an order"), &payment);
        let first = shop.send_http2("shop.example", ask()).await;
        assert_eq!(first.status, StatusCode::OK, "{first:?}");
        assert!(first.receipt().success);
        shop.ledger.wait_for(Verb::Delivered, i + 1).await;

        let other = shop.send_http2("other.example", ask()).await;
        assert_eq!(
            (other.status, other.problem().as_str()),
            (StatusCode::CONFLICT, "payment_for_other_request")
        );
        let mut hosted = ask();
        let name = HeaderValue::from_static("shop.example");
        hosted.headers_mut().insert(HOST, name);
        // Handlers could look at either of two, where servers let them through.
        let mut doubtful = hosted.clone();
        let other = HeaderValue::from_static("other.example");
        doubtful.headers_mut().append(HOST, other);
        let doubtful = shop.send(doubtful).await;
        assert!(doubtful.status.is_client_error(), "{doubtful:?}");
        for again in [
            shop.send_http2("shop.example", ask()).await,
            shop.send(hosted).await,
        ] {
            assert_eq!(again.status, StatusCode::OK, "{method} {again:?}");
            assert_eq!(again.header(REPLAYED), Some("true"));
            assert_eq!(again.text(), first.text());
        }
        assert_eq!(kitchen.started(), i + 1);
        shop.assert_charges(i + 1);
    }
}

/// A seller who sends requests to handlers by their host says so, and HTTP/2 says the host elsewhere.
pub async fn is_for_the_same_host_however_it_is_said<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01").distinguish_by(HOST),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let ask = |host: Option<&'static str>| {
        let mut ask = paying(get("/goods"), &payment);
        let host = host.map(HeaderValue::from_static);
        ask.headers_mut().extend(host.map(|host| (HOST, host)));
        ask
    };
    let first = shop.send_http2("small.example", ask(None)).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    for other in [
        shop.send_http2("large.example", ask(None)).await,
        shop.send_http2("large.example", ask(Some("small.example")))
            .await,
        shop.send(ask(Some("large.example"))).await,
    ] {
        assert_eq!(
            (other.status, other.problem().as_str()),
            (StatusCode::CONFLICT, "payment_for_other_request")
        );
    }
    let again = shop.send(ask(Some("small.example"))).await;
    assert_eq!(again.header(REPLAYED), Some("true"), "{again:?}");
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// What would be told, and no body: servers do not see to that themselves by HTTP/2.
pub async fn has_no_body_for_head<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let head = || request(Method::HEAD, "/goods", "");
    let unpaid = shop.send(get("/goods")).await;
    for asked in [
        shop.send(head()).await,
        shop.send_http2("shop.example", head()).await,
    ] {
        assert_eq!(asked.text(), "");
        assert_eq!(asked.header(CONTENT_LENGTH), unpaid.header(CONTENT_LENGTH));
        Challenge::of(&asked);
    }
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let first = shop.send(paying(get("/goods"), &payment)).await;
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    for again in [
        shop.send(paying(head(), &payment)).await,
        shop.send_http2("shop.example", paying(head(), &payment))
            .await,
    ] {
        assert_eq!((again.status, again.text()), (StatusCode::OK, ""));
        assert_eq!(again.header(REPLAYED), Some("true"));
        assert_eq!(again.header(CONTENT_LENGTH), first.header(CONTENT_LENGTH));
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// Neither cookies that HTTP/2 has sent one by one nor a body that is empty and not missing make another request.
pub async fn is_the_same_however_it_is_sent<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01").bind_body(100),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let with_cookies = |cookies: &[&'static str]| {
        let mut ask = paying(get("/goods"), &payment);
        for cookie in cookies {
            let cookie = HeaderValue::from_static(cookie);
            ask.headers_mut().append(COOKIE, cookie);
        }
        ask
    };
    let apart = || with_cookies(&["a=1", "b=2"]);
    let first = shop.send_http2("shop.example", apart()).await;
    assert_eq!(first.text(), "the goods, run 1");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    let mut empty = with_cookies(&["a=1; b=2"]);
    let chunked = HeaderValue::from_static("chunked");
    empty.headers_mut().insert(TRANSFER_ENCODING, chunked);
    for again in [
        shop.send_http2("shop.example", apart()).await,
        shop.send(with_cookies(&["a=1; b=2"])).await,
        shop.send(empty).await,
    ] {
        assert_eq!(again.text(), "the goods, run 1", "{again:?}");
        assert_eq!(again.header(REPLAYED), Some("true"));
    }
    for others in [&["a=1"][..], &["a=1; b=3"], &["a=1;b=2"], &["b=2", "a=1"]] {
        let other = shop.send(with_cookies(others)).await;
        assert_eq!(other.problem(), "payment_for_other_request", "{others:?}");
    }
    shop.assert_charges(1);
}

/// Whoever comes again with the payment and its reference gets the same answer.
pub async fn gets_the_kept_answer<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/goods",
            |x402| x402.route("$0.01"),
            kitchen.cook(|run, _| {
                let mut response = Response::new(body(format!("run {run}")));
                *response.status_mut() = StatusCode::CREATED;
                response
                    .headers_mut()
                    .insert("etag", HeaderValue::from_static("\"1\""));
                response
                    .headers_mut()
                    .insert(SET_COOKIE, HeaderValue::from_static("session=1"));
                Ok(response)
            }),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let first = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(first.header(SET_COOKIE), Some("session=1"));
    assert_eq!(first.header(REPLAYED), None);
    shop.ledger.wait_for(Verb::Delivered, 1).await;

    // By now the payment is over, and that does not matter.
    shop.clock.advance(Duration::from_secs(600));
    let again = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(again.status, StatusCode::CREATED);
    assert_eq!(
        (again.text(), again.header(http::header::ETAG)),
        ("run 1", Some("\"1\""))
    );
    assert_eq!(
        (again.header(REPLAYED), again.header(AGE)),
        (Some("true"), Some("600"))
    );
    assert_eq!(again.header(SET_COOKIE), None);
    assert_eq!(again.header(http::header::CACHE_CONTROL), Some("private"));
    assert_eq!(again.receipt(), first.receipt());
    // What HEAD would have said is what GET said.
    let head = shop
        .send(paying(request(Method::HEAD, "/goods", ""), &payment))
        .await;
    assert_eq!((head.status, head.text()), (StatusCode::CREATED, ""));
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);

    // After a quarter of an hour it is forgotten, and too old for anything else.
    shop.clock.advance(Duration::from_secs(301));
    let forgotten = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        Challenge::of(&forgotten).error(),
        "invalid_exact_evm_payload_authorization_valid_before"
    );
    shop.assert_charges(1);
}

/// Everything that was signed is public once it is settled, so it shows nothing; the reference never was.
pub async fn gets_nothing_without_the_reference<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.buyer(1).payment(&shop.challenge("/goods").await);
    let first = shop.send(paying(get("/goods"), &encode(&payment))).await;
    assert_eq!(first.status, StatusCode::OK);

    // Rebuilt from the transaction, with a reference of a challenge of one's own.
    let thief = shop.challenge("/goods").await;
    let mut accepted = serde_json::to_value(&thief.v2.accepts[0]).unwrap();
    let rebuilt = |accepted: &serde_json::Value| {
        encode(&json!({ "x402Version": 2, "accepted": accepted, "payload": payment["payload"] }))
    };
    let with_own = rebuilt(&accepted);
    accepted["extra"]["ref"] = json!("AAAAAAAAAAAAAAAAAAAAAAAA");
    let with_forged = rebuilt(&accepted);
    accepted["extra"].as_object_mut().unwrap().remove("ref");
    let with_none = rebuilt(&accepted);
    for payment in [with_own, with_forged, with_none] {
        let answer = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::CONFLICT, "already_settled")
        );
        assert_eq!(answer.receipt(), first.receipt());
        assert_eq!(answer.header(PAYMENT_REQUIRED), None);
        assert!(!answer.text().contains("the goods"));
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// A payment without a reference of ours buys as well as any; it just cannot be repeated.
pub async fn can_be_paid_without_a_reference<A: App>() {
    let shop = Shop::simple::<A>().await;
    let mut payment = shop.buyer(1).payment(&shop.challenge("/goods").await);
    payment["accepted"]["extra"]
        .as_object_mut()
        .unwrap()
        .remove("ref");
    let payment = encode(&payment);
    assert_eq!(
        shop.send(paying(get("/goods"), &payment)).await.text(),
        "the goods"
    );
    let again = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(
        (again.status, again.problem().as_str()),
        (StatusCode::CONFLICT, "already_settled")
    );
    shop.assert_charges(1);
}

/// Another body makes another request, as far as the handler has looked at it.
pub async fn is_for_the_same_body<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/read",
            |x402| x402.route("$0.01"),
            kitchen.cook(|run, request| {
                use http_body_util::BodyExt as _;
                // The answer is what the handler reads.
                let text = format!("run {run}: ");
                let read = request.into_body().map_err(Into::into);
                let both = http_body_util::Full::new(bytes::Bytes::from(text))
                    .map_err(|never| match never {});
                Ok(Response::new(Chain(Some(both), read).boxed_unsync()))
            }),
        )
        .sell("/ignore", |x402| x402.route("$0.01"), kitchen.handler())
        .sell(
            "/bound",
            |x402| x402.route("$0.01").bind_body(100),
            kitchen.handler(),
        )
        .sell(
            "/bound-and-read",
            |x402| x402.route("$0.01").bind_body(100),
            handler(|request| async move { Ok(Response::new(request.into_body())) }),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let post = |path: &str, body: &'static str, payment: &HeaderValue| {
        paying(request(Method::POST, path, body), payment)
    };

    let payment = shop.pay(&buyer, "/read").await;
    let first = shop.send(post("/read", "abcdef", &payment)).await;
    assert_eq!(first.text(), "run 1: abcdef");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    assert_eq!(
        shop.send(post("/read", "abcdef", &payment)).await.text(),
        "run 1: abcdef"
    );
    for other in ["abcdeX", "abcde", "abcdefg", ""] {
        let answer = shop.send(post("/read", other, &payment)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{other}");
        assert_eq!(answer.problem(), "payment_for_other_request", "{other}");
        assert!(answer.receipt().success);
    }

    // No body is not the same as some.
    let payment = shop.pay(&buyer, "/read").await;
    assert_eq!(
        shop.send(post("/read", "", &payment)).await.text(),
        "run 2: "
    );
    shop.ledger.wait_for(Verb::Delivered, 2).await;
    let answer = shop.send(post("/read", "abcdef", &payment)).await;
    assert_eq!(answer.problem(), "payment_for_other_request");

    // A handler that does not look at the body answers alike whatever it is.
    let payment = shop.pay(&buyer, "/ignore").await;
    assert_eq!(
        shop.send(post("/ignore", "abc", &payment)).await.text(),
        "the goods, run 3"
    );
    shop.ledger.wait_for(Verb::Delivered, 3).await;
    for other in ["xyz", ""] {
        assert_eq!(
            shop.send(post("/ignore", other, &payment)).await.text(),
            "the goods, run 3"
        );
    }

    // A payment that is bound to its body is bound to all of it.
    let payment = shop.pay(&buyer, "/bound").await;
    assert_eq!(
        shop.send(post("/bound", "abc", &payment)).await.text(),
        "the goods, run 4"
    );
    shop.ledger.wait_for(Verb::Delivered, 4).await;
    assert_eq!(
        shop.send(post("/bound", "abc", &payment)).await.text(),
        "the goods, run 4"
    );
    let answer = shop.send(post("/bound", "xyz", &payment)).await;
    assert_eq!(answer.problem(), "payment_for_other_request");
    let payment = shop.pay(&buyer, "/bound-and-read").await;
    for _ in 0..2 {
        let answer = shop.send(post("/bound-and-read", "abc", &payment)).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "abc"));
        shop.ledger.wait_for(Verb::Delivered, 5).await;
    }
    let answer = shop.send(post("/bound-and-read", "xyz", &payment)).await;
    assert_eq!(answer.problem(), "payment_for_other_request");
    shop.assert_charges(5);
}

/// An answer that was not young when it was given is older when it is given again.
pub async fn says_how_old_its_answer_is<A: App>() {
    let cook = handler(|_| async {
        let mut response = Response::new(body("the goods"));
        response
            .headers_mut()
            .insert("age", HeaderValue::from_static("7"));
        Ok(response)
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), cook)
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let ask = || shop.send(paying(get("/goods"), &payment));
    assert_eq!(ask().await.header(AGE), Some("7"));
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    shop.clock.advance(Duration::from_secs(5));
    assert_eq!(ask().await.header(AGE), Some("12"));
}

/// A known payment is answered whatever the price has become since, and though it cannot be said any more.
pub async fn does_not_ask_for_the_price<A: App>() {
    let price = Arc::new(AtomicU64::new(1));
    let kitchen = Kitchen::open();
    let asked = Arc::clone(&price);
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| {
                x402.route_with(move |_| {
                    let cents = asked.load(Ordering::SeqCst);
                    async move {
                        match cents {
                            0 => Err("the price is gone"),
                            cents => Ok(format!("$0.{cents:02}")),
                        }
                    }
                })
            },
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let payment = shop.pay(&buyer, "/goods").await;
    assert_eq!(
        shop.send(paying(get("/goods"), &payment)).await.text(),
        "the goods, run 1"
    );
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    for cents in [5, 0] {
        price.store(cents, Ordering::SeqCst);
        let again = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(
            (again.status, again.text()),
            (StatusCode::OK, "the goods, run 1"),
            "{cents}"
        );
    }
    shop.assert_charges(1);
}

/// A price that was told holds for a while, for the request that it was told for.
pub async fn honours_a_price_that_was_told<A: App>() {
    let price = Arc::new(AtomicU64::new(1));
    let asked = Arc::clone(&price);
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| {
                x402.route_with(move |_| {
                    let cents = asked.load(Ordering::SeqCst);
                    async move { format!("$0.{cents:02}") }
                })
                .quote_window(Duration::from_secs(120))
            },
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(buyer.payment(&shop.challenge("/goods").await));
    }
    let [in_time, elsewhere, otherwise, cheaper, too_late] = &mut told[..] else {
        unreachable!()
    };
    price.store(3, Ordering::SeqCst);

    shop.clock.advance(Duration::from_secs(100));
    assert_eq!(
        shop.send(paying(get("/goods"), &encode(in_time)))
            .await
            .text(),
        "the goods, run 1"
    );
    assert_eq!(shop.transfers()[0].amount, 10_000u64.into());
    // What it costs now can be paid as well, of course.
    assert_eq!(shop.buy(&buyer, "/goods").await.text(), "the goods, run 2");
    assert_eq!(shop.transfers()[1].amount, 30_000u64.into());

    let mismatch = "no_matching_payment_requirements";
    let answer = shop
        .send(paying(get("/goods?size=large"), &encode(elsewhere)))
        .await;
    assert_eq!(Challenge::of(&answer).error(), mismatch);
    let post = request(Method::POST, "/goods", "");
    let answer = shop.send(paying(post, &encode(otherwise))).await;
    assert_eq!(Challenge::of(&answer).error(), mismatch);
    assert_eq!(
        Challenge::of(&answer).v2.accepts[0].amount,
        30_000u64.into()
    );
    cheaper["accepted"]["amount"] = "1".into();
    let answer = shop.send(paying(get("/goods"), &encode(cheaper))).await;
    assert_eq!(Challenge::of(&answer).error(), mismatch);
    shop.clock.advance(Duration::from_secs(21));
    let answer = shop.send(paying(get("/goods"), &encode(too_late))).await;
    assert_eq!(Challenge::of(&answer).error(), mismatch);
    assert_eq!(kitchen.started(), 2);
    shop.assert_charges(2);
}

/// A price that was told for something cheap is not one for something dear, where headers tell them apart.
pub async fn honours_no_price_of_something_else<A: App>() {
    let kitchen = Kitchen::open();
    let size = HeaderName::from_static("x-size");
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| {
                x402.route_with(async |head: RequestHead| {
                    let large = ["x-size", "authorization", "range"]
                        .iter()
                        .any(|name| head.headers().contains_key(*name));
                    if large { "$1" } else { "$0.01" }
                })
                .distinguish_by(size)
            },
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    for (i, name) in ["x-size", "authorization", "range"].into_iter().enumerate() {
        let payment = shop.pay(&buyer, "/goods").await;
        let mut large = paying(get("/goods"), &payment);
        let value = HeaderValue::from_static("bytes=0-");
        large.headers_mut().insert(name, value);
        let answer = shop.send(large).await;
        let challenge = Challenge::of(&answer);
        assert_eq!(challenge.error(), "no_matching_payment_requirements");
        assert_eq!(challenge.v2.accepts[0].amount, 1_000_000u64.into());
        assert_eq!(kitchen.started(), i, "{name}");
        // A cookie that came with the challenge does not take away what was told.
        let mut small = paying(get("/goods"), &payment);
        let value = HeaderValue::from_static("session=1");
        small.headers_mut().insert(COOKIE, value);
        for _ in 0..2 {
            let answer = shop.send(small.clone()).await;
            assert_eq!(answer.text(), format!("the goods, run {}", i + 1));
            shop.ledger.wait_for(Verb::Delivered, i + 1).await;
        }
    }
    shop.assert_charges(3);
}

/// Nor is a price that was told by one name good by another.
pub async fn honours_no_price_of_another_host<A: App>() {
    let by_host = async |head: RequestHead| {
        let said = head.headers().get(HOST);
        let host = said.and_then(|host| host.to_str().ok());
        let is_large = host.or(head.uri().host()) == Some("large.example");
        if is_large { "$1" } else { "$0.01" }
    };
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| x402.route_with(by_host).distinguish_by(HOST),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let told = shop.send_http2("small.example", get("/goods")).await;
    let payment = shop.buyer(1).pay(&Challenge::of(&told));
    let ask = || paying(get("/goods"), &payment);
    let answer = shop.send_http2("large.example", ask()).await;
    let challenge = Challenge::of(&answer);
    assert_eq!(challenge.error(), "no_matching_payment_requirements");
    assert_eq!(challenge.v2.accepts[0].amount, 1_000_000u64.into());
    let answer = shop.send_http2("small.example", ask()).await;
    assert_eq!(answer.text(), "the goods, run 1");
    shop.assert_charges(1);
}

/// HTTP/1.0 names no server, as it is in common behind sockets that have none. That is a server as any other, and cheap.
pub async fn honours_no_price_of_no_host<A: App>() {
    let by_host = async |head: RequestHead| {
        let is_named = head.headers().contains_key(HOST) || head.uri().host().is_some();
        if is_named { "$1" } else { "$0.01" }
    };
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller(|builder| builder.trust_host(true))
        .sell(
            "/goods",
            move |x402| x402.route_with(by_host),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let nameless = async |payment: &str| {
        let ask = format!("GET /goods HTTP/1.0\r\n{payment}\r\n");
        let answer = crate::send_raw(shop.address(), ask.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let mut headers = http::HeaderMap::new();
        for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let body = body.to_owned().into();
        crate::Answer {
            status,
            headers,
            body,
        }
    };
    let told = Challenge::of(&nameless("").await);
    assert_eq!(told.v2.resource.url, "https://localhost/goods");
    let payment = shop.buyer(1).pay(&told);
    let ask = || paying(get("/goods"), &payment);
    for named in [
        shop.send(ask()).await,
        shop.send_http2("localhost", ask()).await,
    ] {
        let challenge = Challenge::of(&named);
        assert_eq!(challenge.error(), "no_matching_payment_requirements");
    }
    let payment = format!("payment-signature: {}\r\n", payment.to_str().unwrap());
    for again in [false, true] {
        let bought = nameless(&payment).await;
        assert_eq!(bought.text(), "the goods, run 1", "{bought:?}");
        assert_eq!(bought.headers.contains_key("idempotent-replayed"), again);
        shop.ledger.wait_for(Verb::Delivered, 1).await;
        let named = shop.send(ask()).await;
        assert_eq!(named.status, StatusCode::CONFLICT);
    }
    shop.assert_charges(1);
}

/// One body behind another.
struct Chain<A, B>(Option<A>, B);

impl<A, B> http_body::Body for Chain<A, B>
where
    A: http_body::Body<Data = bytes::Bytes, Error = crate::BoxError> + Unpin,
    B: http_body::Body<Data = bytes::Bytes, Error = crate::BoxError> + Unpin,
{
    type Data = bytes::Bytes;
    type Error = crate::BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, crate::BoxError>>> {
        if let Some(first) = &mut self.0 {
            match std::task::ready!(std::pin::Pin::new(first).poll_frame(cx)) {
                Some(frame) => return std::task::Poll::Ready(Some(frame)),
                None => self.0 = None,
            }
        }
        std::pin::Pin::new(&mut self.1).poll_frame(cx)
    }
}
