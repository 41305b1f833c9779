//! Where a price can stand, and what handlers find behind it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::{self, BodyStream, MessageBody as _, SizedStream};
use actix_web::http::header::HeaderName;
use actix_web::middleware::{Condition, NormalizePath, TrailingSlash};
use actix_web::{App, HttpMessage as _, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, StatusCode};
use x402_actix::{Meter, Paid, Payment, Receipt, Settle};
use x402_tests::buyer::{get, paying, request};
use x402_tests::suite::bypass::is_nowhere_below;
use x402_tests::{Answer, Challenge, Connection, Verb, send};
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::proto::header::PAYMENT_REQUIRED;

use crate::{ask, buy, open, pay, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sold_is_named_by_its_whole_path() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let goods = web::resource("/goods/{id}")
            .wrap(price.clone())
            .get(async |of: web::Path<(String, u32)>| format!("{} {}", of.0, of.1));
        App::new().service(web::scope("/v1").service(web::scope("/{shop}").service(goods)))
    });
    let challenge = Challenge::of(&ask(&app, "/v1/a%20b/goods/7?c=%2F").await);
    let url = "https://shop.example/api/v1/a%20b/goods/7?c=%2F";
    assert_eq!(challenge.v2.resource.url, url);
    assert_eq!(
        buy(&buyer, &app, "/v1/a%20b/goods/7?c=%2F").await.text(),
        "a b 7"
    );
    // Below other paths there is nothing for sale.
    assert_eq!(ask(&app, "/goods/7").await.status, StatusCode::NOT_FOUND);
    shop.assert_charges(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_and_apps_have_prices_as_well() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.price("$0.01").unwrap();
    let of_scope = price.clone();
    let scope = serve!(move || {
        let scope = web::scope("/shop")
            .wrap(of_scope.clone())
            .route("/goods/{id}", web::get().to(goods));
        App::new()
            .service(scope)
            .route("/free", web::get().to(async || "for nothing"))
    });
    let whole = serve!(move || {
        App::new()
            .wrap(price.clone())
            .route("/shop/goods/{id}", web::get().to(goods))
    });
    for (app, charges) in [(&scope, 1), (&whole, 2)] {
        let payment = pay(&buyer, app, "/shop/goods/7").await;
        // What is not there costs nothing, though it is asked for.
        let nowhere = pay(&buyer, app, "/shop/nowhere").await;
        let answer = send(app.address, paying(get("/shop/nowhere"), &nowhere)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        let answer = send(app.address, paying(get("/shop/goods/7"), &payment)).await;
        assert_eq!(answer.text(), "goods 7");
        assert!(answer.receipt().success);
        shop.assert_charges(charges);
    }
    assert_eq!(ask(&scope, "/free").await.text(), "for nothing");
    assert_eq!(ask(&whole, "/free").await.status, 402);
}

async fn goods(id: web::Path<u32>, _: Payment) -> String {
    format!("goods {id}")
}

static SOLD: AtomicUsize = AtomicUsize::new(0);

#[x402_actix::paid("$0.01")]
async fn sold() -> &'static str {
    SOLD.fetch_add(1, Ordering::SeqCst);
    "the goods"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_way_through_scopes_leads_around_a_price() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    for tidy in [false, true] {
        let (price, x402) = (price.clone(), x402.clone());
        let app = serve!(move || {
            let unpaid = async || {
                SOLD.fetch_add(1, Ordering::SeqCst);
                "the goods"
            };
            let free = || web::to(async || "for nothing");
            let goods = || web::resource(["/goods", "/goods/{rest:.*}"]);
            let inner = web::scope("/v1").service(goods().to(sold));
            let by_layer = goods().wrap(price.clone()).to(unpaid);
            let of_scope = web::scope("/whole")
                .wrap(price.clone())
                .service(goods().to(unpaid));
            App::new()
                .app_data(web::Data::new(x402.clone()))
                .wrap(Condition::new(
                    tidy,
                    NormalizePath::new(TrailingSlash::Always),
                ))
                .service(web::scope("/shop").service(inner).default_service(free()))
                .service(web::scope("/layer").service(by_layer))
                .service(of_scope)
                .service(goods().to(sold))
                .default_service(free())
        });
        for below in ["", "/shop/v1", "/layer", "/whole"] {
            let goods: &'static str = format!("{below}/goods/1").leak();
            assert_eq!(ask(&app, goods).await.status, 402, "{goods}");
            is_nowhere_below(app.address, below).await;
            assert_eq!(SOLD.load(Ordering::SeqCst), 0, "{below}");
        }
    }
    shop.assert_charges(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_can_stand_in_a_route() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.price("$0.01").unwrap();
    PRICE.set(price.clone()).unwrap();
    let app = serve!(move || {
        let route = web::get().to(async || "the goods").wrap(price.clone());
        App::new().service(listed).route("/routed", route)
    });
    for path in ["/listed", "/routed"] {
        assert_eq!(ask(&app, path).await.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(buy(&buyer, &app, path).await.text(), "the goods");
        // What no route is for is for nothing.
        let put = send(app.address, request(Method::PUT, path, "")).await;
        assert!(put.status == 404 || put.status == 405, "{put:?}");
    }
    shop.assert_charges(2);
}

/// Older versions of actix would forget it, and sell for nothing.
#[tokio::test]
async fn a_route_does_not_lose_its_price_to_a_handler() {
    let (_, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let route = || web::get().wrap(price).to(sold);
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(route));
    assert!(made.is_err());
}

#[actix_web::get("/listed", wrap = "price()")]
async fn listed(_: Payment) -> &'static str {
    "the goods"
}

/// Attributes have no other way to a seller.
static PRICE: OnceLock<Paid> = OnceLock::new();

fn price() -> Paid {
    PRICE.get().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_find_who_paid() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let after = x402.price("$0.01").unwrap();
    let before = x402.route("$0.01").settle(Settle::Before).build().unwrap();
    let app = serve!(move || {
        let payer = async |payment: Payment| payment.payer().to_string();
        let perhaps = async |payment: Option<Payment>| format!("{}", payment.is_some());
        let receipt = async |receipt: Receipt| receipt.transaction().to_owned();
        let at = |path, price: &Paid| web::resource(path).wrap(price.clone());
        App::new()
            .service(at("/paid/payer", &after).to(payer))
            .service(at("/paid/perhaps", &after).to(perhaps))
            .service(at("/paid/receipt", &after).to(receipt))
            .service(at("/settled/receipt", &before).to(receipt))
            .route("/free/payer", web::get().to(payer))
            .route("/free/perhaps", web::get().to(perhaps))
            .route("/free/receipt", web::get().to(receipt))
    });
    assert_eq!(
        buy(&buyer, &app, "/paid/payer").await.text(),
        buyer.address().to_string()
    );
    assert_eq!(buy(&buyer, &app, "/paid/perhaps").await.text(), "true");
    assert_eq!(ask(&app, "/free/perhaps").await.text(), "false");
    let settled = buy(&buyer, &app, "/settled/receipt").await;
    assert_eq!(settled.text(), settled.receipt().transaction);
    shop.assert_charges(3);
    // A handler in the wrong place is neither free nor paid, and says nothing.
    for answer in [
        buy(&buyer, &app, "/paid/receipt").await,
        ask(&app, "/free/payer").await,
        ask(&app, "/free/receipt").await,
    ] {
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.text(), "");
    }
    shop.assert_charges(3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_may_stay_on_their_thread() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let served = Rc::new(Cell::new(0));
        let count = move || {
            let served = Rc::clone(&served);
            async move {
                served.set(served.get() + 1);
                let pieces = stream::once(async move { Ok::<_, actix_web::Error>(of(&served)) });
                HttpResponse::Ok().streaming(pieces)
            }
        };
        App::new().service(web::resource("/goods").wrap(price.clone()).to(count))
    });
    assert_eq!(buy(&buyer, &app, "/goods").await.text(), "1");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
}

fn of(served: &Rc<Cell<u32>>) -> Bytes {
    served.get().to_string().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_long_as_they_say() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let serve = async |request: HttpRequest| {
            let pieces = stream::iter(["the ", "goods"].map(|piece| Ok(Bytes::from(piece))));
            match request.match_info().query("what") {
                "text" => HttpResponse::Ok().body("the goods"),
                "sized" => HttpResponse::Ok().body(SizedStream::new(9, boxed(pieces))),
                "stream" => HttpResponse::Ok().streaming(boxed(pieces)),
                "empty" => HttpResponse::Ok().body(""),
                "none" => HttpResponse::Ok().finish(),
                _ => HttpResponse::NoContent().finish(),
            }
        };
        let goods = web::resource("/{what}").wrap(price.clone()).to(serve);
        App::new().service(goods)
    });
    let length = |answer: &Answer| {
        answer
            .header(http::header::CONTENT_LENGTH)
            .map(str::to_owned)
    };
    for (number, (what, said, text)) in [
        ("text", Some("9"), "the goods"),
        ("sized", Some("9"), "the goods"),
        ("stream", None, "the goods"),
        ("empty", Some("0"), ""),
        ("none", Some("0"), ""),
        ("204", None, ""),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{what}");
        let answer = buy(&buyer, &app, &path).await;
        assert_eq!(length(&answer).as_deref(), said, "{answer:?}");
        assert_eq!(answer.text(), text);
        let chunked = answer.header(http::header::TRANSFER_ENCODING);
        assert_eq!(chunked, (what == "stream").then_some("chunked"), "{what}");
        shop.ledger.wait_for(Verb::Delivered, number + 1).await;
    }
    shop.assert_charges(6);

    // HEAD is told of the same challenge, and of the same answer.
    let challenge = ask(&app, "/text").await;
    let bare = send(app.address, request(Method::HEAD, "/text", "")).await;
    assert_eq!(length(&bare), length(&challenge));
    let payment = buyer.pay(&Challenge::of(&bare));
    let bare = paying(request(Method::HEAD, "/text", ""), &payment);
    let bare = send(app.address, bare).await;
    assert_eq!((length(&bare).as_deref(), bare.text()), (Some("9"), ""));
    shop.assert_charges(7);
    shop.ledger.wait_for(Verb::Delivered, 7).await;
}

type Pieces =
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, Box<dyn std::error::Error>>>>>;

fn boxed(
    pieces: impl futures_util::Stream<Item = Result<Bytes, Box<dyn std::error::Error>>> + 'static,
) -> Pieces {
    Box::pin(pieces)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_paid_for_is_not_uploaded() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let goods = web::resource("/goods").wrap(price.clone());
        App::new().service(goods.to(async |body: Bytes| body.len().to_string()))
    });
    let mut upload = get("/goods");
    let length = "1000000".parse().unwrap();
    upload.headers_mut().insert("content-length", length);
    // Not a byte of it has been sent.
    let mut connection = Connection::open(app.address, &upload).await;
    let head = connection.read_head().await;
    assert!(head.starts_with("HTTP/1.1 402 "), "{head}");
    shop.assert_charges(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layers_around_a_price_see_what_layers_within_have_left() {
    #[derive(Clone)]
    struct Note(&'static str);

    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let noting = async |request: HttpRequest| {
            request.extensions_mut().insert(Note("of the request"));
            let mut response = HttpResponse::NoContent().message_body(body::None::new())?;
            response.extensions_mut().insert(Note("of the answer"));
            Ok::<_, actix_web::Error>(response)
        };
        let goods = web::resource("/goods").wrap(price.clone()).to(noting);
        App::new()
            .wrap_fn(|request, service| {
                use actix_web::dev::Service as _;
                let answering = service.call(request);
                async {
                    let mut answer = answering.await?;
                    let of_request = answer.request().extensions().get().cloned();
                    let of_answer = answer.response().extensions().get().cloned();
                    let notes = of_request.into_iter().chain(of_answer);
                    let notes: Vec<_> = notes.map(|Note(note)| note).collect();
                    let size = answer.response().body().size();
                    let name = HeaderName::from_static("x-notes");
                    let value = format!("{notes:?}, {size:?}").parse().unwrap();
                    answer.headers_mut().insert(name, value);
                    Ok(answer)
                }
            })
            .service(goods)
    });
    let notes = http::HeaderName::from_static("x-notes");
    let challenge = ask(&app, "/goods").await;
    let seen = format!("[], Sized({})", challenge.body.len());
    assert_eq!(challenge.header(notes.clone()), Some(&*seen));
    let answer = buy(&buyer, &app, "/goods").await;
    let seen = r#"["of the request", "of the answer"], None"#;
    assert_eq!(answer.header(notes), Some(seen), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_inside_of_another_one_is_a_mistake() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let goods = web::resource("/goods").wrap(price.clone());
        let goods = goods.to(async || "the goods");
        App::new().service(web::scope("").wrap(price.clone()).service(goods))
    });
    let answer = buy(&shop.buyer(1), &app, "/goods").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.header(PAYMENT_REQUIRED), None);
    shop.assert_charges(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_is_not_paid_for_after_all_is_none() {
    let (shop, x402) = open().await;
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let upgrade = async |payload: web::Payload| {
            let mut response = HttpResponse::SwitchingProtocols();
            response.upgrade("websocket").streaming(payload)
        };
        App::new().service(web::resource("/socket").wrap(price.clone()).to(upgrade))
    });
    let mut ask = get("/socket");
    for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
        ask.headers_mut().insert(name, value.parse().unwrap());
    }
    for (number, refused) in [(1, true), (2, false)] {
        let challenge = Challenge::of(&crate::ask(&app, "/socket").await);
        let payment = shop.buyer(number).pay(&challenge);
        if refused {
            let reason = "invalid_exact_evm_insufficient_balance".to_owned();
            shop.facilitator
                .on(Endpoint::Settle, [Fault::Refuse(reason)]);
        }
        let paying = paying(ask.clone(), &payment);
        let mut connection = Connection::open(app.address, &paying).await;
        let head = connection.read_head().await.to_lowercase();
        let status = if refused { "402" } else { "101" };
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert_eq!(head.contains("upgrade"), !refused, "{head}");
        assert!(head.contains("payment-response: "), "{head}");
    }
    shop.assert_charges(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_say_how_much_is_charged() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let (limit, fixed) = (x402.upto("$0.05").unwrap(), x402.price("$0.05").unwrap());
    let app = serve!(move || {
        let use_some = async |meter: Meter| {
            let used = meter.add("$0.02").map(|()| "the goods");
            used.map_err(actix_web::error::ErrorInternalServerError)
        };
        App::new()
            .service(web::resource("/limit").wrap(limit.clone()).to(use_some))
            .service(web::resource("/fixed").wrap(fixed.clone()).to(use_some))
    });
    // Who may settle is heard in the background, and until then nothing is offered.
    while ask(&app, "/limit").await.status != StatusCode::PAYMENT_REQUIRED {
        tokio::task::yield_now().await;
    }
    assert_eq!(buy(&buyer, &app, "/limit").await.text(), "the goods");
    let moved: Vec<_> = shop
        .transfers()
        .iter()
        .map(|moved| moved.amount.to_string())
        .collect();
    assert_eq!(moved, ["20000"]);
    let answer = buy(&buyer, &app, "/fixed").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (500, ""));
    shop.assert_charges(1);
}

/// What is sent in chunks, as what was compressed is, ends where it ends, whatever its head says of its length.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_as_long_as_they_are() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let price = x402.price("$0.01").unwrap();
    let app = serve!(move || {
        let serve = async |said: web::Path<u64>| {
            let pieces =
                stream::iter([Ok::<_, actix_web::Error>(Bytes::from_static(b"the goods"))]);
            let length = ("content-length", said.to_string());
            let pieces = BodyStream::new(pieces);
            HttpResponse::Ok().insert_header(length).body(pieces)
        };
        let goods = web::resource("/{said}").wrap(price.clone()).to(serve);
        App::new().service(goods)
    });
    for (i, path) in ["/3", "/3", "/900", "/900"].into_iter().enumerate() {
        assert_eq!(buy(&buyer, &app, path).await.text(), "the goods");
        shop.ledger.wait_for(Verb::Delivered, i + 1).await;
        shop.assert_charges(i + 1);
    }
}
