//! Middleware of others, around a price and within.

use actix_cors::Cors;
use actix_web::middleware::{Compress, Logger, NormalizePath, TrailingSlash};
use actix_web::{App, web};
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_ENCODING,
};
use http::{Method, Request, StatusCode};
use x402_actix::cors::{ALLOWED_HEADERS, EXPOSED_HEADERS};
use x402_tests::buyer::{get, paying, request};
use x402_tests::{Answer, Challenge, Kitchen, Running, Shop, Verb, send};

use crate::{ask, open, serve};

const PAGE: &str = "https://page.example";

fn cors() -> Cors {
    Cors::default()
        .allowed_origin(PAGE)
        .allowed_methods(["GET"])
        .allowed_headers(ALLOWED_HEADERS.map(|name| name.to_string()))
        .expose_headers(EXPOSED_HEADERS.map(|name| name.to_string()))
}

fn from_page(mut request: Request<bytes::Bytes>) -> Request<bytes::Bytes> {
    let headers = request.headers_mut();
    headers.insert("origin", PAGE.parse().unwrap());
    request
}

/// What the browser asks before a page pays.
async fn preflight(app: &Running) -> Answer {
    let mut question = from_page(request(Method::OPTIONS, "/goods", ""));
    let headers = question.headers_mut();
    headers.insert("access-control-request-method", "GET".parse().unwrap());
    let asked = ALLOWED_HEADERS.map(|name| name.to_string()).join(",");
    let asked = asked.parse().unwrap();
    headers.insert("access-control-request-headers", asked);
    send(app.address, question).await
}

async fn buys(shop: &Shop, app: &Running) {
    let challenge = send(app.address, from_page(get("/goods"))).await;
    let exposed: Vec<_> = challenge
        .headers
        .get_all(ACCESS_CONTROL_EXPOSE_HEADERS)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert!(
        exposed.join(", ").contains("payment-required"),
        "{exposed:?}"
    );
    let payment = shop.buyer(1).pay(&Challenge::of(&challenge));
    let answer = send(app.address, from_page(paying(get("/goods"), &payment))).await;
    assert_eq!(answer.text(), "the goods");
    assert_eq!(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(PAGE));
    assert!(answer.receipt().success);
    shop.assert_charges(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cors_may_be_around_a_price() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let goods = web::resource("/goods").wrap(price.clone());
        App::new()
            .wrap(cors())
            .service(goods.to(async || "the goods"))
    });
    let answer = preflight(&app).await;
    assert_eq!(answer.status, StatusCode::OK);
    let allowed = answer.header(ACCESS_CONTROL_ALLOW_HEADERS).unwrap();
    assert!(allowed.contains("payment-signature"), "{allowed}");
    // The page may read the challenge.
    let challenge = send(app.address, from_page(get("/goods"))).await;
    assert_eq!(challenge.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(challenge.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(PAGE));
    buys(&shop, &app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cors_within_a_price_is_asked_for_nothing() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let goods = web::resource("/goods").wrap(cors()).wrap(price.clone());
        App::new().service(goods.to(async || "the goods"))
    });
    let answer = preflight(&app).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(PAGE));
    assert_eq!(answer.text(), "");
    buys(&shop, &app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_may_be_compressed_around_a_price_and_within() {
    for within in [true, false] {
        let (shop, x402) = open().await;
        let price = x402.price("$0.01").unwrap();
        let app = serve!(move || {
            use actix_web::middleware::Condition;
            let goods = web::resource("/goods")
                .wrap(Condition::new(within, Compress::default()))
                .wrap(price.clone())
                .wrap(Condition::new(!within, Compress::default()));
            App::new().service(goods.to(async || "the goods ".repeat(1000)))
        });
        let compressed = |mut request: Request<bytes::Bytes>| {
            let headers = request.headers_mut();
            headers.insert(ACCEPT_ENCODING, "gzip".parse().unwrap());
            request
        };
        let challenge = Challenge::of(&ask(&app, "/goods").await);
        let payment = shop.buyer(1).pay(&challenge);
        for _ in 0..2 {
            // The second time it is the answer that was kept.
            let ask = compressed(paying(get("/goods"), &payment));
            let answer = send(app.address, ask).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header(CONTENT_ENCODING), Some("gzip"));
            assert!(answer.body.len() < 1000 && answer.body.starts_with(b"\x1f\x8b"));
            assert!(answer.receipt().success);
            shop.ledger.wait_for(Verb::Delivered, 1).await;
        }
        shop.assert_charges(1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_that_are_tidied_up_lead_to_the_price() {
    let kitchen = Kitchen::open();
    for slash in [TrailingSlash::Trim, TrailingSlash::MergeOnly] {
        let (shop, x402) = open().await;
        let price = x402.price("$0.01").unwrap();
        let cook = kitchen.handler();
        let app = serve!(move || {
            let cook = cook.clone();
            let goods = web::resource("/shop/goods").wrap(price.clone());
            App::new()
                .wrap(NormalizePath::new(slash))
                .wrap(Logger::default())
                .service(goods.to(move || {
                    let cooking = cook(Request::new(x402_tests::body("")));
                    async {
                        let _ = cooking.await;
                        "the goods"
                    }
                }))
        });
        for path in ["/shop/goods", "//shop//goods", "///shop/goods"] {
            let challenge = Challenge::of(&ask(&app, path).await);
            let url = "https://shop.example/api/shop/goods";
            assert_eq!(challenge.v2.resource.url, url, "{path}");
        }
        for path in [
            "/shop/goods/",
            "/shop/goods//",
            "/shop/./goods",
            "/shop/goods%2F",
        ] {
            let status = ask(&app, path).await.status;
            assert!(status == 402 || status == 404, "{path}: {status}");
        }
        assert_eq!(kitchen.started(), 0);
        shop.assert_charges(0);
    }
}
