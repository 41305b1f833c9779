//! Where a plan happens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body::Body as _;
use serde_json::{Value, json};
use tokio::runtime::{self, Runtime};
use tower::{Layer as _, Service as _};
use x402_tests::buyer::{encode, paying, paying_v1};
use x402_tests::{Answer, BoxError, Buyer, Challenge, TestBody, body};
use x402_tower::facilitator::Endpoint;
use x402_tower::gate::{Gate, ResponseBody};
use x402_tower::ledger::{Ledger as _, MemoryLedger, Standing};
use x402_tower::local::LocalFacilitator;
use x402_tower::money::Money;
use x402_tower::proto::SettleResponse;
use x402_tower::proto::header::{PAYMENT_RESPONSE, X_PAYMENT_RESPONSE, decode};
use x402_tower::testing::ManualClock;
use x402_tower::{Settle, X402};

use crate::books::{self, Books};
use crate::cook::{Cook, GOODS, REQUEST};
use crate::history::{End, Head, History, What};
use crate::plan::{Dish, Plan, Spelling, Spot, Step, Terms};
use crate::teller::Teller;

/// What a plan has led to, and all that it happened to.
pub struct World {
    pub terms: Terms,
    pub steps: Vec<Step>,
    pub payments: Vec<Signed>,
    pub requests: Vec<Asking>,
    clock: Arc<ManualClock>,
    chain: LocalFacilitator,
    teller: Teller,
    ledger: Arc<MemoryLedger>,
    history: History,
    buyers: Vec<Buyer>,
    cook: Cook,
    servers: Vec<Option<Server>>,
    /// The request that does not go on.
    stalled: Option<usize>,
}

/// A payment that a buyer has signed.
pub struct Signed {
    pub buyer: usize,
    pub spot: Spot,
    pub order: bool,
    payment: Value,
    pub valid_before: u64,
}

/// A request that brings a payment.
pub struct Asking {
    pub payment: usize,
    pub spelling: Spelling,
    pub order: bool,
    pub dish: Dish,
    pub in_peace: bool,
    state: State,
}

enum State {
    Waiting(Pin<Box<dyn Future<Output = Answered>>>),
    Reading(Pin<Box<ResponseBody<TestBody>>>),
    Over,
}

type Answered = Result<Response<ResponseBody<TestBody>>, BoxError>;

/// A server, with a runtime of its own that dies with it.
struct Server {
    runtime: Runtime,
    books: Books,
    after: Gate<Cook>,
    before: Gate<Cook>,
}

/// How a payment stands in the ledger in the end.
pub struct Ending {
    pub payment: usize,
    pub standing: Option<Standing>,
}

const PAYEE: &str = "0x1111111111111111111111111111111111111111";
/// A request gets nowhere in so many rounds only if something goes round in circles.
const MOST_ROUNDS: usize = 2000;

impl World {
    /// Does what the plan says, lets everything come to rest, and has everybody ask for what is theirs.
    pub fn run(plan: &Plan) -> Self {
        let mut world = Self::new(plan);
        for step in &plan.steps {
            world.history.note(What::Step(format!("{step:?}")));
            world.step(step);
        }
        world.make_peace();
        world.ask_for_everything();
        world.rest();
        world
    }

    fn new(plan: &Plan) -> Self {
        let terms = plan.terms;
        let clock = ManualClock::shared();
        let history = History::new(clock.clone());
        let chain = LocalFacilitator::with_clock(clock.clone());
        chain.want_verification(terms.verifies_first);
        let ledger = MemoryLedger::builder().clock(clock.clone()).build();
        let mut world = Self {
            terms,
            steps: plan.steps.clone(),
            payments: Vec::new(),
            requests: Vec::new(),
            teller: Teller::new(chain.clone(), history.clone(), terms.stragglers),
            chain,
            ledger: Arc::new(ledger),
            buyers: (0..2)
                .map(|number| Buyer::new(number, clock.clone()))
                .collect(),
            cook: Cook {
                clock: clock.clone(),
                history: history.clone(),
                dishes: Arc::new(Mutex::default()),
                runs: Arc::new(Mutex::default()),
            },
            history,
            clock,
            servers: Vec::new(),
            stalled: None,
        };
        for server in 0..1 + usize::from(terms.replicas) {
            world.servers.push(None);
            world.open(server);
        }
        world
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    pub fn charges_on_chain(&self) -> usize {
        self.chain.transfers().len()
    }

    pub fn endings(&self) -> Vec<Ending> {
        let rest = runtime::Builder::new_current_thread().build().unwrap();
        let identities = self.history.identities();
        let endings = identities.into_iter().map(|(payment, identity)| {
            let found = rest.block_on(self.ledger.find(&identity)).unwrap();
            Ending {
                payment,
                standing: found.map(|found| found.standing),
            }
        });
        endings.collect()
    }

    /// Starts a server.
    fn open(&mut self, number: usize) {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let terms = self.terms;
        let (ledger, history) = (self.ledger.clone(), self.history.clone());
        let books = Books::open(ledger, history, number, terms.slow_ledger);
        let mut builder = X402::builder()
            .facilitator(self.teller.asked_by(books.clone()))
            .ledger(books.clone())
            .clock(self.clock.clone())
            .runtime(runtime.handle().clone())
            .secret(*b"a secret that all servers share")
            .public_url("https://shop.example")
            .pay_to("base-sepolia", PAYEE)
            .most_kept_answer_bytes(terms.keeps);
        if terms.witness {
            builder = builder.witness(self.chain.clone());
        }
        let x402 = builder.build().unwrap();
        let gate = |settle| {
            let mut route = x402.route("$0.01").settle(settle);
            if !terms.believes {
                route = route.unconfirmed_up_to(Money::new(0, 0));
            }
            route.build().unwrap().layer(self.cook.clone())
        };
        self.servers[number] = Some(Server {
            after: gate(Settle::After),
            before: gate(Settle::Before),
            runtime,
            books,
        });
        self.tasks();
    }

    /// The server with this number, or that has the request with this number: they take turns.
    fn server(&self, number: usize) -> &Server {
        self.servers[number % self.servers.len()].as_ref().unwrap()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Buy {
                buyer,
                spot,
                order,
                spelling,
                dish,
            } => {
                let payment = self.sign(usize::from(*buyer), *spot, *order);
                self.send(payment, *spelling, *order, *dish);
            }
            Step::BuyAgain { payment, dish } => {
                if let Some(payment) = nth(*payment, self.payments.len()) {
                    let anew = self.sign_anew(payment);
                    self.send(anew, Spelling::Exact, self.payments[anew].order, *dish);
                }
            }
            Step::Send {
                payment,
                spelling,
                other_order,
                dish,
            } => {
                if let Some(payment) = nth(*payment, self.payments.len()) {
                    let order = self.payments[payment].order ^ other_order;
                    self.send(payment, *spelling, order, *dish);
                }
            }
            Step::Poll { request, times } => {
                if let Some(request) = nth(*request, self.requests.len()) {
                    for _ in 0..*times {
                        self.poll(request);
                    }
                }
            }
            Step::Bother {
                payment,
                times,
                polls,
            } => {
                if let Some(payment) = nth(*payment, self.payments.len()) {
                    for _ in 0..*times {
                        let order = self.payments[payment].order;
                        self.send(payment, Spelling::Exact, order, Dish::SLOW);
                        let request = self.requests.len() - 1;
                        for _ in 0..*polls {
                            self.poll(request);
                        }
                        self.end(request, End::HungUp);
                        self.tasks();
                    }
                }
            }
            Step::Tasks => self.tasks(),
            Step::HangUp { request } => {
                if let Some(request) = nth(*request, self.requests.len()) {
                    self.end(request, End::HungUp);
                }
            }
            Step::Go => self.go(),
            Step::Wait(seconds) => {
                let pace = if *seconds < 60 { 1 } else { 5 };
                self.wait(u64::from(*seconds), pace);
            }
            Step::Stall { request, seconds } => {
                self.stalled = nth(*request, self.requests.len());
                self.wait(u64::from(*seconds), 5);
                self.stalled = None;
            }
            Step::OnVerify(trouble) => self.teller.trouble(Endpoint::Verify, trouble.clone()),
            Step::OnSettle(trouble) => self.teller.trouble(Endpoint::Settle, trouble.clone()),
            Step::Arrive => self.arrive(),
            Step::Outage {
                verbs,
                done,
                panics,
            } => {
                let verbs = usize::from(*verbs);
                self.server(verbs).books.fail(verbs, *done, *panics);
            }
            Step::Crash => self.crash(self.requests.len() % self.servers.len()),
            Step::CrashAfter(boundaries) => {
                let boundaries = usize::from(*boundaries);
                self.server(boundaries).books.die_after(boundaries);
            }
        }
    }

    /// Nothing goes wrong any more, and whoever still waits is answered.
    fn make_peace(&mut self) {
        self.history.note(What::Peace);
        self.teller.peace();
        for server in self.servers.iter().flatten() {
            server.books.fail(0, false, false);
            server.books.die_after(usize::MAX);
        }
        self.arrive();
        self.go();
        self.wait_for_answers();
    }

    fn ask_for_everything(&mut self) {
        for payment in 0..self.payments.len() {
            if self.terms.signs_anew {
                let anew = self.sign_anew(payment);
                self.ask_in_peace(anew);
            }
            self.ask_in_peace(payment);
        }
    }

    fn ask_in_peace(&mut self, payment: usize) {
        let step = format!("in peace, for payment {payment}");
        self.history.note(What::Step(step));
        self.send(
            payment,
            Spelling::Exact,
            self.payments[payment].order,
            Dish::PLAIN,
        );
        self.requests.last_mut().unwrap().in_peace = true;
        self.go();
        self.wait_for_answers();
    }

    /// Lets so much time pass that all that is open is given up.
    fn rest(&mut self) {
        self.history.note(What::Step("rest".to_owned()));
        self.wait(1300, 10);
    }

    fn sign(&mut self, buyer: usize, spot: Spot, order: bool) -> usize {
        let challenge = self.challenge(spot);
        let payment = self.buyers[buyer].payment(&challenge);
        let authorization = &payment["payload"]["authorization"];
        let nonce = authorization["nonce"].as_str().unwrap().to_owned();
        let valid_before = authorization["validBefore"].as_str().unwrap();
        let number = self.payments.len();
        self.history.signed(nonce, number);
        self.payments.push(Signed {
            buyer,
            spot,
            order,
            valid_before: valid_before.parse().unwrap(),
            payment,
        });
        number
    }

    fn sign_anew(&mut self, payment: usize) -> usize {
        let Signed {
            buyer, spot, order, ..
        } = self.payments[payment];
        self.sign(buyer, spot, order)
    }

    fn challenge(&mut self, spot: Spot) -> Challenge {
        let request = request(spot, false);
        let asking = self.gate(0, spot).call(request);
        let runtime = &self.server(0).runtime;
        let (parts, body) = runtime.block_on(asking).unwrap().into_parts();
        let body = runtime.block_on(http_body_util::BodyExt::collect(body));
        Challenge::of(&Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.unwrap().to_bytes(),
        })
    }

    fn gate(&mut self, server: usize, spot: Spot) -> &mut Gate<Cook> {
        let number = server % self.servers.len();
        let server = self.servers[number].as_mut().unwrap();
        if spot.before {
            &mut server.before
        } else {
            &mut server.after
        }
    }

    fn send(&mut self, payment: usize, spelling: Spelling, order: bool, dish: Dish) {
        let number = self.requests.len();
        let signed = &self.payments[payment];
        let spot = signed.spot;
        let (value, is_v1) = signed.spell(spelling);
        let mut request = request(spot, order);
        request.headers_mut().insert(REQUEST, number.into());
        let bytes = if is_v1 { paying_v1 } else { paying };
        let headers = bytes(Request::new(bytes::Bytes::new()), &value);
        request.headers_mut().extend(headers.headers().clone());
        self.cook.dishes.lock().unwrap().push(dish);
        self.history.sent(payment);
        let answering = self.gate(number, spot).call(request);
        self.requests.push(Asking {
            payment,
            spelling,
            order,
            dish,
            in_peace: false,
            state: State::Waiting(Box::pin(answering)),
        });
    }

    /// Lets a request go on by one step.
    fn poll(&mut self, number: usize) {
        let server = self.servers[number % self.servers.len()].as_ref().unwrap();
        let asking = &mut self.requests[number];
        self.history.enter(Some(number));
        let polled = catch_unwind(AssertUnwindSafe(|| {
            server.runtime.block_on(std::future::poll_fn(|cx| {
                Poll::Ready(match &mut asking.state {
                    State::Waiting(answering) => {
                        let polled = answering.as_mut().poll(cx);
                        polled.map(|answered| Brings::Head(Box::new(answered)))
                    }
                    State::Reading(body) => body.as_mut().poll_frame(cx).map(Brings::Frame),
                    State::Over => Poll::Pending,
                })
            }))
        }));
        self.history.enter(None);
        if self.server(number).books.is_dead() {
            return self.crash(number % self.servers.len());
        }
        match polled {
            Err(_) => self.end(number, End::Panicked),
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Brings::Head(answered))) => {
                let Ok(response) = *answered else {
                    return self.end(number, End::Failed);
                };
                self.history.note(What::Head {
                    request: number,
                    head: see(&response),
                });
                let body = Box::pin(response.into_body());
                let over = body.is_end_stream();
                self.requests[number].state = State::Reading(body);
                if over {
                    self.end(number, End::Whole);
                }
            }
            Ok(Poll::Ready(Brings::Frame(Some(Ok(frame))))) => {
                let data = frame.into_data().unwrap_or_default();
                self.history.note(What::Data {
                    request: number,
                    goods: goods_in(&data),
                });
            }
            Ok(Poll::Ready(Brings::Frame(Some(Err(_))))) => self.end(number, End::Broken),
            Ok(Poll::Ready(Brings::Frame(None))) => self.end(number, End::Whole),
        }
    }

    /// A request is over, and what it holds goes.
    fn end(&mut self, number: usize, end: End) {
        let state = std::mem::replace(&mut self.requests[number].state, State::Over);
        if matches!(state, State::Over) {
            return;
        }
        self.history.enter(Some(number));
        // As in a server: from within its runtime.
        let entered = self.server(number).runtime.enter();
        drop(state);
        drop(entered);
        self.history.enter(None);
        self.history.note(What::Over {
            request: number,
            end,
        });
        if self.server(number).books.is_dead() && end != End::Crashed {
            self.crash(number % self.servers.len());
        }
    }

    /// Lets the tasks of the servers go on.
    fn tasks(&mut self) {
        for number in 0..self.servers.len() {
            // The one beside it may not have started yet.
            let Some(server) = &self.servers[number] else {
                continue;
            };
            server.runtime.block_on(async {
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
            });
            if server.books.is_dead() {
                self.crash(number);
            }
        }
    }

    /// Lets everything go on until it waits for time to pass.
    fn go(&mut self) {
        let mut quiet = 0;
        for _ in 0..MOST_ROUNDS {
            let before = (books::pauses(), self.history.len());
            self.tasks();
            for number in 0..self.requests.len() {
                if self.stalled != Some(number) {
                    self.poll(number);
                }
            }
            quiet = if before == (books::pauses(), self.history.len()) {
                quiet + 1
            } else {
                0
            };
            if quiet == 2 {
                return;
            }
        }
        panic!("something goes round in circles:\n{}", self.history);
    }

    fn wait(&mut self, seconds: u64, pace: u64) {
        for _ in 0..seconds.div_ceil(pace) {
            self.clock.advance(Duration::from_secs(pace));
            self.go();
        }
    }

    fn wait_for_answers(&mut self) {
        for _ in 0..300 {
            let waiting = |asking: &Asking| !matches!(asking.state, State::Over);
            if !self.requests.iter().any(waiting) {
                return;
            }
            self.wait(1, 1);
        }
        panic!("somebody is never answered:\n{}", self.history);
    }

    fn arrive(&mut self) {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.teller.arrive());
    }

    fn crash(&mut self, server: usize) {
        self.server(server).books.die();
        for number in (server..self.requests.len()).step_by(self.servers.len()) {
            self.end(number, End::Crashed);
        }
        self.servers[server] = None;
        self.history.note(What::Crashed { server });
        self.open(server);
    }
}

/// What one poll of a request brings.
enum Brings {
    Head(Box<Answered>),
    Frame(Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>),
}

impl Signed {
    /// The payment in a header, and whether it is one of version 1.
    fn spell(&self, spelling: Spelling) -> (HeaderValue, bool) {
        let mut payment = self.payment.clone();
        let payload = &mut payment["payload"];
        match spelling {
            Spelling::Exact => {}
            Spelling::Respelled => {
                let authorization = &mut payload["authorization"];
                for name in ["from", "to"] {
                    let text = authorization[name].as_str().unwrap().to_ascii_lowercase();
                    authorization[name] = text.into();
                }
                let nonce = authorization["nonce"].as_str().unwrap();
                authorization["nonce"] = format!("0x{}", nonce[2..].to_ascii_uppercase()).into();
                payment["note"] = "in other words".into();
            }
            Spelling::WithoutReference => {
                let extra = payment["accepted"]["extra"].as_object_mut().unwrap();
                extra.remove("ref").expect("challenges have references");
            }
            Spelling::OtherReference => {
                payment["accepted"]["extra"]["ref"] = "A".repeat(24).into();
            }
            Spelling::V1 => {
                let payload = payload.take();
                let payment = json!({
                    "x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payload,
                });
                return (encode(&payment), true);
            }
            Spelling::Forged => {
                let signature = payload["signature"].as_str().unwrap();
                let digit = if &signature[10..11] == "1" { "2" } else { "1" };
                let forged = format!("{}{digit}{}", &signature[..10], &signature[11..]);
                payload["signature"] = forged.into();
            }
        }
        (encode(&payment), false)
    }
}

fn request(spot: Spot, order: bool) -> Request<TestBody> {
    let order = match (spot.post, order) {
        (false, _) => "",
        (true, false) => "one of these",
        (true, true) => "one of those",
    };
    Request::builder()
        .method(spot.method())
        .uri(spot.path())
        .body(body(order))
        .unwrap()
}

/// What a client can see in the head of an answer.
fn see<B>(response: &Response<B>) -> Head {
    let headers = response.headers();
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap());
    let of_header = text(HeaderName::from_static(GOODS)).map(|run| run.parse().unwrap());
    let of_place =
        text(header::LOCATION).map(|place| place.trim_start_matches("/goods/").parse().unwrap());
    let receipt = text(PAYMENT_RESPONSE)
        .or_else(|| text(X_PAYMENT_RESPONSE))
        .map(|value| decode::<SettleResponse>(value.as_bytes(), 1 << 20).unwrap());
    Head {
        status: response.status(),
        goods: of_header.or(of_place),
        transaction: receipt
            .as_ref()
            .map(|receipt| receipt.transaction.clone())
            .filter(|transaction| !transaction.is_empty()),
        unsettled: receipt
            .filter(|receipt| !receipt.success)
            .and_then(|receipt| receipt.error_reason),
    }
}

fn goods_in(data: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(data).ok()?;
    let (run, _) = text.strip_prefix("goods of run ")?.split_once('.')?;
    run.parse().ok()
}

fn nth(number: u8, of: usize) -> Option<usize> {
    usize::from(number).checked_rem(of)
}
