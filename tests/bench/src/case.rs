use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use stats_alloc::Region;
use tower_service::Service as _;
use x402_axum::paid;
use x402_tower::X402;
use x402_tower::clock::{Clock, SystemClock};
use x402_tower::facilitator::{Facilitator, HttpFacilitator, HyperTransport};
use x402_tower::proto::header::{PAYMENT_REQUIRED, PAYMENT_SIGNATURE};

use crate::actix::Service;
use crate::facilitator::{Canned, Child, Hanging};
use crate::{ALLOCATOR, payments};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Bare,
    /// Behind a layer that does nothing, which axum boxes like any other.
    Layered,
    Free,
    Challenge,
    Paid,
    /// The answer to an unpaid request, by a handler that has it ready: nothing is looked at, sealed or counted.
    ByHand,
    /// By a handler that declares its price.
    Declared,
    DeclaredPaid,
    BadBase64,
    BadJson,
    OverReqwest,
    OverHyper,
    ActixBare,
    ActixChallenge,
    ActixPaid,
    ActixDeclared,
    ActixDeclaredPaid,
    /// A bare handler that never answers, and a facilitator that never verifies.
    BareWaiting,
    Waiting,
}

impl Case {
    pub const ALL: [Self; 17] = [
        Self::Bare,
        Self::Layered,
        Self::Free,
        Self::Challenge,
        Self::Paid,
        Self::ByHand,
        Self::Declared,
        Self::DeclaredPaid,
        Self::BadBase64,
        Self::BadJson,
        Self::OverReqwest,
        Self::OverHyper,
        Self::ActixBare,
        Self::ActixChallenge,
        Self::ActixPaid,
        Self::ActixDeclared,
        Self::ActixDeclaredPaid,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Bare => "axum handler, bare",
            Self::Layered => "behind a layer that does nothing",
            Self::Free => "free behind a layer",
            Self::Challenge => "unpaid, challenged",
            Self::Paid => "paid",
            Self::ByHand => "what is answered then, by hand",
            Self::Declared => "attribute, unpaid",
            Self::DeclaredPaid => "attribute, paid",
            Self::BadBase64 => "payment header that is no base64",
            Self::BadJson => "payment header that is no JSON",
            Self::OverReqwest => "paid, facilitator over HTTP with reqwest",
            Self::OverHyper => "paid, facilitator over HTTP with hyper",
            Self::ActixBare => "actix handler, bare",
            Self::ActixChallenge => "actix, unpaid",
            Self::ActixPaid => "actix, paid",
            Self::ActixDeclared => "actix attribute, unpaid",
            Self::ActixDeclaredPaid => "actix attribute, paid",
            Self::BareWaiting | Self::Waiting => "waiting",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    /// The bare handler of the same framework.
    pub const fn bare(self) -> Self {
        if self.is_actix() {
            Self::ActixBare
        } else {
            Self::Bare
        }
    }

    const fn is_actix(self) -> bool {
        matches!(
            self,
            Self::ActixBare
                | Self::ActixChallenge
                | Self::ActixPaid
                | Self::ActixDeclared
                | Self::ActixDeclaredPaid
        )
    }

    pub fn name(self) -> String {
        format!("{self:?}")
    }

    pub async fn set_up(self) -> Bench {
        let (seller, child) = match self {
            Self::OverReqwest => {
                let child = Child::start();
                let facilitator = HttpFacilitator::new(child.url()).expect("a client");
                (seller(facilitator), Some(child))
            }
            Self::OverHyper => {
                let child = Child::start();
                let transport = HyperTransport::new().expect("a transport");
                let facilitator =
                    HttpFacilitator::with_transport(child.url(), transport).expect("a client");
                (seller(facilitator), Some(child))
            }
            Self::Waiting => (seller(Hanging), None),
            _ => (seller(Canned), None),
        };
        let mut bench = Bench {
            app: if self.is_actix() {
                App::Actix(Service::new(self, seller.with_layer()).await)
            } else {
                App::Axum(self.router(seller.with_layer()))
            },
            expected: StatusCode::OK,
            headers: Vec::new(),
            actix_headers: Vec::new(),
            used: 0,
            _child: child,
        };
        bench.prepare(self).await;
        if self.is_actix() {
            bench.actix_headers = bench.headers.iter().map(Service::header).collect();
        }
        bench
    }

    fn router(self, seller: x402_axum::X402) -> Router {
        let route = match self {
            Self::Bare => get(goods),
            Self::Layered => get(goods).layer(tower_layer::layer_fn(|inner| inner)),
            Self::BareWaiting => get(std::future::pending::<&str>),
            Self::Free => {
                let paid = seller.route("$0.01").free_when(|_| true).build();
                get(goods).layer(paid.expect("a price"))
            }
            Self::ByHand | Self::Declared | Self::DeclaredPaid => get(declared),
            _ => get(goods).layer(seller.price("$0.01").expect("a price")),
        };
        Router::new().route("/goods", route).with_state(seller)
    }
}

/// Something that can be repeated.
pub struct Bench {
    app: App,
    expected: StatusCode,
    /// The payments to bring, one by one; none, or the last one for ever.
    headers: Vec<HeaderValue>,
    /// The same in the types of actix.
    actix_headers: Vec<actix_web::http::header::HeaderValue>,
    used: usize,
    _child: Option<Child>,
}

#[allow(clippy::large_enum_variant, reason = "there is one")]
enum App {
    Axum(Router),
    Actix(Service),
}

/// How many payments are signed in advance, however many are used: a cost that is the same for every number of runs.
const PREPARED: usize = 1500;

/// How many requests wait at once where that is measured.
const IN_FLIGHT: usize = 10_000;

impl Bench {
    async fn prepare(&mut self, case: Case) {
        match case {
            Case::Bare | Case::BareWaiting | Case::Layered | Case::Free | Case::ActixBare => {}
            Case::Challenge | Case::Declared | Case::ActixChallenge | Case::ActixDeclared => {
                self.expected = StatusCode::PAYMENT_REQUIRED;
            }
            Case::ByHand => {
                self.expected = StatusCode::PAYMENT_REQUIRED;
                let App::Axum(router) = &mut self.app else {
                    unreachable!("this is measured on axum")
                };
                let response = router.call(request(None)).await.expect("an answer");
                let (parts, body) = response.into_parts();
                let body = body.collect().await.expect("a body").to_bytes();
                let by_hand = Arc::new((parts.headers, body));
                let answer = move || std::future::ready(answer(&by_hand));
                *router = Router::new().route("/goods", get(answer));
            }
            Case::BadBase64 | Case::BadJson => {
                let challenge = self.challenge().await;
                let good = payments::payment(&challenge, 0);
                self.headers = vec![match case {
                    Case::BadBase64 => payments::bad_base64(&good),
                    _ => payments::bad_json(&good),
                }];
                self.expected = StatusCode::BAD_REQUEST;
            }
            Case::Paid
            | Case::DeclaredPaid
            | Case::OverReqwest
            | Case::OverHyper
            | Case::ActixPaid
            | Case::ActixDeclaredPaid
            | Case::Waiting => {
                let challenge = self.challenge().await;
                let many = if case == Case::Waiting {
                    IN_FLIGHT
                } else {
                    PREPARED
                };
                self.headers = (0..many)
                    .map(|number| payments::payment(&challenge, number))
                    .collect();
            }
        }
    }

    /// Begins so many requests that do not end, and says how many bytes more each of them takes up than before.
    pub fn bytes_in_flight(&mut self) -> isize {
        let requests: Vec<_> = (0..IN_FLIGHT)
            .map(|number| request(self.headers.get(number)))
            .collect();
        let mut waiting: Vec<_> = Vec::with_capacity(IN_FLIGHT);
        let region = Region::new(ALLOCATOR);
        for request in requests {
            let App::Axum(router) = &mut self.app else {
                unreachable!("this is measured on axum")
            };
            let mut response = Box::pin(router.call(request));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(response.as_mut().poll(&mut cx).is_pending());
            waiting.push(response);
        }
        let change = region.change();
        change
            .bytes_allocated
            .wrapping_sub(change.bytes_deallocated)
            .cast_signed()
            / IN_FLIGHT.cast_signed()
    }

    /// The challenge of the route.
    async fn challenge(&mut self) -> HeaderValue {
        match &mut self.app {
            App::Axum(router) => {
                let response = router.call(request(None)).await.expect("an answer");
                response.headers()["payment-required"].clone()
            }
            App::Actix(service) => {
                let (_, challenge) = service.call(None).await;
                let challenge = challenge.expect("a challenge");
                HeaderValue::from_bytes(challenge.as_bytes()).expect("a value")
            }
        }
    }

    pub async fn run(&mut self, times: usize) {
        for _ in 0..times {
            let next = self.used.min(self.headers.len().saturating_sub(1));
            self.used += 1;
            let status = match &mut self.app {
                App::Axum(router) => {
                    let response = router
                        .call(request(self.headers.get(next)))
                        .await
                        .expect("an answer");
                    let status = response.status();
                    let body = response.into_body().collect().await.expect("a body");
                    std::hint::black_box(body.to_bytes());
                    status.as_u16()
                }
                App::Actix(service) => service.call(self.actix_headers.get(next)).await.0,
            };
            assert_eq!(status, self.expected.as_u16());
        }
    }
}

fn request(payment: Option<&HeaderValue>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("/goods");
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("api.example.com"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("node"));
    if let Some(payment) = payment {
        headers.insert(PAYMENT_SIGNATURE, payment.clone());
    }
    request
}

/// A kibibyte of JSON.
async fn goods() -> ([(&'static str, &'static str); 1], &'static str) {
    ([("content-type", "application/json")], GOODS)
}

/// The same answer again, with bytes of its own where each request gets others.
fn answer((headers, body): &(HeaderMap, Bytes)) -> Response {
    let mut headers = headers.clone();
    for name in [&PAYMENT_REQUIRED, &header::CONTENT_LENGTH] {
        if let Some(value) = headers.get_mut(name) {
            let fresh = Bytes::copy_from_slice(value.as_bytes());
            *value = HeaderValue::from_maybe_shared(fresh).expect("a value");
        }
    }
    let mut response = Response::new(Body::from(body.to_vec()));
    *response.status_mut() = StatusCode::PAYMENT_REQUIRED;
    *response.headers_mut() = headers;
    response
}

#[paid("$0.01")]
async fn declared() -> ([(&'static str, &'static str); 1], &'static str) {
    goods().await
}

pub static GOODS: &str = include_str!("goods.json");

/// A seller whose clock stands still.
pub fn seller(facilitator: impl Facilitator) -> X402 {
    X402::builder()
        .facilitator(facilitator)
        .pay_to("base-sepolia", "0x209693Bc6afc0C5328bA36FaF03C514EF312287C")
        .public_url("https://api.example.com")
        .clock(Arc::new(Still))
        .most_in_flight(1 << 20)
        .build()
        .expect("a seller")
}

pub const NOW: Duration = Duration::from_secs(1_790_000_000);

/// A clock that stands still, and costs nothing: those of machines are read without a lock, too.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        NOW
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep(duration)
    }
}
