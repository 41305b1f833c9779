//! What only axum has: its routers, its extractors, and the layers that people put around.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::error_handling::HandleErrorLayer;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRef, Path, Request, State};
use axum::handler::Handler as _;
use axum::http::{HeaderValue, Method, StatusCode, Version, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{BoxError, Router};
use futures_util::{StreamExt as _, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite;
use tower::{Layer as _, ServiceBuilder, ServiceExt as _};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use x402_axum::cors;
use x402_axum::local::LocalFacilitator;
use x402_axum::{Meter, Payment, Receipt, RouterExt as _, Settle, X402, paid};
use x402_tests::suite::bypass::is_nowhere_below;
use x402_tests::{Answer, Buyer, Challenge, buyer};
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::testing::ManualClock;

struct Shop {
    x402: X402,
    facilitator: LocalFacilitator,
    buyer: Buyer,
}

impl Shop {
    fn open() -> Self {
        let clock = ManualClock::shared();
        let facilitator = LocalFacilitator::with_clock(clock.clone());
        let x402 = X402::local()
            .facilitator(facilitator.clone())
            .public_url("https://shop.example")
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            x402,
            facilitator,
            buyer: Buyer::new(1, clock),
        }
    }

    /// A payment for what is answered to this request.
    async fn pay(&self, app: &Router, request: Request) -> HeaderValue {
        let challenge = Challenge::of(&send(app, request).await);
        self.buyer.pay(&challenge)
    }

    /// Buys something, and says what was charged for by URL.
    async fn buy(&self, app: &Router, path: &str) -> (String, Answer) {
        let challenge = Challenge::of(&send(app, asking(path)).await);
        let payment = self.buyer.pay(&challenge);
        let answer = send(app, paying(asking(path), &payment)).await;
        (challenge.v2.resource.url, answer)
    }

    fn charges(&self) -> usize {
        self.facilitator.transfers().len()
    }
}

fn asking(path: &str) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    request
}

fn paying(mut request: Request, payment: &HeaderValue) -> Request {
    request
        .headers_mut()
        .insert("payment-signature", payment.clone());
    request
}

async fn send(app: &Router, request: Request) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
    }
}

async fn goods(payment: Payment) -> String {
    format!("the goods for {}", payment.payer())
}

#[tokio::test]
async fn nested_and_merged_routers_sell_what_was_asked_for() {
    let shop = Shop::open();
    let paid = || shop.x402.price("$0.01").unwrap();
    let inner = Router::new().route("/{id}", get(goods)).paid(paid());
    let app = Router::new()
        .nest("/a", Router::new().nest("/b", inner.clone()))
        .nest_service("/service", inner.clone())
        .merge(Router::new().route("/merged", get(goods).paid(paid())))
        .nest(
            "/around",
            Router::new()
                .nest("/c", Router::new().route("/{id}", get(goods)))
                .layer(paid()),
        )
        .fallback(get(goods).layer(paid()));
    for path in [
        "/a/b/1?x=1",
        "/service/1",
        "/merged",
        "/around/c/1",
        "/whatever?y",
    ] {
        let before = shop.charges();
        let (url, answer) = shop.buy(&app, path).await;
        assert_eq!(url, format!("https://shop.example{path}"));
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.text().starts_with("the goods for 0x"), "{path}");
        assert_eq!(shop.charges(), before + 1, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_found_or_not_allowed_is_free() {
    let shop = Shop::open();
    let paid = || shop.x402.price("$0.01").unwrap();
    let on_the_router = Router::new().route("/goods", get(goods)).paid(paid());
    let on_the_methods = Router::new().route("/goods", get(goods).paid(paid()));
    let on_the_handler = Router::new().route("/goods", get(goods.layer(paid())));
    let not_allowed = || {
        let mut request = asking("/goods");
        *request.method_mut() = Method::DELETE;
        request
    };
    for app in [&on_the_router, &on_the_methods, &on_the_handler] {
        let answer = send(app, asking("/nothing")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(!answer.headers.contains_key("payment-required"));
        assert_eq!(send(app, asking("/goods")).await.status, 402);
    }
    for app in [&on_the_methods, &on_the_handler] {
        let answer = send(app, not_allowed()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(!answer.headers.contains_key("payment-required"));
    }
    // A price on a router comes before its methods are looked at. It is asked for, and never charged.
    let payment = shop.pay(&on_the_router, not_allowed()).await;
    let answer = send(&on_the_router, paying(not_allowed(), &payment)).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(shop.charges(), 0);
    // What is added later is not behind the price.
    let app = Router::new()
        .route("/goods", get(goods))
        .paid(paid())
        .route("/free", get(async || "free"));
    assert_eq!(send(&app, asking("/free")).await.text(), "free");
    assert_eq!(send(&app, asking("/goods")).await.status, 402);
}

static SOLD: AtomicUsize = AtomicUsize::new(0);

#[paid("$0.01")]
async fn sold() -> &'static str {
    SOLD.fetch_add(1, Ordering::SeqCst);
    "the goods"
}

/// However routers are put together, and whatever tidies up paths around them.
#[tokio::test]
async fn no_way_through_routers_leads_around_a_price() {
    let shop = Shop::open();
    let paid = || shop.x402.price("$0.01").unwrap();
    let by_attribute = || any(sold);
    let by_layer = || {
        let unpaid = async || {
            SOLD.fetch_add(1, Ordering::SeqCst);
            "the goods"
        };
        any(unpaid.layer(paid()))
    };
    let goods = |handler: axum::routing::MethodRouter<X402>| {
        Router::new()
            .route("/goods", handler.clone())
            .route("/goods/{*rest}", handler)
    };
    let free = || any(async || "for nothing");
    let app = Router::new()
        .nest(
            "/shop",
            Router::new()
                .nest("/v1", goods(by_attribute()))
                .fallback(free()),
        )
        .nest("/layer", goods(by_layer()).fallback(free()))
        .nest_service("/service", goods(by_layer()).with_state(shop.x402.clone()))
        .merge(goods(by_attribute()))
        .fallback(free())
        .with_state(shop.x402.clone());
    for app in [
        app.clone(),
        Router::new().fallback_service(NormalizePathLayer::trim_trailing_slash().layer(app)),
    ] {
        for path in ["/shop/v1/goods", "/layer/goods", "/service/goods", "/goods"] {
            assert_eq!(send(&app, asking(path)).await.status, 402, "{path}");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        for below in ["", "/shop/v1", "/layer", "/service"] {
            is_nowhere_below(address, below).await;
            assert_eq!(SOLD.load(Ordering::SeqCst), 0, "{below}");
        }
        serving.abort();
    }
    assert_eq!(shop.charges(), 0);
}

/// Only what is sold is behind the price: the other methods of the same path can cost something else.
#[tokio::test]
async fn methods_have_prices_of_their_own() {
    let shop = Shop::open();
    let price = |price: &str| shop.x402.price(price.to_owned()).unwrap();
    let app = Router::new().route(
        "/goods",
        get(goods)
            .paid(price("$0.01"))
            .merge(post(goods).paid(price("$0.02")))
            .merge(axum::routing::put(async || "free")),
    );
    for (method, amount) in [
        (Method::GET, Some("10000")),
        (Method::HEAD, Some("10000")),
        (Method::POST, Some("20000")),
        (Method::PUT, None),
    ] {
        let mut request = asking("/goods");
        *request.method_mut() = method;
        let answer = send(&app, request).await;
        match amount {
            Some(amount) => {
                let offer = &Challenge::of(&answer).v2.accepts[0];
                assert_eq!(offer.amount.to_string(), amount);
            }
            None => assert_eq!(answer.text(), "free"),
        }
    }
}

#[tokio::test]
async fn extractors_know_who_paid() {
    let shop = Shop::open();
    let who = |payment: Option<Payment>| async move {
        match payment {
            Some(payment) => payment.payer().to_string(),
            None => "nobody".to_owned(),
        }
    };
    let receipt = |receipt: Option<Receipt>| async move {
        receipt.map_or("none".to_owned(), |receipt| {
            receipt.transaction().to_owned()
        })
    };
    let free_on_sundays = shop
        .x402
        .route("$0.01")
        .free_when(|head| head.target().ends_with("sunday"));
    let before = shop.x402.route("$0.01").settle(Settle::Before);
    let app = Router::new()
        .route("/who", get(who).paid(free_on_sundays.build().unwrap()))
        .route(
            "/after",
            get(receipt).paid(shop.x402.price("$0.01").unwrap()),
        )
        .route("/before", get(receipt).paid(before.build().unwrap()))
        .route("/forgotten", get(goods))
        .route(
            "/early",
            get(async |_: Receipt| "too early").paid(shop.x402.price("$0.01").unwrap()),
        );
    assert_eq!(send(&app, asking("/who?sunday")).await.text(), "nobody");
    let (_, answer) = shop.buy(&app, "/who").await;
    assert_eq!(answer.text(), shop.buyer.address().to_string());
    let (_, answer) = shop.buy(&app, "/after").await;
    assert_eq!(answer.text(), "none");
    let (_, answer) = shop.buy(&app, "/before").await;
    assert_eq!(answer.text(), answer.receipt().transaction);
    let charged = shop.charges();

    // A handler that was left without a price is no free handler, and one that is too early earns nothing.
    let answer = send(&app, asking("/forgotten")).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::INTERNAL_SERVER_ERROR, "")
    );
    let (_, answer) = shop.buy(&app, "/early").await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::INTERNAL_SERVER_ERROR, "")
    );
    assert_eq!(shop.charges(), charged);
}

#[tokio::test]
async fn a_meter_is_there_where_the_price_is_a_limit() {
    let shop = Shop::open();
    let (limit, fixed) = (shop.x402.upto("$0.05"), shop.x402.price("$0.05"));
    let (limit, fixed) = (limit.unwrap(), fixed.unwrap());
    let meters = async |meter: Meter| meter.add("$0.02").map_err(|error| error.to_string());
    let perhaps = async |meter: Option<Meter>| format!("{}", meter.is_some());
    let app = Router::new()
        .route("/limit/meters", get(meters).paid(limit.clone()))
        .route("/limit/perhaps", get(perhaps).paid(limit))
        .route("/fixed/meters", get(meters).paid(fixed.clone()))
        .route("/fixed/perhaps", get(perhaps).paid(fixed))
        .route("/free/meters", get(meters))
        .route("/free/perhaps", get(perhaps));
    // Who may settle is heard in the background, and until then nothing is offered.
    while send(&app, asking("/limit/meters")).await.status != StatusCode::PAYMENT_REQUIRED {
        tokio::task::yield_now().await;
    }
    for (path, status, text, charges) in [
        ("/limit/meters", 200, "", &["20000"][..]),
        ("/limit/perhaps", 200, "true", &["20000", "50000"]),
        ("/fixed/perhaps", 200, "false", &["20000", "50000", "50000"]),
        // A mistake of the program, which nobody pays for.
        ("/fixed/meters", 500, "", &["20000", "50000", "50000"]),
    ] {
        let (_, answer) = shop.buy(&app, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (status, text),
            "{path}"
        );
        let moved = shop.facilitator.transfers();
        let moved: Vec<_> = moved.iter().map(|moved| moved.amount.to_string()).collect();
        assert_eq!(moved, charges, "{path}");
    }
    assert_eq!(send(&app, asking("/free/perhaps")).await.text(), "false");
    assert_eq!(send(&app, asking("/free/meters")).await.status, 500);
}

/// A page on another origin can pay, whether CORS is around the price or inside of it.
#[tokio::test]
async fn cors_goes_around_and_inside() {
    let shop = Shop::open();
    let cors = CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_headers(cors::ALLOWED_HEADERS)
        .expose_headers(cors::EXPOSED_HEADERS);
    let paid = || shop.x402.price("$0.01").unwrap();
    for app in [
        Router::new()
            .route("/goods", get(goods))
            .layer(paid())
            .layer(cors.clone()),
        Router::new()
            .route("/goods", get(goods))
            .layer(cors.clone())
            .layer(paid()),
    ] {
        let preflight = Request::builder()
            .method(Method::OPTIONS)
            .uri("/goods")
            .header(header::ORIGIN, "https://page.example")
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "payment-signature")
            .body(Body::empty())
            .unwrap();
        let answer = send(&app, preflight).await;
        assert_eq!(answer.status, StatusCode::OK);
        let allowed = answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS).unwrap();
        for name in [
            "payment-signature",
            "x-payment",
            "content-type",
            "access-control-expose-headers",
        ] {
            assert!(allowed.to_lowercase().contains(name), "{allowed}");
        }
        let before = shop.charges();
        let mut request = asking("/goods");
        request.headers_mut().insert(
            header::ORIGIN,
            HeaderValue::from_static("https://page.example"),
        );
        let payment = shop.pay(&app, asking("/goods")).await;
        let answer = send(&app, paying(request, &payment)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            Some("*")
        );
        let exposed = answer
            .headers
            .get_all(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        let mut exposed = exposed.iter().map(|value| value.to_str().unwrap());
        assert!(exposed.any(|value| value.contains("payment-response")));
        assert_eq!(shop.charges(), before + 1);
    }
}

/// The layers that services have anyway, in the usual order and in the other one.
#[tokio::test]
async fn usual_layers_go_around_and_inside() {
    let shop = Shop::open();
    let paid = || shop.x402.price("$0.01").unwrap();
    let long = || async { "goods ".repeat(1000) };
    let timeout = || {
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(async |_: BoxError| {
                StatusCode::GATEWAY_TIMEOUT
            }))
            .timeout(Duration::from_secs(30))
    };
    let limits = || ServiceBuilder::new().concurrency_limit(1);
    let app = || Router::new().route("/goods", get(long));
    let too_late = StatusCode::GATEWAY_TIMEOUT;
    let patience = Duration::from_secs(30);
    for (name, app) in [
        (
            "compression around",
            app().layer(paid()).layer(CompressionLayer::new()),
        ),
        (
            "compression inside",
            app().layer(CompressionLayer::new()).layer(paid()),
        ),
        (
            "trace around",
            app().layer(paid()).layer(TraceLayer::new_for_http()),
        ),
        (
            "trace inside",
            app().layer(TraceLayer::new_for_http()).layer(paid()),
        ),
        ("timeout around", app().layer(paid()).layer(timeout())),
        ("timeout inside", app().layer(timeout()).layer(paid())),
        (
            "timeout of tower-http",
            app()
                .layer(TimeoutLayer::with_status_code(too_late, patience))
                .layer(paid()),
        ),
        ("limit around", app().layer(paid()).layer(limits())),
        ("limit inside", app().layer(limits()).layer(paid())),
    ] {
        // What one had not delivered, the next one would not charge.
        for version in [Version::HTTP_11, Version::HTTP_2, Version::HTTP_2] {
            let before = shop.charges();
            let payment = shop.pay(&app, asking("/goods")).await;
            let mut request = asking("/goods");
            *request.version_mut() = version;
            request
                .headers_mut()
                .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            let answer = send(&app, paying(request, &payment)).await;
            assert_eq!(answer.status, StatusCode::OK, "{name}");
            assert!(answer.receipt().success, "{name}");
            let zipped = answer.header(header::CONTENT_ENCODING) == Some("gzip");
            assert_eq!(zipped, name.starts_with("compression"), "{name}");
            assert_eq!(shop.charges(), before + 1, "{name}");
        }
    }
}

/// A time-out is no answer: nothing is charged, and the payment is good for another try.
#[tokio::test(start_paused = true)]
async fn handlers_that_time_out_earn_nothing() {
    let shop = Shop::open();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let slow = move || {
        let run = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if run == 0 {
                std::future::pending::<()>().await;
            }
            "goods"
        }
    };
    let app = Router::new()
        .route("/goods", get(slow))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(3),
        ))
        .layer(shop.x402.price("$0.01").unwrap());
    let payment = shop.pay(&app, asking("/goods")).await;
    let answer = send(&app, paying(asking("/goods"), &payment)).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(shop.charges(), 0);
    let answer = send(&app, paying(asking("/goods"), &payment)).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "goods"));
    assert_eq!(shop.charges(), 1);
}

/// The connection that a WebSocket gets is the goods: it is charged for before it is switched.
#[tokio::test]
async fn web_sockets_are_paid_for() {
    let shop = Shop::open();
    let echo = |upgrade: WebSocketUpgrade, payment: Payment| async move {
        upgrade.on_upgrade(async move |mut socket| {
            let hello = format!("hello {}", payment.payer());
            socket.send(hello.into()).await.unwrap();
        })
    };
    let app = Router::new().route("/ws", any(echo.layer(shop.x402.price("$0.01").unwrap())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });

    let connect = async |payment: Option<&HeaderValue>| {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut request = tungstenite::client::IntoClientRequest::into_client_request(format!(
            "ws://{address}/ws"
        ))
        .unwrap();
        if let Some(payment) = payment {
            request
                .headers_mut()
                .insert("payment-signature", payment.clone());
        }
        tokio_tungstenite::client_async(request, stream).await
    };
    let Err(tungstenite::Error::Http(response)) = connect(None).await else {
        panic!("it is free");
    };
    let (parts, body) = response.into_parts();
    let challenge = Challenge::of(&Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.unwrap_or_default().into(),
    });
    let (mut socket, response) = connect(Some(&shop.buyer.pay(&challenge))).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(response.headers().contains_key("payment-response"));
    assert_eq!(shop.charges(), 1);
    let hello = socket.next().await.unwrap().unwrap();
    assert_eq!(
        hello.to_text().unwrap(),
        format!("hello {}", shop.buyer.address())
    );
    socket.close(None).await.unwrap();
    serving.abort();
}

#[tokio::test]
async fn server_sent_events_are_paid_for() {
    let shop = Shop::open();
    let events = async || {
        let events =
            stream::iter(1..=3).map(|n| Ok::<_, BoxError>(Event::default().data(n.to_string())));
        Sse::new(events).into_response()
    };
    let app = Router::new().route(
        "/events",
        get(events).paid(shop.x402.price("$0.01").unwrap()),
    );
    let (_, answer) = shop.buy(&app, "/events").await;
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        Some("text/event-stream")
    );
    assert_eq!(answer.text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert_eq!(shop.charges(), 1);
}

/// A state of the seller's own, with an `X402` in it.
#[derive(Clone)]
struct Everything {
    x402: X402,
}

impl FromRef<Everything> for X402 {
    fn from_ref(everything: &Everything) -> Self {
        everything.x402.clone()
    }
}

#[tokio::test]
async fn a_state_may_be_in_an_arc() {
    #[paid("$0.01")]
    async fn report(payment: Payment, State(state): State<Arc<Everything>>) -> String {
        drop(state);
        payment.payer().to_string()
    }

    let shop = Shop::open();
    let state = Everything {
        x402: shop.x402.clone(),
    };
    let app: Router = Router::new()
        .nest("/reports", Router::new().route("/7", get(report)))
        .with_state(Arc::new(state));
    let (_, answer) = shop.buy(&app, "/reports/7").await;
    assert_eq!(answer.text(), shop.buyer.address().to_string());
}

/// Handlers that declare their price, as the attribute has it, with a state of their own.
#[tokio::test]
async fn handlers_declare_their_price() {
    use std::pin::Pin;

    use axum::handler::Handler;
    use x402_axum::{__private, Declaration, HasX402, Priced};

    type Out = Pin<Box<dyn Future<Output = Response> + Send>>;
    type Pointer = fn(Payment, Path<u32>) -> Out;

    #[derive(Clone, Copy)]
    struct Report;

    static REPORT: Declaration = Declaration::new("report", |x402| x402.route("$0.03"));

    fn report(payment: Payment, Path(id): Path<u32>) -> Out {
        Box::pin(async move { format!("report {id} for {}", payment.payer()).into_response() })
    }

    impl Priced for Report {
        fn declaration(&self) -> &'static Declaration {
            &REPORT
        }
    }

    impl<T, S> Handler<T, S> for Report
    where
        Pointer: Handler<T, S>,
        S: HasX402 + Clone + Send + Sync + 'static,
        T: 'static,
    {
        type Future = __private::PaidFuture<Pointer, T, S>;

        fn call(self, request: Request, state: S) -> Self::Future {
            __private::call(&REPORT, report as Pointer, request, state)
        }
    }

    let shop = Shop::open();
    shop.x402.check([&Report]).unwrap();
    let state = Everything {
        x402: shop.x402.clone(),
    };
    let app: Router = Router::new()
        .nest("/reports", Router::new().route("/{id}", get(Report)))
        .with_state(state);
    // Nothing is looked at before it is paid, the path neither.
    let answer = send(&app, asking("/reports/nonsense")).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    let (url, answer) = shop.buy(&app, "/reports/7").await;
    assert_eq!(url, "https://shop.example/reports/7");
    assert_eq!(
        answer.text(),
        format!("report 7 for {}", shop.buyer.address())
    );
    assert_eq!(shop.charges(), 1);

    // A seller who cannot be paid for it finds out at the start, or serves nobody.
    let elsewhere = |builder: x402_axum::Builder| {
        builder
            .facilitator(LocalFacilitator::new())
            .public_url("https://a.example")
            .pay_to("solana", "So11111111111111111111111111111111111111112")
    };
    let error = elsewhere(X402::builder())
        .priced([&Report])
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("`report`: "), "{error}");
    let x402 = elsewhere(X402::builder()).build().unwrap();
    let app: Router = Router::new().route("/{id}", get(Report)).with_state(x402);
    send(&app, asking("/7")).await.assert_misconfigured();
}

/// By HTTP/2 a WebSocket is a stream, and costs the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_sockets_over_http2_are_paid_for() {
    let shop = Shop::open();
    let greet = |upgrade: WebSocketUpgrade, payment: Payment| async move {
        upgrade.on_upgrade(async move |mut socket| {
            let hello = format!("hello {}", payment.payer());
            socket.send(hello.into()).await.unwrap();
        })
    };
    let app = Router::new().route("/ws", any(greet.layer(shop.x402.price("$0.01").unwrap())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });

    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    // Until the server has said that it knows this.
    while !sender.is_extended_connect_protocol_enabled() {
        let plain = http::Request::get("http://shop.example/");
        let plain = sender.send_request(plain.body(()).unwrap(), true);
        plain.unwrap().0.await.unwrap();
    }
    let mut connect = async |payment: Option<&HeaderValue>| {
        let mut request = http::Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = "http://shop.example/ws".parse().unwrap();
        let protocol = h2::ext::Protocol::from_static("websocket");
        request.extensions_mut().insert(protocol);
        let headers = request.headers_mut();
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        if let Some(payment) = payment {
            headers.insert("payment-signature", payment.clone());
        }
        let (response, sending) = sender.send_request(request, false).unwrap();
        (response.await.unwrap().into_parts(), sending)
    };
    let ((parts, mut body), _) = connect(None).await;
    let mut read = Vec::new();
    while let Some(data) = body.data().await {
        read.extend_from_slice(&data.unwrap());
    }
    let challenge = Challenge::of(&Answer {
        status: parts.status,
        headers: parts.headers,
        body: read.into(),
    });
    assert_eq!(challenge.v2.resource.url, "https://shop.example/ws");
    let payment = shop.buyer.pay(&challenge);
    let ((parts, mut body), _sending) = connect(Some(&payment)).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(parts.headers.contains_key("payment-response"));
    assert_eq!(shop.charges(), 1);
    let hello = body.data().await.unwrap().unwrap();
    let payer = shop.buyer.address().to_string();
    assert!(hello.ends_with(payer.as_bytes()), "{hello:?}");
    // It is no request that can be made twice.
    let ((parts, _), _) = connect(Some(&payment)).await;
    assert_eq!(parts.status, StatusCode::CONFLICT);
    assert_eq!(shop.charges(), 1);
    serving.abort();
}

/// A server that is told to stop while a payment is verified or settled gives its answer before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_stop_when_their_payments_are_over() {
    const SLOW: Duration = Duration::from_secs(5);
    for endpoint in [Endpoint::Verify, Endpoint::Settle] {
        for by_http2 in [false, true] {
            let clock = ManualClock::shared();
            let facilitator = LocalFacilitator::with_clock(clock.clone());
            let x402 = X402::local().facilitator(facilitator.clone());
            let x402 = x402.public_url("https://shop.example").clock(clock.clone());
            let x402 = x402.build().unwrap();
            let app = Router::new().route("/goods", get(goods.layer(x402.price("$0.01").unwrap())));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let stopped = async { stopped.await.unwrap() };
            let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
            let serving = tokio::spawn(server.into_future());

            let ask = buyer::get("/goods");
            let challenge = Challenge::of(&x402_tests::send(address, ask.clone()).await);
            let payment = Buyer::new(1, clock.clone()).pay(&challenge);
            facilitator.on(endpoint, [Fault::Delay(SLOW)]);
            let ask = buyer::paying(ask, &payment);
            let sending = tokio::spawn(async move {
                if by_http2 {
                    x402_tests::send_http2(address, "shop.example", ask).await
                } else {
                    x402_tests::send(address, ask).await
                }
            });
            clock.sleeper_for(SLOW).await;
            stop.send(()).unwrap();
            clock.advance(SLOW);
            assert_eq!(sending.await.unwrap().status, StatusCode::OK);
            serving.await.unwrap().unwrap();
            assert!(x402.drain(SLOW).await.is_clean());
            assert_eq!(facilitator.transfers().len(), 1);
        }
    }
}
