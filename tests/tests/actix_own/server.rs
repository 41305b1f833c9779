//! Workers come and go, and the money does not go with them.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use http::{Method, StatusCode};
use x402_actix::X402;
use x402_tests::buyer::{get, paying, request};
use x402_tests::{Challenge, Connection, Shop, Verb, Wire, send};
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;

use crate::Elsewhere;

const SLOW: Duration = Duration::from_secs(7);

/// Workers are given no time to finish: their runtimes end in the middle of a settlement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settlements_survive_the_workers() {
    for wire in Wire::ALL {
        let shop = Shop::builder().over(wire).await;
        let shop = shop.open::<Elsewhere>().await;
        let (address, server) = server(&shop);
        let handle = server.handle();
        let serving = tokio::spawn(server);
        let payment = shop
            .buyer(1)
            .pay(&Challenge::of(&send(address, get("/goods")).await));
        shop.facilitator.on(Endpoint::Settle, [Fault::Delay(SLOW)]);
        let connection = Connection::open(address, &paying(get("/goods"), &payment)).await;
        shop.clock.sleeper_for(SLOW).await;
        handle.stop(false).await;
        serving.await.unwrap().unwrap();
        shop.ledger.wait_for(Verb::Abandon, 1).await;
        drop(connection);

        shop.clock.advance(SLOW);
        let drained = shop.x402.drain(Duration::from_secs(30)).await;
        assert!(drained.is_clean(), "{wire:?}: {drained:?}");
        assert_eq!(shop.ledger.count(Verb::Commit), 1, "{wire:?}");
        assert_eq!(shop.events(), ["settled"], "{wire:?}");
        shop.assert_charges(1);
    }
}

/// Workers are given time, and the client has its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_go_out_before_a_graceful_end() {
    let shop = Shop::builder().open::<Elsewhere>().await;
    let (address, server) = server(&shop);
    let handle = server.handle();
    let serving = tokio::spawn(server);
    let payment = shop
        .buyer(1)
        .pay(&Challenge::of(&send(address, get("/goods")).await));
    shop.facilitator.on(Endpoint::Settle, [Fault::Delay(SLOW)]);
    let sending = tokio::spawn(send(address, paying(get("/goods"), &payment)));
    shop.clock.sleeper_for(SLOW).await;
    let stopping = tokio::spawn(handle.stop(true));
    shop.clock.advance(SLOW);
    let answer = sending.await.unwrap();
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "the goods")
    );
    stopping.await.unwrap();
    serving.await.unwrap().unwrap();
    assert!(shop.x402.drain(Duration::from_secs(30)).await.is_clean());
    shop.assert_charges(1);
}

fn server(shop: &Shop) -> (std::net::SocketAddr, actix_web::dev::Server) {
    let x402: X402 = shop.x402.with_layer();
    let price = x402.price("$0.01").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || {
        let goods = web::resource("/goods").wrap(price.clone());
        App::new().service(goods.to(async || "the goods"))
    };
    let server = HttpServer::new(app)
        .workers(2)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    (address, server)
}

/// Uploads that are too large for their handler cost nothing, however impatient the server is, and those that nobody reads
/// cost what they are sold for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_may_be_too_large_for_impatient_servers() {
    let shop = Shop::builder().open::<Elsewhere>().await;
    let x402: X402 = shop.x402.with_layer();
    let price = x402.price("$0.01").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || {
        let read = web::resource("/read").wrap(price.clone());
        let unread = web::resource("/unread").wrap(price.clone());
        App::new()
            .app_data(web::PayloadConfig::new(1000))
            .service(read.to(async |_: web::Bytes| "the goods"))
            .service(unread.to(async || "the goods"))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .client_disconnect_timeout(Duration::ZERO)
        .client_request_timeout(Duration::ZERO)
        .keep_alive(actix_web::http::KeepAlive::Disabled)
        .listen_auto_h2c(listener)
        .unwrap()
        .run();
    tokio::spawn(server);
    let buyer = shop.buyer(1);
    let mut charges = 0;
    for by_http2 in [false, true] {
        for (path, length, status) in [
            ("/read", 1000, StatusCode::OK),
            ("/read", 1001, StatusCode::PAYLOAD_TOO_LARGE),
            ("/read", 1 << 20, StatusCode::PAYLOAD_TOO_LARGE),
            ("/unread", 1000, StatusCode::OK),
            ("/unread", 30 << 10, StatusCode::OK),
        ] {
            let payment = buyer.pay(&Challenge::of(&send(address, get(path)).await));
            let body = "x".repeat(length);
            let ask = paying(request(Method::POST, path, body), &payment);
            let answer = if by_http2 {
                x402_tests::send_http2(address, "shop.example", ask).await
            } else {
                send(address, ask).await
            };
            assert_eq!(answer.status, status, "{path} {length} {by_http2}");
            charges += usize::from(status == StatusCode::OK);
            shop.ledger.wait_for(Verb::Delivered, charges).await;
            shop.assert_charges(charges);
        }
    }
    shop.ledger.wait_for(Verb::Release, 4).await;
}
