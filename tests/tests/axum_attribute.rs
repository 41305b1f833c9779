//! Prices on handlers of axum: every shape of handler, and that nothing of a request is read before it is paid for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRef, Path, Query, Request, State};
use axum::handler::Handler as _;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Extension, Json, Router, debug_handler};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;
use x402_axum::{Payment, Priced as _, X402, paid};
use x402_tests::buyer::{self, paying};
use x402_tests::{Answer, Buyer, Challenge};
use x402_tower::Meter;
use x402_tower::local::LocalFacilitator;
use x402_tower::proto::header::PAYMENT_SIGNATURE;
use x402_tower::testing::{ManualClock, TestPayment};

/// A seller, and somebody who buys.
struct Market {
    x402: X402,
    facilitator: LocalFacilitator,
    buyer: Buyer,
}

impl Market {
    fn open() -> Self {
        Self::paying("0x1111111111111111111111111111111111111111")
    }

    /// One whose seller is paid into this account.
    fn paying(account: &str) -> Self {
        let clock = ManualClock::shared();
        let facilitator = LocalFacilitator::with_clock(clock.clone());
        let x402 = X402::builder()
            .facilitator(facilitator.clone())
            .clock(clock.clone())
            .public_url("https://shop.example")
            .pay_to("base-sepolia", account)
            .build()
            .unwrap();
        Self {
            x402,
            facilitator,
            buyer: Buyer::new(7, clock),
        }
    }

    /// Serves a handler at `/goods`, and below.
    fn serve(&self, handler: MethodRouter<X402>) -> Router {
        Router::new()
            .route("/goods", handler.clone())
            .route("/goods/{id}", handler)
            .with_state(self.x402.clone())
    }

    /// Asks what a request costs, asserts that it is not free, pays, and gives the answer.
    async fn buy(&self, app: &Router, request: http::Request<Bytes>) -> Answer {
        let unpaid = ask(app, request.clone()).await;
        assert_eq!(unpaid.status, StatusCode::PAYMENT_REQUIRED);
        let payment = self.buyer.pay(&Challenge::of(&unpaid));
        ask(app, paying(request, &payment)).await
    }

    /// Buys from a handler, and asserts what it says and that it was paid for once.
    async fn assert_sells(
        &self,
        handler: MethodRouter<X402>,
        request: http::Request<Bytes>,
        text: &str,
    ) {
        let before = self.facilitator.transfers().len();
        let answer = self.buy(&self.serve(handler), request).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (StatusCode::OK, text.as_bytes())
        );
        assert_eq!(self.facilitator.transfers().len(), before + 1);
    }
}

async fn ask(app: &Router, request: http::Request<Bytes>) -> Answer {
    answer(app.clone().oneshot(request.map(Body::from)).await.unwrap()).await
}

async fn answer(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

fn payment() -> Payment {
    TestPayment::new().build().into()
}

#[paid("$0.01", description = "Nothing but a word")]
async fn plain() -> &'static str {
    "a word"
}

#[paid("$0.01")]
async fn with_payment(payment: Payment) -> String {
    payment.amount().to_string()
}

#[paid("$0.01")]
async fn with_path(Path(id): Path<u32>) -> String {
    format!("number {id}")
}

#[derive(Debug, Deserialize, Serialize)]
struct Order {
    item: String,
    count: u32,
}

#[paid("$0.01")]
async fn with_query(Query(Order { item, mut count }): Query<Order>) -> String {
    count += 1;
    format!("{count} {item}")
}

#[paid("$0.01")]
async fn with_json(
    State(_x402): State<X402>,
    Extension(mark): Extension<&'static str>,
    Json(order): Json<Order>,
) -> Result<impl IntoResponse, (StatusCode, String)> {
    if order.count == 0 {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, "none?".to_owned()));
    }
    Ok(format!("{mark} {}", order.item))
}

#[paid("$0.01")]
fn not_async() -> &'static str {
    "no need to wait"
}

#[paid("$0.01")]
#[allow(clippy::manual_async_fn, reason = "that is the point")]
fn by_hand() -> impl Future<Output = &'static str> + Send {
    async { "by hand" }
}

#[tokio::test]
async fn handlers_of_every_shape_are_sold() {
    let market = Market::open();
    market
        .assert_sells(get(plain), buyer::get("/goods"), "a word")
        .await;
    market
        .assert_sells(get(with_payment), buyer::get("/goods"), "10000")
        .await;
    market
        .assert_sells(get(with_path), buyer::get("/goods/3"), "number 3")
        .await;
    market
        .assert_sells(
            get(with_query),
            buyer::get("/goods?item=tea&count=2"),
            "3 tea",
        )
        .await;
    market
        .assert_sells(get(not_async), buyer::get("/goods"), "no need to wait")
        .await;
    market
        .assert_sells(get(by_hand), buyer::get("/goods"), "by hand")
        .await;
    let request = || {
        let mut request =
            buyer::request(http::Method::POST, "/goods", r#"{"item":"tea","count":1}"#);
        let json = http::HeaderValue::from_static("application/json");
        request
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, json);
        request
    };
    let handler = post(with_json).layer(Extension("one"));
    market.assert_sells(handler, request(), "one tea").await;
    // Layers of axum go on the handler as well.
    let handler = post(with_json.layer(DefaultBodyLimit::max(1024))).layer(Extension("two"));
    market.assert_sells(handler, request(), "two tea").await;
}

#[tokio::test]
async fn what_the_attribute_says_is_in_the_challenge() {
    #[paid(
        accepts("$0.01", network = "base-sepolia"),
        accepts(
            price = "0.02 USDC",
            network = "base-sepolia",
            pay_to = "0x2222222222222222222222222222222222222222",
            scheme = "exact",
        ),
        description = "Today's weather",
        mime_type = "application/json",
        service_name = SERVICE,
        tags("weather", "forecast"),
        max_timeout = 2 * 150,
        v1 = false,
    )]
    async fn weather() {}

    const SERVICE: &str = "Weather";

    let market = Market::open();
    let unpaid = ask(&market.serve(get(weather)), buyer::get("/goods?day=1")).await;
    let Challenge { v2, v1 } = Challenge::of(&unpaid);
    let resource = v2.resource;
    assert_eq!(resource.url, "https://shop.example/goods?day=1");
    assert_eq!(resource.description.as_deref(), Some("Today's weather"));
    assert_eq!(resource.mime_type.as_deref(), Some("application/json"));
    assert_eq!(resource.service_name.as_deref(), Some("Weather"));
    assert_eq!(resource.tags.unwrap(), ["weather", "forecast"]);
    let offers: Vec<_> = v2
        .accepts
        .iter()
        .map(|offer| (offer.amount.to_string(), offer.pay_to.as_ref()))
        .collect();
    assert_eq!(
        offers,
        [
            (
                "10000".to_owned(),
                "0x1111111111111111111111111111111111111111"
            ),
            (
                "20000".to_owned(),
                "0x2222222222222222222222222222222222222222"
            ),
        ]
    );
    assert!(v1.is_none());
}

#[tokio::test]
async fn prices_come_from_functions() {
    async fn by_length(head: x402_axum::price::RequestHead) -> String {
        format!("$0.0{}", head.uri().query().unwrap_or_default().len())
    }

    #[paid(with = by_length, description = "A text")]
    async fn text(payment: Payment) -> String {
        payment.amount().to_string()
    }

    let market = Market::open();
    market
        .assert_sells(get(text), buyer::get("/goods?abc"), "30000")
        .await;
    market
        .assert_sells(get(text), buyer::get("/goods?abcde"), "50000")
        .await;
}

#[tokio::test]
async fn a_limit_is_charged_as_far_as_it_is_used() {
    #[paid(upto = "$0.05")]
    async fn metered(Extension(meter): Extension<Meter>) -> String {
        meter.add("$0.03").unwrap();
        meter.most().to_string()
    }

    let market = Market::open();
    let app = market.serve(get(metered));
    // Who may settle it is heard in the background, and until then it cannot be offered.
    for _ in 0..10_000 {
        if ask(&app, buyer::get("/goods")).await.status == StatusCode::PAYMENT_REQUIRED {
            break;
        }
        tokio::task::yield_now().await;
    }
    market
        .assert_sells(get(metered), buyer::get("/goods"), "50000")
        .await;
    let transfers = market.facilitator.transfers();
    assert_eq!(transfers[0].amount.to_string(), "30000");
}

#[tokio::test]
async fn nothing_is_read_before_it_is_paid() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[paid("$0.01")]
    async fn upload(Path(_id): Path<u32>, _: HeaderMap, body: Bytes) -> String {
        RUNS.fetch_add(1, Ordering::Relaxed);
        body.len().to_string()
    }

    let market = Market::open();
    let app = market.serve(post(upload));
    // The path is wrong and the body must not be touched: unpaid, it is 402 all the same.
    let request = Request::post("/goods/not-a-number")
        .body(Body::new(Untouched))
        .unwrap();
    let unpaid = answer(app.clone().oneshot(request).await.unwrap()).await;
    assert_eq!(unpaid.status, StatusCode::PAYMENT_REQUIRED);
    // Nor is it for a payment that is none.
    let request = Request::post("/goods/1")
        .header(PAYMENT_SIGNATURE, "e30=")
        .body(Body::new(Untouched));
    let refused = answer(app.clone().oneshot(request.unwrap()).await.unwrap()).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    // What is not sold is not found, and costs nothing.
    let request = buyer::get("/goods/1");
    assert_eq!(
        ask(&app, request).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(RUNS.load(Ordering::Relaxed), 0);
    // Paid, the wrong path is the handler's business, and nothing is charged for it.
    let request = buyer::request(http::Method::POST, "/goods/not-a-number", "12345");
    assert_eq!(
        market.buy(&app, request).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(market.facilitator.transfers().is_empty());
    let request = buyer::request(http::Method::POST, "/goods/1", "12345");
    assert_eq!(market.buy(&app, request).await.body, "5");
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
}

/// A body that nobody may read.
struct Untouched;

impl http_body::Body for Untouched {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        panic!("the body has been read")
    }
}

mod nested {
    pub mod deeper {
        use x402_axum::paid;

        /// What it says on the tin.
        #[paid("$0.01")]
        #[must_use]
        pub async fn tin() -> &'static str {
            "beans"
        }

        #[paid("$0.01")]
        pub(in crate::nested) async fn near() -> &'static str {
            "near"
        }
    }

    pub(super) fn router() -> axum::Router<x402_axum::X402> {
        axum::Router::new().route("/goods", axum::routing::get(deeper::near))
    }
}

#[tokio::test]
async fn handlers_are_found_wherever_functions_are() {
    use nested::deeper::tin;

    let market = Market::open();
    market
        .assert_sells(get(tin), buyer::get("/goods"), "beans")
        .await;
    market
        .assert_sells(get(nested::deeper::tin), buyer::get("/goods"), "beans")
        .await;
    let app = nested::router().with_state(market.x402.clone());
    assert_eq!(market.buy(&app, buyer::get("/goods")).await.body, "near");
}

/// Names that expansions use as well, or might.
mod names {
    use super::{State, X402, paid};

    macro_rules! handlers {
        ($($name:ident)*) => {
            $(
                #[paid("$0.01")]
                async fn $name() -> &'static str {
                    stringify!($name)
                }
            )*

            pub(super) fn all() -> Vec<(&'static str, axum::routing::MethodRouter<X402>)> {
                vec![$((stringify!($name), axum::routing::get($name))),*]
            }
        };
    }

    handlers! {
        g request state x402 handler body response inner next call declaration deref route seller price f x
        parts self_ future output result error app service core std paid payment
    }

    /// Its argument has its own name, as functions may.
    #[paid("$0.01")]
    pub(super) async fn seller_of(State(seller_of): State<X402>) -> String {
        drop(seller_of);
        "mine".to_owned()
    }
}

#[tokio::test]
async fn no_name_of_a_handler_is_in_the_way() {
    let market = Market::open();
    for (name, handler) in names::all() {
        market
            .assert_sells(handler, buyer::get("/goods"), name)
            .await;
    }
    market
        .assert_sells(get(names::seller_of), buyer::get("/goods"), "mine")
        .await;
}

#[paid("$0.01")]
#[debug_handler(state = X402)]
async fn debug_below(_: Payment, body: String) -> String {
    body
}

#[debug_handler(state = X402)]
#[paid("$0.01")]
async fn debug_above(_: Payment, body: String) -> String {
    body
}

/// Makes a constant beside the function, as attributes do that describe handlers.
#[paid("$0.01")]
#[debug_handler(state = X402)]
#[allow(clippy::unused_async)]
#[inline]
async fn mixed() -> &'static str {
    "mixed"
}

#[tokio::test]
async fn other_attributes_may_stand_above_and_below() {
    let market = Market::open();
    let request = || buyer::request(http::Method::POST, "/goods", "echo");
    market
        .assert_sells(post(debug_below), request(), "echo")
        .await;
    market
        .assert_sells(post(debug_above), request(), "echo")
        .await;
    market
        .assert_sells(get(mixed), buyer::get("/goods"), "mixed")
        .await;
}

#[paid("$0.01")]
async fn factorial(Path(n): Path<u64>) -> String {
    if n == 0 {
        return "1".to_owned();
    }
    let rest = Box::pin(factorial(Path(n - 1))).await;
    (n * rest.parse::<u64>().unwrap()).to_string()
}

#[tokio::test]
async fn a_handler_that_calls_itself_pays_once() {
    let market = Market::open();
    market
        .assert_sells(get(factorial), buyer::get("/goods/5"), "120")
        .await;
}

#[tokio::test]
async fn handlers_are_called_like_functions_in_tests() {
    assert_eq!(plain().await, "a word");
    assert_eq!(with_payment(payment()).await, "10000");
    assert_eq!(with_path(Path(4)).await, "number 4");
    assert_eq!(not_async(), "no need to wait");
    assert_eq!(by_hand().await, "by hand");
    assert_eq!(nested::deeper::tin().await, "beans");
    let order = |count| {
        Json(Order {
            item: "tea".to_owned(),
            count,
        })
    };
    let x402 = Market::open().x402;
    // What has no name is a response.
    let response: Response = with_json(State(x402.clone()), Extension("x"), order(1)).await;
    assert_eq!(answer(response).await.body, "x tea");
    let response = with_json(State(x402), Extension("x"), order(0)).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let tasks = tokio::spawn(plain());
    assert_eq!(tasks.await.unwrap(), "a word");
}

#[tokio::test]
async fn sixteen_arguments_are_not_too_many() {
    struct Any;

    impl<S: Sync> axum::extract::FromRequestParts<S> for Any {
        type Rejection = std::convert::Infallible;

        async fn from_request_parts(
            _: &mut http::request::Parts,
            _: &S,
        ) -> Result<Self, Self::Rejection> {
            Ok(Self)
        }
    }

    #[paid("$0.01")]
    #[expect(clippy::too_many_arguments)]
    async fn many(
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        _: Any,
        body: String,
    ) -> String {
        body
    }

    let market = Market::open();
    let request = buyer::request(http::Method::POST, "/goods", "the last one");
    market
        .assert_sells(post(many), request, "the last one")
        .await;
}

/// A state that has a seller among other things.
#[derive(Clone, FromRef)]
struct Shop {
    x402: X402,
    name: Arc<str>,
}

#[paid("$0.01")]
async fn named(State(name): State<Arc<str>>) -> String {
    name.to_string()
}

#[tokio::test]
async fn two_sellers_in_one_process_share_handlers_and_nothing_else() {
    let here = Market::open();
    let there = Market::paying("0x2222222222222222222222222222222222222222");
    let router = |market: &Market, name: &str| {
        let state = Shop {
            x402: market.x402.clone(),
            name: name.into(),
        };
        Router::new().route("/goods", get(named)).with_state(state)
    };
    let (first, second) = (router(&here, "here"), router(&there, "there"));
    assert_eq!(here.buy(&first, buyer::get("/goods")).await.body, "here");
    assert_eq!(there.buy(&second, buyer::get("/goods")).await.body, "there");
    assert_eq!(
        (
            here.facilitator.transfers().len(),
            there.facilitator.transfers().len()
        ),
        (1, 1)
    );
    // What one of them asks is not what the other does.
    let challenge = Challenge::of(&ask(&first, buyer::get("/goods")).await);
    let payment = here.buyer.pay(&challenge);
    let answer = ask(&second, paying(buyer::get("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
}

#[paid("0.1 USDT", network = "tron:nile")]
async fn on_tron() -> &'static str {
    "never seen"
}

#[paid("$0.01", network = "celo")]
async fn on_celo() -> &'static str {
    "never seen"
}

#[tokio::test]
async fn a_price_that_cannot_be_paid_is_an_error_and_never_free() {
    let builder = || {
        X402::builder()
            .facilitator(LocalFacilitator::new())
            .public_url("https://shop.example")
            .pay_to("base-sepolia", "0x1111111111111111111111111111111111111111")
    };
    let error = builder()
        .priced([&plain, &on_tron, &on_celo])
        .build()
        .unwrap_err();
    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("`on_tron`: nobody is paid on tron:"),
        "{problems:?}"
    );
    assert!(
        problems[1].starts_with("`on_celo`: nobody is paid on eip155:42220"),
        "{problems:?}"
    );

    let x402 = builder().priced([&plain, &with_path]).build().unwrap();
    assert!(x402.check([&plain, &named]).is_ok());
    assert!(x402.check([&on_celo]).is_err());
    assert_eq!(on_celo.declaration().name(), "on_celo");
    let app = Router::new().route("/goods", get(on_tron)).with_state(x402);
    for _ in 0..2 {
        ask(&app, buyer::get("/goods")).await.assert_misconfigured();
    }
}

/// Nobody but the function itself could answer a browser's question there, and that is paid for.
#[tokio::test]
async fn browsers_are_told_nothing_by_those_who_answer_everything() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[paid("$0.01")]
    async fn costly() -> String {
        RUNS.fetch_add(1, Ordering::SeqCst);
        "costly".to_owned()
    }
    let market = Market::open();
    let routes = Router::new().route("/goods", any(costly)).fallback(costly);
    let app = routes.with_state(market.x402.clone());
    for path in ["/goods", "/other"] {
        let mut question = buyer::request(http::Method::OPTIONS, path, "");
        for name in ["origin", "access-control-request-method"] {
            let value = http::HeaderValue::from_static("POST");
            question.headers_mut().insert(name, value);
        }
        let told = ask(&app, question).await;
        assert_eq!((told.status, told.body.len()), (StatusCode::NO_CONTENT, 0));
        let question = buyer::request(http::Method::OPTIONS, path, "");
        let asked = ask(&app, question).await;
        assert_eq!(asked.status, StatusCode::PAYMENT_REQUIRED);
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 0);
}
