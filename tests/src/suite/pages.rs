//! Programs in pages, and the caches on the way to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use http::{HeaderName, Method, Request, Response, StatusCode};
use x402_tower::cors::{ALLOWED_HEADERS, EXPOSED_HEADERS};
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::price::Accept;
use x402_tower::proto::header::{PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE};

use crate::buyer::{encode, get, paying, request};
use crate::shop::PAYEE;
use crate::{Answer, App, Kitchen, Shop, Verb, body};

/// Every value of a header, in one.
fn all(answer: &Answer, name: HeaderName) -> String {
    let values = answer.headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    values.join(", ")
}

#[track_caller]
fn assert_exposed(answer: &Answer) {
    let exposed = all(answer, ACCESS_CONTROL_EXPOSE_HEADERS);
    let exposed: Vec<_> = exposed.split(", ").collect();
    for name in EXPOSED_HEADERS {
        let times = exposed.iter().filter(|own| **own == name.as_str()).count();
        assert_eq!(times, 1, "`{name}` in {answer:?}");
    }
}

/// Whatever a gate answers by itself can be read by the page that asked, and is in no cache for the next one.
pub async fn read_whatever_a_gate_says<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::builder()
        .seller(|builder| builder.pay_to("bsc", PAYEE).most_header_bytes(2048))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .sell(
            "/permit",
            |x402| x402.route(Accept::new("0.25 USDT").network("bsc")),
            kitchen.handler(),
        )
        .sell(
            "/bound",
            |x402| x402.route("$0.01").bind_body(4),
            kitchen.handler(),
        )
        .sell(
            "/broken",
            |x402| x402.route_with(|_| async { Err::<&str, _>("no price") }),
            kitchen.handler(),
        )
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let sell = async |path| shop.pay(&buyer, path).await;
    let mut answers = Vec::new();
    let mut say = |status: u16, answer: Answer| {
        assert_eq!(answer.status, status, "{answer:?}");
        answers.push(answer);
    };

    say(402, shop.send(get("/goods")).await);
    say(402, shop.send(request(Method::OPTIONS, "/goods", "")).await);
    say(500, shop.send(get("/broken")).await);
    let none = HeaderValue::from_static("none");
    say(400, shop.send(paying(get("/goods"), &none)).await);
    let large = HeaderValue::from_str(&"a".repeat(2049)).unwrap();
    say(431, shop.send(paying(get("/goods"), &large)).await);
    let mut other = buyer.payment(&shop.challenge("/goods").await);
    other["accepted"]["amount"] = "9999".into();
    say(402, shop.send(paying(get("/goods"), &encode(&other))).await);
    let long = request(Method::POST, "/bound", "much too long");
    say(413, shop.send(paying(long, &sell("/bound").await)).await);

    shop.facilitator.want_allowance(true);
    let permit = sell("/permit").await;
    say(412, shop.send(paying(get("/permit"), &permit)).await);
    shop.facilitator.on(Endpoint::Verify, [Fault::Unreachable]);
    let payment = sell("/goods").await;
    say(503, shop.send(paying(get("/goods"), &payment)).await);
    let refused = Fault::Refuse("insufficient_funds".to_owned());
    shop.facilitator.on(Endpoint::Settle, [refused]);
    say(402, shop.send(paying(get("/goods"), &payment)).await);

    assert_eq!(shop.send(paying(get("/goods"), &payment)).await.status, 200);
    say(409, shop.send(paying(get("/goods?other"), &payment)).await);
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::LoseRequest));
    let payment = sell("/goods?parked").await;
    let parked = paying(get("/goods?parked"), &payment);
    say(503, shop.send_and_wait(parked).await);
    shop.reconcile_until(Verb::GiveUp, 1).await;
    let unresolved = paying(get("/goods?parked"), &payment);
    say(410, shop.send(unresolved).await);

    for answer in answers {
        assert_exposed(&answer);
        assert_eq!(answer.header(CACHE_CONTROL), Some("no-store"), "{answer:?}");
    }
}

/// A browser asks before a page may pay; that costs nothing, and the handler answers it.
pub async fn ask_before_they_pay<A: App>() {
    let kitchen = Kitchen::open();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let shop = Shop::builder()
        .sell(
            "/goods",
            move |x402| {
                x402.route_with(move |_| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    async { "$0.01" }
                })
            },
            kitchen.cook(|_, request| {
                assert!(!request.headers().contains_key(PAYMENT_SIGNATURE));
                let mut response = Response::new(body(""));
                *response.status_mut() = StatusCode::NO_CONTENT;
                let public = HeaderValue::from_static("public, max-age=600");
                response.headers_mut().insert(CACHE_CONTROL, public);
                Ok(response)
            }),
        )
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let priced = asked.load(Ordering::SeqCst);

    let names = ALLOWED_HEADERS.map(|name| name.to_string()).join(",");
    let preflight = |method: &str| {
        Request::builder()
            .method(Method::OPTIONS)
            .uri("/goods")
            .header("origin", "https://page.example")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", &names)
            .body(bytes::Bytes::new())
            .unwrap()
    };
    for asking in [
        preflight("GET"),
        preflight("POST"),
        paying(preflight("GET"), &payment),
    ] {
        let answer = shop.send(asking).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        // It is none of a gate's business how long that is good for.
        assert_eq!(answer.header(CACHE_CONTROL), Some("public, max-age=600"));
        for name in [
            PAYMENT_REQUIRED,
            PAYMENT_RESPONSE,
            ACCESS_CONTROL_EXPOSE_HEADERS,
        ] {
            assert_eq!(answer.header(name), None);
        }
    }
    assert_eq!(
        (kitchen.started(), asked.load(Ordering::SeqCst)),
        (3, priced)
    );
    assert_eq!(shop.facilitator.calls().verify, 0);
    // Only browsers ask like that, and only with this method.
    for method in [Method::GET, Method::HEAD, Method::POST] {
        let mut other = preflight("GET");
        *other.method_mut() = method;
        assert_eq!(shop.send(other).await.status, StatusCode::PAYMENT_REQUIRED);
    }
    assert_eq!(kitchen.started(), 3);
    shop.assert_charges(0);
}

/// What counts more than `Cache-Control` for some of them.
const FOR_SHARED_CACHES: [&str; 3] = ["cdn-cache-control", "surrogate-control", "x-accel-expires"];

/// What was paid for is for whoever has paid, and for no cache that others use.
pub async fn share_nothing_that_was_paid_for<A: App>() {
    for (said, made) in [
        (&[][..], "private"),
        (&["public, max-age=60"], "private, max-age=60"),
        (&["s-maxage=600, max-age=60"], "private, max-age=60"),
        (&["Public", "S-MaxAge=600"], "private"),
        (&["max-age=60", "no-store"], "private, max-age=60, no-store"),
        (&["private=\"x-a, x-b\", max-age=1"], "private, max-age=1"),
        (
            &["no-cache=\"x-a, public, x-b\""],
            "private, no-cache=\"x-a, public, x-b\"",
        ),
    ] {
        let kitchen = Kitchen::open();
        let recipe = move |_, _| {
            let mut response = Response::new(body("the goods"));
            for value in said {
                let value = HeaderValue::from_static(value);
                response.headers_mut().append(CACHE_CONTROL, value);
            }
            let own = HeaderValue::from_static("x-own");
            response
                .headers_mut()
                .insert(ACCESS_CONTROL_EXPOSE_HEADERS, own);
            for name in FOR_SHARED_CACHES {
                let long = HeaderValue::from_static("max-age=600");
                response.headers_mut().insert(name, long);
            }
            Ok(response)
        };
        let shop = Shop::builder()
            .sell("/goods", |x402| x402.route("$0.01"), kitchen.cook(recipe))
            .sell(
                "/free",
                |x402| x402.route("$0.01").free_when(|_| true),
                kitchen.cook(recipe),
            )
            .open::<A>()
            .await;
        let payment = shop.pay(&shop.buyer(1), "/goods").await;
        let first = shop.send(paying(get("/goods"), &payment)).await;
        shop.ledger.wait_for(Verb::Delivered, 1).await;
        let again = shop.send(paying(get("/goods"), &payment)).await;
        assert_eq!(kitchen.started(), 1);
        for answer in [first, again] {
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header(CACHE_CONTROL), Some(made), "{said:?}");
            assert_exposed(&answer);
            assert!(all(&answer, ACCESS_CONTROL_EXPOSE_HEADERS).contains("x-own"));
            assert_eq!(answer.header(RETRY_AFTER), None);
            for name in FOR_SHARED_CACHES {
                assert!(!answer.headers.contains_key(name), "{name}");
            }
        }
        let free = shop.send(get("/free")).await;
        for name in FOR_SHARED_CACHES {
            assert!(free.headers.contains_key(name), "{name}");
        }
        assert_eq!(all(&free, CACHE_CONTROL), said.join(", "));
        assert_eq!(free.header(ACCESS_CONTROL_EXPOSE_HEADERS), Some("x-own"));
    }
}
