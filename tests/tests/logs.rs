//! What is in the log: the whole truth about what went wrong, and no payment.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use x402_tests::buyer::{encode, get, paying, paying_v1};
use x402_tests::{Buyer, Challenge};
use x402_tower::clock::SystemClock;
use x402_tower::facilitator::{Endpoint, HttpFacilitator, HyperTransport};
use x402_tower::gate::{GateLayer, RequestBody};
use x402_tower::local::{Fault, LocalFacilitator};
use x402_tower::testing::ManualClock;
use x402_tower::{Builder, X402};

/// Everything that anybody logs in this process, at any level: the lines of other tests as well.
#[derive(Clone, Copy)]
struct Log;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Log {
    fn open() -> Self {
        // Another test may have come first, with the same.
        let _ = tracing::subscriber::set_global_default(Self);
        Self
    }

    fn lines(self) -> MutexGuard<'static, Vec<String>> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(self, record: impl FnOnce(&mut Line)) {
        let mut line = Line(String::new());
        record(&mut line);
        self.lines().push(line.0);
    }

    #[track_caller]
    fn assert_says(self, words: &[&str]) {
        let lines = self.lines();
        let said = lines
            .iter()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(said, "{words:?} in {lines:#?}");
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(|line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.note(|line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(|line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A seller who does not wait long for what does not come.
fn seller() -> Builder {
    X402::local()
        .public_url("https://shop.example")
        .wait_for_outcome(Duration::from_millis(1))
}

async fn ask(gate: &GateLayer, request: Request<Bytes>) -> Response<Bytes> {
    use http_body_util::BodyExt as _;

    let goods = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("the goods")))
    });
    let asking = gate.layer(goods).oneshot(request.map(Full::new));
    let (parts, body) = asking.await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, body)
}

async fn challenge(gate: &GateLayer) -> Challenge {
    let (parts, body) = ask(gate, get("/goods")).await.into_parts();
    Challenge::of(&x402_tests::Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

/// The local facilitator behind HTTP, over each transport.
async fn facilitators(local: &LocalFacilitator) -> [Builder; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = local.clone();
    tokio::spawn(async move { serving.serve(listener).await });
    let hyper = HyperTransport::new().unwrap();
    [
        seller().facilitator(HttpFacilitator::new(&url).unwrap()),
        seller().facilitator(HttpFacilitator::with_transport(&url, hyper).unwrap()),
    ]
}

/// Until it is spent, a payment can be spent by whoever reads it.
#[tokio::test]
async fn nobody_logs_a_payment() {
    let log = Log::open();
    let local = LocalFacilitator::new();
    let buyer = Buyer::new(1, std::sync::Arc::new(SystemClock));
    let mut signatures = Vec::new();
    for builder in facilitators(&local).await {
        // Each payment for itself, whatever became of the one before.
        let gate = builder.build().unwrap().route("$0.01").owed(false);
        let gate = gate.build().unwrap();
        let asked = challenge(&gate).await;
        let mut sign = || {
            let payment = buyer.payment(&asked);
            signatures.push(payment["payload"]["signature"].as_str().unwrap().to_owned());
            payment
        };
        let v1 = |payment: &Value| {
            json!({
                "x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payment["payload"],
            })
        };

        // Whatever the facilitator does with it.
        for endpoint in [Endpoint::Verify, Endpoint::Settle] {
            for fault in [
                Fault::Refuse("insufficient_funds".to_owned()),
                Fault::Refuse("a reason that nobody knows".to_owned()),
                Fault::LoseAnswer,
                Fault::LoseRequest,
                Fault::Garbage,
                Fault::Html,
                Fault::Delay(Duration::ZERO),
            ] {
                let payment = sign();
                local.on(endpoint, [fault.clone()]);
                ask(&gate, paying(get("/goods"), &encode(&payment))).await;
                let payment = v1(&sign());
                local.on(endpoint, [fault]);
                ask(&gate, paying_v1(get("/goods"), &encode(&payment))).await;
            }
        }

        // Whatever is wrong with it.
        for member in ["x402Version", "accepted", "payload"] {
            for instead in [None, Some(json!(7)), Some(json!("text")), Some(json!([{}]))] {
                let mut payment = sign();
                let members = payment.as_object_mut().unwrap();
                match instead {
                    Some(value) => members.insert(member.to_owned(), value),
                    None => members.remove(member),
                };
                let answer = ask(&gate, paying(get("/goods"), &encode(&payment))).await;
                assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{payment}");
            }
        }
        for member in ["from", "to", "value", "validAfter", "validBefore", "nonce"] {
            let mut payment = sign();
            payment["payload"]["authorization"][member] = json!("nothing");
            ask(&gate, paying(get("/goods"), &encode(&payment))).await;
            ask(&gate, paying_v1(get("/goods"), &encode(&v1(&payment)))).await;
        }
        let mut broken = encode(&sign()).to_str().unwrap().to_owned();
        broken.push('%');
        let broken = HeaderValue::from_str(&broken).unwrap();
        ask(&gate, paying(get("/goods"), &broken)).await;
        let payment = encode(&sign());
        let mut twice = paying(get("/goods"), &payment);
        twice
            .headers_mut()
            .append(HeaderName::from_static("payment-signature"), payment);
        ask(&gate, twice).await;
        ask(&gate, paying(get("/goods"), &encode(&sign()))).await;
    }
    assert!(local.transfers().len() > 8);

    let lines = log.lines().join("\n").to_lowercase();
    assert!(lines.contains("a payment could not be verified"), "{lines}");
    for signature in signatures {
        let secret = signature.trim_start_matches("0x").to_lowercase();
        assert!(!lines.contains(&secret), "{secret} in {lines}");
        // As it stands in the header, wherever it begins in a group of three bytes.
        for shift in 0..3 {
            use base64::Engine as _;
            let whole = secret.len() / 3 * 3 - 3;
            let encoded =
                base64::prelude::BASE64_STANDARD.encode(&secret[shift..][..whole - shift]);
            let middle = &encoded[4..encoded.len() - 8].to_lowercase();
            assert!(!lines.contains(middle), "{middle} in {lines}");
        }
    }
}

/// What clients are not told has to be somewhere.
#[tokio::test]
async fn the_log_says_what_clients_are_not_told() {
    let log = Log::open();
    let local = LocalFacilitator::new();
    let buyer = Buyer::new(2, std::sync::Arc::new(SystemClock));
    let [builder, _] = facilitators(&local).await;
    let gate = builder.build().unwrap().price("$0.01").unwrap();
    let asked = challenge(&gate).await;
    for (endpoint, words) in [
        (Endpoint::Verify, "a payment could not be verified"),
        (Endpoint::Settle, "the outcome of a settlement is unknown"),
    ] {
        local.on(endpoint, [Fault::Html]);
        let payment = encode(&buyer.payment(&asked));
        let answer = ask(&gate, paying(get("/goods"), &payment)).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!format!("{answer:?}").contains("<html"), "{answer:?}");
        log.assert_says(&[words, "<html"]);
    }

    // A port that nobody listens on: the error, with what caused it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let builder = seller().facilitator(HttpFacilitator::new(&nobody).unwrap());
    let gate = builder.build().unwrap().price("$0.01").unwrap();
    let payment = encode(&buyer.payment(&asked));
    let answer = ask(&gate, paying(get("/goods"), &payment)).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    log.assert_says(&["a payment could not be verified", "onnection refused"]);

    let gate = seller().build().unwrap();
    let gate = gate.price_with(|_| async { Err::<&str, _>("no prices at 10.0.0.7") });
    let answer = ask(&gate.unwrap(), get("/goods")).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    log.assert_says(&["the price function failed", "no prices at 10.0.0.7"]);
}

mod on_actix {
    #[x402_actix::paid("$0.01")]
    pub(super) async fn sold() -> &'static str {
        "never seen"
    }
}

mod on_axum {
    #[x402_axum::paid("$0.01", network = "celo")]
    pub(super) async fn unpayable() -> &'static str {
        "never seen"
    }
}

#[actix_web::test]
async fn a_handler_without_its_seller_says_what_is_missing() {
    use actix_web::test::{TestRequest, call_service, init_service};

    let log = Log::open();
    let route = actix_web::web::get().to(on_actix::sold);
    let app = init_service(actix_web::App::new().route("/sold", route)).await;
    let answer = call_service(&app, TestRequest::with_uri("/sold").to_request()).await;
    assert_eq!(answer.status().as_u16(), 500);
    log.assert_says(&[
        "no `X402` in the data of the app",
        ".app_data(",
        "handler=sold",
    ]);
}

#[tokio::test]
async fn a_handler_that_cannot_be_paid_says_why() {
    let log = Log::open();
    let x402 = x402_axum::X402::local().build().unwrap();
    let app = axum::Router::new()
        .route("/unpayable", axum::routing::get(on_axum::unpayable))
        .with_state(x402);
    let request = Request::get("/unpayable").body(axum::body::Body::empty());
    let answer = app.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    log.assert_says(&["handler=unpayable", "nobody is paid on eip155:42220"]);
}

/// Many proxies take no more than so much in a header, and the seller finds out when the route is built.
#[tokio::test]
async fn headers_that_are_long_are_warned_of() {
    let log = Log::open();
    let x402 = seller().build().unwrap();
    let with = |bytes: usize| {
        let declaration = json!({ "note": "x".repeat(bytes) });
        let route = x402.route("$0.01").extension("long", &declaration);
        route.build().unwrap();
    };
    let long = |what: &str| {
        let lines = log.lines();
        let words = format!("{what} are longer than many proxies take");
        lines.iter().filter(|line| line.contains(&words)).count()
    };
    with(0);
    with(1500);
    assert_eq!((long("challenges"), long("payments")), (0, 0));
    with(3000);
    assert_eq!((long("challenges"), long("payments")), (1, 0));
    with(6000);
    assert_eq!((long("challenges"), long("payments")), (2, 1));
}

/// What a facilitator says may repeat what it was asked, as errors of chains and gateways do.
#[tokio::test]
async fn nobody_logs_a_payment_that_a_facilitator_repeats() {
    async fn failed(Json(call): Json<Value>) -> Json<Value> {
        let message = format!("call reverted, args: {}", call["paymentPayload"]["payload"]);
        Json(json!({
            "isValid": false, "invalidReason": "unexpected_verify_error", "invalidMessage": message,
        }))
    }
    async fn refused(Json(call): Json<Value>) -> (StatusCode, Json<Value>) {
        let input = &call["paymentPayload"]["payload"]["signature"];
        let problem = json!({ "msg": "Field required", "input": input });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(problem))
    }
    let log = Log::open();
    for (verify, says) in [
        (post(failed), "call reverted"),
        (post(refused), "422 Unprocessable"),
    ] {
        let facilitator = Router::new().route("/verify", verify);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, facilitator).await });
        let facilitator = HttpFacilitator::new(&url).unwrap();
        let x402 = seller().facilitator(facilitator).build().unwrap();
        let gate = x402.price("$0.01").unwrap();
        let buyer = Buyer::new(77, Arc::new(SystemClock));
        let payment = buyer.payment(&challenge(&gate).await);
        let answer = ask(&gate, paying(get("/goods"), &encode(&payment))).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        log.assert_says(&[says]);
        let signature = payment["payload"]["signature"].as_str().unwrap();
        let lines = log.lines();
        assert_eq!(lines.iter().find(|line| line.contains(signature)), None);
    }
}

/// Queries may hold keys.
#[tokio::test]
async fn nobody_logs_a_query() {
    type Answer = Result<Response<Full<Bytes>>, std::convert::Infallible>;

    let log = Log::open();
    let clock = ManualClock::shared();
    let builder = seller().facilitator(LocalFacilitator::with_clock(clock.clone()));
    let x402 = builder.clock(clock.clone()).build().unwrap();
    let price = || x402.price("$0.01").unwrap();
    let buyer = Buyer::new(79, clock.clone());
    let asked = challenge(&price()).await;
    let pay = || {
        let payment = encode(&buyer.payment(&asked));
        paying(get("/goods?api_key=sesame"), &payment).map(Full::new)
    };

    let inside = service_fn(|_: Request<RequestBody<RequestBody<Full<Bytes>>>>| {
        std::future::pending::<Answer>()
    });
    let twice = price().layer(price().layer(inside)).oneshot(pay()).await;
    assert_eq!(twice.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    log.assert_says(&["a price inside of another one", "path=/goods "]);

    let never = service_fn(|_: Request<RequestBody<Full<Bytes>>>| std::future::pending::<Answer>());
    let late = tokio::spawn(price().layer(never).oneshot(pay()));
    let useful = Duration::from_secs(265);
    clock.sleeper_for(useful).await;
    clock.advance(useful);
    let late = late.await.unwrap().unwrap();
    assert_eq!(late.status(), StatusCode::PAYMENT_REQUIRED);
    log.assert_says(&["a handler takes so long", "path=/goods "]);

    let lines = log.lines();
    assert_eq!(lines.iter().find(|line| line.contains("sesame")), None);
}
