//! Middleware of others, around a price and within.

use actix_cors::Cors;
use actix_files::Files;
use actix_web::middleware::{Compress, Logger, NormalizePath, TrailingSlash};
use actix_web::{App, web};
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_ENCODING, IF_MODIFIED_SINCE, RANGE,
};
use http::{HeaderName, Method, Request, StatusCode};
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

/// Files are sold in parts, compressed or not, and cost nothing to whoever has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_sold_in_parts() {
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    const FILE: &str = "/files/Cargo.lock";
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    for compressed in [false, true] {
        let (shop, x402) = open().await;
        let price = x402.price("$0.01").unwrap();
        let app = serve!(move || {
            use actix_web::middleware::Condition;
            let files = web::scope("/files").service(Files::new("/", ROOT));
            let files = files.wrap(price.clone());
            App::new().service(files.wrap(Condition::new(compressed, Compress::default())))
        });
        let challenge = Challenge::of(&ask(&app, FILE).await);
        let payment = shop.buyer(1).pay(&challenge);
        let ask = |name: HeaderName, value: &str| {
            let mut request = paying(get(FILE), &payment);
            let headers = request.headers_mut();
            headers.insert(ACCEPT_ENCODING, "gzip".parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            send(app.address, request)
        };
        let beyond = ask(RANGE, "bytes=99999999-").await;
        assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
        let has_it = ask(IF_MODIFIED_SINCE, "Fri, 01 Jan 2100 00:00:00 GMT").await;
        assert_eq!(has_it.status, StatusCode::NOT_MODIFIED);
        shop.assert_charges(0);
        // The second time it is read anew, or was kept.
        for _ in 0..2 {
            let part = ask(RANGE, "bytes=100-199").await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
            assert_eq!(part.body, file[100..200]);
            assert!(part.receipt().success);
            shop.ledger.wait_for(Verb::Delivered, 1).await;
        }
        let other = ask(RANGE, "bytes=0-").await;
        assert_eq!(other.status, StatusCode::CONFLICT);
        shop.assert_charges(1);

        let payment = shop.buyer(2).pay(&challenge);
        let whole = send(app.address, paying(get(FILE), &payment)).await;
        assert_eq!(whole.body, file);
        shop.ledger.wait_for(Verb::Delivered, 2).await;
        shop.assert_charges(2);
    }
}
