//! Prices on handlers, among the attributes of actix.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::get as read;
use actix_web::{App, HttpRequest, Responder, error, get, routes, web};
use http::{Method, StatusCode};
use serde::Deserialize;
use x402_actix::price::RequestHead;
use x402_actix::{Payment, Priced, X402, paid};
use x402_tests::buyer::{self, paying, request};
use x402_tests::{Answer, Buyer, Challenge, Running, send};
use x402_tower::testing::TestPayment;

use crate::{ask, buy, open, serve};

/// What a handler sees of the payment in the headers, and what it is asked for.
fn seen(request: &HttpRequest) -> String {
    let secret = request.headers().contains_key("payment-signature");
    format!("{} {secret}", request.path())
}

/// A price above a route.
#[paid("$0.01", description = "Above")]
#[get("/above/{id}")]
async fn above(request: HttpRequest, _id: web::Path<u32>) -> impl Responder {
    seen(&request)
}

/// A price below a route.
#[get("/below/{id}")]
#[paid("$0.01", description = "Below")]
async fn below(request: HttpRequest, _id: web::Path<u32>) -> impl Responder {
    seen(&request)
}

#[paid("$0.01")]
#[routes]
#[get("/several")]
#[post("/several/{more}")]
async fn several(request: HttpRequest) -> String {
    seen(&request)
}

#[routes]
#[get("/mixed")]
#[paid("$0.01")]
#[delete("/mixed", name = "gone")]
async fn mixed(request: HttpRequest) -> String {
    seen(&request)
}

#[paid("$0.01")]
#[actix_web::route("/route", method = "GET", method = "PUT")]
async fn route(request: HttpRequest) -> String {
    seen(&request)
}

/// Nobody can know what an alias makes.
#[paid("$0.01")]
#[read("/alias")]
async fn alias(request: HttpRequest) -> String {
    seen(&request)
}

#[paid("$0.01")]
async fn bare(request: HttpRequest, _id: web::Path<u32>) -> Result<String, actix_web::Error> {
    let not_send = Rc::new(());
    let seen = seen(&request);
    actix_web::rt::task::yield_now().await;
    drop(not_send);
    if seen.contains("404") {
        return Err(error::ErrorNotFound("no such thing"));
    }
    Ok(seen)
}

#[derive(Deserialize)]
struct Order {
    item: String,
    count: u32,
}

#[paid("$0.01")]
async fn with_query(web::Query(Order { item, mut count }): web::Query<Order>) -> String {
    count += 1;
    format!("{count} {item}")
}

#[paid("$0.01")]
async fn with_json(
    payment: Payment,
    shelf: web::Data<&'static str>,
    order: web::Json<Order>,
) -> String {
    format!("{} {} {}", payment.amount(), **shelf, order.item)
}

/// Its price would be another one if the payment, which is in the headers, were among those that are looked at.
#[paid(with = price_of)]
async fn dynamic(request: HttpRequest) -> String {
    seen(&request)
}

async fn price_of(head: RequestHead) -> &'static str {
    if head.headers().contains_key("payment-signature") {
        "$9"
    } else {
        "$0.01"
    }
}

#[paid("$0.01")]
fn not_async() -> &'static str {
    "no need to wait"
}

#[paid("$0.01", network = "celo")]
#[get("/unpayable")]
async fn unpayable() -> &'static str {
    "never seen"
}

mod names {
    use x402_actix::paid;

    macro_rules! handlers {
        ($($name:ident)*) => {
            $(
                #[paid("$0.01")]
                async fn $name() -> &'static str {
                    stringify!($name)
                }
            )*

            pub(super) fn serve(app: &mut actix_web::web::ServiceConfig) {
                $(app.route(concat!("/names/", stringify!($name)), actix_web::web::get().to($name));)*
            }

            pub(super) const ALL: &[&str] = &[$(stringify!($name)),*];
        };
    }

    handlers! {
        g request state x402 handler body response inner next call declaration deref route seller price f x
        gated arguments answer payload future output result error config resource service core std paid payment
    }
}

fn app(x402: X402) -> Running {
    serve!(move || {
        App::new()
            .app_data(web::Data::new(x402.clone()))
            .app_data(web::Data::new("shelf"))
            .service(above)
            .service(web::scope("/in").service(below))
            .service(several)
            .service(mixed)
            .service(route)
            .service(alias)
            .service(unpayable)
            .route("/bare/{id}", web::get().to(bare))
            .route("/query", web::get().to(with_query))
            .route("/json", web::post().to(with_json))
            .route("/dynamic", web::get().to(dynamic))
            .route("/sync", web::get().to(not_async))
            .configure(names::serve)
    })
}

/// Sends a request, pays for it if it is asked to, and gives the answer.
async fn buy_with(buyer: &Buyer, app: &Running, request: http::Request<bytes::Bytes>) -> Answer {
    let unpaid = send(app.address, request.clone()).await;
    assert_eq!(unpaid.status, StatusCode::PAYMENT_REQUIRED);
    let payment = buyer.pay(&Challenge::of(&unpaid));
    send(app.address, paying(request, &payment)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_stand_above_and_below_routes() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = app(x402);
    // Above a route that is known to be one, the payment is taken out of the headers before the handler.
    for (method, path, text) in [
        (Method::GET, "/above/1", "/above/1 false"),
        (Method::GET, "/in/below/1", "/in/below/1 true"),
        (Method::GET, "/several", "/several false"),
        (Method::POST, "/several/more", "/several/more false"),
        (Method::GET, "/mixed", "/mixed true"),
        (Method::DELETE, "/mixed", "/mixed true"),
        (Method::PUT, "/route", "/route false"),
        (Method::GET, "/alias", "/alias true"),
        (Method::GET, "/bare/1", "/bare/1 true"),
        (Method::GET, "/query?item=tea&count=2", "3 tea"),
        (Method::GET, "/dynamic", "/dynamic true"),
        (Method::GET, "/sync", "no need to wait"),
    ] {
        let answer = buy_with(&buyer, &app, request(method, path, "")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, text));
        assert!(answer.receipt().success);
    }
    shop.assert_charges(12);
    let challenge = Challenge::of(&ask(&app, "/in/below/1").await);
    assert_eq!(challenge.v2.resource.description.as_deref(), Some("Below"));
    assert_eq!(
        challenge.v2.resource.url,
        "https://shop.example/api/in/below/1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_before_it_is_paid() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = app(x402);
    // What would be 404 for a wrong path, and 400 for a wrong body, is 402 as long as it is not paid for.
    for path in ["/above/x", "/in/below/x", "/bare/x"] {
        assert_eq!(
            buy_with(&buyer, &app, buyer::get(path)).await.status,
            404,
            "{path}"
        );
    }
    let json = |body: &'static str| {
        let mut request = request(Method::POST, "/json", body);
        let kind = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert("content-type", kind);
        request
    };
    assert_eq!(buy_with(&buyer, &app, json("{")).await.status, 400);
    assert_eq!(
        buy_with(&buyer, &app, buyer::get("/bare/404")).await.text(),
        "no such thing"
    );
    shop.assert_charges(0);
    let answer = buy_with(&buyer, &app, json(r#"{"item":"tea","count":1}"#)).await;
    assert_eq!(answer.text(), "10000 shelf tea");
    shop.assert_charges(1);
    // What no route is for stays free.
    for (method, path) in [
        (Method::POST, "/above/1"),
        (Method::PUT, "/mixed"),
        (Method::GET, "/nothing"),
    ] {
        let answer = send(app.address, request(method, path, "")).await;
        assert!(
            matches!(answer.status.as_u16(), 404 | 405),
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_of_a_handler_is_in_the_way() {
    let (shop, x402) = open().await;
    let buyer = shop.buyer(1);
    let app = app(x402);
    for name in names::ALL {
        let path: &'static str = Box::leak(format!("/names/{name}").into_boxed_str());
        assert_eq!(buy(&buyer, &app, path).await.text(), *name);
    }
    shop.assert_charges(names::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_are_found_to_be_unpayable_wherever_they_stand() {
    let (shop, x402) = open().await;
    x402.check([
        &above, &below, &several, &mixed, &route, &alias, &bare, &not_async,
    ])
    .unwrap();
    let error = x402.check([&bare, &unpayable]).unwrap_err();
    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("`unpayable`: nobody is paid on"),
        "{problems:?}"
    );
    assert_eq!(above.declaration().name(), "above");
    assert_eq!(below.declaration().name(), "below");
    let app = app(x402);
    ask(&app, "/unpayable").await.assert_misconfigured();
    shop.assert_charges(0);
}

#[actix_web::test]
async fn handlers_are_called_like_functions_in_tests() {
    let order = || Order {
        item: "tea".to_owned(),
        count: 1,
    };
    let payment = Payment::from(TestPayment::new().build());
    assert_eq!(with_query(web::Query(order())).await, "2 tea");
    let shelf = web::Data::from(Arc::new("x"));
    assert_eq!(
        with_json(payment, shelf, web::Json(order())).await,
        "10000 x tea"
    );
    assert_eq!(not_async(), "no need to wait");
    let request = actix_web::test::TestRequest::with_uri("/bare/404").to_http_request();
    let answer = bare(request, web::Path::from(404)).await;
    assert_eq!(answer.unwrap_err().to_string(), "no such thing");
}

/// Nobody but the function itself could answer a browser's question there, and that is paid for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_are_told_nothing_by_those_who_answer_everything() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[paid("$0.01")]
    async fn costly() -> &'static str {
        RUNS.fetch_add(1, Ordering::SeqCst);
        "costly"
    }
    let (_, x402) = open().await;
    let app = serve!(move || {
        App::new()
            .app_data(web::Data::new(x402.clone()))
            .route("/goods", web::to(costly))
            .default_service(web::to(costly))
    });
    for path in ["/goods", "/other"] {
        let mut question = request(Method::OPTIONS, path, "");
        for name in ["origin", "access-control-request-method"] {
            let value = http::HeaderValue::from_static("POST");
            question.headers_mut().insert(name, value);
        }
        let told = send(app.address, question).await;
        assert_eq!((told.status, told.body.len()), (StatusCode::NO_CONTENT, 0));
        let asked = send(app.address, request(Method::OPTIONS, path, "")).await;
        assert_eq!(asked.status, StatusCode::PAYMENT_REQUIRED);
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 0);
}

#[paid("$0.01")]
async fn by_the_nearest() -> &'static str {
    "the goods"
}

/// Whose data is nearer can be seen in one form only, so nobody is paid where there are two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nearest_seller_is_paid_or_none() {
    const OTHER: &str = "0x2222222222222222222222222222222222222222";
    let (_, outer) = open().await;
    let inner = X402::local().pay_to("base-sepolia", OTHER).build().unwrap();
    let app = serve!(move || {
        let goods = || web::get().to(by_the_nearest);
        let same = web::scope("/same").app_data(web::Data::new(inner.clone()));
        let other = web::scope("/other").app_data(inner.clone());
        App::new()
            .app_data(web::Data::new(outer.clone()))
            .service(same.route("/goods", goods()))
            .service(other.route("/goods", goods()))
    });
    let challenge = Challenge::of(&ask(&app, "/same/goods").await).v2;
    assert_eq!(challenge.accepts[0].pay_to, OTHER);
    let answer = ask(&app, "/other/goods").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}
