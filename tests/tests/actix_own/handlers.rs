//! Handlers that are paid for by themselves: what an attribute expands to, by hand.

use std::ops::Deref;
use std::pin::Pin;

use actix_web::middleware::from_fn;
use actix_web::{App, Handler, HttpRequest, Responder, web};
use http::{Method, StatusCode};
use x402_actix::__private::{Answer, Gated, PaidFuture, call, strip};
use x402_actix::{Declaration, Payment, Priced, X402};
use x402_tests::buyer::{get, paying, request};
use x402_tests::{Challenge, Running, Verb, send};

use crate::{ask, buy, open, pay, serve};

/// `#[paid("$0.01", description = "Today's weather")]` above an async function named `weather`, in short.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy)]
struct weather;

const _: () = {
    type Arguments = (Payment, HttpRequest, web::Path<u32>, web::Bytes);
    type Out = Pin<Box<dyn Future<Output = Answer>>>;
    type Pointer = fn(Payment, HttpRequest, web::Path<u32>, web::Bytes) -> Out;

    static DECLARATION: Declaration = Declaration::new("weather", |x402| {
        x402.route("$0.01").description("Today's weather")
    });

    async fn weather(
        payment: Payment,
        request: HttpRequest,
        place: web::Path<u32>,
        body: web::Bytes,
    ) -> impl Responder {
        let secret = request.headers().contains_key("payment-signature");
        let length = body.len();
        let text = format!("{} {place} {length} {secret}", payment.amount());
        match place.into_inner() {
            404 => Err(actix_web::error::ErrorNotFound("no such place")),
            _ => Ok(text),
        }
    }

    fn erased(a: Payment, b: HttpRequest, c: web::Path<u32>, d: web::Bytes) -> Out {
        Box::pin(async { Answer::new(weather(a, b, c, d).await) })
    }

    impl Handler<Gated<Arguments>> for self::weather {
        type Output = <Self::Future as Future>::Output;
        type Future = PaidFuture;

        fn call(&self, gated: Gated<Arguments>) -> Self::Future {
            call(&DECLARATION, erased as Pointer, gated)
        }
    }

    impl Priced for self::weather {
        fn declaration(&self) -> &'static Declaration {
            &DECLARATION
        }
    }

    impl Deref for self::weather {
        type Target = dyn Fn(Payment, HttpRequest, web::Path<u32>, web::Bytes) -> Out;

        fn deref(&self) -> &Self::Target {
            &|a, b, c, d| erased(a, b, c, d)
        }
    }
};

/// A price that cannot be paid: the seller has no account there.
#[derive(Clone, Copy)]
struct Unpayable;

impl Handler<Gated<()>> for Unpayable {
    type Output = <Self::Future as Future>::Output;
    type Future = PaidFuture;

    fn call(&self, gated: Gated<()>) -> Self::Future {
        static DECLARATION: Declaration = Declaration::new("unpayable", |x402| {
            x402.route(x402_actix::price::Accept::new("$0.01").network("base"))
        });
        call(&DECLARATION, async || Answer::new("the goods"), gated)
    }
}

fn app(x402: X402) -> Running {
    serve!(move || {
        App::new()
            .app_data(web::Data::new(x402.clone()))
            .route("/weather/{place}", web::get().to(weather))
            .route("/weather/{place}", web::post().to(weather))
            .route("/unpayable", web::get().to(Unpayable))
            .service(
                web::resource("/stripped/{place}")
                    .wrap(from_fn(strip))
                    .to(weather),
            )
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_can_have_a_price_of_its_own() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    x402.check([&weather]).unwrap();
    let app = app(x402);
    let challenge = Challenge::of(&ask(&app, "/weather/7?x=1").await);
    let resource = challenge.v2.resource;
    assert_eq!(resource.url, "https://shop.example/api/weather/7?x=1");
    assert_eq!(resource.description.as_deref(), Some("Today's weather"));
    assert_eq!(
        buy(&buyer, &app, "/weather/7").await.text(),
        "10000 7 0 true"
    );
    shop.ledger.wait_for(Verb::Delivered, 1).await;

    // Bodies are watched, so a repeat is known by its own.
    let payment = pay(&buyer, &app, "/weather/7").await;
    let post = |body: &'static str| paying(request(Method::POST, "/weather/7", body), &payment);
    let first = send(app.address, post("ping")).await;
    assert_eq!(first.text(), "10000 7 4 true");
    assert_eq!(send(app.address, post("ping")).await.text(), first.text());
    assert_eq!(send(app.address, post("pong")).await.status, 409);
    shop.assert_charges(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_extractors_wait_for_the_payment() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = app(x402);
    // Not a number, which only shows once it is paid, and costs nothing.
    let payment = pay(&buyer, &app, "/weather/here").await;
    let answer = send(app.address, paying(get("/weather/here"), &payment)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_ne!(answer.text(), "no such place");
    let answer = buy(&buyer, &app, "/weather/404").await;
    assert_eq!(answer.text(), "no such place");
    shop.ledger.wait_for(Verb::Release, 2).await;
    shop.assert_charges(0);
    // What no route is for stays free.
    let put = send(app.address, request(Method::PUT, "/weather/7", "")).await;
    assert_eq!(put.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_payment_can_be_stripped_before_it() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = app(x402);
    let answer = buy(&buyer, &app, "/stripped/7").await;
    assert_eq!(answer.text(), "10000 7 0 false");
    assert!(answer.receipt().success);
    // Two payments are still two.
    let mut twice = paying(get("/stripped/7"), &pay(&buyer, &app, "/stripped/7").await);
    let other = pay(&buyer, &app, "/stripped/7").await;
    twice.headers_mut().append("payment-signature", other);
    assert_eq!(send(app.address, twice).await.status, 400);
    shop.assert_charges(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_never_free_by_mistake() {
    let (shop, x402) = open().await;
    let plain = x402.clone();
    let plain = serve!(move || {
        App::new()
            .app_data(plain.clone())
            .route("/weather/{place}", web::get().to(weather))
    });
    assert_eq!(ask(&plain, "/weather/7").await.status, 402);
    let missing = serve!(|| App::new().route("/weather/{place}", web::get().to(weather)));
    let app = app(x402);
    for answer in [
        ask(&missing, "/weather/7").await,
        ask(&app, "/unpayable").await,
        ask(&app, "/unpayable").await,
    ] {
        answer.assert_misconfigured();
    }
    shop.assert_charges(0);
}
