//! The gate as a member of a `tower` stack: readiness, errors, and bodies of every kind.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::stream;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use tokio::sync::watch;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::hedge::{self, Hedge};
use tower::limit::ConcurrencyLimit;
use tower::load::Constant;
use tower::load_shed::LoadShed;
use tower::retry::{self, RetryLayer};
use tower::{Layer as _, Service, ServiceBuilder, service_fn};
use tower_test::mock;
use x402_tests::shop::PAYEE;
use x402_tests::{BoxError, Spy, TestBody, Verb, pieces};
use x402_tower::X402;
use x402_tower::cors::REPLAYED;
use x402_tower::facilitator::{Facilitator, FacilitatorError, PaymentCall};
use x402_tower::gate::{GateLayer, RequestBody, ResponseBody};
use x402_tower::ledger::MemoryLedger;
use x402_tower::local::{LocalFacilitator, Wallet};
use x402_tower::price::RequestHead;
use x402_tower::proto::header::{
    PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, decode, encode,
};
use x402_tower::proto::v2::{PaymentPayload, PaymentRequired};
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse};

fn gate() -> GateLayer {
    X402::local().build().unwrap().price("$0.01").unwrap()
}

fn unpaid() -> Request<Empty<Bytes>> {
    Request::new(Empty::new())
}

fn paid<RB>(challenge: &Response<RB>, wallet: &Wallet) -> Request<Empty<Bytes>> {
    let required: PaymentRequired =
        decode(challenge.headers()[PAYMENT_REQUIRED].as_bytes(), 9999).unwrap();
    let offer = required.accepts[0].clone();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let payment = PaymentPayload::new(offer.clone(), wallet.sign(&offer, now).unwrap());
    let mut request = unpaid();
    let value = HeaderValue::from_str(&encode(&payment).unwrap()).unwrap();
    request.headers_mut().insert(PAYMENT_SIGNATURE, value);
    request
}

async fn ask<S, RB, E>(service: &mut S, request: Request<Empty<Bytes>>) -> Response<RB>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<RB>, Error = E>,
    E: std::fmt::Debug,
{
    std::future::poll_fn(|cx| service.poll_ready(cx))
        .await
        .unwrap();
    service.call(request).await.unwrap()
}

/// Asks, pays, and is served.
async fn buy<S, RB, E>(service: &mut S, wallet: &Wallet) -> String
where
    S: Service<Request<Empty<Bytes>>, Response = Response<RB>, Error = E>,
    E: std::fmt::Debug,
    RB: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let challenge = ask(service, unpaid()).await;
    assert_eq!(challenge.status(), StatusCode::PAYMENT_REQUIRED);
    let request = paid(&challenge, wallet);
    drop(challenge);
    let answer = ask(service, request).await;
    assert!(answer.headers().contains_key(PAYMENT_RESPONSE));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn goods<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("the goods")))
}

#[tokio::test]
async fn an_unpaid_request_gives_its_permit_back() {
    let limited = ConcurrencyLimit::new(service_fn(goods::<RequestBody<Empty<Bytes>>>), 1);
    let wallet = Wallet::from_seed(1);
    let mut first = gate().layer(limited);
    // Two connections to one service: neither may keep the one permit while it idles.
    let mut second = first.clone();
    for _ in 0..3 {
        assert_eq!(
            ask(&mut first, unpaid()).await.status(),
            StatusCode::PAYMENT_REQUIRED
        );
        assert_eq!(
            ask(&mut second, unpaid()).await.status(),
            StatusCode::PAYMENT_REQUIRED
        );
    }
    assert_eq!(buy(&mut second, &wallet).await, "the goods");
    assert_eq!(buy(&mut first, &wallet).await, "the goods");
}

#[tokio::test]
async fn load_is_shed_where_the_seller_says() {
    let wallet = Wallet::from_seed(1);
    let limited = ConcurrencyLimit::new(service_fn(goods::<RequestBody<Empty<Bytes>>>), 1);
    let mut below = gate().layer(LoadShed::new(limited.clone()));
    assert_eq!(buy(&mut below, &wallet).await, "the goods");

    let mut above = LoadShed::new(gate().layer(limited.clone()));
    assert_eq!(buy(&mut above, &wallet).await, "the goods");

    // While somebody else has the permit, load is shed, below and above.
    let mut busy = limited.clone();
    std::future::poll_fn(|cx| busy.poll_ready(cx))
        .await
        .unwrap();
    let challenge = ask(&mut below, unpaid()).await;
    std::future::poll_fn(|cx| below.poll_ready(cx))
        .await
        .unwrap();
    let shed = below.call(paid(&challenge, &wallet)).await.unwrap_err();
    assert!(shed.is::<tower::load_shed::error::Overloaded>());
    std::future::poll_fn(|cx| above.poll_ready(cx))
        .await
        .unwrap();
    let shed = above.call(unpaid()).await.unwrap_err();
    assert!(shed.is::<tower::load_shed::error::Overloaded>());
    drop(busy);
    assert_eq!(buy(&mut above, &wallet).await, "the goods");
    assert_eq!(buy(&mut below, &wallet).await, "the goods");
}

#[tokio::test]
async fn buffers_go_below_and_above() {
    let wallet = Wallet::from_seed(1);
    let inner = ServiceBuilder::new()
        .buffer(1)
        .service(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    let mut below = gate().layer(inner);
    for _ in 0..5 {
        assert_eq!(
            ask(&mut below, unpaid()).await.status(),
            StatusCode::PAYMENT_REQUIRED
        );
    }
    assert_eq!(buy(&mut below, &wallet).await, "the goods");

    let gated = gate().layer(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    let mut above = ServiceBuilder::new().buffer(1).service(gated);
    assert_eq!(buy(&mut above, &wallet).await, "the goods");
}

#[tokio::test]
async fn timeouts_and_limits_go_around() {
    let wallet = Wallet::from_seed(1);
    let mut stack = ServiceBuilder::new()
        .timeout(Duration::from_secs(60))
        .concurrency_limit(1)
        .layer(gate())
        .concurrency_limit(1)
        .service(service_fn(goods));
    for _ in 0..2 {
        assert_eq!(buy(&mut stack, &wallet).await, "the goods");
    }
}

type Mocked = Request<RequestBody<Empty<Bytes>>>;

#[tokio::test]
async fn the_service_that_was_made_ready_is_the_one_that_is_called() {
    let (inner, mut handle) = mock::pair::<Mocked, Response<Full<Bytes>>>();
    let mut gated = gate().layer(inner);
    handle.allow(0);
    let mut ready = by_hand(std::future::poll_fn(|cx| gated.poll_ready(cx)));
    assert!(
        ready.poll().is_pending(),
        "the gate is ready when what is inside is"
    );
    drop(ready);

    // One readiness, spent on an unpaid request: what is inside is not called.
    handle.allow(1);
    let challenge = ask(&mut gated, unpaid()).await;
    assert_eq!(challenge.status(), StatusCode::PAYMENT_REQUIRED);
    // One more, for the paid one. A call without readiness panics in the mock.
    handle.allow(1);
    std::future::poll_fn(|cx| gated.poll_ready(cx))
        .await
        .unwrap();
    let serving = gated.call(paid(&challenge, &Wallet::from_seed(1)));
    let answering = async {
        let (request, respond) = handle.next_request().await.unwrap();
        assert!(!request.headers().contains_key(PAYMENT_SIGNATURE));
        respond.send_response(Response::new(Full::from("the goods")));
    };
    let (answer, ()) = tokio::join!(serving, answering);
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn errors_pass_through_and_release_the_payment() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let inner = service_fn(move |_: Request<RequestBody<Empty<Bytes>>>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match call {
                0 => Err("the handler is broken"),
                _ => Ok(Response::new(Full::<Bytes>::from("the goods"))),
            }
        }
    });
    let mut gated = gate().layer(inner);
    let challenge = ask(&mut gated, unpaid()).await;
    let request = paid(&challenge, &Wallet::from_seed(1));
    let mut again = unpaid();
    again.headers_mut().clone_from(request.headers());
    std::future::poll_fn(|cx| gated.poll_ready(cx))
        .await
        .unwrap();
    assert_eq!(
        gated.call(request).await.unwrap_err(),
        "the handler is broken"
    );
    assert_eq!(ask(&mut gated, again).await.status(), StatusCode::OK);
}

/// Asks once more after whatever has failed, or takes too long.
#[derive(Clone)]
struct OnceMore;

impl<B: Clone, RB, E> retry::Policy<Request<B>, Response<RB>, E> for OnceMore {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<B>,
        answer: &mut Result<Response<RB>, E>,
    ) -> Option<Ready<()>> {
        let failed = |answer: &mut Response<RB>| answer.status().is_server_error();
        answer.as_mut().is_ok_and(failed).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

impl<B: Clone> hedge::Policy<Request<B>> for OnceMore {
    fn clone_request(&self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }

    fn can_retry(&self, _: &Request<B>) -> bool {
        true
    }
}

/// A handler that fails for the first two times.
fn failing<B>(
    runs: &Arc<AtomicUsize>,
) -> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ use<B> {
    let runs = Arc::clone(runs);
    service_fn(move |_: Request<B>| {
        let mut response = Response::new(Full::from("the goods"));
        if runs.fetch_add(1, Ordering::SeqCst) < 2 {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        ready(Ok(response))
    })
}

/// A seller, and what is written down.
fn watched() -> (X402, Spy) {
    let ledger = Spy::new(MemoryLedger::builder().build());
    let x402 = X402::local().ledger(ledger.clone()).build().unwrap();
    (x402, ledger)
}

/// Whoever asks again around a price does so with the same payment, and whoever does so within is paid once.
#[tokio::test]
async fn what_fails_is_tried_again_around_and_within() {
    let wallet = Wallet::from_seed(1);
    let runs = Arc::new(AtomicUsize::new(0));
    let (x402, ledger) = watched();
    let mut around = ServiceBuilder::new()
        .layer(RetryLayer::new(OnceMore))
        .layer(x402.price("$0.01").unwrap())
        .service(failing(&runs));
    assert_eq!(buy(&mut around, &wallet).await, "the goods");
    assert_eq!(ledger.count(Verb::Claim), 3);
    assert_eq!(ledger.count(Verb::Release), 2);
    assert_eq!(ledger.count(Verb::Commit), 1);
    assert_eq!(ledger.count(Verb::Delivered), 1);

    runs.store(0, Ordering::SeqCst);
    let (x402, ledger) = watched();
    let mut within = ServiceBuilder::new()
        .layer(x402.price("$0.01").unwrap())
        .map_request(|request: Mocked| request.map(drop))
        .layer(RetryLayer::new(OnceMore))
        .service(failing(&runs));
    assert_eq!(buy(&mut within, &wallet).await, "the goods");
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(ledger.count(Verb::Claim), 1);
    assert_eq!(ledger.count(Verb::Delivered), 1);
}

/// A request that is sent twice because it takes so long is one purchase, and whichever answer is dropped leaves nothing.
#[tokio::test(start_paused = true)]
async fn a_hedge_buys_once() {
    let wallet = Wallet::from_seed(1);
    let (runs, sent) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(0));
    let (x402, ledger) = watched();
    let (counted, seen) = (Arc::clone(&runs), sent.subscribe());
    // It takes until it has been asked for twice.
    let slow = service_fn(move |request: Mocked| {
        let run = counted.fetch_add(1, Ordering::SeqCst) + 1;
        let mut seen = seen.clone();
        async move {
            drop(seen.wait_for(|sent| *sent >= 2 * run).await);
            goods(request).await
        }
    });
    let gated = ServiceBuilder::new()
        .map_request(move |request: Request<Empty<Bytes>>| {
            let is_paid = request.headers().contains_key(PAYMENT_SIGNATURE);
            sent.send_modify(|sent| *sent += usize::from(is_paid));
            request
        })
        .layer(x402.price("$0.01").unwrap())
        .service(slow);
    let minute = Duration::from_secs(60);
    let mut hedged = Hedge::new_with_mock_latencies(gated, OnceMore, 1, 0.9, minute, &[1; 20]);
    for bought in 1..=3 {
        assert_eq!(buy(&mut hedged, &wallet).await, "the goods");
        assert_eq!(runs.load(Ordering::SeqCst), bought);
        assert_eq!(ledger.count(Verb::Commit), bought);
        assert_eq!(ledger.count(Verb::Delivered), bought);
    }
    assert!(x402.drain(Duration::ZERO).await.is_clean());
}

/// Prices of one seller stand beside one another. A payment is known to all of them.
#[tokio::test]
async fn a_balance_of_prices_sells_once() {
    let (x402, ledger) = watched();
    let price = x402.price("$0.01").unwrap();
    let gates = [0; 3].map(|load| Constant::new(price.clone().layer(service_fn(goods)), load));
    let mut balance = Balance::new(ServiceList::new::<Request<Empty<Bytes>>>(gates));
    let wallet = Wallet::from_seed(1);
    for bought in 1..=5 {
        let challenge = ask(&mut balance, unpaid()).await;
        let request = paid(&challenge, &wallet);
        for _ in 0..5 {
            let answer = ask(&mut balance, request.clone()).await;
            assert_eq!(answer.status(), StatusCode::OK);
            answer.into_body().collect().await.unwrap();
        }
        assert_eq!(ledger.count(Verb::Commit), bought);
    }
}

/// What a filter within turns down is not paid for.
#[tokio::test]
async fn filters_turn_payments_down_for_nothing() {
    let (x402, ledger) = watched();
    let mut closed = ServiceBuilder::new()
        .layer(x402.price("$0.01").unwrap())
        .filter(|_: Mocked| Err::<Mocked, _>("closed"))
        .service(service_fn(goods));
    let challenge = ask(&mut closed, unpaid()).await;
    let request = paid(&challenge, &Wallet::from_seed(1));
    for times in 1..=5 {
        std::future::poll_fn(|cx| closed.poll_ready(cx))
            .await
            .unwrap();
        let refused = closed.call(request.clone()).await.unwrap_err();
        assert_eq!(refused.to_string(), "closed");
        assert_eq!(ledger.count(Verb::Release), times);
    }
}

fn by_http_2(mut request: Request<Empty<Bytes>>) -> Request<Empty<Bytes>> {
    *request.version_mut() = Version::HTTP_2;
    request
}

/// What comes behind a body comes through, whether the body was captured before or is passed on.
#[tokio::test]
async fn trailers_pass_through() {
    let with_trailers = service_fn(|_: Request<RequestBody<Empty<Bytes>>>| async {
        let trailers = HeaderMap::from_iter([(
            HeaderName::from_static("x-sum"),
            HeaderValue::from_static("7"),
        )]);
        let trailers = std::future::ready(Some(Ok(trailers)));
        let body = Full::<Bytes>::from("the goods").with_trailers(trailers);
        Ok::<_, Infallible>(Response::new(body))
    });
    let free = X402::local().build().unwrap().route("$0.01");
    let mut free = free
        .free_when(|_| true)
        .build()
        .unwrap()
        .layer(with_trailers);
    let mut gated = gate().layer(with_trailers);
    let wallet = Wallet::from_seed(1);
    for method in [Method::GET, Method::POST] {
        let mut request = unpaid();
        *request.method_mut() = method.clone();
        let challenge = ask(&mut gated, request).await;
        let mut request = by_http_2(paid(&challenge, &wallet));
        *request.method_mut() = method.clone();
        for answer in [
            ask(&mut gated, request).await,
            ask(&mut free, unpaid()).await,
        ] {
            assert_eq!(answer.status(), StatusCode::OK);
            let collected = answer.into_body().collect().await.unwrap();
            let trailers = collected.trailers().cloned().unwrap_or_default();
            assert_eq!(trailers.get("x-sum").unwrap(), "7", "{method}");
            assert_eq!(collected.to_bytes(), "the goods", "{method}");
        }
    }
}

/// A service and bodies that can neither be sent nor shared nor are they static, with errors that are nothing at all.
#[derive(Clone)]
struct Confined<'a>(PhantomData<(Rc<()>, &'a ())>);

struct ConfinedBody(Option<Odd>, PhantomData<Rc<()>>);

/// Data that is not `Bytes`, in two pieces.
struct Odd(&'static [u8], &'static [u8]);

impl Buf for Odd {
    fn remaining(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.0.is_empty() { self.1 } else { self.0 }
    }

    fn advance(&mut self, count: usize) {
        let first = count.min(self.0.len());
        self.0 = &self.0[first..];
        self.1 = &self.1[count - first..];
    }
}

impl Body for ConfinedBody {
    type Data = Odd;
    type Error = Rc<()>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Odd>, Rc<()>>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }
}

impl<B> Service<Request<B>> for Confined<'_> {
    type Response = Response<ConfinedBody>;
    type Error = Rc<()>;
    type Future = std::future::Ready<Result<Response<ConfinedBody>, Rc<()>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Rc<()>>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let body = ConfinedBody(Some(Odd(b"the ", b"goods")), PhantomData);
        std::future::ready(Ok(Response::new(body)))
    }
}

#[tokio::test]
async fn nothing_but_clone_is_asked_of_what_is_inside() {
    let confined = Confined(PhantomData);
    let mut gated = gate().layer(confined);
    let challenge: Response<ResponseBody<ConfinedBody>> = ask(&mut gated, unpaid()).await;
    let answer = ask(&mut gated, paid(&challenge, &Wallet::from_seed(1))).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "the goods");
}

/// With what is inside `Send`, so is the gate, as servers want it.
#[tokio::test]
async fn what_can_be_sent_can_be_sent() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let mut gated = assert_send(gate().layer(service_fn(goods::<RequestBody<Empty<Bytes>>>)));
    let answer = assert_send(gated.call(unpaid())).await.unwrap();
    assert_eq!(assert_send(answer).status(), StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test]
async fn a_gate_knows_what_the_client_asked_for() {
    #[derive(Clone)]
    struct Original(http::Uri);

    let layer = X402::local()
        .public_url("https://shop.example")
        .build()
        .unwrap()
        .price("$0.01")
        .unwrap()
        .original_uri(|extensions| extensions.get::<Original>().map(|original| &original.0));
    let mut gated = layer.layer(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    let mut nested = Request::builder()
        .uri("/inner?q")
        .body(Empty::new())
        .unwrap();
    nested
        .extensions_mut()
        .insert(Original("/outer/inner?q".parse().unwrap()));
    let url = |response: Response<_>| {
        let _: &ResponseBody<Full<Bytes>> = response.body();
        let required: PaymentRequired =
            decode(response.headers()[PAYMENT_REQUIRED].as_bytes(), 9999).unwrap();
        required.resource.url
    };
    assert_eq!(
        url(gated.call(nested).await.unwrap()),
        "https://shop.example/outer/inner?q"
    );
    let plain = Request::builder()
        .uri("/inner?q")
        .body(Empty::new())
        .unwrap();
    assert_eq!(
        url(gated.call(plain).await.unwrap()),
        "https://shop.example/inner?q"
    );
}

#[tokio::test]
async fn a_service_is_reached_through_its_gate() {
    let mut gated = gate().layer(7);
    *gated.get_mut() += 1;
    assert_eq!(*gated.get_ref(), 8);
    assert_eq!(gated.into_inner(), 8);
}

/// A future that is polled by hand.
struct Polled<F>(Pin<Box<F>>);

fn by_hand<F: Future>(future: F) -> Polled<F> {
    Polled(Box::pin(future))
}

impl<F: Future> Polled<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        self.0
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}

/// HTTP/2 names the server in the request line, and not in `Host`.
#[tokio::test]
async fn a_server_is_known_by_the_name_that_is_said() {
    let mut service = gate().layer(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    for (uri, host, url) in [
        ("http://shop.example/a", None, "http://shop.example/a"),
        ("/a", Some("shop.example:81"), "http://shop.example:81/a"),
        ("/a", None, "http://localhost/a"),
    ] {
        let mut request = unpaid();
        *request.uri_mut() = uri.parse().unwrap();
        if let Some(host) = host {
            request
                .headers_mut()
                .insert("host", HeaderValue::from_static(host));
        }
        let challenge = ask(&mut service, request).await;
        let challenge = challenge.headers()[PAYMENT_REQUIRED].as_bytes();
        let required: PaymentRequired = decode(challenge, 9999).unwrap();
        assert_eq!(required.resource.url, url);
    }
}

/// Whoever asks a proxy says the server in front of the path, and pays for what that server gives.
#[tokio::test]
async fn a_price_is_for_the_server_that_a_proxy_is_asked_for() {
    let x402 = X402::local().public_url("https://proxy.example");
    let by_host = async |head: RequestHead| match head.uri().host() {
        Some("dear.example") => "$1",
        _ => "$0.01",
    };
    let gate = x402.build().unwrap().price_with(by_host).unwrap();
    let mut service = gate.layer(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    let wallet = Wallet::from_seed(1);
    for (method, cheap, dear) in [
        (
            Method::GET,
            "http://cheap.example/a",
            "http://dear.example/a",
        ),
        (Method::CONNECT, "cheap.example:443", "dear.example:443"),
    ] {
        let to = |uri: &str, mut request: Request<Empty<Bytes>>| {
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.parse().unwrap();
            request
        };
        let challenge = ask(&mut service, to(cheap, unpaid())).await;
        let payment = paid(&challenge, &wallet);
        let answer = ask(&mut service, to(dear, payment.clone())).await;
        assert_eq!(answer.status(), StatusCode::PAYMENT_REQUIRED, "{method}");
        let answer = ask(&mut service, to(cheap, payment.clone())).await;
        assert_eq!(answer.status(), StatusCode::OK, "{method}");
        let answer = ask(&mut service, to(dear, payment)).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{method}");
    }
}

/// A facilitator that breaks while it settles.
struct Breaking(LocalFacilitator);

impl Facilitator for Breaking {
    async fn verify(&self, call: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.0.verify(call).await
    }

    async fn settle(&self, _: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        panic!("it is broken")
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.0.supported().await
    }
}

/// What has panicked may have sent the payment before.
#[tokio::test]
async fn a_settlement_that_panics_leaves_the_payment_open() {
    let ledger = Spy::new(MemoryLedger::builder().build());
    let x402 = X402::builder()
        .facilitator(Breaking(LocalFacilitator::new()))
        .ledger(ledger.clone())
        .public_url("https://shop.example")
        .pay_to("base-sepolia", PAYEE)
        .build()
        .unwrap();
    let gate = x402.price("$0.01").unwrap();
    let mut service = gate.layer(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    let challenge = ask(&mut service, unpaid()).await;
    let request = paid(&challenge, &Wallet::from_seed(1));
    let settling = tokio::spawn(service.call(request.clone()));
    assert!(settling.await.unwrap_err().is_panic());
    assert_eq!(ledger.seen(), [Verb::Claim, Verb::Begin, Verb::Park]);
    let again = ask(&mut service, request).await;
    assert_eq!(again.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(again.headers().contains_key(PAYMENT_RESPONSE));
}

/// An answer that was read before the money moved is delivered when it has been handed over, and not before.
#[tokio::test]
async fn an_answer_that_nobody_reads_is_not_delivered() {
    let ledger = Spy::new(MemoryLedger::builder().build());
    let x402 = X402::local().ledger(ledger.clone()).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    let mut service = gate.layer(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    let challenge = ask(&mut service, unpaid()).await;
    let mut request = paid(&challenge, &Wallet::from_seed(1));
    *request.method_mut() = http::Method::POST;
    for delivered in [Verb::Undelivered, Verb::Delivered] {
        let answer = ask(&mut service, request.clone()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(
            (ledger.count(delivered), ledger.count(Verb::Commit)),
            (0, 1)
        );
        match delivered {
            Verb::Delivered => drop(answer.into_body().collect().await.unwrap()),
            _ => drop(answer),
        }
        ledger.wait_for(delivered, 1).await;
    }
}

/// A body that says that it is over and not how long it is.
struct Told(Option<Bytes>);

impl Body for Told {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Takes an answer as servers do: they ask for no more of it than there is, and by HTTP/2 until they are told that.
async fn take(answer: Response<ResponseBody<TestBody>>, version: Version) {
    let (parts, mut body) = answer.into_parts();
    let bare = parts.status.is_informational() || [204, 304].contains(&parts.status.as_u16());
    let length = body.size_hint().exact();
    let mut left = length.filter(|_| version < Version::HTTP_2);
    while !bare && !body.is_end_stream() && left != Some(0) {
        let Some(frame) = body.frame().await else {
            return;
        };
        let frame = frame.unwrap();
        if let (Some(left), Some(data)) = (&mut left, frame.data_ref()) {
            *left -= data.len() as u64;
        }
    }
}

/// A body that ends before it should.
struct Short {
    sent: bool,
    says_so: bool,
}

impl Body for Short {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let sent = std::mem::replace(&mut self.sent, true);
        Poll::Ready((!sent).then(|| Ok(Frame::data(Bytes::from_static(b"the go")))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent && self.says_so
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.sent { 3 } else { 9 })
    }
}

/// Servers break off what is shorter than it said. So it has not arrived, and is not kept.
#[tokio::test]
async fn an_answer_that_is_shorter_than_it_said_is_not_delivered() {
    for says_so in [false, true] {
        let ledger = Spy::new(MemoryLedger::builder().build());
        let x402 = X402::local().ledger(ledger.clone()).build().unwrap();
        let gate = x402.price("$0.01").unwrap();
        let mut service = gate.layer(service_fn(
            move |_: Request<RequestBody<Empty<Bytes>>>| async move {
                let sent = false;
                Ok::<_, Infallible>(Response::new(Short { sent, says_so }))
            },
        ));
        let challenge = ask(&mut service, unpaid()).await;
        let request = paid(&challenge, &Wallet::from_seed(1));
        for times in 1..=2 {
            let answer = ask(&mut service, request.clone()).await;
            assert_eq!(answer.headers().get(REPLAYED), None);
            let read = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(read, "the go");
            ledger.wait_for(Verb::Undelivered, times).await;
        }
        assert_eq!(ledger.count(Verb::Commit), 1);
    }
}

/// By HTTP/2 clients refuse what is longer than its head says, as they do what is shorter.
#[tokio::test]
async fn an_answer_that_is_longer_than_it_said_is_not_delivered() {
    let (x402, ledger) = watched();
    let mut long = x402.price("$0.01").unwrap().layer(service_fn(
        |_: Request<RequestBody<Empty<Bytes>>>| async {
            let mut response = Response::new(pieces(20, false));
            let length = HeaderValue::from_static("9");
            response.headers_mut().insert("content-length", length);
            Ok::<_, Infallible>(response)
        },
    ));
    let challenge = ask(&mut long, unpaid()).await;
    let mut request = paid(&challenge, &Wallet::from_seed(1));
    *request.version_mut() = Version::HTTP_2;
    for times in 1..=2 {
        let answer = ask(&mut long, request.clone()).await;
        let read = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(read.len(), 20);
        ledger.wait_for(Verb::Undelivered, times).await;
    }
    assert_eq!(ledger.count(Verb::Commit), 1);
}

/// What a server does not ask for any more has been delivered.
#[tokio::test]
async fn an_answer_is_delivered_when_a_server_has_all_of_it() {
    let ledger = Spy::new(MemoryLedger::builder().build());
    let x402 = X402::local().ledger(ledger.clone()).build().unwrap();
    let route = x402.route("$0.01").charge_when(|_| true);
    let gate = route.build().unwrap();
    let body: fn(u16) -> TestBody = |case| match case {
        1 => pieces(9, true),
        2 => pieces(0, true),
        3 => Told(Some(Bytes::from_static(b"the goods"))).boxed_unsync(),
        4 => Told(None).boxed_unsync(),
        _ => pieces(0, false),
    };
    let cases = [
        (200, 1, Some(9)),
        (200, 2, Some(0)),
        (200, 3, None),
        (200, 4, None),
        (101, 5, None),
        (204, 5, None),
        (304, 5, None),
    ];
    let wallet = Wallet::from_seed(1);
    let mut bought = 0;
    let by = |version| [Method::GET, Method::POST].map(|method| (version, method));
    let asked = [by(Version::HTTP_11), by(Version::HTTP_2)].concat();
    for (version, method) in asked {
        for (status, case, length) in cases {
            if status == 101 && version == Version::HTTP_2 {
                continue;
            }
            let mut service = gate.clone().layer(service_fn(
                move |_: Request<RequestBody<Empty<Bytes>>>| async move {
                    let mut response = Response::new(body(case));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    Ok::<_, Infallible>(response)
                },
            ));
            let challenge = ask(&mut service, unpaid()).await;
            let mut request = paid(&challenge, &wallet);
            *request.method_mut() = method.clone();
            *request.version_mut() = version;
            let answer = ask(&mut service, request).await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.body().size_hint().exact(), length);
            take(answer, version).await;
            bought += 1;
            let ends = [Verb::Delivered, Verb::Undelivered];
            ledger.wait_for_any(&ends, bought).await;
            assert_eq!(
                ledger.count(Verb::Delivered),
                bought,
                "{version:?} {method} {status} {case}"
            );
        }
    }
}

/// An answer is kept with all that belongs to it, or not at all, and is not delivered before.
#[tokio::test]
async fn an_answer_with_trailers_is_not_kept_without_them() {
    let ledger = Spy::new(MemoryLedger::builder().build());
    let mut service = with_trailers(&ledger);
    let wallet = Wallet::from_seed(1);
    for (i, (method, path, again)) in [
        (Method::GET, "/", 200),
        (Method::GET, "/streamed", 200),
        (Method::POST, "/", 409),
    ]
    .into_iter()
    .enumerate()
    {
        let challenge = ask(&mut service, unpaid()).await;
        let mut request = by_http_2(paid(&challenge, &wallet));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        for status in [200, again] {
            let answer = ask(&mut service, request.clone()).await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers().get(REPLAYED), None);
            if status != 200 {
                continue;
            }
            let before = ledger.count(Verb::Delivered);
            let mut body = std::pin::pin!(answer.into_body());
            for piece in ["the good", "s"] {
                let goods = body.frame().await.unwrap().unwrap();
                assert_eq!(goods.into_data().unwrap(), piece);
                assert!(!body.is_end_stream());
                assert_eq!(ledger.count(Verb::Delivered), before);
            }
            // Servers do not ask for what could come behind them.
            let trailers = body.frame().await.unwrap().unwrap();
            assert!(trailers.is_trailers());
            ledger.wait_for(Verb::Delivered, before + 1).await;
        }
        assert_eq!(ledger.count(Verb::Commit), i + 1);
    }
}

/// By HTTP/1 nobody asks for what comes behind a body whose length was said, so it belongs to nothing.
#[tokio::test]
async fn an_answer_ends_at_its_length_where_servers_stop_there() {
    let ledger = Spy::new(MemoryLedger::builder().build());
    let mut service = with_trailers(&ledger);
    let wallet = Wallet::from_seed(1);
    for (i, method) in [Method::GET, Method::POST].into_iter().enumerate() {
        let challenge = ask(&mut service, unpaid()).await;
        let mut request = paid(&challenge, &wallet);
        *request.method_mut() = method;
        for replayed in [false, true] {
            let answer = ask(&mut service, request.clone()).await;
            assert_eq!(answer.headers().contains_key(REPLAYED), replayed);
            let goods = answer.into_body().frame().await.unwrap().unwrap();
            assert_eq!(goods.into_data().unwrap(), "the goods");
            ledger.wait_for(Verb::Delivered, i + 1).await;
        }
    }
}

/// What is sent in chunks ends behind them, but there are none in HTTP/1.0, whatever a handler says.
#[tokio::test]
async fn an_answer_in_chunks_ends_behind_them() {
    let (x402, ledger) = watched();
    let mut chunked = x402.price("$0.01").unwrap().layer(service_fn(
        |_: Request<RequestBody<Empty<Bytes>>>| async {
            let mut response = Response::new(pieces(9, true));
            let chunked = HeaderValue::from_static("chunked");
            response
                .headers_mut()
                .insert(http::header::TRANSFER_ENCODING, chunked);
            Ok::<_, Infallible>(response)
        },
    ));
    let wallet = Wallet::from_seed(1);
    for (version, ends) in [
        (Version::HTTP_10, Verb::Delivered),
        (Version::HTTP_11, Verb::Undelivered),
    ] {
        let challenge = ask(&mut chunked, unpaid()).await;
        let mut request = paid(&challenge, &wallet);
        *request.version_mut() = version;
        let answer = ask(&mut chunked, request).await;
        let mut body = answer.into_body();
        let mut left = 9;
        while left > 0 {
            let goods = body.frame().await.unwrap().unwrap();
            left -= goods.into_data().unwrap().len();
        }
        drop(body);
        ledger.wait_for(ends, 1).await;
    }
}

/// Sells goods that something comes behind, and says how long they are unless they are streamed.
fn with_trailers(
    ledger: &Spy,
) -> impl Service<Request<Empty<Bytes>>, Response = Response<ResponseBody<TestBody>>, Error = Infallible>
+ use<> {
    let x402 = X402::local().ledger(ledger.clone()).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    gate.layer(service_fn(
        |request: Request<RequestBody<Empty<Bytes>>>| async move {
            let name = HeaderName::from_static("x-sum");
            let trailers = HeaderMap::from_iter([(name, HeaderValue::from_static("7"))]);
            let goods = Bytes::from_static(b"the goods");
            let body: TestBody = if request.uri().path() == "/streamed" {
                let frames = [Frame::data(goods), Frame::trailers(trailers)];
                StreamBody::new(stream::iter(frames.map(Ok))).boxed_unsync()
            } else {
                let trailers = std::future::ready(Some(Ok(trailers)));
                let body = Full::new(goods).map_err(|never| match never {});
                body.with_trailers(trailers).boxed_unsync()
            };
            Ok::<_, Infallible>(Response::new(body))
        },
    ))
}

/// Whoever asks whether they may ask is not sent anywhere, and given nothing.
#[tokio::test]
async fn a_question_leads_nowhere() {
    for (said, told) in [(200, 200), (405, 405), (303, 204), (101, 204)] {
        let mut service = gate().layer(service_fn(
            move |_: Request<RequestBody<Empty<Bytes>>>| async move {
                let mut response = Response::new(Full::<Bytes>::from("the goods"));
                *response.status_mut() = StatusCode::from_u16(said).unwrap();
                Ok::<_, Infallible>(response)
            },
        ));
        let mut question = unpaid();
        *question.method_mut() = Method::OPTIONS;
        for (name, value) in [
            ("origin", "https://page.example"),
            ("access-control-request-method", "GET"),
        ] {
            let value = HeaderValue::from_static(value);
            question.headers_mut().insert(name, value);
        }
        let answer = ask(&mut service, question).await;
        assert_eq!(answer.status(), told);
        assert!(answer.into_body().is_end_stream());
    }
}

/// Timers belong to the home runtime, and whoever polls a gate need not have any.
#[test]
fn a_handler_may_wait_where_there_is_no_runtime() {
    let home = tokio::runtime::Runtime::new().unwrap();
    let gate = {
        let _entered = home.enter();
        gate()
    };
    let mut service = gate.layer(service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        let mut waited = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("the goods"))))
    }));
    let challenge = drive(ask(&mut service, unpaid()));
    let answer = drive(ask(&mut service, paid(&challenge, &Wallet::from_seed(1))));
    assert_eq!(answer.status(), StatusCode::OK);
}

/// Whoever drains at once waits for what is settled and still to be written down.
#[tokio::test]
async fn draining_overlooks_nothing_that_is_about_to_begin() {
    let ledger = Spy::new(MemoryLedger::builder().build());
    let x402 = X402::local().ledger(ledger.clone()).build().unwrap();
    let gate = x402.price("$0.01").unwrap();
    let mut service = gate.layer(service_fn(goods::<RequestBody<Empty<Bytes>>>));
    ledger.fail(Verb::Commit, 1);
    assert_eq!(buy(&mut service, &Wallet::from_seed(1)).await, "the goods");
    let drained = x402.drain(Duration::ZERO).await;
    assert_eq!((drained.running, ledger.count(Verb::Commit)), (1, 0));
}

/// Polls by hand until it is done.
fn drive<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}
