//! The same over HTTP/2, without TLS.

use std::net::{SocketAddr, TcpListener};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use x402_actix::{Payment, X402, price};
use x402_tests::{Answer, Challenge, Kitchen, Running, Shop, Stop, Verb, body, buyer};

use crate::{Elsewhere, open};

/// A connection to a server.
struct Client(http2::SendRequest<Full<Bytes>>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Sends a request, and gives up if this future is dropped.
    async fn send(&mut self, request: Request<Bytes>) -> Result<Answer, hyper::Error> {
        let response = self.0.send_request(request.map(Full::new)).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    async fn ask(&mut self, uri: &str, payment: Option<&HeaderValue>) -> Answer {
        self.send(request(uri, payment)).await.unwrap()
    }
}

fn request(uri: &str, payment: Option<&HeaderValue>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = uri.parse().unwrap();
    if let Some(payment) = payment {
        request
            .headers_mut()
            .insert("payment-signature", payment.clone());
    }
    request
}

/// A server for both versions.
macro_rules! serve {
    ($app:expr) => {{
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = HttpServer::new($app)
            .workers(2)
            .disable_signals()
            .listen_auto_h2c(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        Running {
            address,
            stop: Stop::new(move || drop(handle.stop(false))),
        }
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goods_are_sold_over_http2() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let goods = async |request: HttpRequest, payment: Payment, body: Bytes| {
            let secret = request.headers().contains_key("payment-signature");
            format!(
                "{:?} {} {} {secret}",
                request.version(),
                payment.amount(),
                body.len()
            )
        };
        App::new().service(web::resource("/goods").wrap(price.clone()).to(goods))
    });
    let mut client = Client::connect(app.address).await;
    let unpaid = client.ask("http://anywhere.example/goods", None).await;
    assert_eq!(unpaid.status, StatusCode::PAYMENT_REQUIRED);
    let challenge = Challenge::of(&unpaid);
    let url = "https://shop.example/api/goods";
    assert_eq!(challenge.v2.resource.url, url);
    let payment = shop.buyer(1).pay(&challenge);
    let answer = client
        .ask("http://anywhere.example/goods", Some(&payment))
        .await;
    assert_eq!(answer.text(), "HTTP/2.0 10000 0 false");
    assert!(answer.receipt().success);
    shop.ledger.wait_for(Verb::Delivered, 1).await;

    // It is the same request by whatever version it comes.
    let again = buyer::paying(buyer::get("/goods"), &payment);
    let again = x402_tests::send(app.address, again).await;
    assert_eq!(again.text(), answer.text());
    shop.assert_charges(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authority_of_a_request_is_its_host() {
    let shop = Shop::builder().seller(|seller| seller.trust_host(true));
    let shop = shop.open::<Elsewhere>().await;
    let x402: X402 = shop.x402.with_layer();
    let fixed = x402.price("$0.01").unwrap();
    let dynamic = x402.price_with(|head: price::RequestHead| async move {
        match head.headers()["host"].as_bytes() {
            b"cheap.example" => "$0.01",
            _ => "$0.02",
        }
    });
    let dynamic = dynamic.unwrap();
    let app = serve!(move || {
        let at = |path, price: &x402_actix::Paid| web::resource(path).wrap(price.clone());
        App::new()
            .service(at("/fixed", &fixed).to(async || "the goods"))
            .service(at("/dynamic", &dynamic).to(async || "the goods"))
    });
    let mut client = Client::connect(app.address).await;
    for (host, amount) in [("cheap.example", "10000"), ("dear.example:8080", "20000")] {
        for (path, amount) in [("/fixed", "10000"), ("/dynamic", amount)] {
            let uri = format!("http://{host}{path}");
            let challenge = Challenge::of(&client.ask(&uri, None).await).v2;
            assert_eq!(challenge.resource.url, format!("https://{host}{path}"));
            assert_eq!(challenge.accepts[0].amount.to_string(), amount, "{uri}");
        }
    }
    // What was paid for by one name is not had by another.
    let buyer = shop.buyer(1);
    let unpaid = client.ask("http://cheap.example/fixed", None).await;
    let payment = buyer.pay(&Challenge::of(&unpaid));
    let bought = client
        .ask("http://cheap.example/fixed", Some(&payment))
        .await;
    assert_eq!(bought.text(), "the goods");
    let other = client
        .ask("http://dear.example/fixed", Some(&payment))
        .await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    shop.assert_charges(1);
}

/// actix does not look out for clients that leave here, so their handlers work on, and are paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_before_the_answer_can_have_it_later() {
    let kitchen = Kitchen::waiting();
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let cook = kitchen.handler();
    let app = serve!(move || {
        let cook = cook.clone();
        let goods = move || {
            let cooking = cook(Request::new(body("")));
            async {
                cooking.await.unwrap();
                HttpResponse::Ok().finish()
            }
        };
        App::new().service(web::resource("/goods").wrap(price.clone()).to(goods))
    });
    let uri = "http://shop.example/goods";
    let mut client = Client::connect(app.address).await;
    let payment = shop
        .buyer(1)
        .pay(&Challenge::of(&client.ask(uri, None).await));
    tokio::select! {
        answer = client.send(request(uri, Some(&payment))) => panic!("{answer:?}"),
        () = kitchen.wait_started(1) => {}
    }
    drop(client);
    kitchen.finish(2);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    shop.assert_charges(1);

    let mut client = Client::connect(app.address).await;
    let answer = client.ask(uri, Some(&payment)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.receipt().success);
    shop.assert_charges(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_upgrades_over_http2() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let upgrade = async |payload: web::Payload| {
            let mut response = HttpResponse::SwitchingProtocols();
            response.upgrade("websocket").streaming(payload)
        };
        App::new().service(web::resource("/socket").wrap(price.clone()).to(upgrade))
    });
    let uri = "http://shop.example/socket";
    let mut client = Client::connect(app.address).await;
    let payment = shop
        .buyer(1)
        .pay(&Challenge::of(&client.ask(uri, None).await));
    let answer = client.ask(uri, Some(&payment)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    shop.ledger.wait_for(Verb::Release, 1).await;
    shop.assert_charges(0);
}
